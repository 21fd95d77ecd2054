//! An index of wheels on loopback beside a channel, and a sandbox that uses both.

use std::path::PathBuf;

use fs_err as fs;
use gpuenv_testkit::{Channel, Output, Sandbox, Server, Wheel};

/// A channel with this machine's Python, an index of wheels, and a sandbox that uses both.
pub(crate) struct Lab {
    pub(crate) channel: Channel,
    /// Where the wheels lie; `server` serves it as `/wheels/`.
    pub(crate) wheels: PathBuf,
    pub(crate) server: Server,
    pub(crate) sandbox: Sandbox,
}

impl Lab {
    /// Makes one; the error says what is missing here.
    pub(crate) fn new() -> Result<Self, String> {
        let (channel, server, sandbox) = with_python()?;
        channel
            .package("python", "3.10.14")
            .build("h0_0_cpython")
            .subdir("win-64")
            .file("python.exe", "MZ")
            .publish();
        let wheels = channel.root().join("wheels");
        // The user's own configuration names the index.
        let config = sandbox.home().join(".config/uv");
        fs::create_dir_all(&config).map_err(|error| error.to_string())?;
        let text = format!(
            "no-index = true\nfind-links = [\"{}/wheels/index.html\"]\n",
            server.url()
        );
        fs::write(config.join("uv.toml"), text).map_err(|error| error.to_string())?;
        Ok(Self {
            channel,
            wheels,
            server,
            sandbox,
        })
    }

    pub(crate) fn publish(&self, wheel: Wheel) -> PathBuf {
        wheel.publish(&self.wheels)
    }

    pub(crate) fn recipe(&self, dependencies: &str, wheels: &str) {
        self.recipe_for("[linux-64]", dependencies, wheels);
    }

    pub(crate) fn recipe_for(&self, platforms: &str, dependencies: &str, wheels: &str) {
        self.sandbox.write(
            "demo.yaml",
            format!(
                "schema: 1\nname: demo\nchannels: [conda-forge]\nplatforms: {platforms}\ngpu: none\n\
                 dependencies: {dependencies}\npypi-dependencies: {wheels}\n"
            ),
        );
    }

    pub(crate) fn gpuenv(&self, arguments: &[&str]) -> Output {
        self.sandbox.gpuenv(arguments)
    }

    /// Runs Python in the environment and returns what it prints.
    #[track_caller]
    pub(crate) fn python(&self, code: &str) -> String {
        python(&self.sandbox, code)
    }

    pub(crate) fn prefix(&self) -> PathBuf {
        self.sandbox.gpuenv_home().join("envs/demo")
    }
}

/// Returns a channel with this machine's Python, its server, and a sandbox that uses
/// it and has uv; the error says what is missing here.
pub(crate) fn with_python() -> Result<(Channel, Server, Sandbox), String> {
    let uv = match std::env::var_os("GPUENV_TEST_UV") {
        Some(uv) => PathBuf::from(uv),
        None => find("uv").ok_or("no uv on PATH, and GPUENV_TEST_UV is not set")?,
    };
    let channel = Channel::new("conda-forge");
    channel.python_from_machine("linux-64")?;
    let server = channel.serve();
    let mut sandbox = Sandbox::new(env!("CARGO_BIN_EXE_gpuenv"));
    sandbox.set("GPUENV_MIRROR", server.url());
    sandbox.set("GPUENV_UV", uv);
    sandbox.allow_program("python3")?;
    Ok((channel, server, sandbox))
}

/// Runs Python in the environment `demo` and returns what it prints.
#[track_caller]
pub(crate) fn python(sandbox: &Sandbox, code: &str) -> String {
    let run = sandbox.gpuenv(["run", "demo", "--", "python", "-c", code]);
    run.success().stdout()
}

pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut candidates = std::env::split_paths(&path).map(|folder| folder.join(name));
    candidates.find(|candidate| candidate.is_file())
}

macro_rules! lab {
    () => {
        match $crate::wheels::lab::Lab::new() {
            Ok(lab) => lab,
            Err(reason) => {
                println!("skipped: {reason}");
                return;
            }
        }
    };
}

pub(crate) use lab;
