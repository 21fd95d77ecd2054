param($data, $entry)
Set-StrictMode -Off
$ErrorActionPreference = 'Stop'
$tag = $data.tag
function value($name) { , [Environment]::GetEnvironmentVariable($name) }
function put($name, $text) { [Environment]::SetEnvironmentVariable($name, $text) }
function unset($name) { [Environment]::SetEnvironmentVariable($name, [NullString]::Value) }
function last($name) { ("$(value $name)" -split ':')[-1] }
function push($name, $element) {
  $list = value $name
  if ($list) { put $name ($list + ':' + $element) } else { put $name $element }
}
function pop($name) {
  $list = "$(value $name)"
  $end = $list.LastIndexOf(':')
  if ($end -ge 0) { put $name $list.Substring(0, $end) } else { unset $name }
}
function change($memory, $name, $new) {
  $old = value $name
  if ($null -eq $old) { put ($memory + $name) 'u' } else { put ($memory + $name) ('s' + $old) }
  put $name $new
}
function restore($name, $saved) {
  if ($saved.StartsWith('s')) { put $name $saved.Substring(1) } else { unset $name }
}
function forget($memory, $name) {
  $saved = value ($memory + $name)
  unset ($memory + $name)
  , $saved
}
function change_back($memory, $name, $new) {
  $saved = forget $memory $name
  if (($null -ne $saved) -and ("$(value $name)" -ceq $new)) { restore $name $saved }
}
function joined($block, $list, $separator) { if ($list) { $block + $separator + $list } else { $block } }
function position($list, $block, $separator) {
  ($separator + $list + $separator).IndexOf($separator + $block + $separator, [StringComparison]::Ordinal)
}
function apply($memory, $again, $edit) {
  $kind, $name, $new, $separator = $edit
  $current = "$(value $name)"
  if ($kind -ceq 'set') {
    if ((-not $again) -or ($current -cne $new)) { change $memory $name $new }
  } elseif ((-not $again) -or ((position $current $new $separator) -lt 0)) {
    change $memory $name (joined $new $current $separator)
  }
}
function undo($memory, $edit) {
  $kind, $name, $new, $separator = $edit
  if ($kind -ceq 'set') { change_back $memory $name $new; return }
  $saved = forget $memory $name
  $current = value $name
  if (($null -eq $saved) -or ($null -eq $current)) { return }
  $start = position $current $new $separator
  if ($current -ceq (joined $new $saved.Substring(1) $separator)) {
    restore $name $saved
  } elseif ($start -ge 0) {
    $framed = $separator + $current + $separator
    $rest = $framed.Substring(0, $start) + $separator + $framed.Substring($start + $new.Length + 2)
    $rest = $rest.Substring(1)
    if ($rest.EndsWith($separator)) { $rest = $rest.Substring(0, $rest.Length - 1) }
    if (($rest -ceq '') -and ($saved -ceq 'u')) { unset $name } else { put $name $rest }
  }
}
function backwards($all) { for ($i = $all.Count - 1; $i -ge 0; $i--) { , $all[$i] } }
function own {
  if ($data.own.Count -eq 0) { return }
  $level = '0'
  if ("$(value 'CONDA_SHLVL')" -cmatch '\A(0|[1-9][0-9]{0,2})\z') { $level = value 'CONDA_SHLVL' }
  $levels = 'GPUENV_LEVELS_' + $tag
  $again = (last $levels) -ceq $level
  if (-not $again) { push $levels $level }
  foreach ($edit in $data.own) { apply "GPUENV_OWN_${tag}_${level}_" $again $edit }
}
function disown {
  if ($data.own.Count -eq 0) { return }
  $levels = 'GPUENV_LEVELS_' + $tag
  $level = last $levels
  if ($level -cnotmatch '\A(0|[1-9][0-9]{0,3})\z') { unset $levels; return }
  pop $levels
  foreach ($edit in (backwards $data.own)) { undo "GPUENV_OWN_${tag}_${level}_" $edit }
}
function source($paths) {
  $ErrorActionPreference = 'Continue'
  foreach ($path in $paths) { if (Test-Path -LiteralPath $path) { . $path } }
}
function on {
  $below = 0
  if ("$(value 'CONDA_SHLVL')" -cmatch '\A(0|[1-9][0-9]{0,2})\z') { $below = [int](value 'CONDA_SHLVL') }
  $prefix = value 'CONDA_PREFIX'
  $again = ((last 'GPUENV_STACK') -ceq "${tag}_$below") -and ($prefix -ceq $data.prefix)
  $level = $below
  if (-not $again) { $level = $below + 1 }
  $memory = "GPUENV_USUAL_${tag}_${level}_"
  if (-not $again) {
    push 'GPUENV_STACK' "${tag}_$level"
    change $memory 'CONDA_SHLVL' "$level"
    if (($below -gt 0) -and ($null -ne $prefix)) {
      change $memory "CONDA_PREFIX_$below" $prefix
      change $memory "CONDA_STACKED_$level" 'true'
    }
  }
  foreach ($edit in $data.usual) { apply $memory $again $edit }
  if (-not $again) { source $data.activate }
  own
}
function off {
  if ((last 'GPUENV_STACK') -cnotmatch "\A${tag}_([1-9][0-9]{0,3})\z") { return }
  $level = [int]$Matches[1]
  disown
  source $data.deactivate
  $memory = "GPUENV_USUAL_${tag}_${level}_"
  foreach ($edit in (backwards $data.usual)) { undo $memory $edit }
  change_back $memory "CONDA_STACKED_$level" 'true'
  change_back $memory "CONDA_PREFIX_$($level - 1)" "$(value 'CONDA_PREFIX')"
  change_back $memory 'CONDA_SHLVL' "$level"
  pop 'GPUENV_STACK'
}
if ($entry -ceq 'own') { own }
elseif ($entry -ceq 'disown') { disown }
elseif ($entry -ceq 'on') { on }
elseif ((last 'GPUENV_STACK') -clike "${tag}_*") { off }
elseif (":$(value 'GPUENV_STACK')" -clike "*:${tag}_*") {
  [Console]::Error.WriteLine('gpuenv: deactivate the environment above it first')
}
