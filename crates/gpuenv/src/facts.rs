//! The tables of facts: those inside gpuenv, or the user's newer ones.

use std::{io::Read as _, path::Path};

use fs_err as fs;
use gpuenv_core::{
    Code, Diagnostic, Place,
    facts::{Facts, FactsError, LARGEST_TABLE, Replacement, SHIPPED},
};

use crate::env;

/// Reads the tables; a file of the directory takes the place of the table of its name.
///
/// What deserves a look, but keeps nothing from being read, comes as warnings.
///
/// # Errors
/// GE720 if the directory or a file in it cannot be read or makes no sense.
pub fn read(directory: Option<&Path>) -> Result<(Facts, Vec<Diagnostic>), Diagnostic> {
    let Some(directory) = directory else {
        return Ok((Facts::shipped().clone(), Vec::new()));
    };
    let mut texts = Vec::new();
    for (name, _) in SHIPPED {
        let file = directory.join(name);
        if file.exists() {
            texts.push((*name, text(&file)?));
        }
    }
    let replacement = |name: &str| {
        let found = texts.iter().find(|(known, _)| *known == name);
        found.map(|(_, replacement)| replacement.clone())
    };
    let facts = Facts::read(&replacement)?;
    let mut warnings = strangers(directory)?;
    for origin in facts.origins.iter().filter(|o| o.older_than_shipped) {
        let file = origin.replaced_by.clone().unwrap_or_default();
        let message = format!(
            "the facts file is older ({}) than the table inside gpuenv",
            origin.date
        );
        let warning = Diagnostic::warning(Code::FACTS_BAD, message).at(Place::file(file));
        warnings.push(warning.help("remove it, or `unset GPUENV_FACTS`"));
    }
    Ok((facts, warnings))
}

fn text(file: &Path) -> Result<Replacement, FactsError> {
    let shown = file.display().to_string();
    let mut bytes = Vec::new();
    // One byte more than a table may have, so that a longer one is noticed.
    let read = fs::File::open(file)
        .and_then(|file| file.take(LARGEST_TABLE as u64 + 1).read_to_end(&mut bytes));
    let unreadable = |reason: String| FactsError::Unreadable {
        file: shown.clone(),
        reason,
    };
    read.map_err(|error| unreadable(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|error| unreadable(error.to_string()))?;
    Ok(Replacement { file: shown, text })
}

/// Warns of files that stand for no table: likely a name is mistyped.
fn strangers(directory: &Path) -> Result<Vec<Diagnostic>, Diagnostic> {
    let entries = fs::read_dir(directory).map_err(|error| FactsError::Unreadable {
        file: directory.display().to_string(),
        reason: error.to_string(),
    })?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut strange: Vec<String> = names
        .filter(|name| name.ends_with(".yaml") && !SHIPPED.iter().any(|(known, _)| known == name))
        .collect();
    strange.sort();
    let known: Vec<&str> = SHIPPED.iter().map(|(name, _)| *name).collect();
    let warn = |name: String| {
        let message = format!("`{name}` is the name of no table of facts");
        Diagnostic::warning(Code::FACTS_BAD, message)
            .at(Place::file(directory.join(name).display().to_string()))
            .help(format!(
                "the names in `{}` are {}",
                env::GPUENV_FACTS,
                known.join(", ")
            ))
    };
    Ok(strange.into_iter().map(warn).collect())
}

/// Returns the tables with date, source and warning, as text.
pub fn listing(facts: &Facts) -> String {
    let mut text = format!("facts as of {}\n", facts.date());
    for origin in &facts.origins {
        let from = origin.replaced_by.as_deref().unwrap_or("inside gpuenv");
        text += &format!("\n{}  {}  {from}\n", origin.name, origin.date);
        text += &format!("  source: {}\n", origin.source);
        if let Some(warning) = &origin.warning {
            text += &format!("  warning: {warning}\n");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_without_tables_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let (facts, warnings) = read(Some(directory.path())).unwrap();
        assert!(warnings.is_empty());
        assert_eq!(facts.date(), Facts::shipped().date());
    }

    #[test]
    fn a_mistyped_name_and_an_old_table_are_told() {
        let directory = tempfile::tempdir().unwrap();
        let shipped = SHIPPED[0].1.replace("2026-11-21", "2020-01-01");
        fs::write(directory.path().join(SHIPPED[0].0), shipped).unwrap();
        fs::write(directory.path().join("gpu-arch.yaml"), "").unwrap();
        let (_, warnings) = read(Some(directory.path())).unwrap();
        let told: Vec<&str> = warnings.iter().map(|w| w.message.as_str()).collect();
        assert!(
            told[0].contains("gpu-arch.yaml") && told[1].contains("2020-01-01"),
            "{told:?}"
        );
    }

    #[test]
    fn a_directory_that_is_not_there_is_an_error() {
        let error = read(Some(Path::new("/nowhere/facts"))).unwrap_err();
        assert_eq!(error.code, Code::FACTS_BAD);
    }
}
