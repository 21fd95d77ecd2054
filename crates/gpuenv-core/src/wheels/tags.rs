//! Which of several wheels of one version is the one for a machine.
//!
//! The order is that of PEP 425 and of Python's `packaging.tags`: what is made
//! for exactly this interpreter comes before what any can load, and what is made
//! for the newest system library that the target has before what runs anywhere.

use rattler_conda_types::{Subdir, Version};

use super::WheelFileName;
use crate::Target;

/// What decides which wheels can be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Major and minor version of CPython.
    pub python: (u64, u64),
    /// The conda platform.
    pub platform: Subdir,
    /// The version of glibc that the recipe counts on; without meaning elsewhere.
    pub glibc: (u64, u64),
}

/// How well a wheel fits; the smallest is best.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    kind: u8,
    python: u64,
    platform: u64,
    // A higher build tag is better, and so is any over none.
    build: std::cmp::Reverse<Option<(u64, String)>>,
}

/// The version of macOS that is counted on, as for the conda packages.
const MACOS: (u64, u64) = (13, 0);

impl Machine {
    /// Makes the machine of a target with a CPython of that version.
    pub fn new(target: &Target, python: (u64, u64)) -> Self {
        let packages = target.virtual_packages();
        let glibc = packages
            .iter()
            .find(|package| package.name.as_normalized() == "__glibc");
        let glibc = glibc.and_then(|package| major_minor(&package.version));
        Self {
            python,
            platform: target.platform,
            glibc: glibc.unwrap_or((0, 0)),
        }
    }

    /// Returns how well a wheel fits; `None` if it cannot be loaded.
    pub fn rank(&self, file: &WheelFileName) -> Option<Rank> {
        let mut best: Option<Rank> = None;
        for python in &file.pythons {
            for abi in &file.abis {
                for platform in &file.platforms {
                    let rank = self.rank_tag(python, abi, platform).map(|rank| Rank {
                        build: std::cmp::Reverse(file.build.clone()),
                        ..rank
                    });
                    best = match (best, rank) {
                        (Some(best), Some(rank)) => Some(best.min(rank)),
                        (best, rank) => best.or(rank),
                    };
                }
            }
        }
        best
    }

    fn rank_tag(&self, python: &str, abi: &str, platform: &str) -> Option<Rank> {
        let (major, minor) = self.python;
        let place = match platform {
            "any" => None,
            platform => Some(self.rank_platform(platform)?),
        };
        let exact = format!("cp{major}{minor}");
        let rank = |kind, python| Rank {
            kind,
            python,
            platform: place.unwrap_or(0),
            build: std::cmp::Reverse(None),
        };
        if let Some(version) = python.strip_prefix("cp") {
            let lower = || {
                let digits = version.strip_prefix(&major.to_string())?;
                let older: u64 = digits.parse().ok()?;
                minor.checked_sub(older)
            };
            return match (abi, place.is_some()) {
                (abi, true) if python == exact && is_own_abi(abi, &exact, self.python) => {
                    Some(rank(0, 0))
                }
                ("abi3", true) if python == exact => Some(rank(1, 0)),
                ("none", true) if python == exact => Some(rank(2, 0)),
                ("abi3", true) => Some(rank(3, lower()?)),
                ("none", false) if python == exact => Some(rank(5, 0)),
                _ => None,
            };
        }
        let version = python.strip_prefix("py")?;
        let distance = match version.strip_prefix(&major.to_string())? {
            // `py3` comes behind `py312` and before `py311`.
            "" => 1,
            digits => match minor.checked_sub(digits.parse().ok()?)? {
                0 => 0,
                older => older.saturating_add(1),
            },
        };
        match (abi, place.is_some()) {
            ("none", true) => Some(rank(4, distance)),
            ("none", false) => Some(rank(6, distance)),
            _ => None,
        }
    }

    /// Returns how far a platform tag is from the best one of the platform.
    fn rank_platform(&self, tag: &str) -> Option<u64> {
        match self.platform {
            Subdir::Win64 => (tag == "win_amd64").then_some(0),
            Subdir::WinArm64 => (tag == "win_arm64").then_some(0),
            Subdir::Win32 => (tag == "win32").then_some(0),
            Subdir::Linux64 => self.rank_linux(tag, "x86_64"),
            Subdir::LinuxAarch64 => self.rank_linux(tag, "aarch64"),
            Subdir::LinuxPpc64le => self.rank_linux(tag, "ppc64le"),
            Subdir::Osx64 => rank_macos(tag, &["x86_64", "universal2", "intel", "universal"]),
            Subdir::OsxArm64 => rank_macos(tag, &["arm64", "universal2"]),
            _ => None,
        }
    }

    fn rank_linux(&self, tag: &str, architecture: &str) -> Option<u64> {
        let tag = tag.strip_suffix(architecture)?.strip_suffix('_')?;
        let needs = match tag {
            // Built on some Linux, for that Linux: only what nothing else fits.
            "linux" => return Some(u64::MAX),
            "manylinux1" => (2, 5),
            "manylinux2010" => (2, 12),
            "manylinux2014" => (2, 17),
            tag => two_numbers(tag.strip_prefix("manylinux_")?)?,
        };
        let (major, minor) = self.glibc;
        let same_major = needs.0 == major && needs.1 <= minor;
        same_major.then(|| minor - needs.1)
    }
}

/// Returns whether the interface is the interpreter's own. Up to 3.7 its name
/// had an `m` behind it.
fn is_own_abi(abi: &str, exact: &str, python: (u64, u64)) -> bool {
    abi == exact || (python < (3, 8) && abi.strip_suffix('m') == Some(exact))
}

fn rank_macos(tag: &str, architectures: &[&str]) -> Option<u64> {
    let rest = tag.strip_prefix("macosx_")?;
    let (index, rest) = architectures.iter().enumerate().find_map(|(index, name)| {
        let rest = rest.strip_suffix(name)?.strip_suffix('_')?;
        Some((index as u64, rest))
    })?;
    let needs = two_numbers(rest)?;
    if needs > MACOS {
        return None;
    }
    let age = (MACOS.0 - needs.0) * 100 + (100 - needs.1.min(100));
    Some(age * 8 + index)
}

fn two_numbers(text: &str) -> Option<(u64, u64)> {
    let (major, minor) = text.split_once('_')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn major_minor(version: &Version) -> Option<(u64, u64)> {
    version.as_major_minor()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(platform: Subdir, glibc: (u64, u64)) -> Machine {
        Machine {
            python: (3, 10),
            platform,
            glibc,
        }
    }

    fn best<'a>(machine: &Machine, names: &[&'a str]) -> Option<&'a str> {
        let rank = |name: &&str| machine.rank(&WheelFileName::parse(name).unwrap());
        let fitting = names.iter().filter_map(|name| Some((rank(name)?, *name)));
        fitting.min().map(|(_, name)| name)
    }

    /// From the best to the worst; each list is one distribution of PyPI.
    const ORDERS: [&[&str]; 4] = [
        &[
            "p-1-cp310-cp310-manylinux_2_28_x86_64.whl",
            "p-1-cp310-cp310-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
            "p-1-cp310-cp310-manylinux1_x86_64.whl",
            "p-1-cp310-abi3-manylinux_2_28_x86_64.whl",
            "p-1-cp37-abi3-manylinux_2_28_x86_64.whl",
            "p-1-py3-none-manylinux2014_x86_64.whl",
            "p-1-py3-none-any.whl",
        ],
        &[
            "tensorboard_data_server-0.7.2-py3-none-manylinux_2_31_x86_64.manylinux_2_17_x86_64.whl",
            "tensorboard_data_server-0.7.2-py3-none-any.whl",
        ],
        &[
            "p-1-2-py3-none-any.whl",
            "p-1-1-py3-none-any.whl",
            "p-1-py3-none-any.whl",
        ],
        &[
            "p-1-cp39-abi3-linux_x86_64.whl",
            "p-1-cp37-abi3-manylinux_2_28_x86_64.whl",
            "p-1-py2.py3-none-any.whl",
            "p-1-py39-none-any.whl",
        ],
    ];

    #[test]
    fn the_tag_decides_and_not_the_order_of_the_list() {
        let machine = machine(Subdir::Linux64, (2, 28));
        for order in ORDERS {
            for start in 0..order.len() {
                let mut names = order[start..].to_vec();
                assert_eq!(best(&machine, &names), Some(order[start]));
                names.reverse();
                assert_eq!(best(&machine, &names), Some(order[start]));
            }
        }
    }

    #[test]
    fn a_wheel_for_a_newer_glibc_than_the_recipe_counts_on_is_not_taken() {
        let names = [
            "p-1-cp310-cp310-manylinux_2_28_x86_64.whl",
            "p-1-cp310-cp310-manylinux2014_x86_64.whl",
        ];
        let with = |glibc| best(&machine(Subdir::Linux64, glibc), &names);
        assert_eq!(with((2, 34)), Some(names[0]));
        assert_eq!(with((2, 27)), Some(names[1]));
        assert_eq!(with((2, 12)), None);
    }

    #[test]
    fn what_another_machine_loads_does_not_fit() {
        let machine = machine(Subdir::Linux64, (2, 28));
        for name in [
            "p-1-cp310-cp310-win_amd64.whl",
            "p-1-cp310-cp310-manylinux_2_17_aarch64.whl",
            "p-1-cp310-cp310-musllinux_1_2_x86_64.whl",
            "p-1-cp311-cp311-manylinux_2_17_x86_64.whl",
            "p-1-cp311-abi3-manylinux_2_17_x86_64.whl",
            "p-1-cp310-cp310t-manylinux_2_17_x86_64.whl",
            "p-1-pp310-pypy310_pp73-manylinux_2_17_x86_64.whl",
            "p-1-py2-none-any.whl",
            "p-1-py311-none-any.whl",
            "p-1-cp399999999999999999999-abi3-manylinux_2_17_x86_64.whl",
        ] {
            assert_eq!(best(&machine, &[name]), None, "{name}");
        }
    }

    #[test]
    fn windows_and_macos_have_their_own_tags() {
        let windows = machine(Subdir::Win64, (0, 0));
        let names = [
            "p-1-cp310-cp310-win_amd64.whl",
            "p-1-cp310-cp310-win32.whl",
            "p-1-py3-none-any.whl",
        ];
        assert_eq!(best(&windows, &names), Some(names[0]));
        let mac = machine(Subdir::OsxArm64, (0, 0));
        let names = [
            "p-1-cp310-cp310-macosx_12_0_arm64.whl",
            "p-1-cp310-cp310-macosx_11_0_arm64.whl",
            "p-1-cp310-cp310-macosx_11_0_universal2.whl",
            "p-1-py3-none-any.whl",
        ];
        for start in 0..names.len() {
            assert_eq!(best(&mac, &names[start..]), Some(names[start]));
        }
        assert_eq!(best(&mac, &["p-1-cp310-cp310-macosx_14_0_arm64.whl"]), None);
    }
}
