//! The files of a package: how they are staged in a folder, and what
//! `info/paths.json` says about them.

use std::path::{Component, Path};

use fs_err as fs;
use rattler_digest::{Sha256, compute_bytes_digest};
use serde_json::{Value, json};

/// The prefix that packages of the testkit were "built" in; installers replace it.
///
/// As long as conda-build's, because the prefix of an installation must fit into
/// its place in binaries.
pub const PLACEHOLDER: &str = "/home/testkit/_h_env_placehold_placehold_placehold_placehold_placehold_placehold_placehold_placehold_placehold_placehold_placehold_placehold_placehold_placehold_placehold_placehold_placehold_placehold_placehold_placehold_placehold_placehold_placehold_plac";

/// One path of a package.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) path: String,
    pub(crate) content: Content,
}

/// What lies at a path.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    File {
        bytes: Vec<u8>,
        executable: bool,
        placeholder: Option<FileMode>,
    },
    Symlink {
        target: String,
    },
    Directory,
}

/// How an installer replaces the placeholder.
#[derive(Debug, Clone, Copy)]
pub(crate) enum FileMode {
    Text,
    Binary,
}

impl Entry {
    /// Makes an entry for a path that stays below the root of the package.
    #[track_caller]
    pub(crate) fn new(path: &str, content: Content) -> Self {
        let stays_below = Path::new(path)
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        assert!(
            stays_below && !path.is_empty(),
            "`{path}` leaves the package; hostile paths go through `member` or `path_entry`"
        );
        Self {
            path: path.to_string(),
            content,
        }
    }

    /// Returns the line of `paths.json`, as conda-build writes it.
    pub(crate) fn path_entry(&self, all: &[Entry]) -> Value {
        let bytes = match &self.content {
            Content::Directory => return json!({ "_path": self.path, "path_type": "directory" }),
            Content::File { bytes, .. } => bytes.as_slice(),
            Content::Symlink { target } => link_target(all, &self.path, target),
        };
        let kind = match self.content {
            Content::Symlink { .. } => "softlink",
            Content::File { .. } | Content::Directory => "hardlink",
        };
        let mut entry = json!({
            "_path": self.path,
            "path_type": kind,
            "sha256": sha256(bytes),
            "size_in_bytes": bytes.len(),
        });
        if let Content::File {
            placeholder: Some(mode),
            ..
        } = self.content
        {
            entry["file_mode"] = match mode {
                FileMode::Text => json!("text"),
                FileMode::Binary => json!("binary"),
            };
            entry["prefix_placeholder"] = json!(PLACEHOLDER);
        }
        entry
    }

    /// Writes it below the folder.
    pub(crate) fn stage(&self, root: &Path) {
        let path = root.join(&self.path);
        let parent = path.parent().expect("joined to the root");
        fs::create_dir_all(parent).expect("the staging folder is ours");
        match &self.content {
            Content::File {
                bytes, executable, ..
            } => {
                fs::write(&path, bytes).expect("the staging folder is ours");
                if *executable {
                    make_executable(&path);
                }
            }
            Content::Symlink { target } => make_symlink(target, &path),
            Content::Directory => {
                fs::create_dir_all(&path).expect("the staging folder is ours");
            }
        }
    }
}

/// Returns the bytes that a symlink of the package leads to; none if it leads out of it.
fn link_target<'e>(all: &'e [Entry], link: &str, target: &str) -> &'e [u8] {
    let mut parts: Vec<&str> = link.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            ".." => {
                parts.pop();
            }
            "." => {}
            part => parts.push(part),
        }
    }
    let path = parts.join("/");
    let hit = all.iter().find(|entry| entry.path == path);
    match hit.map(|entry| &entry.content) {
        Some(Content::File { bytes, .. }) => bytes,
        Some(Content::Symlink { .. } | Content::Directory) | None => &[],
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(compute_bytes_digest::<Sha256>(bytes))
}

#[cfg(unix)]
pub(crate) fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
        .expect("the file was just written by us");
}

#[cfg(not(unix))]
pub(crate) fn make_executable(_path: &Path) {}

#[cfg(unix)]
pub(crate) fn make_symlink(target: &str, path: &Path) {
    fs::os::unix::fs::symlink(target, path).expect("the staging folder is ours");
}

#[cfg(not(unix))]
pub(crate) fn make_symlink(target: &str, path: &Path) {
    std::os::windows::fs::symlink_file(target, path)
        .expect("symlinks need developer mode on Windows");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_placeholder_is_as_long_as_that_of_conda_build() {
        assert_eq!(PLACEHOLDER.len(), 255);
    }

    #[test]
    #[should_panic(expected = "leaves the package")]
    fn a_plain_file_cannot_leave_the_package() {
        let _ = Entry::new("lib/../../x", Content::Directory);
    }

    #[test]
    fn a_symlink_carries_the_hash_of_what_it_leads_to() {
        let file = Entry::new(
            "lib/libx.so.1",
            Content::File {
                bytes: b"elf".to_vec(),
                executable: false,
                placeholder: None,
            },
        );
        let link = Entry::new(
            "lib/sub/libx.so",
            Content::Symlink {
                target: "../libx.so.1".to_string(),
            },
        );
        let all = [file, link];
        let line = all[1].path_entry(&all);
        assert_eq!(line["path_type"], "softlink");
        assert_eq!(line["sha256"], sha256(b"elf"));
        assert_eq!(line["size_in_bytes"], 3);
    }
}
