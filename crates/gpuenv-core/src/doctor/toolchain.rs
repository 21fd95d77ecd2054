//! The libraries and compilers that frameworks look for in their environment.

use super::{Case, EnvironmentFacts, Finding, LibraryFile, Package, case::major_minor};

/// Packages that compile for the GPU while they run, with the environment's NVRTC.
const COMPILING: [&str; 9] = [
    "cuda-python",
    "cupy",
    "cupy-core",
    "cupy-cuda11x",
    "cupy-cuda12x",
    "cupy-cuda13x",
    "numba",
    "numba-cuda",
    "openmm",
];

/// P02, P03: TensorFlow from a wheel does not find the CUDA that it was built with.
pub(super) fn tensorflow_libraries(case: &Case<'_>) -> Option<Finding> {
    let environment = case.environment.filter(|_| case.expects_gpu())?;
    let tensorflow = gpu_tensorflow(environment)?;
    if !tensorflow.wheel || environment.platform.starts_with("win-") {
        return None;
    }
    let version = tensorflow.version()?;
    let builds = &case.facts.tensorflow.linux;
    let build = builds.iter().filter(|build| build.tensorflow <= version);
    let build = build.max_by(|a, b| a.tensorflow.cmp(&b.tensorflow))?;
    let cuda = major_minor(&build.cuda.to_string())?;
    let cudnn = major_minor(&build.cudnn.to_string())?;
    let cudart = match cuda.major {
        ..=11 => format!("libcudart.so.{}.0", cuda.major),
        major => format!("libcudart.so.{major}"),
    };
    let wanted = [cudart, format!("libcudnn.so.{}", cudnn.major)];
    let missing = wanted
        .iter()
        .find(|soname| !loads(case, environment, soname))?;
    let stem = missing.split(".so").next().unwrap_or_default();
    let built = format!(
        "{} was built with CUDA {} and cuDNN {}",
        tensorflow.label(),
        build.cuda,
        build.cudnn
    );
    let here = |library: &&LibraryFile| library.soname == *missing;
    if let Some(unseen) = environment.libraries.iter().find(here) {
        return Some(
            Finding::doubtful(
                2,
                format!("TensorFlow does not find `{missing}`, although it is in the environment"),
                "its directory is not on the loader's path",
            )
            .seen(format!("it is `{}`", unseen.file))
            .fix("start programs with `gpuenv run`, or set `library-path: cuda` in the recipe"),
        );
    }
    let other = |library: &&LibraryFile| library.soname.starts_with(&format!("{stem}.so"));
    if let Some(other) = environment.libraries.iter().find(other) {
        return Some(
            Finding::doubtful(
                2,
                format!(
                    "TensorFlow needs `{missing}`, the environment has `{}`",
                    other.soname
                ),
                built,
            )
            .seen(format!("it is `{}`", other.file))
            .fix(format!(
                "write `cuda-version ={}` and `cudnn ={}` into the recipe, and lock again",
                build.cuda, build.cudnn
            )),
        );
    }
    Some(
        Finding::doubtful(
            3,
            format!("`{missing}` is missing, so TensorFlow skips every GPU"),
            built,
        )
        .fix(format!(
            "take `{}` into the recipe",
            owner(stem, cuda.major)
        ))
        .fix("or install `tensorflow[and-cuda]`, which brings it (2.14 and newer)"),
    )
}

/// Tells whether the loader finds a library for a wheel.
fn loads(case: &Case<'_>, environment: &EnvironmentFacts, soname: &str) -> bool {
    let named = |library: &LibraryFile| library.soname == soname;
    let searched = case
        .host
        .search
        .iter()
        .any(|d| d.libraries.iter().any(named));
    // Wheels find the wheels beside them by themselves.
    let beside =
        |library: &LibraryFile| named(library) && library.file.contains("/site-packages/nvidia/");
    searched || environment.libraries.iter().any(beside)
}

fn owner(stem: &str, cuda: u32) -> &'static str {
    match (stem, cuda) {
        ("libcudnn", _) => "cudnn",
        (_, ..=11) => "cudatoolkit",
        _ => "cuda-cudart",
    }
}

fn gpu_tensorflow(environment: &EnvironmentFacts) -> Option<&Package> {
    let found = environment.tensorflow()?;
    (found.name != "tensorflow-cpu" && found.cuda != Some(false)).then_some(found)
}

/// P36: a DLL that another one imports is nowhere.
pub(super) fn unresolved_dll(case: &Case<'_>) -> Option<Finding> {
    let environment = case.environment?;
    let first = environment.unresolved.first()?;
    let name = &first.name;
    let fix = match name.as_str() {
        "libomp140.x86_64.dll" => {
            "add `llvm-openmp` to the recipe's `dependencies`, or install \
                                   the Visual C++ redistributable of Visual Studio 2022"
        }
        "zlibwapi.dll" => "put `zlibwapi.dll` on `PATH`: cuDNN from 8.3 on needs it",
        _ if name.starts_with("vcruntime") || name.starts_with("msvcp") => {
            "add `vc14_runtime` to the recipe's `dependencies`"
        }
        _ => "`where NAME.dll` in the activated environment tells whether anybody has it",
    };
    let finding = Finding::doubtful(
        36,
        format!("`{name}` is missing, which `{}` needs", first.importer),
        "Windows names the importing file in its message, and not the one that is missing",
    );
    let others = environment.unresolved.iter().skip(1);
    let finding = others.fold(finding, |finding, other| {
        finding.seen(format!("`{}` needs `{}`", other.importer, other.name))
    });
    Some(finding.likely().fix(fix))
}

/// P01: the DLL that TensorFlow for Windows asks for.
pub(super) fn windows_dll(case: &Case<'_>) -> Option<Finding> {
    let environment = case.environment.filter(|e| e.platform == "win-64")?;
    let tensorflow = gpu_tensorflow(environment).filter(|_| case.expects_gpu())?;
    let version = tensorflow.version()?;
    let builds = &case.facts.tensorflow.windows;
    let build = builds.iter().filter(|build| build.tensorflow <= version);
    let build = build.max_by(|a, b| a.tensorflow.cmp(&b.tensorflow))?;
    let newest = builds.iter().map(|build| &build.tensorflow).max()?;
    let cuda = major_minor(&build.cuda.to_string())?;
    let dll = match cuda.major {
        11 => "cudart64_110.dll".to_string(),
        major => format!("cudart64_{major}{}.dll", cuda.minor),
    };
    let there = environment
        .libraries
        .iter()
        .any(|library| library.soname.eq_ignore_ascii_case(&dll));
    // A newer one uses no GPU at all, which is another finding.
    let newer = version > *newest
        && build.tensorflow == *newest
        && !version.starts_with(&major_of(newest)?);
    (!there && !newer).then(|| {
        Finding::doubtful(
            1,
            format!("`{dll}` is missing, so {} uses no GPU", tensorflow.label()),
            format!(
                "it was built with CUDA {} and looks for that name alone",
                build.cuda
            ),
        )
        .fix(format!(
            "take `cudatoolkit={}` and `cudnn={}` into the recipe",
            build.cuda, build.cudnn
        ))
    })
}

fn major_of(version: &rattler_conda_types::Version) -> Option<rattler_conda_types::Version> {
    major_minor(&version.to_string()).map(crate::target::CudaVersion::to_version)
}

/// P05: XLA looks for libdevice where it is not.
pub(super) fn libdevice(case: &Case<'_>) -> Option<Finding> {
    let environment = case.environment.filter(|_| case.expects_gpu())?;
    let user = xla_user(environment)?;
    let named = case
        .variable("XLA_FLAGS")
        .is_some_and(|f| f.contains("xla_gpu_cuda_data_dir"));
    let right = |path: &String| path.contains("nvvm/libdevice/");
    if named || case.host.toolkit.libdevice || environment.libdevice.iter().any(right) {
        return None;
    }
    let finding = Finding::doubtful(
        5,
        "XLA will not find `libdevice.10.bc`",
        format!("{} looks for it in `nvvm/libdevice`", user.label()),
    );
    Some(match environment.libdevice.first() {
        Some(path) => finding.seen(format!("it is at `{path}`")).fix(
            "write `xla: true` under `activation` in the recipe, and run `gpuenv create` again",
        ),
        None => finding
            .seen("it is nowhere in the environment")
            .fix("take `cuda-nvcc` into the recipe, of the same `cuda-version`"),
    })
}

/// P06: XLA needs an assembler.
pub(super) fn ptxas_missing(case: &Case<'_>) -> Option<Finding> {
    let environment = case.environment.filter(|_| case.expects_gpu())?;
    let user = xla_user(environment)?;
    (environment.ptxas.is_empty() && !case.host.toolkit.ptxas).then(|| {
        Finding::doubtful(
            6,
            "XLA will not find `ptxas`",
            format!("{} calls it to compile for the GPU; CUDA's runtime packages do not hold it", user.label()),
        )
        .fix("take `cuda-nvcc-tools` into the recipe (CUDA 12 and newer), of the same `cuda-version`")
    })
}

/// Returns what uses XLA on a GPU; nothing does on Windows.
fn xla_user(environment: &EnvironmentFacts) -> Option<&Package> {
    if environment.platform.starts_with("win-") {
        return None;
    }
    let jax = environment.package(&["jaxlib"]).filter(|jaxlib| {
        let plugin = environment
            .packages
            .iter()
            .any(|p| p.name.starts_with("jax-cuda"));
        jaxlib.cuda == Some(true) || plugin
    });
    jax.or_else(|| gpu_tensorflow(environment))
}

/// P07: an assembler older than the GPU.
pub(super) fn ptxas_too_old(case: &Case<'_>) -> Option<Finding> {
    let environment = case.environment?;
    let gpu = case.capability()?;
    let first = case.facts.architectures.get(gpu)?.first;
    let is_nvcc = |p: &&Package| {
        ["cuda-nvcc-tools", "cuda-nvcc"].contains(&p.name.as_str())
            || p.name.starts_with("nvidia-cuda-nvcc")
    };
    let nvcc = environment.packages.iter().find(is_nvcc)?;
    let version = major_minor(&nvcc.version)?;
    (version < first && !environment.ptxas.is_empty()).then(|| {
        Finding::doubtful(
            7,
            format!("`ptxas` of CUDA {version} does not know this GPU (compute capability {gpu})"),
            format!("CUDA {first} is the first that does"),
        )
        .seen(nvcc.label())
        .fix(format!(
            "write `cuda-version >={first}` into the recipe, and lock again"
        ))
    })
}

/// P32: the environment's compiler makes PTX that the driver cannot read.
pub(super) fn compiler_too_new(case: &Case<'_>) -> Option<Finding> {
    let environment = case.environment.filter(|_| case.expects_gpu())?;
    let user = environment.package(&COMPILING)?;
    let is_nvrtc = |p: &&Package| p.name == "cuda-nvrtc" || p.name.starts_with("nvidia-cuda-nvrtc");
    let nvrtc = environment.packages.iter().find(is_nvrtc)?;
    let version = major_minor(&nvrtc.version)?;
    let driver = case.driver_cuda()?;
    (version > driver).then(|| {
        Finding::doubtful(
            32,
            format!(
                "{} makes PTX that the driver, for CUDA {driver}, cannot read",
                nvrtc.label()
            ),
            "drivers run binaries of a newer minor version, but do not compile its PTX",
        )
        .likely()
        .seen(format!("{} compiles while it runs", user.label()))
        .fix(format!(
            "write `cuda-version <={driver}` into the recipe, and lock again"
        ))
        .fix("or update the driver")
    })
}

/// P44: a library twice, from conda and from wheels.
pub(super) fn duplicates(case: &Case<'_>) -> Option<Finding> {
    let environment = case.environment?;
    let is_wheel = |library: &&LibraryFile| library.file.contains("/site-packages/");
    let pair = environment
        .libraries
        .iter()
        .filter(is_wheel)
        .find_map(|wheel| {
            let mut others = environment
                .libraries
                .iter()
                .filter(|library| !is_wheel(library));
            let same = others.find(|other| other.soname == wheel.soname && differ(other, wheel))?;
            Some((wheel, same))
        });
    let (wheel, conda) = pair?;
    Some(
        Finding::doubtful(
            44,
            format!("`{}` is in the environment twice", wheel.soname),
            "conda packages and wheels both bring it; the first one that a program loads wins",
        )
        .seen(described(conda))
        .seen(described(wheel))
        .fix("take either the conda packages or the wheels out of the recipe"),
    )
}

/// Tells whether two files of one name are different libraries.
pub(super) fn differ(a: &LibraryFile, b: &LibraryFile) -> bool {
    match (&a.version, &b.version) {
        (Some(a), Some(b)) => a != b,
        _ => a.size != b.size,
    }
}

/// Names a library file with its version or size.
pub(super) fn described(library: &LibraryFile) -> String {
    match &library.version {
        Some(version) => format!("`{}`, version {version}", library.file),
        None => format!("`{}`, {} bytes", library.file, library.size),
    }
}
