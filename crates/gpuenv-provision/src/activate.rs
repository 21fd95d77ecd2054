//! Looks at a prefix for what activation depends on, and writes into a stage
//! what `conda activate` and the loader find there.

use std::{
    collections::BTreeMap,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use fs_err as fs;
use gpuenv_core::{
    Diagnostic,
    activation::{
        self, ACTIVATE_DIRECTORY, ActivationError, CUDA_DIRECTORY, DEACTIVATE_DIRECTORY, DLL_HOOK,
        DLL_HOOK_FILE, PrefixFacts, SCRIPT_STEM, XLA_DIRECTORY,
    },
    plan::ActivationSettings,
};
mod beside;
mod wsl;
mod xla;

use rattler_conda_types::Subdir;
use serde_json::Value;

/// The largest file of variables that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// Returns what activation of a prefix depends on. What is not there is empty.
///
/// # Errors
/// Fails if a directory is there and cannot be read.
pub fn facts(prefix: &Path, platform: Subdir) -> io::Result<PrefixFacts> {
    Ok(PrefixFacts {
        platform,
        cuda_libraries: names_in(&prefix.join(CUDA_DIRECTORY))?,
        needs_wsl_driver: false,
        xla: xla::found(prefix),
        activate_scripts: names_in(&prefix.join(ACTIVATE_DIRECTORY))?,
        deactivate_scripts: names_in(&prefix.join(DEACTIVATE_DIRECTORY))?,
        variables: variables(prefix)?,
    })
}

pub(crate) use beside::is_own_link;
pub use beside::missing as missing_folders;
pub use wsl::needs_wsl_driver;

/// Writes the links and scripts of activation into a stage that will be moved to
/// `prefix`; what an earlier installation left of them is replaced.
///
/// # Errors
/// Fails if the settings cannot be carried out or the stage cannot be written.
pub fn write(
    stage: &Path,
    prefix: &str,
    platform: Subdir,
    settings: &ActivationSettings,
) -> Result<(), ActivateError> {
    let links = cuda_links(stage, platform)?;
    let folder = stage.join(CUDA_DIRECTORY);
    remove_all(&folder)?;
    let names: Vec<String> = links.keys().cloned().collect();
    if !links.is_empty() {
        fs::create_dir_all(&folder)?;
        require_inside(stage, &folder)?;
        for (name, target) in links {
            symlink(&target, &folder.join(name))?;
        }
    }
    beside::link(stage, &settings.link_libraries, &names)?;
    xla::link(stage, platform, settings.xla)?;
    dll_hook(stage, platform, settings.dll_directory)?;
    for directory in [ACTIVATE_DIRECTORY, DEACTIVATE_DIRECTORY] {
        for name in names_in(&stage.join(directory))? {
            if name.starts_with(SCRIPT_STEM) {
                remove_all(&stage.join(directory).join(name))?;
            }
        }
    }
    let activation = activation::activation(prefix, settings, &facts(stage, platform)?)?;
    for script in activation::script_files(&activation) {
        let file = stage.join(&script.path);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
            require_inside(stage, folder)?;
        }
        fs::write(&file, script.text)?;
    }
    Ok(())
}

/// Writes what lets Python find the environment's libraries on Windows, or removes it.
fn dll_hook(stage: &Path, platform: Subdir, wanted: bool) -> Result<(), ActivateError> {
    let file = stage.join(DLL_HOOK_FILE);
    if !platform.is_windows() {
        return Ok(());
    }
    remove_all(&file)?;
    let Some(folder) = file.parent().filter(|folder| wanted && folder.is_dir()) else {
        return Ok(());
    };
    require_inside(stage, folder)?;
    Ok(fs::write(&file, DLL_HOOK)?)
}

/// Returns whether a directory holds CUDA libraries or CUDA's compilers.
pub fn holds_cuda(directory: &Path) -> bool {
    let programs = ["nvcc", "ptxas", "nvcc.exe", "ptxas.exe"];
    let names = names_in(directory).unwrap_or_default();
    let libraries = activation::cuda_libraries(names.iter().map(String::as_str));
    // The toolkit's stand-in for the driver, which computes nothing.
    let is_stub =
        directory.ends_with("stubs") && names.iter().any(|name| name.starts_with("libcuda.so"));
    !libraries.is_empty() || is_stub || names.iter().any(|name| programs.contains(&name.as_str()))
}

/// Says whether a file of a stage is a stub, for linking only, or a link to one.
fn is_stub(stage: &Path, file: &Path) -> io::Result<bool> {
    let Ok(real) = fs::canonicalize(stage.join(file)) else {
        return Ok(false);
    };
    // The environment itself may lie in a directory of that name.
    let stage = fs::canonicalize(stage)?;
    let below = real.strip_prefix(&stage).unwrap_or(&real);
    Ok(below.components().any(|part| part.as_os_str() == "stubs"))
}

/// Returns the name and the relative target of each link to a CUDA library.
fn cuda_links(stage: &Path, platform: Subdir) -> io::Result<BTreeMap<String, PathBuf>> {
    let mut links = BTreeMap::new();
    if !platform.is_linux() {
        return Ok(links);
    }
    // Later ones win: what conda installed comes before what wheels bring along.
    for folder in [wheel_library_folders(stage)?, vec![PathBuf::from("lib")]].concat() {
        let names = names_in(&stage.join(&folder))?;
        let below = folder.strip_prefix("lib").unwrap_or(&folder);
        for name in activation::cuda_libraries(names.iter().map(String::as_str)) {
            if is_stub(stage, &folder.join(name))? {
                continue;
            }
            let target = Path::new("..").join(below).join(name);
            links.insert(name.to_string(), target);
        }
    }
    Ok(links)
}

/// Returns `lib/python*/site-packages/nvidia/*/lib`, relative to the stage.
fn wheel_library_folders(stage: &Path) -> io::Result<Vec<PathBuf>> {
    let folders = wheel_folders(stage)?.into_iter();
    let folders = folders.map(|folder| folder.join("lib"));
    Ok(folders
        .filter(|folder| stage.join(folder).is_dir())
        .collect())
}

/// Returns `lib/python*/site-packages/nvidia/*`, relative to the stage.
fn wheel_folders(stage: &Path) -> io::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for site in site_packages(stage)? {
        let nvidia = site.join("nvidia");
        for component in names_in(&stage.join(&nvidia))? {
            folders.push(nvidia.join(component));
        }
    }
    folders.sort();
    Ok(folders)
}

/// Returns `lib/python*/site-packages`, relative to the stage.
fn site_packages(stage: &Path) -> io::Result<Vec<PathBuf>> {
    let names = names_in(&stage.join("lib"))?.into_iter();
    let pythons = names.filter(|name| name.starts_with("python"));
    Ok(pythons
        .map(|python| Path::new("lib").join(python).join("site-packages"))
        .collect())
}

/// Returns the variables that packages and `conda env config vars` set.
fn variables(prefix: &Path) -> io::Result<BTreeMap<String, String>> {
    let mut variables = BTreeMap::new();
    let folder = prefix.join("etc/conda/env_vars.d");
    let mut names = names_in(&folder)?;
    names.sort();
    for name in names.iter().filter(|name| name.ends_with(".json")) {
        variables.extend(texts(&read_json(&folder.join(name))));
    }
    // The state wins, as conda has it.
    let state = read_json(&prefix.join("conda-meta/state"));
    variables.extend(texts(&state["env_vars"]));
    Ok(variables)
}

/// Reads a JSON file of a package; one that cannot be read sets nothing.
fn read_json(path: &Path) -> Value {
    let read = || -> io::Result<Value> {
        let mut text = String::new();
        fs::File::open(path)?
            .take(MAX_BYTES)
            .read_to_string(&mut text)?;
        Ok(serde_json::from_str(&text)?)
    };
    read().unwrap_or_else(|error| {
        if error.kind() != io::ErrorKind::NotFound {
            tracing::warn!("{} sets no variables: {error}", path.display());
        }
        Value::Null
    })
}

fn texts(value: &Value) -> BTreeMap<String, String> {
    let pairs = value.as_object().into_iter().flatten();
    let pairs = pairs.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_string())));
    pairs.collect()
}

/// Returns the names in a directory; none where there is no directory.
pub(crate) fn names_in(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        // A name that is no text belongs to no package that is known here.
        names.extend(entry?.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

/// Removes a file, a link or a tree; a link is never followed.
fn remove_all(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
    }
}

/// Refuses a directory that a link leads out of the stage.
fn require_inside(stage: &Path, folder: &Path) -> Result<(), ActivateError> {
    let below = folder.ancestors().take_while(|path| *path != stage);
    let is_link = |path: &Path| fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
    // Where no link is, nothing is resolved: long paths have their limits on Windows.
    if folder.starts_with(stage) && !below.into_iter().any(is_link) {
        return Ok(());
    }
    match fs::canonicalize(folder)?.starts_with(fs::canonicalize(stage)?) {
        true => Ok(()),
        false => Err(ActivateError::Outside {
            folder: folder.to_path_buf(),
        }),
    }
}

#[cfg(unix)]
fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    fs::os::unix::fs::symlink(target, link)
}

#[cfg(not(unix))]
fn symlink(_target: &Path, _link: &Path) -> io::Result<()> {
    // A prefix for Linux is not installed from Windows.
    Ok(())
}

/// What keeps activation from being written.
#[derive(Debug, thiserror::Error)]
pub enum ActivateError {
    /// The settings cannot be carried out.
    #[error(transparent)]
    Activation(#[from] ActivationError),
    /// A directory of the environment is a link to somewhere else.
    #[error("`{}` leads out of the environment", folder.display())]
    Outside {
        /// The directory.
        folder: PathBuf,
    },
    /// A file operation failed.
    #[error("the activation cannot be written")]
    Io(#[from] io::Error),
}

impl From<ActivateError> for Diagnostic {
    fn from(error: ActivateError) -> Self {
        use gpuenv_core::Code;
        let message = error.to_string();
        match error {
            ActivateError::Activation(error) => error.into(),
            ActivateError::Outside { .. } => {
                Diagnostic::error(Code::INSTALL_UNSAFE_PACKAGE, message)
            }
            ActivateError::Io(source) => Diagnostic::error(Code::INSTALL_IO, message).cause(source),
        }
    }
}

impl From<ActivateError> for io::Error {
    fn from(error: ActivateError) -> Self {
        match error {
            ActivateError::Io(source) => source,
            other => io::Error::other(other),
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
