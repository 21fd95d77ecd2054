//! What the observation of a framework comes down to.

use std::path::Path;

use crate::{
    plan::ProbeStep,
    probe::{
        Build, Check, End, FrameworkObservation, Observation, Raised, VerdictKind,
        findings::{Finding, signal_name},
    },
    target::{ComputeCapability, CudaVersion},
};

/// How many lines of what a dead framework printed are quoted.
const LAST_WORDS: usize = 3;

/// The number of `cudaErrorNoKernelImageForDevice`, in the runtime's own words.
const NO_KERNEL: &str = "no kernel image is available";

/// Finds what is wrong with a framework, if anything is.
pub(crate) fn find(
    seen: &FrameworkObservation,
    prefix: Option<&str>,
    driver: &Observation,
    gpu_computes: bool,
) -> Option<Finding> {
    if let Some(finding) = ended_early(seen) {
        return Some(finding);
    }
    if seen.is_absent() {
        return seen.named.then(|| absent(seen));
    }
    if let Some(finding) = foreign_module(seen, prefix) {
        return Some(finding);
    }
    if gpu_computes && let Some(finding) = not_on_gpu(seen, driver) {
        return Some(finding);
    }
    if let Some(raised) = &seen.told.error {
        return Some(failed(seen, raised, driver));
    }
    if let Some(check) = seen.told.checks.iter().find(|check| !check.right) {
        return Some(wrong(seen, check, gpu_computes));
    }
    if gpu_computes && seen.told.checks.is_empty() {
        let summary = format!("{} computed nothing", named(seen));
        return Some(Finding::new(VerdictKind::FrameworkFailed, summary));
    }
    foreign_library(seen, prefix)
}

/// Says what frameworks did beside a GPU that computes.
pub(crate) fn after_computing(mut finding: Finding, seen: &[FrameworkObservation]) -> Finding {
    let names: Vec<String> = seen.iter().filter(|s| !s.is_absent()).map(named).collect();
    if !names.is_empty() {
        finding.summary += &format!("; on a GPU compute {}", names.join(", "));
    }
    finding
}

/// Says what frameworks did where there is no GPU.
pub(crate) fn without_gpu(mut finding: Finding, seen: &[FrameworkObservation]) -> Finding {
    for framework in seen.iter().filter(|seen| !seen.is_absent()) {
        let name = named(framework);
        if framework.told.checks.iter().any(|check| !check.on_gpu) {
            finding = finding.cause(format!("{name} computes on the CPU"));
        }
        if is_cpu_build(framework) {
            finding = finding.cause(format!(
                "{name} is built for the CPU: it would not use a GPU either"
            ));
        }
    }
    finding
}

fn ended_early(seen: &FrameworkObservation) -> Option<Finding> {
    let name = seen.framework.name();
    let last = |step: &Option<crate::probe::Step>| {
        step.as_ref()
            .map(|step| format!(", in `{}`", step.call))
            .unwrap_or_default()
    };
    let failed = |summary: String| Finding::new(VerdictKind::FrameworkFailed, summary);
    let finding = match &seen.end {
        End::Finished => return None,
        End::Crashed {
            signal,
            exit_code,
            last_step,
        } => {
            let how = match (signal, exit_code) {
                (Some(signal), _) => format!("died of signal {}", signal_name(*signal)),
                (None, Some(code)) => format!("ended with status {code} and no answer"),
                (None, None) => "ended without an answer".to_string(),
            };
            failed(format!("`{name}` {how}{}", last(last_step)))
        }
        End::Hung {
            after_ms,
            last_step,
            ..
        } => failed(format!(
            "`{name}` did not answer within {:.1} s{}",
            *after_ms as f64 / 1000.0,
            last(last_step)
        )),
        End::Garbled { why } => {
            failed(format!("`{name}` ended without a readable answer")).cause(why)
        }
        End::NotStarted { why } => failed(format!("the program for `{name}` cannot be started"))
            .cause(why)
            .help("add `python` to the recipe's `dependencies`"),
    };
    Some(last_words(seen).fold(finding, Finding::cause))
}

fn last_words(seen: &FrameworkObservation) -> impl Iterator<Item = String> {
    let noise = seen.noise.iter().flat_map(|noise| noise.lines());
    let lines: Vec<&str> = noise.filter(|line| !line.trim().is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(LAST_WORDS)..];
    let last: Vec<String> = last
        .iter()
        .map(|line| format!("it printed: {line}"))
        .collect();
    last.into_iter()
}

fn absent(seen: &FrameworkObservation) -> Finding {
    let name = seen.framework.name();
    let module = seen.framework.module().unwrap_or(name);
    let summary = format!("`{name}` is not installed in the environment");
    Finding::new(VerdictKind::FrameworkFailed, summary)
        .cause(format!(
            "the recipe's `probe` names it, and its Python finds no module `{module}`"
        ))
        .help(format!(
            "add it to the recipe's `dependencies`, or take `{name}` out of `probe`"
        ))
}

/// Returns the file of a framework's module that is none of the environment's.
pub(crate) fn module_outside<'s>(
    seen: &'s FrameworkObservation,
    prefix: Option<&str>,
) -> Option<&'s str> {
    let file = seen.told.module.as_ref()?.file.as_deref()?;
    (!Path::new(file).starts_with(prefix?)).then_some(file)
}

fn foreign_module(seen: &FrameworkObservation, prefix: Option<&str>) -> Option<Finding> {
    let file = module_outside(seen, prefix)?;
    let summary = format!(
        "`{}` comes from outside of the environment: `{file}`",
        seen.framework.name()
    );
    let finding = Finding::new(VerdictKind::Polluted, summary)
        .cause("a program would use that one and not the one that was locked");
    Some(match file.contains("/.local/lib/python") {
        true => {
            finding.help("`export PYTHONNOUSERSITE=1`, or uninstall it there with `pip uninstall`")
        }
        false => finding.help("`unset PYTHONPATH PYTHONHOME`"),
    })
}

/// Libraries of the driver lie outside of every environment, and belong there.
fn foreign_library(seen: &FrameworkObservation, prefix: Option<&str>) -> Option<Finding> {
    let prefix = prefix?;
    let file_name = |file: &str| file.rsplit('/').next().unwrap_or_default().to_string();
    let foreign = seen.told.loaded.iter().find(|file| {
        !Path::new(file).starts_with(prefix) && !file_name(file).starts_with("libcuda.")
    })?;
    let summary = format!(
        "{} loaded a CUDA library from outside of the environment: `{foreign}`",
        named(seen)
    );
    Some(
        Finding::new(VerdictKind::Polluted, summary)
            .cause("it was not locked with the environment, and another machine has another one")
            .help("`unset LD_LIBRARY_PATH`, then activate the environment"),
    )
}

/// Tells whether a framework cannot use a GPU by its making.
pub(crate) fn is_cpu_build(seen: &FrameworkObservation) -> bool {
    seen.told.build.as_ref().is_some_and(|build| !build.cuda)
}

/// Finds a framework that does not compute on the GPU which is there.
fn not_on_gpu(seen: &FrameworkObservation, driver: &Observation) -> Option<Finding> {
    let name = named(seen);
    let mismatch = |summary| Finding::new(VerdictKind::Mismatch, summary);
    let there = "the driver computes on a GPU of this machine, so the framework could";
    if is_cpu_build(seen) {
        return Some(
            mismatch(format!("MISMATCH: {name} is built for the CPU"))
                .cause(there)
                .help(format!(
                    "ask for a CUDA build in the recipe: `{}`, then `gpuenv lock --upgrade`",
                    cuda_build(seen.framework)
                )),
        );
    }
    if seen.told.available == Some(false) {
        let finding = mismatch(format!("MISMATCH: {name} sees no GPU")).cause(there);
        let finding = seen.told.why_unavailable.iter().fold(finding, |f, why| {
            f.cause(format!("it says: {}", one_line(why)))
        });
        return Some(newer_than_driver(seen, driver, finding));
    }
    // Something that was raised tells more than what was computed before it.
    if seen.told.error.is_some() {
        return None;
    }
    let check = seen.told.checks.iter().find(|check| !check.on_gpu)?;
    let summary = format!("MISMATCH: {name} computed `{}` on the CPU", check.name);
    let places = check.places.join("`, `");
    Some(
        mismatch(summary)
            .cause(there)
            .cause(format!("its parts lay on `{places}`")),
    )
}

/// Returns the dependency that no build for the CPU satisfies.
fn cuda_build(framework: ProbeStep) -> &'static str {
    match framework {
        ProbeStep::Tensorflow => "tensorflow * cuda*",
        ProbeStep::Pytorch => "pytorch * cuda*",
        ProbeStep::Jax => "jaxlib * cuda*",
        ProbeStep::Cupy => "cupy",
        ProbeStep::Numba => "numba-cuda",
        ProbeStep::CudaPython => "cuda-python",
        ProbeStep::Driver | ProbeStep::Library => "cuda-version",
    }
}

fn newer_than_driver(
    seen: &FrameworkObservation,
    driver: &Observation,
    finding: Finding,
) -> Finding {
    let build = seen.told.build.as_ref();
    let wanted = build.and_then(|build| build.cuda_version.as_deref());
    let wanted = wanted.and_then(|text| text.parse::<CudaVersion>().ok());
    match wanted.zip(driver.cuda) {
        Some((wanted, has)) if wanted > has => finding
            .cause(format!(
                "it is built for CUDA {wanted}, the driver is for {has}"
            ))
            .help(format!("update the NVIDIA driver to one for CUDA {wanted}")),
        _ => finding,
    }
}

fn failed(seen: &FrameworkObservation, raised: &Raised, driver: &Observation) -> Finding {
    let name = named(seen);
    let Raised {
        kind, text, step, ..
    } = raised;
    let capability = capability(seen, driver);
    let build = seen.told.build.as_ref();
    let uncovered = capability
        .zip(build)
        .is_some_and(|(capability, build)| !covers(build, capability));
    let text = one_line(text);
    if uncovered || text.contains(NO_KERNEL) {
        let gpu = capability.map_or("this GPU".to_string(), |capability| {
            format!("compute capability {capability}")
        });
        let summary = format!("{name} was not built for {gpu}");
        let finding = Finding::new(VerdictKind::Architecture, summary);
        let built = build.map(|build| build.architectures.join(", "));
        let built = built.filter(|list| !list.is_empty());
        let finding = built.into_iter().fold(finding, |finding, list| {
            finding.cause(format!("it was built for {list}"))
        });
        return finding
            .cause(format!("`{step}` raised `{kind}`: {text}"))
            .help("take a version of it that still or already knows this GPU");
    }
    let summary = format!("{name} fails in `{step}`");
    let finding = Finding::new(VerdictKind::FrameworkFailed, summary);
    finding.cause(format!("it raised `{kind}`: {text}"))
}

/// Returns what the chosen GPU is, as the framework says or else the driver.
fn capability(seen: &FrameworkObservation, driver: &Observation) -> Option<ComputeCapability> {
    let chosen = seen.told.chosen;
    let devices = seen.told.devices.iter();
    let told = devices
        .filter(|device| device.index == chosen)
        .find_map(|device| device.compute_capability.as_ref()?.parse().ok());
    let probed = || {
        let mut devices = driver.devices.iter();
        devices
            .find(|device| device.ordinal == chosen)?
            .compute_capability
    };
    told.or_else(probed)
}

/// Tells whether a build has something that runs on a GPU: machine code of the
/// same major and no later minor number, or PTX of no later architecture.
pub(crate) fn covers(build: &Build, capability: ComputeCapability) -> bool {
    let wanted = (capability.major, capability.minor);
    let runs = |architecture: &String| {
        let (form, number) = architecture.split_once('_')?;
        // `sm_90a` runs on that very architecture only, and is as good there.
        let number = number.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let number: u32 = number.parse().ok()?;
        let built = (number / 10, number % 10);
        match form {
            "sm" => Some(built.0 == wanted.0 && built.1 <= wanted.1),
            "compute" => Some(built <= wanted),
            _ => None,
        }
    };
    let known: Vec<bool> = build.architectures.iter().filter_map(runs).collect();
    // A framework that does not say what it was built for is not accused.
    known.is_empty() || known.contains(&true)
}

fn wrong(seen: &FrameworkObservation, check: &Check, gpu_computes: bool) -> Finding {
    let place = match gpu_computes && check.on_gpu {
        true => "on the GPU",
        false => "on the CPU",
    };
    let summary = format!("{} did `{}` wrong {place}", named(seen), check.name);
    let finding = Finding::new(VerdictKind::FrameworkFailed, summary);
    match check.difference {
        Some(difference) => finding.cause(format!(
            "the largest difference to the right numbers is {difference:e}"
        )),
        None => finding,
    }
}

/// Makes one line of a text of several.
pub(crate) fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ")
}

/// Names a framework for people, with its version.
pub(crate) fn named(seen: &FrameworkObservation) -> String {
    let module = seen.told.module.as_ref();
    let name = seen.framework.name();
    match module.and_then(|module| module.version.as_deref()) {
        Some(version) => format!("`{name}` {version}"),
        None => format!("`{name}`"),
    }
}
