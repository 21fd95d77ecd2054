//! The lock beside its recipe: found, read, written in one piece.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use fs_err as fs;
use gpuenv_core::{
    Code, Diagnostic, Lock, Place,
    lock::{self, FILE_NAME},
};

use url::Url;

use crate::{
    source::{Origin, RecipeText},
    word::word,
};

/// A lock that was read, with its text.
pub struct LockFile {
    /// Where it is.
    pub path: PathBuf,
    /// The bytes as they are in the file.
    pub text: String,
    /// What they mean.
    pub lock: Lock,
}

/// Returns where the lock of a recipe may be, likeliest first.
///
/// Several recipes may live in one directory, so a second one finds its lock
/// under its own name. A recipe inside the program has its lock in the current
/// directory.
fn candidates(origin: &Origin, name: &str) -> [PathBuf; 2] {
    let own = format!("{name}.gpuenv.lock");
    let beside = match origin {
        // `gpuenv.lock` is that of a recipe which is there to stay.
        Origin::Words(_) => return [PathBuf::from(&own), PathBuf::from(&own)],
        Origin::Shipped => Path::new(""),
        Origin::File(file) => file.parent().unwrap_or(Path::new("")),
    };
    [beside.join(FILE_NAME), beside.join(own)]
}

/// Finds the lock of a recipe and returns its text, which nobody has checked yet.
///
/// # Errors
/// GE401 if a file is there and cannot be read, GE403 and GE404 if it is no lock.
pub fn find_text(text: &RecipeText, name: &str) -> Result<Option<(PathBuf, String)>, Diagnostic> {
    for path in candidates(&text.origin, name) {
        if !path.exists() {
            continue;
        }
        let found = read_labelled(&path)?;
        let settings = lock::settings(&path.display().to_string(), &found)?;
        if settings.is_none_or(|settings| settings.recipe == name) {
            return Ok(Some((path, found)));
        }
    }
    Ok(None)
}

/// Finds and reads the lock of a recipe.
///
/// # Errors
/// As [`find_text`]; GE409 if it names something which must not be installed.
pub fn find(text: &RecipeText, name: &str) -> Result<Option<LockFile>, Diagnostic> {
    match find_text(text, name)? {
        None => Ok(None),
        Some((path, text)) => Ok(Some(parse(path, text)?)),
    }
}

/// Returns where a lock of a recipe is to be written.
///
/// # Errors
/// As [`find`]; a file that is no lock is never overwritten.
pub fn place(text: &RecipeText, name: &str) -> Result<PathBuf, Diagnostic> {
    let [first, second] = candidates(&text.origin, name);
    if !first.exists() || is_of(&read(&first)?.lock, name) {
        return Ok(first);
    }
    if second.exists() {
        read(&second)?;
    }
    Ok(second)
}

/// Returns whether a lock may be that of a recipe. One that another tool wrote
/// says nothing about it.
fn is_of(lock: &Lock, name: &str) -> bool {
    lock.settings
        .as_ref()
        .is_none_or(|settings| settings.recipe == name)
}

/// Reads a lock.
///
/// # Errors
/// GE401 if it cannot be read, GE403, GE404 and GE409 as [`lock::parse`].
pub fn read(path: &Path) -> Result<LockFile, Diagnostic> {
    parse(path.to_path_buf(), read_labelled(path)?)
}

/// Makes a lock of a text that was read before.
///
/// # Errors
/// GE403, GE404 and GE409 as [`lock::parse`].
pub fn parse(path: PathBuf, text: String) -> Result<LockFile, Diagnostic> {
    parse_kept(path, text, None)
}

/// Makes a lock of a text that an environment keeps. `source` is the file that the
/// environment was made from: wheels of a folder are named as seen from there.
///
/// # Errors
/// As [`parse`].
pub fn parse_kept(
    path: PathBuf,
    text: String,
    source: Option<&Path>,
) -> Result<LockFile, Diagnostic> {
    let folder = folder_url(folder(source.unwrap_or(&path)));
    let lock = lock::parse_beside(&path.display().to_string(), &text, folder.as_ref())?;
    Ok(LockFile { path, text, lock })
}

fn read_labelled(path: &Path) -> Result<String, Diagnostic> {
    let label = path.display().to_string();
    read_text(path).map_err(|error| {
        Diagnostic::error(
            Code::LOCK_UNREADABLE,
            format!("the lock `{label}` cannot be read"),
        )
        .at(Place::file(&label))
        .cause(&error)
        .help("make it readable, or make a new one with `gpuenv lock`")
    })
}

fn read_text(path: &Path) -> io::Result<String> {
    let metadata = fs::metadata(path)?;
    let reason = match metadata.len() {
        _ if metadata.is_dir() => "it is a directory",
        _ if !metadata.is_file() => "it is not a regular file",
        bytes if bytes > lock::MAX_BYTES as u64 => "it is larger than any lock",
        _ => return fs::read_to_string(path),
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, reason))
}
/// Returns the command that makes an environment of a lock, as the user can type it.
pub fn create_command(label: &str) -> String {
    format!("gpuenv create {}", word(label))
}

/// Refuses a place without a directory, before anything is solved.
///
/// # Errors
/// GE406 if there is none.
pub fn check_place(path: &Path) -> Result<(), Diagnostic> {
    let folder = folder(path);
    match folder.is_dir() {
        true => Ok(()),
        false => Err(unwritable(
            path,
            format!("there is no directory `{}`", folder.display()),
        )),
    }
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Returns a folder as a lock in it sees it.
pub fn folder_url(folder: &Path) -> Option<Url> {
    Url::from_directory_path(std::path::absolute(folder).ok()?).ok()
}

/// Writes a lock as the text of a file that is going to be at this path.
///
/// # Errors
/// As [`lock::render_beside`].
pub fn render(path: &Path, lock: &Lock) -> Result<String, Diagnostic> {
    Ok(lock::render_beside(
        lock,
        folder_url(folder(path)).as_ref(),
    )?)
}

fn unwritable(path: &Path, cause: String) -> Diagnostic {
    let label = path.display();
    let message = format!("the lock `{label}` cannot be written");
    Diagnostic::error(Code::LOCK_UNWRITABLE, message).cause(cause)
}

/// Writes a lock in one piece: either the old bytes are there or the new ones.
///
/// # Errors
/// GE406 if it cannot be written.
pub fn write(path: &Path, text: &str) -> Result<(), Diagnostic> {
    replace(path, text).map_err(|error| unwritable(path, without_path(&error)))
}

/// Returns what the system says, without the name of a temporary file.
pub(crate) fn without_path(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" at path ") {
        Some((reason, _)) => reason.to_string(),
        None => text,
    }
}

pub(crate) fn replace(path: &Path, text: &str) -> io::Result<()> {
    // A link is followed, so that what it points to is replaced and not the link.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let mut file = tempfile::Builder::new()
        .prefix(".gpuenv-lock-")
        .tempfile_in(folder(&target))?;
    // A temporary file is private; a lock is there to be read by all.
    let permissions = match fs::metadata(&target) {
        Ok(metadata) => Some(metadata.permissions()),
        Err(_) => shared_permissions(),
    };
    if let Some(permissions) = permissions {
        file.as_file().set_permissions(permissions)?;
    }
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(&target)?;
    Ok(())
}

#[cfg(unix)]
fn shared_permissions() -> Option<std::fs::Permissions> {
    Some(std::os::unix::fs::PermissionsExt::from_mode(0o644))
}

#[cfg(not(unix))]
fn shared_permissions() -> Option<std::fs::Permissions> {
    None
}
