//! Where the machine lives: a container, WSL, a Jetson; and what the user has at home.

use std::path::Path;

use gpuenv_core::doctor::{UserSite, Wsl};
use rattler_virtual_packages::LibC;

use super::root::{self, Root};

/// The C library is looked through for its version no further than this.
const LONGEST_LIBRARY: u64 = 8 << 20;

/// Where the C library is.
const C_LIBRARIES: [&str; 6] = [
    "/lib/x86_64-linux-gnu/libc.so.6",
    "/lib/aarch64-linux-gnu/libc.so.6",
    "/lib/powerpc64le-linux-gnu/libc.so.6",
    "/lib64/libc.so.6",
    "/usr/lib64/libc.so.6",
    "/usr/lib/libc.so.6",
];

/// What its banner says before the version.
const BANNER: &[u8] = b"stable release version ";

/// Packages that bring a GPU framework or its libraries.
const GPU_PACKAGES: [&str; 7] = [
    "cupy",
    "jax",
    "keras",
    "numba",
    "nvidia",
    "tensorflow",
    "torch",
];

/// So many processes are looked at.
const MOST_PROCESSES: usize = 20_000;

/// Says by what a container shows itself.
pub(super) fn container(
    root: &Root<'_>,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Option<String> {
    for (file, name) in [
        ("/.dockerenv", "Docker"),
        ("/run/.containerenv", "Podman"),
        ("/.singularity.d", "Apptainer"),
    ] {
        if root.exists(file) {
            return Some(format!("{name}: `{file}` is there"));
        }
    }
    for name in [
        "APPTAINER_CONTAINER",
        "SINGULARITY_CONTAINER",
        "KUBERNETES_SERVICE_HOST",
    ] {
        if variable(name).is_some() {
            return Some(format!("`{name}` is set"));
        }
    }
    let groups = root.text("/proc/1/cgroup").unwrap_or_default();
    let words = ["docker", "kubepods", "containerd", "libpod"];
    let word = words.iter().find(|word| groups.contains(**word))?;
    Some(format!("`/proc/1/cgroup` names {word}"))
}

/// Returns which WSL this is.
pub(super) fn wsl(kernel: Option<&str>) -> Option<Wsl> {
    let kernel = kernel?;
    let lower = kernel.to_ascii_lowercase();
    match (
        lower.contains("microsoft"),
        lower.contains("wsl2") || lower.contains("microsoft-standard"),
    ) {
        (_, true) => Some(Wsl::Two),
        (true, false) => Some(Wsl::One),
        (false, false) => None,
    }
}

/// Returns the release of a Jetson's system.
pub(super) fn tegra(root: &Root<'_>) -> Option<String> {
    let release = root.line("/etc/nv_tegra_release");
    let release = release.map(|line| line.trim_start_matches('#').trim().to_string());
    release.or_else(|| {
        let tree = root.text("/proc/device-tree/compatible")?;
        tree.contains("nvidia,tegra")
            .then(|| "a board of the Tegra family".to_string())
    })
}

/// Returns how the distribution calls itself.
pub(super) fn distribution(root: &Root<'_>) -> Option<String> {
    let text = root.text("/etc/os-release")?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(line.trim_matches('"').to_string())
}

/// Returns the release of the kernel.
pub(super) fn kernel(root: &Root<'_>) -> Option<String> {
    root.line("/proc/sys/kernel/osrelease")
}

/// Returns the build of Windows, such as 19045; `None` elsewhere.
pub(super) fn windows_build() -> Option<u32> {
    // The third number of the version, as `ver` prints it: 10.0.19045.
    let version = rattler_virtual_packages::Windows::current()?.version?;
    build_of(&version.to_string())
}

fn build_of(version: &str) -> Option<u32> {
    version.split('.').nth(2)?.parse().ok()
}

/// Returns the version of glibc.
///
/// The machine at hand is asked as conda asks it: its glibc may lie in a place of
/// its own. Else, and below any other root, the library's banner says it.
pub(super) fn glibc(root: &Root<'_>) -> Option<String> {
    let here = match root.0 == Path::new("/") {
        // A libc that cannot tell its version is no glibc that anybody knows.
        true => LibC::current().ok().flatten(),
        false => None,
    };
    here.map(|libc| libc.version.to_string())
        .or_else(|| banner(root))
}

fn banner(root: &Root<'_>) -> Option<String> {
    let bytes = C_LIBRARIES.iter().find_map(|path| {
        let real = root.real(path)?;
        root::bytes(&root.at(&real), LONGEST_LIBRARY)
    })?;
    let at = bytes
        .windows(BANNER.len())
        .position(|window| window == BANNER)?;
    let rest = bytes[at + BANNER.len()..].iter();
    let version = rest
        .take(12)
        .take_while(|byte| byte.is_ascii_digit() || **byte == b'.');
    let version: String = version.map(|byte| char::from(*byte)).collect();
    let version = version.trim_end_matches('.');
    (!version.is_empty()).then(|| version.to_string())
}

/// Tells whether the fabric manager runs.
pub(super) fn fabric_manager(root: &Root<'_>) -> bool {
    let processes = root.names("/proc").into_iter();
    let processes = processes.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
    let mut names = processes
        .take(MOST_PROCESSES)
        .filter_map(|id| root.line(&format!("/proc/{id}/comm")));
    // The kernel cuts names after 15 characters.
    names.any(|name| name.starts_with("nv-fabricmanag"))
}

/// Returns the machine's memory.
pub(super) fn memory(root: &Root<'_>) -> Option<u64> {
    let text = root.text("/proc/meminfo")?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// Returns the GPU packages in the user's own site directories.
pub(super) fn user_sites(home: &Path) -> Vec<UserSite> {
    let lib = home.join(".local/lib");
    let versions = root::names(&lib);
    let versions = versions
        .iter()
        .filter_map(|name| name.strip_prefix("python"));
    let site = |version: &str| {
        let directory = lib.join(format!("python{version}")).join("site-packages");
        let names = root::names(&directory).into_iter();
        let names = names.filter_map(|name| {
            let stem = name.strip_suffix(".dist-info")?;
            let name = stem
                .split('-')
                .next()
                .unwrap_or_default()
                .to_ascii_lowercase();
            let ours = |word: &&str| name == **word || name.starts_with(&format!("{word}_"));
            GPU_PACKAGES.iter().any(ours).then(|| stem.to_string())
        });
        UserSite {
            packages: names.take(50).collect(),
            python: version.to_string(),
            directory: directory.to_string_lossy().into_owned(),
        }
    };
    let sites = versions.map(site);
    sites.filter(|site| !site.packages.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_is_the_third_number_of_the_version() {
        assert_eq!(build_of("10.0.19045"), Some(19045));
        assert_eq!(build_of("10.0.19045.3803"), Some(19045));
        assert_eq!(build_of("10.0"), None);
        assert_eq!(build_of("6.1.x"), None);
    }
}
