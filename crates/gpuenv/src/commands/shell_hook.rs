//! `gpuenv shell-hook`: prints the text that activates an environment.

use gpuenv_core::{
    Code, Diagnostic,
    activation::{self, Shell},
};

use crate::{Failure, Outcome, Session, activating, environments::Environments};

/// Print the shell code that activates an environment
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  \
    eval \"$(gpuenv shell-hook tf-gpu)\"\n  \
    eval \"$(gpuenv shell-hook tf-gpu --deactivate)\"")]
pub struct Args {
    /// The environment's name or prefix
    #[arg(value_name = "ENV")]
    pub environment: String,
    /// The shell to write for [default: the one that `$SHELL` names]
    #[arg(long)]
    pub shell: Option<String>,
    /// Print the code that undoes the activation
    #[arg(long)]
    pub deactivate: bool,
}

impl Args {
    /// Returns false: stdout is shell code.
    pub fn json(&self) -> bool {
        false
    }
}

/// Prints the shell code.
///
/// # Errors
/// Returns what keeps it from being known.
pub fn run(args: Args, session: &Session) -> Result<Outcome, Failure> {
    let shell = shell(args.shell.as_deref(), session.env.shell.as_deref())?;
    let environments = Environments::below(&session.home()?);
    let activation = activating::of(&environments.find(&args.environment)?)?;
    let text = match args.deactivate {
        false => activation::shell_hook(shell, &activation),
        true => activation::shell_hook_deactivate(shell, &activation),
    };
    Ok(Outcome::done().text(text))
}

fn shell(wanted: Option<&str>, usual: Option<&str>) -> Result<Shell, Diagnostic> {
    match wanted.or(usual) {
        Some(name) => Ok(name.parse::<Shell>()?),
        None => Err(
            Diagnostic::error(Code::ACTIVATION_SHELL, "`$SHELL` does not name a shell")
                .help(format!("name it: `--shell {}`", Shell::NAMES.join("|"))),
        ),
    }
}
