//! The machine at hand, as a solver sees it.
//!
//! conda's variables `CONDA_OVERRIDE_CUDA`, `CONDA_OVERRIDE_CUDA_ARCH` and
//! `CONDA_OVERRIDE_GLIBC` come first; an empty one says that there is none.
//! The driver is asked by the caller, in a child process: a broken one may hang or
//! crash its host. Who needs only platform and glibc takes [`machine_without_gpu`].

use gpuenv_core::{
    Code, Diagnostic, Target,
    target::{ComputeCapability, CudaVersion},
};
use rattler_conda_types::{Subdir, Version};
use rattler_virtual_packages::LibC;

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

/// Returns the platform and glibc of this machine, without asking the driver.
///
/// # Errors
///
/// GE517 for a variable that holds no version.
pub fn machine_without_gpu(variable: &dyn Fn(&str) -> Option<String>) -> Result<Target, HostError> {
    let platform = Subdir::current().unwrap_or(Subdir::NoArch);
    let glibc = match variable(GLIBC) {
        Some(text) => over(GLIBC, &text, "2.28")?,
        // A libc that cannot tell its version is no glibc that anybody knows.
        None => LibC::current().ok().flatten().map(|libc| libc.version),
    };
    Ok(Target {
        glibc: glibc.filter(|_| platform.is_linux()),
        ..Target::without_gpu(platform)
    })
}

/// Returns the build of Windows, such as 19045; `None` elsewhere.
pub fn windows_build() -> Option<u32> {
    // The third number of the version, as `ver` prints it: 10.0.19045.
    let version = rattler_virtual_packages::Windows::current()?.version?;
    build_of(&version.to_string())
}

fn build_of(version: &str) -> Option<u32> {
    version.split('.').nth(2)?.parse().ok()
}

/// What a driver says: the CUDA version that it is for, the least capability.
pub type Answer = (Option<CudaVersion>, Option<ComputeCapability>);

/// Returns the platform, glibc, driver and GPUs of this machine.
///
/// `variable` gives the environment; `driver` is asked only where no variable
/// stands in for it.
///
/// # Errors
///
/// GE517 for a variable that holds no version; whatever `driver` fails with.
pub fn machine<E: From<HostError>>(
    variable: &dyn Fn(&str) -> Option<String>,
    driver: impl FnOnce() -> Result<Answer, E>,
) -> Result<Target, E> {
    let mut target = machine_without_gpu(variable)?;
    let capability = match variable(CUDA_ARCH) {
        Some(text) => Some(major_minor(CUDA_ARCH, &text, "8.6")?),
        None => None,
    };
    // A driver that is made up has no GPU that could be asked (CEP 46).
    let (cuda, found) = match variable(CUDA) {
        Some(text) => (major_minor(CUDA, &text, "12.4")?, None),
        None => driver()?,
    };
    target.cuda = cuda;
    target.compute_capability = capability.unwrap_or(found).filter(|_| cuda.is_some());
    Ok(target)
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
    use super::*;

    #[test]
    fn the_build_is_the_third_number_of_the_version() {
        assert_eq!(build_of("10.0.19045"), Some(19045));
        assert_eq!(build_of("10.0.19045.3803"), Some(19045));
        assert_eq!(build_of("10.0"), None);
        assert_eq!(build_of("6.1.x"), None);
    }

    fn seen(variables: &[(&str, &str)], driver: Answer) -> Result<[String; 3], HostError> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_string())
        };
        let target = machine(&variable, || Ok::<_, HostError>(driver))?;
        let text = |value: Option<String>| value.unwrap_or_else(|| "none".to_string());
        Ok([
            text(target.cuda.map(|cuda| cuda.to_string())),
            text(target.compute_capability.map(|arch| arch.to_string())),
            text(target.glibc.map(|glibc| glibc.to_string())),
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
