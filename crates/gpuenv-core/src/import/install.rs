//! `conda install …` and `pip install …`, as people paste them.

use rattler_conda_types::Subdir;

use super::{
    At, Command, Shell, WheelLine, Word, commands, environments,
    listed::Listed,
    pip,
    program::{Program, program},
    reading::Reading,
    requirements,
    variables::{conda_variables, variable},
};
use crate::{Code, Diagnostic};

/// Options of conda that take a value and change nothing here.
const CONDA_VALUES: [&str; 9] = [
    "--solver",
    "--experimental-solver",
    "--repodata-fn",
    "--rc-file",
    "--root-prefix",
    "-r",
    "--console",
    "--experimental",
    "--pinned-packages",
];
/// Options of pip that take a value and change nothing here.
const PIP_VALUES: [&str; 12] = [
    "--trusted-host",
    "--timeout",
    "--retries",
    "--proxy",
    "--cert",
    "--cache-dir",
    "--log",
    "--progress-bar",
    "--upgrade-strategy",
    "--no-binary",
    "--only-binary",
    "--python",
];

/// Reads command lines; of several environments the one that is named, else the first.
pub(super) fn read(reading: &mut Reading<'_>, environment: Option<&str>) {
    let commands = commands(reading.texts.main(), 0);
    let Some(wanted) = environment else {
        return read_commands(reading, &commands);
    };
    let all = environments(&commands);
    let is_it = |listed: &&Listed| listed.name.as_ref().is_some_and(|(name, _)| name == wanted);
    match all.iter().find(is_it) {
        Some(listed) => read_commands(reading, &listed.commands),
        None => {
            let names = all.iter().filter_map(|listed| listed.name.as_ref());
            let names: Vec<&str> = names.map(|(name, _)| name.as_str()).collect();
            let help = match names.is_empty() {
                true => "the lines name none: leave `--environment` out".to_string(),
                false => format!("name one with `--environment`: {}", names.join(", ")),
            };
            let reason = "no line is for an environment of that name";
            reading.bad_entry(At::default(), wanted, reason, &help);
        }
    }
}

/// Takes what commands ask for.
pub(super) fn read_commands(reading: &mut Reading<'_>, commands: &[Command]) {
    reading.adds_defaults = true;
    let mut other: Option<String> = None;
    let mut left_out: Option<At> = None;
    for command in commands {
        let took = take(reading, command, &mut other);
        match (took, left_out) {
            (true, Some(at)) => {
                report(reading, at);
                left_out = None;
            }
            (true, None) => {}
            (false, None) => left_out = Some(command.at),
            // A run of such lines is told once.
            (false, Some(at)) => {
                left_out = Some(At {
                    end: command.at.end,
                    ..at
                });
            }
        }
        hint_platform(reading, command);
    }
    if let Some(at) = left_out {
        report(reading, at);
    }
}

/// Tells that lines are no installs.
fn report(reading: &mut Reading<'_>, at: At) {
    let lines = reading.texts.slice(at).matches('\n').count();
    let first = reading.first_line(at);
    let message = match lines {
        0 => format!("`{first}` installs nothing, and is left out"),
        1 => format!("`{first}` and the line below it install nothing, and are left out"),
        more => {
            format!("`{first}` and the {more} lines below it install nothing, and are left out")
        }
    };
    let place = reading.texts.place(at);
    reading.note(Diagnostic::note(Code::IMPORT_NO_COUNTERPART, message).at(place));
}

/// The prompts of Windows say where the lines are meant to run.
fn hint_platform(reading: &mut Reading<'_>, command: &Command) {
    let is_windows = matches!(command.shell, Shell::Pwsh | Shell::Cmd);
    if is_windows && reading.imported.platforms.is_empty() {
        reading.imported.platforms.push(Subdir::Win64);
    }
}

/// Takes what a command asks for; false if that is nothing.
fn take(reading: &mut Reading<'_>, command: &Command, other: &mut Option<String>) -> bool {
    if command.shell == Shell::Python {
        return false;
    }
    if variable(reading, command) {
        return true;
    }
    match program(&command.words) {
        Some(Program::Conda(from)) => conda(reading, &command.words[from..], other),
        Some(_) if other.is_some() => true,
        Some(Program::Pip(from)) => pip_install(reading, &command.words[from..]),
        Some(Program::Add(from, is_conda)) => add(reading, &command.words[from..], is_conda),
        None => false,
    }
}

/// Returns the value of an option: behind `=`, or the next word.
pub(super) fn value<'w>(
    word: &'w Word,
    rest: &mut std::slice::Iter<'w, Word>,
) -> Option<(&'w str, At)> {
    match word.text.split_once('=') {
        Some((_, value)) if word.text.starts_with("--") => Some((value, word.at)),
        _ => rest.next().map(|word| (word.text.as_str(), word.at)),
    }
}

/// Returns an option without the value behind `=`.
pub(super) fn option_name(text: &str) -> &str {
    match text.starts_with("--") {
        true => text.split('=').next().unwrap_or(text),
        false => text,
    }
}

/// Takes a command of conda.
fn conda(reading: &mut Reading<'_>, words: &[Word], other: &mut Option<String>) -> bool {
    let Some(verb) = words.first() else {
        return false;
    };
    match verb.text.as_str() {
        "install" | "create" | "update" | "upgrade" => {}
        "env" if words.get(1).is_some_and(|word| word.text == "config") => {
            return conda_variables(reading, &words[2..]);
        }
        "env" if matches!(words.get(1), Some(w) if w.text == "create" || w.text == "update") => {
            let file = words
                .iter()
                .skip(2)
                .find(|w| w.text.ends_with(".yml") || w.text.ends_with(".yaml"));
            if let Some(file) = file {
                let message = format!("`{}` is not read here", file.text);
                let help = format!("name that file: `gpuenv import {}`", file.text);
                reading.lost(file.at, message, &help);
            }
            return true;
        }
        "config" => return conda_config(reading, &words[1..]),
        _ => return false,
    }
    let is_create = verb.text == "create";
    let mut specs = Vec::new();
    let mut channels = Vec::new();
    let mut is_base = false;
    let mut rest = words[1..].iter();
    while let Some(word) = rest.next() {
        match option_name(&word.text) {
            "-c" | "--channel" => {
                if let Some((name, at)) = value(word, &mut rest) {
                    channels.push((name.to_string(), at));
                }
            }
            "-n" | "--name" => {
                match value(word, &mut rest) {
                    // What tutorials put there looks after conda itself.
                    Some(("base", at)) => {
                        is_base = true;
                        let message = "`base` is the environment of conda itself, and is left out";
                        reading.lost(at, message, "");
                    }
                    Some((name, at)) => named(reading, name, at, is_create, other),
                    None => {}
                }
            }
            "-p" | "--prefix" => {
                let _ = value(word, &mut rest);
            }
            "--clone" => {
                if let Some((name, at)) = value(word, &mut rest) {
                    let message =
                        format!("the environment `{name}` that is cloned is not read here");
                    let help = "write it out: `conda list --explicit --md5 > explicit.txt` in it, then `gpuenv import explicit.txt`";
                    reading.lost(at, message, help);
                }
            }
            "--platform" | "--subdir" => {
                let platform: Option<Subdir> =
                    value(word, &mut rest).and_then(|(text, _)| text.parse().ok());
                reading.imported.platforms.extend(platform);
            }
            "--override-channels" => reading.adds_defaults = false,
            "-f" | "--file" => {
                if let Some((file, at)) = value(word, &mut rest) {
                    let message = format!("`{file}` is not read here");
                    let help = format!("name that file: `gpuenv import {file}`");
                    reading.lost(at, message, &help);
                }
            }
            option if CONDA_VALUES.contains(&option) => {
                let _ = value(word, &mut rest);
            }
            option if option.starts_with('-') && option.len() > 1 => {
                // `-cconda-forge` and `-nname` are written too.
                if let Some(name) = option
                    .strip_prefix("-c")
                    .filter(|_| !option.starts_with("--"))
                {
                    channels.push((name.to_string(), word.at));
                }
            }
            _ => specs.push(word),
        }
    }
    if other.is_some() || is_base {
        return true;
    }
    for (name, at) in channels {
        reading.channel(&name, None, at);
    }
    let mut words = specs.into_iter().peekable();
    while let Some(word) = words.next() {
        let (text, at) = joined(word, &mut words);
        note_redirection(reading, word);
        reading.package(&text, None, at);
    }
    true
}

/// Joins `python = 3.10` and `"cudnn >= 8"` that were written in several words.
fn joined<'w>(
    word: &'w Word,
    words: &mut std::iter::Peekable<impl Iterator<Item = &'w Word>>,
) -> (String, At) {
    let mut text = word.text.clone();
    let mut at = word.at;
    let is_operator = |text: &str| text.starts_with(['=', '<', '>', '!', '~']);
    while let Some(next) = words.peek() {
        let goes_on = is_operator(&next.text) || text.ends_with(['=', '<', '>', ',']);
        if !goes_on || next.is_quoted || word.is_quoted {
            break;
        }
        text.push_str(&next.text);
        at.end = next.at.end;
        words.next();
    }
    (text, at)
}

/// Takes the name of an environment; a second one is another environment.
fn named(
    reading: &mut Reading<'_>,
    name: &str,
    at: At,
    is_create: bool,
    other: &mut Option<String>,
) {
    let found = &reading.imported;
    let has_some = !found.packages.is_empty() || !found.wheels.is_empty();
    match &found.name {
        None => reading.imported.name = Some(name.to_string()),
        Some(known) if known == name => *other = None,
        Some(_) if is_create && !has_some => reading.imported.name = Some(name.to_string()),
        Some(known) => {
            let message =
                format!("`{name}` is another environment than `{known}`, and is left out");
            let help = format!("import it by itself: add `--environment {name}`");
            reading.lost(at, message, &help);
            *other = Some(name.to_string());
        }
    }
}

/// `conda config --add channels conda-forge`.
fn conda_config(reading: &mut Reading<'_>, words: &[Word]) -> bool {
    let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    match texts.as_slice() {
        ["--add" | "--append" | "--prepend", "channels", name, ..] => {
            let name = (*name).to_string();
            reading.channel(&name, None, words[2].at);
            true
        }
        // Strict priority is how gpuenv solves always.
        ["--set", "channel_priority", ..] => true,
        _ => false,
    }
}

/// Takes `pip install …`.
fn pip_install(reading: &mut Reading<'_>, words: &[Word]) -> bool {
    let verb = words.iter().position(|word| !word.text.starts_with('-'));
    let Some(verb) = verb.filter(|at| matches!(words[*at].text.as_str(), "install" | "sync"))
    else {
        return false;
    };
    let mut rest = words[verb + 1..].iter();
    let mut seen = Vec::new();
    let mut constraints = Vec::new();
    while let Some(word) = rest.next() {
        let name = option_name(&word.text);
        match name {
            "-r" | "--requirement" | "-c" | "--constraint" | "-e" | "--editable" | "-i" | "--index-url"
            | "--extra-index-url" | "-f" | "--find-links" => {
                let Some((value, at)) = value(word, &mut rest) else {
                    continue;
                };
                let line = format!("{name} {value}");
                requirements::entry(reading, &line, "", at, &mut seen, &mut constraints);
            }
            option if PIP_VALUES.contains(&option) => {
                let _ = value(word, &mut rest);
            }
            "--pre" => reading.lost(
                word.at,
                "`--pre` is left out: gpuenv takes a pre-release only where the requirement names one",
                "write `name>=2.0rc1`",
            ),
            "-t" | "--target" | "--prefix" | "--root" => {
                let _ = value(word, &mut rest);
                let message = format!("`{name}` is left out: packages go into the environment");
                reading.lost(word.at, message, "");
            }
            "--user" => {
                let place = reading.texts.place(word.at);
                reading.note(
                    Diagnostic::warning(Code::LINT_USER, "`--user` is left out: it installs outside of the environment")
                        .at(place),
                );
            }
            option if option.starts_with('-') => {}
            "pip" | "setuptools" | "wheel" if is_upgrade_only(words) => {}
            text => {
                note_redirection(reading, word);
                let line = WheelLine::plain(text);
                // The whole word: `option_name` cut nothing off, since it begins with no `--`.
                pip::requirement(reading, line, None, word.at);
            }
        }
    }
    true
}

/// `pip install --upgrade pip` prepares pip, and asks for no package.
fn is_upgrade_only(words: &[Word]) -> bool {
    words
        .iter()
        .any(|word| matches!(word.text.as_str(), "-U" | "--upgrade"))
}

/// `pixi add` and `uv add`.
fn add(reading: &mut Reading<'_>, words: &[Word], is_conda: bool) -> bool {
    let is_conda = is_conda && !words.iter().any(|word| word.text == "--pypi");
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        match option_name(&word.text) {
            "--feature" | "-f" | "--platform" | "-p" | "--manifest-path" => {
                let _ = value(word, &mut rest);
            }
            option if option.starts_with('-') => {}
            text if is_conda => reading.package(text, None, word.at),
            text => {
                let line = WheelLine::plain(text);
                pip::requirement(reading, line, None, word.at);
            }
        }
    }
    true
}

/// A `<` without quotes is a redirection to every shell.
fn note_redirection(reading: &mut Reading<'_>, word: &Word) {
    if word.is_quoted || !word.text.contains(['<', '>']) {
        return;
    }
    let place = reading.texts.place(word.at);
    reading.note(
        Diagnostic::warning(
            Code::LINT_REDIRECTION,
            format!("`{}` is read as a version, and a shell would read its `<` or `>` as the name of a file", word.text),
        )
        .at(place)
        .help(format!("write it with quotes: `\"{}\"`", word.text)),
    );
}
