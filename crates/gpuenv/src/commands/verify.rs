//! `gpuenv verify`: whether every file of an environment is what was installed.

use gpuenv_core::Code;

use crate::{Failure, Outcome, Session, environments::Environments, origin::Origin, verifying};

/// Compare every file of an environment with its packages and its lock
///
/// Reads all files, those in the package cache too. Missing, edited and swapped files, packages that another
/// tool added or removed, and gpuenv's own records are named; exit 1 if anything is damaged. Nothing is changed.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  \
    gpuenv verify tf-gpu          is it still what was installed?\n  \
    gpuenv verify ./env --json    every finding, for programs")]
pub struct Args {
    /// The environment's name or prefix
    #[arg(value_name = "ENV")]
    pub environment: String,
    /// Leave out the copies of its packages in the cache
    #[arg(long)]
    pub no_cache: bool,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

impl Args {
    /// Returns whether one JSON document is wanted on stdout.
    pub fn json(&self) -> bool {
        self.json
    }
}

/// Compares the environment.
///
/// # Errors
/// Returns what keeps it from being looked at.
pub fn run(args: Args, session: &Session) -> Result<Outcome, Failure> {
    let wanted = args.environment.as_str();
    let prefix = Environments::below(&session.home()?).find(wanted)?;
    let is_ours = verifying::is_ours(&prefix);
    let (locked, note) = match is_ours {
        false => (None, None),
        true => match Origin::of(&prefix, wanted) {
            Ok(origin) => (Some(verifying::locked(&prefix, &origin)?), None),
            // The files can be compared all the same.
            Err(Failure::Diagnosed(found)) if found[0].code == Code::VERIFY_NO_LOCK => {
                (None, found.into_iter().next())
            }
            Err(error) => return Err(error),
        },
    };
    let findings = verifying::look(&prefix, locked.as_deref(), !args.no_cache, session)?;
    let (is_sound, has_lock) = (findings.is_sound(), locked.is_some());
    let looked = verifying::looked_text(&findings);
    let outcome = match is_sound {
        true => {
            let says = match has_lock {
                true => "its lock says",
                false => "its packages say",
            };
            Outcome::done().text(format!("environment `{wanted}` is what {says}\n{looked}"))
        }
        false => Outcome::no()
            .text(verifying::text(&findings) + &looked)
            .diagnostic(verifying::damaged(wanted, &findings, has_lock)),
    };
    let facts = serde_json::json!({
        "environment": wanted,
        "prefix": prefix,
        "sound": is_sound,
        "findings": findings,
    });
    let outcome = outcome.facts(&facts);
    Ok(note.into_iter().fold(outcome, Outcome::diagnostic))
}
