//! A package in the making: what a test says of it, and its publication.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    archive::{Effort, Format},
    channel::Channel,
    contents::{Content, Entry, FileMode},
    member::Member,
    metadata::{Metadata, Noarch},
    noise,
};

mod build;
mod wrong;

/// A package that a channel will get; [`Package::publish`] builds it.
///
/// Unless told otherwise it is `h0_0` for `linux-64`, without dependencies, built
/// on 2023-01-01, in a `.conda` archive.
#[must_use = "only `publish` puts a package into its channel"]
pub struct Package<'c> {
    channel: &'c Channel,
    metadata: Metadata,
    format: Format,
    effort: Effort,
    entries: Vec<Entry>,
    members: Vec<Member>,
    info: BTreeMap<String, Option<Vec<u8>>>,
    extra_paths: Vec<Value>,
    edits: Edits,
}

/// What a test writes over the honest values; `None` takes the key away.
#[derive(Default)]
struct Edits {
    repodata: Vec<(String, Option<Value>)>,
    index: Vec<(String, Option<Value>)>,
    paths: Vec<(String, String, Value)>,
}

impl<'c> Package<'c> {
    pub(crate) fn new(channel: &'c Channel, name: &str, version: &str) -> Self {
        Self {
            channel,
            metadata: Metadata {
                name: name.to_string(),
                version: version.to_string(),
                build: "h0_0".to_string(),
                build_number: 0,
                subdir: "linux-64".to_string(),
                depends: Vec::new(),
                constrains: Vec::new(),
                license: "BSD-3-Clause".to_string(),
                timestamp: Some(crate::archive::MTIME * 1000),
                track_features: Vec::new(),
                noarch: Noarch::No,
            },
            format: Format::Conda,
            effort: Effort::Usual,
            entries: Vec::new(),
            members: Vec::new(),
            info: BTreeMap::new(),
            extra_paths: Vec::new(),
            edits: Edits::default(),
        }
    }
}

/// What it is.
impl Package<'_> {
    /// Sets the build string, and the build number if it ends in `_N`.
    pub fn build(mut self, build: &str) -> Self {
        let number = build.rsplit('_').next().and_then(|text| text.parse().ok());
        self.metadata.build_number = number.unwrap_or(self.metadata.build_number);
        self.metadata.build = build.to_string();
        self
    }

    /// Sets the build number.
    pub fn build_number(mut self, number: u64) -> Self {
        self.metadata.build_number = number;
        self
    }

    /// Sets the platform.
    pub fn subdir(mut self, subdir: &str) -> Self {
        self.metadata.subdir = subdir.to_string();
        self
    }

    /// Adds a dependency.
    pub fn needs(mut self, spec: &str) -> Self {
        self.metadata.depends.push(spec.to_string());
        self
    }

    /// Adds a constraint on a package that may or may not be there.
    pub fn constrains(mut self, spec: &str) -> Self {
        self.metadata.constrains.push(spec.to_string());
        self
    }

    /// Sets the license.
    pub fn license(mut self, license: &str) -> Self {
        self.metadata.license = license.to_string();
        self
    }

    /// Adds a feature to track, which makes solvers avoid the package.
    pub fn track_feature(mut self, feature: &str) -> Self {
        self.metadata.track_features.push(feature.to_string());
        self
    }

    /// Sets the build time in milliseconds since 1970.
    pub fn timestamp(mut self, milliseconds: u64) -> Self {
        self.metadata.timestamp = Some(milliseconds);
        self
    }

    /// Takes the build time away, as in very old records.
    pub fn without_timestamp(mut self) -> Self {
        self.metadata.timestamp = None;
        self
    }

    /// Makes it a `noarch: generic` package.
    pub fn noarch_generic(mut self) -> Self {
        self.metadata.noarch = Noarch::Generic;
        self.subdir("noarch")
    }

    /// Makes it a `noarch: python` package with entry points such as `tool = module:main`.
    ///
    /// Its modules lie below `site-packages/`.
    pub fn noarch_python<'a>(mut self, entry_points: impl IntoIterator<Item = &'a str>) -> Self {
        let entry_points = entry_points.into_iter().map(String::from).collect();
        self.metadata.noarch = Noarch::Python { entry_points };
        self.subdir("noarch")
    }

    /// Packs it as `.tar.bz2`, the older format.
    pub fn tar_bz2(mut self) -> Self {
        self.format = Format::TarBz2;
        self
    }

    /// Compresses as little as possible, for large contents.
    pub(crate) fn packed_fast(mut self) -> Self {
        self.effort = Effort::Low;
        self
    }
}

/// What is in it.
impl Package<'_> {
    /// Adds a file.
    #[track_caller]
    pub fn file(self, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.with_file(path, bytes.into(), false, None)
    }

    /// Adds a file that may be run.
    #[track_caller]
    pub fn executable(self, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.with_file(path, bytes.into(), true, None)
    }

    /// Adds a symlink; the target may be anything, outside the package too.
    #[track_caller]
    pub fn symlink(mut self, path: &str, target: &str) -> Self {
        let target = target.to_string();
        self.entries
            .push(Entry::new(path, Content::Symlink { target }));
        self
    }

    /// Adds an empty directory.
    #[track_caller]
    pub fn directory(mut self, path: &str) -> Self {
        self.entries.push(Entry::new(path, Content::Directory));
        self
    }

    /// Adds a text in which installers replace [`crate::PLACEHOLDER`] by the prefix.
    ///
    /// It may be run if it starts with `#!` or lies in `bin/`.
    #[track_caller]
    pub fn prefix_text(self, path: &str, text: &str) -> Self {
        assert!(
            text.contains(crate::PLACEHOLDER),
            "`{path}` does not contain the placeholder"
        );
        let executable = text.starts_with("#!") || path.starts_with("bin/");
        self.with_file(path, text.into(), executable, Some(FileMode::Text))
    }

    /// Adds a binary in which installers replace [`crate::PLACEHOLDER`] and pad with zeros.
    ///
    /// It may be run if it lies in `bin/`.
    #[track_caller]
    pub fn prefix_binary(self, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        assert!(
            bytes
                .windows(crate::PLACEHOLDER.len())
                .any(|window| window == crate::PLACEHOLDER.as_bytes()),
            "`{path}` does not contain the placeholder"
        );
        self.with_file(
            path,
            bytes,
            path.starts_with("bin/"),
            Some(FileMode::Binary),
        )
    }

    /// Adds a file of that many bytes which do not compress, the same in every run.
    #[track_caller]
    pub fn payload(self, path: &str, length: usize) -> Self {
        let seed = noise::seed(&format!("{}/{path}", self.metadata.stem()));
        self.file(path, noise::noise(seed, length))
    }

    /// Adds that many small files `FOLDER/NN/file-N.txt`, a hundred in each folder.
    #[track_caller]
    pub fn many_files(mut self, folder: &str, count: usize) -> Self {
        for number in 0..count {
            let path = format!("{folder}/{:02}/file-{number}.txt", number / 100);
            self = self.file(&path, format!("file {number} of {count}\n"));
        }
        self
    }

    /// Adds a script to `etc/conda/activate.d`.
    #[track_caller]
    pub fn activate_script(self, name: &str, text: &str) -> Self {
        self.file(&format!("etc/conda/activate.d/{name}"), text)
    }

    /// Adds a script to `etc/conda/deactivate.d`.
    #[track_caller]
    pub fn deactivate_script(self, name: &str, text: &str) -> Self {
        self.file(&format!("etc/conda/deactivate.d/{name}"), text)
    }

    /// Sets a variable through `etc/conda/env_vars.d/NAME-OF-PACKAGE.json`.
    #[track_caller]
    pub fn variables<'a>(self, variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let path = format!("etc/conda/env_vars.d/{}.json", self.metadata.name);
        let map: Map<String, Value> = variables
            .into_iter()
            .map(|(name, value)| (name.to_string(), json!(value)))
            .collect();
        self.file(&path, Value::Object(map).to_string())
    }

    /// Adds a weak run export.
    pub fn run_export(self, spec: &str) -> Self {
        let exports = json!({ "weak": [spec] });
        self.info("run_exports.json", exports.to_string())
    }

    #[track_caller]
    fn with_file(
        mut self,
        path: &str,
        bytes: Vec<u8>,
        executable: bool,
        placeholder: Option<FileMode>,
    ) -> Self {
        let content = Content::File {
            bytes,
            executable,
            placeholder,
        };
        self.entries.push(Entry::new(path, content));
        self
    }
}

#[cfg(test)]
mod tests;
