//! Environments by name or prefix.

use std::path::{Path, PathBuf};

use fs_err as fs;
use gpuenv_core::{Code, Diagnostic, recipe};

/// The longest name of an environment, in bytes.
const LONGEST_NAME: usize = 100;

/// Names that Windows keeps for devices, whatever stands behind a dot.
const DEVICES: &[&str] = &["con", "prn", "aux", "nul"];

/// Where environments are.
#[derive(Debug, Clone)]
pub struct Environments {
    /// The directory whose entries are environments.
    pub folder: PathBuf,
}

impl Environments {
    /// Returns the environments below gpuenv's home directory.
    pub fn below(home: &Path) -> Self {
        Self {
            folder: home.join("envs"),
        }
    }

    /// Returns the prefix of an environment that may not be there yet.
    ///
    /// # Errors
    /// GE512 if the name cannot name an environment.
    pub fn prefix(&self, name: &str) -> Result<PathBuf, Diagnostic> {
        check_name(name)?;
        Ok(self.folder.join(name))
    }

    /// Finds an environment that is there, by name or by path.
    ///
    /// # Errors
    /// GE511 if there is none, GE512 if the name cannot name one.
    pub fn find(&self, wanted: &str) -> Result<PathBuf, Diagnostic> {
        let prefix = match is_path(wanted) {
            true => absolute(Path::new(wanted))?,
            false => self.prefix(wanted)?,
        };
        if prefix.join("conda-meta").is_dir() {
            return Ok(prefix);
        }
        let mut error = Diagnostic::error(
            Code::ENVIRONMENT_NOT_FOUND,
            format!("there is no environment `{wanted}`"),
        )
        .cause(format!("looked at {}", prefix.display()));
        let names = self.names();
        if let Some(meant) = recipe::suggest(wanted, names.iter().map(String::as_str)) {
            error = error.help(format!("did you mean `{meant}`?"));
        }
        Err(error
            .help("`gpuenv list` shows the environments that are there")
            .help("create one from a recipe: `gpuenv create RECIPE`"))
    }

    /// Returns the names of all environments, sorted.
    pub fn names(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(&self.folder) else {
            return Vec::new();
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut names: Vec<String> = names
            .filter(|name| check_name(name).is_ok())
            .filter(|name| self.folder.join(name).join("conda-meta").is_dir())
            .collect();
        names.sort();
        names
    }
}

/// Returns whether the user means a path and not a name.
fn is_path(text: &str) -> bool {
    text.contains('/') || text.contains(std::path::MAIN_SEPARATOR) || text == "." || text == ".."
}

/// Makes a path absolute: prefixes are written into the files of an environment.
///
/// # Errors
/// GE512 if it is empty or cannot be made absolute.
pub fn absolute(path: &Path) -> Result<PathBuf, Diagnostic> {
    let refuse = |cause: &dyn std::fmt::Display| {
        let message = format!("`{}` cannot be a prefix", path.display());
        Diagnostic::error(Code::ENVIRONMENT_BAD_NAME, message).cause(cause)
    };
    if path.to_str().is_none() {
        return Err(refuse(&"it is not UTF-8, and scripts name it"));
    }
    let path = std::path::absolute(path).map_err(|error| refuse(&error))?;
    // `a/../b` names another place where `a` is a link, so it is not resolved here.
    if path
        .components()
        .any(|part| part == std::path::Component::ParentDir)
    {
        let parent = path.parent().map(fs::canonicalize);
        return match (parent, path.file_name()) {
            (Some(Ok(parent)), Some(name)) => Ok(parent.join(name)),
            _ => Err(refuse(&"its parent directory does not exist")),
        };
    }
    Ok(path.components().collect())
}

/// Refuses what cannot name an environment on every platform.
fn check_name(name: &str) -> Result<(), Diagnostic> {
    let mut bytes = name.bytes();
    let first = bytes
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let rest = bytes.all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    let stem = name
        .split('.')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let digit_device = |prefix: &str| {
        let digit = stem.strip_prefix(prefix);
        digit.is_some_and(|digit| digit.len() == 1 && digit.as_bytes()[0].is_ascii_digit())
    };
    let device = DEVICES.contains(&stem.as_str()) || digit_device("com") || digit_device("lpt");
    if first && rest && !device && name.len() <= LONGEST_NAME && !name.ends_with('.') {
        return Ok(());
    }
    let shown: String = name.chars().take(LONGEST_NAME).collect();
    Err(Diagnostic::error(
        Code::ENVIRONMENT_BAD_NAME,
        format!("`{shown}` cannot name an environment"),
    )
    .help("use letters, digits, `_`, `-` and `.`, and begin with a letter or digit")
    .help("put it anywhere with `-p PREFIX`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_on_every_platform() {
        for good in ["tf-gpu", "a", "TF_2.10", "_x", "3d"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        let long = "x".repeat(101);
        for bad in [
            "", ".", "..", "-x", "a b", "a/b", "ä", "con", "NUL.txt", "com1", "a.", &long,
        ] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_prefix_is_absolute_and_has_no_dots() {
        let here = std::path::absolute(".").unwrap();
        assert_eq!(absolute(Path::new("./env/")).unwrap(), here.join("env"));
        assert!(absolute(Path::new("/tmp/../env")).unwrap().ends_with("env"));
        assert!(absolute(Path::new("")).is_err());
    }
}
