//! Converts an ordinary wheel into the form of a conda package, quickly.
//!
//! rattler's converter is what decides: where a wheel is odd in any way, nothing is
//! written here and that one is asked, which also has the words for what is wrong. For
//! all others the result is the same, byte for byte, but each content is hashed once and
//! the lists are written in one piece. `tests/real/wheels` compares both.

mod plan;

use std::{
    collections::{BTreeMap, HashSet},
    io::{self, BufReader, Read, Seek, Write},
    path::Path,
};

use gpuenv_core::wheels::{Brought, MAX_RECORD_BYTES, Written, check_record, installed_record};
use rattler_conda_types::{
    NoArchType, PackageRecord,
    package::{
        FileMode, IndexJson, LinkJson, NoArchLinks, PackageFile, PathType, PathsEntry, PathsJson,
        PrefixPlaceholder, PythonEntryPoints,
    },
};
use rattler_digest::{Sha256, digest::Digest as _};
use rattler_package_streaming::{
    ExtractError,
    wheel::{CONVERSION_VERSION, WheelError, WheelJson},
};
use serde::Serialize;
use zip::ZipArchive;

use self::plan::{Member, Plan, SITE_PACKAGES};

/// Where rattler's linker is going to write the prefix; its converter's own text.
const PLACEHOLDER: &str = "/__rattler_wheel_prefix_placeholder__";

/// How the line begins that an installer replaces by the path of Python.
const SHEBANG: &[u8] = b"#!python";

/// How much is read and written at a time, in bytes.
const PIECE: usize = 128 << 10;

/// Unpacks a wheel into a directory that does not exist or is empty, and compares it with its
/// `RECORD`. Returns `false`, with nothing done, if it is for rattler's converter.
///
/// # Errors
/// Fails if the archive cannot be read to its end, if it contradicts its `RECORD`, or if the
/// directory cannot be written.
pub(super) fn convert<R: Read + Seek>(
    archive: &mut ZipArchive<R>,
    directory: &Path,
    record: &PackageRecord,
) -> Result<bool, ExtractError> {
    let Some(plan) = Plan::of(archive, record) else {
        return Ok(false);
    };
    let mut writer = Writer::new(directory);
    let mut paths = Vec::with_capacity(plan.members.len() + 2);
    for member in &plan.members {
        paths.push(writer.member(archive, member)?);
    }
    for member in &plan.licenses {
        writer.member(archive, member)?;
    }
    let info = format!("{SITE_PACKAGES}/{}.dist-info", plan.stem);
    paths.push(writer.file(&format!("{info}/INSTALLER"), &mut &b"conda\n"[..], false)?);
    paths.sort_by(|a, b| a.relative_path.cmp(&b.relative_path));
    let files = paths.iter().map(written).collect();
    compare(archive.by_index(plan.record)?, &plan.stem, &files)?;
    let own = format!("{info}/RECORD");
    let text = list(&own, &paths);
    paths.push(writer.file(&own, &mut text.as_bytes(), false)?);
    paths.sort_by(|a, b| a.relative_path.cmp(&b.relative_path));
    describe(&mut writer, record, paths, plan)?;
    Ok(true)
}

/// Compares what was written with the `RECORD` in the archive.
pub(super) fn compare(
    member: impl Read,
    stem: &str,
    files: &BTreeMap<String, Written>,
) -> Result<(), ExtractError> {
    let bad = |what: String| ExtractError::from(WheelError::Metadata(what));
    let mut bytes = Vec::new();
    member.take(MAX_RECORD_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8(bytes).map_err(|_| bad("`RECORD` is not UTF-8".to_string()))?;
    check_record(&text, stem, files).map_err(bad)
}

/// Returns where a file is, with slashes, and what a `RECORD` must say of it.
pub(super) fn written(entry: &PathsEntry) -> (String, Written) {
    // A script of which the first line was changed is another file now.
    let is_same = entry.prefix_placeholder.is_none();
    let written = Written {
        sha256: entry.sha256.filter(|_| is_same),
        size: entry.size_in_bytes.filter(|_| is_same),
    };
    (name_of(entry), written)
}

/// Returns the `RECORD` for the cache, whose layout is that of no environment.
fn list(own: &str, paths: &[PathsEntry]) -> String {
    let names: Vec<String> = paths.iter().map(name_of).collect();
    let files = paths.iter().zip(&names);
    let brought = files.map(|(entry, path)| Brought {
        path,
        sha256: entry.sha256,
        size: entry.size_in_bytes,
    });
    installed_record(own, &brought.collect::<Vec<_>>())
}

fn name_of(entry: &PathsEntry) -> String {
    let path = entry.relative_path.to_string_lossy();
    path.replace(std::path::MAIN_SEPARATOR, "/")
}

/// Writes what makes a directory a package.
fn describe(
    writer: &mut Writer<'_>,
    record: &PackageRecord,
    paths: Vec<PathsEntry>,
    plan: Plan,
) -> Result<(), ExtractError> {
    let index = IndexJson {
        arch: None,
        build: record.build.clone(),
        build_number: record.build_number,
        constrains: record.constrains.clone(),
        depends: record.depends.clone(),
        extra_depends: record.extra_depends.clone(),
        features: record.features.clone(),
        flags: record.flags.clone(),
        license: record.license.clone(),
        license_family: record.license_family.clone(),
        name: record.name.clone(),
        noarch: NoArchType::python(),
        platform: None,
        purls: record.purls.clone(),
        python_site_packages_path: None,
        repodata_revision: None,
        subdir: Some(record.subdir.clone()),
        timestamp: record.timestamp,
        track_features: record.track_features.clone(),
        version: record.version.clone(),
    };
    let link = LinkJson {
        noarch: NoArchLinks::Python(PythonEntryPoints {
            entry_points: plan.entry_points,
        }),
        package_metadata_version: 1,
    };
    let paths = PathsJson {
        paths,
        paths_version: 1,
    };
    let wheel = WheelJson {
        conversion_version: CONVERSION_VERSION,
    };
    writer.json(IndexJson::package_path(), &index)?;
    writer.json(PathsJson::package_path(), &paths)?;
    writer.json(LinkJson::package_path(), &link)?;
    writer.json(WheelJson::package_path(), &wheel)
}

/// Writes files below a directory.
struct Writer<'a> {
    directory: &'a Path,
    /// Directories that are there.
    known: HashSet<String>,
    piece: Vec<u8>,
}

impl<'a> Writer<'a> {
    fn new(directory: &'a Path) -> Self {
        Self {
            directory,
            known: HashSet::new(),
            piece: vec![0; PIECE],
        }
    }

    fn member<R: Read + Seek>(
        &mut self,
        archive: &mut ZipArchive<R>,
        member: &Member,
    ) -> Result<PathsEntry, ExtractError> {
        let mut source = archive.by_index(member.index)?;
        if !member.is_script {
            return Ok(self.file(&member.target, &mut source, member.is_executable)?);
        }
        let mut start = Vec::with_capacity(SHEBANG.len());
        source
            .by_ref()
            .take(SHEBANG.len() as u64)
            .read_to_end(&mut start)?;
        if start != SHEBANG {
            let mut whole = start.chain(source);
            return Ok(self.file(&member.target, &mut whole, member.is_executable)?);
        }
        let mut rest = BufReader::new(source);
        io::BufRead::skip_until(&mut rest, b'\n')?;
        let first = format!("#!{PLACEHOLDER}/bin/python\n");
        let mut entry = self.file(&member.target, &mut first.as_bytes().chain(rest), true)?;
        entry.prefix_placeholder = Some(PrefixPlaceholder {
            file_mode: FileMode::Text,
            placeholder: PLACEHOLDER.to_owned(),
            experimental_offsets: None,
        });
        Ok(entry)
    }

    fn file(
        &mut self,
        name: &str,
        content: &mut dyn Read,
        is_executable: bool,
    ) -> io::Result<PathsEntry> {
        let mut file = self.create(name, is_executable)?;
        let mut hash = Sha256::default();
        let mut size = 0;
        loop {
            let length = match content.read(&mut self.piece) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            hash.update(&self.piece[..length]);
            file.write_all(&self.piece[..length])?;
            size += length as u64;
        }
        Ok(PathsEntry {
            relative_path: name.into(),
            no_link: false,
            path_type: PathType::HardLink,
            prefix_placeholder: None,
            sha256: Some(hash.finalize()),
            size_in_bytes: Some(size),
        })
    }

    fn json(&mut self, name: &Path, value: &impl Serialize) -> Result<(), ExtractError> {
        let bytes = serde_json::to_vec_pretty(value).map_err(io::Error::other)?;
        let mut file = self.create(&name.to_string_lossy(), false)?;
        Ok(file.write_all(&bytes)?)
    }

    fn create(&mut self, name: &str, is_executable: bool) -> io::Result<fs_err::File> {
        if let Some((folder, _)) = name.rsplit_once('/')
            && !self.known.contains(folder)
        {
            fs_err::create_dir_all(self.directory.join(folder))?;
            self.known.insert(folder.to_string());
        }
        let mut options = fs_err::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        {
            use fs_err::os::unix::fs::OpenOptionsExt as _;
            options.mode(if is_executable { 0o777 } else { 0o666 });
        }
        #[cfg(not(unix))]
        let _ = is_executable;
        options.open(self.directory.join(name))
    }
}

#[cfg(test)]
mod tests;
