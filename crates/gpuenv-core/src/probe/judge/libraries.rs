//! From observations of libraries, and of files that XLA needs, to verdicts.

use super::{
    levels::{JAX, PYTORCH, recorded, says, with_gpu},
    *,
};
use crate::probe::{
    Build, Comparison, End, FailedCall, FoundFile, Library, LibraryKind, Raised, VerdictClass,
    WrongElement,
};

fn library(change: impl FnOnce(&mut Library)) -> LibraryObservation {
    let mut seen = LibraryObservation::new(End::Finished);
    let mut library = Library {
        kind: LibraryKind::Nvrtc,
        name: "libnvrtc.so.12".to_string(),
        held: "/env/lib/libnvrtc.so.12".to_string(),
        loaded: Some("/env/lib/libnvrtc.so.12.4.127".to_string()),
        error: None,
        version: Some("12.4".to_string()),
        comparison: None,
        failures: Vec::new(),
        log: None,
    };
    change(&mut library);
    seen.libraries = vec![library];
    seen
}

fn library_verdict(seen: &LibraryObservation) -> Verdict {
    let expectation = Expectation {
        gpu: Gpu::Required,
        require_gpu: false,
        prefix: Some("/env"),
    };
    let driver = with_gpu();
    let levels = Levels {
        driver: &driver,
        library: Some(seen),
        frameworks: &[],
    };
    judge_levels(&expectation, &levels)
}

fn call(name: &str, number: i32) -> FailedCall {
    FailedCall {
        call: name.to_string(),
        number,
        name: None,
        text: None,
        device: Some(0),
    }
}

#[test]
fn libraries_fail_in_their_own_ways() {
    let class = |change: fn(&mut Library)| library_verdict(&library(change)).class;
    assert_eq!(class(|_| {}), None);
    type Change = fn(&mut Library);
    let cases: [(Change, VerdictClass); 5] = [
        (
            |l| l.failures = vec![call("nvrtcCompileProgram", 6)],
            VerdictClass::LibraryFailed,
        ),
        (
            |l| l.failures = vec![call("cuModuleLoadDataEx", 222)],
            VerdictClass::DriverTooOld,
        ),
        (
            |l| l.loaded = Some("/usr/local/cuda/lib64/libnvrtc.so.12".to_string()),
            VerdictClass::Polluted,
        ),
        (
            |l| (l.loaded, l.error) = (None, Some("file too short".to_string())),
            VerdictClass::LibraryFailed,
        ),
        (
            |l| {
                l.comparison = Some(Comparison {
                    elements: 4,
                    wrong: 1,
                    first_wrong: Some(WrongElement {
                        index: 3,
                        expected: "50".to_string(),
                        found: "49".to_string(),
                    }),
                });
            },
            VerdictClass::LibraryFailed,
        ),
    ];
    for (change, expected) in cases {
        let verdict = library_verdict(&library(change));
        assert_eq!(
            (verdict.class, verdict.ok),
            (Some(expected), false),
            "{verdict:#?}"
        );
    }
    let crashed = LibraryObservation::new(End::Crashed {
        signal: Some(11),
        exit_code: None,
        last_step: None,
    });
    assert_eq!(
        library_verdict(&crashed).class,
        Some(VerdictClass::LibraryFailed)
    );
}

/// What JAX or TensorFlow raise beside libraries of which some files are missing.
fn xla(
    framework: &str,
    error: &str,
    files: [(&str, Option<&str>); 2],
) -> (VerdictClass, Vec<String>, Diagnostic) {
    let mut seen = recorded(framework);
    seen.told.available = Some(true);
    seen.told.build = Some(Build {
        cuda: true,
        ..Build::default()
    });
    seen.told.error = Some(Raised {
        kind: "InternalError".to_string(),
        text: error.to_string(),
        step: "jit".to_string(),
        missing: None,
    });
    let mut libraries = library(|_| {});
    libraries.files = files
        .map(|(name, file)| FoundFile {
            name: name.to_string(),
            file: file.map(ToString::to_string),
        })
        .to_vec();
    let expectation = Expectation {
        gpu: Gpu::Required,
        require_gpu: false,
        prefix: None,
    };
    let levels = Levels {
        driver: &with_gpu(),
        library: Some(&libraries),
        frameworks: &[seen],
    };
    let verdict = judge_levels(&expectation, &levels);
    (
        verdict.class.unwrap(),
        verdict.evidence,
        verdict.diagnostic.unwrap(),
    )
}

#[test]
fn what_xla_does_not_find_is_named_with_its_remedy() {
    let nowhere = [("libdevice.10.bc", None), ("ptxas", None)];
    let error = "libdevice not found at ./libdevice.10.bc [Op:__some_op]";
    let (class, evidence, diagnostic) = xla(JAX, error, nowhere);
    assert_eq!(class, VerdictClass::FrameworkFailed);
    assert!(diagnostic.message.contains("without `libdevice.10.bc`"));
    assert!(says(&diagnostic.causes, "nowhere in the environment"));
    assert!(says(&diagnostic.help, "`cuda-nvcc-tools`"));
    assert!(says(&evidence, "`ptxas`: nowhere in the environment"));

    let elsewhere = [
        ("libdevice.10.bc", Some("/env/lib/libdevice.10.bc")),
        ("ptxas", Some("/env/bin/ptxas")),
    ];
    let (_, _, diagnostic) = xla(JAX, error, elsewhere);
    assert!(says(&diagnostic.causes, "is at `/env/lib/libdevice.10.bc`"));
    assert!(says(&diagnostic.help, "`xla: true`"));

    let (_, _, diagnostic) = xla(JAX, "Couldn't invoke ptxas --version", nowhere);
    assert!(diagnostic.message.contains("without `ptxas`"));

    // Another error: no more than a guess, and only where something is missing.
    let (_, _, diagnostic) = xla(JAX, "out of luck", nowhere);
    assert!(says(&diagnostic.causes, "it may be that XLA misses"));
    let (_, _, diagnostic) = xla(JAX, "out of luck", elsewhere);
    assert!(!says(&diagnostic.causes, "XLA"));
    // PyTorch needs neither.
    let (_, evidence, diagnostic) = xla(PYTORCH, "libdevice ptxas", nowhere);
    assert!(!says(&diagnostic.causes, "nowhere") && !says(&evidence, "nowhere"));
}

#[test]
fn windows_has_reasons_of_its_own() {
    let system = library_verdict(&library(|library| {
        library.name = "cudart64_110.dll".to_string();
        library.loaded = Some(r"C:\Windows\System32\cudart64_110.dll".to_string());
    }));
    assert_eq!(system.class, Some(VerdictClass::Polluted));
    let diagnostic = system.diagnostic.unwrap();
    assert!(says(&diagnostic.causes, "before `PATH`"));
    assert!(says(
        &diagnostic.help,
        r"move `C:\Windows\System32\cudart64_110.dll` away"
    ));
    let needs = library_verdict(&library(|library| {
        library.kind = LibraryKind::Cudnn;
        library.name = "cudnn64_8.dll".to_string();
        library.loaded = None;
        library.error = Some("The specified module could not be found. (os error 126)".to_string());
    }));
    assert_eq!(needs.class, Some(VerdictClass::LibraryFailed));
    let diagnostic = needs.diagnostic.unwrap();
    assert!(says(&diagnostic.causes, "another one that it needs"));
    assert!(says(&diagnostic.help, "`zlibwapi.dll`"));
}
