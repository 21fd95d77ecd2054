//! `gpuenv remove`: deletes an environment.

use std::{
    io::{IsTerminal as _, stdin},
    path::Path,
};

use gpuenv_core::{Code, Diagnostic};
use gpuenv_provision::{
    install,
    prefix::{self, Found},
};

use crate::{Failure, Outcome, Session, environments::Environments, interrupt};

/// Delete an environment
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The environment's name or prefix
    #[arg(value_name = "ENV")]
    pub environment: String,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}

impl Args {
    /// Returns false: nothing to tell.
    pub fn json(&self) -> bool {
        false
    }
}

/// Deletes the environment.
///
/// # Errors
/// Returns what keeps it from being deleted.
pub fn run(args: Args, session: &Session) -> Result<Outcome, Failure> {
    let environments = Environments::below(&session.home()?);
    let prefix = environments.find(&args.environment)?;
    let found = prefix::classify(&prefix)?;
    if !matches!(found, Found::Ours(_) | Found::Damaged) {
        let message = format!(
            "`{}` {found}, so gpuenv does not delete it",
            prefix.display()
        );
        let error = Diagnostic::error(Code::INSTALL_NOT_OURS, message);
        return Err(error
            .help(format!("`conda env remove -p {}`", prefix.display()))
            .into());
    }
    if !args.yes && !confirmed(&prefix.display().to_string(), session)? {
        return Ok(Outcome::no().text("nothing is deleted\n"));
    }
    let registry = session.registry();
    let reporter = session.reporter();
    session.block_on(async {
        let cancel = interrupt::cancel_on_signal();
        install::remove(&prefix, registry.as_deref(), &*reporter, &cancel).await
    })??;
    let outcome = Outcome::done().text(format!("deleted {}\n", prefix.display()));
    // The topmost environment of the shell that runs this.
    let is_active = session.env.conda_prefix.as_ref() == Some(&prefix);
    Ok(match is_active {
        true => outcome.diagnostic(left_active(&prefix)),
        false => outcome,
    })
}

fn left_active(prefix: &Path) -> Diagnostic {
    let message = format!(
        "`{}` is active in this shell, whose variables stay as they are",
        prefix.display()
    );
    Diagnostic::warning(Code::ACTIVATION_LEFT, message)
        .help("undo a `shell-hook`: `gpuenv_deactivate`, which needs no files")
        .help("after `conda activate`, start a new shell: the scripts that undo it are deleted")
}

/// Asks whether to delete. Where nobody can answer, `--yes` must.
fn confirmed(prefix: &str, session: &Session) -> Result<bool, Failure> {
    if !stdin().is_terminal() {
        return Err(Failure::usage(format!(
            "`{prefix}` is deleted only with `--yes`, since nobody can be asked"
        )));
    }
    session.printer().tell(&format!("delete {prefix}? [y/N] "));
    let mut answer = String::new();
    stdin().read_line(&mut answer).map_err(Failure::io)?;
    Ok(matches!(
        answer.trim().to_ascii_lowercase().as_str(),
        "y" | "yes"
    ))
}
