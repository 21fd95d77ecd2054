//! Frameworks with the CUDA, cuDNN, NumPy and platform that they were not built for.

use super::{
    Finding, Spot, Subject,
    matrix::{self, Tested},
    subject::Kind,
};
use crate::{Code, facts::Facts, import::Format};

pub(super) fn check(subject: &Subject<'_>, facts: &Facts, found: &mut Vec<Finding>) {
    windows(subject, facts, found);
    cudnn(subject, facts, found);
    numpy(subject, facts, found);
    cpu_builds(subject, facts, found);
}

fn tensorflow<'s>(subject: &'s Subject<'_>) -> Option<(&'s Spot, bool)> {
    let wheel = subject
        .wheel("tensorflow")
        .or_else(|| subject.wheel("tensorflow-gpu"));
    let package = || {
        subject
            .package("tensorflow")
            .or_else(|| subject.package("tensorflow-gpu"))
    };
    wheel
        .map(|wheel| (wheel, true))
        .or_else(|| package().map(|package| (package, false)))
}

/// From 2.11 on TensorFlow computes on the CPU under Windows.
fn windows(subject: &Subject<'_>, facts: &Facts, found: &mut Vec<Finding>) {
    let last = matrix::numbers(&facts.tensorflow.last_on_windows.to_string());
    for (spot, is_wheel) in tensorflow_everywhere(subject) {
        let newest = matrix::newest(facts, spot, is_wheel);
        let is_too_new = newest.is_some_and(|tested| tested.release() > last);
        if !is_too_new || !subject.is_on_windows(spot) {
            continue;
        }
        let bound = format!("<{}.{}", last.0, last.1 + 1);
        let finding = Finding::warning(
            Code::LINT_TENSORFLOW_WINDOWS,
            format!("TensorFlow newer than {}.{} has no GPU on Windows", last.0, last.1),
        )
        .because("it is installed all the same, and computes on the CPU without a word")
        .help(format!("write `tensorflow{bound}` with `python 3.10.*` and `numpy<2`: the recipe `tf210-gpu` is that"))
        .help("or use WSL2, where TensorFlow of Linux computes on the GPU: `gpuenv create tf-gpu` there");
        let is_only_windows = subject
            .platforms
            .iter()
            .all(|platform| platform.is_windows())
            || spot.condition.is_some();
        let edits = match (is_wheel && is_only_windows, subject.kind) {
            (true, Kind::Recipe) => subject.replace(spot, &format!("tensorflow {bound}")),
            (true, _) => subject.replace(spot, &format!("tensorflow{bound}")),
            (false, _) => Vec::new(),
        };
        found.push(subject.mark(finding, spot.at).fix(edits));
    }
}

fn tensorflow_everywhere<'s>(subject: &'s Subject<'_>) -> Vec<(&'s Spot, bool)> {
    let is_it = |spot: &&Spot| spot.name == "tensorflow" || spot.name == "tensorflow-gpu";
    let wheels = subject.wheels.iter().filter(is_it).map(|spot| (spot, true));
    let packages = subject
        .packages
        .iter()
        .filter(is_it)
        .map(|spot| (spot, false));
    wheels.chain(packages).collect()
}

/// A TensorFlow of PyPI with another CUDA or cuDNN than it was built for.
fn cudnn(subject: &Subject<'_>, facts: &Facts, found: &mut Vec<Finding>) {
    let Some((framework, true)) = tensorflow(subject) else {
        return;
    };
    if framework.text.contains("and-cuda") {
        return;
    }
    // On Windows a newer one is another finding, and its CUDA of no interest.
    let last = match subject.is_on_windows(framework) {
        true => matrix::numbers(&facts.tensorflow.last_on_windows.to_string()),
        false => (u32::MAX, 0),
    };
    let Some(tested) = matrix::newest_up_to(facts, framework, last) else {
        return;
    };
    let cudnn = subject
        .package("cudnn")
        .and_then(|spot| Some((spot, spot.pin()?)));
    let cuda = subject
        .package("cudatoolkit")
        .and_then(|spot| Some((spot, spot.pin()?)));
    let wrong = [
        cudnn.filter(|(_, version)| !matrix::serves(*version, tested.cudnn())),
        cuda.filter(|(_, version)| !matrix::serves(*version, tested.cuda())),
    ];
    let Some((spot, version)) = wrong.into_iter().flatten().next() else {
        return;
    };
    let (major, minor) = tested.release();
    let (cuda_wanted, cudnn_wanted) = (tested.cuda(), tested.cudnn());
    let mut finding = Finding::warning(
        Code::LINT_CUDNN,
        format!("TensorFlow {major}.{minor} was not built for {} {}.{}", spot.name, version.0, version.1),
    )
    .because(format!(
        "it was built and tested with CUDA {}.{} and cuDNN {}.{}; with others it computes on the CPU",
        cuda_wanted.0, cuda_wanted.1, cudnn_wanted.0, cudnn_wanted.1
    ));
    let older = matrix::fitting(facts, cuda.map(|(_, v)| v), cudnn.map(|(_, v)| v));
    let edits = match older {
        Some(older) if !framework.text.contains("==") => {
            let bound = next_release(&older);
            finding = finding.help(format!("write `tensorflow{bound}`, the last for these"));
            let space = if subject.kind == Kind::Recipe {
                " "
            } else {
                ""
            };
            subject.replace(framework, &format!("tensorflow{space}{bound}"))
        }
        _ => {
            let toolkit = subject.conda_text(
                toolkit_of(cuda_wanted),
                &format!("{}.{}.*", cuda_wanted.0, cuda_wanted.1),
            );
            let library =
                subject.conda_text("cudnn", &format!("{}.{}.*", cudnn_wanted.0, cudnn_wanted.1));
            finding = finding.help(format!("write `{toolkit}` and `{library}`"));
            let mut edits = Vec::new();
            if let Some((spot, _)) = cuda {
                edits.extend(subject.replace(spot, &toolkit));
            }
            if let Some((spot, _)) = cudnn {
                edits.extend(subject.replace(spot, &library));
            }
            edits
        }
    };
    found.push(subject.mark(finding, spot.at).fix(edits));
}

/// conda-forge ended `cudatoolkit` with CUDA 11.
fn toolkit_of(cuda: (u32, u32)) -> &'static str {
    match cuda.0 {
        0..12 => "cudatoolkit",
        _ => "cuda-version",
    }
}

fn next_release(tested: &Tested<'_>) -> String {
    let (major, minor) = tested.release();
    format!("<{major}.{}", minor + 1)
}

/// Frameworks of before NumPy 2 do not say that they need NumPy 1.
fn numpy(subject: &Subject<'_>, facts: &Facts, found: &mut Vec<Finding>) {
    let has_bound = |spot: &Spot, is_wheel: bool| match is_wheel {
        true => !spot.takes_wheel("2.0.0") && !spot.takes_wheel("2.4.0"),
        false => !["2.0.0", "2.4.0"]
            .iter()
            .any(|v| v.parse().is_ok_and(|v| spot.takes(&v))),
    };
    let bounds = [
        (subject.wheel("numpy"), true),
        (subject.package("numpy"), false),
    ];
    if bounds
        .iter()
        .any(|(spot, is_wheel)| spot.is_some_and(|spot| has_bound(spot, *is_wheel)))
    {
        return;
    }
    let old_tensorflow = subject.wheel("tensorflow").filter(|spot| {
        matrix::newest(facts, spot, true).is_some_and(|tested| tested.release() < (2, 16))
    });
    let old_torch = subject.wheel("torch").filter(|spot| {
        spot.has_version()
            && !["2.3.0", "2.5.0", "2.9.0", "2.14.0"]
                .iter()
                .any(|version| spot.takes_wheel(version))
    });
    let Some(framework) = old_tensorflow.or(old_torch) else {
        return;
    };
    let finding = Finding::warning(
        Code::LINT_NUMPY,
        format!(
            "`{}` was built for NumPy 1, and would get NumPy 2",
            framework.text
        ),
    )
    .because("the framework does not say so itself, and fails when it is imported")
    .help("add `numpy<2`");
    let edits = match bounds {
        [(Some(wheel), _), _] if !wheel.has_version() => {
            let text = if subject.kind == Kind::Recipe {
                "numpy <2"
            } else {
                "numpy<2"
            };
            subject.replace(wheel, text)
        }
        [(None, _), (Some(package), _)] if !package.has_version() => {
            subject.replace(package, &subject.conda_text("numpy", "<2"))
        }
        [(None, _), (None, _)] => {
            let text = if subject.kind == Kind::Recipe {
                "numpy <2"
            } else {
                "numpy<2"
            };
            subject.add_behind(framework.at, text)
        }
        _ => Vec::new(),
    };
    found.push(subject.mark(finding, framework.at).fix(edits));
}

/// Builds for the CPU that fit as well as those for CUDA.
fn cpu_builds(subject: &Subject<'_>, facts: &Facts, found: &mut Vec<Finding>) {
    pytorch_channel(subject, facts, found);
    conda_forge(subject, found);
    torch_on_windows(subject, found);
}

/// `pytorch` without a version beside `pytorch-cuda=11.7`.
fn pytorch_channel(subject: &Subject<'_>, facts: &Facts, found: &mut Vec<Finding>) {
    let (Some(pytorch), Some(selector)) =
        (subject.package("pytorch"), subject.package("pytorch-cuda"))
    else {
        return;
    };
    let Some(cuda) = selector.pin() else {
        return;
    };
    let has_build = pytorch.text.split(' ').nth(2).is_some();
    let builds = facts.torch.releases.iter();
    let built: Vec<(u32, u32)> = builds
        .filter(|build| (build.cuda.major, build.cuda.minor) == cuda)
        .map(|build| (build.pytorch.major, build.pytorch.minor))
        .filter(|release| *release <= (2, 5))
        .collect();
    let Some(newest) = built.iter().max() else {
        return;
    };
    if has_build || pytorch.has_version() {
        return;
    }
    let version = format!("{}.{}", newest.0, newest.1);
    let wanted = subject.conda_text("pytorch", &format!("{version}.*"));
    let finding = Finding::warning(
        Code::LINT_CPU_BUILD,
        format!("`pytorch` without a version gets a build for the CPU beside `{}`", selector.text),
    )
    .because(format!("the last PyTorch with a build for CUDA {}.{} is {version}, and newer ones have a build for the CPU", cuda.0, cuda.1))
    .help(format!("write `{wanted}`, or take `pytorch-gpu` from conda-forge"));
    // Where its channel is given up, the package is too.
    let edits = match subject
        .channel("pytorch")
        .is_some_and(|channel| channel.at.is_some())
    {
        true => Vec::new(),
        false => subject.replace(pytorch, &wanted),
    };
    found.push(subject.mark(finding, pytorch.at).fix(edits));
}

/// conda-forge has both builds under one name.
fn conda_forge(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let wants_cuda = subject.cuda.is_some()
        || matrix::pinned_cuda(subject).is_some()
        || subject.package("cudnn").is_some();
    if !wants_cuda || subject.package("pytorch-cuda").is_some() {
        return;
    }
    for name in ["pytorch", "tensorflow", "jaxlib"] {
        let Some(spot) = subject.package(name) else {
            continue;
        };
        let has_build = spot.text.split(' ').nth(2).is_some() || spot.text.contains("build");
        if has_build || subject.package(&format!("{name}-gpu")).is_some() {
            continue;
        }
        let version = spot
            .text
            .split_once(' ')
            .map_or("*", |(_, version)| version);
        let better = match (name, version, subject.kind) {
            ("pytorch", "*", _) => "pytorch-gpu".to_string(),
            (_, version, Kind::Recipe) => format!("{name} {version} *cuda*"),
            (_, version, _) => format!("{name}={}=*cuda*", version.trim_start_matches('=')),
        };
        let finding = Finding::warning(Code::LINT_CPU_BUILD, format!("nothing keeps `{name}` from being a build for the CPU"))
            .because("conda-forge has builds for both under one name, and a CPU build fits where no driver is seen")
            .help(format!("write `{better}`"));
        found.push(
            subject
                .mark(finding, spot.at)
                .fix(subject.replace(spot, &better)),
        );
    }
}

/// PyPI has PyTorch for Windows without CUDA only.
fn torch_on_windows(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let Some(torch) = subject.wheel("torch") else {
        return;
    };
    let has_index = subject.text().contains("download.pytorch.org/whl/cu");
    if has_index
        || torch.text.contains("+cu")
        || torch.text.contains("://")
        || !subject.is_on_windows(torch)
    {
        return;
    }
    let index = "--extra-index-url https://download.pytorch.org/whl/cu126";
    let finding = Finding::warning(
        Code::LINT_CPU_BUILD,
        "for Windows PyPI has PyTorch without CUDA only",
    )
    .because("its builds for CUDA are on the index of the PyTorch project")
    .help(format!(
        "install it with `{index}`, or take `pytorch-gpu` of conda-forge"
    ));
    let edits = match subject.kind {
        Kind::File(Format::Requirements) => vec![super::Edit::replace(0, 0, format!("{index}\n"))],
        Kind::File(Format::Commands) => torch
            .at
            .map(|at| super::Edit::replace(at.end, at.end, format!(" {index}")))
            .into_iter()
            .collect(),
        _ => Vec::new(),
    };
    found.push(subject.mark(finding, torch.at).fix(edits));
}
