//! `gpuenv doctor`: why does the GPU not work?

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

use gpuenv_core::{
    doctor::{self, Case, Examination, Finding, Reading},
    facts::Facts,
    plan::Gpu,
    probe::Level,
};
use rattler_conda_types::Subdir;
use serde_json::json;

use crate::{
    Failure, Outcome, Session, activating,
    commands::probe::LevelName,
    env,
    environments::Environments,
    facts, pasted,
    probing::{self, Probed, Question},
    untrusted::shown,
};

/// No report is longer, in characters.
const LONGEST_TEXT: usize = 1 << 20;

/// Find out why a GPU does not work
///
/// Looks at the machine from the hardware up, and at an environment if one is named, and stops
/// at what is broken: with cause, fix and the number of the failure mode, which
/// `docs/failure-modes.md` explains. Changes nothing. Exits with 0 if nothing is wrong, else 1.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The environment's name or prefix
    #[arg(value_name = "ENV")]
    pub environment: Option<String>,
    /// Read a log instead, `-` for stdin, and say what its lines look like
    #[arg(long, value_name = "FILE", conflicts_with_all = ["environment", "facts", "no_probe"])]
    pub text: Option<PathBuf>,
    /// List the tables of facts with their dates and sources
    #[arg(long, conflicts_with_all = ["environment", "no_probe"])]
    pub facts: bool,
    /// How far to ask an environment: its frameworks take the longest
    #[arg(long, value_enum, value_name = "LEVEL", default_value = "framework")]
    pub level: LevelName,
    /// Do not ask the driver, look at files only
    #[arg(long)]
    pub no_probe: bool,
    /// Look at the machine whose files lie below a directory
    #[arg(long, value_name = "DIRECTORY", default_value = "/", hide = true)]
    pub root: PathBuf,
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

/// Examines.
///
/// # Errors
/// Returns what keeps the doctor from looking.
pub fn run(args: Args, session: &Session) -> Result<Outcome, Failure> {
    let (tables, warnings) = facts::read(session.env.facts.as_deref())?;
    let outcome = if args.facts {
        let listed = json!({ "date": tables.date(), "tables": tables.origins });
        Outcome::done().text(facts::listing(&tables)).facts(&listed)
    } else if let Some(file) = &args.text {
        of_reading(&pasted::read(file, &tables.modes)?)
    } else {
        examine(&args, session, &tables)?
    };
    Ok(warnings.into_iter().fold(outcome, Outcome::diagnostic))
}

fn examine(args: &Args, session: &Session, tables: &Facts) -> Result<Outcome, Failure> {
    let prefix = match &args.environment {
        Some(name) => Some(Environments::below(&session.home()?).find(name)?),
        None => None,
    };
    let variables = variables(prefix.as_deref())?;
    let variable = |name: &str| {
        let value = variables.get(&OsString::from(name))?;
        Some(value.to_string_lossy().into_owned())
    };
    let home = session.env.user_home.as_deref();
    let host = gpuenv_provision::facts::host(&args.root, &variable, home);
    let environment = match &prefix {
        Some(prefix) => Some(environment(prefix)?),
        None => None,
    };
    let gpu = environment.as_ref().and_then(|environment| environment.gpu);
    let probed = match args.no_probe || gpu == Some(Gpu::None) {
        true => None,
        false => Some(ask(args, prefix.as_deref(), session)?),
    };
    let observation = probed.as_ref().map(|probed| &probed.observation);
    let library = probed.as_ref().and_then(|probed| probed.library.as_ref());
    let frameworks = probed.as_ref().map_or(&[][..], |probed| &probed.frameworks);
    let examination = doctor::examine(&Case {
        host: &host,
        environment: environment.as_ref(),
        observation,
        library,
        frameworks,
        facts: tables,
    });
    let found = json!({
        "state": state(&examination),
        "findings": examination.findings,
        "walk": examination.walk,
        "host": host,
        "environment": environment,
        "observation": observation,
        "library": library,
        "frameworks": frameworks,
        "facts": tables.date(),
    });
    let outcome = match examination.healthy {
        true => Outcome::done(),
        false => Outcome::no(),
    };
    let text = shown(&text_of(&examination), LONGEST_TEXT);
    Ok(outcome.text(text).facts(&found))
}

/// Returns the environment in which programs will run.
fn variables(prefix: Option<&Path>) -> Result<BTreeMap<OsString, OsString>, Failure> {
    Ok(match prefix {
        Some(prefix) => activating::environment(&activating::of(prefix)?),
        None => env::variables(),
    })
}

fn environment(prefix: &Path) -> Result<doctor::EnvironmentFacts, Failure> {
    let kept = activating::kept(prefix)?;
    let platform = kept.as_ref().map(|kept| kept.platform);
    let platform = platform.or(Subdir::current()).unwrap_or(Subdir::NoArch);
    let gpu = kept.map(|kept| kept.gpu);
    Ok(gpuenv_provision::facts::environment(
        prefix,
        platform.as_str(),
        gpu,
    ))
}

/// Asks the driver, and where it computes the environment's libraries and frameworks.
fn ask(args: &Args, prefix: Option<&Path>, session: &Session) -> Result<Probed, Failure> {
    let kept = match prefix {
        Some(prefix) => activating::kept(prefix)?,
        None => None,
    };
    let steps = kept.map(|kept| kept.settings.probe).unwrap_or_default();
    let question = Question {
        steps: &steps,
        level: Some(match prefix {
            Some(_) => args.level.into(),
            None => Level::Driver,
        }),
        only_beside_gpu: true,
        ..Question::of_driver(prefix)
    };
    Ok(probing::probe(&question, &*session.reporter())?)
}

/// Returns one stable word for the whole.
fn state(examination: &Examination) -> &'static str {
    use doctor::Weight;
    let first = examination.findings.first();
    match first.map(|finding| (finding.weight, finding.mode.0)) {
        None => "healthy",
        Some((Weight::Broken, 15)) => "driver-missing",
        Some((Weight::Broken, _)) => "broken",
        Some((Weight::Doubtful, _)) => "doubtful",
    }
}

fn text_of(examination: &Examination) -> String {
    let mut text = match examination.findings.len() {
        0 => "healthy: nothing is wrong\n".to_string(),
        1 => "1 finding\n".to_string(),
        count => format!("{count} findings\n"),
    };
    for step in &examination.walk {
        text += &format!("  {:<15} {:<9} {}\n", step.rung, step.state, step.seen);
    }
    for finding in &examination.findings {
        text += &finding_text(finding);
    }
    text
}

fn finding_text(finding: &Finding) -> String {
    let sure = serde_json::to_value(finding.confidence).unwrap_or_default();
    let sure = sure.as_str().unwrap_or_default();
    let mut text = format!("\n{}: {} ({sure})\n", finding.mode, finding.summary);
    let related: Vec<String> = finding.related.iter().map(ToString::to_string).collect();
    for evidence in &finding.evidence {
        text += &format!("  seen: {evidence}\n");
    }
    text += &format!("  cause: {}\n", finding.cause);
    for fix in &finding.fix {
        text += &format!("  fix: {fix}\n");
    }
    if !related.is_empty() {
        text += &format!("  see also: {}\n", related.join(", "));
    }
    text
}

fn of_reading(reading: &Reading) -> Outcome {
    let mut text = match reading.matches.len() {
        0 => format!("nothing known is in the {} lines\n", reading.lines),
        1 => "looks like 1 failure mode\n".to_string(),
        count => format!("looks like {count} failure modes\n"),
    };
    for found in &reading.matches {
        text += &format!("\n{}: {}\n", found.mode, found.title);
        for line in &found.lines {
            text += &format!("  line {}: {}\n", line.number, shown(&line.text, 300));
        }
        if found.count > found.lines.len() {
            text += &format!("  and {} more lines\n", found.count - found.lines.len());
        }
        text += &format!(
            "  cause: {}\n  confirm: {}\n  fix: {}\n",
            found.cause, found.confirm, found.fix
        );
    }
    for cleared in &reading.cleared {
        let mode = cleared
            .mode
            .map(|mode| format!("{mode}, "))
            .unwrap_or_default();
        text += &format!("\nharmless ({mode}{}): {}\n", cleared.name, cleared.verdict);
        text += &format!(
            "  line {}: {}\n",
            cleared.line.number,
            shown(&cleared.line.text, 300)
        );
    }
    let outcome = match reading.matches.is_empty() {
        true => Outcome::done(),
        false => Outcome::no(),
    };
    outcome.text(text).facts(reading)
}
