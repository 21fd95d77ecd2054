//! Which environment variables a recipe or a package may set.

use super::ActivationError;

/// Names with an owner, in lower case, refused in any case: Windows knows no case.
///
/// The shells would run the value of some of these as a program.
const RESERVED: &[(&str, &[&str])] = &[
    (
        "conda keeps its state there",
        &[
            "conda_prefix",
            "conda_default_env",
            "conda_shlvl",
            "conda_prompt_modifier",
            "conda_exe",
            "conda_python_exe",
        ],
    ),
    (
        "that is what `library-path` is for",
        &["ld_library_path", "dyld_library_path"],
    ),
    ("activation puts the programs there", &["path"]),
    (
        "shells run its value",
        &[
            "bash_env",
            "env",
            "fpath",
            "module_path",
            "prompt",
            "prompt2",
            "prompt3",
            "prompt4",
            "prompt_command",
            "ps0",
            "ps1",
            "ps2",
            "ps3",
            "ps4",
            "rprompt",
            "rprompt2",
            "rps1",
            "rps2",
            "sprompt",
            "zdotdir",
        ],
    ),
];

/// Names that a shell keeps, exactly as written: it would refuse to set them,
/// turn their values into something else, or stop working.
///
/// From `${(k)parameters}` of zsh 5.9, `compgen -v` of bash 5.2, `set -n` of
/// fish 3.6. The lower-case ones are ordinary names elsewhere, but a script
/// must mean the same in every shell.
const KEPT_BY_SHELLS: &str = "\
    _ ARGC aliases argv \
    BASH BASHOPTS BASHPID BASH_ALIASES BASH_ARGC BASH_ARGV BASH_ARGV0 BASH_CMDS BASH_COMMAND \
    BASH_COMPAT BASH_EXECUTION_STRING BASH_LINENO BASH_LOADABLES_PATH BASH_REMATCH BASH_SOURCE \
    BASH_SUBSHELL BASH_VERSINFO BASH_VERSION BASH_XTRACEFD builtins \
    CDPATH CMD_DURATION COLUMNS CPUTYPE cdpath commands \
    DIRSTACK dirstack dis_aliases dis_builtins dis_functions dis_functions_source dis_galiases \
    dis_patchars dis_reswords dis_saliases \
    EGID EPOCHREALTIME EPOCHSECONDS EUID errnos \
    FIGNORE FISH_VERSION FUNCNAME FUNCNEST fignore fish_pid funcfiletrace funcsourcetrace \
    funcstack functions functions_source functrace \
    GID GLOBIGNORE GROUPS galiases \
    HISTCHARS HISTCMD HISTSIZE histchars history historywords hostname \
    IFS jobdirs jobstates jobtexts KEYBOARD_HACK KEYTIMEOUT keymaps \
    LINENO LINES LISTMAX MACHTYPE MAILCHECK MAILPATH mailpath manpath mapfile modules \
    NULLCMD nameddirs OLDPWD OPTARG OPTERR OPTIND OSTYPE options \
    PIPESTATUS POSIXLY_CORRECT PPID PSVAR PWD parameters patchars pipestatus psvar \
    RANDOM READLINE_LINE READNULLCMD reswords \
    SAVEHIST SECONDS SHELLOPTS SHLVL SRANDOM saliases signals status status_generation \
    TIMEFMT TMPPREFIX TRY_BLOCK_ERROR TRY_BLOCK_INTERRUPT TTY TTYIDLE termcap terminfo \
    UID USERNAME umask userdirs usergroups version WATCH WORDCHARS watch widgets \
    ZSH_ARGZERO ZSH_EVAL_CONTEXT ZSH_EXECUTION_STRING ZSH_NAME ZSH_PATCHLEVEL ZSH_SUBSHELL \
    ZSH_VERSION zsh_eval_context zsh_scheduled_events";

/// Prefixes of names that are somebody's state.
const RESERVED_PREFIXES: &[(&str, &str)] = &[
    ("gpuenv_", "gpuenv keeps its state there"),
    ("_gpuenv_", "gpuenv keeps its state there"),
    ("conda_prefix_", "conda keeps its state there"),
    ("conda_stacked_", "conda keeps its state there"),
    ("__conda_shlvl_", "conda keeps its state there"),
    ("bash_func_", "shells run its value"),
];

/// Says whether a recipe may set a variable of that name to that value.
pub fn check_variable(name: &str, value: &str) -> Result<(), ActivationError> {
    let mut bytes = name.bytes();
    let first_fits = bytes
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    // Long names pass every shell, but no honest one is longer than this.
    let fits = first_fits
        && name.len() <= 255
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !fits {
        return Err(ActivationError::Name {
            name: name.chars().take(80).collect(),
        });
    }
    if let Some(why) = owner(name) {
        return Err(ActivationError::Reserved {
            name: name.to_string(),
            why,
        });
    }
    if value.contains('\0') {
        return Err(ActivationError::Value {
            name: name.to_string(),
        });
    }
    Ok(())
}

fn owner(name: &str) -> Option<&'static str> {
    if KEPT_BY_SHELLS.split_whitespace().any(|kept| kept == name) {
        return Some("it belongs to the shell");
    }
    let lowercase = name.to_ascii_lowercase();
    let whole = RESERVED
        .iter()
        .find(|(_, names)| names.contains(&lowercase.as_str()));
    let begun = RESERVED_PREFIXES
        .iter()
        .find(|(prefix, _)| lowercase.starts_with(prefix));
    whole
        .map(|(why, _)| *why)
        .or_else(|| begun.map(|(_, why)| *why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_pass() {
        for name in [
            "TF_FORCE_GPU_ALLOW_GROWTH",
            "_x",
            "http_proxy",
            "A1",
            "XLA_FLAGS",
            "CONDA_OVERRIDE_CUDA",
            "CUDA_PATH",
            "LD_PRELOAD",
            "VERSION",
            "MANPATH",
        ] {
            assert_eq!(check_variable(name, "any\n$(value)"), Ok(()), "{name}");
        }
    }

    #[test]
    fn names_that_a_shell_would_read_as_something_else_are_refused() {
        for name in [
            "", "1A", "A-B", "A B", "A=B", "$(id)", "A;id", "A\n", "Ä", "A.B", "a[0]", "A\0",
        ] {
            assert!(
                matches!(check_variable(name, ""), Err(ActivationError::Name { .. })),
                "{name:?}"
            );
        }
        assert!(check_variable(&"A".repeat(256), "").is_err());
    }

    #[test]
    fn variables_with_an_owner_are_refused() {
        for name in [
            "PATH",
            "path",
            "Path",
            "LD_LIBRARY_PATH",
            "CONDA_PREFIX",
            "CONDA_PREFIX_1",
            "PROMPT_COMMAND",
            "BASH_ENV",
            "IFS",
            "UID",
            "GPUENV_STACK",
            "status",
        ] {
            assert!(
                matches!(
                    check_variable(name, "x"),
                    Err(ActivationError::Reserved { .. })
                ),
                "{name}"
            );
        }
    }

    #[test]
    fn a_value_with_a_nul_is_refused() {
        assert!(matches!(
            check_variable("A", "a\0b"),
            Err(ActivationError::Value { .. })
        ));
    }
}
