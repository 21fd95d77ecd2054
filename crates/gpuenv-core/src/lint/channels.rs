//! Channels: those that ended, those that must not be mixed.

use super::{Finding, Subject, subject::Kind};
use crate::{Code, facts::Facts, import::Format};

pub(super) fn check(subject: &Subject<'_>, facts: &Facts, found: &mut Vec<Finding>) {
    frozen(subject, facts, found);
    defaults(subject, found);
    mixed(subject, found);
}

/// PyTorch's own channel ended.
fn frozen(subject: &Subject<'_>, facts: &Facts, found: &mut Vec<Finding>) {
    let last = &facts.torch.last_on_pytorch_channel;
    let Some(channel) = subject.channel("pytorch") else {
        return;
    };
    let finding = Finding::warning(
        Code::LINT_FROZEN_CHANNEL,
        format!("the channel `pytorch` ended with PyTorch {last}"),
    )
    .because("newer releases, and CUDA newer than 12.4, are on conda-forge and PyPI only")
    .help("take `pytorch-gpu` from `conda-forge`: it can only be had with a CUDA build")
    .help("or keep an old release on purpose, with its version: `pytorch 2.5.1`");
    let finding = subject.mark(finding, channel.at);
    found.push(finding.fix(to_conda_forge(subject)));
}

/// Returns the edits that bring an environment from the channels `pytorch` and `nvidia` to conda-forge.
///
/// A pinned release stays where it is: conda-forge may not have that build.
fn to_conda_forge(subject: &Subject<'_>) -> Vec<super::Edit> {
    let pytorch = subject.package("pytorch");
    if pytorch.is_some_and(super::Spot::has_version) || subject.package("cpuonly").is_some() {
        return Vec::new();
    }
    let Some(channel) = subject.channel("pytorch") else {
        return Vec::new();
    };
    // `defaults` becomes conda-forge by its own finding.
    let has_forge = subject
        .channels
        .iter()
        .any(|c| matches!(c.name.as_str(), "conda-forge" | "defaults") && c.at.is_some());
    let mut edits = match has_forge {
        false => subject.replace(channel, "conda-forge"),
        true => subject.delete_channel(channel.at),
    };
    let nvidia = subject.channel("nvidia");
    let is_asked = |package: &super::Spot| package.text.starts_with("nvidia::");
    if let (Some(nvidia), false) = (nvidia, subject.packages.iter().any(is_asked)) {
        edits.extend(subject.delete_channel(nvidia.at));
    }
    if let Some(pytorch) = pytorch {
        edits.extend(subject.replace(pytorch, "pytorch-gpu"));
    }
    if let Some(cuda) = subject.package("pytorch-cuda") {
        // conda-forge builds for 11.8, and one build for all of 12.
        let version = match cuda.pin() {
            Some((11, _)) => "11.8.*",
            _ => "12.*",
        };
        edits.extend(subject.replace(cuda, &subject.conda_text("cuda-version", version)));
    }
    edits
}

/// `defaults` is a setting, and a mix with conda-forge breaks.
fn defaults(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let Some(channel) = subject.channel("defaults") else {
        return;
    };
    let has_forge = subject.channel("conda-forge").is_some();
    let finding = Finding::warning(
        Code::LINT_DEFAULTS,
        match has_forge {
            true => "`defaults` is mixed with `conda-forge`",
            false => "`defaults` is not a channel but a setting of conda",
        },
    )
    .because("its packages are built with other compilers and names, and its terms ask many organisations to pay")
    .help("take `conda-forge` alone, or write `pkgs/main` if it must be Anaconda's");
    let edits = match (has_forge, subject.kind) {
        (true, Kind::File(Format::EnvironmentYml)) => subject.replace(channel, "nodefaults"),
        (true, _) => subject.delete_channel(channel.at),
        (false, Kind::File(Format::EnvironmentYml)) => {
            let mut edits = subject.replace(channel, "conda-forge");
            edits.extend(subject.add_behind(channel.at, "nodefaults"));
            edits
        }
        (false, _) => subject.replace(channel, "conda-forge"),
    };
    found.push(subject.mark(finding, channel.at).fix(edits));
}

/// CUDA of two builders in one environment.
fn mixed(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let nvidia = subject
        .channels
        .iter()
        .find(|c| c.name == "nvidia" || c.name.starts_with("nvidia/"));
    let (Some(nvidia), Some(_)) = (nvidia, subject.channel("conda-forge")) else {
        return;
    };
    if subject.channel("pytorch").is_some() {
        return;
    }
    let finding = Finding::note(
        Code::LINT_MIXED_SOURCES,
        format!("`{}` and `conda-forge` both have CUDA, under the same names", nvidia.name),
    )
    .because("which parts come from where depends on the order of the channels, and they are built apart")
    .help("take `conda-forge` alone: it has CUDA, cuDNN, NCCL and the compiler");
    let is_needed = subject
        .packages
        .iter()
        .any(|package| package.text.starts_with("nvidia"));
    let edits = match is_needed {
        true => Vec::new(),
        false => subject.delete_channel(nvidia.at),
    };
    found.push(subject.mark(finding, nvidia.at).fix(edits));
}
