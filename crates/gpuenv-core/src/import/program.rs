//! Which program a command calls, behind whatever stands before it.

use super::{Command, Shell, Word};

/// What a command does to an environment.
pub(super) enum Program {
    /// conda and its relatives: the words behind the program.
    Conda(usize),
    /// pip: the words behind it.
    Pip(usize),
    /// `pixi add`, `uv add`.
    Add(usize, bool),
}

/// Finds the program of a command, behind `sudo` and the like.
pub(super) fn program(words: &[Word]) -> Option<Program> {
    let mut from = 0;
    let name = |word: &Word| {
        let name = word.text.rsplit(['/', '\\']).next().unwrap_or_default();
        name.trim_end_matches(".exe").to_ascii_lowercase()
    };
    loop {
        let word = words.get(from)?;
        let is_assignment = word.text.split_once('=').is_some_and(|(key, _)| {
            !key.is_empty()
                && key
                    .bytes()
                    .all(|b| b.is_ascii_uppercase() || b == b'_' || b.is_ascii_digit())
        });
        match name(word).as_str() {
            "sudo" | "time" | "call" | "exec" | "then" | "do" | "else" => from += 1,
            "conda" | "mamba" | "micromamba"
                if words.get(from + 1).is_some_and(|word| word.text == "run") =>
            {
                from = behind_run(words, from + 2);
            }
            _ if is_assignment => from += 1,
            _ => break,
        }
    }
    let second = words.get(from + 1).map(name).unwrap_or_default();
    let third = words.get(from + 2).map(name).unwrap_or_default();
    let first = name(&words[from]);
    match first.as_str() {
        "conda" | "mamba" | "micromamba" | "conda-mamba" => Some(Program::Conda(from + 1)),
        "uv" if second == "pip" => Some(Program::Pip(from + 2)),
        "uv" if second == "add" => Some(Program::Add(from + 2, false)),
        "pixi" if second == "add" => Some(Program::Add(from + 2, true)),
        // The launcher of Windows takes a version: `py -3.10 -m pip`.
        "py" if second.starts_with('-')
            && third == "-m"
            && words.get(from + 3).is_some_and(|word| word.text == "pip") =>
        {
            Some(Program::Pip(from + 4))
        }
        python
            if (python.starts_with("python") || python == "py")
                && second == "-m"
                && third == "pip" =>
        {
            Some(Program::Pip(from + 3))
        }
        pip if pip == "pip"
            || pip
                .strip_prefix("pip")
                .is_some_and(|rest| rest.starts_with('3')) =>
        {
            Some(Program::Pip(from + 1))
        }
        _ => None,
    }
}

/// Returns where the command of `conda run` begins.
fn behind_run(words: &[Word], from: usize) -> usize {
    let mut next = from;
    while let Some(word) = words.get(next).filter(|word| word.text.starts_with('-')) {
        let has_value = ["-n", "--name", "-p", "--prefix", "--cwd"].contains(&word.text.as_str());
        next += if has_value { 2 } else { 1 };
    }
    next
}

/// Returns the place of conda's own words, if a command is one of conda or its relatives.
pub(super) fn behind_conda(words: &[Word]) -> Option<usize> {
    match program(words)? {
        Program::Conda(from) => Some(from),
        Program::Pip(_) | Program::Add(..) => None,
    }
}

/// Returns whether a command asks for packages.
pub(super) fn installs(command: &Command) -> bool {
    if command.shell == Shell::Python {
        return false;
    }
    let verb = |from: usize| {
        let verb = command.words[from..]
            .iter()
            .find(|word| !word.text.starts_with('-'));
        verb.map(|word| word.text.as_str())
    };
    match program(&command.words) {
        Some(Program::Conda(from)) => {
            matches!(
                verb(from),
                Some("install" | "create" | "update" | "upgrade" | "env" | "config")
            )
        }
        Some(Program::Pip(from)) => matches!(verb(from), Some("install" | "sync")),
        Some(Program::Add(..)) => true,
        None => false,
    }
}
