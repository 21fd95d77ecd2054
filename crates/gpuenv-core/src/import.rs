//! What people bring from other tools, read into one neutral value.
//!
//! Readers never execute and never fetch: they get texts, and return what the
//! texts ask for, with the place of everything. What has no counterpart in a
//! recipe is told and never dropped in silence.

mod channels;
mod conda_lock;
mod draft;
mod environment;
mod error;
mod explicit;
mod install;
mod listed;
mod listing;
mod locked;
mod notebook;
mod pip;
mod pixi;
mod pixi_lock;
mod places;
mod program;
mod prompt;
mod reading;
mod recognise;
mod requirements;
mod script;
mod secret;
mod selector;
mod spec;
mod text;
mod variables;
mod words;

use rattler_conda_types::{RepoDataRecord, Subdir};

use crate::{Diagnostic, Wheel};

pub use draft::{Drafted, recipe};
pub use error::ImportError;
pub(crate) use listed::{Listed, environments};
pub use locked::lock;
pub use notebook::page;
pub use recognise::recognise;
pub(crate) use script::{Command, Shell, Word, commands};
pub(crate) use spec::name_of;
pub use text::{At, Include, MAX_BYTES, Text, Texts};
pub use words::{Words, words};

/// A format that can be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// conda's `environment.yml`.
    EnvironmentYml,
    /// What `conda list --explicit` prints.
    Explicit,
    /// What `conda list` and `conda list --export` print.
    CondaList,
    /// `conda-lock.yml`, version 1.
    CondaLock,
    /// `pixi.toml`.
    Pixi,
    /// `pyproject.toml` with `[tool.pixi]` or `[project]`.
    Pyproject,
    /// `pixi.lock`.
    PixiLock,
    /// pip's `requirements.txt`.
    Requirements,
    /// Command lines, as tutorials print them.
    Commands,
}

impl Format {
    /// Every format, with the word for it on the command line.
    pub const ALL: [(Format, &'static str); 9] = [
        (Format::EnvironmentYml, "environment-yml"),
        (Format::Explicit, "explicit"),
        (Format::CondaList, "conda-list"),
        (Format::CondaLock, "conda-lock"),
        (Format::Pixi, "pixi"),
        (Format::Pyproject, "pyproject"),
        (Format::PixiLock, "pixi-lock"),
        (Format::Requirements, "requirements"),
        (Format::Commands, "commands"),
    ];

    /// Returns the word for it on the command line.
    pub fn word(self) -> &'static str {
        let found = Format::ALL.iter().find(|(format, _)| *format == self);
        found.map_or("", |(_, word)| word)
    }
}

/// Something that was found, with its place and the platforms that it is for.
#[derive(Debug, Clone, PartialEq)]
pub struct Found<T> {
    /// What it is.
    pub value: T,
    /// Where it counts; everywhere if there is no condition.
    pub condition: Option<String>,
    /// Where it is written.
    pub at: At,
}

/// A PyPI requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WheelLine {
    /// The requirement (PEP 508).
    pub text: String,
    /// The hashes that are allowed, as sha256 in hexadecimal.
    pub sha256: Vec<String>,
    /// The file that it was locked to, where the line says so.
    pub url: Option<String>,
}

impl WheelLine {
    /// Makes a line that names neither hashes nor a file.
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            sha256: Vec::new(),
            url: None,
        }
    }
}

/// Where wheels are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Index {
    /// Instead of PyPI.
    Main(String),
    /// Beside PyPI.
    Extra(String),
    /// A folder of wheels, or a page with links.
    Links(String),
    /// For one package, by its name.
    Package(String, String),
}

impl Index {
    /// Returns the URL or the folder.
    pub fn place(&self) -> &str {
        match self {
            Index::Main(place)
            | Index::Extra(place)
            | Index::Links(place)
            | Index::Package(_, place) => place,
        }
    }
}

/// A variable of the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// What is locked for a platform.
#[derive(Debug, Clone, PartialEq)]
pub struct Exact {
    /// The platform.
    pub platform: Subdir,
    /// The packages.
    pub records: Vec<RepoDataRecord>,
    /// The wheels.
    pub wheels: Vec<Wheel>,
}

/// What a file asks for.
#[derive(Debug, Clone)]
pub struct Imported {
    /// What kind of file it was.
    pub format: Format,
    /// The name of the environment or project.
    pub name: Option<String>,
    /// The channels, strongest first, in the form of recipes.
    pub channels: Vec<Found<String>>,
    /// The platforms that the file names.
    pub platforms: Vec<Subdir>,
    /// Conda packages, as match specs.
    pub packages: Vec<Found<String>>,
    /// PyPI packages.
    pub wheels: Vec<Found<WheelLine>>,
    /// Where wheels are looked for.
    pub indexes: Vec<Found<Index>>,
    /// Variables to set.
    pub variables: Vec<Found<Variable>>,
    /// The least CUDA version of the driver.
    pub cuda: Option<String>,
    /// The least version of glibc.
    pub glibc: Option<String>,
    /// What is locked, exactly.
    pub locked: Vec<Exact>,
    /// What to tell the user.
    pub notes: Vec<Diagnostic>,
}

/// What an import takes where the file says nothing.
#[derive(Debug, Clone, Default)]
pub struct Defaults {
    /// The channels, strongest first.
    pub channels: Vec<String>,
    /// Names that stand for several channels on this machine, and for which.
    pub groups: Vec<(String, Vec<String>)>,
    /// Which environment of a project, where there are several.
    pub environment: Option<String>,
}

/// Returns the files that one of the files includes; those of a project are none.
pub fn includes(texts: &Texts, index: usize, format: Format) -> Vec<Include> {
    let text = texts.text(index);
    match format {
        Format::EnvironmentYml if index == 0 => requirements::includes_of_yaml(text, index),
        Format::EnvironmentYml | Format::Requirements => requirements::includes(text, index),
        Format::Explicit
        | Format::CondaList
        | Format::CondaLock
        | Format::Pixi
        | Format::Pyproject
        | Format::PixiLock
        | Format::Commands => Vec::new(),
    }
}

/// Reads files that somebody brought.
///
/// # Errors
/// Everything that keeps them from being understood.
pub fn read(
    texts: &Texts,
    format: Format,
    defaults: &Defaults,
) -> Result<Imported, Vec<Diagnostic>> {
    check_size(texts.main(), Some(format)).map_err(|error| vec![error.into()])?;
    let mut reading = reading::Reading::new(texts, format);
    fill(&mut reading, format, defaults.environment.as_deref());
    reading.finish(defaults)
}

/// Refuses a file that is larger than people write them; a lock may be.
///
/// # Errors
/// GE136 if it is too large.
pub fn check_size(text: &Text, format: Option<Format>) -> Result<(), ImportError> {
    let is_lock = matches!(format, Some(Format::CondaLock | Format::PixiLock));
    match text.text.len() > text::MAX_WRITTEN_BYTES && !is_lock {
        false => Ok(()),
        true => Err(ImportError::TooLarge {
            place: crate::Place::file(&text.file),
            limit: text::MAX_WRITTEN_BYTES,
        }),
    }
}

/// Reads what files ask for as it is written, and what is wrong with it.
pub(crate) fn gather(texts: &Texts, format: Format) -> (Imported, Vec<Diagnostic>) {
    let mut reading = reading::Reading::new(texts, format);
    reading.as_written = true;
    fill(&mut reading, format, None);
    reading.into_parts()
}

/// Reads what commands ask for as they are written.
pub(crate) fn gather_commands(texts: &Texts, commands: &[Command]) -> (Imported, Vec<Diagnostic>) {
    let mut reading = reading::Reading::new(texts, Format::Commands);
    reading.as_written = true;
    install::read_commands(&mut reading, commands);
    reading.into_parts()
}

fn fill(reading: &mut reading::Reading<'_>, format: Format, environment: Option<&str>) {
    match format {
        Format::EnvironmentYml => environment::read(reading),
        Format::Explicit => explicit::read(reading),
        Format::CondaList => listing::read(reading),
        Format::CondaLock => conda_lock::read(reading),
        Format::Pixi => pixi::read(reading, environment),
        Format::Pyproject => pixi::read_pyproject(reading, environment),
        Format::PixiLock => pixi_lock::read(reading, environment),
        Format::Requirements => requirements::read(reading),
        Format::Commands => install::read(reading, environment),
    }
}

#[cfg(test)]
mod tests;
