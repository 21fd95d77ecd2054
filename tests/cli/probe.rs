//! `gpuenv probe`, through every verdict, with a driver that does what a script says.

use std::path::PathBuf;

use fs_err as fs;
use gpuenv_testkit::{Output, Sandbox};

use crate::lab::{Lab, at_once, recipe};

/// Two GPUs, and a log of every call.
const HEALTHY: &str = "driver-version = 12080\ndevice = Fake A\ndevice = Fake B\n";

/// Makes a sandbox in which the driver is the fake one.
fn sandbox(script: &str) -> Sandbox {
    let mut sandbox = Sandbox::new(env!("CARGO_BIN_EXE_gpuenv"));
    with_driver(&mut sandbox, script);
    sandbox
}

/// Puts the fake driver into a sandbox, and returns where it logs its calls.
fn with_driver(sandbox: &mut Sandbox, script: &str) -> PathBuf {
    let library = gpuenv_fakecuda::built_library().expect("cargo built it for this test");
    let log = sandbox.root().join("calls");
    sandbox.fake_driver(&library, &format!("log = {}\n{script}", log.display()));
    log
}

/// Returns what was said without what is drawn anew each time.
fn shown(output: &Output) -> String {
    const SEED: &str = "the seed 0x";
    let seedless = |line: &str| match line.find(SEED) {
        Some(at) => format!("{}the seed [SEED]\n", &line[..at]),
        None => format!("{line}\n"),
    };
    output.snapshot().lines().map(seedless).collect()
}

#[test]
fn a_gpu_that_computes_is_proved() {
    let sandbox = sandbox(HEALTHY);
    insta::assert_snapshot!(shown(&sandbox.gpuenv(["probe"])), @"
    exit code: 0
    ----- stdout -----
    probe: 2 GPUs compute: Fake A, Fake B
      driver: `[SANDBOX]/driver/libcuda.so.1`
      CUDA version of the driver: 12.8
      GPU 0: Fake A, compute capability 8.6, 8.0 GiB, compute mode default, GPU-67707565-6e76-2d66-616b-656375646100
      GPU 0: 1048613 numbers compared with the CPU, all equal
      GPU 0: product of matrices: 65536 numbers compared with the CPU, all equal
      GPU 0: 32 MiB of memory written and read twice, 0 words differ
      GPU 0: context [TIME], compile [TIME], allocate [TIME], upload [TIME], run [TIME], download [TIME], compile more [TIME], product [TIME], memory walk [TIME], release [TIME], compare [TIME]
      GPU 1: Fake B, compute capability 8.6, 8.0 GiB, compute mode default, GPU-67707565-6e76-2d66-616b-656375646101
      GPU 1: 1048613 numbers compared with the CPU, all equal
      GPU 1: product of matrices: 65536 numbers compared with the CPU, all equal
      GPU 1: 32 MiB of memory written and read twice, 0 words differ
      GPU 1: context [TIME], compile [TIME], allocate [TIME], upload [TIME], run [TIME], download [TIME], compile more [TIME], product [TIME], memory walk [TIME], release [TIME], compare [TIME]
      random data grown from the seed [SEED]
    ----- stderr -----
    probing the GPU
    probed the GPU in [TIME]
    ");
    let told = sandbox
        .gpuenv(["probe", "--json", "--require-gpu"])
        .success()
        .json();
    assert_eq!(told["result"]["verdict"]["kind"], "computes");
    assert_eq!(
        told["result"]["observation"]["devices"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn wrong_numbers_are_found() {
    let sandbox = sandbox(
        "device = Fake A\ndevice = Fake B\nmode = wrong-result\nwrong-device = 1\nwrong-element = 7\n",
    );
    let told = sandbox.gpuenv(["probe"]).code(1).stderr_has("GE703");
    let _ = told.stdout_has("GPU 1").stderr_has("Fake B");
}

#[test]
fn a_machine_without_a_device_is_no_failure_unless_one_is_required() {
    let sandbox = sandbox("mode = no-device\n");
    insta::assert_snapshot!(shown(&sandbox.gpuenv(["probe"])), @"
    exit code: 0
    ----- stdout -----
    probe: the driver sees no device
      driver: `[SANDBOX]/driver/libcuda.so.1`
      CUDA version of the driver: 12.4
      `LD_LIBRARY_PATH` is `[SANDBOX]/driver`
      `cuInit` answered 100 (CUDA_ERROR_NO_DEVICE)
    ----- stderr -----
    probing the GPU
    probed the GPU in [TIME]
    warning[GE702]: the driver sees no device
    cause: so nothing is proved about a GPU; the recipe works without one
    cause: the driver is there, and no GPU that it can use
    help: see what the driver lists: `nvidia-smi -L`
    help: see who may open the devices: `ls -l /dev/nvidia*`
    help: in a container: `docker run --gpus all …`
    docs: `gpuenv explain GE702`
    ");
    insta::assert_snapshot!(shown(&sandbox.gpuenv(["probe", "--require-gpu"])), @"
    exit code: 1
    ----- stdout -----
    probe: the driver sees no device
      driver: `[SANDBOX]/driver/libcuda.so.1`
      CUDA version of the driver: 12.4
      `LD_LIBRARY_PATH` is `[SANDBOX]/driver`
      `cuInit` answered 100 (CUDA_ERROR_NO_DEVICE)
    ----- stderr -----
    probing the GPU
    probed the GPU in [TIME]
    error[GE702]: the driver sees no device
    cause: the driver is there, and no GPU that it can use
    help: see what the driver lists: `nvidia-smi -L`
    help: see who may open the devices: `ls -l /dev/nvidia*`
    help: in a container: `docker run --gpus all …`
    help: `--no-probe` installs on a machine without a GPU, such as a login node
    docs: `gpuenv explain GE702`
    ");
}

#[test]
fn a_driver_that_crashes_or_hangs_takes_nothing_with_it() {
    let scripts = [
        "segfault = cuLaunchKernel\n",
        "abort = cuInit\n",
        "exit = cuInit\n",
        "hang = cuLaunchKernel\n",
    ];
    let told = at_once(&scripts, |script| {
        let probed = sandbox(script).gpuenv(["probe", "--deadline", "1.5", "--quiet"]);
        assert!(probed.elapsed().as_secs() < 30);
        format!("## {script}{}", shown(&probed.code(1)))
    });
    insta::assert_snapshot!(told.concat(), @"
    ## segfault = cuLaunchKernel
    exit code: 1
    ----- stdout -----
    probe: the probe died of signal 11 (SIGSEGV), in `cuLaunchKernel` on GPU 0
      driver: `[SANDBOX]/driver/libcuda.so.1`
      CUDA version of the driver: 12.4
      `LD_LIBRARY_PATH` is `[SANDBOX]/driver`
      GPU 0: Fake GPU, compute capability 8.6, 8.0 GiB, compute mode default, GPU-67707565-6e76-2d66-616b-656375646100
      random data grown from the seed [SEED]
    ----- stderr -----
    error[GE704]: the probe died of signal 11 (SIGSEGV), in `cuLaunchKernel` on GPU 0
    help: look for what the kernel says: `sudo dmesg | grep -i -e xid -e nvrm`
    docs: `gpuenv explain GE704`
    ## abort = cuInit
    exit code: 1
    ----- stdout -----
    probe: the probe died of signal 6 (SIGABRT), in `cuInit`
      driver: `[SANDBOX]/driver/libcuda.so.1`
      `LD_LIBRARY_PATH` is `[SANDBOX]/driver`
    ----- stderr -----
    error[GE704]: the probe died of signal 6 (SIGABRT), in `cuInit`
    help: look for what the kernel says: `sudo dmesg | grep -i -e xid -e nvrm`
    docs: `gpuenv explain GE704`
    ## exit = cuInit
    exit code: 1
    ----- stdout -----
    probe: the probe ended with status 3 and no answer, in `cuInit`
      driver: `[SANDBOX]/driver/libcuda.so.1`
      `LD_LIBRARY_PATH` is `[SANDBOX]/driver`
    ----- stderr -----
    error[GE704]: the probe ended with status 3 and no answer, in `cuInit`
    help: look for what the kernel says: `sudo dmesg | grep -i -e xid -e nvrm`
    docs: `gpuenv explain GE704`
    ## hang = cuLaunchKernel
    exit code: 1
    ----- stdout -----
    probe: the probe did not answer within [TIME], in `cuLaunchKernel` on GPU 0
      driver: `[SANDBOX]/driver/libcuda.so.1`
      CUDA version of the driver: 12.4
      `LD_LIBRARY_PATH` is `[SANDBOX]/driver`
      GPU 0: Fake GPU, compute capability 8.6, 8.0 GiB, compute mode default, GPU-67707565-6e76-2d66-616b-656375646100
      random data grown from the seed [SEED]
    ----- stderr -----
    error[GE705]: the probe did not answer within [TIME], in `cuLaunchKernel` on GPU 0
    help: look for what the kernel says: `sudo dmesg | grep -i -e xid -e nvrm`
    docs: `gpuenv explain GE705`
    ");
}

#[test]
fn an_old_driver_a_failing_call_and_a_stub_are_told_apart() {
    let told: Vec<String> = [
        "driver-version = 10010\nmode = old-driver\n",
        "fail = cuMemAlloc_v2 2\n",
        "mode = stub\n",
        "mode = jit-failure\n",
    ]
    .iter()
    .map(|script| {
        let output = sandbox(script).gpuenv(["probe"]).code(1);
        format!("## {script}{}", shown(&output))
    })
    .collect();
    insta::assert_snapshot!(told.concat(), @"
    ## driver-version = 10010
    mode = old-driver
    exit code: 1
    ----- stdout -----
    probe: GPU 0 (`Fake GPU`): the driver is too old: `cuModuleLoadDataEx` answered 222 (CUDA_ERROR_UNSUPPORTED_PTX_VERSION)
      driver: `[SANDBOX]/driver/libcuda.so.1`
      CUDA version of the driver: 10.1
      `LD_LIBRARY_PATH` is `[SANDBOX]/driver`
      GPU 0: Fake GPU, compute capability 8.6, 8.0 GiB, compute mode default, GPU-67707565-6e76-2d66-616b-656375646100
      GPU 0: context [TIME], compile [TIME], release [TIME]
      GPU 0: `cuModuleLoadDataEx` answered 222 (CUDA_ERROR_UNSUPPORTED_PTX_VERSION)
      random data grown from the seed [SEED]
    ----- stderr -----
    probing the GPU
    probed the GPU in [TIME]
    error[GE706]: GPU 0 (`Fake GPU`): the driver is too old: `cuModuleLoadDataEx` answered 222 (CUDA_ERROR_UNSUPPORTED_PTX_VERSION)
    cause: the driver's compiler is older than the PTX that it is given
    cause: the driver's compiler said: ptxas application ptx input, line 12; fatal   : Unsupported .version 5.0; current version is '4.3'
    help: update the NVIDIA driver; the kernel needs one for CUDA 8.0 or newer
    docs: `gpuenv explain GE706`
    ## fail = cuMemAlloc_v2 2
    exit code: 1
    ----- stdout -----
    probe: GPU 0 (`Fake GPU`): `cuMemAlloc_v2` answered 2 (CUDA_ERROR_OUT_OF_MEMORY)
      driver: `[SANDBOX]/driver/libcuda.so.1`
      CUDA version of the driver: 12.4
      `LD_LIBRARY_PATH` is `[SANDBOX]/driver`
      GPU 0: Fake GPU, compute capability 8.6, 8.0 GiB, compute mode default, GPU-67707565-6e76-2d66-616b-656375646100
      GPU 0: context [TIME], compile [TIME], allocate [TIME], release [TIME]
      GPU 0: `cuMemAlloc_v2` answered 2 (CUDA_ERROR_OUT_OF_MEMORY)
      random data grown from the seed [SEED]
    ----- stderr -----
    probing the GPU
    probed the GPU in [TIME]
    error[GE707]: GPU 0 (`Fake GPU`): `cuMemAlloc_v2` answered 2 (CUDA_ERROR_OUT_OF_MEMORY)
    cause: likely another process holds the memory of the GPU
    help: see who holds it: `nvidia-smi`
    help: or take another GPU: set `CUDA_VISIBLE_DEVICES`
    docs: `gpuenv explain GE707`
    ## mode = stub
    exit code: 1
    ----- stdout -----
    probe: `[SANDBOX]/driver/libcuda.so.1` is not a driver but a stub
      driver: `[SANDBOX]/driver/libcuda.so.1`
      `LD_LIBRARY_PATH` is `[SANDBOX]/driver`
      `cuDriverGetVersion` answered 34 (CUDA_ERROR_STUB_LIBRARY)
      `cuInit` answered 34 (CUDA_ERROR_STUB_LIBRARY)
    ----- stderr -----
    probing the GPU
    probed the GPU in [TIME]
    error[GE701]: `[SANDBOX]/driver/libcuda.so.1` is not a driver but a stub
    cause: the file is the stub of a CUDA toolkit, made to link against, not a driver
    cause: `cuDriverGetVersion` answered 34 (CUDA_ERROR_STUB_LIBRARY)
    help: take `[SANDBOX]/driver` out of `LD_LIBRARY_PATH`
    docs: `gpuenv explain GE701`
    ## mode = jit-failure
    exit code: 1
    ----- stdout -----
    probe: the driver cannot run the kernel on GPU 0 (`Fake GPU`): `cuModuleLoadDataEx` answered 218 (CUDA_ERROR_INVALID_PTX)
      driver: `[SANDBOX]/driver/libcuda.so.1`
      CUDA version of the driver: 12.4
      `LD_LIBRARY_PATH` is `[SANDBOX]/driver`
      GPU 0: Fake GPU, compute capability 8.6, 8.0 GiB, compute mode default, GPU-67707565-6e76-2d66-616b-656375646100
      GPU 0: context [TIME], compile [TIME], release [TIME]
      GPU 0: `cuModuleLoadDataEx` answered 218 (CUDA_ERROR_INVALID_PTX)
      random data grown from the seed [SEED]
    ----- stderr -----
    probing the GPU
    probed the GPU in [TIME]
    error[GE709]: the driver cannot run the kernel on GPU 0 (`Fake GPU`): `cuModuleLoadDataEx` answered 218 (CUDA_ERROR_INVALID_PTX)
    cause: the driver's compiler fails on the kernel's PTX
    cause: the GPU has compute capability 8.6
    cause: the driver's compiler said: ptxas application ptx input, line 40; error   : Internal error
    help: update the NVIDIA driver; `nvidia-smi` shows its version
    docs: `gpuenv explain GE709`
    ");
}

#[test]
fn noise_of_a_driver_does_not_disturb() {
    let sandbox = sandbox(&format!(
        "noise = \u{1b}[31mred\nflood = 1000000\n{HEALTHY}"
    ));
    let told = sandbox.gpuenv(["probe"]).success();
    let _ = told.says_nowhere("\u{1b}").stdout_has("probe: ");
}

#[test]
fn hello_gpu_proves_the_gpu_once() {
    let mut sandbox = Sandbox::new(env!("CARGO_BIN_EXE_gpuenv"));
    let log = with_driver(&mut sandbox, HEALTHY);
    insta::assert_snapshot!(shown(&sandbox.gpuenv(["create", "hello-gpu", "--require-gpu", "--quiet"])), @r#"
    exit code: 0
    ----- stdout -----
    environment `hello-gpu` is ready: 3 packages (3 added, 0 changed, 0 removed)
    prefix: [SANDBOX]/gpuenv-home/envs/hello-gpu
    probe: 2 GPUs compute: Fake A, Fake B
      driver: `[SANDBOX]/driver/libcuda.so.1`
      CUDA version of the driver: 12.8
      GPU 0: Fake A, compute capability 8.6, 8.0 GiB, compute mode default, GPU-67707565-6e76-2d66-616b-656375646100
      GPU 0: 1048613 numbers compared with the CPU, all equal
      GPU 0: product of matrices: 65536 numbers compared with the CPU, all equal
      GPU 0: 32 MiB of memory written and read twice, 0 words differ
      GPU 0: context [TIME], compile [TIME], allocate [TIME], upload [TIME], run [TIME], download [TIME], compile more [TIME], product [TIME], memory walk [TIME], release [TIME], compare [TIME]
      GPU 1: Fake B, compute capability 8.6, 8.0 GiB, compute mode default, GPU-67707565-6e76-2d66-616b-656375646101
      GPU 1: 1048613 numbers compared with the CPU, all equal
      GPU 1: product of matrices: 65536 numbers compared with the CPU, all equal
      GPU 1: 32 MiB of memory written and read twice, 0 words differ
      GPU 1: context [TIME], compile [TIME], allocate [TIME], upload [TIME], run [TIME], download [TIME], compile more [TIME], product [TIME], memory walk [TIME], release [TIME], compare [TIME]
      random data grown from the seed [SEED]
    use it: gpuenv run hello-gpu -- CMD
        or: eval "$(gpuenv shell-hook hello-gpu)"
    ----- stderr -----
    "#);
    let calls = fs::read_to_string(&log).unwrap();
    assert!(
        calls.contains("cuLaunchKernel") && !calls.contains("misuse"),
        "{calls}"
    );
    fs::remove_file(&log).unwrap();
    insta::assert_snapshot!(shown(&sandbox.gpuenv(["create", "hello-gpu"])), @r#"
    exit code: 0
    ----- stdout -----
    environment `hello-gpu` is already right
    prefix: [SANDBOX]/gpuenv-home/envs/hello-gpu
    probe: 2 GPUs compute: Fake A, Fake B (earlier; `gpuenv probe hello-gpu` asks again)
    use it: gpuenv run hello-gpu -- CMD
        or: eval "$(gpuenv shell-hook hello-gpu)"
    ----- stderr -----
    "#);
    assert!(!log.exists(), "nobody asked the driver again");
    // Who requires a GPU now wants to know about now.
    let _ = sandbox
        .gpuenv(["create", "hello-gpu", "--require-gpu"])
        .success();
    assert!(log.exists());
    let _ = sandbox.gpuenv(["list"]).success().stdout_has("comput");
}

#[test]
fn an_environment_whose_gpu_does_not_compute_is_there_and_told() {
    let mut sandbox = sandbox("mode = wrong-result\n");
    let failed = sandbox
        .gpuenv(["create", "hello-gpu"])
        .code(1)
        .stderr_has("GE703");
    let _ = failed.stdout_has("environment `hello-gpu` is ready");
    // What was bad is asked again.
    with_driver(&mut sandbox, HEALTHY);
    let again = sandbox.gpuenv(["create", "hello-gpu"]).success();
    let _ = again.stdout_has("is already right").stdout_has("comput");
    let _ = sandbox.gpuenv(["probe", "hello-gpu"]).success();
    let _ = sandbox
        .gpuenv(["create", "hello-gpu", "--no-probe", "-n", "second"])
        .success()
        .stdout_has("skipped");
}

#[test]
fn a_required_gpu_is_required() {
    let mut lab = Lab::with_tool();
    let text = recipe("demo", &["tool"]).replace("gpu: none", "gpu: required")
        + "target: { cuda: \"12.0\" }\nprobe: [driver]\n";
    lab.sandbox.write("demo.yaml", text);
    with_driver(&mut lab.sandbox, "mode = no-device\n");
    insta::assert_snapshot!(shown(&lab.sandbox.gpuenv(["create", "./demo.yaml", "--quiet"])), @r#"
    exit code: 1
    ----- stdout -----
    lock `./gpuenv.lock` is written
    environment `demo` is ready: 2 packages (2 added, 0 changed, 0 removed)
    prefix: [SANDBOX]/gpuenv-home/envs/demo
    probe: the driver sees no device
      driver: `[SANDBOX]/driver/libcuda.so.1`
      CUDA version of the driver: 12.4
      `LD_LIBRARY_PATH` is `[SANDBOX]/driver`
      `cuInit` answered 100 (CUDA_ERROR_NO_DEVICE)
    use it: gpuenv run demo -- CMD
        or: eval "$(gpuenv shell-hook demo)"
    ----- stderr -----
    warning[GE344]: linux-64: `gpu` is `required`, and no package of the solution uses one
    help: add what computes: `pytorch-gpu`, `tensorflow * cuda*`, `jaxlib * *cuda*`, `cupy`
    help: or do without a GPU: `gpu: none`
    docs: `gpuenv explain GE344`
    error[GE702]: the driver sees no device
    cause: the driver is there, and no GPU that it can use
    help: see what the driver lists: `nvidia-smi -L`
    help: see who may open the devices: `ls -l /dev/nvidia*`
    help: in a container: `docker run --gpus all …`
    help: `--no-probe` installs on a machine without a GPU, such as a login node
    docs: `gpuenv explain GE702`
    "#);
    let _ = lab
        .sandbox
        .gpuenv(["create", "./demo.yaml", "--no-probe"])
        .success();
    with_driver(&mut lab.sandbox, HEALTHY);
    insta::assert_snapshot!(shown(&lab.sandbox.gpuenv(["create", "./demo.yaml"])), @r#"
    exit code: 0
    ----- stdout -----
    environment `demo` is already right
    prefix: [SANDBOX]/gpuenv-home/envs/demo
    probe: 2 GPUs compute: Fake A, Fake B
      driver: `[SANDBOX]/driver/libcuda.so.1`
      CUDA version of the driver: 12.8
      GPU 0: Fake A, compute capability 8.6, [SIZE], compute mode default, GPU-67707565-6e76-2d66-616b-656375646100
      GPU 0: 1048613 numbers compared with the CPU, all equal
      GPU 0: product of matrices: 65536 numbers compared with the CPU, all equal
      GPU 0: [SIZE] of memory written and read twice, 0 words differ
      GPU 0: context [TIME], compile [TIME], allocate [TIME], upload [TIME], run [TIME], download [TIME], compile more [TIME], product [TIME], memory walk [TIME], release [TIME], compare [TIME]
      GPU 1: Fake B, compute capability 8.6, [SIZE], compute mode default, GPU-67707565-6e76-2d66-616b-656375646101
      GPU 1: 1048613 numbers compared with the CPU, all equal
      GPU 1: product of matrices: 65536 numbers compared with the CPU, all equal
      GPU 1: [SIZE] of memory written and read twice, 0 words differ
      GPU 1: context [TIME], compile [TIME], allocate [TIME], upload [TIME], run [TIME], download [TIME], compile more [TIME], product [TIME], memory walk [TIME], release [TIME], compare [TIME]
      random data grown from the seed [SEED]
    use it: gpuenv run demo -- CMD
        or: eval "$(gpuenv shell-hook demo)"
    ----- stderr -----
    probing the GPU
    probed the GPU in [TIME]
    "#);
}

#[test]
fn visible_devices_are_those_of_the_user() {
    let mut sandbox = sandbox(HEALTHY);
    sandbox.set("CUDA_VISIBLE_DEVICES", "1");
    let told = sandbox.gpuenv(["probe", "--json"]).success().json();
    let devices = told["result"]["observation"]["devices"].as_array().unwrap();
    assert_eq!(devices.len(), 1, "{devices:?}");
    assert!(devices[0].to_string().contains("Fake B"), "{devices:?}");
    sandbox.set("CUDA_VISIBLE_DEVICES", "");
    insta::assert_snapshot!(shown(&sandbox.gpuenv(["probe", "--require-gpu", "--quiet"])), @"
    exit code: 1
    ----- stdout -----
    probe: the driver sees no device: `CUDA_VISIBLE_DEVICES` is ``
      driver: `[SANDBOX]/driver/libcuda.so.1`
      CUDA version of the driver: 12.8
      `CUDA_VISIBLE_DEVICES` is ``
      `LD_LIBRARY_PATH` is `[SANDBOX]/driver`
      `cuInit` answered 100 (CUDA_ERROR_NO_DEVICE)
    ----- stderr -----
    error[GE702]: the driver sees no device: `CUDA_VISIBLE_DEVICES` is ``
    cause: the driver is there, and no GPU that it can use
    cause: a device that the list does not name stays hidden, and so does every one behind a wrong name
    help: see what the driver lists: `nvidia-smi -L`
    help: `unset CUDA_VISIBLE_DEVICES`, or set it to what `nvidia-smi -L` lists
    help: see who may open the devices: `ls -l /dev/nvidia*`
    help: in a container: `docker run --gpus all …`
    help: `--no-probe` installs on a machine without a GPU, such as a login node
    docs: `gpuenv explain GE702`
    ");
}
