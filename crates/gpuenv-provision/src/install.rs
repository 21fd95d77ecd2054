//! Makes an environment what its lock says, or leaves everything as it was.
//!
//! All packages are fetched and checked first, then linked in a stage beside
//! the prefix, which takes the prefix's place in one step.

mod directories;
mod error;
mod ground;
mod link;
mod refused;
mod wheel_records;

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use gpuenv_core::{
    Changes, Code, Diagnostic, Event, Reporter, Solution,
    generation::{self, Action, Generation},
    layout,
};
use jiff::Timestamp;
use rattler_conda_types::MatchSpec;

pub use error::{FetchTrouble, InstallError};
pub(crate) use error::{causes, io_kind, is_about_place};
pub use ground::check_place;

use crate::{
    Access, Uv,
    cancel::Cancel,
    fetch::{self, Fetched, Fetching},
    file_lock::Waiting,
    prefix::{self, Earlier, Found, HistoryEntry, Links, Manifest, State, Wanted, generations},
    registry,
    stage::{self, Before, Site, Stage},
};

use self::ground::{Ground, check_layout, kept_names, survey};

/// Writes activation scripts and the like. It gets the directory to write into
/// and the prefix that this is going to be.
pub type Finish<'a> = dyn Fn(&Path, &Path) -> io::Result<()> + 'a;

/// What to install, and where.
pub struct Install<'a> {
    /// The prefix, absolute.
    pub prefix: &'a Path,
    /// The environment's name.
    pub name: &'a str,
    /// The recipe's name.
    pub recipe: Option<&'a str>,
    /// What it is made from; an environment of the same is left alone.
    pub wanted: Wanted<'a>,
    /// The packages.
    pub solution: &'a Solution,
    /// What the user asked for, by which conda and mamba update.
    pub requested: &'a [MatchSpec],
    /// Whether to move aside what is not ours, and to link everything anew in
    /// what is.
    pub force: bool,
    /// What to link again because it is damaged, even if nothing else is to do.
    pub repair: Option<&'a Repair>,
    /// The recipe or lock file that it is made from, if that is a file.
    pub source: Option<&'a Path>,
    /// How the new generation comes to be.
    pub action: Action,
    /// Directories that must never be moved aside, nor their parents.
    pub protected: &'a [PathBuf],
    /// conda's list of environments, if it is to be told.
    pub registry: Option<&'a Path>,
    /// Whether to stop.
    pub cancel: Cancel,
    /// Writes gpuenv's own files; they are all gone before.
    pub finish: &'a Finish<'a>,
    /// The time to note.
    pub now: Timestamp,
    /// The command line to note.
    pub command_line: &'a str,
    /// Who installs the wheels that cannot be converted.
    pub uv: Option<&'a Uv>,
}

/// What is damaged in an environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repair {
    /// The names of packages to link again.
    pub packages: BTreeSet<String>,
    /// The files of package records that must not be believed.
    pub bad_records: BTreeSet<String>,
}

/// What an install has done.
#[derive(Debug, Clone, PartialEq)]
pub struct Installed {
    /// Nothing had to be done.
    pub already_right: bool,
    /// What was done.
    pub changes: Changes,
    /// Where something that was not ours has been moved.
    pub moved_aside: Option<PathBuf>,
}

/// Returns whether no unfinished run has left anything beside a prefix.
pub fn is_settled(prefix: &Path) -> bool {
    stage::is_settled(prefix)
}

/// Makes the environment at a prefix what a lock says.
///
/// # Errors
///
/// Whatever fails, the prefix is what it was before.
pub async fn install(
    request: &Install<'_>,
    access: &Access,
    reporter: Arc<dyn Reporter>,
) -> Result<Installed, InstallError> {
    check_prefix(request.prefix)?;
    let is_settled = is_settled(request.prefix);
    if !request.is_due() && is_settled && prefix::is_right(request.prefix, &request.wanted) {
        register(request, reporter.as_ref());
        return Ok(Installed::nothing());
    }
    let site = enter(request.prefix, reporter.as_ref(), &request.cancel).await?;
    // Another gpuenv may have done the work while we waited.
    if !request.is_due() && prefix::is_right(request.prefix, &request.wanted) {
        register(request, reporter.as_ref());
        return Ok(Installed::nothing());
    }
    if let Some(keyring) = &access.wheels.keyring {
        for index in request
            .solution
            .wheels
            .iter()
            .filter_map(|wheel| wheel.index.as_ref())
        {
            keyring.learn(index, None);
        }
    }
    let ground = survey(request, &site.real)?;
    let stage = Stage::create(&site.real)?;
    let fetching = Fetching {
        access,
        scratch: &stage.work,
        reporter: &reporter,
        cancel: &request.cancel,
        // Whoever repairs no longer believes what a file looks like.
        thorough: request.repair.is_some(),
        by_uv: None,
    };
    let to_link: Vec<_> = ground.changes.to_link().collect();
    let fetched = match fetch::fetch(&to_link, &fetching).await {
        Err(InstallError::Unconvertible { wheels, .. }) => {
            let by_uv = refused::prepare(request, &wheels, &stage, access, &reporter).await?;
            let by_uv = Some(Arc::new(by_uv));
            let fetching = Fetching { by_uv, ..fetching };
            let fetched = fetch::fetch(&to_link, &fetching).await?;
            refused::tell(&wheels, reporter.as_ref());
            fetched
        }
        fetched => fetched?,
    };
    let layouts = check_layout(request, &ground, &fetched, reporter.as_ref())?;
    build(
        request, &ground, &fetched, &layouts, &stage, &site, &reporter,
    )
    .await?;
    let moved_aside = commit(request, &ground, &stage, &site)?;
    register(request, reporter.as_ref());
    Ok(Installed {
        already_right: false,
        changes: ground.changes,
        moved_aside,
    })
}

impl Install<'_> {
    /// Returns whether there is something to do even where all looks right.
    fn is_due(&self) -> bool {
        self.force || self.repair.is_some()
    }
}

impl Installed {
    fn nothing() -> Self {
        Self {
            already_right: true,
            changes: Changes::default(),
            moved_aside: None,
        }
    }
}

/// Removes an environment of gpuenv, and takes it off conda's list.
///
/// # Errors
///
/// Fails if there is none, or if what is there is not gpuenv's.
pub async fn remove(
    prefix: &Path,
    registry: Option<&Path>,
    reporter: &dyn Reporter,
    cancel: &Cancel,
) -> Result<(), InstallError> {
    check_prefix(prefix)?;
    let found = prefix::classify(prefix)?;
    if found != Found::Absent {
        let site = enter(prefix, reporter, cancel).await?;
        match prefix::classify(&site.real)? {
            Found::Ours(_) | Found::Damaged => site.remove()?,
            Found::Absent => {}
            found @ (Found::Empty
            | Found::Conda
            | Found::Foreign
            | Found::NotADirectory
            | Found::DanglingLink) => return Err(not_ours(prefix, found)),
        }
    }
    if let Some(file) = registry {
        registry::unregister(file, prefix)?;
    }
    match found {
        Found::Absent => Err(InstallError::NotFound {
            prefix: prefix.to_path_buf(),
        }),
        _ => Ok(()),
    }
}

fn not_ours(prefix: &Path, found: Found) -> InstallError {
    InstallError::NotOurs {
        prefix: prefix.to_path_buf(),
        found,
    }
}

fn check_prefix(prefix: &Path) -> Result<(), InstallError> {
    let refuse = |reason| {
        Err(InstallError::BadPrefix {
            prefix: prefix.to_path_buf(),
            reason,
        })
    };
    if !prefix.is_absolute() {
        return refuse("it is not absolute");
    }
    if prefix.file_name().is_none() {
        return refuse("it has no name");
    }
    // It is written into scripts and binaries.
    match prefix.to_str() {
        None => refuse("it is not UTF-8"),
        Some(text) if text.contains(char::is_control) => refuse("it holds a control character"),
        Some(_) => Ok(()),
    }
}

async fn enter(
    prefix: &Path,
    reporter: &dyn Reporter,
    cancel: &Cancel,
) -> Result<Site, InstallError> {
    let waiting = Waiting {
        at_most: stage::LONGEST_WAIT,
        what: &format!("`{}`", prefix.display()),
        reporter,
        cancel,
    };
    Site::enter(prefix, &waiting).await
}

/// Builds the new prefix in the stage.
async fn build(
    request: &Install<'_>,
    ground: &Ground,
    fetched: &Fetched,
    layouts: &[layout::Package],
    stage: &Stage,
    site: &Site,
    reporter: &Arc<dyn Reporter>,
) -> Result<(), InstallError> {
    stop_if_asked(request)?;
    if ground.is_update() {
        ground.tree.link_to(&site.real, &stage.prefix)?;
        let records = &ground.records;
        let moved = link::clear_way(&stage.prefix, records, &ground.changes, layouts)?;
        tell_moved(&moved, reporter.as_ref());
    }
    let installed = ground.records.packages.clone();
    link::link(
        request,
        installed,
        &ground.changes,
        fetched,
        stage,
        reporter,
    )
    .await?;
    directories::make(&stage.prefix, layouts)?;
    stop_if_asked(request)?;
    wheel_records::write(&stage.prefix, &ground.changes)?;
    let expected = link::record_names(&request.solution.records);
    let packages = prefix::record_names(&stage.prefix)
        .map_err(|error| InstallError::io("read", &stage.prefix, error))?;
    if packages != expected {
        return Err(InstallError::Link {
            what: "the result is not what the lock says".to_string(),
            causes: vec![format!(
                "{} packages are there instead of {}",
                packages.len(),
                expected.len()
            )],
        });
    }
    let links = fetched.links(layouts);
    finish(request, ground, stage, site, (packages, links))
}

/// Tells what was in the way of packages, and what it is called now.
fn tell_moved(moved: &[(PathBuf, PathBuf)], reporter: &dyn Reporter) {
    for (from, to) in moved {
        let (from, to) = (from.display(), to.display());
        let message = format!("`{from}` was in the way of a package, and is now `{to}`");
        let diagnostic = Diagnostic::note(Code::REPAIR_LEFT, message);
        reporter.report(Event::Diagnosed { diagnostic });
    }
}

/// Writes everything that is gpuenv's own.
fn finish(
    request: &Install<'_>,
    ground: &Ground,
    stage: &Stage,
    site: &Site,
    (packages, links): (Vec<String>, Links),
) -> Result<(), InstallError> {
    (request.finish)(&stage.prefix, request.prefix)
        .map_err(|error| InstallError::io("write into", &stage.prefix, error))?;
    let specs: Vec<String> = request.requested.iter().map(ToString::to_string).collect();
    let entry = HistoryEntry {
        at: request.now,
        command_line: request.command_line,
        changes: &ground.changes,
        specs: &specs,
    };
    let old = ground.is_update().then_some(site.real.as_path());
    entry.append(old, &stage.prefix)?;
    let lock = stage.prefix.join(prefix::LOCK);
    prefix::write_new(&lock, request.wanted.lock_text.as_bytes())?;
    prefix::share_records(&stage.prefix, &packages)?;
    append_generation(request, ground, stage, site, packages.len())?;
    let kept = kept_names(&ground.changes);
    let earlier = ground.manifest.as_ref().map(|manifest| Earlier {
        prefix: &site.real,
        manifest,
        kept: &kept,
    });
    let manifest = Manifest::of(&stage.prefix, &packages, links, earlier.as_ref())?;
    let Install {
        name,
        recipe,
        wanted,
        now,
        ..
    } = request;
    let state = State {
        files_sha256: Some(manifest.write(&stage.prefix)?),
        source: request.source.map(Path::to_path_buf),
        ..State::new(name, *recipe, request.prefix, wanted, packages, *now)
    };
    prefix::write_state(&stage.prefix, &state)
}

fn append_generation(
    request: &Install<'_>,
    ground: &Ground,
    stage: &Stage,
    site: &Site,
    packages: usize,
) -> Result<(), InstallError> {
    let wanted = &request.wanted;
    let newest = Generation {
        command: request.command_line.to_string(),
        platform: wanted.platform.to_string(),
        activation: wanted.activation.clone(),
        recipe: request.recipe.map(str::to_string),
        recipe_text: wanted.recipe_text.map(str::to_string),
        is_only_text: stage.prefix.join(prefix::RECIPE).exists(),
        packages,
        changes: generation::lines(&ground.changes),
        ..Generation::new(wanted.lock_text, request.action, request.now)
    };
    let before = ground
        .is_update()
        .then_some((site.real.as_path(), &ground.found));
    generations::append(&stage.prefix, newest, before)
}

fn stop_if_asked(request: &Install<'_>) -> Result<(), InstallError> {
    match request.cancel.is_asked() {
        true => Err(InstallError::Interrupted),
        false => Ok(()),
    }
}

/// Puts the new prefix into its place; returns where something else was moved.
fn commit(
    request: &Install<'_>,
    ground: &Ground,
    stage: &Stage,
    site: &Site,
) -> Result<Option<PathBuf>, InstallError> {
    stop_if_asked(request)?;
    let before = match &ground.found {
        Found::Absent | Found::Empty | Found::Ours(_) | Found::Damaged => stage.commit()?,
        Found::Conda | Found::Foreign | Found::NotADirectory | Found::DanglingLink => {
            stage.commit_aside()?
        }
    };
    match before {
        Before::Absent => Ok(None),
        Before::MovedAside(aside) => Ok(Some(aside)),
        Before::Replaced(old) => {
            if let Err(error) = link::bring_news(&ground.tree, &old, &site.real) {
                tracing::warn!("what was written meanwhile is lost: {error}");
            }
            Ok(None)
        }
    }
}

/// Adds the prefix to conda's list. An environment is none the worse without.
fn register(request: &Install<'_>, reporter: &dyn Reporter) {
    let Some(file) = request.registry else {
        return;
    };
    if let Err(error) = registry::register(file, request.prefix) {
        let message = format!("conda does not know of `{}`", request.prefix.display());
        let diagnostic = Diagnostic::warning(Code::INSTALL_IO, message).caused_by(&error);
        reporter.report(Event::Diagnosed { diagnostic });
    }
}

#[cfg(test)]
mod tests;
