//! Channels that are not there, not whole, not reachable, or not what they seem.

use std::{
    net::TcpListener,
    path::Path,
    time::{Duration, Instant},
};

use fs_err as fs;
use gpuenv_core::{
    Code, Diagnostic, Target,
    channel::{CANONICAL_BASE, Mirrors},
    event::Silent,
    plan::{ActivationSettings, Dependency, Gpu},
};
use gpuenv_testkit::{Channel as Published, Fault};
use rattler_conda_types::ParseMatchSpecOptions;
use tempfile::TempDir;

use super::*;
use crate::{Wishes, client::client};

/// A run of gpuenv over some channels.
struct Run {
    access: Access,
    plan: Plan,
    _cache: TempDir,
}

impl Run {
    fn new(mirror: &str, channels: &[&str]) -> Self {
        let cache = tempfile::tempdir().unwrap();
        let mut mirrors = Mirrors::default();
        mirrors.add(CANONICAL_BASE, mirror).unwrap();
        let access = Access {
            mirrors,
            offline: false,
            cache: cache.path().to_path_buf(),
            fallback: None,
            silence: Duration::from_millis(500),
            retries: 0,
            unpacked_at_least: 2_000_000_000,
            wheels: Default::default(),
            ways: Default::default(),
        };
        let spec = MatchSpec::from_str("tool", ParseMatchSpecOptions::lenient()).unwrap();
        let plan = Plan {
            variant: None,
            recipe: "demo".to_string(),
            channels: channels.iter().map(|name| (*name).to_string()).collect(),
            gpu: Gpu::None,
            target: Target::without_gpu(Subdir::Linux64),
            dependencies: vec![Dependency {
                spec,
                text: "tool".to_string(),
                place: None,
            }],
            wheels: Vec::new(),
            pypi: Default::default(),
            activation: ActivationSettings::default(),
            probe: Vec::new(),
            selection: gpuenv_core::recipe::Selection::default(),
        };
        Self {
            access,
            plan,
            _cache: cache,
        }
    }

    fn offline(mut self) -> Self {
        self.access.offline = true;
        self
    }

    fn asking(mut self, text: &str) -> Self {
        let line = &mut self.plan.dependencies[0];
        line.spec = MatchSpec::from_str(text, ParseMatchSpecOptions::lenient()).unwrap();
        line.text = text.to_string();
        self
    }

    /// Reads the channels and returns the URLs that a lock would name.
    #[tokio::main(flavor = "current_thread")]
    async fn read(&self) -> Result<Vec<String>, Diagnostic> {
        let client = client(&self.access).unwrap();
        let channels = Channels::new(&self.access, client, Arc::new(Silent));
        let indices = channels.read(std::slice::from_ref(&self.plan)).await;
        let index = indices.map_err(Diagnostic::from)?.remove(0);
        let records = index.records().map(|record| index.canonical(record));
        Ok(records.map(|record| record.url.to_string()).collect())
    }

    #[track_caller]
    fn fails(&self, code: Code, message: &str) -> Diagnostic {
        let diagnostic = self.read().expect_err("it cannot be read");
        assert_eq!(
            (diagnostic.code, diagnostic.message.as_str()),
            (code, message),
            "{diagnostic:?}"
        );
        diagnostic
    }

    #[tokio::main(flavor = "current_thread")]
    async fn solve(&self) -> Result<Vec<String>, Diagnostic> {
        let plans = std::slice::from_ref(&self.plan);
        let solved = crate::solve(plans, &Wishes::default(), &self.access, Arc::new(Silent)).await;
        let mut solutions = solved.map_err(|mut errors| Diagnostic::from(errors.remove(0)))?;
        let records = solutions.remove(0).records;
        Ok(records.iter().map(|r| r.url.to_string()).collect())
    }
}

fn with_tool(channel: &Published) {
    channel.package("tool", "1.0").publish();
}

/// Leaves only the packed index of each subdir.
fn packed_only(channel: &Published) {
    for subdir in ["linux-64", "noarch"] {
        let folder = channel.folder().join(subdir);
        let _ = fs::remove_file(folder.join("repodata.json"));
    }
}

fn files_below(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).unwrap().flatten();
    entries
        .map(|entry| match entry.path().is_dir() {
            true => files_below(&entry.path()),
            false => 1,
        })
        .sum()
}

#[test]
fn a_channel_that_is_not_there_is_missing() {
    let channel = Published::new("here");
    with_tool(&channel);
    let url = channel.file_url();
    let url = url.trim_end_matches('/');
    let local = Run::new(url, &["here", "elsewhere"]);
    local.fails(
        Code::CHANNEL_MISSING,
        &format!("channel `elsewhere` does not exist at {url}/elsewhere/"),
    );
    let server = channel.serve();
    let remote = Run::new(&server.url(), &["here", "elsewhere"]);
    remote.fails(
        Code::CHANNEL_MISSING,
        &format!(
            "channel `elsewhere` does not exist at {}/elsewhere/",
            server.url()
        ),
    );
}

#[test]
fn a_channel_without_noarch_is_missing() {
    let channel = Published::new("here");
    with_tool(&channel);
    let server = channel.serve();
    server.inject(Fault::status(404).on("*/noarch/*"));
    let run = Run::new(&server.url(), &["here"]);
    let diagnostic = run.read().expect_err("it has no noarch");
    assert_eq!(diagnostic.code, Code::CHANNEL_MISSING);
    server.heal();
    server.inject(Fault::status(404).on("*/linux-64/*"));
    let run = Run::new(&server.url(), &["here"]);
    assert_eq!(
        run.read(),
        Ok(Vec::new()),
        "it has nothing for the platform"
    );
}

#[test]
fn the_channel_that_failed_is_named_and_not_the_first() {
    let first = Published::new("first");
    with_tool(&first);
    let second = first.beside("second");
    with_tool(&second);
    // An error of the JSON reader names no URL.
    second.raw_repodata("linux-64", b"{\"packages\": [");
    let server = first.serve();
    let run = Run::new(&server.url(), &["first", "second"]);
    run.fails(
        Code::CHANNEL_BAD_DATA,
        "channel `second` answered with something that is not repodata",
    );
}

#[test]
fn an_answer_that_was_no_index_is_not_kept() {
    let channel = Published::new("here");
    with_tool(&channel);
    let server = channel.serve();
    let run = Run::new(&server.url(), &["here"]);
    // Read as JSON, because the archive seems not to be there.
    server.inject(Fault::status(404).on("*.zst"));
    server.inject(Fault::status(404).on("*.bz2"));
    server.inject(Fault::html().on("*.json"));
    run.fails(
        Code::CHANNEL_BAD_DATA,
        "channel `here` answered with something that is not repodata",
    );
    server.heal();
    assert_eq!(run.read().map(|found| found.len()), Ok(1));
}

#[test]
fn a_damaged_archive_of_a_local_channel_is_named() {
    let channel = Published::new("here");
    with_tool(&channel);
    let archive = channel.folder().join("linux-64/repodata.json.zst");
    let bytes = fs::read(&archive).unwrap();
    packed_only(&channel);
    for damaged in [&bytes[..bytes.len() / 2], b"<html>", b""] {
        fs::write(&archive, damaged).unwrap();
        let run = Run::new(&channel.file_url(), &["here"]);
        let diagnostic = run.fails(
            Code::CHANNEL_BAD_DATA,
            "channel `here` answered with something that is not repodata",
        );
        let named = diagnostic
            .causes
            .iter()
            .any(|cause| cause.contains("linux-64/repodata.json.zst"));
        assert!(named, "{diagnostic:?}");
    }
    fs::write(&archive, &bytes).unwrap();
    let run = Run::new(&channel.file_url(), &["here"]);
    assert_eq!(run.read().map(|found| found.len()), Ok(1));
}

#[test]
fn a_local_channel_that_was_synchronised_again_is_read_again() {
    let channel = Published::new("here");
    with_tool(&channel);
    packed_only(&channel);
    let run = Run::new(&channel.file_url(), &["here"]);
    assert_eq!(run.read().map(|found| found.len()), Ok(1));
    let unpacked = files_below(&run.access.own_cache());
    channel.package("tool", "2.0").publish();
    packed_only(&channel);
    assert_eq!(run.read().map(|found| found.len()), Ok(2));
    assert_eq!(
        files_below(&run.access.own_cache()),
        unpacked,
        "the old state is gone"
    );
}

#[test]
fn offline_reads_what_is_there_and_nothing_else() {
    let channel = Published::new("here");
    with_tool(&channel);
    let server = channel.serve();
    let run = Run::new(&server.url(), &["here"]).offline();
    run.fails(
        Code::CHANNEL_OFFLINE,
        "channel `here` is not in the cache, and gpuenv works offline",
    );
    assert_eq!(server.requests().len(), 0);
    let mut online = Run::new(&server.url(), &["here"]);
    let found = online.read().unwrap();
    server.forget_requests();
    online.access.offline = true;
    assert_eq!(online.read(), Ok(found.clone()));
    assert_eq!(server.requests().len(), 0);
    let local = Run::new(&channel.file_url(), &["here"]).offline();
    assert_eq!(local.read(), Ok(found), "a local channel is no network");
}

#[test]
fn a_server_that_does_not_answer_is_given_up_soon() {
    let start = Instant::now();
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let run = Run::new(&format!("http://{closed}"), &["here"]);
    run.fails(
        Code::CHANNEL_UNREACHABLE,
        "channel `here` cannot be reached",
    );

    // Its queue takes the connection, but nobody ever reads.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let run = Run::new(
        &format!("http://{}", silent.local_addr().unwrap()),
        &["here"],
    );
    run.fails(
        Code::CHANNEL_UNREACHABLE,
        "channel `here` cannot be reached",
    );
    assert!(
        start.elapsed() < Duration::from_secs(6),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn every_record_is_named_by_its_own_channel() {
    let outer = Published::new("nvidia");
    with_tool(&outer);
    let inner = outer.beside("nvidia/label/cuda-12.4.0");
    with_tool(&inner);
    for channels in [
        ["nvidia", "nvidia/label/cuda-12.4.0"],
        ["nvidia/label/cuda-12.4.0", "nvidia"],
    ] {
        let found = Run::new(&outer.file_url(), &channels).read().unwrap();
        let expected = channels
            .map(|name| format!("https://conda.anaconda.org/{name}/linux-64/tool-1.0-h0_0.conda"));
        assert_eq!(found, expected);
        let solved = Run::new(&outer.file_url(), &channels).solve().unwrap();
        assert_eq!(
            solved,
            expected[..1],
            "the first channel is the stronger one"
        );
    }
}

#[test]
fn a_stronger_channel_hides_a_weaker_one_whatever_is_asked_for() {
    let strong = Published::new("strong");
    with_tool(&strong);
    let weak = strong.beside("weak");
    weak.package("tool", "2.0").publish();
    let run = Run::new(&strong.file_url(), &["strong", "weak"]).asking("tool >=2");
    let diagnostic = run.solve().unwrap_err();
    assert_eq!(
        diagnostic.message,
        "`tool >=2` is only in channel `weak`, and `strong` comes before it and has other `tool`"
    );
    assert_eq!(
        diagnostic.help,
        [
            "write `weak::tool >=2` instead of `tool >=2`",
            "write `tool 1.0.*` instead of `tool >=2`, the nearest version that works"
        ]
    );
    let named = Run::new(&strong.file_url(), &["strong", "weak"]).asking("weak::tool >=2");
    assert_eq!(named.solve().map(|found| found.len()), Ok(1));
}

#[test]
fn the_time_at_which_a_mirror_was_indexed_counts_for_nothing() {
    let channel = Published::new("here");
    channel
        .package("tool", "1.0")
        .timestamp(1_600_000_000_000)
        .in_repodata("indexed_timestamp", 1_900_000_000_000_i64)
        .publish();
    let run = Run::new(&channel.file_url(), &["here"]);
    let client = client(&run.access).unwrap();
    let channels = Channels::new(&run.access, client, Arc::new(Silent));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let indices = runtime.block_on(channels.read(std::slice::from_ref(&run.plan)));
    let indices = indices.unwrap_or_else(|error| panic!("{error}"));
    let records: Vec<_> = indices[0].records().collect();
    assert!(records[0].package_record.timestamp.is_some());
    assert_eq!(records[0].package_record.indexed_timestamp, None);
}

#[test]
fn a_version_of_cuda_keeps_out_another_toolkit_though_its_record_forgot_to_say_so() {
    let channel = Published::new("here");
    channel.package("cudatoolkit", "11.8.0").publish();
    for version in ["11.8", "12.3"] {
        let package = channel.package("cuda-version", version);
        package.noarch_generic().publish();
    }
    for (version, cuda) in [("1", ">=11,<12"), ("2", ">=12,<13")] {
        let package = channel.package("cudnn", version);
        package.needs(&format!("cuda-version {cuda}")).publish();
    }
    let tool = channel.package("tool", "1").needs("cudatoolkit 11.8.*");
    tool.needs("cudnn").publish();
    let mut run = Run::new(&channel.file_url(), &["here"]);
    run.plan.gpu = Gpu::Required;
    run.plan.target.cuda = "12.4".parse().ok();
    let solved = run.solve().unwrap().join("\n");
    assert!(solved.contains("/cuda-version-11.8-"), "{solved}");
    assert!(solved.contains("/cudnn-1-"), "{solved}");
}
