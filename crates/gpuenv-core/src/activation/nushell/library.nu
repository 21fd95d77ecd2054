# The variables that are text or lists, as a record of texts.
def _gpuenv_state [] {
  $env | transpose name value | reduce --fold {} {|one, all|
    let kind = ($one.value | describe)
    if $kind == "string" { $all | insert $one.name $one.value } else if ($kind | str starts-with "list") {
      $all | insert $one.name ($one.value | str join (char env_sep))
    } else { $all }
  }
}
# What is to be loaded to get from one record to another; lists stay lists.
def _gpuenv_changed [old: record, new: record] {
  $new | transpose name value | where {|one| $one.value != ($old | _gpuenv_get $one.name) } | reduce --fold {} {|one, all|
    let listed = ($one.name in ($env | columns)) and ($env | get $one.name | describe | str starts-with "list")
    $all | insert $one.name (if $listed { $one.value | split row (char env_sep) } else { $one.value })
  }
}
def _gpuenv_gone [old: record, new: record] {
  let kept = ($new | columns)
  $old | columns | where {|name| $name not-in $kept }
}
def _gpuenv_get [name: string] {
  let state = $in
  if $name in ($state | columns) { $state | get $name }
}
def _gpuenv_put [name: string, value: string] { upsert $name $value }
def _gpuenv_unset [name: string] {
  let state = $in
  if $name in ($state | columns) { $state | reject $name } else { $state }
}
def _gpuenv_level [pattern: string] {
  let text = $in
  if $text != null and ($text =~ $pattern) { $text | into int }
}
def _gpuenv_last [name: string] { _gpuenv_get $name | default "" | split row ":" | last }
def _gpuenv_push [name: string, element: string] {
  let state = $in
  let list = ($state | _gpuenv_get $name | default "")
  $state | _gpuenv_put $name (if $list == "" { $element } else { $list + ":" + $element })
}
def _gpuenv_pop [name: string] {
  let state = $in
  let all = ($state | _gpuenv_get $name | default "" | split row ":")
  if ($all | length) < 2 { $state | _gpuenv_unset $name } else { $state | _gpuenv_put $name ($all | drop 1 | str join ":") }
}
def _gpuenv_change [memory: string, name: string, value: string] {
  let state = $in
  let old = ($state | _gpuenv_get $name)
  $state | _gpuenv_put ($memory + $name) (if $old == null { "u" } else { "s" + $old }) | _gpuenv_put $name $value
}
def _gpuenv_restore [name: string, saved: string] {
  let state = $in
  if ($saved | str starts-with "s") { $state | _gpuenv_put $name ($saved | str substring 1..) } else { $state | _gpuenv_unset $name }
}
def _gpuenv_change_back [memory: string, name: string, value: string] {
  let state = $in
  let saved = ($state | _gpuenv_get ($memory + $name))
  let state = ($state | _gpuenv_unset ($memory + $name))
  if $saved != null and ($state | _gpuenv_get $name) == $value { $state | _gpuenv_restore $name $saved } else { $state }
}
def _gpuenv_join [block: string, separator: string, list: string] {
  if $list == "" { $block } else { $block + $separator + $list }
}
def _gpuenv_apply [memory: string, again: bool, edit: list<string>] {
  let state = $in
  let separator = $edit.3
  let name = $edit.1
  let current = ($state | _gpuenv_get $name)
  if $edit.0 == "set" {
    if (not $again) or $current != $edit.2 { $state | _gpuenv_change $memory $name $edit.2 } else { $state }
  } else {
    let list = ($current | default "")
    let found = ($separator + $list + $separator | str index-of ($separator + $edit.2 + $separator))
    if (not $again) or $found < 0 {
      $state | _gpuenv_change $memory $name (_gpuenv_join $edit.2 $separator $list)
    } else { $state }
  }
}
def _gpuenv_undo [memory: string, edit: list<string>] {
  let state = $in
  let separator = $edit.3
  let name = $edit.1
  if $edit.0 == "set" { return ($state | _gpuenv_change_back $memory $name $edit.2) }
  let saved = ($state | _gpuenv_get ($memory + $name))
  let state = ($state | _gpuenv_unset ($memory + $name))
  let current = ($state | _gpuenv_get $name)
  if $saved == null or $current == null { return $state }
  let framed = ($separator + $current + $separator)
  let block = ($separator + $edit.2 + $separator)
  let found = ($framed | str index-of $block)
  if $current == (_gpuenv_join $edit.2 $separator ($saved | str substring 1..)) {
    $state | _gpuenv_restore $name $saved
  } else if $found >= 0 {
    let head = ($framed | str substring 0..<$found)
    let tail = ($framed | str substring ($found + ($block | str length))..)
    let rest = ($head + $separator + $tail | str substring 1..)
    let rest = (if ($rest | str ends-with $separator) { $rest | str substring 0..<(($rest | str length) - 1) } else { $rest })
    $state | _gpuenv_restore $name (if $rest == "" and $saved == "u" { "u" } else { "s" + $rest })
  } else { $state }
}
def _gpuenv_owned [data: record] {
  let state = $in
  if ($data.own | is-empty) { return $state }
  let level = ($state | _gpuenv_get CONDA_SHLVL | _gpuenv_level '\A(0|[1-9][0-9]{0,2})\z' | default 0 | into string)
  let levels = ("GPUENV_LEVELS_" + $data.tag)
  let again = (($state | _gpuenv_last $levels) == $level)
  let state = (if $again { $state } else { $state | _gpuenv_push $levels $level })
  let memory = $"GPUENV_OWN_($data.tag)_($level)_"
  $data.own | reduce --fold $state {|edit, state| $state | _gpuenv_apply $memory $again $edit }
}
def _gpuenv_disowned [data: record] {
  let state = $in
  if ($data.own | is-empty) { return $state }
  let levels = ("GPUENV_LEVELS_" + $data.tag)
  let level = ($state | _gpuenv_last $levels)
  if ($level | _gpuenv_level '\A(0|[1-9][0-9]{0,3})\z') == null { return ($state | _gpuenv_unset $levels) }
  let memory = $"GPUENV_OWN_($data.tag)_($level)_"
  $data.own | reverse | reduce --fold ($state | _gpuenv_pop $levels) {|edit, state| $state | _gpuenv_undo $memory $edit }
}
def _gpuenv_is_again [data: record] {
  let state = $in
  let level = ($state | _gpuenv_get CONDA_SHLVL | _gpuenv_level '\A(0|[1-9][0-9]{0,2})\z' | default 0)
  ($state | _gpuenv_last GPUENV_STACK) == $"($data.tag)_($level)" and ($state | _gpuenv_get CONDA_PREFIX) == $data.prefix
}
def _gpuenv_entered [data: record] {
  let state = $in
  let again = ($state | _gpuenv_is_again $data)
  let below = ($state | _gpuenv_get CONDA_SHLVL | _gpuenv_level '\A(0|[1-9][0-9]{0,2})\z' | default 0)
  let level = (if $again { $below } else { $below + 1 })
  let memory = $"GPUENV_USUAL_($data.tag)_($level)_"
  let prefix = ($state | _gpuenv_get CONDA_PREFIX)
  let state = (if $again { $state } else {
    $state | _gpuenv_push GPUENV_STACK $"($data.tag)_($level)" | _gpuenv_change $memory CONDA_SHLVL ($level | into string)
  })
  let state = (if $again or $below == 0 or $prefix == null { $state } else {
    $state | _gpuenv_change $memory $"CONDA_PREFIX_($below)" $prefix | _gpuenv_change $memory $"CONDA_STACKED_($level)" "true"
  })
  $data.usual | reduce --fold $state {|edit, state| $state | _gpuenv_apply $memory $again $edit }
}
def _gpuenv_top_level [data: record] {
  let state = $in
  let top = ($state | _gpuenv_last GPUENV_STACK)
  if ($top | str starts-with ($data.tag + "_")) { $top | split row "_" | last | _gpuenv_level '\A[1-9][0-9]{0,3}\z' }
}
def _gpuenv_left [data: record, level: int] {
  let memory = $"GPUENV_USUAL_($data.tag)_($level)_"
  let state = $in
  let state = ($data.usual | reverse | reduce --fold $state {|edit, state| $state | _gpuenv_undo $memory $edit })
  let state = ($state | _gpuenv_change_back $memory $"CONDA_STACKED_($level)" "true")
  let prefix = ($state | _gpuenv_get CONDA_PREFIX | default "")
  $state | _gpuenv_change_back $memory $"CONDA_PREFIX_($level - 1)" $prefix | _gpuenv_change_back $memory CONDA_SHLVL ($level | into string) | _gpuenv_pop GPUENV_STACK
}
# A caller that has called something that hides can hide nothing more: so the
# scripts run apart, and what they leave is hidden together with the rest.
def _gpuenv_undone [data: record, level: int, scripts: closure] {
  let state = $in
  let new = ($state | _gpuenv_disowned $data)
  do $scripts (_gpuenv_changed $state $new) (_gpuenv_gone $state $new) | _gpuenv_left $data $level
}
def _gpuenv_offs [] { if "GPUENV_OFF" in ($env | columns) { $env.GPUENV_OFF } else { {} } }
# What is left to undo.
def _gpuenv_live [] {
  let live = (_gpuenv_state | _gpuenv_get GPUENV_STACK | default "" | split row ":" | each {|entry| $entry | split row "_" | first })
  _gpuenv_offs | transpose tag off | where {|one| $one.tag in $live } | reduce --fold {} {|one, all| $all | insert $one.tag $one.off }
}
def --env _gpuenv_own [data: record] {
  let old = (_gpuenv_state)
  load-env (_gpuenv_changed $old ($old | _gpuenv_owned $data))
}
def --env _gpuenv_disown [data: record] {
  let old = (_gpuenv_state)
  let new = ($old | _gpuenv_disowned $data)
  load-env (_gpuenv_changed $old $new)
  $env.GPUENV_GONE = {names: (_gpuenv_gone $old $new)}
}
def --env _gpuenv_hook [data: record, activate: closure, deactivate: closure] {
  let old = (_gpuenv_state)
  let again = ($old | _gpuenv_is_again $data)
  load-env (_gpuenv_changed $old ($old | _gpuenv_entered $data))
  if not $again { do --env $activate }
  let old = (_gpuenv_state)
  load-env (_gpuenv_changed $old ($old | _gpuenv_owned $data))
  $env.GPUENV_OFF = (_gpuenv_offs | upsert $data.tag {data: $data, scripts: $deactivate})
}
# Undoes the last activation in this shell.
def --env gpuenv_deactivate [] {
  let tag = (_gpuenv_state | _gpuenv_last GPUENV_STACK | split row "_" | first)
  if $tag not-in (_gpuenv_offs | columns) {
    error make --unspanned {msg: "gpuenv: this shell has not activated an environment"}
  }
  let off = ($env.GPUENV_OFF | get $tag)
  let old = (_gpuenv_state)
  let level = ($old | _gpuenv_top_level $off.data)
  if $level == null { return }
  let new = ($old | _gpuenv_undone $off.data $level $off.scripts)
  load-env (_gpuenv_changed $old $new)
  for name in (_gpuenv_gone $old $new) { hide-env $name }
  let live = (_gpuenv_live)
  if ($live | is-empty) { hide-env GPUENV_OFF } else { $env.GPUENV_OFF = $live }
}
def --env _gpuenv_unhook [data: record, deactivate: closure] {
  let old = (_gpuenv_state)
  let level = ($old | _gpuenv_top_level $data)
  if $level != null {
    let new = ($old | _gpuenv_undone $data $level $deactivate)
    load-env (_gpuenv_changed $old $new)
    $env.GPUENV_GONE = {names: (_gpuenv_gone $old $new)}
  } else {
    $env.GPUENV_GONE = {names: []}
    if ":" + ($old | _gpuenv_get GPUENV_STACK | default "") =~ $":($data.tag)_" {
      print --stderr "gpuenv: deactivate the environment above it first"
    }
  }
  let live = (_gpuenv_live)
  if ($live | is-empty) {
    $env.GPUENV_GONE = {names: ($env.GPUENV_GONE.names ++ (["GPUENV_OFF"] | where {|name| $name in ($env | columns) }))}
  } else { $env.GPUENV_OFF = $live }
}
