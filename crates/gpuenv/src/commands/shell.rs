//! `gpuenv shell`: starts the user's own shell in an environment.

use std::{
    io,
    path::Path,
    process::{Command, ExitStatus},
    sync::{Arc, atomic::AtomicBool},
};

use fs_err as fs;
use gpuenv_core::{
    Code, Diagnostic,
    activation::{self, Activation, Shell},
};
use gpuenv_provision::batch;

use crate::{Failure, Outcome, Session, activating, env, environments::Environments};

/// Start your shell in an environment
///
/// It reads its usual startup files first. `exit` leaves the environment; the
/// shell's exit code becomes gpuenv's own.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  gpuenv shell tf-gpu\n  gpuenv shell tf-gpu --shell fish")]
pub struct Args {
    /// The environment's name or prefix
    #[arg(value_name = "ENV")]
    pub environment: String,
    /// The shell, by name or path [default: `$SHELL`]
    #[arg(long)]
    pub shell: Option<String>,
}

impl Args {
    /// Returns false: stdout belongs to the shell.
    pub fn json(&self) -> bool {
        false
    }
}

/// Starts the shell and waits for its end.
///
/// # Errors
/// Returns what keeps it from being started.
pub fn run(args: Args, session: &Session) -> Result<Outcome, Failure> {
    let usual = session.env.shell.as_deref();
    let program = args
        .shell
        .as_deref()
        .or(usual)
        .unwrap_or(match cfg!(windows) {
            true => "cmd",
            false => "sh",
        });
    let shell: Shell = program.parse().map_err(Diagnostic::from)?;
    let prefix = Environments::below(&session.home()?).find(&args.environment)?;
    let activation = activating::of(&prefix)?;
    activating::tell_conflicts(&activation, &activating::environment(&activation), session);
    let place = tempfile::tempdir().map_err(Failure::io)?;
    let mut command =
        command(shell, program, &activation, place.path(), session).map_err(Failure::io)?;
    // An interrupt from the terminal is the shell's affair.
    let _ = signal_hook::flag::register(
        signal_hook::consts::SIGINT,
        Arc::new(AtomicBool::new(false)),
    );
    let status = command.status().map_err(|error| {
        Diagnostic::error(
            Code::ACTIVATION_COMMAND,
            format!("`{program}` cannot be started"),
        )
        .cause(error)
        .help("name another one: `gpuenv shell ENV --shell bash`")
    })?;
    Ok(Outcome::exit(exit_code(status)))
}

fn command(
    shell: Shell,
    program: &str,
    activation: &Activation,
    place: &Path,
    session: &Session,
) -> io::Result<Command> {
    let name = Path::new(&activation.prefix)
        .file_name()
        .unwrap_or_default();
    let hook = activation::shell_hook(shell, activation);
    let mark = activation::prompt_mark(shell, &name.to_string_lossy());
    let home = session.env.user_home.clone().unwrap_or_default();
    let mut command = Command::new(program);
    let file = place.join(match shell {
        Shell::Powershell => "startup.ps1",
        Shell::Cmd => "startup.bat",
        Shell::Nushell => "startup.nu",
        Shell::Zsh => ".zshrc",
        Shell::Tcsh => ".tcshrc",
        _ => "startup",
    });
    let source = activation::source_command(shell, &file.to_string_lossy());
    let mut startup = format!("{hook}{mark}");
    match shell {
        Shell::Bash => {
            let usual = "if [ -r ~/.bashrc ]; then . ~/.bashrc; fi\n";
            startup.insert_str(0, usual);
            command.arg("--rcfile").arg(&file).arg("-i");
        }
        Shell::Zsh => {
            let folder = session.env.zsh_folder.clone();
            let back = match &folder {
                Some(_) => "export ZDOTDIR=\"$GPUENV_ZDOTDIR\"; unset GPUENV_ZDOTDIR\n",
                None => "unset ZDOTDIR\n",
            };
            let usual = "[ -r \"${ZDOTDIR:-$HOME}/.zshrc\" ] && . \"${ZDOTDIR:-$HOME}/.zshrc\"\n";
            startup = format!("{back}{usual}{startup}");
            let early = format!(
                "[ -r {0} ] && . {0}\n",
                "\"${GPUENV_ZDOTDIR:-$HOME}/.zshenv\""
            );
            fs::write(place.join(".zshenv"), early)?;
            command.env("ZDOTDIR", place).arg("-i");
            if let Some(folder) = folder {
                command.env("GPUENV_ZDOTDIR", folder);
            }
        }
        Shell::Sh => {
            let usual = env::variable("ENV");
            startup.insert_str(0, &activation::sh_startup(usual.as_deref()));
            command.env("ENV", &file).arg("-i");
        }
        Shell::Fish => {
            command.arg("-i").arg("-C").args(source);
        }
        Shell::Xonsh => {
            command.arg("--rc");
            let config = session.env.config_folder.as_ref();
            let usual = config.map(|folder| folder.join("xonsh").join("rc.xsh"));
            let usual = usual.into_iter().chain([home.join(".xonshrc")]);
            command
                .args(usual.filter(|file| file.is_file()))
                .arg(&file)
                .arg("-i");
        }
        Shell::Nushell => {
            command.arg("-e").args(source);
        }
        Shell::Powershell => {
            command.args(["-NoExit", "-Command"]).args(source);
        }
        Shell::Cmd => {
            // Text behind the end of the hook would never be read; and nothing names a
            // path, which `cmd` might read in another code page.
            fs::write(place.join("hook.bat"), &hook)?;
            fs::write(place.join("mark.bat"), &mark)?;
            startup = ["@call \"%~dp0hook.bat\"\r\n", "@call \"%~dp0mark.bat\"\r\n"].concat();
            command = batch::command_with(program, &["/v:off", "/k"], &file);
        }
        // It looks for its startup file in the home.
        Shell::Tcsh => {
            startup = activation::tcsh_startup(&home.to_string_lossy(), &startup);
            command.env("HOME", place);
        }
    }
    fs::write(&file, startup)?;
    Ok(command)
}

#[cfg(unix)]
fn exit_code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt as _;
    let killed = status.signal().map(|signal| 128 + signal);
    status.code().or(killed).unwrap_or(1)
}

#[cfg(not(unix))]
fn exit_code(status: ExitStatus) -> i32 {
    status.code().unwrap_or(1)
}
