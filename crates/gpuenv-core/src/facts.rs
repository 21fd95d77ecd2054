//! The tables of facts: data with a source and a date, replaceable without a new gpuenv.
//!
//! They are compiled in from `recipes/facts`. Where a user has newer ones, their
//! texts arrive as values; a file that cannot be read is refused with its place.

mod error;
mod modes;
mod sound;
mod tables;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use serde::{Serialize, de::DeserializeOwned};

pub use error::FactsError;
pub use modes::{FoundBy, Mode, ModeId, Modes, Suspect};
pub use tables::{
    Architecture, Architectures, CpuIsFine, CudnnFloor, Drivers, Dropped, Errors, Floor,
    FrameworkBuild, GpuBuilds, NamePattern, OtherName, PciRange, TensorFlow, Toolkit, Torch,
    TorchArchitectures, TorchBuild,
};

/// The form of the tables that this gpuenv reads.
const SCHEMA: u32 = 1;

/// No honest table is longer, in bytes.
pub const LARGEST_TABLE: usize = 4 << 20;

macro_rules! tables {
    ($($field:ident: $type:ty = $file:literal;)*) => {
        /// All tables.
        #[derive(Debug, Clone)]
        pub struct Facts {
            $(#[doc = concat!("The table of `", $file, "`.")] pub $field: $type,)*
            /// Where each table comes from, in the order of the names.
            pub origins: Vec<Origin>,
        }

        /// The file names of the tables, with the texts that are compiled in.
        pub const SHIPPED: &[(&str, &str)] = &[
            $(($file, include_str!(concat!("../../../recipes/facts/", $file))),)*
        ];

        impl Facts {
            /// Reads all tables; `replacement` gives a newer text for a file name, with the path to name.
            ///
            /// # Errors
            /// Returns the first table that cannot be read, with its place.
            pub fn read(replacement: &dyn Fn(&str) -> Option<Replacement>) -> Result<Self, FactsError> {
                let mut origins = Vec::new();
                Ok(Self {
                    $($field: read_one($file, replacement, &mut origins)?,)*
                    origins,
                })
            }
        }
    };
}

tables! {
    drivers: Drivers = "cuda_driver.yaml";
    errors: Errors = "cuda_errors.yaml";
    modes: Modes = "failure_modes.yaml";
    architectures: Architectures = "gpu_arch.yaml";
    builds: GpuBuilds = "gpu_builds.yaml";
    torch: Torch = "pytorch.yaml";
    tensorflow: TensorFlow = "tensorflow.yaml";
}

/// A text that stands in for a table that is compiled in.
#[derive(Debug, Clone)]
pub struct Replacement {
    /// The file as the user can open it.
    pub file: String,
    /// What it holds.
    pub text: String,
}

/// Where a table comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// Its file name.
    pub name: &'static str,
    /// The file that was read instead of the compiled-in table.
    pub replaced_by: Option<String>,
    /// The day up to which it is right.
    pub date: String,
    /// Who says so.
    pub source: String,
    /// How far it can be trusted.
    pub warning: Option<String>,
    /// Whether it replaces a newer table that is compiled in.
    pub older_than_shipped: bool,
}

/// What every table begins with.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) schema: u32,
    pub(crate) date: String,
    pub(crate) source: String,
    pub(crate) warning: Option<String>,
}

/// A table, read.
pub(crate) trait Table: DeserializeOwned {
    /// Returns what the table begins with.
    fn head(&self) -> Head;

    /// Returns what is wrong with it although its form is right.
    fn fault(&self) -> Option<String>;
}

static BUILT_IN: LazyLock<Facts> =
    LazyLock::new(|| Facts::read(&|_| None).expect("a test reads the compiled-in tables"));

impl Facts {
    /// Returns the tables that are compiled in.
    pub fn shipped() -> &'static Facts {
        &BUILT_IN
    }

    /// Returns the oldest date of all tables.
    pub fn date(&self) -> &str {
        let dates = self.origins.iter().map(|origin| origin.date.as_str());
        dates.min().unwrap_or_default()
    }
}

fn read_one<T: Table>(
    name: &'static str,
    replacement: &dyn Fn(&str) -> Option<Replacement>,
    origins: &mut Vec<Origin>,
) -> Result<T, FactsError> {
    let shipped = SHIPPED.iter().find(|(known, _)| *known == name);
    let shipped = shipped.map_or("", |(_, text)| *text);
    let replaced = replacement(name);
    let (file, text) = match &replaced {
        Some(replaced) => (replaced.file.as_str(), replaced.text.as_str()),
        None => (name, shipped),
    };
    let table: T = parse(file, text)?;
    let head = table.head();
    let older = match &replaced {
        Some(_) => head.date < parse::<T>(name, shipped)?.head().date,
        None => false,
    };
    origins.push(Origin {
        name,
        replaced_by: replaced.map(|replaced| replaced.file),
        date: head.date,
        source: head.source,
        warning: head.warning,
        older_than_shipped: older,
    });
    Ok(table)
}

fn parse<T: Table>(file: &str, text: &str) -> Result<T, FactsError> {
    if text.len() > LARGEST_TABLE {
        return Err(FactsError::TooLarge { file: file.into() });
    }
    let table: T =
        serde_saphyr::from_str(text).map_err(|error| FactsError::syntax(file, text, &error))?;
    let head = table.head();
    if head.schema != SCHEMA {
        return Err(FactsError::Schema {
            place: Box::new(FactsError::line_with(file, text, "schema:")),
            found: head.schema,
        });
    }
    let is_date = head.date.parse::<jiff::civil::Date>().is_ok();
    let fault = match is_date {
        true => table.fault(),
        false => Some(format!("`{}` is not a date", head.date)),
    };
    match fault {
        Some(fault) => {
            let value = fault.split('`').nth(1).unwrap_or_default();
            let place = FactsError::line_with(file, text, value);
            let place = Box::new(place);
            Err(FactsError::Fault { place, fault })
        }
        None => Ok(table),
    }
}
