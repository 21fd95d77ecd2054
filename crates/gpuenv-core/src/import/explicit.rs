//! What `conda list --explicit` prints: the exact files, with or without hashes.

use rattler_conda_types::{
    PackageName, PackageRecord, RepoDataRecord, Subdir, VersionWithSource,
    package::DistArchiveIdentifier,
};
use rattler_digest::{Md5, Sha256, parse_digest_from_hex};
use url::Url;

use super::{At, Exact, ImportError, reading::Reading, secret, spec};
use crate::channel;

/// A package that is named by its file.
#[derive(Debug, Clone)]
pub(super) struct Archive {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) build: String,
    pub(super) subdir: String,
    /// The channel, as a recipe names it.
    pub(super) channel: String,
    pub(super) url: Url,
}

/// Reads the URL of a conda package.
pub(super) fn archive(url: &str) -> Option<Archive> {
    let mut url = Url::parse(url).ok()?;
    url.set_fragment(None);
    if !matches!(url.scheme(), "https" | "http" | "file") || url.query().is_some() {
        return None;
    }
    let segments: Vec<&str> = url.path_segments()?.collect();
    let [before @ .., subdir, file] = segments.as_slice() else {
        return None;
    };
    let _: Subdir = subdir.parse().ok()?;
    let stem = file
        .strip_suffix(".conda")
        .or_else(|| file.strip_suffix(".tar.bz2"))?;
    let stem = stem.replace("%21", "!");
    let (rest, build) = stem.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    let subdir = (*subdir).to_string();
    let before = before.join("/");
    let mut base = url.clone();
    base.set_path(&format!("/{before}/"));
    let (name, version, build) = (name.to_string(), version.to_string(), build.to_string());
    if name.is_empty() || version.is_empty() || build.is_empty() {
        return None;
    }
    let channel = channel::short_name(base.as_str())
        .trim_start_matches("https://repo.anaconda.com/")
        .to_string();
    Some(Archive {
        name,
        version,
        build,
        subdir,
        channel,
        url,
    })
}

impl Archive {
    /// Returns it as a record of a channel, without hashes.
    pub(super) fn record(&self) -> Option<RepoDataRecord> {
        let version: VersionWithSource = self.version.parse().ok()?;
        let name: PackageName = self.name.parse().ok()?;
        let mut package = PackageRecord::new(name, version, self.build.parse().ok()?);
        package.subdir.clone_from(&self.subdir);
        let number = self
            .build
            .rsplit('_')
            .next()
            .and_then(|number| number.parse().ok());
        package.build_number = number.unwrap_or(0);
        let file = self.url.path_segments()?.next_back()?.replace("%21", "!");
        let mut base = self.url.clone();
        base.path_segments_mut().ok()?.pop().pop().push("");
        Some(RepoDataRecord {
            package_record: package,
            identifier: file.parse::<DistArchiveIdentifier>().ok()?,
            url: self.url.clone(),
            channel: Some(base.to_string()),
        })
    }
}

/// Gives a record the hash of that text: 32 digits are md5, 64 are sha256.
pub(super) fn set_hash(record: &mut RepoDataRecord, text: &str) -> bool {
    let text = text.trim();
    let bare = text
        .strip_prefix("sha256:")
        .or_else(|| text.strip_prefix("md5:"))
        .unwrap_or(text);
    let package = &mut record.package_record;
    match bare.len() {
        32 => {
            package.md5 = parse_digest_from_hex::<Md5>(bare);
            package.md5.is_some()
        }
        64 => {
            package.sha256 = parse_digest_from_hex::<Sha256>(bare);
            package.sha256.is_some()
        }
        _ => false,
    }
}

/// Reads an explicit list.
pub(super) fn read(reading: &mut Reading<'_>) {
    let mut platform: Option<Subdir> = None;
    let mut records: Vec<RepoDataRecord> = Vec::new();
    let mut unhashed: Option<At> = None;
    let text = reading.texts.main().clone();
    for (start, line) in text.lines() {
        let at = At {
            text: 0,
            start,
            end: start + line.len(),
        };
        let line = line.trim();
        if let Some(named) = line.strip_prefix("# platform:") {
            platform = named.trim().parse().ok();
            continue;
        }
        if line.is_empty() || line.starts_with('#') || line == "@EXPLICIT" {
            continue;
        }
        let address = line.split_whitespace().next().unwrap_or_default();
        if secret::holds_secret(address) {
            reading.secret(at, "the package's URL");
            continue;
        }
        let (url, hash) = address.split_once('#').unwrap_or((address, ""));
        let record = archive(url).and_then(|archive| Some((archive.record()?, archive)));
        let Some((mut record, archive)) = record else {
            reading.bad_entry(
                at,
                address,
                "its URL does not end in the file of a conda package",
                "write `https://HOST/CHANNEL/linux-64/NAME-VERSION-BUILD.conda#HASH` in a line each",
            );
            continue;
        };
        if hash.is_empty() || !set_hash(&mut record, hash) {
            if !hash.is_empty() {
                reading.bad_entry(
                    at,
                    hash,
                    "it is neither an md5 nor a sha256",
                    "write the list anew: `conda list --explicit --md5`",
                );
                continue;
            }
            unhashed = unhashed.or(Some(at));
        }
        let specific: Option<Subdir> = archive.subdir.parse().ok();
        match (
            platform,
            specific.filter(|subdir| *subdir != Subdir::NoArch),
        ) {
            (None, Some(found)) => platform = Some(found),
            (Some(known), Some(found)) if known != found => {
                let reason = format!("it is for `{found}`, and the list is for `{known}`");
                reading.bad_entry(at, address, &reason, "write a list for each platform");
                continue;
            }
            _ => {}
        }
        reading.channel(&archive.channel, None, at);
        if records
            .iter()
            .any(|known| known.package_record.name == record.package_record.name)
        {
            reading.bad_entry(
                at,
                address,
                "a package of that name is in the list already",
                "delete one of the two",
            );
            continue;
        }
        records.push(record);
    }
    let Some(platform) = platform else {
        if !records.is_empty() {
            let message = "no lock is made: the list does not say which platform it is for";
            let help = "write `# platform: linux-64` above it";
            reading.lost(At::default(), message, help);
            exact_packages(reading, &records, At::default());
        }
        return;
    };
    reading.imported.platforms = vec![platform];
    match unhashed {
        None => {
            let wheels = Vec::new();
            reading.imported.locked.push(Exact {
                platform,
                records,
                wheels,
            });
        }
        Some(at) => {
            reading.lost(
                at,
                "no lock is made: this line has no hash, so a download could not be verified",
                "write the list with hashes, `conda list --explicit --md5`, or lock the recipe with `gpuenv lock`",
            );
            exact_packages(reading, &records, at);
        }
    }
}

/// Asks for exactly these packages.
fn exact_packages(reading: &mut Reading<'_>, records: &[RepoDataRecord], at: At) {
    for record in records {
        let package = &record.package_record;
        let (name, version) = (package.name.as_normalized(), package.version.to_string());
        let spec = spec::exact(name, &version, package.build.as_str());
        reading.package(&spec, None, at);
    }
}

/// Says that a lock is of a version that is not known.
pub(super) fn refuse_newer(
    reading: &mut Reading<'_>,
    at: At,
    format: &'static str,
    version: &str,
    known: &'static str,
) {
    let place = reading.texts.place(at);
    reading.fail(ImportError::Newer {
        place,
        format,
        version: version.to_string(),
        known,
    });
}
