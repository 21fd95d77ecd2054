//! Wheels that compute on the CPU only, and wheels that bring CUDA along.
//!
//! Names, local versions (`+cpu`, `+cu121`) and what lies beside a wheel say it;
//! where they do not, a wheel is left alone.

use pep508_rs::pep440_rs::Version;
use rattler_conda_types::{RepoDataRecord, Subdir};

use super::{Wheel, WheelError};
use crate::{Code, Diagnostic, Plan, plan::Gpu};

/// Why a wheel computes on the CPU only, and what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CpuOnly {
    /// How that is known.
    pub reason: &'static str,
    /// What to do.
    pub help: &'static [&'static str],
}

fn of_torch(reason: &'static str) -> Option<CpuOnly> {
    let help = &HELP;
    Some(CpuOnly { reason, help })
}

fn renamed(reason: &'static str, help: &'static [&'static str]) -> Option<CpuOnly> {
    Some(CpuOnly { reason, help })
}

/// Returns why a wheel computes on the CPU only, if it does.
///
/// `all` are the wheels of the environment, `records` its conda packages.
pub fn cpu_only(
    platform: Subdir,
    wheel: &Wheel,
    all: &[Wheel],
    records: &[RepoDataRecord],
) -> Option<CpuOnly> {
    if let Some(local) = local(wheel)
        && matches!(
            wheel.name.as_str(),
            "torch" | "torchvision" | "torchaudio" | "jaxlib"
        )
    {
        let is_cuda = local.starts_with("cu");
        return match is_cuda {
            true => None,
            false => of_torch("its version names no CUDA behind the `+`"),
        };
    }
    let has = |beginning: &str| all.iter().any(|other| other.name.starts_with(beginning));
    match wheel.name.as_str() {
        "torch" if platform.is_windows() => {
            of_torch("the wheels of torch for Windows on PyPI hold no GPU code")
        }
        "torch" if platform == Subdir::LinuxAarch64 && !has("nvidia-") => {
            of_torch("the wheels of torch for aarch64 on PyPI hold no GPU code")
        }
        "tensorflow" if platform.is_windows() && from(wheel, [2, 11]) => renamed(
            "from 2.11 on, TensorFlow for Windows holds no GPU code",
            OLD_TENSORFLOW,
        ),
        "tensorflow-intel" if from(wheel, [2, 11]) => renamed(
            "from 2.11 on, TensorFlow for Windows holds no GPU code",
            OLD_TENSORFLOW,
        ),
        "tensorflow" if platform == Subdir::LinuxAarch64 => renamed(
            "the wheels of TensorFlow for aarch64 hold no GPU code",
            &[
                "take it for linux-64, or another framework: `pytorch-gpu` of conda-forge is for aarch64 too",
            ],
        ),
        // For macOS there is no other build.
        "tensorflow" | "onnxruntime" if platform.is_osx() => None,
        "tensorflow" if !has("nvidia-cudnn") && !conda_has_cudnn(records) => renamed(
            "it loads CUDA and cuDNN from elsewhere, and the environment has no cuDNN",
            &[
                "write `tensorflow[and-cuda]` in `pypi-dependencies` (2.14 and newer)",
                "or add `cudatoolkit` and `cudnn` of the versions that it was built with to `dependencies`, as the recipe `tf210-gpu` does",
            ],
        ),
        "jaxlib" if from(wheel, [0, 4]) && !has("jax-cuda") => renamed(
            "JAX finds a GPU only with the wheel `jax-cuda12-plugin` or `jax-cuda13-plugin`",
            &[
                "write `jax[cuda12]` in `pypi-dependencies`",
                "or take `jax` and `jaxlib * *cuda*` from conda-forge, in `dependencies`",
            ],
        ),
        "onnxruntime" if !has("onnxruntime-gpu") => renamed(
            "the GPU code is in the wheel `onnxruntime-gpu`",
            &["write `onnxruntime-gpu` instead of `onnxruntime` in `pypi-dependencies`"],
        ),
        "paddlepaddle" => renamed(
            "the GPU code is in the wheel `paddlepaddle-gpu`",
            &["write `paddlepaddle-gpu` instead of `paddlepaddle` in `pypi-dependencies`"],
        ),
        "mxnet" => renamed(
            "the GPU code is in wheels such as `mxnet-cu112`",
            &["write `mxnet-cu112` instead of `mxnet` in `pypi-dependencies`"],
        ),
        name if name.ends_with("-cpu") => of_torch("its name says so"),
        _ => None,
    }
}

fn conda_has_cudnn(records: &[RepoDataRecord]) -> bool {
    let mut names = records
        .iter()
        .map(|record| record.package_record.name.as_normalized());
    names.any(|name| name == "cudnn" || name == "libcudnn")
}

/// Returns whether a wheel brings CUDA along.
fn brings_cuda(platform: Subdir, wheel: &Wheel) -> bool {
    let name = wheel.name.as_str();
    let is_torch = matches!(name, "torch" | "torchvision" | "torchaudio");
    match local(wheel) {
        Some(local) => is_torch && local.starts_with("cu"),
        None => {
            (name == "torch" && platform == Subdir::Linux64)
                || name.starts_with("nvidia-cuda-runtime")
                || name.starts_with("nvidia-cublas")
                || name.starts_with("nvidia-cudnn")
        }
    }
}

fn local(wheel: &Wheel) -> Option<&str> {
    wheel.version.split_once('+').map(|(_, local)| local)
}

fn from(wheel: &Wheel, version: [u64; 2]) -> bool {
    let parsed = wheel.parsed_version();
    parsed.is_some_and(|parsed| parsed >= Version::new(version))
}

/// Refuses wheels that `gpu` rules out.
///
/// # Errors
/// Names the first one.
pub fn check_builds(
    gpu: Gpu,
    platform: Subdir,
    wheels: &[Wheel],
    records: &[RepoDataRecord],
) -> Result<(), WheelError> {
    let mut each = wheels.iter();
    let refused = match gpu {
        Gpu::Optional => None,
        Gpu::Required => each.find_map(|wheel| {
            let why = cpu_only(platform, wheel, wheels, records)?;
            let wheel = wheel.label();
            Some(WheelError::CpuOnly {
                wheel,
                platform,
                why,
            })
        }),
        Gpu::None => each
            .find(|wheel| brings_cuda(platform, wheel))
            .map(|wheel| WheelError::CudaUnwanted {
                wheel: wheel.label(),
                platform,
            }),
    };
    refused.map_or(Ok(()), Err)
}

/// Returns what should be known about wheels that were chosen.
pub fn notes(plan: &Plan, wheels: &[Wheel], records: &[RepoDataRecord]) -> Vec<Diagnostic> {
    if plan.gpu != Gpu::Optional {
        return Vec::new();
    }
    let platform = plan.platform();
    let told = wheels.iter().filter_map(|wheel| {
        let CpuOnly { reason, help } = cpu_only(platform, wheel, wheels, records)?;
        let message = format!("{platform}: `{}` is a build for the CPU", wheel.label());
        let note = Diagnostic::warning(Code::BUILDS_CPU_TAKEN, message);
        Some(
            help.iter()
                .fold(note.cause(reason), |note, help| note.help(*help)),
        )
    });
    told.collect()
}

/// What to do about a TensorFlow for Windows without GPU code.
const OLD_TENSORFLOW: &[&str] = &[
    "write `tensorflow <2.11` in `pypi-dependencies`, as the recipe `tf210-gpu` does",
    "or use WSL2: the recipe `tf-gpu` on linux-64",
];

/// What to do about a wheel without GPU code.
const HELP: [&str; 2] = [
    "take the package from conda-forge: move its line from `pypi-dependencies` to `dependencies`",
    "or name an index that has CUDA builds, for example `export UV_INDEX=https://download.pytorch.org/whl/cu126`",
];
