//! Packages are what real tools expect, and as wrong as a test wants them.

use std::{io::Read, path::Path};

use fs_err as fs;
use rattler_conda_types::{
    RepoData,
    package::{
        AboutJson, FileMode, IndexJson, LinkJson, NoArchLinks, PackageFile, PathType, PathsJson,
        RunExportsJson,
    },
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{Channel, Member, PLACEHOLDER, Package, Published, contents::sha256, tree};

fn torch(channel: &Channel) -> Package<'_> {
    channel
        .package("torch", "2.6")
        .build("cuda126_3")
        .needs("cuda-version >=12")
        .constrains("cpu-only <0")
        .license("MIT")
        .timestamp(1_700_000_000_000)
        .file("lib/libtorch.so.2", b"elf".as_slice())
        .symlink("lib/libtorch.so", "libtorch.so.2")
        .executable("bin/x", "#!/bin/sh\n")
        .directory("var/empty")
        .prefix_text("bin/tool", &format!("#!{PLACEHOLDER}/bin/sh\n"))
        .prefix_binary("lib/tool.bin", format!("\0{PLACEHOLDER}\0"))
        .run_export("torch >=2.6,<3")
}

fn unpack(published: &Published) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let result = rattler_package_streaming::fs::extract(&published.path, folder.path()).unwrap();
    assert_eq!(hex::encode(result.sha256), published.sha256);
    assert_eq!(hex::encode(result.md5), published.md5);
    assert_eq!(result.total_size, published.size);
    folder
}

#[test]
#[cfg(unix)]
fn both_formats_unpack_to_the_same_files() {
    let channel = Channel::new("c");
    let conda = torch(&channel).publish();
    let bzip2 = torch(&channel).tar_bz2().publish();
    assert_eq!(conda.file_name, "torch-2.6-cuda126_3.conda");
    assert_eq!(bzip2.url_path, "/c/linux-64/torch-2.6-cuda126_3.tar.bz2");
    let (conda, bzip2) = (unpack(&conda), unpack(&bzip2));
    let files = tree(conda.path());
    assert_eq!(files, tree(bzip2.path()));
    for line in [
        "file 644 lib/libtorch.so.2 3",
        "link     lib/libtorch.so -> libtorch.so.2",
        "file 755 bin/x 10",
        "dir  755 var/empty",
        "file 755 bin/tool 265",
    ] {
        assert!(files.iter().any(|known| known == line), "{line} {files:#?}");
    }
}

#[test]
fn the_metadata_of_a_package_is_what_rattler_reads() {
    let channel = Channel::new("c");
    let folder = unpack(&torch(&channel).publish());
    let index = IndexJson::from_package_directory(folder.path()).unwrap();
    assert_eq!(index.name.as_normalized(), "torch");
    assert_eq!(index.version.as_str(), "2.6");
    assert_eq!(index.build.as_str(), "cuda126_3");
    assert_eq!(index.build_number, 3);
    assert_eq!(index.depends, ["cuda-version >=12"]);
    assert_eq!(index.constrains, ["cpu-only <0"]);
    assert_eq!(index.arch.as_deref(), Some("x86_64"));
    assert_eq!(index.platform.as_deref(), Some("linux"));
    assert_eq!(index.subdir.as_deref(), Some("linux-64"));
    assert_eq!(index.license.as_deref(), Some("MIT"));
    AboutJson::from_package_directory(folder.path()).unwrap();
    let exports = RunExportsJson::from_package_directory(folder.path()).unwrap();
    assert_eq!(exports.weak, ["torch >=2.6,<3"]);
    assert!(!folder.path().join("info/link.json").exists());
}

#[test]
fn every_line_of_paths_json_is_true() {
    let channel = Channel::new("c");
    let folder = unpack(&torch(&channel).publish());
    let paths = PathsJson::from_package_directory(folder.path()).unwrap();
    assert_eq!(paths.paths.len(), 6);
    for entry in &paths.paths {
        let path = folder.path().join(&entry.relative_path);
        if entry.path_type == PathType::Directory {
            assert!(path.is_dir());
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        assert_eq!(entry.size_in_bytes, Some(bytes.len() as u64), "{path:?}");
        assert_eq!(
            entry.sha256.map(hex::encode),
            Some(sha256(&bytes)),
            "{path:?}"
        );
        assert_eq!(path.is_symlink(), entry.path_type == PathType::SoftLink);
    }
    let mode = |name: &str| {
        let mut entries = paths.paths.iter();
        let entry = entries.find(|entry| entry.relative_path == Path::new(name));
        let placeholder = entry.unwrap().prefix_placeholder.as_ref();
        placeholder.map(|placeholder| (placeholder.file_mode, placeholder.placeholder.as_str()))
    };
    assert_eq!(mode("bin/tool"), Some((FileMode::Text, PLACEHOLDER)));
    assert_eq!(mode("lib/tool.bin"), Some((FileMode::Binary, PLACEHOLDER)));
    assert_eq!(mode("bin/x"), None);
}

#[test]
fn a_noarch_python_package_has_its_entry_points() {
    let channel = Channel::new("c");
    let published = channel
        .package("tool", "1")
        .noarch_python(["tool = tool.cli:main"])
        .needs("python >=3.9")
        .file("site-packages/tool/cli.py", "def main(): pass\n")
        .publish();
    assert_eq!(published.url_path, "/c/noarch/tool-1-h0_0.conda");
    assert_eq!(published.record["noarch"], "python");
    let folder = unpack(&published);
    let link = LinkJson::from_package_directory(folder.path()).unwrap();
    let NoArchLinks::Python(python) = link.noarch else {
        panic!("{link:?}");
    };
    let point = &python.entry_points[0];
    assert_eq!(
        (point.command.as_str(), point.module.as_str()),
        ("tool", "tool.cli")
    );
    assert_eq!(point.function, "main");
}

#[test]
fn equal_packages_have_equal_bytes() {
    let (one, two) = (Channel::new("c"), Channel::new("c"));
    let big = |channel| {
        torch(channel)
            .payload("lib/big", 300_000)
            .many_files("share", 120)
    };
    assert_eq!(big(&one).publish().sha256, big(&two).publish().sha256);
    assert_eq!(
        big(&one).tar_bz2().publish().sha256,
        big(&two).tar_bz2().publish().sha256
    );
}

#[test]
fn a_payload_has_its_size_and_does_not_shrink() {
    let channel = Channel::new("c");
    let published = channel
        .package("big", "1")
        .payload("lib/big.bin", 1_000_000)
        .publish();
    assert!(
        (1_000_000..1_010_000).contains(&published.size),
        "{}",
        published.size
    );
    let folder = unpack(&published);
    assert_eq!(
        fs::metadata(folder.path().join("lib/big.bin"))
            .unwrap()
            .len(),
        1_000_000
    );
}

#[test]
fn the_repodata_lists_what_lies_in_the_folder() {
    let channel = Channel::new("c");
    let conda = torch(&channel).publish();
    let bzip2 = torch(&channel).tar_bz2().publish();
    channel.package("other", "1").subdir("win-64").publish();
    let folder = channel.folder().join("linux-64");
    let repodata = RepoData::from_path(folder.join("repodata.json")).unwrap();
    assert_eq!(
        (repodata.packages.len(), repodata.conda_packages.len()),
        (1, 1)
    );
    let (name, record) = repodata.conda_packages.first().unwrap();
    assert_eq!(name.to_string(), conda.file_name);
    assert_eq!(
        record.sha256.map(hex::encode),
        Some(sha256(&fs::read(&conda.path).unwrap()))
    );
    assert_eq!(record.size, Some(conda.size));
    assert_eq!(record.build_number, 3);
    assert_eq!(record.license.as_deref(), Some("MIT"));
    assert!(record.timestamp.is_some());
    let (name, record) = repodata.packages.first().unwrap();
    assert_eq!(name.to_string(), bzip2.file_name);
    assert_eq!(record.md5.map(hex::encode), Some(bzip2.md5));
    let packed = fs::read(folder.join("repodata.json.zst")).unwrap();
    assert_eq!(
        zstd::decode_all(packed.as_slice()).unwrap(),
        fs::read(folder.join("repodata.json")).unwrap()
    );
    assert!(channel.folder().join("win-64/other-1-h0_0.conda").is_file());
    assert!(channel.folder().join("noarch/repodata.json").is_file());
}

#[test]
fn real_records_are_laid_out_as_they_are() {
    let channel = Channel::new("c");
    let record = json!({ "name": "x", "version": "1", "build": "0", "build_number": 0,
        "depends": [], "subdir": "linux-64", "odd": [1, 2] });
    channel.lay_out(
        "linux-64",
        &json!({ "packages": { "x-1-0.tar.bz2": record }, "packages.conda": {} }),
    );
    channel.add_record("linux-64", "x-2-0.conda", record.clone());
    let text = fs::read_to_string(channel.folder().join("linux-64/repodata.json")).unwrap();
    let repodata: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(repodata["packages"], json!({ "x-1-0.tar.bz2": record }));
    assert_eq!(repodata["packages.conda"], json!({ "x-2-0.conda": record }));
    channel.raw_repodata("linux-64", b"{ not json");
    let text = fs::read_to_string(channel.folder().join("linux-64/repodata.json")).unwrap();
    assert_eq!(text, "{ not json");
}

#[test]
fn channels_beside_each_other_share_a_root_that_outlives_the_first() {
    let one = Channel::new("one");
    let two = one.beside("two");
    assert_eq!(one.root(), two.root());
    drop(one);
    assert!(two.root().join("one/noarch/repodata.json").is_file());
}

#[test]
fn the_metadata_lies_as_told() {
    let channel = Channel::new("c");
    let published = torch(&channel)
        .in_repodata("sha256", "00".repeat(32))
        .without_in_repodata("md5")
        .in_index("name", "not-torch")
        .in_paths("bin/x", "sha256", "11".repeat(32))
        .listed("conda-meta/history")
        .listed("../outside")
        .path_entry(json!({ "_path": "/etc/x", "path_type": "softlink" }))
        .without_info("about.json")
        .info("recipe/meta.yaml", "odd")
        .publish();
    assert_eq!(published.record["sha256"], "00".repeat(32));
    assert_eq!(
        published.sha256,
        sha256(&fs::read(&published.path).unwrap())
    );
    assert_eq!(published.record.get("md5"), None);
    assert_eq!(published.record["name"], "torch");
    let folder = unpack(&published);
    let read = |name: &str| fs::read_to_string(folder.path().join("info").join(name));
    let index: Value = serde_json::from_str(&read("index.json").unwrap()).unwrap();
    assert_eq!(index["name"], "not-torch");
    let paths: Value = serde_json::from_str(&read("paths.json").unwrap()).unwrap();
    let paths = paths["paths"].as_array().unwrap();
    assert!(
        paths
            .iter()
            .any(|line| line["_path"] == "bin/x" && line["sha256"] == "11".repeat(32))
    );
    for hostile in ["conda-meta/history", "../outside", "/etc/x"] {
        assert!(
            paths.iter().any(|line| line["_path"] == hostile),
            "{hostile}"
        );
    }
    assert!(read("about.json").is_err());
    assert_eq!(read("recipe/meta.yaml").unwrap(), "odd");
}

/// Lists the members of the payload of an archive: name, kind, link.
fn members(published: &Published) -> Vec<(String, char, String)> {
    let bytes = fs::read(&published.path).unwrap();
    let mut payload = Vec::new();
    if published.file_name.ends_with(".conda") {
        let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
        let stem = published.file_name.trim_end_matches(".conda");
        let member = archive.by_name(&format!("pkg-{stem}.tar.zst")).unwrap();
        zstd::stream::copy_decode(member, &mut payload).unwrap();
    } else {
        bzip2::read::BzDecoder::new(bytes.as_slice())
            .read_to_end(&mut payload)
            .unwrap();
    }
    let mut archive = tar::Archive::new(payload.as_slice());
    archive
        .entries()
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            let link = entry.link_name_bytes().map(|link| text(&link));
            let kind = char::from(entry.header().entry_type().as_byte());
            (text(&entry.path_bytes()), kind, link.unwrap_or_default())
        })
        .collect()
}

#[test]
fn raw_members_are_in_the_archive_as_written() {
    let channel = Channel::new("c");
    let hostile = || {
        torch(&channel)
            .member(Member::file("../outside", "x"))
            .member(Member::file("/tmp/absolute", "x"))
            .member(Member::hard_link("lib/passwd", "/etc/passwd"))
            .member(Member::symlink("lib/out", "../../.."))
            .member(Member::directory("lib/out/below"))
            .member(Member::fifo("pipe"))
            .member(Member::device("zero"))
            .member(Member::file("bin/setuid", "x").mode(0o4755))
    };
    for published in [hostile().publish(), hostile().tar_bz2().publish()] {
        let members = members(&published);
        let honest = |name: &str| members.iter().any(|member| member.0 == name);
        assert!(honest("lib/libtorch.so.2") && honest("lib/libtorch.so"));
        let last: Vec<(&str, char, &str)> = members[members.len() - 8..]
            .iter()
            .map(|(name, kind, link)| (name.as_str(), *kind, link.as_str()))
            .collect();
        assert_eq!(
            last,
            [
                ("../outside", '0', ""),
                ("/tmp/absolute", '0', ""),
                ("lib/passwd", '1', "/etc/passwd"),
                ("lib/out", '2', "../../.."),
                ("lib/out/below", '5', ""),
                ("pipe", '6', ""),
                ("zero", '3', ""),
                ("bin/setuid", '0', ""),
            ]
        );
    }
}

#[test]
fn an_archive_with_a_raw_member_is_still_a_package() {
    let channel = Channel::new("c");
    for package in [torch(&channel), torch(&channel).tar_bz2()] {
        let published = package
            .member(Member::file("lib/extra", "unlisted"))
            .publish();
        let folder = unpack(&published);
        let text = fs::read_to_string(folder.path().join("lib/extra")).unwrap();
        assert_eq!(text, "unlisted");
        IndexJson::from_package_directory(folder.path()).unwrap();
        let paths = PathsJson::from_package_directory(folder.path()).unwrap();
        assert_eq!(paths.paths.len(), 6);
    }
}
