//! Turns what the program knows about itself into Markdown.

use std::fmt::Write;

use clap::{Arg, Command};
use gpuenv::env::{Reader, Variable};

/// Says where a generated page comes from.
const GENERATED: &str = "<!-- Generated from the program. `GPUENV_BLESS=1 cargo test -p gpuenv --test cli` writes it anew. -->";

/// Returns the page of the command line.
pub(crate) fn command_line(root: &Command) -> String {
    let mut page = format!("# Command line\n\n{GENERATED}\n");
    write_command(&mut page, root, &[]);
    page
}

/// Returns the page of the environment variables.
pub(crate) fn environment(variables: &[Variable]) -> String {
    let mut page = format!("# Environment variables\n\n{GENERATED}\n");
    let groups = [
        (
            Reader::Gpuenv,
            "Read by gpuenv",
            "A variable that is set but empty counts as not set.",
        ),
        (
            Reader::Library,
            "Read by libraries inside gpuenv",
            "gpuenv does not look at these itself.",
        ),
    ];
    for (reader, title, note) in groups {
        write!(page, "\n## {title}\n\n{note}\n\n").expect("a string takes all");
        for variable in variables
            .iter()
            .filter(|variable| variable.reader == reader)
        {
            let doc: Vec<&str> = variable.doc.lines().map(str::trim).collect();
            writeln!(page, "- `{}`: {}", variable.name, doc.join(" ")).expect("a string takes all");
        }
    }
    page
}

fn write_command(page: &mut String, command: &Command, path: &[&str]) {
    let mut path = path.to_vec();
    path.push(command.get_name());
    let about = command.get_long_about().or(command.get_about());
    let about = about.map(ToString::to_string).unwrap_or_default();
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ");
    write!(
        page,
        "\n## `{}`\n\n{}\n\n```text\n{usage}\n```\n",
        path.join(" "),
        sentence(&about)
    )
    .expect("a string takes all");
    let children = || {
        command
            .get_subcommands()
            .filter(|c| !c.is_hide_set() && c.get_name() != "help")
    };
    if children().next().is_some() {
        page.push_str("\nCommands:\n\n");
        for child in children() {
            let about = child
                .get_about()
                .map(ToString::to_string)
                .unwrap_or_default();
            writeln!(page, "- `{}`: {about}", child.get_name()).expect("a string takes all");
        }
    }
    let is_root = path.len() == 1;
    write_arguments(page, "Arguments", command.get_positionals());
    let options = |global: bool| command.get_opts_and_flags(global && is_root, global);
    write_arguments(page, "Options", options(false).into_iter());
    if is_root {
        write_arguments(
            page,
            "Global options, which every command takes",
            options(true).into_iter(),
        );
    }
    if let Some(after) = command.get_after_help() {
        write!(page, "\n```text\n{after}\n```\n").expect("a string takes all");
    }
    for child in children() {
        write_command(page, child, &path);
    }
}

trait Options {
    fn get_opts_and_flags(&self, wanted: bool, global: bool) -> Vec<&Arg>;
}

impl Options for Command {
    fn get_opts_and_flags(&self, wanted: bool, global: bool) -> Vec<&Arg> {
        let options = self
            .get_arguments()
            .filter(|arg| !arg.is_positional() && !arg.is_hide_set());
        options
            .filter(|arg| arg.is_global_set() == global && (wanted || !global))
            .collect()
    }
}

fn write_arguments<'a>(page: &mut String, title: &str, arguments: impl Iterator<Item = &'a Arg>) {
    let lines: Vec<String> = arguments.filter_map(argument).collect();
    if !lines.is_empty() {
        write!(page, "\n{title}:\n\n{}\n", lines.join("\n")).expect("a string takes all");
    }
}

/// Returns an argument as an item of a list; `--help` and `--version` go without saying.
fn argument(argument: &Arg) -> Option<String> {
    if matches!(argument.get_id().as_str(), "help" | "version") {
        return None;
    }
    let help = argument.get_long_help().or(argument.get_help());
    let help = help.map(ToString::to_string).unwrap_or_default();
    let mut item = format!(
        "- `{}`: {}",
        form(argument),
        sentence(&help).replace("\n\n", " ")
    );
    let values: Vec<String> = argument
        .get_possible_values()
        .iter()
        .filter(|_| argument.get_action().takes_values())
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    if !values.is_empty() {
        write!(item, " One of {}.", values.join(", ")).expect("a string takes all");
    }
    let defaults = argument.get_default_values();
    if argument.get_action().takes_values() && !defaults.is_empty() {
        let defaults: Vec<String> = defaults
            .iter()
            .map(|value| format!("`{}`", value.to_string_lossy()))
            .collect();
        write!(item, " Default: {}.", defaults.join(" ")).expect("a string takes all");
    }
    Some(item)
}

/// Returns how an argument is typed.
fn form(argument: &Arg) -> String {
    // clap writes short, long and values in that order.
    let text = argument.to_string();
    match argument.get_short() {
        Some(short) if !argument.is_positional() => format!("-{short}, {text}"),
        _ => text,
    }
}

fn sentence(text: &str) -> String {
    let text = text.trim();
    let (first, rest) = text.split_once("\n\n").unwrap_or((text, ""));
    let stop = if first.ends_with(['.', ']', ':', '?']) || first.is_empty() {
        ""
    } else {
        "."
    };
    let rest = if rest.is_empty() {
        String::new()
    } else {
        format!("\n\n{rest}")
    };
    format!("{first}{stop}{rest}")
}
