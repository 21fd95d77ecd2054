//! `gpu` in a recipe: no silent CPU build, no CUDA by accident.

use crate::lab::{Lab, recipe};

const LOCK: [&str; 4] = ["lock", "./demo.yaml", "--progress", "none"];

/// A channel in which the newest `torch` has no build for CUDA 11.7.
fn lab(gpu: &str, dependencies: &[&str]) -> Lab {
    let lab = Lab::new();
    let torch = |version, build: &'static str| {
        let package = lab.channel.package("pytorch", version).build(build);
        match build.strip_prefix("cuda") {
            Some("118_0") => package.needs("runtime 11.8.*"),
            Some(_) => package.needs("runtime 11.7.*"),
            None => package,
        }
    };
    torch("2.0", "cuda117_0").publish();
    torch("2.0", "cpu_0").publish();
    torch("2.1", "cuda118_0").publish();
    torch("2.1", "cpu_0").publish();
    for version in ["11.7", "11.8"] {
        lab.channel.package("runtime", version).publish();
    }
    lab.channel
        .package("cupy", "13.0")
        .needs("cuda-cudart")
        .publish();
    lab.channel.package("cuda-cudart", "12.4").publish();
    lab.channel
        .package("vision", "1.0")
        .needs("pytorch")
        .publish();
    write(&lab, gpu, dependencies);
    lab
}

fn write(lab: &Lab, gpu: &str, dependencies: &[&str]) {
    let gpu = match gpu {
        "required" => "gpu: required\ntarget: { cuda: \"11.8\" }",
        "optional" => "gpu: optional",
        _ => "gpu: none",
    };
    let text = recipe("demo", dependencies).replace("gpu: none", gpu);
    lab.sandbox.write("demo.yaml", text);
}

#[test]
fn the_newest_version_with_cuda_is_taken_and_the_loss_is_told() {
    let lab = lab("required", &["vision", "runtime 11.7.*"]);
    insta::assert_snapshot!(lab.sandbox.gpuenv(LOCK), @"
    exit code: 0
    ----- stdout -----
    linux-64: 3 packages, 3 added, 0 removed, 0 changed
    lock `./gpuenv.lock` is written
    ----- stderr -----
    note[GE311]: linux-64: `pytorch 2.0` is taken, because `pytorch 2.1` fits only as a build for the CPU
    cause: `pytorch 2.1 cuda118_0` needs `runtime 11.8.*`, there is `runtime 11.7 h0_0`
    help: to have the newer ones without a GPU: `gpu: optional`
    docs: `gpuenv explain GE311`
    ");
    let lock = lab.sandbox.read("gpuenv.lock");
    assert!(lock.contains("pytorch-2.0-cuda117_0"), "{lock}");
}

#[test]
fn where_no_cuda_build_fits_the_line_at_fault_is_named() {
    let lab = lab("required", &["pytorch 2.1.*", "runtime 11.7.*"]);
    insta::assert_snapshot!(lab.sandbox.gpuenv(LOCK), @"
    exit code: 13
    ----- stdout -----
    ----- stderr -----
    error[GE310]: no CUDA build of `pytorch` satisfies `pytorch 2.1.*` and `runtime 11.7.*` together for linux-64, and `gpu` is `required`
     --> ./demo.yaml:8:5
      |
    8 |   - pytorch 2.1.*
      |     ^^^^^^^^^^^^^
    cause: `pytorch 2.1 cpu_0` is what fits, a build for the CPU
    cause: `pytorch 2.1 cuda118_0` needs `runtime 11.8.*`, there is `runtime 11.7 h0_0`
    tree: the recipe asks for `runtime 11.7.*`
          └─ `runtime 11.7 h0_0`
          the recipe asks for `pytorch 2.1.*`
          ├─ `pytorch 2.1 cpu_0`: ruled out by `gpu: required`
          └─ `pytorch 2.1 cuda118_0`
             └─ needs `runtime 11.8.*`
                └─ `runtime 11.8 h0_0`: the recipe asks for `runtime 11.7.*` as well
    help: write `pytorch 2.0.*` instead of `pytorch 2.1.*`, the nearest version that works
    help: write `runtime 11.8.*` instead of `runtime 11.7.*`, the nearest version that works
    help: write `gpu: optional` instead of `gpu: required`
    docs: `gpuenv explain GE310`
    ");
    write(&lab, "required", &["pytorch * cpu*"]);
    insta::assert_snapshot!(lab.sandbox.gpuenv(LOCK), @"
    exit code: 13
    ----- stdout -----
    ----- stderr -----
    error[GE310]: no CUDA build of `pytorch` satisfies `pytorch * cpu*` for linux-64, and `gpu` is `required`
     --> ./demo.yaml:8:5
      |
    8 |   - pytorch * cpu*
      |     ^^^^^^^^^^^^^^
    cause: `pytorch 2.1 cpu_0` is what fits, a build for the CPU
    tree: the recipe asks for `pytorch * cpu*`
          └─ `pytorch 2.1`, `pytorch 2.0`: ruled out by `gpu: required`
    help: write `pytorch` instead of `pytorch * cpu*`
    help: write `gpu: optional` instead of `gpu: required`
    docs: `gpuenv explain GE310`
    ");
}

#[test]
fn an_optional_gpu_takes_what_fits_and_says_so() {
    let lab = lab("optional", &["pytorch", "runtime 11.7.*"]);
    insta::assert_snapshot!(lab.sandbox.gpuenv(LOCK), @r#"
    exit code: 0
    ----- stdout -----
    linux-64: 2 packages, 2 added, 0 removed, 0 changed
    lock `./gpuenv.lock` is written
    ----- stderr -----
    note[GE312]: linux-64: `pytorch 2.1 cpu_0` is a build for the CPU
     --> ./demo.yaml:7:5
      |
    7 |   - pytorch
      |     ^^^^^^^
    cause: the target names no `cuda`, so most CUDA builds cannot be taken
    help: to get CUDA builds: `gpu: required`, and `target: { cuda: "12.4" }`
    docs: `gpuenv explain GE312`
    "#);
}

#[test]
fn without_a_gpu_no_cuda_comes_by_accident() {
    let lab = lab("none", &["pytorch", "runtime 11.7.*"]);
    let _ = lab.sandbox.gpuenv(LOCK).success();
    let lock = lab.sandbox.read("gpuenv.lock");
    assert!(lock.contains("pytorch-2.1-cpu_0"), "{lock}");
    write(&lab, "none", &["cupy"]);
    insta::assert_snapshot!(lab.sandbox.gpuenv(LOCK), @"
    exit code: 13
    ----- stdout -----
    ----- stderr -----
    error[GE313]: no build without CUDA of `cupy` satisfies `cupy` for linux-64, and `gpu` is `none`
     --> ./demo.yaml:7:5
      |
    7 |   - cupy
      |     ^^^^
    cause: `cupy 13.0 h0_0` is what fits, and comes with CUDA
    cause: channel `conda-forge` has no build without CUDA of `cupy` for linux-64
    tree: the recipe asks for `cupy`
          └─ `cupy 13.0 h0_0`: ruled out by `gpu: none`
    help: write `gpu: optional` instead of `gpu: none`
    docs: `gpuenv explain GE313`
    ");
    // Who names a part of CUDA wants it.
    write(&lab, "none", &["cupy", "cuda-cudart"]);
    let _ = lab.sandbox.gpuenv(LOCK).success();
}

#[test]
fn a_locked_cpu_build_is_found_and_not_kept() {
    let lab = lab("optional", &["pytorch", "runtime 11.7.*"]);
    let _ = lab.sandbox.gpuenv(LOCK).success();
    let lock = lab.sandbox.read("gpuenv.lock");
    assert!(lock.contains("pytorch-2.1-cpu_0"), "{lock}");
    let required = lock.replace("gpu: \"optional\"", "gpu: \"required\"");
    lab.sandbox.write("other.lock", required);
    insta::assert_snapshot!(lab.sandbox.gpuenv(["create", "./other.lock", "--name", "x"]), @"
    exit code: 13
    ----- stdout -----
    ----- stderr -----
    error[GE314]: lock `./other.lock` holds builds that its `gpu` rules out
    cause: `pytorch 2.1 cpu_0` is a build for the CPU, and `gpu` is `required`
    help: make it anew from its recipe: `gpuenv lock`
    docs: `gpuenv explain GE314`
    ");
    write(&lab, "required", &["pytorch", "runtime 11.7.*"]);
    insta::assert_snapshot!(lab.sandbox.gpuenv(["lock", "./demo.yaml", "--check"]), @"
    exit code: 1
    ----- stdout -----
    ----- stderr -----
    error[GE402]: lock `./gpuenv.lock` no longer satisfies the recipe
    cause: `gpu` differs
    cause: linux-64: target: the recipe has `__cuda=11.8=0`, the lock none
    cause: linux-64: `pytorch 2.1 cpu_0` is a build for the CPU, and `gpu` is `required`
    help: bring it up to date with `gpuenv lock ./demo.yaml`
    docs: `gpuenv explain GE402`
    ");
    let _ = lab.sandbox.gpuenv(LOCK).success();
    let lock = lab.sandbox.read("gpuenv.lock");
    assert!(lock.contains("pytorch-2.0-cuda117_0"), "{lock}");
}

#[test]
fn a_table_of_the_user_says_where_a_cpu_build_is_right() {
    let mut lab = lab("required", &["pytorch * cpu*"]);
    let _ = lab.sandbox.gpuenv(LOCK).code(13);
    let table = crate::source::read("recipes/facts/gpu_builds.yaml");
    lab.sandbox.write(
        "facts/gpu_builds.yaml",
        table + "- {name: 'pytorch*', why: 'a test says so'}\n",
    );
    let facts = lab.sandbox.work().join("facts");
    lab.sandbox.set("GPUENV_FACTS", facts.display().to_string());
    let _ = lab.sandbox.gpuenv(LOCK).success();
    let check = lab.sandbox.gpuenv(["lock", "./demo.yaml", "--check"]);
    let _ = check.success();
}
