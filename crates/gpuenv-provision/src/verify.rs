//! Looks at every file of an environment, and at what it came from in the cache.
//!
//! Nothing is changed. Every content is read once, by as many threads as the
//! machine has: most files of a prefix are those of the cache, by hard links.

mod files;

use std::{
    collections::HashSet,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use gpuenv_core::{
    Event, Reporter,
    integrity::{
        self, DamagedCopy, DamagedFile, DamagedPackage, FileFault, Findings, PackageFault,
    },
    solution,
};
use rattler_conda_types::{PrefixRecord, RepoDataRecord};

use self::files::{Item, Looker};
use crate::{
    Access, activate,
    cancel::Cancel,
    contents::Contents,
    install::InstallError,
    package_cache,
    prefix::{self, Found, MANIFEST, Manifest, State, slashed},
    tree::{self, Tree},
    unpacked::{self, Depth},
};

/// How often an environment is looked at that changes meanwhile.
const TRIES: usize = 3;

/// rattler marks each prefix as something that no backup needs.
const CACHE_TAG: &str = "CACHEDIR.TAG";

/// What to look at.
pub struct Look<'a> {
    /// The prefix.
    pub prefix: &'a Path,
    /// The packages that its lock names, those made of wheels among them.
    pub locked: Option<&'a [RepoDataRecord]>,
    /// Where the packages lie in the cache, if that is to be looked at.
    pub access: Option<&'a Access>,
    /// Who is told how far it is.
    pub reporter: Arc<dyn Reporter>,
    /// Whether to stop.
    pub cancel: &'a Cancel,
}

/// Compares an environment with its packages, its lock and its own notes.
///
/// # Errors
///
/// Fails if there is none, if it cannot be read, or if others change it all the time.
pub async fn verify(look: &Look<'_>) -> Result<Findings, InstallError> {
    for _ in 0..TRIES {
        let before = identity(look.prefix);
        let findings = once(look).await;
        if identity(look.prefix) == before {
            return findings;
        }
        tracing::debug!("`{}` was replaced meanwhile", look.prefix.display());
    }
    Err(InstallError::Busy {
        path: look.prefix.to_path_buf(),
        waited: std::time::Duration::ZERO,
    })
}

/// Returns what is another one after each install.
fn identity(prefix: &Path) -> Option<(u64, Option<jiff::Timestamp>)> {
    let metadata = fs_err::metadata(prefix).ok()?;
    let state = prefix::read_state(prefix).ok().flatten();
    Some((number(&metadata), state.map(|state| state.installed_at)))
}

#[cfg(unix)]
fn number(metadata: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn number(_metadata: &std::fs::Metadata) -> u64 {
    0
}

async fn once(look: &Look<'_>) -> Result<Findings, InstallError> {
    let prefix = look.prefix;
    let found = prefix::classify(prefix)?;
    let state = match &found {
        Found::Ours(state) => Some(state.as_ref()),
        Found::Damaged | Found::Conda => None,
        Found::Absent
        | Found::Empty
        | Found::Foreign
        | Found::NotADirectory
        | Found::DanglingLink => {
            return Err(InstallError::NotFound {
                prefix: prefix.to_path_buf(),
            });
        }
    };
    let manifest = prefix::manifest_of(prefix, &found);
    let records = prefix::read_records(prefix);
    let mut findings = Findings {
        environment: environment(prefix, &found, manifest.as_ref()),
        ..Findings::default()
    };
    let bad = bad_records(prefix, state, manifest.as_ref(), &records)?;
    if let Some(locked) = look.locked {
        let installed = installed(&records, &bad, locked);
        findings.packages = integrity::packages(locked, &installed);
    }
    findings.packages.extend(bad.into_iter().map(|file| {
        let package = file.trim_end_matches(".json").to_string();
        let fault = PackageFault::BadRecord { file };
        DamagedPackage { package, fault }
    }));
    let known = Contents::default();
    look_at_files(look, &records, manifest.as_ref(), &known, &mut findings)?;
    if let (Some(access), Some(locked)) = (look.access, look.locked) {
        look_at_cache(look, access, locked, &known, &mut findings).await?;
    }
    findings.sort();
    Ok(findings)
}

/// Returns what is wrong with the environment as a whole.
fn environment(prefix: &Path, found: &Found, manifest: Option<&Manifest>) -> Vec<String> {
    let mut wrong = Vec::new();
    match found {
        Found::Damaged => wrong.push(format!("gpuenv's record `{}` is damaged", prefix::STATE)),
        Found::Ours(state) => {
            if state.prefix != prefix {
                let made = state.prefix.display();
                wrong.push(format!("it was made at `{made}`, which its files name"));
            }
            if state.files_sha256.is_some() && manifest.is_none() {
                wrong.push(format!("gpuenv's notes `{MANIFEST}` are damaged"));
            }
            // Where there are notes, it is one of the files in them.
            if manifest.is_none() && prefix::read_whole_lock(prefix, state).is_none() {
                let lock = prefix::LOCK;
                wrong.push(format!("`{lock}` is not the lock that was installed"));
            }
        }
        _ => {}
    }
    wrong
}

/// Returns the package records that are not what was written.
fn bad_records(
    prefix: &Path,
    state: Option<&State>,
    manifest: Option<&Manifest>,
    records: &prefix::Records,
) -> Result<HashSet<String>, InstallError> {
    let mut bad: HashSet<String> = records.damaged.iter().cloned().collect();
    let Some(manifest) = manifest else {
        return Ok(bad);
    };
    let names: Vec<String> = records
        .packages
        .iter()
        .map(PrefixRecord::file_name)
        .collect();
    let found = Mutex::new(Vec::new());
    tree::in_parallel(&names, |name| {
        // What another tool has put there is told as a package of its own.
        let is_ours = state.is_some_and(|state| state.packages.contains(name));
        if let Some(expected) = manifest.records.get(name).filter(|_| is_ours)
            && prefix::hash_of_record(prefix, name)? != *expected
        {
            let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
            found.push(name.clone());
        }
        Ok(())
    })?;
    bad.extend(found.into_inner().unwrap_or_else(PoisonError::into_inner));
    Ok(bad)
}

/// Returns the installed packages. One whose record is bad is not missing: the
/// record is what is told.
fn installed(
    records: &prefix::Records,
    bad: &HashSet<String>,
    locked: &[RepoDataRecord],
) -> Vec<RepoDataRecord> {
    let good = records
        .packages
        .iter()
        .filter(|record| !bad.contains(&record.file_name()));
    let mut installed: Vec<RepoDataRecord> =
        good.map(|record| record.repodata_record.clone()).collect();
    for record in locked {
        let package = &record.package_record;
        let file = format!(
            "{}-{}-{}.json",
            package.name.as_normalized(),
            package.version,
            package.build
        );
        if bad.contains(&file) {
            installed.push(record.clone());
        }
    }
    installed
}

fn look_at_files(
    look: &Look<'_>,
    records: &prefix::Records,
    manifest: Option<&Manifest>,
    known: &Contents,
    findings: &mut Findings,
) -> Result<(), InstallError> {
    let found = tree::read(look.prefix, &|_| false)?;
    let items = files::items(records, manifest);
    let bytes = items.iter().map(Item::size).sum();
    let packages = records.packages.len();
    let reporter = look.reporter.as_ref();
    reporter.report(Event::VerifyStarted { packages, bytes });
    let looker = Looker::new(look.prefix, &found, known, reporter);
    tree::in_parallel(&items, |item| {
        if look.cancel.is_asked() {
            return Err(InstallError::Interrupted);
        }
        looker.look(item);
        Ok(())
    })?;
    looker.finish(&items, findings);
    findings.looked.packages = packages;
    reporter.report(Event::VerifyFinished);
    // Whose files these are nobody can tell where a record is bad.
    if findings.bad_records().is_empty() {
        let mut owned: HashSet<String> = items.into_iter().map(|item| item.path).collect();
        owned.extend(records.packages.iter().flat_map(|record| {
            let paths = record.paths_data.paths.iter();
            paths.map(|entry| slashed(&entry.relative_path))
        }));
        let (own, others): (Vec<&Path>, Vec<&Path>) =
            paths_of_nobody(&found).partition(|path| prefix::is_own(path));
        // Without notes nobody knows which ones gpuenv has written.
        let own = own.into_iter().map(slashed).filter(|_| manifest.is_some());
        let stray = own.filter(|path| !owned.contains(path));
        findings.files.extend(stray.map(|path| DamagedFile {
            path,
            package: None,
            fault: FileFault::Stray,
        }));
        let paths: Vec<String> = others.into_iter().map(slashed).collect();
        findings.extra = integrity::extras(paths.iter().map(String::as_str), &owned);
    }
    Ok(())
}

/// Returns the files and links that may belong to nobody.
fn paths_of_nobody(found: &Tree) -> impl Iterator<Item = &Path> {
    let files = found.files.iter().map(|(path, _)| path.as_path());
    // Links beside a package's libraries are made anew with each install.
    let links = found
        .links
        .iter()
        .filter(|(path, target)| !activate::is_own_link(path, target));
    let links = links.map(|(path, _)| path.as_path());
    let is_known = |path: &Path| path.starts_with("conda-meta") || path == Path::new(CACHE_TAG);
    files.chain(links).filter(move |path| !is_known(path))
}

/// Looks at the packages in the cache from which the environment was linked.
async fn look_at_cache(
    look: &Look<'_>,
    access: &Access,
    locked: &[RepoDataRecord],
    known: &Contents,
    findings: &mut Findings,
) -> Result<(), InstallError> {
    let cache = package_cache::open_shared(access, look.reporter.as_ref(), look.cancel).await?;
    let mut copies = Vec::new();
    for record in locked {
        if let Some(directory) = cache.find(record).await {
            copies.push((record, directory));
        }
    }
    let results = Mutex::new((0, Vec::new()));
    tree::in_parallel(&copies, |(record, directory)| {
        if look.cancel.is_asked() {
            return Err(InstallError::Interrupted);
        }
        let looked = unpacked::read(record, directory)
            .and_then(|unpacked| unpacked.verify(Depth::Beyond(known)));
        let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
        match looked {
            Ok(bytes) => results.0 += bytes,
            Err(damage) => results.1.push(DamagedCopy {
                name: record.package_record.name.as_normalized().to_string(),
                directory: directory.display().to_string(),
                reason: format!("{} {damage}", solution::label(record)),
            }),
        }
        Ok(())
    })?;
    let (bytes, damaged) = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    findings.looked.bytes += bytes;
    findings.looked.cached = copies.len();
    findings.cache = damaged;
    Ok(())
}
