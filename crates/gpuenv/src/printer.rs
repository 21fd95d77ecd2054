//! The only way to the terminal: stdout is data, stderr is talk.

use std::io::{BufWriter, ErrorKind, Result, Write, stderr, stdout};

use anstream::{AutoStream, ColorChoice};
use gpuenv_core::{Diagnostic, Severity};

use crate::render;

/// How and how much is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Printer {
    /// Colours on stdout.
    pub out: ColorChoice,
    /// Colours on stderr.
    pub err: ColorChoice,
    /// Only errors are told.
    pub quiet: bool,
    /// The width to write for.
    pub width: usize,
}

impl Printer {
    /// Writes data to stdout, styled text losing its style where none is wanted.
    ///
    /// # Errors
    /// Returns why it cannot be written. A reader that went away is no error.
    pub fn data(&self, text: &str) -> Result<()> {
        let mut stream = AutoStream::new(stdout().lock(), self.out);
        forgive_closed_pipe(
            stream
                .write_all(text.as_bytes())
                .and_then(|()| stream.flush()),
        )
    }

    /// Writes data to stdout as it is.
    ///
    /// # Errors
    /// Returns why it cannot be written. A reader that went away is no error.
    pub fn raw(&self, text: &str) -> Result<()> {
        let mut stream = stdout().lock();
        forgive_closed_pipe(
            stream
                .write_all(text.as_bytes())
                .and_then(|()| stream.flush()),
        )
    }

    /// Writes data to stdout piece by piece, and stops where nobody reads any more.
    ///
    /// # Errors
    /// Returns why it cannot be written. A reader that went away is no error.
    pub fn pieces(&self, pieces: impl Iterator<Item = String>) -> Result<()> {
        let mut stream = BufWriter::new(stdout().lock());
        let write = || {
            for piece in pieces {
                stream.write_all(piece.as_bytes())?;
            }
            stream.flush()
        };
        forgive_closed_pipe(write())
    }

    /// Tells something on stderr, a whole line, unless the user wants quiet.
    pub fn talk(&self, line: &str) {
        if !self.quiet {
            self.tell(&format!("{line}\n"));
        }
    }

    /// Tells diagnostics on stderr; when the user wants quiet, no notes.
    pub fn diagnostics(&self, diagnostics: &[Diagnostic]) {
        let wanted: Vec<&Diagnostic> = diagnostics
            .iter()
            .filter(|diagnostic| !self.quiet || diagnostic.severity != Severity::Note)
            .collect();
        self.tell(&render::diagnostics(&wanted, self.width));
    }

    /// Writes text to stderr whatever the user wants.
    pub fn tell(&self, text: &str) {
        let mut stream = AutoStream::new(stderr().lock(), self.err);
        // There is nobody left to tell that nothing can be told.
        let _ = stream.write_all(text.as_bytes());
    }
}

fn forgive_closed_pipe(result: Result<()>) -> Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
