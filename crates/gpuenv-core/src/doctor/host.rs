//! What a machine shows of its GPUs without a driver being asked.
//!
//! Everything here was read from files; no process was started for it.

use std::collections::BTreeMap;

use serde::Serialize;

/// What a machine shows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct HostFacts {
    /// The operating system, as Rust names it.
    pub os: String,
    /// The build of Windows, such as 19045.
    pub windows_build: Option<u32>,
    /// The kernel's release.
    pub kernel: Option<String>,
    /// The distribution, as it calls itself.
    pub distribution: Option<String>,
    /// The version of glibc.
    pub glibc: Option<String>,
    /// NVIDIA GPUs on the PCI bus.
    pub gpus: Vec<PciDevice>,
    /// NVIDIA switches on the PCI bus.
    pub switches: Vec<PciDevice>,
    /// The kernel module.
    pub module: Module,
    /// The GPUs that the kernel module drives.
    pub driven: Vec<DrivenGpu>,
    /// How many MIG instances there are.
    pub mig_instances: usize,
    /// The device nodes, by path.
    pub nodes: BTreeMap<String, Access>,
    /// The driver's libraries, in the order of the loader.
    pub libraries: Vec<DriverLibrary>,
    /// What tells that this is a container.
    pub container: Option<String>,
    /// Whether this is WSL, and which.
    pub wsl: Option<Wsl>,
    /// The release of a Jetson's system.
    pub tegra: Option<String>,
    /// Whether the fabric manager runs; known only where there are switches.
    pub fabric_manager: Option<bool>,
    /// The directories of `LD_LIBRARY_PATH`, in order.
    pub search: Vec<SearchDirectory>,
    /// Whether the loader's configuration names WSL's directory.
    pub loader_knows_wsl: bool,
    /// What lies in the user's own site directories.
    pub user_sites: Vec<UserSite>,
    /// A toolkit's `nvvm/libdevice` or `bin/ptxas` at its usual place.
    pub toolkit: Toolkit,
    /// How often the machine has slept since it was started.
    pub suspends: Option<u64>,
    /// The machine's memory, in bytes.
    pub memory: Option<u64>,
    /// What is free where the home directory lies, in bytes.
    pub home_free: Option<u64>,
    /// The environment variables that matter.
    pub variables: BTreeMap<String, String>,
}

/// A device on the PCI bus.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PciDevice {
    /// Its address.
    pub address: String,
    /// Its device id.
    pub device: u16,
    /// The kernel module that is bound to it.
    pub bound_to: Option<String>,
}

/// The kernel module.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Module {
    /// The version of the one that is loaded.
    pub loaded: Option<String>,
    /// Whether nouveau is loaded.
    pub nouveau: bool,
    /// Whether the running kernel has a file of it.
    pub built: bool,
    /// Other kernels that have one.
    pub built_for_others: Vec<String>,
    /// Whether secure boot is on, where the firmware tells it.
    pub secure_boot: Option<bool>,
}

/// A GPU that the kernel module drives.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DrivenGpu {
    /// Its address on the PCI bus.
    pub address: String,
    /// The product's name.
    pub model: Option<String>,
    /// Its UUID.
    pub uuid: Option<String>,
}

/// Whether a device node can be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Reading and writing is allowed.
    Allowed,
    /// Its permission bits forbid it.
    Denied,
    /// The container's rules forbid it.
    Forbidden,
}

/// A library of the driver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DriverLibrary {
    /// `libcuda.so.1` or `libnvidia-ml.so.1`, with its directory.
    pub file: String,
    /// The real file.
    pub real: String,
    /// The driver's version, where the file's name tells it.
    pub version: Option<String>,
    /// What it is, as far as its place tells it.
    pub kind: LibraryKind,
    /// Whether `LD_LIBRARY_PATH` leads to it.
    pub by_variable: bool,
}

/// What a `libcuda` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LibraryKind {
    /// The driver's own.
    Driver,
    /// A toolkit's stub.
    Stub,
    /// One for forward compatibility.
    Compat,
    /// WSL's.
    Wsl,
}

/// Which WSL this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wsl {
    /// Without a kernel of its own, and without GPUs.
    One,
    /// With both.
    Two,
}

/// A directory of `LD_LIBRARY_PATH`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SearchDirectory {
    /// The directory; empty for the working directory.
    pub directory: String,
    /// The CUDA libraries in it, and libstdc++.
    pub libraries: Vec<LibraryFile>,
}

/// A library file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LibraryFile {
    /// The name under which the loader asks for it: `libcudnn.so.9`.
    pub soname: String,
    /// Its path.
    pub file: String,
    /// The numbers behind `.so.` of the real file, if they say more than the name.
    pub version: Option<String>,
    /// Its size, in bytes.
    pub size: u64,
}

/// A site directory of the user's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct UserSite {
    /// The Python version: `3.11`.
    pub python: String,
    /// The directory.
    pub directory: String,
    /// The GPU packages in it.
    pub packages: Vec<String>,
}

/// What a toolkit at its usual place has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Toolkit {
    /// The directory of libdevice.
    pub libdevice: bool,
    /// The assembler.
    pub ptxas: bool,
}

impl HostFacts {
    /// Returns a variable.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// Tells whether anything shows that NVIDIA hardware is there.
    pub fn shows_gpu(&self) -> bool {
        !self.gpus.is_empty()
            || !self.driven.is_empty()
            || self.module.loaded.is_some()
            || self.has_node("/dev/nvidiactl")
            || self.has_node("/dev/dxg")
            || self.tegra.is_some()
    }

    /// Tells whether a device node is there.
    pub fn has_node(&self, path: &str) -> bool {
        self.nodes.contains_key(path)
    }

    /// Returns the `libcuda` that the loader takes.
    pub fn libcuda(&self) -> Option<&DriverLibrary> {
        let mut libraries = self.libraries.iter();
        libraries.find(|library| library.file.contains("libcuda.so"))
    }

    /// Returns the branch of the loaded kernel module: 550 of 550.54.14.
    pub fn branch(&self) -> Option<u32> {
        let version = self.module.loaded.as_deref()?;
        version.split('.').next()?.parse().ok()
    }
}
