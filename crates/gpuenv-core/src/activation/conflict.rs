//! Another CUDA on the lists of directories that an environment's programs use.
//!
//! Where CUDA is, is a question to the file system, so the caller answers it.

use std::{collections::BTreeMap, ffi::OsString};

use super::{Activation, Edit, LIBRARY_PATH, list::units_between};
use crate::{Code, Diagnostic};

/// Directories that belong to the system: without them, nothing runs at all.
const SYSTEM: &[&str] = &[
    "/bin",
    "/sbin",
    "/usr/bin",
    "/usr/sbin",
    "/usr/local/bin",
    "/usr/local/sbin",
];

/// An entry of a list that leads to a CUDA which is not the environment's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The variable.
    pub variable: String,
    /// The directory; empty for an entry that means the current one.
    pub directory: String,
}

/// Returns the entries with another CUDA that a program in the activated
/// environment meets before the environment's own, and empty ones.
pub fn conflicts(
    activation: &Activation,
    active: &BTreeMap<OsString, OsString>,
    holds_cuda: &dyn Fn(&str) -> bool,
) -> Vec<Conflict> {
    let mut found = Vec::new();
    for variable in ["PATH", LIBRARY_PATH] {
        let entries = entries(activation, active, variable);
        let ours = own_directories(activation, variable);
        let first = entries.iter().position(|entry| ours.contains(entry));
        // Where nothing of ours is on the list, all that is there comes first.
        let before = entries.iter().take(first.unwrap_or(entries.len()));
        let before = before.filter(|entry| is_foreign(activation, entry, holds_cuda));
        let empty = entries
            .iter()
            .filter(|entry| entry.is_empty() && variable == LIBRARY_PATH);
        found.extend(before.chain(empty.take(1)).map(|entry| Conflict {
            variable: variable.to_string(),
            directory: entry.clone(),
        }));
    }
    found
}

/// Returns the variables without the entries that lead to another CUDA; whatever
/// else is on the lists stays as it is.
pub fn cleaned(
    activation: &Activation,
    variables: &BTreeMap<OsString, OsString>,
    holds_cuda: &dyn Fn(&str) -> bool,
) -> BTreeMap<OsString, OsString> {
    let mut cleaned = variables.clone();
    for variable in ["PATH", LIBRARY_PATH] {
        let Some(name) = spelling(activation, &cleaned, variable) else {
            continue;
        };
        let Some(list) = cleaned.get(&name) else {
            continue;
        };
        let (kept, gone): (Vec<OsString>, Vec<OsString>) =
            units_between(list, activation.separator())
                .into_iter()
                .partition(|entry| {
                    let text = entry.to_str();
                    text.is_none_or(|text| !is_foreign(activation, text, holds_cuda))
                });
        if gone.is_empty() {
            continue;
        }
        if kept.is_empty() {
            cleaned.remove(&name);
        } else {
            let separator = OsString::from(activation.separator().to_string());
            cleaned.insert(name, kept.join(&separator));
        }
    }
    cleaned
}

fn is_foreign(activation: &Activation, entry: &str, holds_cuda: &dyn Fn(&str) -> bool) -> bool {
    let directory = entry.trim_end_matches(['/', '\\']);
    let leaves = directory.split(['/', '\\']).any(|part| part == "..");
    let inside = directory
        .strip_prefix(&activation.prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '\\']));
    let inside = inside && !leaves;
    !directory.is_empty() && !inside && !SYSTEM.contains(&directory) && holds_cuda(entry)
}

fn entries(
    activation: &Activation,
    variables: &BTreeMap<OsString, OsString>,
    variable: &str,
) -> Vec<String> {
    let name = spelling(activation, variables, variable);
    let list = name.and_then(|name| variables.get(&name));
    let list = list.filter(|list| !list.is_empty());
    let entries = list.map(|list| units_between(list, activation.separator()));
    let text = |entry: OsString| entry.to_string_lossy().into_owned();
    entries.into_iter().flatten().map(text).collect()
}

/// Returns the name under which the variable is there: on Windows often `Path`.
fn spelling(
    activation: &Activation,
    variables: &BTreeMap<OsString, OsString>,
    variable: &str,
) -> Option<OsString> {
    let any_case = activation.platform.is_windows();
    let same = |name: &&OsString| match any_case {
        true => name.eq_ignore_ascii_case(variable),
        false => *name == variable,
    };
    variables.keys().find(same).cloned()
}

fn own_directories(activation: &Activation, variable: &str) -> Vec<String> {
    let edits = activation.usual.iter().chain(&activation.own);
    let dirs = edits.filter_map(|edit| match edit {
        Edit::PrependPath { name, dirs, .. } if name == variable => Some(dirs.clone()),
        Edit::PrependPath { .. } | Edit::Set { .. } => None,
    });
    dirs.flatten().collect()
}

impl From<Conflict> for Diagnostic {
    fn from(conflict: Conflict) -> Self {
        let Conflict {
            variable,
            directory,
        } = conflict;
        if directory.is_empty() {
            return Self::warning(
                Code::ACTIVATION_CONFLICT,
                format!("an empty entry of `{variable}` means the current directory"),
            )
            .help(format!(
                "`export {variable}=DIRECTORY${{{variable}:+:${variable}}}` leaves none behind"
            ));
        }
        Self::warning(
            Code::ACTIVATION_CONFLICT,
            format!("`{directory}` on `{variable}` brings another CUDA and comes first"),
        )
        .help("leave it out: `gpuenv run --clean ENV -- CMD`")
        .help("or unload the module, or deactivate the environment, that put it there")
    }
}

#[cfg(test)]
mod tests {
    use rattler_conda_types::Subdir;

    use super::*;
    use crate::{
        activation::{PrefixFacts, activation, environment},
        plan::ActivationSettings,
    };

    fn in_p() -> Activation {
        let mut facts = PrefixFacts::empty(Subdir::Linux64);
        facts.cuda_libraries = vec!["libcudart.so.12".to_string()];
        activation("/p", &ActivationSettings::default(), &facts).unwrap()
    }

    fn variables(pairs: &[(&str, &str)]) -> BTreeMap<OsString, OsString> {
        let pair = |(name, value): &(&str, &str)| ((*name).into(), (*value).into());
        pairs.iter().map(pair).collect()
    }

    fn holds_cuda(directory: &str) -> bool {
        directory.contains("cuda") || directory == "/usr/bin"
    }

    #[test]
    fn what_comes_first_is_found_and_what_comes_later_is_not() {
        let base = variables(&[
            ("PATH", "/opt/cuda/bin:/usr/bin"),
            (LIBRARY_PATH, "/opt/cuda/lib:"),
        ]);
        let active = environment(&in_p(), &base);
        let empty = Conflict {
            variable: LIBRARY_PATH.to_string(),
            directory: String::new(),
        };
        assert_eq!(conflicts(&in_p(), &active, &holds_cuda), [empty]);
        let later = variables(&[
            ("PATH", "/opt/cuda/bin:/p/bin:/usr/bin"),
            (LIBRARY_PATH, "/x:/opt/cuda/lib:/p/lib/gpuenv-cuda"),
        ]);
        let found = conflicts(&in_p(), &later, &holds_cuda);
        let found: Vec<&str> = found.iter().map(|one| one.directory.as_str()).collect();
        assert_eq!(found, ["/opt/cuda/bin", "/opt/cuda/lib"]);
    }

    #[test]
    fn windows_may_spell_the_list_otherwise() {
        let facts = PrefixFacts::empty(Subdir::Win64);
        let on = activation(r"C:\p", &ActivationSettings::default(), &facts).unwrap();
        let base = variables(&[("Path", r"C:\cuda\bin;C:\Windows")]);
        let active = environment(&on, &base);
        assert_eq!(conflicts(&on, &active, &holds_cuda), []);
        let before = variables(&[("Path", r"C:\cuda\bin;C:\p\Library\bin;C:\Windows")]);
        let found = conflicts(&on, &before, &holds_cuda);
        assert_eq!(found[0].directory, r"C:\cuda\bin");
        let expected = variables(&[("Path", r"C:\Windows")]);
        assert_eq!(cleaned(&on, &base, &holds_cuda), expected);
    }

    #[test]
    fn exactly_the_foreign_entries_go() {
        let base = variables(&[
            (
                "PATH",
                "/a::/opt/cuda/bin:/usr/bin:/p/cuda/bin:/b/:/p/../cuda",
            ),
            (LIBRARY_PATH, "/opt/cuda/lib"),
            ("OTHER", "/opt/cuda/lib"),
        ]);
        let cleaned = cleaned(&in_p(), &base, &holds_cuda);
        let expected = variables(&[
            ("PATH", "/a::/usr/bin:/p/cuda/bin:/b/"),
            ("OTHER", "/opt/cuda/lib"),
        ]);
        assert_eq!(cleaned, expected);
    }
}
