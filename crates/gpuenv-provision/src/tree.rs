//! A directory with everything in it: read, and linked into another place.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use crate::install::InstallError;

/// What is below a directory, by paths relative to it.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// Directories, parents first.
    pub(crate) directories: Vec<PathBuf>,
    /// Files and the number of their content, 0 where there is none.
    pub(crate) files: Vec<(PathBuf, u64)>,
    /// Symbolic links and where they point to.
    pub(crate) links: Vec<(PathBuf, PathBuf)>,
}

/// Reads everything below a directory. Sockets, pipes and devices are left out,
/// and so is what `skip` says of a relative path.
pub(crate) fn read(root: &Path, skip: &dyn Fn(&Path) -> bool) -> Result<Tree, InstallError> {
    let mut tree = Tree::default();
    let mut open = vec![PathBuf::new()];
    while let Some(directory) = open.pop() {
        let path = root.join(&directory);
        let failed = |error| InstallError::io("read", &path, error);
        for entry in fs_err::read_dir(&path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let relative = directory.join(entry.file_name());
            if skip(&relative) {
                continue;
            }
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_dir() {
                tree.directories.push(relative.clone());
                open.push(relative);
            } else if kind.is_file() {
                tree.files.push((relative, content_number(&entry)));
            } else if kind.is_symlink() {
                let target = fs_err::read_link(entry.path()).map_err(failed)?;
                tree.links.push((relative, target));
            }
        }
    }
    Ok(tree)
}

#[cfg(unix)]
fn content_number(entry: &fs_err::DirEntry) -> u64 {
    use std::os::unix::fs::DirEntryExt;
    entry.ino()
}

#[cfg(not(unix))]
fn content_number(_entry: &fs_err::DirEntry) -> u64 {
    0
}

impl Tree {
    /// Makes the same tree at another place by hard links.
    pub(crate) fn link_to(&self, from: &Path, to: &Path) -> Result<(), InstallError> {
        for directory in &self.directories {
            let path = to.join(directory);
            fs_err::create_dir(&path).map_err(|error| InstallError::io("create", &path, error))?;
        }
        for (link, target) in &self.links {
            let path = to.join(link);
            make_link(target, &path).map_err(|error| InstallError::io("create", &path, error))?;
        }
        in_parallel(&self.files, |(file, _)| {
            link_file(&from.join(file), &to.join(file))
        })?;
        // Last, because one of them may not be writable.
        for directory in &self.directories {
            copy_mode(&from.join(directory), &to.join(directory))?;
        }
        copy_mode(from, to)
    }

    /// Returns whether a file elsewhere still has the content that the one at
    /// this path had here.
    #[cfg(unix)]
    pub(crate) fn has_same_file(&self, relative: &Path, elsewhere: &Path) -> bool {
        use std::os::unix::fs::MetadataExt;
        let known = self.files.iter().find(|(path, _)| path == relative);
        let found = fs_err::symlink_metadata(elsewhere);
        matches!((known, found), (Some((_, number)), Ok(found)) if found.ino() == *number)
    }

    #[cfg(not(unix))]
    pub(crate) fn has_same_file(&self, _relative: &Path, _elsewhere: &Path) -> bool {
        false
    }

    /// Returns what a later look at the same directory shows that this one does
    /// not: new entries, and files with another content.
    pub(crate) fn news(&self, later: Tree) -> Tree {
        let directories: std::collections::HashSet<&PathBuf> = self.directories.iter().collect();
        let files: HashMap<&PathBuf, u64> = self
            .files
            .iter()
            .map(|(path, number)| (path, *number))
            .collect();
        let links: HashMap<&PathBuf, &PathBuf> = self
            .links
            .iter()
            .map(|(path, target)| (path, target))
            .collect();
        Tree {
            directories: later
                .directories
                .into_iter()
                .filter(|path| !directories.contains(path))
                .collect(),
            files: later
                .files
                .into_iter()
                .filter(|(path, number)| files.get(path) != Some(number))
                .collect(),
            links: later
                .links
                .into_iter()
                .filter(|(path, target)| links.get(path) != Some(&target))
                .collect(),
        }
    }
}

fn copy_mode(from: &Path, to: &Path) -> Result<(), InstallError> {
    let copied = fs_err::metadata(from)
        .and_then(|metadata| fs_err::set_permissions(to, metadata.permissions()));
    copied.map_err(|error| InstallError::io("set the mode of", to, error))
}

/// Links a file, or copies it where links are impossible: across file systems,
/// beyond the most links of a file, for files of other users.
pub(crate) fn link_file(from: &Path, to: &Path) -> Result<(), InstallError> {
    let Err(error) = fs_err::hard_link(from, to) else {
        return Ok(());
    };
    match error.kind() {
        io::ErrorKind::CrossesDevices
        | io::ErrorKind::TooManyLinks
        | io::ErrorKind::PermissionDenied
        | io::ErrorKind::Unsupported => {}
        _ => return Err(InstallError::io("link", to, error)),
    }
    let copied = fs_err::copy(from, to).and_then(|_| {
        let modified = fs_err::metadata(from)?.modified()?;
        fs_err::OpenOptions::new()
            .append(true)
            .open(to)?
            .set_modified(modified)
    });
    copied.map_err(|error| InstallError::io("copy", to, error))
}

#[cfg(unix)]
pub(crate) fn make_link(target: &Path, path: &Path) -> io::Result<()> {
    fs_err::os::unix::fs::symlink(target, path)
}

#[cfg(not(unix))]
pub(crate) fn make_link(target: &Path, path: &Path) -> io::Result<()> {
    fs_err::os::windows::fs::symlink_file(target, path)
}

/// Does something with each item on as many threads as the machine has.
pub(crate) fn in_parallel<T: Sync>(
    items: &[T],
    work: impl Fn(&T) -> Result<(), InstallError> + Sync,
) -> Result<(), InstallError> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let run = || -> Result<(), InstallError> {
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            let done = work(item);
            if done.is_err() {
                // Nobody needs to begin another one.
                next.store(items.len(), Ordering::Relaxed);
                return done;
            }
        }
        Ok(())
    };
    let threads = threads.min(items.len()).max(1);
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        let own = run();
        others.into_iter().fold(own, |done, other| {
            done.and(
                other
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            )
        })
    })
}

/// Deletes a directory with everything in it, even what is not writable.
pub(crate) fn remove(root: &Path) -> io::Result<()> {
    match fs_err::remove_dir_all(root) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            make_writable(root);
            fs_err::remove_dir_all(root)
        }
        done => done,
    }
}

/// Makes all directories writable for their owner, as far as that is possible.
fn make_writable(root: &Path) {
    let Ok(metadata) = fs_err::symlink_metadata(root) else {
        return;
    };
    if !metadata.is_dir() {
        return;
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mut permissions = metadata.permissions();
        permissions.set_mode(permissions.mode() | 0o700);
        let _ = fs_err::set_permissions(root, permissions);
    }
    for entry in fs_err::read_dir(root).into_iter().flatten().flatten() {
        make_writable(&entry.path());
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;

    #[test]
    fn a_tree_is_linked_with_links_and_modes() {
        let directory = tempfile::tempdir().unwrap();
        let (from, to) = (directory.path().join("from"), directory.path().join("to"));
        fs_err::create_dir_all(from.join("a/b")).unwrap();
        fs_err::write(from.join("a/b/file"), "x").unwrap();
        fs_err::write(from.join("skipped"), "x").unwrap();
        make_link(Path::new("b/file"), &from.join("a/link")).unwrap();
        make_link(Path::new("nowhere"), &from.join("dangling")).unwrap();
        let locked = std::fs::Permissions::from_mode(0o555);
        fs_err::set_permissions(from.join("a/b"), locked).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(from.join("socket")).unwrap();

        let tree = read(&from, &|path| path == Path::new("skipped")).unwrap();
        fs_err::create_dir(&to).unwrap();
        tree.link_to(&from, &to).unwrap();
        let number = |path: &Path| fs_err::metadata(path).unwrap().ino();
        assert_eq!(number(&from.join("a/b/file")), number(&to.join("a/link")));
        assert_eq!(
            fs_err::read_link(to.join("dangling")).unwrap(),
            Path::new("nowhere")
        );
        let mode = fs_err::metadata(to.join("a/b"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o555);
        assert!(!to.join("skipped").exists() && !to.join("socket").exists());
        remove(&to).unwrap();
        remove(&from).unwrap();
        assert!(fs_err::read_dir(directory.path()).unwrap().next().is_none());
    }

    #[test]
    fn news_are_new_entries_and_replaced_files() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        fs_err::write(root.join("same"), "x").unwrap();
        fs_err::write(root.join("replaced"), "x").unwrap();
        let before = read(root, &|_| false).unwrap();
        assert!(
            before
                .news(read(root, &|_| false).unwrap())
                .files
                .is_empty()
        );
        fs_err::write(root.join("other"), "y").unwrap();
        fs_err::rename(root.join("other"), root.join("replaced")).unwrap();
        fs_err::create_dir(root.join("new")).unwrap();
        fs_err::write(root.join("new/file"), "z").unwrap();
        let news = before.news(read(root, &|_| false).unwrap());
        let mut files: Vec<&Path> = news.files.iter().map(|(path, _)| path.as_path()).collect();
        files.sort();
        assert_eq!(files, [Path::new("new/file"), Path::new("replaced")]);
        assert_eq!(news.directories, [Path::new("new")]);
    }
}
