//! What the variables of the shell do.

use gpuenv_core::plan::Gpu;

use super::{Machine, only};

fn required() -> Machine {
    Machine::with_gpu().environment("linux-64", Some(Gpu::Required))
}

#[test]
fn p21_another_cudnn_is_found_first() {
    let machine = required()
        .library("envs/x/lib", "libcudnn.so.8", "8.9.7")
        .library("usr/local/cuda/lib64", "libcudnn.so.8", "8.0.5")
        .set("LD_LIBRARY_PATH", "/usr/local/cuda/lib64/");
    only(
        &machine.examine(),
        "P21",
        "version 8.0.5",
        "take `/usr/local/cuda/lib64` out",
    );
}

#[test]
fn p23_a_library_of_the_system_hides_the_environments() {
    let machine = required()
        .file(
            "envs/x/lib/python3.11/site-packages/nvidia/nvjitlink/lib/libnvJitLink.so.12",
            "a newer one",
        )
        .library("opt/hpc/lib64", "libnvJitLink.so.12", "12.0.76")
        .set("LD_LIBRARY_PATH", "/opt/hpc/lib64");
    only(
        &machine.examine(),
        "P23",
        "`libnvJitLink.so.12` of the system",
        "`/opt/hpc/lib64` out",
    );
}

#[test]
fn p56_a_module_of_the_site_brings_it() {
    let machine = required()
        .library("envs/x/lib", "libcublas.so.12", "12.4.5.8")
        .library("apps/cuda/12.1/lib64", "libcublas.so.12", "12.1.3.1")
        .set("LOADEDMODULES", "gcc/12.2:CUDA/12.1.1")
        .set("LD_LIBRARY_PATH", "/apps/cuda/12.1/lib64");
    only(
        &machine.examine(),
        "P56",
        "loaded modules: CUDA/12.1.1",
        "module purge",
    );
}

#[test]
fn p25_an_older_libstdcxx_comes_first() {
    let machine = required()
        .library("envs/x/lib", "libstdc++.so.6", "6.0.33")
        .library("opt/gcc8/lib64", "libstdc++.so.6", "6.0.25")
        .set("LD_LIBRARY_PATH", "/opt/gcc8/lib64");
    only(
        &machine.examine(),
        "P25",
        "version 6.0.25",
        "take `/opt/gcc8/lib64` out",
    );
    let newer = required()
        .library("envs/x/lib", "libstdc++.so.6", "6.0.25")
        .library("opt/gcc14/lib64", "libstdc++.so.6", "6.0.33")
        .set("LD_LIBRARY_PATH", "/opt/gcc14/lib64");
    assert!(newer.examine().healthy);
}

#[test]
fn p24_the_whole_lib_is_on_the_path() {
    let machine = required().file("envs/x/lib/libtinfo.so.6", "ELF");
    let lib = machine.prefix().join("lib").to_string_lossy().into_owned();
    let machine = machine.set("LD_LIBRARY_PATH", &lib);
    only(
        &machine.examine(),
        "P24",
        "libtinfo.so.6",
        "library-path: cuda",
    );
    let more = machine
        .file("envs/x/lib/libcurl.so.4", "ELF")
        .file("envs/x/lib/libssl.so.3", "ELF")
        .file("envs/x/lib/libno-system-has-this.so.1", "ELF");
    let found = more.examine().findings.remove(0);
    assert!(
        found.evidence[0].contains("lib/libcurl.so.4` is there"),
        "{found:?}"
    );
    assert_eq!(found.evidence[1], "so are libssl.so.3, libtinfo.so.6");
}

#[test]
fn p22_an_activation_script_that_appends() {
    let machine = required().file(
        "envs/x/etc/conda/activate.d/env_vars.sh",
        "export LD_LIBRARY_PATH=$LD_LIBRARY_PATH:$CONDA_PREFIX/lib/\n",
    );
    only(
        &machine.examine(),
        "P22",
        "$LD_LIBRARY_PATH:$CONDA_PREFIX/lib/",
        "activate.d/env_vars.sh",
    );
}

#[test]
fn p51_a_script_for_bash_on_windows() {
    let machine = Machine::with_gpu()
        .environment("win-64", Some(Gpu::Required))
        .file("envs/x/etc/conda/activate.d/env_vars.sh", "export A=1\n");
    only(&machine.examine(), "P51", "never runs on Windows", "`env`");
    let both = machine.file("envs/x/etc/conda/activate.d/env_vars.bat", "set A=1\r\n");
    assert!(both.examine().healthy);
}

#[test]
fn p49_the_users_own_packages_come_first() {
    let machine = required().file(
        "home/u/.local/lib/python3.11/site-packages/tensorflow-2.10.0.dist-info/METADATA",
        "",
    );
    only(
        &machine.examine(),
        "P49",
        "`tensorflow-2.10.0` of the user's own",
        "PYTHONNOUSERSITE=1",
    );
    assert!(machine.set("PYTHONNOUSERSITE", "1").examine().healthy);
    let other = required().file(
        "home/u/.local/lib/python3.9/site-packages/torch-1.0.dist-info/METADATA",
        "",
    );
    assert!(other.examine().healthy);
}

#[test]
fn p18_an_override_of_zero_is_a_version() {
    for value in ["0", "0.0"] {
        let machine = required().set("CONDA_OVERRIDE_CUDA", value);
        only(
            &machine.examine(),
            "P18",
            "is a version",
            "export CONDA_OVERRIDE_CUDA=",
        );
    }
    for value in ["", "12.4"] {
        assert!(
            required()
                .set("CONDA_OVERRIDE_CUDA", value)
                .examine()
                .healthy
        );
    }
}
