//! Which CUDA builds are for, which fit, and how channels compare.

use super::*;
use crate::{plan::Gpu, search::cuda::CudaAsked, solution::tests::record};

/// Makes a record as a channel would have it.
fn built(name: &str, version: &str, build: &str, depends: &[&str]) -> RepoDataRecord {
    let mut record = record(name, version, depends);
    record.package_record.build = build.parse().expect("a build string");
    let base = "https://conda.anaconda.org/conda-forge/linux-64";
    let url = format!("{base}/{name}-{version}-{build}.conda");
    record.url = url.parse().expect("a URL");
    record
}

fn made(record: &RepoDataRecord) -> MadeFor {
    let table = &crate::facts::Facts::shipped().builds;
    made_for(
        record,
        &Rules::new(Gpu::Optional, &[], std::iter::empty(), table),
    )
}

#[test]
fn a_build_says_its_cuda_in_many_ways() {
    for (name, version, build, depends, expected) in [
        (
            "cudatoolkit",
            "11.2.2",
            "he111cf0_10",
            &["libgcc-ng >=9"][..],
            "11.2",
        ),
        ("cuda-version", "12.9", "h4f385c5_3", &[], "12.9"),
        ("cuda-nvcc", "12.4.131", "0", &[], "12.4"),
        (
            "cuda-nvdisasm",
            "12.6.20",
            "0",
            &["cuda-version >=12.6,<12.7.0a0"],
            "12.6",
        ),
        (
            "cudnn",
            "7.6.5",
            "cuda10.1_0",
            &["cudatoolkit 10.1.*"],
            "10.1",
        ),
        (
            "cudnn",
            "7.6.5.32",
            "hc0a50b0_1",
            &["cudatoolkit 10.1|10.1.*"],
            "10.1",
        ),
        (
            "cudnn",
            "8.1.0.77",
            "h90431f1_0",
            &["cudatoolkit 11.*"],
            "11",
        ),
        (
            "cudnn",
            "9.3.0.75",
            "h0",
            &["cuda-version >=12.0,<13", "cuda-version >=12,<13.0a0"],
            "12",
        ),
        (
            "pytorch",
            "2.5.1",
            "cuda126_mkl_py310_h069c2fa_309",
            &["cuda-version >=12.6,<13"],
            "12.6",
        ),
        (
            "pytorch",
            "2.0.1",
            "py3.9_cuda11.7_cudnn8.5.0_0",
            &["pytorch-cuda >=11.7,<11.8"],
            "11.7",
        ),
        (
            "torchvision",
            "0.20.1",
            "py311_cu121",
            &["pytorch-cuda 12.1.*"],
            "12.1",
        ),
        ("dgl", "1.0", "py39_cu92_0", &[], "9.2"),
        (
            "magma",
            "2.7",
            "h0_0",
            &["cuda-version >=11.2,<12.0a0"],
            ">=11.2,<12",
        ),
        ("cupy", "13.0", "py311_0", &["__cuda >=12"], ">=12"),
        ("cupy", "13.0", "py311_0", &["__cuda"], "yes"),
        (
            "pytorch",
            "2.5.1",
            "cpu_generic_py311_h36b4074_11",
            &[],
            "cpu",
        ),
        ("numpy", "2.0", "py312h33ff503_0", &["python"], "-"),
        // Not a version of CUDA, and neither a Python nor a date is one.
        ("thing", "1.0", "cuda_20230101_0", &[], "yes"),
        (
            "cuda-python",
            "0.3.1",
            "py312_0",
            &["cuda-version >=12,<13.0a0"],
            "12",
        ),
    ] {
        let made = made(&built(name, version, build, depends));
        assert_eq!(made.to_string(), expected, "{name} {version} {build}");
    }
}

#[test]
fn a_build_fits_the_cuda_that_it_takes_or_names() {
    let old = built("cudnn", "8.1.0.77", "h0", &["cudatoolkit 11.*"]);
    let new = built(
        "pytorch",
        "2.5.1",
        "cuda126_0",
        &["cuda-version >=12.6,<13"],
    );
    let bare = built("dgl", "1.0", "py39_cu118", &[]);
    let driver = built("cupy", "13.0", "py311_0", &["__cuda >=12"]);
    let cpu = built("pytorch", "2.5.1", "cpu_py311_0", &[]);
    for (cuda, fitting) in [
        ("11.2", vec!["cudnn"]),
        ("11", vec!["cudnn", "dgl"]),
        ("11.8.0", vec!["cudnn", "dgl"]),
        ("12.9", vec!["pytorch", "cupy"]),
        ("12.4", vec!["cupy"]),
        ("12.*", vec!["pytorch", "cupy"]),
        ("10", vec![]),
    ] {
        let asked: CudaAsked = cuda.parse().unwrap();
        let records = [&old, &new, &bare, &driver, &cpu];
        let fits = records.iter().filter(|record| asked.fits(&made(record)));
        let names: Vec<&str> = fits
            .map(|r| r.package_record.name.as_normalized())
            .collect();
        assert_eq!(names, fitting, "{cuda}");
    }
    for bad in ["", "x", "12.x", "1.2.3.4", "99", "-1", "12,4", "12.4.1.0"] {
        assert!(bad.parse::<CudaAsked>().is_err(), "{bad}");
    }
}

#[test]
fn the_question_is_a_spec_with_patterns_and_a_channel() {
    let wanted = |text| wanted(text).unwrap();
    assert_eq!(wanted("cudnn").name(), Some("cudnn"));
    assert_eq!(wanted("*cudnn*").name(), None);
    assert_eq!(
        wanted("conda-forge::cudnn>=8").channel.as_deref(),
        Some("conda-forge")
    );
    let of_platform = wanted("pytorch/win-64::pytorch");
    assert_eq!(of_platform.channel.as_deref(), Some("pytorch"));
    assert_eq!(
        of_platform.platform,
        Some(rattler_conda_types::Subdir::Win64)
    );
    for bad in [
        "",
        "  ",
        "cudnn>=",
        "./x.conda",
        "https://x.example/a.conda",
        "-x::y",
        "x[channel=y]",
        &"x".repeat(500),
        "x::",
        "::x",
        "a::b::c",
    ] {
        let refused = super::wanted(bad);
        assert!(refused.is_err(), "{bad}: {refused:?}");
    }
    let machine = super::wanted("__cuda").unwrap_err();
    assert!(matches!(machine, SearchError::Virtual { .. }));
}

#[test]
fn channels_are_named_once_and_defaults_is_what_conda_means() {
    let named = channels(["defaults,nvidia", "nvidia", "conda-forge"]).unwrap();
    assert_eq!(named, ["pkgs/main", "nvidia", "conda-forge"]);
    assert!(channels(["a,,b"]).is_err());
}

#[test]
fn hits_are_in_the_order_of_conda_and_the_strongest_channel_is_last() {
    let records = [
        (1, built("a", "1.10", "h1_0", &[])),
        (0, built("a", "1.10", "h1_0", &[])),
        (0, built("a", "1.9", "h1_0", &[])),
        (0, built("b", "0.1", "h1_0", &[])),
    ];
    let table = &crate::facts::Facts::shipped().builds;
    let rules = Rules::new(Gpu::Optional, &[], std::iter::empty(), table);
    let hits = hits(records, &wanted("*").unwrap(), None, &rules);
    let seen = hits.iter().map(|hit| {
        let package = &hit.record.package_record;
        format!(
            "{} {} {}",
            package.name.as_normalized(),
            package.version,
            hit.rank
        )
    });
    assert_eq!(
        seen.collect::<Vec<_>>(),
        ["a 1.9 0", "a 1.10 1", "a 1.10 0", "b 0.1 0"]
    );
}

#[test]
fn channels_are_compared_build_by_build() {
    let with_hash = |name: &str, hash: u8| {
        let mut record = built(name, "1.0", "h1_0", &[]);
        record.package_record.md5 = Some([hash; 16].into());
        record
    };
    let mut packed = with_hash("packed", 2);
    packed.identifier = "packed-1.0-h1_0.tar.bz2".parse().unwrap();
    let ranked = vec![
        (0, with_hash("same", 1)),
        (1, with_hash("same", 1)),
        (0, with_hash("other", 1)),
        (1, with_hash("other", 2)),
        (0, with_hash("packed", 1)),
        (1, packed),
        (0, built("bare", "1.0", "h1_0", &[])),
        (1, with_hash("bare", 1)),
        (0, with_hash("first", 1)),
        (1, with_hash("second", 1)),
    ];
    let table = &crate::facts::Facts::shipped().builds;
    let rules = Rules::new(Gpu::Optional, &[], std::iter::empty(), table);
    let compared = compare(hits(ranked, &wanted("*").unwrap(), None, &rules));
    let seen = compared.iter().map(|row| {
        let name = row.hit.record.package_record.name.as_normalized();
        assert_eq!(row.other.is_some(), row.compared.in_both());
        format!("{name}: {}", row.compared)
    });
    insta::assert_snapshot!(seen.collect::<Vec<_>>().join("\n"), @"
    bare: no hash to compare
    first: only in the first
    other: different
    packed: other archive
    same: identical
    second: only in the second
    ");
}

#[test]
fn nothing_found_says_what_is_near() {
    let known: Vec<String> = ["cudatoolkit", "cudatoolkit-dev", "zlib"]
        .map(String::from)
        .into();
    let channels = ["conda-forge".to_string()];
    let wanted = wanted("cudatolkit").unwrap();
    let told = nothing(&wanted, None, &channels, "linux-64", &known, (0, &[]));
    assert_eq!(told.help[0], "did you mean `cudatoolkit`?");
    let asked: CudaAsked = "9".parse().unwrap();
    let versions = ["8.1".to_string()];
    let told = nothing(
        &wanted,
        Some(&asked),
        &channels,
        "linux-64",
        &[],
        (3, &versions),
    );
    assert!(
        told.message.ends_with("is built for CUDA 9"),
        "{}",
        told.message
    );
    assert_eq!(told.help.len(), 1);
}
