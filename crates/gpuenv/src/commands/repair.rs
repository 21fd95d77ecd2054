//! `gpuenv repair`: makes an environment again what its lock says.

use std::{fmt::Write as _, path::Path};

use gpuenv_core::{
    Changes, Code, Diagnostic,
    integrity::{FileFault, Findings},
    solution,
};
use gpuenv_provision::{install::Repair, registry};
use rattler_conda_types::RepoDataRecord;
use serde_json::json;

use crate::{
    Failure, Outcome, Session, activating,
    deciding::Deciding,
    environments::Environments,
    installing::{How, Installing},
    lockfile,
    origin::Origin,
    ready, verifying,
    word::word,
};

/// Mend an environment: make it again what its lock says
///
/// Links again what is damaged, brings back what is missing and removes packages that the lock does not name. What
/// is damaged in the package cache is downloaded again first. Files of no package stay.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The environment's name or prefix
    #[arg(value_name = "ENV")]
    pub environment: String,
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

/// Mends the environment.
///
/// # Errors
/// Returns what keeps it from being mended.
pub fn run(args: Args, session: &Session) -> Result<Outcome, Failure> {
    let wanted = args.environment.as_str();
    let environments = Environments::below(&session.home()?);
    let prefix = environments.find(wanted)?;
    let origin = Origin::of(&prefix, wanted)?;
    let locked = verifying::locked(&prefix, &origin)?;
    let before = verifying::look(&prefix, Some(&locked), true, session)?;
    if before.is_sound() {
        let facts = json!({ "prefix": prefix, "was_sound": true, "sound": true, "before": before });
        let text = format!("environment `{wanted}` is what its lock says; nothing to mend\n");
        return Ok(Outcome::done().text(text).facts(&facts));
    }
    refuse_outside(&prefix, wanted, &before)?;
    let file = origin.lock(&prefix)?;
    let platform = activating::platform(&prefix)?;
    let command = lockfile::create_command("FILE.lock");
    let deciding = Deciding::stays(activating::made_as(&prefix));
    let decided = deciding.decide(&file.lock, (wanted, &command), platform, session)?;
    let ready = ready::of_lock(file, decided, None)?;
    let repair = Repair {
        packages: before.to_relink(),
        bad_records: before.bad_records(),
    };
    let installed = Installing {
        prefix: &prefix,
        name: &origin.name,
        recipe: origin.recipe.as_deref(),
        recipe_text: origin.recipe_text.as_deref(),
        only_text: origin.only_text(),
        source: origin.source.as_deref(),
        ready: &ready,
        how: How::Repair(&repair),
    }
    .install(session)?;
    let after = verifying::look(&prefix, Some(&locked), true, session)?;
    let mut text = text(wanted, &prefix, &installed.changes);
    let facts = json!({
        "prefix": prefix,
        "was_sound": false,
        "sound": after.is_sound(),
        "before": before,
        "after": after,
    });
    let shared = shared(&prefix, &before, &locked, &environments, session);
    let outcome = match after.is_sound() {
        true => Outcome::done(),
        false => {
            text.push_str(&verifying::text(&after));
            Outcome::no().diagnostic(left(wanted, &after))
        }
    };
    let outcome = outcome.text(text).facts(&facts);
    Ok(shared.into_iter().fold(outcome, Outcome::diagnostic))
}

/// Refuses to write through a link that leads out of the environment.
fn refuse_outside(prefix: &Path, wanted: &str, findings: &Findings) -> Result<(), Diagnostic> {
    let outside = |fault: &FileFault| *fault == FileFault::LeadsOutside;
    let Some(file) = findings.files.iter().find(|file| outside(&file.fault)) else {
        return Ok(());
    };
    let path = Path::new(&file.path);
    let ways = path.ancestors().skip(1).map(|way| prefix.join(way));
    let link = ways
        .filter(|way| way != prefix && way.is_symlink())
        .last()
        .unwrap_or_else(|| prefix.join(path));
    let message = format!(
        "`{}` is a link that leads out of the environment",
        link.display()
    );
    Err(Diagnostic::error(Code::REPAIR_LEFT, message)
        .cause("its files would be written there, where they may be somebody else's")
        .help(format!(
            "take the link away: `rm {}`, then `gpuenv repair {}`",
            word(&link.to_string_lossy()),
            word(wanted)
        )))
}

fn left(wanted: &str, after: &Findings) -> Diagnostic {
    let message = format!("environment `{wanted}` is still not what its lock says");
    Diagnostic::error(Code::REPAIR_LEFT, message)
        .cause(format!("damaged: {}", after.summary()))
        .help("something changes it at the same time, or the disk is failing")
        .help(format!(
            "link every file anew: `gpuenv create RECIPE --force`, or look again: `gpuenv verify {}`",
            word(wanted)
        ))
}

fn text(wanted: &str, prefix: &Path, changes: &Changes) -> String {
    let mut text = format!("environment `{wanted}` is mended\n");
    let mut line = |what: &str, record: &RepoDataRecord| {
        let _ = writeln!(text, "  {what} {}", solution::label(record));
    };
    for change in &changes.relink {
        line("linked again:", &change.new);
    }
    for record in &changes.add {
        line("brought back:", record);
    }
    for change in &changes.change {
        line("brought back:", &change.new);
    }
    for record in &changes.remove {
        line("removed, because the lock does not name it:", record);
    }
    if changes.is_empty() {
        text.push_str("  written anew: gpuenv's own files\n");
    }
    let _ = writeln!(text, "prefix: {}", prefix.display());
    text
}

/// Names the other environments with the same packages. What was edited in place
/// was edited in all of them, because they share their files.
fn shared(
    prefix: &Path,
    before: &Findings,
    locked: &[RepoDataRecord],
    environments: &Environments,
    session: &Session,
) -> Option<Diagnostic> {
    let edited = before.files.iter().filter(|file| {
        matches!(
            file.fault,
            FileFault::OtherContent | FileFault::OtherSize { .. }
        )
    });
    let mut names: Vec<&str> = edited.filter_map(|file| file.package.as_deref()).collect();
    names.extend(before.cache.iter().map(|copy| copy.name.as_str()));
    let records: Vec<String> = locked
        .iter()
        .map(|record| &record.package_record)
        .filter(|package| names.contains(&package.name.as_normalized()))
        .map(|package| {
            let name = package.name.as_normalized();
            format!(
                "conda-meta/{name}-{}-{}.json",
                package.version, package.build
            )
        })
        .collect();
    let named = environments.names();
    let named = named
        .iter()
        .map(|name| (name.clone(), environments.folder.join(name)));
    let registered = session.registry().map(|file| registry::list(&file));
    let registered = registered.into_iter().flatten().flatten();
    let registered = registered.map(|path| (path.display().to_string(), path));
    let mut others: Vec<String> = named
        .chain(registered)
        .filter(|(_, other)| {
            other != prefix && records.iter().any(|record| other.join(record).exists())
        })
        .filter(|(name, other)| !other.starts_with(&environments.folder) || !name.contains('/'))
        .map(|(name, _)| name)
        .collect();
    others.sort();
    others.dedup();
    let first = others.first()?;
    let message = "other environments have the same packages, and may share what was edited";
    let note = Diagnostic::warning(Code::REPAIR_SHARED, message)
        .cause(format!("they are `{}`", others.join("`, `")));
    Some(note.help(format!("look at them too: `gpuenv verify {}`", word(first))))
}
