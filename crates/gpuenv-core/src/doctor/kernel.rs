//! Hardware, kernel module, device nodes.

use super::{Access, Case, Finding, PciDevice};

/// What an image for GPUs sets.
const IMAGE_VARIABLES: [&str; 3] = [
    "CUDA_VERSION",
    "NVIDIA_REQUIRE_CUDA",
    "NVIDIA_VISIBLE_DEVICES",
];

/// How to start a container with its GPUs.
const WITH_GPUS: &str = "start it with its GPUs: `docker run --gpus all …`, `podman run --device nvidia.com/gpu=all …` or \
     `apptainer exec --nv …`";

/// P15: neither hardware nor driver; P09: nothing is shown to a container.
pub(super) fn no_hardware(case: &Case<'_>) -> Option<Finding> {
    let asked = case.observation;
    let answered = asked.is_some_and(|o| o.driver.is_some());
    // Elsewhere the bus is not a directory; only the driver can tell.
    let known = case.host.os == "linux" || asked.is_some();
    if case.host.shows_gpu() || answered || !known {
        return None;
    }
    if let Some(container) = &case.host.container
        && let Some(image) = image(case)
    {
        return Some(
            Finding::broken(
                9,
                "the container was started without a GPU",
                "the image is made for GPUs, and the container sees no device of one",
            )
            .likely()
            .related(16)
            .seen(container.as_str())
            .seen(image)
            .fix(WITH_GPUS)
            .fix("in a build of an image there is never a GPU: `gpuenv create --no-probe`"),
        );
    }
    let finding = Finding::broken(
        15,
        "there is no NVIDIA driver and no NVIDIA GPU on this machine",
        "nothing on the PCI bus, no kernel module, no `libcuda.so.1`",
    )
    .fix("on a machine with a GPU: install the driver, then `nvidia-smi` must list it")
    .fix("on a machine that only installs, such as a login node: `gpuenv create --no-probe`");
    Some(match &case.host.container {
        Some(container) => finding
            .related(9)
            .seen(container.as_str())
            .fix(format!("if the host has a GPU, {WITH_GPUS}")),
        None => finding,
    })
}

/// P11: the driver leaves out GPUs of a generation that it no longer drives.
pub(super) fn ignored_generation(case: &Case<'_>) -> Option<Finding> {
    let host = case.host;
    let branch = host.branch()?;
    let driven = |gpu: &PciDevice| host.driven.iter().any(|d| d.address == gpu.address);
    let (gpu, (name, last)) = host.gpus.iter().find_map(|gpu| {
        let dropped = case.facts.architectures.dropped_device(gpu.device)?;
        let left_out = branch > dropped.1 && !driven(gpu) && gpu.bound_to.is_none();
        left_out.then_some((gpu, dropped))
    })?;
    let others = !host.driven.is_empty();
    let summary = format!("driver {branch} does not drive the GPU at {}", gpu.address);
    let cause =
        format!("the GPU is of the {name} generation, which branch {last} was the last to drive");
    let finding = match others {
        true => Finding::doubtful(11, summary, cause),
        false => Finding::broken(11, summary, cause),
    };
    Some(
        finding
            .likely()
            .seen(format!(
                "PCI device 10de:{:04x}, without a driver",
                gpu.device
            ))
            .fix(format!("install branch {last} of the driver"))
            .fix("the kernel says it too: `sudo dmesg | grep -i nvrm`"),
    )
}

/// P27: there is a GPU, and the kernel module is not loaded.
pub(super) fn module_not_loaded(case: &Case<'_>) -> Option<Finding> {
    let host = case.host;
    let module = &host.module;
    let elsewhere = host.wsl.is_some() || host.tegra.is_some() || case.computes();
    if host.gpus.is_empty() || module.loaded.is_some() || elsewhere {
        return None;
    }
    let kernel = host.kernel.as_deref().unwrap_or("this kernel");
    let finding = |cause: &str| {
        Finding::broken(
            27,
            "the kernel module of the NVIDIA driver is not loaded",
            cause,
        )
        .seen(format!("NVIDIA GPUs on the PCI bus: {}", host.gpus.len()))
        .seen("no `/proc/driver/nvidia/version`")
    };
    let passed_on = host
        .gpus
        .iter()
        .all(|gpu| gpu.bound_to.as_deref() == Some("vfio-pci"));
    let finding = if passed_on {
        finding("every GPU is bound to `vfio-pci`, to be passed on to a virtual machine")
            .fix("use it inside the virtual machine, or bind it to `nvidia` again")
    } else if module.nouveau {
        finding("nouveau is loaded, and holds the GPU")
            .seen("`/sys/module/nouveau` is there")
            .fix("`echo 'blacklist nouveau' | sudo tee /etc/modprobe.d/blacklist-nouveau.conf`, renew the initramfs, reboot")
    } else if module.built && module.secure_boot == Some(true) {
        finding("secure boot is on, and likely the module is not signed with a key that it trusts")
            .likely()
            .seen(format!("the module is built for {kernel}"))
            .fix("`sudo modprobe nvidia` says `Key was rejected by service` then; enrol the key: `sudo mokutil --import /var/lib/shim-signed/mok/MOK.der`, and reboot")
    } else if module.built {
        finding("the module is there for this kernel, and was not loaded")
            .seen(format!("the module is built for {kernel}"))
            .fix("`sudo modprobe nvidia`, and read what it says: `sudo dmesg | tail`")
    } else if let Some(other) = module.built_for_others.first() {
        finding("the kernel was updated, and the module was not built for it")
            .seen(format!(
                "the module is built for {other}, the running kernel is {kernel}"
            ))
            .fix(format!(
                "`sudo dkms autoinstall -k {kernel}`, then `sudo modprobe nvidia`; or boot {other}"
            ))
    } else {
        finding("no NVIDIA driver is installed for any kernel of this machine").fix(
            "install the NVIDIA driver with the package manager of the distribution, then reboot",
        )
    };
    Some(match host.container {
        Some(_) => finding.fix("all that on the host, not in this container"),
        None => finding,
    })
}

/// P09: a container sees no device nodes, although the host has a GPU.
pub(super) fn container_without_gpu(case: &Case<'_>) -> Option<Finding> {
    let host = case.host;
    let container = host.container.as_deref()?;
    let passed_in = host.has_node("/dev/nvidiactl") || host.has_node("/dev/dxg");
    if passed_in || host.tegra.is_some() || case.computes() {
        return None;
    }
    let finding = Finding::broken(
        9,
        "the container was started without its GPUs",
        "the host has a GPU, and the container sees no device node of it",
    )
    .seen(container)
    .seen("there is no `/dev/nvidiactl`");
    let finding = match image(case) {
        Some(image) => finding.related(16).seen(image),
        None => finding,
    };
    Some(
        finding
            .fix(WITH_GPUS)
            .fix("in a build of an image there is never a GPU: `gpuenv create --no-probe`"),
    )
}

/// P54: a container has device nodes that it may no longer open.
pub(super) fn container_lost_gpu(case: &Case<'_>) -> Option<Finding> {
    let container = case.host.container.as_deref()?;
    let mut nodes = case.host.nodes.iter();
    let (path, _) = nodes.find(|(_, access)| **access == Access::Forbidden)?;
    Some(
        Finding::broken(
            54,
            "the container may no longer open its GPU",
            "the host rewrote the rules of the container's devices, as `systemctl daemon-reload` does",
        )
        .seen(container)
        .seen(format!("`{path}` is there, and opening it is not permitted"))
        .fix("restart the container")
        .fix("for good, on the host: `sudo nvidia-ctk system create-dev-char-symlinks --create-all`"),
    )
}

/// P57: a Slurm step that asked for no GPU.
pub(super) fn slurm_without_gpu(case: &Case<'_>) -> Option<Finding> {
    let job = case.variable("SLURM_JOB_ID")?;
    let given = [
        "SLURM_JOB_GPUS",
        "SLURM_STEP_GPUS",
        "CUDA_VISIBLE_DEVICES",
        "GPU_DEVICE_ORDINAL",
    ];
    if given.iter().any(|name| case.variable(name).is_some()) || case.computes() {
        return None;
    }
    let mut nodes = case.host.nodes.values();
    let forbidden = nodes.any(|access| *access == Access::Forbidden);
    if !case.sees_no_device() && !forbidden {
        return None;
    }
    Some(
        Finding::broken(
            57,
            "the Slurm step was given no GPU",
            "Slurm hides every GPU from a step that asked for none",
        )
        .likely()
        .seen(format!(
            "`SLURM_JOB_ID` is `{job}`, and no variable names a GPU of it"
        ))
        .fix("ask for one: `srun --gres=gpu:1 …`, or `#SBATCH --gres=gpu:1`"),
    )
}

fn image(case: &Case<'_>) -> Option<String> {
    let mut names = IMAGE_VARIABLES.iter();
    names.find_map(|name| {
        Some(format!(
            "the image sets `{name}` to `{}`",
            case.variable(name)?
        ))
    })
}
