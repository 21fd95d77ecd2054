//! `gpuenv init`: teaches a shell `gpuenv activate` and `gpuenv deactivate`.

use std::{
    io::{self, IsTerminal as _, Write as _, stdin},
    path::{Path, PathBuf},
};

use fs_err as fs;
use gpuenv_core::{
    Code, Diagnostic,
    activation::{self, Shell},
};

use crate::{Failure, Outcome, Session, env};

/// Teach a shell `gpuenv activate NAME` and `gpuenv deactivate`
///
/// Writes a marked block into the shell's startup file, after showing it and
/// asking. Nothing else in the file is touched; `--undo` takes the block away.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  gpuenv init bash\n  gpuenv init zsh --undo")]
pub struct Args {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub shell: String,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Take the block away again
    #[arg(long)]
    pub undo: bool,
    /// The startup file [default: the one that the shell reads]
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

impl Args {
    /// Returns false: nothing to tell.
    pub fn json(&self) -> bool {
        false
    }
}

const BEGIN: &[u8] = b"# >>> gpuenv init >>>\n";
const END: &[u8] = b"# <<< gpuenv init <<<\n";

/// Changes the startup file.
///
/// # Errors
/// GE601 for an unknown shell or one that needs no block, GE607 if the file
/// cannot be changed.
pub fn run(args: Args, session: &Session) -> Result<Outcome, Failure> {
    let shell: Shell = args.shell.parse().map_err(Diagnostic::from)?;
    let Some(text) = activation::startup(shell, &env::program()) else {
        let message = format!("`{}` has no functions that can run text", shell.name());
        return Err(Diagnostic::error(Code::ACTIVATION_SHELL, message)
            .help("start a shell in the environment: `gpuenv shell ENV`")
            .into());
    };
    let file = match &args.file {
        Some(file) => file.clone(),
        None => startup_file(shell, session)?,
    };
    // A link, into a repository of such files say, stays one.
    let file = fs::canonicalize(&file).unwrap_or(file);
    let old = match fs::read(&file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(refused(&file, error).into()),
    };
    let block = [BEGIN, text.as_bytes(), END].concat();
    let new = changed(&old, (!args.undo).then_some(block.as_slice()))
        .map_err(|why| refused(&file, why))?;
    let shown = file.display();
    if new == old {
        return Ok(Outcome::done().text(format!("{shown} is already right\n")));
    }
    let question = match args.undo {
        true => format!("take gpuenv's block out of {shown}? [y/N] "),
        false => format!(
            "{}\nwrite this into {shown}? [y/N] ",
            String::from_utf8_lossy(&block)
        ),
    };
    if !args.yes && !confirmed(&question, session)? {
        return Ok(Outcome::no().text("nothing is changed\n"));
    }
    write(&file, &new).map_err(|error| refused(&file, error))?;
    Ok(Outcome::done().text(match args.undo {
        true => format!("{shown} is as it was before `gpuenv init`\n"),
        false => format!("{shown} is changed; a new shell knows `gpuenv activate NAME`\n"),
    }))
}

fn startup_file(shell: Shell, session: &Session) -> Result<PathBuf, Diagnostic> {
    let missing = || {
        Diagnostic::error(
            Code::INSTALL_NO_HOME,
            "no startup file is known: the user has no home directory",
        )
        .help("name it: `gpuenv init SHELL --file FILE`")
    };
    let home = session.env.user_home.as_ref().ok_or_else(missing)?;
    let config = session.env.config_folder.as_ref().ok_or_else(missing)?;
    Ok(match shell {
        Shell::Bash => home.join(".bashrc"),
        Shell::Zsh => session
            .env
            .zsh_folder
            .as_ref()
            .unwrap_or(home)
            .join(".zshrc"),
        Shell::Fish => config.join("fish").join("config.fish"),
        Shell::Tcsh => match home.join(".tcshrc") {
            file if file.exists() => file,
            file if !home.join(".cshrc").exists() => file,
            _ => home.join(".cshrc"),
        },
        Shell::Xonsh => home.join(".xonshrc"),
        Shell::Powershell => match cfg!(windows) {
            true => home
                .join("Documents")
                .join("PowerShell")
                .join("profile.ps1"),
            false => config.join("powershell").join("profile.ps1"),
        },
        // No other shell has a block.
        Shell::Sh | Shell::Nushell | Shell::Cmd => home.join(".profile"),
    })
}

/// Returns the file with that block in the place of ours, or without ours.
fn changed(old: &[u8], block: Option<&[u8]>) -> Result<Vec<u8>, &'static str> {
    let block = block.unwrap_or_default();
    let position = |marker: &[u8]| {
        let starts = |at: &usize| *at == 0 || old[at - 1] == b'\n';
        let mut found = (0..old.len()).filter(|at| old[*at..].starts_with(marker) && starts(at));
        (found.next(), found.next())
    };
    match (position(BEGIN), position(END)) {
        ((None, _), (None, _)) if block.is_empty() => Ok(old.to_vec()),
        ((None, _), (None, _)) => {
            let gap: &[u8] = match old {
                [] => b"",
                [.., b'\n'] => b"\n",
                _ => b"\n\n",
            };
            Ok([old, gap, block].concat())
        }
        ((Some(begin), None), (Some(end), None)) if begin < end => {
            let (mut head, tail) = (&old[..begin], &old[end + END.len()..]);
            if block.is_empty() && tail.is_empty() {
                // The empty line in front of the block is ours too.
                head = head.strip_suffix(b"\n").unwrap_or(head);
            }
            Ok([head, block, tail].concat())
        }
        _ => Err("it has a part of a block of gpuenv's, or several"),
    }
}

/// Writes the file at once; one with nothing in it goes.
fn write(file: &Path, bytes: &[u8]) -> io::Result<()> {
    if bytes.is_empty() {
        return fs::remove_file(file);
    }
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
    temporary.write_all(bytes)?;
    match fs::metadata(file) {
        Ok(metadata) => fs::set_permissions(temporary.path(), metadata.permissions())?,
        Err(_) => readable_by_others(temporary.path())?,
    }
    temporary.as_file().sync_all()?;
    temporary.persist(file)?;
    Ok(())
}

#[cfg(unix)]
fn readable_by_others(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable_by_others(_path: &Path) -> io::Result<()> {
    Ok(())
}

fn refused(file: &Path, cause: impl ToString) -> Diagnostic {
    let message = format!("`{}` cannot be changed", file.display());
    Diagnostic::error(Code::ACTIVATION_STARTUP, message)
        .cause(cause)
        .help("edit it yourself, or name another one: `gpuenv init SHELL --file FILE`")
}

fn confirmed(question: &str, session: &Session) -> Result<bool, Failure> {
    session.printer().tell(question);
    if !stdin().is_terminal() {
        return Err(Failure::usage(
            "a startup file is changed only with `--yes`, since nobody can be asked",
        ));
    }
    let mut answer = String::new();
    stdin().read_line(&mut answer).map_err(Failure::io)?;
    let answer = answer.trim().to_ascii_lowercase();
    Ok(matches!(answer.as_str(), "y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(text: &str) -> Vec<u8> {
        [BEGIN, text.as_bytes(), END].concat()
    }

    #[test]
    fn a_block_comes_changes_and_goes_without_a_trace() {
        for old in ["", "a\n", "a", "\n\n", "\u{e9}\r\n"] {
            let old = old.as_bytes();
            let one = changed(old, Some(&block("one\n"))).unwrap();
            assert_eq!(changed(&one, Some(&block("one\n"))).unwrap(), one);
            let two = changed(&one, Some(&block("two\n"))).unwrap();
            assert!(two.ends_with(&block("two\n")) && two.starts_with(old));
            let back = changed(&two, None).unwrap();
            assert_eq!(back.trim_ascii_end(), old.trim_ascii_end());
        }
        assert_eq!(changed(b"a\n", None).unwrap(), b"a\n");
        let whole = changed(b"a\n", Some(&block("x\n"))).unwrap();
        assert_eq!(changed(&whole, None).unwrap(), b"a\n");
    }

    #[test]
    fn half_a_block_is_left_alone() {
        let twice = [block("a"), block("b")].concat();
        for odd in [BEGIN, END, &twice, &[END, BEGIN].concat()] {
            assert!(changed(odd, None).is_err());
            assert!(changed(odd, Some(&block(""))).is_err());
        }
    }
}
