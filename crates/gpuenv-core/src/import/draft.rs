//! From what was found to the text of a recipe.

use std::{collections::BTreeSet, fmt::Write as _};

use pep508_rs::VersionOrUrl;
use rattler_conda_types::Subdir;

use super::{Found, Imported, Variable, name_of, places, spec};
use crate::{Code, Diagnostic, fits::SAYS_CUDA, plan::Gpu, recipe};

/// The CUDA version that a recipe asks for where the file says nothing.
pub(super) const USUAL_CUDA: &str = "12.4";

/// A recipe made of what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drafted {
    /// The recipe's name.
    pub name: String,
    /// Its text.
    pub text: String,
    /// What to tell about it.
    pub notes: Vec<Diagnostic>,
}

/// Writes the recipe, for these platforms.
pub fn recipe(found: &Imported, name: Option<&str>, platforms: &[Subdir]) -> Drafted {
    let name = recipe_name(name.or(found.name.as_deref()));
    let head = format!("# Imported from {}.\n", found.format.word());
    draft(found, name, &head, platforms, None)
}

/// Writes the recipe of a name that is one; `gpu` is what the user wants, if they say so.
pub(super) fn draft(
    found: &Imported,
    name: String,
    head: &str,
    platforms: &[Subdir],
    wish: Option<Gpu>,
) -> Drafted {
    let exact = exact_packages(found);
    let mut packages: Vec<Found<String>> =
        match found.packages.is_empty() && found.wheels.is_empty() {
            true => exact.clone(),
            false => found.packages.clone(),
        };
    let mut notes = leave_out_unreadable(&mut packages);
    notes.extend(add_python(found, &mut packages));
    let names: BTreeSet<String> = packages
        .iter()
        .map(|package| name_of(&package.value))
        .chain(found.wheels.iter().map(|wheel| name_of(&wheel.value.text)))
        .collect();
    let gpu = wish.unwrap_or_else(|| gpu(found, &packages, &names));
    let mut text = format!("{head}#\n");
    text.push_str(
        "# `gpuenv lock` finds the exact packages, `gpuenv lint` looks for what may be wrong.\n",
    );
    let _ = writeln!(text, "schema: 1\nname: {}", scalar(&name));
    let channels: Vec<String> = found
        .channels
        .iter()
        .map(|channel| scalar(&channel.value))
        .collect();
    let _ = writeln!(text, "channels: [{}]", channels.join(", "));
    let listed: Vec<&str> = platforms.iter().map(|platform| platform.as_str()).collect();
    let _ = writeln!(text, "platforms: [{}]", listed.join(", "));
    target(&mut text, found, gpu, &packages);
    section(
        &mut text,
        "dependencies",
        &lines(&packages, |value| value.clone()),
    );
    section(
        &mut text,
        "pypi-dependencies",
        &lines(&found.wheels, |line| line.text.clone()),
    );
    places::options(&mut text, &found.indexes);
    variables(&mut text, &found.variables);
    if gpu != Gpu::None {
        let _ = writeln!(text, "probe: [{}]", probe(&names).join(", "));
    }
    Drafted { name, text, notes }
}

/// Takes out what a recipe cannot say, such as the file name of a package, and tells of it.
fn leave_out_unreadable(packages: &mut Vec<Found<String>>) -> Vec<Diagnostic> {
    let mut notes = Vec::new();
    packages.retain(|package| {
        let Err(error) = recipe::dependency(&package.value) else {
            return true;
        };
        let message = format!("`{}` is left out of the recipe", package.value);
        notes.push(
            Diagnostic::warning(Code::IMPORT_BAD_ENTRY, message)
                .cause(error)
                .help("write it as a match spec: `NAME VERSION BUILD`"),
        );
        false
    });
    notes
}

/// Wheels need a Python of the environment: without one, pip would have used the system's.
fn add_python(found: &Imported, packages: &mut Vec<Found<String>>) -> Vec<Diagnostic> {
    let has_python = packages
        .iter()
        .any(|package| name_of(&package.value) == "python");
    if has_python || found.wheels.is_empty() {
        return Vec::new();
    }
    let python = python_for(found);
    let at = super::At::default();
    let message =
        format!("`{python}` is added: wheels are installed into the Python of the environment");
    packages.insert(
        0,
        Found {
            value: python,
            condition: None,
            at,
        },
    );
    let note = Diagnostic::note(Code::LINT_NO_PYTHON, message);
    vec![note.help("write the version that you need, for example `python 3.12.*`")]
}

/// Returns the Python that old wheels need: of those there are none for a newer one.
fn python_for(found: &Imported) -> String {
    let tensorflow = found
        .wheels
        .iter()
        .find(|wheel| name_of(&wheel.value.text) == "tensorflow");
    let asked = tensorflow.and_then(|wheel| recipe::wheel(&wheel.value.text).ok());
    let Some(VersionOrUrl::VersionSpecifier(asked)) = asked.and_then(|asked| asked.version_or_url)
    else {
        return "python".to_string();
    };
    let takes = |releases: std::ops::Range<u32>| {
        let mut versions = releases.map(|minor| format!("2.{minor}.0"));
        versions.any(|version| {
            version
                .parse()
                .is_ok_and(|version| asked.contains(&version))
        })
    };
    match (takes(12..30), takes(20..30)) {
        (false, _) => "python 3.10.*".to_string(),
        (true, false) => "python >=3.10,<3.13".to_string(),
        (true, true) => "python".to_string(),
    }
}

/// The packages of the lock, as a recipe asks for exactly them.
///
/// What all platforms have alike is written once.
fn exact_packages(found: &Imported) -> Vec<Found<String>> {
    let mut specs: Vec<(String, Vec<Subdir>)> = Vec::new();
    for exact in &found.locked {
        for record in &exact.records {
            let package = &record.package_record;
            let name = package.name.as_normalized();
            let spec = spec::exact(name, &package.version.to_string(), package.build.as_str());
            match specs.iter_mut().find(|(known, _)| *known == spec) {
                Some((_, platforms)) => platforms.push(exact.platform),
                None => specs.push((spec, vec![exact.platform])),
            }
        }
    }
    let everywhere = found.locked.len();
    let found = specs.into_iter().flat_map(|(value, platforms)| {
        let conditions: Vec<Option<String>> = match platforms.len() == everywhere {
            true => vec![None],
            false => platforms.iter().map(|p| Some(p.to_string())).collect(),
        };
        conditions.into_iter().map(move |condition| Found {
            value: value.clone(),
            condition,
            at: super::At::default(),
        })
    });
    found.collect()
}

/// Returns a name that a recipe can have, near to the one that was found.
fn recipe_name(found: Option<&str>) -> String {
    let allowed = |c: char| match c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') {
        true => c.to_ascii_lowercase(),
        false => '-',
    };
    let name: String = found
        .unwrap_or_default()
        .chars()
        .take(60)
        .map(allowed)
        .collect();
    let name = name.trim_matches(['.', '_', '-']);
    match recipe::check_name(name) {
        Ok(()) => name.to_string(),
        Err(_) => "imported".to_string(),
    }
}

/// Returns what the names and builds tell about GPUs.
pub(super) fn gpu(found: &Imported, packages: &[Found<String>], names: &BTreeSet<String>) -> Gpu {
    if names.contains("cpuonly") {
        return Gpu::None;
    }
    let is_cuda = |name: &String| {
        [
            "cudatoolkit",
            "cudnn",
            "cuda",
            "pytorch-cuda",
            "pytorch-gpu",
            "tensorflow-gpu",
            "nccl",
            "cupy",
            "cudf",
            "rapids",
        ]
        .contains(&name.as_str())
            || ["cuda-", "nvidia-", "cupy-cuda", "libcu", "cudatoolkit"]
                .iter()
                .any(|start| name.starts_with(start))
    };
    let builds_cuda = packages.iter().any(|package| {
        let build = package.value.split(' ').nth(2).unwrap_or_default();
        build.contains("cuda") || build.contains("gpu")
    });
    let extras = found
        .wheels
        .iter()
        .any(|wheel| wheel.value.text.contains("cuda"));
    if found.cuda.is_some()
        || cuda_of_index(found).is_some()
        || builds_cuda
        || extras
        || names.iter().any(is_cuda)
    {
        return Gpu::Required;
    }
    let capable = [
        "tensorflow",
        "pytorch",
        "torch",
        "jax",
        "jaxlib",
        "keras",
        "xgboost",
        "lightgbm",
        "numba",
        "tensorflow-base",
    ];
    match capable.iter().any(|name| names.contains(*name)) {
        true => Gpu::Optional,
        false => Gpu::None,
    }
}

/// Writes `gpu` and `target`.
fn target(text: &mut String, found: &Imported, gpu: Gpu, packages: &[Found<String>]) {
    let mut machine = Vec::new();
    match gpu {
        Gpu::None => text.push_str("gpu: none\n"),
        Gpu::Optional => text.push_str("gpu: optional\n"),
        Gpu::Required => text.push_str("gpu: required\n"),
    }
    if gpu != Gpu::None {
        let known = found.cuda.clone().or_else(|| cuda_of(packages));
        let known = known.or_else(|| cuda_of_index(found));
        if known.is_none() {
            text.push_str("# The file does not say which CUDA the driver must support at least: this is a usual one.\n");
        }
        machine.push(format!(
            "cuda: \"{}\"",
            known.as_deref().unwrap_or(USUAL_CUDA)
        ));
    }
    if let Some(glibc) = &found.glibc {
        machine.push(format!("glibc: \"{glibc}\""));
    }
    if !machine.is_empty() {
        let _ = writeln!(text, "target: {{ {} }}", machine.join(", "));
    }
}

/// Returns the CUDA version that a package pins.
pub(super) fn cuda_of(packages: &[Found<String>]) -> Option<String> {
    let pinned = |name: &str| {
        packages
            .iter()
            .filter(|package| name_of(&package.value) == name)
            .find_map(|package| {
                let version = package.value.split(' ').nth(1)?;
                let digits = version.trim_start_matches(['=', '>', '~', '<']);
                let mut parts = digits
                    .split(|c: char| !c.is_ascii_digit())
                    .filter(|part| !part.is_empty());
                let major: u32 = parts.next()?.parse().ok()?;
                let minor: u32 = parts.next().unwrap_or("0").parse().ok()?;
                ((9..100).contains(&major) && minor < 100 && !version.starts_with('<'))
                    .then(|| format!("{major}.{minor}"))
            })
    };
    SAYS_CUDA.into_iter().find_map(pinned)
}

/// Returns the CUDA version that an index of PyTorch is for: `…/whl/cu118`.
fn cuda_of_index(found: &Imported) -> Option<String> {
    found.indexes.iter().find_map(|index| {
        let url = index.value.place();
        let digits = url.rsplit('/').find_map(|part| part.strip_prefix("cu"))?;
        let is_version = digits.len() == 3 && digits.bytes().all(|b| b.is_ascii_digit());
        is_version.then(|| format!("{}.{}", &digits[..2], &digits[2..]))
    })
}

fn probe(names: &BTreeSet<String>) -> Vec<&'static str> {
    let has = |wanted: &[&str]| wanted.iter().any(|name| names.contains(*name));
    let mut steps = vec!["driver"];
    let frameworks: [(&str, &[&str]); 6] = [
        (
            "tensorflow",
            &["tensorflow", "tensorflow-gpu", "tensorflow-base"],
        ),
        ("pytorch", &["pytorch", "pytorch-gpu", "torch"]),
        ("jax", &["jax", "jaxlib"]),
        ("numba", &["numba", "numba-cuda"]),
        ("cuda-python", &["cuda-python"]),
        ("cupy", &["cupy"]),
    ];
    for (step, packages) in frameworks {
        let is_cupy = step == "cupy" && names.iter().any(|name| name.starts_with("cupy-cuda"));
        if has(packages) || is_cupy {
            steps.push(step);
        }
    }
    steps
}

/// Groups lines by the platforms that they are for, those for everybody first.
fn lines<T>(found: &[Found<T>], text: impl Fn(&T) -> String) -> Vec<(Option<String>, Vec<String>)> {
    let mut groups: Vec<(Option<String>, Vec<String>)> = vec![(None, Vec::new())];
    for entry in found {
        let line = text(&entry.value);
        match groups
            .iter_mut()
            .find(|(condition, _)| *condition == entry.condition)
        {
            Some((_, lines)) if lines.contains(&line) => {}
            Some((_, lines)) => lines.push(line),
            None => groups.push((entry.condition.clone(), vec![line])),
        }
    }
    groups.retain(|(_, lines)| !lines.is_empty());
    groups
}

fn variables(text: &mut String, variables: &[Found<Variable>]) {
    let groups = lines(variables, |variable| {
        format!("{}: {}", variable.name, quoted(&variable.value))
    });
    let Some(first) = groups.first() else {
        return;
    };
    text.push_str("activation:\n  env:\n");
    if groups.len() == 1 && first.0.is_none() {
        for line in &first.1 {
            let _ = writeln!(text, "    {line}");
        }
        return;
    }
    for (condition, lines) in &groups {
        let map = lines.join(", ");
        let _ = match condition {
            None => writeln!(text, "    - {{ {map} }}"),
            Some(condition) => writeln!(text, "    - if: {condition}\n      then: {{ {map} }}"),
        };
    }
}

fn section(text: &mut String, key: &str, groups: &[(Option<String>, Vec<String>)]) {
    if groups.is_empty() {
        return;
    }
    let _ = writeln!(text, "{key}:");
    for (condition, lines) in groups {
        let indent = match condition {
            None => "  ",
            Some(condition) => {
                let _ = writeln!(text, "  - if: {condition}\n    then:");
                "      "
            }
        };
        for line in lines {
            let _ = writeln!(text, "{indent}- {}", scalar(line));
        }
    }
}

/// Writes a text as a YAML scalar, plain where that reads the same.
pub(super) fn scalar(text: &str) -> String {
    let text = &recipe::escaped(text);
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.ends_with(':')
        && !text.contains(['[', ']', '{', '}', '"', '\'', '\\', ',', '\n'])
        && !matches!(
            text.to_ascii_lowercase().as_str(),
            "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n"
        )
        && text.chars().all(|c| c.is_ascii_graphic() || c == ' ');
    let is_list_safe = text.contains(',')
        && !text.contains(['[', ']', '{', '}', '"', '\'', '\\', '\n', '#'])
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !text.contains(": ");
    match is_plain || is_list_safe {
        true => text.clone(),
        false => json(text),
    }
}

fn quoted(text: &str) -> String {
    json(&recipe::escaped(text))
}

fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
