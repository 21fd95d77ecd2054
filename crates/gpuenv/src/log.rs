//! The log on stderr, for those who ask for it with `-v` or `$GPUENV_LOG`.

use std::io::{Result, Write, stderr};

use anstream::ColorChoice;
use gpuenv_core::{Code, Diagnostic};
use tracing_subscriber::EnvFilter;

use crate::{
    env::{self, Env},
    options::Options,
    untrusted,
};

/// Starts the log if one is wanted.
///
/// # Errors
/// Returns what is wrong with the filter of `$GPUENV_LOG`.
pub fn start(env: &Env, options: &Options) -> std::result::Result<(), Diagnostic> {
    let filter = match (&env.log, options.verbosity) {
        (Some(filter), _) => filter.clone(),
        (None, 0) => return Ok(()),
        (None, 1) => "warn,gpuenv=info".to_string(),
        (None, 2) => "info,gpuenv=debug".to_string(),
        (None, _) => "trace".to_string(),
    };
    let filter = EnvFilter::builder().parse(&filter).map_err(|error| {
        let message = format!("`${}` is not a log filter", env::GPUENV_LOG);
        Diagnostic::error(Code::CONFIG_BAD, message)
            .caused_by(&error)
            .help(format!(
                "`export {}=gpuenv=debug,rattler=info`",
                env::GPUENV_LOG
            ))
    })?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(options.printer.err != ColorChoice::Never)
        .with_writer(|| Redacting)
        .init();
    Ok(())
}

/// Writes to stderr without the secrets in URLs.
///
/// The subscriber hands over each event in one piece, so no secret is cut in two.
struct Redacting;

impl Write for Redacting {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        stderr().write_all(untrusted::redact(&text).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        stderr().flush()
    }
}
