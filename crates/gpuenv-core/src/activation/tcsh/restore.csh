if ($_gpuenv_t_r:q == u) then
  unsetenv $_gpuenv_t_k
else
  setenv $_gpuenv_t_k $_gpuenv_t_r:s/s//:q
endif
