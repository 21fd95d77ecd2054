//! Which of several variants a machine takes: the first that it can run.

use rattler_conda_types::{RepoDataRecord, Subdir};

use super::machine;
use crate::{
    Code, Diagnostic, Machine, Plan, Severity, Wheel,
    facts::{Architecture, Facts},
    lock::{Lock, variant_of},
    plan::Gpu,
    target::{ComputeCapability, CudaVersion},
};

/// What a lock holds for one variant of a platform.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate<'l> {
    /// The name of the platform in the lock: `linux-64-cuda12`.
    pub name: &'l str,
    /// The variant: `cuda12`.
    pub variant: &'l str,
    records: &'l [RepoDataRecord],
    wheels: &'l [Wheel],
    cuda: Option<CudaVersion>,
    compute_capability: Option<ComputeCapability>,
}

/// A variant that is not taken, and everything that speaks against it.
#[derive(Debug, Clone, PartialEq)]
pub struct PassedOver {
    /// The variant.
    pub variant: String,
    /// What speaks against it; what weighs most comes first.
    pub obstacles: Vec<Diagnostic>,
}

/// Which of several variants a machine takes.
#[derive(Debug, Clone, PartialEq)]
pub enum Choice {
    /// This one of the candidates.
    Taken {
        /// Its place among them.
        index: usize,
        /// Those before it.
        passed: Vec<PassedOver>,
    },
    /// None of them.
    NoneFits(Vec<PassedOver>),
    /// A GPU is required, and the machine has none that could decide.
    Undecided,
}

impl PassedOver {
    /// Says in one line what speaks against it, and what would help.
    pub fn line(&self) -> String {
        let first = self.obstacles.first();
        let reason = first.map_or("it does not fit", |first| first.message.as_str());
        let help = first.and_then(|first| first.help.first());
        match help {
            Some(help) => format!("`{}`: {reason}; {help}", self.variant),
            None => format!("`{}`: {reason}", self.variant),
        }
    }
}

/// Returns what a lock holds for the variants of a platform, the preferred one first;
/// nothing where the recipe has none.
pub fn candidates(lock: &Lock, platform: Subdir) -> Vec<Candidate<'_>> {
    let names = lock.names(platform).into_iter();
    let candidates = names.filter_map(|name| {
        let locked = lock.platforms.get(name)?;
        let known = lock.virtual_packages(name);
        let seen = |wanted: &str| {
            let mut known = known.iter();
            let seen = known.find(|known| known.name.as_normalized() == wanted)?;
            Some(seen.version.to_string())
        };
        Some(Candidate {
            name,
            variant: variant_of(name, platform)?,
            records: &locked.records,
            wheels: &locked.wheels,
            cuda: seen("__cuda").and_then(|text| text.parse().ok()),
            compute_capability: seen("__cuda_arch").and_then(|text| text.parse().ok()),
        })
    });
    candidates.collect()
}

/// Takes the first variant that the machine can run.
///
/// One that runs only in part, because code that is compiled on the machine may fail
/// there (error 222) or the GPU is newer than the code, is taken only if no later one
/// does better.
pub fn choose(candidates: &[Candidate<'_>], gpu: Gpu, machine: &Machine, facts: &Facts) -> Choice {
    let has_gpu = machine.cuda.is_some();
    if !has_gpu && gpu == Gpu::Required {
        return Choice::Undecided;
    }
    let mut found: Vec<PassedOver> = Vec::new();
    for candidate in candidates {
        let obstacles = candidate.obstacles(machine, facts);
        if obstacles.is_empty() {
            let index = found.len();
            return Choice::Taken {
                index,
                passed: found,
            };
        }
        found.push(PassedOver {
            variant: candidate.variant.to_string(),
            obstacles,
        });
    }
    let in_part = |passed: &PassedOver| {
        let mut obstacles = passed.obstacles.iter();
        obstacles.all(|found| found.severity != Severity::Error)
    };
    match found.iter().position(in_part) {
        Some(index) => {
            found.truncate(index);
            Choice::Taken {
                index,
                passed: found,
            }
        }
        // It is of use without a GPU, and the first one is what its author prefers.
        None if !has_gpu && !candidates.is_empty() => Choice::Taken {
            index: 0,
            passed: Vec::new(),
        },
        None => Choice::NoneFits(found),
    }
}

impl Candidate<'_> {
    /// Returns what keeps a machine from running it, and what lets it run only in part;
    /// what weighs most comes first.
    pub fn obstacles(&self, machine: &Machine, facts: &Facts) -> Vec<Diagnostic> {
        let uses_gpu = machine::uses_gpu(self.records, self.wheels) || self.cuda.is_some();
        let gpu = match uses_gpu {
            true => Gpu::Required,
            false => Gpu::None,
        };
        let mut found = machine::check(self.records, self.wheels, gpu, machine, facts);
        for more in self.beyond_target(machine, facts) {
            // The packages may have said it already.
            if !found.iter().any(|known| known.code == more.code) {
                found.push(more);
            }
        }
        let partly = [Code::CHECK_MINOR_VERSION, Code::CHECK_NO_CODE];
        found.retain(|found| found.severity == Severity::Error || partly.contains(&found.code));
        found.sort_by_key(|found| found.severity != Severity::Error);
        found
    }

    /// Holds what the recipe calls the least machine against a machine.
    ///
    /// A driver runs every minor version of its CUDA, so only the major one counts. The
    /// glibc that packages need is read from them: few need all that a target allows.
    fn beyond_target(&self, machine: &Machine, facts: &Facts) -> Vec<Diagnostic> {
        let too_old = self.cuda.and_then(|least| {
            let why = format!("it was solved for drivers for CUDA {least}");
            machine::driver_floor(least, why, machine, facts)
        });
        let mut found: Vec<Diagnostic> = too_old.into_iter().collect();
        let weakest = machine.capabilities().into_iter().next();
        if let (Some(least), Some(there)) = (self.compute_capability, weakest)
            && there < least
        {
            let message = format!(
                "it is for GPUs of compute capability {least} or newer, this machine has one of {there}"
            );
            found.push(
                Diagnostic::error(Code::PLAN_ARCHITECTURE, message).help(
                    "hide the older GPU: set `CUDA_VISIBLE_DEVICES` to the others".to_string(),
                ),
            );
        }
        found
    }

    /// Says why no machine at all can run it, if none can.
    ///
    /// Every architecture of the tables is tried, from the least that the recipe names,
    /// with the newest driver for it.
    pub fn runs_nowhere(&self, plan: &Plan, facts: &Facts) -> Option<Diagnostic> {
        if !machine::uses_gpu(self.records, self.wheels) {
            return None;
        }
        let mut causes: Vec<String> = Vec::new();
        for row in machines(plan, facts) {
            let machine = machine_with(plan.platform(), row, facts);
            let obstacles = self.obstacles(&machine, facts);
            let mut errors = obstacles
                .iter()
                .filter(|found| found.severity == Severity::Error);
            let error = errors.next()?;
            causes.push(format!(
                "{} ({}): {}",
                row.name, row.capability, error.message
            ));
        }
        // The newest GPUs say most.
        causes.reverse();
        causes.truncate(3);
        (!causes.is_empty()).then(|| nowhere(plan, causes))
    }
}

/// Says why no machine can run a variant, as far as its target alone tells.
pub fn beyond_all_machines(plan: &Plan, facts: &Facts) -> Option<Diagnostic> {
    plan.variant.as_ref()?;
    let toolkits = facts.drivers.toolkits.iter();
    let newest = toolkits
        .filter_map(|toolkit| toolkit.cuda.as_major_minor())
        .max();
    let mut causes = Vec::new();
    if let (Some(cuda), Some((major, minor))) = (plan.target.cuda, newest)
        && (u64::from(cuda.major), u64::from(cuda.minor)) > (major, minor)
    {
        causes.push(format!(
            "`target` wants a driver for CUDA {cuda}, and the newest known is for {major}.{minor}"
        ));
    }
    let rows = facts.architectures.architectures.iter();
    let newest = rows.map(|row| row.capability).max();
    if let (Some(capability), Some(newest)) = (plan.target.compute_capability, newest)
        && capability > newest
    {
        causes.push(format!(
            "`target` wants a GPU of compute capability {capability}, and the newest known has {newest}"
        ));
    }
    (!causes.is_empty()).then(|| {
        nowhere(plan, causes)
            .help("newer than the tables of this gpuenv? `gpuenv doctor --facts` names them, and how to replace one")
    })
}

fn nowhere(plan: &Plan, causes: Vec<String>) -> Diagnostic {
    let variant = plan.variant.as_ref();
    let name = variant.map_or("", |variant| variant.value.as_str());
    let message = format!(
        "no machine runs the variant `{name}` on {}",
        plan.platform()
    );
    let mut error = Diagnostic::error(Code::VARIANT_RUNS_NOWHERE, message);
    error.place = variant.map(|variant| variant.place.clone());
    super::with_causes(error, causes).help(
        "change the variant's `target` or the CUDA in its `dependencies`, or delete the variant",
    )
}

/// Returns the architectures that a machine of the plan can have, the oldest first.
fn machines<'f>(plan: &Plan, facts: &'f Facts) -> Vec<&'f Architecture> {
    let least = plan.target.compute_capability;
    let rows = facts.architectures.architectures.iter();
    let mut rows: Vec<&Architecture> = rows
        .filter(|row| least.is_none_or(|least| row.capability >= least))
        .filter(|row| !row.jetson || plan.platform() == Subdir::LinuxAarch64)
        .collect();
    rows.sort_by_key(|row| row.capability);
    rows
}

/// Returns a machine with a GPU of that architecture and the newest driver for it.
fn machine_with(platform: Subdir, row: &Architecture, facts: &Facts) -> Machine {
    let dropped = facts.architectures.dropped.iter();
    let dropped = dropped.filter(|dropped| dropped.architectures.contains(&row.name));
    let last = dropped.map(|dropped| u64::from(dropped.last_branch)).min();
    let branch = |driver: &rattler_conda_types::Version| Some(driver.as_major_minor()?.0);
    let toolkits = facts.drivers.toolkits.iter();
    let drivers = toolkits.filter_map(|toolkit| {
        let driver = toolkit.linux.version();
        let driven = last.is_none_or(|last| branch(driver).is_some_and(|branch| branch <= last));
        driven.then_some((driver, toolkit.linux.to_string(), &toolkit.cuda))
    });
    let newest = drivers.max_by(|a, b| a.0.cmp(b.0));
    let mut machine = Machine::of_platform(platform);
    machine.compute_capability = Some(row.capability);
    if let Some((_, driver, cuda)) = newest {
        let numbers = cuda.as_major_minor();
        machine.cuda = numbers.and_then(|(major, minor)| {
            Some(CudaVersion {
                major: major.try_into().ok()?,
                minor: minor.try_into().ok()?,
            })
        });
        // The drivers of Windows have numbers of their own.
        machine.driver = (!platform.is_windows()).then_some(driver);
    }
    machine
}

#[cfg(test)]
mod tests;
