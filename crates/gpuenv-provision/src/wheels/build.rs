//! Distributions that the recipe allows to be built: uv makes a wheel of the source
//! code, once, into a folder beside the recipe.
//!
//! The lock then names that file and its hash, so that installing needs neither uv nor
//! a compiler, and everybody gets the same bytes. Whoever makes the lock runs the code
//! of the distributions that the recipe names, and of no other.

use std::{
    io,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use gpuenv_core::{
    Code, Diagnostic, Event, Reporter, percent,
    wheels::{Candidate, Distribution, Machine, file_name, normalized, same_version},
};
use rattler_digest::{Sha256, compute_file_digest};
use url::Url;

use super::{Program, Uv, WheelsError, sources::Sources};
use crate::{Access, fetch};

/// The folder beside the recipe that holds what was built.
const FOLDER: &str = "wheels";

/// No honest source distribution is larger, in bytes.
const LARGEST: u64 = 1 << 30;

/// How long one build may take.
const DEADLINE: Duration = Duration::from_secs(3600);

/// So many lines of a build are shown.
const LINES: usize = 12;

/// 1980-01-01, the first day that a zip file can tell: two builds of one source get the
/// same times.
const EPOCH: &str = "315532800";

/// What is needed to build.
pub(super) struct Builder<'a> {
    pub(super) uv: &'a Uv,
    pub(super) program: &'a Program,
    pub(super) access: &'a Access,
    pub(super) reporter: Arc<dyn Reporter>,
    pub(super) sources: &'a Sources,
    /// The directory of the recipe.
    pub(super) folder: Option<&'a Path>,
    /// Whether anything may be run and written.
    pub(super) allowed: bool,
}

impl Builder<'_> {
    /// Returns the wheel of a distribution: the one that was built before, else a new one.
    pub(super) async fn wheel(
        &self,
        distribution: &Distribution,
        machine: &Machine,
    ) -> Result<Candidate, WheelsError> {
        let label = format!("{} {}", distribution.name, distribution.version);
        let failed = |causes: Vec<String>| WheelsError::NotBuilt {
            distribution: label.clone(),
            causes,
        };
        let Some(folder) = self.folder else {
            return Err(failed(vec![
                "what is built is kept beside the recipe, and the recipe is in no file".to_string(),
            ]));
        };
        let folder = folder.join(FOLDER);
        if let Some(found) = there(&folder, distribution, machine) {
            return Ok(found);
        }
        if !self.allowed {
            return Err(failed(vec![format!(
                "there is no wheel of it in `{}`, and nothing is built where nothing is written",
                folder.display()
            )]));
        }
        let Some(source) = &distribution.source else {
            return Err(failed(vec![
                "the index has no source code of it".to_string(),
            ]));
        };
        let run = async {
            let work = tempfile::tempdir()?;
            let archive = self.fetch(source, work.path()).await?;
            let built = self.build(&archive, work.path()).await?;
            fs_err::create_dir_all(&folder)?;
            keep(&built, &folder)
        };
        let file = run.await.map_err(|error| {
            let told = error.to_string();
            failed(told.lines().map(str::to_string).collect())
        })?;
        let Some(candidate) = there(&folder, distribution, machine) else {
            let name = file
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            return Err(failed(vec![
                format!("`{name}` was built, which is for another machine or another Python"),
                format!("it is asked for {}", machine.platform),
            ]));
        };
        let message = format!("`{label}` was built from source code");
        let diagnostic = Diagnostic::note(Code::WHEELS_BUILT, message)
            .cause(format!(
                "the wheel is `{}`, and the lock names it",
                file.display()
            ))
            .help("commit it beside the lock: nobody else builds it again");
        self.reporter.report(Event::Diagnosed { diagnostic });
        Ok(candidate)
    }

    /// Downloads the source code and verifies it.
    async fn fetch(&self, source: &Candidate, work: &Path) -> io::Result<PathBuf> {
        let last = source.url.path_segments().and_then(Iterator::last);
        let last = last.unwrap_or_default();
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._+-!".contains(c);
        let is_name = |name: &String| {
            name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(is_plain)
        };
        // Many indexes write the `+` of a local version as `%2B`.
        let name = percent::decoded(last).filter(is_name).ok_or_else(|| {
            io::Error::other(format!("`{last}` is no name of a source distribution"))
        })?;
        let expected = source
            .sha256
            .ok_or_else(|| io::Error::other("the index gives no sha256 for it"))?;
        let file = work.join(&name);
        fetch::file(
            &source.url,
            &file,
            LARGEST,
            self.access,
            self.reporter.clone(),
        )
        .await?;
        let found = compute_file_digest::<Sha256>(&file)?;
        match found == expected {
            true => Ok(file),
            false => Err(io::Error::other(format!(
                "`{name}` has the sha256 {}, and {} is expected",
                hex::encode(found),
                hex::encode(expected)
            ))),
        }
    }

    async fn build(&self, archive: &Path, work: &Path) -> io::Result<PathBuf> {
        let out = work.join("out");
        let mut variables = self.uv.kept_variables();
        self.sources.settle(&mut variables);
        let places = self
            .sources
            .arguments(self.folder)
            .map_err(io::Error::other)?;
        let mut command = tokio::process::Command::new(&self.program.path);
        let python = self.program.python.iter();
        command
            .args(["build", "--wheel", "--out-dir"])
            .arg(&out)
            .args(self.uv.offline.then_some("--offline"))
            .args(places)
            .args(python.flat_map(|python| ["--python".as_ref(), python.as_os_str()]))
            .arg(archive)
            .current_dir(work)
            .env_clear()
            .envs(variables)
            .env("SOURCE_DATE_EPOCH", EPOCH)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let output = tokio::time::timeout(DEADLINE, command.output())
            .await
            .map_err(|_| io::Error::other("the build took longer than an hour"))??;
        if !output.status.success() {
            return Err(io::Error::other(said(&output.stderr)));
        }
        let made = fs_err::read_dir(&out)?.filter_map(|entry| Some(entry.ok()?.path()));
        let mut made = made.filter(|path| path.extension().is_some_and(|end| end == "whl"));
        match (made.next(), made.next()) {
            (Some(wheel), None) => Ok(wheel),
            _ => Err(io::Error::other("the build did not make one wheel")),
        }
    }
}

/// Returns the end of what a build says, line by line: there it stands why it failed.
fn said(stderr: &[u8]) -> String {
    let told = String::from_utf8_lossy(stderr);
    let told = told.lines().map(str::trim).map(|line| {
        let plain = ["error: ", "cause: "].iter();
        let plain = plain.filter_map(|start| line.strip_prefix(start)).next();
        plain.unwrap_or(line).chars().take(300).collect::<String>()
    });
    let is_idle = |line: &String| {
        line.is_empty() || line.starts_with("hint: ") || line == "Building wheel..."
    };
    let lines: Vec<String> = told.filter(|line| !is_idle(line)).collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

/// Returns a wheel of the distribution that is in the folder and fits the machine.
fn there(folder: &Path, distribution: &Distribution, machine: &Machine) -> Option<Candidate> {
    let found = fs_err::read_dir(folder).ok()?;
    let fitting = found.filter_map(|entry| {
        let path = entry.ok()?.path();
        let url = Url::from_file_path(std::path::absolute(&path).ok()?).ok()?;
        let file = file_name(&url)?;
        let is_it = normalized(&file.name).as_ref() == Some(&distribution.name)
            && same_version(&file.version, &distribution.version);
        let rank = machine.rank(&file).filter(|_| is_it)?;
        Some((rank, url, path))
    });
    let (_, url, path) = fitting.min_by(|a, b| (&a.0, a.1.as_str()).cmp(&(&b.0, b.1.as_str())))?;
    Some(Candidate {
        url,
        sha256: Some(compute_file_digest::<Sha256>(&path).ok()?),
        size: Some(fs_err::metadata(&path).ok()?.len()),
    })
}

/// Moves a wheel into the folder in one piece.
fn keep(built: &Path, folder: &Path) -> io::Result<PathBuf> {
    let name = built.file_name().unwrap_or_default();
    let kept = folder.join(name);
    let mut file = tempfile::Builder::new()
        .prefix(".gpuenv-wheel-")
        .tempfile_in(folder)?;
    io::copy(&mut fs_err::File::open(built)?, &mut file)?;
    let permissions = fs_err::metadata(built)?.permissions();
    file.as_file().set_permissions(permissions)?;
    file.as_file().sync_all()?;
    file.persist(&kept)?;
    Ok(kept)
}
