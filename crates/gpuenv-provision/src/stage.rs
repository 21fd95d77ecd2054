//! A new prefix beside the old one, and the moment in which it takes its place.
//!
//! Nobody ever sees a prefix half-made: it is built under another name on the
//! same file system and renamed. What a killed run leaves is removed by the next.

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    file_lock::{LockFile, Waiting},
    install::InstallError,
    tree,
};

/// How long another gpuenv may work on the same prefix.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// A prefix that nobody else changes while this lives.
#[derive(Debug)]
pub(crate) struct Site {
    /// Where the prefix really is, links resolved.
    pub(crate) real: PathBuf,
    created: Vec<PathBuf>,
    lock: Option<LockFile>,
}

impl Site {
    /// Locks a prefix and removes what killed runs have left beside it.
    pub(crate) async fn enter(prefix: &Path, waiting: &Waiting<'_>) -> Result<Self, InstallError> {
        let parent = prefix.parent().ok_or_else(|| InstallError::BadPrefix {
            prefix: prefix.to_path_buf(),
            reason: "it is the root",
        })?;
        let mut site = Site {
            real: PathBuf::new(),
            created: create_all(parent)?,
            lock: None,
        };
        site.real = real_path(prefix, parent)?;
        let lock = LockFile::acquire(&beside(&site.real, "lock"), waiting).await?;
        site.lock = Some(lock);
        site.recover()?;
        Ok(site)
    }

    fn recover(&self) -> Result<(), InstallError> {
        for left in stages(&self.real)? {
            let old = left.join(OLD);
            // Killed between the two renames, where one was not enough.
            if fs_err::symlink_metadata(&self.real).is_err() && old.is_dir() {
                fs_err::rename(&old, &self.real)
                    .map_err(|error| InstallError::io("restore", &self.real, error))?;
            }
            tree::remove(&left).map_err(|error| InstallError::io("remove", &left, error))?;
        }
        Ok(())
    }

    /// Takes the prefix away, then deletes it.
    pub(crate) fn remove(&self) -> Result<(), InstallError> {
        let stage = Stage::create(&self.real)?;
        fs_err::rename(&self.real, stage.work.join("removed"))
            .map_err(|error| InstallError::io("remove", &self.real, error))
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.lock = None;
        // Whatever is not empty stays, so a success keeps its parents.
        for directory in self.created.iter().rev() {
            let _ = fs_err::remove_dir(directory);
        }
    }
}

/// Creates a directory with its parents, and returns those that are new.
fn create_all(directory: &Path) -> Result<Vec<PathBuf>, InstallError> {
    let missing = |path: &&Path| fs_err::symlink_metadata(path).is_err();
    let mut created: Vec<PathBuf> = directory
        .ancestors()
        .take_while(missing)
        .map(Path::to_path_buf)
        .collect();
    created.reverse();
    fs_err::create_dir_all(directory)
        .map_err(|error| InstallError::io("create", directory, error))?;
    Ok(created)
}

fn real_path(prefix: &Path, parent: &Path) -> Result<PathBuf, InstallError> {
    let failed = |error| InstallError::io("look at", prefix, error);
    let is_linked = fs_err::symlink_metadata(prefix).is_ok_and(|found| found.is_symlink());
    if is_linked && prefix.is_dir() {
        return fs_err::canonicalize(prefix).map_err(failed);
    }
    let parent = fs_err::canonicalize(parent).map_err(failed)?;
    Ok(parent.join(prefix.file_name().unwrap_or_default()))
}

/// The name of the old prefix in a stage while it is neither here nor there.
const OLD: &str = "old";

fn beside(real: &Path, what: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(real.file_name().unwrap_or_default());
    name.push(".gpuenv-");
    name.push(what);
    real.with_file_name(name)
}

/// Returns whether a run has left something beside a prefix, or is at work there.
pub(crate) fn is_settled(prefix: &Path) -> bool {
    let real = prefix.parent().map(|parent| real_path(prefix, parent));
    // Where nobody can look, nobody can clear up either.
    let left = real
        .and_then(Result::ok)
        .and_then(|real| found_beside(&real, "").ok());
    left.is_none_or(|left| left.is_empty())
}

/// Returns the stages of a prefix that are there.
fn stages(real: &Path) -> Result<Vec<PathBuf>, InstallError> {
    found_beside(real, "stage-")
}

fn found_beside(real: &Path, what: &str) -> Result<Vec<PathBuf>, InstallError> {
    let first = beside(real, what);
    let first = first.file_name().unwrap_or_default().as_encoded_bytes();
    let parent = real.parent().unwrap_or(real);
    let failed = |error| InstallError::io("read", parent, error);
    let mut found = Vec::new();
    for entry in fs_err::read_dir(parent).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_name().as_encoded_bytes().starts_with(first) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// A prefix in the making. Dropped, it is gone.
#[derive(Debug)]
pub(crate) struct Stage {
    /// Where the prefix is going to be.
    real: PathBuf,
    /// The directory for everything that is only needed meanwhile.
    pub(crate) work: PathBuf,
    /// The prefix itself, inside of `work`.
    pub(crate) prefix: PathBuf,
}

/// What a commit has done with what was at the prefix before.
#[derive(Debug, PartialEq)]
pub(crate) enum Before {
    /// Nothing was there.
    Absent,
    /// It lies there until the stage is dropped.
    Replaced(PathBuf),
    /// It was moved there and stays.
    MovedAside(PathBuf),
}

impl Stage {
    /// Makes an empty stage beside a prefix.
    pub(crate) fn create(real: &Path) -> Result<Self, InstallError> {
        let parent = real.parent().unwrap_or(real);
        let failed = |error| InstallError::io("write into", parent, error);
        let name = beside(real, "stage-");
        let work = tempfile::Builder::new()
            .prefix(name.file_name().unwrap_or_default())
            .tempdir_in(parent)
            .map_err(failed)?
            .keep();
        let stage = Stage {
            real: real.to_path_buf(),
            prefix: work.join("prefix"),
            work,
        };
        fs_err::create_dir(&stage.prefix).map_err(failed)?;
        Ok(stage)
    }

    /// Puts the new prefix into the place of the old one, or of nothing.
    pub(crate) fn commit(&self) -> Result<Before, InstallError> {
        let failed = |error| InstallError::io("replace", &self.real, error);
        if fs_err::symlink_metadata(&self.real).is_err() {
            rename_new(&self.prefix, &self.real).map_err(failed)?;
            return Ok(Before::Absent);
        }
        match exchange(&self.prefix, &self.real) {
            Ok(()) => Ok(Before::Replaced(self.prefix.clone())),
            Err(error) if lacks_exchange(&error) => {
                let old = self.work.join(OLD);
                self.swap_by_way_of(&old).map_err(failed)?;
                Ok(Before::Replaced(old))
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Moves what is at the prefix aside for good, and puts the new one there.
    pub(crate) fn commit_aside(&self) -> Result<Before, InstallError> {
        let aside = free_name(&self.real);
        self.swap_by_way_of(&aside)
            .map_err(|error| InstallError::io("replace", &self.real, error))?;
        Ok(Before::MovedAside(aside))
    }

    fn swap_by_way_of(&self, old: &Path) -> io::Result<()> {
        fs_err::rename(&self.real, old)?;
        rename_new(&self.prefix, &self.real).inspect_err(|_| {
            if let Err(error) = fs_err::rename(old, &self.real) {
                tracing::error!("the old prefix stays at `{}`: {error}", old.display());
            }
        })
    }
}

/// Takes a stage out of the way of whoever still writes into it.
pub(crate) fn abandon(work: &Path) {
    if let Err(error) = fs_err::rename(work, abandoned(work)) {
        tracing::debug!("the stage stays where it is: {error}");
    }
}

fn abandoned(work: &Path) -> PathBuf {
    let mut name = work.as_os_str().to_owned();
    name.push(".gone");
    PathBuf::from(name)
}

impl Drop for Stage {
    fn drop(&mut self) {
        let gone = abandoned(&self.work);
        // Whoever was at work in a stage that was abandoned may make its folders anew.
        let looks = match gone.exists() {
            true => 6,
            false => 1,
        };
        abandon(&self.work);
        let paths = [&self.work, &gone];
        let mut seen_gone = 0;
        // An archive that is being unpacked there may get in between.
        for _ in 0..50 {
            let removed = paths.map(|path| tree::remove(path));
            match removed.into_iter().collect::<io::Result<()>>() {
                Ok(()) => seen_gone += 1,
                Err(error) => {
                    tracing::debug!("the stage is still there: {error}");
                    seen_gone = 0;
                }
            }
            if seen_gone == looks {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Returns `PREFIX.replaced-N` for the first N that is free.
pub(crate) fn free_name(real: &Path) -> PathBuf {
    let name = |number: u32| {
        let mut name = real.as_os_str().to_owned();
        name.push(format!(".replaced-{number}"));
        PathBuf::from(name)
    };
    let mut number = 1;
    while fs_err::symlink_metadata(name(number)).is_ok() {
        number += 1;
    }
    name(number)
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
fn rename_with(from: &Path, to: &Path, flags: rustix::fs::RenameFlags) -> io::Result<()> {
    use rustix::fs::{CWD, renameat_with};
    renameat_with(CWD, from, CWD, to, flags).map_err(io::Error::from)
}

/// Swaps two directories in one step.
#[cfg(any(target_os = "linux", target_os = "macos"))]
fn exchange(a: &Path, b: &Path) -> io::Result<()> {
    rename_with(a, b, rustix::fs::RenameFlags::EXCHANGE)
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn exchange(_a: &Path, _b: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Renames a directory to a name that nothing has.
#[cfg(any(target_os = "linux", target_os = "macos"))]
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match rename_with(from, to, rustix::fs::RenameFlags::NOREPLACE) {
        // A plain rename of a directory replaces at most an empty one.
        Err(error) if lacks_exchange(&error) => fs_err::rename(from, to),
        done => done,
    }
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    fs_err::rename(from, to)
}

/// Returns whether a file system or kernel does not know the operation.
fn lacks_exchange(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::Unsupported | io::ErrorKind::InvalidInput
    )
}

#[cfg(test)]
mod tests {
    use gpuenv_core::event::Silent;

    use super::*;
    use crate::cancel::Cancel;

    async fn enter(prefix: &Path) -> Site {
        let cancel = Cancel::never();
        let waiting = Waiting {
            at_most: Duration::from_secs(20),
            what: "the test",
            reporter: &Silent,
            cancel: &cancel,
        };
        Site::enter(prefix, &waiting).await.unwrap()
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs_err::read_dir(directory).unwrap();
        let name = |entry: io::Result<fs_err::DirEntry>| entry.unwrap().file_name();
        let mut names: Vec<String> = entries
            .map(|entry| name(entry).into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn a_failure_leaves_not_even_parents() {
        let directory = tempfile::tempdir().unwrap();
        let site = enter(&directory.path().join("a/b/env")).await;
        let stage = Stage::create(&site.real).unwrap();
        fs_err::write(stage.prefix.join("file"), "x").unwrap();
        drop(stage);
        drop(site);
        assert_eq!(names(directory.path()), [] as [&str; 0]);
    }

    #[tokio::test]
    async fn a_commit_replaces_the_whole_prefix_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let prefix = directory.path().join("env");
        for (text, before) in [("old", "Absent"), ("new", "Replaced")] {
            let site = enter(&prefix).await;
            let stage = Stage::create(&site.real).unwrap();
            fs_err::write(stage.prefix.join("file"), text).unwrap();
            let found = stage.commit().unwrap();
            assert!(format!("{found:?}").starts_with(before));
            assert_eq!(fs_err::read_to_string(prefix.join("file")).unwrap(), text);
        }
        assert_eq!(names(directory.path()), ["env"]);
    }

    #[tokio::test]
    async fn without_an_exchange_two_renames_do_and_are_undone() {
        let directory = tempfile::tempdir().unwrap();
        let prefix = directory.path().join("env");
        fs_err::create_dir(&prefix).unwrap();
        fs_err::write(prefix.join("old"), "x").unwrap();
        let stage = Stage::create(&prefix).unwrap();
        stage.swap_by_way_of(&stage.work.join(OLD)).unwrap();
        assert_eq!(names(&prefix), [] as [&str; 0]);
        // There is no new prefix to put into its place any more.
        fs_err::write(prefix.join("second"), "x").unwrap();
        let other = Stage::create(&prefix).unwrap();
        fs_err::remove_dir(&other.prefix).unwrap();
        other.swap_by_way_of(&other.work.join(OLD)).unwrap_err();
        assert_eq!(names(&prefix), ["second"]);
    }

    #[tokio::test]
    async fn what_killed_runs_leave_is_cleared_and_an_old_prefix_restored() {
        let directory = tempfile::tempdir().unwrap();
        let prefix = directory.path().join("env");
        for left in [
            ".env.gpuenv-stage-a/prefix",
            ".env.gpuenv-stage-b/old/conda-meta",
        ] {
            fs_err::create_dir_all(directory.path().join(left)).unwrap();
        }
        fs_err::create_dir(directory.path().join(".envy.gpuenv-stage-a")).unwrap();
        fs_err::write(directory.path().join(".env.gpuenv-lock"), "").unwrap();
        assert!(!is_settled(&prefix));
        drop(enter(&prefix).await);
        assert!(is_settled(&prefix));
        assert_eq!(names(directory.path()), [".envy.gpuenv-stage-a", "env"]);
        assert_eq!(names(&prefix), ["conda-meta"]);
    }

    #[tokio::test]
    async fn what_is_moved_aside_stays() {
        let directory = tempfile::tempdir().unwrap();
        let prefix = directory.path().join("env");
        fs_err::write(&prefix, "mine").unwrap();
        fs_err::write(directory.path().join("env.replaced-1"), "taken").unwrap();
        let stage = Stage::create(&prefix).unwrap();
        let moved = directory.path().join("env.replaced-2");
        assert_eq!(
            stage.commit_aside().unwrap(),
            Before::MovedAside(moved.clone())
        );
        assert_eq!(fs_err::read_to_string(moved).unwrap(), "mine");
        assert!(prefix.is_dir());
    }
}
