# NAME SAVED PLAIN: PLAIN names what the shell itself remembers.
function _gpuenv_restore -a _gpuenv_name _gpuenv_saved _gpuenv_plain
    set -l _gpuenv_value
    if string match -qr -- '(?s)\As(?<_gpuenv_value>.*)\z' $_gpuenv_saved
        # A universal variable is back when nothing hides it.
        if set -qU $_gpuenv_name
            set -eg $_gpuenv_name
        end
        if not set -qx $_gpuenv_name; or test "s$$_gpuenv_name" != "$_gpuenv_saved"
            set -gx $_gpuenv_name $_gpuenv_value
        end
    else
        set -eg $_gpuenv_name
        if set -qg $_gpuenv_plain
            set -gu $_gpuenv_name $$_gpuenv_plain
        end
    end
end
# MEMORY NAME VALUE: undoes a change, unless the variable is no longer VALUE.
function _gpuenv_change_back -a _gpuenv_memory _gpuenv_name _gpuenv_value
    set _gpuenv_memory $_gpuenv_memory$_gpuenv_name
    if set -q $_gpuenv_memory
        set -l _gpuenv_saved "$$_gpuenv_memory"
        set -eg $_gpuenv_memory
        if set -q $_gpuenv_name; and test "s$$_gpuenv_name" = "s$_gpuenv_value"
            _gpuenv_restore $_gpuenv_name $_gpuenv_saved _gpuenv_plain_$_gpuenv_memory
        end
        set -eg _gpuenv_plain_$_gpuenv_memory
    end
end
# MEMORY NAME DIRECTORIES PATTERN SEPARATOR: takes them off a list, and leaves what others put there.
function _gpuenv_remove -a _gpuenv_memory _gpuenv_name _gpuenv_block _gpuenv_pattern _gpuenv_separator
    set _gpuenv_memory $_gpuenv_memory$_gpuenv_name
    if not set -q $_gpuenv_memory
        return 0
    end
    set -l _gpuenv_saved "$$_gpuenv_memory"
    set -eg $_gpuenv_memory
    if not set -q $_gpuenv_name
        return 0
    end
    set -l _gpuenv_value
    if string match -qr -- '(?s)\As(?<_gpuenv_value>.+)\z' $_gpuenv_saved
        set _gpuenv_block "$_gpuenv_block$_gpuenv_separator$_gpuenv_value"
    end
    if test "s$$_gpuenv_name" = "s$_gpuenv_block"
        _gpuenv_restore $_gpuenv_name $_gpuenv_saved _gpuenv_plain_$_gpuenv_memory
        set -eg _gpuenv_plain_$_gpuenv_memory
        return 0
    end
    set -eg _gpuenv_plain_$_gpuenv_memory
    set -l _gpuenv_head
    set -l _gpuenv_tail
    if string match -qr -- "(?s)\A(?<_gpuenv_head>.*?)$_gpuenv_separator$_gpuenv_pattern$_gpuenv_separator(?<_gpuenv_tail>.*)\z" "$_gpuenv_separator$$_gpuenv_name$_gpuenv_separator"
        string match -qr -- "(?s)\A$_gpuenv_separator?(?<_gpuenv_value>.*?)$_gpuenv_separator?\z" "$_gpuenv_head$_gpuenv_separator$_gpuenv_tail"
        if test -z "$_gpuenv_value"; and test $_gpuenv_saved = u
            set -eg $_gpuenv_name
        else
            set -gx $_gpuenv_name $_gpuenv_value
        end
    end
end
