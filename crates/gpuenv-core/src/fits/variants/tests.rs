//! Machines against variants, by the tables.

use rattler_conda_types::Subdir;

use super::*;
use crate::{
    Place, Solution, Target, lock,
    plan::{ActivationSettings, ProbeStep},
    recipe::Located,
    solution::tests::record,
};

/// A variant by its name, the least CUDA of its target, and its packages.
type Written<'w> = (&'w str, &'w str, Vec<RepoDataRecord>);

fn plan(name: &str, cuda: &str, capability: Option<&str>) -> Plan {
    let mut target = Target::without_gpu(Subdir::Linux64);
    target.cuda = cuda.parse().ok();
    target.compute_capability = capability.and_then(|text| text.parse().ok());
    Plan {
        recipe: "demo".to_string(),
        channels: vec!["conda-forge".to_string()],
        gpu: Gpu::Required,
        target,
        dependencies: Vec::new(),
        wheels: Vec::new(),
        pypi: Default::default(),
        activation: ActivationSettings::default(),
        probe: vec![ProbeStep::Driver],
        selection: Default::default(),
        variant: Some(Located {
            value: name.to_string(),
            place: Place::file("demo.yaml"),
        }),
    }
}

fn package(name: &str, version: &str, depends: &[&str]) -> RepoDataRecord {
    let mut record = record(name, version, depends);
    record.package_record.sha256 = Some(rattler_digest::Sha256Hash::from([7; 32]));
    record
}

fn cuda(version: &str) -> RepoDataRecord {
    package("cuda-version", version, &["__cuda"])
}

fn locked(variants: Vec<Written<'_>>) -> Lock {
    let solved = variants.into_iter().map(|(name, cuda, records)| {
        let solution = Solution {
            platform: Subdir::Linux64,
            records,
            wheels: Vec::new(),
        };
        (plan(name, cuda, None), solution)
    });
    lock::lock(&solved.collect::<Vec<_>>()).unwrap()
}

fn three() -> Lock {
    locked(vec![
        ("cuda13", "13.0", vec![cuda("13.0")]),
        ("cuda12", "12.4", vec![cuda("12.9")]),
        ("cuda11", "11.8", vec![cuda("11.8")]),
    ])
}

fn machine(driver: &str, capability: &str) -> Machine {
    let mut machine = Machine::of_platform(Subdir::Linux64);
    machine.driver = Some(driver.to_string());
    machine.compute_capability = capability.parse().ok();
    machine.infer_cuda(&Facts::shipped().drivers);
    machine
}

/// Returns the variant that is taken, and why not the earlier ones; or why none is.
fn told(lock: &Lock, gpu: Gpu, machine: &Machine) -> String {
    let all = candidates(lock, Subdir::Linux64);
    let lines = |passed: &[PassedOver]| -> String {
        let lines = passed
            .iter()
            .map(|passed| format!("\nnot {}", passed.line()));
        lines.collect()
    };
    match choose(&all, gpu, machine, Facts::shipped()) {
        Choice::Taken { index, passed } => format!("{}{}", all[index].variant, lines(&passed)),
        Choice::NoneFits(passed) => format!("none{}", lines(&passed)),
        Choice::Undecided => "undecided".to_string(),
    }
}

#[test]
fn the_first_that_driver_and_gpu_run_is_taken() {
    let lock = three();
    let seen = |driver, capability| told(&lock, Gpu::Required, &machine(driver, capability));
    insta::assert_snapshot!(seen("580.65.06", "9.0"), @"cuda13");
    insta::assert_snapshot!(seen("570.124.06", "9.0"), @"
    cuda12
    not `cuda13`: the lock needs a driver for CUDA 13.0 or newer, this machine's is for 12.8; update the driver to 580.65.06 or newer
    ");
    insta::assert_snapshot!(seen("580.65.06", "7.0"), @"
    cuda12
    not `cuda13`: CUDA 13.0 has no code for a GPU of compute capability 7.0; lock with an older CUDA: `cuda-version <=12.9` under `dependencies`
    ");
    insta::assert_snapshot!(seen("470.57.02", "8.0"), @"
    cuda11
    not `cuda13`: the lock needs a driver for CUDA 13.0 or newer, this machine's is for 11.4; update the driver to 580.65.06 or newer
    not `cuda12`: the lock needs a driver for CUDA 12.0 or newer, this machine's is for 11.4; update the driver to 525.60.13 or newer
    ");
    insta::assert_snapshot!(seen("440.33.01", "7.5"), @"
    none
    not `cuda13`: the lock needs a driver for CUDA 13.0 or newer, this machine's is for 10.2; update the driver to 580.65.06 or newer
    not `cuda12`: the lock needs a driver for CUDA 12.0 or newer, this machine's is for 10.2; update the driver to 525.60.13 or newer
    not `cuda11`: the lock needs a driver for CUDA 11.0 or newer, this machine's is for 10.2; update the driver to 450.80.02 or newer
    ");
}

#[test]
fn one_that_works_only_in_part_comes_after_one_that_works() {
    // A compiler of 12.9 beside a driver for 12.4: error 222 for what is compiled there.
    let nvrtc = || vec![cuda("12.9"), package("cuda-nvrtc", "12.9", &[])];
    let old = || vec![cuda("12.2"), package("cuda-nvrtc", "12.2", &[])];
    let both = locked(vec![("new", "12.0", nvrtc()), ("old", "12.0", old())]);
    let there = machine("550.54.14", "8.0");
    insta::assert_snapshot!(told(&both, Gpu::Required, &there), @"
    old
    not `new`: the lock brings CUDA 12.9, the driver is for 12.4: code that is compiled on the machine may fail there; update the driver to one for CUDA 12.9 or newer
    ");
    // Where nothing does better, part of it is more than nothing.
    let only = locked(vec![
        ("new", "12.0", nvrtc()),
        ("newer", "13.0", vec![cuda("13.0")]),
    ]);
    insta::assert_snapshot!(told(&only, Gpu::Required, &there), @"new");
}

#[test]
fn the_least_gpu_of_a_target_counts() {
    let (mut demanding, rest) = (plan("new", "12.0", Some("9.0")), plan("old", "12.0", None));
    demanding.target.glibc = None;
    let solution = || Solution {
        platform: Subdir::Linux64,
        records: vec![cuda("12.4")],
        wheels: Vec::new(),
    };
    let lock = lock::lock(&[(demanding, solution()), (rest, solution())]).unwrap();
    let seen = |capability| told(&lock, Gpu::Required, &machine("550.54.14", capability));
    insta::assert_snapshot!(seen("9.0"), @"new");
    insta::assert_snapshot!(seen("8.9"), @"
    old
    not `new`: it is for GPUs of compute capability 9.0 or newer, this machine has one of 8.9; hide the older GPU: set `CUDA_VISIBLE_DEVICES` to the others
    ");
}

#[test]
fn without_a_gpu_nothing_is_guessed_where_one_is_required() {
    let none = Machine::of_platform(Subdir::Linux64);
    assert_eq!(told(&three(), Gpu::Required, &none), "undecided");
    assert_eq!(told(&three(), Gpu::Optional, &none), "cuda13");
    let with_cpu = locked(vec![
        ("cuda12", "12.4", vec![cuda("12.9")]),
        ("cpu", "", vec![package("torch", "2.6", &[])]),
    ]);
    assert!(told(&with_cpu, Gpu::Optional, &none).starts_with("cpu\nnot `cuda12`"));
    assert_eq!(
        told(&with_cpu, Gpu::Optional, &machine("550.54.14", "8.0")),
        "cuda12"
    );
}

#[test]
fn a_variant_that_no_machine_runs_is_found_by_the_tables() {
    let facts = Facts::shipped();
    let nowhere = |capability: Option<&str>, records: Vec<RepoDataRecord>| {
        let plan = plan("odd", "11.8", capability);
        let solution = Solution {
            platform: Subdir::Linux64,
            records,
            wheels: Vec::new(),
        };
        let lock = lock::lock(&[(plan.clone(), solution)]).unwrap();
        let found = candidates(&lock, Subdir::Linux64)[0].runs_nowhere(&plan, facts);
        found.map(|found| {
            assert_eq!(found.code, Code::VARIANT_RUNS_NOWHERE);
            assert!(found.place.is_some() && !found.help.is_empty());
            format!("{}\n{}", found.message, found.causes.join("\n"))
        })
    };
    assert_eq!(nowhere(None, vec![cuda("11.8")]), None);
    assert_eq!(nowhere(Some("9.0"), vec![cuda("12.9")]), None);
    let cudnn = package("cuda-version", "13.0", &["__cuda >=99"]);
    insta::assert_snapshot!(nowhere(None, vec![cudnn]).unwrap(), @"
    no machine runs the variant `odd` on linux-64
    Blackwell (12.1): the lock needs a driver for CUDA 99.0 or newer, this machine's is for 13.2
    Blackwell (12.0): the lock needs a driver for CUDA 99.0 or newer, this machine's is for 13.2
    Rubin (10.7): the lock needs a driver for CUDA 99.0 or newer, this machine's is for 13.2
    ");
    let of_target = |cuda, capability| beyond_all_machines(&plan("x", cuda, capability), facts);
    assert_eq!(of_target("12.4", Some("9.0")), None);
    insta::assert_snapshot!(of_target("99.0", Some("77.0")).unwrap().causes.join("\n"), @"
    `target` wants a driver for CUDA 99.0, and the newest known is for 13.2
    `target` wants a GPU of compute capability 77.0, and the newest known has 12.1
    ");
}
