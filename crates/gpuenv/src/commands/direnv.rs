//! `gpuenv direnv`: prints an `.envrc`.

use gpuenv_core::{Diagnostic, activation};

use crate::{Failure, Outcome, Session, activating, env, environments::Environments};

/// Print an `.envrc` by which direnv activates an environment in a directory
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Example:\n  gpuenv direnv tf-gpu >.envrc && direnv allow")]
pub struct Args {
    /// The environment's name or prefix
    #[arg(value_name = "ENV")]
    pub environment: String,
}

impl Args {
    /// Returns false: stdout is shell code.
    pub fn json(&self) -> bool {
        false
    }
}

/// Prints the file.
///
/// # Errors
/// Returns that there is no such environment, or GE609 on Windows.
pub fn run(args: Args, session: &Session) -> Result<Outcome, Failure> {
    let prefix = Environments::below(&session.home()?).find(&args.environment)?;
    let text =
        activation::direnv(&activating::of(&prefix)?, &env::program()).map_err(Diagnostic::from)?;
    Ok(Outcome::done().text(text))
}
