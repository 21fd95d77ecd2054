//! `recipes/channel` is what `hello_channel` builds, and what it should be.

use std::{
    env,
    path::{Path, PathBuf},
};

use fs_err as fs;
use rattler_conda_types::RepoData;
use serde_json::Value;

use super::hello_channel;
use crate::{contents::sha256, tree, tree_with_hashes};

const NOTHING: [&str; 0] = [];

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes/channel")
}

/// Lists everything in every package of a channel, with hashes.
fn contents(channel: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, _) in records(channel) {
        let folder = tempfile::tempdir().unwrap();
        let archive = channel.join("noarch").join(&name);
        rattler_package_streaming::fs::extract(&archive, folder.path()).unwrap();
        lines.push(name);
        lines.extend(tree_with_hashes(folder.path()));
    }
    lines
}

/// Returns the records by file name, without what depends on the compressor.
fn records(channel: &Path) -> Vec<(String, Value)> {
    let text = fs::read_to_string(channel.join("noarch/repodata.json")).unwrap();
    let mut repodata: Value = serde_json::from_str(&text).unwrap();
    let packages = repodata["packages.conda"].as_object_mut().unwrap();
    let records = packages.iter_mut().map(|(name, record)| {
        let record_map = record.as_object_mut().unwrap();
        record_map.retain(|key, _| !["md5", "sha256", "size"].contains(&key.as_str()));
        (name.clone(), record.clone())
    });
    records.collect()
}

#[test]
fn hello_channel_is_committed_as_built() {
    let folder = tempfile::tempdir().unwrap();
    let built = folder.path().join("channel");
    hello_channel(&built);
    if env::var_os("GPUENV_BLESS").is_some() {
        if committed().exists() {
            fs::remove_dir_all(committed()).unwrap();
        }
        hello_channel(&committed());
    }
    // Not byte by byte: another version of the compressor would change them.
    let advice = "stale: GPUENV_BLESS=1 cargo test -p gpuenv-testkit hello_channel";
    assert_eq!(records(&built), records(&committed()), "{advice}");
    assert_eq!(contents(&built), contents(&committed()), "{advice}");
    let names = |channel: &Path| -> Vec<String> {
        // Without the sizes.
        let lines = tree(channel);
        lines
            .iter()
            .map(|line| {
                line[9..]
                    .rsplit_once(' ')
                    .map_or(&line[9..], |(name, _)| name)
                    .to_string()
            })
            .collect()
    };
    assert_eq!(names(&built), names(&committed()), "{advice}");
}

#[test]
fn hello_channel_builds_the_same_bytes_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    hello_channel(&one);
    hello_channel(&two);
    assert_eq!(tree_with_hashes(&one), tree_with_hashes(&two));
}

#[test]
fn the_committed_packages_have_the_hashes_and_sizes_of_their_records() {
    let noarch = committed().join("noarch");
    let repodata = RepoData::from_path(noarch.join("repodata.json")).unwrap();
    assert_eq!(repodata.conda_packages.len(), 3);
    for (name, record) in &repodata.conda_packages {
        let bytes = fs::read(noarch.join(name.to_string())).unwrap();
        assert_eq!(record.size, Some(bytes.len() as u64), "{name}");
        assert_eq!(
            record.sha256.map(hex::encode),
            Some(sha256(&bytes)),
            "{name}"
        );
        assert!(bytes.len() < 8 * 1024, "{name} grew to {}", bytes.len());
        assert!(record.noarch.is_generic(), "{name}");
    }
}

#[test]
#[cfg(unix)]
fn the_script_of_hello_gpu_knows_its_prefix() {
    let folder = tempfile::tempdir().unwrap();
    for (name, _) in records(&committed()) {
        let archive = committed().join("noarch").join(name);
        rattler_package_streaming::fs::extract(&archive, folder.path()).unwrap();
    }
    // What an installer does to a text.
    let script = folder.path().join("bin/hello-gpu");
    let prefix = folder.path().to_string_lossy();
    let text = fs::read_to_string(&script).unwrap();
    fs::write(&script, text.replace(crate::PLACEHOLDER, &prefix)).unwrap();
    let mut sandbox = crate::Sandbox::new(&script);
    sandbox.replace(&prefix, "[PREFIX]");
    insta::assert_snapshot!(sandbox.gpuenv(NOTHING).success(), @r#"
    exit code: 0
    ----- stdout -----
    hello-gpu lives in [PREFIX]
    the environment is not active: gpuenv run "[PREFIX]" -- hello-gpu
    the kernel is in [PREFIX]/share/hello-gpu/saxpy.ptx
    does the GPU compute? gpuenv probe "[PREFIX]"
    ----- stderr -----
    "#);
    sandbox.set("HELLO_GPU_ACTIVE", "1");
    fs::remove_file(folder.path().join("share/hello-gpu/saxpy.ptx")).unwrap();
    insta::assert_snapshot!(sandbox.gpuenv(NOTHING).code(1), @r"
    exit code: 1
    ----- stdout -----
    hello-gpu lives in [PREFIX]
    the environment is active
    ----- stderr -----
    the kernel is missing: gpuenv create hello-gpu
    ");
}
