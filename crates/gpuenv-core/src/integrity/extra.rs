//! What lies in an environment and belongs to no package.
//!
//! It is never damage: notebooks, what pip installed and what programs write
//! are the user's. But who looks for the reason of a trouble wants to know.

use std::collections::HashSet;

use serde::Serialize;

/// A path that no package brought.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Extra {
    /// What it is.
    pub kind: ExtraKind,
    /// Where, below the prefix; of an installed distribution, its directory.
    pub path: String,
    /// How many files it stands for.
    pub files: usize,
}

/// What kind of thing lies there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExtraKind {
    /// It runs, or sets variables, when the environment is activated.
    Activation,
    /// pip or another installer of Python packages put it there.
    Distribution,
    /// Anything else.
    Other,
}

/// Sorts the paths that belong to nobody; of a directory in which nothing is a
/// package's, only the directory is named.
///
/// `owned` holds the paths of all packages and of gpuenv. Bytecode whose source
/// is there is not mentioned: Python writes it when it runs.
pub fn extras<'a>(paths: impl IntoIterator<Item = &'a str>, owned: &HashSet<String>) -> Vec<Extra> {
    let mut shared: HashSet<&str> = HashSet::new();
    for path in owned {
        let mut parent = above(path);
        while let Some(directory) = parent {
            if !shared.insert(directory) {
                break;
            }
            parent = above(directory);
        }
    }
    let mut extras: std::collections::BTreeMap<(ExtraKind, String), usize> = Default::default();
    let paths: Vec<&str> = paths.into_iter().collect();
    let sources: HashSet<&str> = paths.iter().copied().collect();
    for path in paths {
        let has_source =
            |source: &String| owned.contains(source.as_str()) || sources.contains(source.as_str());
        if owned.contains(path) || source(path).as_ref().is_some_and(has_source) {
            continue;
        }
        let (kind, place) = place(path, &shared);
        *extras.entry((kind, place.to_string())).or_default() += 1;
    }
    let extra = |((kind, path), files)| Extra { kind, path, files };
    extras.into_iter().map(extra).collect()
}

fn place<'a>(path: &'a str, shared: &HashSet<&str>) -> (ExtraKind, &'a str) {
    let runs = ["activate.d/", "deactivate.d/", "env_vars.d/"];
    let below = path.strip_prefix("etc/conda/");
    if below.is_some_and(|rest| runs.iter().any(|run| rest.starts_with(run))) {
        return (ExtraKind::Activation, path);
    }
    let mut found = path;
    for directory in ancestors(path) {
        if directory.ends_with(".dist-info") || directory.ends_with(".egg-info") {
            return (ExtraKind::Distribution, directory);
        }
        if !shared.contains(directory) && directory.len() < found.len() {
            found = directory;
        }
    }
    (ExtraKind::Other, found)
}

fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(above(path), |directory| above(directory))
}

fn above(path: &str) -> Option<&str> {
    path.rsplit_once('/').map(|(directory, _)| directory)
}

/// Returns the source of which a path is the bytecode.
fn source(path: &str) -> Option<String> {
    let stem = path.strip_suffix(".pyc")?;
    let (directory, name) = stem.rsplit_once('/')?;
    let directory = directory.strip_suffix("__pycache__")?;
    let module = name.split('.').next().unwrap_or(name);
    Some(format!("{directory}{module}.py"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_nobody_is_told_by_directory() {
        let owned = [
            "bin/python",
            "lib/p/site-packages/numpy/core.py",
            "lib/a.so",
        ];
        let owned: HashSet<String> = owned.map(String::from).into();
        let found = extras(
            [
                "bin/python",
                "lib/p/site-packages/numpy/__pycache__/core.cpython-311.pyc",
                "lib/p/site-packages/numpy/__pycache__/gone.cpython-311.pyc",
                "lib/p/site-packages/mine/__init__.py",
                "lib/p/site-packages/mine/__pycache__/__init__.cpython-311.pyc",
                "lib/p/site-packages/mine-1.dist-info/METADATA",
                "lib/p/site-packages/mine-1.dist-info/RECORD",
                "etc/conda/activate.d/own.sh",
                "work/deep/a.ipynb",
                "work/b.ipynb",
                "notes.txt",
            ],
            &owned,
        );
        let told: Vec<String> = found
            .iter()
            .map(|extra| format!("{:?} {} {}", extra.kind, extra.path, extra.files))
            .collect();
        insta::assert_snapshot!(told.join("\n"), @"
        Activation etc/conda/activate.d/own.sh 1
        Distribution lib/p/site-packages/mine-1.dist-info 2
        Other lib/p/site-packages/mine 1
        Other lib/p/site-packages/numpy/__pycache__ 1
        Other notes.txt 1
        Other work 2
        ");
    }
}
