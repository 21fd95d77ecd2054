# Undoes the last activation in this shell.
function global:gpuenv_deactivate {
  $top = ("$([Environment]::GetEnvironmentVariable('GPUENV_STACK'))" -split ':')[-1]
  $tag = ($top -split '_')[0]
  if ($global:_gpuenv_offs.ContainsKey($tag)) {
    & $global:_gpuenv_offs[$tag]
    if (":$([Environment]::GetEnvironmentVariable('GPUENV_STACK'))" -cnotlike "*:${tag}_*") {
      $global:_gpuenv_offs.Remove($tag)
    }
    if ($global:_gpuenv_offs.Count -eq 0) {
      Remove-Item 'Variable:global:_gpuenv_offs', 'Function:gpuenv_deactivate'
    }
  } else {
    [Console]::Error.WriteLine('gpuenv: this shell has not activated an environment')
  }
}
