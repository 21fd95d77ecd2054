# Undoes the last activation in this shell.
gpuenv_deactivate() {
  \set -- "${GPUENV_STACK-}"
  \set -- "${1##*:}"
  \set -- "${1%_*}"
  case $1 in '' | *[!0123456789abcdef]*) \set -- nothing ;; esac
  if \command -v "_gpuenv_off_$1" >/dev/null 2>&1; then
    "_gpuenv_off_$1"
    _gpuenv_tidy "$1"
  else
    \echo 'gpuenv: this shell has not activated an environment' >&2
    \return 1
  fi
}
# TAG: removes the functions that have nothing left to undo.
_gpuenv_tidy() {
  case :${GPUENV_STACK-} in
    *:"$1"_*) ;;
    *) \unset -f "_gpuenv_off_$1" ;;
  esac
  \set -- "${GPUENV_STACK-}"
  \set -- "${1##*:}"
  if \command -v "_gpuenv_off_${1%_*}" >/dev/null 2>&1; then \return 0; fi
  \unset -f gpuenv_deactivate _gpuenv_tidy
}
