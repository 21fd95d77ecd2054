//! The machine that a lock is made for, as far as a solver can see it.
//!
//! It comes from the recipe, never from the machine that runs `gpuenv lock`:
//! otherwise two people would get two locks from one recipe. The same type
//! describes a real machine, so "can this lock run here?" compares like with like.

use std::{fmt, str::FromStr};

use rattler_conda_types::{
    GenericVirtualPackage, PackageName, Subdir, Version, package::BuildString,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The least machine that a lock must run on, or the machine at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The conda platform.
    pub platform: Subdir,
    /// The CUDA version that the driver supports; becomes `__cuda`.
    pub cuda: Option<CudaVersion>,
    /// The lowest compute capability of its GPUs; becomes `__cuda_arch` (CEP 46).
    pub compute_capability: Option<ComputeCapability>,
    /// The version of glibc; becomes `__glibc`. Linux only.
    pub glibc: Option<Version>,
}

impl Target {
    /// Returns a machine of that platform without a GPU.
    pub fn without_gpu(platform: Subdir) -> Self {
        Self {
            platform,
            cuda: None,
            compute_capability: None,
            glibc: None,
        }
    }

    /// Returns the virtual packages that a solve for this machine sees, by name.
    ///
    /// What the recipe does not say is the baseline that pixi and rattler use
    /// too: glibc 2.28 and Linux 4.18 (RHEL 8), Windows 10, macOS 13.
    pub fn virtual_packages(&self) -> Vec<GenericVirtualPackage> {
        let platform = self.platform;
        let mut packages = Vec::new();
        if let Some(name) = archspec(platform) {
            packages.push(virtual_package("__archspec", Version::major(1), name));
        }
        if let Some(cuda) = self.cuda {
            packages.push(virtual_package("__cuda", cuda.to_version(), "0"));
            // CEP 46: `__cuda_arch` exists only beside `__cuda`.
            if let Some(capability) = self.compute_capability {
                packages.push(virtual_package("__cuda_arch", capability.to_version(), "0"));
            }
        }
        if platform.is_linux() {
            let glibc = self.glibc.clone().unwrap_or_else(|| known_version("2.28"));
            packages.push(virtual_package("__glibc", glibc, "0"));
            packages.push(virtual_package("__linux", known_version("4.18"), "0"));
        }
        if platform.is_osx() {
            packages.push(virtual_package("__osx", known_version("13.0"), "0"));
        }
        if platform.is_unix() {
            packages.push(virtual_package("__unix", Version::major(0), "0"));
        }
        if platform.is_windows() {
            packages.push(virtual_package("__win", known_version("10.0"), "0"));
        }
        packages
    }
}

fn virtual_package(name: &str, version: Version, build: &str) -> GenericVirtualPackage {
    GenericVirtualPackage {
        name: PackageName::new_unchecked(name),
        version,
        build_string: BuildString::new_unchecked(build),
    }
}

fn known_version(text: &str) -> Version {
    text.parse()
        .expect("the callers pass literals of the form N.N")
}

/// Returns the oldest micro-architecture of the platform, as archspec names it.
fn archspec(platform: Subdir) -> Option<&'static str> {
    match platform {
        Subdir::Linux64 | Subdir::Win64 | Subdir::Osx64 => Some("x86_64"),
        Subdir::LinuxAarch64 | Subdir::WinArm64 => Some("aarch64"),
        Subdir::LinuxPpc64le => Some("ppc64le"),
        Subdir::OsxArm64 => Some("m1"),
        _ => None,
    }
}

macro_rules! major_minor {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name {
            /// The number before the dot.
            pub major: u32,
            /// The number behind the dot.
            pub minor: u32,
        }

        impl $name {
            /// Returns the same as a conda version.
            pub fn to_version(self) -> Version {
                self.to_string().parse().expect("two numbers and a dot are a conda version")
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}.{}", self.major, self.minor)
            }
        }

        impl FromStr for $name {
            type Err = BadMajorMinor;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let refuse = || BadMajorMinor { what: $what, text: text.to_string() };
                let (major, minor) = text.split_once('.').ok_or_else(refuse)?;
                let number = |digits: &str| match digits.bytes().all(|b| b.is_ascii_digit()) {
                    true => digits.parse().map_err(|_| refuse()),
                    false => Err(refuse()),
                };
                Ok(Self { major: number(major)?, minor: number(minor)? })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?
                    .parse()
                    .map_err(serde::de::Error::custom)
            }
        }
    };
}

major_minor!(
    /// A CUDA version as the driver counts it (`cuDriverGetVersion`): `12.4`.
    CudaVersion,
    "CUDA version"
);
major_minor!(
    /// A compute capability: `8.6`.
    ComputeCapability,
    "compute capability"
);

impl CudaVersion {
    /// Returns the version behind the number of `cuDriverGetVersion`: 12040 is 12.4.
    pub fn from_driver(number: i32) -> Self {
        let number = number.max(0) as u32;
        Self {
            major: number / 1000,
            minor: number % 1000 / 10,
        }
    }
}

/// The text is not of the form `major.minor`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {what} of the form `major.minor`")]
pub struct BadMajorMinor {
    what: &'static str,
    text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cuda_version_is_two_numbers() {
        assert_eq!(
            "12.4".parse(),
            Ok(CudaVersion {
                major: 12,
                minor: 4
            })
        );
        for bad in [
            "",
            "12",
            "12.",
            ".4",
            "12.4.1",
            "abc",
            "+1.2",
            "12.x",
            "99999999999.0",
        ] {
            assert!(bad.parse::<CudaVersion>().is_err(), "{bad}");
        }
        assert_eq!(CudaVersion::from_driver(12040).to_string(), "12.4");
    }

    #[test]
    fn compute_capability_counts_only_beside_cuda() {
        let mut target = Target::without_gpu(Subdir::Linux64);
        target.compute_capability = "8.6".parse().ok();
        let names = |target: &Target| -> Vec<String> {
            let packages = target.virtual_packages();
            packages
                .iter()
                .map(|p| p.name.as_normalized().to_string())
                .collect()
        };
        assert!(!names(&target).iter().any(|name| name.starts_with("__cuda")));
        target.cuda = "12.4".parse().ok();
        assert_eq!(names(&target)[1..3], ["__cuda", "__cuda_arch"]);
    }
}
