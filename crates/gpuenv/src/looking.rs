//! What a user wants to look at: an environment, a lock, or a recipe that has a lock.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use fs_err as fs;
use gpuenv_core::{
    Code, Diagnostic, Lock, Place, Recipe, Wheel,
    graph::{self, Contents, Graph, Kind, Line, PlainWheel},
    lock::{self, PlatformLock},
    plan,
};
use gpuenv_provision::{
    installed::{self, Installed},
    prefix,
};
use rattler_conda_types::{RepoDataRecord, Subdir};

use crate::{
    Failure, Session, activating,
    choosing::{Choice, Open},
    deciding,
    environments::Environments,
    lockfile,
    source::RecipePath,
};

/// What stands for the lock on stdin.
const STDIN: &str = "-";

/// What a user wants to look at.
pub struct Looked {
    /// What is locked; for an environment, what is installed there.
    pub lock: Lock,
    /// Its name.
    pub name: String,
    /// How messages name it: `` environment `tf` ``.
    pub label: String,
    /// The only platform, of an environment.
    pub platform: Option<Subdir>,
    /// The recipe that led to the lock.
    pub recipe: Option<Recipe>,
    /// What is installed, of an environment.
    pub installed: Option<Installed>,
}

/// Finds what the user names: a lock file, an environment, or a recipe with a lock.
///
/// # Errors
/// Returns what keeps it from being found or read.
pub fn find(source: Option<&str>, session: &Session) -> Result<Looked, Failure> {
    let Some(source) = source else {
        return of_recipe(None, session);
    };
    if source == STDIN {
        return of_pipe(std::io::stdin().lock(), "<stdin>");
    }
    let path = Path::new(source);
    if path.is_file() && !source.ends_with(".yaml") && !source.ends_with(".yml") {
        return Ok(of_lock(lockfile::read(path)?.lock, path));
    }
    if is_pipe(path) {
        return of_pipe(fs::File::open(path).map_err(Failure::io)?, source);
    }
    if path
        .extension()
        .is_some_and(|extension| extension == "lock")
        && !path.exists()
    {
        let message = format!("there is no lock file `{source}`");
        let missing = Diagnostic::error(Code::LOCK_MISSING, message).at(Place::file(source));
        return Err(missing.help("make one with `gpuenv lock RECIPE`").into());
    }
    let environments = Environments::below(&session.home()?);
    match environments.find(source) {
        Ok(prefix) => of_environment(&prefix, source),
        Err(missing) => of_recipe(Some(source), session).map_err(|failure| match failure {
            // Neither: what was meant as an environment is told about environments.
            Failure::Diagnosed(told)
                if told
                    .iter()
                    .any(|error| error.code == Code::RECIPE_NOT_FOUND) =>
            {
                let missing = missing.help("or name a lock file, or a recipe that has a lock");
                missing.into()
            }
            other => other,
        }),
    }
}

/// A pipe that the shell made, as in `<(git show HEAD:gpuenv.lock)`, is as good as a file.
#[cfg(unix)]
fn is_pipe(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_fifo())
}

#[cfg(not(unix))]
fn is_pipe(_path: &Path) -> bool {
    false
}

fn of_lock(lock: Lock, path: &Path) -> Looked {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy());
    let settings = lock.settings.as_ref();
    let name = settings.map(|settings| settings.recipe.clone());
    let name = name
        .or(stem.map(|stem| stem.into_owned()))
        .unwrap_or_default();
    Looked {
        lock,
        name,
        label: format!("lock `{}`", path.display()),
        platform: None,
        recipe: None,
        installed: None,
    }
}

fn of_pipe(pipe: impl Read, label: &str) -> Result<Looked, Failure> {
    let mut text = String::new();
    let limit = lock::MAX_BYTES as u64 + 1;
    let read = pipe.take(limit).read_to_string(&mut text);
    read.map_err(|error| {
        let message = format!("the lock `{label}` cannot be read");
        Diagnostic::error(Code::LOCK_UNREADABLE, message)
            .at(Place::file(label))
            .cause(error)
    })?;
    let path = PathBuf::from(label);
    Ok(of_lock(lockfile::parse(path.clone(), text)?.lock, &path))
}

/// Reads an environment: what is installed there, with what its lock says beside.
fn of_environment(prefix: &Path, source: &str) -> Result<Looked, Failure> {
    let kept = prefix.join(activating::KEPT_LOCK);
    let kept = match kept.exists() {
        true => Some(lockfile::read(&kept)?.lock),
        false => None,
    };
    let state = prefix::read_state(prefix)?;
    let mut installed = installed::read(prefix);
    let called = state.map(|state| state.platform);
    let platform = called.as_deref().and_then(lock::subdir_of);
    let platform = platform.or_else(|| platform_of(&installed.records));
    let platform = platform.or_else(Subdir::current).unwrap_or(Subdir::NoArch);
    let called = called.unwrap_or_else(|| platform.to_string());
    let records = std::mem::take(&mut installed.records);
    let settings = kept.as_ref().and_then(|lock| lock.settings.clone());
    let known = kept.and_then(|mut lock| {
        let channels = std::mem::take(&mut lock.channels);
        Some((channels, lock.platforms.remove(&called)?.virtual_packages))
    });
    let (channels, virtual_packages) = known.unwrap_or_default();
    let locked = PlatformLock {
        subdir: platform,
        virtual_packages,
        records,
        wheels: installed.wheel_records.iter().filter_map(wheel).collect(),
    };
    let folder = prefix.file_name();
    let name = folder.map(|name| name.to_string_lossy().into_owned());
    Ok(Looked {
        lock: Lock {
            settings,
            channels,
            platforms: [(called, locked)].into(),
        },
        name: name.unwrap_or_default(),
        label: format!("environment `{source}`"),
        platform: Some(platform),
        recipe: None,
        installed: Some(installed),
    })
}

fn platform_of(records: &[RepoDataRecord]) -> Option<Subdir> {
    let mut subdirs = records
        .iter()
        .map(|record| record.package_record.subdir.as_str());
    subdirs.find(|subdir| *subdir != "noarch")?.parse().ok()
}

fn wheel(record: &RepoDataRecord) -> Option<Wheel> {
    let package = &record.package_record;
    Some(Wheel {
        name: package.name.as_normalized().to_string(),
        version: package.version.to_string(),
        url: record.url.clone(),
        sha256: package.sha256?,
        index: None,
        size: package.size,
    })
}

fn of_recipe(wanted: Option<&str>, session: &Session) -> Result<Looked, Failure> {
    let path = RecipePath::new(&session.env.recipe_path);
    let open = Open::read(path.find(wanted)?, &path).map_err(Failure::several)?;
    let file = lockfile::find(&open.text, &open.name)?.ok_or_else(|| {
        let message = format!("recipe `{}` has no lock", open.name);
        Diagnostic::error(Code::LOCK_MISSING, message)
            .help(format!("make one with `{}`", open.text.lock_command()))
    })?;
    // With what was chosen when the lock was made; else the lock's own lines will do.
    let recipe = open.decide(&Choice::default(), file.lock.settings.as_ref());
    let mut looked = of_lock(file.lock, &file.path);
    looked.name.clone_from(&open.name);
    looked.recipe = recipe.ok();
    Ok(looked)
}

impl Looked {
    /// Returns what is there for the wanted platform, else for this machine's, else
    /// for the first one; of several variants the wanted one, else the preferred one.
    ///
    /// # Errors
    /// GE343 if the wanted platform is not there, GE219 if the variant is not.
    pub fn platform(
        &self,
        wanted: Option<Subdir>,
        variant: Option<&str>,
    ) -> Result<(&str, &PlatformLock), Diagnostic> {
        let platforms = &self.lock.platforms;
        if let Some(variant) = variant {
            deciding::check_variant(&self.lock, variant, &self.name)?;
        }
        let named = |platform: Subdir| {
            let mut names = self.lock.names(platform).into_iter();
            let name = names.find(|name| {
                let own = lock::variant_of(name, platform);
                variant.is_none() || own == variant || self.installed.is_some()
            })?;
            platforms.get_key_value(name)
        };
        let found = match wanted {
            Some(wanted) => named(wanted),
            None => Subdir::current()
                .and_then(named)
                .or(platforms.iter().next()),
        };
        let found = found.map(|(name, locked)| (name.as_str(), locked));
        found.ok_or_else(|| {
            let wanted = wanted.or_else(Subdir::current).unwrap_or(Subdir::NoArch);
            let there = platforms.keys().map(String::as_str);
            graph::no_platform(&self.label, wanted.as_str(), there)
        })
    }

    /// Returns the graph of what is there for a platform.
    pub fn graph(&self, platform: &str, locked: &PlatformLock) -> Graph {
        let mut contents = Contents::of_lock(&self.lock, platform, locked);
        if let Some(installed) = &self.installed {
            self.look_inside(&mut contents, installed, locked);
        }
        // The recipe of now may not be that of the lock; then its lines lead nowhere.
        let recipe = self.recipe.as_ref();
        let plans = recipe.and_then(|recipe| plan::plans(recipe, locked.subdir).ok());
        let mut plans = plans.into_iter().flatten();
        Graph::new(match plans.find(|plan| plan.name() == platform) {
            Some(plan) => contents.with_plan(&plan),
            None => contents,
        })
    }

    /// Adds what only an environment tells: what wheels need, what was asked for.
    fn look_inside(&self, contents: &mut Contents, installed: &Installed, locked: &PlatformLock) {
        contents
            .packages
            .retain(|package| package.kind != Kind::Wheel);
        let mut wheels: Vec<PlainWheel> = installed.wheels.clone();
        for wheel in &locked.wheels {
            let is_known = |known: &PlainWheel| {
                gpuenv_core::wheels::normalized(&known.name).as_ref() == Some(&wheel.name)
            };
            if !wheels.iter().any(is_known) {
                let (name, version) = (wheel.name.clone(), wheel.version.clone());
                let requires = Vec::new();
                wheels.push(PlainWheel {
                    name,
                    version,
                    requires,
                });
            }
        }
        wheels.iter().for_each(|wheel| contents.add_wheel(wheel));
        if contents.lines.is_empty() {
            let asked = installed.requested.iter();
            contents.lines = asked.map(|text| Line::of_text(text, false)).collect();
        }
    }

    /// Returns what to tell about an environment that is not whole.
    pub fn notes(&self) -> Vec<Diagnostic> {
        let damaged = self.installed.iter().flat_map(|found| &found.damaged);
        let names: Vec<&str> = damaged.map(String::as_str).collect();
        if names.is_empty() {
            return Vec::new();
        }
        let message = format!("{} has package records that cannot be read", self.label);
        let note = Diagnostic::warning(Code::INSTALL_IO, message);
        vec![note.cause(format!("`conda-meta/{}`", names.join("`, `conda-meta/")))]
    }
}
