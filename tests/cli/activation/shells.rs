//! Real shells, run step by step, with a look at their environment between the steps.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    io::{self, Write},
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
};

use gpuenv_core::{
    activation::{Activation, PrefixFacts, Shell, activation, shell_hook, shell_hook_deactivate},
    plan::{ActivationSettings, LibraryPath},
};
use rattler_conda_types::Subdir;
use tempfile::TempDir;

pub(super) type Variables = BTreeMap<OsString, OsString>;

/// Text that would leave a file behind if a shell ran any of it.
pub(super) const HOSTILE: &[&str] = &[
    "",
    " ",
    "a b  c",
    "it's",
    "'",
    "''",
    "'\\''",
    "\"",
    "$HOME",
    "${X}",
    "${",
    "$(>canary)",
    "`>canary`",
    "';>canary;'",
    "\";>canary;\"",
    "a\nb\n\n>canary\n",
    "a\r\nb",
    "back\\slash\\",
    "\\n\\t\\0",
    "!!",
    "!canary",
    "%PATH%",
    "%s%n",
    "*",
    "?[a-z]*~",
    "~",
    "=ls",
    "-n",
    "#",
    "a;b|c&d<e>f(g){h}",
    "s",
    "u",
    ":",
    ":x:",
    "\u{1}\u{2}\u{7f}",
    "\t",
    "\u{101}\u{104}\u{107}\u{441}\u{442}", // their UTF-8 has bytes that dash uses itself
    "日本語 é",
    "🦀",
    "--",
    "~root/x:~",
    "$'\\n'",
    "$((1+1))<(>canary)",
    "{a,b}",
    "!$ ^a^b",
    "\n",
    "\r",
    "x\n",
    "\u{feff}\u{a0}\u{85}\u{2028}",
    "%41%VAR:x=y%",
    "\\\n",
    "a=b",
    "(a [b] <c>)",
];

pub(super) struct RealShell {
    pub(super) name: &'static str,
    pub(super) program: PathBuf,
    flags: &'static [&'static str],
    pub(super) shell: Shell,
    /// It takes so long to start that not every test can start it often.
    pub(super) slow: bool,
}

/// Returns the shells of this machine, and says once which ones are missing.
pub(super) fn shells() -> &'static [RealShell] {
    static SHELLS: OnceLock<Vec<RealShell>> = OnceLock::new();
    SHELLS.get_or_init(|| {
        let wanted: [(&str, &str, &[&str], Shell); 10] = [
            ("bash", "bash", &["--norc"], Shell::Bash),
            ("bash --posix", "bash", &["--norc", "--posix"], Shell::Bash),
            ("zsh", "zsh", &["-f"], Shell::Zsh),
            ("dash", "dash", &[], Shell::Sh),
            ("mksh", "mksh", &[], Shell::Sh),
            ("busybox sh", "busybox", &["sh"], Shell::Sh),
            ("fish", "fish", &["--no-config"], Shell::Fish),
            ("tcsh", "tcsh", &["-f"], Shell::Tcsh),
            ("xonsh", "xonsh", &["--no-rc"], Shell::Xonsh),
            ("nushell", "nu", &["--no-config-file"], Shell::Nushell),
        ];
        let count = wanted.len();
        let mut found = Vec::new();
        let mut said = String::new();
        for (name, program, flags, shell) in wanted {
            match which(program) {
                Some(program) => found.push(RealShell {
                    name,
                    program,
                    flags,
                    shell,
                    slow: matches!(shell, Shell::Xonsh | Shell::Nushell),
                }),
                None => said += &format!("skipped: no {name}\n"),
            }
        }
        said += &format!(
            "activation is tested in {} of {count} shells\n",
            found.len()
        );
        // Past the capture of the test harness: a skip must be seen.
        let _ = io::stderr().write_all(said.as_bytes());
        found
    })
}

pub(super) fn which(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
}

/// One thing that happens in a shell.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// The shell reads this text.
    Text(String),
    /// Its environment is looked at.
    Look,
}

impl RealShell {
    pub(super) fn is_posix(&self) -> bool {
        matches!(self.shell, Shell::Bash | Shell::Zsh | Shell::Sh)
    }

    /// Returns whether the shell hands on any text in a list of directories.
    ///
    /// xonsh expands what looks like a variable or a home directory in it.
    pub(super) fn keeps_in_lists(&self, text: &str) -> bool {
        self.shell != Shell::Xonsh || !text.contains(['$', '~'])
    }

    /// Returns every text for a shell that starts quickly, else some of them.
    pub(super) fn sample<'a>(&self, texts: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
        let step = if self.slow { 13 } else { 1 };
        texts.iter().copied().step_by(step)
    }

    /// Activates as a user would.
    pub(super) fn on(&self, activation: &Activation) -> Step {
        Step::Text(shell_hook(self.shell, activation))
    }

    /// Deactivates as a user would.
    pub(super) fn off(&self) -> Step {
        Step::Text("gpuenv_deactivate".to_string())
    }

    /// Deactivates in a shell that has not activated.
    pub(super) fn undo(&self, activation: &Activation) -> Step {
        Step::Text(shell_hook_deactivate(self.shell, activation))
    }

    /// Exports a value that needs no care.
    pub(super) fn export(&self, name: &str, value: &str) -> Step {
        assert!(!value.contains(['\'', '\\']), "{value}");
        Step::Text(match self.shell {
            Shell::Bash | Shell::Zsh | Shell::Sh => format!("\\export {name}='{value}'"),
            Shell::Fish => format!("set -gx {name} '{value}'"),
            Shell::Tcsh => format!("setenv {name} '{value}'"),
            Shell::Xonsh => format!("${name} = '{value}'"),
            Shell::Nushell => format!("load-env {{{name}: '{value}'}}"),
            Shell::Powershell | Shell::Cmd => unreachable!("not among the shells here"),
        })
    }

    pub(super) fn unset(&self, name: &str) -> Step {
        Step::Text(match self.shell {
            Shell::Bash | Shell::Zsh | Shell::Sh => format!("unset {name}"),
            Shell::Fish => format!("set -eg {name}"),
            Shell::Tcsh => format!("unsetenv {name}"),
            Shell::Xonsh => {
                format!("if __xonsh__.env.detype().get('{name}') is not None:\n    del ${name}\n")
            }
            Shell::Nushell => format!("while '{name}' in ($env | columns) {{ hide-env {name} }}"),
            Shell::Powershell | Shell::Cmd => unreachable!("not among the shells here"),
        })
    }

    /// Sources a file.
    pub(super) fn source(&self, path: &Path) -> String {
        let path = path.display();
        match self.shell {
            Shell::Bash | Shell::Zsh | Shell::Sh => format!("\\. '{path}'\n"),
            _ => format!("source '{path}'\n"),
        }
    }

    /// Returns the extension of the scripts that the shell looks for in a prefix.
    pub(super) fn extension(&self) -> &'static str {
        match self.shell {
            Shell::Bash | Shell::Zsh | Shell::Sh => "sh",
            Shell::Fish => "fish",
            Shell::Tcsh => "csh",
            Shell::Xonsh => "xsh",
            Shell::Nushell => "nu",
            Shell::Powershell => "ps1",
            Shell::Cmd => "bat",
        }
    }

    /// Runs the steps in one process and returns what each look saw.
    #[track_caller]
    pub(super) fn session(&self, base: &Variables, steps: &[Step]) -> Vec<Variables> {
        let place = TempDir::new().expect("a temporary directory can be made");
        let script = self.script(place.path(), steps);
        let output = self.run(place.path(), base, &["script"]);
        let looks = self.looks(place.path(), base, steps);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && said.is_empty(),
            "{}: {}\n{said}\n{}",
            self.name,
            output.status,
            script.chars().take(2000).collect::<String>()
        );
        assert!(
            !place.path().join("canary").exists(),
            "{}: a value was run",
            self.name
        );
        looks.expect("every step was made")
    }

    /// Returns what each look saw, or nothing if the session broke or a value ran.
    pub(super) fn try_session(&self, base: &Variables, steps: &[Step]) -> Option<Vec<Variables>> {
        let place = TempDir::new().expect("a temporary directory can be made");
        self.script(place.path(), steps);
        let output = self.run(place.path(), base, &["script"]);
        let fine = output.status.success() && !place.path().join("canary").exists();
        self.looks(place.path(), base, steps).filter(|_| fine)
    }

    fn looks(&self, place: &Path, base: &Variables, steps: &[Step]) -> Option<Vec<Variables>> {
        // What the shell makes up by itself is nobody's.
        let seen = |look: usize| {
            let file = place.join(look.to_string());
            file.exists().then(|| read(&file))
        };
        let made_up = seen(0)?;
        let made_up = made_up.keys().filter(|name| !base.contains_key(*name));
        let made_up: Vec<_> = made_up.collect();
        let looks = steps.iter().filter(|step| matches!(step, Step::Look));
        let looks = (1..=looks.count()).map(|look| {
            let mut seen = seen(look)?;
            seen.retain(|name, _| !made_up.contains(&name));
            Some(seen)
        });
        looks.collect()
    }

    /// Writes the steps as a script, with one look before them all.
    fn script(&self, place: &Path, steps: &[Step]) -> String {
        let env = which("env").expect("env(1) is everywhere");
        let redirect = match self.shell {
            Shell::Bash | Shell::Zsh | Shell::Sh => ">|",
            Shell::Tcsh => ">!",
            Shell::Nushell => "o>",
            _ => ">",
        };
        let look = |index: usize| format!("{} -0 {redirect} '{index}'\n", env.display());
        let mut script = look(0);
        let mut looks = 0;
        for (index, step) in steps.iter().enumerate() {
            match step {
                // nushell reads a whole file before it runs any of it.
                Step::Text(text) if self.shell == Shell::Nushell => {
                    write_below(&place.join(format!("{index}.nu")), text);
                    script += &format!("source '{index}.nu'\n");
                }
                Step::Text(text) => script += &format!("{text}\n"),
                Step::Look => {
                    looks += 1;
                    script += &look(looks);
                }
            }
        }
        write_below(&place.join("script"), &script);
        script
    }

    pub(super) fn run(&self, directory: &Path, base: &Variables, arguments: &[&str]) -> Output {
        Command::new(&self.program)
            .args(self.flags)
            .args(arguments)
            .current_dir(directory)
            .env_clear()
            .envs(base)
            .output()
            .expect("the shell was found")
    }
}

/// Writes a file, and the directories that it needs.
pub(super) fn write_below(path: &Path, text: &str) {
    let directory = path.parent().expect("it lies in the test's own directory");
    fs_err::create_dir_all(directory).expect("the test's own directory is writable");
    fs_err::write(path, text).expect("the test's own directory is writable");
}

/// Reads what `env -0` wrote, without what shells change as they go.
pub(super) fn read(path: &Path) -> Variables {
    let bytes = fs_err::read(path).expect("the step before has written it");
    let mut variables = Variables::new();
    for line in bytes
        .split(|byte| *byte == 0)
        .filter(|line| !line.is_empty())
    {
        let equals = line
            .iter()
            .position(|byte| *byte == b'=')
            .expect("env writes NAME=VALUE");
        let (name, value) = (&line[..equals], &line[equals + 1..]);
        if !matches!(
            name,
            b"_" | b"PWD" | b"OLDPWD" | b"SHLVL" | b"USER" | b"XONSH_CAPTURE_ALWAYS"
        ) {
            variables.insert(
                OsString::from_vec(name.to_vec()),
                OsString::from_vec(value.to_vec()),
            );
        }
    }
    variables
}

pub(super) fn variables(pairs: &[(&str, &str)]) -> Variables {
    // Without these, shells make them up: some export them, some do not.
    let usual = [
        ("PATH", "/usr/bin:/bin"),
        ("HOME", "/"),
        ("LOGNAME", "me"),
        ("LC_ALL", "C.UTF-8"),
    ];
    usual
        .iter()
        .chain(pairs)
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

pub(super) fn recipe(prefix: &str, values: &[(&str, &str)]) -> Activation {
    let settings = ActivationSettings {
        env: values
            .iter()
            .map(|(n, v)| (n.to_string(), v.to_string()))
            .collect(),
        library_path: LibraryPath::Cuda,
        xla: true,
        ..ActivationSettings::default()
    };
    let mut facts = PrefixFacts::empty(Subdir::Linux64);
    facts.cuda_libraries = vec!["libcudart.so.12".to_string()];
    facts.xla.libdevice = true;
    facts.variables.insert(
        "PACKAGE".to_string(),
        values.first().map_or("", |v| v.1).to_string(),
    );
    activation(prefix, &settings, &facts).expect("the test's settings are sound")
}

pub(super) fn value<'a>(variables: &'a Variables, name: &str) -> Option<&'a OsStr> {
    variables.get(OsStr::new(name)).map(OsString::as_os_str)
}
