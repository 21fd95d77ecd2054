//! `gpuenv doctor`.
//!
//! The rules are tested where they are; here is the way to them and back.

use gpuenv_testkit::Sandbox;

use crate::{devices::with_driver, source::read};

fn sandbox() -> Sandbox {
    Sandbox::new(env!("CARGO_BIN_EXE_gpuenv"))
}

/// Writes a machine with a GPU and a loaded kernel module below `machine`.
fn machine(sandbox: &Sandbox) {
    let gpu = "machine/sys/bus/pci/devices/0000:01:00.0";
    for (path, text) in [
        (format!("{gpu}/vendor"), "0x10de\n"),
        (format!("{gpu}/class"), "0x030200\n"),
        (format!("{gpu}/device"), "0x20b0\n"),
        (
            "machine/proc/sys/kernel/osrelease".into(),
            "6.8.0-45-generic\n",
        ),
        ("machine/sys/module/nvidia/version".into(), "550.54.14\n"),
        ("machine/dev/nvidiactl".into(), ""),
        ("machine/dev/nvidia0".into(), ""),
        (
            "machine/usr/lib/x86_64-linux-gnu/libcuda.so.1".into(),
            "ELF",
        ),
    ] {
        sandbox.write(&path, text);
    }
}

#[test]
fn a_healthy_machine_is_walked_to_its_end() {
    let Some(sandbox) = with_driver("driver-version = 12040\n") else {
        return;
    };
    machine(&sandbox);
    let ran = sandbox.gpuenv(["doctor", "--root", "machine"]).success();
    insta::assert_snapshot!(ran, @"
    exit code: 0
    ----- stdout -----
    healthy: nothing is wrong
      hardware        fine      one NVIDIA GPU on the PCI bus
      kernel module   fine      version 550.54.14 is loaded
      device nodes    fine      2 there, 0 closed
      driver library  fine      `[SANDBOX]/driver/libcuda.so.1`
      driver start    fine      the driver supports CUDA 12.4
      devices         fine      1: Fake GPU
      computing       fine      every number that was computed is right
      packages        skipped   no environment is named
      libraries       skipped   no environment is named
      frameworks      skipped   no environment is named
      shell           fine      one directory on `LD_LIBRARY_PATH`
    ----- stderr -----
    probing the GPU
    probed the GPU in [TIME]
    ");
    let document = sandbox
        .gpuenv(["doctor", "--root", "machine", "--json"])
        .success()
        .json();
    assert_eq!(document["result"]["state"], "healthy");
    assert_eq!(document["result"]["findings"], serde_json::json!([]));
}

#[test]
fn what_is_broken_is_told_with_its_row() {
    let Some(mut sandbox) = with_driver("mode = no-device\n") else {
        return;
    };
    machine(&sandbox);
    sandbox.set("CUDA_VISIBLE_DEVICES", "3");
    let ran = sandbox.gpuenv(["doctor", "--root", "machine"]).code(1);
    insta::assert_snapshot!(ran, @"
    exit code: 1
    ----- stdout -----
    1 finding
      hardware        fine      one NVIDIA GPU on the PCI bus
      kernel module   fine      version 550.54.14 is loaded
      device nodes    fine      2 there, 0 closed
      driver library  fine      `[SANDBOX]/driver/libcuda.so.1`
      driver start    fine      the driver supports CUDA 12.4
      devices         broken    none
      computing       skipped   it stands on what is broken
      packages        skipped   it stands on what is broken
      libraries       skipped   it stands on what is broken
      frameworks      skipped   it stands on what is broken
      shell           skipped   it stands on what is broken

    P41: `CUDA_VISIBLE_DEVICES` is `3` and hides every GPU (certain)
      cause: its first word names no GPU of this machine, and a list ends at its first wrong word
      fix: `unset CUDA_VISIBLE_DEVICES`: then every GPU is seen
    ----- stderr -----
    probing the GPU
    probed the GPU in [TIME]
    ");
    let document = sandbox
        .gpuenv(["doctor", "--root", "machine", "--json"])
        .code(1)
        .json();
    let finding = &document["result"]["findings"][0];
    assert_eq!(
        (&finding["mode"], &finding["rung"]),
        (&"P41".into(), &"devices".into())
    );
    assert_eq!(document["exit"], 1);
}

#[test]
fn without_a_driver_the_state_says_so() {
    let sandbox = sandbox();
    sandbox.write("machine/proc/sys/kernel/osrelease", "6.8.0-45-generic\n");
    let ran = sandbox
        .gpuenv(["doctor", "--root", "machine", "--no-probe", "--json"])
        .code(1);
    let document = ran.json();
    assert_eq!(document["result"]["state"], "driver-missing");
    assert_eq!(document["result"]["findings"][0]["mode"], "P15");
}

#[test]
fn a_log_is_read_from_a_file_or_from_stdin() {
    let sandbox = sandbox();
    let log = "epoch 1\nTF-TRT Warning: Could not find TensorRT\nRuntimeError: CUDA error: out of memory\ntorch.OutOfMemoryError: CUDA out of memory. \u{1b}[31mTried to allocate 2 GiB\n";
    sandbox.write("log.txt", log);
    let from_file = sandbox.gpuenv(["doctor", "--text", "log.txt"]).code(1);
    insta::assert_snapshot!(from_file, @r#"
    exit code: 1
    ----- stdout -----
    looks like 1 failure mode

    P63: another process holds the memory of the GPU
      line 3: RuntimeError: CUDA error: out of memory
      line 4: torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB
      cause: another process (display, notebook kernel, MPS) holds the memory; TF preallocates everything
      confirm: `nvidia-smi` lists memory and processes
      fix: end the other process or take another GPU; write `memory-growth: true` under `activation` in the recipe

    harmless (P04, tensorrt): TensorRT is optional; no GPU is missing because of it
      line 2: TF-TRT Warning: Could not find TensorRT
    ----- stderr -----
    "#);
    let piped = sandbox
        .command(["doctor", "--text", "-", "--json"])
        .input(log)
        .run()
        .code(1);
    let document = piped.json();
    assert_eq!(document["result"]["matches"][0]["mode"], "P63");
    assert_eq!(document["result"]["cleared"][0]["mode"], "P04");
    let _ = sandbox
        .command(["doctor", "--text", "-"])
        .input(b"all is well \xff\0\n".as_slice())
        .run()
        .success()
        .stdout_has("nothing known is in the 1 lines");
    let _ = sandbox
        .gpuenv(["doctor", "--text", "missing.txt"])
        .code(15)
        .stderr_has("missing.txt");
    let _ = sandbox.gpuenv(["doctor", "x", "--text", "log.txt"]).code(2);
}

#[test]
fn p59_facts_have_a_date_and_are_replaced_without_a_new_program() {
    let mut sandbox = sandbox();
    let listed = sandbox.gpuenv(["doctor", "--facts"]).success();
    let _ = listed
        .stdout_has("facts as of 2026-11-21")
        .stdout_has("source: ")
        .stdout_has("warning: ");
    let newer = read("recipes/facts/failure_modes.yaml")
        .replace("date: 2026-11-21", "date: 2027-06-01")
        .replace("'CUDA out of memory'", "'the GPU is full'");
    sandbox.write("facts/failure_modes.yaml", newer);
    let directory = sandbox.work().join("facts");
    sandbox.set("GPUENV_FACTS", directory);
    let listed = sandbox
        .gpuenv(["doctor", "--facts", "--json"])
        .success()
        .json();
    assert_eq!(listed["result"]["tables"][2]["date"], "2027-06-01");
    let read = sandbox
        .command(["doctor", "--text", "-"])
        .input("the GPU is full\n")
        .run();
    let _ = read.code(1).stdout_has("P63");
}

#[test]
fn a_bad_facts_file_is_refused_at_its_place() {
    let mut sandbox = sandbox();
    let bad = read("recipes/facts/gpu_arch.yaml").replace("capability: '9.0'", "capability: nine");
    sandbox.write("facts/gpu_arch.yaml", bad);
    let directory = sandbox.work().join("facts");
    sandbox.set("GPUENV_FACTS", directory);
    let ran = sandbox.gpuenv(["doctor", "--no-probe"]).code(17);
    let _ = ran
        .stderr_has("GE720")
        .stderr_has("facts/gpu_arch.yaml:")
        .stderr_has("capability: nine");
    sandbox.write(
        "facts/gpu_arch.yaml",
        read("recipes/facts/gpu_arch.yaml").replace("2026-11-21", "2024-01-01"),
    );
    sandbox.write("facts/gpu-arch.yaml", "");
    let ran = sandbox.gpuenv(["doctor", "--facts"]).success();
    let _ = ran
        .stderr_has("is older (2024-01-01)")
        .stderr_has("`gpu-arch.yaml` is the name of no table");
}

#[test]
fn an_environment_is_looked_at_as_programs_in_it_see_it() {
    let mut sandbox = sandbox();
    machine(&sandbox);
    sandbox.write("env/conda-meta/history", "");
    sandbox.write("env/bin/python", "");
    let lib = sandbox.work().join("env/lib");
    sandbox.write("env/lib/libtinfo.so.6", "ELF");
    sandbox.write(
        "env/etc/conda/activate.d/env_vars.sh",
        "export LD_LIBRARY_PATH=$LD_LIBRARY_PATH:$CONDA_PREFIX/lib/\n",
    );
    let arguments = [
        "doctor",
        "./env",
        "--root",
        "machine",
        "--no-probe",
        "--json",
    ];
    let modes = |output: gpuenv_testkit::Output| -> Vec<String> {
        let document = output.code(1).json();
        let findings = document["result"]["findings"].as_array().cloned();
        let mode = |finding: &serde_json::Value| finding["mode"].as_str().unwrap().to_string();
        findings.unwrap().iter().map(mode).collect()
    };
    assert_eq!(modes(sandbox.gpuenv(arguments)), ["P22"]);
    sandbox.set("LD_LIBRARY_PATH", lib);
    assert_eq!(modes(sandbox.gpuenv(arguments)), ["P24", "P22"]);
    let _ = sandbox
        .gpuenv(["doctor", "nowhere"])
        .code(15)
        .stderr_has("GE511");
}
