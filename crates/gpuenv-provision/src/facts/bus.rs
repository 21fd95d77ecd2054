//! The PCI bus, the kernel module and the GPUs that it drives.

use gpuenv_core::doctor::{DrivenGpu, Module, PciDevice};

use super::root::{self, Root};

/// NVIDIA's number on the bus.
const NVIDIA: &str = "0x10de";

/// The list of a kernel's modules is longer than other texts.
const LONGEST_MODULE_LIST: u64 = 8 << 20;

/// So many kernels are looked at.
const MOST_KERNELS: usize = 16;

/// Returns NVIDIA's GPUs and switches.
pub(super) fn devices(root: &Root<'_>) -> (Vec<PciDevice>, Vec<PciDevice>) {
    let mut gpus = Vec::new();
    let mut switches = Vec::new();
    for address in root.names("/sys/bus/pci/devices") {
        let file = |name: &str| root.line(&format!("/sys/bus/pci/devices/{address}/{name}"));
        if file("vendor").as_deref() != Some(NVIDIA) {
            continue;
        }
        let class = file("class").unwrap_or_default();
        let device = file("device").unwrap_or_default();
        let device = u16::from_str_radix(device.trim_start_matches("0x"), 16);
        let found = PciDevice {
            device: device.unwrap_or(0),
            bound_to: root.link_name(&format!("/sys/bus/pci/devices/{address}/driver")),
            address: address.clone(),
        };
        match class.get(..6) {
            // Display controllers and 3D controllers.
            Some("0x0300" | "0x0302") => gpus.push(found),
            // Bridges "of another kind": NVSwitch.
            Some("0x0680") => switches.push(found),
            _ => {}
        }
    }
    (gpus, switches)
}

/// Returns what is known of the kernel module.
pub(super) fn module(root: &Root<'_>, kernel: Option<&str>) -> Module {
    let told = root
        .text("/proc/driver/nvidia/version")
        .and_then(|text| version_in(&text));
    let loaded = told.or_else(|| root.line("/sys/module/nvidia/version"));
    let mut module = Module {
        nouveau: root.exists("/sys/module/nouveau"),
        secure_boot: secure_boot(root),
        loaded,
        ..Module::default()
    };
    // Who has one loaded needs no list of those that could be.
    if module.loaded.is_none() {
        for other in root.names("/lib/modules").into_iter().take(MOST_KERNELS) {
            if !has_module(root, &other) {
                continue;
            }
            match Some(other.as_str()) == kernel {
                true => module.built = true,
                false => module.built_for_others.push(other),
            }
        }
    }
    module
}

fn has_module(root: &Root<'_>, kernel: &str) -> bool {
    let list = root.at(&format!("/lib/modules/{kernel}/modules.dep"));
    let list = root::text(&list, LONGEST_MODULE_LIST).unwrap_or_default();
    list.lines().any(|line| {
        let file = line.split(':').next().unwrap_or_default();
        let name = file.rsplit('/').next().unwrap_or_default();
        name.strip_prefix("nvidia.ko")
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

fn secure_boot(root: &Root<'_>) -> Option<bool> {
    let name = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
    let bytes = root::bytes(&root.at(name), 16)?;
    // Four bytes of attributes, then the value.
    Some(*bytes.get(4)? == 1)
}

/// Finds the driver's version in the line that the module says of itself.
fn version_in(text: &str) -> Option<String> {
    let line = text.lines().next()?;
    let mut words = line.split_whitespace();
    words
        .find(|word| is_driver_version(word))
        .map(str::to_string)
}

/// Tells whether a word is a driver's version: `550.54.14`.
pub(super) fn is_driver_version(word: &str) -> bool {
    let numbers: Option<Vec<u32>> = word.split('.').map(|part| part.parse().ok()).collect();
    numbers.is_some_and(|numbers| numbers.len() >= 2 && numbers[0] >= 100)
}

/// Returns the GPUs that the kernel module drives.
pub(super) fn driven(root: &Root<'_>) -> Vec<DrivenGpu> {
    let addresses = root.names("/proc/driver/nvidia/gpus");
    let gpu = |address: String| {
        let path = format!("/proc/driver/nvidia/gpus/{address}/information");
        let text = root.text(&path).unwrap_or_default();
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            let value = line.trim_start_matches([':', ' ', '\t']).trim();
            // A GPU that was never used says question marks.
            (!value.is_empty() && !value.contains("??")).then(|| value.to_string())
        };
        DrivenGpu {
            model: field("Model"),
            uuid: field("GPU UUID"),
            address,
        }
    };
    addresses.into_iter().map(gpu).collect()
}

/// Returns how many MIG instances there are.
pub(super) fn mig_instances(root: &Root<'_>) -> usize {
    let capabilities = "/proc/driver/nvidia/capabilities";
    let gpus = root.names(capabilities).into_iter();
    let instances = gpus.filter(|name| name.starts_with("gpu")).flat_map(|gpu| {
        let names = root.names(&format!("{capabilities}/{gpu}/mig"));
        names.into_iter().filter(|name| name.starts_with("gi"))
    });
    instances.count()
}
