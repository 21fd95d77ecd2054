//! What `cuda-version` stands for.
//!
//! The package holds no file. All that it does is to keep out what is of another
//! CUDA version: `cudatoolkit` of that version only, and a driver of that major
//! version at least. A few old records of it do not say so.

use rattler_conda_types::RepoDataRecord;

use crate::solution;

/// The name of the package.
pub const NAME: &str = "cuda-version";

/// Returns what a record of `cuda-version` constrains without saying so.
pub fn unsaid(record: &RepoDataRecord) -> Vec<String> {
    let package = &record.package_record;
    if package.name.as_normalized() != NAME {
        return Vec::new();
    }
    let Some((major, minor)) = package.version.as_major_minor() else {
        return Vec::new();
    };
    let all = [
        ("cudatoolkit", format!("cudatoolkit {major}.{minor}.*")),
        ("__cuda", format!("__cuda >={major}")),
    ];
    let says = |name: &str| {
        let mut texts = package.constrains.iter();
        texts.any(|text| solution::name_of(text) == name)
    };
    let unsaid = all.into_iter().filter(|(name, _)| !says(name));
    unsaid.map(|(_, text)| text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solution::tests::record;

    #[test]
    fn what_is_said_is_not_said_twice() {
        let mut version = record("cuda-version", "12.3", &[]);
        assert_eq!(unsaid(&version), ["cudatoolkit 12.3.*", "__cuda >=12"]);
        version.package_record.constrains = vec!["__cuda >=12".to_string()];
        assert_eq!(unsaid(&version), ["cudatoolkit 12.3.*"]);
        assert_eq!(unsaid(&record("cuda-nvcc", "12.3", &[])), [] as [&str; 0]);
        assert_eq!(unsaid(&record("cuda-version", "x", &[])), [] as [&str; 0]);
    }
}
