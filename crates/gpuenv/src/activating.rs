//! The activation of an environment that is there.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

use fs_err as fs;
use gpuenv_core::{
    Code, Diagnostic, Event,
    activation::{self, Activation},
    lock::{self, PlatformSettings},
    plan::{ActivationSettings, Gpu, LibraryPath},
};
use gpuenv_provision::{activate, scripts};
use rattler_conda_types::Subdir;

use crate::{Session, creating};

/// Where an environment keeps the lock that it was made from.
pub const KEPT_LOCK: &str = "conda-meta/gpuenv.lock";

/// Where an environment keeps the recipe that was made of packages on the command line.
pub const KEPT_RECIPE: &str = "conda-meta/gpuenv.yaml";

/// Reads the activation of the environment at a prefix.
///
/// An environment that another tool made is activated as that tool would.
///
/// # Errors
/// GE404 if its lock is damaged, GE513 if it cannot be read, GE524 if it is for
/// another system, GE603 if it cannot be activated.
pub fn of(prefix: &Path) -> Result<Activation, Diagnostic> {
    let (platform, settings) = settings(prefix)?;
    require_here(prefix, platform)?;
    let mut facts = activate::facts(prefix, platform).map_err(unreadable)?;
    facts.needs_wsl_driver = platform.is_linux() && activate::needs_wsl_driver(Path::new("/"));
    let text = prefix.to_string_lossy();
    Ok(activation::activation(&text, &settings, &facts)?)
}

fn unreadable(error: std::io::Error) -> Diagnostic {
    Diagnostic::error(Code::INSTALL_IO, "the environment cannot be read").cause(error)
}

/// Refuses an environment whose programs this system cannot start.
fn require_here(prefix: &Path, platform: Subdir) -> Result<(), Diagnostic> {
    let system = |platform: Subdir| (platform.is_windows(), platform.is_linux());
    match Subdir::current() {
        Some(here) if system(here) != system(platform) => {
            let label = prefix.display();
            let message = format!("`{label}` is an environment for {platform}, and this is {here}");
            Err(Diagnostic::error(Code::ENVIRONMENT_ELSEWHERE, message)
                .help("use it on such a machine, at the same path")
                .help(format!("or make one for this machine: `gpuenv create -n NAME`, with {here} among the recipe's `platforms`")))
        }
        _ => Ok(()),
    }
}

/// What an environment keeps of the lock that it was made from.
#[derive(Debug, Clone)]
pub struct Kept {
    /// The platform.
    pub platform: Subdir,
    /// Whether it is of use without a GPU.
    pub gpu: Gpu,
    /// What differs by platform.
    pub settings: PlatformSettings,
}

/// Reads what an environment keeps; `None` where gpuenv made neither it nor its lock.
///
/// # Errors
/// GE404 if its lock is damaged.
pub fn kept(prefix: &Path) -> Result<Option<Kept>, Diagnostic> {
    let file: PathBuf = prefix.join(KEPT_LOCK);
    let Ok(text) = fs::read_to_string(&file) else {
        return Ok(None);
    };
    let Some(mut settings) = lock::settings(&file.display().to_string(), &text)? else {
        return Ok(None);
    };
    // An environment can have been prepared for another platform.
    let here = Subdir::current().unwrap_or(Subdir::NoArch);
    let name = made_as(prefix).unwrap_or_else(|| here.to_string());
    let found = settings.platforms.remove_entry(&name);
    let found = found.or_else(|| settings.platforms.pop_first());
    Ok(found.and_then(|(name, platform)| {
        Some(Kept {
            platform: lock::subdir_of(&name)?,
            gpu: settings.gpu,
            settings: platform,
        })
    }))
}

/// Returns what the lock of the environment at a prefix calls its platform, if gpuenv
/// knows: `linux-64`, or `linux-64-cuda12` where the recipe has variants.
pub fn made_as(prefix: &Path) -> Option<String> {
    let state = gpuenv_provision::prefix::read_state(prefix).ok()??;
    Some(state.platform)
}

/// Tells which folders were to get links and are not there.
pub fn tell_missing_folders(prefix: &Path, settings: &ActivationSettings, session: &Session) {
    let missing = activate::missing_folders(prefix, &settings.link_libraries);
    for folder in missing.unwrap_or_default() {
        let message =
            format!("`link-libraries` names `{folder}`, and no package has brought that folder");
        let diagnostic = Diagnostic::warning(Code::INSTALL_NO_FOLDER, message)
            .cause("there is no such folder below `site-packages`")
            .help("write the name by which Python imports the package, or delete the entry");
        session.reporter().report(Event::Diagnosed { diagnostic });
    }
}

fn settings(prefix: &Path) -> Result<(Subdir, ActivationSettings), Diagnostic> {
    if let Some(kept) = kept(prefix)? {
        return Ok((kept.platform, kept.settings.activation));
    }
    let here = Subdir::current().unwrap_or(Subdir::NoArch);
    let ours = prefix.join(KEPT_LOCK).exists();
    Ok((
        here,
        match ours {
            true => ActivationSettings::default(),
            false => ActivationSettings {
                library_path: LibraryPath::None,
                ..ActivationSettings::default()
            },
        },
    ))
}

/// Returns the platform that the environment at a prefix was made for.
///
/// # Errors
/// GE201 if it is this machine's, and conda has no name for that.
pub fn platform(prefix: &Path) -> Result<Subdir, Diagnostic> {
    let made = made_as(prefix).and_then(|name| lock::subdir_of(&name));
    made.map_or_else(creating::this_platform, Ok)
}

/// Returns the environment without the entries that lead to another CUDA, activated.
pub fn clean_environment(activation: &Activation) -> BTreeMap<OsString, OsString> {
    let holds_cuda = holds_cuda(activation);
    let base = activation::cleaned(activation, &crate::env::variables(), &holds_cuda);
    activation::environment(activation, &base)
}

/// Tells what in the activated environment leads to another CUDA first.
pub fn tell_conflicts(
    activation: &Activation,
    active: &BTreeMap<OsString, OsString>,
    session: &Session,
) {
    for conflict in activation::conflicts(activation, active, &holds_cuda(activation)) {
        let diagnostic = Diagnostic::from(conflict);
        session.reporter().report(Event::Diagnosed { diagnostic });
    }
}

/// Tries the scripts that packages brought, and tells which ones fail.
///
/// # Errors
/// As [`of`].
pub fn tell_bad_scripts(prefix: &Path, session: &Session) -> Result<(), Diagnostic> {
    let activation = of(prefix)?;
    // What is made here for another platform cannot run here.
    if Subdir::current() != Some(activation.platform) || activation.platform.is_windows() {
        return Ok(());
    }
    for bad in scripts::bad_scripts(&activation, &environment(&activation)) {
        let diagnostic = Diagnostic::from(bad);
        session.reporter().report(Event::Diagnosed { diagnostic });
    }
    Ok(())
}

/// Tells what XLA is to be led to and what the environment does not hold.
///
/// # Errors
/// GE513 if the environment cannot be read.
pub fn tell_missing_for_xla(
    prefix: &Path,
    platform: Subdir,
    session: &Session,
) -> Result<(), Diagnostic> {
    let facts = activate::facts(prefix, platform).map_err(unreadable)?;
    if let Some(diagnostic) = facts.xla.missing().filter(|_| platform.is_linux()) {
        session.reporter().report(Event::Diagnosed { diagnostic });
    }
    Ok(())
}

/// Returns what tells whether a directory holds CUDA libraries or compilers and is not
/// the environment's own by another name.
fn holds_cuda(activation: &Activation) -> impl Fn(&str) -> bool {
    let prefix = fs::canonicalize(&activation.prefix).ok();
    move |directory| {
        let directory = Path::new(directory);
        let real = fs::canonicalize(directory).ok();
        let is_own = real
            .zip(prefix.as_ref())
            .is_some_and(|(real, own)| real.starts_with(own));
        !is_own && activate::holds_cuda(directory)
    }
}

/// Returns this process' environment with an activation carried out.
pub fn environment(activation: &Activation) -> BTreeMap<OsString, OsString> {
    let base = crate::env::variables();
    activation::environment(activation, &base)
}
