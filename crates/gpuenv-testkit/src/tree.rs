//! Lists a folder as lines, so that tests can compare two prefixes.

use std::path::Path;

use fs_err as fs;

use crate::contents;

/// Lists everything below a folder, sorted: kind, permission bits, path, and
/// the size of a file or the target of a symlink.
///
/// ```text
/// dir  755 bin
/// file 755 bin/tool 42
/// link     bin/alias -> tool
/// ```
#[track_caller]
pub fn tree(folder: &Path) -> Vec<String> {
    listing(folder, |bytes| bytes.len().to_string())
}

/// Lists like [`tree`], with the first 16 digits of each file's SHA-256 behind its size.
#[track_caller]
pub fn tree_with_hashes(folder: &Path) -> Vec<String> {
    listing(folder, |bytes| {
        format!("{} {}", bytes.len(), &contents::sha256(bytes)[..16])
    })
}

#[track_caller]
fn listing(folder: &Path, describe: impl Fn(&[u8]) -> String) -> Vec<String> {
    let mut lines: Vec<(String, String)> = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).expect("the folder to list can be read") {
            let path = entry.expect("the folder to list can be read").path();
            let metadata = fs::symlink_metadata(&path).expect("nobody removes files meanwhile");
            let name = path.strip_prefix(folder).expect("listed below the folder");
            let name = name.to_string_lossy().replace('\\', "/");
            let mode = mode(&metadata);
            let line = if metadata.is_symlink() {
                let target = fs::read_link(&path).expect("nobody removes files meanwhile");
                format!("link     {name} -> {}", target.display())
            } else if metadata.is_dir() {
                folders.push(path);
                format!("dir  {mode} {name}")
            } else if metadata.is_file() {
                let bytes = fs::read(&path).expect("the file to list can be read");
                format!("file {mode} {name} {}", describe(&bytes))
            } else {
                format!("else {mode} {name}")
            };
            lines.push((name, line));
        }
    }
    lines.sort();
    lines.into_iter().map(|(_, line)| line).collect()
}

#[cfg(unix)]
fn mode(metadata: &std::fs::Metadata) -> String {
    use std::os::unix::fs::PermissionsExt;
    format!("{:03o}", metadata.permissions().mode() & 0o7777)
}

#[cfg(not(unix))]
fn mode(metadata: &std::fs::Metadata) -> String {
    let text = if metadata.permissions().readonly() {
        "444"
    } else {
        "644"
    };
    text.to_string()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_tree_shows_kind_mode_size_target_and_hash() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("bin")).unwrap();
        crate::contents::make_symlink("tool", &folder.path().join("bin/alias"));
        fs::write(folder.path().join("bin/tool"), "run me").unwrap();
        crate::contents::make_executable(&folder.path().join("bin/tool"));
        crate::contents::make_executable(&folder.path().join("bin"));
        assert_eq!(
            tree(folder.path()),
            [
                "dir  755 bin",
                "link     bin/alias -> tool",
                "file 755 bin/tool 6",
            ]
        );
        let hash = &contents::sha256(b"run me")[..16];
        assert_eq!(
            tree_with_hashes(folder.path())[2],
            format!("file 755 bin/tool 6 {hash}")
        );
    }
}
