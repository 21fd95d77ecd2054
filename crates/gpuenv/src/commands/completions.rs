//! `gpuenv completions`: what a shell needs to complete gpuenv's command line.
//!
//! The scripts are made from the same definitions as the help text. Names of
//! environments and recipes are asked for when they are needed.

mod bash;
mod elvish;
mod fish;
mod hints;
mod nushell;
mod powershell;
mod zsh;

use std::path::PathBuf;

use clap::ValueEnum;
use clap_complete::{
    Generator,
    shells::{Bash, Elvish, Fish, PowerShell, Zsh},
};
use clap_complete_nushell::Nushell;
use serde_json::json;

use crate::{Failure, Outcome, Session, bringing, cli};

/// Print the script by which a shell completes gpuenv's command line
///
/// Names of environments and recipes are completed too.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  \
    gpuenv completions bash > ~/.local/share/bash-completion/completions/gpuenv\n  \
    gpuenv completions zsh > ~/.zfunc/_gpuenv          where `fpath` has `~/.zfunc`\n  \
    gpuenv completions fish > ~/.config/fish/completions/gpuenv.fish\n  \
    gpuenv completions powershell >> $PROFILE\n  \
    gpuenv completions nushell > ~/.config/nushell/autoload/gpuenv.nu\n  \
    gpuenv completions elvish > ~/.config/elvish/lib/gpuenv.elv\n  \
    gpuenv completions --output DIR                    all of them, for packagers")]
pub struct Args {
    /// The shell
    #[arg(required_unless_present = "output")]
    pub shell: Option<To>,
    /// Write the scripts of all shells into this directory, under the names that shells expect
    #[arg(long, value_name = "DIR", conflicts_with = "shell")]
    pub output: Option<PathBuf>,
    /// Write over files that exist
    #[arg(long, requires = "output")]
    pub force: bool,
}

/// A shell that can complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum To {
    /// bash
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
    /// PowerShell
    #[value(alias = "pwsh")]
    Powershell,
    /// nushell
    #[value(alias = "nu")]
    Nushell,
    /// elvish
    Elvish,
}

impl Args {
    /// Returns whether one JSON document is wanted on stdout.
    pub fn json(&self) -> bool {
        false
    }
}

/// Prints the script.
///
/// # Errors
/// Returns what keeps a file from being written.
pub fn run(args: Args, _session: &Session) -> Result<Outcome, Failure> {
    let Some(directory) = args.output else {
        let script = args.shell.map(script).unwrap_or_default();
        return Ok(Outcome::done().text(script));
    };
    let files = To::value_variants().iter();
    let files = files.map(|shell| (file_name(*shell), script(*shell)));
    let (text, written) = bringing::write_all(&directory, files.collect(), args.force)?;
    Ok(Outcome::done()
        .text(text)
        .facts(&json!({ "written": written })))
}

/// Returns the script of a shell.
pub fn script(shell: To) -> String {
    let mut command = hints::visible(&cli::definitions());
    match shell {
        To::Bash => bash::with_names(&generated(Bash, &mut command), &command),
        To::Zsh => zsh::with_names(&generated(Zsh, &mut command)),
        To::Fish => fish::with_names(&generated(Fish, &mut command), &command),
        To::Powershell => powershell::with_names(&generated(PowerShell, &mut command), &command),
        To::Nushell => nushell::with_names(&generated(Nushell, &mut command), &command),
        To::Elvish => elvish::with_names(&generated(Elvish, &mut command), &command),
    }
}

fn generated(shell: impl Generator, command: &mut clap::Command) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, command, "gpuenv", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// Returns the name under which a shell looks for the script.
fn file_name(shell: To) -> String {
    let name = match shell {
        To::Bash => "gpuenv.bash",
        To::Zsh => "_gpuenv",
        To::Fish => "gpuenv.fish",
        To::Powershell => "_gpuenv.ps1",
        To::Nushell => "gpuenv.nu",
        To::Elvish => "gpuenv.elv",
    };
    name.to_string()
}
