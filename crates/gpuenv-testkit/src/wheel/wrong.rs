//! Wheels that no honest tool builds.

use super::Wheel;

/// What is wrong with a wheel.
#[derive(Debug, Clone, Default)]
pub(super) struct Wrong {
    /// The name and version that it gives itself, if not those of its file.
    pub(super) inside: Option<(String, String)>,
    pub(super) symlinks: Vec<(String, String)>,
    pub(super) twice: Vec<(String, Vec<u8>)>,
    pub(super) entry_points: Option<String>,
    pub(super) record_lines: Vec<String>,
    pub(super) without_record: bool,
}

impl Wheel {
    /// Makes it call itself by another name and version than its file does.
    #[must_use]
    pub fn inside(mut self, name: &str, version: &str) -> Self {
        self.wrong.inside = Some((name.to_string(), version.to_string()));
        self
    }

    /// Adds a symbolic link, which a wheel cannot hold, as an entry that says it is one.
    #[must_use]
    pub fn symlink(mut self, path: &str, target: &str) -> Self {
        let link = (path.to_string(), target.to_string());
        self.wrong.symlinks.push(link);
        self
    }

    /// Adds an entry of a name that is there already.
    #[must_use]
    pub fn twice(mut self, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.wrong.twice.push((path.to_string(), bytes.into()));
        self
    }

    /// Writes its `entry_points.txt`, whatever the text.
    #[must_use]
    pub fn entry_points(mut self, text: &str) -> Self {
        self.wrong.entry_points = Some(text.to_string());
        self
    }

    /// Adds a line to its `RECORD`, in place of that for the same path.
    #[must_use]
    pub fn record_line(mut self, line: &str) -> Self {
        self.wrong.record_lines.push(line.to_string());
        self
    }

    /// Leaves its `RECORD` out.
    #[must_use]
    pub fn without_record(mut self) -> Self {
        self.wrong.without_record = true;
        self
    }
}

/// Returns a name of the same length that an archive takes beside the first one.
pub(super) fn placeholder(path: &str) -> String {
    let mut placeholder = path.to_string();
    placeholder.pop();
    placeholder + "\u{1}"
}

/// Gives the entries of placeholders the names that they stand for.
pub(super) fn rename(archive: &mut [u8], from: &str, to: &str) {
    assert_eq!(from.len(), to.len(), "a name keeps its length");
    let mut at = 0;
    while let Some(found) = archive[at..]
        .windows(from.len())
        .position(|window| window == from.as_bytes())
    {
        at += found;
        archive[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
}
