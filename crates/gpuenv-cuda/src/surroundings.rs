//! What lies around the driver and decides what it can do.

use std::{collections::BTreeMap, env};

/// Variables that change what the driver shows or which driver is loaded.
const VARIABLES: [&str; 8] = [
    "CUDA_DEVICE_ORDER",
    "CUDA_DISABLE_PTX_JIT",
    "CUDA_MPS_PIPE_DIRECTORY",
    "CUDA_VISIBLE_DEVICES",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "NVIDIA_VISIBLE_DEVICES",
    "SLURM_JOB_ID",
];

/// No value is kept longer than this.
const LONGEST_VALUE: usize = 4096;

/// Returns the variables that matter, as they are set.
pub(crate) fn variables() -> BTreeMap<String, String> {
    let set = VARIABLES.iter().filter_map(|name| {
        let value = env::var_os(name)?;
        let value: String = value
            .to_string_lossy()
            .chars()
            .take(LONGEST_VALUE)
            .collect();
        Some((name.to_string(), value))
    });
    set.collect()
}

/// Returns the version of the loaded kernel module, where the system tells it.
pub(crate) fn kernel_module() -> Option<String> {
    let version = fs_err::read_to_string("/sys/module/nvidia/version").ok()?;
    Some(version.trim().to_string()).filter(|version| !version.is_empty())
}
