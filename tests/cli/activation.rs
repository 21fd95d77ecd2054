//! Activation texts, run by the real shells, with hostile values.
//!
//! What a shell must have after the text is what the pure functions in
//! `gpuenv_core::activation` say, so those are the oracle here; their own
//! properties are tested beside them.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    io::{self, Write},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
};

use gpuenv_core::{
    activation::{
        Activation, PrefixFacts, Shell, activation, deactivated, environment, run_script,
        script_files, shell_hook, shell_hook_deactivate,
    },
    plan::{ActivationSettings, LibraryPath},
};
use proptest::prelude::*;
use rattler_conda_types::Subdir;
use tempfile::TempDir;

type Variables = BTreeMap<OsString, OsString>;

/// Text that would leave a file behind if a shell ran any of it.
const HOSTILE: &[&str] = &[
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
];

struct RealShell {
    name: &'static str,
    program: PathBuf,
    flags: &'static [&'static str],
    shell: Shell,
}

/// Returns the shells of this machine, and says once which ones are missing.
fn shells() -> &'static [RealShell] {
    static SHELLS: OnceLock<Vec<RealShell>> = OnceLock::new();
    SHELLS.get_or_init(|| {
        let wanted: [(&str, &str, &[&str], Shell); 6] = [
            ("bash", "bash", &["--norc"], Shell::Bash),
            ("bash --posix", "bash", &["--norc", "--posix"], Shell::Bash),
            ("zsh", "zsh", &["-f"], Shell::Zsh),
            ("dash", "dash", &[], Shell::Sh),
            ("mksh", "mksh", &[], Shell::Sh),
            ("busybox sh", "busybox", &["sh"], Shell::Sh),
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

fn which(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
}

/// One thing that happens in a shell.
#[derive(Debug, Clone)]
enum Step {
    /// The shell reads this text.
    Text(String),
    /// Its environment is looked at.
    Look,
}

impl RealShell {
    /// Runs the steps in one process and returns what each look saw.
    #[track_caller]
    fn session(&self, base: &Variables, steps: &[Step]) -> Vec<Variables> {
        let place = TempDir::new().unwrap();
        let env = which("env").expect("env(1) is everywhere");
        let mut script = String::new();
        let mut looks = 0;
        for step in steps {
            match step {
                Step::Text(text) => script += text,
                Step::Look => {
                    script += &format!("{} -0 >|{looks}", env.display());
                    looks += 1;
                }
            }
            script.push('\n');
        }
        fs_err::write(place.path().join("script"), &script).unwrap();
        let output = self.run(place.path(), base, &["script"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && said.is_empty(),
            "{}: {}\n{said}\n{script}",
            self.name,
            output.status
        );
        assert!(
            !place.path().join("canary").exists(),
            "{}: a value was run",
            self.name
        );
        (0..looks)
            .map(|look| read(&place.path().join(look.to_string())))
            .collect()
    }

    fn run(&self, directory: &Path, base: &Variables, arguments: &[&str]) -> Output {
        Command::new(&self.program)
            .args(self.flags)
            .args(arguments)
            .current_dir(directory)
            .env_clear()
            .envs(base)
            .output()
            .unwrap()
    }
}

/// Reads what `env -0` wrote, without what shells change as they go.
fn read(path: &Path) -> Variables {
    let bytes = fs_err::read(path).unwrap();
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
        if !matches!(name, b"_" | b"PWD" | b"OLDPWD" | b"SHLVL") {
            variables.insert(
                OsString::from_vec(name.to_vec()),
                OsString::from_vec(value.to_vec()),
            );
        }
    }
    variables
}

fn variables(pairs: &[(&str, &str)]) -> Variables {
    // Without these, shells make them up: some export them, some do not.
    let usual = [("PATH", "/usr/bin:/bin"), ("HOME", "/"), ("LOGNAME", "me")];
    usual
        .iter()
        .chain(pairs)
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

fn recipe(prefix: &str, values: &[(&str, &str)]) -> Activation {
    let settings = ActivationSettings {
        env: values
            .iter()
            .map(|(n, v)| (n.to_string(), v.to_string()))
            .collect(),
        library_path: LibraryPath::Cuda,
    };
    let mut facts = PrefixFacts::empty(Subdir::Linux64);
    facts.cuda_libraries = vec!["libcudart.so.12".to_string()];
    facts.variables.insert(
        "PACKAGE".to_string(),
        values.first().map_or("", |v| v.1).to_string(),
    );
    activation(prefix, &settings, &facts).unwrap()
}

fn value<'a>(variables: &'a Variables, name: &str) -> Option<&'a OsStr> {
    variables.get(OsStr::new(name)).map(OsString::as_os_str)
}

#[test]
fn a_shell_is_here_to_test_with() {
    assert!(shells().iter().any(|shell| shell.shell == Shell::Bash));
}

#[test]
fn hostile_values_arrive_byte_for_byte_and_run_nothing() {
    let names: Vec<String> = (0..HOSTILE.len())
        .map(|index| format!("V{index}"))
        .collect();
    let values: Vec<(&str, &str)> = names
        .iter()
        .map(String::as_str)
        .zip(HOSTILE.iter().copied())
        .collect();
    let activation = recipe("/tmp/envs/plain", &values);
    for shell in shells() {
        let hook = Step::Text(shell_hook(shell.shell, &activation));
        let off = Step::Text("gpuenv_deactivate".to_string());
        let looks = shell.session(
            &variables(&[]),
            &[Step::Look, hook, Step::Look, off, Step::Look],
        );
        for (name, expected) in &values {
            assert_eq!(
                value(&looks[1], name),
                Some(OsStr::new(expected)),
                "{}",
                shell.name
            );
        }
        assert_eq!(
            looks[1],
            environment(&activation, &looks[0]),
            "{}",
            shell.name
        );
        assert_eq!(looks[2], looks[0], "{}", shell.name);
    }
}

#[test]
fn hostile_prefixes_and_earlier_values_survive() {
    for shell in shells() {
        for hostile in HOSTILE.iter().filter(|text| !text.contains(':')) {
            let activation = recipe(&format!("/tmp/{hostile}/envs/{hostile}"), &[("X", "x")]);
            let base = variables(&[("X", hostile), ("LD_LIBRARY_PATH", hostile)]);
            let hook = Step::Text(shell_hook(shell.shell, &activation));
            let more = Step::Text(
                "\\export PATH=\"/a b:$PATH:/c\" LD_LIBRARY_PATH=\"/q:$LD_LIBRARY_PATH\""
                    .to_string(),
            );
            let off = Step::Text(shell_hook_deactivate(shell.shell, &activation));
            let steps = [
                Step::Look,
                hook,
                Step::Look,
                more,
                Step::Look,
                off,
                Step::Look,
            ];
            let looks = shell.session(&base, &steps);
            assert_eq!(looks[0], base, "{}", shell.name);
            assert_eq!(looks[1], environment(&activation, &base), "{}", shell.name);
            assert_eq!(
                looks[3],
                deactivated(&activation, &looks[2]),
                "{}",
                shell.name
            );
            assert_eq!(
                value(&looks[3], "PATH"),
                Some(OsStr::new("/a b:/usr/bin:/bin:/c"))
            );
        }
    }
}

#[test]
fn unset_empty_and_odd_lists_come_back_exactly() {
    let activation = recipe("/tmp/envs/a", &[("X", "new"), ("EMPTY", "")]);
    let earlier = [
        None,
        Some(""),
        Some("val"),
        Some("a b"),
        Some(":x:"),
        Some("new"),
        Some(":"),
    ];
    for shell in shells() {
        for old in earlier {
            let mut base = variables(&[]);
            for name in [
                "X",
                "EMPTY",
                "LD_LIBRARY_PATH",
                "CONDA_PREFIX",
                "CONDA_SHLVL",
            ] {
                base.extend(old.map(|old| (name.into(), old.into())));
            }
            let hook = Step::Text(shell_hook(shell.shell, &activation));
            let off = Step::Text("gpuenv_deactivate".to_string());
            let steps = [hook.clone(), Step::Look, hook, Step::Look, off, Step::Look];
            let looks = shell.session(&base, &steps);
            assert_eq!(
                looks[0],
                environment(&activation, &base),
                "{} {old:?}",
                shell.name
            );
            assert_eq!(
                looks[1], looks[0],
                "{} {old:?}: twice is not once",
                shell.name
            );
            assert_eq!(looks[2], base, "{} {old:?}", shell.name);
        }
    }
}

/// What users do to their shells.
const ODD_SETTINGS: &str = "\
set -euC
IFS='0123456789abcdef_:/GPUENVs '
if [ -n \"${BASH_VERSION-}\" ]; then shopt -s expand_aliases nocasematch extglob; set -o pipefail; fi
if [ -n \"${ZSH_VERSION-}\" ]; then
setopt shwordsplit ksharrays globsubst extendedglob nullglob rcquotes warncreateglobal
setopt rcexpandparam kshglob cshnullglob magicequalsubst nocasematch kshtypeset noequals
setopt warnnestedvar localoptions
fi
alias export=false unset=false set=false eval=false return=false command=false echo=false
alias '[=false' '.=false' test=false exec=false
";

#[test]
fn strict_settings_aliases_and_odd_options_do_no_harm() {
    let activation = recipe("/tmp/e f/envs/a*", &[("X", "0 1*\n'x'"), ("Y", "")]);
    let base = variables(&[("LD_LIBRARY_PATH", "/x y:*:"), ("Y", "* ?")]);
    for shell in shells() {
        let inside = |text: String| Step::Text(format!("tried() {{\n{text}\n}}\ntried"));
        let files = script_files(&activation);
        let steps = [
            Step::Text(ODD_SETTINGS.to_string()),
            Step::Text(shell_hook(shell.shell, &activation)),
            Step::Look,
            // The same in capitals is another directory, whatever `nocasematch` says.
            Step::Text(
                "\\export LD_LIBRARY_PATH='/x:/TMP/E F/ENVS/A*/LIB/GPUENV-CUDA:/y'".to_string(),
            ),
            Step::Text(shell_hook(shell.shell, &activation)),
            Step::Text("gpuenv_deactivate".to_string()),
            Step::Look,
            Step::Text("\\export LD_LIBRARY_PATH='/x y:*:'".to_string()),
            inside(shell_hook(shell.shell, &activation)),
            Step::Look,
            inside(shell_hook_deactivate(shell.shell, &activation)),
            Step::Look,
            inside(files[0].text.clone()),
            inside(files[1].text.clone()),
            Step::Look,
        ];
        let looks = shell.session(&base, &steps);
        assert_eq!(looks[0], environment(&activation, &base), "{}", shell.name);
        let capitals = value(&looks[1], "LD_LIBRARY_PATH");
        let expected = "/x:/TMP/E F/ENVS/A*/LIB/GPUENV-CUDA:/y";
        assert_eq!(capitals, Some(OsStr::new(expected)), "{}", shell.name);
        assert_eq!(looks[2], looks[0], "{}", shell.name);
        for look in [3, 4] {
            assert_eq!(looks[look], base, "{} look {look}", shell.name);
        }
    }
}

#[test]
fn nothing_is_left_in_the_shell_and_no_program_is_needed() {
    let activation = recipe("/tmp/envs/a", &[("X", "x")]);
    for shell in shells() {
        let files = script_files(&activation);
        let functions = "if [ -n \"${ZSH_VERSION-}\" ]; then functions; \
                         elif [ -n \"${KSH_VERSION-}\" ]; then typeset -f; fi";
        let steps = [
            Step::Text("PATH=/nonexistent; export PATH".to_string()),
            Step::Text(files[0].text.clone()),
            Step::Text(files[1].text.clone()),
            Step::Text(shell_hook(shell.shell, &activation)),
            Step::Text("gpuenv_deactivate".to_string()),
            Step::Text(shell_hook(shell.shell, &activation)),
            Step::Text(shell_hook_deactivate(shell.shell, &activation)),
            Step::Text(shell_hook_deactivate(shell.shell, &activation)),
            Step::Text(format!("{{ set; alias; {functions}; }} >|1")),
            Step::Look,
            Step::Text(
                "exec 3<1; while IFS= read -r line <&3; do case $line in _=*) ;; *GPUENV*|*gpuenv*) \
                 printf '%s\\n' \"left: $line\" >&2 ;; esac; done\n\
                 for f in gpuenv_deactivate _gpuenv_tidy _gpuenv_on _gpuenv_set _gpuenv_own \
                 _gpuenv_change _gpuenv_remove _gpuenv_source; do \
                 if command -v \"$f\"; then echo \"left: $f\" >&2; fi; done"
                    .to_string(),
            ),
        ];
        // A complaint on stderr fails the session.
        shell.session(&variables(&[]), &steps);
    }
}

#[test]
fn eval_of_a_substitution_does_the_same() {
    let activation = recipe(
        "/tmp/it's $HOME/envs/a",
        &[("X", "a\nb  c\\"), ("Y", "*\n")],
    );
    for shell in shells() {
        let place = TempDir::new().unwrap();
        let hook = place.path().join("hook");
        fs_err::write(&hook, shell_hook(shell.shell, &activation)).unwrap();
        let evaluated = format!("eval \"$(cat '{}')\"", hook.display());
        let off = Step::Text("gpuenv_deactivate".to_string());
        let steps = [
            Step::Look,
            Step::Text(evaluated),
            Step::Look,
            off,
            Step::Look,
        ];
        let looks = shell.session(&variables(&[]), &steps);
        assert_eq!(
            looks[1],
            environment(&activation, &looks[0]),
            "{}",
            shell.name
        );
        assert_eq!(looks[2], looks[0], "{}", shell.name);
    }
}

#[test]
fn an_inherited_activation_can_be_undone_and_a_lower_one_waits() {
    let (a, b) = (
        recipe("/tmp/envs/a", &[("X", "a")]),
        recipe("/tmp/envs/b", &[("X", "b")]),
    );
    for shell in shells() {
        let base = variables(&[("X", "x")]);
        let both = environment(&b, &environment(&a, &base));
        let off = |activation| Step::Text(shell_hook_deactivate(shell.shell, activation));
        let looks = shell.session(&both, &[off(&b), Step::Look, off(&a), Step::Look]);
        assert_eq!(looks[0], environment(&a, &base), "{}", shell.name);
        assert_eq!(looks[1], base, "{}", shell.name);
        let quiet = Step::Text(format!(
            "{{ {} }} 2>|said",
            shell_hook_deactivate(shell.shell, &a)
        ));
        let looks = shell.session(&both, &[quiet, Step::Look]);
        assert_eq!(looks[0], both, "{}", shell.name);
    }
}

/// What conda 26 and micromamba 2 write around the scripts of a prefix.
struct Conda<'a> {
    place: &'a Path,
    text: String,
}

impl Conda<'_> {
    fn source(&mut self, prefix: &str, which: &str) {
        let path = self.place.join(prefix).join(which).join("~~gpuenv.sh");
        self.text += &format!("\\. \"{}\"\n", path.display());
    }

    /// `conda activate PREFIX` while `old` is active, if one is.
    fn activate(&mut self, prefix: &str, level: u32, old: Option<&str>) {
        if let Some(old) = old {
            self.source(old, "deactivate.d");
        }
        self.text += &format!("export CONDA_PREFIX={prefix} CONDA_SHLVL={level}\n");
        self.source(prefix, "activate.d");
    }

    /// `conda deactivate`, back to `lower`, if there is one.
    fn deactivate(&mut self, prefix: &str, level: u32, lower: Option<&str>) {
        self.source(prefix, "deactivate.d");
        self.text += &format!("unset CONDA_PREFIX\nexport CONDA_SHLVL={}\n", level - 1);
        if let Some(lower) = lower {
            self.text += &format!("export CONDA_PREFIX={lower}\n");
            self.source(lower, "activate.d");
        }
    }
}

fn place_scripts(place: &Path, prefix: &str, activation: &Activation) {
    for file in script_files(activation) {
        let relative = file
            .path
            .strip_prefix("etc/conda/")
            .expect("scripts live there");
        let path = place.join(prefix).join(relative);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, file.text).unwrap();
    }
}

#[test]
fn conda_activates_nests_stacks_and_reactivates_by_the_scripts() {
    let place = TempDir::new().unwrap();
    let a = recipe("/tmp/envs/a", &[("X", "a"), ("Y", "it's $(>canary)")]);
    let b = recipe("/tmp/envs/b", &[("X", "b")]);
    place_scripts(place.path(), "a", &a);
    place_scripts(place.path(), "b", &b);
    let base = variables(&[("X", "old"), ("CONDA_SHLVL", "0")]);
    let told = |body: &dyn Fn(&mut Conda<'_>)| {
        let mut conda = Conda {
            place: place.path(),
            text: String::new(),
        };
        body(&mut conda);
        Step::Text(conda.text)
    };
    for shell in shells() {
        let steps = [
            told(&|conda| conda.activate("a", 1, None)),
            Step::Look,
            told(&|conda| conda.activate("b", 2, Some("a"))),
            Step::Look,
            told(&|conda| conda.deactivate("b", 2, Some("a"))),
            // Reactivation, as after `conda install`.
            told(&|conda| conda.activate("a", 1, Some("a"))),
            Step::Look,
            // `--stack b`, `--stack a`, and back.
            told(&|conda| conda.activate("b", 2, None)),
            told(&|conda| conda.activate("a", 3, None)),
            Step::Look,
            told(&|conda| conda.deactivate("a", 3, Some("b"))),
            Step::Look,
            told(&|conda| conda.deactivate("b", 2, Some("a"))),
            told(&|conda| conda.deactivate("a", 1, None)),
            Step::Look,
            // rattler: the prefix is gone when the scripts run.
            told(&|conda| conda.activate("a", 1, None)),
            Step::Text("unset CONDA_PREFIX; export CONDA_SHLVL=0".to_string()),
            told(&|conda| conda.source("a", "deactivate.d")),
            Step::Look,
        ];
        let looks = shell.session(&base, &steps);
        let library = |look: usize| value(&looks[look], "LD_LIBRARY_PATH").and_then(OsStr::to_str);
        let (in_a, in_b) = ("/tmp/envs/a/lib/gpuenv-cuda", "/tmp/envs/b/lib/gpuenv-cuda");
        assert_eq!(library(0), Some(in_a), "{}", shell.name);
        assert_eq!(value(&looks[0], "Y"), Some(OsStr::new("it's $(>canary)")));
        assert_eq!(library(1), Some(in_b), "{}", shell.name);
        assert_eq!(value(&looks[1], "Y"), None, "{}", shell.name);
        assert_eq!(looks[2], looks[0], "{}", shell.name);
        assert_eq!(
            library(3),
            Some(format!("{in_a}:{in_b}:{in_a}").as_str()),
            "{}",
            shell.name
        );
        assert_eq!(value(&looks[3], "X"), Some(OsStr::new("a")));
        assert_eq!(
            value(&looks[4], "X"),
            Some(OsStr::new("b")),
            "{}",
            shell.name
        );
        assert_eq!(looks[5], base, "{}", shell.name);
        assert_eq!(looks[6], base, "{}", shell.name);
    }
}

#[test]
fn package_scripts_run_once_without_strictness_and_are_undone_in_reverse() {
    let place = TempDir::new().unwrap();
    let prefix = place.path().join("it's/envs/p q");
    let write = |name: &str, text: &str| {
        let path = prefix.join("etc/conda").join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    };
    write(
        "activate.d/a.sh",
        "false; : $NEVER_SET; export ORDER=\"${ORDER}a$#\"\n",
    );
    write("activate.d/b.sh", "export ORDER=\"${ORDER}b\" X=package\n");
    write(
        "deactivate.d/a.sh",
        "export ORDER=\"${ORDER}A$CONDA_DEFAULT_ENV\"; : $NEVER_SET\n",
    );
    write("deactivate.d/b.sh", "export ORDER=\"${ORDER}B\"\n");
    let mut facts = PrefixFacts::empty(Subdir::Linux64);
    facts.activate_scripts = vec!["b.sh".into(), "a.sh".into(), "gone.sh".into()];
    facts.deactivate_scripts = vec!["a.sh".into(), "b.sh".into()];
    let settings = ActivationSettings {
        env: BTreeMap::from([("X".to_string(), "recipe".to_string())]),
        library_path: LibraryPath::None,
    };
    let activation = activation(prefix.to_str().unwrap(), &settings, &facts).unwrap();
    for shell in shells() {
        let hook = Step::Text(shell_hook(shell.shell, &activation));
        let still = "case $- in *e*u*|*u*e*) ;; *) echo 'no longer strict' >&2 ;; esac";
        let steps = [
            Step::Text("set -eu".to_string()),
            hook.clone(),
            hook,
            Step::Text(still.to_string()),
            Step::Look,
            Step::Text(format!("gpuenv_deactivate\n{still}")),
            Step::Look,
        ];
        let looks = shell.session(&variables(&[]), &steps);
        assert_eq!(
            value(&looks[0], "ORDER"),
            Some(OsStr::new("a0b")),
            "{}",
            shell.name
        );
        assert_eq!(
            value(&looks[0], "X"),
            Some(OsStr::new("recipe")),
            "{}",
            shell.name
        );
        assert_eq!(
            value(&looks[1], "ORDER"),
            Some(OsStr::new("a0bBAp q")),
            "{}",
            shell.name
        );
        assert_eq!(value(&looks[1], "GPUENV_STACK"), None, "{}", shell.name);

        let text = run_script(&activation).expect("there are scripts");
        let child = environment(&activation, &variables(&[]));
        let printed = ["-c", &text, shell.name, "/usr/bin/env", "-0"];
        let output = shell.run(place.path(), &child, &printed);
        fs_err::write(place.path().join("printed"), &output.stdout).unwrap();
        let seen = read(&place.path().join("printed"));
        assert_eq!(
            value(&seen, "ORDER"),
            Some(OsStr::new("a0b")),
            "{}",
            shell.name
        );
        assert_eq!(
            value(&seen, "X"),
            Some(OsStr::new("recipe")),
            "{}",
            shell.name
        );
        let arguments = [
            "-c",
            &text,
            "sh",
            "/bin/sh",
            "-c",
            "printf %s \"$1\"; exit 7",
            "x",
            "a  b",
        ];
        let output = shell.run(place.path(), &child, &arguments);
        assert_eq!(output.stdout, b"a  b", "{}", shell.name);
        assert_eq!(output.status.code(), Some(7), "{}", shell.name);
        let missing = shell.run(place.path(), &child, &["-c", &text, "sh", "/no/such"]);
        assert_eq!(missing.status.code(), Some(127), "{}", shell.name);
    }
}

/// What may happen in a shell, in any order.
#[derive(Debug, Clone)]
enum Act {
    Activate(usize),
    Deactivate,
    Set(&'static str, String),
    Unset(&'static str),
}

const TOUCHED: &[&str] = &[
    "X",
    "PACKAGE",
    "LD_LIBRARY_PATH",
    "CONDA_PREFIX",
    "CONDA_PREFIX_1",
    "CONDA_SHLVL",
    "CONDA_STACKED_2",
];

fn any_act() -> impl Strategy<Value = Act> {
    let name = prop::sample::select(TOUCHED);
    prop_oneof![
        4 => (0_usize..3).prop_map(Act::Activate),
        4 => Just(Act::Deactivate),
        1 => (name.clone(), "(/tmp/envs/a/lib/gpuenv-cuda|[a-c:/ 0-2]{0,3})*")
            .prop_map(|(name, text)| Act::Set(name, text)),
        1 => name.prop_map(Act::Unset),
    ]
}

fn any_environment() -> impl Strategy<Value = Variables> {
    let bytes = prop::collection::vec(1_u8.., 0..12).prop_map(OsString::from_vec);
    let value = prop_oneof![
        bytes,
        prop::sample::select(HOSTILE).prop_map(OsString::from),
        prop::sample::select(vec!["0", "1", "7", "08", "-1", "/tmp/envs/a"])
            .prop_map(OsString::from),
    ];
    let name = prop::sample::select(TOUCHED).prop_map(OsString::from);
    prop::collection::btree_map(name, value, 0..TOUCHED.len()).prop_map(|mut random| {
        random.extend(variables(&[]));
        random
    })
}

/// Returns which of the activations is the topmost one.
fn topmost(all: &[Activation], state: &Variables) -> Option<usize> {
    let stack = value(state, "GPUENV_STACK")?.to_str()?;
    let top = stack.rsplit(':').next()?;
    all.iter()
        .position(|one| top.starts_with(&format!("{}_", one.tag)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_shell_does_what_the_pure_functions_say(
        base in any_environment(),
        acts in prop::collection::vec(any_act(), 1..10),
        strange in prop::sample::select(HOSTILE),
    ) {
        let all = [
            recipe("/tmp/envs/a", &[("X", strange)]),
            recipe("/tmp/envs/b", &[("X", "b"), ("Z", strange)]),
            recipe(&format!("/tmp/{}", strange.replace(':', "")), &[]),
        ];
        for shell in shells() {
            let mut state = base.clone();
            let mut steps = vec![Step::Look];
            let mut expected = vec![state.clone()];
            for act in &acts {
                let text = match act {
                    Act::Activate(index) => {
                        state = environment(&all[*index], &state);
                        shell_hook(shell.shell, &all[*index])
                    }
                    Act::Deactivate => match topmost(&all, &state) {
                        Some(index) => {
                            state = deactivated(&all[index], &state);
                            "gpuenv_deactivate".to_string()
                        }
                        None => continue,
                    },
                    Act::Set(name, value) => {
                        state.insert(name.into(), value.into());
                        format!("export {name}='{value}'")
                    }
                    Act::Unset(name) => {
                        state.remove(OsStr::new(name));
                        format!("unset {name}")
                    }
                };
                steps.extend([Step::Text(text), Step::Look]);
                expected.push(state.clone());
            }
            while let Some(index) = topmost(&all, &state) {
                state = deactivated(&all[index], &state);
                steps.extend([Step::Text("gpuenv_deactivate".to_string()), Step::Look]);
                expected.push(state.clone());
            }
            let looks = shell.session(&base, &steps);
            for (look, expected) in looks.iter().zip(&expected) {
                prop_assert_eq!(look, expected, "{}", shell.name);
            }
        }
    }
}
