//! Drivers, architectures and frameworks: which version goes with which.

use std::fmt;

use rattler_conda_types::{Subdir, Version};
use serde::{Deserialize, Deserializer, de};

use super::{Head, Table};
use crate::{
    probe::DriverError,
    target::{ComputeCapability, CudaVersion},
};

macro_rules! table {
    ($(#[$doc:meta])* $name:ident { $($(#[$attribute:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Deserialize)]
        #[serde(deny_unknown_fields, rename_all = "kebab-case")]
        pub struct $name {
            schema: u32,
            date: String,
            source: String,
            #[serde(default)]
            warning: Option<String>,
            $($(#[$attribute])* pub $field: $type,)*
        }

        impl Table for $name {
            fn head(&self) -> Head {
                Head {
                    schema: self.schema,
                    date: self.date.clone(),
                    source: self.source.clone(),
                    warning: self.warning.clone(),
                }
            }

            fn fault(&self) -> Option<String> {
                $(if self.$field.is_nothing() {
                    return Some(format!("`{}` is empty", stringify!($field)));
                })*
                self.unsound()
            }
        }
    };
}

/// Says of a value of a table whether it says nothing.
trait Nothing {
    fn is_nothing(&self) -> bool;
}

impl<T> Nothing for Vec<T> {
    fn is_nothing(&self) -> bool {
        self.is_empty()
    }
}

/// What may be left out may be empty too.
impl<T> Nothing for Option<T> {
    fn is_nothing(&self) -> bool {
        false
    }
}

impl Nothing for Version {
    fn is_nothing(&self) -> bool {
        false
    }
}

table! {
    /// Which driver runs which CUDA.
    Drivers {
        /// The first driver of each CUDA major version.
        floors: Vec<Floor>,
        /// The driver that each toolkit came out with.
        toolkits: Vec<Toolkit>,
    }
}

table! {
    /// What the numbers of the driver's errors mean.
    Errors {
        /// The errors.
        errors: Vec<DriverError>,
    }
}

table! {
    /// Which CUDA knows which GPU.
    Architectures {
        /// The compute capabilities.
        architectures: Vec<Architecture>,
        /// The architectures that newer drivers left behind.
        dropped: Vec<Dropped>,
        /// Their PCI device ids.
        pci: Vec<PciRange>,
        /// The GPUs that cuDNN needs.
        cudnn: Vec<CudnnFloor>,
    }
}

table! {
    /// Which PyTorch was built for what.
    Torch {
        /// The last version on the conda channel `pytorch`.
        #[serde(deserialize_with = "version")]
        last_on_pytorch_channel: Version,
        /// The builds.
        releases: Vec<TorchBuild>,
        /// What GPUs each build has code for.
        architectures: Vec<TorchArchitectures>,
    }
}

table! {
    /// Which TensorFlow was tested with what.
    TensorFlow {
        /// The last version with GPU support on native Windows.
        #[serde(deserialize_with = "version")]
        last_on_windows: Version,
        /// The builds for Linux.
        linux: Vec<FrameworkBuild>,
        /// The builds for Windows.
        windows: Vec<FrameworkBuild>,
    }
}

table! {
    /// Which conda packages compute on a GPU.
    GpuBuilds {
        /// What CUDA itself is made of.
        runtime: Vec<NamePattern>,
        /// What computes on the CPU, and does not say so, where its build is not for CUDA.
        frameworks: Vec<NamePattern>,
        /// What may be a build for the CPU beside a GPU.
        cpu_is_fine: Vec<CpuIsFine>,
        /// What is called otherwise where it is for the GPU.
        #[serde(default)]
        other_names: Option<Vec<OtherName>>,
        /// What computes with a framework that it does not depend on.
        #[serde(default)]
        without_framework: Option<Vec<NamePattern>>,
    }
}

/// A package that is called otherwise where it is for the GPU.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtherName {
    /// Its name for the CPU.
    pub cpu: String,
    /// Its name for the GPU.
    pub gpu: String,
}

/// A package whose build for the CPU is right beside a GPU.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CpuIsFine {
    /// Its name.
    pub name: NamePattern,
    /// Why it is right.
    pub why: String,
}

/// The name of a package, or the beginning or end of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern(String);

impl NamePattern {
    /// Tells whether a name is meant.
    pub fn matches(&self, name: &str) -> bool {
        match (self.0.strip_suffix('*'), self.0.strip_prefix('*')) {
            (Some(beginning), _) => name.starts_with(beginning),
            (None, Some(end)) => name.ends_with(end),
            (None, None) => name == self.0,
        }
    }
}

impl<'de> Deserialize<'de> for NamePattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let name = text.strip_suffix('*').unwrap_or(&text);
        let name = match name.len() == text.len() {
            true => text.strip_prefix('*').unwrap_or(&text),
            false => name,
        };
        match name.is_empty() || name.contains('*') {
            true => Err(de::Error::custom(format!(
                "`{text}` is not a name with at most one `*`, at its end or beginning"
            ))),
            false => Ok(Self(text)),
        }
    }
}

/// The version of a driver, printed as it is written: 580.65.06.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriverVersion {
    text: String,
    version: Version,
}

impl DriverVersion {
    /// Returns it as a version, for comparisons.
    pub fn version(&self) -> &Version {
        &self.version
    }
}

impl fmt::Display for DriverVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for DriverVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let version = numbered(&text).map_err(de::Error::custom)?;
        Ok(Self { text, version })
    }
}

/// The first driver that runs a CUDA major version.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Floor {
    /// The major version.
    pub cuda: u32,
    /// The driver on Linux.
    pub linux: DriverVersion,
    /// The driver on Windows.
    #[serde(default)]
    pub windows: Option<DriverVersion>,
}

/// A toolkit and the driver that it came out with.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Toolkit {
    /// The toolkit.
    #[serde(deserialize_with = "version")]
    pub cuda: Version,
    /// The driver on Linux.
    pub linux: DriverVersion,
    /// The driver on Windows.
    #[serde(default)]
    pub windows: Option<DriverVersion>,
}

/// A compute capability.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Architecture {
    /// Its number.
    pub capability: ComputeCapability,
    /// The name of the architecture.
    pub name: String,
    /// Products.
    pub examples: String,
    /// The first CUDA that compiles for it.
    pub first: CudaVersion,
    /// The last CUDA that compiles for it.
    #[serde(default)]
    pub last: Option<CudaVersion>,
    /// Whether it is a Jetson.
    pub jetson: bool,
    /// Whether the row was checked against a second source.
    pub verified: bool,
}

/// Architectures that newer drivers left behind.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Dropped {
    /// Their names.
    pub architectures: Vec<String>,
    /// The last branch of the driver that drives them.
    pub last_branch: u32,
}

/// PCI device ids of an architecture.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PciRange {
    /// The name of the architecture.
    pub name: String,
    /// The first id.
    #[serde(deserialize_with = "hexadecimal")]
    pub first: u16,
    /// The last id.
    #[serde(deserialize_with = "hexadecimal")]
    pub last: u16,
}

/// The least GPU of a cuDNN.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CudnnFloor {
    /// The first version that needs it.
    #[serde(deserialize_with = "version")]
    pub from: Version,
    /// The least compute capability.
    pub least: ComputeCapability,
}

/// A build of PyTorch.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TorchBuild {
    /// The version, without its last number.
    pub pytorch: CudaVersion,
    /// Its CUDA.
    pub cuda: CudaVersion,
    /// Its cuDNN.
    #[serde(deserialize_with = "version")]
    pub cudnn: Version,
    /// Whether it is called experimental.
    pub experimental: bool,
}

/// What GPUs a build of PyTorch has code for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TorchArchitectures {
    /// The version, without its last number.
    pub pytorch: CudaVersion,
    /// Its CUDA.
    pub cuda: CudaVersion,
    /// The conda platform.
    pub platform: String,
    /// The compute capabilities with code of their own.
    pub sm: Vec<ComputeCapability>,
    /// Those from whose PTX newer ones are compiled.
    pub ptx: Vec<ComputeCapability>,
    /// Who says so.
    pub evidence: String,
}

/// A build of a framework.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrameworkBuild {
    /// The version.
    #[serde(deserialize_with = "version")]
    pub tensorflow: Version,
    /// Its CUDA.
    #[serde(deserialize_with = "version")]
    pub cuda: Version,
    /// Its cuDNN.
    #[serde(deserialize_with = "version")]
    pub cudnn: Version,
}

impl Drivers {
    /// Returns the newest CUDA that a driver supports in full.
    pub fn supports(&self, driver: &Version, platform: Subdir) -> Option<CudaVersion> {
        let runs = self.toolkits.iter().filter(|toolkit| {
            let least = match platform.is_windows() {
                true => toolkit.windows.as_ref(),
                false => Some(&toolkit.linux),
            };
            least.is_some_and(|least| least.version <= *driver)
        });
        let (major, minor) = runs.map(|toolkit| &toolkit.cuda).max()?.as_major_minor()?;
        Some(CudaVersion {
            major: major.try_into().ok()?,
            minor: minor.try_into().ok()?,
        })
    }
}

impl Architectures {
    /// Returns the architecture of a PCI device, as far as newer drivers left it behind.
    pub fn dropped_device(&self, device: u16) -> Option<(&str, u32)> {
        let range = self
            .pci
            .iter()
            .find(|range| (range.first..=range.last).contains(&device))?;
        let dropped = self
            .dropped
            .iter()
            .find(|dropped| dropped.architectures.contains(&range.name))?;
        Some((&range.name, dropped.last_branch))
    }

    /// Returns the row of a compute capability.
    pub fn get(&self, capability: ComputeCapability) -> Option<&Architecture> {
        self.architectures
            .iter()
            .find(|row| row.capability == capability)
    }
}

impl TorchArchitectures {
    /// Tells whether the build runs on a GPU, and why not.
    pub fn runs_on(&self, gpu: ComputeCapability) -> bool {
        let own = |sm: &ComputeCapability| sm.major == gpu.major && sm.minor <= gpu.minor;
        self.sm.iter().any(own) || self.ptx.iter().any(|ptx| *ptx <= gpu)
    }
}

fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Version, D::Error> {
    numbered(&String::deserialize(deserializer)?).map_err(de::Error::custom)
}

/// Reads a version that begins with a number: conda takes any word for one.
fn numbered(text: &str) -> Result<Version, String> {
    let begins = text.starts_with(|c: char| c.is_ascii_digit());
    let version = begins.then(|| text.parse().ok()).flatten();
    version.ok_or_else(|| format!("`{text}` is not a version"))
}

fn hexadecimal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let text = String::deserialize(deserializer)?;
    u16::from_str_radix(&text, 16).map_err(|_| {
        de::Error::custom(format!(
            "`{text}` is not a number of four hexadecimal digits"
        ))
    })
}
