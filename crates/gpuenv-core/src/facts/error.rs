//! Why a table of facts cannot be used.

use crate::{Code, Diagnostic, Place};

/// Why a table of facts cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FactsError {
    /// It is not the YAML that a table is.
    #[error("the facts file cannot be read: {reason}")]
    Syntax {
        /// What is wrong.
        reason: String,
        /// Where.
        place: Box<Place>,
    },
    /// Its form is of another gpuenv.
    #[error("the facts file has schema {found}, this gpuenv reads schema 1")]
    Schema {
        /// Where it says so.
        place: Box<Place>,
        /// Its schema.
        found: u32,
    },
    /// A value of it makes no sense.
    #[error("the facts file makes no sense: {fault}")]
    Fault {
        /// Where.
        place: Box<Place>,
        /// What makes none.
        fault: String,
    },
    /// It is too large.
    #[error("the facts file is larger than 4 MiB")]
    TooLarge {
        /// The file.
        file: String,
    },
    /// It is there and cannot be opened.
    #[error("the facts file cannot be opened: {reason}")]
    Unreadable {
        /// The file.
        file: String,
        /// Why not.
        reason: String,
    },
}

impl FactsError {
    /// Returns the last line that holds a text, quotes aside; the file where none does.
    ///
    /// Of a value that is there twice it is the second one that is too many.
    pub(crate) fn line_with(file: &str, text: &str, value: &str) -> Place {
        let holds = |line: &str| line.replace(['\'', '"'], "").contains(value);
        let lines = text.lines().enumerate();
        let lines = lines.filter(|(_, line)| !line.trim_start().starts_with('#'));
        let found = lines.filter(|(_, line)| holds(line)).last();
        match found.filter(|_| !value.is_empty()) {
            Some((number, line)) => {
                let key = value.split(' ').next().unwrap_or(value);
                let column = line.find(key).map_or(0, |at| line[..at].chars().count());
                Place::span(file, text, number + 1, column + 1, key.chars().count())
            }
            None => Place::file(file),
        }
    }

    pub(crate) fn syntax(file: &str, text: &str, error: &serde_saphyr::Error) -> Self {
        let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let place = match error.location() {
            Some(at) => Place::span(file, text, number(at.line()), number(at.column()), 1),
            None => Place::file(file),
        };
        let reason = error.without_snippet().to_string();
        // The place is shown anyway.
        let end = reason.find(" at line ").unwrap_or(reason.len());
        Self::Syntax {
            reason: reason[..end].to_string(),
            place: Box::new(place),
        }
    }
}

impl From<FactsError> for Diagnostic {
    fn from(error: FactsError) -> Self {
        let diagnostic = Self::error(Code::FACTS_BAD, error.to_string());
        let place = match error {
            FactsError::Syntax { place, .. }
            | FactsError::Schema { place, .. }
            | FactsError::Fault { place, .. } => *place,
            FactsError::TooLarge { file } | FactsError::Unreadable { file, .. } => {
                Place::file(file)
            }
        };
        diagnostic
            .at(place)
            .help("mend the file, or `unset GPUENV_FACTS`: the tables inside gpuenv are complete")
    }
}
