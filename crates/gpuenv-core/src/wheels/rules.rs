//! What is asked of uv, what is taken of its answer, and what is refused.

mod error;

use std::collections::BTreeMap;

use pep508_rs::pep440_rs::Version;
use rattler_conda_types::RepoDataRecord;
use rattler_digest::Sha256Hash;

use super::{Distribution, Machine, Provided, Wheel, file_name, normalized};
use crate::{Code, Diagnostic, Place, Plan, plan::PypiSettings, solution};

pub use error::WheelError;

/// What to ask uv for.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The requirements, one per line of the recipe.
    pub requirements: Vec<String>,
    /// What to tell about them.
    pub notes: Vec<Diagnostic>,
}

/// Returns what a plan asks for.
///
/// # Errors
/// Fails if there is no Python for the wheels.
pub fn asked(plan: &Plan) -> Result<Asked, WheelError> {
    let mut asked = Asked {
        requirements: Vec::new(),
        notes: Vec::new(),
    };
    let Some(first) = plan.wheels.first() else {
        return Ok(asked);
    };
    let names = plan.dependencies.iter();
    let names = names.filter_map(|dependency| dependency.spec.name.as_exact());
    if !names
        .into_iter()
        .any(|name| name.as_normalized() == "python")
    {
        return Err(WheelError::WithoutPython {
            recipe: plan.recipe.clone(),
            platform: plan.platform(),
            place: first.place.clone().map(Box::new),
        });
    }
    for wheel in &plan.wheels {
        let mut requirement = wheel.requirement.clone();
        if requirement.name.as_ref() == "tensorflow-gpu" {
            asked.notes.push(renamed(&wheel.text, wheel.place.as_ref()));
            if let Ok(name) = "tensorflow".parse() {
                requirement.name = name;
            }
        }
        asked.requirements.push(requirement.to_string());
    }
    Ok(asked)
}

fn renamed(text: &str, place: Option<&Place>) -> Diagnostic {
    let message = format!("`{text}` is taken for `tensorflow`");
    let mut note = Diagnostic::note(Code::WHEELS_UNSOLVABLE, message)
        .cause("`tensorflow-gpu` is no longer published; since 2.1 `tensorflow` holds the GPU code")
        .help("write `tensorflow` in `pypi-dependencies`");
    note.place = place.cloned();
    note
}

/// Refuses a requirement for what a conda package brings already.
///
/// # Errors
/// Names the first one.
pub fn check_together(
    plan: &Plan,
    provided: &BTreeMap<String, Provided>,
) -> Result<(), WheelError> {
    for wheel in &plan.wheels {
        let name = wheel.requirement.name.to_string();
        if let Some(conda) = provided.get(&name) {
            return Err(WheelError::Twice {
                name,
                package: conda.package.clone(),
                platform: plan.platform(),
                place: wheel.place.clone().map(Box::new),
            });
        }
    }
    Ok(())
}

/// Takes the best wheel of each distribution, by name; what conda brings is left out.
///
/// # Errors
/// Fails if a distribution has no wheel for the machine, or none that can be verified.
pub fn choose(
    distributions: &[Distribution],
    machine: &Machine,
    provided: &BTreeMap<String, Provided>,
) -> Result<Vec<Wheel>, WheelError> {
    let mut wheels = Vec::new();
    for distribution in distributions {
        if provided.contains_key(&distribution.name) {
            continue;
        }
        let wheel = best(distribution, machine)?;
        if let Some(reason) = wheel.distrust() {
            return Err(WheelError::Untrusted {
                wheel: wheel.label(),
                reason,
            });
        }
        wheels.push(wheel);
    }
    Ok(wheels)
}

fn best(distribution: &Distribution, machine: &Machine) -> Result<Wheel, WheelError> {
    let label = || format!("{} {}", distribution.name, distribution.version);
    let candidates = distribution.wheels.iter();
    let ranked = candidates.filter_map(|candidate| {
        let rank = machine.rank(&file_name(&candidate.url)?)?;
        Some(((rank, candidate.url.as_str()), candidate))
    });
    let Some((_, best)) = ranked.min_by(|(a, _), (b, _)| a.cmp(b)) else {
        let files = distribution.wheels.iter();
        let files = files.filter_map(|wheel| wheel.url.path_segments()?.next_back());
        return Err(WheelError::NoWheel {
            distribution: label(),
            machine: machine.clone(),
            files: files.map(ToString::to_string).collect(),
        });
    };
    let sha256: Sha256Hash = best.sha256.ok_or_else(|| WheelError::Untrusted {
        wheel: label(),
        reason: "the index gives no sha256 for it",
    })?;
    Ok(Wheel {
        name: distribution.name.clone(),
        version: distribution.version.clone(),
        url: best.url.clone(),
        index: None,
        sha256,
        size: best.size,
    })
}

/// Refuses wheels and conda packages that must not meet in one environment.
///
/// # Errors
/// Names the first two that must not.
pub fn check_combination(
    records: &[RepoDataRecord],
    wheels: &[Wheel],
    pypi: &PypiSettings,
) -> Result<(), WheelError> {
    for record in records {
        let conda = record.package_record.name.as_normalized();
        let same = |wheel: &&Wheel| normalized(conda).as_ref() == Some(&wheel.name);
        if let Some(wheel) = wheels.iter().find(same) {
            return Err(WheelError::OneName {
                wheel: wheel.label(),
                package: solution::label(record),
            });
        }
    }
    let mut majors: BTreeMap<u64, &Wheel> = BTreeMap::new();
    for wheel in wheels {
        if let Some(major) = cuda_major(wheel) {
            majors.entry(major).or_insert(wheel);
        }
    }
    let mut each = majors.values();
    if let (Some(first), Some(second)) = (each.next(), each.next()) {
        return Err(WheelError::TwoCudas {
            first: first.label(),
            second: second.label(),
        });
    }
    let runtime = wheels.iter().find(|wheel| {
        let rest = wheel.name.strip_prefix("nvidia-cuda-runtime");
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("-cu"))
    });
    let conda = records.iter().find(|record| {
        let name = record.package_record.name.as_normalized();
        matches!(name, "cudatoolkit" | "cuda-cudart" | "cuda-runtime")
    });
    match (conda, runtime) {
        (Some(record), Some(wheel)) if !pypi.allow_two_cuda_runtimes => {
            Err(WheelError::CudaTwice {
                package: solution::label(record),
                wheel: wheel.label(),
            })
        }
        _ => Ok(()),
    }
}

/// Refuses wheels that cannot be installed beside the conda packages at all.
///
/// # Errors
/// Names the first reason.
pub fn check_installable(
    records: &[RepoDataRecord],
    wheels: &[Wheel],
    pypi: &PypiSettings,
) -> Result<(), WheelError> {
    if wheels.is_empty() {
        return Ok(());
    }
    python(records)?;
    let provided = super::provided(records);
    let twice = wheels
        .iter()
        .find_map(|wheel| Some((wheel, provided.get(&wheel.name)?)));
    if let Some((wheel, conda)) = twice {
        return Err(WheelError::OneName {
            wheel: wheel.label(),
            package: conda.package.clone(),
        });
    }
    check_combination(records, wheels, pypi)
}

/// Returns the version of the Python among conda packages, as text and as numbers.
///
/// # Errors
/// Fails if there is none that wheels are chosen for.
pub fn python(records: &[RepoDataRecord]) -> Result<(String, (u64, u64)), WheelError> {
    let find = |name: &str| {
        let mut records = records.iter();
        records.find(|record| record.package_record.name.as_normalized() == name)
    };
    let python = find("python").ok_or(WheelError::NoPython)?;
    let other = || WheelError::OtherPython {
        package: solution::label(python),
    };
    let builds = [Some(python), find("python_abi")];
    let builds = builds.into_iter().flatten();
    let mut builds = builds.map(|record| record.package_record.build.as_str());
    if builds.any(|build| build.contains("pypy") || build.contains("graalpy") || has_no_gil(build))
    {
        return Err(other());
    }
    let version = &python.package_record.version;
    let numbers = version.as_major_minor().ok_or_else(other)?;
    Ok((version.to_string(), numbers))
}

/// Returns whether a build is that of a free-threaded Python: `…_cp313t`.
fn has_no_gil(build: &str) -> bool {
    let tag = build.rsplit('_').next().unwrap_or_default();
    let digits = tag
        .strip_prefix("cp")
        .and_then(|rest| rest.strip_suffix('t'));
    digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Returns which CUDA an NVIDIA wheel belongs to: `-cu12` in its name, or the
/// version of those that are numbered like CUDA itself.
fn cuda_major(wheel: &Wheel) -> Option<u64> {
    let name = wheel.name.strip_prefix("nvidia-")?;
    if let Some((_, suffix)) = name.rsplit_once("-cu") {
        return suffix.parse().ok();
    }
    let numbered = [
        "cuda-runtime",
        "cuda-nvrtc",
        "cuda-cupti",
        "nvjitlink",
        "nvtx",
    ];
    let version = numbered.contains(&name).then(|| wheel.parsed_version())??;
    version.release().first().copied()
}

/// Returns a bound that an old TensorFlow forgot to state, where it is needed.
///
/// Up to 2.11 it is built for NumPy 1 and accepts any, so that an import fails.
///
/// # Errors
/// Fails if the NumPy is conda's, which a wheel cannot change.
pub fn numpy_bound(
    wheels: &[Wheel],
    provided: &BTreeMap<String, Provided>,
) -> Result<Option<&'static str>, WheelError> {
    let is_old = |wheel: &&Wheel| {
        let names = ["tensorflow", "tensorflow-cpu", "tensorflow-intel"];
        names.contains(&wheel.name.as_str())
            && wheel
                .parsed_version()
                .is_some_and(|version| version < Version::new([2, 12]))
    };
    let Some(tensorflow) = wheels.iter().find(is_old) else {
        return Ok(None);
    };
    let is_new = |version: Option<Version>| version.is_some_and(|v| v >= Version::new([2]));
    if let Some(conda) = provided.get("numpy") {
        let version = conda.version.as_ref().and_then(|text| text.parse().ok());
        if is_new(version) {
            return Err(WheelError::NumpyTooNew {
                tensorflow: tensorflow.label(),
                package: conda.package.clone(),
            });
        }
    }
    let numpy = wheels.iter().find(|wheel| wheel.name == "numpy");
    let bound = numpy.is_some_and(|numpy| is_new(numpy.parsed_version()));
    Ok(bound.then_some("numpy<2"))
}

/// Says that a bound was added which the recipe does not state.
pub fn bound_note(plan: &Plan, bound: &str) -> Diagnostic {
    let platform = plan.platform();
    let message = format!("{platform}: `{bound}` is added to what the recipe asks of PyPI");
    Diagnostic::note(Code::WHEELS_CONFLICT, message)
        .cause("TensorFlow up to 2.11 is built for NumPy 1 and does not say so")
        .help(format!("write `{bound}` in `pypi-dependencies`"))
}
