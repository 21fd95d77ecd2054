//! A conda channel in a folder: `ROOT/NAME/SUBDIR/` with packages and repodata.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use fs_err as fs;
use rattler_digest::{Md5, compute_bytes_digest};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::{
    contents,
    package::Package,
    repodata::{self, Records},
    server::Server,
};

/// A channel whose packages are built in code.
///
/// Its folder always holds valid repodata, so it can be used at any time, through
/// `file://` or through [`Channel::serve`].
pub struct Channel {
    name: String,
    root: PathBuf,
    folder: PathBuf,
    compressed: bool,
    subdirs: Mutex<BTreeMap<String, Records>>,
    temporary: Option<Arc<TempDir>>,
}

/// A package that lies in its channel now.
#[derive(Debug, Clone)]
pub struct Published {
    /// The platform's folder, for example `linux-64`.
    pub subdir: String,
    /// The name of the archive.
    pub file_name: String,
    /// Where the archive lies.
    pub path: PathBuf,
    /// Its path on a server of the channel: `/conda-forge/linux-64/x-1-h0_0.conda`.
    pub url_path: String,
    /// The true SHA-256 of the archive in hex, whatever the record says.
    pub sha256: String,
    /// The true MD5 of the archive in hex.
    pub md5: String,
    /// The true size of the archive.
    pub size: u64,
    /// The record in the repodata, with what the test changed in it.
    pub record: Value,
}

impl Channel {
    /// Makes an empty channel in a temporary folder of its own.
    pub fn new(name: &str) -> Self {
        let temporary = tempfile::tempdir().expect("the temporary folder is writable");
        let mut channel = Self::in_root(temporary.path(), name);
        channel.temporary = Some(Arc::new(temporary));
        channel
    }

    /// Makes an empty channel beside this one, so that one server serves both.
    pub fn beside(&self, name: &str) -> Self {
        let mut channel = Self::in_root(&self.root, name);
        channel.temporary.clone_from(&self.temporary);
        channel
    }

    /// Makes an empty channel `ROOT/NAME` in a folder that the caller keeps.
    pub fn in_root(root: &Path, name: &str) -> Self {
        Self::assemble(root, name, true)
    }

    /// Makes a channel without compressed repodata, for a tree that is committed.
    pub(crate) fn plain(root: &Path, name: &str) -> Self {
        Self::assemble(root, name, false)
    }

    fn assemble(root: &Path, name: &str, compressed: bool) -> Self {
        let channel = Self {
            name: name.to_string(),
            root: root.to_path_buf(),
            folder: root.join(name),
            compressed,
            subdirs: Mutex::default(),
            temporary: None,
        };
        // A channel without `noarch` is no channel to any client.
        channel.lay_out("noarch", &json!({}));
        channel
    }

    /// Starts a package; it exists once `publish` is called.
    pub fn package(&self, name: &str, version: &str) -> Package<'_> {
        Package::new(self, name, version)
    }

    /// Adds real records: the whole JSON of a `repodata.json`, or a slice of one.
    ///
    /// There is nothing to download behind them.
    #[track_caller]
    pub fn lay_out(&self, subdir: &str, repodata: &Value) {
        let mut subdirs = self.subdirs();
        let records = subdirs.entry(subdir.to_string()).or_default();
        records.extend(repodata::records_of(repodata));
        repodata::write(&self.folder.join(subdir), subdir, records, self.compressed);
    }

    /// Adds one record without a package behind it.
    #[track_caller]
    pub fn add_record(&self, subdir: &str, file_name: &str, record: Value) {
        let packages = Map::from_iter([(file_name.to_string(), record)]);
        self.lay_out(subdir, &json!({ "packages.conda": packages }));
    }

    /// Writes any bytes as the repodata of a folder, until the next package is published there.
    pub fn raw_repodata(&self, subdir: &str, bytes: &[u8]) {
        repodata::write_raw(&self.folder.join(subdir), bytes, self.compressed);
    }

    /// Starts a server for this channel and all beside it.
    pub fn serve(&self) -> Server {
        Server::start(&self.root)
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the folder that holds this channel and all beside it.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the folder of the channel.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the `file://` URL of the folder that holds this channel and all beside it.
    pub fn file_url(&self) -> String {
        let path = self.root.to_string_lossy().replace('\\', "/");
        format!("file:///{}", path.trim_start_matches('/'))
    }

    /// Writes an archive and its record, which gets true sizes and hashes to begin with.
    pub(crate) fn publish(
        &self,
        subdir: &str,
        file_name: &str,
        bytes: &[u8],
        finish: impl FnOnce([(&'static str, Value); 3]) -> Map<String, Value>,
    ) -> Published {
        let folder = self.folder.join(subdir);
        fs::create_dir_all(&folder).expect("the channel folder is writable");
        let path = folder.join(file_name);
        fs::write(&path, bytes).expect("the channel folder is writable");
        let sha256 = contents::sha256(bytes);
        let md5 = hex::encode(compute_bytes_digest::<Md5>(bytes));
        let size = bytes.len() as u64;
        let record = Value::Object(finish([
            ("md5", json!(md5)),
            ("sha256", json!(sha256)),
            ("size", json!(size)),
        ]));
        let packages = Map::from_iter([(file_name.to_string(), record.clone())]);
        self.lay_out(subdir, &json!({ "packages.conda": packages }));
        Published {
            subdir: subdir.to_string(),
            file_name: file_name.to_string(),
            path,
            url_path: format!("/{}/{subdir}/{file_name}", self.name),
            sha256,
            md5,
            size,
            record,
        }
    }

    fn subdirs(&self) -> MutexGuard<'_, BTreeMap<String, Records>> {
        self.subdirs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
