//! uv as a program: where it is, what it is asked, what it answers.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt::Write as _,
    io,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use gpuenv_core::wheels::{MAX_BYTES, Machine, Provided};
use jiff::Timestamp;
use rattler_conda_types::Subdir;
use tokio::io::AsyncWriteExt;

use super::{
    Program, Sources, WheelsError, places, stub,
    yanked::{self, Yanked},
};

/// How long one resolution may take. Real ones take seconds.
const DEADLINE: Duration = Duration::from_secs(600);

/// The file that uv reads preferences from and writes its answer to. The dot
/// before and the one behind the name are part of PEP 751.
const ANSWER: &str = "pylock.gpuenv.toml";

/// Variables of uv that say where packages are and how to get there. All others
/// would make the lock depend on the machine that makes it.
const KEPT: [&str; 18] = [
    "UV_CACHE_DIR",
    "UV_CONCURRENT_",
    "UV_CONFIG_FILE",
    "UV_CREDENTIALS_",
    "UV_DEFAULT_INDEX",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_HTTP_",
    "UV_INDEX",
    "UV_INSECURE_HOST",
    "UV_KEYRING_PROVIDER",
    "UV_NATIVE_TLS",
    "UV_NO_CACHE",
    "UV_NO_CONFIG",
    "UV_NO_INDEX",
    "UV_PYTHON_INSTALL_DIR",
    "UV_REQUEST_TIMEOUT",
    "UV_SYSTEM_CERTS",
];

/// Where uv may be, and what it gets to know of its surroundings.
#[derive(Debug, Clone, Default)]
pub struct Uv {
    /// The program that the user names.
    pub named: Option<PathBuf>,
    /// Directories in which it may be, the likeliest first.
    pub directories: Vec<PathBuf>,
    /// The directory of gpuenv's own uv, if there may be one.
    pub tool: Option<PathBuf>,
    /// The environment variables of this process.
    pub variables: BTreeMap<OsString, OsString>,
    /// Nothing may leave this machine.
    pub offline: bool,
}

/// What to resolve.
pub(super) struct Question<'a> {
    pub(super) requirements: Vec<String>,
    /// Bounds that the recipe does not state.
    pub(super) bounds: Vec<&'static str>,
    /// What conda brings.
    pub(super) provided: &'a BTreeMap<String, Provided>,
    /// Names and versions that stay where they still fit.
    pub(super) keep: Vec<(String, String)>,
    /// The version of Python, with its patch.
    pub(super) python: String,
    pub(super) machine: &'a Machine,
    /// Where the recipe says that wheels are.
    pub(super) sources: &'a Sources,
    /// The directory of the recipe.
    pub(super) folder: Option<&'a Path>,
    pub(super) exclude_newer: Option<Timestamp>,
}

/// Returns uv's options for what may be built.
fn builds(pypi: &gpuenv_core::plan::PypiSettings) -> impl Iterator<Item = String> + '_ {
    let built = pypi.build_from_source.iter();
    let built = built.map(|name| format!("--no-binary={name}"));
    std::iter::once("--only-binary=:all:".to_string()).chain(built)
}

/// What uv answers.
pub(super) struct Answer {
    /// The text of a `pylock.toml`.
    pub(super) text: String,
    /// What it says of withdrawn releases.
    pub(super) yanked: Vec<Yanked>,
}

impl Uv {
    /// Finds the program where users put it.
    ///
    /// # Errors
    /// Says that it is not where the user says.
    pub(super) fn find(&self) -> Result<Option<PathBuf>, WheelsError> {
        if let Some(named) = &self.named {
            return match named.is_file() {
                true => Ok(Some(named.clone())),
                false => Err(WheelsError::NamedUv(named.clone())),
            };
        }
        let file = format!("uv{}", std::env::consts::EXE_SUFFIX);
        let mut places = self.directories.iter().map(|place| place.join(&file));
        Ok(places.find(|path| path.is_file()))
    }

    /// Asks for a resolution.
    pub(super) async fn ask(
        &self,
        program: &Program,
        question: &Question<'_>,
    ) -> Result<Answer, WheelsError> {
        let folder = tempfile::tempdir().map_err(WheelsError::Prepare)?;
        prepare(folder.path(), question).map_err(WheelsError::Prepare)?;
        let requirements = question.requirements.join("\n");
        let running = Running {
            program,
            folder: folder.path(),
            arguments: arguments(question)?,
            input: requirements,
        };
        let told = self.run(running, question).await?.stderr;
        let answer = folder.path().join(ANSWER);
        let read = || {
            if fs_err::metadata(&answer)?.len() > MAX_BYTES as u64 {
                return Err(io::Error::other("the answer of uv is too large"));
            }
            fs_err::read_to_string(&answer)
        };
        let text = read().map_err(WheelsError::Prepare)?;
        let yanked = yanked::read(&String::from_utf8_lossy(&told));
        Ok(Answer { text, yanked })
    }

    /// Asks from which indexes exact versions are; the answer is uv's text about them.
    pub(super) async fn indexes(
        &self,
        program: &Program,
        question: &Question<'_>,
        pinned: &[String],
    ) -> Result<String, WheelsError> {
        let folder = tempfile::tempdir().map_err(WheelsError::Prepare)?;
        let mut arguments: Vec<String> = [
            "pip",
            "compile",
            "-",
            "--quiet",
            "--no-header",
            "--no-annotate",
            "--no-deps",
            "--emit-index-annotation",
        ]
        .map(String::from)
        .into();
        arguments.extend(builds(&question.sources.settings));
        arguments.extend(target(question)?);
        let running = Running {
            program,
            folder: folder.path(),
            arguments,
            input: pinned.join("\n"),
        };
        let told = self.run(running, question).await?.stdout;
        Ok(String::from_utf8_lossy(&told).into_owned())
    }

    /// Runs uv and returns what it writes.
    async fn run(
        &self,
        running: Running<'_>,
        question: &Question<'_>,
    ) -> Result<Output, WheelsError> {
        let platform = question.machine.platform;
        let Running {
            program,
            folder,
            arguments,
            input,
        } = running;
        let mut variables = self.kept_variables();
        question.sources.settle(&mut variables);
        let mut command = tokio::process::Command::new(&program.path);
        let python = program.python.iter();
        command
            .args(arguments)
            .args(self.offline.then_some("--offline"))
            .args(python.flat_map(|python| ["--python".as_ref(), python.as_os_str()]))
            // A project around the working directory must not have a say.
            .current_dir(folder)
            .env_clear()
            .envs(variables)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let output = match tokio::time::timeout(DEADLINE, run(command, input)).await {
            Ok(Ok(output)) => output,
            Ok(Err(source)) => {
                let program = program.path.clone();
                return Err(WheelsError::Start { program, source });
            }
            Err(_) => return Err(WheelsError::TimedOut { platform }),
        };
        match output.status.success() {
            true => Ok(output),
            false => {
                let told = String::from_utf8_lossy(&output.stderr);
                Err(WheelsError::refused(platform, &told, output.status))
            }
        }
    }

    /// Returns the variables for a uv that asks no index: none of its own.
    pub(crate) fn plain_variables(&self) -> BTreeMap<OsString, OsString> {
        let mut variables = self.kept_variables();
        variables.retain(|name, _| {
            let name = name.to_string_lossy();
            !name.starts_with("UV_") || ["UV_NO_PROGRESS", "UV_PYTHON_DOWNLOADS"].contains(&&*name)
        });
        variables
    }

    pub(super) fn kept_variables(&self) -> BTreeMap<OsString, OsString> {
        let mut variables = self.variables.clone();
        variables.retain(|name, _| {
            let name = name.to_string_lossy();
            !name.starts_with("UV_") || KEPT.iter().any(|kept| name.starts_with(kept))
        });
        let has = |name: &str| self.variables.contains_key(&OsString::from(name));
        if !has("UV_DEFAULT_INDEX")
            && !has("UV_INDEX_URL")
            && let Some(index) = self.variables.get(&OsString::from("PIP_INDEX_URL"))
        {
            variables.insert("UV_DEFAULT_INDEX".into(), index.clone());
        }
        if !has("UV_SYSTEM_CERTS") && !has("UV_NATIVE_TLS") {
            // As gpuenv itself does.
            variables.insert("UV_SYSTEM_CERTS".into(), "1".into());
        }
        for (name, value) in [
            // An interpreter is only asked for its own version, and any will do.
            ("UV_PYTHON_DOWNLOADS", "never"),
            ("UV_NO_PROGRESS", "1"),
            ("NO_COLOR", "1"),
        ] {
            variables.insert(name.into(), value.into());
        }
        variables
    }
}

/// One start of uv.
struct Running<'a> {
    program: &'a Program,
    /// Where it runs.
    folder: &'a Path,
    arguments: Vec<String>,
    /// What it reads from stdin.
    input: String,
}

async fn run(mut command: tokio::process::Command, input: String) -> io::Result<Output> {
    let mut child = command.spawn()?;
    let stdin = child.stdin.take();
    let write = async move {
        if let Some(mut stdin) = stdin {
            // A child that ends early says itself why.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
    };
    let ((), output) = tokio::join!(write, child.wait_with_output());
    output
}

/// Writes what uv reads beside the requirements.
fn prepare(folder: &Path, question: &Question<'_>) -> io::Result<()> {
    let mut constraints = String::new();
    for bound in &question.bounds {
        let _ = writeln!(constraints, "{bound}");
    }
    for (name, provided) in question.provided {
        if let Some(version) = &provided.version {
            let _ = writeln!(constraints, "{}", stub::write(folder, name, version)?);
        }
    }
    fs_err::write(folder.join("constraints.txt"), constraints)?;
    if let Some(project) = places::project(&question.requirements, &question.sources.settings) {
        fs_err::write(folder.join(places::PROJECT), project)?;
    }
    if question.keep.is_empty() {
        return Ok(());
    }
    let mut kept = String::from("lock-version = \"1.0\"\ncreated-by = \"gpuenv\"\n");
    for (name, version) in &question.keep {
        let _ = write!(
            kept,
            "\n[[packages]]\nname = \"{name}\"\nversion = \"{version}\"\n"
        );
    }
    fs_err::write(folder.join(ANSWER), kept)
}

fn arguments(question: &Question<'_>) -> Result<Vec<String>, WheelsError> {
    let source = match question.sources.settings.package_indexes.is_empty() {
        true => "-",
        false => places::PROJECT,
    };
    let mut arguments: Vec<String> = [
        "pip",
        "compile",
        source,
        "--no-header",
        "--format=pylock.toml",
        "--constraints=constraints.txt",
    ]
    .map(String::from)
    .into();
    arguments.extend(builds(&question.sources.settings));
    arguments.push(format!("--output-file={ANSWER}"));
    arguments.extend(target(question)?);
    if let Some(newest) = question.exclude_newer {
        arguments.push(format!("--exclude-newer={newest}"));
    }
    Ok(arguments)
}

/// Returns uv's options for what wheels are to run on, and for where they are.
fn target(question: &Question<'_>) -> Result<Vec<String>, WheelsError> {
    let platform = platform(question.machine)?;
    let mut arguments = vec![
        format!("--python-version={}", question.python),
        format!("--python-platform={platform}"),
    ];
    arguments.extend(question.sources.arguments(question.folder)?);
    Ok(arguments)
}

/// Returns the platform as uv names it; for Linux the newest glibc that uv knows
/// and that the recipe counts on.
fn platform(machine: &Machine) -> Result<String, WheelsError> {
    let linux = |architecture: &str| {
        const KNOWN: [u64; 12] = [17, 28, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40];
        let (major, minor) = machine.glibc;
        let fitting = KNOWN
            .iter()
            .rev()
            .find(|known| major > 2 || **known <= minor);
        format!("{architecture}-manylinux_2_{}", fitting.unwrap_or(&17))
    };
    Ok(match machine.platform {
        Subdir::Linux64 => linux("x86_64"),
        Subdir::LinuxAarch64 => linux("aarch64"),
        Subdir::Win64 => "x86_64-pc-windows-msvc".to_string(),
        Subdir::WinArm64 => "aarch64-pc-windows-msvc".to_string(),
        Subdir::Win32 => "i686-pc-windows-msvc".to_string(),
        Subdir::Osx64 => "x86_64-apple-darwin".to_string(),
        Subdir::OsxArm64 => "aarch64-apple-darwin".to_string(),
        platform => return Err(WheelsError::Platform { platform }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(subdir: Subdir, glibc: (u64, u64)) -> String {
        let machine = Machine {
            python: (3, 10),
            platform: subdir,
            glibc,
        };
        platform(&machine).unwrap_or_else(|error| error.to_string())
    }

    #[test]
    fn uv_is_asked_for_the_newest_glibc_that_it_knows_and_the_recipe_has() {
        let linux = |minor| name(Subdir::Linux64, (2, minor));
        assert_eq!(linux(28), "x86_64-manylinux_2_28");
        assert_eq!(linux(30), "x86_64-manylinux_2_28");
        assert_eq!(linux(12), "x86_64-manylinux_2_17");
        assert_eq!(linux(99), "x86_64-manylinux_2_40");
        assert_eq!(name(Subdir::Win64, (0, 0)), "x86_64-pc-windows-msvc");
        assert_eq!(
            name(Subdir::LinuxPpc64le, (2, 28)),
            "uv has no wheels for linux-ppc64le"
        );
    }

    #[test]
    fn uv_gets_no_variable_that_would_change_the_lock() {
        let variables = [
            ("UV_INDEX_MINE_PASSWORD", "x"),
            ("UV_TORCH_BACKEND", "auto"),
            ("UV_CONSTRAINT", "c"),
            ("PIP_INDEX_URL", "https://x.example/simple"),
            ("HOME", "/h"),
        ];
        let uv = Uv {
            variables: variables.map(|(n, v)| (n.into(), v.into())).into(),
            ..Uv::default()
        };
        let kept = uv.kept_variables();
        let names: Vec<_> = kept.keys().map(|name| name.to_string_lossy()).collect();
        assert_eq!(
            names,
            [
                "HOME",
                "NO_COLOR",
                "PIP_INDEX_URL",
                "UV_DEFAULT_INDEX",
                "UV_INDEX_MINE_PASSWORD",
                "UV_NO_PROGRESS",
                "UV_PYTHON_DOWNLOADS",
                "UV_SYSTEM_CERTS"
            ]
        );
    }
}
