//! Which texts are paths inside a prefix, and which of them are taken.

use std::fmt;

use rattler_conda_types::Subdir;

/// What is wrong with a path or a file name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// It, or a component of it, is empty.
    Empty,
    /// It is absolute.
    Absolute,
    /// It starts with a drive letter.
    Drive,
    /// It holds `..`.
    Parent,
    /// It holds `.` as a component.
    Current,
    /// It holds a `\`, which is a separator on Windows.
    Backslash,
    /// It holds a control character.
    Control,
    /// It holds a separator where only a name may be.
    Separator,
    /// Windows takes it for a device or for another name.
    Windows,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::Empty => "has an empty component",
            Fault::Absolute => "is absolute",
            Fault::Drive => "starts with a drive letter",
            Fault::Parent => "holds `..`",
            Fault::Current => "holds `.` as a component",
            Fault::Backslash => "holds a backslash",
            Fault::Control => "holds a control character",
            Fault::Separator => "holds a separator",
            Fault::Windows => "cannot exist on Windows",
        })
    }
}

/// Returns what is wrong with a relative path.
pub fn path_fault(platform: Subdir, path: &str) -> Option<Fault> {
    if path.starts_with('/') {
        return Some(Fault::Absolute);
    }
    let bytes = path.as_bytes();
    if bytes.len() >= 2 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':' {
        return Some(Fault::Drive);
    }
    path.split('/')
        .find_map(|component| component_fault(platform, component))
}

/// Returns what is wrong with one component of a path, or a plain file name.
pub fn component_fault(platform: Subdir, name: &str) -> Option<Fault> {
    match name {
        "" => return Some(Fault::Empty),
        "." => return Some(Fault::Current),
        ".." => return Some(Fault::Parent),
        _ => {}
    }
    let fault = name.chars().find_map(|c| match c {
        '/' => Some(Fault::Separator),
        '\\' => Some(Fault::Backslash),
        c if c.is_control() => Some(Fault::Control),
        _ => None,
    });
    let windows = || platform.is_windows() && !exists_on_windows(name);
    fault.or_else(|| windows().then_some(Fault::Windows))
}

/// Returns whether Windows takes the name as it is.
fn exists_on_windows(name: &str) -> bool {
    let forbidden = |c| matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*');
    if name.ends_with(['.', ' ']) || name.contains(forbidden) {
        return false;
    }
    // A device keeps its meaning whatever extension is behind it.
    let stem = name.split('.').next().unwrap_or(name).trim_end();
    let stem = stem.to_ascii_uppercase();
    let numbered = |device: &str| {
        stem.strip_prefix(device)
            .is_some_and(|rest| rest.chars().count() == 1 && rest.contains(DEVICE_NUMBERS))
    };
    !matches!(
        stem.as_str(),
        "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$"
    ) && !numbered("COM")
        && !numbered("LPT")
}

const DEVICE_NUMBERS: [char; 13] = [
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '¹', '²', '³',
];

/// Returns whether a path of the prefix belongs to the installer: its records,
/// its working files, and what gpuenv itself writes for activation.
pub(super) fn is_reserved(path: &str) -> bool {
    // Some file systems do not tell the cases apart, so neither do we.
    let path = path.to_lowercase();
    let mut components = path.split('/');
    let first = components.next().unwrap_or("");
    if matches!(
        first,
        "conda-meta" | "__clobbers__" | ".guard" | ".trash" | "cachedir.tag"
    ) {
        return true;
    }
    let rest: Vec<&str> = components.collect();
    match (first, rest.as_slice()) {
        ("lib", ["gpuenv-cuda", ..]) => true,
        ("etc", ["conda", "activate.d" | "deactivate.d", name, ..]) => name.contains("gpuenv"),
        _ => false,
    }
}

/// Returns whether a command is started where somebody means Python: `python3.11`.
pub(super) fn is_python(command: &str) -> bool {
    let name = command.to_ascii_lowercase();
    let name = name.strip_suffix(".exe").unwrap_or(&name);
    let version = name
        .strip_prefix("pythonw")
        .or_else(|| name.strip_prefix("python"));
    version.is_some_and(|version| version.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_paths_are_sound() {
        for path in [
            "bin/python3.12",
            "share/man/man3/B::Debug.3",
            "lib/python3.12/site-packages/a b/ü.py",
            "conda-metadata/x",
            "lib/...x",
            "etc/conda/activate.d/other.sh",
        ] {
            assert_eq!(path_fault(Subdir::Linux64, path), None, "{path}");
            assert!(!is_reserved(path), "{path}");
        }
    }

    #[test]
    fn each_fault_is_named() {
        for (path, fault) in [
            ("", Fault::Empty),
            ("/etc/passwd", Fault::Absolute),
            ("C:/x", Fault::Drive),
            ("c:x", Fault::Drive),
            ("a/../b", Fault::Parent),
            ("..", Fault::Parent),
            ("./a", Fault::Current),
            ("a//b", Fault::Empty),
            ("a/", Fault::Empty),
            ("a\\b", Fault::Backslash),
            ("a\0b", Fault::Control),
            ("a/b\n", Fault::Control),
        ] {
            assert_eq!(path_fault(Subdir::Linux64, path), Some(fault), "{path:?}");
        }
        assert_eq!(
            component_fault(Subdir::Linux64, "a/b"),
            Some(Fault::Separator)
        );
    }

    #[test]
    fn names_that_windows_bends_count_there_only() {
        for name in [
            "nul", "COM1.txt", "aux .h", "x.", "x ", "a:b", "lpt¹", "CONIN$",
        ] {
            assert_eq!(
                component_fault(Subdir::Win64, name),
                Some(Fault::Windows),
                "{name}"
            );
            assert_eq!(component_fault(Subdir::Linux64, name), None, "{name}");
        }
        for name in ["null", "com.txt", "COM10", "console"] {
            assert_eq!(component_fault(Subdir::Win64, name), None, "{name}");
        }
    }

    #[test]
    fn the_installer_keeps_its_places() {
        for path in [
            "conda-meta/evil-1-0.json",
            "Conda-Meta",
            "lib/gpuenv-cuda/libcudart.so",
            "etc/conda/activate.d/~~gpuenv.sh",
            "etc/conda/deactivate.d/GPUENV/x",
            ".guard",
            "__clobbers__/a/b",
        ] {
            assert!(is_reserved(path), "{path}");
        }
    }
}
