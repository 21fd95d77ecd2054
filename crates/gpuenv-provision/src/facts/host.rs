//! A machine, put together.

use std::{collections::BTreeMap, path::Path};

use gpuenv_core::doctor::{HostFacts, Toolkit};

use super::{bus, libraries, root::Root, surroundings};
use crate::space;

/// The variables that decide what a program sees of a GPU.
const VARIABLES: [&str; 35] = [
    "APPTAINER_CONTAINER",
    "CONDA_OVERRIDE_CUDA",
    "CONDA_OVERRIDE_CUDA_ARCH",
    "CONDA_OVERRIDE_GLIBC",
    "CONDA_PREFIX",
    "CUDA_DEVICE_ORDER",
    "CUDA_HOME",
    "CUDA_PATH",
    "CUDA_VERSION",
    "CUDA_VISIBLE_DEVICES",
    "GPU_DEVICE_ORDINAL",
    "KUBERNETES_SERVICE_HOST",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "LOADEDMODULES",
    "NVIDIA_DRIVER_CAPABILITIES",
    "NVIDIA_REQUIRE_CUDA",
    "NVIDIA_VISIBLE_DEVICES",
    "PYTHONHOME",
    "PYTHONNOUSERSITE",
    "PYTHONPATH",
    "SINGULARITY_CONTAINER",
    "SLURM_GPUS",
    "SLURM_JOB_GPUS",
    "SLURM_JOB_ID",
    "SLURM_STEP_GPUS",
    "TF_CPP_MIN_LOG_LEVEL",
    "TF_FORCE_GPU_ALLOW_GROWTH",
    "VIRTUAL_ENV",
    "WSL_DISTRO_NAME",
    "WSL_INTEROP",
    "XLA_FLAGS",
    "XLA_PYTHON_CLIENT_PREALLOCATE",
    "ZE_AFFINITY_MASK",
    "container",
];

/// No value is kept longer than this, in characters.
const LONGEST_VALUE: usize = 8192;

/// Looks at a machine whose files lie below `root`.
///
/// `variable` gives the environment that programs will run in, `home` is the
/// user's home directory.
pub fn host(
    root: &Path,
    variable: &dyn Fn(&str) -> Option<String>,
    home: Option<&Path>,
) -> HostFacts {
    let root = Root(root);
    let kernel = surroundings::kernel(&root);
    let (gpus, switches) = bus::devices(&root);
    let search = variable("LD_LIBRARY_PATH");
    let named = libraries::directories(search.as_deref());
    let configured = libraries::configured(&root);
    let fabric_manager = (!switches.is_empty()).then(|| surroundings::fabric_manager(&root));
    let suspends = root.line("/sys/power/suspend_stats/success");
    HostFacts {
        os: std::env::consts::OS.to_string(),
        windows_build: surroundings::windows_build(),
        distribution: surroundings::distribution(&root),
        glibc: surroundings::glibc(&root),
        module: bus::module(&root, kernel.as_deref()),
        driven: bus::driven(&root),
        mig_instances: bus::mig_instances(&root),
        nodes: nodes(&root),
        libraries: libraries::of_driver(&root, &named, &configured),
        container: surroundings::container(&root, variable),
        wsl: surroundings::wsl(kernel.as_deref()),
        tegra: surroundings::tegra(&root),
        search: libraries::searched(&root, &named),
        loader_knows_wsl: configured.iter().any(|line| line == "/usr/lib/wsl/lib"),
        user_sites: home.map(surroundings::user_sites).unwrap_or_default(),
        toolkit: Toolkit {
            libdevice: root.exists("/usr/local/cuda/nvvm/libdevice"),
            ptxas: root.exists("/usr/local/cuda/bin/ptxas"),
        },
        suspends: suspends.and_then(|count| count.parse().ok()),
        memory: surroundings::memory(&root),
        home_free: home.and_then(space::free).map(|(_, free)| free),
        variables: variables(variable),
        fabric_manager,
        switches,
        gpus,
        kernel,
    }
}

fn variables(variable: &dyn Fn(&str) -> Option<String>) -> BTreeMap<String, String> {
    let kept = |name: &&str| {
        let value: String = variable(name)?.chars().take(LONGEST_VALUE).collect();
        Some((name.to_string(), value))
    };
    VARIABLES.iter().filter_map(kept).collect()
}

fn nodes(root: &Root<'_>) -> BTreeMap<String, gpuenv_core::doctor::Access> {
    let names = root.names("/dev").into_iter();
    let wanted = names.filter(|name| {
        let numbered = name
            .strip_prefix("nvidia")
            .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()) && !rest.is_empty());
        numbered || ["nvidiactl", "nvidia-uvm", "dxg", "nvhost-gpu"].contains(&name.as_str())
    });
    let paths = wanted.map(|name| format!("/dev/{name}"));
    let found = paths.filter_map(|path| Some((path.clone(), root.access(&path)?)));
    found.collect()
}
