//! `gpuenv info`: what an environment is made of.

use std::path::Path;

use fs_err as fs;
use gpuenv_core::Wheel;
use gpuenv_provision::prefix::{self, State};
use serde_json::{Value, json};

use crate::{Failure, Outcome, Session, activating, environments::Environments, lockfile, table};

/// Show what an environment is made of
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The environment's name or prefix
    #[arg(value_name = "ENV")]
    pub environment: String,
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

/// Shows the environment.
///
/// # Errors
/// Returns what keeps it from being read.
pub fn run(args: Args, session: &Session) -> Result<Outcome, Failure> {
    let environments = Environments::below(&session.home()?);
    let prefix = environments.find(&args.environment)?;
    let state = prefix::read_state(&prefix)?;
    let platform = state.as_ref().map(|state| state.platform.as_str());
    let packages = packages(&prefix, platform)?;
    let rows: Vec<Vec<String>> = packages
        .iter()
        .map(|package| {
            let field = |name: &str| package[name].as_str().unwrap_or_default().to_string();
            vec![
                field("name"),
                field("version"),
                field("build"),
                field("channel"),
            ]
        })
        .collect();
    let mut text = head(&prefix, state.as_ref());
    text.push_str(&table::table(
        &["Name", "Version", "Build", "Channel"],
        &rows,
    ));
    let facts = json!({ "prefix": prefix, "state": state, "packages": packages });
    Ok(Outcome::done().text(text).facts(&facts))
}

fn head(prefix: &Path, state: Option<&State>) -> String {
    let mut rows = vec![("prefix", prefix.display().to_string())];
    match state {
        None if prefix.join(prefix::STATE).exists() => rows.push((
            "made by",
            "gpuenv; its record is damaged, `gpuenv create` makes it anew".to_string(),
        )),
        None => rows.push(("made by", "another tool".to_string())),
        Some(state) => {
            rows.push(("made by", format!("gpuenv {}", state.gpuenv)));
            rows.push((
                "recipe",
                state.recipe.clone().unwrap_or_else(|| "-".to_string()),
            ));
            rows.push(("platform", state.platform.clone()));
            rows.push((
                "installed",
                state
                    .installed_at
                    .strftime("%Y-%m-%d %H:%M UTC")
                    .to_string(),
            ));
            let summary = state
                .verdict
                .as_ref()
                .and_then(|verdict| verdict["summary"].as_str());
            let at = state
                .verdict_at
                .map(|at| format!(" ({})", at.strftime("%Y-%m-%d %H:%M UTC")));
            let verdict = summary.map(|summary| format!("{summary}{}", at.unwrap_or_default()));
            rows.push(("probe", verdict.unwrap_or_else(|| "not probed".to_string())));
        }
    }
    let lines = rows
        .iter()
        .map(|(key, value)| format!("{key:<10} {value}\n"));
    lines.chain(["\n".to_string()]).collect()
}

/// Returns the packages: of gpuenv's lock, else what the package records are named after.
fn packages(prefix: &Path, platform: Option<&str>) -> Result<Vec<Value>, Failure> {
    let kept = prefix.join(activating::KEPT_LOCK);
    if kept.exists() {
        let file = lockfile::read(&kept)?;
        let platforms = file.lock.platforms.into_iter();
        let here = platforms.filter(|(name, _)| platform.is_none_or(|platform| platform == name));
        let packages = here.flat_map(|(_, locked)| {
            let wheels = locked.wheels.iter().filter_map(Wheel::record);
            let mut all: Vec<_> = locked.records.into_iter().chain(wheels).collect();
            all.sort_by(|a, b| a.package_record.name.cmp(&b.package_record.name));
            all
        });
        return Ok(packages.map(|record| {
            let package = &record.package_record;
            json!({
                "name": package.name.as_normalized(),
                "version": package.version.to_string(),
                "build": package.build.to_string(),
                "channel": gpuenv_core::channel::short_name(record.channel.as_deref().unwrap_or_default()),
                "url": record.url,
            })
        }).collect());
    }
    let entries = fs::read_dir(prefix.join("conda-meta")).map_err(Failure::io)?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".json")).collect();
    names.sort();
    let record = |name: &String| {
        let stem = name.strip_suffix(".json")?;
        let (rest, build) = stem.rsplit_once('-')?;
        let (name, version) = rest.rsplit_once('-')?;
        Some(json!({ "name": name, "version": version, "build": build, "channel": "" }))
    };
    Ok(names.iter().filter_map(record).collect())
}
