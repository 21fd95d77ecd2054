//! Why a GPU cannot be used: facts about machine, environment and probe in,
//! findings out.
//!
//! It tests causes and maps no texts: a rule looks at what is there. The walk goes
//! from the hardware up and stops where something is broken, because what stands
//! on it only repeats the failure in other words.

mod case;
mod compute;
mod environment;
mod finding;
mod frameworks;
mod host;
mod kernel;
mod library;
mod observed;
mod packages;
mod seen;
mod shell;
mod text;
mod toolchain;
mod visible;

pub use case::Case;
pub use environment::{EnvironmentFacts, Package, Script, UnresolvedDll};
pub use finding::{Confidence, Examination, Finding, Rung, Step, StepState, Weight};
pub use host::{
    Access, DrivenGpu, DriverLibrary, HostFacts, LibraryFile, LibraryKind, Module, PciDevice,
    SearchDirectory, Toolkit, UserSite, Wsl,
};
pub use text::{LogLine, LogReader, Match, Reading, Suspected, read_log};

/// Looks for one failure mode.
type Rule = fn(&Case<'_>) -> Option<Finding>;

/// The rules of each level. Of those of one level that find something broken, the
/// first one counts: the others describe the same break.
const WALK: &[(Rung, &[Rule])] = &[
    (
        Rung::Hardware,
        &[kernel::no_hardware, kernel::ignored_generation],
    ),
    (Rung::Module, &[kernel::module_not_loaded]),
    (
        Rung::Nodes,
        &[
            kernel::container_without_gpu,
            kernel::container_lost_gpu,
            kernel::slurm_without_gpu,
        ],
    ),
    (
        Rung::Library,
        &[
            library::wsl,
            library::stub,
            library::compat,
            library::mismatch,
            library::missing,
        ],
    ),
    (
        Rung::Init,
        &[
            compute::fabric,
            compute::unified_memory,
            compute::start_too_old,
        ],
    ),
    (
        Rung::Devices,
        &[
            visible::mig,
            visible::hidden,
            visible::prohibited,
            visible::none_visible,
        ],
    ),
    (
        Rung::Compute,
        &[
            compute::damaged_memory,
            compute::busy,
            compute::memory_held,
            compute::architecture,
            compute::any_other,
        ],
    ),
    (
        Rung::Packages,
        &[
            packages::driver_too_old,
            packages::no_python,
            packages::windows_tensorflow,
            packages::cpu_build,
            packages::cuda_without_gpu,
            packages::glibc,
            frameworks::torch_architecture,
            frameworks::cudnn_architecture,
            packages::numpy,
            packages::several_cudas,
            packages::mixed_channels,
            packages::jetson,
        ],
    ),
    (
        Rung::Libraries,
        &[
            toolchain::tensorflow_libraries,
            toolchain::windows_dll,
            toolchain::unresolved_dll,
            toolchain::libdevice,
            toolchain::ptxas_missing,
            toolchain::ptxas_too_old,
            toolchain::compiler_too_new,
            toolchain::duplicates,
            observed::libraries,
        ],
    ),
    (Rung::Frameworks, &observed::FRAMEWORKS),
    (
        Rung::Shell,
        &[
            shell::hidden_libraries,
            shell::old_libstdcxx,
            shell::whole_lib,
            shell::user_script,
            shell::batch_script,
            shell::user_site,
            shell::override_zero,
        ],
    ),
];

/// Looks for what is wrong, from the hardware up.
pub fn examine(case: &Case<'_>) -> Examination {
    let mut findings: Vec<Finding> = Vec::new();
    let mut walk = Vec::new();
    let mut broken = false;
    for (rung, rules) in WALK {
        let skipped = match broken {
            true => Some("it stands on what is broken".to_string()),
            false => case.leaves_out(*rung),
        };
        if let Some(why) = skipped {
            walk.push(Step {
                rung: *rung,
                state: StepState::Skipped,
                seen: why,
            });
            continue;
        }
        let mut found: Vec<Finding> = rules.iter().filter_map(|rule| rule(case)).collect();
        if let Some(first) = found.iter().position(|f| f.weight == Weight::Broken) {
            found = vec![found.swap_remove(first)];
            broken = true;
        }
        let state = match (broken, found.is_empty()) {
            (true, _) => StepState::Broken,
            (false, true) => StepState::Fine,
            (false, false) => StepState::Doubtful,
        };
        walk.push(Step {
            rung: *rung,
            state,
            seen: seen::at(*rung, case),
        });
        for finding in found {
            let rung = *rung;
            add(&mut findings, Finding { rung, ..finding });
        }
    }
    Examination {
        healthy: findings.is_empty(),
        findings,
        walk,
    }
}

/// Adds a finding; where its failure mode is known already, only what it saw is new.
fn add(findings: &mut Vec<Finding>, finding: Finding) {
    let mut known = findings.iter_mut();
    let Some(known) = known.find(|known| known.mode == finding.mode) else {
        findings.push(finding);
        return;
    };
    known.evidence.push(finding.summary);
    for evidence in finding.evidence {
        if !known.evidence.contains(&evidence) {
            known.evidence.push(evidence);
        }
    }
}
