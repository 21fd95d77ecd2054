//! `gpuenv import`: a recipe, and a lock, from what other tools wrote.

use std::path::PathBuf;

use clap::ValueEnum;
use gpuenv_core::{
    Code, Diagnostic, Lock, Place,
    import::{self, Defaults, Drafted, Format, Imported, Text, Texts},
    lint, lock, recipe,
};
use rattler_conda_types::Subdir;
use serde_json::json;

use crate::{Failure, Outcome, Session, bringing, facts, locking};

/// Make a recipe from an environment of another tool, or from a pasted command
///
/// Nothing is executed and nothing is fetched. What has no counterpart in a recipe is told.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  \
    gpuenv import environment.yml --output gpuenv.yaml\n  \
    gpuenv import \"conda install -c conda-forge cudatoolkit=11.2 cudnn=8.1.0\"\n  \
    gpuenv import explicit.txt --output gpuenv.yaml --lock gpuenv.lock\n  \
    conda list --explicit --md5 | gpuenv import -\n  \
    gpuenv import pixi.toml --environment cuda")]
pub struct Args {
    /// A file, `-` for what is piped in, or command lines in quotes
    #[arg(value_name = "FILE|LINES")]
    pub source: String,
    /// What kind of file it is [default: by what is in it]
    #[arg(long, value_name = "FORMAT")]
    pub from: Option<From>,
    /// Write the recipe to this file [default: print it]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write the lock to this file, where the source names exact files
    #[arg(long, value_name = "FILE")]
    pub lock: Option<PathBuf>,
    /// The recipe's name [default: that of the environment]
    #[arg(short, long)]
    pub name: Option<String>,
    /// The recipe is for this platform; can be given more than once
    /// [default: those of the file, else that of this machine]
    #[arg(long = "platform", value_name = "PLATFORM")]
    pub platforms: Vec<Subdir>,
    /// Which environment of a pixi project [default: `default`], or of pasted commands [default: the first]
    #[arg(long, value_name = "NAME")]
    pub environment: Option<String>,
    /// Mend in the recipe what `gpuenv lint` finds in it
    #[arg(long)]
    pub fix: bool,
    /// Write over files that exist
    #[arg(long)]
    pub force: bool,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// A format that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum From {
    /// conda's `environment.yml`
    EnvironmentYml,
    /// What `conda list --explicit` prints
    Explicit,
    /// What `conda list` and `conda list --export` print
    CondaList,
    /// `conda-lock.yml`
    CondaLock,
    /// `pixi.toml`
    Pixi,
    /// `pyproject.toml`
    Pyproject,
    /// `pixi.lock`
    PixiLock,
    /// pip's `requirements.txt`
    Requirements,
    /// Command lines, as tutorials print them
    Commands,
}

impl From {
    /// Returns the format that is meant.
    pub fn format(self) -> Format {
        match self {
            From::EnvironmentYml => Format::EnvironmentYml,
            From::Explicit => Format::Explicit,
            From::CondaList => Format::CondaList,
            From::CondaLock => Format::CondaLock,
            From::Pixi => Format::Pixi,
            From::Pyproject => Format::Pyproject,
            From::PixiLock => Format::PixiLock,
            From::Requirements => Format::Requirements,
            From::Commands => Format::Commands,
        }
    }
}

impl Args {
    /// Returns whether one JSON document is wanted on stdout.
    pub fn json(&self) -> bool {
        self.json
    }
}

/// Imports.
///
/// # Errors
/// Returns what keeps the source from being understood or the files from being written.
pub fn run(args: Args, session: &Session) -> Result<Outcome, Failure> {
    for path in [&args.output, &args.lock].into_iter().flatten() {
        bringing::refuse_existing(path, args.force)?;
    }
    let text = bringing::text(&args.source)?;
    let format = bringing::format(&text, args.from.map(From::format));
    let format = format.map_err(|failure| with_flaws(failure, &text))?;
    let texts = bringing::with_includes(text, format)?;
    let defaults = Defaults {
        channels: session.conda_channels()?,
        groups: session.multichannels()?,
        environment: args.environment.clone(),
    };
    let mut found = import::read(&texts, format, &defaults).map_err(Failure::several)?;
    if format == Format::Commands {
        tell_of_lines(&texts, &mut found);
    }
    let platforms = platforms(&args, &found);
    let mut drafted = import::recipe(&found, args.name.as_deref(), &platforms);
    if found.locked.is_empty() {
        lint_draft(&args, &mut drafted, session)?;
    }
    let lock = locked(&found, &drafted, &args)?;
    conclude(&args, &found, &drafted, lock)
}

/// Names what is wrong with code or a page that holds nothing to import.
fn with_flaws(failure: Failure, text: &Text) -> Failure {
    match failure {
        Failure::Diagnosed(mut told) if told.iter().all(|d| d.code == Code::IMPORT_FORMAT) => {
            let flaws = lint::lines(&Texts::new(text.clone())).into_iter();
            told.extend(flaws.map(|finding| finding.diagnostic));
            Failure::Diagnosed(told)
        }
        other => other,
    }
}

/// Tells what is wrong with the lines of a tutorial that are left out.
fn tell_of_lines(texts: &Texts, found: &mut Imported) {
    for finding in lint::lines(texts) {
        let line = |told: &Diagnostic| {
            let span = told.place.as_ref().and_then(|place| place.span.as_ref());
            span.map(|span| span.line)
        };
        let told = &finding.diagnostic;
        let is_told = |known: &Diagnostic| {
            let is_same = known.code == told.code || known.message.contains("LD_LIBRARY_PATH");
            is_same && line(known) == line(told)
        };
        if !found.notes.iter().any(is_told) {
            found.notes.push(finding.diagnostic);
        }
    }
}

/// Tells what is wrong with the recipe, or mends it.
///
/// What names exact files is left as it is: the lock is of just these.
fn lint_draft(args: &Args, drafted: &mut Drafted, session: &Session) -> Result<(), Failure> {
    let (tables, _) = facts::read(session.env.facts.as_deref())?;
    let label = label(args);
    let (mended, left) = lint::mended_recipe(&label, &drafted.text, &tables);
    if args.fix {
        drafted.text = mended;
        drafted
            .notes
            .extend(left.into_iter().map(|finding| finding.diagnostic));
        return Ok(());
    }
    let Ok(read) = recipe::parse(&label, drafted.text.as_bytes()) else {
        // The check behind this one tells why.
        return Ok(());
    };
    let text = Text {
        file: label,
        text: drafted.text.clone(),
    };
    let found = lint::recipe(&text, &read, &tables);
    let fixable = found.iter().any(|finding| !finding.fix.is_empty());
    drafted
        .notes
        .extend(found.into_iter().map(|finding| finding.diagnostic));
    if let (true, Some(last)) = (fixable, drafted.notes.last_mut()) {
        last.help
            .push("mend what can be mended: add `--fix`".to_string());
    }
    Ok(())
}

/// Returns what the recipe is called in messages.
fn label(args: &Args) -> String {
    let path = args.output.as_ref();
    path.map_or_else(|| "<recipe>".to_string(), |path| path.display().to_string())
}

/// Returns the platforms that the recipe is for.
fn platforms(args: &Args, found: &Imported) -> Vec<Subdir> {
    if !args.platforms.is_empty() {
        return args.platforms.clone();
    }
    if !found.platforms.is_empty() {
        return found.platforms.clone();
    }
    let conditions = found.packages.iter().map(|package| &package.condition);
    let conditions = conditions.chain(found.wheels.iter().map(|wheel| &wheel.condition));
    match conditions.flatten().next() {
        // Written for several systems.
        Some(_) => vec![Subdir::Linux64, Subdir::Win64],
        None => vec![Subdir::current().unwrap_or(Subdir::Linux64)],
    }
}

/// Checks the recipe, and makes its lock if the source has one.
fn locked(found: &Imported, drafted: &Drafted, args: &Args) -> Result<Option<Lock>, Failure> {
    let label = label(args);
    let read = recipe::parse(&label, drafted.text.as_bytes()).map_err(Failure::several)?;
    let platforms = locking::platforms(&read);
    let plans = locking::plans(&read, &platforms).map_err(Failure::several)?;
    Ok(import::lock(found, &plans)?)
}

fn conclude(
    args: &Args,
    found: &Imported,
    drafted: &Drafted,
    lock: Option<Lock>,
) -> Result<Outcome, Failure> {
    let mut told = String::new();
    let mut notes: Vec<Diagnostic> = found.notes.clone();
    notes.extend(drafted.notes.iter().cloned());
    let mut text = String::new();
    match &args.output {
        Some(path) => {
            bringing::write_new(path, &drafted.text, args.force)?;
            told += &format!("recipe `{}` is written\n", path.display());
        }
        None => text.push_str(&drafted.text),
    }
    match (&args.lock, &lock) {
        (Some(path), Some(made)) => {
            bringing::write_new(path, &lock::render(made)?, args.force)?;
            let count: usize = made
                .platforms
                .values()
                .map(|p| p.records.len() + p.wheels.len())
                .sum();
            let files = if count == 1 {
                "1 file"
            } else {
                &format!("{count} files")
            };
            told += &format!(
                "lock `{}` is written: {files}, as the source has them\n",
                path.display()
            );
        }
        (Some(path), None) => {
            let message = format!(
                "`{}` is not written: the source names no exact files with hashes",
                path.display()
            );
            let note = Diagnostic::warning(Code::IMPORT_NO_COUNTERPART, message)
                .at(Place::file(&args.source));
            notes.push(note.help("lock the recipe: `gpuenv lock RECIPE`"));
        }
        (None, Some(_)) => {
            let message = "the source names exact files, and they are not kept";
            let note = Diagnostic::note(Code::IMPORT_NO_COUNTERPART, message);
            notes.push(note.help("keep them with `--lock gpuenv.lock`"));
        }
        (None, None) => {}
    }
    let facts = json!({
        "format": found.format.word(),
        "name": drafted.name,
        "recipe": drafted.text,
        "written": args.output.as_ref().map(|path| path.display().to_string()),
        "lock": args.lock.as_ref().filter(|_| lock.is_some()).map(|path| path.display().to_string()),
    });
    let text = match args.output.is_some() {
        true => told,
        false => text,
    };
    let outcome = Outcome::done().text(text).facts(&facts);
    Ok(notes.into_iter().fold(outcome, Outcome::diagnostic))
}
