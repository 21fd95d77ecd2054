//! What the probe saw of libraries and frameworks, on a machine whose GPU computes.

use gpuenv_core::{
    doctor::{Confidence, Finding, Rung},
    plan::{Gpu, ProbeStep},
    probe::{
        Build, Check, Comparison, End, FailedCall, FrameworkObservation, Library, LibraryKind,
        LibraryObservation, Module, Raised, WrongElement,
    },
};

use super::{Machine, only};

fn machine() -> Machine {
    Machine::with_gpu().environment("linux-64", Some(Gpu::Required))
}

/// A framework that computes as it should.
pub(super) fn well(framework: ProbeStep, version: &str) -> FrameworkObservation {
    let mut seen = FrameworkObservation::new(framework, true, End::Finished);
    seen.told.module = Some(Module {
        name: framework.module().unwrap().to_string(),
        version: Some(version.to_string()),
        file: Some("/env/lib/python3.11/site-packages/x/__init__.py".to_string()),
    });
    seen.told.build = Some(Build {
        cuda: true,
        ..Build::default()
    });
    seen.told.available = Some(true);
    seen.told.checks = vec![Check {
        name: "product".to_string(),
        right: true,
        places: vec!["cuda:0".to_string()],
        on_gpu: true,
        difference: None,
    }];
    seen
}

/// Libraries that are loaded from where they should be.
pub(super) fn libraries() -> LibraryObservation {
    let mut seen = LibraryObservation::new(End::Finished);
    seen.prefix = Some("/env".to_string());
    seen.device = Some(0);
    let library = |kind, name: &str| Library {
        kind,
        name: name.to_string(),
        held: format!("/env/lib/{name}"),
        loaded: Some(format!("/env/lib/{name}.1")),
        error: None,
        version: Some("12.4".to_string()),
        comparison: None,
        failures: Vec::new(),
        log: None,
    };
    seen.libraries = vec![
        library(LibraryKind::Cudart, "libcudart.so.12"),
        library(LibraryKind::Cudnn, "libcudnn.so.9"),
        library(LibraryKind::Nvrtc, "libnvrtc.so.12"),
    ];
    seen
}

fn raising(framework: ProbeStep, kind: &str, text: &str) -> FrameworkObservation {
    let mut seen = well(framework, "1.0");
    seen.told.checks.clear();
    seen.told.error = Some(Raised {
        kind: kind.to_string(),
        text: text.to_string(),
        step: "product".to_string(),
        missing: None,
    });
    seen
}

fn found(seen: FrameworkObservation, mode: &str, cause: &str, fix: &str) -> Finding {
    let examination = machine().loaded(libraries()).tried(seen).examine();
    let finding = only(&examination, mode, cause, fix);
    assert_eq!(finding.rung, Rung::Frameworks);
    finding
}

fn of_library(change: impl FnOnce(&mut Vec<Library>), mode: &str, cause: &str, fix: &str) {
    let mut seen = libraries();
    change(&mut seen.libraries);
    let examination = machine().loaded(seen).examine();
    let finding = only(&examination, mode, cause, fix);
    assert_eq!(finding.rung, Rung::Libraries);
}

#[test]
fn p21_another_cudnn_was_really_loaded() {
    of_library(
        |libraries| libraries[1].loaded = Some("/usr/lib/libcudnn.so.9.1".to_string()),
        "P21",
        "`libcudnn.so.9` is loaded from outside",
        "gpuenv probe",
    );
}

#[test]
fn p23_a_library_of_the_system_was_really_loaded() {
    of_library(
        |libraries| libraries[0].loaded = Some("/opt/cuda/lib64/libcudart.so.12".to_string()),
        "P23",
        "`libcudart.so.12` is loaded from outside",
        "gpuenv probe",
    );
    let mut seen = well(ProbeStep::Pytorch, "2.6.0");
    seen.told.loaded = vec!["/opt/cuda/lib64/libcublas.so.12".to_string()];
    found(
        seen,
        "P23",
        "/opt/cuda/lib64/libcublas.so.12",
        "unset LD_LIBRARY_PATH",
    );
}

#[test]
fn p32_what_nvrtc_compiles_is_too_new_for_the_driver() {
    let call = FailedCall {
        call: "cuModuleLoadDataEx".to_string(),
        number: 222,
        name: Some("CUDA_ERROR_UNSUPPORTED_PTX_VERSION".to_string()),
        text: None,
        device: Some(0),
    };
    of_library(
        |libraries| libraries[2].failures = vec![call],
        "P32",
        "PTX that the driver is too old for",
        "update the NVIDIA driver",
    );
}

#[test]
fn p52_a_library_that_computes_wrong() {
    of_library(
        |libraries| {
            libraries[1].comparison = Some(Comparison {
                elements: 9,
                wrong: 1,
                first_wrong: Some(WrongElement {
                    index: 3,
                    found: "1".to_string(),
                    expected: "2".to_string(),
                }),
            });
        },
        "P52",
        "cuDNN computed 1 of 9 numbers wrong",
        "gpuenv probe ENV",
    );
}

#[test]
fn p13_a_framework_that_says_that_it_is_built_for_the_cpu() {
    let mut seen = well(ProbeStep::Pytorch, "2.6.0");
    seen.told.build = Some(Build::default());
    found(
        seen,
        "P13",
        "`pytorch` 2.6.0 is built for the CPU",
        "pytorch * cuda*",
    );
}

#[test]
fn p53_a_framework_that_falls_back_to_the_cpu() {
    let mut seen = well(ProbeStep::Tensorflow, "2.19.1");
    seen.told.checks[0].on_gpu = false;
    seen.told.checks[0].places = vec!["CPU:0".to_string()];
    let finding = found(seen, "P53", "computed `product` on the CPU", "gpuenv probe");
    assert_eq!(finding.confidence, Confidence::Certain);
    let mut blind = well(ProbeStep::Jax, "0.10.2");
    blind.told.available = Some(false);
    blind.told.checks.clear();
    found(blind, "P53", "`jax` 0.10.2 sees no GPU", "gpuenv probe");
}

#[test]
fn p03_what_tensorflow_prints_tells_why_it_sees_no_gpu() {
    let mut seen = well(ProbeStep::Tensorflow, "2.10.1");
    seen.told.available = Some(false);
    seen.noise = Some(
        "W gpu_device.cc:1934] Cannot dlopen some GPU libraries. Please make sure\n".to_string(),
    );
    let finding = found(
        seen,
        "P03",
        "Cannot dlopen some GPU libraries",
        "gpuenv doctor ENV",
    );
    assert_eq!(finding.confidence, Confidence::Likely);
    assert_eq!(finding.related[0].to_string(), "P53");
}

#[test]
fn p10_a_framework_without_code_for_this_gpu() {
    let error = "CUDA error: no kernel image is available for execution on the device";
    found(
        raising(ProbeStep::Pytorch, "RuntimeError", error),
        "P10",
        "was not built for compute capability 8.0",
        "take a version of it",
    );
}

#[test]
fn p05_p06_what_xla_misses() {
    let error = "libdevice not found at ./libdevice.10.bc";
    found(
        raising(ProbeStep::Jax, "XlaRuntimeError", error),
        "P05",
        "without `libdevice.10.bc`",
        "cuda-nvcc-tools",
    );
    let error = "INTERNAL: Couldn't invoke ptxas --version";
    found(
        raising(ProbeStep::Tensorflow, "InternalError", error),
        "P06",
        "without `ptxas`",
        "cuda-nvcc-tools",
    );
}

#[test]
fn p49_a_framework_from_the_users_own_site() {
    let mut seen = well(ProbeStep::Pytorch, "2.6.0");
    seen.told.module.as_mut().unwrap().file =
        Some("/home/u/.local/lib/python3.11/site-packages/torch/__init__.py".to_string());
    found(seen, "P49", ".local/lib/python3.11", "PYTHONNOUSERSITE=1");
}

#[test]
fn p39_a_framework_of_numpy_1() {
    let error = "A module that was compiled using NumPy 1.x cannot be run in NumPy 2.0.2";
    let finding = found(
        raising(ProbeStep::Pytorch, "ImportError", error),
        "P39",
        "compiled using NumPy 1.x",
        "numpy",
    );
    assert_eq!(finding.confidence, Confidence::Likely);
}

#[test]
fn p52_a_framework_that_fails_when_it_computes() {
    found(
        raising(
            ProbeStep::Cupy,
            "CUBLASError",
            "CUBLAS_STATUS_INTERNAL_ERROR",
        ),
        "P52",
        "`cupy` 1.0 fails in `product`",
        "gpuenv probe ENV",
    );
    let crashed = End::Crashed {
        signal: Some(11),
        exit_code: None,
        last_step: None,
    };
    let seen = FrameworkObservation::new(ProbeStep::Numba, true, crashed);
    found(seen, "P52", "SIGSEGV", "gpuenv probe ENV");
}

#[test]
fn what_lies_below_a_driver_that_computes_is_not_blamed() {
    let error = "Found no NVIDIA driver on your system.";
    let mut seen = raising(ProbeStep::Pytorch, "RuntimeError", error);
    seen.told.available = None;
    found(seen, "P52", "Found no NVIDIA driver", "gpuenv probe ENV");
}

#[test]
fn one_cause_of_two_frameworks_is_one_finding() {
    let mut torch = well(ProbeStep::Pytorch, "2.6.0");
    torch.told.build = Some(Build::default());
    let mut jax = well(ProbeStep::Jax, "0.10.2");
    jax.told.build = Some(Build::default());
    let examination = machine()
        .loaded(libraries())
        .tried(torch)
        .tried(jax)
        .examine();
    let finding = only(&examination, "P13", "`pytorch` 2.6.0", "pytorch * cuda*");
    assert!(
        finding
            .evidence
            .iter()
            .any(|seen| seen.contains("`jax` 0.10.2"))
    );
}

#[test]
fn a_framework_that_is_not_installed_is_no_failure() {
    let mut absent = raising(
        ProbeStep::Cupy,
        "ModuleNotFoundError",
        "No module named 'cupy'",
    );
    absent.told.error.as_mut().unwrap().missing = Some("cupy".to_string());
    let well = machine()
        .loaded(libraries())
        .tried(absent)
        .tried(well(ProbeStep::Pytorch, "2.6.0"));
    assert!(well.examine().healthy, "{:#?}", well.examine());
}
