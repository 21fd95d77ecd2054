//! Which devices a program gets to see.

use super::{Case, Finding};
use crate::probe::ComputeMode;

/// P40: MIG without an instance that is chosen, or with one that is gone.
pub(super) fn mig(case: &Case<'_>) -> Option<Finding> {
    if case.computes() {
        return None;
    }
    let list = case.variable("CUDA_VISIBLE_DEVICES");
    let chosen = list.is_some_and(|list| list.trim_start().starts_with("MIG-"));
    let instances = case.host.mig_instances;
    let refused = case.failed(&[101]);
    let none = case.sees_no_device();
    if refused.is_none() && !none {
        return None;
    }
    let finding = if chosen && instances == 0 && none {
        Finding::broken(
            40,
            "the MIG instance that `CUDA_VISIBLE_DEVICES` names is gone",
            "the instances were destroyed or made anew, which gives them other UUIDs",
        )
        .seen("the kernel module lists no MIG instance")
    } else if !chosen && (instances > 0 || refused.is_some()) {
        let finding = Finding::broken(
            40,
            "MIG is enabled, and no instance is chosen",
            "a program sees one instance only, the one that `CUDA_VISIBLE_DEVICES` names",
        );
        match instances {
            0 => finding.possible(),
            count => finding.seen(format!("the kernel module lists {count} MIG instances")),
        }
    } else {
        return None;
    };
    let finding = match list {
        Some(list) => finding.seen(format!("`CUDA_VISIBLE_DEVICES` is `{list}`")),
        None => finding,
    };
    let finding = match refused {
        Some((_, failed)) => finding.seen(failed.to_string()),
        None => finding,
    };
    Some(
        finding
            .fix("list them: `nvidia-smi -L`, then `export CUDA_VISIBLE_DEVICES=MIG-…` with one of the UUIDs")
            .fix("if it lists none, the administrator makes them: `sudo nvidia-smi mig -cgi … -C`"),
    )
}

/// P41: `CUDA_VISIBLE_DEVICES` hides GPUs.
pub(super) fn hidden(case: &Case<'_>) -> Option<Finding> {
    let list = case.variable("CUDA_VISIBLE_DEVICES")?;
    let words: Vec<&str> = list.split(',').map(str::trim).collect();
    let wrong = words.iter().position(|word| !names_a_gpu(case, word));
    let none = case.sees_no_device();
    if !none && (wrong.is_none() || !case.computes()) {
        return None;
    }
    let on_purpose = "an empty list, or -1, hides every GPU, as some job scripts do on purpose";
    let (summary, cause) = match (none, wrong) {
        (true, _) if list.is_empty() || list == "-1" || list == "NoDevFiles" => (
            format!("`CUDA_VISIBLE_DEVICES` is `{list}` and hides every GPU"),
            on_purpose.to_string(),
        ),
        (true, _) => (
            format!("`CUDA_VISIBLE_DEVICES` is `{list}` and hides every GPU"),
            "its first word names no GPU of this machine, and a list ends at its first wrong word"
                .to_string(),
        ),
        (false, Some(at)) => (
            format!("`CUDA_VISIBLE_DEVICES` is `{list}`, of which only the first {at} count"),
            format!(
                "`{}` names no GPU of this machine, and a list ends at its first wrong word",
                words[at]
            ),
        ),
        (false, None) => return None,
    };
    let mut finding = match none {
        true => Finding::broken(41, summary, cause),
        false => Finding::doubtful(41, summary, cause),
    };
    for gpu in &case.host.driven {
        let name = gpu.model.as_deref().unwrap_or("a GPU");
        let uuid = gpu.uuid.as_deref().unwrap_or("without a UUID");
        finding = finding.seen(format!("the kernel module drives {name} ({uuid})"));
    }
    let uuids: Vec<&str> = case
        .host
        .driven
        .iter()
        .filter_map(|gpu| gpu.uuid.as_deref())
        .collect();
    Some(match uuids.as_slice() {
        [] => finding.fix("`unset CUDA_VISIBLE_DEVICES`: then every GPU is seen"),
        uuids => finding
            .fix(format!("`export CUDA_VISIBLE_DEVICES={}`", uuids.join(",")))
            .fix("or `unset CUDA_VISIBLE_DEVICES`: then every GPU is seen"),
    })
}

/// Tells whether a word may name a GPU of this machine; what is not known may.
fn names_a_gpu(case: &Case<'_>, word: &str) -> bool {
    let driven = &case.host.driven;
    if word.starts_with("MIG") || driven.is_empty() {
        return !word.is_empty() && word != "-1" && word != "NoDevFiles";
    }
    match word.parse::<usize>() {
        Ok(index) => index < driven.len(),
        Err(_) if word.starts_with("GPU-") => driven
            .iter()
            .any(|gpu| gpu.uuid.as_ref().is_none_or(|uuid| uuid.starts_with(word))),
        Err(_) => false,
    }
}

/// P55: a GPU that nobody may use.
pub(super) fn prohibited(case: &Case<'_>) -> Option<Finding> {
    let observation = case.observation?;
    let prohibited = |mode| mode == Some(ComputeMode::Prohibited);
    let mut devices = observation.devices.iter();
    let device = devices.find(|device| prohibited(device.compute_mode))?;
    let ordinal = device.ordinal;
    Some(
        Finding::broken(
            55,
            format!("the compute mode of GPU {ordinal} is `prohibited`"),
            "the administrator lets no program compute on it",
        )
        .fix(format!("`sudo nvidia-smi -i {ordinal} -c DEFAULT`"))
        .fix("or take another GPU with `CUDA_VISIBLE_DEVICES`"),
    )
}

/// P41: the driver starts and shows nothing, and nothing else explains it.
pub(super) fn none_visible(case: &Case<'_>) -> Option<Finding> {
    if !case.sees_no_device() {
        return None;
    }
    let mut finding = Finding::broken(
        41,
        "the driver sees no device",
        "the driver is there, and no GPU that it can use",
    )
    .possible()
    .related(57);
    for (path, access) in &case.host.nodes {
        if *access != super::Access::Allowed {
            finding = finding.seen(format!("`{path}` is there and may not be opened"));
        }
    }
    if case.host.gpus.is_empty() && case.host.os == "linux" {
        finding = finding.seen("no NVIDIA GPU on the PCI bus");
    }
    Some(
        finding
            .fix("see what the driver lists: `nvidia-smi -L`")
            .fix("see who may open the devices: `ls -l /dev/nvidia*`"),
    )
}
