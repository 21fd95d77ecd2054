//! The library level with stand-ins for the libraries, in a real child.
#![cfg(target_os = "linux")]

use std::{env, fs, os::unix::fs::symlink, path::PathBuf, process::Command, time::Duration};

use gpuenv_core::{
    plan::Gpu,
    probe::{End, Expectation, Levels, Observation, Verdict, VerdictClass, judge_levels},
};
use tempfile::TempDir;

use super::*;

/// Makes the test binary a child and names it the prefix.
const PREFIX: &str = "GPUENV_TEST_PREFIX";

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
#[ignore = "what the other tests run as their child"]
fn library_child_process() {
    if let Ok(prefix) = env::var(PREFIX) {
        library_worker(Path::new(&prefix), 0, io::stdout()).unwrap();
    }
}

/// An environment with stand-ins, and a driver beside it.
struct Scene {
    directory: TempDir,
    command: Command,
}

impl Scene {
    fn new(script: &str) -> Self {
        let directory = TempDir::new().unwrap();
        let path = |name: &str| directory.path().join(name);
        for folder in ["driver", "env/lib"] {
            fs_err::create_dir_all(path(folder)).unwrap();
        }
        let fake = gpuenv_fakecuda::built_library().unwrap();
        fs::copy(&fake, path("driver/libcuda.so.1")).unwrap();
        for (name, link) in [
            ("libcudart.so.12.4.127", "libcudart.so.12"),
            ("libcublas.so.12.4.5", "libcublas.so.12"),
            ("libcudnn.so.9.1.0", "libcudnn.so.9"),
            ("libnvrtc.so.12.4.127", "libnvrtc.so.12"),
            ("libnccl.so.2.27.3", "libnccl.so.2"),
        ] {
            fs::copy(&fake, path("env/lib").join(name)).unwrap();
            symlink(name, path("env/lib").join(link)).unwrap();
        }
        let log = path("log");
        let script = format!("{script}\nlog = {}\n", log.display());
        fs_err::write(path("script"), script).unwrap();
        let mut command = Command::new(env::current_exe().unwrap());
        command
            .args(["--exact", "libraries::tests::library_child_process"])
            .args(["--ignored", "--nocapture"])
            .env_remove("CUDA_VISIBLE_DEVICES")
            .env("LD_LIBRARY_PATH", path("driver"))
            .env("GPUENV_FAKECUDA", path("script"))
            .env(PREFIX, path("env"));
        Self { directory, command }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn run(self) -> (LibraryObservation, Verdict, String) {
        self.run_within(PATIENCE)
    }

    fn run_within(self, deadline: Duration) -> (LibraryObservation, Verdict, String) {
        let prefix = self.path("env").canonicalize().unwrap();
        let seen = crate::run_library(self.command, deadline);
        let driver = computing();
        let expectation = Expectation {
            gpu: Gpu::Required,
            require_gpu: false,
            prefix: prefix.to_str(),
        };
        let levels = Levels {
            driver: &driver,
            library: Some(&seen),
            frameworks: &[],
        };
        let verdict = judge_levels(&expectation, &levels);
        let log = fs_err::read_to_string(self.directory.path().join("log")).unwrap_or_default();
        (seen, verdict, log)
    }
}

/// What the driver level would have seen.
fn computing() -> Observation {
    let mut seen = Observation::new("linux", End::Finished);
    seen.driver = Some(gpuenv_core::probe::DriverFile {
        file: "libcuda.so.1".to_string(),
        version: None,
    });
    let mut device = gpuenv_core::probe::DeviceObservation::new(0);
    device.comparison = Some(crate::kernel::compare(&[1.0], &[1.0]));
    seen.device_count = Some(1);
    seen.devices = vec![device];
    seen
}

#[test]
fn healthy_libraries_compute_and_say_where_they_came_from() {
    let scene = Scene::new("");
    let prefix = scene.path("env").canonicalize().unwrap();
    let (seen, verdict, log) = scene.run();
    assert_eq!(
        (verdict.class, verdict.ok),
        (None, true),
        "{verdict:#?}\n{seen:#?}\n{log}"
    );
    assert_eq!((&seen.end, seen.device), (&End::Finished, Some(0)));
    let versions: Vec<(String, String)> = seen
        .libraries
        .iter()
        .map(|library| (library.name.clone(), library.version.clone().unwrap()))
        .collect();
    let expected = [
        ("libcudart.so.12", "12.4"),
        ("libcublas.so.12", "12.4.5"),
        ("libcudnn.so.9", "9.1.0"),
        ("libnvrtc.so.12", "12.4"),
        ("libnccl.so.2", "2.27.3"),
    ];
    assert_eq!(
        versions,
        expected.map(|(a, b)| (a.to_string(), b.to_string()))
    );
    for library in &seen.libraries {
        assert!(
            library
                .loaded
                .as_ref()
                .unwrap()
                .starts_with(prefix.to_str().unwrap())
        );
    }
    let elements: Vec<Option<u64>> = seen
        .libraries
        .iter()
        .map(|library| library.comparison.as_ref().map(|c| c.elements))
        .collect();
    let expected = [
        None,
        Some(70 * 43),
        Some(5 * 15 * 15),
        Some(1_048_613),
        None,
    ];
    assert_eq!(elements, expected);
    assert!(log.contains("--gpu-architecture=compute_80"), "{log}");
    assert!(!log.contains("misuse"), "{log}");
    for (take, give) in [
        ("cuMemAlloc_v2", "cuMemFree_v2"),
        ("cuModuleLoadDataEx", "cuModuleUnload"),
    ] {
        let count = |name: &str| log.matches(&format!("{name} 0 ")).count();
        assert_eq!(count(take), count(give), "{take}\n{log}");
    }
}

#[test]
fn a_library_that_fails_or_computes_wrong_is_named() {
    for (script, words) in [
        (
            "fail = cublasCreate_v2 3",
            "cuBLAS 12.4.5 does not work: `cublasCreate_v2` answered 3",
        ),
        (
            "fail = cudnnConvolutionForward 8",
            "cuDNN 9.1.0 does not work",
        ),
        ("fail = nvrtcCompileProgram 6", "NVRTC 12.4 does not work"),
        (
            "fail = cudaRuntimeGetVersion 35",
            "CUDA runtime does not work",
        ),
        (
            "wrong-library = cublas",
            "cuBLAS computed 1 of 3010 numbers wrong",
        ),
        (
            "wrong-library = cudnn",
            "cuDNN computed 1 of 1125 numbers wrong",
        ),
    ] {
        let (_, verdict, log) = Scene::new(script).run();
        assert_eq!(
            verdict.class,
            Some(VerdictClass::LibraryFailed),
            "{script}\n{log}"
        );
        assert!(verdict.summary.contains(words), "{}", verdict.summary);
    }
    let (_, verdict, _) = Scene::new("fail = nvrtcCompileProgram 6").run();
    let causes = verdict.diagnostic.unwrap().causes.join("\n");
    assert!(causes.contains("does not feel well"), "{causes}");
}

#[test]
fn a_compiler_newer_than_the_driver_is_a_driver_too_old() {
    let (_, verdict, _) = Scene::new("newest-ptx = 8.0").run();
    assert_eq!(verdict.class, Some(VerdictClass::DriverTooOld));
    let causes = verdict.diagnostic.unwrap().causes.join("\n");
    assert!(causes.contains("Unsupported .version 8.4"), "{causes}");
}

#[test]
fn a_library_of_the_machine_in_front_of_the_environments_is_pollution() {
    let scene = Scene::new("");
    let fake = gpuenv_fakecuda::built_library().unwrap();
    fs::copy(fake, scene.path("driver/libcudart.so.12")).unwrap();
    let (_, verdict, _) = scene.run();
    assert_eq!(verdict.class, Some(VerdictClass::Polluted));
    let diagnostic = verdict.diagnostic.unwrap();
    assert!(
        diagnostic.message.contains("driver/libcudart.so.12"),
        "{}",
        diagnostic.message
    );
    assert!(
        diagnostic
            .causes
            .iter()
            .any(|cause| cause.contains("LD_LIBRARY_PATH"))
    );
}

#[test]
fn a_file_that_is_no_library_and_one_without_functions_are_told_apart() {
    let broken = Scene::new("");
    fs_err::write(broken.path("env/lib/libcudnn.so.9.1.0"), "not a library").unwrap();
    let (seen, verdict, _) = broken.run();
    assert_eq!(verdict.class, Some(VerdictClass::LibraryFailed));
    let cudnn = &seen.libraries[2];
    assert!(
        cudnn.error.as_ref().unwrap().contains("file too short"),
        "{cudnn:?}"
    );
    assert_eq!(seen.libraries.len(), 5);
}

#[test]
fn a_library_that_hangs_or_crashes_takes_only_its_child_with_it() {
    let short = Duration::from_secs(3);
    let (seen, verdict, _) = Scene::new("hang = cudnnCreate").run_within(short);
    assert_eq!(verdict.class, Some(VerdictClass::LibraryFailed));
    assert!(
        verdict.summary.ends_with("in `cudnnCreate`"),
        "{}",
        verdict.summary
    );
    assert_eq!(seen.libraries.len(), 2);
    let (_, verdict, _) = Scene::new("segfault = cublasSgemm_v2").run();
    assert!(verdict.summary.contains("SIGSEGV"), "{}", verdict.summary);
}

#[test]
fn without_a_gpu_libraries_still_tell_their_versions() {
    let (seen, _, _) = Scene::new("mode = no-device").run();
    assert_eq!((&seen.end, seen.device), (&End::Finished, None));
    assert!(
        seen.libraries
            .iter()
            .all(|library| library.version.is_some())
    );
    assert!(
        seen.libraries
            .iter()
            .all(|library| library.comparison.is_none())
    );
    assert!(
        seen.libraries
            .iter()
            .all(|library| library.failures.is_empty())
    );
}

#[test]
fn an_environment_without_libraries_holds_none() {
    let directory = TempDir::new().unwrap();
    assert_eq!(found::libraries(directory.path()), []);
    let wheel = directory.path().join("lib/python3.12/site-packages/nvidia");
    for (folder, file) in [
        ("cublas/lib", "libcublas.so.12"),
        ("cublas/lib", "libcublasLt.so.12"),
        ("cuda_nvrtc/lib", "libnvrtc-builtins.so.12.4"),
        ("cuda_runtime/lib", "libcudart.so.11.0"),
        ("cuda_runtime/lib", "libcudart.so.12"),
        ("cuda_nvcc/bin", "ptxas"),
    ] {
        fs_err::create_dir_all(wheel.join(folder)).unwrap();
        fs_err::write(wheel.join(folder).join(file), "").unwrap();
    }
    let names = found::libraries(directory.path())
        .into_iter()
        .map(|held| held.name);
    assert_eq!(
        names.collect::<Vec<_>>(),
        ["libcudart.so.11.0", "libcudart.so.12", "libcublas.so.12"]
    );
    let files = found::files(directory.path());
    assert_eq!(
        files[1]
            .file
            .as_ref()
            .map(|f| f.ends_with("cuda_nvcc/bin/ptxas")),
        Some(true)
    );
    assert_eq!(files[0].file, None);
}

#[test]
fn the_layouts_of_windows_are_known() {
    let directory = TempDir::new().unwrap();
    let site = "Lib/site-packages";
    for file in [
        "Library/bin/cudart64_110.dll".to_string(),
        "Library/bin/cublasLt64_11.dll".to_string(),
        "Library/bin/cudnn64_8.dll".to_string(),
        "Library/bin/cudnn_ops_infer64_8.dll".to_string(),
        "Library/bin/x64/cublas64_13.dll".to_string(),
        "Library/nvvm/libdevice/libdevice.10.bc".to_string(),
        format!("{site}/nvidia/cu13/bin/x86_64/nvrtc64_130_0.dll"),
        format!("{site}/nvidia/cuda_nvcc/bin/ptxas.exe"),
        format!("{site}/nvidia/cublas/bin/cublas64_12.dll"),
        format!("{site}/torch/lib/cudart64_12.dll"),
    ] {
        let file = directory.path().join(file);
        fs_err::create_dir_all(file.parent().unwrap()).unwrap();
        fs_err::write(file, "").unwrap();
    }
    let names = found::libraries(directory.path())
        .into_iter()
        .map(|held| held.name);
    assert_eq!(
        names.collect::<Vec<_>>(),
        [
            "cudart64_110.dll",
            "cudart64_12.dll",
            "cublas64_12.dll",
            "cublas64_13.dll",
            "cudnn64_8.dll",
            "nvrtc64_130_0.dll",
        ]
    );
    let files = found::files(directory.path());
    let ends = |index: usize, end: &str| files[index].file.as_ref().unwrap().ends_with(end);
    assert!(ends(1, "cuda_nvcc/bin/ptxas.exe"), "{files:?}");
    assert!(ends(0, "libdevice.10.bc"), "{files:?}");
}
