//! What is at a prefix before an install, and whether the packages fit in.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use gpuenv_core::{
    Changes, Code, Diagnostic, Event, Reporter, changes,
    layout::{self, Clobber, Findings, Present, Reason},
};
use rattler::install::PythonInfo;
use rattler_conda_types::RepoDataRecord;

use super::{Install, InstallError};
use crate::{
    fetch::Fetched,
    prefix::{self, Found, Manifest, Records},
    tree::Tree,
};

/// What is at the prefix, and what has to change.
pub(super) struct Ground {
    pub(super) found: Found,
    pub(super) records: Records,
    /// What the environment that is there has noted of itself.
    pub(super) manifest: Option<Manifest>,
    pub(super) changes: Changes,
    /// What is at the prefix, if it is to be kept.
    pub(super) tree: Tree,
}

impl Ground {
    pub(super) fn is_update(&self) -> bool {
        matches!(self.found, Found::Ours(_) | Found::Damaged)
    }
}

/// Looks at a prefix and decides what has to change there.
pub(super) fn survey(request: &Install<'_>, real: &Path) -> Result<Ground, InstallError> {
    let found = prefix::classify(real)?;
    let mut ground = Ground {
        found,
        records: Records::default(),
        manifest: None,
        changes: Changes::default(),
        tree: Tree::default(),
    };
    permit(&ground.found, real, request.force, request.protected)
        .map_err(|refusal| refusal.at(request.prefix))?;
    if ground.is_update() {
        ground.records = prefix::read_records(real);
        if let Some(repair) = request.repair {
            ground.records.distrust(&repair.bad_records);
        }
        ground.manifest = prefix::manifest_of(real, &ground.found);
        ground.tree = prefix::read_tree(real)?;
    }
    ground.changes = changes::diff(&request.solution.records, &ground.records.repodata());
    let is_moved = match &ground.found {
        Found::Ours(state) => state.prefix != request.prefix,
        _ => true,
    };
    if request.force || is_moved {
        ground.changes.relink_all();
    } else if let Some(repair) = request.repair {
        let packages = &repair.packages;
        ground.changes.relink_where(|name| packages.contains(name));
    }
    Ok(ground)
}

/// Refuses a prefix where no install is allowed, whatever the packages are.
///
/// # Errors
///
/// GE505 and GE512, as the install itself.
pub fn check_place(prefix: &Path, force: bool, protected: &[PathBuf]) -> Result<(), InstallError> {
    super::check_prefix(prefix)?;
    let found = prefix::classify(prefix)?;
    let real = fs_err::canonicalize(prefix).unwrap_or_else(|_| prefix.to_path_buf());
    if is_mount_point(&real) {
        return Err(InstallError::BadPrefix {
            prefix: prefix.to_path_buf(),
            reason: "it is a mount point, which nothing can take the place of; use a directory in it",
        });
    }
    permit(&found, &real, force, protected).map_err(|refusal| refusal.at(prefix))
}

/// Why there must be no install.
enum Refusal {
    NotOurs(Found),
    Protected,
}

impl Refusal {
    fn at(self, prefix: &Path) -> InstallError {
        let prefix = prefix.to_path_buf();
        match self {
            Refusal::NotOurs(found) => InstallError::NotOurs { prefix, found },
            Refusal::Protected => InstallError::Protected { prefix },
        }
    }
}

fn permit(found: &Found, real: &Path, force: bool, protected: &[PathBuf]) -> Result<(), Refusal> {
    match found {
        Found::Absent | Found::Ours(_) | Found::Damaged => return Ok(()),
        Found::Empty => {}
        Found::Conda | Found::Foreign | Found::NotADirectory | Found::DanglingLink => {
            if !force {
                return Err(Refusal::NotOurs(found.clone()));
            }
        }
    }
    let resolved = |path: &PathBuf| fs_err::canonicalize(path).unwrap_or_else(|_| path.clone());
    match protected
        .iter()
        .any(|path| resolved(path).starts_with(real))
    {
        true => Err(Refusal::Protected),
        false => Ok(()),
    }
}

#[cfg(unix)]
fn is_mount_point(real: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let device = |path: &Path| fs_err::symlink_metadata(path).map(|found| found.dev()).ok();
    let (here, above) = (device(real), real.parent().and_then(device));
    here.is_some() && above.is_some() && here != above
}

#[cfg(not(unix))]
fn is_mount_point(_real: &Path) -> bool {
    false
}

/// Checks where all packages want to put their files, and tells what they share.
pub(super) fn check_layout(
    request: &Install<'_>,
    ground: &Ground,
    fetched: &Fetched,
    reporter: &dyn Reporter,
) -> Result<Vec<layout::Package>, InstallError> {
    let platform = request.solution.platform;
    let records = request.solution.records.iter();
    let python = records
        .map(|record| &record.package_record)
        .find(|package| package.name.as_normalized() == "python")
        .and_then(|package| PythonInfo::from_python_record(package, platform).ok());
    let packages: Vec<layout::Package> = fetched
        .packages
        .iter()
        .map(|package| package.layout(python.as_ref()))
        .collect();
    let text = |path: &PathBuf| {
        path.to_string_lossy()
            .replace(std::path::MAIN_SEPARATOR, "/")
    };
    let links = ground.tree.links.iter();
    let present = Present {
        packages: ground.records.layouts(&kept_names(&ground.changes)),
        links: links
            .map(|(path, target)| (text(path), text(target)))
            .collect(),
    };
    let Findings {
        mut refused,
        clobbers,
    } = layout::check(platform, &packages, &present);
    // What is unlinked goes the same ways; its other places are settled.
    let unlinked = ground.records.layouts(&names(ground.changes.to_unlink()));
    let unlinked = layout::check(platform, &unlinked, &present).refused;
    refused.extend(
        unlinked
            .into_iter()
            .filter(|found| found.reason == Reason::WayLeaves),
    );
    if !refused.is_empty() {
        return Err(InstallError::Unsafe { found: refused });
    }
    tell_scripts(&packages, reporter);
    if !clobbers.is_empty() {
        let diagnostic = clobber_warning(&clobbers);
        reporter.report(Event::Diagnosed { diagnostic });
    }
    Ok(packages)
}

/// Returns the names of the packages that stay as they are.
pub(super) fn kept_names(changes: &Changes) -> HashSet<&str> {
    names(&changes.keep)
}

fn names<'a>(records: impl IntoIterator<Item = &'a RepoDataRecord>) -> HashSet<&'a str> {
    let name = |record: &'a RepoDataRecord| record.package_record.name.as_normalized();
    records.into_iter().map(name).collect()
}

/// Tells of scripts that conda would run now, and that we never run.
fn tell_scripts(packages: &[layout::Package], reporter: &dyn Reporter) {
    let is_script = |path: &str| {
        let name = path
            .strip_prefix("bin/.")
            .or_else(|| path.strip_prefix("Scripts/."));
        name.is_some_and(|name| name.ends_with("-post-link.sh") || name.ends_with("-post-link.bat"))
    };
    let has_script =
        |package: &&layout::Package| package.entries.iter().any(|entry| is_script(&entry.path));
    let labels: Vec<&str> = packages
        .iter()
        .filter(has_script)
        .map(|package| package.label.as_str())
        .collect();
    if !labels.is_empty() {
        let message = format!(
            "the post-link scripts of {} packages are not run",
            labels.len()
        );
        let diagnostic = Diagnostic::note(Code::INSTALL_LINK, message).cause(labels.join(", "));
        reporter.report(Event::Diagnosed { diagnostic });
    }
}

fn clobber_warning(clobbers: &[Clobber]) -> Diagnostic {
    let message = match clobbers {
        [one] => format!("several packages bring `{}`", one.path),
        many => format!("several packages bring the same {} paths", many.len()),
    };
    let mut diagnostic = Diagnostic::warning(Code::INSTALL_LINK, message);
    for clobber in clobbers.iter().take(5) {
        let packages = clobber.packages.join("`, `");
        diagnostic = diagnostic.cause(format!("`{}`: `{packages}`", clobber.path));
    }
    diagnostic
}
