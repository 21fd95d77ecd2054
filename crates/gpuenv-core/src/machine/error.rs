//! What can be wrong with the file of a machine.

use crate::{Code, Diagnostic, Place};

use super::SCHEMA;

/// The file of a machine cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MachineError {
    /// It is too large.
    #[error("the target file is larger than any machine")]
    TooLarge {
        /// The file.
        file: String,
    },
    /// It is no JSON, or has other keys and values than it may.
    #[error("the target file cannot be read")]
    Syntax {
        /// Where.
        place: Box<Place>,
        /// What is wrong there.
        reason: String,
    },
    /// It does not say its version.
    #[error("the file says no `schema`, so it is no target file")]
    NoVersion {
        /// The file.
        file: String,
    },
    /// It is of another version.
    #[error("the target file has schema {found}, this gpuenv reads {SCHEMA}")]
    OtherVersion {
        /// The file.
        file: String,
        /// Its version.
        found: u64,
    },
    /// It contradicts itself.
    #[error("the target file makes no sense: {fault}")]
    Fault {
        /// The file.
        file: String,
        /// What is wrong.
        fault: String,
    },
}

impl MachineError {
    pub(super) fn syntax(file: &str, text: &str, error: &serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        // The reason's own place would be said twice.
        let reason = error.to_string();
        let reason = reason.split(" at line ").next().unwrap_or_default();
        let place = match line {
            0 => Place::file(file),
            _ => Place::span(file, text, line, column, 1),
        };
        Self::Syntax {
            place: Box::new(place),
            reason: reason.to_string(),
        }
    }
}

impl From<MachineError> for Diagnostic {
    fn from(error: MachineError) -> Self {
        let message = error.to_string();
        let again = "write it anew on that machine: `gpuenv devices --export FILE`";
        match error {
            MachineError::Syntax { place, reason } => Diagnostic::error(Code::TARGET_BAD, message)
                .at(*place)
                .cause(reason)
                .help(again),
            MachineError::TooLarge { file }
            | MachineError::NoVersion { file }
            | MachineError::Fault { file, .. } => Diagnostic::error(Code::TARGET_BAD, message)
                .at(Place::file(file))
                .help(again),
            MachineError::OtherVersion { file, .. } => {
                Diagnostic::error(Code::TARGET_OTHER_VERSION, message)
                    .at(Place::file(file))
                    .help("use the same gpuenv on both machines")
                    .help(again)
            }
        }
    }
}
