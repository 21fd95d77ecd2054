//! The libraries and compilers that frameworks look for.

use gpuenv_core::plan::Gpu;

use super::{super::dlls::tests::importing, Machine, computing, only};

const SITE: &str = "envs/x/lib/python3.11/site-packages";

fn required() -> Machine {
    Machine::with_gpu().environment("linux-64", Some(Gpu::Required))
}

/// TensorFlow 2.10 from a wheel, which wants CUDA 11.2 and cuDNN 8.1.
fn tensorflow() -> Machine {
    required()
        .wheel("tensorflow", "2.10.1", "manylinux2014_x86_64")
        .file("envs/x/nvvm/libdevice/libdevice.10.bc", "BC")
        .file("envs/x/bin/ptxas", "ELF")
}

#[test]
fn p02_a_library_of_another_major_version() {
    let machine = tensorflow().library("envs/x/lib", "libcudart.so.12", "12.4.127");
    only(
        &machine.examine(),
        "P02",
        "needs `libcudart.so.11.0`, the environment has `libcudart.so.12`",
        "cuda-version =11.2",
    );
}

#[test]
fn p02_a_library_that_is_there_and_not_on_the_path() {
    let machine = tensorflow()
        .library("envs/x/lib", "libcudart.so.11.0", "11.2.152")
        .library("envs/x/lib", "libcudnn.so.8", "8.1.0");
    only(
        &machine.examine(),
        "P02",
        "not on the loader's path",
        "gpuenv run",
    );
    let shown = machine.prefix().join("lib").to_string_lossy().into_owned();
    let inside = shown.trim_start_matches('/').to_string();
    let machine = machine
        .library(&inside, "libcudart.so.11.0", "11.2.152")
        .library(&inside, "libcudnn.so.8", "8.1.0")
        .set("LD_LIBRARY_PATH", &shown);
    assert!(machine.examine().healthy, "{:#?}", machine.examine());
}

#[test]
fn p03_a_missing_library_is_named_with_its_package() {
    let machine = tensorflow()
        .library("envs/x/lib", "libcudart.so.11.0", "11.2.152")
        .library("opt/cudart", "libcudart.so.11.0", "11.2.152")
        .set("LD_LIBRARY_PATH", "/opt/cudart");
    only(
        &machine.examine(),
        "P03",
        "`libcudnn.so.8` is missing",
        "take `cudnn`",
    );
}

#[test]
fn p36_a_dll_that_a_dll_of_pytorch_needs() {
    let folder = "envs/x/Lib/site-packages/torch/lib";
    let machine = Machine::with_gpu()
        .environment("win-64", Some(Gpu::Required))
        .bytes(
            &format!("{folder}/fbgemm.dll"),
            &importing(&["KERNEL32.dll", "libomp140.x86_64.dll", "c10.dll"]),
        )
        .bytes(&format!("{folder}/c10.dll"), &importing(&["zlibwapi.dll"]))
        .file(&format!("{folder}/zlibwapi.dll"), "");
    only(
        &machine.examine(),
        "P36",
        "`libomp140.x86_64.dll` is missing, which `Lib/site-packages/torch/lib/fbgemm.dll` needs",
        "llvm-openmp",
    );
    let whole = machine.file("envs/x/Library/bin/libomp140.x86_64.dll", "");
    assert!(whole.examine().healthy, "{:#?}", whole.examine());
}

#[test]
fn p01_the_dll_that_tensorflow_for_windows_wants() {
    let machine = Machine::with_gpu()
        .environment("win-64", Some(Gpu::Required))
        .file("envs/x/nvvm/libdevice/libdevice.10.bc", "BC")
        .file("envs/x/bin/ptxas", "ELF")
        .file("envs/x/Library/bin/cudart64_12.dll", "MZ")
        .package("tensorflow", "2.10.0", "py310_0", &[]);
    only(
        &machine.examine(),
        "P01",
        "`cudart64_110.dll` is missing",
        "cudatoolkit=11.2",
    );
    let mended = machine.file("envs/x/Library/bin/cudart64_110.dll", "MZ");
    assert!(mended.examine().healthy);
}

#[test]
fn p05_libdevice_lies_where_xla_does_not_look() {
    let machine = required()
        .package(
            "tensorflow-base",
            "2.11.0",
            "cuda112_0",
            &["cudatoolkit >=11.2"],
        )
        .file("envs/x/lib/libdevice.10.bc", "BC")
        .file("envs/x/bin/ptxas", "ELF");
    only(
        &machine.examine(),
        "P05",
        "it is at `lib/libdevice.10.bc`",
        "write `xla: true` under `activation`",
    );
    let machine = machine.set("XLA_FLAGS", "--xla_gpu_cuda_data_dir=/x");
    assert!(machine.examine().healthy);
}

#[test]
fn the_links_of_the_key_xla_are_what_xla_needs() {
    let machine = required()
        .package(
            "tensorflow-base",
            "2.11.0",
            "cuda112_0",
            &["cudatoolkit >=11.2"],
        )
        .file("envs/x/lib/libdevice.10.bc", "BC")
        .file("envs/x/bin/ptxas", "ELF");
    assert!(!machine.examine().healthy);
    let link = "envs/x/lib/gpuenv-xla/nvvm/libdevice/libdevice.10.bc";
    assert!(machine.file(link, "BC").examine().healthy);
}

#[test]
fn p06_xla_without_an_assembler() {
    let machine = required()
        .package("jaxlib", "0.4.30", "cuda120py311_0", &["cuda-version >=12"])
        .file("envs/x/nvvm/libdevice/libdevice.10.bc", "BC");
    only(
        &machine.examine(),
        "P06",
        "jaxlib 0.4.30",
        "cuda-nvcc-tools",
    );
}

#[test]
fn p07_an_assembler_older_than_the_gpu() {
    let machine = required()
        .saw(computing("12.8", &["12.0"]))
        .package("cuda-nvcc-tools", "12.4.131", "h1", &[])
        .file("envs/x/bin/ptxas", "ELF");
    only(
        &machine.examine(),
        "P07",
        "CUDA 12.8 is the first that does",
        "cuda-version >=12.8",
    );
}

#[test]
fn p32_a_compiler_newer_than_the_driver() {
    let machine = required()
        .package("cuda-version", "12.8", "h1", &[])
        .package("cuda-nvrtc", "12.8.93", "h1", &[])
        .package("cupy-core", "13.4.0", "py311_0", &["cuda-version >=12"]);
    only(
        &machine.examine(),
        "P32",
        "for CUDA 12.4, cannot read",
        "cuda-version <=12.4",
    );
}

#[test]
fn p44_a_library_from_conda_and_from_a_wheel() {
    let machine = required()
        .library("envs/x/lib", "libcudnn.so.9", "9.3.0")
        .file(
            &format!("{SITE}/nvidia/cudnn/lib/libcudnn.so.9"),
            "another one",
        );
    only(
        &machine.examine(),
        "P44",
        "site-packages/nvidia/cudnn/lib/libcudnn.so.9",
        "out of the recipe",
    );
}
