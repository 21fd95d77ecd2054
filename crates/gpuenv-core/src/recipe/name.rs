//! What can be the name of a recipe: a directory of that name must work everywhere.

/// Longer names are refused: paths below the environment need the room.
const LONGEST: usize = 64;

/// Names that Windows keeps for devices, with any extension.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// Why text cannot be the name of a recipe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// It is empty or too long.
    #[error("a name has 1 to {LONGEST} characters")]
    Length,
    /// It holds a character that is not allowed, or begins or ends with a wrong one.
    #[error("`{0}` cannot be a name")]
    Characters(String),
    /// Windows uses it for a device.
    #[error("`{0}` cannot be a name: Windows keeps it for a device")]
    Device(String),
}

impl BadName {
    pub(super) fn help(&self) -> String {
        match self {
            BadName::Length => "write a short name such as `tf-gpu`".to_string(),
            BadName::Characters(name) => {
                let rule =
                    "a name begins with a letter or digit and holds `a-z`, `0-9`, `.`, `_`, `-`";
                match repaired(name) {
                    Some(name) => format!("write `{name}`: {rule}"),
                    None => rule.to_string(),
                }
            }
            BadName::Device(name) => format!("write `{name}-gpu`"),
        }
    }
}

/// Returns the nearest name that is allowed.
fn repaired(name: &str) -> Option<String> {
    let allowed = |c: char| match c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') {
        true => c.to_ascii_lowercase(),
        false => '-',
    };
    let name: String = name.chars().map(allowed).collect();
    let name = name.trim_matches(['.', '_', '-']);
    (check_name(name).is_ok()).then(|| name.to_string())
}

/// Checks that text can be the name of a recipe, and thus of a directory on every system.
pub fn check_name(name: &str) -> Result<(), BadName> {
    if name.is_empty() || name.len() > LONGEST {
        return Err(BadName::Length);
    }
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_allowed = |c: char| is_plain(c) || matches!(c, '.' | '_' | '-');
    // Windows drops a dot at the end, so two names would be one directory.
    if !name.starts_with(is_plain) || !name.chars().all(is_allowed) || name.ends_with('.') {
        return Err(BadName::Characters(name.to_string()));
    }
    let stem = name.split('.').next().unwrap_or_default();
    let numbered = ["com", "lpt"].iter().any(|device| {
        let number = stem.strip_prefix(device);
        number.is_some_and(|n| n.len() == 1 && n.bytes().all(|b| b.is_ascii_digit()))
    });
    match numbered || DEVICES.contains(&stem) {
        true => Err(BadName::Device(name.to_string())),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_must_work_as_a_directory_everywhere() {
        for good in [
            "tf-gpu",
            "a",
            "0",
            "torch_2.6",
            "console",
            "com10",
            "nullable",
        ] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        let long = "x".repeat(65);
        for bad in [
            "", "TF", "-x", ".x", "x.", "a b", "a/b", "..", "ü", "con", "nul.txt", "com1",
            "lpt9.a", &long,
        ] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn help_offers_a_name_that_works() {
        let help = |name: &str| check_name(name).unwrap_err().help();
        assert!(help("TF GPU").starts_with("write `tf-gpu`"));
        assert!(help("con").contains("`con-gpu`"));
        assert!(help("ü").starts_with("a name begins"));
    }
}
