//! The recipe as its author writes it, with the place of everything in it.
//!
//! The types here are the form of the file: the reader fills them, and the JSON
//! Schema is generated from them. Conditions are kept, not decided; that is the
//! plan's part.

mod choice;
mod combine;
mod condition;
mod entries;
mod error;
mod extends;
mod feature;
mod join;
mod layers;
mod linked;
mod name;
mod node;
mod other;
mod packages;
mod parameter;
mod pypi;
mod requirement;
mod scalar;
mod schema;
mod selection;
mod sink;
mod source;
mod spec;
mod suggest;
mod syntax;
mod table;
mod variable;
mod variant;
mod write;

mod parse;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;

use schemars::JsonSchema;

use rattler_conda_types::{Subdir, Version};

use crate::{
    Place,
    plan::{Dependency, Gpu, LibraryPath, ProbeStep, WheelRequirement},
    target::{ComputeCapability, CudaVersion},
};

pub use condition::{BadCondition, Condition, ConditionProblem, Machine};
pub use entries::{Branch, Entries, Entry};
pub use error::{Problem, RecipeError};
pub use extends::{BadParent, Parent};
pub use feature::Feature;
pub use layers::{Find, Layers, RecipeFile};
pub use linked::{BadFolder, check as check_package_folder};
pub use name::{BadName, check_name};
pub(crate) use other::{Yaml, YamlKind, variable_problem, yaml};
pub use parameter::BadParameter;
pub(crate) use parameter::escaped;
pub use parse::parse;
pub use pypi::{BadIndex, PackageIndex, PypiOptions, check_index, check_links};
pub use requirement::{BadRequirement, RequirementProblem, wheel};
pub use scalar::{BadChannel, BadPlatform, BadUrl, BadVersion};
pub use schema::schema;
pub use selection::{Choices, FeatureChoice, ParameterChoice, Selection};
pub use spec::{BadSpec, dependency};
pub use suggest::suggest;
pub use syntax::BadSyntax;
pub use variable::BadVariable;
pub use variant::{BadVariantName, Variant, check_variant_name};

/// A recipe: what an environment is made of, on every platform it is for.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Recipe {
    /// The version of the recipe form. There is only 1.
    pub schema: Schema,
    /// The recipe's name, and the default name of its environment.
    #[schemars(regex(pattern = r"^[a-z0-9][a-z0-9._-]*$"), length(max = 64))]
    pub name: String,
    /// The recipes that this one extends, the weakest first: names, or paths from here.
    #[schemars(default, schema_with = "schema::one_or_more_texts")]
    pub extends: Vec<Located<String>>,
    /// What people should know about the recipe.
    #[schemars(default)]
    pub about: About,
    /// The conda channels, strongest first: names or URLs.
    #[schemars(extend("minItems" = 1))]
    pub channels: Entries<Channel>,
    /// The conda platforms that the recipe covers.
    #[schemars(with = "Vec<schema::Platform>", extend("minItems" = 1))]
    pub platforms: Vec<Located<Subdir>>,
    /// Whether the environment is of use without a GPU. Left out, it is `required`.
    #[schemars(default, with = "Gpu", extend("default" = "required"))]
    pub gpu: Option<Located<Gpu>>,
    /// The least machine that a lock must run on.
    #[schemars(default, schema_with = "schema::map_or_entries::<LeastMachine>")]
    pub target: Entries<LeastMachine>,
    /// The conda packages, as match specs: `python 3.10.*`.
    #[schemars(default)]
    pub dependencies: Entries<Dependency>,
    /// The PyPI packages, as PEP 508 requirements: `numpy <2`.
    #[schemars(default)]
    pub pypi_dependencies: Entries<WheelRequirement>,
    /// Where wheels come from, and what may be combined with them.
    #[schemars(default, schema_with = "schema::map_or_entries::<PypiOptions>")]
    pub pypi_options: Entries<PypiOptions>,
    /// What activation does beside the usual.
    #[schemars(default)]
    pub activation: Activation,
    /// The steps of the probe. Left out, it is `[driver]`, and empty where `gpu` is `none`.
    #[schemars(default, with = "Entries<ProbeStep>")]
    pub probe: Option<Entries<Located<ProbeStep>>>,
    /// Values that are left open, written as `${{ name }}`.
    #[schemars(default, schema_with = "schema::parameters")]
    pub parameters: Vec<ParameterChoice>,
    /// Optional parts, by name.
    #[schemars(default, with = "BTreeMap<String, Feature>")]
    pub features: Vec<(String, Feature)>,
    /// Environments for different GPUs, the preferred one first: `create` takes the
    /// first that the machine can run.
    #[schemars(default, with = "Entries<schema::Variant>")]
    pub variants: Entries<Variant>,
    /// What was chosen of it.
    #[schemars(skip)]
    pub selection: Selection,
}

impl Recipe {
    /// Tells whether the environment is of use without a GPU.
    pub fn gpu(&self) -> Gpu {
        self.gpu.as_ref().map_or_else(Gpu::default, |gpu| gpu.value)
    }
}

/// The version of the recipe form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schema;

/// What people should know about the recipe.
#[derive(Debug, Clone, Default, PartialEq, Eq, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub struct About {
    /// One line that says what the environment is.
    #[schemars(default, with = "String")]
    pub summary: Option<String>,
    /// Whatever else is worth knowing.
    #[schemars(default, with = "String")]
    pub notes: Option<String>,
    /// The home page of what is installed.
    #[schemars(default, with = "String", url)]
    pub homepage: Option<String>,
    /// The documentation of what is installed.
    #[schemars(default, with = "String", url)]
    pub documentation: Option<String>,
    /// The repository of the recipe.
    #[schemars(default, with = "String", url)]
    pub repository: Option<String>,
    /// The license of the recipe.
    #[schemars(default, with = "String")]
    pub license: Option<String>,
}

/// A channel, as the recipe writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// A name such as `conda-forge`, or a URL.
    pub text: String,
    /// Where it is written.
    pub place: Place,
}

/// The least machine that a lock must run on, as far as the recipe says.
#[derive(Debug, Clone, Default, PartialEq, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LeastMachine {
    /// The lowest CUDA version that the driver supports: `"12.4"`.
    #[schemars(default, with = "CudaVersion")]
    pub cuda: Option<Located<CudaVersion>>,
    /// The lowest compute capability of the GPU: `"8.6"`.
    #[schemars(default, with = "ComputeCapability")]
    pub compute_capability: Option<Located<ComputeCapability>>,
    /// The lowest version of glibc: `"2.28"`. Counts on Linux only.
    #[schemars(default, with = "schema::Glibc")]
    pub glibc: Option<Located<Version>>,
}

/// What activation does beside the usual.
#[derive(Debug, Clone, Default, PartialEq, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Activation {
    /// Environment variables to set, values taken as they are.
    #[schemars(default, schema_with = "schema::map_or_entries::<schema::Variables>")]
    pub env: Entries<Vec<Variable>>,
    /// What goes onto the loader's path.
    #[schemars(default)]
    pub library_path: LibraryPath,
    /// Leads XLA (JAX, TensorFlow) to the environment's libdevice and `ptxas`. Linux only.
    #[schemars(default)]
    pub xla: bool,
    /// Lets TensorFlow and JAX take GPU memory as they need it, not all at once.
    #[schemars(default)]
    pub memory_growth: bool,
    /// Keeps packages of `pip install --user` out of the environment.
    #[schemars(default)]
    pub no_user_site: bool,
    /// Lets Python from 3.8 on find the libraries in `Library\\bin`. Windows only.
    #[schemars(default)]
    pub dll_directory: bool,
    /// Packages below `site-packages` that get links to the environment's CUDA libraries. Linux only.
    #[schemars(default, with = "Entries<schema::PackageFolder>")]
    pub link_libraries: Entries<Located<String>>,
}

/// An environment variable that activation sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value, taken as it is.
    pub value: String,
    /// Where it is written.
    pub place: Place,
}

/// A value with the place where it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it is written.
    pub place: Place,
}
