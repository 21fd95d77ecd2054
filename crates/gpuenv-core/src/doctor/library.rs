//! Which `libcuda` is loaded, and whether it is the right one.

use super::{Case, DriverLibrary, Finding, LibraryKind, Wsl};

/// Where WSL keeps the driver.
const WSL_DIRECTORY: &str = "/usr/lib/wsl/lib";

/// P34, P35: what can be wrong only in WSL.
pub(super) fn wsl(case: &Case<'_>) -> Option<Finding> {
    let host = case.host;
    let finding = |summary: &str, cause: &str| Finding::broken(34, summary, cause).related(35);
    if host.wsl? == Wsl::One {
        return Some(
            finding(
                "WSL 1 has no GPU",
                "only WSL 2 has a kernel that passes the GPU on",
            )
            .fix("in PowerShell: `wsl --set-version DISTRIBUTION 2`"),
        );
    }
    let of_wsl = host.libraries.iter().any(|l| l.kind == LibraryKind::Wsl);
    let linux = host
        .libraries
        .iter()
        .find(|library| library.kind == LibraryKind::Driver && library.version.is_some());
    if !host.has_node("/dev/dxg") && !case.computes() {
        return Some(
            finding("WSL does not pass the GPU on", "there is no `/dev/dxg`")
                .fix("in PowerShell: `wsl --update`, then `wsl --shutdown`; Windows must be of build 19044 or newer"),
        );
    }
    if !of_wsl && !case.computes() {
        return Some(
            finding(
                "the driver of Windows is not passed on to WSL",
                "there is no `/usr/lib/wsl/lib/libcuda.so.1`",
            )
            .fix(
                "install the NVIDIA driver in Windows, then `wsl --shutdown`; never one inside WSL",
            ),
        );
    }
    if let Some(linux) = linux {
        let mut found = finding(
            "a Linux driver is installed inside WSL",
            "it hides the driver of Windows, the only one that works there",
        )
        .seen(seen(linux))
        .fix("remove it: `sudo apt remove 'libnvidia-compute-*' 'nvidia-driver-*'`, or what the distribution calls it");
        if case.computes() {
            found.weight = super::Weight::Doubtful;
        }
        return Some(found);
    }
    let searched = host.search.iter().any(|d| d.directory == WSL_DIRECTORY);
    (!host.loader_knows_wsl && !searched && of_wsl).then(|| {
        Finding::doubtful(
            34,
            "programs do not find the driver in WSL",
            "the loader does not look into `/usr/lib/wsl/lib`",
        )
        .related(35)
        .fix("`echo /usr/lib/wsl/lib | sudo tee /etc/ld.so.conf.d/ld.wsl.conf && sudo ldconfig`")
        .fix("or `export LD_LIBRARY_PATH=/usr/lib/wsl/lib:$LD_LIBRARY_PATH`")
    })
}

/// P30: a toolkit's stub in the driver's place.
pub(super) fn stub(case: &Case<'_>) -> Option<Finding> {
    let asked = case.observation.and_then(|o| o.driver.as_ref());
    let by_place = asked.is_some_and(|driver| driver.file.contains("/stubs/"));
    let unasked = case.observation.is_none();
    let first = case.host.libcuda().filter(|l| l.kind == LibraryKind::Stub);
    let answered = case.failed(&[34]);
    if case.computes() || !(by_place || answered.is_some() || unasked && first.is_some()) {
        return None;
    }
    let file = asked.map(|driver| driver.file.as_str());
    let file = file.or(first.map(|library| library.real.as_str()));
    let finding = Finding::broken(
        30,
        "a toolkit's stub is loaded in the driver's place",
        "the directory `stubs` of a CUDA toolkit is for linking only",
    )
    .seen(format!("`{}`", file.unwrap_or("libcuda.so.1")));
    let finding = match answered {
        Some((_, failed)) => finding.seen(failed.to_string()),
        None => finding,
    };
    Some(finding.fix(take_out(case, file)))
}

/// The `libcuda` that a program gets: the one that was loaded, else the one that would be.
struct Loaded<'a> {
    file: &'a str,
    version: Option<&'a str>,
    kind: LibraryKind,
    by_variable: bool,
}

fn loaded<'a>(case: &Case<'a>) -> Option<Loaded<'a>> {
    let Some(asked) = case.observation.and_then(|o| o.driver.as_ref()) else {
        return case.host.libcuda().map(|library| Loaded {
            file: &library.real,
            version: library.version.as_deref(),
            kind: library.kind,
            by_variable: library.by_variable,
        });
    };
    let mut libraries = case.host.libraries.iter();
    let known = libraries.find(|l| l.real == asked.file || l.file == asked.file);
    let version = asked.version.as_deref();
    Some(Loaded {
        version: version.or(known.and_then(|library| library.version.as_deref())),
        kind: match known {
            Some(library) => library.kind,
            None if asked.file.contains("compat") => LibraryKind::Compat,
            None => LibraryKind::Driver,
        },
        by_variable: known.is_some_and(|library| library.by_variable),
        file: &asked.file,
    })
}

/// P31, P30: a driver library for forward compatibility.
pub(super) fn compat(case: &Case<'_>) -> Option<Finding> {
    let loaded = loaded(case);
    let is_compat = loaded
        .as_ref()
        .is_some_and(|l| l.kind == LibraryKind::Compat);
    let finding = if let Some((_, failed)) = case.failed(&[804]) {
        let geforce = case.host.driven.iter().find_map(|gpu| gpu.model.clone());
        let finding = Finding::broken(
            31,
            "forward compatibility does not work on this GPU",
            "a driver library of `cuda-compat` is loaded; it works on data-centre GPUs only",
        )
        .seen(failed.to_string());
        match geforce {
            Some(model) => finding.seen(format!("the GPU is a {model}")),
            None => finding,
        }
        .fix("or update the driver itself, or take an older `cuda-version`")
    } else if let (Some((_, failed)), true) = (case.failed(&[803]), is_compat) {
        Finding::broken(
            30,
            "the driver library of `cuda-compat` does not fit the kernel module",
            "it is loaded before the machine's own library",
        )
        .seen(failed.to_string())
    } else {
        return None;
    };
    let file = loaded.map(|loaded| loaded.file);
    let shown = file.unwrap_or("libcuda.so.1");
    let mut finding = finding.seen(format!("the library is `{shown}`"));
    finding.fix.insert(0, take_out(case, file));
    Some(finding)
}

/// P28, P30: library and kernel module of different versions.
pub(super) fn mismatch(case: &Case<'_>) -> Option<Finding> {
    let host = case.host;
    if host.wsl.is_some() || case.computes() {
        return None;
    }
    let module = host.module.loaded.as_deref()?;
    let loaded = loaded(case);
    let version = loaded.as_ref().and_then(|loaded| loaded.version);
    let refused = case.failed(&[803]);
    let differs = version.is_some_and(|version| version != module);
    // A newer library on an older module is what `cuda-compat` is for, and may work.
    let own = loaded
        .as_ref()
        .is_some_and(|l| l.kind == LibraryKind::Driver);
    if refused.is_none() && (!differs || !own) {
        return None;
    }
    let stray = loaded.as_ref().is_some_and(|loaded| loaded.by_variable);
    let (mode, cause) = match stray {
        true => (30, "`LD_LIBRARY_PATH` leads to a copy of another driver"),
        false => (
            28,
            "the driver was updated while the old kernel module stayed loaded, or a driver was installed inside a container",
        ),
    };
    let shown = version.unwrap_or("unknown");
    let summary = format!(
        "the driver's library is of version {shown}, its kernel module of version {module}"
    );
    let mut finding = Finding::broken(mode, summary, cause);
    let file = loaded.map(|loaded| loaded.file);
    finding
        .evidence
        .extend(file.map(|file| format!("the library is `{file}`")));
    finding
        .evidence
        .extend(refused.map(|(_, failed)| failed.to_string()));
    Some(match (stray, &host.container) {
        (true, _) => finding.fix(take_out(case, file)),
        (false, Some(container)) => finding
            .seen(container.as_str())
            .fix("remove the NVIDIA packages that were installed inside the container; the driver comes from the host"),
        (false, None) => finding
            .fix("`sudo reboot`")
            .fix("or, with no program on the GPU: `sudo rmmod nvidia_drm nvidia_modeset nvidia_uvm nvidia && sudo modprobe nvidia`"),
    })
}

/// P15, P09: the kernel module is there, and no library.
pub(super) fn missing(case: &Case<'_>) -> Option<Finding> {
    let host = case.host;
    let loaded = case.observation.is_some_and(|o| o.driver.is_some());
    let module = host.module.loaded.as_deref()?;
    if loaded || host.libcuda().is_some() || host.wsl.is_some() {
        return None;
    }
    let seen = format!("the kernel module of driver {module} is loaded");
    if let Some(container) = &host.container {
        return Some(
            Finding::broken(
                9,
                "the container has the GPU, and not the driver's library",
                "it was started without the driver's `compute` part",
            )
            .seen(container.as_str())
            .seen(seen)
            .fix("`docker run --gpus all -e NVIDIA_DRIVER_CAPABILITIES=compute,utility …`")
            .fix("or `apptainer exec --nv …`"),
        );
    }
    Some(
        Finding::broken(
            15,
            "there is no `libcuda.so.1` although the kernel module is loaded",
            "only the kernel's part of the driver is installed, or its library lies where the loader does not look",
        )
        .seen(seen)
        .fix("install the driver's libraries, of exactly that version: `libnvidia-compute-…` (Debian, Ubuntu), `nvidia-driver-cuda-libs` (RHEL)")
        .fix("or look for them: `find / -name 'libcuda.so.1' 2>/dev/null`"),
    )
}

fn seen(library: &DriverLibrary) -> String {
    match &library.version {
        Some(version) => format!("`{}`, version {version}", library.real),
        None => format!("`{}`", library.real),
    }
}

/// Says how to keep a file from being loaded.
fn take_out(case: &Case<'_>, file: Option<&str>) -> String {
    let directory = file.and_then(|file| Some(file.rsplit_once('/')?.0));
    let mut libraries = case.host.libraries.iter();
    let by_variable = libraries.any(|l| l.by_variable && Some(l.real.as_str()) == file)
        || case.variable("LD_LIBRARY_PATH").is_some_and(|path| {
            path.split(':')
                .any(|entry| Some(entry.trim_end_matches('/')) == directory)
        });
    match (directory, by_variable) {
        (Some(directory), true) => format!("take `{directory}` out of `LD_LIBRARY_PATH`"),
        _ => "find out what comes before the driver, and remove it: `ldconfig -p | grep libcuda`, `grep -r . /etc/ld.so.conf.d`".to_string(),
    }
}
