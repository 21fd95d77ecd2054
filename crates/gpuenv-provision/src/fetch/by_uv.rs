//! Wheels that the converter refuses: uv installs them into a directory of their
//! own, and the result is brought into the form of a package.
//!
//! So uv never writes into a prefix: what it makes is compared with the wheel's
//! `RECORD` and goes through cache, layout check and linker like every package.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use gpuenv_core::wheels::shown_file_name;
use rattler_conda_types::{
    PackageRecord, RepoDataRecord,
    package::{FileMode, PathType, PathsEntry, PathsJson, PrefixPlaceholder},
};
use rattler_digest::{Sha256, compute_file_digest};
use rattler_package_streaming::wheel::CONVERSION_VERSION;
use serde_json::json;

use crate::tree;

/// How long one wheel may take. Real ones take a second.
const DEADLINE: Duration = Duration::from_secs(600);

/// Files that say who installed a wheel, and from where on this machine.
const ABOUT_THE_INSTALL: [&str; 3] = ["REQUESTED", "direct_url.json", "uv_cache.json"];

/// What is needed to install a wheel with uv.
#[derive(Debug, Clone)]
pub(crate) struct ByUv {
    /// uv itself.
    pub(crate) program: PathBuf,
    /// A prefix with the Python of the environment.
    pub(crate) python: PathBuf,
    /// The variables that it gets.
    pub(crate) variables: BTreeMap<OsString, OsString>,
}

impl ByUv {
    /// Unpacks a wheel into a new directory, in the form of a package.
    pub(super) async fn unpack(
        &self,
        wheel: &Path,
        directory: &Path,
        record: &RepoDataRecord,
    ) -> io::Result<()> {
        let beside = directory.parent().unwrap_or(directory);
        let folder = tempfile::Builder::new()
            .prefix(".gpuenv-uv-")
            .tempdir_in(beside)?;
        let out = folder.path().join("out");
        self.install(wheel, folder.path(), &out, record).await?;
        tree::remove(directory)?;
        fs_err::create_dir_all(directory)?;
        let python = self.python.to_string_lossy();
        convert(&out, directory, &record.package_record, &python)
    }

    async fn install(
        &self,
        wheel: &Path,
        folder: &Path,
        out: &Path,
        record: &RepoDataRecord,
    ) -> io::Result<()> {
        let package = &record.package_record;
        let hash = package
            .sha256
            .ok_or_else(|| io::Error::other("the lock gives no sha256"))?;
        let wheels = folder.join("wheels");
        fs_err::create_dir_all(&wheels)?;
        fs_err::copy(wheel, wheels.join(file_name(record)?))?;
        let requirement = format!(
            "{}=={} --hash=sha256:{}\n",
            package.name.as_normalized(),
            package.version,
            hex::encode(hash)
        );
        fs_err::write(folder.join("requirements.txt"), requirement)?;
        let python = match cfg!(windows) {
            true => self.python.join("python.exe"),
            false => self.python.join("bin/python"),
        };
        let mut command = tokio::process::Command::new(&self.program);
        command
            .args(["pip", "install", "--quiet", "--no-deps", "--require-hashes"])
            // The file is here and its address is nobody's business.
            .args(["--offline", "--no-index", "--no-config", "--no-cache"])
            .args(["--only-binary=:all:", "--link-mode=copy"])
            .args(["--find-links", "wheels", "-r", "requirements.txt"])
            .arg("--python")
            .arg(python)
            .arg("--prefix")
            .arg(out)
            .current_dir(folder)
            .env_clear()
            .envs(&self.variables)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let output = tokio::time::timeout(DEADLINE, command.output())
            .await
            .map_err(|_| io::Error::other("uv took too long"))??;
        if output.status.success() {
            return Ok(());
        }
        let told = String::from_utf8_lossy(&output.stderr);
        let strip = |line: &str| {
            let line = line.trim_matches(|c: char| c.is_whitespace() || "×╰─▶│├".contains(c));
            line.chars().take(300).collect::<String>()
        };
        let lines: Vec<String> = told.lines().map(strip).take(5).collect();
        let text = format!("uv cannot install it either: {}", lines.join("; "));
        Err(io::Error::other(text))
    }
}

/// Returns the name that the wheel has on its server: its tags are in it.
fn file_name(record: &RepoDataRecord) -> io::Result<String> {
    let name = shown_file_name(record);
    let is_plain = name.ends_with(".whl")
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || "._+-!".contains(c));
    match is_plain {
        true => Ok(name),
        false => Err(io::Error::other(format!("`{name}` is no name of a wheel"))),
    }
}

/// Moves what uv has made into the places of a `noarch: python` package.
fn convert(out: &Path, directory: &Path, record: &PackageRecord, python: &str) -> io::Result<()> {
    let found = tree::read(out, &|_| false).map_err(io::Error::other)?;
    if let Some((link, _)) = found.links.first() {
        let text = format!("uv has made a link of `{}`", link.display());
        return Err(io::Error::other(text));
    }
    let mut paths = Vec::new();
    for (file, _) in &found.files {
        let text = file.to_string_lossy();
        let text = text.replace(std::path::MAIN_SEPARATOR, "/");
        let Some(target) = target(&text)? else {
            continue;
        };
        let (from, to) = (out.join(file), directory.join(&target));
        if let Some(parent) = to.parent() {
            fs_err::create_dir_all(parent)?;
        }
        fs_err::rename(&from, &to)?;
        settle(&target, &to)?;
        paths.push(entry(target, &to, python)?);
    }
    paths.sort_by(|a, b| a.relative_path.cmp(&b.relative_path));
    describe(directory, record, paths)
}

/// Returns where a file of uv's belongs in a package; `None` if it is left out.
fn target(path: &str) -> io::Result<Option<String>> {
    let mut parts = path.split('/');
    let first = parts.next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    if path.split('/').any(|part| part == "__pycache__") || path == ".lock" {
        return Ok(None);
    }
    if first.eq_ignore_ascii_case("info") || first.eq_ignore_ascii_case("conda-meta") {
        let text = format!("`{path}` is reserved for the list of packages");
        return Err(io::Error::other(text));
    }
    let rest: Vec<&str> = parts.collect();
    let below = match (first, rest.as_slice()) {
        ("lib" | "lib64", [python, "site-packages", below @ ..]) if is_python(python) => below,
        ("Lib", ["site-packages", below @ ..]) => below,
        ("bin" | "Scripts", below) => {
            return Ok(Some(format!("python-scripts/{}", below.join("/"))));
        }
        ("include", ["site", python, _, below @ ..]) if is_python(python) => {
            return Ok(Some(format!("include/{}", below.join("/"))));
        }
        _ => return Ok(Some(path.to_string())),
    };
    let is_about = matches!(below, [info, _] if info.ends_with(".dist-info"))
        && ABOUT_THE_INSTALL.contains(&name);
    Ok((!is_about).then(|| format!("site-packages/{}", below.join("/"))))
}

fn is_python(name: &str) -> bool {
    name.starts_with("python")
}

/// Makes the metadata say what is true of every wheel in an environment of ours:
/// pip must not take it out behind the back of `conda-meta`.
fn settle(target: &str, file: &Path) -> io::Result<()> {
    let is_metadata = |name: &str| {
        let info = target.strip_prefix("site-packages/");
        let info = info.and_then(|rest| rest.strip_suffix(name));
        info.is_some_and(|info| info.ends_with(".dist-info/") && info.matches('/').count() == 1)
    };
    if is_metadata("INSTALLER") {
        return fs_err::write(file, "conda\n");
    }
    if is_metadata("RECORD") {
        let text = fs_err::read_to_string(file)?;
        let stays = |line: &&str| {
            let path = line.split(',').next().unwrap_or_default();
            let name = path.rsplit('/').next().unwrap_or_default();
            !(path.contains(".dist-info/") && ABOUT_THE_INSTALL.contains(&name))
        };
        let line = |line: &str| match line.split_once(".dist-info/INSTALLER,") {
            Some((stem, _)) => format!("{stem}.dist-info/INSTALLER,,\n"),
            None => format!("{line}\n"),
        };
        let kept: String = text.lines().filter(stays).map(line).collect();
        return fs_err::write(file, kept);
    }
    Ok(())
}

fn entry(target: String, file: &Path, python: &str) -> io::Result<PathsEntry> {
    // Only what is started knows its interpreter.
    let is_script = target.starts_with("python-scripts/");
    let holds_python = || {
        let text = fs_err::read(file)?;
        Ok::<bool, io::Error>(
            text.windows(python.len())
                .any(|part| part == python.as_bytes()),
        )
    };
    let prefix_placeholder = match is_script && holds_python()? {
        true => Some(PrefixPlaceholder {
            file_mode: FileMode::Text,
            placeholder: python.to_string(),
            experimental_offsets: None,
        }),
        false => None,
    };
    Ok(PathsEntry {
        relative_path: PathBuf::from(target),
        no_link: false,
        path_type: PathType::HardLink,
        prefix_placeholder,
        sha256: Some(compute_file_digest::<Sha256>(file)?),
        size_in_bytes: Some(fs_err::metadata(file)?.len()),
    })
}

/// Writes what a package says of itself, as the converter does.
fn describe(directory: &Path, record: &PackageRecord, paths: Vec<PathsEntry>) -> io::Result<()> {
    let index = json!({
        "name": record.name.as_normalized(),
        "version": record.version.to_string(),
        "build": record.build,
        "build_number": record.build_number,
        "depends": record.depends,
        "subdir": record.subdir,
        "noarch": "python",
    });
    let paths = serde_json::to_value(PathsJson {
        paths,
        paths_version: 1,
    })
    .map_err(io::Error::other)?;
    let link = json!({
        "noarch": { "type": "python", "entry_points": [] },
        "package_metadata_version": 1,
    });
    let wheel = json!({ "conversion_version": CONVERSION_VERSION });
    let info = directory.join("info");
    fs_err::create_dir_all(&info)?;
    for (name, value) in [
        ("index.json", index),
        ("paths.json", paths),
        ("link.json", link),
        ("wheel.json", wheel),
    ] {
        fs_err::write(info.join(name), value.to_string())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_uv_get_the_places_of_a_package() {
        let place = |path: &str| target(path).unwrap();
        let some = |path: &str| Some(path.to_string());
        assert_eq!(
            place("lib/python3.12/site-packages/a/b.py"),
            some("site-packages/a/b.py")
        );
        assert_eq!(
            place("lib/python3.12/site-packages/a-1.dist-info/METADATA"),
            some("site-packages/a-1.dist-info/METADATA")
        );
        for left_out in [
            "lib/python3.12/site-packages/a-1.dist-info/REQUESTED",
            "lib/python3.12/site-packages/a-1.dist-info/uv_cache.json",
            "lib/python3.12/site-packages/a/__pycache__/b.pyc",
            ".lock",
        ] {
            assert_eq!(place(left_out), None, "{left_out}");
        }
        assert_eq!(place("bin/tool"), some("python-scripts/tool"));
        assert_eq!(place("include/site/python3.12/a/a.h"), some("include/a.h"));
        assert_eq!(place("lib/libx.so"), some("lib/libx.so"));
        assert_eq!(place("etc/x.conf"), some("etc/x.conf"));
        assert!(target("Info/x").is_err());
        assert!(target("conda-meta/x.json").is_err());
    }
}
