//! From observations of libraries and frameworks to verdicts. The files under
//! `recorded/` are what real frameworks told on a machine without a GPU.

use super::*;
use crate::{
    Severity,
    plan::ProbeStep,
    probe::{
        Check, Comparison, DeviceObservation, DriverFile, End, FrameworkDevice, Raised, Step,
        VerdictClass, WrongElement,
    },
};

const TENSORFLOW: &str = include_str!("../recorded/tensorflow.json");
pub(super) const PYTORCH: &str = include_str!("../recorded/pytorch.json");
pub(super) const JAX: &str = include_str!("../recorded/jax.json");
const CUPY: &str = include_str!("../recorded/cupy.json");
const NUMBA: &str = include_str!("../recorded/numba.json");
const CUDA_PYTHON: &str = include_str!("../recorded/cuda-python.json");

pub(super) fn recorded(text: &str) -> FrameworkObservation {
    let mut seen: FrameworkObservation = serde_json::from_str(text).unwrap();
    seen.named = true;
    seen
}

/// PyTorch as it would be with a GPU: the recorded one, its places changed.
fn pytorch_on_gpu() -> FrameworkObservation {
    let mut seen = recorded(PYTORCH);
    seen.told.available = Some(true);
    seen.told.why_unavailable = None;
    seen.told.devices = vec![FrameworkDevice {
        index: 0,
        name: Some("NVIDIA L4".to_string()),
        compute_capability: Some("8.9".to_string()),
    }];
    for check in &mut seen.told.checks {
        check.on_gpu = true;
        check.places = vec!["cuda:0".to_string()];
    }
    seen
}

pub(super) fn with_gpu() -> Observation {
    let mut observation = Observation::new("linux", End::Finished);
    observation.driver = Some(DriverFile {
        file: "/usr/lib/libcuda.so.550.54.14".to_string(),
        version: Some("550.54.14".to_string()),
    });
    observation.cuda = "12.4".parse().ok();
    observation.device_count = Some(1);
    let mut device = DeviceObservation::new(0);
    device.name = Some("NVIDIA L4".to_string());
    device.compute_capability = "8.9".parse().ok();
    device.comparison = Some(Comparison {
        elements: 100,
        wrong: 0,
        first_wrong: None,
    });
    observation.devices = vec![device];
    observation
}

fn without_driver() -> Observation {
    Observation::new("linux", End::Finished)
}

fn verdict(driver: &Observation, frameworks: &[FrameworkObservation]) -> Verdict {
    let expectation = Expectation {
        gpu: Gpu::Optional,
        require_gpu: false,
        prefix: Some("/env"),
    };
    let levels = Levels {
        driver,
        library: None,
        frameworks,
    };
    judge_levels(&expectation, &levels)
}

#[track_caller]
fn bad(frameworks: &[FrameworkObservation], class: VerdictClass) -> Diagnostic {
    let verdict = verdict(&with_gpu(), frameworks);
    assert_eq!(
        (verdict.class, verdict.ok),
        (Some(class), false),
        "{verdict:#?}"
    );
    let diagnostic = verdict.diagnostic.unwrap();
    assert_eq!(diagnostic.severity, Severity::Error);
    diagnostic
}

pub(super) fn says(lines: &[String], words: &str) -> bool {
    lines.iter().any(|line| line.contains(words))
}

#[test]
fn a_framework_on_the_gpu_is_named_in_the_verdict() {
    let verdict = verdict(&with_gpu(), &[pytorch_on_gpu()]);
    assert_eq!(
        (verdict.kind, verdict.class, verdict.ok),
        (VerdictKind::Computes, None, true)
    );
    assert_eq!(
        verdict.summary,
        "1 GPU computes: NVIDIA L4; on a GPU compute `pytorch` 2.6.0+cu124"
    );
    assert!(says(&verdict.evidence, "pytorch: model on cuda:0: right"));
}

#[test]
fn without_a_gpu_frameworks_on_the_cpu_are_a_warning() {
    let all = [TENSORFLOW, PYTORCH, JAX, CUPY, NUMBA, CUDA_PYTHON].map(recorded);
    let verdict = verdict(&without_driver(), &all);
    assert_eq!(
        (verdict.kind, verdict.class, verdict.ok),
        (VerdictKind::NoDriver, Some(VerdictClass::NoGpu), true)
    );
    let diagnostic = verdict.diagnostic.unwrap();
    assert_eq!(diagnostic.severity, Severity::Warning);
    assert!(says(
        &diagnostic.causes,
        "`pytorch` 2.6.0+cu124 computes on the CPU"
    ));
    let built = "`tensorflow` 2.21.0 is built for the CPU";
    assert!(says(&diagnostic.causes, built));
    assert!(!says(
        &diagnostic.causes,
        "`pytorch` 2.6.0+cu124 is built for the CPU"
    ));
}

#[test]
fn a_build_for_the_cpu_beside_a_gpu_is_a_mismatch() {
    let diagnostic = bad(&[recorded(TENSORFLOW)], VerdictClass::CpuBuild);
    assert_eq!(
        diagnostic.message,
        "MISMATCH: `tensorflow` 2.21.0 is built for the CPU"
    );
    assert!(says(&diagnostic.help, "tensorflow * cuda*"));
    let mut pytorch = recorded(PYTORCH);
    pytorch.told.build.as_mut().unwrap().cuda = false;
    let diagnostic = bad(&[pytorch], VerdictClass::CpuBuild);
    assert!(says(&diagnostic.help, "pytorch * cuda*"));
}

#[test]
fn a_framework_that_sees_no_gpu_is_a_mismatch_with_its_reason() {
    for text in [PYTORCH, CUPY, NUMBA, CUDA_PYTHON] {
        let seen = recorded(text);
        let why = seen.told.why_unavailable.clone().unwrap();
        let first: String = why.split_whitespace().next().unwrap().to_string();
        let diagnostic = bad(&[seen], VerdictClass::CpuBuild);
        assert!(diagnostic.message.ends_with("sees no GPU"));
        assert!(says(&diagnostic.causes, &first), "{diagnostic:#?}");
    }
    let mut newer = recorded(PYTORCH);
    newer.told.build.as_mut().unwrap().cuda_version = Some("13.0".to_string());
    let diagnostic = bad(&[newer], VerdictClass::CpuBuild);
    assert!(says(
        &diagnostic.causes,
        "built for CUDA 13.0, the driver is for 12.4"
    ));
}

#[test]
fn one_tensor_on_the_cpu_is_a_mismatch() {
    let mut seen = pytorch_on_gpu();
    seen.told.checks[2].on_gpu = false;
    seen.told.checks[2].places = vec!["cpu".to_string()];
    let diagnostic = bad(&[seen], VerdictClass::CpuBuild);
    assert!(diagnostic.message.ends_with("computed `model` on the CPU"));
    assert!(says(&diagnostic.causes, "`cpu`"));
}

#[test]
fn wrong_numbers_and_no_numbers_are_failures() {
    let mut seen = pytorch_on_gpu();
    seen.told.checks[2].right = false;
    seen.told.checks[2].difference = Some(0.25);
    let diagnostic = bad(&[seen.clone()], VerdictClass::FrameworkFailed);
    assert!(diagnostic.message.ends_with("did `model` wrong on the GPU"));
    assert!(says(&diagnostic.causes, "2.5e-1"));
    seen.told.checks.clear();
    bad(&[seen], VerdictClass::FrameworkFailed);
    // What is wrong on the CPU is wrong without a GPU too.
    let mut on_cpu = recorded(PYTORCH);
    on_cpu.told.checks[0].right = false;
    assert!(!verdict(&without_driver(), &[on_cpu]).ok);
}

#[test]
fn only_a_framework_that_the_recipe_names_must_be_there() {
    let mut seen = FrameworkObservation::new(ProbeStep::Pytorch, true, End::Finished);
    seen.told.error = Some(Raised {
        kind: "ModuleNotFoundError".to_string(),
        text: "No module named 'torch'".to_string(),
        step: "import torch".to_string(),
        missing: Some("torch".to_string()),
    });
    let diagnostic = bad(&[seen.clone()], VerdictClass::FrameworkFailed);
    assert_eq!(
        diagnostic.message,
        "`pytorch` is not installed in the environment"
    );
    assert!(says(&diagnostic.causes, "no module `torch`"));
    seen.named = false;
    assert!(verdict(&with_gpu(), &[seen.clone()]).ok);
    // A module below it is another thing.
    seen.told.error.as_mut().unwrap().missing = Some("numpy".to_string());
    bad(&[seen], VerdictClass::FrameworkFailed);
}

#[test]
fn a_gpu_that_a_framework_was_not_built_for_is_named() {
    let mut seen = pytorch_on_gpu();
    seen.told.checks.clear();
    let raised = |text: &str| {
        Some(Raised {
            kind: "RuntimeError".to_string(),
            text: text.to_string(),
            step: "product".to_string(),
            missing: None,
        })
    };
    let build = seen.told.build.as_mut().unwrap();
    build.architectures = vec!["sm_50".to_string(), "sm_90a".to_string()];
    seen.told.error = raised("CUDA error: something else");
    let diagnostic = bad(&[seen.clone()], VerdictClass::Architecture);
    assert!(
        diagnostic
            .message
            .ends_with("was not built for compute capability 8.9")
    );
    assert!(says(&diagnostic.causes, "it was built for sm_50, sm_90a"));
    let build = seen.told.build.as_mut().unwrap();
    build.architectures = vec!["sm_86".to_string()];
    bad(&[seen.clone()], VerdictClass::FrameworkFailed);
    seen.told.error = raised("CUDA error: no kernel image is available for execution");
    bad(&[seen], VerdictClass::Architecture);
}

#[test]
fn a_build_covers_later_minors_and_by_ptx_everything_later() {
    let covers = |architectures: &[&str], capability: &str| {
        let build = crate::probe::Build {
            architectures: architectures.iter().map(ToString::to_string).collect(),
            ..crate::probe::Build::default()
        };
        framework_findings::covers(&build, capability.parse().unwrap())
    };
    assert!(covers(&["sm_80"], "8.9"));
    assert!(!covers(&["sm_86"], "8.0"));
    assert!(!covers(&["sm_80"], "9.0"));
    assert!(covers(&["sm_80", "compute_80"], "12.0"));
    assert!(!covers(&["compute_90"], "8.9"));
    assert!(covers(&["sm_120"], "12.0") && covers(&["sm_100"], "10.3"));
    assert!(covers(&[], "3.5") && covers(&["gfx90a"], "8.0"));
}

#[test]
fn what_comes_from_elsewhere_is_pollution() {
    let mut seen = pytorch_on_gpu();
    seen.told.module.as_mut().unwrap().file =
        Some("/home/u/.local/lib/python3.11/site-packages/torch/__init__.py".to_string());
    let diagnostic = bad(&[seen], VerdictClass::Polluted);
    assert!(says(&diagnostic.help, "PYTHONNOUSERSITE"));
    let mut seen = pytorch_on_gpu();
    seen.told
        .loaded
        .push("/usr/lib/libcuda.so.550.54.14".to_string());
    assert!(verdict(&with_gpu(), &[seen.clone()]).ok);
    seen.told
        .loaded
        .push("/usr/local/cuda/lib64/libcudnn.so.8".to_string());
    let diagnostic = bad(&[seen], VerdictClass::Polluted);
    assert!(
        diagnostic
            .message
            .contains("/usr/local/cuda/lib64/libcudnn.so.8")
    );
}

#[test]
fn an_end_before_the_end_is_a_failure_with_its_last_words() {
    let ended = |end| {
        let mut seen = FrameworkObservation::new(ProbeStep::Tensorflow, true, end);
        seen.noise = Some("a\nb\nc\nF0000 Check failed\n".to_string());
        bad(&[seen], VerdictClass::FrameworkFailed)
    };
    let last_step = Some(Step {
        call: "Keras step".to_string(),
        device: None,
    });
    let crashed = ended(End::Crashed {
        signal: Some(6),
        exit_code: None,
        last_step: last_step.clone(),
    });
    assert_eq!(
        crashed.message,
        "`tensorflow` died of signal 6 (SIGABRT), in `Keras step`"
    );
    assert!(says(&crashed.causes, "it printed: F0000 Check failed"));
    assert!(!says(&crashed.causes, "it printed: a"));
    let hung = ended(End::Hung {
        after_ms: 1500,
        last_step,
        killed: true,
    });
    assert!(hung.message.contains("within 1.5 s, in `Keras step`"));
    let why = || "no such file".to_string();
    assert!(says(
        &ended(End::NotStarted { why: why() }).help,
        "`python`"
    ));
    ended(End::Garbled { why: why() });
}

#[test]
fn a_driver_that_fails_decides_before_everything_else() {
    let mut driver = with_gpu();
    driver.devices[0].comparison.as_mut().unwrap().first_wrong = Some(WrongElement {
        index: 0,
        expected: "1".to_string(),
        found: "2".to_string(),
    });
    let verdict = verdict(&driver, &[recorded(TENSORFLOW)]);
    assert_eq!(verdict.class, Some(VerdictClass::DriverBroken));
}

#[test]
fn a_device_that_is_not_there_is_never_good_enough() {
    let mut driver = with_gpu();
    driver.devices.clear();
    driver.wanted = Some(1);
    let verdict = verdict(&driver, &[]);
    assert_eq!(
        (verdict.class, verdict.ok),
        (Some(VerdictClass::NoGpu), false)
    );
    assert_eq!(
        verdict.summary,
        "there is no GPU 1: the driver shows one, GPU 0"
    );
}

#[test]
fn what_a_framework_tells_may_lack_anything() {
    for text in ["{}", r#"{"checks":[{}],"module":{},"build":{},"error":{}}"#] {
        let mut seen = FrameworkObservation::new(ProbeStep::Jax, true, End::Finished);
        seen.told = serde_json::from_str(text).unwrap();
        assert!(!verdict(&with_gpu(), &[seen]).ok, "{text}");
    }
    let check = Check::default();
    assert!(!check.right && !check.on_gpu);
}
