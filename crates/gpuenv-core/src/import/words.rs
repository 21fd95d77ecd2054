//! From packages that are named on a command line to the text of a recipe.

use rattler_conda_types::Subdir;

use super::{
    At, Drafted, Format, Found, Imported, WheelLine,
    draft::{self, USUAL_CUDA},
    name_of, spec,
};
use crate::{Code, Diagnostic, plan::Gpu, recipe, target::CudaVersion};

/// What somebody names on a command line instead of a recipe.
#[derive(Debug, Clone, Default)]
pub struct Words {
    /// What the environment is called.
    pub name: Option<String>,
    /// Conda packages, in any form that conda takes.
    pub packages: Vec<String>,
    /// PyPI packages (PEP 508).
    pub wheels: Vec<String>,
    /// The channels, strongest first.
    pub channels: Vec<String>,
    /// The platforms.
    pub platforms: Vec<Subdir>,
    /// Whether a GPU is needed, if the user says so.
    pub gpu: Option<Gpu>,
    /// The least CUDA version of the driver, if the user says so.
    pub cuda: Option<CudaVersion>,
}

/// Writes the recipe that asks for just these packages.
///
/// A framework that can use a GPU is meant to: with `gpu` left out it must be a CUDA
/// build. What has nothing to do with GPUs gets `gpu: none`.
///
/// # Errors
/// GE105 and GE111 for each package that cannot be read.
pub fn words(words: &Words) -> Result<Drafted, Vec<Diagnostic>> {
    let mut errors = Vec::new();
    let mut packages = Vec::new();
    for text in &words.packages {
        match spec::conda(text) {
            Ok(spec) => packages.push(found(spec)),
            Err(reason) => errors.push(bad_spec(text, &reason)),
        }
    }
    for text in &words.wheels {
        if let Err(bad) = recipe::wheel(text) {
            let message = format!("`--pypi` takes a PEP 508 requirement: {bad}");
            errors.push(
                Diagnostic::error(Code::RECIPE_BAD_REQUIREMENT, message)
                    .help("write for example `--pypi \"numpy <2\"`"),
            );
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let wheels = words
        .wheels
        .iter()
        .map(|text| found(WheelLine::plain(text)));
    let mut imported = Imported {
        format: Format::Commands,
        name: None,
        channels: words.channels.iter().cloned().map(found).collect(),
        platforms: words.platforms.clone(),
        packages,
        wheels: wheels.collect(),
        indexes: Vec::new(),
        variables: Vec::new(),
        cuda: None,
        glibc: None,
        locked: Vec::new(),
        notes: Vec::new(),
    };
    let gpu = words.gpu.unwrap_or_else(|| gpu(&imported));
    imported.cuda = Some(cuda(words.cuda, &imported.packages));
    let name = name(words, &imported);
    let head = "# For exactly the packages that were asked for on the command line.\n";
    Ok(draft::draft(
        &imported,
        name,
        head,
        &words.platforms,
        Some(gpu),
    ))
}

fn found<T>(value: T) -> Found<T> {
    Found {
        value,
        condition: None,
        at: At::default(),
    }
}

fn bad_spec(text: &str, reason: &str) -> Diagnostic {
    let message = format!("`{text}` is neither a recipe nor a package: {reason}");
    Diagnostic::error(Code::RECIPE_BAD_SPEC, message).help(
        "write `NAME`, `\"NAME >=1.2,<2\"` or `\"NAME 1.2.*\"`, in quotes where the shell would take it apart",
    )
}

/// Who names a framework here wants it on the GPU.
fn gpu(imported: &Imported) -> Gpu {
    let names = imported
        .packages
        .iter()
        .map(|package| name_of(&package.value));
    let wheels = imported.wheels.iter();
    let names = names.chain(wheels.map(|wheel| name_of(&wheel.value.text)));
    match draft::gpu(imported, &imported.packages, &names.collect()) {
        Gpu::None => Gpu::None,
        Gpu::Optional | Gpu::Required => Gpu::Required,
    }
}

/// Returns the CUDA that drivers must support: as told, as pinned, or the usual one.
fn cuda(told: Option<CudaVersion>, packages: &[Found<String>]) -> String {
    if let Some(told) = told {
        return told.to_string();
    }
    let Some(pinned) = draft::cuda_of(packages) else {
        return USUAL_CUDA.to_string();
    };
    let usual = [USUAL_CUDA, "11.8"];
    let of_major = |usual: &&str| usual.split('.').next() == pinned.strip_suffix(".0");
    // `cuda-version 12.*` leaves open which 12 it is.
    let names_minor = packages
        .iter()
        .any(|package| package.value.contains(&pinned));
    match usual.into_iter().find(of_major) {
        Some(usual) if !names_minor => usual.to_string(),
        _ => pinned,
    }
}

/// Returns a name that a recipe can have: the environment's, else that of the first package.
fn name(words: &Words, imported: &Imported) -> String {
    let first = imported
        .packages
        .first()
        .map(|package| name_of(&package.value));
    let first_wheel = imported.wheels.first();
    let first = first.or_else(|| first_wheel.map(|wheel| name_of(&wheel.value.text)));
    let wanted = words.name.clone().map(|name| name.to_lowercase());
    let mut names = wanted.into_iter().chain(first);
    let found = names.find(|name| recipe::check_name(name).is_ok());
    found.unwrap_or_else(|| "packages".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drafted(packages: &[&str]) -> String {
        let words = Words {
            name: Some("x".to_string()),
            packages: packages.iter().map(ToString::to_string).collect(),
            channels: vec!["conda-forge".to_string()],
            platforms: vec![Subdir::Linux64],
            ..Words::default()
        };
        let text = super::words(&words).unwrap().text;
        recipe::parse("r", &text).unwrap();
        text
    }

    #[test]
    fn packages_become_a_recipe_that_can_be_read() {
        insta::assert_snapshot!(drafted(&["pytorch>=2.5", "cupy", "cuda-version 12.*"]), @r#"
        # For exactly the packages that were asked for on the command line.
        #
        # `gpuenv lock` finds the exact packages, `gpuenv lint` looks for what may be wrong.
        schema: 1
        name: x
        channels: [conda-forge]
        platforms: [linux-64]
        gpu: required
        target: { cuda: "12.4" }
        dependencies:
          - pytorch >=2.5
          - cupy
          - cuda-version 12.*
        probe: [driver, pytorch, cupy]
        "#);
    }

    #[test]
    fn a_framework_is_meant_for_the_gpu_and_nothing_else_is() {
        assert!(drafted(&["tensorflow"]).contains("gpu: required"));
        assert!(drafted(&["numpy=1.26"]).contains("gpu: none"));
        assert!(drafted(&["numpy=1.26"]).contains("- numpy 1.26.*"));
        let words = Words {
            packages: vec!["pytorch".to_string()],
            channels: vec!["conda-forge".to_string()],
            platforms: vec![Subdir::Linux64],
            gpu: Some(Gpu::None),
            ..Words::default()
        };
        let drafted = super::words(&words).unwrap();
        assert!(drafted.text.contains("gpu: none"));
        assert_eq!(drafted.name, "pytorch");
    }

    #[test]
    fn the_driver_is_as_old_as_what_is_pinned_and_no_older() {
        for (spec, cuda) in [
            ("cupy", "12.4"),
            ("cuda-version 12.*", "12.4"),
            ("cuda-version 12.0.*", "12.0"),
            ("cuda-version=11.8", "11.8"),
            ("cuda-version 11.*", "11.8"),
            ("cuda-version 13.*", "13.0"),
        ] {
            let text = drafted(&["cupy", spec]);
            assert!(
                text.contains(&format!("cuda: \"{cuda}\"")),
                "{spec}: {text}"
            );
        }
    }

    #[test]
    fn what_is_no_package_is_told_each() {
        let words = Words {
            packages: vec![
                "a b c d".to_string(),
                "https://x.example/a.conda".to_string(),
            ],
            wheels: vec!["x >> 1".to_string()],
            ..Words::default()
        };
        let errors = super::words(&words).unwrap_err();
        let codes: Vec<Code> = errors.iter().map(|error| error.code).collect();
        let spec = Code::RECIPE_BAD_SPEC;
        assert_eq!(codes, [spec, spec, Code::RECIPE_BAD_REQUIREMENT]);
    }
}
