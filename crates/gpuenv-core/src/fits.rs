//! Whether a machine can run what a lock holds, decided before a byte is downloaded.
//!
//! What is needed is read from the packages, not from the target that the lock
//! was solved for: a lock for CUDA 12.4 runs on a driver for 12.2 as well, as
//! long as its packages ask for no more than CUDA 12 (minor-version compatibility).

mod machine;
mod variants;

use std::{cmp::Reverse, collections::BTreeSet};

use rattler_conda_types::{RepoDataRecord, Subdir, Version};

pub(crate) use machine::WINDOWS_WITH_WSL_GPU;
pub use machine::{check, check_cuda, cuda, uses_gpu};
pub use variants::{Candidate, Choice, PassedOver, beyond_all_machines, candidates, choose};

use crate::{
    Code, Diagnostic, Target,
    facts::Drivers,
    plan::Gpu,
    solution,
    target::{ComputeCapability, CudaVersion},
};

/// How many packages are named for one need.
const SHOWN: usize = 3;

/// The packages that say with their version which CUDA an environment has, the surest first.
pub(crate) const SAYS_CUDA: [&str; 7] = [
    "cuda-version",
    "pytorch-cuda",
    "cudatoolkit",
    "cuda-toolkit",
    "cuda",
    "cuda-runtime",
    "cuda-nvcc",
];

/// Packages whose version is the CUDA version that all others are built for.
pub(crate) const CUDA_ITSELF: [&str; 3] = ["cuda-version", "cudatoolkit", "pytorch-cuda"];

/// From here on a runtime runs on every driver of its major version.
const MINOR_VERSIONS_MIX: u64 = 11;

/// A version as two numbers.
type Bound = (u64, u64);

/// Somebody's demand on the machine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Need {
    /// The highest first.
    least: Reverse<Option<Bound>>,
    /// Whether the package does without, where the machine has no such thing at all.
    optional: bool,
    /// `package needs spec`.
    text: String,
}

/// Returns everything that keeps a machine from running the packages of a lock.
///
/// What the machine does not say is not held against it, but for the GPU: no
/// `cuda` means no driver.
pub fn fits(
    records: &[RepoDataRecord],
    gpu: Gpu,
    machine: &Target,
    drivers: &Drivers,
) -> Vec<Diagnostic> {
    found(records, Vec::new(), gpu, machine, drivers)
}

/// As [`fits`]; `of_wheels` is what files that are no conda packages demand of glibc.
fn found(
    records: &[RepoDataRecord],
    of_wheels: Vec<Need>,
    gpu: Gpu,
    machine: &Target,
    drivers: &Drivers,
) -> Vec<Diagnostic> {
    let found = [
        match machine.cuda {
            Some(driver) => driver_too_old(records, driver, machine.platform, drivers),
            None => no_gpu(records, gpu),
        },
        machine
            .glibc
            .as_ref()
            .and_then(|there| glibc(records, of_wheels, there)),
        machine
            .compute_capability
            .and_then(|there| compute_capability(records, there)),
    ];
    found.into_iter().flatten().collect()
}

fn driver_too_old(
    records: &[RepoDataRecord],
    driver: CudaVersion,
    platform: Subdir,
    drivers: &Drivers,
) -> Option<Diagnostic> {
    let mut needs = needs(records, "__cuda");
    needs.extend(records.iter().filter_map(runtime));
    let there = (driver.major.into(), driver.minor.into());
    let (least, causes) = unmet(needs, there)?;
    let (major, minor) = least;
    let diagnostic = Diagnostic::error(
        Code::PLAN_DRIVER_TOO_OLD,
        format!(
            "the lock needs a driver for CUDA {major}.{minor} or newer, this machine's is for {driver}"
        ),
    );
    let update = match first_driver(drivers, platform, least) {
        Some(version) => format!("update the driver to {version} or newer"),
        None => format!("update the driver to one for CUDA {major}.{minor} or newer"),
    };
    Some(
        with_causes(diagnostic, causes)
            .help(update)
            .help(for_this_machine("cuda", &driver.to_string())),
    )
}

/// Returns the version of CUDA, where a package is CUDA itself.
fn runtime_version(record: &RepoDataRecord) -> Option<CudaVersion> {
    let name = record.package_record.name.as_normalized();
    let version = CUDA_ITSELF
        .contains(&name)
        .then_some(&record.package_record.version)?;
    let (major, minor) = version.as_major_minor()?;
    Some(CudaVersion {
        major: major.try_into().ok()?,
        minor: minor.try_into().ok()?,
    })
}

/// Returns what the CUDA runtime itself demands, where its record does not say so.
fn runtime(record: &RepoDataRecord) -> Option<Need> {
    let version = runtime_version(record)?;
    let (major, minor) = (version.major.into(), version.minor.into());
    let least = match major >= MINOR_VERSIONS_MIX {
        true => (major, 0),
        false => (major, minor),
    };
    Some(Need {
        least: Reverse(Some(least)),
        optional: true,
        text: format!("`{}` is CUDA {major}.{minor}", solution::label(record)),
    })
}

/// Returns the first driver for a CUDA version, where the table has it.
fn first_driver(drivers: &Drivers, platform: Subdir, cuda: Bound) -> Option<String> {
    // The floor of a major version can lie above the driver of its first toolkit.
    let mut floors = drivers.floors.iter();
    let floor = floors.find(|floor| (u64::from(floor.cuda), 0) == cuda);
    match (platform, floor) {
        (Subdir::Linux64, Some(floor)) => return Some(floor.linux.to_string()),
        (Subdir::Win64, Some(floor)) => return floor.windows.as_ref().map(ToString::to_string),
        _ => {}
    }
    let toolkits = drivers.toolkits.iter();
    let named = toolkits.filter(|toolkit| toolkit.cuda.as_major_minor() == Some(cuda));
    let first = named.min_by(|a, b| a.cuda.cmp(&b.cuda))?;
    match platform {
        Subdir::Linux64 => Some(first.linux.to_string()),
        Subdir::Win64 => first.windows.as_ref().map(ToString::to_string),
        // The table is of drivers for x86-64.
        _ => None,
    }
}

fn no_gpu(records: &[RepoDataRecord], gpu: Gpu) -> Option<Diagnostic> {
    let mut needs = needs(records, "__cuda");
    needs.retain(|need| !need.optional);
    let texts: BTreeSet<String> = needs.into_iter().map(|need| need.text).collect();
    let causes: Vec<String> = texts.into_iter().take(SHOWN).collect();
    let help = "load the NVIDIA driver, or go to a machine with a GPU";
    match gpu {
        Gpu::Required => {
            let message = "the lock needs a GPU, and this machine has none";
            let diagnostic = Diagnostic::error(Code::PLAN_NO_GPU, message);
            Some(with_causes(diagnostic, causes).help(help))
        }
        // They can be installed, and some of them fall back to the CPU.
        Gpu::Optional | Gpu::None if !causes.is_empty() => {
            let message = "packages of the lock are built for a GPU, and this machine has none";
            let diagnostic = Diagnostic::warning(Code::PLAN_NO_GPU, message);
            Some(with_causes(diagnostic, causes).help(help))
        }
        Gpu::Optional | Gpu::None => None,
    }
}

fn glibc(records: &[RepoDataRecord], of_wheels: Vec<Need>, there: &Version) -> Option<Diagnostic> {
    let mut needs = needs(records, "__glibc");
    needs.extend(of_wheels);
    let (least, causes) = unmet(needs, there.as_major_minor()?)?;
    let (major, minor) = least;
    let diagnostic = Diagnostic::error(
        Code::PLAN_GLIBC_TOO_OLD,
        format!("the lock needs glibc {major}.{minor} or newer, this machine has {there}"),
    );
    Some(
        with_causes(diagnostic, causes)
            .help(for_this_machine("glibc", &there.to_string()))
            .help("or use a container with a newer Linux inside"),
    )
}

fn compute_capability(records: &[RepoDataRecord], there: ComputeCapability) -> Option<Diagnostic> {
    let here = (there.major.into(), there.minor.into());
    let (least, causes) = unmet(needs(records, "__cuda_arch"), here)?;
    let (major, minor) = least;
    let diagnostic = Diagnostic::error(
        Code::PLAN_ARCHITECTURE,
        format!(
            "the lock needs a GPU of compute capability {major}.{minor} or newer, this machine's has {there}"
        ),
    );
    let help = for_this_machine("compute-capability", &there.to_string());
    Some(with_causes(diagnostic, causes).help(help))
}

fn for_this_machine(key: &str, value: &str) -> String {
    format!("or lock for this machine: `{key}: \"{value}\"` under `target`, then `gpuenv lock`")
}

fn with_causes(diagnostic: Diagnostic, causes: Vec<String>) -> Diagnostic {
    causes.into_iter().fold(diagnostic, Diagnostic::cause)
}

/// Returns the highest need above what is there, and who has it.
fn unmet(mut needs: Vec<Need>, there: Bound) -> Option<(Bound, Vec<String>)> {
    needs.retain(|need| need.least.0 > Some(there));
    needs.sort();
    needs.dedup();
    let least = needs.first()?.least.0?;
    let texts = needs.into_iter().map(|need| need.text);
    Some((least, texts.take(SHOWN).collect()))
}

/// Returns what the packages demand of a virtual package.
fn needs(records: &[RepoDataRecord], name: &str) -> Vec<Need> {
    let mut needs = Vec::new();
    for record in records {
        let package = &record.package_record;
        let depends = package.depends.iter().map(|text| ("needs", text));
        let constrains = package.constrains.iter().map(|text| ("accepts only", text));
        for (verb, text) in depends.chain(constrains) {
            if solution::name_of(text) == name {
                needs.push(Need {
                    least: Reverse(lower_bound(&text[name.len()..])),
                    optional: verb != "needs",
                    text: format!("`{}` {verb} `{text}`", solution::label(record)),
                });
            }
        }
    }
    needs
}

/// Returns the bound of a spec such as ` >=12.9,<13`, rounded up to two numbers.
pub fn lower_bound(spec: &str) -> Option<(u64, u64)> {
    let least = |part: &str| -> Option<Bound> {
        let text = part.trim().strip_prefix(">=")?.trim();
        let mut numbers = text.split('.').map(|word| word.parse::<u64>().ok());
        let major = numbers.next()??;
        let minor = numbers.next().unwrap_or(Some(0))?;
        let more = numbers.any(|number| number != Some(0));
        Some((major, minor.checked_add(u64::from(more))?))
    };
    // Of alternatives the lowest is enough.
    let alternatives = spec.split('|');
    let bounds = alternatives.map(|spec| spec.split(',').filter_map(least).max());
    bounds.min().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{facts::Facts, solution::tests::record};

    fn found(records: &[RepoDataRecord], gpu: Gpu, machine: &[(&str, &str)]) -> String {
        let mut target = Target::without_gpu(Subdir::Linux64);
        for (key, value) in machine {
            match *key {
                "cuda" => target.cuda = value.parse().ok(),
                "glibc" => target.glibc = value.parse().ok(),
                _ => target.compute_capability = value.parse().ok(),
            }
        }
        let facts = Facts::read(&|_| None).unwrap();
        let found = fits(records, gpu, &target, &facts.drivers);
        let texts = found.iter().map(|diagnostic| {
            let parts = [&diagnostic.causes[..], &diagnostic.help[..]].concat();
            let code = diagnostic.code;
            format!("{code} {}\n  {}", diagnostic.message, parts.join("\n  "))
        });
        texts.collect::<Vec<_>>().join("\n")
    }

    fn torch() -> Vec<RepoDataRecord> {
        let mut version = record("cuda-version", "12.4", &[]);
        version.package_record.constrains = vec!["__cuda >=12".to_string()];
        vec![
            record("pytorch", "2.7", &["__cuda", "__glibc >=2.28,<3.0.a0"]),
            record("zlib", "1.3", &["__glibc >=2.17,<3.0.a0"]),
            version,
        ]
    }

    #[test]
    fn a_lock_for_a_minor_version_runs_on_every_driver_of_the_major_one() {
        let machine = [("cuda", "12.2"), ("glibc", "2.28"), ("capability", "7.0")];
        assert_eq!(found(&torch(), Gpu::Required, &machine), "");
    }

    #[test]
    fn an_old_machine_is_told_both_numbers_and_what_to_do() {
        let machine = [("cuda", "11.8"), ("glibc", "2.17")];
        insta::assert_snapshot!(found(&torch(), Gpu::Required, &machine), @r#"
        GE203 the lock needs a driver for CUDA 12.0 or newer, this machine's is for 11.8
          `cuda-version 12.4 0` accepts only `__cuda >=12`
          `cuda-version 12.4 0` is CUDA 12.4
          update the driver to 525.60.13 or newer
          or lock for this machine: `cuda: "11.8"` under `target`, then `gpuenv lock`
        GE205 the lock needs glibc 2.28 or newer, this machine has 2.17
          `pytorch 2.7 0` needs `__glibc >=2.28,<3.0.a0`
          or lock for this machine: `glibc: "2.17"` under `target`, then `gpuenv lock`
          or use a container with a newer Linux inside
        "#);
    }

    #[test]
    fn a_machine_without_a_gpu_is_an_error_only_where_one_is_required() {
        insta::assert_snapshot!(found(&torch(), Gpu::Required, &[]), @"
        GE204 the lock needs a GPU, and this machine has none
          `pytorch 2.7 0` needs `__cuda`
          load the NVIDIA driver, or go to a machine with a GPU
        ");
        let facts = Facts::read(&|_| None).unwrap();
        let machine = Target::without_gpu(Subdir::Linux64);
        let found = fits(&torch(), Gpu::Optional, &machine, &facts.drivers);
        assert_eq!(found[0].severity, crate::Severity::Warning);
        assert_eq!(
            fits(&torch()[1..], Gpu::Optional, &machine, &facts.drivers),
            []
        );
    }

    #[test]
    fn an_old_gpu_is_told_apart_from_an_old_driver() {
        let records = [record("rapids", "25.1", &["__cuda_arch >=7.0"])];
        let machine = [("cuda", "12.4"), ("capability", "6.1")];
        insta::assert_snapshot!(found(&records, Gpu::Required, &machine), @r#"
        GE206 the lock needs a GPU of compute capability 7.0 or newer, this machine's has 6.1
          `rapids 25.1 0` needs `__cuda_arch >=7.0`
          or lock for this machine: `compute-capability: "6.1"` under `target`, then `gpuenv lock`
        "#);
        assert_eq!(found(&records, Gpu::Required, &[("cuda", "12.4")]), "");
    }

    #[test]
    fn a_runtime_that_says_nothing_needs_its_own_major_version() {
        for (name, version, cuda, fits) in [
            ("cudatoolkit", "11.8.0", "11.2", true),
            ("cudatoolkit", "11.8.0", "10.2", false),
            ("cudatoolkit", "10.2.89", "10.1", false),
            ("pytorch-cuda", "12.1", "11.8", false),
            ("pytorch-cuda", "12.1", "12.0", true),
        ] {
            let records = [record(name, version, &[])];
            let found = found(&records, Gpu::Required, &[("cuda", cuda)]);
            assert_eq!(
                found.is_empty(),
                fits,
                "{name} {version} on {cuda}: {found}"
            );
        }
    }

    #[test]
    fn bounds_are_rounded_up() {
        for (spec, bound) in [
            (" >=12.9,<13", Some((12, 9))),
            (" >=12", Some((12, 0))),
            (">=2.17.1", Some((2, 18))),
            (" >=12|>=11.8", Some((11, 8))),
            (" >=12|<9", None),
            (" <12", None),
            ("", None),
            (" >=x", None),
            (" >=1.18446744073709551615.1", None),
        ] {
            assert_eq!(lower_bound(spec), bound, "{spec}");
        }
    }
}
