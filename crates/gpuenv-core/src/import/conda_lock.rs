//! `conda-lock.yml`, version 1: several platforms, conda packages and wheels.

use std::collections::BTreeMap;

use rattler_conda_types::{RepoDataRecord, Subdir};
use rattler_digest::{Sha256, parse_digest_from_hex};
use serde::Deserialize;
use url::Url;

use super::{
    At, Exact, ImportError,
    explicit::{self, archive},
    reading::Reading,
    secret,
};
use crate::{Wheel, wheels};

#[derive(Deserialize)]
struct AnyVersion {
    #[serde(default)]
    version: u64,
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    package: Vec<Package>,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    channels: Vec<Channel>,
    #[serde(default)]
    platforms: Vec<String>,
}

#[derive(Deserialize)]
struct Channel {
    url: String,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    #[serde(default)]
    manager: String,
    platform: String,
    #[serde(default)]
    dependencies: BTreeMap<String, String>,
    url: String,
    #[serde(default)]
    hash: Hashes,
    #[serde(default)]
    optional: bool,
    #[serde(default)]
    category: Option<String>,
}

#[derive(Default, Deserialize)]
struct Hashes {
    md5: Option<String>,
    sha256: Option<String>,
}

/// Reads a `conda-lock.yml`.
pub(super) fn read(reading: &mut Reading<'_>) {
    let texts = reading.texts;
    let text = texts.main();
    let version: Result<AnyVersion, _> = serde_saphyr::from_str(&text.text);
    let document: Result<Document, _> = match version {
        Ok(AnyVersion { version: 1 }) => serde_saphyr::from_str(&text.text),
        Ok(AnyVersion { version }) => {
            let start = text.text.find("version").unwrap_or(0);
            let at = At {
                text: 0,
                start,
                end: start + "version".len(),
            };
            return explicit::refuse_newer(
                reading,
                at,
                "conda-lock's format",
                &version.to_string(),
                "1",
            );
        }
        Err(error) => Err(error),
    };
    let document = match document {
        Ok(document) => document,
        Err(error) => {
            let place = match error.location() {
                Some(at) => crate::Place::span(
                    &text.file,
                    &text.text,
                    at.line() as usize,
                    at.column() as usize,
                    1,
                ),
                None => crate::Place::file(&text.file),
            };
            let reason = format!("this is no lock of conda-lock: {}", error.without_snippet());
            let reason = reason.lines().next().unwrap_or_default().to_string();
            let help =
                "make it anew with `conda-lock`, or import what it was made from".to_string();
            return reading.fail(ImportError::Syntax {
                place,
                reason,
                help,
            });
        }
    };
    for channel in &document.metadata.channels {
        let at = find(reading, &channel.url);
        reading.channel(&channel.url, None, at);
    }
    let mut platforms: BTreeMap<String, Exact> = BTreeMap::new();
    for name in &document.metadata.platforms {
        let at = find(reading, name);
        match name.parse::<Subdir>() {
            Ok(platform) => {
                let empty = Exact {
                    platform,
                    records: Vec::new(),
                    wheels: Vec::new(),
                };
                platforms.insert(name.clone(), empty);
            }
            Err(_) => reading.bad_entry(
                at,
                name,
                "it is no platform",
                "write `linux-64`, for example",
            ),
        }
    }
    let mut left_out = 0;
    for package in &document.package {
        if package.optional
            || package
                .category
                .as_deref()
                .is_some_and(|category| category != "main")
        {
            left_out += 1;
            continue;
        }
        take(reading, package, &mut platforms);
    }
    if left_out > 0 {
        let message = format!("{left_out} packages of other categories than `main` are left out");
        reading.lost(At::default(), message, "");
    }
    reading.imported.platforms = platforms.values().map(|exact| exact.platform).collect();
    reading.imported.locked = platforms.into_values().collect();
}

fn take(reading: &mut Reading<'_>, package: &Package, platforms: &mut BTreeMap<String, Exact>) {
    let at = find(reading, &package.url);
    if secret::holds_secret(&package.url) {
        return reading.secret(at, "the package's URL");
    }
    let Some(exact) = platforms.get_mut(&package.platform) else {
        let help = "write the platform into `metadata: platforms:`";
        return reading.bad_entry(
            at,
            &package.name,
            "its platform is not one of the lock's",
            help,
        );
    };
    match package.manager.as_str() {
        "pip" => match wheel(package) {
            Ok(wheel) => exact.wheels.push(wheel),
            Err(reason) => reading.bad_entry(
                at,
                &package.url,
                reason,
                "make the lock anew with wheels only",
            ),
        },
        "conda" | "" => {
            let record = archive(&package.url).and_then(|archive| archive.record());
            let Some(mut record) = record else {
                let reason = "its URL does not end in the file of a conda package";
                return reading.bad_entry(
                    at,
                    &package.url,
                    reason,
                    "make the lock anew with `conda-lock`",
                );
            };
            let refuse = |reading: &mut Reading<'_>, reason: &str| {
                let help = "make the lock anew with `conda-lock`";
                reading.bad_entry(at, &package.url, reason, help);
            };
            if record.package_record.name.as_normalized() != package.name.to_lowercase() {
                let reason = format!("its URL is not the one of a package `{}`", package.name);
                return refuse(reading, &reason);
            }
            let hashes = [&package.hash.md5, &package.hash.sha256];
            let mut known = hashes.into_iter().flatten().peekable();
            if known.peek().is_none() {
                let reason = "it has no hash, so a download could not be verified";
                return refuse(reading, reason);
            }
            if !known.all(|hash| explicit::set_hash(&mut record, hash)) {
                return refuse(reading, "one of its hashes is none");
            }
            let name = &record.package_record.name;
            let is_same = |known: &RepoDataRecord| known.package_record.name == *name;
            if exact.records.iter().any(is_same) {
                let reason = "a package of that name is in the lock already, for the same platform";
                return refuse(reading, reason);
            }
            let specs = package.dependencies.iter();
            let specs = specs.map(|(name, spec)| match spec.trim() {
                "" | "*" => name.clone(),
                spec => format!("{name} {spec}"),
            });
            record.package_record.depends = specs.collect();
            exact.records.push(record);
        }
        other => {
            let reason = format!("gpuenv knows no package manager `{other}`");
            let help = "import what the lock was made from";
            reading.bad_entry(at, &package.name, &reason, help);
        }
    }
}

fn wheel(package: &Package) -> Result<Wheel, &'static str> {
    let url = package.url.split('#').next().unwrap_or_default();
    let url = Url::parse(url).map_err(|_| "its URL cannot be read")?;
    let sha256 = package
        .hash
        .sha256
        .as_deref()
        .and_then(parse_digest_from_hex::<Sha256>);
    let version: pep508_rs::pep440_rs::Version = package
        .version
        .parse()
        .map_err(|_| "its version cannot be read")?;
    let wheel = Wheel {
        name: wheels::normalized(&package.name).ok_or("its name cannot be read")?,
        version: version.to_string(),
        url,
        index: None,
        sha256: sha256.ok_or("it has no sha256, so a download could not be verified")?,
        size: None,
    };
    wheel.distrust().map_or(Ok(wheel), Err)
}

/// Finds a value again: the reader of large files does not keep places.
fn find(reading: &Reading<'_>, value: &str) -> At {
    let text = &reading.texts.main().text;
    let start = text.find(value).unwrap_or(0);
    At {
        text: 0,
        start,
        end: start + if start == 0 { 0 } else { value.len() },
    }
}
