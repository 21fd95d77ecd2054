//! `gpuenv search`: what channels have of a package, and which CUDA each build is for.

use std::{collections::BTreeMap, sync::Arc};

use gpuenv_core::{
    Diagnostic,
    builds::Rules,
    plan::Gpu,
    search::{self, Compared, Comparison, CudaAsked, Hit, SearchError, Wanted},
};
use gpuenv_provision::search as reading;
use rattler_conda_types::Subdir;
use serde_json::json;

use crate::{Failure, Outcome, Session, table::Columns, untrusted};

/// No cell of the table is longer.
const LONGEST_CELL: usize = 100;

/// How many versions are named where none of them is wanted.
const SHOWN_VERSIONS: usize = 5;

/// Search channels for packages, and say which CUDA each build is for
///
/// Prints what `conda search` prints, and one column more. The newest build stands
/// last. On a terminal a long table is shown by a pager.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  \
    gpuenv search cudatoolkit\n  \
    gpuenv search cudnn --cuda 11.2                 builds that fit CUDA 11.2\n  \
    gpuenv search 'pytorch>=2.4' -c conda-forge -c pytorch --platform win-64\n  \
    gpuenv search '*cudnn*' --limit 20              a pattern; the newest 20\n  \
    gpuenv search cudatoolkit --compare defaults,nvidia")]
pub struct Args {
    /// A match spec: a name, which may hold `*`, and if need be version and build
    #[arg(required = true, value_name = "SPEC")]
    pub spec: Vec<String>,
    /// Channels to search [default: those of conda's configuration, else conda-forge]
    #[arg(short, long, value_name = "CHANNEL")]
    pub channel: Vec<String>,
    /// The conda platform [default: this machine's]
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<Subdir>,
    /// Only builds that fit this version of CUDA: `12.4`, or `12` for any of them
    #[arg(long, value_name = "VERSION")]
    pub cuda: Option<String>,
    /// Compare two channels, build by build: `defaults,nvidia`
    #[arg(long, value_name = "A,B", conflicts_with = "channel")]
    pub compare: Option<String>,
    /// Show only so many, the newest
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
    /// Print one JSON document, with a line for each package
    #[arg(long)]
    pub json: bool,
}

impl Args {
    /// Returns whether one JSON document is wanted on stdout.
    pub fn json(&self) -> bool {
        self.json
    }
}

/// Searches.
///
/// # Errors
/// Returns what is wrong with the question, or which channel cannot be read.
pub fn run(args: Args, session: &Session) -> Result<Outcome, Failure> {
    let wanted = search::wanted(&args.spec.join(" ")).map_err(Diagnostic::from)?;
    let asked = args.cuda.as_deref().map(str::parse::<CudaAsked>);
    let asked = asked.transpose().map_err(Diagnostic::from)?;
    let channels = channels(&args, &wanted, session)?;
    let platform = args.platform.or(wanted.platform).or_else(Subdir::current);
    let platform = platform.unwrap_or(Subdir::NoArch);
    let access = session.access()?;
    let name = &wanted.spec.name;
    let reporter = session.reporter();
    let found = session
        .block_on(reading::search(
            &channels, platform, name, &access, reporter,
        ))?
        .map_err(Diagnostic::from)?;
    let builds = session.builds()?;
    let records = found.records.iter().map(|(_, record)| record);
    let rules = Rules::new(Gpu::Optional, &[], records, &builds);
    let versions = newest_versions(&found);
    let count = found.records.len();
    let hits = search::hits(
        found.records.iter().cloned(),
        &wanted,
        asked.as_ref(),
        &rules,
    );
    let mut facts = json!({
        "spec": wanted.text,
        "platform": platform.as_str(),
        "channels": channels,
        "cuda": asked.as_ref().map(ToString::to_string),
        "found": hits.len(),
    });
    if hits.is_empty() {
        let (known, of_name) = (&found.known, (count, versions.as_slice()));
        let platform = platform.as_str();
        let none = search::nothing(&wanted, asked.as_ref(), &channels, platform, known, of_name);
        let outcome = Outcome::no().facts(&facts).rows("packages", |_| None);
        return Ok(outcome.diagnostic(none));
    }
    let is_comparison = args.compare.is_some();
    let rows = match is_comparison {
        true => search::compare(hits)
            .into_iter()
            .map(Row::of_comparison)
            .collect(),
        false => hits.into_iter().map(Row::of_hit).collect(),
    };
    let rows = shown(rows, args.limit, session);
    if is_comparison {
        facts["counts"] = json!(told_counts(&rows, &channels, session));
    }
    let table = Arc::new(Table::new(rows, is_comparison.then_some(channels)));
    let for_lines = Arc::clone(&table);
    let item = move |index: usize| table.rows.get(index).map(Row::facts);
    Ok(Outcome::done()
        .lines(move |index| for_lines.line(index))
        .facts(&facts)
        .rows("packages", item))
}

/// Returns the channels to search: those named, else the user's own.
fn channels(args: &Args, wanted: &Wanted, session: &Session) -> Result<Vec<String>, Failure> {
    // A name of the user's conda may stand for several channels.
    let read = |named: &[String]| -> Result<Vec<String>, Failure> {
        let named = session.expanded_channels(named)?;
        let named = named.iter().map(String::as_str);
        Ok(search::channels(named).map_err(Diagnostic::from)?)
    };
    if let Some(text) = &args.compare {
        let channels = search::channels([text.as_str()]).map_err(Diagnostic::from)?;
        return match channels.len() {
            2 => Ok(channels),
            _ => Err(Diagnostic::from(SearchError::NotTwo { text: text.clone() }).into()),
        };
    }
    if let Some(channel) = &wanted.channel {
        return read(std::slice::from_ref(channel));
    }
    if !args.channel.is_empty() {
        return read(&args.channel);
    }
    let mut own = session.conda_channels()?;
    if own.is_empty() {
        own.push("conda-forge".to_string());
    }
    Ok(own)
}

/// Returns the newest versions that there are, for who asked for another one.
fn newest_versions(found: &reading::Found) -> Vec<String> {
    let records = found.records.iter();
    let mut versions: Vec<_> = records.map(|(_, r)| &r.package_record.version).collect();
    versions.sort();
    versions.dedup();
    let newest = versions.iter().rev().take(SHOWN_VERSIONS);
    newest.map(ToString::to_string).collect()
}

/// A line of the table.
struct Row {
    hit: Hit,
    /// How it stands to the other channel, and what the other one has.
    comparison: Option<Comparison>,
}

impl Row {
    fn of_hit(hit: Hit) -> Self {
        Self {
            hit,
            comparison: None,
        }
    }

    fn of_comparison(comparison: Comparison) -> Self {
        Self {
            hit: comparison.hit.clone(),
            comparison: Some(comparison),
        }
    }

    fn cells(&self, compared: Option<&[String]>) -> Vec<String> {
        let package = &self.hit.record.package_record;
        let last = match (compared, &self.comparison) {
            (Some(channels), Some(comparison)) => in_words(comparison.compared, channels),
            _ => self.hit.channel().to_string(),
        };
        let cells = [
            package.name.as_normalized().to_string(),
            package.version.to_string(),
            package.build.to_string(),
            last,
            self.hit.made_for.to_string(),
        ];
        // They are what a channel says.
        let cells = cells.map(|cell| untrusted::shown(&cell, LONGEST_CELL));
        cells.map(|cell| cell.replace('\n', " ")).to_vec()
    }

    fn facts(&self) -> serde_json::Value {
        let mut facts = self.hit.facts();
        if let Some(comparison) = &self.comparison {
            facts["compared"] = json!(comparison.compared);
            let other = comparison.other.as_ref();
            facts["other_url"] = json!(other.map(|record| &record.url));
            let hash = other.and_then(|record| record.package_record.sha256);
            facts["other_sha256"] = json!(hash.map(hex));
        }
        facts
    }
}

fn hex(hash: impl AsRef<[u8]>) -> String {
    hash.as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Leaves out the oldest rows where there are too many, and says so.
fn shown(mut rows: Vec<Row>, limit: Option<u32>, session: &Session) -> Vec<Row> {
    let limit = limit.map_or(usize::MAX, |limit| limit as usize);
    let older = rows.len().saturating_sub(limit);
    if older > 0 {
        let all = rows.len();
        rows.drain(..older);
        let line = format!("the newest {limit} of {all} are shown");
        session.printer().talk(&line);
    }
    rows
}

/// The table, whose lines are made when they are written.
struct Table {
    rows: Vec<Row>,
    /// The two channels of a comparison.
    compared: Option<Vec<String>>,
    columns: Columns,
}

impl Table {
    fn new(rows: Vec<Row>, compared: Option<Vec<String>>) -> Self {
        let last = match compared {
            Some(_) => "Compared",
            None => "Channel",
        };
        let head = ["Name", "Version", "Build", last, "CUDA"];
        let cells = rows.iter().map(|row| row.cells(compared.as_deref()));
        let columns = Columns::measured(&head, cells);
        Self {
            rows,
            compared,
            columns,
        }
    }

    fn line(&self, index: usize) -> Option<String> {
        let Some(index) = index.checked_sub(1) else {
            return Some(self.columns.head());
        };
        let row = self.rows.get(index)?;
        Some(self.columns.line(&row.cells(self.compared.as_deref())))
    }
}

fn in_words(compared: Compared, channels: &[String]) -> String {
    let named = |index: usize| channels.get(index).map_or("?", String::as_str);
    match compared {
        Compared::OnlyFirst => format!("only in {}", named(0)),
        Compared::OnlySecond => format!("only in {}", named(1)),
        other => other.to_string(),
    }
}

/// Tells how many builds are the same and how many are not.
fn told_counts(rows: &[Row], channels: &[String], session: &Session) -> BTreeMap<String, usize> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for comparison in rows.iter().filter_map(|row| row.comparison.as_ref()) {
        *counts
            .entry(in_words(comparison.compared, channels))
            .or_default() += 1;
    }
    let told = counts
        .iter()
        .map(|(words, count)| format!("{count} {words}"));
    let told: Vec<String> = told.collect();
    session.printer().talk(&told.join(", "));
    counts
}
