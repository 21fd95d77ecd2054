//! Where packages want to put their files, and whether they may.
//!
//! A package names its paths itself, and nobody checks them on the way to the
//! linker. So this is done here, over all packages together: a link of one and
//! a file of another can lead outside where each alone does not.

mod names;
mod resolve;

use std::{
    collections::{BTreeSet, HashMap, HashSet, hash_map},
    fmt,
};

use rattler_conda_types::Subdir;

pub use names::{Fault, component_fault, path_fault};
use resolve::{Links, Way};

/// What one package wants to put into the prefix.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Package {
    /// `name version build`.
    pub label: String,
    /// Its paths, as its own metadata writes them.
    pub entries: Vec<Entry>,
    /// Where Python keeps things, if the package is `noarch: python`.
    pub python: Option<PythonPlaces>,
    /// The commands that an installer makes for it in the script directory.
    pub commands: Vec<String>,
}

/// One path of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The path, with `/` between its components.
    pub path: String,
    /// What is put there.
    pub kind: Kind,
}

/// What is put at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link {
        /// What it points to, as the link itself says.
        target: String,
    },
}

/// Where a Python keeps modules and scripts, relative to the prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PythonPlaces {
    /// For example `lib/python3.12/site-packages`.
    pub modules: String,
    /// For example `bin`.
    pub scripts: String,
}

/// A path that must not be linked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unsafe {
    /// The package.
    pub package: String,
    /// The path, as the package writes it.
    pub path: String,
    /// Why not.
    pub reason: Reason,
}

/// Why a path must not be linked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The path itself is not one.
    Path(Fault),
    /// The command is not a plain file name.
    Command(Fault),
    /// It belongs to the installer.
    Reserved,
    /// The link points out of the prefix.
    LinkLeaves {
        /// What it points to.
        target: String,
    },
    /// A link on the way to it leads out of the prefix.
    WayLeaves,
    /// So many links are on the way to it that nobody can tell where it leads.
    Tangled,
    /// It would be started instead of Python.
    Python,
    /// Another file of the package has the same name but for capitals.
    SameName {
        /// The other one.
        other: String,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Path(fault) => write!(f, "the path {fault}"),
            Reason::Command(fault) => write!(f, "the command {fault}"),
            Reason::Reserved => f.write_str("the place belongs to the installer"),
            Reason::LinkLeaves { target } => {
                write!(f, "the link leads out of the prefix, to `{target}`")
            }
            Reason::WayLeaves => f.write_str("a link on the way leads out of the prefix"),
            Reason::Tangled => f.write_str("too many links are on the way"),
            Reason::Python => f.write_str("it would be started instead of Python"),
            Reason::SameName { other } => {
                write!(f, "Windows takes it and `{other}` for one file")
            }
        }
    }
}

/// A path that several packages want to put something at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Clobber {
    /// The path.
    pub path: String,
    /// The packages, in the order given.
    pub packages: Vec<String>,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Findings {
    /// What must not be linked, sorted.
    pub refused: Vec<Unsafe>,
    /// What several packages bring, sorted.
    pub clobbers: Vec<Clobber>,
}

/// What is in the prefix already.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Present {
    /// The packages that stay, with their final paths.
    pub packages: Vec<Package>,
    /// All symbolic links, whoever made them: path and target.
    pub links: Vec<(String, String)>,
}

/// Checks all packages that are going to be linked together.
pub fn check(platform: Subdir, packages: &[Package], present: &Present) -> Findings {
    let mut refused = BTreeSet::new();
    let mut links = Links::new(platform.is_windows() || platform.is_osx());
    for (path, target) in &present.links {
        links.add(path, target);
    }
    for package in packages {
        for (entry, target) in package.entries.iter().zip(final_paths(package)) {
            let reason = path_reason(platform, &entry.path, &target);
            let reason = reason.or_else(|| package.shadows(&target).then_some(Reason::Python));
            if let Some(reason) = reason {
                refused.insert(unsafe_entry(package, &entry.path, reason));
            } else if let Kind::Link { target: to } = &entry.kind {
                links.add(&target, to);
            }
        }
        for command in &package.commands {
            if let Some(fault) = names::component_fault(platform, command) {
                let reason = Reason::Command(fault);
                refused.insert(unsafe_entry(package, command, reason));
            } else if names::is_python(command) {
                refused.insert(unsafe_entry(package, command, Reason::Python));
            }
        }
    }
    if platform.is_windows() {
        for package in packages {
            same_names(package, &mut refused);
        }
    }
    // The links can only be followed where the paths themselves are sound.
    if refused.is_empty() {
        ways(packages, &links, &mut refused);
    }
    Findings {
        refused: refused.into_iter().collect(),
        clobbers: clobbers(packages, &present.packages),
    }
}

impl Package {
    /// Returns whether a script, at its final path, takes the name of the Python that
    /// the package is for.
    fn shadows(&self, target: &str) -> bool {
        let scripts = self.python.as_ref();
        let name = scripts.and_then(|places| target.strip_prefix(places.scripts.as_str()));
        let name = name.and_then(|rest| rest.strip_prefix('/'));
        name.is_some_and(names::is_python)
    }
}

/// Finds files of a package of which one would be written over the other.
fn same_names(package: &Package, refused: &mut BTreeSet<Unsafe>) {
    let mut known: HashMap<String, (String, &str)> = HashMap::new();
    let mut refuse = |target: String, path| match known.entry(target.to_lowercase()) {
        hash_map::Entry::Vacant(place) => {
            place.insert((target, path));
        }
        // A path that is listed twice is one file.
        hash_map::Entry::Occupied(place) if place.get().0 == target => {}
        hash_map::Entry::Occupied(place) => {
            let other = place.get().1.to_string();
            refused.insert(unsafe_entry(package, path, Reason::SameName { other }));
        }
    };
    for (entry, target) in package.entries.iter().zip(final_paths(package)) {
        if entry.kind != Kind::Directory {
            refuse(target, &entry.path);
        }
    }
    let scripts = package.python.as_ref();
    let scripts = scripts.map_or("", |places| places.scripts.as_str());
    for command in &package.commands {
        refuse(format!("{scripts}/{command}.exe"), command);
    }
}

/// Finds what leaves the prefix through a link.
fn ways(packages: &[Package], links: &Links, refused: &mut BTreeSet<Unsafe>) {
    let mut sound: HashSet<String> = HashSet::new();
    for package in packages {
        let mut refuse = |path: &str, reason| {
            refused.insert(unsafe_entry(package, path, reason));
        };
        for (entry, target) in package.entries.iter().zip(final_paths(package)) {
            let parent = target.rsplit_once('/').map_or("", |(parent, _)| parent);
            if !sound.contains(parent) {
                match links.follow(parent, "") {
                    Way::Inside => {
                        sound.insert(parent.to_string());
                    }
                    Way::Leaves => {
                        refuse(&entry.path, Reason::WayLeaves);
                        continue;
                    }
                    Way::Tangled => {
                        refuse(&entry.path, Reason::Tangled);
                        continue;
                    }
                }
            }
            if let Kind::Link { target: to } = &entry.kind {
                match links.follow(parent, to) {
                    Way::Inside => {}
                    Way::Leaves => {
                        let target = to.clone();
                        refuse(&entry.path, Reason::LinkLeaves { target });
                    }
                    Way::Tangled => refuse(&entry.path, Reason::Tangled),
                }
            }
        }
        let places = package.python.as_ref();
        let scripts = places.map_or("", |places| places.scripts.as_str());
        for command in &package.commands {
            // A command is written through whatever lies at its place.
            match links.follow(scripts, command) {
                Way::Inside => {}
                Way::Leaves => refuse(command, Reason::WayLeaves),
                Way::Tangled => refuse(command, Reason::Tangled),
            }
        }
    }
}

fn unsafe_entry(package: &Package, path: &str, reason: Reason) -> Unsafe {
    Unsafe {
        package: package.label.clone(),
        path: path.to_string(),
        reason,
    }
}

/// Judges the path in the package, from which a file is read, and the one in
/// the prefix, to which it is written.
fn path_reason(platform: Subdir, source: &str, target: &str) -> Option<Reason> {
    let fault = names::path_fault(platform, source)
        .or_else(|| names::path_fault(platform, target))
        .map(Reason::Path);
    fault.or_else(|| names::is_reserved(target).then_some(Reason::Reserved))
}

/// Returns where each entry of a package ends up, in their order.
pub fn final_paths(package: &Package) -> impl Iterator<Item = String> {
    package.entries.iter().map(|entry| {
        let path = entry.path.as_str();
        let Some(places) = &package.python else {
            return path.to_string();
        };
        let moved = |from: &str, to: &str| {
            let rest = path.strip_prefix(from)?;
            match rest.strip_prefix('/') {
                Some(rest) => Some(format!("{to}/{rest}")),
                None => rest.is_empty().then(|| to.to_string()),
            }
        };
        moved("site-packages", &places.modules)
            .or_else(|| moved("python-scripts", &places.scripts))
            .unwrap_or_else(|| path.to_string())
    })
}

/// Finds paths that a package to be linked shares with another one.
fn clobbers(packages: &[Package], kept: &[Package]) -> Vec<Clobber> {
    let mut owners: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, package) in packages.iter().chain(kept).enumerate() {
        for (entry, target) in package.entries.iter().zip(final_paths(package)) {
            if entry.kind != Kind::Directory {
                let owners = owners.entry(target).or_default();
                if owners.last() != Some(&index) {
                    owners.push(index);
                }
            }
        }
    }
    let label = |index: &usize| {
        let package = packages.get(*index);
        let package = package.or_else(|| kept.get(index - packages.len()));
        package.map(|package| package.label.clone())
    };
    let mut clobbers: Vec<Clobber> = owners
        .into_iter()
        .filter(|(_, owners)| owners.len() > 1 && owners[0] < packages.len())
        .map(|(path, owners)| Clobber {
            path,
            packages: owners.iter().filter_map(label).collect(),
        })
        .collect();
    clobbers.sort();
    clobbers
}

#[cfg(test)]
mod tests;
