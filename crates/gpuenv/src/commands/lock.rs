//! `gpuenv lock`: solves a recipe for its platforms and writes the lock.

use std::path::PathBuf;

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use rattler_conda_types::Subdir;

use super::unfinished;
use crate::{Failure, Outcome, Session};

/// Solve a recipe for all its platforms and write the lock
///
/// The lock is the same on every machine: it depends on the recipe and the
/// channels, never on the machine at hand. Versions that are already locked stay
/// unless `--upgrade` names them.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  \
    gpuenv lock tf-gpu                     all platforms of the recipe\n  \
    gpuenv lock --check                    is the lock still good? asks no network\n  \
    gpuenv lock tf-gpu --upgrade           everything as new as possible\n  \
    gpuenv lock tf-gpu --upgrade numpy     only this package\n  \
    gpuenv lock --exclude-newer 2024-12-31 as if today were that day")]
pub struct Args {
    /// A recipe's name or a recipe file [default: the recipe in this directory]
    pub recipe: Option<String>,
    /// Solve only this platform; can be given more than once
    #[arg(long = "platform", value_name = "PLATFORM", value_parser = platform)]
    pub platforms: Vec<Subdir>,
    /// Say whether the lock still satisfies the recipe, without any network; exit 1 if not
    #[arg(long, conflicts_with_all = ["upgrade", "dry_run", "exclude_newer"])]
    pub check: bool,
    /// Ignore packages newer than this date (`2024-12-31`, all of that day in UTC) or timestamp
    #[arg(long, value_name = "DATE", value_parser = cutoff)]
    pub exclude_newer: Option<Timestamp>,
    /// Do not hold on to locked versions: of all packages, or of those named
    ///
    /// It takes every name that follows, so it stands behind the recipe; `--upgrade=NAME` takes one.
    #[arg(long, value_name = "NAME", num_args = 0..)]
    pub upgrade: Option<Vec<String>>,
    /// Where the lock is written [default: `gpuenv.lock` beside the recipe]
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Say what would change, write nothing
    #[arg(long)]
    pub dry_run: bool,
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

/// Locks the recipe.
///
/// # Errors
/// Returns what keeps the lock from being written.
pub fn run(_args: Args, _session: &Session) -> Result<Outcome, Failure> {
    Err(unfinished("lock"))
}

fn platform(text: &str) -> Result<Subdir, String> {
    text.parse()
        .map_err(|_| "not a conda platform, for example `linux-64` or `win-64`".to_string())
}

/// Reads the last moment that counts; a date counts to its end in UTC, so that
/// everybody cuts at the same moment.
fn cutoff(text: &str) -> Result<Timestamp, String> {
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Ok(timestamp);
    }
    text.parse::<Date>()
        .and_then(|date| date.at(23, 59, 59, 0).to_zoned(TimeZone::UTC))
        .map(|end| end.timestamp())
        .map_err(|_| {
            "not a date like `2024-12-31` or a timestamp like `2024-12-31T12:00:00Z`".to_string()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_counts_to_its_end_in_utc() {
        for (text, moment) in [
            ("2024-12-31", "2024-12-31T23:59:59Z"),
            ("2024-12-31T12:00:00Z", "2024-12-31T12:00:00Z"),
            ("2024-12-31T12:00:00+02:00", "2024-12-31T10:00:00Z"),
        ] {
            assert_eq!(cutoff(text).map(|t| t.to_string()), Ok(moment.to_string()));
        }
        for bad in ["", "soon", "2024-13-01", "2024-02-30", "31.12.2024"] {
            assert!(cutoff(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_platform_is_one_that_conda_knows() {
        assert_eq!(platform("win-64"), Ok(Subdir::Win64));
        assert!(platform("windows").is_err());
    }
}
