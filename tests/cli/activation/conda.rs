//! The scripts in a prefix, sourced as conda, micromamba and rattler source them.

use std::{ffi::OsStr, path::Path};

use gpuenv_core::activation::{Activation, script_files};
use tempfile::TempDir;

use super::shells::{RealShell, Step, recipe, shells, value, variables, write_below};

/// What conda 26 and micromamba 2 write around the scripts of a prefix.
struct Conda<'a> {
    place: &'a Path,
    shell: &'a RealShell,
    steps: Vec<Step>,
}

impl Conda<'_> {
    fn source(&mut self, prefix: &str, directory: &str) {
        let file = format!("~~gpuenv.{}", self.shell.extension());
        let path = self.place.join(prefix).join(directory).join(file);
        self.steps.push(Step::Text(self.shell.source(&path)));
    }

    fn export(&mut self, name: &str, value: &str) {
        self.steps.push(self.shell.export(name, value));
    }

    fn unset_prefix(&mut self) {
        self.steps.push(self.shell.unset("CONDA_PREFIX"));
    }

    /// `conda activate PREFIX` while `old` is active, if one is.
    fn activate(&mut self, prefix: &str, level: u32, old: Option<&str>) {
        if let Some(old) = old {
            self.source(old, "deactivate.d");
        }
        self.export("CONDA_PREFIX", prefix);
        self.export("CONDA_SHLVL", &level.to_string());
        self.source(prefix, "activate.d");
    }

    /// `conda deactivate`, back to `lower`, if there is one.
    fn deactivate(&mut self, prefix: &str, level: u32, lower: Option<&str>) {
        self.source(prefix, "deactivate.d");
        self.unset_prefix();
        self.export("CONDA_SHLVL", &(level - 1).to_string());
        if let Some(lower) = lower {
            self.export("CONDA_PREFIX", lower);
            self.source(lower, "activate.d");
        }
    }

    /// Deactivation by rattler: the prefix is gone when the scripts run.
    fn deactivate_late(&mut self, prefix: &str) {
        self.unset_prefix();
        self.export("CONDA_SHLVL", "0");
        self.source(prefix, "deactivate.d");
    }
}

fn place_scripts(place: &Path, prefix: &str, activation: &Activation) {
    for file in script_files(activation) {
        let relative = file
            .path
            .strip_prefix("etc/conda/")
            .expect("scripts live there");
        let path = place.join(prefix).join(relative);
        write_below(&path, &file.text);
    }
}

#[test]
fn conda_activates_nests_stacks_and_reactivates_by_the_scripts() {
    let place = TempDir::new().unwrap();
    let a = recipe("/tmp/envs/a", &[("X", "a"), ("Y", "it's $(>canary)")]);
    let b = recipe("/tmp/envs/b", &[("X", "b")]);
    place_scripts(place.path(), "a", &a);
    place_scripts(place.path(), "b", &b);
    let base = variables(&[("X", "old"), ("CONDA_SHLVL", "0")]);
    for shell in shells() {
        let mut conda = Conda {
            place: place.path(),
            shell,
            steps: Vec::new(),
        };
        conda.activate("a", 1, None);
        conda.steps.push(Step::Look);
        conda.activate("b", 2, Some("a"));
        conda.steps.push(Step::Look);
        conda.deactivate("b", 2, Some("a"));
        // Reactivation, as after `conda install`.
        conda.activate("a", 1, Some("a"));
        conda.steps.push(Step::Look);
        // `--stack b`, `--stack a`, and back.
        conda.activate("b", 2, None);
        conda.activate("a", 3, None);
        conda.steps.push(Step::Look);
        conda.deactivate("a", 3, Some("b"));
        conda.steps.push(Step::Look);
        conda.deactivate("b", 2, Some("a"));
        conda.deactivate("a", 1, None);
        conda.steps.push(Step::Look);
        conda.activate("a", 1, None);
        conda.deactivate_late("a");
        conda.steps.push(Step::Look);
        let looks = shell.session(&base, &conda.steps);
        let library = |look: usize| value(&looks[look], "LD_LIBRARY_PATH").and_then(OsStr::to_str);
        let (in_a, in_b) = ("/tmp/envs/a/lib/gpuenv-cuda", "/tmp/envs/b/lib/gpuenv-cuda");
        assert_eq!(library(0), Some(in_a), "{}", shell.name);
        assert_eq!(value(&looks[0], "Y"), Some(OsStr::new("it's $(>canary)")));
        assert_eq!(library(1), Some(in_b), "{}", shell.name);
        assert_eq!(value(&looks[1], "Y"), None, "{}", shell.name);
        assert_eq!(looks[2], looks[0], "{}", shell.name);
        assert_eq!(
            library(3),
            Some(format!("{in_a}:{in_b}:{in_a}").as_str()),
            "{}",
            shell.name
        );
        assert_eq!(value(&looks[3], "X"), Some(OsStr::new("a")));
        assert_eq!(
            value(&looks[4], "X"),
            Some(OsStr::new("b")),
            "{}",
            shell.name
        );
        assert_eq!(looks[5], base, "{}", shell.name);
        assert_eq!(looks[6], base, "{}", shell.name);
    }
}
