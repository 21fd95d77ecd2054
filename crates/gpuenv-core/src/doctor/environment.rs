//! What an environment holds, as far as it decides whether a GPU is used.

use rattler_conda_types::Version;
use serde::Serialize;

use super::host::LibraryFile;
use crate::{fits::CUDA_ITSELF, plan::Gpu};

/// What an environment holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct EnvironmentFacts {
    /// Where it is.
    pub prefix: String,
    /// The conda platform.
    pub platform: String,
    /// What its recipe says of a GPU; unknown where another tool made it.
    pub gpu: Option<Gpu>,
    /// Its packages, from conda and from wheels.
    pub packages: Vec<Package>,
    /// Whether it has an interpreter.
    pub has_python: bool,
    /// The Python versions that have a site directory: `3.11`.
    pub pythons: Vec<String>,
    /// The CUDA libraries and libstdc++ in it.
    pub libraries: Vec<LibraryFile>,
    /// Where `libdevice.10.bc` lies, below the prefix.
    pub libdevice: Vec<String>,
    /// Where `ptxas` lies, below the prefix.
    pub ptxas: Vec<String>,
    /// System libraries that its `lib` would hide.
    pub hides: Vec<String>,
    /// The activation scripts that no package owns.
    pub scripts: Vec<Script>,
    /// On Windows: what its libraries import and nobody has.
    pub unresolved: Vec<UnresolvedDll>,
}

/// A DLL that another one imports and that is nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnresolvedDll {
    /// The file that imports it, below the prefix.
    pub importer: String,
    /// The DLL that is missing.
    pub name: String,
}

/// A package of an environment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Package {
    /// Its name; of a wheel lower case, with `-`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its conda build.
    pub build: String,
    /// Its conda channel.
    pub channel: String,
    /// Whether it is a wheel.
    pub wheel: bool,
    /// The least glibc that it says it needs.
    pub glibc: Option<String>,
    /// Whether it is built for CUDA; unknown of most.
    pub cuda: Option<bool>,
    /// The CUDA that it was built with, where it tells.
    pub cuda_version: Option<String>,
}

/// An activation script.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Script {
    /// Its name.
    pub name: String,
    /// The line that appends to `LD_LIBRARY_PATH`.
    pub appends: Option<String>,
}

impl Package {
    /// Returns the version as a version.
    pub fn version(&self) -> Option<Version> {
        // The local part of a wheel (`2.6.0+cu124`) is a build, not an order.
        self.version.split('+').next()?.parse().ok()
    }

    /// Tells whether the version is at least that.
    pub fn at_least(&self, text: &str) -> bool {
        let least: Option<Version> = text.parse().ok();
        self.version()
            .zip(least)
            .is_some_and(|(version, least)| version >= least)
    }

    /// Tells whether the version is known and below that.
    pub fn below(&self, text: &str) -> bool {
        self.version().is_some() && !self.at_least(text)
    }

    /// Returns name and version for people.
    pub fn label(&self) -> String {
        match self.build.is_empty() {
            true => format!("{} {}", self.name, self.version),
            false => format!("{} {} {}", self.name, self.version, self.build),
        }
    }
}

impl EnvironmentFacts {
    /// Returns a package of one of these names.
    pub fn package(&self, names: &[&str]) -> Option<&Package> {
        let mut packages = self.packages.iter();
        packages.find(|package| names.contains(&package.name.as_str()))
    }

    /// Returns PyTorch.
    pub fn torch(&self) -> Option<&Package> {
        self.package(&["torch", "libtorch", "pytorch"])
    }

    /// Returns TensorFlow.
    pub fn tensorflow(&self) -> Option<&Package> {
        self.package(&["tensorflow-base", "tensorflow", "tensorflow-cpu"])
    }

    /// Returns the CUDA version that its packages are made for: major and minor.
    pub fn cuda(&self) -> Option<&str> {
        let pinned = self.package(&CUDA_ITSELF);
        let told = self
            .packages
            .iter()
            .find_map(|package| package.cuda_version.as_deref());
        let runtime = self.packages.iter().find(|package| {
            package.name == "cuda-cudart" || package.name.starts_with("nvidia-cuda-runtime")
        });
        pinned
            .map(|package| package.version.as_str())
            .or(told)
            .or(runtime.map(|package| package.version.as_str()))
    }
}
