//! What can be wrong with a package: hostile members, lying metadata.

use serde_json::{Value, json};

use super::Package;
use crate::{contents, member::Member};

impl Package<'_> {
    /// Adds a raw member to the archive and nothing to `paths.json`.
    pub fn member(mut self, member: Member) -> Self {
        self.members.push(member);
        self
    }

    /// Adds a line to `paths.json` and nothing to the archive.
    pub fn path_entry(mut self, entry: Value) -> Self {
        self.extra_paths.push(entry);
        self
    }

    /// Adds a line to `paths.json` for a regular file of any path, and nothing to the archive.
    pub fn listed(self, path: &str) -> Self {
        self.path_entry(json!({
            "_path": path,
            "path_type": "hardlink",
            "sha256": contents::sha256(b""),
            "size_in_bytes": 0,
        }))
    }

    /// Changes one value of the line that `paths.json` has for a path.
    pub fn in_paths(mut self, path: &str, key: &str, value: impl Into<Value>) -> Self {
        self.edits
            .paths
            .push((path.to_string(), key.to_string(), value.into()));
        self
    }

    /// Replaces a file below `info/`, for example `paths.json`, or adds one.
    pub fn info(mut self, name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.info.insert(name.to_string(), Some(bytes.into()));
        self
    }

    /// Leaves a file below `info/` out.
    pub fn without_info(mut self, name: &str) -> Self {
        self.info.insert(name.to_string(), None);
        self
    }

    /// Changes one value of `info/index.json`; the record in the channel stays honest.
    pub fn in_index(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.edits.index.push((key.to_string(), Some(value.into())));
        self
    }

    /// Changes one value of the record in `repodata.json`, for example `sha256`.
    pub fn in_repodata(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.edits
            .repodata
            .push((key.to_string(), Some(value.into())));
        self
    }

    /// Leaves one value of the record in `repodata.json` out.
    pub fn without_in_repodata(mut self, key: &str) -> Self {
        self.edits.repodata.push((key.to_string(), None));
        self
    }
}
