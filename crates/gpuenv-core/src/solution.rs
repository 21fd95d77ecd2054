//! A set of packages for one platform, and a check that trusts no solver.
//!
//! The check reads the records alone: each dependency has a provider, each
//! constraint holds, nothing is there twice. It runs over every solve and every
//! lock, so a bug of the solver, a stale lock and a hand-edited one are found alike.

use std::{collections::BTreeMap, fmt};

use rattler_conda_types::{
    Channel, GenericVirtualPackage, MatchSpec, MatchSpecCondition, Matches, ParseMatchSpecOptions,
    RepoDataRecord, Subdir,
};

use crate::{
    Wheel, cuda_version,
    plan::{Dependency, Gpu},
};

/// A set of packages for one platform, sorted by name.
#[derive(Debug, Clone, PartialEq)]
pub struct Solution {
    /// The platform.
    pub platform: Subdir,
    /// The packages; their URLs are those of the channel, never of a mirror.
    pub records: Vec<RepoDataRecord>,
    /// The wheels beside them, sorted by name.
    pub wheels: Vec<Wheel>,
}

impl Solution {
    /// Returns everything as packages that the installer takes.
    pub fn packages(&self) -> Vec<RepoDataRecord> {
        let wheels = self.wheels.iter().filter_map(Wheel::record);
        self.records.iter().cloned().chain(wheels).collect()
    }
}

/// One way in which a set of packages is not a solution.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Violation {
    /// Nothing provides what is required; `by` is `None` for the recipe itself.
    Missing {
        /// Who requires it.
        by: Option<String>,
        /// The match spec.
        spec: String,
        /// What is there under that name instead, if anything.
        found: Option<String>,
    },
    /// A package is there that another one does not want beside it.
    Constrained {
        /// Who does not want it.
        by: String,
        /// The match spec that it would accept.
        spec: String,
        /// What is there.
        found: String,
    },
    /// Two packages have one name.
    Duplicate {
        /// The name.
        name: String,
    },
    /// A package is for another platform.
    WrongPlatform {
        /// The package.
        package: String,
        /// Its platform.
        subdir: String,
    },
    /// A dependency in a record cannot be read.
    Unreadable {
        /// The package.
        by: String,
        /// The text.
        spec: String,
    },
    /// A package is a build that the recipe's `gpu` rules out.
    WrongBuild {
        /// The package.
        package: String,
        /// What the recipe says.
        gpu: Gpu,
    },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Violation::Missing { by, spec, found } => {
                match by {
                    Some(by) => write!(f, "`{by}` needs `{spec}`")?,
                    None => write!(f, "the recipe needs `{spec}`")?,
                }
                match found {
                    Some(found) => write!(f, ", there is `{found}`"),
                    None => write!(f, ", which is not there"),
                }
            }
            Violation::Constrained { by, spec, found } => {
                write!(
                    f,
                    "`{by}` accepts only `{spec}` beside it, there is `{found}`"
                )
            }
            Violation::Duplicate { name } => write!(f, "`{name}` is there twice"),
            Violation::WrongPlatform { package, subdir } => {
                write!(f, "`{package}` is for `{subdir}`")
            }
            Violation::Unreadable { by, spec } => {
                write!(f, "`{by}` has the unreadable dependency `{spec}`")
            }
            Violation::WrongBuild { package, gpu } => match gpu {
                Gpu::Required | Gpu::Optional => write!(
                    f,
                    "`{package}` is a build for the CPU, and `gpu` is `required`"
                ),
                Gpu::None => write!(f, "`{package}` comes with CUDA, and `gpu` is `none`"),
            },
        }
    }
}

/// What a spec can be matched against: the packages and the virtual packages by name.
struct Present<'a> {
    packages: BTreeMap<&'a str, &'a RepoDataRecord>,
    virtuals: BTreeMap<&'a str, &'a GenericVirtualPackage>,
}

/// Returns every way in which the records are not a solution, sorted.
pub fn verify(
    platform: Subdir,
    dependencies: &[Dependency],
    virtual_packages: &[GenericVirtualPackage],
    records: &[RepoDataRecord],
) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut packages = BTreeMap::new();
    for record in records {
        let package = &record.package_record;
        let name = package.name.as_normalized();
        if packages.insert(name, record).is_some() {
            violations.push(Violation::Duplicate {
                name: name.to_string(),
            });
        }
        if package.subdir != platform.as_str() && package.subdir != "noarch" {
            violations.push(Violation::WrongPlatform {
                package: label(record),
                subdir: package.subdir.clone(),
            });
        }
    }
    let virtuals = virtual_packages
        .iter()
        .map(|package| (package.name.as_normalized(), package))
        .collect();
    let present = Present { packages, virtuals };

    for dependency in dependencies {
        if !present.satisfies(&dependency.spec) {
            violations.push(Violation::Missing {
                by: None,
                spec: dependency.text.clone(),
                found: present.found(&dependency.spec),
            });
        }
    }
    for record in present.packages.values() {
        verify_record(record, &present, &mut violations);
    }
    violations.sort();
    violations
}

fn verify_record(record: &RepoDataRecord, present: &Present<'_>, violations: &mut Vec<Violation>) {
    for text in &record.package_record.depends {
        match parse_spec(text) {
            None => violations.push(Violation::Unreadable {
                by: label(record),
                spec: text.clone(),
            }),
            Some(spec) if present.satisfies(&spec) => {}
            Some(spec) => violations.push(Violation::Missing {
                by: Some(label(record)),
                spec: text.clone(),
                found: present.found(&spec),
            }),
        }
    }
    let unsaid = cuda_version::unsaid(record);
    for text in record.package_record.constrains.iter().chain(&unsaid) {
        // A constraint that cannot be read constrains nothing, as solvers have it.
        let Some(spec) = parse_spec(text) else {
            continue;
        };
        if let Some(found) = present.found(&spec)
            && !present.satisfies(&spec)
        {
            violations.push(Violation::Constrained {
                by: label(record),
                spec: text.clone(),
                found,
            });
        }
    }
}

impl Present<'_> {
    /// Returns what is there under the spec's name.
    fn found(&self, spec: &MatchSpec) -> Option<String> {
        let name = spec.name.as_exact()?.as_normalized();
        match self.packages.get(name) {
            Some(record) => Some(label(record)),
            None => self
                .virtuals
                .get(name)
                .map(|package| format!("{name} {}", package.version)),
        }
    }

    fn satisfies(&self, spec: &MatchSpec) -> bool {
        if let Some(condition) = &spec.condition
            && !self.holds(condition)
        {
            return true;
        }
        let Some(name) = spec.name.as_exact() else {
            return self.packages.values().any(|record| matches(spec, record));
        };
        let name = name.as_normalized();
        match self.packages.get(name) {
            Some(record) => matches(spec, record),
            None => self
                .virtuals
                .get(name)
                .is_some_and(|package| spec.matches(*package)),
        }
    }

    fn holds(&self, condition: &MatchSpecCondition) -> bool {
        match condition {
            MatchSpecCondition::MatchSpec(spec) => self.satisfies(spec),
            MatchSpecCondition::And(left, right) => self.holds(left) && self.holds(right),
            MatchSpecCondition::Or(left, right) => self.holds(left) || self.holds(right),
        }
    }
}

/// Returns whether the record is what the spec asks for, its channel included.
fn matches(spec: &MatchSpec, record: &RepoDataRecord) -> bool {
    spec.matches(record)
        && spec
            .channel
            .as_deref()
            .is_none_or(|channel| is_of_channel(channel, record))
}

fn is_of_channel(channel: &Channel, record: &RepoDataRecord) -> bool {
    is_below(channel.base_url.as_str(), record)
}

/// Returns whether a record lies in just this channel, by its URL.
///
/// `nvidia/label/cuda-12.4.0` is below the URL of `nvidia`, and another channel.
pub fn is_below(channel: &str, record: &RepoDataRecord) -> bool {
    let channel = channel.strip_suffix('/').unwrap_or(channel);
    let rest = record.url.as_str().strip_prefix(channel);
    let rest = rest.and_then(|rest| rest.strip_prefix('/'));
    rest.is_some_and(|rest| rest.matches('/').count() == 1)
}

/// Reads a dependency as channels write it.
pub fn parse_spec(text: &str) -> Option<MatchSpec> {
    let options = ParseMatchSpecOptions::lenient()
        .with_extras(true)
        .with_conditionals(true)
        .with_flags(true);
    MatchSpec::from_str(text, options).ok()
}

/// Returns the package that a dependency is about, as channels write it.
pub fn name_of(text: &str) -> &str {
    let end = text.find([' ', '=', '<', '>', '!', '~', '[', ';']);
    &text[..end.unwrap_or(text.len())]
}

/// Returns `name version build`, as conda lists a package.
pub fn label(record: &RepoDataRecord) -> String {
    let package = &record.package_record;
    format!(
        "{} {} {}",
        package.name.as_normalized(),
        package.version,
        package.build
    )
}

/// Returns the packages that nothing needs: not the recipe, nor what it needs.
pub fn unneeded(dependencies: &[Dependency], records: &[RepoDataRecord]) -> Vec<String> {
    let by_name: BTreeMap<&str, &RepoDataRecord> = records
        .iter()
        .map(|record| (record.package_record.name.as_normalized(), record))
        .collect();
    let mut needed = std::collections::BTreeSet::new();
    let mut open: Vec<String> = dependencies
        .iter()
        .filter_map(|dependency| dependency.spec.name.as_exact())
        .map(|name| name.as_normalized().to_string())
        .collect();
    while let Some(name) = open.pop() {
        let Some(record) = by_name.get(name.as_str()) else {
            continue;
        };
        if needed.insert(name) {
            let names = record.package_record.depends.iter().filter_map(|text| {
                let spec = parse_spec(text)?;
                Some(spec.name.as_exact()?.as_normalized().to_string())
            });
            open.extend(names);
        }
    }
    by_name
        .into_iter()
        .filter(|(name, _)| !needed.contains(*name))
        .map(|(_, record)| label(record))
        .collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use rattler_conda_types::{PackageName, PackageRecord, package::DistArchiveIdentifier};
    use url::Url;

    use super::*;
    use crate::Target;

    pub(crate) fn record(name: &str, version: &str, depends: &[&str]) -> RepoDataRecord {
        let file_name = format!("{name}-{version}-0.conda");
        let mut package = PackageRecord::new(
            PackageName::new_unchecked(name),
            version
                .parse::<rattler_conda_types::VersionWithSource>()
                .unwrap(),
            "0".parse().unwrap(),
        );
        package.subdir = "linux-64".to_string();
        package.depends = depends.iter().map(|text| (*text).to_string()).collect();
        let base = "https://conda.anaconda.org/conda-forge/";
        RepoDataRecord {
            package_record: package,
            identifier: file_name.parse::<DistArchiveIdentifier>().unwrap(),
            url: Url::parse(&format!("{base}linux-64/{file_name}")).unwrap(),
            channel: Some(base.to_string()),
        }
    }

    pub(crate) fn dependency(text: &str) -> Dependency {
        Dependency {
            spec: MatchSpec::from_str(text, ParseMatchSpecOptions::lenient()).unwrap(),
            text: text.to_string(),
            place: None,
        }
    }

    fn violations(dependencies: &[&str], records: &[RepoDataRecord]) -> Vec<String> {
        let mut target = Target::without_gpu(Subdir::Linux64);
        target.cuda = "12.4".parse().ok();
        let dependencies: Vec<_> = dependencies.iter().map(|text| dependency(text)).collect();
        verify(
            Subdir::Linux64,
            &dependencies,
            &target.virtual_packages(),
            records,
        )
        .iter()
        .map(Violation::to_string)
        .collect()
    }

    #[test]
    fn a_complete_set_passes() {
        let records = [
            record("torch", "2.6", &["cuda-version >=12", "__glibc >=2.17"]),
            record("cuda-version", "12.4", &["__cuda >=12"]),
        ];
        assert_eq!(violations(&["torch"], &records), [] as [&str; 0]);
    }

    #[test]
    fn each_kind_of_violation_is_found() {
        let mut constrained = record("cuda-version", "11.2", &[]);
        constrained.package_record.constrains = vec!["__cuda <12".to_string()];
        let mut foreign = record("zlib", "1", &[]);
        foreign.package_record.subdir = "win-64".to_string();
        let records = [
            record("torch", "2.6", &["cuda-version >=12", "absent"]),
            constrained,
            record("torch", "2.5", &["cuda-version >=11"]),
            foreign,
        ];
        insta::assert_snapshot!(violations(&["torch >=3"], &records[..2]).join("\n"), @r"
        the recipe needs `torch >=3`, there is `torch 2.6 0`
        `torch 2.6 0` needs `absent`, which is not there
        `torch 2.6 0` needs `cuda-version >=12`, there is `cuda-version 11.2 0`
        `cuda-version 11.2 0` accepts only `__cuda <12` beside it, there is `__cuda 12.4`
        ");
        insta::assert_snapshot!(violations(&[], &records[1..]).join("\n"), @r"
        `cuda-version 11.2 0` accepts only `__cuda <12` beside it, there is `__cuda 12.4`
        `zlib 1 0` is for `win-64`
        ");
        assert!(violations(&[], &records).contains(&"`torch` is there twice".to_string()));
    }

    #[test]
    fn another_toolkit_beside_a_version_of_cuda_is_found_whatever_the_records_say() {
        let records = [
            record("cuda-version", "12.3", &[]),
            record("cudatoolkit", "11.8.0", &[]),
        ];
        insta::assert_snapshot!(violations(&[], &records).join("\n"), @"`cuda-version 12.3 0` accepts only `cudatoolkit 12.3.*` beside it, there is `cudatoolkit 11.8.0 0`");
        let records = [record("cuda-version", "13.0", &[])];
        insta::assert_snapshot!(violations(&[], &records).join("\n"), @"`cuda-version 13.0 0` accepts only `__cuda >=13` beside it, there is `__cuda 12.4`");
    }

    #[test]
    fn the_channel_of_a_spec_counts() {
        let records = [record("torch", "2.6", &[])];
        assert_eq!(violations(&["conda-forge::torch"], &records).len(), 0);
        assert_eq!(violations(&["nvidia::torch"], &records).len(), 1);
        let mut labelled = record("torch", "2.6", &[]);
        let url = "https://conda.anaconda.org/conda-forge/label/dev/linux-64/torch-2.6-0.conda";
        labelled.url = Url::parse(url).unwrap();
        assert_eq!(violations(&["conda-forge::torch"], &[labelled]).len(), 1);
    }

    #[test]
    fn what_nothing_needs_is_named() {
        let records = [
            record("a", "1", &["b"]),
            record("b", "1", &["a"]),
            record("c", "1", &["a"]),
        ];
        assert_eq!(unneeded(&[dependency("a")], &records), ["c 1 0"]);
    }
}
