//! Machines against locks, by the tables.

use super::*;
use crate::solution::tests::record;

fn machine(driver: &str, capability: &str) -> Machine {
    let facts = Facts::shipped();
    let mut machine = Machine::of_platform(Subdir::Linux64);
    machine.driver = Some(driver.to_string());
    machine.compute_capability = capability.parse().ok();
    machine.infer_cuda(&facts.drivers);
    machine
}

fn wheel(name: &str, version: &str, tag: &str) -> Wheel {
    let url = format!("https://files.example/{name}-1-py3-none-{tag}.whl");
    Wheel {
        name: name.to_string(),
        version: version.to_string(),
        url: url.parse().unwrap(),
        index: None,
        sha256: rattler_digest::parse_digest_from_hex::<rattler_digest::Sha256>(&"0".repeat(64))
            .unwrap(),
        size: None,
    }
}

fn told(found: &[Diagnostic]) -> String {
    let texts = found.iter().map(|d| {
        assert!(!d.help.is_empty(), "{}", d.message);
        format!("{:?} {} {}", d.severity, d.code, d.message)
    });
    texts.collect::<Vec<_>>().join("\n")
}

fn seen(records: &[RepoDataRecord], wheels: &[Wheel], machine: &Machine) -> String {
    told(&check(
        records,
        wheels,
        Gpu::Required,
        machine,
        Facts::shipped(),
    ))
}

#[test]
fn a_driver_runs_every_minor_version_of_its_cuda_and_no_other_major_one() {
    let facts = Facts::shipped();
    let old = machine("470.57.02", "8.0");
    let newer = check_cuda("12.1".parse().unwrap(), &old, facts);
    insta::assert_snapshot!(told(&newer), @"Error GE203 CUDA 12.1 needs a driver for CUDA 12.0 or newer, this machine's is 470.57.02");
    assert_eq!(newer[0].help, ["update the driver to 525.60.13 or newer"]);
    assert_eq!(check_cuda("11.4".parse().unwrap(), &old, facts), []);
    assert_eq!(check_cuda("11.8".parse().unwrap(), &old, facts), []);
    let exact = machine("525.60.13", "8.0");
    assert_eq!(check_cuda("12.9".parse().unwrap(), &exact, facts), []);
}

#[test]
fn what_is_compiled_on_the_machine_needs_the_toolkits_own_driver() {
    let cupy = [
        record("cuda-version", "12.9", &[]),
        record("cupy", "13.6", &["__cuda"]),
    ];
    insta::assert_snapshot!(seen(&cupy, &[], &machine("550.54.14", "8.0")), @"Warning GE212 the lock brings CUDA 12.9, the driver is for 12.4: code that is compiled on the machine may fail there");
    assert_eq!(seen(&cupy, &[], &machine("575.57.08", "8.0")), "");
    assert_eq!(seen(&cupy[..1], &[], &machine("550.54.14", "8.0")), "");
}

#[test]
fn a_gpu_that_driver_cuda_or_cudnn_left_behind_is_found() {
    let cuda = [record("cuda-version", "13.0", &[])];
    insta::assert_snapshot!(seen(&cuda, &[], &machine("590.44.01", "6.1")), @"
    Error GE210 driver 590.44.01 no longer drives a GPU of compute capability 6.1
    Error GE211 CUDA 13.0 has no code for a GPU of compute capability 6.1
    ");
    let cudnn = [
        record("cudnn", "9.11.0", &[]),
        record("cuda-version", "12.8", &[]),
    ];
    insta::assert_snapshot!(seen(&cudnn, &[], &machine("570.124.06", "7.0")), @"Error GE211 `cudnn 9.11.0 0` has no code for a GPU of compute capability 7.0");
    let older = [
        record("cudnn", "9.10.2", &[]),
        record("cuda-version", "12.8", &[]),
    ];
    assert_eq!(seen(&older, &[], &machine("570.124.06", "7.0")), "");
}

#[test]
fn a_gpu_that_is_newer_than_cuda_is_a_warning() {
    let cuda = [record("cuda-version", "12.4", &[])];
    insta::assert_snapshot!(seen(&cuda, &[], &machine("580.65.06", "12.0")), @"Warning GE211 CUDA 12.4 is older than GPUs of compute capability 12.0");
}

#[test]
fn wheels_say_their_cuda_their_gpus_and_their_glibc() {
    let torch = [wheel("torch", "2.12.0+cu130", "manylinux_2_28_x86_64")];
    let mut old = machine("525.60.13", "7.0");
    old.glibc = Some("2.17".to_string());
    insta::assert_snapshot!(seen(&[], &torch, &old), @"
    Error GE205 the lock needs glibc 2.28 or newer, this machine has 2.17
    Error GE203 CUDA 13.0 needs a driver for CUDA 13.0 or newer, this machine's is 525.60.13
    Error GE211 CUDA 13.0 has no code for a GPU of compute capability 7.0
    Error GE211 `torch 2.12.0+cu130` for CUDA 13.0 has no code for a GPU of compute capability 7.0
    ");
    assert_eq!(seen(&[], &torch, &machine("580.65.06", "8.6")), "");
    let several = [wheel(
        "x",
        "1",
        "manylinux_2_17_x86_64.manylinux2014_x86_64",
    )];
    assert_eq!(seen(&[], &several, &{ old }), "");
}

#[test]
fn windows_has_limits_of_its_own() {
    let mut windows = machine("527.41", "8.6");
    windows.platform = Subdir::Win64;
    let newer = [record("tensorflow", "2.11.0", &[])];
    insta::assert_snapshot!(seen(&newer, &[], &windows), @"Error GE213 `tensorflow 2.11.0 0` uses no GPU on Windows");
    let last = [record("tensorflow", "2.10.1", &[])];
    assert_eq!(seen(&last, &[], &windows), "");
    let mut wsl = machine("527.41", "8.6");
    wsl.wsl = true;
    wsl.windows_build = Some(19043);
    assert!(seen(&last, &[], &wsl).contains("GE213"));
}

#[test]
fn an_environment_that_is_of_use_without_a_gpu_is_only_warned_of_it() {
    let cuda = [record("cuda-version", "13.0", &["__glibc >=2.28"])];
    let mut old = machine("470.57.02", "6.1");
    old.glibc = Some("2.17".to_string());
    let found = check(&cuda, &[], Gpu::Optional, &old, Facts::shipped());
    let errors = found.iter().filter(|d| d.severity == Severity::Error);
    let codes: Vec<Code> = errors.map(|d| d.code).collect();
    assert_eq!(codes, [Code::PLAN_GLIBC_TOO_OLD]);
}
