//! A shell's startup file on disk: read, and changed in place.
//!
//! It is the user's, so it stays the file that it is: its owner, its mode, its access
//! lists and its other names (hard links) survive, whoever runs gpuenv. A rename would
//! lose them. Only what differs is written, which for a new block is an addition at the
//! end, and for its removal a cut.

use std::{
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use fs_err as fs;

/// No startup file that a person has written is longer.
const MAX_BYTES: u64 = 16 << 20;

/// Reads the file; `None` where there is none.
///
/// # Errors
/// Fails if it is no ordinary file or cannot be read.
pub(crate) fn read(file: &Path) -> io::Result<Option<Vec<u8>>> {
    let found = match fs::metadata(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        found => found?,
    };
    // Reading a pipe or a device might never end.
    if !found.is_file() {
        return Err(io::Error::other("it is no ordinary file"));
    }
    if found.len() > MAX_BYTES {
        return Err(io::Error::other("it is longer than 16 MiB"));
    }
    let mut bytes = Vec::new();
    fs::File::open(file)?
        .take(MAX_BYTES)
        .read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Makes the file what `new` says, if it still is what `old` says.
///
/// # Errors
/// Fails if it has changed meanwhile or cannot be written; it then is what it was.
pub(crate) fn write(file: &Path, old: Option<&[u8]>, new: Option<&[u8]>) -> io::Result<()> {
    if read(file)?.as_deref() != old {
        return Err(io::Error::other("something else has changed it meanwhile"));
    }
    match (old, new) {
        (None, None) => Ok(()),
        (Some(_), None) => fs::remove_file(file),
        (None, Some(new)) => create(file, new),
        (Some(old), Some(new)) => {
            let mut opened = fs::OpenOptions::new().write(true).open(file)?;
            let written = overwrite(&mut opened, old, new);
            if written.is_err() {
                // A full disk has room for what was there.
                overwrite_all(&mut opened, old)?;
            }
            written
        }
    }
}

fn overwrite(file: &mut fs::File, old: &[u8], new: &[u8]) -> io::Result<()> {
    let same = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    file.seek(SeekFrom::Start(same as u64))?;
    file.write_all(&new[same..])?;
    file.set_len(new.len() as u64)?;
    file.sync_all()
}

fn overwrite_all(file: &mut fs::File, bytes: &[u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    file.write_all(bytes)?;
    file.set_len(bytes.len() as u64)
}

/// Creates the file, and the folders that it needs, for whom the nearest folder is.
fn create(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let missing = folder.ancestors().take_while(|folder| !folder.exists());
    let missing: Vec<PathBuf> = missing.map(Path::to_path_buf).collect();
    fs::create_dir_all(folder)?;
    let mut created = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(file)?;
    if let Err(error) = created.write_all(bytes).and_then(|()| created.sync_all()) {
        fs::remove_file(file)?;
        return Err(error);
    }
    let nearest = missing
        .last()
        .map_or(folder, |topmost| match topmost.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        });
    for new in missing.iter().map(PathBuf::as_path).chain([file]) {
        give_to_owner(nearest, new)?;
    }
    Ok(())
}

/// Gives what `sudo gpuenv init` makes in a user's home to that user.
#[cfg(unix)]
fn give_to_owner(folder: &Path, new: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let (wanted, is) = (fs::metadata(folder)?, fs::metadata(new)?);
    if wanted.uid() == is.uid() {
        return Ok(());
    }
    match std::os::unix::fs::chown(new, Some(wanted.uid()), Some(wanted.gid())) {
        // Only root may give files away; others write in a folder that they share.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        given => given,
    }
}

#[cfg(not(unix))]
fn give_to_owner(_folder: &Path, _new: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_file_is_changed_only_if_it_is_what_it_was() {
        let place = TempDir::new().unwrap();
        let file = place.path().join("a").join("rc");
        for (old, new) in [
            (None, Some("one")),
            (Some("one"), Some("one\ntwo")),
            (Some("one\ntwo"), Some("three")),
            (Some("three"), Some("")),
            (Some(""), None),
        ] {
            let bytes = |text: Option<&'static str>| text.map(str::as_bytes);
            let wrong = write(&file, Some(b"else"), bytes(new));
            assert!(wrong.unwrap_err().to_string().contains("meanwhile"));
            assert_eq!(read(&file).unwrap().as_deref(), bytes(old));
            write(&file, bytes(old), bytes(new)).unwrap();
            assert_eq!(read(&file).unwrap().as_deref(), bytes(new));
        }
        assert!(
            read(place.path())
                .unwrap_err()
                .to_string()
                .contains("ordinary")
        );
    }

    #[cfg(unix)]
    #[test]
    fn other_names_the_mode_and_the_owner_stay() {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
        let place = TempDir::new().unwrap();
        let (file, other) = (place.path().join("rc"), place.path().join("other"));
        fs::write(&file, "mine\n").unwrap();
        fs::hard_link(&file, &other).unwrap();
        fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        let is_root = fs::metadata(&file).unwrap().uid() == 0
            && std::os::unix::fs::chown(&file, Some(12), Some(34)).is_ok();
        let before = fs::metadata(&file).unwrap();
        write(&file, Some(b"mine\n"), Some(b"mine\nmore\n")).unwrap();
        let after = fs::metadata(&file).unwrap();
        let identity = |m: &std::fs::Metadata| (m.ino(), m.nlink(), m.mode(), m.uid(), m.gid());
        assert_eq!(identity(&after), identity(&before));
        assert_eq!(fs::read(&other).unwrap(), b"mine\nmore\n");
        if !is_root {
            println!("skipped: only root can give a folder to somebody else");
            return;
        }
        let home = place.path().join("home");
        fs::create_dir(&home).unwrap();
        std::os::unix::fs::chown(&home, Some(12), Some(34)).unwrap();
        let new = home.join("config").join("fish").join("rc");
        write(&new, None, Some(b"new")).unwrap();
        for made in [
            new.parent().unwrap().parent().unwrap(),
            new.parent().unwrap(),
            &new,
        ] {
            let made = fs::metadata(made).unwrap();
            assert_eq!((made.uid(), made.gid()), (12, 34));
        }
    }
}
