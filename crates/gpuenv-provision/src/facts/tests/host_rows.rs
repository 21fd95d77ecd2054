//! Hardware, kernel module, device nodes, containers.

use gpuenv_core::{
    doctor::{self, Access, Case, StepState, Weight},
    facts::Facts,
    plan::Gpu,
};

use super::{Machine, broken_call, computing, machine::KERNEL, no_device, no_driver, only};

/// A machine with a GPU whose kernel module is not loaded.
fn unloaded() -> Machine {
    Machine::bare().gpu("0000:01:00.0", "20b0", "")
}

#[test]
fn p15_without_hardware_and_driver_the_next_step_is_named() {
    let found = only(
        &Machine::bare().examine(),
        "P15",
        "nothing on the PCI bus",
        "install the driver",
    );
    assert!(found.fix.iter().any(|fix| fix.contains("--no-probe")));
    let required = Machine::bare().environment("linux-64", Some(Gpu::Required));
    only(&required.examine(), "P15", "no kernel module", "login node");
}

#[test]
fn p15_a_kernel_module_without_its_library_is_named() {
    let machine = Machine::with_gpu()
        .without("usr/lib/x86_64-linux-gnu/libcuda.so.1")
        .saw(no_driver());
    only(
        &machine.examine(),
        "P15",
        "kernel module of driver 550.54.14",
        "libnvidia-compute",
    );
}

#[test]
fn p27_nouveau_holds_the_gpu() {
    let machine = unloaded().file("sys/module/nouveau/refcnt", "1");
    only(
        &machine.examine(),
        "P27",
        "nouveau is loaded",
        "blacklist nouveau",
    );
}

#[test]
fn p27_the_kernel_was_updated_without_the_module() {
    let machine = unloaded()
        .file(
            &format!("lib/modules/{KERNEL}/modules.dep"),
            "kernel/fs/ext4.ko: x\n",
        )
        .file(
            "lib/modules/6.5.0-1-generic/modules.dep",
            "updates/dkms/nvidia.ko.zst: kernel/drm.ko\n",
        );
    let fix = format!("dkms autoinstall -k {KERNEL}");
    only(
        &machine.examine(),
        "P27",
        "the module is built for 6.5.0-1-generic",
        &fix,
    );
}

#[test]
fn p27_secure_boot_refuses_the_module() {
    let name = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
    let machine = unloaded()
        .file(
            &format!("lib/modules/{KERNEL}/modules.dep"),
            "updates/dkms/nvidia.ko.zst:\n",
        )
        .file(name, "\u{6}\0\0\0\u{1}");
    only(
        &machine.examine(),
        "P27",
        "secure boot is on",
        "mokutil --import",
    );
}

#[test]
fn p27_the_module_is_there_and_was_not_loaded() {
    let machine = unloaded().file(
        &format!("lib/modules/{KERNEL}/modules.dep"),
        "extra/nvidia.ko.xz:\nextra/nvidia-uvm.ko.xz: extra/nvidia.ko.xz\n",
    );
    only(
        &machine.examine(),
        "P27",
        "was not loaded",
        "sudo modprobe nvidia",
    );
}

#[test]
fn p27_no_driver_is_installed() {
    only(
        &unloaded().examine(),
        "P27",
        "no NVIDIA driver is installed",
        "install the NVIDIA driver",
    );
    let vfio = Machine::bare().gpu("0000:01:00.0", "20b0", "vfio-pci");
    only(&vfio.examine(), "P27", "vfio-pci", "virtual machine");
}

#[test]
fn what_stands_on_something_broken_is_not_told() {
    // No module: so no nodes, no start, no device, and the environment's CUDA is too new as well.
    let machine = unloaded()
        .environment("linux-64", Some(Gpu::Required))
        .package("pytorch", "2.6.0", "cpu_generic_py311_0", &[]);
    let examination = machine.examine();
    only(&examination, "P27", "no NVIDIA driver", "install");
    let states: Vec<StepState> = examination.walk.iter().map(|step| step.state).collect();
    assert_eq!(states[1], StepState::Broken);
    assert!(states[2..].iter().all(|state| *state == StepState::Skipped));
}

#[test]
fn p09_a_container_without_its_gpus_is_told_from_an_old_driver() {
    let machine = Machine::with_gpu()
        .without("dev")
        .without("usr/lib/x86_64-linux-gnu/libcuda.so.1")
        .file(".dockerenv", "")
        .saw(no_driver());
    only(
        &machine.examine(),
        "P09",
        "no `/dev/nvidiactl`",
        "docker run --gpus all",
    );
    // Where not even the bus shows it, the image does.
    let image = Machine::bare()
        .file("run/.containerenv", "")
        .set("CUDA_VERSION", "12.4.1");
    only(
        &image.examine(),
        "P09",
        "the image sets `CUDA_VERSION`",
        "podman run --device",
    );
    let compute = Machine::with_gpu()
        .without("usr/lib/x86_64-linux-gnu/libcuda.so.1")
        .file(".dockerenv", "")
        .saw(no_driver());
    only(
        &compute.examine(),
        "P09",
        "`compute` part",
        "NVIDIA_DRIVER_CAPABILITIES=compute",
    );
}

#[test]
fn p16_the_build_of_an_image_has_no_gpu() {
    let machine = Machine::bare()
        .file(".dockerenv", "")
        .set("NVIDIA_REQUIRE_CUDA", "cuda>=12.4");
    let found = only(
        &machine.examine(),
        "P09",
        "made for GPUs",
        "build of an image",
    );
    assert!(found.related.iter().any(|mode| mode.to_string() == "P16"));
}

#[test]
fn p11_a_driver_that_dropped_the_generation_ignores_the_gpu() {
    let machine = Machine::bare()
        .gpu("0000:01:00.0", "1c81", "")
        .module("595.71.05")
        .nodes(0)
        .libcuda("usr/lib/x86_64-linux-gnu", "595.71.05")
        .saw(no_device());
    only(
        &machine.examine(),
        "P11",
        "Pascal generation, which branch 580",
        "install branch 580",
    );
    // Beside one that works it is no reason to stop.
    let both = Machine::with_gpu()
        .module("595.71.05")
        .gpu("0000:02:00.0", "1db1", "");
    let found = only(&both.examine(), "P11", "Volta", "branch 580");
    assert_eq!(found.weight, Weight::Doubtful);
}

#[test]
fn p54_a_container_that_lost_its_gpu() {
    let machine = Machine::with_gpu().file(".dockerenv", "").saw(no_device());
    let mut host = machine.host();
    // Only the kernel's rules for a container's devices answer so.
    host.nodes.insert("/dev/nvidia0".into(), Access::Forbidden);
    let examination = doctor::examine(&Case {
        host: &host,
        environment: None,
        observation: Some(&no_device()),
        library: None,
        frameworks: &[],
        facts: Facts::shipped(),
    });
    only(
        &examination,
        "P54",
        "`/dev/nvidia0` is there",
        "restart the container",
    );
}

#[test]
fn p57_a_slurm_step_that_asked_for_no_gpu() {
    let machine = Machine::with_gpu()
        .set("SLURM_JOB_ID", "4711")
        .saw(no_device());
    only(
        &machine.examine(),
        "P57",
        "`SLURM_JOB_ID` is `4711`",
        "srun --gres=gpu:1",
    );
}

#[test]
fn p29_a_fabric_that_is_not_ready() {
    let machine = Machine::with_gpu()
        .switch("0000:c0:00.0")
        .saw(broken_call("cuInit", 802));
    let found = only(
        &machine.examine(),
        "P29",
        "does not run",
        "nvidia-fabricmanager",
    );
    assert!(found.fix.iter().any(|fix| fix.contains("550.54.14")));
    let running = Machine::with_gpu()
        .switch("0000:c0:00.0")
        .file("proc/77/comm", "nv-fabricmanage\n")
        .saw(broken_call("cuInit", 802));
    only(
        &running.examine(),
        "P29",
        "version is not the driver's",
        "exactly the driver's version",
    );
}

#[test]
fn p33_unified_memory_is_missing_or_broken() {
    let machine = Machine::with_gpu()
        .without("dev/nvidia-uvm")
        .saw(broken_call("cuInit", 999));
    only(
        &machine.examine(),
        "P33",
        "no `/dev/nvidia-uvm`",
        "modprobe nvidia_uvm",
    );
    let slept = Machine::with_gpu()
        .file("sys/power/suspend_stats/success", "3\n")
        .saw(broken_call("cuInit", 999));
    only(
        &slept.examine(),
        "P33",
        "slept 3 time(s)",
        "modprobe -r nvidia_uvm",
    );
}

#[test]
fn p40_mig_without_an_instance_that_is_chosen() {
    let machine = Machine::with_gpu()
        .file("proc/driver/nvidia/capabilities/gpu0/mig/gi1/access", "")
        .file("proc/driver/nvidia/capabilities/gpu0/mig/gi2/access", "")
        .saw(broken_call("cuDeviceGet", 101));
    only(
        &machine.examine(),
        "P40",
        "2 MIG instances",
        "CUDA_VISIBLE_DEVICES=MIG-",
    );
    let gone = Machine::with_gpu()
        .set("CUDA_VISIBLE_DEVICES", "MIG-0-1")
        .saw(no_device());
    only(
        &gone.examine(),
        "P40",
        "destroyed or made anew",
        "nvidia-smi -L",
    );
}

#[test]
fn p41_a_variable_hides_the_gpu() {
    for value in ["", "-1", "NoDevFiles", "7", "GPU-ffff"] {
        let machine = Machine::with_gpu()
            .set("CUDA_VISIBLE_DEVICES", value)
            .saw(no_device());
        let fix = "export CUDA_VISIBLE_DEVICES=GPU-00000001-";
        only(&machine.examine(), "P41", "hides every GPU", fix);
    }
    let partly = Machine::with_gpu().set("CUDA_VISIBLE_DEVICES", "0,9");
    let found = only(&partly.examine(), "P41", "only the first 1 count", "unset");
    assert_eq!(found.weight, Weight::Doubtful);
    let unknown = Machine::with_gpu().saw(no_device());
    only(
        &unknown.examine(),
        "P41",
        "no GPU that it can use",
        "ls -l /dev/nvidia*",
    );
}

#[test]
fn p55_a_gpu_that_another_process_holds() {
    let mut seen = broken_call("cuDevicePrimaryCtxRetain", 46);
    seen.devices[0].compute_mode = Some(gpuenv_core::probe::ComputeMode::ExclusiveProcess);
    let machine = Machine::with_gpu().saw(seen);
    only(
        &machine.examine(),
        "P55",
        "exclusive-process",
        "nvidia-smi -q -d COMPUTE,PIDS",
    );
    let mut seen = computing("12.4", &["8.0"]);
    seen.devices[0].compute_mode = Some(gpuenv_core::probe::ComputeMode::Prohibited);
    seen.devices[0].comparison = None;
    only(
        &Machine::with_gpu().saw(seen).examine(),
        "P55",
        "prohibited",
        "-c DEFAULT",
    );
}

#[test]
fn p61_damaged_memory_goes_to_the_administrator() {
    let machine = Machine::with_gpu().saw(broken_call("cuStreamSynchronize", 214));
    only(
        &machine.examine(),
        "P61",
        "this is hardware",
        "GPU-00000001-2222",
    );
}

#[test]
fn p63_another_process_holds_the_memory() {
    let machine = Machine::with_gpu().saw(broken_call("cuMemAlloc_v2", 2));
    only(
        &machine.examine(),
        "P63",
        "another process holds",
        "write `memory-growth: true`",
    );
}

#[test]
fn p52_a_gpu_that_is_listed_and_computes_wrong() {
    let mut seen = computing("12.4", &["8.0"]);
    let comparison = seen.devices[0].comparison.as_mut().unwrap();
    comparison.wrong = 3;
    comparison.first_wrong = Some(gpuenv_core::probe::WrongElement {
        index: 5,
        expected: "1".into(),
        found: "2".into(),
    });
    let machine = Machine::with_gpu().saw(seen);
    only(
        &machine.examine(),
        "P52",
        "3 of 1048613 numbers wrong",
        "nvidia-smi -q -d ECC",
    );
    let mut hung = computing("12.4", &["8.0"]);
    hung.end = gpuenv_core::probe::End::Hung {
        after_ms: 60_000,
        last_step: None,
        killed: true,
    };
    only(
        &Machine::with_gpu().saw(hung).examine(),
        "P52",
        "did not answer",
        "dmesg",
    );
}

#[test]
fn any_number_of_the_table_leads_to_a_finding() {
    for error in &Facts::shipped().errors.errors {
        let machine = Machine::with_gpu().saw(broken_call("cuInit", error.code));
        let examination = machine.examine();
        assert_eq!(examination.findings.len(), 1, "{}", error.code);
        assert!(!examination.findings[0].fix.is_empty(), "{}", error.code);
    }
}

#[test]
fn on_windows_the_build_is_told_and_linux_files_are_not_looked_for() {
    let machine = Machine::bare().saw(computing("12.4", &["8.6"]));
    let mut host = machine.host();
    host.os = "windows".to_string();
    let seen = |build: Option<u32>, host: &mut gpuenv_core::doctor::HostFacts| {
        host.windows_build = build;
        let examination = doctor::examine(&Case {
            host,
            environment: None,
            observation: Some(&computing("12.4", &["8.6"])),
            library: None,
            frameworks: &[],
            facts: Facts::shipped(),
        });
        assert!(examination.healthy, "{examination:#?}");
        examination.walk[0].seen.clone()
    };
    assert_eq!(seen(Some(22631), &mut host), "Windows build 22631");
    assert_eq!(
        seen(Some(19041), &mut host),
        "Windows build 19041; WSL 2 has GPUs from build 19044 on"
    );
    assert_eq!(seen(None, &mut host), "only Linux shows it");
}
