//! A machine as a file: what `gpuenv devices --export` writes and `--target` reads.
//!
//! It says more than a [`Target`], because whether a lock runs there depends on
//! more than a solver can see. The file comes from elsewhere: nothing in it is
//! believed before it has been checked.

mod error;
#[cfg(test)]
mod tests;

use rattler_conda_types::{Subdir, Version};
use serde::{Deserialize, Serialize};

pub use error::MachineError;

use crate::{
    Target,
    facts::Drivers,
    probe::ComputeMode,
    target::{ComputeCapability, CudaVersion},
};

/// The form of the file that this gpuenv writes and reads.
pub const SCHEMA: u32 = 1;

/// No honest file is longer, in bytes.
pub const MAX_BYTES: usize = 1 << 20;

/// No machine has more.
const MAX_DEVICES: usize = 1024;

/// A machine on which a lock is to run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Machine {
    /// The form of the file: [`SCHEMA`].
    pub schema: u32,
    /// The conda platform.
    pub platform: Subdir,
    /// The CUDA version that the driver supports; none without a driver.
    #[serde(default)]
    pub cuda: Option<CudaVersion>,
    /// The lowest compute capability of all devices.
    #[serde(default)]
    pub compute_capability: Option<ComputeCapability>,
    /// The version of glibc. Linux only.
    #[serde(default)]
    pub glibc: Option<String>,
    /// The version of the driver.
    #[serde(default)]
    pub driver: Option<String>,
    /// The build of Windows. Windows only.
    #[serde(default)]
    pub windows_build: Option<u32>,
    /// Whether it is Linux inside Windows.
    #[serde(default)]
    pub wsl: bool,
    /// Whether it is a Jetson.
    #[serde(default)]
    pub jetson: bool,
    /// The GPUs.
    #[serde(default)]
    pub devices: Vec<Device>,
}

/// A GPU, as tools list it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Device {
    /// The ordinal under which programs see it.
    pub index: u32,
    /// The product's name.
    pub name: Option<String>,
    /// Its UUID.
    pub uuid: Option<String>,
    /// Its compute capability.
    pub compute_capability: Option<ComputeCapability>,
    /// Its memory, in bytes.
    pub memory: Option<u64>,
    /// Who may use it.
    pub compute_mode: Option<ComputeMode>,
    /// Whether it is a MIG instance.
    pub mig: bool,
}

impl Machine {
    /// Returns a machine of that platform, of which nothing else is known.
    pub fn of_platform(platform: Subdir) -> Self {
        Self {
            schema: SCHEMA,
            platform,
            cuda: None,
            compute_capability: None,
            glibc: None,
            driver: None,
            windows_build: None,
            wsl: false,
            jetson: false,
            devices: Vec::new(),
        }
    }

    /// Reads a file; `file` is how the user calls it.
    ///
    /// # Errors
    ///
    /// GE208 for a file that makes no sense, GE209 for one of another version.
    pub fn parse(file: &str, text: &str) -> Result<Self, MachineError> {
        if text.len() > MAX_BYTES {
            return Err(MachineError::TooLarge { file: file.into() });
        }
        let syntax = |error: &serde_json::Error| MachineError::syntax(file, text, error);
        // The version comes first: a newer form may well have other keys.
        let value: serde_json::Value = serde_json::from_str(text).map_err(|e| syntax(&e))?;
        match value.get("schema").and_then(serde_json::Value::as_u64) {
            Some(schema) if schema == u64::from(SCHEMA) => {}
            Some(found) => {
                return Err(MachineError::OtherVersion {
                    file: file.into(),
                    found,
                });
            }
            None => return Err(MachineError::NoVersion { file: file.into() }),
        }
        let machine: Self = serde_json::from_str(text).map_err(|e| syntax(&e))?;
        match machine.fault() {
            Some(fault) => Err(MachineError::Fault {
                file: file.into(),
                fault,
            }),
            None => Ok(machine),
        }
    }

    /// Returns what is wrong with it although its form is right.
    fn fault(&self) -> Option<String> {
        if self.devices.len() > MAX_DEVICES {
            return Some(format!("it lists more than {MAX_DEVICES} devices"));
        }
        for (key, text) in [("glibc", &self.glibc), ("driver", &self.driver)] {
            if let Some(text) = text.as_deref().filter(|text| dotted(text).is_none()) {
                let shown: String = text.chars().take(60).collect();
                return Some(format!("`{key}` is `{shown}`, not a version"));
            }
        }
        if self.platform == Subdir::NoArch {
            return Some("`platform` is `noarch`, which is no machine".to_string());
        }
        let least = self.devices.iter().filter_map(|d| d.compute_capability);
        match (self.compute_capability, least.min()) {
            (Some(said), Some(least)) if said > least => Some(format!(
                "`compute-capability` is {said}, and a device has {least}"
            )),
            _ => None,
        }
    }

    /// Returns what a solver sees of it.
    pub fn target(&self) -> Target {
        let glibc = self.glibc.as_deref().and_then(dotted);
        Target {
            platform: self.platform,
            cuda: self.cuda,
            compute_capability: self.capabilities().into_iter().min(),
            glibc: glibc.filter(|_| self.platform.is_linux()),
        }
    }

    /// Returns the compute capabilities of its GPUs, each once, lowest first.
    pub fn capabilities(&self) -> Vec<ComputeCapability> {
        let devices = self.devices.iter().filter_map(|d| d.compute_capability);
        let mut found: Vec<_> = self.compute_capability.into_iter().chain(devices).collect();
        found.sort();
        found.dedup();
        found
    }

    /// Returns the version of the driver for comparisons.
    pub fn driver_version(&self) -> Option<Version> {
        self.driver.as_deref().and_then(dotted)
    }

    /// Takes the CUDA version from that of the driver, where only the latter is known.
    ///
    /// A table says with which driver each CUDA came out.
    pub fn infer_cuda(&mut self, drivers: &Drivers) {
        if let (None, Some(version)) = (self.cuda, self.driver_version()) {
            self.cuda = drivers.supports(&version, self.platform);
        }
    }
}

/// Reads a version of digits and dots.
pub fn dotted(text: &str) -> Option<Version> {
    let digits = text.len() <= 40 && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    text.parse().ok().filter(|_| digits)
}
