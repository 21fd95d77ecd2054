//! A laboratory: a channel behind a loopback server, and a sandbox that fetches from it.

use std::path::{Path, PathBuf};

use fs_err as fs;
use gpuenv_testkit::{Channel, Output, Sandbox, Server};

/// A channel behind a loopback server, and a sandbox that fetches from it.
pub(crate) struct Lab {
    pub(crate) channel: Channel,
    pub(crate) server: Server,
    pub(crate) sandbox: Sandbox,
}

impl Lab {
    /// Makes one whose channel `conda-forge` is empty.
    pub(crate) fn new() -> Self {
        let channel = Channel::new("conda-forge");
        let server = channel.serve();
        let mut sandbox = Sandbox::new(env!("CARGO_BIN_EXE_gpuenv"));
        sandbox.set("GPUENV_MIRROR", server.url());
        sandbox.hide_sizes();
        Self {
            channel,
            server,
            sandbox,
        }
    }

    /// Makes one with the package `tool` 1.0 and the recipe `demo.yaml` that asks for it.
    pub(crate) fn with_tool() -> Self {
        let lab = Self::new();
        lab.publish_tool("1.0");
        lab.recipe("demo", &["tool"]);
        lab
    }

    /// Publishes the package `tool`: a script, and a library that names its prefix.
    pub(crate) fn publish_tool(&self, version: &str) -> gpuenv_testkit::Published {
        let text = format!("#!/bin/sh\necho tool {version} \"$@\"\n");
        self.channel
            .package("tool", version)
            .needs("lib")
            .executable("bin/tool", text)
            .publish();
        self.channel
            .package("lib", version)
            .prefix_text("share/where", gpuenv_testkit::PLACEHOLDER)
            .payload("lib/lib.so", 20_000)
            .publish()
    }

    /// Writes `NAME.yaml`, a recipe that uses no GPU.
    pub(crate) fn recipe(&self, name: &str, dependencies: &[&str]) -> PathBuf {
        let file = format!("{name}.yaml");
        self.sandbox.write(&file, recipe(name, dependencies))
    }

    /// Returns the prefix of an environment.
    pub(crate) fn prefix(&self, name: &str) -> PathBuf {
        self.sandbox.gpuenv_home().join("envs").join(name)
    }

    /// Fails if anything is where the environments are, but these.
    #[track_caller]
    pub(crate) fn assert_only(&self, names: &[&str]) {
        assert_eq!(entries(&self.sandbox.gpuenv_home().join("envs")), names);
    }
}

/// Returns the text of a recipe that uses no GPU.
pub(crate) fn recipe(name: &str, dependencies: &[&str]) -> String {
    let lines = dependencies.iter().map(|spec| format!("  - {spec}\n"));
    let lines: String = lines.collect();
    format!(
        "schema: 1\nname: {name}\nchannels: [conda-forge]\nplatforms: [linux-64]\ngpu: none\n\
         dependencies:\n{lines}"
    )
}

/// Returns the names in a folder, sorted; none if it is not there.
pub(crate) fn entries(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let name = |entry: std::io::Result<fs::DirEntry>| {
        let entry = entry.expect("the folder can be read");
        entry.file_name().to_string_lossy().into_owned()
    };
    let mut names: Vec<String> = entries.map(name).collect();
    names.sort();
    names
}

/// Does the same with all values at the same time, since programs mostly wait.
pub(crate) fn at_once<T: Sync, R: Send>(values: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = values
            .iter()
            .map(|value| scope.spawn(|| work(value)))
            .collect();
        let result = |thread: std::thread::ScopedJoinHandle<R>| match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        threads.into_iter().map(result).collect()
    })
}

/// Returns what a run said on stderr, under a heading.
pub(crate) fn told(name: &str, output: &Output) -> String {
    let text = output.snapshot();
    let (_, stderr) = text
        .split_once("----- stderr -----\n")
        .expect("a snapshot has both streams");
    format!("## {name}\n{stderr}")
}

/// Says why a test cannot run here.
#[expect(clippy::print_stdout, reason = "the test harness shows it")]
pub(crate) fn skipped(why: &str) {
    println!("skipped: {why}");
}

/// Interrupts a run, and returns the signal that it got.
///
/// A shell that runs the tests in its background has them ignore SIGINT, and
/// what they start inherits that; then SIGTERM stands in.
pub(crate) fn interrupt(running: &gpuenv_testkit::Running) -> i32 {
    const SIGINT_BIT: u64 = 1 << 1;
    let status = fs_err::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    match ignored.is_some_and(|mask| mask & SIGINT_BIT != 0) {
        true => {
            running.terminate();
            15
        }
        false => {
            running.interrupt();
            2
        }
    }
}
