# NAME SAVED
_gpuenv_restore() {
  case $2 in
    s*) \eval "\\export $1=\"\${2#s}\"" ;;
    *) \unset -v "$1" ;;
  esac
}
# MEMORY NAME VALUE: undoes a change, unless the variable is no longer VALUE.
_gpuenv_change_back() {
  \eval "\\set -- \"\$@\" \"\${$1$2-}\" \"\${$2+s}\${$2-u}\""
  if \[ -n "$4" ]; then
    \unset -v "$1$2"
    if \[ "$5" = "s$3" ]; then _gpuenv_restore "$2" "$4"; fi
  fi
}
# MEMORY NAME DIRECTORIES SEPARATOR: takes them off a list, and leaves what others put there.
_gpuenv_remove() {
  \eval "\\set -- \"\$@\" \"\${$1$2-}\" \"\${$2+s}\${$2-u}\""
  if \[ -z "$5" ]; then \return 0; fi
  \unset -v "$1$2"
  case $5 in
    s?*) \set -- "$2" "$4$3$4" "$5" "$6" "s$3$4${5#s}" "$4" ;;
    *) \set -- "$2" "$4$3$4" "$5" "$6" "s$3" "$4" ;;
  esac
  if \[ "$4" = "$5" ]; then _gpuenv_restore "$1" "$3"; \return 0; fi
  \set -- "$1" "$2" "$3" "$6${4#?}$6" "$6"
  \set -- "$1" "$2" "$3" "$4" "${4%%"$2"*}" "$5"
  if \[ "$4" = "$5" ]; then \return 0; fi
  \set -- "$1" "$3" "$5$6${4#*"$2"}" "$6"
  \set -- "$1" "$2" "${3#"$4"}" "$4"
  \set -- "$1" "$2" "${3%"$4"}"
  case $2:$3 in
    u:) \unset -v "$1" ;;
    *) _gpuenv_restore "$1" "s$3" ;;
  esac
}
