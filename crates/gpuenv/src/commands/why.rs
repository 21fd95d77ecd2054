//! `gpuenv why`: which lines of a recipe lead to a package.

use std::fmt::Write as _;

use gpuenv_core::graph::{self, Graph, Kind, Line, Step};
use rattler_conda_types::Subdir;
use serde_json::{Value, json};

use crate::{Failure, Outcome, Session, looking, untrusted};

/// So many ways are shown, unless all are wanted.
const WAYS: usize = 5;

/// So many of those who demand the package are shown, unless all are wanted.
const DEMANDS: usize = 10;

/// No text of a channel is shown longer.
const LONGEST: usize = 120;

/// Say why a package is there: the shortest ways from the recipe's lines to it
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  \
    gpuenv why libcublas                 in the lock of the recipe in this directory\n  \
    gpuenv why numpy tf-gpu              in an environment, its wheels too\n  \
    gpuenv why __cuda gpuenv.lock        what needs a driver")]
pub struct Args {
    /// The package's name
    pub package: String,
    /// An environment's name or prefix, a lock file, or a recipe that has a lock; `-` for a
    /// lock on stdin [default: the lock of the recipe in this directory]
    pub source: Option<String>,
    /// The platform to look at [default: the environment's, this machine's, the first one]
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<Subdir>,
    /// The variant to look at, where the recipe has some [default: the environment's, the preferred one]
    #[arg(long, value_name = "VARIANT")]
    pub variant: Option<String>,
    /// Show every way and everybody who demands it
    #[arg(long)]
    pub all: bool,
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

/// Says why.
///
/// # Errors
/// Returns what keeps it from being known.
pub fn run(args: Args, session: &Session) -> Result<Outcome, Failure> {
    let looked = looking::find(args.source.as_deref(), session)?;
    let (platform, locked) = looked.platform(args.platform, args.variant.as_deref())?;
    let graph = looked.graph(platform, locked);
    let Some(package) = graph.find(&args.package) else {
        let absent = graph::absent(&graph, &args.package, &looked.label, platform);
        let facts = json!({ "package": args.package, "there": false, "platform": platform });
        return Ok(Outcome::no().facts(&facts).diagnostic(absent));
    };
    let reasons = graph::why(&graph, package);
    let line = |line: Option<usize>| line.map(|line| &graph.lines[line].0);
    let mut text = format!(
        "`{}` is in {} for {platform}",
        shown(&label(&graph, package)),
        looked.label
    );
    text.push_str(
        match reasons.ways.is_empty() && reasons.demanded_by.is_empty() {
            true => ", and nothing that is known here needs it\n",
            false => "\n",
        },
    );
    let most = if args.all { usize::MAX } else { WAYS };
    for (asked, steps) in reasons.ways.iter().take(most) {
        text.push('\n');
        text.push_str(&way(&graph, line(*asked), steps));
    }
    let more = reasons.ways.len().saturating_sub(most);
    if more > 0 {
        let _ = writeln!(text, "\nand {more} more ways; `--all` shows them");
    }
    text.push_str(&demands(&graph, &reasons.demanded_by, args.all));
    let facts = json!({
        "package": graph.facts(package),
        "there": true,
        "platform": platform,
        "ways": reasons.ways.iter().map(|(asked, steps)| json!({
            "line": line(*asked).map(|line| &line.text),
            "place": line(*asked).and_then(|line| line.place.as_ref()),
            "steps": steps.iter().map(|step| of_step(&graph, step)).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "demanded_by": reasons.demanded_by.iter().map(|(other, spec)| json!({
            "name": graph.packages[*other].name, "spec": spec,
        })).collect::<Vec<_>>(),
    });
    let outcome = Outcome::done().text(text).facts(&facts);
    Ok(looked
        .notes()
        .into_iter()
        .fold(outcome, Outcome::diagnostic))
}

fn of_step(graph: &Graph, step: &Step) -> Value {
    let package = &graph.packages[step.package];
    json!({ "name": package.name, "version": package.version, "demands": step.demand })
}

fn way(graph: &Graph, line: Option<&Line>, steps: &[Step]) -> String {
    let mut text = String::new();
    if let Some(line) = line {
        let place = line.place.as_ref();
        let place = place
            .and_then(|place| Some(format!(" ({}:{})", place.file, place.span.as_ref()?.line)));
        let _ = writeln!(
            text,
            "the recipe asks for `{}`{}",
            shown(&line.text),
            place.unwrap_or_default()
        );
    }
    for step in steps {
        let label = shown(&label(graph, step.package));
        let _ = match &step.demand {
            Some(demand) => writeln!(text, "  `{label}` needs `{}`", shown(demand)),
            None => writeln!(text, "  `{label}`"),
        };
    }
    text
}

fn demands(graph: &Graph, demanded_by: &[(usize, String)], all: bool) -> String {
    let mut lines: Vec<String> = demanded_by
        .iter()
        .map(|(other, spec)| {
            let label = shown(&label(graph, *other));
            format!("  `{label}` needs `{}`\n", shown(spec))
        })
        .collect();
    lines.sort();
    lines.dedup();
    if lines.is_empty() {
        return String::new();
    }
    let count = lines.len();
    let most = if all { usize::MAX } else { DEMANDS };
    let mut text = "\nall that demand it:\n".to_string();
    lines.into_iter().take(most).for_each(|line| text += &line);
    if count > most {
        let _ = writeln!(text, "  and {} more; `--all` shows them", count - most);
    }
    text
}

fn label(graph: &Graph, package: usize) -> String {
    let package = &graph.packages[package];
    match package.kind {
        Kind::Wheel => format!("{} (wheel)", package.label()),
        Kind::Virtual => format!("{} (of the machine)", package.label()),
        Kind::Conda => package.label(),
    }
}

/// Returns what a channel says, safe to show in one line.
fn shown(text: &str) -> String {
    untrusted::shown(text, LONGEST).replace('\n', " ")
}
