//! `gpuenv tree`: who needs whom, as a tree.

use std::fmt::Write as _;

use gpuenv_core::graph::{self, Branch, Direction, Graph, Kind};
use rattler_conda_types::Subdir;
use serde_json::{Value, json};

use crate::{Failure, Outcome, Session, looking, untrusted};

/// No line of a tree is deeper: no honest chain of packages is longer.
const DEEPEST: usize = 100;

/// No text of a channel is shown longer.
const LONGEST: usize = 120;

/// Show what needs what in an environment or a lock, as a tree
///
/// The roots are what the recipe asks for. What hangs below a package is shown once;
/// `(*)` says that it stands further up.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  \
    gpuenv tree                            the lock of the recipe in this directory\n  \
    gpuenv tree tf-gpu --depth 1           what an environment was asked to hold\n  \
    gpuenv tree gpuenv.lock cudnn          only what hangs below `cudnn`\n  \
    gpuenv tree tf-gpu cudnn --invert      who needs `cudnn`\n  \
    gpuenv tree tf-gpu __cuda --invert     who needs a driver")]
pub struct Args {
    /// An environment's name or prefix, a lock file, or a recipe that has a lock; `-` for a
    /// lock on stdin [default: the lock of the recipe in this directory]
    pub source: Option<String>,
    /// Begin at this package
    pub package: Option<String>,
    /// Show who needs the package, not what it needs
    #[arg(long, requires = "package")]
    pub invert: bool,
    /// Show only so many levels below the roots
    #[arg(long, value_name = "NUMBER")]
    pub depth: Option<usize>,
    /// The platform to look at [default: the environment's, this machine's, the first one]
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<Subdir>,
    /// The variant to look at, where the recipe has some [default: the environment's, the preferred one]
    #[arg(long, value_name = "VARIANT")]
    pub variant: Option<String>,
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

/// Shows the tree.
///
/// # Errors
/// Returns what keeps it from being known.
pub fn run(args: Args, session: &Session) -> Result<Outcome, Failure> {
    let looked = looking::find(args.source.as_deref(), session)?;
    let (platform, locked) = looked.platform(args.platform, args.variant.as_deref())?;
    let graph = looked.graph(platform, locked);
    let direction = match args.invert {
        true => Direction::Up,
        false => Direction::Down,
    };
    let mut facts = json!({ "name": looked.name, "platform": platform });
    let (roots, others) = match &args.package {
        None => graph.all_roots(),
        Some(name) => match graph.find(name) {
            Some(package) => (vec![package], Vec::new()),
            None => {
                let absent = graph::absent(&graph, name, &looked.label, platform);
                return Ok(Outcome::no().facts(&facts).diagnostic(absent));
            }
        },
    };
    let depth = args.depth.unwrap_or(DEEPEST).min(DEEPEST);
    let every: Vec<usize> = [roots.as_slice(), &others].concat();
    let branches = graph::tree(&graph, &every, direction, Some(depth));
    let text = text(&looked.name, platform, &graph, &branches, &others);
    facts["roots"] = json!(named(&graph, &roots));
    facts["others"] = json!(named(&graph, &others));
    let lines = graph.lines.iter();
    let absent = lines.filter(|(_, package)| package.is_none());
    facts["not_there"] = json!(absent.map(|(line, _)| &line.text).collect::<Vec<_>>());
    let mut seen: Vec<usize> = branches.iter().map(|branch| branch.package).collect();
    seen.sort_unstable();
    seen.dedup();
    let item = move |index: usize| seen.get(index).map(|package| graph.facts(*package));
    let outcome = Outcome::done()
        .text(text)
        .paged()
        .facts(&facts)
        .rows("packages", item);
    Ok(looked
        .notes()
        .into_iter()
        .fold(outcome, Outcome::diagnostic))
}

fn named(graph: &Graph, packages: &[usize]) -> Vec<Value> {
    let names = packages
        .iter()
        .map(|package| &graph.packages[*package].name);
    names.map(|name| json!(name)).collect()
}

fn text(
    name: &str,
    platform: &str,
    graph: &Graph,
    branches: &[Branch],
    others: &[usize],
) -> String {
    let packages = graph.packages.iter();
    let count = packages
        .filter(|package| package.kind != Kind::Virtual)
        .count();
    let mut text = format!("{name} ({platform}, {count} packages)\n");
    for (line, _) in graph.lines.iter().filter(|(_, package)| package.is_none()) {
        let _ = writeln!(text, "`{}` is asked for, and not there", shown(&line.text));
    }
    let mut told_others = false;
    for branch in branches {
        let is_root = branch.more.is_empty();
        if is_root && others.contains(&branch.package) && !told_others {
            told_others = true;
            text.push_str("\nnot asked for, and needed by nothing whose needs are known:\n");
        }
        text.push_str(&line(graph, branch));
    }
    if branches.iter().any(|branch| branch.repeated) {
        text.push_str("\n(*) what hangs below it stands further up\n");
    }
    text
}

fn line(graph: &Graph, branch: &Branch) -> String {
    let mut line = String::new();
    if let Some((last, above)) = branch.more.split_last() {
        for more in above {
            line.push_str(if *more { "│   " } else { "    " });
        }
        line.push_str(if *last { "├── " } else { "└── " });
    }
    let package = &graph.packages[branch.package];
    line.push_str(&shown(&package.label()));
    if package.kind == Kind::Wheel {
        line.push_str(" (wheel)");
    }
    if let Some(text) = &branch.text {
        let _ = write!(line, "  [{}]", shown(text));
    }
    if branch.repeated {
        line.push_str(" (*)");
    }
    if branch.cut {
        line.push_str(" …");
    }
    line.push('\n');
    line
}

/// Returns what a channel says, safe to show in one line.
fn shown(text: &str) -> String {
    untrusted::shown(text, LONGEST).replace('\n', " ")
}
