//! What is taken of uv's answer, what is refused, and what a wheel is to the installer.

use rattler_conda_types::{RepoDataRecord, Subdir};

use super::*;
use crate::{
    Diagnostic, Plan, Target,
    plan::{ActivationSettings, Gpu, ProbeStep, PypiSettings, WheelRequirement},
    solution::tests::{dependency, record},
};

pub(crate) fn wheel(name: &str, version: &str) -> Wheel {
    let file = name.replace('-', "_");
    let url = format!("https://x.example/{file}-{version}-py3-none-any.whl");
    Wheel {
        name: name.to_string(),
        version: version.to_string(),
        url: url.parse().unwrap(),
        index: None,
        sha256: [7; 32].into(),
        size: Some(10),
    }
}

pub(crate) fn requirement(text: &str) -> WheelRequirement {
    WheelRequirement {
        requirement: crate::recipe::wheel(text).unwrap(),
        text: text.to_string(),
        place: None,
    }
}

fn plan(platform: Subdir, dependencies: &[&str], wheels: &[&str]) -> Plan {
    Plan {
        variant: None,
        recipe: "demo".to_string(),
        channels: vec!["conda-forge".to_string()],
        gpu: Gpu::Optional,
        target: Target::without_gpu(platform),
        dependencies: dependencies.iter().map(|text| dependency(text)).collect(),
        wheels: wheels.iter().map(|text| requirement(text)).collect(),
        pypi: PypiSettings::default(),
        activation: ActivationSettings::default(),
        probe: vec![ProbeStep::Driver],
        selection: crate::recipe::Selection::default(),
    }
}

fn message(error: WheelError) -> String {
    Diagnostic::from(error).message
}

fn python() -> RepoDataRecord {
    record("python", "3.10.14", &[])
}

#[test]
fn wheels_need_a_python_in_the_recipe() {
    let missing = plan(Subdir::Linux64, &["cudnn 8.*"], &["six"]);
    assert_eq!(
        message(asked(&missing).unwrap_err()),
        "recipe `demo` has `pypi-dependencies` on linux-64, and no `python` in `dependencies`"
    );
    assert!(asked(&plan(Subdir::Linux64, &["cudnn 8.*"], &[])).is_ok());
}

#[test]
fn an_old_name_of_tensorflow_is_rewritten_with_a_note() {
    let plan = plan(
        Subdir::Linux64,
        &["python 3.10.*"],
        &["tensorflow-gpu <2.11", "x[a]>=1; python_version > '3.8'"],
    );
    let asked = asked(&plan).unwrap();
    assert_eq!(
        asked.requirements,
        ["tensorflow<2.11", "x[a]>=1 ; python_full_version >= '3.9'"]
    );
    assert_eq!(
        asked.notes[0].message,
        "`tensorflow-gpu <2.11` is taken for `tensorflow`"
    );
}

#[test]
fn what_conda_brings_is_not_asked_of_pypi() {
    let records = [python(), record("numpy", "1.26.4", &["python >=3.10"])];
    let provided = provided(&records);
    let plan = plan(Subdir::Linux64, &["python"], &["six", "NumPy <2"]);
    assert_eq!(
        message(check_together(&plan, &provided).unwrap_err()),
        "linux-64: `numpy` is in `pypi-dependencies`, and comes with the conda package `numpy 1.26.4 0` too"
    );
    let machine = Machine::new(&plan.target, (3, 10));
    let distributions = ["numpy", "six"].map(|name| Distribution {
        source: None,
        name: name.to_string(),
        version: "1".to_string(),
        wheels: vec![Candidate {
            url: wheel(name, "1").url,
            sha256: Some([1; 32].into()),
            size: None,
        }],
    });
    let chosen = choose(&distributions, &machine, &provided).unwrap();
    assert_eq!(chosen.len(), 1);
    assert_eq!(chosen[0].label(), "six 1");
}

#[test]
fn source_code_alone_and_files_without_a_hash_are_refused() {
    let machine = Machine {
        python: (3, 10),
        platform: Subdir::Linux64,
        glibc: (2, 28),
    };
    let mut distribution = Distribution {
        source: None,
        name: "docopt".to_string(),
        version: "0.6.2".to_string(),
        wheels: Vec::new(),
    };
    let choose = |one: &Distribution| {
        message(choose(std::slice::from_ref(one), &machine, &Default::default()).unwrap_err())
    };
    assert_eq!(
        choose(&distribution),
        "`docopt 0.6.2` has no wheel for Python 3.10 on linux-64 with glibc 2.28"
    );
    let mut add = |url: &str, sha256| {
        distribution.wheels = vec![Candidate {
            url: url.parse().unwrap(),
            sha256,
            size: None,
        }];
        choose(&distribution)
    };
    assert_eq!(
        add("https://x.example/docopt-0.6.2-py3-none-any.whl", None),
        "the wheel `docopt 0.6.2` must not be installed: the index gives no sha256 for it"
    );
    assert_eq!(
        add(
            "https://x.example/evil-0.6.2-py3-none-any.whl",
            Some([1; 32].into())
        ),
        "the wheel `docopt 0.6.2` must not be installed: its URL names another file"
    );
}

#[test]
fn two_versions_of_cuda_never_meet() {
    let refuse = |records: &[RepoDataRecord], names: &[(&str, &str)]| {
        let wheels: Vec<Wheel> = names
            .iter()
            .map(|(name, version)| wheel(name, version))
            .collect();
        check_combination(records, &wheels, &PypiSettings::default())
            .err()
            .map(message)
    };
    let told = refuse(
        &[],
        &[("nvidia-cublas-cu11", "11.1"), ("nvidia-cudnn-cu12", "9.1")],
    );
    assert_eq!(
        told.as_deref(),
        Some(
            "the wheels `nvidia-cublas-cu11 11.1` and `nvidia-cudnn-cu12 9.1` belong to different versions of CUDA"
        )
    );
    assert!(
        refuse(
            &[],
            &[
                ("nvidia-cuda-runtime", "13.0.1"),
                ("nvidia-nccl-cu12", "2.2")
            ]
        )
        .is_some()
    );
    assert_eq!(
        refuse(
            &[],
            &[
                ("nvidia-cuda-runtime", "13.0.1"),
                ("nvidia-cufft", "12.0"),
                ("nvidia-cudnn-cu13", "9.1")
            ]
        ),
        None
    );
    let toolkit = [record("cudatoolkit", "11.2.2", &[])];
    assert_eq!(
        refuse(&toolkit, &[("nvidia-cuda-runtime-cu11", "11.2")]).as_deref(),
        Some(
            "the conda package `cudatoolkit 11.2.2 0` and the wheel `nvidia-cuda-runtime-cu11 11.2` both bring a CUDA runtime"
        )
    );
    assert_eq!(refuse(&toolkit, &[("nvidia-ml-py", "12.0")]), None);
    let allowed = PypiSettings {
        allow_two_cuda_runtimes: true,
        ..PypiSettings::default()
    };
    let runtime = [wheel("nvidia-cuda-runtime-cu11", "11.2")];
    assert_eq!(check_combination(&toolkit, &runtime, &allowed), Ok(()));
    // Two versions among the wheels themselves stay impossible.
    let both = [
        wheel("nvidia-cublas-cu11", "11.1"),
        wheel("nvidia-cudnn-cu12", "9.1"),
    ];
    assert!(check_combination(&toolkit, &both, &allowed).is_err());
}

#[test]
fn an_old_tensorflow_gets_an_old_numpy() {
    let bound = |wheels: &[Wheel], records: &[RepoDataRecord]| {
        numpy_bound(wheels, &provided(records)).map_err(message)
    };
    let old = wheel("tensorflow", "2.10.1");
    let numpy = |version| wheel("numpy", version);
    assert_eq!(
        bound(&[old.clone(), numpy("2.2.6")], &[]),
        Ok(Some("numpy<2"))
    );
    assert_eq!(bound(&[old.clone(), numpy("1.26.4")], &[]), Ok(None));
    assert_eq!(
        bound(&[wheel("tensorflow", "2.16.1"), numpy("2.2.6")], &[]),
        Ok(None)
    );
    assert_eq!(
        bound(&[old], &[record("numpy", "2.0.0", &["python"])]),
        Err(
            "`tensorflow 2.10.1` is built for NumPy 1, and the conda package is `numpy 2.0.0 0`"
                .to_string()
        )
    );
}

#[test]
fn wheels_without_gpu_code_are_known() {
    let conda = [record("cudnn", "8.1.0.77", &[])];
    let with = |platform, wheels: &[Wheel], records: &[_]| {
        check_builds(Gpu::Required, platform, wheels, records).is_err()
    };
    let cpu = |platform, wheels: &[Wheel]| with(platform, wheels, &conda);
    let torch = |version: &str| [wheel("torch", version)];
    for (platform, wheels, expected) in [
        (Subdir::LinuxAarch64, &torch("2.6.0")[..], true),
        (Subdir::LinuxAarch64, &torch("2.6.0+cu126"), false),
        (
            Subdir::LinuxAarch64,
            &[wheel("torch", "2.9.0"), wheel("nvidia-cublas", "13.0.0.1")],
            false,
        ),
        (Subdir::Linux64, &torch("2.6.0"), false),
        (Subdir::Linux64, &torch("2.6.0+cpu"), true),
        (Subdir::Linux64, &torch("2.6.0+rocm6.2"), true),
        (Subdir::Win64, &torch("2.6.0"), true),
        (Subdir::Win64, &torch("2.6.0+cu126"), false),
        (Subdir::Win64, &[wheel("tensorflow", "2.10.1")], false),
        (Subdir::Win64, &[wheel("tensorflow", "2.11.0")], true),
        (Subdir::Linux64, &[wheel("tensorflow", "2.11.0")], false),
        (Subdir::Linux64, &[wheel("tensorflow-cpu", "2.11.0")], true),
        (Subdir::LinuxAarch64, &[wheel("tensorflow", "2.19.0")], true),
        (Subdir::Linux64, &[wheel("onnxruntime", "1.22.0")], true),
        (
            Subdir::Linux64,
            &[wheel("onnxruntime-gpu", "1.22.0")],
            false,
        ),
        (Subdir::Linux64, &[wheel("paddlepaddle", "3.0.0")], true),
        (Subdir::Linux64, &[wheel("faiss-cpu", "1.11.0")], true),
        (Subdir::Linux64, &[wheel("jaxlib", "0.6.0")], true),
        (
            Subdir::Linux64,
            &[
                wheel("jaxlib", "0.6.0"),
                wheel("jax-cuda12-plugin", "0.6.0"),
            ],
            false,
        ),
    ] {
        let labels: Vec<String> = wheels.iter().map(Wheel::label).collect();
        assert_eq!(cpu(platform, wheels), expected, "{platform} {labels:?}");
    }
    // TensorFlow brings no cuDNN of its own.
    let tensorflow = [wheel("tensorflow", "2.19.0")];
    assert!(with(Subdir::Linux64, &tensorflow, &[]));
    let with_cuda = [
        wheel("tensorflow", "2.19.0"),
        wheel("nvidia-cudnn-cu12", "9.3.0.75"),
    ];
    assert!(!with(Subdir::Linux64, &with_cuda, &[]));
}

#[test]
fn wheels_with_cuda_are_refused_where_no_gpu_is_used() {
    let refused = |wheels: &[Wheel]| check_builds(Gpu::None, Subdir::Linux64, wheels, &[]).is_err();
    assert!(refused(&[wheel("torch", "2.6.0")]));
    assert!(refused(&[wheel("nvidia-cublas-cu12", "12.4.5.8")]));
    assert!(!refused(&[wheel("torch", "2.6.0+cpu")]));
    assert!(!refused(&[wheel("nvidia-ml-py", "12.0.0")]));
}

#[test]
fn only_a_plain_cpython_takes_wheels() {
    let of = |build: &str| {
        let mut python = python();
        python.package_record.build = build.parse().unwrap();
        super::python(&[python])
            .map(|(text, _)| text)
            .map_err(message)
    };
    assert_eq!(of("h0_0_cpython"), Ok("3.10.14".to_string()));
    assert_eq!(of("h1234_100_cp313"), Ok("3.10.14".to_string()));
    assert!(of("h1234_100_cp313t").is_err());
    assert!(of("0_73_pypy").is_err());
    assert!(super::python(&[]).is_err());
}

#[test]
fn a_wheel_is_a_package_whose_build_names_the_file() {
    let record = wheel("absl-py", "2.1.0").record().unwrap();
    assert_eq!(
        record.identifier.to_string(),
        "absl-py-2.1.0-pypi_07070707.whl"
    );
    assert!(record.package_record.noarch.is_python());
    for version in [
        "1!2.0",
        "2.0+cu118",
        "1.0.post1",
        "1.0rc1",
        "2.0.dev3",
        "1.0a1.post2.dev3+x.y",
    ] {
        assert!(wheel("a", version).record().is_some(), "{version}");
    }
}
