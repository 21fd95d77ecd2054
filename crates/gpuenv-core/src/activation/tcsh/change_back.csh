eval $_gpuenv_t_look:q
set _gpuenv_t_n = $_gpuenv_t_m$_gpuenv_t_k
eval 'set _gpuenv_t_e = $?'$_gpuenv_t_n
if ($_gpuenv_t_e) then
  eval 'set _gpuenv_t_r = $'$_gpuenv_t_n':q'
  unsetenv $_gpuenv_t_n
  if ($_gpuenv_t_c:q == s${_gpuenv_t_v:q}) then
    eval $_gpuenv_t_restore:q
  endif
endif
