//! Every way in which a recipe can be wrong, and what its author can do about it.

use super::{
    BadCondition, BadFolder, BadIndex, BadName, BadParameter, BadRequirement, BadSpec,
    RequirementProblem,
    scalar::{BadChannel, BadPlatform, BadUrl, BadVersion},
    suggest,
    syntax::BadSyntax,
    variable::BadVariable,
    variant::BadVariantName,
};
use crate::{Code, Diagnostic, Place};

/// Something wrong with a recipe, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct RecipeError {
    /// What is wrong.
    pub problem: Problem,
    /// Where.
    pub place: Place,
}

/// Something wrong with a recipe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The file is no YAML that is safe to read.
    #[error(transparent)]
    Syntax(#[from] BadSyntax),
    /// A key is given twice.
    #[error("`{key}` is given twice, first in line {first}")]
    DuplicateKey {
        /// The key.
        key: String,
        /// The line of the first one.
        first: usize,
    },
    /// A key does not exist.
    #[error("{map} has no key `{key}`")]
    UnknownKey {
        /// The key.
        key: String,
        /// What the map is.
        map: &'static str,
        /// The keys that exist.
        known: &'static [&'static str],
    },
    /// A key is missing.
    #[error("{map} lacks the key `{key}`")]
    MissingKey {
        /// The key.
        key: &'static str,
        /// What the map is.
        map: &'static str,
        /// What the author can write.
        help: &'static str,
    },
    /// A value has the wrong type.
    #[error("{} must be {expected}, and this is {found}", as_key(what))]
    WrongType {
        /// What the value is for.
        what: &'static str,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: &'static str,
        /// What the author can write.
        help: String,
    },
    /// A list is empty that must not be.
    #[error("{what} must hold at least one entry")]
    EmptyList {
        /// What the list is.
        what: &'static str,
        /// What the author can write.
        help: &'static str,
    },
    /// An entry stands in a list twice.
    #[error("`{value}` is listed twice, first in line {first}")]
    Repeated {
        /// The entry.
        value: String,
        /// The line of the first one.
        first: usize,
    },
    /// An `if` outside of a list.
    #[error("an `if` must be an entry of a list")]
    BranchOutsideList,
    /// A word is none of those that are possible.
    #[error("`{value}` is not a value of `{key}`")]
    UnknownChoice {
        /// The word.
        value: String,
        /// The key.
        key: &'static str,
        /// The words that are possible.
        known: Vec<&'static str>,
    },
    /// The version of the form is not a number.
    #[error("`{0}` is not a version of the recipe form")]
    BadSchema(String),
    /// The version of the form is newer than this program.
    #[error("the recipe has the form {0}, and this gpuenv reads the form 1")]
    NewerSchema(u64),
    /// The name.
    #[error(transparent)]
    Name(#[from] BadName),
    /// The name of a variant cannot be one.
    #[error(transparent)]
    VariantName(#[from] BadVariantName),
    /// Nobody solves so many.
    #[error("a recipe has at most {most} variants")]
    TooManyVariants {
        /// How many it can have.
        most: usize,
    },
    /// A channel.
    #[error(transparent)]
    Channel(#[from] BadChannel),
    /// A platform.
    #[error(transparent)]
    Platform(#[from] BadPlatform),
    /// A version of the target.
    #[error(transparent)]
    Version(#[from] BadVersion),
    /// A URL of `about`.
    #[error(transparent)]
    Url(#[from] BadUrl),
    /// An environment variable.
    #[error(transparent)]
    Variable(#[from] BadVariable),
    /// A conda dependency.
    #[error(transparent)]
    Spec(#[from] BadSpec),
    /// A PyPI dependency.
    #[error(transparent)]
    Requirement(#[from] BadRequirement),
    /// A place for wheels.
    #[error(transparent)]
    Index(#[from] BadIndex),
    /// A folder of a package.
    #[error(transparent)]
    Folder(#[from] BadFolder),
    /// An `if`.
    #[error(transparent)]
    Condition(#[from] BadCondition),
    /// A parameter.
    #[error(transparent)]
    Parameter(#[from] BadParameter),
}

impl Problem {
    /// Returns the code of the diagnostic.
    pub fn code(&self) -> Code {
        match self {
            Problem::Syntax(bad) => bad.code(),
            Problem::DuplicateKey { .. } => Code::RECIPE_DUPLICATE_KEY,
            Problem::UnknownKey { .. } => Code::RECIPE_UNKNOWN_KEY,
            Problem::MissingKey { .. } => Code::RECIPE_MISSING_KEY,
            Problem::WrongType { .. }
            | Problem::EmptyList { .. }
            | Problem::Repeated { .. }
            | Problem::BranchOutsideList
            | Problem::UnknownChoice { .. }
            | Problem::BadSchema(_)
            | Problem::Name(_)
            | Problem::VariantName(_)
            | Problem::TooManyVariants { .. }
            | Problem::Channel(_)
            | Problem::Platform(_)
            | Problem::Version(_)
            | Problem::Url(_)
            | Problem::Index(_)
            | Problem::Folder(_) => Code::RECIPE_WRONG_TYPE,
            Problem::NewerSchema(_) => Code::RECIPE_SCHEMA_VERSION,
            Problem::Variable(_) => Code::RECIPE_BAD_VARIABLE,
            Problem::Spec(_) => Code::RECIPE_BAD_SPEC,
            Problem::Requirement(_) => Code::RECIPE_BAD_REQUIREMENT,
            Problem::Condition(_) => Code::RECIPE_BAD_CONDITION,
            Problem::Parameter(bad) => bad.code(),
        }
    }

    /// Tells whether the line in question holds a password or token.
    pub(super) fn is_secret(&self) -> bool {
        let secret = BadChannel::Secret;
        *self == Problem::Channel(secret.clone())
            || *self == Problem::Spec(BadSpec::Channel(secret))
            || *self == Problem::Index(BadIndex::Secret)
            || *self == Problem::Index(BadIndex::Query)
            || matches!(self, Problem::Requirement(bad) if bad.problem == RequirementProblem::Address)
    }

    /// Returns what the author can type or edit.
    pub fn help(&self) -> String {
        match self {
            Problem::Syntax(bad) => bad.help(),
            Problem::DuplicateKey { key, first } => {
                format!("keep one `{key}`: here or in line {first}")
            }
            Problem::UnknownKey { key, known, .. } => did_you_mean(key, known),
            Problem::MissingKey { help, .. } | Problem::EmptyList { help, .. } => {
                (*help).to_string()
            }
            Problem::WrongType { help, .. } => help.clone(),
            Problem::Repeated { .. } => "delete one of the two".to_string(),
            Problem::BranchOutsideList => {
                "write it as an entry: `- if: win` with `then:` in the next line".to_string()
            }
            Problem::UnknownChoice { value, known, .. } => did_you_mean(value, known),
            Problem::BadSchema(_) => "write `schema: 1`".to_string(),
            Problem::NewerSchema(_) => {
                "update gpuenv, or write `schema: 1` and only what this gpuenv knows".to_string()
            }
            Problem::Name(bad) => bad.help(),
            Problem::VariantName(bad) => bad.help(),
            Problem::TooManyVariants { .. } => "keep those that your machines can run".to_string(),
            Problem::Channel(bad) => bad.help(),
            Problem::Platform(bad) => bad.help(),
            Problem::Version(bad) => bad.help(),
            Problem::Url(bad) => bad.help(),
            Problem::Variable(bad) => bad.help(),
            Problem::Spec(bad) => bad.help(),
            Problem::Requirement(bad) => bad.help(),
            Problem::Index(bad) => bad.help(),
            Problem::Folder(bad) => bad.help(),
            Problem::Condition(bad) => bad.help(),
            Problem::Parameter(bad) => bad.help(),
        }
    }
}

/// Names the known word that was probably meant, or all of them.
pub(super) fn did_you_mean(wanted: &str, known: &[&'static str]) -> String {
    match suggest(wanted, known.iter().copied()) {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("known are {}", quoted(known)),
    }
}

/// Names the known word that was probably meant, or all of them.
pub(super) fn did_you_mean_among(wanted: &str, known: &[String]) -> String {
    match suggest(wanted, known.iter().map(String::as_str)) {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("known are `{}`", known.join("`, `")),
    }
}

/// Puts a bare key into backticks; anything else is a phrase already.
fn as_key(what: &str) -> String {
    match what.contains([' ', '`']) {
        true => what.to_string(),
        false => format!("`{what}`"),
    }
}

/// Lists words in backticks.
pub(super) fn quoted(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    words.join(", ")
}

impl From<RecipeError> for Diagnostic {
    fn from(RecipeError { problem, place }: RecipeError) -> Self {
        Diagnostic::error(problem.code(), shortened(problem.to_string()))
            .at(place)
            .help(shortened(problem.help()))
    }
}

/// Cuts text that a file can make as long as it likes.
fn shortened(text: String) -> String {
    const LONGEST: usize = 400;
    match text.char_indices().nth(LONGEST) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text,
    }
}
