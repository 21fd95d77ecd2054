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

use gpuenv_core::{
    Code, Diagnostic,
    activation::{ACTIVATE_DIRECTORY, Activation, DEACTIVATE_DIRECTORY},
};

/// How long all scripts together may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// How much of what a script says is kept, in bytes.
const MAX_SAID: u64 = 4096;

/// A script that does not end well under `bash -eu`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadScript {
    /// The path below the prefix.
    pub path: String,
    /// What went wrong.
    pub why: String,
}

/// Runs every script of packages once, each in a child of its own, and returns
/// those that fail or do not end. Without `bash` nothing is tried.
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
    let end = Instant::now() + DEADLINE;
    let on = activation.scripts.activate(".sh");
    let off = activation.scripts.deactivate(".sh");
    let bad = on.chain(off).filter_map(|script| {
        let before = script.replace(DEACTIVATE_DIRECTORY, ACTIVATE_DIRECTORY);
        let before = if before == script {
            "/dev/null"
        } else {
            &before
        };
        let why = match tried(bash, [before, script], variables, end) {
            Ok(why) => why?,
            Err(error) => error.to_string(),
        };
        let path = script.strip_prefix(&activation.prefix).unwrap_or(script);
        Some(BadScript {
            path: path.trim_start_matches('/').to_string(),
            why,
        })
    });
    bad.collect()
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
    let text = "if [ -r \"$1\" ]; then . \"$1\"; fi; set -eu; . \"$2\"";
    let mut command = Command::new(bash);
    let command = command
        .args(["--norc", "-c", text, "bash"])
        .args(scripts)
        .env_clear()
        .envs(variables)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(said.try_clone()?);
    own_group(command);
    let mut child = command.spawn()?;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() >= end {
            stop(&mut child)?;
            let seconds = DEADLINE.as_secs();
            return Ok(Some(format!("it had not ended after {seconds} seconds")));
        }
        thread::sleep(Duration::from_millis(5));
    };
    if status.success() {
        return Ok(None);
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
fn stop(child: &mut Child) -> io::Result<()> {
    let group = rustix::process::Pid::from_child(child);
    rustix::process::kill_process_group(group, rustix::process::Signal::KILL)?;
    child.wait().map(drop)
}

#[cfg(not(unix))]
fn own_group(_command: &mut Command) {}

#[cfg(not(unix))]
fn stop(child: &mut Child) -> io::Result<()> {
    child.kill()?;
    child.wait().map(drop)
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
    use fs_err as fs;
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
    fn a_script_that_waits_is_stopped() {
        let place = tempfile::tempdir().unwrap();
        let script = place.path().join("wait.sh");
        fs::write(&script, "while :; do :; done").unwrap();
        let script = script.to_str().unwrap();
        let end = Instant::now() + Duration::from_millis(100);
        let why = tried("/bin/bash", ["/dev/null", script], &BTreeMap::new(), end).unwrap();
        assert!(why.unwrap().contains("not ended"));
    }
}
