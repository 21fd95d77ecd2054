//! Wheels that compute on the CPU only, and wheels that bring CUDA along.
//!
//! Names, local versions (`+cpu`, `+cu121`) and what lies beside a wheel say it;
//! where they do not, a wheel is left alone.

use pep508_rs::pep440_rs::Version;
use rattler_conda_types::Subdir;

use super::{Wheel, WheelError};
use crate::{Code, Diagnostic, Plan, plan::Gpu};

/// Returns why a wheel computes on the CPU only, if it does.
pub fn cpu_only(platform: Subdir, wheel: &Wheel, all: &[Wheel]) -> Option<&'static str> {
    if let Some(local) = local(wheel)
        && matches!(
            wheel.name.as_str(),
            "torch" | "torchvision" | "torchaudio" | "jaxlib"
        )
    {
        let is_cuda = local.starts_with("cu");
        return (!is_cuda).then_some("its version names no CUDA behind the `+`");
    }
    let has = |beginning: &str| all.iter().any(|other| other.name.starts_with(beginning));
    match wheel.name.as_str() {
        "torch" if platform.is_windows() => {
            Some("the wheels of torch for Windows on PyPI hold no GPU code")
        }
        "torch" if platform == Subdir::LinuxAarch64 && !has("nvidia-") => {
            Some("the wheels of torch for aarch64 on PyPI hold no GPU code")
        }
        "tensorflow" if platform.is_windows() && from(wheel, [2, 11]) => {
            Some("from 2.11 on, TensorFlow for Windows holds no GPU code")
        }
        "tensorflow-intel" if from(wheel, [2, 11]) => {
            Some("from 2.11 on, TensorFlow for Windows holds no GPU code")
        }
        "jaxlib" if from(wheel, [0, 4]) && !has("jax-cuda") => {
            Some("JAX finds a GPU only with the wheel `jax-cuda12-plugin` or `jax-cuda13-plugin`")
        }
        name if name.ends_with("-cpu") => Some("its name says so"),
        _ => None,
    }
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
pub fn check_builds(gpu: Gpu, platform: Subdir, wheels: &[Wheel]) -> Result<(), WheelError> {
    let mut each = wheels.iter();
    let refused = match gpu {
        Gpu::Optional => None,
        Gpu::Required => each.find_map(|wheel| {
            let reason = cpu_only(platform, wheel, wheels)?;
            let wheel = wheel.label();
            Some(WheelError::CpuOnly {
                wheel,
                platform,
                reason,
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
pub fn notes(plan: &Plan, wheels: &[Wheel]) -> Vec<Diagnostic> {
    if plan.gpu != Gpu::Optional {
        return Vec::new();
    }
    let platform = plan.platform();
    let told = wheels.iter().filter_map(|wheel| {
        let reason = cpu_only(platform, wheel, wheels)?;
        let message = format!("{platform}: `{}` is a build for the CPU", wheel.label());
        let note = Diagnostic::warning(Code::BUILDS_CPU_TAKEN, message);
        Some(
            HELP.iter()
                .fold(note.cause(reason), |note, help| note.help(*help)),
        )
    });
    told.collect()
}

/// What to do about a wheel without GPU code.
pub(super) const HELP: [&str; 2] = [
    "take the package from conda-forge: move its line from `pypi-dependencies` to `dependencies`",
    "or name an index that has CUDA builds, for example `export UV_INDEX=https://download.pytorch.org/whl/cu126`",
];
