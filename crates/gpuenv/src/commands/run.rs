//! `gpuenv run`: runs a command inside an environment.

mod program;

use std::{
    ffi::{OsStr, OsString},
    process::Command,
};

use gpuenv_core::{Code, Diagnostic, activation};
use gpuenv_provision::batch;

use crate::{Failure, Outcome, Session, activating, environments::Environments, word::word};

/// Run a command inside an environment
///
/// The command's exit code becomes gpuenv's own; 125, 126 and 127 say that it
/// could not be started, as env(1) does.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  \
    gpuenv run tf-gpu -- python train.py --epochs 3\n  \
    gpuenv run --clean tf-gpu -- python train.py   without another CUDA on the paths\n  \
    gpuenv run ./env -- nvidia-smi")]
pub struct Args {
    /// Take the entries with another CUDA off `PATH` and `LD_LIBRARY_PATH`
    #[arg(long)]
    pub clean: bool,
    /// The environment's name or prefix
    #[arg(value_name = "ENV")]
    pub environment: String,
    /// The command and its arguments
    #[arg(
        value_name = "CMD",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub command: Vec<OsString>,
}

impl Args {
    /// Returns false: stdout belongs to the command.
    pub fn json(&self) -> bool {
        false
    }
}

/// gpuenv itself failed, before the command could be looked for (as env(1)).
const FAILED: u8 = 125;
/// The command was found and cannot be run.
const NOT_EXECUTABLE: u8 = 126;
/// The command was not found.
const NOT_FOUND: u8 = 127;

/// Runs the command.
///
/// # Errors
/// None: what keeps it from being started is told with the codes of env(1).
pub fn run(args: Args, session: &Session) -> Result<Outcome, Failure> {
    let started = prepare(&args, session).map(|command| become_child(command, &args));
    let outcome = started.unwrap_or_else(|error| Outcome::exit(FAILED).diagnostic(error));
    Ok(outcome)
}

fn prepare(args: &Args, session: &Session) -> Result<Command, Diagnostic> {
    let environments = Environments::below(&session.home()?);
    let prefix = environments.find(&args.environment)?;
    let activation = activating::of(&prefix)?;
    let variables = match args.clean {
        true => activating::clean_environment(&activation),
        false => activating::environment(&activation),
    };
    activating::tell_conflicts(&activation, &variables, session);
    let variables = batch::after_batch_files(&activation, variables)?;
    let mut command = match activation::run_script(&activation) {
        None => {
            // The program is looked up where it will run, not where gpuenv runs.
            let program = program::found(&args.command[0], &variables);
            let mut command = Command::new(program);
            command.args(&args.command[1..]);
            command
        }
        Some(script) => {
            let shell = ["/bin/bash", "/usr/bin/bash"];
            let shell = shell
                .iter()
                .find(|shell| std::path::Path::new(shell).exists());
            let mut command = Command::new(shell.unwrap_or(&"/bin/sh"));
            command
                .arg("-c")
                .arg(script)
                .arg("gpuenv")
                .args(&args.command);
            command
        }
    };
    command.env_clear().envs(variables);
    Ok(command)
}

/// Becomes the command: its exit code, its signals and its terminal are its own.
#[cfg(unix)]
fn become_child(mut command: Command, args: &Args) -> Outcome {
    use std::os::unix::process::CommandExt as _;
    let error = command.exec();
    refused(&error, command.get_program(), args)
}

/// Runs the command and hands on its exit code.
#[cfg(not(unix))]
fn become_child(mut command: Command, args: &Args) -> Outcome {
    match command.status() {
        Ok(status) => Outcome::exit(status.code().unwrap_or(1)),
        Err(error) => refused(&error, command.get_program(), args),
    }
}

fn refused(error: &std::io::Error, program: &OsStr, args: &Args) -> Outcome {
    let not_found = error.kind() == std::io::ErrorKind::NotFound;
    let code = if not_found { NOT_FOUND } else { NOT_EXECUTABLE };
    let name = args.command[0].to_string_lossy();
    let message = format!("`{name}` cannot be started");
    let mut diagnostic = Diagnostic::error(Code::ACTIVATION_COMMAND, message).cause(error);
    if not_found && std::path::Path::new(program).is_file() {
        let program = program.to_string_lossy();
        diagnostic = diagnostic.cause(format!(
            "`{program}` is there, so what its first line names is not"
        ));
    }
    let environment = word(&args.environment);
    Outcome::exit(code).diagnostic(diagnostic.help(format!(
        "`gpuenv info {environment}` shows what the environment holds"
    )))
}
