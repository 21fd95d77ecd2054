//! `gpuenv activate`: what the program itself says to that.

use crate::{Failure, Outcome, Session};

/// Activate an environment in this shell, once `gpuenv init SHELL` has been run
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The environment's name or prefix
    #[arg(value_name = "ENV")]
    pub environment: String,
}

impl Args {
    /// Returns false: there is nothing to tell.
    pub fn json(&self) -> bool {
        false
    }
}

/// Says what is missing: no program can change the shell that has started it.
///
/// # Errors
/// Always.
pub fn run(_args: Args, _session: &Session) -> Result<Outcome, Failure> {
    Err(
        Failure::usage("this shell does not know `gpuenv activate` yet")
            .help("teach it: `gpuenv init SHELL`, then start a new one")
            .help(match cfg!(windows) {
                true => {
                    "or once, in PowerShell: \
                     `gpuenv shell-hook ENV --shell powershell | Out-String | Invoke-Expression`"
                }
                false => "or once: `eval \"$(gpuenv shell-hook ENV)\"`",
            })
            .help("or a new shell in the environment: `gpuenv shell ENV`"),
    )
}
