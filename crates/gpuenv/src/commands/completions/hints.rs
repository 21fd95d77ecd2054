//! Which arguments are names of environments or recipes.

use clap::{Arg, Command, ValueHint};

/// What an argument names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// An environment.
    Environments,
    /// A recipe.
    Recipes,
}

impl Names {
    /// Returns how `gpuenv __names` calls them.
    pub(super) fn word(self) -> &'static str {
        match self {
            Names::Environments => "environments",
            Names::Recipes => "recipes",
        }
    }

    /// Returns a hint that none of our arguments has for another reason: the
    /// generator carries it to the place in the script.
    fn hint(self) -> ValueHint {
        match self {
            Names::Environments => ValueHint::Hostname,
            Names::Recipes => ValueHint::EmailAddress,
        }
    }
}

/// Returns what an argument names, by the word that stands for it in the help text.
pub(super) fn of(argument: &Arg) -> Option<Names> {
    let names = argument.get_value_names()?;
    let name = names.first()?.as_str();
    match name {
        "ENV" | "SOURCE" | "FIRST" | "SECOND" => Some(Names::Environments),
        name if name.split('|').any(|one| one == "RECIPE") => Some(Names::Recipes),
        _ => None,
    }
}

/// A positional argument that names something: the words of its command, how many
/// arguments stand before it, and what it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) command: Vec<String>,
    pub(super) id: String,
    pub(super) before: usize,
    pub(super) names: Names,
}

impl Position {
    /// Returns the pattern of the words before the argument, as the generated scripts of
    /// PowerShell and elvish join them.
    pub(super) fn pattern(&self) -> String {
        let command = self.command.join(";");
        format!("^gpuenv;{command}(;[^;]+){{{}}}$", self.before)
    }
}

/// Returns every positional argument that names something.
pub(super) fn positions(command: &Command) -> Vec<Position> {
    let mut found = Vec::new();
    let mut open: Vec<(Vec<String>, &Command)> = vec![(Vec::new(), command)];
    while let Some((words, command)) = open.pop() {
        for (before, argument) in command.get_positionals().enumerate() {
            if let Some(names) = of(argument) {
                found.push(Position {
                    command: words.clone(),
                    id: argument.get_id().to_string(),
                    before,
                    names,
                });
            }
        }
        for child in command.get_subcommands() {
            let words = [words.as_slice(), &[child.get_name().to_string()]].concat();
            open.push((words, child));
        }
    }
    found.sort_by(|a, b| (&a.command, a.before).cmp(&(&b.command, b.before)));
    found
}

/// Returns every option that takes a value, as it is typed.
pub(super) fn options_with_values(command: &Command) -> Vec<String> {
    let mut options = Vec::new();
    let mut open = vec![command];
    while let Some(command) = open.pop() {
        for argument in command.get_opts().filter(|a| a.get_action().takes_values()) {
            options.extend(argument.get_long().map(|long| format!("--{long}")));
            options.extend(argument.get_short().map(|short| format!("-{short}")));
        }
        open.extend(command.get_subcommands());
    }
    options.sort();
    options.dedup();
    options
}

/// Returns the command without what is hidden, each name marked by its hint.
pub(super) fn visible(command: &Command) -> Command {
    let arguments = command.get_arguments().filter(|a| !a.is_hide_set());
    let arguments = arguments.map(|argument| match of(argument) {
        Some(names) => argument.clone().value_hint(names.hint()),
        None => argument.clone(),
    });
    let children = command.get_subcommands().filter(|c| !c.is_hide_set());
    let mut copy = Command::new(command.get_name().to_string())
        .args(arguments)
        .subcommands(children.map(visible));
    if let Some(about) = command.get_about() {
        copy = copy.about(about.clone());
    }
    if let Some(version) = command.get_version() {
        copy = copy.version(version.to_string());
    }
    copy
}
