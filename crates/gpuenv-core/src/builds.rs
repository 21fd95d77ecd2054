//! Which builds `gpu` rules out: no silent CPU build, and no CUDA by accident.
//!
//! What a build is, its record says: by its build string, or by what it depends
//! on. Which packages come in both kinds, the records of a channel say. Only
//! what no record tells stands in the table `gpu_builds.yaml`.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use rattler_conda_types::RepoDataRecord;

use crate::{
    Plan,
    cuda_version::NAME as VERSION_OF_CUDA,
    facts::{GpuBuilds, NamePattern},
    plan::{Dependency, Gpu},
    solution::{self, Violation},
};

/// What a record says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It is built for CUDA, or is a part of it.
    Cuda,
    /// It is built for the CPU.
    Cpu,
    /// It says nothing.
    Plain,
}

/// Which builds a recipe's `gpu` rules out.
#[derive(Debug, Clone)]
pub struct Rules<'a> {
    gpu: Gpu,
    table: &'a GpuBuilds,
    /// The names that have CUDA builds and others.
    both: BTreeSet<String>,
    /// The names in the recipe's own lines.
    named: BTreeSet<String>,
    /// Whether the recipe itself asks for parts of CUDA.
    wants_cuda: bool,
}

impl<'a> Rules<'a> {
    /// Returns the rules for a recipe and the records that it may choose from.
    ///
    /// Without any records, as for a lock alone, only the table says which
    /// packages come in both kinds.
    pub fn new<'r>(
        gpu: Gpu,
        dependencies: &[Dependency],
        candidates: impl Iterator<Item = &'r RepoDataRecord>,
        table: &'a GpuBuilds,
    ) -> Self {
        let mut with_cuda = BTreeSet::new();
        let mut without = BTreeSet::new();
        for record in candidates {
            let name = record.package_record.name.as_normalized();
            match mark(record.package_record.build.as_str()) {
                Some(Kind::Cuda) => with_cuda.insert(name),
                Some(Kind::Cpu | Kind::Plain) | None => without.insert(name),
            };
        }
        let both = with_cuda.intersection(&without);
        let both = both.filter(|name| !is_cuda_by_name(name));
        let names = dependencies.iter().filter_map(|line| {
            let name = line.spec.name.as_exact()?;
            Some(name.as_normalized().to_string())
        });
        let named: BTreeSet<String> = names.collect();
        let mut names = named.iter().filter(|name| *name != VERSION_OF_CUDA);
        Self {
            gpu,
            table,
            both: both.map(ToString::to_string).collect(),
            wants_cuda: names.any(|name| any(&table.runtime, name)),
            named,
        }
    }

    /// Returns the rules for what a plan's lock holds.
    pub fn of_lock(plan: &Plan, table: &'a GpuBuilds) -> Self {
        Self::new(plan.gpu, &plan.dependencies, std::iter::empty(), table)
    }

    /// Tells whether `gpu` rules a build out.
    pub fn rule_out(&self, record: &RepoDataRecord) -> bool {
        match self.gpu {
            Gpu::Required => self.is_cpu_build(record),
            Gpu::Optional => false,
            Gpu::None => self.is_unwanted_cuda(record),
        }
    }

    /// Tells whether a GPU-capable package is a build for the CPU.
    pub fn is_cpu_build(&self, record: &RepoDataRecord) -> bool {
        let name = record.package_record.name.as_normalized();
        if self.cpu_is_fine(name) {
            return false;
        }
        match self.kind(record) {
            Kind::Cuda => false,
            // What calls itself a build for the CPU has others, in these channels or not.
            Kind::Cpu => self.is_capable(name) || self.named.contains(name),
            // `torchvision` without a mark is what its `pytorch` is.
            Kind::Plain => self.is_capable(name) && !self.leaves_it_to_another(record),
        }
    }

    /// Tells whether a package comes with CUDA although no GPU is used.
    fn is_unwanted_cuda(&self, record: &RepoDataRecord) -> bool {
        // Who compiles CUDA code without a GPU names its packages.
        let name = record.package_record.name.as_normalized();
        self.is_of_cuda(record) && (!self.wants_cuda || self.is_capable(name))
    }

    /// Tells whether a package computes on a GPU or helps with it: a CUDA build or a
    /// part of CUDA.
    pub fn is_of_cuda(&self, record: &RepoDataRecord) -> bool {
        let name = record.package_record.name.as_normalized();
        name != VERSION_OF_CUDA && self.kind(record) == Kind::Cuda
    }

    /// Tells whether a package is known to come in both kinds.
    pub fn is_capable(&self, name: &str) -> bool {
        self.both.contains(name) || any(&self.table.frameworks, name)
    }

    /// Returns what a package is called where it is for the GPU.
    pub fn name_with_gpu(&self, name: &str) -> Option<&'a str> {
        let mut others = self.table.other_names.iter().flatten();
        let other = others.find(|of| of.cpu == name);
        other.map(|of| of.gpu.as_str())
    }

    fn cpu_is_fine(&self, name: &str) -> bool {
        self.table
            .cpu_is_fine
            .iter()
            .any(|fine| fine.name.matches(name))
    }

    fn leaves_it_to_another(&self, record: &RepoDataRecord) -> bool {
        let own = record.package_record.name.as_normalized();
        let mut names = record
            .package_record
            .depends
            .iter()
            .map(|text| solution::name_of(text));
        names.any(|name| name != own && self.is_capable(name) && !self.cpu_is_fine(name))
    }

    /// Returns what a record says of itself.
    pub fn kind(&self, record: &RepoDataRecord) -> Kind {
        let package = &record.package_record;
        let name = package.name.as_normalized();
        if let Some(kind) = mark(package.build.as_str()) {
            return kind;
        }
        if is_cuda_by_name(name) || any(&self.table.runtime, name) {
            return Kind::Cuda;
        }
        let constrains = &mut package.constrains.iter();
        if constrains.any(|text| solution::name_of(text) == "__cuda") {
            return Kind::Cuda;
        }
        let mut kind = Kind::Plain;
        for text in &package.depends {
            let name = solution::name_of(text);
            if name == "__cuda" || any(&self.table.runtime, name) {
                return Kind::Cuda;
            }
            // `pytorch-mutex 1.0 cuda` and `libtorch 2.5.1 cpu_mkl_h…`.
            let build = text.split_whitespace().nth(2);
            match build.and_then(mark).filter(|_| self.is_capable(name)) {
                Some(Kind::Cuda) => return Kind::Cuda,
                Some(Kind::Cpu) => kind = Kind::Cpu,
                Some(Kind::Plain) | None => {}
            }
        }
        kind
    }
}

fn any(patterns: &[NamePattern], name: &str) -> bool {
    patterns.iter().any(|pattern| pattern.matches(name))
}

/// `faiss-gpu` has no other kind, whatever its build strings are.
fn is_cuda_by_name(name: &str) -> bool {
    name.ends_with("-gpu") || name.starts_with("cuda-") || name.starts_with("cudnn")
}

/// Returns what a build string says: `cuda129_py312_0`, `py39_cu121`, `gpu_0`, `cpu_mkl_h…`.
///
/// `nocuda_h…` says nothing, and so it is not taken for CUDA.
fn mark(build: &str) -> Option<Kind> {
    let words = || build.split(['_', '*', '-']);
    let is_cuda = |word: &str| {
        let number = word.strip_prefix("cu").and_then(|rest| rest.bytes().next());
        word.starts_with("cuda")
            || word.starts_with("gpu")
            || number.is_some_and(|byte| byte.is_ascii_digit())
    };
    if words().any(is_cuda) {
        return Some(Kind::Cuda);
    }
    words()
        .any(|word| word.starts_with("cpu"))
        .then_some(Kind::Cpu)
}

/// Returns the packages that `gpu` rules out, sorted.
///
/// It looks at records alone and trusts no solver, as [`solution::verify`] does.
pub fn verify(rules: &Rules<'_>, records: &[RepoDataRecord]) -> Vec<Violation> {
    let ruled_out = records.iter().filter(|record| rules.rule_out(record));
    let mut violations: Vec<Violation> = ruled_out
        .map(|record| Violation::WrongBuild {
            package: solution::label(record),
            gpu: rules.gpu,
        })
        .collect();
    violations.sort();
    violations
}
