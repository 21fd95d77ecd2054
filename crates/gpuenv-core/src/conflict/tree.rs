//! From a solver's graph to the tree that a reader gets.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rattler_conda_types::VersionWithSource;

use super::{Choice, Conflict, Origin, Other, Reason, Want, cut};
use crate::Place;

/// How many of a kind are shown.
const SPECS: usize = 2;
const VERSIONS: usize = 3;
const CHOICES: usize = 4;
/// As [`CHOICES`], further down.
const FEW_CHOICES: usize = 2;
const REASONS: usize = 3;
const THERE: usize = 4;
/// How far a chain of dependencies is followed.
const DEPTH: usize = 8;
/// How many choices the whole tree has.
const ALL_CHOICES: usize = 24;

/// What a solver found to contradict itself.
///
/// Numbers of packages are positions in `packages`. What is out of range is
/// ignored, as are packages that nothing leads to.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    /// The packages.
    pub packages: Vec<Package>,
    /// Who asks for what.
    pub demands: Vec<Demand>,
    /// Who accepts only some versions of what.
    pub bans: Vec<Ban>,
    /// Names of which more than one package is asked for, where there can be just one.
    pub single: BTreeSet<String>,
}

/// A package in a graph.
#[derive(Debug, Clone)]
pub struct Package {
    /// The name.
    pub name: String,
    /// The version.
    pub version: VersionWithSource,
    /// The build.
    pub build: String,
    /// Why it cannot be taken, whatever it needs.
    pub excluded: Option<Reason>,
}

/// Somebody asks for a package.
#[derive(Debug, Clone)]
pub struct Demand {
    /// Who.
    pub by: By,
    /// The name of what is asked for.
    pub name: String,
    /// The match spec.
    pub spec: String,
    /// The packages that fit.
    pub fits: Vec<usize>,
    /// Where nothing fits: what there is of that name, the newest first.
    pub there: Vec<String>,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq)]
pub enum By {
    /// A line of the recipe, with its place.
    Line(Option<Place>),
    /// The machine that the recipe names.
    Target,
    /// A package.
    Package(usize),
}

/// A package does not accept another one.
#[derive(Debug, Clone)]
pub struct Ban {
    /// The package that does not accept.
    pub by: usize,
    /// What it accepts, a match spec.
    pub spec: String,
    /// The package that it does not accept.
    pub not: usize,
}

impl Conflict {
    /// Makes the tree of a graph.
    pub fn of(graph: &Graph) -> Self {
        let mut tree = Tree::new(graph);
        let roots = graph.demands.iter().enumerate();
        let roots = roots.filter(|(_, demand)| !matches!(demand.by, By::Package(_)));
        let mut roots: Vec<(usize, &Demand)> = roots.collect();
        // What there is no doubt about is read first.
        roots.sort_by_key(|(_, demand)| match demand.by {
            By::Target => 0,
            By::Line(_) | By::Package(_) => 1,
        });
        let share = (ALL_CHOICES / roots.len().max(1)).max(3);
        let wants = roots.into_iter().map(|(position, _)| {
            tree.budget = share;
            tree.want(&[position], &mut Vec::new())
        });
        let mut wants: Vec<Want> = wants.collect();
        wants.sort_by_key(|want| (want.by != Origin::Target, !want.possible));
        Self { wants }
    }
}

/// A graph, with what is looked up in it.
struct Tree<'a> {
    graph: &'a Graph,
    /// The demands of each package.
    demands: BTreeMap<usize, Vec<usize>>,
    /// The bans of each package.
    bans: BTreeMap<usize, Vec<usize>>,
    /// How far each package is from the recipe.
    distances: BTreeMap<usize, usize>,
    /// What is already in the tree: names with what fits.
    told: BTreeSet<(String, Vec<usize>)>,
    /// How many more choices the tree may have.
    budget: usize,
}

/// What decides whether packages are one branch.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Excluded(String),
    Besides,
    Ban(String),
    Need(String),
    /// As `Need`, where nothing fits.
    Lack(String),
}

impl<'a> Tree<'a> {
    fn new(graph: &'a Graph) -> Self {
        let mut demands: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let mut bans: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let mut open = VecDeque::new();
        for (position, demand) in graph.demands.iter().enumerate() {
            match demand.by {
                By::Package(by) => demands.entry(by).or_default().push(position),
                By::Line(_) | By::Target => {
                    open.extend(demand.fits.iter().map(|fits| (*fits, 1)));
                }
            }
        }
        for (position, ban) in graph.bans.iter().enumerate() {
            bans.entry(ban.by).or_default().push(position);
        }
        let mut distances = BTreeMap::new();
        while let Some((package, distance)) = open.pop_front() {
            if distances.contains_key(&package) {
                continue;
            }
            distances.insert(package, distance);
            for demand in demands.get(&package).into_iter().flatten() {
                let fits = graph.demands[*demand].fits.iter();
                open.extend(fits.map(|fits| (*fits, distance + 1)));
            }
        }
        Self {
            graph,
            demands,
            bans,
            distances,
            told: BTreeSet::new(),
            budget: ALL_CHOICES,
        }
    }

    fn package(&self, number: usize) -> Option<&'a Package> {
        self.graph.packages.get(number)
    }

    /// Returns what demands for one name lead to. `path` are the names above.
    fn want(&mut self, positions: &[usize], path: &mut Vec<String>) -> Want {
        let graph = self.graph;
        let demands: Vec<&Demand> = positions.iter().map(|at| &graph.demands[*at]).collect();
        let first = demands[0];
        let (by, place) = match &first.by {
            By::Line(place) => (Origin::Recipe, place.clone()),
            By::Target => (Origin::Target, None),
            By::Package(_) => (Origin::Package, None),
        };
        let mut specs = Vec::new();
        for demand in &demands {
            let spec = cut(&demand.spec);
            if !specs.contains(&spec) {
                specs.push(spec);
            }
        }
        let more_specs = specs.len().saturating_sub(SPECS);
        specs.truncate(SPECS);
        let fits = demands.iter().flat_map(|demand| &demand.fits).copied();
        let fits: BTreeSet<usize> = fits.filter(|at| self.package(*at).is_some()).collect();
        let fits: Vec<usize> = fits.into_iter().collect();
        let there = first.there.iter().take(THERE);
        let mut want = Want {
            by,
            place,
            specs,
            more_specs,
            possible: false,
            there: there.map(|text| cut(text)).collect(),
            choices: Vec::new(),
            above: false,
            left_out: 0,
        };
        let is_told = !self.told.insert((first.name.clone(), fits.clone()));
        if !fits.is_empty() && !path.is_empty() && (is_told || path.contains(&first.name)) {
            want.above = true;
            want.left_out = fits.len();
            return want;
        }
        let is_too_deep = path.len() >= DEPTH;
        path.push(first.name.clone());
        let most = if path.len() > 2 { FEW_CHOICES } else { CHOICES };
        for (kinds, packages) in self.branches(positions, &fits) {
            if want.choices.len() == most || self.budget == 0 {
                want.left_out += packages.len();
                continue;
            }
            self.budget -= 1;
            let mut choice = self.choice(&packages);
            if is_too_deep {
                choice.left_out = kinds.len();
            } else {
                self.reasons(&mut choice, &kinds, &packages, positions, path);
            }
            want.choices.push(choice);
        }
        path.pop();
        want.possible = want.choices.iter().any(Choice::is_possible);
        want
    }

    /// Returns the packages of one name, grouped by what stands against them.
    fn branches(&self, demands: &[usize], fits: &[usize]) -> Vec<(Vec<Kind>, Vec<usize>)> {
        let mut branches: BTreeMap<Vec<Kind>, Vec<usize>> = BTreeMap::new();
        for package in fits {
            let kinds = self.kinds(demands, *package);
            branches.entry(kinds).or_default().push(*package);
        }
        let mut branches: Vec<_> = branches.into_iter().collect();
        for (_, packages) in &mut branches {
            packages.sort_by(|a, b| {
                let [a, b] = [a, b].map(|at| &self.graph.packages[*at]);
                (&b.version, &b.build).cmp(&(&a.version, &a.build))
            });
        }
        // What lacks something was never a choice, and comes after what was.
        branches.sort_by(|(a, of_a), (b, of_b)| {
            let newest = |packages: &[usize]| &self.graph.packages[packages[0]].version;
            lacks(a)
                .cmp(&lacks(b))
                .then_with(|| newest(of_b).cmp(newest(of_a)))
        });
        branches
    }

    fn demands_of(&self, package: usize) -> impl Iterator<Item = (usize, &'a Demand)> {
        let graph = self.graph;
        let positions = self.demands.get(&package).into_iter().flatten();
        positions.map(move |at| (*at, &graph.demands[*at]))
    }

    fn kinds(&self, demands: &[usize], package: usize) -> Vec<Kind> {
        let mut kinds = BTreeSet::new();
        if let Some(reason) = &self.graph.packages[package].excluded {
            // What it needs does not matter then.
            return vec![Kind::Excluded(kind_of(reason))];
        }
        if !self.others(demands, package).is_empty() {
            return vec![Kind::Besides];
        }
        for ban in self.bans.get(&package).into_iter().flatten() {
            if let Some(not) = self.package(self.graph.bans[*ban].not) {
                kinds.insert(Kind::Ban(not.name.clone()));
            }
        }
        let needs = self.demands_of(package);
        kinds.extend(needs.map(|(_, demand)| need(demand)));
        kinds.into_iter().collect()
    }

    /// Returns who asks for other versions of a package than this one.
    ///
    /// Of two that contradict each other the one nearer to the recipe holds.
    fn others(&self, demands: &[usize], package: usize) -> BTreeSet<Other> {
        let name = &self.graph.packages[package].name;
        if !self.graph.single.contains(name) {
            return BTreeSet::new();
        }
        let asked = demands.iter().map(|at| &self.graph.demands[*at]);
        let asked: Vec<&Demand> = asked.collect();
        let distance = asked
            .iter()
            .filter_map(|demand| self.distance(demand))
            .min();
        let others = self.graph.demands.iter().filter(|other| {
            other.name == *name
                && !matches!(other.by, By::Target)
                && !other.fits.is_empty()
                && !other.fits.contains(&package)
                && self.distance(other) <= distance
                && !asked.iter().any(|asked| self.is_alternative(asked, other))
        });
        let nearest = others
            .clone()
            .filter_map(|other| self.distance(other))
            .min();
        let nearest = others.filter(|other| self.distance(other) == nearest);
        let others = nearest.map(|other| Other {
            by: match other.by {
                By::Package(by) => self
                    .package(by)
                    .map(|by| format!("{} {}", by.name, by.version)),
                By::Line(_) | By::Target => None,
            },
            spec: cut(&other.spec),
        });
        others.collect()
    }

    fn distance(&self, demand: &Demand) -> Option<usize> {
        match demand.by {
            By::Line(_) | By::Target => Some(0),
            By::Package(by) => self.distances.get(&by).copied(),
        }
    }

    /// Returns whether only one of two demands can be in force: two versions of one package ask.
    fn is_alternative(&self, one: &Demand, other: &Demand) -> bool {
        match (&one.by, &other.by) {
            (By::Package(one), By::Package(other)) => {
                let name = |at: &usize| self.package(*at).map(|package| &package.name);
                name(one) == name(other)
            }
            (one, other) => std::ptr::eq(one, other),
        }
    }

    fn choice(&self, packages: &[usize]) -> Choice {
        let newest = &self.graph.packages[packages[0]];
        let mut versions = Vec::new();
        for package in packages {
            let version = cut(&self.graph.packages[*package].version.to_string());
            if !versions.contains(&version) {
                versions.push(version);
            }
        }
        let more_versions = versions.len().saturating_sub(VERSIONS);
        versions.truncate(VERSIONS);
        Choice {
            name: cut(&newest.name),
            versions,
            more_versions,
            build: (packages.len() == 1 && !newest.build.is_empty()).then(|| cut(&newest.build)),
            packages: packages.len(),
            reasons: Vec::new(),
            left_out: 0,
        }
    }

    fn reasons(
        &mut self,
        choice: &mut Choice,
        kinds: &[Kind],
        packages: &[usize],
        demands: &[usize],
        path: &mut Vec<String>,
    ) {
        for kind in kinds {
            if choice.reasons.len() == REASONS {
                choice.left_out += 1;
                continue;
            }
            let reason = match kind {
                Kind::Excluded(_) => {
                    let excluded = packages.iter().map(|at| &self.graph.packages[*at].excluded);
                    // Of what is too new the oldest says which date would do.
                    excluded
                        .min_by_key(|reason| built(reason))
                        .cloned()
                        .flatten()
                }
                Kind::Besides => {
                    let others = packages.iter().flat_map(|at| self.others(demands, *at));
                    let others: BTreeSet<Other> = others.collect();
                    let others = others.into_iter().take(SPECS).collect();
                    Some(Reason::Besides { others })
                }
                Kind::Ban(name) => Some(self.ban(name, packages)),
                Kind::Need(_) | Kind::Lack(_) => {
                    let needs = packages.iter().flat_map(|at| self.demands_of(*at));
                    let needs = needs.filter(|(_, demand)| need(demand) == *kind);
                    let needs: Vec<usize> = needs.map(|(at, _)| at).collect();
                    let want = self.want(&needs, path);
                    Some(Reason::Needs { want })
                }
            };
            choice.reasons.extend(reason);
        }
    }

    fn ban(&self, name: &str, packages: &[usize]) -> Reason {
        let mut specs = Vec::new();
        let mut not = BTreeSet::new();
        let positions = packages.iter().filter_map(|at| self.bans.get(at)).flatten();
        for ban in positions.map(|at| &self.graph.bans[*at]) {
            let Some(package) = self.package(ban.not).filter(|p| p.name == name) else {
                continue;
            };
            let spec = cut(&ban.spec);
            if !specs.contains(&spec) && specs.len() < SPECS {
                specs.push(spec);
            }
            not.insert((&package.version, &package.name));
        }
        let not = not.into_iter().rev().take(VERSIONS);
        let not = not.map(|(version, name)| cut(&format!("{name} {version}")));
        Reason::AcceptsOnly {
            specs,
            not: not.collect(),
        }
    }
}

fn need(demand: &Demand) -> Kind {
    let name = demand.name.clone();
    match demand.fits.is_empty() {
        true => Kind::Lack(name),
        false => Kind::Need(name),
    }
}

/// Returns whether packages need something that no channel has.
fn lacks(kinds: &[Kind]) -> bool {
    let is_missing = |kind: &Kind| matches!(kind, Kind::Lack(name) if !name.starts_with("__"));
    kinds.iter().any(is_missing)
}

/// Returns when what is too new was built.
fn built(reason: &Option<Reason>) -> Option<&str> {
    if let Some(Reason::TooNew { built }) = reason {
        return built.as_deref();
    }
    None
}

/// Returns what keeps reasons of one kind together.
fn kind_of(reason: &Reason) -> String {
    match reason {
        // Each package has a date of its own.
        Reason::TooNew { built } => format!("too new {}", built.is_some()),
        other => format!("{other:?}"),
    }
}

impl Choice {
    /// Returns whether nothing stands against the packages themselves.
    pub(super) fn is_possible(&self) -> bool {
        let needs = |reason: &Reason| match reason {
            Reason::Needs { want } => want.possible,
            Reason::AcceptsOnly { .. }
            | Reason::Besides { .. }
            | Reason::Hidden { .. }
            | Reason::OtherChannel { .. }
            | Reason::TooNew { .. }
            | Reason::RuledOut { .. } => false,
        };
        self.left_out == 0 && self.reasons.iter().all(needs)
    }
}
