//! Conda specs in all the forms that people write, brought into the one of recipes.

use rattler_conda_types::{MatchSpec, ParseMatchSpecOptions, VersionSpec};

use crate::recipe;

/// Specs longer than this are not read: the parser recurses over parentheses.
const LONGEST: usize = 400;

/// Returns a conda spec in the form of recipes: `cudnn=8.1=h0_0` is `cudnn 8.1.* h0_0`.
///
/// # Errors
/// Says why it is none.
pub(crate) fn conda(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.chars().count() > LONGEST {
        return Err(format!("a spec has at most {LONGEST} characters"));
    }
    // The strict reader knows what must not be in a recipe: files, secrets, foreign things.
    let refused = match recipe::dependency(text) {
        Ok(spec) => return Ok(shown(&spec)),
        Err(refused) => refused,
    };
    if !matches!(refused, recipe::BadSpec::Unreadable { .. }) {
        return Err(reason(&refused));
    }
    // `numpy = 1.2` and `numpy >=1, <2` are written with spaces that mean nothing.
    let tight = without_spaces_around_operators(text);
    let candidates = [text.to_string(), tight.clone(), bracketed(&tight)];
    for candidate in candidates {
        let options = ParseMatchSpecOptions::lenient();
        let Ok(spec) = MatchSpec::from_str(&candidate, options) else {
            continue;
        };
        let shown = shown(&spec);
        if recipe::dependency(&shown).is_ok() {
            return Ok(shown);
        }
    }
    Err(reason(&refused))
}

/// Says why it is none, without the text itself.
fn reason(refused: &recipe::BadSpec) -> String {
    match refused {
        recipe::BadSpec::Unreadable { reason, .. } => reason.clone(),
        other => other.to_string(),
    }
}

/// Writes a spec as recipes have it: `name version build`, the channel before it.
fn shown(spec: &MatchSpec) -> String {
    // A build with a dot can stand in brackets only.
    let build = spec
        .build
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    let is_plain = !build.contains('.')
        && spec.build_number.is_none()
        && spec.subdir.is_none()
        && spec.namespace.is_none()
        && spec.md5.is_none()
        && spec.sha256.is_none()
        && spec.license.is_none()
        && spec.license_family.is_none()
        && spec.extras.is_none()
        && spec.flags.is_none()
        && spec.condition.is_none()
        && spec.track_features.is_none();
    if !is_plain {
        return spec
            .to_canonical_string()
            .unwrap_or_else(|_| spec.to_string());
    }
    let mut text = String::new();
    if let Some(channel) = &spec.channel {
        text.push_str(channel.name());
        text.push_str("::");
    }
    text.push_str(&spec.name.to_string());
    let version = spec
        .version
        .as_ref()
        .filter(|version| **version != VersionSpec::Any);
    match (version, &spec.build) {
        (None, None) => {}
        (None, Some(build)) => text.push_str(&format!(" * {build}")),
        (Some(version), None) => text.push_str(&format!(" {version}")),
        (Some(version), Some(build)) => text.push_str(&format!(" {version} {build}")),
    }
    text
}

/// Writes `name=version=build` with brackets: builds of PyTorch have dots.
fn bracketed(text: &str) -> String {
    let parts: Vec<&str> = text.splitn(3, '=').collect();
    match parts.as_slice() {
        [name, version, build] if !version.is_empty() && !build.contains(['=', '\'', '"']) => {
            // With a build the version is exact, as conda has it.
            let equals = if version.contains('*') { "" } else { "==" };
            format!("{name}[version='{equals}{version}', build='{build}']")
        }
        _ => text.to_string(),
    }
}

fn without_spaces_around_operators(text: &str) -> String {
    let mut tight = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    let is_operator = |c: char| "=<>!~,|".contains(c);
    while let Some(c) = characters.next() {
        let before = tight.chars().last();
        let after = characters.peek().copied();
        let touches = before.is_some_and(is_operator) || after.is_some_and(is_operator);
        if c.is_whitespace() && (touches || after.is_some_and(char::is_whitespace)) {
            continue;
        }
        tight.push(c);
    }
    tight
}

/// Writes the spec of exactly one build.
pub(crate) fn exact(name: &str, version: &str, build: &str) -> String {
    match build.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        true => format!("{name} =={version} {build}"),
        // A build with a dot can stand in brackets only.
        false => format!("{name}[version=\"=={version}\",build=\"{build}\"]"),
    }
}

/// Returns the name of the package that a spec is about, in lower case.
pub(crate) fn name_of(spec: &str) -> String {
    let spec = spec.split_once("::").map_or(spec, |(_, spec)| spec).trim();
    let end = spec.find(|c: char| c.is_whitespace() || "=<>!~[;@(".contains(c));
    spec[..end.unwrap_or(spec.len())].to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_spec_comes_out_alike() {
        for (written, recipe) in [
            ("python", "python"),
            ("python=3.10", "python 3.10.*"),
            ("python 3.10", "python ==3.10"),
            ("python =3.10", "python 3.10.*"),
            ("python = 3.10", "python 3.10.*"),
            ("python==3.10.4", "python ==3.10.4"),
            ("python == 3.10.4", "python ==3.10.4"),
            ("python=3.10.*", "python 3.10.*"),
            ("numpy >=1.2, <2", "numpy >=1.2,<2"),
            ("numpy>=1.2,<2", "numpy >=1.2,<2"),
            ("numpy *", "numpy"),
            ("cudnn=8.1.0.77=h90431f1_0", "cudnn ==8.1.0.77 h90431f1_0"),
            (
                "pytorch=2.1=py3.10_cuda*",
                "pytorch[version=\"==2.1\",build=\"py3.10_cuda*\"]",
            ),
            (
                "pytorch=2.0.1=py3.10_cuda11.7_cudnn8.5.0_0",
                "pytorch[version=\"==2.0.1\",build=\"py3.10_cuda11.7_cudnn8.5.0_0\"]",
            ),
            ("tensorflow=*=cuda*", "tensorflow * cuda*"),
            ("conda-forge::cudnn=8.1", "conda-forge::cudnn 8.1.*"),
            ("pytorch::pytorch", "pytorch::pytorch"),
            ("tensorflow<2.11", "tensorflow <2.11"),
            (
                "nvidia/label/cuda-11.8.0::cuda",
                "nvidia/label/cuda-11.8.0::cuda",
            ),
        ] {
            assert_eq!(conda(written).as_deref(), Ok(recipe), "{written}");
        }
    }

    #[test]
    fn what_is_no_package_of_a_channel_is_refused() {
        for bad in [
            "",
            "https://x.example/a-1-0.conda",
            "./a.conda",
            "__cuda>=12",
            "ü",
            "a b c d e",
        ] {
            assert!(conda(bad).is_err(), "{bad}: {:?}", conda(bad));
        }
        let secret = conda("https://u:hunter2@x.example/c::a").unwrap_err();
        assert!(!secret.contains("hunter2"));
    }
}
