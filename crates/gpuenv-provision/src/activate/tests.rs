//! What is written into a stage, and what is found there.

use super::*;

/// Makes a stage in which each file holds its own name.
pub(super) fn stage_with(files: &[&str]) -> tempfile::TempDir {
    let stage = tempfile::tempdir().unwrap();
    for file in files {
        let path = stage.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file).unwrap();
    }
    stage
}

fn links(stage: &Path) -> Vec<String> {
    let names = names_in(&stage.join(CUDA_DIRECTORY)).unwrap();
    let target = |name: &String| {
        let link = stage.join(CUDA_DIRECTORY).join(name);
        assert!(link.exists(), "{name} dangles");
        fs::read_link(link).unwrap().display().to_string()
    };
    names.iter().map(target).collect()
}

#[test]
fn only_cuda_libraries_are_linked_wherever_they_came_from() {
    let stage = stage_with(&[
        "lib/libcudart.so.12",
        "lib/libz.so.1",
        "lib/libcuda.so.1",
        "lib/python3.12/site-packages/nvidia/cudnn/lib/libcudnn.so.9",
        "lib/python3.12/site-packages/nvidia/cuda_runtime/lib/libcudart.so.12",
    ]);
    let settings = ActivationSettings::default();
    for _ in 0..2 {
        write(stage.path(), "/env", Subdir::Linux64, &settings).unwrap();
        assert_eq!(
            links(stage.path()),
            [
                "../libcudart.so.12",
                "../python3.12/site-packages/nvidia/cudnn/lib/libcudnn.so.9"
            ]
        );
    }
    let script = stage
        .path()
        .join(ACTIVATE_DIRECTORY)
        .join(format!("{SCRIPT_STEM}.sh"));
    assert!(
        fs::read_to_string(script)
            .unwrap()
            .contains("/env/lib/gpuenv-cuda")
    );
}

#[test]
fn libraries_of_several_cuda_majors_stand_side_by_side() {
    let stage = stage_with(&[
        "lib/libcudart.so.11.0",
        "lib/libcublas.so.11",
        "lib/python3.12/site-packages/nvidia/cublas/lib/libcublas.so.12",
        "lib/python3.12/site-packages/nvidia/cu13/lib/libcublas.so.13",
        "lib/python3.12/site-packages/nvidia/cu13/lib/libcudart.so.13",
    ]);
    let settings = ActivationSettings::default();
    write(stage.path(), "/env", Subdir::Linux64, &settings).unwrap();
    let names = names_in(&stage.path().join(CUDA_DIRECTORY)).unwrap();
    let wanted = ["11", "12", "13"].map(|major| format!("libcublas.so.{major}"));
    let wanted = [
        &wanted[..],
        &["11.0", "13"].map(|end| format!("libcudart.so.{end}")),
    ];
    assert_eq!(names, wanted.concat());
    assert_eq!(links(stage.path()).len(), 5);
}

#[test]
fn stubs_are_never_linked_wherever_they_are() {
    let stage = stage_with(&[
        "lib/libcublas.so.12",
        "lib/stubs/libcuda.so",
        "lib/stubs/libcufft.so",
        "targets/x86_64-linux/lib/stubs/libcusolver.so",
        "lib/python3.12/site-packages/nvidia/nvrtc/lib/stubs/libnvrtc.so",
    ]);
    let lib = stage.path().join("lib");
    let stubs = [
        ("stubs/libcuda.so", "libcuda.so"),
        ("stubs/libcufft.so", "libcufft.so"),
        (
            "../targets/x86_64-linux/lib/stubs/libcusolver.so",
            "libcusolver.so",
        ),
        ("libcusolver.so", "libcusolver.so.11"),
    ];
    for (target, name) in stubs {
        symlink(Path::new(target), &lib.join(name)).unwrap();
    }
    let nvrtc = lib.join("python3.12/site-packages/nvidia/nvrtc/lib/libnvrtc.so.12");
    symlink(Path::new("stubs/libnvrtc.so"), &nvrtc).unwrap();
    let settings = ActivationSettings::default();
    write(stage.path(), "/env", Subdir::Linux64, &settings).unwrap();
    assert_eq!(links(stage.path()), ["../libcublas.so.12"]);
    assert!(holds_cuda(&lib.join("stubs")));
}

#[test]
fn python_finds_libraries_on_windows_only_if_the_recipe_says_so() {
    let stage = stage_with(&["Lib/site-packages/six.py"]);
    let mut settings = ActivationSettings {
        dll_directory: true,
        ..ActivationSettings::default()
    };
    let hook = stage.path().join(DLL_HOOK_FILE);
    let make = |settings: &_| write(stage.path(), r"C:\env", Subdir::Win64, settings).unwrap();
    make(&settings);
    let text = fs::read_to_string(&hook).unwrap();
    assert_eq!(text.lines().count(), 1);
    assert!(text.is_ascii() && text.starts_with("import "));
    // What Python does with the line, where Windows does and does not help.
    let tries = [
        "def f(d): print(d.endswith('bin'))",
        "def f(d): raise OSError",
    ];
    for (refusal, said) in tries.iter().zip(["True\n", ""]) {
        let program = format!("import os\n{refusal}\nos.add_dll_directory = f\n{text}");
        let python = std::process::Command::new("python3")
            .args(["-c", &program])
            .output();
        match python {
            Ok(output) => {
                assert!(output.status.success(), "{output:?}");
                assert_eq!(String::from_utf8_lossy(&output.stdout), said);
            }
            Err(_) => println!("skipped: no python3"),
        }
    }
    settings.dll_directory = false;
    make(&settings);
    assert!(!hook.exists());
}

#[test]
fn scripts_of_an_earlier_installation_go() {
    let stage = stage_with(&["lib/libcudart.so.12", "etc/conda/activate.d/other.sh"]);
    let settings = ActivationSettings::default();
    write(stage.path(), "/env", Subdir::Linux64, &settings).unwrap();
    fs::remove_file(stage.path().join("lib/libcudart.so.12")).unwrap();
    write(stage.path(), "/env", Subdir::Linux64, &settings).unwrap();
    let left = names_in(&stage.path().join(ACTIVATE_DIRECTORY)).unwrap();
    assert_eq!(left, ["other.sh"]);
    assert!(!stage.path().join(CUDA_DIRECTORY).exists());
}

#[test]
fn a_link_out_of_the_stage_is_not_written_through() {
    let outside = tempfile::tempdir().unwrap();
    let stage = stage_with(&["lib/libcudart.so.12"]);
    symlink(outside.path(), &stage.path().join("etc")).unwrap();
    let settings = ActivationSettings::default();
    let refused = write(stage.path(), "/env", Subdir::Linux64, &settings);
    assert!(matches!(refused, Err(ActivateError::Outside { .. })));
}

#[test]
fn variables_of_packages_are_read_and_bad_files_are_not() {
    let stage = stage_with(&["etc/conda/env_vars.d/bad.json"]);
    let folder = stage.path().join("etc/conda/env_vars.d");
    fs::write(folder.join("a.json"), r#"{"A": "1", "B": 2, "C": "x"}"#).unwrap();
    fs::create_dir_all(stage.path().join("conda-meta")).unwrap();
    let state = r#"{"env_vars": {"C": "y"}}"#;
    fs::write(stage.path().join("conda-meta/state"), state).unwrap();
    let found = facts(stage.path(), Subdir::Linux64).unwrap().variables;
    let found: Vec<_> = found.iter().map(|(k, v)| format!("{k}={v}")).collect();
    assert_eq!(found, ["A=1", "C=y"]);
}
