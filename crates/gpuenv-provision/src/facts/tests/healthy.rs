//! False alarms, measured: hosts on which nothing is wrong.

use gpuenv_core::{
    doctor::Rung,
    plan::{Gpu, ProbeStep},
};

use super::{
    Machine, computing,
    machine::uuid,
    observed_rows::{libraries, well},
};

/// Returns every healthy host with its name.
fn hosts() -> Vec<(&'static str, Machine)> {
    let torch = |machine: Machine| {
        machine
            .environment("linux-64", Some(Gpu::Required))
            .package(
                "python",
                "3.11.9",
                "hb806964_0_cpython",
                &["__glibc >=2.17,<3.0.a0"],
            )
            .package(
                "pytorch",
                "2.6.0",
                "cuda126_py311_0",
                &["cuda-version >=12.6,<13", "__cuda"],
            )
            .package("cuda-version", "12.4", "h3060b56_3", &[])
            .package(
                "cudnn",
                "9.3.0.75",
                "h93bb076_0",
                &["cuda-version >=12,<13"],
            )
            .package("numpy", "2.2.1", "py311_0", &[])
            .library("envs/x/lib", "libcudart.so.12", "12.4.127")
            .library("envs/x/lib", "libcudnn.so.9", "9.3.0")
            .library("envs/x/lib", "libstdc++.so.6", "6.0.33")
    };
    let slurm = Machine::with_gpu()
        .set("SLURM_JOB_ID", "4711")
        .set("SLURM_JOB_GPUS", "0")
        .set(
            "CUDA_VISIBLE_DEVICES",
            "MIG-11111111-2222-3333-4444-555555555555",
        )
        .file("proc/driver/nvidia/capabilities/gpu0/mig/gi1/access", "");
    let wsl = Machine::bare()
        .file(
            "proc/sys/kernel/osrelease",
            "5.15.167.4-microsoft-standard-WSL2\n",
        )
        .file("dev/dxg", "")
        .file("usr/lib/wsl/lib/libcuda.so.1.1", "ELF")
        .link("usr/lib/wsl/lib/libcuda.so.1", "libcuda.so.1.1")
        .file("etc/ld.so.conf.d/ld.wsl.conf", "# WSL\n/usr/lib/wsl/lib\n")
        .saw(computing("12.7", &["8.9"]));
    let jetson = Machine::bare()
        .file(
            "etc/nv_tegra_release",
            "# R36 (release), REVISION: 3.0, GCID: 1\n",
        )
        .file("dev/nvhost-gpu", "")
        .saw(computing("12.2", &["8.7"]))
        .environment("linux-aarch64", Some(Gpu::Required))
        .package("arm-variant", "1.2.0", "tegra", &[]);
    let several = Machine::with_gpu()
        .gpu("0000:41:00.0", "20b0", "nvidia")
        .drives("0000:41:00.0", "NVIDIA A100-SXM4-40GB", 2)
        .nodes(2)
        .set("CUDA_VISIBLE_DEVICES", "1,0")
        .saw(computing("12.4", &["8.0", "8.0"]));
    let uuids = Machine::with_gpu()
        .set("CUDA_VISIBLE_DEVICES", &uuid(1))
        .set("LD_LIBRARY_PATH", "/opt/tools/lib:");
    let container = Machine::with_gpu()
        .file(".dockerenv", "")
        .set("CUDA_VERSION", "12.4.1")
        .set("NVIDIA_VISIBLE_DEVICES", "all");
    let fabric = Machine::with_gpu()
        .switch("0000:c0:00.0")
        .file("proc/4242/comm", "nv-fabricmanage\n");
    let lazy = Machine::with_gpu().without("dev/nvidia-uvm");
    let wheels = Machine::with_gpu()
        .environment("linux-64", None)
        .package("python", "3.11.9", "hb806964_0_cpython", &[])
        .wheel("torch", "2.6.0+cu124", "manylinux1_x86_64")
        .file(
            "envs/x/lib/python3.11/site-packages/torch/version.py",
            "cuda: Optional[str] = '12.4'\n",
        )
        .wheel("nvidia_cublas_cu12", "12.4.5.8", "manylinux2014_x86_64")
        .file(
            "envs/x/lib/python3.11/site-packages/nvidia/cublas/lib/libcublas.so.12",
            "ELF",
        );
    let module_path = torch(Machine::with_gpu())
        .set("LOADEDMODULES", "gcc/13:cuda/12.4")
        .library("opt/cuda/lib64", "libcudart.so.12", "12.4.99")
        .set("LD_LIBRARY_PATH", "PREFIX/lib/gpuenv-cuda:/opt/cuda/lib64");
    let link = module_path.prefix().join("lib/gpuenv-cuda");
    let shown = link.to_string_lossy().into_owned();
    let module_path = module_path
        .set("LD_LIBRARY_PATH", &format!("{shown}:/opt/cuda/lib64"))
        // The machine is looked at below its root, so the prefix is there twice.
        .library(shown.trim_start_matches('/'), "libcudart.so.12", "12.4.127");
    vec![
        ("bare metal", Machine::with_gpu()),
        (
            "bare metal, the driver not asked",
            Machine::with_gpu().unasked(),
        ),
        ("bare metal, no program has used the GPU yet", lazy),
        (
            "bare metal with PyTorch from conda-forge",
            torch(Machine::with_gpu()),
        ),
        (
            "bare metal with PyTorch from conda-forge, probed",
            torch(Machine::with_gpu())
                .loaded(libraries())
                .tried(well(ProbeStep::Pytorch, "2.6.0")),
        ),
        ("bare metal with PyTorch wheels", wheels),
        ("container with --gpus all", container),
        ("WSL 2", wsl),
        ("Jetson", jetson),
        ("Slurm node with a MIG instance", slurm),
        ("two GPUs, in another order", several),
        ("GPU chosen by UUID", uuids),
        ("NVSwitch with its fabric manager", fabric),
        ("a CUDA module loaded behind the environment", module_path),
        (
            "no GPU, and none wanted",
            Machine::bare().environment("linux-64", Some(Gpu::None)),
        ),
        (
            "no GPU, and none required",
            Machine::bare()
                .environment("linux-64", Some(Gpu::Optional))
                .package("pytorch", "2.6.0", "cpu_generic_py311_0", &[]),
        ),
        (
            "a GPU, and none wanted",
            Machine::with_gpu()
                .environment("linux-64", Some(Gpu::None))
                .package("pytorch", "2.6.0", "cpu_generic_py311_0", &[]),
        ),
    ]
}

#[test]
fn healthy_hosts_give_no_false_alarm() {
    let mut alarms = Vec::new();
    let hosts = hosts();
    let count = hosts.len();
    for (name, machine) in hosts {
        let examination = machine.examine();
        if !examination.healthy {
            alarms.push(format!("{name}: {:#?}", examination.findings));
        }
    }
    println!("{} false alarms on {count} healthy hosts", alarms.len());
    assert!(alarms.is_empty(), "{}", alarms.join("\n"));
    assert!(count >= 16);
}

#[test]
fn every_level_of_a_healthy_host_is_looked_at() {
    let examination = Machine::with_gpu()
        .environment("linux-64", Some(Gpu::Required))
        .loaded(libraries())
        .tried(well(ProbeStep::Pytorch, "2.6.0"))
        .examine();
    let rungs: Vec<Rung> = examination.walk.iter().map(|step| step.rung).collect();
    assert!(rungs.is_sorted() && rungs.len() == 11, "{rungs:?}");
    let skipped: Vec<_> = examination
        .walk
        .iter()
        .filter(|step| step.state == gpuenv_core::doctor::StepState::Skipped)
        .collect();
    assert!(skipped.is_empty(), "{skipped:?}");
}

#[test]
fn an_empty_or_hostile_root_is_no_reason_to_panic() {
    let machine = Machine::bare()
        .file(
            "proc/driver/nvidia/version",
            "\u{0}\u{1b}[2J version 999999999999.1\n",
        )
        .file("sys/bus/pci/devices/x/vendor", "0x10de")
        .file("sys/bus/pci/devices/x/class", "ä")
        .file("etc/ld.so.conf.d/x.conf", "/a\ninclude *\n\u{0}\n")
        .link("usr/lib64/libcuda.so.1", "libcuda.so.1")
        .file(
            "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c",
            "x",
        );
    let host = machine.host();
    assert_eq!(host.module.loaded, None);
    assert_eq!(host.module.secure_boot, None);
    assert!(host.libraries.is_empty());
    let _ = machine.examine();
}
