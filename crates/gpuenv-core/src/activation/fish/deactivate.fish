# Undoes the last activation in this shell.
function gpuenv_deactivate
    set -l _gpuenv_tag
    string match -qr -- '(?<_gpuenv_tag>[0-9a-f]+)_[0-9]+\z' "$GPUENV_STACK"
    if functions -q "_gpuenv_off_$_gpuenv_tag"
        _gpuenv_off_$_gpuenv_tag
        _gpuenv_tidy $_gpuenv_tag
    else
        echo 'gpuenv: this shell has not activated an environment' >&2
        return 1
    end
end
# TAG: removes the functions that have nothing left to undo.
function _gpuenv_tidy -a _gpuenv_tag
    if not string match -q -- "*:"$_gpuenv_tag"_*" ":$GPUENV_STACK"
        functions -e _gpuenv_off_$_gpuenv_tag
    end
    set _gpuenv_tag none
    string match -qr -- '(?<_gpuenv_tag>[0-9a-f]+)_[0-9]+\z' "$GPUENV_STACK"
    if not functions -q "_gpuenv_off_$_gpuenv_tag"
        functions -e gpuenv_deactivate _gpuenv_tidy
    end
end
