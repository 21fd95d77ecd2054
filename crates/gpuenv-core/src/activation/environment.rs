//! Activation as a pure function on a set of environment variables.
//!
//! This is what `gpuenv run` gives its child, and it is the meaning of the text
//! for shells: after that text a shell has exactly these variables.
//!
//! How it is undone: the earlier value of each variable is remembered in another
//! one, as `s` and the value, or as `u` where the variable was not set. Their
//! names hold the prefix's tag and the level, so activations nest, that of one
//! environment inside itself too. Levels are conda's `CONDA_SHLVL`:
//!
//! | variable | what it holds |
//! |---|---|
//! | `GPUENV_STACK` | what `shell-hook` has activated: `TAG_LEVEL:TAG_LEVEL` |
//! | `GPUENV_USUAL_TAG_LEVEL_NAME` | what `NAME` was before a usual edit |
//! | `GPUENV_LEVELS_TAG` | levels at which the own edits are in force: `1:3` |
//! | `GPUENV_OWN_TAG_LEVEL_NAME` | what `NAME` was before an own edit |

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
};

use super::{
    Activation, Edit,
    list::{block, cut, tagged, untagged},
};

/// Environment variables and their values.
type Variables = BTreeMap<OsString, OsString>;

/// What `shell-hook` has activated.
pub(super) const STACK: &str = "GPUENV_STACK";

/// Returns the environment of a program that runs in the activated environment.
///
/// The packages' scripts are not part of this: where there are any, start the
/// program by the text of [`run_script`](super::run_script).
pub fn environment(
    activation: &Activation,
    base: &BTreeMap<OsString, OsString>,
) -> BTreeMap<OsString, OsString> {
    let mut state = State::new(activation, base);
    let below = state.level();
    let top = format!("{}_{below}", activation.tag);
    let again = state.last(STACK).is_some_and(|last| last == top.as_str())
        && state
            .value("CONDA_PREFIX")
            .is_some_and(|value| value == activation.prefix.as_str());
    let level = if again { below } else { below + 1 };
    let memory = format!("GPUENV_USUAL_{}_{level}_", activation.tag);
    if !again {
        state.push(STACK, &format!("{}_{level}", activation.tag));
        state.enter(&memory, below);
    }
    for edit in &activation.usual {
        state.apply(&memory, again, edit);
    }
    state.apply_own(activation);
    state.variables
}

/// Returns the environment after undoing the last activation.
///
/// Where that was another environment's, or none, nothing changes. A variable
/// that something else has changed since keeps its value; from a list of
/// directories only the environment's own entries go.
pub fn deactivated(
    activation: &Activation,
    active: &BTreeMap<OsString, OsString>,
) -> BTreeMap<OsString, OsString> {
    let mut state = State::new(activation, active);
    let top = state.last(STACK).and_then(|last| last.into_string().ok());
    let level = top
        .as_deref()
        .and_then(|top| top.strip_prefix(&activation.tag)?.strip_prefix('_'))
        .and_then(parse_level)
        .filter(|level| *level > 0);
    let Some(level) = level else {
        return state.variables;
    };
    state.undo_own(activation);
    let memory = format!("GPUENV_USUAL_{}_{level}_", activation.tag);
    for edit in activation.usual.iter().rev() {
        state.undo(&memory, edit);
    }
    state.leave(&memory, level);
    state.pop(STACK);
    state.variables
}

/// Returns the environment with the recipe's part carried out once more, after the
/// packages' scripts may have changed it.
pub fn own_again(
    activation: &Activation,
    active: &BTreeMap<OsString, OsString>,
) -> BTreeMap<OsString, OsString> {
    let mut state = State::new(activation, active);
    state.apply_own(activation);
    state.variables
}

/// Reads a level as the scripts do: at most four digits, no leading zero.
fn parse_level(text: &str) -> Option<u32> {
    let plain = matches!(text.len(), 1..=4)
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && (text.len() == 1 || !text.starts_with('0'));
    plain.then(|| text.parse().ok()).flatten()
}

struct State {
    variables: Variables,
    ignore_case: bool,
}

impl State {
    fn new(activation: &Activation, variables: &Variables) -> Self {
        Self {
            variables: variables.clone(),
            ignore_case: activation.platform.is_windows(),
        }
    }

    /// Returns the name under which the variable exists: `Path` on Windows, say.
    fn spelling(&self, name: &str) -> OsString {
        let same = |key: &&OsString| key.eq_ignore_ascii_case(name);
        let found = if self.ignore_case {
            self.variables.keys().find(same)
        } else {
            None
        };
        found.cloned().unwrap_or_else(|| name.into())
    }

    fn value(&self, name: &str) -> Option<&OsStr> {
        self.variables
            .get(&self.spelling(name))
            .map(OsString::as_os_str)
    }

    fn set(&mut self, name: &str, value: impl Into<OsString>) {
        let name = self.spelling(name);
        self.variables.insert(name, value.into());
    }

    fn unset(&mut self, name: &str) {
        let name = self.spelling(name);
        self.variables.remove(&name);
    }

    fn level(&self) -> u32 {
        self.value("CONDA_SHLVL")
            .and_then(OsStr::to_str)
            .and_then(parse_level)
            .filter(|level| *level < 1000)
            .unwrap_or(0)
    }

    /// Returns the last element of a list.
    fn last(&self, list: &str) -> Option<OsString> {
        let text = self.value(list)?.to_str()?;
        text.rsplit(':').next().map(OsString::from)
    }

    fn push(&mut self, list: &str, element: &str) {
        let mut text = self.value(list).unwrap_or_default().to_os_string();
        if !text.is_empty() {
            text.push(":");
        }
        text.push(element);
        self.set(list, text);
    }

    fn pop(&mut self, list: &str) {
        let text = self.value(list).and_then(OsStr::to_str).unwrap_or_default();
        match text.rsplit_once(':').map(|(rest, _)| rest.to_string()) {
            Some(rest) => self.set(list, rest),
            None => self.unset(list),
        }
    }

    /// Goes up one level, and leaves what `conda deactivate` needs to come down.
    fn enter(&mut self, memory: &str, below: u32) {
        let level = below + 1;
        self.change(memory, "CONDA_SHLVL", level.to_string().into());
        let prefix = self.value("CONDA_PREFIX").map(OsStr::to_os_string);
        if let Some(prefix) = prefix.filter(|_| below > 0) {
            self.change(memory, &format!("CONDA_PREFIX_{below}"), prefix);
            self.change(memory, &format!("CONDA_STACKED_{level}"), "true".into());
        }
    }

    /// Comes down again; `CONDA_PREFIX` is back at the lower environment's already.
    fn leave(&mut self, memory: &str, level: u32) {
        self.change_back(
            memory,
            &format!("CONDA_STACKED_{level}"),
            OsStr::new("true"),
        );
        let prefix = self
            .value("CONDA_PREFIX")
            .unwrap_or_default()
            .to_os_string();
        let below = level.saturating_sub(1);
        self.change_back(memory, &format!("CONDA_PREFIX_{below}"), &prefix);
        self.change_back(memory, "CONDA_SHLVL", OsStr::new(&level.to_string()));
    }

    fn apply_own(&mut self, activation: &Activation) {
        if activation.own.is_empty() {
            return;
        }
        let levels = format!("GPUENV_LEVELS_{}", activation.tag);
        let level = self.level().to_string();
        let again = self
            .last(&levels)
            .is_some_and(|last| last == level.as_str());
        if !again {
            self.push(&levels, &level);
        }
        let memory = format!("GPUENV_OWN_{}_{level}_", activation.tag);
        for edit in &activation.own {
            self.apply(&memory, again, edit);
        }
    }

    fn undo_own(&mut self, activation: &Activation) {
        let levels = format!("GPUENV_LEVELS_{}", activation.tag);
        let level = self.last(&levels);
        let Some(level) = level
            .as_deref()
            .and_then(OsStr::to_str)
            .and_then(parse_level)
        else {
            self.unset(&levels);
            return;
        };
        self.pop(&levels);
        let memory = format!("GPUENV_OWN_{}_{level}_", activation.tag);
        for edit in activation.own.iter().rev() {
            self.undo(&memory, edit);
        }
    }

    /// Sets a variable and remembers what it was.
    fn change(&mut self, memory: &str, name: &str, value: OsString) {
        let saved = match self.value(name) {
            Some(value) => tagged(value),
            None => "u".into(),
        };
        self.set(&format!("{memory}{name}"), saved);
        self.set(name, value);
    }

    /// Undoes a change, unless the variable is no longer what it was changed to.
    fn change_back(&mut self, memory: &str, name: &str, value: &OsStr) {
        if let Some(saved) = self.forget(memory, name)
            && self.value(name) == Some(value)
        {
            self.restore(name, &saved);
        }
    }

    fn forget(&mut self, memory: &str, name: &str) -> Option<OsString> {
        let memory = self.spelling(&format!("{memory}{name}"));
        self.variables.remove(&memory)
    }

    fn restore(&mut self, name: &str, saved: &OsStr) {
        match untagged(saved) {
            Some(value) => self.set(name, value),
            None => self.unset(name),
        }
    }

    fn apply(&mut self, memory: &str, again: bool, edit: &Edit) {
        let current = self.value(edit.name());
        match edit {
            Edit::Set { name, value } => {
                if !again || current != Some(OsStr::new(value)) {
                    self.change(memory, name, value.into());
                }
            }
            Edit::PrependPath {
                name,
                dirs,
                separator,
            } => {
                let block = block(dirs, *separator);
                let listed = current.unwrap_or_default();
                if !again || cut(listed, &block, *separator).is_none() {
                    let joined = joined(&block, *separator, listed);
                    self.change(memory, name, joined);
                }
            }
        }
    }

    fn undo(&mut self, memory: &str, edit: &Edit) {
        match edit {
            Edit::Set { name, value } => self.change_back(memory, name, OsStr::new(value)),
            Edit::PrependPath {
                name,
                dirs,
                separator,
            } => self.remove(memory, name, &block(dirs, *separator), *separator),
        }
    }

    /// Takes the block off a list: by the list's earlier value where nobody else
    /// has touched it since, else by its first occurrence.
    fn remove(&mut self, memory: &str, name: &str, block: &str, separator: char) {
        let Some(saved) = self.forget(memory, name) else {
            return;
        };
        let Some(current) = self.value(name) else {
            return;
        };
        let earlier = untagged(&saved);
        if current == joined(block, separator, earlier.as_deref().unwrap_or_default()) {
            self.restore(name, &saved);
        } else if let Some(rest) = cut(current, block, separator) {
            match rest.is_empty() && earlier.is_none() {
                true => self.unset(name),
                false => self.set(name, rest),
            }
        }
    }
}

fn joined(block: &str, separator: char, list: &OsStr) -> OsString {
    let mut joined = OsString::from(block);
    // An empty element would mean the current directory.
    if !list.is_empty() {
        joined.push(separator.encode_utf8(&mut [0; 4]));
        joined.push(list);
    }
    joined
}

#[cfg(test)]
mod tests;
