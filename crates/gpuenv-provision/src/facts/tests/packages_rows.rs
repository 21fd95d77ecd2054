//! What is installed, against the machine that it is on.

use gpuenv_core::plan::Gpu;

use super::{Machine, computing, no_device, only};

fn required() -> Machine {
    Machine::with_gpu().environment("linux-64", Some(Gpu::Required))
}

#[test]
fn p08_a_driver_too_old_for_the_cuda_of_the_environment() {
    let machine = required()
        .package("cuda-version", "13.0", "h1", &[])
        .package("pytorch", "2.10.0", "cuda130_0", &["cuda-version >=13"]);
    let found = only(
        &machine.examine(),
        "P08",
        "supports 12.4",
        "update the driver to 580.65.06",
    );
    assert!(found.fix[1].contains("cuda: \"12.4\""), "{found:?}");
    // Where the driver was not asked, its version tells.
    let found = only(
        &machine.unasked().examine(),
        "P08",
        "supports 12.4",
        "580.65.06",
    );
    assert!(found.evidence[1].contains("550.54.14"));
}

#[test]
fn p50_wheels_without_a_python() {
    let machine = required()
        .without("envs/x/bin/python")
        .wheel("torch", "2.6.0", "any");
    only(
        &machine.examine(),
        "P50",
        "`pip` was that of another Python",
        "`python`",
    );
}

#[test]
fn p38_tensorflow_on_windows() {
    let machine = Machine::with_gpu()
        .environment("win-64", Some(Gpu::Required))
        .package("tensorflow", "2.12.0", "py311_0", &[]);
    only(
        &machine.examine(),
        "P38",
        "2.10 was the last",
        "tensorflow <2.11",
    );
}

#[test]
fn p13_a_cpu_build_where_a_gpu_is_required() {
    let machine = required().package("pytorch", "2.6.0", "cpu_mkl_py311_0", &[]);
    only(
        &machine.examine(),
        "P13",
        "the solver chose a CPU build",
        "`target`",
    );
    // What another tool made says nothing of a GPU, but one is there.
    let foreign = Machine::with_gpu()
        .environment("linux-64", None)
        .wheel("torch", "2.6.0+cpu", "linux_x86_64")
        .file(
            "envs/x/lib/python3.11/site-packages/torch/version.py",
            "cuda: Optional[str] = None\n",
        );
    only(
        &foreign.examine(),
        "P13",
        "wheel without CUDA",
        "gpu: required",
    );
}

#[test]
fn p47_the_wheel_for_arm_is_a_cpu_build() {
    let machine = Machine::with_gpu()
        .environment("linux-aarch64", Some(Gpu::Required))
        .wheel("torch", "2.6.0", "manylinux_2_28_aarch64")
        .file(
            "envs/x/lib/python3.11/site-packages/torch/version.py",
            "cuda: Optional[str] = None\n",
        );
    only(
        &machine.examine(),
        "P47",
        "for ARM is built without CUDA",
        "pytorch-gpu",
    );
}

#[test]
fn p14_cuda_where_no_gpu_is_wanted() {
    let machine = Machine::bare()
        .environment("linux-64", Some(Gpu::None))
        .package(
            "pytorch",
            "2.6.0",
            "cuda126_0",
            &["__cuda", "cuda-version >=12.6"],
        );
    only(
        &machine.examine(),
        "P14",
        "higher build numbers",
        "pytorch =*=cpu*",
    );
}

#[test]
fn p20_a_package_that_needs_a_newer_glibc() {
    let machine = required()
        .file(
            "usr/lib/x86_64-linux-gnu/libc.so.6",
            "stable release version 2.17, by Roland\n",
        )
        .package("libcurand", "10.3.9", "h1", &["__glibc >=2.28,<3.0.a0"]);
    only(
        &machine.examine(),
        "P20",
        "libcurand 10.3.9 h1 needs glibc 2.28, this machine has 2.17",
        "glibc: \"2.17\"",
    );
    let wheel = required()
        .file(
            "usr/lib/x86_64-linux-gnu/libc.so.6",
            "stable release version 2.17.\n",
        )
        .wheel("torch", "2.6.0", "manylinux_2_28_x86_64");
    only(
        &wheel.examine(),
        "P20",
        "torch 2.6.0 needs glibc 2.28",
        "container",
    );
}

#[test]
fn p10_a_wheel_of_pytorch_without_code_for_the_gpu() {
    let machine = Machine::with_gpu()
        .environment("linux-64", None)
        .saw(computing("12.8", &["12.0"]))
        .wheel("torch", "2.7.1+cu126", "manylinux_2_28_x86_64")
        .file(
            "envs/x/lib/python3.11/site-packages/torch/version.py",
            "cuda: Optional[str] = '12.6'\n",
        );
    only(
        &machine.examine(),
        "P10",
        "compute capability 12.0",
        "PyTorch 2.7 for CUDA 12.8",
    );
    let pascal = Machine::with_gpu()
        .environment("linux-64", None)
        .saw(computing("13.0", &["6.1"]))
        .package("cuda-version", "13.0", "h1", &[]);
    only(
        &pascal.examine(),
        "P10",
        "CUDA 12.9 is the last that knows it",
        "cuda-version =12.9",
    );
}

#[test]
fn p12_a_cudnn_that_left_the_gpu_behind() {
    let machine =
        required()
            .saw(computing("12.4", &["6.1"]))
            .package("cudnn", "9.13.0.50", "h1", &[]);
    only(
        &machine.examine(),
        "P12",
        "9.11 and newer need compute capability 7.5",
        "cudnn <9.11",
    );
}

#[test]
fn p39_modules_for_numpy_1_beside_numpy_2() {
    let machine = required()
        .package("numpy", "2.0.1", "py311_0", &[])
        .package("pytorch", "2.2.2", "cuda121_0", &["cuda-version >=12.1"]);
    only(
        &machine.examine(),
        "P39",
        "compiled for NumPy 1",
        "numpy <2",
    );
}

#[test]
fn p43_wheels_of_two_cudas() {
    let machine = required()
        .wheel("nvidia_cublas_cu11", "11.10.3.66", "manylinux1_x86_64")
        .wheel("nvidia_cublas_cu12", "12.4.5.8", "manylinux1_x86_64");
    only(
        &machine.examine(),
        "P43",
        "several CUDAs: 11 and 12",
        "one environment for each",
    );
}

#[test]
fn p46_cuda_of_two_channels() {
    let machine = required()
        .package("cuda-version", "12.1", "h1", &[])
        .package_of("nvidia", "cuda-cudart", "12.1.105", "0", &[])
        .package("libcublas", "12.1.3.1", "h1", &[]);
    only(
        &machine.examine(),
        "P46",
        "conda-forge, nvidia",
        "one channel",
    );
}

#[test]
fn p48_a_server_build_on_a_jetson() {
    let machine = Machine::bare()
        .file("etc/nv_tegra_release", "# R36 (release), REVISION: 3.0\n")
        .saw(computing("12.2", &["8.7"]))
        .environment("linux-aarch64", Some(Gpu::Required))
        .package("arm-variant", "1.2.0", "sbsa", &[]);
    only(
        &machine.examine(),
        "P48",
        "R36 (release)",
        "arm-variant =*=tegra",
    );
}

#[test]
fn an_optional_gpu_that_is_there_and_broken_is_still_a_finding() {
    let machine = Machine::with_gpu()
        .environment("linux-64", Some(Gpu::Optional))
        .saw(no_device());
    only(
        &machine.examine(),
        "P41",
        "no GPU that it can use",
        "nvidia-smi -L",
    );
}
