//! Packages made in code, served from a directory.

use std::path::{Path, PathBuf};

use rattler_conda_types::{
    NoArchType, PackageName, PackageRecord, RepoDataRecord, VersionWithSource,
    compression_level::CompressionLevel,
    package::{BuildString, DistArchiveIdentifier},
};
use rattler_digest::{Sha256, compute_bytes_digest};
use serde_json::{Value, json};
use url::Url;

/// A package in the making.
pub(super) struct Archive {
    name: String,
    version: String,
    is_python: bool,
    commands: Vec<String>,
    files: Vec<(String, Vec<u8>)>,
    links: Vec<(String, String)>,
    entries: Vec<Value>,
}

pub(super) fn archive(name: &str, version: &str) -> Archive {
    Archive {
        name: name.to_string(),
        version: version.to_string(),
        is_python: false,
        commands: Vec::new(),
        files: Vec::new(),
        links: Vec::new(),
        entries: Vec::new(),
    }
}

impl Archive {
    pub(super) fn file(mut self, path: &str, content: &str) -> Self {
        self.files
            .push((path.to_string(), content.as_bytes().to_vec()));
        self.entry(json!({
            "_path": path,
            "path_type": "hardlink",
            "sha256": hex::encode(compute_bytes_digest::<Sha256>(content)),
            "size_in_bytes": content.len(),
        }))
    }

    /// Adds a text that holds the prefix where it says `@PREFIX@`.
    pub(super) fn script(mut self, path: &str, content: &str) -> Self {
        const PLACEHOLDER: &str = "/placeholder/placeholder/placeholder";
        let content = content.replace("@PREFIX@", PLACEHOLDER);
        self.files
            .push((path.to_string(), content.clone().into_bytes()));
        self.entry(json!({
            "_path": path,
            "path_type": "hardlink",
            "file_mode": "text",
            "prefix_placeholder": PLACEHOLDER,
            "sha256": hex::encode(compute_bytes_digest::<Sha256>(&content)),
            "size_in_bytes": content.len(),
        }))
    }

    pub(super) fn link(mut self, path: &str, target: &str) -> Self {
        self.links.push((path.to_string(), target.to_string()));
        self.entry(json!({ "_path": path, "path_type": "softlink" }))
    }

    /// Adds a file that the package does not list.
    pub(super) fn unlisted(mut self, path: &str, content: &str) -> Self {
        self.files
            .push((path.to_string(), content.as_bytes().to_vec()));
        self
    }

    /// Adds a link that the package does not list.
    pub(super) fn unlisted_link(mut self, path: &str, target: &str) -> Self {
        self.links.push((path.to_string(), target.to_string()));
        self
    }

    /// Adds a line to the package's own list of paths, whatever it says.
    pub(super) fn entry(mut self, entry: Value) -> Self {
        self.entries.push(entry);
        self
    }

    pub(super) fn python(mut self, commands: &[&str]) -> Self {
        self.is_python = true;
        self.commands = commands.iter().map(|command| command.to_string()).collect();
        self
    }

    /// Writes the archive into a directory; returns what a lock says of it.
    pub(super) fn publish(self, channel: &Path) -> RepoDataRecord {
        let directory = tempfile::tempdir().unwrap();
        let paths = self.write_files(directory.path());
        let stem = format!("{}-{}-0", self.name, self.version);
        let subdir = if self.is_python { "noarch" } else { "linux-64" };
        let file = channel.join(subdir).join(format!("{stem}.conda"));
        fs_err::create_dir_all(file.parent().unwrap()).unwrap();
        rattler_package_streaming::write::write_conda_package(
            std::fs::File::create(&file).unwrap(),
            directory.path(),
            &paths,
            CompressionLevel::Lowest,
            None,
            &stem,
            Some(&jiff::Timestamp::from_second(1_600_000_000).unwrap()),
            None,
        )
        .unwrap();
        self.record(channel, &file)
    }

    fn write_files(&self, directory: &Path) -> Vec<PathBuf> {
        let mut paths = Vec::new();
        let mut write = |path: &str, content: &[u8]| {
            let path = directory.join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(&path, content).unwrap();
            paths.push(path);
        };
        let index = json!({
            "name": self.name, "version": self.version, "build": "0", "build_number": 0,
            "subdir": if self.is_python { "noarch" } else { "linux-64" },
            "noarch": self.is_python.then_some("python"),
        });
        write("info/index.json", index.to_string().as_bytes());
        write("info/about.json", b"{}");
        let listed = json!({ "paths": self.entries, "paths_version": 1 });
        write("info/paths.json", listed.to_string().as_bytes());
        if self.is_python {
            let points = self
                .commands
                .iter()
                .map(|command| format!("{command} = m:f"));
            let link = json!({
                "noarch": { "type": "python", "entry_points": points.collect::<Vec<_>>() },
                "package_metadata_version": 1,
            });
            write("info/link.json", link.to_string().as_bytes());
        }
        for (path, content) in &self.files {
            write(path, content);
        }
        for (path, target) in &self.links {
            let path = directory.join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            crate::tree::make_link(Path::new(target), &path).unwrap();
            paths.push(path);
        }
        paths
    }

    fn record(&self, channel: &Path, file: &Path) -> RepoDataRecord {
        let bytes = fs_err::read(file).unwrap();
        let name = file.file_name().unwrap().to_str().unwrap();
        let mut package = PackageRecord::new(
            PackageName::new_unchecked(&self.name),
            self.version.parse::<VersionWithSource>().unwrap(),
            BuildString::new_unchecked("0"),
        );
        package.subdir = "linux-64".to_string();
        if self.is_python {
            package.noarch = NoArchType::python();
            package.subdir = "noarch".to_string();
        }
        package.size = Some(bytes.len() as u64);
        package.sha256 = Some(compute_bytes_digest::<Sha256>(&bytes));
        RepoDataRecord {
            package_record: package,
            identifier: name.parse::<DistArchiveIdentifier>().unwrap(),
            url: Url::from_file_path(file).unwrap(),
            channel: Some(Url::from_directory_path(channel).unwrap().to_string()),
        }
    }
}
