set _gpuenv_t_v = $_gpuenv_t_b:q
if (s${_gpuenv_t_l:q} != s) set _gpuenv_t_v = ${_gpuenv_t_b:q}${_gpuenv_t_s:q}${_gpuenv_t_l:q}
if ($_gpuenv_t_a == new || $_gpuenv_t_f:q == $_gpuenv_t_g:q) then
  eval $_gpuenv_t_change:q
endif
