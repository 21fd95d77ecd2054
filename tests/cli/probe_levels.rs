//! `gpuenv probe` level by level: a fake driver, stand-ins for libraries, and a
//! Python that tells what real frameworks told.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    reason = "a test ends where its scene cannot be set"
)]

use std::{os::unix::fs::PermissionsExt, path::PathBuf};

use fs_err as fs;
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    program::{Program, Ran, gpuenv},
    source::{read, root},
};

/// An environment that another tool made, and a driver beside it.
struct Scene {
    directory: TempDir,
}

impl Scene {
    fn new(script: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let scene = Self { directory };
        for folder in ["driver", "env/conda-meta", "env/bin", "env/lib"] {
            fs::create_dir_all(scene.path(folder)).unwrap();
        }
        fs::write(scene.path("env/conda-meta/history"), "").unwrap();
        fs::write(scene.path("script"), script).unwrap();
        scene.stand_in("driver/libcuda.so.1");
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        let root = self.directory.path().canonicalize().unwrap();
        root.join(name)
    }

    /// Puts the fake driver's library under another name.
    fn stand_in(&self, name: &str) {
        fs::copy(gpuenv_fakecuda::built_library().unwrap(), self.path(name)).unwrap();
    }

    /// Puts a program into the place of the environment's Python.
    fn python(self, text: &str) -> Self {
        let file = self.path("env/bin/python");
        fs::write(&file, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&file, PermissionsExt::from_mode(0o755)).unwrap();
        self
    }

    /// Has the environment's Python tell what a real framework told.
    fn tells(self, framework: &str) -> Self {
        let path = format!("crates/gpuenv-core/src/probe/recorded/{framework}.json");
        let recorded: Value = serde_json::from_str(&read(&path)).unwrap();
        let told = recorded["told"]
            .to_string()
            .replace("/env/", &self.path("env/").display().to_string());
        fs::write(
            self.path("told"),
            format!("\n\u{1e}gpuenv-probe {{\"final\":{told}}}\n"),
        )
        .unwrap();
        let told = self.path("told").display().to_string();
        self.python(&format!("/bin/cat '{told}'"))
    }

    fn probe(&self, arguments: &str) -> Program {
        self.ask("probe", arguments)
    }

    fn ask(&self, command: &str, arguments: &str) -> Program {
        let prefix = self.path("env").display().to_string();
        let mut all = vec![command, &prefix];
        all.extend(arguments.split_whitespace());
        gpuenv(all)
            .env("LD_LIBRARY_PATH", self.path("driver"))
            .env("GPUENV_FAKECUDA", self.path("script"))
    }

    fn run(&self, arguments: &str) -> Ran {
        self.probe(arguments).run()
    }
}

fn document(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap()
}

#[test]
fn a_framework_for_the_cpu_beside_a_gpu_is_a_mismatch() {
    let scene = Scene::new("").tells("tensorflow");
    let ran = scene.run("--level framework");
    assert_eq!(ran.exit, 1, "{}", ran.all());
    let message = "error[GE712]: MISMATCH: `tensorflow` 2.21.0 is built for the CPU";
    assert!(ran.stderr.contains(message), "{}", ran.stderr);
    let ran = scene.run("--level framework --exit-class --json");
    assert_eq!(ran.exit, 27);
    let verdict = &document(&ran)["result"]["verdict"];
    assert_eq!(
        (&verdict["kind"], &verdict["class"]),
        (&"mismatch".into(), &"cpu-build".into())
    );
}

#[test]
fn the_doctor_names_the_row_of_what_the_probe_saw() {
    let scene = Scene::new("").tells("tensorflow");
    scene.stand_in("env/lib/libcudart.so.12");
    let ran = scene.ask("doctor", "--json").run();
    assert_eq!(ran.exit, 1, "{}", ran.all());
    let result = &document(&ran)["result"];
    let mut findings = result["findings"].as_array().unwrap().iter();
    let finding = findings
        .find(|finding| finding["rung"] == "frameworks")
        .unwrap();
    assert_eq!(finding["mode"], "P13", "{finding:#}");
    let fix = finding["fix"][0].as_str().unwrap();
    assert!(fix.contains("`tensorflow * cuda*`"), "{fix}");
    let held = &result["library"]["libraries"][0];
    assert_eq!(held["name"], "libcudart.so.12");
    // Bounded, it asks no framework, and says so.
    let ran = scene.ask("doctor", "--level library").run();
    let skipped = "frameworks      skipped   none was asked";
    assert!(ran.stdout.contains(skipped), "{}", ran.all());
}

#[test]
fn the_doctor_asks_no_framework_where_no_gpu_computes() {
    let scene = Scene::new("mode = no-device\n").python("/bin/touch started");
    let ran = scene.ask("doctor", "").run();
    assert!(!scene.path("env/started").exists(), "{}", ran.all());
}

#[test]
fn without_a_gpu_the_same_framework_is_a_warning() {
    let scene = Scene::new("mode = no-device\n").tells("tensorflow");
    let ran = scene.run("--level framework --exit-class");
    assert_eq!(ran.exit, 0, "{}", ran.all());
    let cause = "cause: `tensorflow` 2.21.0 computes on the CPU";
    assert!(
        ran.stderr.contains("warning[GE702]") && ran.stderr.contains(cause),
        "{}",
        ran.stderr
    );
    let ran = scene.run("--level framework --require-gpu");
    assert_eq!(ran.exit, 1);
    assert!(
        ran.stdout
            .contains("tensorflow: skipped: the driver level failed"),
        "{}",
        ran.stdout
    );
    assert_eq!(scene.run("--require-gpu --exit-class").exit, 21);
}

#[test]
fn every_class_of_failure_has_its_exit_code() {
    for (script, exit, class) in [
        ("", 0, Value::Null),
        ("fail = cuInit 999\n", 22, "driver-broken".into()),
        ("mode = wrong-result\n", 22, "driver-broken".into()),
        ("mode = stub\n", 22, "driver-broken".into()),
        ("abort = cuCtxSynchronize\n", 22, "driver-broken".into()),
        ("mode = old-driver\n", 23, "driver-too-old".into()),
        ("mode = jit-failure\n", 24, "architecture".into()),
    ] {
        let ran = Scene::new(script).run("--exit-class --json");
        assert_eq!(ran.exit, exit, "{script}{}", ran.all());
        assert_eq!(
            document(&ran)["result"]["verdict"]["class"],
            class,
            "{script}"
        );
    }
    let library = |script: &str| {
        let scene = Scene::new(script);
        scene.stand_in("env/lib/libcublas.so.12");
        scene
    };
    let level = "--level library --exit-class";
    assert_eq!(library("").run(level).exit, 0);
    assert_eq!(library("fail = cublasCreate_v2 1\n").run(level).exit, 25);
    let polluted = library("");
    polluted.stand_in("driver/libcublas.so.12");
    assert_eq!(polluted.run(level).exit, 28);
    let crashes = Scene::new("").python("kill -SEGV $$");
    assert_eq!(crashes.run("--level framework --exit-class").exit, 26);
}

#[test]
fn one_gpu_can_be_chosen_and_must_be_there() {
    let scene = Scene::new("device = A\ndevice = B\n");
    let ran = scene.run("--device 1");
    assert!(
        ran.stdout.starts_with("probe: 1 GPU computes: B\n"),
        "{}",
        ran.stdout
    );
    let ran = scene.run("--device 2 --exit-class");
    assert_eq!(ran.exit, 21);
    let message = "error[GE702]: there is no GPU 2: the driver shows 2, GPU 0 to GPU 1";
    assert!(ran.stderr.contains(message), "{}", ran.stderr);
}

#[test]
fn a_framework_runs_in_the_activated_environment_and_nothing_else() {
    let scene = Scene::new("");
    let seen = scene.path("seen").display().to_string();
    let scene = scene.python(&format!(
        "{{ pwd; echo \"$CONDA_PREFIX\"; echo \"$1 $2 $3 $5\"; read line && echo input; }} >>'{seen}' 2>&1"
    ));
    let ran = scene.run("--level framework --device 0");
    assert_eq!(ran.exit, 1);
    let prefix = scene.path("env").display().to_string();
    let seen = fs::read_to_string(scene.path("seen")).unwrap();
    let first: Vec<&str> = seen.lines().take(3).collect();
    assert_eq!(first, [prefix.as_str(), prefix.as_str(), "-B -u -c 0"]);
    // One run for each framework, and nothing came from stdin.
    assert_eq!(seen.lines().count(), 3 * 6, "{seen}");
}

#[test]
fn an_environment_without_python_has_no_frameworks() {
    let ran = Scene::new("").run("--level framework");
    assert_eq!(ran.exit, 0, "{}", ran.all());
    let line = "pytorch: skipped: the environment holds no Python";
    assert!(ran.stdout.contains(line), "{}", ran.stdout);
}

#[test]
fn a_deadline_holds_for_every_level() {
    let scene = Scene::new("").python("exec /bin/sleep 600");
    let start = std::time::Instant::now();
    let ran = scene.run("--level framework --deadline 1");
    assert!(
        ran.stderr.contains("did not answer within 1.0 s"),
        "{}",
        ran.stderr
    );
    assert!(start.elapsed().as_secs() < 30);
}

#[test]
fn levels_and_frameworks_of_a_recipe_are_known_by_name() {
    let recipes = ["recipes/tf-gpu.yaml", "recipes/pytorch-gpu.yaml"];
    for recipe in recipes {
        assert!(root().join(recipe).exists());
        assert!(read(recipe).contains("probe: [driver, "), "{recipe}");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.yaml");
    let text = "schema: 1\nname: bad\nchannels: [conda-forge]\nplatforms: [linux-64]\n\
                dependencies: [python]\nprobe: [driver, torch]\n";
    fs::write(&file, text).unwrap();
    let ran = gpuenv(["lock".as_ref(), file.as_os_str()]).run();
    assert_eq!(ran.exit, 11, "{}", ran.all());
    assert!(ran.stderr.contains("bad.yaml:6:17"), "{}", ran.stderr);
}

#[test]
fn real_frameworks_are_probed_where_some_are_named() {
    let Some(prefixes) = std::env::var_os("GPUENV_TEST_FRAMEWORKS") else {
        println!("skipped: GPUENV_TEST_FRAMEWORKS names no environments with frameworks");
        return;
    };
    for prefix in std::env::split_paths(&prefixes) {
        let prefix = prefix.display().to_string();
        let arguments = ["probe", &prefix, "--level", "framework", "--json"];
        let ran = gpuenv(arguments).run();
        let document = document(&ran);
        let frameworks = document["result"]["frameworks"].as_array().unwrap();
        let checked = frameworks
            .iter()
            .filter(|f| f["told"]["checks"] != Value::Array(vec![]));
        let checks: Vec<&Value> = checked
            .flat_map(|f| f["told"]["checks"].as_array().unwrap())
            .collect();
        assert!(!checks.is_empty(), "{prefix}: {}", ran.all());
        assert!(
            checks.iter().all(|check| check["right"] == true),
            "{checks:?}"
        );
    }
}
