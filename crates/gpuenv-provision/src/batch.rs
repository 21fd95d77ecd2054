//! Runs the packages' batch files on Windows, before a program is started.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io,
    path::Path,
    process::{Command, Stdio},
};

use fs_err as fs;
use gpuenv_core::{
    Code, Diagnostic,
    activation::{self, Activation, BATCH_VARIABLES},
};

/// Returns the variables that a program gets after the packages' batch files were run
/// in these ones; the same ones where there are no batch files.
///
/// # Errors
/// GE602 if the scripts keep `cmd` from coming to its end.
pub fn after_batch_files(
    activation: &Activation,
    variables: BTreeMap<OsString, OsString>,
) -> Result<BTreeMap<OsString, OsString>, Diagnostic> {
    let Some(text) = activation::batch_script(activation) else {
        return Ok(variables);
    };
    let (listable, others) = activation::listable(&variables);
    let after = run(&text, &listable).map_err(|error| {
        let message = "the activation scripts of packages did not come to their end";
        Diagnostic::error(Code::ACTIVATION_COMMAND, message)
            .cause(error)
            .help(format!(
                "look at the files `*.bat` in `{}`",
                Path::new(&activation.prefix)
                    .join(activation::ACTIVATE_DIRECTORY)
                    .display()
            ))
    })?;
    let pairs = after.into_iter().map(|(n, v)| (n.into(), v.into()));
    let after = others.into_iter().chain(pairs).collect();
    Ok(activation::own_again(activation, &after))
}

fn run(
    text: &str,
    variables: &BTreeMap<OsString, OsString>,
) -> io::Result<BTreeMap<String, String>> {
    let place = tempfile::tempdir()?;
    let file = place.path().join("scripts.bat");
    fs::write(&file, text)?;
    let mut command = command_with("cmd", &["/d", "/v:off", "/c"], &file);
    // What the scripts say is no part of what the program says.
    let status = command
        .env_clear()
        .envs(variables)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()?;
    match fs::read(place.path().join(BATCH_VARIABLES)) {
        Ok(bytes) => Ok(activation::listed_variables(&bytes)),
        Err(_) => Err(io::Error::other(format!("`cmd` ended early: {status}"))),
    }
}

/// Returns the command by which `cmd`, the program, runs a batch file.
pub fn command_with(program: &str, options: &[&str], file: &Path) -> Command {
    let mut command = Command::new(program);
    add_batch_file(&mut command, options, file);
    command
}

#[cfg(windows)]
fn add_batch_file(command: &mut Command, options: &[&str], file: &Path) {
    use std::os::windows::process::CommandExt as _;
    // `/s` takes exactly the outer quotes away, whatever characters the path has.
    let mut quoted = OsString::from("\"\"");
    quoted.push(file);
    quoted.push("\"\"");
    let (last, first) = options.split_last().unwrap_or((&"/c", &[]));
    command.args(first).arg("/s").arg(last).raw_arg(quoted);
}

#[cfg(not(windows))]
fn add_batch_file(command: &mut Command, options: &[&str], file: &Path) {
    command.args(options).arg(file);
}
