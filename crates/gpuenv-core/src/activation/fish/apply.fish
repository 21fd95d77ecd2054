# MEMORY NAME VALUE: sets a variable and remembers what it was. One that is not exported
# is none for other programs; the shell itself remembers it.
function _gpuenv_change -a _gpuenv_memory _gpuenv_name _gpuenv_value
    if set -qx $_gpuenv_name
        set -gx $_gpuenv_memory$_gpuenv_name "s$$_gpuenv_name"
    else
        set -gx $_gpuenv_memory$_gpuenv_name u
        if set -qg $_gpuenv_name
            set -g _gpuenv_plain_$_gpuenv_memory$_gpuenv_name $$_gpuenv_name
        end
    end
    set -gx $_gpuenv_name $_gpuenv_value
end
# MEMORY again|new NAME VALUE
function _gpuenv_set -a _gpuenv_memory _gpuenv_again _gpuenv_name _gpuenv_value
    if test $_gpuenv_again = again; and set -q $_gpuenv_name; and test "s$$_gpuenv_name" = "s$_gpuenv_value"
        return 0
    end
    _gpuenv_change $_gpuenv_memory $_gpuenv_name $_gpuenv_value
end
# MEMORY again|new NAME DIRECTORIES PATTERN SEPARATOR
function _gpuenv_prepend -a _gpuenv_memory _gpuenv_again _gpuenv_name _gpuenv_block _gpuenv_pattern _gpuenv_separator
    if test $_gpuenv_again = again; and string match -qr -- "$_gpuenv_separator$_gpuenv_pattern$_gpuenv_separator" "$_gpuenv_separator$$_gpuenv_name$_gpuenv_separator"
        return 0
    end
    if set -qx $_gpuenv_name; and test -n "$$_gpuenv_name"
        set _gpuenv_block "$_gpuenv_block$_gpuenv_separator$$_gpuenv_name"
    end
    _gpuenv_change $_gpuenv_memory $_gpuenv_name $_gpuenv_block
end
