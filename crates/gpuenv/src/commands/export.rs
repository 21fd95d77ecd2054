//! `gpuenv export`: an environment or a lock, written for another tool.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use gpuenv_core::{
    Code, Diagnostic, Lock,
    export::{self, Format, Wishes},
    lock,
};
use rattler_conda_types::Subdir;
use serde_json::json;

use crate::{
    Failure, Outcome, Session, activating, bringing, choosing::Open, deciding,
    environments::Environments, lockfile, source::RecipePath,
};

/// Write an environment or a lock for conda, conda-lock, pixi, pip or Docker
///
/// The same files and hashes go out that the lock has.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  \
    gpuenv export tf-gpu --format environment-yml\n  \
    gpuenv export gpuenv.lock --format explicit --platform linux-64 --output explicit.txt\n  \
    gpuenv export --format pixi --output pixi.toml       writes pixi.lock beside it\n  \
    gpuenv export tf-gpu --format dockerfile --output Dockerfile")]
pub struct Args {
    /// An environment's name or prefix, a lock file, or a recipe that has a lock
    /// [default: the lock of the recipe in this directory]
    pub source: Option<String>,
    /// The format
    #[arg(short, long, value_name = "FORMAT")]
    pub format: To,
    /// Only this platform [default: the environment's, or all of the lock]
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<Subdir>,
    /// Write to this file, and what belongs to it beside it [default: print it]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The variant to write, where the recipe has some [default: the environment's, the preferred one]
    #[arg(long, value_name = "VARIANT")]
    pub variant: Option<String>,
    /// In explicit lists write sha256 instead of md5; conda reads it from 24.1 on
    #[arg(long)]
    pub sha256: bool,
    /// Write over files that exist
    #[arg(long)]
    pub force: bool,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// A format that can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum To {
    /// conda's `environment.yml`, every package with version and build
    EnvironmentYml,
    /// A list of URLs with hashes, as `conda list --explicit` prints it
    Explicit,
    /// `conda-lock.yml`
    CondaLock,
    /// `pixi.toml` with `pixi.lock`
    Pixi,
    /// pip's `requirements.txt` with hashes: the wheels alone
    Requirements,
    /// A `Dockerfile` with the lists that it installs
    Dockerfile,
}

impl To {
    fn format(self) -> Format {
        match self {
            To::EnvironmentYml => Format::EnvironmentYml,
            To::Explicit => Format::Explicit,
            To::CondaLock => Format::CondaLock,
            To::Pixi => Format::Pixi,
            To::Requirements => Format::Requirements,
            To::Dockerfile => Format::Dockerfile,
        }
    }
}

impl Args {
    /// Returns whether one JSON document is wanted on stdout.
    pub fn json(&self) -> bool {
        self.json
    }
}

/// A lock, and what it is called.
struct Found {
    lock: Lock,
    name: String,
    /// The platform of an environment that is installed.
    platform: Option<Subdir>,
    /// Which variant that is.
    variant: Option<String>,
}

/// Exports.
///
/// # Errors
/// Returns what keeps the lock from being found or written.
pub fn run(args: Args, session: &Session) -> Result<Outcome, Failure> {
    let found = find(&args, session)?;
    let format = args.format.format();
    let wishes = Wishes {
        platform: args.platform.or(found.platform),
        sha256: args.sha256,
    };
    let wanted = args.variant.as_deref();
    if let Some(wanted) = wanted {
        deciding::check_variant(&found.lock, wanted, &found.name)?;
    }
    let variants = found.lock.variants();
    let variant = wanted
        .or(found.variant.as_deref())
        .or(variants.first().copied());
    let lock = match variant {
        Some(variant) => &found.lock.of_variant(Some(variant)),
        None => &found.lock,
    };
    let exported = export::export(lock, &found.name, format, wishes).map_err(Diagnostic::from)?;
    let mut written = Vec::new();
    let mut text = String::new();
    let mut notes = exported.notes;
    if let (Some(variant), None, None, [_, _, ..]) =
        (variant, wanted, &found.variant, variants.as_slice())
    {
        let message = format!("of its variants `{variant}` is exported, the preferred one");
        let note = Diagnostic::note(Code::VARIANT_TAKEN, message);
        notes.push(note.help(format!(
            "the others: `--variant {}`",
            variants[1..].join("`, `--variant ")
        )));
    }
    match &args.output {
        Some(path) => {
            let beside = |name: &str| path.with_file_name(name);
            let files: Vec<(PathBuf, &String)> = std::iter::once((path.clone(), &exported.text))
                .chain(
                    exported
                        .beside
                        .iter()
                        .map(|(name, text)| (beside(name), text)),
                )
                .collect();
            for (path, _) in &files {
                bringing::refuse_existing(path, args.force)?;
            }
            for (path, body) in &files {
                bringing::write_new(path, body, args.force)?;
                let label = path.display().to_string();
                text += &format!("`{label}` is written\n");
                written.push(label);
            }
        }
        None => {
            text.push_str(&exported.text);
            if !exported.beside.is_empty() {
                let names: Vec<&str> = exported
                    .beside
                    .iter()
                    .map(|(name, _)| name.as_str())
                    .collect();
                let note = Diagnostic::note(
                    Code::EXPORT_IMPOSSIBLE,
                    format!("`{}` belongs to it, and is not shown", names.join("`, `")),
                );
                notes.push(note.help("write them all with `--output FILE`"));
            }
        }
    }
    let facts = json!({
        "format": format.word(),
        "name": found.name,
        "text": exported.text,
        "beside": exported.beside.iter().map(|(name, text)| json!({ "name": name, "text": text })).collect::<Vec<_>>(),
        "written": written,
    });
    let outcome = Outcome::done().text(text).facts(&facts);
    Ok(notes.into_iter().fold(outcome, Outcome::diagnostic))
}

/// Finds what the user names: a lock file, an environment, or a recipe with a lock.
fn find(args: &Args, session: &Session) -> Result<Found, Failure> {
    let Some(source) = args.source.as_deref() else {
        return of_recipe(None, session);
    };
    let path = Path::new(source);
    if path.is_file() && !source.ends_with(".yaml") && !source.ends_with(".yml") {
        let file = lockfile::read(path)?;
        let stem = path
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned());
        let name = name_of(&file.lock).or(stem).unwrap_or_default();
        return Ok(Found {
            lock: file.lock,
            name,
            platform: None,
            variant: None,
        });
    }
    let environments = Environments::below(&session.home()?);
    match environments.find(source) {
        Ok(prefix) => of_environment(&prefix),
        Err(missing) => of_recipe(Some(source), session).map_err(|failure| match failure {
            // Neither: what was meant as an environment is told about environments.
            Failure::Diagnosed(told)
                if told
                    .iter()
                    .any(|error| error.code == Code::RECIPE_NOT_FOUND) =>
            {
                missing.into()
            }
            other => other,
        }),
    }
}

fn of_environment(prefix: &Path) -> Result<Found, Failure> {
    let kept = prefix.join(activating::KEPT_LOCK);
    if !kept.exists() {
        let message = format!(
            "`{}` was made by another tool, and has no lock",
            prefix.display()
        );
        let help = "`conda list --explicit --md5` lists it, and `gpuenv import -` reads that";
        return Err(Diagnostic::error(Code::LOCK_MISSING, message)
            .help(help)
            .into());
    }
    let file = lockfile::read(&kept)?;
    let state = gpuenv_provision::prefix::read_state(prefix)?;
    let called = state.as_ref().map(|state| state.platform.as_str());
    let platform = called.and_then(lock::subdir_of);
    let variant = called.and_then(lock::variant_in).map(ToString::to_string);
    let folder = prefix
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    Ok(Found {
        name: folder.or(name_of(&file.lock)).unwrap_or_default(),
        lock: file.lock,
        platform,
        variant,
    })
}

fn of_recipe(wanted: Option<&str>, session: &Session) -> Result<Found, Failure> {
    let path = RecipePath::new(&session.env.recipe_path);
    let Open { text, name, .. } =
        Open::read(path.find(wanted)?, &path).map_err(Failure::several)?;
    let file = lockfile::find(&text, &name)?.ok_or_else(|| {
        let message = format!("recipe `{name}` has no lock");
        Diagnostic::error(Code::LOCK_MISSING, message)
            .help(format!("make one with `{}`", text.lock_command()))
    })?;
    Ok(Found {
        lock: file.lock,
        name,
        platform: None,
        variant: None,
    })
}

fn name_of(lock: &Lock) -> Option<String> {
    lock.settings
        .as_ref()
        .map(|settings| settings.recipe.clone())
}
