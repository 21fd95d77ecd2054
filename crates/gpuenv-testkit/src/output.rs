//! What a program said and how it ended, with the assertions that tests make of it.

use std::{fmt, time::Duration};

use serde_json::Value;

use crate::snapshot::Filters;

/// The result of one run.
///
/// Printed, it is a snapshot: exit code, stdout and stderr, without what differs
/// between machines and runs.
#[must_use = "a run that nobody looks at tests nothing"]
#[derive(Debug, Clone)]
pub struct Output {
    pub(crate) command: String,
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) elapsed: Duration,
    pub(crate) filters: Filters,
}

impl Output {
    /// Asserts that it ended with 0.
    #[track_caller]
    pub fn success(self) -> Self {
        self.code(0)
    }

    /// Asserts that it ended with that exit code.
    #[track_caller]
    pub fn code(self, code: i32) -> Self {
        assert!(
            self.code == Some(code),
            "expected exit code {code}\n{}",
            self.report()
        );
        self
    }

    /// Asserts that a signal ended it.
    #[track_caller]
    pub fn killed_by(self, signal: i32) -> Self {
        assert!(
            self.signal == Some(signal),
            "expected signal {signal}\n{}",
            self.report()
        );
        self
    }

    /// Asserts that stdout contains a text.
    #[track_caller]
    pub fn stdout_has(self, text: &str) -> Self {
        assert!(
            self.stdout().contains(text),
            "stdout lacks `{text}`\n{}",
            self.report()
        );
        self
    }

    /// Asserts that stderr contains a text.
    #[track_caller]
    pub fn stderr_has(self, text: &str) -> Self {
        assert!(
            self.stderr().contains(text),
            "stderr lacks `{text}`\n{}",
            self.report()
        );
        self
    }

    /// Asserts that neither stdout nor stderr contains a text.
    #[track_caller]
    pub fn says_nowhere(self, text: &str) -> Self {
        assert!(
            !self.stdout().contains(text) && !self.stderr().contains(text),
            "the output has `{text}`\n{}",
            self.report()
        );
        self
    }

    /// Asserts that stdout is exactly one JSON document, and returns it.
    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_slice(&self.stdout) {
            Ok(value) => value,
            Err(error) => panic!(
                "stdout is not one JSON document: {error}\n{}",
                self.report()
            ),
        }
    }

    /// Asserts that every line of stdout is a JSON document, and returns them.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<Value> {
        self.stdout()
            .lines()
            .map(|line| match serde_json::from_str(line) {
                Ok(value) => value,
                Err(error) => panic!("`{line}` is not JSON: {error}\n{}", self.report()),
            })
            .collect()
    }

    /// Returns stdout as it was; what is not UTF-8 is replaced.
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Returns stderr as it was; what is not UTF-8 is replaced.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Returns the exit code; none if a signal ended it.
    pub fn exit_code(&self) -> Option<i32> {
        self.code
    }

    /// Returns how long it ran.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// Returns the text for `insta::assert_snapshot!`.
    pub fn snapshot(&self) -> String {
        self.to_string()
    }

    /// Returns command and unfiltered output, for messages of failed tests.
    pub(crate) fn report(&self) -> String {
        format!(
            "command: {}\nended with {} after {:.1?}\n----- stdout -----\n{}\n----- stderr -----\n{}",
            self.command,
            self.ending(),
            self.elapsed,
            self.stdout(),
            self.stderr()
        )
    }

    fn ending(&self) -> String {
        match (self.code, self.signal) {
            (Some(code), _) => format!("exit code: {code}"),
            (None, Some(signal)) => format!("signal: {signal}"),
            (None, None) => "an unknown end".to_string(),
        }
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.ending())?;
        for (name, text) in [("stdout", self.stdout()), ("stderr", self.stderr())] {
            writeln!(f, "----- {name} -----")?;
            let text = self.filters.apply(&text);
            f.write_str(&text)?;
            if !text.is_empty() && !text.ends_with('\n') {
                writeln!(f, "\n[no line end]")?;
            }
        }
        Ok(())
    }
}
