//! One line for each level: what was seen there.

use super::{Access, Case, Rung};

/// Returns what was seen at a level.
pub(super) fn at(rung: Rung, case: &Case<'_>) -> String {
    let host = case.host;
    match rung {
        Rung::Hardware => hardware(case),
        Rung::Module => match (&host.module.loaded, host.module.nouveau) {
            (Some(version), _) => format!("version {version} is loaded"),
            (None, true) => "nouveau is loaded".to_string(),
            (None, false) if host.wsl.is_some() => "WSL needs none".to_string(),
            (None, false) => "none is loaded".to_string(),
        },
        Rung::Nodes => {
            let nodes = &host.nodes;
            let closed = nodes
                .values()
                .filter(|access| **access != Access::Allowed)
                .count();
            let container = host
                .container
                .as_deref()
                .map(|c| format!(", in a container ({c})"));
            let count = nodes.len();
            format!(
                "{count} there, {closed} closed{}",
                container.unwrap_or_default()
            )
        }
        Rung::Library => library(case),
        Rung::Init => match case.observation.and_then(|o| o.cuda) {
            Some(cuda) => format!("the driver supports CUDA {cuda}"),
            None => "the driver said nothing".to_string(),
        },
        Rung::Devices => {
            let devices = case.observation.map_or(&[][..], |o| &o.devices);
            let names = devices
                .iter()
                .map(|device| device.name.as_deref().unwrap_or("unnamed"));
            let names: Vec<&str> = names.collect();
            match names.is_empty() {
                true => "none".to_string(),
                false => format!("{}: {}", names.len(), names.join(", ")),
            }
        }
        Rung::Compute => match case.computes() {
            true => "every number that was computed is right".to_string(),
            false => "not proved".to_string(),
        },
        Rung::Packages => case.environment.map_or_else(String::new, |environment| {
            let count = environment.packages.len();
            let cuda = environment.cuda().map(|cuda| format!(", CUDA {cuda}"));
            format!("{count} packages{}", cuda.unwrap_or_default())
        }),
        Rung::Libraries => case.environment.map_or_else(String::new, |environment| {
            let tried = case.library.map(|seen| seen.libraries.len());
            let tried = tried.filter(|count| *count > 0);
            let tried = tried.map(|count| format!(", of which {count} were loaded and asked"));
            let count = environment.libraries.len();
            format!(
                "{count} CUDA and C++ libraries{}",
                tried.unwrap_or_default()
            )
        }),
        Rung::Frameworks => frameworks(case),
        Rung::Shell => match host.search.len() {
            0 => "`LD_LIBRARY_PATH` is empty".to_string(),
            1 => "one directory on `LD_LIBRARY_PATH`".to_string(),
            count => format!("{count} directories on `LD_LIBRARY_PATH`"),
        },
    }
}

fn hardware(case: &Case<'_>) -> String {
    let host = case.host;
    if let Some(release) = &host.tegra {
        return format!("a Jetson: {release}");
    }
    match (host.gpus.len(), host.wsl) {
        (0, Some(_)) => "WSL shows no bus".to_string(),
        (0, None) => "no NVIDIA GPU on the PCI bus".to_string(),
        (1, _) => "one NVIDIA GPU on the PCI bus".to_string(),
        (count, _) => format!("{count} NVIDIA GPUs on the PCI bus"),
    }
}

fn frameworks(case: &Case<'_>) -> String {
    let there = case.frameworks.iter().filter(|seen| !seen.is_absent());
    let names: Vec<&str> = there.map(|seen| seen.framework.name()).collect();
    match names.is_empty() {
        true => "none is installed".to_string(),
        false => names.join(", "),
    }
}

fn library(case: &Case<'_>) -> String {
    let asked = case.observation.and_then(|o| o.driver.as_ref());
    let first = case.host.libcuda();
    let file = asked.map(|driver| (driver.file.as_str(), driver.version.as_deref()));
    let file = file.or(first.map(|l| (l.real.as_str(), l.version.as_deref())));
    match file {
        Some((file, Some(version))) => format!("`{file}`, version {version}"),
        Some((file, None)) => format!("`{file}`"),
        None => "no `libcuda.so.1`".to_string(),
    }
}
