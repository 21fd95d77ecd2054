//! The `gpuenv` key of a lock: what a recipe says beyond the packages.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use serde::{Deserialize, Serialize};

use crate::{
    Place, Plan, Solution,
    lock::LockError,
    plan::{ActivationSettings, Gpu, ProbeStep, PypiSettings},
    recipe::Selection,
};

/// The newest form of the `gpuenv` key that is understood.
const SCHEMA: u32 = 2;

/// The form of a lock without variants, which older gpuenvs read too.
pub(super) const WITHOUT_VARIANTS: u32 = 1;

/// What a lock knows beyond the packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Settings {
    /// The form of this key.
    pub schema: u32,
    /// The recipe's name.
    pub recipe: String,
    /// The features of the recipe that were chosen.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub features: BTreeSet<String>,
    /// The values of the recipe's parameters that are not their defaults.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// Whether the environment is of use without a GPU.
    pub gpu: Gpu,
    /// The recipe's variants by platform, the preferred one first.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variants: BTreeMap<String, Vec<String>>,
    /// What differs by platform, by its name in the lock.
    pub platforms: BTreeMap<String, PlatformSettings>,
}

impl Settings {
    /// Returns what was chosen of the recipe.
    pub fn selection(&self) -> Selection {
        Selection {
            features: self.features.clone(),
            parameters: self.parameters.clone(),
        }
    }
}

/// What a lock knows of one platform beyond the packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PlatformSettings {
    /// The recipe's match specs, as written.
    pub dependencies: Vec<String>,
    /// The recipe's PyPI requirements, as written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pypi_dependencies: Vec<String>,
    /// Where wheels come from, as the recipe has it.
    #[serde(default, skip_serializing_if = "PypiSettings::is_usual")]
    pub pypi_options: PypiSettings,
    /// The sizes of wheels in bytes, by name, where the index says them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub wheel_sizes: BTreeMap<String, u64>,
    /// What activation does.
    pub activation: ActivationSettings,
    /// What the probe does.
    pub probe: Vec<ProbeStep>,
}

#[derive(Serialize, Deserialize)]
struct Document {
    gpuenv: Settings,
}

#[derive(Deserialize)]
struct AnyVersion {
    gpuenv: AnySchema,
}

#[derive(Deserialize)]
struct AnySchema {
    schema: u32,
}

/// Returns the settings that the plans of one recipe give; `None` without a plan.
pub(super) fn from_solved(solved: &[(Plan, Solution)]) -> Option<Settings> {
    let mut settings: Option<Settings> = None;
    for (plan, solution) in solved {
        let settings = settings.get_or_insert_with(|| Settings {
            schema: match solved.iter().any(|(plan, _)| plan.variant.is_some()) {
                true => SCHEMA,
                false => WITHOUT_VARIANTS,
            },
            recipe: plan.recipe.clone(),
            features: plan.selection.features.clone(),
            parameters: plan.selection.parameters.clone(),
            gpu: plan.gpu,
            variants: variants(solved.iter().map(|(plan, _)| plan)),
            platforms: BTreeMap::new(),
        });
        let mut of_platform = platform(plan);
        let sizes = solution.wheels.iter();
        let sizes = sizes.filter_map(|wheel| Some((wheel.name.clone(), wheel.size?)));
        of_platform.wheel_sizes = sizes.collect();
        settings.platforms.insert(plan.name(), of_platform);
    }
    settings
}

/// Returns the variants of each platform, in their order.
pub(super) fn variants<'p>(
    plans: impl IntoIterator<Item = &'p Plan>,
) -> BTreeMap<String, Vec<String>> {
    let mut variants: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for plan in plans {
        if let Some(variant) = &plan.variant {
            let of_platform = variants.entry(plan.platform().to_string());
            of_platform.or_default().push(variant.value.clone());
        }
    }
    variants
}

/// Returns what a lock must know of the plan's platform.
pub(super) fn platform(plan: &Plan) -> PlatformSettings {
    let texts = plan.dependencies.iter().map(|d| d.text.clone());
    let wheels = plan.wheels.iter().map(|w| w.text.clone());
    PlatformSettings {
        dependencies: texts.collect(),
        pypi_dependencies: wheels.collect(),
        pypi_options: plan.pypi.clone(),
        wheel_sizes: BTreeMap::new(),
        activation: plan.activation.clone(),
        probe: plan.probe.clone(),
    }
}

/// Writes the key as YAML.
pub(super) fn render(settings: &Settings) -> Result<String, serde_json::Error> {
    // JSON strings and flow collections are YAML too, and are quoted in one way
    // only. One line per platform keeps a diff readable.
    let mut text = String::from("gpuenv:\n");
    let head = [
        ("schema", json(&settings.schema)?),
        ("recipe", json(&settings.recipe)?),
        ("features", json(&settings.features)?),
        ("parameters", json(&settings.parameters)?),
        ("gpu", json(&settings.gpu)?),
        ("variants", json(&settings.variants)?),
    ];
    let nothing = ["[]", "{}"];
    for (key, value) in head
        .into_iter()
        .filter(|(_, v)| !nothing.contains(&v.as_str()))
    {
        let _ = writeln!(text, "  {key}: {value}");
    }
    text.push_str("  platforms:\n");
    for (name, platform) in &settings.platforms {
        let _ = writeln!(text, "    {name}:\n      dependencies:");
        for dependency in &platform.dependencies {
            let _ = writeln!(text, "      - {}", json(dependency)?);
        }
        if platform.dependencies.is_empty() {
            text.truncate(text.len() - 1);
            text.push_str(" []\n");
        }
        if !platform.pypi_dependencies.is_empty() {
            text.push_str("      pypi-dependencies:\n");
            for dependency in &platform.pypi_dependencies {
                let _ = writeln!(text, "      - {}", json(dependency)?);
            }
        }
        if !platform.pypi_options.is_usual() {
            let options = json(&platform.pypi_options)?;
            let _ = writeln!(text, "      pypi-options: {options}");
        }
        if !platform.wheel_sizes.is_empty() {
            let _ = writeln!(text, "      wheel-sizes: {}", json(&platform.wheel_sizes)?);
        }
        let _ = writeln!(text, "      activation: {}", json(&platform.activation)?);
        let _ = writeln!(text, "      probe: {}", json(&platform.probe)?);
    }
    Ok(text)
}

/// Writes a value as JSON that is YAML too: JSON allows some characters as they
/// are that YAML does not (YAML 1.2.2, section 5.1), and some are better seen.
fn json<T: Serialize>(value: &T) -> Result<String, serde_json::Error> {
    let json = serde_json::to_string(value)?;
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '\u{7f}'..='\u{9f}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}'
            | '\u{fffe}'
            | '\u{ffff}' => {
                let _ = write!(text, "\\u{:04x}", u32::from(c));
            }
            _ => text.push(c),
        }
    }
    Ok(text)
}

/// Reads the key, if the lock has it.
pub(super) fn parse(file: &str, text: &str) -> Result<Option<Settings>, LockError> {
    let Some((first_line, section)) = section(text) else {
        return Ok(None);
    };
    let damaged = |error: serde_saphyr::Error| {
        let place = error.location().map(|at| {
            let line = first_line + at.line() as usize - 1;
            Box::new(Place::span(file, text, line, at.column() as usize, 1))
        });
        LockError::Damaged {
            file: file.to_string(),
            reason: format!("its `gpuenv` section cannot be read: {error}"),
            place,
        }
    };
    let version: AnyVersion = serde_saphyr::from_str(section).map_err(damaged)?;
    if version.gpuenv.schema > SCHEMA {
        return Err(LockError::NewerVersion {
            file: file.to_string(),
            version: format!("{} of the `gpuenv` section", version.gpuenv.schema),
        });
    }
    let document: Document = serde_saphyr::from_str(section).map_err(damaged)?;
    Ok(Some(document.gpuenv))
}

/// Returns the lines of the top-level key `gpuenv`, and the number of the first.
fn section(text: &str) -> Option<(usize, &str)> {
    let start = match text.strip_prefix("gpuenv:") {
        Some(_) => 0,
        None => text.find("\ngpuenv:")? + 1,
    };
    let rest = &text[start..];
    let next_key = rest.match_indices('\n').map(|(at, _)| at + 1).find(|at| {
        !matches!(
            rest.as_bytes().get(*at),
            None | Some(b' ' | b'\n' | b'\r' | b'#')
        )
    });
    let end = next_key.unwrap_or(rest.len());
    let first_line = text[..start].matches('\n').count() + 1;
    Some((first_line, &rest[..end]))
}
