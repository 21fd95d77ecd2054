eval $_gpuenv_t_look:q
if ($_gpuenv_t_a == new || $_gpuenv_t_c:q != s${_gpuenv_t_v:q}) then
  eval $_gpuenv_t_change:q
endif
