//! `gpuenv man`: the manual pages, made from the same definitions as the help text.

use std::path::PathBuf;

use clap::Command;
use clap_mangen::{
    Man,
    roff::{Roff, bold, roman},
};
use gpuenv_core::{Code, Diagnostic};
use serde_json::json;

use crate::{
    Failure, Outcome, Session, bringing, cli,
    env::{self, Reader},
};

/// The section of the manual that commands are in.
const SECTION: &str = "1";

/// Print a manual page, or write all of them
///
/// What is printed is for `man`: `gpuenv man | man -l -`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  \
    gpuenv man | man -l -                          the page of gpuenv\n  \
    gpuenv man lock | man -l -                     the page of a command\n  \
    gpuenv man --output ~/.local/share/man/man1    all pages, so that `man gpuenv-lock` finds them")]
pub struct Args {
    /// A command of gpuenv, in one or more words [default: gpuenv itself]
    #[arg(value_name = "COMMAND", conflicts_with = "output")]
    pub command: Vec<String>,
    /// Write all pages into this directory
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Write over files that exist
    #[arg(long, requires = "output")]
    pub force: bool,
}

impl Args {
    /// Returns whether one JSON document is wanted on stdout.
    pub fn json(&self) -> bool {
        false
    }
}

/// Prints a page, or writes all.
///
/// # Errors
/// Returns that there is no such command, or what keeps a file from being written.
pub fn run(args: Args, _session: &Session) -> Result<Outcome, Failure> {
    let pages = pages().map_err(|error| {
        Diagnostic::error(Code::BUG, "the manual pages cannot be made").cause(error)
    })?;
    if let Some(directory) = args.output {
        let (text, written) = bringing::write_all(&directory, pages, args.force)?;
        let facts = json!({ "written": written });
        return Ok(Outcome::done().text(text).facts(&facts));
    }
    let wanted = std::iter::once("gpuenv").chain(args.command.iter().map(String::as_str));
    let wanted = wanted.collect::<Vec<_>>().join("-");
    let wanted = wanted
        .strip_prefix("gpuenv-gpuenv")
        .map_or(wanted.clone(), |rest| format!("gpuenv{rest}"));
    let file = format!("{wanted}.{SECTION}");
    match pages.into_iter().find(|(name, _)| *name == file) {
        Some((_, page)) => Ok(Outcome::done().text(page)),
        None => Err(Failure::usage(format!(
            "gpuenv has no command `{}`",
            args.command.join(" ")
        ))
        .help("`gpuenv --help` shows all commands")),
    }
}

/// Returns every page with the name of its file, sorted.
///
/// # Errors
/// Never, as long as memory can be written to.
pub fn pages() -> std::io::Result<Vec<(String, String)>> {
    let mut pages = Vec::new();
    let mut open = vec![(cli::command_line(), String::from("gpuenv"))];
    while let Some((command, name)) = open.pop() {
        pages.push((format!("{name}.{SECTION}"), page(&command, &name)?));
        for child in command
            .get_subcommands()
            .filter(|child| !child.is_hide_set())
        {
            if child.get_name() != "help" {
                open.push((child.clone(), format!("{name}-{}", child.get_name())));
            }
        }
    }
    pages.sort();
    Ok(pages)
}

fn page(command: &Command, name: &str) -> std::io::Result<String> {
    let version = env!("CARGO_PKG_VERSION");
    let is_top = name == "gpuenv";
    let copy = command
        .clone()
        .name(name.to_string())
        .version(version)
        .disable_help_subcommand(true);
    let man = Man::new(copy)
        .title(name.to_uppercase())
        .section(SECTION)
        .source(format!("gpuenv {version}"))
        .manual("gpuenv");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    if command
        .get_arguments()
        .any(|argument| !argument.is_hide_set())
    {
        man.render_options_section(&mut page)?;
    }
    if command.get_subcommands().any(|child| !child.is_hide_set()) {
        man.render_subcommands_section(&mut page)?;
    }
    if command.get_after_help().is_some() || command.get_after_long_help().is_some() {
        man.render_extra_section(&mut page)?;
    }
    if is_top {
        variables().to_writer(&mut page)?;
    }
    see_also(command, name).to_writer(&mut page)?;
    Ok(ascii(&String::from_utf8_lossy(&page)))
}

/// Writes characters beyond ASCII as roff has them: not every `man` reads UTF-8.
fn ascii(page: &str) -> String {
    let mut text = String::with_capacity(page.len());
    for c in page.chars() {
        match c.is_ascii() {
            true => text.push(c),
            false => text.push_str(&format!("\\[u{:04X}]", u32::from(c))),
        }
    }
    text
}

/// Returns the section about environment variables.
fn variables() -> Roff {
    let mut roff = Roff::default();
    roff.control("SH", ["ENVIRONMENT"]);
    for variable in env::ALL {
        roff.control("TP", []);
        roff.text([bold(variable.name)]);
        let mut text = variable
            .doc
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        if let Reader::Library = variable.reader {
            text.push_str(" Read by a library inside gpuenv.");
        }
        roff.text([roman(text.replace('`', ""))]);
    }
    roff
}

fn see_also(command: &Command, name: &str) -> Roff {
    let mut names: Vec<String> = match name.rsplit_once('-') {
        // The page above this one.
        Some((above, _)) => vec![above.to_string()],
        None => Vec::new(),
    };
    let children = command
        .get_subcommands()
        .filter(|child| !child.is_hide_set());
    let children = children.filter(|child| child.get_name() != "help");
    names.extend(children.map(|child| format!("{name}-{}", child.get_name())));
    let mut roff = Roff::default();
    if names.is_empty() {
        return roff;
    }
    roff.control("SH", ["SEE ALSO"]);
    let last = names.len() - 1;
    for (index, name) in names.iter().enumerate() {
        let comma = if index < last { "," } else { "" };
        roff.text([bold(name.as_str()), roman(format!("({SECTION}){comma}"))]);
    }
    roff
}
