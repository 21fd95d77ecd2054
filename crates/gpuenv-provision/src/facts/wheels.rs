//! The wheels of an environment, as their metadata directories say.

use std::path::Path;

use gpuenv_core::doctor::Package;

use super::root::{names, text};

/// No honest metadata file is longer.
const LONGEST: u64 = 1 << 20;

/// So many wheels are looked at.
const MOST_WHEELS: usize = 3_000;

/// Returns the wheels of a site directory; what conda put there is left out.
pub(super) fn of_site(site: &Path) -> Vec<Package> {
    let names = names(site);
    let wheels = names
        .iter()
        .filter_map(|name| name.strip_suffix(".dist-info"));
    wheels
        .take(MOST_WHEELS)
        .filter_map(|stem| wheel(site, stem))
        .collect()
}

fn wheel(site: &Path, stem: &str) -> Option<Package> {
    let metadata = site.join(format!("{stem}.dist-info"));
    let installer = text(&metadata.join("INSTALLER"), LONGEST);
    if installer.is_some_and(|installer| installer.trim() == "conda") {
        return None;
    }
    let (name, version) = stem.split_once('-')?;
    let name = name.to_ascii_lowercase().replace(['_', '.'], "-");
    let tags = text(&metadata.join("WHEEL"), LONGEST);
    let mut package = Package {
        glibc: tags.as_deref().and_then(least_glibc),
        version: version.to_string(),
        wheel: true,
        ..Package::default()
    };
    match name.as_str() {
        "torch" => {
            let told = text(&site.join("torch/version.py"), LONGEST);
            package.cuda_version = told.as_deref().and_then(torch_cuda);
            package.cuda = told.map(|_| package.cuda_version.is_some());
        }
        "tensorflow-cpu" => package.cuda = Some(false),
        _ => {}
    }
    package.name = name;
    Some(package)
}

/// Returns the least glibc that the tags of a wheel ask for: any tag is enough.
fn least_glibc(tags: &str) -> Option<String> {
    let lines = tags.lines().filter_map(|line| line.strip_prefix("Tag:"));
    let platforms = lines.flat_map(|tag| tag.rsplit('-').next().unwrap_or_default().split('.'));
    let minor = platforms.filter_map(|platform| {
        let platform = platform.trim();
        if let Some(rest) = platform.strip_prefix("manylinux_2_") {
            return rest.split('_').next()?.parse::<u32>().ok();
        }
        match platform.split('_').next()? {
            "manylinux2014" => Some(17),
            "manylinux2010" => Some(12),
            "manylinux1" => Some(5),
            _ => None,
        }
    });
    minor.min().map(|minor| format!("2.{minor}"))
}

/// Returns the CUDA that PyTorch says it was built with.
fn torch_cuda(version_file: &str) -> Option<String> {
    let mut lines = version_file.lines();
    let line = lines.find(|line| line.starts_with("cuda") && line.contains('='))?;
    let value = line.rsplit('=').next()?.trim();
    let version = value.trim_matches(['\'', '"']);
    (version != "None" && version != value).then(|| version.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn torch_says_its_cuda_in_every_form() {
        let of = |text: &str| torch_cuda(text);
        assert_eq!(
            of("__version__ = '2.6.0+cu124'\ncuda: Optional[str] = '12.4'\n").as_deref(),
            Some("12.4")
        );
        assert_eq!(of("cuda = '11.8'\n").as_deref(), Some("11.8"));
        assert_eq!(of("cuda: Optional[str] = None\nhip = None\n"), None);
        assert_eq!(of(""), None);
    }

    #[test]
    fn any_tag_of_a_wheel_is_enough() {
        let tags = "Wheel-Version: 1.0\nTag: cp312-cp312-manylinux_2_28_x86_64\n";
        assert_eq!(least_glibc(tags).as_deref(), Some("2.28"));
        let both = "Tag: cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64\nTag: x-y-manylinux_2_28_x86_64";
        assert_eq!(least_glibc(both).as_deref(), Some("2.17"));
        assert_eq!(least_glibc("Tag: py3-none-any\n"), None);
    }
}
