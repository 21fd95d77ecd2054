//! What bash needs beyond the generated script.

use clap::Command;

use super::hints::{self, Position};

/// Adds the names of environments and recipes.
///
/// The generated function does the rest; ours calls it, takes away what only
/// stands for a value, and adds names.
pub(super) fn with_names(script: &str, command: &Command) -> String {
    let options = hints::options_with_values(command).join("|");
    let lines: Vec<String> = hints::positions(command).iter().map(line).collect();
    let function = FUNCTION
        .replace("@OPTIONS@", &options)
        .replace("@POSITIONS@", &lines.join("\n"));
    let registered = "complete -F _gpuenv ";
    let ours = script.replace(registered, "complete -F _gpuenv_with_names ");
    match ours.find("if [[ \"${BASH_VERSINFO[0]}\" -eq 4") {
        Some(at) => format!("{}{function}\n{}", &ours[..at], &ours[at..]),
        None => format!("{function}\n{ours}"),
    }
}

fn line(position: &Position) -> String {
    let words = position.command.iter().map(|word| format!(" {word}"));
    let words: String = words.collect();
    let names = position.names.word();
    let pattern = match position.before {
        0 => format!("\"{words}\""),
        more => format!("\"{words} \"{}", vec!["*"; more].join("\" \"")),
    };
    format!("        {pattern}) kind={names} ;;")
}

const FUNCTION: &str = r#"_gpuenv_with_names() {
    _gpuenv "$@"
    local current="${COMP_WORDS[COMP_CWORD]}" previous="" line="" kind="" word i
    local -a kept=()
    ((COMP_CWORD > 0)) && previous="${COMP_WORDS[COMP_CWORD-1]}"
    # `<FILE>` and `[FILE]` only stand for what is to be typed.
    for word in "${COMPREPLY[@]}"; do
        case "$word" in
            "<"*|"["*) ;;
            *) kept+=("$word") ;;
        esac
    done
    COMPREPLY=("${kept[@]}")
    [[ $current == -* ]] && return 0
    case "$previous" in
        @OPTIONS@) return 0 ;;
    esac
    for ((i = 1; i < COMP_CWORD; i++)); do
        word="${COMP_WORDS[i]}"
        case "$word" in
            # What follows is of another program.
            --) COMPREPLY=(); return 0 ;;
            @OPTIONS@) ((i++)) ;;
            -*) ;;
            *) line+=" $word" ;;
        esac
    done
    case "$line" in
@POSITIONS@
    esac
    if [[ -n $kind ]]; then
        local names
        names="$(command gpuenv __names "$kind" 2>/dev/null)"
        COMPREPLY+=($(compgen -W "$names" -- "$current"))
    fi
    return 0
}
"#;
