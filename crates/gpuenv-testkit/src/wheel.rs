//! Wheels built in code, and a page that lists them, as `--find-links` takes it.

mod wrong;

use std::{
    fmt::Write as _,
    io::{Cursor, Write as _},
    path::{Path, PathBuf},
};

use fs_err as fs;
use rattler_digest::{Sha256, compute_bytes_digest};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use self::wrong::Wrong;

/// A wheel that is going to be written.
#[derive(Debug, Clone)]
pub struct Wheel {
    name: String,
    version: String,
    tag: String,
    requires: Vec<String>,
    members: Vec<(String, Vec<u8>)>,
    commands: Vec<(String, String)>,
    lie: bool,
    deflate: bool,
    unlisted: Vec<(String, Vec<u8>)>,
    yanked: Option<String>,
    wrong: Wrong,
}

impl Wheel {
    /// Starts a wheel that holds a module of its name, with its version.
    pub fn new(name: &str, version: &str) -> Self {
        let module = module(name);
        let text =
            format!("__version__ = {version:?}\n\ndef main():\n    print({name:?}, __version__)\n");
        Self {
            name: name.to_string(),
            version: version.to_string(),
            tag: "py3-none-any".to_string(),
            requires: Vec::new(),
            members: vec![(format!("{module}/__init__.py"), text.into_bytes())],
            commands: Vec::new(),
            lie: false,
            deflate: false,
            unlisted: Vec::new(),
            yanked: None,
            wrong: Wrong::default(),
        }
    }

    /// Says for what it is: `cp311-cp311-win_amd64`.
    #[must_use]
    pub fn tag(mut self, tag: &str) -> Self {
        self.tag = tag.to_string();
        self
    }

    /// Adds a requirement.
    #[must_use]
    pub fn needs(mut self, requirement: &str) -> Self {
        self.requires.push(requirement.to_string());
        self
    }

    /// Adds a file, whatever its name.
    #[must_use]
    pub fn file(mut self, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.members.push((path.to_string(), bytes.into()));
        self
    }

    /// Adds a file of which its `RECORD` knows nothing.
    #[must_use]
    pub fn unlisted(mut self, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.unlisted.push((path.to_string(), bytes.into()));
        self
    }

    /// Adds a command that calls `main` of the module.
    #[must_use]
    pub fn command(mut self, name: &str) -> Self {
        let target = format!("{}:main", module(&self.name));
        self.commands.push((name.to_string(), target));
        self
    }

    /// Makes its `RECORD` give a wrong hash for the first file.
    #[must_use]
    pub fn lying(mut self) -> Self {
        self.lie = true;
        self
    }

    /// Says on the page that its authors have withdrawn it, and why.
    #[must_use]
    pub fn yanked(mut self, reason: &str) -> Self {
        self.yanked = Some(reason.to_string());
        self
    }

    /// Compresses what is in it.
    #[must_use]
    pub fn deflated(mut self) -> Self {
        self.deflate = true;
        self
    }

    /// Writes the wheel into a folder and names it on the page there, once.
    #[track_caller]
    pub fn publish(self, folder: &Path) -> PathBuf {
        fs::create_dir_all(folder).expect("the folder is ours");
        let file = format!("{}-{}-{}.whl", module(&self.name), self.version, self.tag);
        let path = folder.join(&file);
        let yanked = self.yanked.as_ref().map(|reason| {
            let reason = reason.replace('"', "&quot;");
            format!(" data-yanked=\"{reason}\"")
        });
        let bytes = self.bytes();
        fs::write(&path, &bytes).expect("the folder is ours");
        let hash = compute_bytes_digest::<Sha256>(&bytes);
        let page = folder.join("index.html");
        let before = fs::read_to_string(&page).unwrap_or_default();
        let ends = format!(">{file}</a>");
        let others = before.lines().filter(|line| !line.ends_with(&ends));
        let mut text: String = others.map(|line| format!("{line}\n")).collect();
        let encoded = file.replace('+', "%2B");
        let _ = writeln!(
            text,
            "<a href=\"{encoded}#sha256={}\"{}{ends}",
            hex::encode(hash),
            yanked.unwrap_or_default()
        );
        fs::write(page, text).expect("the folder is ours");
        path
    }

    /// Returns its bytes.
    #[track_caller]
    pub fn bytes(self) -> Vec<u8> {
        self.archive().expect("a wheel goes into memory")
    }

    fn archive(mut self) -> std::io::Result<Vec<u8>> {
        let inside = self.wrong.inside.take();
        let (name, version) = inside.unwrap_or_else(|| (self.name.clone(), self.version.clone()));
        let info = format!("{}-{version}.dist-info", module(&name));
        let mut metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n");
        for requirement in &self.requires {
            let _ = writeln!(metadata, "Requires-Dist: {requirement}");
        }
        let wheel = format!(
            "Wheel-Version: 1.0\nGenerator: testkit\nRoot-Is-Purelib: true\nTag: {}\n",
            self.tag
        );
        self.members
            .push((format!("{info}/METADATA"), metadata.into_bytes()));
        self.members
            .push((format!("{info}/WHEEL"), wheel.into_bytes()));
        let written = self.wrong.entry_points.take();
        if !self.commands.is_empty() || written.is_some() {
            let mut text = "[console_scripts]\n".to_string();
            for (name, target) in &self.commands {
                let _ = writeln!(text, "{name} = {target}");
            }
            let text = written.unwrap_or(text);
            self.members
                .push((format!("{info}/entry_points.txt"), text.into_bytes()));
        }
        let mut record = String::new();
        for (index, (path, bytes)) in self.members.iter().enumerate() {
            let told: &[u8] = if self.lie && index == 0 {
                b"something else"
            } else {
                bytes
            };
            let hash = compute_bytes_digest::<Sha256>(told);
            let field = format!("{path},");
            let lines = &mut self.wrong.record_lines;
            match lines.iter().position(|line| line.starts_with(&field)) {
                Some(index) => record += &format!("{}\n", lines.remove(index)),
                None => {
                    let path = quoted(path);
                    let _ = writeln!(record, "{path},sha256={},{}", base64(&hash), bytes.len());
                }
            }
        }
        for line in &self.wrong.record_lines {
            let _ = writeln!(record, "{line}");
        }
        for (path, target) in &self.wrong.symlinks {
            let hash = base64(&compute_bytes_digest::<Sha256>(target));
            let _ = writeln!(record, "{path},sha256={hash},{}", target.len());
        }
        let _ = writeln!(record, "{info}/RECORD,,");
        self.members.extend(self.unlisted);
        let twice = std::mem::take(&mut self.wrong.twice);
        for (path, bytes) in &twice {
            let placeholder = wrong::placeholder(path);
            self.members.push((placeholder, bytes.clone()));
        }
        if !self.wrong.without_record {
            self.members
                .push((format!("{info}/RECORD"), record.into_bytes()));
        }
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        for (path, bytes) in &self.members {
            let method = match self.deflate {
                true => CompressionMethod::Deflated,
                false => CompressionMethod::Stored,
            };
            let options = SimpleFileOptions::default().compression_method(method);
            archive.start_file(path.as_str(), options)?;
            archive.write_all(bytes)?;
        }
        for (path, target) in &self.wrong.symlinks {
            archive.add_symlink(path.as_str(), target.as_str(), SimpleFileOptions::default())?;
        }
        let mut bytes = archive.finish()?.into_inner();
        for (path, _) in &twice {
            wrong::rename(&mut bytes, &wrong::placeholder(path), path);
        }
        Ok(bytes)
    }
}

/// Returns the sha256 of some bytes, as an index writes it.
pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(compute_bytes_digest::<Sha256>(bytes))
}

/// Writes a field of a CSV file.
fn quoted(path: &str) -> String {
    match path.contains([',', '"', '\n']) {
        true => format!("\"{}\"", path.replace('"', "\"\"")),
        false => path.to_string(),
    }
}

fn module(name: &str) -> String {
    name.replace(['-', '.'], "_").to_lowercase()
}

/// Encodes for a `RECORD`: the alphabet for URLs, without padding (RFC 4648, section 5).
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for index in 0..=chunk.len() {
            let six = bits >> (18 - 6 * index) & 63;
            text.push(char::from(ALPHABET[six as usize]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_encoded_as_rfc_4648_has_it() {
        for (plain, encoded) in [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
        assert_eq!(base64(&[0xfb, 0xff]), "-_8");
    }
}
