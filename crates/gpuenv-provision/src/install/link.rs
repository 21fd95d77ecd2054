//! Linking itself, which is rattler's work.

use std::{
    collections::HashSet,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use gpuenv_core::{Changes, Event, Reporter, layout};
use rattler::install::{ExternalSymlinkPolicy, Installer, InstallerError, Transaction};
use rattler_conda_types::{PrefixRecord, RepoDataRecord};
use rattler_networking::{LazyClient, OfflineMiddleware};

use super::{
    Install, InstallError, causes, directories, ground::kept_names, io_kind, is_about_place,
};
use crate::{
    fetch::Fetched,
    prefix::{self, Records},
    stage::{self, Stage},
    tree::{self, Tree},
};

/// Links the packages of a request into its stage.
pub(super) async fn link(
    request: &Install<'_>,
    installed: Vec<PrefixRecord>,
    changes: &Changes,
    fetched: &Fetched,
    stage: &Stage,
    reporter: &Arc<dyn Reporter>,
) -> Result<(), InstallError> {
    reporter.report(Event::LinkStarted {
        packages: changes.to_link().count(),
    });
    let scratch = stage.work.join("cache");
    directories::hide(fetched, &scratch).await?;
    let again = changes
        .relink
        .iter()
        .map(|change| &change.new.package_record.name);
    let installer = Installer::new()
        .with_installed_packages(installed)
        .with_reinstall_packages(again.cloned().collect())
        .with_package_cache(fetched.cache.for_installer(&scratch))
        .with_download_client(no_client())
        .with_alternative_target_prefix(request.prefix)
        .with_target_platform(request.solution.platform)
        .with_requested_specs(request.requested.to_vec())
        .with_external_symlink_policy(ExternalSymlinkPolicy::Deny)
        .with_reporter(LinkReporter {
            reporter: reporter.clone(),
            packages: Mutex::default(),
        });
    let (prefix, work) = (stage.prefix.clone(), stage.work.clone());
    // The stage itself is gone before anybody can look at it.
    let place = work.parent().unwrap_or(&work).to_path_buf();
    let (records, cancel) = (request.solution.records.clone(), request.cancel.clone());
    let runtime = tokio::runtime::Handle::current();
    let linking = move || {
        in_own_threads(
            || {
                runtime.block_on(async {
                    tokio::select! {
                        linked = installer.install(&prefix, records) => {
                            linked.map(|_| ()).map_err(|error| link_error(&error, &place))
                        }
                        () = cancel.asked() => Err(InstallError::Interrupted),
                    }
                })
            },
            // What is still being linked fails then, so nobody waits long.
            || stage::abandon(&work),
        )
    };
    match tokio::task::spawn_blocking(linking).await {
        Ok(linked) => linked,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(InstallError::Interrupted),
        },
    }
}

/// Does something with threads of its own, and returns when they have ended.
///
/// rattler leaves its threads at work when an install fails or is cancelled; in
/// the common pool they would write into the stage after it was removed.
fn in_own_threads(
    work: impl FnOnce() -> Result<(), InstallError> + Send,
    on_failure: impl FnOnce(),
) -> Result<(), InstallError> {
    // One of them only waits for the others.
    let threads = std::thread::available_parallelism().map_or(1, usize::from) + 1;
    let (ended, all_ended) = std::sync::mpsc::channel::<()>();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .exit_handler(move |_| {
            let _ = ended.send(());
        })
        .build()
        .map_err(|error| InstallError::Link {
            what: "there are no threads for it".to_string(),
            causes: causes(&error),
        })?;
    let done = pool.install(work);
    if done.is_err() {
        on_failure();
    }
    drop(pool);
    for () in all_ended.iter().take(threads) {}
    done
}

/// Returns a client that reaches nothing: everything is in the cache.
fn no_client() -> LazyClient {
    LazyClient::new(|| {
        reqwest_middleware::ClientBuilder::new(reqwest::Client::new())
            .with(OfflineMiddleware)
            .build()
    })
}

fn link_error(error: &InstallerError, place: &Path) -> InstallError {
    if matches!(error, InstallerError::Cancelled) {
        return InstallError::Interrupted;
    }
    let texts = causes(error);
    match io_kind(error) {
        Some(kind) if is_about_place(kind) => {
            let source = io::Error::new(kind, texts.join(": "));
            InstallError::io("write into", place, source)
        }
        _ => InstallError::Link {
            what: texts.first().cloned().unwrap_or_default(),
            causes: texts.into_iter().skip(1).collect(),
        },
    }
}

/// Returns the names of the records that packages get, sorted.
pub(super) fn record_names(records: &[RepoDataRecord]) -> Vec<String> {
    let mut names: Vec<String> = records
        .iter()
        .map(|record| {
            let package = &record.package_record;
            let name = package.name.as_normalized();
            format!("{name}-{}-{}.json", package.version, package.build)
        })
        .collect();
    names.sort_unstable();
    names
}

/// Takes away, in the stage, what is going to be written anew. Returns what it
/// moved aside, because no package has put it there, with its new name.
///
/// The stage shares its files with the prefix: what were overwritten in place
/// would change there too.
pub(super) fn clear_way(
    stage: &Path,
    records: &Records,
    changes: &Changes,
    layouts: &[layout::Package],
) -> Result<Vec<(PathBuf, PathBuf)>, InstallError> {
    for name in &records.damaged {
        clear(&stage.join("conda-meta").join(name))?;
    }
    let kept = records.layouts(&kept_names(changes));
    let kept: HashSet<String> = kept.iter().flat_map(layout::final_paths).collect();
    let mut moved = Vec::new();
    for package in layouts {
        let scripts = package
            .python
            .as_ref()
            .map(|places| places.scripts.as_str());
        let commands = package.commands.iter().flat_map(|command| {
            let scripts = scripts.unwrap_or_default();
            // Windows has two files for a command.
            ["", ".exe", "-script.py"].map(|end| format!("{scripts}/{command}{end}"))
        });
        let kinds = package.entries.iter().map(|entry| &entry.kind);
        let entries = layout::final_paths(package).zip(kinds);
        let entries = entries.map(|(path, kind)| (path, *kind == layout::Kind::Directory));
        for (path, is_directory) in entries.chain(commands.map(|path| (path, false))) {
            if kept.contains(&path) {
                continue;
            }
            move_aside(stage, Path::new(&path), is_directory, &mut moved)?;
            if !is_directory {
                clear(&stage.join(path))?;
            }
        }
    }
    Ok(moved)
}

/// Moves aside a file where a directory belongs, and a directory where a file does.
fn move_aside(
    stage: &Path,
    path: &Path,
    is_directory: bool,
    moved: &mut Vec<(PathBuf, PathBuf)>,
) -> Result<(), InstallError> {
    let ways = path.ancestors().skip(usize::from(!is_directory));
    let ways = ways.filter(|way| !way.as_os_str().is_empty());
    let in_the_way = |way: &Path, wanted: bool| {
        let found = fs_err::symlink_metadata(stage.join(way));
        // A link to a directory is one; the layout check knows where it leads.
        found.is_ok_and(|found| !found.is_symlink() && found.is_dir() != wanted)
    };
    let directories = ways.filter(|way| in_the_way(way, true));
    let mut found: Vec<&Path> = directories.collect();
    if !is_directory && in_the_way(path, false) {
        found.push(path);
    }
    for way in found {
        let from = stage.join(way);
        let to = stage::free_name(&from);
        fs_err::rename(&from, &to).map_err(|error| InstallError::io("move", &from, error))?;
        let name = way.with_file_name(to.file_name().unwrap_or_default());
        moved.push((way.to_path_buf(), name));
    }
    Ok(())
}

fn clear(path: &Path) -> Result<(), InstallError> {
    match fs_err::symlink_metadata(path) {
        Ok(found) if !found.is_dir() => {
            fs_err::remove_file(path).map_err(|error| InstallError::io("replace", path, error))
        }
        _ => Ok(()),
    }
}

/// Takes over what was written into the old prefix while the new one was built.
pub(super) fn bring_news(before: &Tree, old: &Path, new: &Path) -> Result<(), InstallError> {
    let news = before.news(prefix::read_tree(old)?);
    for directory in news.directories {
        let path = new.join(directory);
        if !path.exists() {
            fs_err::create_dir(&path).map_err(|error| InstallError::io("create", &path, error))?;
        }
    }
    for (file, _) in news.files {
        let (from, to) = (old.join(&file), new.join(&file));
        if before.has_same_file(&file, &to) {
            clear(&to)?;
        }
        if fs_err::symlink_metadata(&to).is_err() {
            tree::link_file(&from, &to)?;
        }
    }
    for (link, target) in news.links {
        let path = new.join(link);
        if fs_err::symlink_metadata(&path).is_err() {
            tree::make_link(&target, &path)
                .map_err(|error| InstallError::io("create", &path, error))?;
        }
    }
    Ok(())
}

/// Turns what rattler tells into our events.
struct LinkReporter {
    reporter: Arc<dyn Reporter>,
    packages: Mutex<Vec<String>>,
}

impl rattler::install::Reporter for LinkReporter {
    fn on_transaction_start(&self, _: &Transaction<PrefixRecord, RepoDataRecord>) {}

    fn on_transaction_operation_start(&self, _: usize) {}

    fn on_populate_cache_start(&self, operation: usize, _: &RepoDataRecord) -> usize {
        operation
    }

    fn on_validate_start(&self, cache_entry: usize) -> usize {
        cache_entry
    }

    fn on_validate_complete(&self, _: usize) {}

    fn on_download_start(&self, cache_entry: usize) -> usize {
        cache_entry
    }

    fn on_download_progress(&self, _: usize, _: u64, _: Option<u64>) {}

    fn on_download_completed(&self, _: usize) {}

    fn on_populate_cache_complete(&self, _: usize) {}

    fn on_unlink_start(&self, operation: usize, _: &PrefixRecord) -> usize {
        operation
    }

    fn on_unlink_complete(&self, _: usize) {}

    fn on_link_start(&self, _: usize, record: &RepoDataRecord) -> usize {
        let mut packages = self.packages.lock().unwrap_or_else(PoisonError::into_inner);
        packages.push(gpuenv_core::wheels::shown_file_name(record));
        packages.len() - 1
    }

    fn on_link_complete(&self, index: usize) {
        let packages = self.packages.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(package) = packages.get(index) {
            let package = package.clone();
            drop(packages);
            self.reporter.report(Event::LinkFinished { package });
        }
    }

    fn on_transaction_operation_complete(&self, _: usize) {}

    fn on_transaction_complete(&self) {}

    fn on_post_link_start(&self, _: &str, _: &str) -> usize {
        0
    }

    fn on_post_link_complete(&self, _: usize, _: bool) {}

    fn on_pre_unlink_start(&self, _: &str, _: &str) -> usize {
        0
    }

    fn on_pre_unlink_complete(&self, _: usize, _: bool) {}
}
