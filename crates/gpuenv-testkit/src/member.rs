//! Raw members of a package's tar archive: what no honest build tool writes.

use std::io::Write;

use tar::{Builder, EntryType, Header};

/// A member that goes into the archive exactly as given, behind the honest ones.
///
/// It does not appear in `paths.json`; [`crate::Package::path_entry`] puts it there.
#[derive(Debug, Clone)]
pub struct Member {
    name: String,
    kind: EntryType,
    link: String,
    bytes: Vec<u8>,
    mode: u32,
}

impl Member {
    /// Makes a regular file, whatever its name: `../x`, `/etc/x`.
    pub fn file(name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        Self::new(name, EntryType::Regular, "", bytes.into())
    }

    /// Makes a hard link to any target.
    pub fn hard_link(name: &str, target: &str) -> Self {
        Self::new(name, EntryType::Link, target, Vec::new())
    }

    /// Makes a symlink to any target.
    pub fn symlink(name: &str, target: &str) -> Self {
        Self::new(name, EntryType::Symlink, target, Vec::new())
    }

    /// Makes a directory.
    pub fn directory(name: &str) -> Self {
        Self::new(name, EntryType::Directory, "", Vec::new())
    }

    /// Makes a named pipe, on which a careless reader waits for ever.
    pub fn fifo(name: &str) -> Self {
        Self::new(name, EntryType::Fifo, "", Vec::new())
    }

    /// Makes a character device with the numbers of `/dev/zero`.
    pub fn device(name: &str) -> Self {
        Self::new(name, EntryType::Char, "", Vec::new())
    }

    /// Sets the permission bits, for example `0o4755`.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    #[track_caller]
    fn new(name: &str, kind: EntryType, link: &str, bytes: Vec<u8>) -> Self {
        assert!(
            name.len() <= 100 && link.len() <= 100,
            "a raw header holds 100 bytes, `{name}` or `{link}` is longer"
        );
        Self {
            name: name.to_string(),
            kind,
            link: link.to_string(),
            bytes,
            mode: 0o644,
        }
    }

    /// Appends it; `Builder::append` checks nothing, which is the point.
    pub(crate) fn append_to(&self, archive: &mut Builder<impl Write>) -> std::io::Result<()> {
        let mut header = Header::new_ustar();
        // The checked setters refuse `..` and absolute names.
        let fields = header.as_old_mut();
        fields.name[..self.name.len()].copy_from_slice(self.name.as_bytes());
        fields.linkname[..self.link.len()].copy_from_slice(self.link.as_bytes());
        header.set_entry_type(self.kind);
        header.set_mode(self.mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(crate::archive::MTIME);
        header.set_size(self.bytes.len() as u64);
        if self.kind == EntryType::Char {
            header.set_device_major(1)?;
            header.set_device_minor(5)?;
        }
        header.set_cksum();
        archive.append(&header, self.bytes.as_slice())
    }
}
