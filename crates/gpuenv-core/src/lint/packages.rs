//! Packages that are missing, gone, or asked for twice.

use super::{Finding, Spot, Subject, matrix, subject::Kind};
use crate::{Code, import::Format};

/// Packages of PyPI that compile CUDA code when they are installed.
const COMPILES: [&str; 9] = [
    "pycuda",
    "flash-attn",
    "apex",
    "deepspeed",
    "detectron2",
    "cupy",
    "mamba-ssm",
    "causal-conv1d",
    "pytorch3d",
];

/// The same framework under its names in conda and on PyPI.
const TWINS: [(&str, &str); 6] = [
    ("pytorch", "torch"),
    ("pytorch-gpu", "torch"),
    ("tensorflow", "tensorflow"),
    ("tensorflow-gpu", "tensorflow"),
    ("jaxlib", "jaxlib"),
    ("cupy", "cupy-cuda12x"),
];

pub(super) fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    no_python(subject, found);
    gone(subject, found);
    cupy(subject, found);
    compiler(subject, found);
    target(subject, found);
    twice(subject, found);
}

/// Wheels and no Python of the environment's own.
fn no_python(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let is_environment = !matches!(
        subject.kind,
        Kind::File(Format::Requirements | Format::Pyproject)
    );
    let has_environment = !subject.packages.is_empty()
        || subject
            .commands
            .iter()
            .any(|command| command.words.iter().any(|word| word.text == "create"));
    let Some(wheel) = subject.wheels.first() else {
        return;
    };
    if !is_environment || !has_environment || subject.package("python").is_some() {
        return;
    }
    let finding = Finding::warning(Code::LINT_NO_PYTHON, "the environment has wheels and no Python")
        .because("pip then belongs to the system's Python: it installs outside, and finds no CUDA of the environment")
        .help("add `python`, in the version that the wheels are for");
    let version = match subject
        .wheel("tensorflow")
        .or(subject.wheel("tensorflow-gpu"))
    {
        Some(tensorflow)
            if !tensorflow.takes_wheel("2.12.0") && !tensorflow.takes_wheel("2.15.0") =>
        {
            "3.10.*"
        }
        _ => "",
    };
    let python = subject.conda_text("python", version);
    let create = subject.commands.iter().find(|command| {
        let words: Vec<&str> = command
            .words
            .iter()
            .map(|word| word.text.as_str())
            .collect();
        words.contains(&"create")
    });
    let edits = match (
        create,
        subject.packages.iter().find(|package| package.at.is_some()),
    ) {
        (Some(create), _) => subject.add_behind(Some(create.at), &python),
        (None, Some(package)) => subject.add_behind(package.at, &python),
        (None, None) => Vec::new(),
    };
    found.push(subject.mark(finding, wheel.at).fix(edits));
}

/// `tensorflow-gpu` of PyPI.
fn gone(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let Some(wheel) = subject.wheel("tensorflow-gpu") else {
        return;
    };
    let rest = wheel.text["tensorflow-gpu".len()..].trim().to_string();
    let has_bound = rest.contains("==") || rest.contains('<') || rest.contains("~=");
    let better = match has_bound || subject.is_on_windows(wheel) {
        true => format!("tensorflow{rest}"),
        false => format!("tensorflow[and-cuda]{rest}"),
    };
    let finding = Finding::warning(
        Code::LINT_TENSORFLOW_GPU,
        "PyPI has no installable `tensorflow-gpu` any more",
    )
    .because("since 2.1 `tensorflow` itself has the code for GPUs; the old name was removed")
    .help(format!("write `{better}`"));
    found.push(
        subject
            .mark(finding, wheel.at)
            .fix(subject.replace(wheel, &better)),
    );
}

/// `cupy` of PyPI is compiled when it is installed.
fn cupy(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let Some(wheel) = subject.wheel("cupy") else {
        return;
    };
    let major = matrix::pinned_cuda(subject).map(|(_, cuda)| cuda.0);
    let name = match major {
        Some(11) => "cupy-cuda11x",
        Some(13) => "cupy-cuda13x",
        _ => "cupy-cuda12x",
    };
    let better = format!("{name}{}", &wheel.text["cupy".len()..]);
    let finding = Finding::warning(
        Code::LINT_CUPY,
        "`cupy` of PyPI is source code, and needs a CUDA toolkit to be built",
    )
    .because("its wheels have the CUDA version in their name")
    .help(format!("write `{better}`, or take `cupy` of conda-forge"));
    found.push(
        subject
            .mark(finding, wheel.at)
            .fix(subject.replace(wheel, &better)),
    );
}

/// Something is compiled, and `cudatoolkit` has no compiler.
fn compiler(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let Some(toolkit) = subject.package("cudatoolkit") else {
        return;
    };
    let has_compiler = subject.packages.iter().any(|package| {
        package.name.starts_with("cuda-nvcc")
            || package.name == "cudatoolkit-dev"
            || package.name.starts_with("nvcc_")
    });
    let calls = subject
        .commands
        .iter()
        .find(|command| command.words[0].text.ends_with("nvcc"));
    let builds = subject
        .wheels
        .iter()
        .find(|wheel| COMPILES.contains(&wheel.name.as_str()));
    let (at, why) = match (calls, builds) {
        _ if has_compiler => return,
        (Some(call), _) => (Some(call.at), "`nvcc` is called".to_string()),
        (None, Some(wheel)) => (
            wheel.at,
            format!("`{}` is compiled when it is installed", wheel.name),
        ),
        (None, None) => return,
    };
    let version = toolkit
        .pin()
        .map(|(major, minor)| format!("{major}.{minor}.*"))
        .unwrap_or_default();
    let compiler = subject.conda_text("cudatoolkit-dev", &version);
    let finding = Finding::warning(
        Code::LINT_NO_COMPILER,
        format!("{why}, and `cudatoolkit` holds no compiler"),
    )
    .because("it has the libraries that programs load, and neither `nvcc` nor headers")
    .help(format!(
        "add `{compiler}`, or `cuda-nvcc` with CUDA 12 and newer"
    ));
    let mut edits = subject.add_behind(toolkit.at, &compiler);
    if at.is_some_and(|at| toolkit.at.is_some_and(|toolkit| at.start < toolkit.start))
        && edits.len() > 1
    {
        edits.truncate(1);
    }
    found.push(subject.mark(finding, at).fix(edits));
}

/// The recipe's target promises less than its packages need.
fn target(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let (Some(target), Some((package, asked))) = (&subject.cuda, matrix::pinned_cuda(subject))
    else {
        return;
    };
    let promised = matrix::numbers(&target.text);
    if asked.0 <= promised.0 {
        return;
    }
    let finding = Finding::warning(
        Code::LINT_CUDA_TARGET,
        format!("`{}` is newer than the CUDA {} of the target", package.text, target.text),
    )
    .because("a driver that supports only the target's CUDA does not run programs of a newer major version")
    .help(format!("write `cuda: \"{}.{}\"` in `target`, or ask for an older CUDA", asked.0, asked.1));
    let raised = Spot {
        at: target.at,
        ..target.clone()
    };
    // With TensorFlow of PyPI it is the CUDA that must give way, by its own finding.
    let edits = match subject.wheel("tensorflow") {
        Some(_) => Vec::new(),
        None => subject.replace(&raised, &format!("{}.{}", asked.0, asked.1)),
    };
    found.push(subject.mark(finding, package.at).fix(edits));
}

/// A framework of conda and of PyPI at the same time.
fn twice(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for (conda, pypi) in TWINS {
        let (Some(package), Some(wheel)) = (subject.package(conda), subject.wheel(pypi)) else {
            continue;
        };
        if package.condition != wheel.condition
            && package.condition.is_some()
            && wheel.condition.is_some()
        {
            continue;
        }
        let finding = Finding::warning(
            Code::LINT_MIXED_SOURCES,
            format!("`{pypi}` comes from PyPI, and from conda as `{conda}`"),
        )
        .because("the wheel writes over the files of the package, and brings a CUDA of its own")
        .help(format!(
            "delete `{pypi}` from the wheels, and keep conda's `{conda}`"
        ));
        found.push(
            subject
                .mark(finding, wheel.at)
                .fix(subject.delete(wheel.at)),
        );
    }
    let toolkit = ["cudatoolkit", "cudnn"]
        .iter()
        .find_map(|name| subject.package(name));
    if let (Some(toolkit), Some(_)) = (toolkit, subject.wheel("torch")) {
        let has_other = ["tensorflow", "cupy", "numba", "jax", "tensorflow-gpu"]
            .iter()
            .any(|name| subject.wheel(name).is_some() || subject.package(name).is_some());
        if !has_other {
            let finding = Finding::note(
                Code::LINT_MIXED_SOURCES,
                format!("`{}` is of no use here", toolkit.name),
            )
            .because("wheels of PyTorch bring their own CUDA and cuDNN, and do not look at others")
            .help(format!("delete `{}`", toolkit.name));
            found.push(
                subject
                    .mark(finding, toolkit.at)
                    .fix(subject.delete(toolkit.at)),
            );
        }
    }
}
