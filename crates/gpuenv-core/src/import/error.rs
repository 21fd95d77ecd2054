//! Every way in which an import can fail.

use crate::{Code, Diagnostic, Place};

/// An import failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// The text is in no format that is known.
    #[error("`{file}` is in no format that can be imported")]
    Format {
        /// The file.
        file: String,
        /// Its first line.
        place: Place,
    },
    /// The file cannot be read.
    #[error("{reason}")]
    Syntax {
        /// Where.
        place: Place,
        /// Why not.
        reason: String,
        /// What can be done.
        help: String,
    },
    /// The file is of a newer version.
    #[error("this is version {version} of {format}, and gpuenv knows up to {known}")]
    Newer {
        /// Where the version stands.
        place: Place,
        /// What kind of file it is.
        format: &'static str,
        /// Its version.
        version: String,
        /// The newest version that is known.
        known: &'static str,
    },
    /// An entry cannot be read.
    #[error("`{text}` cannot be imported: {reason}")]
    Entry {
        /// Where.
        place: Place,
        /// What is written.
        text: String,
        /// Why not.
        reason: String,
        /// What can be done.
        help: String,
    },
    /// A password or token is written in the file. Never repeated.
    #[error("{what} holds a user name, a password or a token")]
    Secret {
        /// Where, its line blotted out.
        place: Place,
        /// What holds it.
        what: &'static str,
    },
    /// An included file is not one that may be read.
    #[error("`{name}` is not read: {reason}")]
    Outside {
        /// Where.
        place: Place,
        /// The file, as written.
        name: String,
        /// Why not.
        reason: String,
    },
    /// The file is too large.
    #[error("the file is larger than {limit} bytes")]
    TooLarge {
        /// Which.
        place: Place,
        /// The largest size.
        limit: usize,
    },
    /// Too many files include each other.
    #[error("more than {limit} files include each other")]
    TooManyFiles {
        /// Where the last one is included.
        place: Place,
        /// The most files.
        limit: usize,
    },
    /// There are more entries than anybody writes.
    #[error("the file holds more than {limit} entries")]
    TooManyEntries {
        /// The first one too many.
        place: Place,
        /// The most entries.
        limit: usize,
    },
    /// There is no package in it.
    #[error("there is no package in `{file}`")]
    Empty {
        /// The file.
        file: String,
    },
}

impl From<ImportError> for Diagnostic {
    fn from(error: ImportError) -> Self {
        let message = error.to_string();
        match error {
            ImportError::Format { place, .. } => {
                Diagnostic::error(Code::IMPORT_FORMAT, message)
                    .at(place)
                    .help("say what it is: `gpuenv import --from environment-yml FILE`")
                    .help("code and tutorials are for `gpuenv lint FILE`, which names what is wrong in them")
                    .help("a command line goes into quotes: `gpuenv import \"conda install -c conda-forge cupy\"`")
            }
            ImportError::Syntax { place, help, .. } => {
                Diagnostic::error(Code::IMPORT_SYNTAX, message).at(place).help(help)
            }
            ImportError::Newer { place, .. } => Diagnostic::error(Code::IMPORT_NEWER, message)
                .at(place)
                .help("update gpuenv, or write the file anew with an older version of the tool that made it"),
            ImportError::Entry { place, help, .. } => {
                Diagnostic::error(Code::IMPORT_BAD_ENTRY, message).at(place).help(help)
            }
            ImportError::Secret { place, .. } => Diagnostic::error(Code::IMPORT_UNSAFE, message)
                .at(blotted(place))
                .help("delete it there and from the history of the file, and keep it in `.netrc`"),
            ImportError::Outside { place, .. } => Diagnostic::error(Code::IMPORT_UNSAFE, message)
                .at(place)
                .help("copy the file beside the one that includes it, and name it without a path"),
            ImportError::TooLarge { place, .. } => Diagnostic::error(Code::IMPORT_UNREADABLE, message)
                .at(place)
                .help("name a smaller file: an environment, a lock or a list of packages"),
            ImportError::TooManyFiles { place, .. } => {
                Diagnostic::error(Code::IMPORT_UNREADABLE, message)
                    .at(place)
                    .help("put the lines of the included files into one file")
            }
            ImportError::TooManyEntries { place, .. } => {
                Diagnostic::error(Code::IMPORT_UNREADABLE, message)
                    .at(place)
                    .help("check that this is the file that you mean")
            }
            ImportError::Empty { file } => Diagnostic::error(Code::IMPORT_EMPTY, message)
                .at(Place::file(file))
                .help("name a file with packages, or a command such as `\"conda install -c conda-forge cupy\"`"),
        }
    }
}

/// Blots out the line of a place, so that no log keeps the secret in it.
fn blotted(mut place: Place) -> Place {
    if let Some(span) = &mut place.span {
        let blot = |c: char| if c.is_alphanumeric() { '*' } else { c };
        span.text = span.text.chars().map(blot).collect();
    }
    place
}
