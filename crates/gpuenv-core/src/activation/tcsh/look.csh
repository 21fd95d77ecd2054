set _gpuenv_t_c = u
set _gpuenv_t_l = ''
eval 'set _gpuenv_t_d = $?'$_gpuenv_t_k
if ($_gpuenv_t_d) eval 'set _gpuenv_t_l = $'$_gpuenv_t_k':q'
if ($_gpuenv_t_d) set _gpuenv_t_c = s${_gpuenv_t_l:q}
set _gpuenv_t_f = ${_gpuenv_t_s:q}${_gpuenv_t_l:q}${_gpuenv_t_s:q}@gpuenv@
