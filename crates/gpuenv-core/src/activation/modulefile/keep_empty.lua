-- NAME: remembers that the variable is empty, and sets it to that again behind the unloading.
local function gpuenv_keep_empty(name)
  local flag = "GPUENV_EMPTY_TAG_" .. name
  if mode() == "load" and os.getenv(name) == "" then setenv(flag, "1") end
  if mode() ~= "unload" or not os.getenv(flag) then return end
  setenv(flag, "1")
  local commands = {
    sh = "[ -n \"${NAME+x}\" ] || export NAME=",
    csh = "if ( ! $?NAME ) setenv NAME ''",
    fish = "set -q NAME; or set -gx NAME ''",
  }
  local command = commands[myShellType()]
  if command then execute{cmd = command:gsub("NAME", name), modeA = {"unload"}} end
end
