//! A machine made of files, with what its driver would answer.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use fs_err as fs;
use gpuenv_core::{
    doctor::{self, Case, Examination, HostFacts},
    facts::Facts,
    plan::Gpu,
    probe::{
        Comparison, DeviceObservation, DriverFile, End, FailedCall, FrameworkObservation,
        LibraryObservation, LoadAttempt, Observation,
    },
};
use serde_json::json;
use tempfile::TempDir;

use crate::facts;

/// The kernel of every simulated machine.
pub(crate) const KERNEL: &str = "6.8.0-45-generic";

/// A machine made of files.
pub(crate) struct Machine {
    folder: TempDir,
    variables: BTreeMap<String, String>,
    observation: Option<Observation>,
    environment: Option<(String, Option<Gpu>)>,
    library: Option<LibraryObservation>,
    frameworks: Vec<FrameworkObservation>,
}

impl Machine {
    /// A Linux machine without any GPU.
    pub(crate) fn bare() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let machine = Self {
            folder,
            variables: BTreeMap::new(),
            observation: Some(no_driver()),
            environment: None,
            library: None,
            frameworks: Vec::new(),
        };
        machine
            .file("proc/sys/kernel/osrelease", &format!("{KERNEL}\n"))
            .file(
                "etc/os-release",
                "NAME=x\nPRETTY_NAME=\"Ubuntu 24.04.1 LTS\"\n",
            )
            .file("proc/meminfo", "MemTotal:       65536000 kB\n")
            .file(
                "usr/lib/x86_64-linux-gnu/libc.so.6",
                "\0GNU C Library (Ubuntu) stable release version 2.39.\n\0",
            )
            .link("lib", "usr/lib")
            .file("proc/1/cgroup", "0::/init.scope\n")
    }

    /// A machine with one A100 whose driver works.
    pub(crate) fn with_gpu() -> Self {
        Self::bare()
            .gpu("0000:01:00.0", "20b0", "nvidia")
            .module("550.54.14")
            .drives("0000:01:00.0", "NVIDIA A100-SXM4-40GB", 1)
            .nodes(1)
            .libcuda("usr/lib/x86_64-linux-gnu", "550.54.14")
            .saw(computing("12.4", &["8.0"]))
    }

    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn prefix(&self) -> PathBuf {
        self.root().join("envs/x")
    }

    pub(crate) fn file(self, path: &str, text: &str) -> Self {
        self.bytes(path, text.as_bytes())
    }

    pub(crate) fn bytes(self, path: &str, bytes: &[u8]) -> Self {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self
    }

    pub(crate) fn link(self, path: &str, target: &str) -> Self {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::os::unix::fs::symlink(target, path).unwrap();
        self
    }

    pub(crate) fn without(self, path: &str) -> Self {
        let path = self.root().join(path);
        match path.is_dir() {
            true => fs::remove_dir_all(path).unwrap(),
            false => fs::remove_file(path).unwrap(),
        }
        self
    }

    fn device(self, address: &str, class: &str, device: &str) -> Self {
        let folder = format!("sys/bus/pci/devices/{address}");
        self.file(&format!("{folder}/vendor"), "0x10de\n")
            .file(&format!("{folder}/class"), &format!("{class}\n"))
            .file(&format!("{folder}/device"), &format!("0x{device}\n"))
    }

    /// Puts a GPU on the bus; `driver` is the module that is bound to it, if any.
    pub(crate) fn gpu(self, address: &str, device: &str, driver: &str) -> Self {
        let machine = self.device(address, "0x030200", device);
        match driver {
            "" => machine,
            _ => machine.link(
                &format!("sys/bus/pci/devices/{address}/driver"),
                &format!("../../../bus/pci/drivers/{driver}"),
            ),
        }
    }

    pub(crate) fn switch(self, address: &str) -> Self {
        self.device(address, "0x068000", "1af1")
    }

    /// Loads the kernel module.
    pub(crate) fn module(self, version: &str) -> Self {
        let line = format!(
            "NVRM version: NVIDIA UNIX x86_64 Kernel Module  {version}  Thu Feb 22 01:44:30 UTC 2024\nGCC version: gcc 13\n"
        );
        self.file("proc/driver/nvidia/version", &line)
            .file("sys/module/nvidia/version", &format!("{version}\n"))
    }

    /// Says that the kernel module drives a GPU.
    pub(crate) fn drives(self, address: &str, model: &str, number: u8) -> Self {
        let text = format!(
            "Model: \t\t {model}\nIRQ:   \t\t 98\nGPU UUID: \t {}\nBus Location: \t {address}\n",
            uuid(number)
        );
        self.file(
            &format!("proc/driver/nvidia/gpus/{address}/information"),
            &text,
        )
    }

    pub(crate) fn nodes(mut self, gpus: usize) -> Self {
        let numbered = (0..gpus).map(|index| format!("nvidia{index}"));
        let names: Vec<String> = numbered
            .chain(["nvidiactl".to_string(), "nvidia-uvm".to_string()])
            .collect();
        for name in names {
            self = self.file(&format!("dev/{name}"), "");
        }
        self
    }

    /// Puts the driver's libraries into a directory.
    pub(crate) fn libcuda(mut self, directory: &str, version: &str) -> Self {
        for stem in ["libcuda", "libnvidia-ml"] {
            self = self
                .file(&format!("{directory}/{stem}.so.{version}"), "ELF")
                .link(
                    &format!("{directory}/{stem}.so.1"),
                    &format!("{stem}.so.{version}"),
                );
        }
        self
    }

    /// Puts a library with its version behind a link of its name.
    pub(crate) fn library(self, directory: &str, soname: &str, version: &str) -> Self {
        let stem = soname.split(".so").next().unwrap();
        let real = format!("{stem}.so.{version}");
        let machine = self.file(&format!("{directory}/{real}"), version);
        machine.link(&format!("{directory}/{soname}"), &real)
    }

    pub(crate) fn set(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_string(), value.to_string());
        self
    }

    pub(crate) fn saw(mut self, observation: Observation) -> Self {
        self.observation = Some(observation);
        self
    }

    pub(crate) fn unasked(mut self) -> Self {
        self.observation = None;
        self
    }

    /// Makes an environment; `gpu` is what its recipe says.
    pub(crate) fn environment(mut self, platform: &str, gpu: Option<Gpu>) -> Self {
        self.environment = Some((platform.to_string(), gpu));
        self.file("envs/x/conda-meta/history", "")
            .file("envs/x/bin/python", "")
            .file("envs/x/lib/python3.11/site-packages/README.txt", "")
    }

    pub(crate) fn package(self, name: &str, version: &str, build: &str, depends: &[&str]) -> Self {
        self.package_of("conda-forge", name, version, build, depends)
    }

    pub(crate) fn package_of(
        self,
        channel: &str,
        name: &str,
        version: &str,
        build: &str,
        depends: &[&str],
    ) -> Self {
        let record = json!({
            "name": name, "version": version, "build": build, "depends": depends, "files": [],
            "channel": format!("https://conda.anaconda.org/{channel}/linux-64"),
        });
        let path = format!("envs/x/conda-meta/{name}-{version}-{build}.json");
        self.file(&path, &record.to_string())
    }

    pub(crate) fn wheel(self, name: &str, version: &str, tag: &str) -> Self {
        let folder = format!("envs/x/lib/python3.11/site-packages/{name}-{version}.dist-info");
        self.file(&format!("{folder}/INSTALLER"), "uv\n").file(
            &format!("{folder}/WHEEL"),
            &format!("Wheel-Version: 1.0\nTag: cp311-cp311-{tag}\n"),
        )
    }

    /// What the probe of the environment's libraries saw.
    pub(crate) fn loaded(mut self, seen: LibraryObservation) -> Self {
        self.library = Some(seen);
        self
    }

    /// What the probe of a framework saw.
    pub(crate) fn tried(mut self, seen: FrameworkObservation) -> Self {
        self.frameworks.push(seen);
        self
    }

    /// Returns what the doctor says.
    pub(crate) fn examine(&self) -> Examination {
        let host = self.host();
        let environment = self
            .environment
            .as_ref()
            .map(|(platform, gpu)| facts::environment(&self.prefix(), platform, *gpu));
        doctor::examine(&Case {
            host: &host,
            environment: environment.as_ref(),
            observation: self.observation.as_ref(),
            library: self.library.as_ref(),
            frameworks: &self.frameworks,
            facts: Facts::shipped(),
        })
    }

    pub(crate) fn host(&self) -> HostFacts {
        let home = self.root().join("home/u");
        let variable = |name: &str| self.variables.get(name).cloned();
        let mut host = facts::host(self.root(), &variable, Some(&home));
        // The rules of Linux are tested wherever the tests run.
        host.os = "linux".to_string();
        host
    }
}

/// The UUID of a simulated GPU.
pub(crate) fn uuid(number: u8) -> String {
    format!("GPU-{number:08x}-2222-3333-4444-555555555555")
}

fn driver_of(observation: &mut Observation) {
    observation.driver = Some(DriverFile {
        file: "/usr/lib/x86_64-linux-gnu/libcuda.so.1".to_string(),
        version: None,
    });
}

/// What the probe sees where GPUs of these compute capabilities compute.
pub(crate) fn computing(cuda: &str, capabilities: &[&str]) -> Observation {
    let mut seen = Observation::new("linux", End::Finished);
    driver_of(&mut seen);
    seen.cuda = cuda.parse().ok();
    seen.device_count = Some(capabilities.len() as u32);
    for (ordinal, capability) in capabilities.iter().enumerate() {
        let mut device = DeviceObservation::new(ordinal as u32);
        device.name = Some("NVIDIA A100-SXM4-40GB".to_string());
        device.uuid = Some(uuid(ordinal as u8 + 1));
        device.compute_capability = capability.parse().ok();
        device.comparison = Some(Comparison {
            elements: 1_048_613,
            wrong: 0,
            first_wrong: None,
        });
        seen.devices.push(device);
    }
    seen
}

/// What the probe sees where there is no driver.
pub(crate) fn no_driver() -> Observation {
    let mut seen = Observation::new("linux", End::Finished);
    seen.load_attempts.push(LoadAttempt {
        file: "libcuda.so.1".to_string(),
        exists: false,
        error: "libcuda.so.1: cannot open shared object file: No such file or directory"
            .to_string(),
    });
    seen
}

/// What the probe sees where a call fails: `cuInit`, or one on the first device.
pub(crate) fn broken_call(call: &str, number: i32) -> Observation {
    let mut seen = Observation::new("linux", End::Finished);
    driver_of(&mut seen);
    seen.cuda = "12.4".parse().ok();
    let failed = FailedCall {
        call: call.to_string(),
        number,
        name: None,
        text: None,
        device: None,
    };
    match call {
        "cuInit" => seen.failures.push(failed),
        _ => {
            seen = computing("12.4", &["8.0"]);
            seen.devices[0].comparison = None;
            seen.devices[0].failures.push(FailedCall {
                device: Some(0),
                ..failed
            });
        }
    }
    seen
}

/// What the probe sees where the driver shows no device.
pub(crate) fn no_device() -> Observation {
    broken_call("cuInit", 100)
}
