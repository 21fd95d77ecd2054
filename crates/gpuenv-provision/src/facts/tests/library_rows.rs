//! Which `libcuda` is loaded.

use gpuenv_core::probe::{DriverFile, Observation};

use super::{Machine, broken_call, computing, no_driver, only};

/// What the probe sees where the start of that library fails.
fn refused(file: &str, number: i32) -> Observation {
    let mut seen = broken_call("cuInit", number);
    seen.driver = Some(DriverFile {
        file: file.to_string(),
        version: None,
    });
    seen
}

fn wsl() -> Machine {
    Machine::bare()
        .file(
            "proc/sys/kernel/osrelease",
            "5.15.167.4-microsoft-standard-WSL2\n",
        )
        .file("dev/dxg", "")
        .file("usr/lib/wsl/lib/libcuda.so.1", "ELF")
        .file("etc/ld.so.conf.d/ld.wsl.conf", "/usr/lib/wsl/lib\n")
}

#[test]
fn p28_the_library_is_newer_than_the_loaded_module() {
    let machine = Machine::with_gpu()
        .module("535.104.05")
        .saw(broken_call("cuInit", 803));
    only(
        &machine.examine(),
        "P28",
        "library is of version 550.54.14, its kernel module of version 535.104.05",
        "sudo reboot",
    );
    let container = Machine::with_gpu()
        .module("535.104.05")
        .file(".dockerenv", "")
        .saw(broken_call("cuInit", 803));
    only(
        &container.examine(),
        "P28",
        "inside a container",
        "remove the NVIDIA packages",
    );
    // Also where the driver was not asked.
    let unasked = Machine::with_gpu().module("535.104.05").unasked();
    only(&unasked.examine(), "P28", "stayed loaded", "rmmod");
}

#[test]
fn p30_a_stub_in_the_drivers_place() {
    let stubs = "/usr/local/cuda/lib64/stubs";
    let seen = refused(&format!("{stubs}/libcuda.so.1"), 34);
    let machine = Machine::with_gpu()
        .file("usr/local/cuda/lib64/stubs/libcuda.so.1", "ELF")
        .set("LD_LIBRARY_PATH", stubs)
        .saw(seen);
    let fix = format!("take `{stubs}` out of `LD_LIBRARY_PATH`");
    only(&machine.examine(), "P30", "for linking only", &fix);
    only(
        &machine.unasked().examine(),
        "P30",
        "stubs/libcuda.so.1",
        &fix,
    );
}

#[test]
fn p30_a_left_over_copy_comes_first() {
    let machine = Machine::with_gpu()
        .libcuda("opt/old/lib", "470.82.01")
        .set("LD_LIBRARY_PATH", "/opt/old/lib/")
        .saw(refused("/opt/old/lib/libcuda.so.470.82.01", 803));
    only(
        &machine.examine(),
        "P30",
        "version 470.82.01, its kernel module of version 550.54.14",
        "take `/opt/old/lib` out of `LD_LIBRARY_PATH`",
    );
    let compat = Machine::with_gpu()
        .libcuda("usr/local/cuda/compat", "560.35.03")
        .file("etc/ld.so.conf.d/000_cuda.conf", "/usr/local/cuda/compat\n")
        .saw(refused("/usr/local/cuda/compat/libcuda.so.560.35.03", 803));
    only(
        &compat.examine(),
        "P30",
        "`cuda-compat` does not fit",
        "ldconfig -p",
    );
}

#[test]
fn p31_forward_compatibility_on_a_geforce() {
    let machine = Machine::with_gpu()
        .drives("0000:01:00.0", "NVIDIA GeForce RTX 3090", 1)
        .libcuda("usr/local/cuda-12.8/compat", "570.86.15")
        .set("LD_LIBRARY_PATH", "/usr/local/cuda-12.8/compat")
        .saw(refused(
            "/usr/local/cuda-12.8/compat/libcuda.so.570.86.15",
            804,
        ));
    only(
        &machine.examine(),
        "P31",
        "GeForce RTX 3090",
        "take `/usr/local/cuda-12.8/compat` out",
    );
}

#[test]
fn p34_wsl_without_its_driver() {
    let one = Machine::bare()
        .file("proc/sys/kernel/osrelease", "4.4.0-19041-Microsoft\n")
        .file("dev/dxg", "");
    only(&one.examine(), "P34", "WSL 1 has no GPU", "--set-version");
    let without = wsl().without("usr/lib/wsl").saw(no_driver());
    only(
        &without.examine(),
        "P34",
        "no `/usr/lib/wsl/lib/libcuda.so.1`",
        "in Windows",
    );
    let old = wsl()
        .without("dev/dxg")
        .libcuda("usr/lib64", "550.54.14")
        .gpu("0:0", "20b0", "");
    only(
        &old.saw(no_driver()).examine(),
        "P34",
        "no `/dev/dxg`",
        "wsl --update",
    );
}

#[test]
fn p34_a_linux_driver_inside_wsl() {
    let machine = wsl()
        .libcuda("usr/lib/x86_64-linux-gnu", "550.54.14")
        .saw(broken_call("cuInit", 100));
    only(
        &machine.examine(),
        "P34",
        "hides the driver of Windows",
        "apt remove",
    );
}

#[test]
fn p35_the_loader_does_not_know_the_directory_of_wsl() {
    let machine = wsl()
        .without("etc/ld.so.conf.d/ld.wsl.conf")
        .saw(computing("12.7", &["8.9"]));
    let found = only(&machine.examine(), "P34", "does not look into", "ldconfig");
    assert!(found.related.iter().any(|mode| mode.to_string() == "P35"));
    let machine = machine.set("LD_LIBRARY_PATH", "/usr/lib/wsl/lib");
    assert!(machine.examine().healthy);
}

#[test]
fn p08_the_driver_says_itself_that_it_is_too_old() {
    let mut seen = broken_call("cuInit", 35);
    seen.cuda = None;
    let machine = Machine::with_gpu().saw(seen);
    only(
        &machine.examine(),
        "P08",
        "answered 35",
        "update the NVIDIA driver",
    );
}

#[test]
fn p32_the_drivers_compiler_is_too_old() {
    let machine = Machine::with_gpu().saw(broken_call("cuModuleLoadDataEx", 222));
    only(
        &machine.examine(),
        "P32",
        "newer CUDA than the driver's",
        "cuda-version",
    );
}

#[test]
fn p10_the_drivers_compiler_does_not_serve_the_gpu() {
    let machine = Machine::with_gpu().saw(broken_call("cuModuleLoadDataEx", 209));
    only(
        &machine.examine(),
        "P10",
        "compute capability 8.0",
        "update the NVIDIA driver",
    );
}
