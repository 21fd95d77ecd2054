set _gpuenv_t_backslash = $?backslash_quote
if ($_gpuenv_t_backslash) unset backslash_quote
set _gpuenv_t_tag = none
if ($?GPUENV_STACK) eval 'set _gpuenv_t_tag = $GPUENV_STACK:as|:|/|:t:s|_|/|:h:q'
eval 'set _gpuenv_t_known = $?_gpuenv_off_'$_gpuenv_t_tag:q
if ($_gpuenv_t_known) then
  eval 'eval $_gpuenv_off_'$_gpuenv_t_tag':q'
else
  echo 'gpuenv: this shell has not activated an environment' >>! /dev/stderr
endif
eval $_gpuenv_tidy:q
if ($_gpuenv_t_backslash) set backslash_quote
unset '_gpuenv_t_*'
