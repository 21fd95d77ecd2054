//! `gpuenv list`: the environments that exist.

use std::path::{Path, PathBuf};

use gpuenv_provision::{prefix, registry};
use serde::Serialize;

use crate::{Failure, Outcome, Session, environments::Environments, table};

/// List the environments
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
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

/// An environment in a list.
#[derive(Debug, Clone, Serialize)]
pub struct Listed {
    /// Its name, as `gpuenv run` takes it.
    pub name: String,
    /// Where it is.
    pub prefix: PathBuf,
    /// The recipe that it was made from.
    pub recipe: Option<String>,
    /// Its conda platform, if its record can be read.
    pub platform: Option<String>,
    /// How many packages it holds.
    pub packages: usize,
    /// What the last probe concluded, in one line.
    pub verdict: Option<String>,
}

/// Lists the environments.
///
/// # Errors
/// Returns what keeps the list from being known.
pub fn run(_args: Args, session: &Session) -> Result<Outcome, Failure> {
    let environments = Environments::below(&session.home()?);
    let mut prefixes: Vec<PathBuf> = environments
        .names()
        .iter()
        .map(|name| environments.folder.join(name))
        .collect();
    // Those at other places are known to conda's register.
    let registered = session.registry().map(|file| registry::list(&file));
    for prefix in registered.into_iter().flatten().flatten() {
        if !prefixes.contains(&prefix) {
            prefixes.push(prefix);
        }
    }
    let listed: Vec<Listed> = prefixes
        .iter()
        .filter_map(|prefix| read(prefix, &environments))
        .collect();
    let rows: Vec<Vec<String>> = listed
        .iter()
        .map(|listed| {
            let is_named = Path::new(&listed.name) != listed.prefix;
            vec![
                if is_named { &listed.name } else { "-" }.to_string(),
                listed.recipe.clone().unwrap_or_else(|| "-".to_string()),
                listed.packages.to_string(),
                listed.prefix.display().to_string(),
                listed
                    .verdict
                    .clone()
                    .unwrap_or_else(|| "not probed".to_string()),
            ]
        })
        .collect();
    let text = match rows.is_empty() {
        true => "no environments; `gpuenv create hello-gpu` makes a first one\n".to_string(),
        false => table::table(&["Name", "Recipe", "Packages", "Prefix", "Probe"], &rows),
    };
    let facts = serde_json::json!({ "environments": listed });
    Ok(Outcome::done().text(text).facts(&facts))
}

/// Reads one environment; `None` if it is not gpuenv's.
fn read(prefix: &Path, environments: &Environments) -> Option<Listed> {
    let below = prefix.strip_prefix(&environments.folder).ok();
    let name = below.map_or_else(
        || prefix.display().to_string(),
        |name| name.display().to_string(),
    );
    let Some(state) = prefix::read_state(prefix).ok()? else {
        return prefix.join(prefix::STATE).exists().then(|| Listed {
            name,
            prefix: prefix.to_path_buf(),
            recipe: None,
            platform: None,
            packages: 0,
            verdict: Some("its record is damaged".to_string()),
        });
    };
    let summary = state
        .verdict
        .as_ref()
        .and_then(|verdict| verdict["summary"].as_str());
    Some(Listed {
        name,
        prefix: prefix.to_path_buf(),
        recipe: state.recipe,
        platform: Some(state.platform),
        packages: state.packages.len(),
        verdict: summary.map(ToString::to_string),
    })
}
