//! The machine at hand, as a check and a solver see it.
//!
//! conda's variables `CONDA_OVERRIDE_CUDA`, `CONDA_OVERRIDE_CUDA_ARCH` and
//! `CONDA_OVERRIDE_GLIBC` come first; an empty one says that there is none.
//! The driver is asked by the caller, in a child process: a broken one may hang or
//! crash its host.

use std::path::Path;

use gpuenv_core::{Code, Diagnostic, Machine};
use rattler_conda_types::{Subdir, Version};

use super::{root::Root, surroundings};

const CUDA: &str = "CONDA_OVERRIDE_CUDA";
const CUDA_ARCH: &str = "CONDA_OVERRIDE_CUDA_ARCH";
const GLIBC: &str = "CONDA_OVERRIDE_GLIBC";

/// The machine cannot be looked at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// A variable does not hold a version.
    #[error("`{variable}` is `{value}`, not a version")]
    BadOverride {
        /// The variable.
        variable: &'static str,
        /// Its value.
        value: String,
        /// What it should look like.
        example: &'static str,
    },
}

impl From<HostError> for Diagnostic {
    fn from(error: HostError) -> Self {
        let message = error.to_string();
        match error {
            HostError::BadOverride {
                variable, example, ..
            } => Diagnostic::error(Code::CONFIG_BAD, message).help(format!(
                "set it to a version such as `{example}`, or `unset {variable}`"
            )),
        }
    }
}

/// Returns this machine, without what only its driver can say.
///
/// `variable` gives the environment; the files lie below `root`.
///
/// # Errors
///
/// GE517 for a variable that holds no version.
pub fn machine_without_driver(
    root: &Path,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Machine, HostError> {
    let root = Root(root);
    let platform = Subdir::current().unwrap_or(Subdir::NoArch);
    let glibc = match variable(GLIBC) {
        Some(text) => over(GLIBC, &text, "2.28")?.map(|version| version.to_string()),
        None => surroundings::glibc(&root),
    };
    Ok(Machine {
        glibc: glibc.filter(|_| platform.is_linux()),
        wsl: surroundings::wsl(surroundings::kernel(&root).as_deref()).is_some(),
        jetson: surroundings::tegra(&root).is_some(),
        windows_build: surroundings::windows_build(),
        ..Machine::of_platform(platform)
    })
}

/// Returns this machine.
///
/// `driver` says what the driver says, of a machine that is else
/// [`machine_without_driver`]; it is asked only where no variable stands in for it.
///
/// # Errors
///
/// GE517 for a variable that holds no version; whatever `driver` fails with.
pub fn machine<E: From<HostError>>(
    root: &Path,
    variable: &dyn Fn(&str) -> Option<String>,
    driver: impl FnOnce(Machine) -> Result<Machine, E>,
) -> Result<Machine, E> {
    let mut machine = machine_without_driver(root, variable)?;
    let capability = match variable(CUDA_ARCH) {
        Some(text) => Some(major_minor(CUDA_ARCH, &text, "8.6")?),
        None => None,
    };
    match variable(CUDA) {
        // A driver that is made up has no GPU that could be asked (CEP 46).
        Some(text) => machine.cuda = major_minor(CUDA, &text, "12.4")?,
        None => machine = driver(machine)?,
    }
    machine.compute_capability = capability
        .unwrap_or(machine.compute_capability)
        .filter(|_| machine.cuda.is_some());
    Ok(machine)
}

/// Reads `12` and `12.4`; empty is none.
fn major_minor<T: std::str::FromStr>(
    variable: &'static str,
    text: &str,
    example: &'static str,
) -> Result<Option<T>, HostError> {
    let whole = match text.contains('.') {
        true => text.to_string(),
        false => format!("{text}.0"),
    };
    match (text.is_empty(), whole.parse()) {
        (true, _) => Ok(None),
        (false, Ok(version)) => Ok(Some(version)),
        (false, Err(_)) => Err(bad(variable, text, example)),
    }
}

/// Reads a version of digits and dots; empty is none.
fn over(
    variable: &'static str,
    text: &str,
    example: &'static str,
) -> Result<Option<Version>, HostError> {
    if text.is_empty() {
        return Ok(None);
    }
    let digits = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    match text.parse() {
        Ok(version) if digits => Ok(Some(version)),
        _ => Err(bad(variable, text, example)),
    }
}

fn bad(variable: &'static str, value: &str, example: &'static str) -> HostError {
    HostError::BadOverride {
        variable,
        value: value.chars().take(100).collect(),
        example,
    }
}

#[cfg(test)]
mod tests {
    use gpuenv_core::target::{ComputeCapability, CudaVersion};

    use super::*;

    /// A CUDA version and a compute capability.
    type Answer = (Option<CudaVersion>, Option<ComputeCapability>);

    fn seen(variables: &[(&str, &str)], driver: Answer) -> Result<[String; 3], HostError> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_string())
        };
        let seen = machine(Path::new("/"), &variable, |machine| {
            let (cuda, compute_capability) = driver;
            Ok::<_, HostError>(Machine {
                cuda,
                compute_capability,
                ..machine
            })
        })?;
        let text = |value: Option<String>| value.unwrap_or_else(|| "none".to_string());
        Ok([
            text(seen.cuda.map(|cuda| cuda.to_string())),
            text(seen.compute_capability.map(|arch| arch.to_string())),
            text(seen.glibc.map(|glibc| glibc.to_string())),
        ])
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn variables_come_before_the_driver() {
        let driver = ("12.4".parse().ok(), "8.6".parse().ok());
        let glibc = ("CONDA_OVERRIDE_GLIBC", "2.17");
        for (variables, expected) in [
            (vec![glibc], ["12.4", "8.6", "2.17"]),
            (vec![glibc, (CUDA, "11.8")], ["11.8", "none", "2.17"]),
            (vec![glibc, (CUDA, "12")], ["12.0", "none", "2.17"]),
            (
                vec![glibc, (CUDA, "11.8"), (CUDA_ARCH, "7.5")],
                ["11.8", "7.5", "2.17"],
            ),
            (vec![glibc, (CUDA_ARCH, "9.0")], ["12.4", "9.0", "2.17"]),
            (vec![glibc, (CUDA_ARCH, "")], ["12.4", "none", "2.17"]),
            (vec![glibc, (CUDA, "")], ["none", "none", "2.17"]),
            (vec![(GLIBC, "")], ["12.4", "8.6", "none"]),
        ] {
            let found = seen(&variables, driver).unwrap();
            assert_eq!(found, expected, "{variables:?}");
        }
    }

    #[test]
    fn what_is_no_version_is_refused() {
        for (name, value) in [
            (CUDA, "abc"),
            (CUDA, "12.4.1"),
            (CUDA, "12.x"),
            (CUDA, "-1"),
            (CUDA, " "),
            (CUDA_ARCH, "8.6a"),
            (GLIBC, "new"),
            (GLIBC, "."),
        ] {
            let error = seen(&[(name, value)], (None, None)).unwrap_err();
            assert_eq!(
                Diagnostic::from(error).code,
                Code::CONFIG_BAD,
                "{name}={value}"
            );
        }
    }
}
