//! The solver's own account of a clash, read from its conflict graph.
//!
//! The only file that knows the inside of rattler's solver: its provider takes
//! a dozen arguments, and they change from release to release.

use std::{
    collections::{BTreeMap, HashMap},
    time::SystemTime,
};

use gpuenv_core::{
    conflict::{Ban, By, Conflict, Demand, Graph, Package, Reason},
    solution,
};
use rattler_conda_types::{MatchSpec, NamelessMatchSpec, PackageNameMatcher, RepoDataRecord};
use rattler_solve::{
    ExcludeNewer, SolveStrategy,
    resolvo::{CondaDependencyProvider, NameType, SolverPackageRecord},
};
use resolvo::{
    ConditionalRequirement, Interner, Problem, Requirement, SolvableId, Solver,
    UnsolvableOrCancelled, VersionSetId,
    conflict::{ConflictCause, ConflictEdge, ConflictGraph, ConflictNode},
};

use super::{Search, blame::version_key, builds::word};
use crate::{
    builds::NOWHERE,
    solve::{Question, buckets},
};

type Provider<'a> = CondaDependencyProvider<'a>;

impl Search<'_> {
    /// Asks once more, and returns the tree of what contradicts what.
    ///
    /// `None` where the solver finds no contradiction, or not in time.
    pub(super) fn conflict(&self, question: &Question) -> Option<Conflict> {
        let specs: Vec<MatchSpec> = question.specs().cloned().collect();
        // What lines cannot say is not looked for here.
        let is_plain = |spec: &MatchSpec| spec.extras.is_none() && spec.condition.is_none();
        if !specs.iter().all(is_plain) {
            return None;
        }
        let newer = question.exclude_newer.map(ExcludeNewer::from_datetime);
        let buckets = buckets(question, self.index).into_iter();
        let provider = Provider::new(
            buckets.map(|bucket| bucket.iter().map(AsRef::as_ref).collect()),
            &[],
            &[],
            &question.virtual_packages,
            &specs,
            SystemTime::now().checked_add(question.deadline),
            None,
            question.priority,
            newer.as_ref(),
            SolveStrategy::default(),
            Vec::new(),
            &HashMap::new(),
        )
        .ok()?;
        let target = question.virtual_packages.iter();
        let target = target.map(|package| MatchSpec::from(package.name.clone()));
        let target: Vec<VersionSetId> = target
            .filter_map(|spec| version_set(&provider, spec))
            .collect();
        let mut lines = Vec::new();
        for (position, spec) in question.lines.iter().enumerate() {
            let set = spec.clone().and_then(|spec| version_set(&provider, spec));
            lines.extend(set.map(|set| (set, position)));
        }
        let more = question.more.iter().cloned();
        let more: Vec<VersionSetId> = more
            .filter_map(|spec| version_set(&provider, spec))
            .collect();
        let sets = target.iter().chain(lines.iter().map(|(set, _)| set));
        let requirements = sets.chain(&more).copied().map(ConditionalRequirement::from);
        let problem = Problem::new().requirements(requirements.collect());
        let mut solver = Solver::new(provider);
        match solver.solve(problem) {
            Ok(_) | Err(UnsolvableOrCancelled::Cancelled(_)) => None,
            Err(UnsolvableOrCancelled::Unsolvable(conflict)) => {
                let graph = conflict.graph(&solver);
                let walk = Walk::new(self, question, solver.provider(), lines);
                Some(Conflict::of(&walk.graph(&graph)))
            }
        }
    }
}

fn version_set(provider: &Provider<'_>, spec: MatchSpec) -> Option<VersionSetId> {
    let (PackageNameMatcher::Exact(name), spec): (_, NamelessMatchSpec) = spec.into_nameless()
    else {
        return None;
    };
    let name = provider.pool.intern_package_name(NameType::from(&name));
    Some(provider.pool.intern_version_set(name, spec.into()))
}

/// What is needed to put a graph into the user's words.
struct Walk<'a> {
    search: &'a Search<'a>,
    question: &'a Question,
    provider: &'a Provider<'a>,
    lines: Vec<(VersionSetId, usize)>,
    /// All records of a name, those of the strongest channel first.
    records: HashMap<&'a str, Vec<&'a RepoDataRecord>>,
}

impl<'a> Walk<'a> {
    fn new(
        search: &'a Search<'a>,
        question: &'a Question,
        provider: &'a Provider<'a>,
        lines: Vec<(VersionSetId, usize)>,
    ) -> Self {
        let mut records: HashMap<&str, Vec<&RepoDataRecord>> = HashMap::new();
        for record in search.index.records() {
            let name = record.package_record.name.as_normalized();
            records.entry(name).or_default().push(record);
        }
        Self {
            search,
            question,
            provider,
            lines,
            records,
        }
    }

    /// Returns the graph without the solver's numbers.
    fn graph(&self, conflict: &ConflictGraph<SolvableId>) -> Graph {
        let mut graph = Graph::default();
        let mut numbers: BTreeMap<usize, usize> = BTreeMap::new();
        let nodes = conflict.graph.raw_nodes();
        for (position, node) in nodes.iter().enumerate() {
            if let ConflictNode::Solvable(solvable) = node.weight
                && let Some(package) = self.package(solvable)
            {
                numbers.insert(position, graph.packages.len());
                graph.packages.push(package);
            }
        }
        let mut demands: BTreeMap<(usize, Requirement), Vec<usize>> = BTreeMap::new();
        for edge in conflict.graph.raw_edges() {
            let (source, target) = (edge.source().index(), edge.target().index());
            let package = numbers.get(&target).copied();
            match edge.weight {
                ConflictEdge::Requires(requirement) => {
                    let fits = demands.entry((source, requirement)).or_default();
                    fits.extend(package);
                }
                ConflictEdge::Conflict(ConflictCause::Constrains(set)) => {
                    if let (Some(by), Some(not)) = (numbers.get(&source), package) {
                        let (by, spec) = (*by, self.spec(set));
                        graph.bans.push(Ban { by, spec, not });
                    }
                }
                ConflictEdge::Conflict(ConflictCause::ForbidMultipleInstances) => {
                    let names = package.map(|at| graph.packages[at].name.clone());
                    graph.single.extend(names);
                }
                ConflictEdge::Conflict(ConflictCause::Excluded) => {
                    if let (Some(by), ConflictNode::Solvable(solvable)) =
                        (numbers.get(&source), nodes[source].weight)
                    {
                        graph.packages[*by].excluded = self.excluded(solvable);
                    }
                }
                // Nothing is locked here.
                ConflictEdge::Conflict(ConflictCause::Locked(_)) => {}
            }
        }
        for ((source, requirement), fits) in demands {
            let Requirement::Single(set) = requirement else {
                continue;
            };
            let by = match numbers.get(&source) {
                Some(by) => By::Package(*by),
                None => self.root(set),
            };
            let demand = self.demand(by, set, fits);
            match demand.by {
                By::Package(by) if demand.name == NOWHERE => {
                    let gpu = word(self.search.plan.gpu).to_string();
                    graph.packages[by].excluded = Some(Reason::RuledOut { gpu });
                }
                _ => graph.demands.push(demand),
            }
        }
        graph
    }

    fn demand(&self, by: By, set: VersionSetId, fits: Vec<usize>) -> Demand {
        let name = self.name(set);
        let there = match fits.is_empty() {
            true => self.there(&name, set),
            false => Vec::new(),
        };
        let line = self.lines.iter().find(|(known, _)| *known == set);
        let spec = match (&by, line) {
            (By::Line(_), Some((_, line))) => self.search.plan.dependencies[*line].text.clone(),
            _ => self.spec(set),
        };
        Demand {
            by,
            name,
            spec,
            fits,
            there,
        }
    }

    fn root(&self, set: VersionSetId) -> By {
        match self.lines.iter().find(|(known, _)| *known == set) {
            Some((_, line)) => By::Line(self.search.plan.dependencies[*line].place.clone()),
            None => By::Target,
        }
    }

    fn package(&self, solvable: SolvableId) -> Option<Package> {
        let (name, version, build) = match &self.provider.pool.resolve_solvable(solvable).record {
            SolverPackageRecord::Record(record) => {
                let package = &record.package_record;
                let name = package.name.as_normalized().to_string();
                let build = package.build.to_string();
                (name, package.version.clone(), build)
            }
            SolverPackageRecord::VirtualPackage(package) => {
                let name = package.name.as_normalized().to_string();
                (name, package.version.clone().into(), String::new())
            }
            SolverPackageRecord::Extra { .. } => return None,
        };
        Some(Package {
            name,
            version,
            build,
            excluded: None,
        })
    }

    /// Says why the solver may not take a record, from the record: the solver's
    /// words are not made to be read by a program.
    fn excluded(&self, solvable: SolvableId) -> Option<Reason> {
        let solvable = self.provider.pool.resolve_solvable(solvable);
        let SolverPackageRecord::Record(record) = &solvable.record else {
            return None;
        };
        let built = record.package_record.timestamp.map(jiff::Timestamp::from);
        if let Some(limit) = self.question.exclude_newer
            && built.is_none_or(|built| built > limit)
        {
            let built = built.map(|built| built.strftime("%Y-%m-%d").to_string());
            return Some(Reason::TooNew { built });
        }
        let name = record.package_record.name.as_normalized();
        let first = self.records.get(name).and_then(|records| records.first());
        let place = |record: &RepoDataRecord| {
            let place = self.search.index.place(record);
            place.map_or("?", |place| place.short_name()).to_string()
        };
        let channel = place(record);
        let lines = self.question.specs();
        let mut lines =
            lines.filter(|line| line.name.as_exact() == Some(&record.package_record.name));
        if lines.any(|line| line.channel.is_some()) {
            return Some(Reason::OtherChannel { channel });
        }
        let behind = first.map_or_else(String::new, |first| place(first));
        Some(Reason::Hidden { channel, behind })
    }

    fn name(&self, set: VersionSetId) -> String {
        let pool = &self.provider.pool;
        let name = pool.resolve_version_set_package_name(set);
        pool.resolve_package_name(name).to_string()
    }

    fn spec(&self, set: VersionSetId) -> String {
        let spec = self.provider.display_version_set(set).to_string();
        let text = format!("{} {spec}", self.name(set));
        text.strip_suffix(" *").unwrap_or(&text).to_string()
    }

    /// Returns what there is of a name, the newest first.
    fn there(&self, name: &str, set: VersionSetId) -> Vec<String> {
        let here = self.question.virtual_packages.iter();
        let mut here = here.filter(|package| package.name.as_normalized() == name);
        if let Some(package) = here.next() {
            return vec![format!("{name} {}", package.version)];
        }
        let mut records = self.records.get(name).cloned().unwrap_or_default();
        records.sort_by(|a, b| version_key(b).cmp(&version_key(a)));
        let spec = solution::parse_spec(&self.spec(set));
        let version = spec.and_then(|spec| spec.version);
        let fits = |record: &&RepoDataRecord| {
            let version = version.as_ref();
            version.is_some_and(|version| version.matches(&record.package_record.version))
        };
        // Where the version is right, it is the build that is not.
        let right: Vec<String> = records
            .iter()
            .copied()
            .filter(fits)
            .map(solution::label)
            .collect();
        if !right.is_empty() {
            return right;
        }
        let versions = records.iter().map(|record| &record.package_record.version);
        let mut versions: Vec<String> = versions.map(|v| format!("{name} {v}")).collect();
        versions.dedup();
        versions
    }
}
