//! From made-up observations to verdicts: what is said, and whether it is good enough.

use proptest::prelude::*;

use super::*;
use crate::{
    Severity,
    probe::{
        Comparison, DeviceObservation, DriverFile, End, FailedCall, LoadAttempt, Step, WrongElement,
    },
};

fn healthy() -> Observation {
    let mut observation = Observation::new("linux", End::Finished);
    observation.driver = Some(DriverFile {
        file: "/usr/lib/libcuda.so.550.54.14".to_string(),
        version: Some("550.54.14".to_string()),
    });
    observation.cuda = "12.4".parse().ok();
    observation.device_count = Some(1);
    observation.devices = vec![device(0)];
    observation
}

fn device(ordinal: u32) -> DeviceObservation {
    let mut device = DeviceObservation::new(ordinal);
    device.name = Some("NVIDIA L4".to_string());
    device.compute_capability = "8.9".parse().ok();
    device.comparison = Some(Comparison {
        elements: 100,
        wrong: 0,
        first_wrong: None,
    });
    device
}

fn failed(call: &str, number: i32) -> FailedCall {
    FailedCall {
        call: call.to_string(),
        number,
        name: Some("CUDA_ERROR_X".to_string()),
        text: Some("the driver's words".to_string()),
        device: None,
    }
}

fn without_devices(number: i32) -> Observation {
    let mut observation = healthy();
    observation.devices.clear();
    observation.device_count = None;
    observation.failures = vec![failed("cuInit", number)];
    observation
}

fn without_driver() -> Observation {
    let mut observation = Observation::new("linux", End::Finished);
    observation.load_attempts = vec![LoadAttempt {
        file: "libcuda.so.1".to_string(),
        exists: false,
        error: "no such file".to_string(),
    }];
    observation
}

fn ended(end: End) -> Observation {
    let mut observation = healthy();
    observation.end = end;
    observation
}

fn step() -> Option<Step> {
    Some(Step {
        call: "cuCtxSynchronize".to_string(),
        device: Some(0),
    })
}

#[track_caller]
fn required(observation: &Observation) -> (VerdictKind, Diagnostic) {
    let verdict = judge(Gpu::Required, false, observation);
    assert!(!verdict.ok);
    let diagnostic = verdict.diagnostic.expect("what is not ok has a diagnostic");
    assert_eq!(diagnostic.severity, Severity::Error);
    assert_eq!(Some(diagnostic.code), verdict.kind.code());
    assert_eq!(diagnostic.message, verdict.summary);
    (verdict.kind, diagnostic)
}

fn says(lines: &[String], words: &str) -> bool {
    lines.iter().any(|line| line.contains(words))
}

#[test]
fn right_numbers_on_every_gpu_are_enough() {
    let mut observation = healthy();
    let verdict = judge(Gpu::Required, true, &observation);
    assert_eq!(
        (verdict.kind, verdict.ok, &verdict.diagnostic),
        (VerdictKind::Computes, true, &None)
    );
    assert_eq!(verdict.summary, "1 GPU computes: NVIDIA L4");
    assert!(says(
        &verdict.evidence,
        "100 numbers compared with the CPU, all equal"
    ));
    observation.devices.push(device(1));
    observation.device_count = Some(2);
    let verdict = judge(Gpu::Optional, false, &observation);
    assert_eq!(verdict.summary, "2 GPUs compute: 2 × NVIDIA L4");
}

#[test]
fn a_recipe_without_gpu_asks_for_none() {
    let verdict = judge(Gpu::None, false, &without_driver());
    assert_eq!((verdict.kind, verdict.ok), (VerdictKind::Skipped, true));
    assert!(!judge(Gpu::None, true, &without_driver()).ok);
    assert!(Verdict::skipped("`--no-probe`").ok);
}

#[test]
fn a_machine_without_gpu_is_good_enough_only_where_that_is_allowed() {
    for (observation, kind) in [
        (without_driver(), VerdictKind::NoDriver),
        (without_devices(100), VerdictKind::NoDevice),
    ] {
        let (found, diagnostic) = required(&observation);
        assert_eq!(found, kind);
        assert!(says(&diagnostic.help, "--no-probe"));
        assert!(!judge(Gpu::Optional, true, &observation).ok);
        let optional = judge(Gpu::Optional, false, &observation);
        assert_eq!((optional.kind, optional.ok), (kind, true));
        let diagnostic = optional.diagnostic.unwrap();
        assert_eq!(diagnostic.severity, Severity::Warning);
        assert!(says(&diagnostic.causes, "nothing is proved about a GPU"));
        assert!(!says(&diagnostic.help, "--no-probe"));
    }
}

#[test]
fn a_count_of_zero_is_no_device_either() {
    let mut observation = healthy();
    observation.devices.clear();
    observation.device_count = Some(0);
    assert_eq!(required(&observation).0, VerdictKind::NoDevice);
}

#[test]
fn who_sees_no_device_is_told_what_hides_it() {
    let with = |name: &str, value: &str, driver: &str| {
        let mut observation = without_devices(100);
        observation
            .variables
            .insert(name.to_string(), value.to_string());
        observation.driver.as_mut().unwrap().version = Some(driver.to_string());
        required(&observation).1
    };
    let hidden = with("CUDA_VISIBLE_DEVICES", "-1", "550.54.14");
    assert!(hidden.message.contains("`CUDA_VISIBLE_DEVICES` is `-1`"));
    assert!(says(&hidden.help, "unset CUDA_VISIBLE_DEVICES"));
    assert!(says(
        &with("SLURM_JOB_ID", "7", "550.54.14").help,
        "srun --gres=gpu:1"
    ));
    assert!(says(
        &with("X", "", "590.44.01").causes,
        "Maxwell, Pascal and Volta"
    ));
    assert!(!says(&with("X", "", "580.65.06").causes, "Maxwell"));
}

#[test]
fn one_wrong_number_is_worse_than_a_failed_call() {
    let mut observation = healthy();
    observation.devices.push(device(1));
    observation.devices[0].failures = vec![failed("cuMemFree_v2", 999)];
    observation.devices[1].comparison = Some(Comparison {
        elements: 100,
        wrong: 3,
        first_wrong: Some(WrongElement {
            index: 7,
            expected: "1".to_string(),
            found: "NaN".to_string(),
        }),
    });
    let (kind, diagnostic) = required(&observation);
    assert_eq!(kind, VerdictKind::WrongResult);
    assert_eq!(
        diagnostic.message,
        "GPU 1 (`NVIDIA L4`) computed 3 of 100 numbers wrong"
    );
    assert!(says(
        &diagnostic.causes,
        "element 7 came back as NaN, the CPU has 1"
    ));
}

#[test]
fn an_end_before_the_end_is_a_crash_or_a_hang() {
    let crash = |signal, exit_code| {
        let (kind, diagnostic) = required(&ended(End::Crashed {
            signal,
            exit_code,
            last_step: step(),
        }));
        assert_eq!(kind, VerdictKind::Crashed);
        diagnostic
    };
    let expected = "the probe died of signal 11 (SIGSEGV), in `cuCtxSynchronize` on GPU 0";
    assert_eq!(crash(Some(11), None).message, expected);
    assert!(says(&crash(Some(9), None).causes, "want of memory"));
    assert!(crash(None, Some(3)).message.contains("status 3"));
    let hang = |killed| {
        let (kind, diagnostic) = required(&ended(End::Hung {
            after_ms: 2000,
            last_step: step(),
            killed,
        }));
        assert_eq!(kind, VerdictKind::Hung);
        diagnostic
    };
    let expected = "the probe did not answer within 2.0 s, in `cuCtxSynchronize` on GPU 0";
    assert_eq!(hang(true).message, expected);
    assert!(says(&hang(false).causes, "cannot even be killed"));
    let why = || "x".to_string();
    assert_eq!(
        required(&ended(End::Garbled { why: why() })).0,
        VerdictKind::Crashed
    );
    assert_eq!(
        required(&ended(End::NotStarted { why: why() })).0,
        VerdictKind::NotStarted
    );
}

#[test]
fn an_error_number_leads_to_its_verdict() {
    for (number, kind) in [
        (2, VerdictKind::DriverError),
        (34, VerdictKind::StubDriver),
        (35, VerdictKind::DriverTooOld),
        (46, VerdictKind::DriverError),
        (100, VerdictKind::NoDevice),
        (101, VerdictKind::DriverError),
        (222, VerdictKind::DriverTooOld),
        (802, VerdictKind::DriverError),
        (804, VerdictKind::DriverError),
        (12345, VerdictKind::DriverError),
    ] {
        let (found, diagnostic) = required(&without_devices(number));
        assert_eq!(found, kind, "{number}");
        assert!(!diagnostic.causes.is_empty(), "{number}");
    }
}

#[test]
fn an_error_on_a_gpu_names_the_gpu() {
    let on_device = |number| {
        let mut observation = healthy();
        observation.devices[0].comparison = None;
        observation.devices[0].failures = vec![failed("cuModuleLoadDataEx", number)];
        observation.devices[0].compiler_log = Some("line 3: no\n".to_string());
        required(&observation)
    };
    for (number, kind) in [
        (209, VerdictKind::Architecture),
        (218, VerdictKind::Architecture),
        (222, VerdictKind::DriverTooOld),
        (700, VerdictKind::DriverError),
    ] {
        let (found, diagnostic) = on_device(number);
        assert_eq!(found, kind, "{number}");
        assert!(
            diagnostic.message.contains("GPU 0 (`NVIDIA L4`)"),
            "{}",
            diagnostic.message
        );
        assert!(says(&diagnostic.causes, "said: line 3: no"));
    }
    assert!(says(&on_device(209).1.causes, "compute capability 8.9"));
}

#[test]
fn a_stub_is_known_by_its_number_or_its_place() {
    let mut by_place = without_devices(100);
    by_place.driver.as_mut().unwrap().file = "/opt/cuda/lib64/stubs/libcuda.so".to_string();
    let path = "/a:/opt/cuda/lib64/stubs/";
    by_place
        .variables
        .insert("LD_LIBRARY_PATH".to_string(), path.to_string());
    let (kind, diagnostic) = required(&by_place);
    assert_eq!(kind, VerdictKind::StubDriver);
    assert_eq!(
        diagnostic.help,
        ["take `/opt/cuda/lib64/stubs` out of `LD_LIBRARY_PATH`"]
    );
    assert!(!judge(Gpu::Optional, false, &by_place).ok);
    assert!(says(&required(&without_devices(34)).1.help, "ldconfig -p"));
}

#[test]
fn versions_that_do_not_fit_are_both_named() {
    let mut observation = without_devices(803);
    observation.kernel_module = Some("535.86.10".to_string());
    let causes = required(&observation).1.causes;
    assert!(says(
        &causes,
        "is of version 550.54.14, the kernel module of version 535.86.10"
    ));
}

#[test]
fn a_driver_that_cannot_be_used_is_not_a_missing_one() {
    let mut broken = without_driver();
    broken.load_attempts[0].exists = true;
    let (kind, diagnostic) = required(&broken);
    assert_eq!(kind, VerdictKind::DriverError);
    assert!(says(&diagnostic.causes, "no such file"));
    let mut other = healthy();
    other.missing_functions = vec!["cuInit".to_string()];
    assert!(required(&other).1.message.ends_with("is not a CUDA driver"));
    other.missing_functions = vec!["cuDevicePrimaryCtxRetain".to_string()];
    assert_eq!(required(&other).0, VerdictKind::DriverTooOld);
}

#[test]
fn a_gpu_without_a_result_is_not_taken_for_one_that_computes() {
    let mut observation = healthy();
    observation.devices[0].comparison = None;
    assert_eq!(required(&observation).0, VerdictKind::DriverError);
    let mut nothing = healthy();
    nothing.devices[0].comparison.as_mut().unwrap().elements = 0;
    assert_eq!(required(&nothing).0, VerdictKind::DriverError);
    let mut fewer = healthy();
    fewer.device_count = Some(2);
    assert_eq!(required(&fewer).0, VerdictKind::DriverError);
}

#[test]
fn help_that_exists_only_on_linux_stays_there() {
    let mut observation = without_devices(999);
    assert!(says(&required(&observation).1.help, "modprobe"));
    observation.os = "windows".to_string();
    assert!(!says(&required(&observation).1.help, "modprobe"));
}

#[test]
fn an_observation_survives_json() {
    let mut observation = without_devices(803);
    observation.devices = vec![device(0)];
    observation.end = End::Hung {
        after_ms: 1,
        last_step: step(),
        killed: true,
    };
    let json = serde_json::to_string(&observation).unwrap();
    assert!(json.starts_with(r#"{"schema":1,"level":"driver","os":"linux","end":{"how":"hung""#));
    assert_eq!(
        serde_json::from_str::<Observation>(&json).unwrap(),
        observation
    );
    let kind = serde_json::to_string(&VerdictKind::WrongResult).unwrap();
    assert_eq!(kind, r#""wrong-result""#);
}

proptest! {
    #[test]
    fn no_failed_call_is_ever_good_enough_where_a_gpu_is_required(
        number in prop_oneof![any::<i32>(), 0..1000i32],
        call in ".{0,20}",
        on_device in any::<bool>(),
        file in "(/[a-z]{0,5}){0,3}",
    ) {
        let mut observation = healthy();
        observation.driver.as_mut().unwrap().file = file;
        let failures = vec![failed(&call, number)];
        match on_device {
            true => observation.devices[0].failures = failures,
            false => observation.failures = failures,
        }
        let verdict = judge(Gpu::Required, false, &observation);
        prop_assert!(!verdict.ok);
        let optional = judge(Gpu::Optional, false, &observation);
        prop_assert!(!optional.ok || (optional.kind == VerdictKind::NoDevice && !on_device));
    }
}
