set _gpuenv_t_n = $_gpuenv_t_m$_gpuenv_t_k
eval 'set _gpuenv_t_e = $?'$_gpuenv_t_n
set _gpuenv_t_r = u
if ($_gpuenv_t_e) eval 'set _gpuenv_t_r = $'$_gpuenv_t_n':q'
if ($_gpuenv_t_e) unsetenv $_gpuenv_t_n
set _gpuenv_t_v = $_gpuenv_t_b:q
if ($_gpuenv_t_r:q != u && $_gpuenv_t_r:q != s) set _gpuenv_t_v = $_gpuenv_t_r:s/s//:q
if ($_gpuenv_t_r:q != u && $_gpuenv_t_r:q != s) set _gpuenv_t_v = ${_gpuenv_t_b:q}${_gpuenv_t_s:q}${_gpuenv_t_v:q}
if ($_gpuenv_t_e && $_gpuenv_t_c:q == s${_gpuenv_t_v:q}) then
  eval $_gpuenv_t_restore:q
else if ($_gpuenv_t_e && $_gpuenv_t_d && $_gpuenv_t_f:q != $_gpuenv_t_g:q) then
  if (s${_gpuenv_t_s:q} == s:) set _gpuenv_t_g = $_gpuenv_t_g:s/:@gpuenv@//:q
  if (s${_gpuenv_t_s:q} != s:) set _gpuenv_t_g = $_gpuenv_t_g:s/ @gpuenv@//:q
  if (s${_gpuenv_t_g:q} != s && s${_gpuenv_t_s:q} == s:) set _gpuenv_t_g = $_gpuenv_t_g:s/://:q
  if (s${_gpuenv_t_g:q} != s && s${_gpuenv_t_s:q} != s:) set _gpuenv_t_g = $_gpuenv_t_g:s/ //:q
  if (s${_gpuenv_t_g:q} != s || $_gpuenv_t_r:q != u) set _gpuenv_t_r = s${_gpuenv_t_g:q}
  eval $_gpuenv_t_restore:q
endif
