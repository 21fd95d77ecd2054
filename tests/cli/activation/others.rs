//! What other tools write, on the same ways as gpuenv's own text.
//!
//! conda is the real one where there is one on `PATH`; rattler is the library from
//! which `rattler shell-hook` and pixi have their text. micromamba is in no
//! registry that these tests can count on.

use std::{
    collections::HashMap,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use gpuenv_core::activation::script_files;
use rattler_conda_types::Subdir;
use rattler_shell::{
    activation::{ActivationVariables, Activator, PathModificationBehavior},
    shell::{Bash, Fish, NuShell, Shell, Xonsh, Zsh},
};
use serde_json::{Map, Value, json};

use super::{
    shells::{RealShell, Step, Variables, shells, value, which, write_below},
    table::{Act, Way, activation, values, way},
};

/// Returns the ways of other tools, as far as the tools are here.
pub(super) fn ways() -> Vec<Way> {
    let hostile = asked("hostile", values());
    let asked = asked("asked", Vec::new());
    let scripts = scripts();
    let library = asked.join("lib").display().to_string();
    let by = |tool: &str, shell: &RealShell| format!("{tool} in {}", shell.name);
    let mut ways = Vec::new();
    match which("conda") {
        None => {
            let _ =
                io::stderr().write_all(b"skipped: no conda on PATH, its rows are not compared\n");
        }
        Some(program) => {
            for shell in named(&["bash", "zsh", "fish"]) {
                ways.push(Way {
                    directory: library.clone(),
                    hostile: Some(conda(String::new(), shell, &program, &hostile).run),
                    ..conda(by("conda", shell), shell, &program, &asked)
                });
            }
            for shell in named(&["bash", "zsh", "fish"]) {
                let name = by("gpuenv's scripts, by conda", shell);
                ways.push(conda(name, shell, &program, &scripts));
            }
        }
    }
    for shell in named(&["bash", "zsh", "fish", "xonsh", "nushell"]) {
        ways.push(Way {
            directory: library.clone(),
            hostile: Some(rattler(String::new(), shell, &hostile).run),
            ..rattler(by("rattler", shell), shell, &asked)
        });
    }
    for shell in named(&["bash", "zsh"]) {
        let name = by("gpuenv's scripts, by rattler", shell);
        ways.push(rattler(name, shell, &scripts));
    }
    ways
}

fn named(names: &'static [&str]) -> impl Iterator<Item = &'static RealShell> {
    let named = |name: &&str| shells().iter().find(|shell| shell.name == *name);
    names.iter().filter_map(named)
}

fn place(name: &str) -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("others")
        .join(name);
    let _ = fs_err::remove_dir_all(&place);
    write_below(&place.join("conda-meta/history"), "");
    place
}

/// Makes an environment that asks for a library path and these values as users of
/// conda do, by `conda env config vars set`.
fn asked(name: &str, values: Vec<(String, &str)>) -> PathBuf {
    let place = place(name);
    let values = values.into_iter();
    let mut values: Map<String, Value> = values
        .map(|(name, text)| (name, Value::from(text)))
        .collect();
    let library = place.join("lib").display().to_string();
    values.insert("LD_LIBRARY_PATH".to_string(), library.into());
    let state = json!({ "env_vars": values }).to_string();
    write_below(&place.join("conda-meta/state"), &state);
    place
}

/// Makes an environment that has the scripts of gpuenv.
fn scripts() -> PathBuf {
    let place = place("scripts");
    for file in script_files(&activation("/tmp/envs/table")) {
        write_below(&place.join(file.path), &file.text);
    }
    place
}

fn conda(name: String, shell: &'static RealShell, program: &Path, prefix: &Path) -> Way {
    let (program, prefix) = (program.display(), prefix.display());
    let on = match shell.name {
        "fish" => format!(
            "set -gx CONDA_AUTO_ACTIVATE false\n\
             '{program}' shell.fish hook | source\nconda activate '{prefix}'"
        ),
        _ => format!(
            "export CONDA_AUTO_ACTIVATE=false\n\
             eval \"$('{program}' shell.posix hook)\"\nconda activate '{prefix}'"
        ),
    };
    let off = Step::Text("conda deactivate".to_string());
    Way {
        slow: true,
        ..way(name, shell, Step::Text(on), off)
    }
}

/// Returns a way whose text is made anew from the environment at each step, as
/// `eval "$(rattler shell-hook)"` does.
fn rattler(name: String, shell: &'static RealShell, prefix: &Path) -> Way {
    let prefix = prefix.to_path_buf();
    let run = move |base: &Variables, acts: &[Act]| {
        let mut state = base.clone();
        let mut looks = Vec::new();
        for act in acts {
            let text = match act {
                Act::On | Act::Off => {
                    let on = matches!(act, Act::On);
                    match shell.name {
                        "bash" => text(Bash::default(), &prefix, &state, on)?,
                        "zsh" => text(Zsh, &prefix, &state, on)?,
                        "fish" => text(Fish, &prefix, &state, on)?,
                        "xonsh" => text(Xonsh, &prefix, &state, on)?,
                        _ => text(NuShell, &prefix, &state, on)?,
                    }
                }
                Act::Change(to) => {
                    state.insert("LD_LIBRARY_PATH".into(), to.into());
                    continue;
                }
                Act::Look => {
                    looks.push(state.clone());
                    continue;
                }
            };
            let steps = [Step::Text(text), Step::Look];
            state = shell.try_session(&state, &steps)?.pop()?;
        }
        Some(looks)
    };
    let nothing = Step::Text(String::new());
    Way {
        run: Box::new(run),
        slow: shell.slow,
        ..way(name, shell, nothing.clone(), nothing)
    }
}

fn text<T: Shell + Clone + 'static>(
    shell: T,
    prefix: &Path,
    state: &Variables,
    on: bool,
) -> Option<String> {
    let activator = Activator::from_path(prefix, shell, Subdir::Linux64).ok()?;
    let text = |name: &std::ffi::OsString| name.to_str().map(str::to_string);
    let current: HashMap<String, String> = state
        .iter()
        .filter_map(|(name, value)| Some((text(name)?, text(value)?)))
        .collect();
    let variables = ActivationVariables {
        conda_prefix: value(state, "CONDA_PREFIX").map(PathBuf::from),
        path: None,
        path_modification_behavior: PathModificationBehavior::Prepend,
        current_env: current,
    };
    let result = match on {
        true => activator.activation(variables),
        false => activator.deactivation(variables),
    };
    result.ok()?.script.contents().ok()
}
