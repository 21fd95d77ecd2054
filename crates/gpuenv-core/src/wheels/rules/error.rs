//! Why wheels are refused, and what to do about it.

use rattler_conda_types::Subdir;

use crate::{
    Code, Diagnostic, Place,
    wheels::{CpuOnly, Machine},
};

/// Wheels cannot be part of an environment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WheelError {
    /// There is no Python for them.
    #[error(
        "recipe `{recipe}` has `pypi-dependencies` on {platform}, and no `python` in `dependencies`"
    )]
    WithoutPython {
        /// The recipe.
        recipe: String,
        /// The platform.
        platform: Subdir,
        /// The first requirement.
        place: Option<Box<Place>>,
    },
    /// There is no Python among the packages.
    #[error("there are wheels, and no conda package `python`")]
    NoPython,
    /// The Python is not one that wheels are chosen for.
    #[error("wheels are installed for CPython, and `{package}` is another kind of Python")]
    OtherPython {
        /// The conda package.
        package: String,
    },
    /// A conda package brings the same.
    #[error(
        "{platform}: `{name}` is in `pypi-dependencies`, and comes with the conda package `{package}` too"
    )]
    Twice {
        /// The distribution.
        name: String,
        /// The conda package.
        package: String,
        /// The platform.
        platform: Subdir,
        /// The requirement.
        place: Option<Box<Place>>,
    },
    /// A conda package and a wheel have one name.
    #[error("the wheel `{wheel}` and the conda package `{package}` have one name")]
    OneName {
        /// The wheel.
        wheel: String,
        /// The conda package.
        package: String,
    },
    /// There is no file that the machine could load.
    #[error("`{distribution}` has no wheel for {}", on(machine))]
    NoWheel {
        /// The distribution and its version.
        distribution: String,
        /// What it would be for.
        machine: Machine,
        /// The files that there are.
        files: Vec<String>,
    },
    /// A file must not be installed.
    #[error("the wheel `{wheel}` must not be installed: {reason}")]
    Untrusted {
        /// The wheel.
        wheel: String,
        /// Why not.
        reason: &'static str,
    },
    /// Two generations of CUDA meet.
    #[error("the wheels `{first}` and `{second}` belong to different versions of CUDA")]
    TwoCudas {
        /// One wheel.
        first: String,
        /// The other.
        second: String,
    },
    /// Two CUDA runtimes meet.
    #[error("the conda package `{package}` and the wheel `{wheel}` both bring a CUDA runtime")]
    CudaTwice {
        /// The conda package.
        package: String,
        /// The wheel.
        wheel: String,
    },
    /// An old TensorFlow would meet a NumPy that it is not built for.
    #[error("`{tensorflow}` is built for NumPy 1, and the conda package is `{package}`")]
    NumpyTooNew {
        /// The wheel.
        tensorflow: String,
        /// The conda package.
        package: String,
    },
    /// A GPU is required, and a wheel has no code for one.
    #[error("{platform}: `{wheel}` is a build for the CPU, and `gpu` is `required`")]
    CpuOnly {
        /// The wheel.
        wheel: String,
        /// The platform.
        platform: Subdir,
        /// How that is known, and what to do.
        why: CpuOnly,
    },
    /// No GPU is used, and a wheel brings CUDA.
    #[error("{platform}: `{wheel}` comes with CUDA, and `gpu` is `none`")]
    CudaUnwanted {
        /// The wheel.
        wheel: String,
        /// The platform.
        platform: Subdir,
    },
}

fn on(machine: &Machine) -> String {
    let (major, minor) = machine.python;
    let (glibc_major, glibc_minor) = machine.glibc;
    let glibc = match machine.platform.is_linux() {
        true => format!(" with glibc {glibc_major}.{glibc_minor}"),
        false => String::new(),
    };
    format!("Python {major}.{minor} on {}{glibc}", machine.platform)
}

impl From<WheelError> for Diagnostic {
    fn from(error: WheelError) -> Self {
        let message = error.to_string();
        let conflict = || Diagnostic::error(Code::WHEELS_CONFLICT, message.clone());
        match error {
            WheelError::WithoutPython { place, .. } => placed(conflict(), place)
                .cause("wheels are chosen for the Python of the conda half")
                .help("add a line such as `python 3.12.*` to `dependencies`"),
            WheelError::NoPython => {
                conflict().help("add a line such as `python 3.12.*` to `dependencies`")
            }
            WheelError::OtherPython { .. } => {
                conflict().help("ask for the usual build: `python 3.13.* *_cp313`")
            }
            WheelError::Twice { name, place, .. } => placed(conflict(), place)
                .cause("one of the two would overwrite the files of the other")
                .help(format!(
                    "delete `{name}` from `pypi-dependencies` and put its bound into `dependencies`"
                ))
                .help("or take what needs it from `pypi-dependencies` too"),
            WheelError::OneName { .. } => conflict()
                .cause("an environment holds one package of a name")
                .help("take both from conda, or both from PyPI"),
            WheelError::NoWheel { files, .. } => {
                let error = Diagnostic::error(Code::WHEELS_UNSOLVABLE, message.clone());
                let error = match files.is_empty() {
                    true => error
                        .cause("there is source code only, which gpuenv does not build")
                        .help("build the wheel yourself: `pip wheel --no-deps -w wheels NAME==VERSION`, and add `pypi-options: { find-links: [./wheels] }`"),
                    false => error.cause(format!("there is: {}", shown(&files))),
                };
                error.help("take another version, or a conda package under `dependencies`")
            }
            WheelError::Untrusted { .. } => Diagnostic::error(Code::LOCK_UNTRUSTED, message)
                .help("use an index that gives a sha256 for each file, as PEP 503 and PEP 691 have it"),
            WheelError::TwoCudas { .. } => conflict()
                .cause("a process that loads both fails or computes on none")
                .help("bound the packages in `pypi-dependencies` that need them to one version of CUDA"),
            WheelError::CudaTwice { .. } => conflict()
                .cause("which of the two a library finds depends on the order of loading")
                .help("delete the CUDA packages from `dependencies`: the wheels bring their own")
                .help("or take the framework from `dependencies` as well")
                .help("or, if you know that it works: `pypi-options: { allow-two-cuda-runtimes: true }`"),
            WheelError::CpuOnly { why, .. } => {
                let error = Diagnostic::error(Code::SOLVE_ONLY_CPU, message.clone());
                let help = why.help.iter();
                let error = help.fold(error.cause(why.reason), |e, help| e.help(*help));
                error.help("or do without a GPU: `gpu: optional`")
            }
            WheelError::CudaUnwanted { .. } => {
                Diagnostic::error(Code::SOLVE_ONLY_CUDA, message.clone())
                    .cause("CUDA takes about two gigabytes and is of no use here")
                    .help("name an index that has builds for the CPU: `pypi-options: { extra-index-urls: [\"https://download.pytorch.org/whl/cpu\"] }`")
                    .help("or allow a GPU: `gpu: optional`")
            }
            WheelError::NumpyTooNew { .. } => {
                conflict().help("add `numpy <2` to `dependencies`")
            }
        }
    }
}

fn placed(mut diagnostic: Diagnostic, place: Option<Box<Place>>) -> Diagnostic {
    diagnostic.place = place.map(|place| *place);
    diagnostic
}

/// Lists some names.
fn shown(files: &[String]) -> String {
    let first: Vec<&str> = files.iter().take(4).map(String::as_str).collect();
    match files.len() - first.len() {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}
