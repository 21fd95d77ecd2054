# MEMORY NAME VALUE: sets a variable and remembers what it was.
_gpuenv_change() {
  \eval "\\set -- \"\$@\" \"\${$2+s}\${$2-u}\""
  \eval "\\export $1$2=\"\$4\" $2=\"\$3\""
}
# MEMORY again|new NAME VALUE
_gpuenv_set() {
  if \[ "$2" = again ]; then
    \eval "\\set -- \"\$@\" \"\${$3+s}\${$3-u}\""
    if \[ "$5" = "s$4" ]; then \return 0; fi
  fi
  _gpuenv_change "$1" "$3" "$4"
}
# MEMORY again|new NAME DIRECTORIES SEPARATOR
_gpuenv_prepend() {
  \eval "\\set -- \"\$@\" \"\${$3-}\""
  \set -- "$@" "$5$6$5"
  if \[ "$2" = again ] && \[ "${7%%"$5$4$5"*}" != "$7" ]; then \return 0; fi
  _gpuenv_change "$1" "$3" "$4${6:+$5$6}"
}
