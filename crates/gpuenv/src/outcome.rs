//! What a command concluded: a value, not yet text.

use std::{fmt, sync::Arc};

use gpuenv_core::{Code, Diagnostic};
use serde::Serialize;
use serde_json::Value;

/// What the exit code says about a command that came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Answer {
    /// What was asked is done.
    #[default]
    Done,
    /// The question was answered "no".
    No,
    /// The exit code of a child that the user asked to run.
    Exit(i32),
}

/// What a command concluded: an answer, and the facts as text and as data.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// What the exit code says.
    pub answer: Answer,
    /// What goes to stdout when no JSON is wanted.
    pub text: String,
    /// The same facts for the JSON document.
    pub facts: Option<Value>,
    /// The lines of a long text, made one by one; they take the place of the text.
    pub lines: Option<Lines>,
    /// A long list among the facts.
    pub rows: Option<Rows>,
    /// What to tell on stderr, and in the JSON document.
    pub diagnostics: Vec<Diagnostic>,
}

/// A list among the facts that is written item by item, so that ten thousand of
/// them are never in memory as JSON.
#[derive(Clone)]
pub struct Rows {
    /// The key of the list.
    pub key: &'static str,
    /// Returns an item by its number; nothing behind the last one.
    pub item: Arc<dyn Fn(usize) -> Option<Value> + Send + Sync>,
}

/// A long text that is written line by line, and read page by page on a terminal.
#[derive(Clone)]
pub struct Lines(pub Arc<dyn Fn(usize) -> Option<String> + Send + Sync>);

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lines")
    }
}

impl Lines {
    /// Returns the lines in order.
    pub fn iter(&self) -> impl Iterator<Item = String> + '_ {
        (0..).map_while(|index| (self.0)(index))
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rows({})", self.key)
    }
}

impl Outcome {
    /// Says that what was asked is done.
    pub fn done() -> Self {
        Self::default()
    }

    /// Says that the question was answered "no".
    pub fn no() -> Self {
        Self {
            answer: Answer::No,
            ..Self::default()
        }
    }

    /// Hands on the exit code of a child.
    pub fn exit(code: impl Into<i32>) -> Self {
        Self {
            answer: Answer::Exit(code.into()),
            ..Self::default()
        }
    }

    /// Says what goes to stdout, whole lines.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.text = text.into();
        self
    }

    /// Says what the `result` of the JSON document is.
    #[must_use]
    pub fn facts(mut self, facts: &impl Serialize) -> Self {
        match serde_json::to_value(facts) {
            Ok(value) => self.facts = Some(value),
            Err(error) => {
                let bug = Diagnostic::error(Code::BUG, "the result cannot be written as JSON");
                self.diagnostics.push(bug.caused_by(&error));
            }
        }
        self
    }

    /// Says what the long list among the facts is.
    #[must_use]
    pub fn rows(
        mut self,
        key: &'static str,
        item: impl Fn(usize) -> Option<Value> + Send + Sync + 'static,
    ) -> Self {
        let item = Arc::new(item);
        self.rows = Some(Rows { key, item });
        self
    }

    /// Says that the text is read page by page on a terminal.
    #[must_use]
    pub fn paged(mut self) -> Self {
        let text = std::mem::take(&mut self.text);
        let lines: Vec<String> = text.split_inclusive('\n').map(String::from).collect();
        self.lines(move |index| lines.get(index).cloned())
    }

    /// Says what goes to stdout, line by line; `line` returns a whole line by its number.
    #[must_use]
    pub fn lines(mut self, line: impl Fn(usize) -> Option<String> + Send + Sync + 'static) -> Self {
        self.lines = Some(Lines(Arc::new(line)));
        self
    }

    /// Adds something to tell.
    #[must_use]
    pub fn diagnostic(mut self, diagnostic: Diagnostic) -> Self {
        self.diagnostics.push(diagnostic);
        self
    }
}

/// Why a command came to no conclusion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The command line asks for something that makes no sense.
    Usage {
        /// What is wrong with it.
        message: String,
        /// What to type instead.
        help: Vec<String>,
    },
    /// A stage failed; the first error decides the exit code.
    Diagnosed(Vec<Diagnostic>),
}

impl Failure {
    /// Says what is wrong with the command line.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::Usage {
            message: message.into(),
            help: Vec::new(),
        }
    }

    /// Says that a file operation of the command itself failed.
    pub fn io(error: std::io::Error) -> Self {
        Diagnostic::error(Code::INSTALL_IO, "a file operation failed")
            .cause(error)
            .into()
    }

    /// Hands on several diagnostics.
    pub fn several<D: Into<Diagnostic>>(diagnostics: impl IntoIterator<Item = D>) -> Self {
        Self::Diagnosed(diagnostics.into_iter().map(Into::into).collect())
    }

    /// Adds what the user can type instead.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        match &mut self {
            Self::Usage { help, .. } => help.push(text.into()),
            Self::Diagnosed(diagnostics) => {
                if let Some(last) = diagnostics.last_mut() {
                    last.help.push(text.into());
                }
            }
        }
        self
    }
}

impl<D: Into<Diagnostic>> From<D> for Failure {
    fn from(diagnostic: D) -> Self {
        Self::Diagnosed(vec![diagnostic.into()])
    }
}
