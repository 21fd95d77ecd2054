def _gpuenv_value [name: string] {
  if $name not-in ($env | columns) { return null }
  let found = ($env | get $name)
  if ($found | describe | str starts-with "list") { $found | str join (char env_sep) } else { $found | into string }
}
def --env _gpuenv_put [name: string, value: string] {
  let listed = ($name in ($env | columns)) and ($env | get $name | describe | str starts-with "list")
  load-env {$name: (if $listed { $value | split row (char env_sep) } else { $value })}
}
def --env _gpuenv_unset [name: string] {
  if $name in ($env | columns) { hide-env $name }
}
def _gpuenv_level [text: any, pattern: string] {
  if $text != null and ($text =~ $pattern) { $text | into int } else { null }
}
def _gpuenv_last [name: string] {
  _gpuenv_value $name | default "" | split row ":" | last
}
def --env _gpuenv_push [name: string, element: string] {
  let list = (_gpuenv_value $name | default "")
  _gpuenv_put $name (if $list == "" { $element } else { $list + ":" + $element })
}
def --env _gpuenv_pop [name: string] {
  let all = (_gpuenv_value $name | default "" | split row ":")
  if ($all | length) < 2 { _gpuenv_unset $name } else { _gpuenv_put $name ($all | drop 1 | str join ":") }
}
def --env _gpuenv_change [memory: string, name: string, value: string] {
  let old = (_gpuenv_value $name)
  _gpuenv_put ($memory + $name) (if $old == null { "u" } else { "s" + $old })
  _gpuenv_put $name $value
}
def --env _gpuenv_restore [name: string, saved: string] {
  if ($saved | str starts-with "s") { _gpuenv_put $name ($saved | str substring 1..) } else { _gpuenv_unset $name }
}
def --env _gpuenv_change_back [memory: string, name: string, value: string] {
  let saved = (_gpuenv_value ($memory + $name))
  _gpuenv_unset ($memory + $name)
  if $saved != null and (_gpuenv_value $name) == $value { _gpuenv_restore $name $saved }
}
def _gpuenv_join [block: string, separator: string, list: string] {
  if $list == "" { $block } else { $block + $separator + $list }
}
def --env _gpuenv_apply [memory: string, again: bool, separator: string, edit: list<string>] {
  let name = $edit.1
  let current = (_gpuenv_value $name)
  if $edit.0 == "set" {
    if (not $again) or $current != $edit.2 { _gpuenv_change $memory $name $edit.2 }
  } else {
    let list = ($current | default "")
    let found = ($separator + $list + $separator | str index-of ($separator + $edit.2 + $separator))
    if (not $again) or $found < 0 { _gpuenv_change $memory $name (_gpuenv_join $edit.2 $separator $list) }
  }
}
def --env _gpuenv_undo [memory: string, separator: string, edit: list<string>] {
  let name = $edit.1
  if $edit.0 == "set" { _gpuenv_change_back $memory $name $edit.2; return }
  let saved = (_gpuenv_value ($memory + $name))
  _gpuenv_unset ($memory + $name)
  let current = (_gpuenv_value $name)
  if $saved == null or $current == null { return }
  let framed = ($separator + $current + $separator)
  let block = ($separator + $edit.2 + $separator)
  let found = ($framed | str index-of $block)
  if $current == (_gpuenv_join $edit.2 $separator ($saved | str substring 1..)) {
    _gpuenv_restore $name $saved
  } else if $found >= 0 {
    let head = ($framed | str substring 0..<$found)
    let tail = ($framed | str substring ($found + ($block | str length)).. )
    let rest = ($head + $separator + $tail | str substring 1..)
    let rest = (if ($rest | str ends-with $separator) { $rest | str substring 0..<(($rest | str length) - 1) } else { $rest })
    _gpuenv_restore $name (if $rest == "" and $saved == "u" { "u" } else { "s" + $rest })
  }
}
def --env _gpuenv_own [data: record] {
  let level = (_gpuenv_level (_gpuenv_value CONDA_SHLVL) '\A(0|[1-9][0-9]{0,2})\z' | default 0 | into string)
  let levels = ("GPUENV_LEVELS_" + $data.tag)
  let again = ((_gpuenv_last $levels) == $level)
  if not $again { _gpuenv_push $levels $level }
  let memory = $"GPUENV_OWN_($data.tag)_($level)_"
  for edit in $data.own { _gpuenv_apply $memory $again $data.separator $edit }
}
def --env _gpuenv_disown [data: record] {
  let levels = ("GPUENV_LEVELS_" + $data.tag)
  let level = (_gpuenv_last $levels)
  if (_gpuenv_level $level '\A(0|[1-9][0-9]{0,3})\z') == null { _gpuenv_unset $levels; return }
  _gpuenv_pop $levels
  let memory = $"GPUENV_OWN_($data.tag)_($level)_"
  for edit in ($data.own | reverse) { _gpuenv_undo $memory $data.separator $edit }
}
def --env _gpuenv_on [data: record, scripts: closure] {
  let below = (_gpuenv_level (_gpuenv_value CONDA_SHLVL) '\A(0|[1-9][0-9]{0,2})\z' | default 0)
  let prefix = (_gpuenv_value CONDA_PREFIX)
  let again = ((_gpuenv_last GPUENV_STACK) == $"($data.tag)_($below)") and $prefix == $data.prefix
  let level = (if $again { $below } else { $below + 1 })
  let memory = $"GPUENV_USUAL_($data.tag)_($level)_"
  if not $again {
    _gpuenv_push GPUENV_STACK $"($data.tag)_($level)"
    _gpuenv_change $memory CONDA_SHLVL ($level | into string)
    if $below > 0 and $prefix != null {
      _gpuenv_change $memory $"CONDA_PREFIX_($below)" $prefix
      _gpuenv_change $memory $"CONDA_STACKED_($level)" "true"
    }
  }
  for edit in $data.usual { _gpuenv_apply $memory $again $data.separator $edit }
  if not $again { do --env $scripts }
  if ($data.own | is-not-empty) { _gpuenv_own $data }
}
def --env _gpuenv_off [data: record, scripts: closure] {
  let top = (_gpuenv_last GPUENV_STACK | split row "_")
  let level = (_gpuenv_level ($top | last) '\A[1-9][0-9]{0,3}\z')
  if $level == null or $top.0 != $data.tag { return }
  if ($data.own | is-not-empty) { _gpuenv_disown $data }
  do --env $scripts
  let memory = $"GPUENV_USUAL_($data.tag)_($level)_"
  for edit in ($data.usual | reverse) { _gpuenv_undo $memory $data.separator $edit }
  _gpuenv_change_back $memory $"CONDA_STACKED_($level)" "true"
  _gpuenv_change_back $memory $"CONDA_PREFIX_($level - 1)" (_gpuenv_value CONDA_PREFIX | default "")
  _gpuenv_change_back $memory CONDA_SHLVL ($level | into string)
  _gpuenv_pop GPUENV_STACK
}
def --env _gpuenv_tidy [] {
  let offs = (if "GPUENV_OFF" in ($env | columns) { $env.GPUENV_OFF } else { {} })
  let live = (_gpuenv_value GPUENV_STACK | default "" | split row ":" | each {|entry| $entry | split row "_" | first })
  let kept = ($offs | items {|tag, off| {tag: $tag, off: $off} } | where {|one| $one.tag in $live })
  if ($kept | is-empty) { _gpuenv_unset GPUENV_OFF } else { $env.GPUENV_OFF = ($kept | reduce --fold {} {|one, all| $all | insert $one.tag $one.off }) }
}
# Undoes the last activation in this shell.
def --env gpuenv_deactivate [] {
  let tag = (_gpuenv_last GPUENV_STACK | split row "_" | first)
  let offs = (if "GPUENV_OFF" in ($env | columns) { $env.GPUENV_OFF } else { {} })
  if $tag not-in ($offs | columns) {
    error make --unspanned {msg: "gpuenv: this shell has not activated an environment"}
  }
  let off = ($offs | get $tag)
  _gpuenv_off $off.data $off.scripts
  _gpuenv_tidy
}
def --env _gpuenv_hook [data: record, activate: closure, deactivate: closure] {
  _gpuenv_on $data $activate
  let offs = (if "GPUENV_OFF" in ($env | columns) { $env.GPUENV_OFF } else { {} })
  $env.GPUENV_OFF = ($offs | upsert $data.tag {data: $data, scripts: $deactivate})
}
def --env _gpuenv_unhook [data: record, deactivate: closure] {
  let stack = (_gpuenv_value GPUENV_STACK | default "")
  if (_gpuenv_last GPUENV_STACK | str starts-with ($data.tag + "_")) {
    _gpuenv_off $data $deactivate
  } else if (":" + $stack) =~ $":($data.tag)_" {
    print --stderr "gpuenv: deactivate the environment above it first"
  }
  _gpuenv_tidy
}
