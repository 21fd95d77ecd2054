//! Who needs whom: what is locked or installed for one platform, as a graph.
//!
//! Edges say which text demands a package. Virtual packages are part of it, so
//! that one can ask which packages need a driver.

mod contents;
mod error;
mod tree;
mod wheels;
mod why;

#[cfg(test)]
mod tests;

use rattler_conda_types::Subdir;
use serde_json::{Value, json};

pub use contents::{Contents, Kind, Line, Package, PlainWheel};
pub use error::{absent, no_platform};
pub use tree::{Branch, Direction, tree};
pub use why::{Reasons, Step, why};

use crate::{solution, wheels as distributions};

/// Packages, and who needs whom.
#[derive(Debug, Clone)]
pub struct Graph {
    /// The packages, by name; those of conda before wheels of the same name.
    pub packages: Vec<Package>,
    /// What was asked for, in order, and the package that it became.
    pub lines: Vec<(Line, Option<usize>)>,
    /// What each package needs: which one, and the text that says so.
    needs: Vec<Vec<(usize, String)>>,
    /// The platform, where it is known.
    platform: Option<Subdir>,
    /// Who needs each package.
    needed_by: Vec<Vec<(usize, String)>>,
}

impl Graph {
    /// Makes the graph of what there is.
    pub fn new(contents: Contents) -> Self {
        let mut packages = contents.packages;
        packages.sort_by(|a, b| (&a.name, a.kind).cmp(&(&b.name, b.kind)));
        packages.dedup_by(|a, b| a.name == b.name && a.kind == b.kind);
        let mut graph = Self {
            needs: vec![Vec::new(); packages.len()],
            needed_by: vec![Vec::new(); packages.len()],
            packages,
            lines: Vec::new(),
            platform: contents.platform,
        };
        let lines = contents.lines.into_iter().map(|line| {
            let package = match line.wheel {
                true => graph.wheel(&contents::distribution_of(&line.text)),
                false => graph.conda(&contents::package_of(&line.text)),
            };
            (line, package)
        });
        graph.lines = lines.collect();
        graph.connect_packages();
        graph.connect_wheels();
        graph
    }

    fn connect_packages(&mut self) {
        for from in 0..self.packages.len() {
            if self.packages[from].kind == Kind::Wheel {
                continue;
            }
            for text in self.packages[from].needs.clone() {
                if let Some(to) = self.conda(solution::name_of(&text)) {
                    self.connect(from, to, text);
                }
            }
        }
    }

    fn connect_wheels(&mut self) {
        for (from, to, text) in wheels::edges(self) {
            self.connect(from, to, text);
        }
    }

    fn connect(&mut self, from: usize, to: usize, text: String) {
        self.needed_by[to].push((from, text.clone()));
        self.needs[from].push((to, text));
    }

    /// Returns the package of this name; one of conda before a wheel.
    pub fn find(&self, name: &str) -> Option<usize> {
        let name = name.trim();
        let wheel = || distributions::normalized(name).and_then(|name| self.wheel(&name));
        self.conda(&name.to_lowercase()).or_else(wheel)
    }

    /// Returns the conda package or virtual package of this name.
    fn conda(&self, name: &str) -> Option<usize> {
        self.named(name)
            .find(|index| self.packages[*index].kind != Kind::Wheel)
    }

    /// Returns the wheel of this name.
    fn wheel(&self, name: &str) -> Option<usize> {
        self.named(name)
            .find(|index| self.packages[*index].kind == Kind::Wheel)
    }

    fn named(&self, name: &str) -> impl Iterator<Item = usize> {
        let first = self
            .packages
            .partition_point(|package| package.name.as_str() < name);
        let same = self.packages[first..]
            .iter()
            .take_while(move |package| package.name == name);
        first..first + same.count()
    }

    /// Returns the indices of what was asked for; without that, of what nobody needs.
    pub fn roots(&self) -> Vec<usize> {
        let mut roots: Vec<usize> = Vec::new();
        for index in self.lines.iter().filter_map(|(_, index)| *index) {
            if !roots.contains(&index) {
                roots.push(index);
            }
        }
        if roots.is_empty() {
            roots = self.unneeded().collect();
        }
        roots
    }

    /// Returns what nobody needs, but for virtual packages.
    fn unneeded(&self) -> impl Iterator<Item = usize> {
        (0..self.packages.len()).filter(|index| {
            self.needed_by[*index].iter().all(|(from, _)| from == index)
                && self.packages[*index].kind != Kind::Virtual
        })
    }

    /// Returns the roots, and behind them what cannot be reached from any.
    pub fn all_roots(&self) -> (Vec<usize>, Vec<usize>) {
        let roots = self.roots();
        let mut reached = vec![false; self.packages.len()];
        self.reach(&roots, &mut reached);
        let mut others = Vec::new();
        // First what nobody needs, then rings of packages that need each other.
        for index in self.unneeded().chain(0..self.packages.len()) {
            if !reached[index] && self.packages[index].kind != Kind::Virtual {
                self.reach(&[index], &mut reached);
                others.push(index);
            }
        }
        (roots, others)
    }

    fn reach(&self, from: &[usize], reached: &mut [bool]) {
        let mut open = from.to_vec();
        while let Some(index) = open.pop() {
            if !std::mem::replace(&mut reached[index], true) {
                open.extend(self.needs[index].iter().map(|(to, _)| *to));
            }
        }
    }

    /// Returns what a package needs, and the text that says so.
    pub fn needs(&self, index: usize) -> &[(usize, String)] {
        &self.needs[index]
    }

    /// Returns who needs a package, and the text that says so.
    pub fn needed_by(&self, index: usize) -> &[(usize, String)] {
        &self.needed_by[index]
    }

    /// Returns the facts of a package.
    pub fn facts(&self, index: usize) -> Value {
        let package = &self.packages[index];
        let edges = |edges: &[(usize, String)]| -> Vec<Value> {
            let edge = |(other, text): &(usize, String)| json!({ "name": self.packages[*other].name, "spec": text });
            edges.iter().map(edge).collect()
        };
        json!({
            "name": package.name,
            "version": package.version,
            "build": package.build,
            "channel": package.channel,
            "kind": package.kind,
            "needs": edges(&self.needs[index]),
        })
    }

    /// Returns the names of all packages.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.packages.iter().map(|package| package.name.as_str())
    }

    /// Returns the packages that restrict one that may not be there: which, and how.
    pub fn restricting(&self, name: &str) -> Vec<(usize, &str)> {
        let all = self.packages.iter().enumerate();
        let found = all.flat_map(|(index, package)| {
            let texts = package.constrains.iter();
            let texts = texts.filter(|text| solution::name_of(text) == name);
            texts.map(move |text| (index, text.as_str()))
        });
        found.collect()
    }
}
