set _gpuenv_t_stack = ''
if ($?GPUENV_STACK) eval 'set _gpuenv_t_stack = $GPUENV_STACK:q'
if (:${_gpuenv_t_stack:q} !~ *:${_gpuenv_t_tag}_*) unset _gpuenv_off_$_gpuenv_t_tag
set _gpuenv_t_tag = $_gpuenv_t_stack:as|:|/|:t:s|_|/|:h:q
if (s${_gpuenv_t_tag:q} == s) set _gpuenv_t_tag = none
eval 'set _gpuenv_t_known = $?_gpuenv_off_'$_gpuenv_t_tag:q
if (! $_gpuenv_t_known) then
  unalias gpuenv_deactivate
  unset _gpuenv_tidy _gpuenv_deactivate
endif
