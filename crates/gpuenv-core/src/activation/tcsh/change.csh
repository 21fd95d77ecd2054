setenv $_gpuenv_t_m$_gpuenv_t_k $_gpuenv_t_c:q
setenv $_gpuenv_t_k $_gpuenv_t_v:q
