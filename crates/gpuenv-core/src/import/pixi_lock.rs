//! `pixi.lock`, versions 1 to 7.

use rattler_conda_types::RepoDataRecord;
use rattler_lock::{LockFile, ParseCondaLockError};

use super::{At, Exact, ImportError, reading::Reading};
use crate::{Place, lock};

/// Reads a `pixi.lock`.
pub(super) fn read(reading: &mut Reading<'_>, environment: Option<&str>) {
    let text = reading.texts.main();
    read_text(
        reading,
        &text.file.clone(),
        &text.text.clone(),
        environment,
        true,
    );
}

/// Reads what a `pixi.lock` beside a `pixi.toml` holds.
pub(super) fn read_beside(reading: &mut Reading<'_>, index: usize, environment: Option<&str>) {
    let text = reading.texts.text(index).clone();
    read_text(reading, &text.file, &text.text, environment, false);
}

fn read_text(
    reading: &mut Reading<'_>,
    file: &str,
    text: &str,
    environment: Option<&str>,
    is_main: bool,
) {
    if lock::nests_deeper_than(text, 256) {
        let reason = "the lock is nested too deeply".to_string();
        let help = "make it anew: delete it, and run `pixi lock`".to_string();
        return reading.fail(ImportError::Syntax {
            place: Place::file(file),
            reason,
            help,
        });
    }
    let parsed = match LockFile::from_str_with_base_directory(text, None) {
        Ok(parsed) => parsed,
        Err(error) => return reading.fail(refused(file, text, &error)),
    };
    let name = environment.unwrap_or("default");
    let Some(found) = parsed.environment(name) else {
        let known: Vec<&str> = parsed.environments().map(|(name, _)| name).collect();
        let reason = format!("the lock has no environment `{name}`");
        let help = match known.is_empty() {
            true => "it holds none: make it anew with `pixi lock`".to_string(),
            false => format!("name one with `--environment`: {}", known.join(", ")),
        };
        return reading.fail(ImportError::Syntax {
            place: Place::file(file),
            reason,
            help,
        });
    };
    if is_main {
        for channel in found.channels() {
            reading.channel(&channel.url, None, At::default());
        }
    }
    let mut locked = Vec::new();
    for platform in found.platforms() {
        let mut records: Vec<RepoDataRecord> = match found.conda_repodata_records(platform) {
            Ok(records) => records.unwrap_or_default(),
            Err(error) => {
                let reason = format!("the lock cannot be read: {error}");
                let help = "make it anew: delete it, and run `pixi lock`".to_string();
                return reading.fail(ImportError::Syntax {
                    place: Place::file(file),
                    reason,
                    help,
                });
            }
        };
        records.retain(|record| match lock::distrust(record) {
            None => true,
            Some(reason) => {
                let label = record.url.to_string();
                reading.bad_entry(
                    At::default(),
                    &label,
                    reason,
                    "make the lock anew: `pixi lock`",
                );
                false
            }
        });
        let mut wheels = Vec::new();
        for package in found.pypi_packages(platform).into_iter().flatten() {
            match lock::read_wheel(package) {
                Ok(wheel) => wheels.push(wheel),
                Err(reason) => {
                    let name = package.name().to_string();
                    reading.lost(At::default(), format!("`{name}` is left out: {reason}"), "");
                }
            }
        }
        let platform = platform.subdir();
        locked.push(Exact {
            platform,
            records,
            wheels,
        });
    }
    if is_main {
        reading.imported.platforms = locked.iter().map(|exact| exact.platform).collect();
    }
    reading.imported.locked = locked;
}

fn refused(file: &str, text: &str, error: &ParseCondaLockError) -> ImportError {
    match error {
        ParseCondaLockError::IncompatibleVersion {
            lock_file_version, ..
        } => {
            let line = text
                .lines()
                .position(|line| line.starts_with("version:"))
                .unwrap_or(0);
            ImportError::Newer {
                place: Place::span(file, text, line + 1, 1, 8),
                format: "pixi's lock",
                version: lock_file_version.to_string(),
                known: "7",
            }
        }
        ParseCondaLockError::ParseError(yaml) => {
            let place = match yaml.location() {
                Some(at) => Place::span(file, text, at.line(), at.column(), 1),
                None => Place::file(file),
            };
            let reason = format!("this is no lock of pixi: {yaml}");
            let reason = reason.lines().next().unwrap_or_default().to_string();
            let help = "make it anew: delete it, and run `pixi lock`".to_string();
            ImportError::Syntax {
                place,
                reason,
                help,
            }
        }
        other => ImportError::Syntax {
            place: Place::file(file),
            reason: format!("this is no lock of pixi: {other}"),
            help: "make it anew: delete it, and run `pixi lock`".to_string(),
        },
    }
}
