//! Whether the environment's binaries have code for the GPU that is here.

use super::{Case, Finding, Package, case::major_minor};
use crate::target::{ComputeCapability, CudaVersion};

/// The first cuDNN without code for GPUs before Turing.
const CUDNN_FROM_TURING: &str = "9.11";

/// P10: PyTorch, or any CUDA of the environment, does not know the GPU.
pub(super) fn torch_architecture(case: &Case<'_>) -> Option<Finding> {
    let environment = case.environment.filter(|_| case.expects_gpu())?;
    let gpu = case.capability()?;
    let cuda = major_minor(environment.cuda()?)?;
    if let Some(torch) = environment
        .torch()
        .filter(|torch| torch.cuda != Some(false))
        && let Some(finding) = wheel_of_torch(case, torch, gpu, cuda)
    {
        return Some(finding);
    }
    let row = case.facts.architectures.get(gpu)?;
    let (first, last) = (row.first, row.last);
    let (known, likely) = match last {
        Some(last) if cuda > last => (format!("CUDA {last} is the last that knows it"), false),
        // PTX of an older CUDA may still be compiled for it when it is loaded.
        _ if cuda < first => (format!("CUDA {first} is the first that knows it"), true),
        _ => return None,
    };
    let wanted = last.filter(|last| cuda > *last).unwrap_or(first);
    let finding = Finding::doubtful(
        10,
        format!(
            "CUDA {cuda} of the environment does not know this GPU ({}, compute capability {gpu})",
            row.name
        ),
        known,
    )
    .seen(format!("the lowest compute capability here is {gpu}"))
    .fix(format!(
        "write `cuda-version ={wanted}` into the recipe, and lock again"
    ));
    Some(if likely { finding.likely() } else { finding })
}

/// Looks the build up whose architectures are known: wheels, and the channel `pytorch`.
fn wheel_of_torch(
    case: &Case<'_>,
    torch: &Package,
    gpu: ComputeCapability,
    cuda: CudaVersion,
) -> Option<Finding> {
    if !torch.wheel && !torch.channel.contains("pytorch") {
        return None;
    }
    let version = major_minor(&torch.version)?;
    let platform = &case.environment?.platform;
    let rows = &case.facts.torch.architectures;
    let of_platform = rows.iter().filter(|row| row.platform == *platform);
    let same: Vec<_> = of_platform.filter(|row| row.pytorch == version).collect();
    let row = same.iter().find(|row| row.cuda == cuda)?;
    if row.runs_on(gpu) {
        return None;
    }
    let list: Vec<String> = row.sm.iter().map(ToString::to_string).collect();
    let finding = Finding::broken(
        10,
        format!(
            "{} for CUDA {cuda} has no code for this GPU (compute capability {gpu})",
            torch.label()
        ),
        format!("it was built for {}", list.join(", ")),
    )
    .seen(format!("so says: {}", row.evidence));
    let better: Vec<String> = same
        .iter()
        .filter(|row| row.runs_on(gpu))
        .map(|row| row.cuda.to_string())
        .collect();
    Some(match better.is_empty() {
        false => finding.fix(format!(
            "take PyTorch {version} for CUDA {}",
            better.join(" or ")
        )),
        true => finding.fix("take another version of PyTorch, one that has code for this GPU"),
    })
}

/// P12: a cuDNN that left the GPU behind.
pub(super) fn cudnn_architecture(case: &Case<'_>) -> Option<Finding> {
    let environment = case.environment.filter(|_| case.expects_gpu())?;
    let gpu = case.capability()?;
    let turing = ComputeCapability { major: 7, minor: 5 };
    let is_cudnn = |p: &&Package| p.name == "cudnn" || p.name.starts_with("nvidia-cudnn-cu");
    let cudnn = environment.packages.iter().find(is_cudnn)?;
    (gpu < turing && cudnn.at_least(CUDNN_FROM_TURING)).then(|| {
        Finding::doubtful(
            12,
            format!(
                "{} has no code for this GPU (compute capability {gpu})",
                cudnn.label()
            ),
            format!("cuDNN {CUDNN_FROM_TURING} and newer need compute capability {turing}"),
        )
        .fix(format!(
            "write `cudnn <{CUDNN_FROM_TURING}` into the recipe, and lock again"
        ))
    })
}
