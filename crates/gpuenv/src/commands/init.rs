//! `gpuenv init`: teaches a shell `gpuenv activate` and `gpuenv deactivate`.

use std::{
    io::{IsTerminal as _, stdin},
    path::{Path, PathBuf},
};

use fs_err as fs;
use gpuenv_core::{
    Code, Diagnostic,
    activation::{self, Shell},
};

use crate::{Failure, Outcome, Session, env, startup};

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

const BEGIN: &[u8] = b"# >>> gpuenv init >>>";
const END: &[u8] = b"# <<< gpuenv init <<<";

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
    let is_link = fs::symlink_metadata(&file).is_ok_and(|found| found.is_symlink());
    let file = match fs::canonicalize(&file) {
        Ok(real) if is_link => real,
        Err(_) if is_link => return Err(refused(&file, "it is a link to nowhere").into()),
        Ok(_) | Err(_) => file,
    };
    let old = startup::read(&file).map_err(|error| refused(&file, error))?;
    let block = [BEGIN, b"\n", text.as_bytes(), END, b"\n"].concat();
    let new = changed(old.as_deref(), (!args.undo).then_some(block.as_slice()))
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
    // Root could write it all the same, but its user did not mean that.
    if fs::metadata(&file).is_ok_and(|found| found.permissions().readonly()) {
        return Err(refused(&file, "it is read-only").into());
    }
    if !args.yes && !confirmed(&question, session)? {
        return Ok(Outcome::no().text("nothing is changed\n"));
    }
    startup::write(&file, old.as_deref(), new.as_deref()).map_err(|error| refused(&file, error))?;
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

/// Returns the file with that block in the place of ours, or without ours; `None` is
/// no file.
///
/// What a new block has in front of it tells how the file ended: an empty line where
/// it ended with a line or was empty, no empty line where that line had no end. Nothing
/// at all in front of it tells that there was no file.
fn changed(old: Option<&[u8]>, block: Option<&[u8]>) -> Result<Option<Vec<u8>>, &'static str> {
    let Some(text) = old else {
        return Ok(block.map(<[u8]>::to_vec));
    };
    let lines = |marker: &[u8]| {
        let mut found = lines(text).filter(|(_, line)| *line == marker);
        (found.next(), found.next())
    };
    match (lines(BEGIN), lines(END), block) {
        ((None, _), (None, _), None) => Ok(Some(text.to_vec())),
        ((None, _), (None, _), Some(block)) => Ok(Some([text, b"\n", block].concat())),
        ((Some((begin, _)), None), (Some((end, _)), None), _) if begin < end => {
            let (mut head, behind) = (&text[..begin], &text[end..]);
            let length = behind.iter().position(|byte| *byte == b'\n');
            let tail = length.map_or(&[][..], |length| &behind[length + 1..]);
            let is_ours = head == b"\n" || head.ends_with(b"\n\n") || tail.is_empty();
            if block.is_none() && is_ours {
                let had_no_file = head.is_empty() && tail.is_empty();
                head = head.strip_suffix(b"\n").unwrap_or(head);
                if had_no_file {
                    return Ok(None);
                }
            }
            Ok(Some([head, block.unwrap_or_default(), tail].concat()))
        }
        _ => Err("it has a part of a block of gpuenv's, or several"),
    }
}

/// Returns the lines without their ends, those of Windows too, and where they begin.
fn lines(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    text.split(|byte| *byte == b'\n').map(move |line| {
        let begin = at;
        at += line.len() + 1;
        (begin, line.strip_suffix(b"\r").unwrap_or(line))
    })
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
        [BEGIN, b"\n", text.as_bytes(), END, b"\n"].concat()
    }

    fn with(old: Option<&[u8]>, text: &str) -> Vec<u8> {
        changed(old, Some(&block(text))).unwrap().expect("a file")
    }

    fn without(old: &[u8]) -> Option<Vec<u8>> {
        changed(Some(old), None).unwrap()
    }

    #[test]
    fn a_block_comes_changes_and_goes_without_a_trace() {
        let files = [
            "",
            "a\n",
            "a",
            "\n",
            "\n\n",
            "a\n\n",
            "\u{e9}\r\n",
            "a\r\nb",
            " ",
        ];
        let files = files.map(|text| Some(text.as_bytes()));
        for old in files.into_iter().chain([None]) {
            let one = with(old, "one\n");
            assert_eq!(with(Some(&one), "one\n"), one);
            let two = with(Some(&one), "two\n");
            assert!(two.ends_with(&block("two\n")) && two.starts_with(old.unwrap_or_default()));
            assert_eq!(without(&two).as_deref(), old);
            assert_eq!(changed(old, None).unwrap().as_deref(), old);
        }
    }

    #[test]
    fn what_came_behind_the_block_stays_on_a_line_of_its_own() {
        for (old, left) in [
            (Some("a\n"), "a\nz\n"),
            (Some("a"), "a\nz\n"),
            (Some(""), "z\n"),
            (None, "z\n"),
        ] {
            let mut file = with(old.map(str::as_bytes), "x\n");
            file.extend(b"z\n");
            assert_eq!(without(&file).unwrap(), left.as_bytes());
        }
    }

    #[test]
    fn a_block_is_found_though_an_editor_has_changed_the_line_ends() {
        let file = with(Some(b"a\n"), "x\n");
        let text = String::from_utf8(file).unwrap().replace('\n', "\r\n");
        let left = without(text.as_bytes()).unwrap();
        assert!(
            left.starts_with(b"a\r\n") && left.trim_ascii() == b"a",
            "{left:?}"
        );
    }

    #[test]
    fn half_a_block_is_left_alone() {
        let twice = [block("a"), block("b")].concat();
        for odd in [BEGIN, END, &twice, &[END, b"\n", BEGIN].concat()] {
            assert!(changed(Some(odd), None).is_err());
            assert!(changed(Some(odd), Some(&block(""))).is_err());
        }
    }
}
