//! The whole way: a real child, a driver that does what a script says, and the
//! verdict.
#![cfg(target_os = "linux")]

use std::{
    env, fs,
    io::{self, Write},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use gpuenv_core::{
    plan::Gpu,
    probe::{ComputeMode, DeviceObservation, End, Observation, Step, Verdict, VerdictKind, judge},
};
use tempfile::TempDir;

use super::*;
use crate::{Order, kernel::ENTRY, message, message::Message, worker};

mod computing;
mod hostile;

/// Makes the test binary a child and hands it a seed.
const SEED: &str = "GPUENV_TEST_SEED";

/// Names the child the one device to probe.
const DEVICE: &str = "GPUENV_TEST_DEVICE";

/// Asks the child for times.
const BENCH: &str = "GPUENV_TEST_BENCH";

/// What a driver on a slow machine may take.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
#[ignore = "what the other tests run as their child"]
fn child_process() {
    if let Ok(seed) = env::var(SEED) {
        worker(order(&seed), io::stdout()).unwrap();
    }
}

fn order(seed: &str) -> Order {
    Order {
        seed: seed.parse().ok(),
        device: env::var(DEVICE).ok().and_then(|device| device.parse().ok()),
        bench: env::var(BENCH).is_ok(),
    }
}

/// A directory with a driver in it.
struct Scene {
    directory: TempDir,
    command: Command,
}

impl Scene {
    /// Makes a place where the driver is the fake one, with that script.
    fn new(script: &str) -> Self {
        let scene = Self::without_driver();
        let real = scene.path("libcuda.so.550.54.14");
        fs::copy(gpuenv_fakecuda::built_library().unwrap(), &real).unwrap();
        symlink(&real, scene.path("libcuda.so.1")).unwrap();
        let log = scene.path("log");
        let script = format!("{script}\nlog = {}\n", log.display());
        fs_err::write(scene.path("script"), script).unwrap();
        scene
    }

    /// Makes a place without a driver.
    fn without_driver() -> Self {
        let directory = TempDir::new().unwrap();
        let mut command = Command::new(env::current_exe().unwrap());
        command
            .args([
                "--exact",
                "child::tests::child_process",
                "--ignored",
                "--nocapture",
            ])
            .env_remove("CUDA_VISIBLE_DEVICES")
            .env_remove("SLURM_JOB_ID")
            .env("LD_LIBRARY_PATH", directory.path())
            .env("GPUENV_FAKECUDA", directory.path().join("script"))
            .env(SEED, "");
        Self { directory, command }
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn run(self) -> Seen {
        self.run_within(PATIENCE)
    }

    fn run_within(self, deadline: Duration) -> Seen {
        let observation = run_in_child(self.command, deadline);
        let log = fs_err::read_to_string(self.directory.path().join("log")).unwrap_or_default();
        Seen { observation, log }
    }
}

/// What came of it.
struct Seen {
    observation: Observation,
    log: String,
}

impl Seen {
    #[track_caller]
    fn verdict(&self, kind: VerdictKind, ok: bool) -> Verdict {
        let verdict = judge(Gpu::Required, false, &self.observation);
        let found = (verdict.kind, verdict.ok);
        assert_eq!(
            found,
            (kind, ok),
            "{verdict:#?}\n{:#?}\n{}",
            self.observation,
            self.log
        );
        verdict
    }

    fn device(&self, ordinal: usize) -> &DeviceObservation {
        &self.observation.devices[ordinal]
    }

    fn calls(&self, name: &str) -> usize {
        let well = format!("{name} 0");
        self.log
            .lines()
            .filter(|line| *line == well || line.starts_with(&format!("{well} ")))
            .count()
    }

    /// Checks that everything taken was given back, and nothing misused.
    #[track_caller]
    fn clean(&self) {
        for (take, give) in [
            ("cuDevicePrimaryCtxRetain", "cuDevicePrimaryCtxRelease_v2"),
            ("cuModuleLoadDataEx", "cuModuleUnload"),
            ("cuMemAlloc_v2", "cuMemFree_v2"),
        ] {
            assert_eq!(self.calls(take), self.calls(give), "{take}\n{}", self.log);
        }
        assert!(!self.log.contains("misuse"), "{}", self.log);
    }
}

#[test]
fn a_healthy_gpu_computes() {
    let seen = Scene::new(
        "device = Fake One\ncompute-capability = 9.0\ndevice = Fake Two\nmemory = 1073741824\n",
    )
    .run();
    let verdict = seen.verdict(VerdictKind::Computes, true);
    assert_eq!(verdict.summary, "2 GPUs compute: Fake One, Fake Two");
    assert_eq!(verdict.diagnostic, None);
    seen.clean();
    let observation = &seen.observation;
    assert_eq!(observation.end, End::Finished);
    assert_eq!(observation.cuda.unwrap().to_string(), "12.4");
    let driver = observation.driver.as_ref().unwrap();
    assert_eq!(driver.version.as_deref(), Some("550.54.14"));
    assert!(
        driver.file.ends_with("/libcuda.so.550.54.14"),
        "{}",
        driver.file
    );
    let device = seen.device(0);
    assert_eq!(device.name.as_deref(), Some("Fake One"));
    assert_eq!(device.compute_capability.unwrap().to_string(), "9.0");
    assert_eq!(
        device.uuid.as_deref(),
        Some("GPU-67707565-6e76-2d66-616b-656375646100")
    );
    assert_eq!(device.compute_mode, Some(ComputeMode::Default));
    assert_eq!(seen.device(1).total_memory, Some(1 << 30));
    assert_eq!(device.comparison.as_ref().unwrap().elements, 1_048_613);
    let steps: Vec<&str> = device
        .timings
        .iter()
        .map(|timing| timing.step.as_str())
        .collect();
    let expected = [
        "context",
        "compile",
        "allocate",
        "upload",
        "run",
        "download",
        "compile more",
        "product",
        "memory walk",
        "release",
        "compare",
    ];
    assert_eq!(steps, expected);
    assert!(
        device
            .timings
            .iter()
            .all(|timing| timing.milliseconds > 0.0)
    );
    assert!(seen.log.contains(ENTRY.to_str().unwrap()));
}

#[test]
fn one_wrong_bit_is_found() {
    let seen = Scene::new("mode = wrong-result\nwrong-element = 1048612\n").run();
    let verdict = seen.verdict(VerdictKind::WrongResult, false);
    assert_eq!(
        verdict.summary,
        "GPU 0 (`Fake GPU`) computed 1 of 1048613 numbers wrong"
    );
    let comparison = seen.device(0).comparison.clone().unwrap();
    assert_eq!(
        (comparison.wrong, comparison.first_wrong.unwrap().index),
        (1, 1_048_612)
    );
    assert_eq!(verdict.diagnostic.unwrap().code.to_string(), "GE703");
    seen.clean();
}

#[test]
fn one_bad_gpu_of_two_is_named() {
    let script = "mode = wrong-result\nwrong-device = 1\ndevice = A\ndevice = B\n";
    let verdict = Scene::new(script)
        .run()
        .verdict(VerdictKind::WrongResult, false);
    assert!(
        verdict.summary.starts_with("GPU 1 (`B`)"),
        "{}",
        verdict.summary
    );
    assert!(
        verdict
            .diagnostic
            .unwrap()
            .causes
            .contains(&"1 other GPU computes".to_string())
    );
}

#[test]
fn no_driver_and_no_device_are_two_things() {
    let without = Scene::without_driver().run();
    if without.observation.driver.is_some() {
        println!("skipped: this machine has a driver");
    } else {
        let verdict = without.verdict(VerdictKind::NoDriver, false);
        assert_eq!(verdict.diagnostic.unwrap().code.to_string(), "GE701");
        assert!(judge(Gpu::Optional, false, &without.observation).ok);
        assert!(!judge(Gpu::Optional, true, &without.observation).ok);
    }
    let seen = Scene::new("mode = no-device\n").run();
    let verdict = seen.verdict(VerdictKind::NoDevice, false);
    assert_eq!(verdict.diagnostic.unwrap().code.to_string(), "GE702");
    assert_eq!(seen.observation.cuda.unwrap().to_string(), "12.4");
    seen.clean();
}

#[test]
fn hidden_devices_are_said_to_be_hidden() {
    let scene = || Scene::new("device = A\ndevice = B\n");
    let hidden = scene().env("CUDA_VISIBLE_DEVICES", "").run();
    let verdict = hidden.verdict(VerdictKind::NoDevice, false);
    assert!(
        verdict.summary.contains("`CUDA_VISIBLE_DEVICES` is ``"),
        "{}",
        verdict.summary
    );
    let one = scene().env("CUDA_VISIBLE_DEVICES", "1").run();
    assert_eq!(
        one.verdict(VerdictKind::Computes, true).summary,
        "1 GPU computes: B"
    );
}

#[test]
fn a_driver_too_old_for_the_kernel_says_so() {
    let seen = Scene::new("mode = old-driver\ndriver-version = 7050\n").run();
    let verdict = seen.verdict(VerdictKind::DriverTooOld, false);
    let causes = verdict.diagnostic.unwrap().causes;
    assert!(
        causes
            .iter()
            .any(|cause| cause.contains("Unsupported .version 5.0")),
        "{causes:?}"
    );
    assert_eq!(seen.observation.cuda.unwrap().to_string(), "7.5");
    seen.clean();
}

#[test]
fn a_compiler_that_fails_is_quoted() {
    let seen = Scene::new("mode = jit-failure\n").run();
    let verdict = seen.verdict(VerdictKind::Architecture, false);
    assert_eq!(verdict.diagnostic.unwrap().code.to_string(), "GE709");
    assert!(
        seen.device(0)
            .compiler_log
            .as_ref()
            .unwrap()
            .contains("Internal error")
    );
    seen.clean();
}

#[test]
fn a_stub_is_not_a_driver() {
    let seen = Scene::new("mode = stub\n").run();
    let diagnostic = seen
        .verdict(VerdictKind::StubDriver, false)
        .diagnostic
        .unwrap();
    assert_eq!(diagnostic.code.to_string(), "GE701");
    assert!(
        diagnostic.help[0].ends_with("out of `LD_LIBRARY_PATH`"),
        "{:?}",
        diagnostic.help
    );
    assert!(!judge(Gpu::Optional, false, &seen.observation).ok);
}

#[test]
fn every_call_that_fails_is_named_and_cleaned_up_after() {
    for call in [
        "cuInit",
        "cuDriverGetVersion",
        "cuDeviceGetCount",
        "cuDeviceGet",
        "cuDeviceGetName",
        "cuDeviceTotalMem_v2",
        "cuDeviceGetAttribute",
        "cuDevicePrimaryCtxRetain",
        "cuCtxSetCurrent",
        "cuModuleLoadDataEx",
        "cuModuleGetFunction",
        "cuMemAlloc_v2",
        "cuMemcpyHtoD_v2",
        "cuLaunchKernel",
        "cuCtxSynchronize",
        "cuMemcpyDtoH_v2",
    ] {
        let seen = Scene::new(&format!("fail = {call} 999 1\n")).run();
        let verdict = seen.verdict(VerdictKind::DriverError, false);
        let expected = format!("`{call}` answered 999 (CUDA_ERROR_UNKNOWN)");
        assert!(verdict.summary.contains(&expected), "{}", verdict.summary);
        seen.clean();
    }
}

#[test]
fn a_failure_to_give_back_counts_too() {
    for call in [
        "cuMemFree_v2",
        "cuModuleUnload",
        "cuDevicePrimaryCtxRelease_v2",
    ] {
        let seen = Scene::new(&format!("fail = {call} 999\n")).run();
        let verdict = seen.verdict(VerdictKind::DriverError, false);
        assert!(verdict.summary.contains(call), "{}", verdict.summary);
        assert_eq!(seen.device(0).comparison.as_ref().unwrap().wrong, 0);
    }
}

#[test]
fn the_first_of_many_failures_is_the_cause() {
    let seen = Scene::new("fail = cuCtxSynchronize 719 1\n").run();
    let verdict = seen.verdict(VerdictKind::DriverError, false);
    assert!(
        verdict.summary.contains("`cuCtxSynchronize` answered 719"),
        "{}",
        verdict.summary
    );
    let failures: Vec<&str> = seen
        .device(0)
        .failures
        .iter()
        .map(|f| f.call.as_str())
        .collect();
    let expected = [
        "cuCtxSynchronize",
        "cuMemFree_v2",
        "cuMemFree_v2",
        "cuModuleUnload",
    ];
    assert_eq!(failures, expected);
}

#[test]
fn a_failing_gpu_does_not_keep_the_next_from_being_probed() {
    let script = "device = A\nstate = busy\ndevice = B\n";
    let seen = Scene::new(script).run();
    let verdict = seen.verdict(VerdictKind::DriverError, false);
    assert!(
        verdict.summary.contains("answered 46"),
        "{}",
        verdict.summary
    );
    assert!(seen.device(1).computes());
    seen.clean();
}

#[test]
fn an_exclusive_gpu_gets_one_context() {
    let seen = Scene::new("device = A\ncompute-mode = exclusive-process\n").run();
    seen.verdict(VerdictKind::Computes, true);
    assert_eq!(
        seen.device(0).compute_mode,
        Some(ComputeMode::ExclusiveProcess)
    );
    seen.clean();
    let prohibited = Scene::new("device = A\ncompute-mode = prohibited\n").run();
    prohibited.verdict(VerdictKind::DriverError, false);
    assert_eq!(
        prohibited.device(0).compute_mode,
        Some(ComputeMode::Prohibited)
    );
}

#[test]
fn a_mig_instance_is_seen_as_one() {
    let seen = Scene::new("device = A\nstate = mig\ndevice = B\n").run();
    seen.verdict(VerdictKind::Computes, true);
    assert!(seen.device(0).mig && !seen.device(1).mig);
    assert!(
        seen.device(0)
            .uuid
            .as_ref()
            .unwrap()
            .starts_with("MIG-98707565-")
    );
}

#[test]
fn a_gpu_without_memory_says_so() {
    let seen = Scene::new("device = A\nmemory = 5000000\n").run();
    let verdict = seen.verdict(VerdictKind::DriverError, false);
    assert!(
        verdict.summary.contains("`cuMemAlloc_v2` answered 2"),
        "{}",
        verdict.summary
    );
    seen.clean();
}

#[test]
fn a_file_that_is_no_library_is_not_a_missing_driver() {
    let scene = Scene::without_driver();
    fs_err::write(scene.path("libcuda.so.1"), "hello").unwrap();
    let seen = scene.run();
    if seen.observation.driver.is_some() {
        println!("skipped: this machine has a driver");
        return;
    }
    assert!(seen.observation.load_attempts[0].exists);
    seen.verdict(VerdictKind::DriverError, false);
}

#[test]
fn a_library_without_the_drivers_functions_is_no_driver() {
    let scene = Scene::without_driver();
    symlink(libc_file(), scene.path("libcuda.so.1")).unwrap();
    let seen = scene.run();
    let verdict = seen.verdict(VerdictKind::DriverError, false);
    assert!(
        verdict.summary.ends_with("is not a CUDA driver"),
        "{}",
        verdict.summary
    );
}

/// Returns the C library that this process has loaded: some library, at hand.
fn libc_file() -> PathBuf {
    let maps = fs_err::read_to_string("/proc/self/maps").unwrap();
    let files = maps
        .lines()
        .filter_map(|line| Some(Path::new(&line[line.find('/')?..])));
    let named = |file: &&Path| {
        file.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("libc."))
    };
    files.filter(named).map(Path::to_path_buf).next().unwrap()
}
