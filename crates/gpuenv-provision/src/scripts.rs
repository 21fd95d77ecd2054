//! Tries the activation scripts that packages have brought, in a strict shell.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::{self, Read as _, Seek as _},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

#[cfg(unix)]
use fs_err as fs;
use gpuenv_core::{
    Code, Diagnostic,
    activation::{ACTIVATE_DIRECTORY, Activation, DEACTIVATE_DIRECTORY},
};

/// How long one script may take.
const DEADLINE: Duration = Duration::from_secs(5);

/// How long scripts may have taken for another one to be tried.
const DEADLINE_OF_ALL: Duration = Duration::from_secs(20);

/// How long what a script has started may go on behind it.
#[cfg(unix)]
const GRACE: Duration = Duration::from_millis(300);

/// How much a script may say, in bytes; it is in a file until then.
const MAX_OUTPUT: u64 = 1 << 20;

/// How much of what a script says is kept, in bytes.
const MAX_SAID: u64 = 4096;

/// The exit code of a shell that has come to the end of the script, and beyond it.
const CAME_TO_THE_END: i32 = 86;

/// A script that does not end well under `bash -eu`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadScript {
    /// The path below the prefix.
    pub path: String,
    /// What went wrong.
    pub why: String,
}

/// Runs every script of packages once, each in a child of its own, and returns those
/// that fail, do not end, end the shell or leave something running. Without `bash`
/// nothing is tried.
///
/// A script of `deactivate.d` runs behind that of the same name in `activate.d`.
pub fn bad_scripts(
    activation: &Activation,
    variables: &BTreeMap<OsString, OsString>,
) -> Vec<BadScript> {
    let Some(bash) = ["/bin/bash", "/usr/bin/bash"]
        .into_iter()
        .find(|p| Path::new(p).exists())
    else {
        return Vec::new();
    };
    let end_of_all = Instant::now() + DEADLINE_OF_ALL;
    let on = activation.scripts.activate(".sh");
    let off = activation.scripts.deactivate(".sh");
    let bad = on.chain(off).filter_map(|script| {
        let before = script.replace(DEACTIVATE_DIRECTORY, ACTIVATE_DIRECTORY);
        let before = if before == script {
            "/dev/null"
        } else {
            &before
        };
        let now = Instant::now();
        if now >= end_of_all {
            return Some(BadScript::new(activation, script, NOT_TRIED.to_string()));
        }
        let why = match tried(bash, [before, script], variables, now + DEADLINE) {
            Ok(why) => why?,
            Err(error) => error.to_string(),
        };
        Some(BadScript::new(activation, script, why))
    });
    bad.collect()
}

const NOT_TRIED: &str = "it was not tried: those before it took too long";

impl BadScript {
    fn new(activation: &Activation, script: &str, why: String) -> Self {
        let path = script.strip_prefix(&activation.prefix).unwrap_or(script);
        let path = path.trim_start_matches('/').to_string();
        Self { path, why }
    }
}

/// Returns what is wrong with a script, if something is.
fn tried(
    bash: &str,
    scripts: [&str; 2],
    variables: &BTreeMap<OsString, OsString>,
    end: Instant,
) -> io::Result<Option<String>> {
    // A file and no pipe: a child of the script could keep a pipe open for ever.
    let mut said = tempfile::tempfile()?;
    let text =
        format!("if [ -r \"$1\" ]; then . \"$1\"; fi; set -eu; . \"$2\"; exit {CAME_TO_THE_END}");
    let mut command = Command::new(bash);
    let command = command
        .args(["--norc", "-c", &text, "bash"])
        .args(scripts)
        .env_clear()
        .envs(variables)
        // Else bash reads that file first.
        .env_remove("BASH_ENV")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(said.try_clone()?);
    own_group(command);
    let mut child = command.spawn()?;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        let is_loud = said.metadata()?.len() > MAX_OUTPUT;
        if is_loud || Instant::now() >= end {
            stop(&child);
            // Where there are no process groups, only this stops it.
            child.kill()?;
            child.wait()?;
            return Ok(Some(match is_loud {
                true => "it does not stop talking".to_string(),
                false => format!("it had not ended after {} seconds", DEADLINE.as_secs()),
            }));
        }
        thread::sleep(Duration::from_millis(5));
    };
    let left = leaves_something(&child);
    match status.code() {
        Some(CAME_TO_THE_END) if left => {
            return Ok(Some("it leaves a process running".to_string()));
        }
        Some(CAME_TO_THE_END) => return Ok(None),
        Some(0) => {
            return Ok(Some(
                "it ends the shell, by `exit` or `exec` say".to_string(),
            ));
        }
        _ => {}
    }
    said.rewind()?;
    let mut bytes = Vec::new();
    said.take(MAX_SAID).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let last = text.lines().map(str::trim).rfind(|line| !line.is_empty());
    let last = last.map(|line| line.chars().filter(|c| !c.is_control()).collect());
    Ok(Some(last.unwrap_or_else(|| status.to_string())))
}

/// Puts what will be started into a process group of its own.
#[cfg(unix)]
fn own_group(command: &mut Command) {
    std::os::unix::process::CommandExt::process_group(command, 0);
}

/// Stops a script with all that it has started.
#[cfg(unix)]
fn stop(child: &Child) {
    let group = rustix::process::Pid::from_child(child);
    // Whoever has ended by itself needs no stopping.
    let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
}

/// Says whether something that an ended script has started goes on, and stops it.
#[cfg(unix)]
fn leaves_something(child: &Child) -> bool {
    let group = rustix::process::Pid::from_child(child);
    let end = Instant::now() + GRACE;
    while rustix::process::test_kill_process_group(group).is_ok() && lives(group) {
        if Instant::now() >= end {
            stop(child);
            return true;
        }
        thread::sleep(Duration::from_millis(5));
    }
    false
}

/// Says whether a process group has more than dead members, which nobody may ever bury in
/// a container.
#[cfg(unix)]
fn lives(group: rustix::process::Pid) -> bool {
    let group = group.as_raw_nonzero().to_string();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.into_iter().any(|process| {
        let stat = fs::read_to_string(process.path().join("stat")).unwrap_or_default();
        // The name, which may hold anything, ends with the last bracket.
        let fields = stat.rsplit(')').next().unwrap_or_default();
        let mut fields = fields.split_whitespace();
        let is_dead = matches!(fields.next(), Some("Z" | "X"));
        !is_dead && fields.nth(1) == Some(&group)
    })
}

#[cfg(not(unix))]
fn own_group(_command: &mut Command) {}

#[cfg(not(unix))]
fn stop(_child: &Child) {}

#[cfg(not(unix))]
fn leaves_something(_child: &Child) -> bool {
    false
}

impl From<BadScript> for Diagnostic {
    fn from(bad: BadScript) -> Self {
        let message = format!(
            "the script `{}` of a package fails in a strict shell",
            bad.path
        );
        Self::warning(Code::ACTIVATION_SCRIPT, message).cause(bad.why)
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use gpuenv_core::{activation, plan::ActivationSettings};
    use rattler_conda_types::Subdir;

    use super::*;
    use crate::activate;

    #[test]
    fn offenders_are_named_and_others_are_not() {
        let prefix = tempfile::tempdir().unwrap();
        for (file, text) in [
            ("activate.d/good.sh", "export GOOD=1"),
            ("activate.d/unset.sh", ": $NEVER_SET"),
            ("activate.d/false.sh", "false; echo on"),
            ("deactivate.d/good.sh", "unset GOOD; : $GOOD_TOO"),
            ("deactivate.d/fine.sh", ":"),
            ("activate.d/other.fish", "if"),
        ] {
            let path = prefix.path().join("etc/conda").join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let facts = activate::facts(prefix.path(), Subdir::Linux64).unwrap();
        let text = prefix.path().to_string_lossy();
        let settings = ActivationSettings::default();
        let activation = activation::activation(&text, &settings, &facts).unwrap();
        let bad = bad_scripts(&activation, &BTreeMap::new());
        let paths: Vec<&str> = bad.iter().map(|bad| bad.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "etc/conda/activate.d/false.sh",
                "etc/conda/activate.d/unset.sh",
                "etc/conda/deactivate.d/good.sh",
            ]
        );
        assert!(bad[1].why.contains("NEVER_SET"), "{}", bad[1].why);
    }

    #[test]
    fn scripts_that_do_not_come_back_are_named() {
        let place = tempfile::tempdir().unwrap();
        let script = place.path().join("odd.sh");
        let script = script.to_str().unwrap();
        let variables = BTreeMap::from([("BASH_ENV".into(), "/nonexistent/$(exit)".into())]);
        let why = |text: &str, milliseconds| {
            fs::write(script, text).unwrap();
            let end = Instant::now() + Duration::from_millis(milliseconds);
            tried("/bin/bash", ["/dev/null", script], &variables, end).unwrap()
        };
        for (text, milliseconds, said) in [
            ("while :; do :; done", 100, "not ended"),
            ("read x </dev/zero", 100, "not ended"),
            ("while :; do echo {1..9999} >&2; done", 10_000, "talking"),
            ("exit 0", 10_000, "ends the shell"),
            ("exec true", 10_000, "ends the shell"),
            ("sleep 60 &", 10_000, "running"),
            ("echo this >&2; return 3", 10_000, "this"),
            ("kill -9 $$", 10_000, "signal: 9"),
        ] {
            let why = why(text, milliseconds).unwrap();
            assert!(why.contains(said), "{text}: {why}");
        }
        for text in ["true &", "return 0", "trap 'true' EXIT", "cd /; umask 0"] {
            assert_eq!(why(text, 10_000), None, "{text}");
        }
    }
}
