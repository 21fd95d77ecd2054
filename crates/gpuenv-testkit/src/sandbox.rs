//! Runs a program as on a machine that has just been unpacked.
//!
//! Nothing of the caller's environment reaches it; its home, caches, temporary
//! files and working directory lie below one folder that goes away in the end.

use std::{
    collections::BTreeMap,
    env,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    time::Duration,
};

use fs_err as fs;
use tempfile::TempDir;

use crate::{
    output::Output,
    process::{self, Running},
    snapshot::Filters,
};

/// The programs that scripts of packages and shells may count on.
const PROGRAMS: [&str; 32] = [
    "awk", "basename", "bash", "cat", "chmod", "cp", "cut", "dash", "date", "dirname", "env",
    "expr", "grep", "head", "id", "ln", "ls", "mkdir", "mv", "printf", "pwd", "readlink", "rm",
    "sed", "sh", "sleep", "sort", "tail", "touch", "tr", "true", "uname",
];

/// After so long a program is killed and the test fails.
const DEADLINE: Duration = Duration::from_secs(120);

/// A place where one program runs hermetically.
pub struct Sandbox {
    binary: PathBuf,
    root: PathBuf,
    variables: BTreeMap<OsString, OsString>,
    filters: Filters,
    // Last, so that it is still there while the others are dropped.
    _temporary: TempDir,
}

impl Sandbox {
    /// Makes a sandbox for a program, for example `env!("CARGO_BIN_EXE_gpuenv")`.
    pub fn new(binary: impl Into<PathBuf>) -> Self {
        let temporary = tempfile::tempdir().expect("the temporary folder is writable");
        // A symlink in the path would show in what programs print.
        let root = fs::canonicalize(temporary.path()).expect("the folder was just made");
        for folder in ["home", "work", "tmp", "bin", "gpuenv-home", "package-cache"] {
            fs::create_dir(root.join(folder)).expect("the sandbox is ours");
        }
        let mut filters = Filters::default();
        filters.replace(&root.to_string_lossy(), "[SANDBOX]");
        let mut sandbox = Self {
            binary: binary.into(),
            variables: variables(&root),
            root,
            filters,
            _temporary: temporary,
        };
        for program in PROGRAMS {
            // Not every machine has every shell; what is missing is missing there too.
            let _ = sandbox.allow_program(program);
        }
        sandbox
    }

    /// Runs the program to its end.
    #[track_caller]
    pub fn gpuenv(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Output {
        self.command(arguments).run()
    }

    /// Starts the program, for tests that disturb it.
    #[track_caller]
    pub fn spawn(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Running {
        self.command(arguments).spawn()
    }

    /// Prepares a run of the program that differs from the usual.
    pub fn command(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Invocation {
        self.other(&self.binary, arguments)
    }

    /// Prepares a run of another program in the same surroundings, for example a shell.
    pub fn other(
        &self,
        program: impl Into<PathBuf>,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Invocation {
        Invocation {
            program: program.into(),
            arguments: arguments
                .into_iter()
                .map(|argument| argument.as_ref().to_os_string())
                .collect(),
            variables: self.variables.clone(),
            folder: self.work(),
            input: Vec::new(),
            deadline: DEADLINE,
            filters: self.filters.clone(),
        }
    }

    /// Sets a variable for all further runs.
    pub fn set(&mut self, name: &str, value: impl AsRef<OsStr>) {
        self.variables
            .insert(name.into(), value.as_ref().to_os_string());
    }

    /// Takes a variable away for all further runs.
    pub fn unset(&mut self, name: &str) {
        self.variables.remove(OsStr::new(name));
    }

    /// Puts a program of this machine on the sandbox's `PATH`; the error says why it cannot.
    pub fn allow_program(&mut self, name: &str) -> Result<(), String> {
        let found = find_program(name).ok_or_else(|| format!("no `{name}` on PATH"))?;
        let link = self.root.join("bin").join(name);
        if !link.is_symlink() {
            crate::contents::make_symlink(&found.to_string_lossy(), &link);
        }
        Ok(())
    }

    /// Puts a driver library where the loader finds it as `libcuda.so.1`, with its script.
    ///
    /// The fake driver reads the script through the variable `GPUENV_FAKECUDA`.
    #[track_caller]
    pub fn fake_driver(&mut self, library: &Path, script: &str) {
        let folder = self.root.join("driver");
        fs::create_dir_all(&folder).expect("the sandbox is ours");
        fs::copy(library, folder.join("libcuda.so.1")).expect("the driver library can be read");
        let script_path = folder.join("script");
        fs::write(&script_path, script).expect("the sandbox is ours");
        self.set("LD_LIBRARY_PATH", folder);
        self.set("GPUENV_FAKECUDA", script_path);
    }

    /// Replaces a text in all snapshots, for example a random name.
    pub fn replace(&mut self, from: &str, to: &str) {
        self.filters.replace(from, to);
    }

    /// Replaces sizes such as `12.3 MiB` in all snapshots by `[SIZE]`.
    pub fn hide_sizes(&mut self) {
        self.filters.hide_sizes();
    }

    /// Returns the folder of everything, which snapshots show as `[SANDBOX]`.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns `$HOME`.
    pub fn home(&self) -> PathBuf {
        self.root.join("home")
    }

    /// Returns the working directory of the program.
    pub fn work(&self) -> PathBuf {
        self.root.join("work")
    }

    /// Returns `$GPUENV_HOME`.
    pub fn gpuenv_home(&self) -> PathBuf {
        self.root.join("gpuenv-home")
    }

    /// Returns `$RATTLER_CACHE_DIR`.
    pub fn package_cache(&self) -> PathBuf {
        self.root.join("package-cache")
    }

    /// Writes a file in the working directory and returns its path.
    #[track_caller]
    pub fn write(&self, path: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.work().join(path);
        let parent = path.parent().expect("joined to a folder");
        fs::create_dir_all(parent).expect("the sandbox is ours");
        fs::write(&path, bytes).expect("the sandbox is ours");
        path
    }

    /// Reads a text in the working directory.
    #[track_caller]
    pub fn read(&self, path: &str) -> String {
        match fs::read_to_string(self.work().join(path)) {
            Ok(text) => text,
            Err(error) => panic!("{error}"),
        }
    }
}

/// One run of a program, not yet started.
#[must_use = "nothing runs before `run` or `spawn`"]
pub struct Invocation {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) variables: BTreeMap<OsString, OsString>,
    pub(crate) folder: PathBuf,
    pub(crate) input: Vec<u8>,
    pub(crate) deadline: Duration,
    pub(crate) filters: Filters,
}

impl Invocation {
    /// Sets a variable.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.variables
            .insert(name.into(), value.as_ref().to_os_string());
        self
    }

    /// Takes a variable away.
    pub fn without_env(mut self, name: &str) -> Self {
        self.variables.remove(OsStr::new(name));
        self
    }

    /// Sets the working directory.
    pub fn in_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = folder.into();
        self
    }

    /// Gives it something to read; otherwise its input is empty.
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = bytes.into();
        self
    }

    /// Sets how long it may take before it is killed and the test fails.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Runs it to its end.
    #[track_caller]
    pub fn run(self) -> Output {
        self.spawn().wait()
    }

    /// Starts it.
    #[track_caller]
    pub fn spawn(self) -> Running {
        process::start(self)
    }
}

/// Returns the path of a library that cargo built for this test run, by its crate's name.
///
/// The error is a reason to skip: `cargo test` builds libraries of other crates
/// only if they are dependencies.
pub fn built_library(name: &str) -> Result<PathBuf, String> {
    let test = env::current_exe().map_err(|error| error.to_string())?;
    let file_name = format!(
        "{}{}{}",
        env::consts::DLL_PREFIX,
        name.replace('-', "_"),
        env::consts::DLL_SUFFIX
    );
    // `target/debug/deps/test` has it beside itself or one folder up.
    test.ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join(&file_name))
        .find(|path| path.is_file())
        .ok_or_else(|| format!("no `{file_name}` beside the test; `cargo build -p {name}`"))
}

fn variables(root: &Path) -> BTreeMap<OsString, OsString> {
    let mut variables: BTreeMap<OsString, OsString> = [
        ("COLUMNS", "100"),
        ("LC_ALL", "C.UTF-8"),
        ("NO_COLOR", "1"),
        ("RUST_BACKTRACE", "0"),
    ]
    .map(|(name, value)| (name.into(), value.into()))
    .into();
    for (name, folder) in [
        ("GPUENV_HOME", "gpuenv-home"),
        ("HOME", "home"),
        ("PATH", "bin"),
        ("RATTLER_CACHE_DIR", "package-cache"),
        ("TMPDIR", "tmp"),
        ("XDG_CACHE_HOME", "home/.cache"),
        ("XDG_CONFIG_HOME", "home/.config"),
        ("XDG_DATA_HOME", "home/.local/share"),
        ("XDG_RUNTIME_DIR", "tmp"),
        ("XDG_STATE_HOME", "home/.local/state"),
    ] {
        variables.insert(name.into(), root.join(folder).into_os_string());
    }
    if cfg!(windows) {
        // Without these hardly any program starts there.
        for name in ["SystemRoot", "SystemDrive", "windir", "ComSpec"] {
            variables.extend(env::var_os(name).map(|value| (name.into(), value)));
        }
        for (name, folder) in [("USERPROFILE", "home"), ("TEMP", "tmp"), ("TMP", "tmp")] {
            variables.insert(name.into(), root.join(folder).into_os_string());
        }
    }
    variables
}

pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
}

#[cfg(all(test, unix))]
mod tests;
