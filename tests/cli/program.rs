//! Runs the program with nothing of the caller's environment.

use std::{
    ffi::OsStr,
    process::{Command, Stdio},
};

use tempfile::TempDir;

/// The program, ready to run, with a home of its own.
pub(crate) struct Program {
    command: Command,
    home: TempDir,
}

/// What a run left behind.
#[must_use]
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) exit: i32,
}

/// Prepares a run.
pub(crate) fn gpuenv<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Program {
    let home = tempfile::tempdir().expect("the temporary folder is writable");
    let mut command = Command::new(env!("CARGO_BIN_EXE_gpuenv"));
    command
        .args(arguments)
        .env_clear()
        .env("HOME", home.path())
        .env("USERPROFILE", home.path())
        .env("GPUENV_HOME", home.path().join("gpuenv"))
        .env("RATTLER_CACHE_DIR", home.path().join("cache"))
        .current_dir(home.path())
        .stdin(Stdio::null());
    Program { command, home }
}

impl Program {
    /// Sets a variable.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sends stdout somewhere else.
    pub(crate) fn stdout(mut self, stdout: impl Into<Stdio>) -> Self {
        self.command.stdout(stdout);
        self
    }

    /// Runs to the end; what goes somewhere else is empty here.
    pub(crate) fn run(mut self) -> Ran {
        let child = self.command.stderr(Stdio::piped());
        let output = child.output().expect("the program was just built");
        let text = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).expect("the program writes UTF-8");
            let home = self.home.path().to_string_lossy();
            text.replace(&*home, "[HOME]")
        };
        Ran {
            stdout: text(output.stdout),
            stderr: text(output.stderr),
            exit: output.status.code().unwrap_or(-1),
        }
    }
}

impl Ran {
    /// Returns everything for a snapshot.
    pub(crate) fn all(&self) -> String {
        let Self {
            stdout,
            stderr,
            exit,
        } = self;
        format!("exit: {exit}\n----- stdout\n{stdout}----- stderr\n{stderr}")
    }
}
