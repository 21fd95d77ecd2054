//! What is to be solved for one platform: every condition decided.

mod decide;
mod pypi;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use rattler_conda_types::{MatchSpec, Subdir};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Place, Target,
    recipe::{Located, Selection},
};

pub use decide::{PlanError, plan, plans};
pub use pypi::PypiSettings;

/// Whether an environment is of use without a GPU.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Gpu {
    /// Every GPU-capable package must be a CUDA build, and the probe must pass.
    #[default]
    Required,
    /// A GPU is used where there is one.
    Optional,
    /// No GPU is used, even where there is one.
    None,
}

/// Which directory an activation puts on the loader's path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LibraryPath {
    /// A private directory of links to just the environment's CUDA libraries.
    #[default]
    Cuda,
    /// The environment's whole library directory, as tutorials do.
    Prefix,
    /// None.
    None,
}

/// One step of the probe.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeStep {
    /// The driver computes.
    Driver,
    /// The environment's CUDA libraries compute.
    Library,
    /// TensorFlow computes on the GPU.
    Tensorflow,
    /// PyTorch computes on the GPU.
    Pytorch,
    /// CuPy computes on the GPU.
    Cupy,
    /// Numba computes on the GPU.
    Numba,
    /// cuda-python computes on the GPU.
    CudaPython,
    /// JAX computes on the GPU.
    Jax,
}

/// What is to be solved for one platform.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The recipe's name.
    pub recipe: String,
    /// The channels, first one strongest, as the recipe writes them.
    pub channels: Vec<String>,
    /// Whether the environment is of use without a GPU.
    pub gpu: Gpu,
    /// The least machine, with the platform.
    pub target: Target,
    /// The conda dependencies.
    pub dependencies: Vec<Dependency>,
    /// The PyPI dependencies.
    pub wheels: Vec<WheelRequirement>,
    /// Where wheels come from, and what may be combined with them.
    pub pypi: PypiSettings,
    /// What activation does.
    pub activation: ActivationSettings,
    /// What the probe does, in order.
    pub probe: Vec<ProbeStep>,
    /// What was chosen of the recipe.
    pub selection: Selection,
    /// Which of the recipe's variants it is, if it has some for the platform.
    pub variant: Option<Located<String>>,
}

/// A conda dependency of the recipe.
#[derive(Debug, Clone, PartialEq)]
pub struct Dependency {
    /// What it means.
    pub spec: MatchSpec,
    /// As written.
    pub text: String,
    /// Where it is written, if it comes from a file.
    pub place: Option<Place>,
}

/// A PyPI dependency of the recipe.
#[derive(Debug, Clone, PartialEq)]
pub struct WheelRequirement {
    /// What it means (PEP 508).
    pub requirement: pep508_rs::Requirement,
    /// As written.
    pub text: String,
    /// Where it is written, if it comes from a file.
    pub place: Option<Place>,
}

/// What activation does beside the usual.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ActivationSettings {
    /// Variables to set, values taken as they are.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// What goes onto the loader's path.
    #[serde(default)]
    pub library_path: LibraryPath,
    /// Whether XLA is led to the environment's libdevice and `ptxas`.
    #[serde(default, skip_serializing_if = "is_off")]
    pub xla: bool,
    /// Whether frameworks take GPU memory as they need it.
    #[serde(default, skip_serializing_if = "is_off")]
    pub memory_growth: bool,
    /// Whether Python leaves out the user's own site-packages.
    #[serde(default, skip_serializing_if = "is_off")]
    pub no_user_site: bool,
    /// Whether Python finds the libraries of `Library\bin` (Windows).
    #[serde(default, skip_serializing_if = "is_off")]
    pub dll_directory: bool,
    /// Folders below `site-packages` that get links to the CUDA libraries (Linux).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub link_libraries: Vec<String>,
}

/// Locks without these keys stay as they were, byte for byte.
fn is_off(value: &bool) -> bool {
    !value
}

impl WheelRequirement {
    /// Tells whether it names the file itself: `name @ https://…`.
    pub fn has_address(&self) -> bool {
        let wanted = &self.requirement.version_or_url;
        matches!(wanted, Some(pep508_rs::VersionOrUrl::Url(_)))
    }
}

impl Plan {
    /// Returns the conda platform.
    pub fn platform(&self) -> Subdir {
        self.target.platform
    }

    /// Returns what the platform is called in a lock: `linux-64`, or `linux-64-cuda12`
    /// where the recipe has variants.
    pub fn name(&self) -> String {
        let platform = self.platform();
        match &self.variant {
            None => platform.to_string(),
            Some(variant) => format!("{platform}-{}", variant.value),
        }
    }
}
