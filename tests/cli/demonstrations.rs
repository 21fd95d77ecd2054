//! What gpuenv promises of wheels, shown with real ones: `tests/real/demonstrations` runs it.
//!
//! Needs PyPI and minutes, so nothing runs unless `GPUENV_REAL_DEMONSTRATIONS` is set. The
//! conda half is of packages made here that have the real names: there is no channel to reach.
#![expect(
    clippy::print_stdout,
    reason = "what every program says is what `tests/real/demonstrations` is for"
)]

mod classical;
mod data_science;
mod listing;
mod torch;
mod windows;

use std::{
    env,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use fs_err as fs;
use gpuenv_testkit::{Channel, Output, Sandbox, Server};

use crate::wheels::lab::find;

/// Long enough for gigabytes.
const LONG: Duration = Duration::from_secs(1800);

/// A channel with a real Python, and a sandbox that reaches PyPI.
struct Stage {
    channel: Channel,
    /// Serves the channel as long as it lives.
    _server: Server,
    sandbox: Sandbox,
}

impl Stage {
    /// Makes one; the error is a reason to skip.
    fn new() -> Result<Self, String> {
        if env::var_os("GPUENV_REAL_DEMONSTRATIONS").is_none() {
            return Err("GPUENV_REAL_DEMONSTRATIONS is not set".to_string());
        }
        let uv = match env::var_os("GPUENV_TEST_UV") {
            Some(uv) => PathBuf::from(uv),
            None => find("uv").ok_or("no uv on PATH, and GPUENV_TEST_UV is not set")?,
        };
        let channel = Channel::new("conda-forge");
        let server = channel.serve();
        let mut sandbox = Sandbox::new(env!("CARGO_BIN_EXE_gpuenv"));
        sandbox.set("GPUENV_UV", uv);
        sandbox.set("GPUENV_MIRROR", server.url());
        sandbox.allow_program("python3")?;
        for name in ["SSL_CERT_FILE", "UV_DEFAULT_INDEX", "HTTPS_PROXY"] {
            if let Some(value) = env::var_os(name) {
                sandbox.set(name, value);
            }
        }
        Ok(Self {
            channel,
            _server: server,
            sandbox,
        })
    }

    /// Makes one whose channel has CPython 3.10, which the older frameworks need.
    fn with_python_310() -> Result<Self, String> {
        let stage = Self::new()?;
        let python = match env::var_os("GPUENV_REAL_PYTHON310") {
            Some(python) => PathBuf::from(python),
            None => {
                find("python3.10").ok_or("no python3.10, and GPUENV_REAL_PYTHON310 is not set")?
            }
        };
        stage.channel.python_from(&python, "linux-64")?;
        Ok(stage)
    }

    /// Writes the recipe of an environment that has Python from conda and all else from PyPI.
    fn recipe(&self, name: &str, more: &str) {
        self.sandbox.write(
            &format!("{name}.yaml"),
            format!(
                "schema: 1\nname: {name}\nchannels: [conda-forge]\nplatforms: [linux-64]\n\
                 target: {{ glibc: \"2.28\" }}\ndependencies: [python]\n{more}"
            ),
        );
    }

    /// Runs gpuenv, however long it takes, and tells how long that was.
    #[track_caller]
    fn gpuenv(&self, arguments: &[&str]) -> Output {
        let before = Instant::now();
        let output = self.sandbox.command(arguments).deadline(LONG).run();
        let seconds = before.elapsed().as_secs_f64();
        println!("\n$ gpuenv {}   # {seconds:.1} s", arguments.join(" "));
        println!("{}{}", output.stdout(), output.stderr());
        output
    }

    /// Runs Python in an environment, shows what it prints, and returns that.
    #[track_caller]
    fn python(&self, environment: &str, code: &str) -> String {
        let run = ["run", environment, "--", "python", "-c", code];
        self.gpuenv(&run).success().stdout()
    }

    fn prefix(&self, environment: &str) -> PathBuf {
        self.sandbox.gpuenv_home().join("envs").join(environment)
    }
}

/// Gives a stage, or says why there is none and ends the test.
macro_rules! stage {
    ($made:expr) => {
        match $made {
            Ok(stage) => stage,
            Err(reason) => return println!("skipped: {reason}"),
        }
    };
}
use stage;

/// Returns the file names of the packages that a lock has for a platform, sorted.
fn locked(text: &str, platform: &str) -> Vec<String> {
    let lock = gpuenv_core::lock::parse("gpuenv.lock", text).expect("gpuenv wrote it");
    let solution = lock.solution(platform).expect("it is in the lock");
    let conda = solution.records.iter().map(|record| &record.url);
    let urls = conda.chain(solution.wheels.iter().map(|wheel| &wheel.url));
    let names = urls.map(|url| {
        let name = url.path_segments().and_then(Iterator::last);
        name.unwrap_or_default().to_string()
    });
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// Returns the one of these files that begins so.
#[track_caller]
fn one<'a>(files: &'a [String], start: &str) -> &'a str {
    let found: Vec<&String> = files
        .iter()
        .filter(|file| file.starts_with(start))
        .collect();
    assert_eq!(found.len(), 1, "{start}: {found:?}");
    found[0]
}

/// Returns the directories of metadata in a directory of modules.
fn metadata(site: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(site).expect("it is there");
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut found: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "dist-info"))
        .collect();
    found.sort();
    found
}
