//! The activation of an environment that is there.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

use fs_err as fs;
use gpuenv_core::{
    Code, Diagnostic,
    activation::{self, Activation},
    lock,
    plan::{ActivationSettings, LibraryPath},
};
use gpuenv_provision::activate;
use rattler_conda_types::Subdir;

/// Where an environment keeps the lock that it was made from.
pub const KEPT_LOCK: &str = "conda-meta/gpuenv.lock";

/// Reads the activation of the environment at a prefix.
///
/// An environment that another tool made is activated as that tool would.
///
/// # Errors
/// GE404 if its lock is damaged, GE513 if it cannot be read, GE603 if it cannot
/// be activated.
pub fn of(prefix: &Path) -> Result<Activation, Diagnostic> {
    let (platform, settings) = settings(prefix)?;
    let facts = activate::facts(prefix, platform).map_err(|error| {
        Diagnostic::error(Code::INSTALL_IO, "the environment cannot be read").cause(error)
    })?;
    let text = prefix.to_string_lossy();
    Ok(activation::activation(&text, &settings, &facts)?)
}

fn settings(prefix: &Path) -> Result<(Subdir, ActivationSettings), Diagnostic> {
    let here = Subdir::current().unwrap_or(Subdir::NoArch);
    let file: PathBuf = prefix.join(KEPT_LOCK);
    let foreign = ActivationSettings {
        env: BTreeMap::new(),
        library_path: LibraryPath::None,
    };
    let Ok(text) = fs::read_to_string(&file) else {
        return Ok((here, foreign));
    };
    let Some(kept) = lock::settings(&file.display().to_string(), &text)? else {
        return Ok((here, ActivationSettings::default()));
    };
    let platform = match kept.platforms.get(here.as_str()) {
        Some(platform) => return Ok((here, platform.activation.clone())),
        None => kept.platforms.into_iter().next(),
    };
    Ok(match platform.map(|(name, kept)| (name.parse(), kept)) {
        Some((Ok(subdir), kept)) => (subdir, kept.activation),
        _ => (here, ActivationSettings::default()),
    })
}

/// Returns this process' environment with an activation carried out.
pub fn environment(activation: &Activation) -> BTreeMap<OsString, OsString> {
    let base = crate::env::variables();
    activation::environment(activation, &base)
}
