//! `gpuenv lint`: what tutorials and old environments get wrong, and its fix.

use std::path::{Path, PathBuf};

use fs_err as fs;
use gpuenv_core::{
    Code, Diagnostic, Place, Severity,
    facts::Facts,
    import::{self, Format, Text},
    lint::{self, Edit, Finding},
    recipe::{self, Selection},
};
use serde_json::json;

use crate::{
    Failure, Outcome, Session, bringing,
    commands::import::From,
    extending, facts,
    source::{DEFAULT_FILE, Origin, RecipePath, RecipeText},
    untrusted,
};

/// Find what is wrong with a recipe, an environment, requirements or a tutorial's commands
///
/// Exits with 1 where something is found, and with 0 where only notes are left.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  \
    gpuenv lint                            the recipe in this directory\n  \
    gpuenv lint environment.yml --fix      mend it; the file as it was is kept beside it\n  \
    gpuenv lint tutorial.md --fix --dry-run\n  \
    gpuenv lint \"pip install tensorflow-gpu\"")]
pub struct Args {
    /// Recipes, files of other tools, scripts, `-`, or command lines in quotes
    /// [default: the recipe in this directory]
    pub files: Vec<String>,
    /// What kind of file it is [default: by what is in it]
    #[arg(long, value_name = "FORMAT")]
    pub from: Option<From>,
    /// Mend what can be mended, and change nothing else
    #[arg(long)]
    pub fix: bool,
    /// With `--fix`: show what would change, write nothing
    #[arg(long, requires = "fix")]
    pub dry_run: bool,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

impl Args {
    /// Returns whether one JSON document is wanted on stdout.
    pub fn json(&self) -> bool {
        self.json
    }
}

/// A file to look at, and where it may be written.
struct Subject {
    text: Text,
    path: Option<PathBuf>,
    is_recipe: bool,
    /// Where recipes are that it extends.
    recipes: RecipePath,
}

/// What was found in a file.
struct Checked {
    findings: Vec<Finding>,
    errors: Vec<Diagnostic>,
}

/// Looks for what is wrong.
///
/// # Errors
/// Returns what keeps a file from being read or written.
pub fn run(args: Args, session: &Session) -> Result<Outcome, Failure> {
    let (tables, warnings) = facts::read(session.env.facts.as_deref())?;
    let files = match args.files.is_empty() {
        true => vec![DEFAULT_FILE.to_string()],
        false => args.files.clone(),
    };
    let mut outcome = Outcome::done();
    outcome.diagnostics = warnings;
    let mut told = Vec::new();
    let mut text = String::new();
    let mut is_clean = true;
    for file in &files {
        let subject = subject(file, session)?;
        let before = check(&subject, &args, &tables)?;
        let (subject, after, fixed) = match args.fix {
            true => mended(subject, before, &args, &tables, &mut text)?,
            false => (subject, before, 0),
        };
        let open = after
            .findings
            .iter()
            .filter(|f| f.diagnostic.severity != Severity::Note)
            .count();
        is_clean &= open == 0 && after.errors.is_empty();
        let fixable = after.findings.iter().filter(|f| !f.fix.is_empty()).count();
        let summary = summary(&subject.text.file, &after, fixed, fixable, args.fix);
        // What came from a pipe or the command line goes out where it can be taken.
        let is_printed = args.fix && !args.dry_run && bringing::is_typed(&subject.text);
        match is_printed {
            true => {
                text += &subject.text.text;
                if !text.ends_with('\n') {
                    text.push('\n');
                }
                session.printer().talk(summary.trim_end());
            }
            false => text += &summary,
        }
        told.push(json!({
            "mended": is_printed.then_some(&subject.text.text),
            "file": subject.text.file,
            "findings": after.findings.len(),
            "fixable": fixable,
            "fixed": fixed,
        }));
        outcome.diagnostics.extend(after.errors);
        outcome
            .diagnostics
            .extend(after.findings.into_iter().map(|finding| finding.diagnostic));
    }
    outcome.answer = match is_clean {
        true => crate::outcome::Answer::Done,
        false => crate::outcome::Answer::No,
    };
    Ok(outcome.text(text).facts(&json!({ "files": told })))
}

/// Finds out what the user names: a recipe by name, or a file, or command lines.
fn subject(file: &str, session: &Session) -> Result<Subject, Failure> {
    let is_file = [
        ".yml", ".yaml", ".txt", ".toml", ".lock", ".md", ".py", ".sh", ".ps1", ".bat", ".ipynb",
    ];
    let is_file = is_file.iter().any(|end| file.ends_with(end)) || Path::new(file).exists();
    let is_name = !is_file && recipe::check_name(file).is_ok();
    let recipes = RecipePath::new(&session.env.recipe_path);
    if is_name {
        let found = recipes.find(Some(file))?;
        let text = Text::decode(&found.label, &found.bytes).map_err(Diagnostic::from)?;
        let path = match &found.origin {
            Origin::File(path) => Some(path.clone()),
            Origin::Shipped | Origin::Words(_) => None,
        };
        return Ok(Subject {
            text,
            path,
            is_recipe: true,
            recipes,
        });
    }
    let text = bringing::text(file)?;
    let path = Some(PathBuf::from(&text.file)).filter(|path| path.is_file());
    let is_recipe = bringing::is_recipe(&text);
    Ok(Subject {
        text,
        path,
        is_recipe,
        recipes,
    })
}

fn check(subject: &Subject, args: &Args, facts: &Facts) -> Result<Checked, Failure> {
    if subject.is_recipe && args.from.is_none() {
        let text = RecipeText {
            label: subject.text.file.clone(),
            bytes: subject.text.text.clone().into_bytes(),
            origin: subject.path.clone().map_or(Origin::Shipped, Origin::File),
            options: String::new(),
        };
        let layers = extending::layers(&text, &subject.recipes);
        let read = layers.and_then(|layers| layers.recipe(&Selection::default()));
        let read = read.map_err(Failure::several)?;
        return Ok(Checked {
            findings: lint::recipe(&subject.text, &read, facts),
            errors: Vec::new(),
        });
    }
    let format = args
        .from
        .map(From::format)
        .or_else(|| import::recognise(&subject.text));
    import::check_size(&subject.text, format).map_err(Diagnostic::from)?;
    let texts = match format {
        Some(format) => bringing::with_includes(subject.text.clone(), format)?,
        None => import::Texts::new(subject.text.clone()),
    };
    let (findings, errors) = lint::file(&texts, format, facts);
    // A tutorial has much that is no package; only broken files deserve an error.
    let errors = match format {
        Some(Format::Commands) => Vec::new(),
        _ => errors,
    };
    Ok(Checked { findings, errors })
}

/// Mends a file until nothing more can be mended, and writes it.
fn mended(
    subject: Subject,
    before: Checked,
    args: &Args,
    facts: &Facts,
    told: &mut String,
) -> Result<(Subject, Checked, usize), Failure> {
    let original = subject.text.text.clone();
    let mut subject = subject;
    let mut checked = before;
    let mut fixed = 0;
    for _ in 0..lint::MOST_PASSES {
        let fixes: Vec<Vec<Edit>> = checked
            .findings
            .iter()
            .map(|f| f.fix.clone())
            .filter(|fix| !fix.is_empty())
            .collect();
        let changed = lint::apply(&subject.text.text, &fixes);
        if fixes.is_empty() || changed == subject.text.text {
            break;
        }
        let count = checked.findings.len();
        let next = Subject {
            text: Text {
                file: subject.text.file.clone(),
                text: changed,
            },
            path: subject.path.clone(),
            is_recipe: subject.is_recipe,
            recipes: subject.recipes.clone(),
        };
        // A fix that breaks the file would be worse than the finding.
        let Ok(again) = check(&next, args, facts) else {
            break;
        };
        fixed += count.saturating_sub(again.findings.len()).max(1);
        subject = next;
        checked = again;
    }
    if subject.text.text == original {
        return Ok((subject, checked, 0));
    }
    if bringing::is_typed(&subject.text) && !args.dry_run {
        return Ok((subject, checked, fixed));
    }
    let patch = lint::diff(&subject.text.file, &original, &subject.text.text);
    *told += &untrusted::redact(&patch);
    if args.dry_run {
        return Ok((subject, checked, fixed));
    }
    let Some(path) = &subject.path else {
        let message = format!("`{}` is no file that can be written", subject.text.file);
        let error =
            Diagnostic::error(Code::IMPORT_UNREADABLE, message).at(Place::file(&subject.text.file));
        let help = "see what would change with `--fix --dry-run`, and edit a copy: `gpuenv recipe show NAME`";
        return Err(error.help(help).into());
    };
    let kept = keep(path)?;
    write(path, &subject.text.text)?;
    *told += &format!(
        "`{}` is written; `{}` is what it was\n",
        path.display(),
        kept.display()
    );
    Ok((subject, checked, fixed))
}

/// Copies a file to the first name beside it that is free.
fn keep(path: &Path) -> Result<PathBuf, Failure> {
    let name = |number: usize| match number {
        0 => format!("{}.bak", path.display()),
        number => format!("{}.bak{number}", path.display()),
    };
    let free = (0..1000)
        .map(name)
        .map(PathBuf::from)
        .find(|kept| fs::symlink_metadata(kept).is_err());
    let kept = free.ok_or_else(|| {
        let message = format!("`{}` has too many copies beside it", path.display());
        Diagnostic::error(Code::IMPORT_EXISTS, message).help("delete those that end in `.bak`")
    })?;
    fs::copy(path, &kept).map_err(Failure::io)?;
    Ok(kept)
}

/// Writes the mended text; a byte order mark that was there stays.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let before = fs::read(path).map_err(Failure::io)?;
    let mark = if before.starts_with(b"\xef\xbb\xbf") {
        "\u{feff}"
    } else {
        ""
    };
    bringing::write_new(path, &format!("{mark}{text}"), true)
}

fn summary(file: &str, checked: &Checked, fixed: usize, fixable: usize, is_fix: bool) -> String {
    let count = checked.findings.len();
    let left = match (count, checked.errors.len()) {
        (0, 0) => "nothing is wrong".to_string(),
        (0, _) => "it cannot be read".to_string(),
        (1, _) => "1 finding".to_string(),
        (count, _) => format!("{count} findings"),
    };
    let more = match (is_fix, fixable) {
        (false, 0) => String::new(),
        (false, fixable) => format!(", {fixable} of them can be mended with `--fix`"),
        (true, _) if fixed > 0 => format!(", {fixed} mended"),
        (true, _) => String::new(),
    };
    format!("{file}: {left}{more}\n")
}
