//! Which environment variables a recipe may set.

/// Variables that activation, the loader or the shell itself sets.
const RESERVED: [(&str, &str); 16] = [
    ("PATH", "activation sets it"),
    ("LD_LIBRARY_PATH", "write `library-path` instead"),
    ("DYLD_LIBRARY_PATH", "write `library-path` instead"),
    ("DYLD_FALLBACK_LIBRARY_PATH", "write `library-path` instead"),
    ("LD_PRELOAD", "it would load code into every program"),
    ("LD_AUDIT", "it would load code into every program"),
    (
        "DYLD_INSERT_LIBRARIES",
        "it would load code into every program",
    ),
    ("BASH_ENV", "it would run code in every shell"),
    ("ENV", "it would run code in every shell"),
    ("IFS", "it changes how shells read scripts"),
    ("UID", "shells do not let it be set"),
    ("EUID", "shells do not let it be set"),
    ("PPID", "shells do not let it be set"),
    ("SHELLOPTS", "shells do not let it be set"),
    ("BASHOPTS", "shells do not let it be set"),
    ("BASH_VERSINFO", "shells do not let it be set"),
];

/// Prefixes whose variables belong to somebody else.
const RESERVED_PREFIXES: [(&str, &str); 3] = [
    ("CONDA_", "conda's own tools set it"),
    ("_CE_", "conda's own tools set it"),
    ("GPUENV_", "it configures gpuenv itself"),
];

/// Why a recipe cannot set a variable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadVariable {
    /// The name is not one that every shell can set.
    #[error("`{0}` cannot be the name of an environment variable")]
    Name(String),
    /// The variable belongs to somebody else.
    #[error("a recipe cannot set `{name}`: {reason}")]
    Reserved {
        /// The variable.
        name: String,
        /// Why not.
        reason: &'static str,
    },
}

impl BadVariable {
    pub(super) fn help(&self) -> String {
        match self {
            BadVariable::Name(_) => {
                "a name begins with a letter or `_` and holds letters, digits and `_`".to_string()
            }
            BadVariable::Reserved { name, .. } => format!("delete `{name}`"),
        }
    }
}

/// Checks that a recipe may set the variable of that name.
pub(super) fn check_variable(name: &str) -> Result<(), BadVariable> {
    let is_start = |c: char| c.is_ascii_alphabetic() || c == '_';
    let is_rest = |c: char| is_start(c) || c.is_ascii_digit();
    if !name.starts_with(is_start) || !name.chars().all(is_rest) {
        return Err(BadVariable::Name(name.to_string()));
    }
    // Windows does not tell `Path` from `PATH`.
    let upper = name.to_ascii_uppercase();
    let whole = RESERVED.iter().find(|(reserved, _)| *reserved == upper);
    let prefix = RESERVED_PREFIXES
        .iter()
        .find(|(prefix, _)| upper.starts_with(prefix));
    match whole.or(prefix) {
        Some((_, reason)) => Err(BadVariable::Reserved {
            name: name.to_string(),
            reason,
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_shells_cannot_set_are_refused() {
        for good in ["TF_FORCE_GPU_ALLOW_GROWTH", "_x", "a1"] {
            assert_eq!(check_variable(good), Ok(()), "{good}");
        }
        for bad in ["", "1A", "A-B", "A B", "Ä", "A=B", "$A", "A\n"] {
            let refused = check_variable(bad);
            assert_eq!(refused, Err(BadVariable::Name(bad.to_string())));
        }
    }

    #[test]
    fn variables_of_others_are_refused_in_any_case() {
        for bad in [
            "PATH",
            "Path",
            "LD_LIBRARY_PATH",
            "CONDA_PREFIX",
            "gpuenv_home",
        ] {
            let refused = check_variable(bad);
            assert!(
                matches!(refused, Err(BadVariable::Reserved { .. })),
                "{bad}"
            );
        }
    }
}
