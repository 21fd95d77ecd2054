//! What zsh needs beyond the generated script.

/// Adds the names of environments and recipes: the generator wrote functions of
/// zsh for the hints that mark them, and ours take their place.
pub(super) fn with_names(script: &str) -> String {
    let script = script
        .replace(":_hosts'", ":_gpuenv_environments'")
        .replace(":_email_addresses'", ":_gpuenv_recipes'")
        .replace(":_hosts\"", ":_gpuenv_environments\"")
        .replace(":_email_addresses\"", ":_gpuenv_recipes\"");
    match script.find("_gpuenv() {") {
        Some(at) => format!("{}{FUNCTIONS}\n{}", &script[..at], &script[at..]),
        None => script,
    }
}

const FUNCTIONS: &str = r#"_gpuenv_named() {
    local -a names
    names=(${(f)"$(command gpuenv __names "$1" 2>/dev/null)"})
    (( ${#names} )) && compadd -a names
    _files
}

_gpuenv_environments() { _gpuenv_named environments }

_gpuenv_recipes() { _gpuenv_named recipes }
"#;
