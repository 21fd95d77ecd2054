//! From a recipe to the plan for one of its platforms.

use std::collections::BTreeMap;

use rattler_conda_types::Subdir;

use super::{ActivationSettings, Gpu, Plan, ProbeStep, pypi};
use crate::{
    Code, Diagnostic, Place, Target,
    recipe::{LeastMachine, Located, Recipe, Variable},
};

/// Why there is no plan for a platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The recipe is not for that platform.
    #[error("recipe `{recipe}` does not cover `{wanted}`")]
    Platform {
        /// The recipe's name.
        recipe: String,
        /// The platform.
        wanted: Subdir,
        /// The platforms that it covers.
        covered: Vec<Subdir>,
        /// Where they are listed.
        place: Option<Place>,
    },
    /// Two conditions hold and give one key two values.
    #[error("`{key}` is both `{first}` and `{second}` on `{platform}`")]
    Conflict {
        /// The key.
        key: String,
        /// The platform.
        platform: Subdir,
        /// The first value.
        first: String,
        /// Where the first value is written.
        first_place: Place,
        /// The second value.
        second: String,
        /// Where the second value is written.
        place: Place,
    },
    /// A GPU is required, and no CUDA version is named.
    #[error("a GPU is required on `{platform}`, and `target` names no `cuda` there")]
    GpuWithoutCuda {
        /// The platform.
        platform: Subdir,
        /// Where the GPU is required.
        place: Place,
    },
    /// A CUDA version is named, and no GPU is used.
    #[error("`gpu` is `none`, and `target` names `cuda` on `{platform}`")]
    CudaWithoutGpu {
        /// The platform.
        platform: Subdir,
        /// Where the CUDA version is named.
        place: Place,
    },
    /// A compute capability is named, and no CUDA version.
    #[error("`target` names `compute-capability` on `{platform}`, and no `cuda`")]
    CapabilityWithoutCuda {
        /// The platform.
        platform: Subdir,
        /// Where the compute capability is named.
        place: Place,
    },
    /// Two variants have one name.
    #[error("`{name}` is the name of two variants on `{platform}`")]
    VariantTwice {
        /// The name.
        name: String,
        /// The platform.
        platform: Subdir,
        /// Where the first one is written.
        first: Place,
        /// Where the second one is written.
        place: Place,
    },
    /// A recipe has variants, and none for one of its platforms.
    #[error("the recipe has variants, and none of them is for `{platform}`")]
    NoVariant {
        /// The platform.
        platform: Subdir,
        /// Where the platform is listed.
        place: Place,
    },
    /// There is something to probe, and no GPU is used.
    #[error("`gpu` is `none`, and there is a `probe` on `{platform}`")]
    ProbeWithoutGpu {
        /// The platform.
        platform: Subdir,
        /// Where the probe is listed.
        place: Place,
    },
}

impl From<PlanError> for Diagnostic {
    fn from(error: PlanError) -> Self {
        let message = error.to_string();
        match error {
            PlanError::Platform { wanted, covered, place, .. } => {
                let listed = covered.iter().map(|platform| format!("`{platform}`"));
                let listed: Vec<String> = listed.collect();
                let mut diagnostic = Diagnostic::error(Code::PLAN_PLATFORM, message)
                    .cause(format!("it covers {}", listed.join(", ")))
                    .help(format!("add `{wanted}` to `platforms`"));
                diagnostic.place = place;
                diagnostic
            }
            PlanError::Conflict { key, first, first_place, place, .. } => {
                let line = first_place.span.map_or(0, |span| span.line);
                Diagnostic::error(Code::PLAN_CONFLICTING_TARGET, message)
                    .at(place)
                    .cause(format!("line {line} says `{first}`, and its condition holds too"))
                    .help(format!("keep one `{key}`, or change an `if` so that only one holds"))
            }
            PlanError::GpuWithoutCuda { place, .. } => incoherent(message, place)
                .cause("without it the solver would take CPU builds")
                .help("write `target: { cuda: \"12.4\" }`: the least CUDA version that drivers must support")
                .help("or write `gpu: optional`"),
            PlanError::CudaWithoutGpu { place, .. } => {
                incoherent(message, place).help("delete `cuda`, or write `gpu: optional`")
            }
            PlanError::CapabilityWithoutCuda { place, .. } => incoherent(message, place)
                .help("add `cuda: \"12.4\"`, or delete `compute-capability`"),
            PlanError::VariantTwice { name, first, place, .. } => {
                let line = first.span.map_or(0, |span| span.line);
                Diagnostic::error(Code::PLAN_VARIANT, message)
                    .at(place)
                    .cause(format!("line {line} has a variant of that name"))
                    .help(format!("give one of them another name, for example `{name}-2`"))
            }
            PlanError::NoVariant { platform, place } => Diagnostic::error(Code::PLAN_VARIANT, message)
                .at(place)
                .help("add one under `variants`, outside of any `if`")
                .help(format!("or delete `{platform}` from `platforms`")),
            PlanError::ProbeWithoutGpu { place, .. } => {
                incoherent(message, place).help("delete `probe`, or write `gpu: optional`")
            }
        }
    }
}

fn incoherent(message: String, place: Place) -> Diagnostic {
    Diagnostic::error(Code::PLAN_INCOHERENT, message).at(place)
}

/// Decides the recipe for one platform: one plan for each of its variants, in their
/// order, or the one plan of a recipe without variants.
///
/// # Errors
/// Everything that is wrong with them.
pub fn plans(recipe: &Recipe, platform: Subdir) -> Result<Vec<Plan>, Vec<Diagnostic>> {
    if recipe.variants.all().is_empty() {
        return Ok(vec![plan(recipe, platform)?]);
    }
    if let Some(error) = uncovered(recipe, platform) {
        return Err(vec![error.into()]);
    }
    let variants = recipe.variants.on(platform);
    if variants.is_empty() {
        let place = listed(recipe, platform);
        return Err(vec![PlanError::NoVariant { platform, place }.into()]);
    }
    let mut plans: Vec<Plan> = Vec::new();
    let mut errors: Vec<Diagnostic> = Vec::new();
    for variant in variants {
        let known = plans.iter().filter_map(|plan| plan.variant.as_ref());
        if let Some(first) = known
            .into_iter()
            .find(|known| known.value == variant.name.value)
        {
            let twice = PlanError::VariantTwice {
                name: first.value.clone(),
                platform,
                first: first.place.clone(),
                place: variant.name.place.clone(),
            };
            errors.push(twice.into());
            continue;
        }
        match plan(&variant.recipe, platform) {
            Ok(plan) => plans.push(Plan {
                variant: Some(variant.name.clone()),
                selection: recipe.selection.clone(),
                ..plan
            }),
            // What is wrong with the recipe is wrong with each of its variants.
            Err(found) => {
                let new: Vec<Diagnostic> =
                    found.into_iter().filter(|e| !errors.contains(e)).collect();
                errors.extend(new);
            }
        }
    }
    match errors.is_empty() {
        true => Ok(plans),
        false => Err(errors),
    }
}

/// Decides every condition of the recipe for one platform, without its variants.
///
/// The order of everything is the recipe's order, so one recipe has one plan.
pub fn plan(recipe: &Recipe, platform: Subdir) -> Result<Plan, Vec<Diagnostic>> {
    let mut errors = Vec::new();
    if let Some(error) = uncovered(recipe, platform) {
        return Err(vec![error.into()]);
    }
    let target = target(recipe, platform, &mut errors);
    let probe = probe(recipe, platform, &mut errors);
    let env = env(recipe, platform, &mut errors);
    let pypi = pypi::settings(recipe, platform, &mut errors);
    if !errors.is_empty() {
        return Err(errors.into_iter().map(Diagnostic::from).collect());
    }
    let mut channels: Vec<String> = Vec::new();
    for channel in recipe.channels.on(platform) {
        // The same channel can stand behind two conditions.
        if !channels.contains(&channel.text) {
            channels.push(channel.text.clone());
        }
    }
    Ok(Plan {
        recipe: recipe.name.clone(),
        channels,
        gpu: recipe.gpu(),
        target,
        dependencies: recipe
            .dependencies
            .on(platform)
            .into_iter()
            .cloned()
            .collect(),
        wheels: recipe
            .pypi_dependencies
            .on(platform)
            .into_iter()
            .cloned()
            .collect(),
        pypi,
        activation: ActivationSettings {
            env,
            library_path: recipe.activation.library_path,
            xla: recipe.activation.xla,
            memory_growth: recipe.activation.memory_growth,
            no_user_site: recipe.activation.no_user_site,
            dll_directory: recipe.activation.dll_directory,
            link_libraries: linked(recipe, platform),
        },
        probe,
        selection: recipe.selection.clone(),
        variant: None,
    })
}

/// The folders that get links; on other systems a loader looks elsewhere.
fn linked(recipe: &Recipe, platform: Subdir) -> Vec<String> {
    if !platform.is_linux() {
        return Vec::new();
    }
    let mut folders: Vec<String> = Vec::new();
    for folder in recipe.activation.link_libraries.on(platform) {
        if !folders.contains(&folder.value) {
            folders.push(folder.value.clone());
        }
    }
    folders
}

/// Returns where a platform is listed.
fn listed(recipe: &Recipe, platform: Subdir) -> Place {
    let mut platforms = recipe.platforms.iter();
    let listed = platforms.find(|listed| listed.value == platform);
    listed.map_or_else(|| Place::file(&recipe.name), |listed| listed.place.clone())
}

fn uncovered(recipe: &Recipe, platform: Subdir) -> Option<PlanError> {
    let covered: Vec<Subdir> = recipe
        .platforms
        .iter()
        .map(|covered| covered.value)
        .collect();
    (!covered.contains(&platform)).then(|| PlanError::Platform {
        recipe: recipe.name.clone(),
        wanted: platform,
        covered,
        place: recipe.platforms.first().map(|first| first.place.clone()),
    })
}

fn target(recipe: &Recipe, platform: Subdir, errors: &mut Vec<PlanError>) -> Target {
    let machines = recipe.target.on(platform);
    let mut values = |key, value: fn(&LeastMachine) -> Option<Located<String>>| {
        let values = machines.iter().filter_map(|machine| value(machine));
        conflict(key, platform, values, errors);
    };
    values("cuda", |machine| machine.cuda.as_ref().map(shown));
    values("compute-capability", |machine| {
        machine.compute_capability.as_ref().map(shown)
    });
    values("glibc", |machine| machine.glibc.as_ref().map(shown));
    let cuda = machines.iter().find_map(|machine| machine.cuda.as_ref());
    let capability = machines
        .iter()
        .find_map(|machine| machine.compute_capability.as_ref());
    let glibc = machines.iter().find_map(|machine| machine.glibc.as_ref());
    match (recipe.gpu(), cuda, capability) {
        (Gpu::Required, None, _) => {
            let written = recipe.gpu.as_ref().map(|gpu| gpu.place.clone());
            let place = written.unwrap_or_else(|| listed(recipe, platform));
            errors.push(PlanError::GpuWithoutCuda { platform, place });
        }
        (Gpu::None, Some(cuda), _) => {
            let place = cuda.place.clone();
            errors.push(PlanError::CudaWithoutGpu { platform, place });
        }
        (Gpu::Optional | Gpu::None, None, Some(capability)) => {
            let place = capability.place.clone();
            errors.push(PlanError::CapabilityWithoutCuda { platform, place });
        }
        (Gpu::Required | Gpu::Optional, Some(_), _) | (Gpu::Optional | Gpu::None, None, None) => {}
    }
    Target {
        platform,
        cuda: cuda.map(|cuda| cuda.value),
        compute_capability: capability.map(|capability| capability.value),
        // One `target` may serve Windows too, where there is no glibc.
        glibc: glibc
            .filter(|_| platform.is_linux())
            .map(|glibc| glibc.value.clone()),
    }
}

pub(super) fn shown<T: ToString>(located: &Located<T>) -> Located<String> {
    Located {
        value: located.value.to_string(),
        place: located.place.clone(),
    }
}

/// Reports each value of a key that is not the key's first value.
pub(super) fn conflict(
    key: &str,
    platform: Subdir,
    values: impl Iterator<Item = Located<String>>,
    errors: &mut Vec<PlanError>,
) {
    let mut first: Option<Located<String>> = None;
    for value in values {
        match &first {
            None => first = Some(value),
            Some(first) if first.value == value.value => {}
            Some(first) => errors.push(PlanError::Conflict {
                key: key.to_string(),
                platform,
                first: first.value.clone(),
                first_place: first.place.clone(),
                second: value.value,
                place: value.place,
            }),
        }
    }
}

fn probe(recipe: &Recipe, platform: Subdir, errors: &mut Vec<PlanError>) -> Vec<ProbeStep> {
    let written = recipe.probe.as_ref().map(|probe| probe.on(platform));
    let steps = match (recipe.gpu(), written) {
        (Gpu::None, written) => {
            if let Some(step) = written.and_then(|steps| steps.first().copied()) {
                let place = step.place.clone();
                errors.push(PlanError::ProbeWithoutGpu { platform, place });
            }
            return Vec::new();
        }
        (Gpu::Required | Gpu::Optional, None) => return vec![ProbeStep::Driver],
        (Gpu::Required | Gpu::Optional, Some(steps)) => steps,
    };
    // Nothing computes where the driver does not, so every step implies that one.
    let mut probe: Vec<ProbeStep> = Vec::new();
    if !steps.is_empty() {
        probe.push(ProbeStep::Driver);
    }
    for step in steps {
        if !probe.contains(&step.value) {
            probe.push(step.value);
        }
    }
    probe
}

fn env(recipe: &Recipe, platform: Subdir, errors: &mut Vec<PlanError>) -> BTreeMap<String, String> {
    let variables: Vec<&Variable> = recipe
        .activation
        .env
        .on(platform)
        .into_iter()
        .flatten()
        .collect();
    let mut by_name: BTreeMap<&str, Vec<&Variable>> = BTreeMap::new();
    for variable in variables {
        by_name.entry(&variable.name).or_default().push(variable);
    }
    for (name, variables) in &by_name {
        let values = variables.iter().map(|variable| Located {
            value: variable.value.clone(),
            place: variable.place.clone(),
        });
        conflict(name, platform, values, errors);
    }
    let first = |(name, variables): (&str, Vec<&Variable>)| {
        let value = variables.first()?.value.clone();
        Some((name.to_string(), value))
    };
    by_name.into_iter().filter_map(first).collect()
}
