//! What the doctor is told, and what several rules ask of it.

use super::{EnvironmentFacts, HostFacts, Rung};
use crate::{
    facts::Facts,
    fits::WINDOWS_WITH_WSL_GPU,
    plan::Gpu,
    probe::{
        DeviceObservation, End, FailedCall, FrameworkObservation, LibraryObservation, Observation,
    },
    target::{ComputeCapability, CudaVersion},
};

/// What the doctor is told.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// What the machine shows.
    pub host: &'a HostFacts,
    /// What the environment holds, if one is meant.
    pub environment: Option<&'a EnvironmentFacts>,
    /// What the probe of the driver saw, if it ran.
    pub observation: Option<&'a Observation>,
    /// What the probe of the environment's CUDA libraries saw, if it ran.
    pub library: Option<&'a LibraryObservation>,
    /// What the probe of the environment's frameworks saw, of those that were tried.
    pub frameworks: &'a [FrameworkObservation],
    /// The tables.
    pub facts: &'a Facts,
}

impl<'a> Case<'a> {
    /// Says why a level is left out, if it is.
    pub(crate) fn leaves_out(&self, rung: Rung) -> Option<String> {
        let gpu = self.environment.and_then(|environment| environment.gpu);
        match rung {
            Rung::Packages | Rung::Libraries | Rung::Frameworks if self.environment.is_none() => {
                Some("no environment is named".to_string())
            }
            Rung::Frameworks if gpu == Some(Gpu::None) => {
                Some("the recipe uses no GPU".to_string())
            }
            Rung::Frameworks if self.frameworks.is_empty() => Some(
                match self.computes() {
                    true => "none was asked",
                    false => "none was asked, since no GPU computes here",
                }
                .to_string(),
            ),
            Rung::Packages | Rung::Libraries | Rung::Shell => None,
            Rung::Hardware | Rung::Module | Rung::Nodes if self.host.os != "linux" => {
                Some(self.not_linux(rung))
            }
            _ if gpu == Some(Gpu::None) => Some("the recipe uses no GPU".to_string()),
            _ if !self.expects_gpu() => {
                Some("there is no GPU here, and none is required".to_string())
            }
            Rung::Init | Rung::Devices | Rung::Compute if self.observation.is_none() => {
                Some("the driver was not asked".to_string())
            }
            _ => None,
        }
    }

    /// Says what there is to say of a level whose files only Linux has.
    fn not_linux(&self, rung: Rung) -> String {
        let build = self.host.windows_build.filter(|_| rung == Rung::Hardware);
        match build {
            Some(build) if build < WINDOWS_WITH_WSL_GPU => format!(
                "Windows build {build}; WSL 2 has GPUs from build {WINDOWS_WITH_WSL_GPU} on"
            ),
            Some(build) => format!("Windows build {build}"),
            None => "only Linux shows it".to_string(),
        }
    }

    /// Tells whether a GPU has to be here: required, or just asked about.
    pub(crate) fn needs_gpu(&self) -> bool {
        match self.environment {
            None => true,
            Some(environment) => environment.gpu == Some(Gpu::Required),
        }
    }

    /// Tells whether a GPU should work: it has to be here, or it is.
    pub(crate) fn expects_gpu(&self) -> bool {
        let unwanted = self.environment.is_some_and(|e| e.gpu == Some(Gpu::None));
        let observed = self.observation.is_some_and(|o| !o.devices.is_empty());
        !unwanted && (self.needs_gpu() || self.host.shows_gpu() || observed)
    }

    /// Tells whether every visible GPU computes: then everything below is proved good.
    pub(crate) fn computes(&self) -> bool {
        self.observation.is_some_and(|observation| {
            let all = observation.devices.iter().all(DeviceObservation::computes);
            observation.end == End::Finished
                && observation.failures.is_empty()
                && !observation.devices.is_empty()
                && all
        })
    }

    /// Returns the first failed call that answered one of these numbers, with its device.
    pub(crate) fn failed(
        &self,
        numbers: &[i32],
    ) -> Option<(Option<&'a DeviceObservation>, &'a FailedCall)> {
        let observation = self.observation?;
        let general = observation.failures.iter().map(|failed| (None, failed));
        let of_devices = observation.devices.iter().flat_map(|device| {
            device
                .failures
                .iter()
                .map(move |failed| (Some(device), failed))
        });
        general
            .chain(of_devices)
            .find(|(_, failed)| numbers.contains(&failed.number))
    }

    /// Tells whether the driver started and showed no device.
    pub(crate) fn sees_no_device(&self) -> bool {
        self.failed(&[100]).is_some()
            || self
                .observation
                .is_some_and(|o| o.device_count == Some(0) && o.failures.is_empty())
    }

    /// Returns a variable, as programs see it.
    pub(crate) fn variable(&self, name: &str) -> Option<&'a str> {
        self.host.variable(name)
    }

    /// Returns the lowest compute capability of all devices.
    pub(crate) fn capability(&self) -> Option<ComputeCapability> {
        let devices = self.observation?.devices.iter();
        devices.filter_map(|device| device.compute_capability).min()
    }

    /// Returns the CUDA version that the driver supports: asked, else from its version.
    pub(crate) fn driver_cuda(&self) -> Option<CudaVersion> {
        let asked = self.observation.and_then(|observation| observation.cuda);
        asked.or_else(|| {
            let driver = self.host.module.loaded.as_deref()?.parse().ok()?;
            let toolkits = &self.facts.drivers.toolkits;
            let newest = toolkits
                .iter()
                .filter(|toolkit| *toolkit.linux.version() <= driver);
            let newest = newest.max_by(|a, b| a.cuda.cmp(&b.cuda))?;
            major_minor(&newest.cuda.to_string())
        })
    }
}

/// Reads the first two numbers of a version.
pub(crate) fn major_minor(text: &str) -> Option<CudaVersion> {
    let mut numbers = text.split(['.', '+']).map(str::parse::<u32>);
    let major = numbers.next()?.ok()?;
    let minor = numbers.next().and_then(Result::ok).unwrap_or(0);
    Some(CudaVersion { major, minor })
}
