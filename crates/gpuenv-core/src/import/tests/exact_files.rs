//! Sources that name exact files: the lock has the same ones.

use super::{good, told};
use crate::import::{Defaults, Text, Texts, read, recognise};
use crate::{
    import::{self, Imported},
    lock, plan,
};

/// Returns the lock's files with their hashes, and what of the recipe the lock does not satisfy.
fn locked(found: &Imported) -> (Vec<String>, Vec<String>) {
    let drafted = import::recipe(found, None, &found.platforms);
    let recipe = crate::recipe::parse("r", drafted.text.as_bytes()).expect("the recipe is right");
    let plans: Vec<_> = recipe
        .platforms
        .iter()
        .map(|p| plan::plan(&recipe, p.value).unwrap())
        .collect();
    let made = import::lock(found, &plans)
        .unwrap()
        .expect("there is a lock");
    let text = lock::render(&made).unwrap();
    let read = lock::parse("l", &text).unwrap();
    let files = read.platforms.values().flat_map(|platform| {
        let records = platform.records.iter().map(|record| {
            let package = &record.package_record;
            let hash = package
                .sha256
                .map(hex::encode)
                .or(package.md5.map(hex::encode));
            format!("{} {}", record.url, hash.unwrap_or_default())
        });
        let wheels = platform
            .wheels
            .iter()
            .map(|wheel| format!("{} {}", wheel.url, hex::encode(wheel.sha256)));
        records.chain(wheels).collect::<Vec<_>>()
    });
    let differences = lock::check(&read, &plans, &crate::facts::Facts::shipped().builds);
    (
        files.collect(),
        differences.iter().map(ToString::to_string).collect(),
    )
}

const EXPLICIT: &str = "# This file may be used to create an environment using:
# $ conda create --name <env> --file <this file>
# platform: linux-64
@EXPLICIT
https://conda.anaconda.org/conda-forge/linux-64/cudatoolkit-11.2.2-hbe64b41_10.tar.bz2#fe4ecc8ed1d4fd8c9ac1ee80f7c3f1d5
https://conda.anaconda.org/conda-forge/noarch/six-1.16.0-pyh6c4a22f_0.tar.bz2#sha256:a85c38227b446f42c5b90d9b642f2c0567880c15d72492d8da074a59c8f91dd6
";

#[test]
fn an_explicit_list_becomes_a_recipe_and_the_same_lock() {
    insta::assert_snapshot!(told("l", EXPLICIT), @r#"
    schema: 1
    name: imported
    channels: [conda-forge]
    platforms: [linux-64]
    gpu: required
    target: { cuda: "11.2" }
    dependencies:
      - cudatoolkit ==11.2.2 hbe64b41_10
      - six ==1.16.0 pyh6c4a22f_0
    probe: [driver]
    "#);
    let (files, differences) = locked(&good("l", EXPLICIT));
    assert_eq!(differences, [] as [&str; 0]);
    for line in EXPLICIT.lines().filter(|line| line.starts_with("https")) {
        let (url, hash) = line.split_once('#').unwrap();
        let hash = hash.trim_start_matches("sha256:");
        assert!(files.contains(&format!("{url} {hash}")), "{files:?}");
    }
}

#[test]
fn an_explicit_list_without_hashes_becomes_a_recipe_alone() {
    let list: String = EXPLICIT
        .lines()
        .map(|line| format!("{}\n", line.split("#").next().unwrap()))
        .collect();
    insta::assert_snapshot!(told("l", &list), @r#"
    schema: 1
    name: imported
    channels: [conda-forge]
    platforms: [linux-64]
    gpu: required
    target: { cuda: "11.2" }
    dependencies:
      - cudatoolkit ==11.2.2 hbe64b41_10
      - six ==1.16.0 pyh6c4a22f_0
    probe: [driver]
    GE134 5: no lock is made: this line has no hash, so a download could not be verified
    "#);
    assert!(good("l", &list).locked.is_empty());
}

const CONDA_LOCK: &str = "version: 1
metadata:
  content_hash: {linux-64: abc, win-64: def}
  channels:
  - {url: conda-forge, used_env_vars: []}
  platforms: [linux-64, win-64]
  sources: [environment.yml]
package:
- {name: zlib, version: 1.2.13, manager: conda, platform: linux-64, dependencies: {}, url: 'https://conda.anaconda.org/conda-forge/linux-64/zlib-1.2.13-hd590300_5.conda', hash: {md5: 68c34ec6149623be41a1933ab996a209, sha256: 9887a04d7e7cb14bd2b52fa01858f05a6d7f002c890f618d9fcd864adbfecb1b}, category: main, optional: false}
- {name: zlib, version: 1.2.13, manager: conda, platform: win-64, dependencies: {}, url: 'https://conda.anaconda.org/conda-forge/win-64/zlib-1.2.13-hcfcfb64_5.conda', hash: {md5: a318e8622e11663f645cc7fa3260f462, sha256: 0f91b719c7558046bcd37fdc7ae4b9eb2b7a8e335beb8b59ae08ee5285a46d66}, category: main, optional: false}
- {name: pytest, version: 8.0.0, manager: conda, platform: linux-64, dependencies: {}, url: 'https://conda.anaconda.org/conda-forge/noarch/pytest-8.0.0-pyhd8ed1ab_0.conda', hash: {md5: a318e8622e11663f645cc7fa3260f462}, category: dev, optional: true}
";

#[test]
fn a_conda_lock_becomes_a_recipe_and_the_same_lock() {
    insta::assert_snapshot!(told("conda-lock.yml", CONDA_LOCK), @"
    schema: 1
    name: imported
    channels: [conda-forge]
    platforms: [linux-64, win-64]
    gpu: none
    dependencies:
      - if: linux-64
        then:
          - zlib ==1.2.13 hd590300_5
      - if: win-64
        then:
          - zlib ==1.2.13 hcfcfb64_5
    GE134 1: 1 packages of other categories than `main` are left out
    ");
    let (files, differences) = locked(&good("conda-lock.yml", CONDA_LOCK));
    assert_eq!(differences, [] as [&str; 0]);
    assert_eq!(files.len(), 2);
    assert!(files[1].ends_with("0f91b719c7558046bcd37fdc7ae4b9eb2b7a8e335beb8b59ae08ee5285a46d66"));
}

const PIXI_LOCK: &str = "version: 6
environments:
  default:
    channels:
    - url: https://conda.anaconda.org/conda-forge/
    packages:
      linux-64:
      - conda: https://conda.anaconda.org/conda-forge/linux-64/zlib-1.2.13-hd590300_5.conda
packages:
- conda: https://conda.anaconda.org/conda-forge/linux-64/zlib-1.2.13-hd590300_5.conda
  sha256: 9887a04d7e7cb14bd2b52fa01858f05a6d7f002c890f618d9fcd864adbfecb1b
  md5: 68c34ec6149623be41a1933ab996a209
  license: Zlib
  size: 92825
";

#[test]
fn a_pixi_lock_becomes_a_recipe_and_the_same_lock() {
    insta::assert_snapshot!(told("pixi.lock", PIXI_LOCK), @"
    schema: 1
    name: imported
    channels: [conda-forge]
    platforms: [linux-64]
    gpu: none
    dependencies:
      - zlib ==1.2.13 hd590300_5
    ");
    let (files, differences) = locked(&good("pixi.lock", PIXI_LOCK));
    assert_eq!(differences, [] as [&str; 0]);
    assert_eq!(files.len(), 1);
}

#[test]
fn what_conda_list_prints_is_asked_for_build_by_build() {
    let list = "# packages in environment at /x:\n#\n# Name  Version  Build  Channel\n_libgcc_mutex 0.1 conda_forge conda-forge\n\
                numpy 1.26.0 py310hb13e2d6_0 conda-forge\ntorch-x 1.0 pypi_0 pypi\nintel 1 0\n";
    let export = "# platform: win-64\nnumpy=1.26.0=py310hb13e2d6_0\ntorch-x=1.0=pypi_0\n";
    for (text, packages, channels) in [(list, 3, 1), (export, 1, 1)] {
        let text = Text::decode("requirements.txt", text.as_bytes()).unwrap();
        let format = recognise(&text).unwrap();
        let found = read(&Texts::new(text), format, &Defaults::default()).unwrap();
        assert_eq!(found.packages.len(), packages);
        assert_eq!(found.wheels[0].value.text, "torch-x==1.0");
        assert_eq!(found.channels.len(), channels);
        let numpy = found.packages.iter().find(|p| p.value.starts_with("numpy"));
        assert_eq!(numpy.unwrap().value, "numpy ==1.26.0 py310hb13e2d6_0");
    }
}
