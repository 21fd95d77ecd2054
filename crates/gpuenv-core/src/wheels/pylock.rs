//! What uv answers: a `pylock.toml` (PEP 751), as far as we need it.

use rattler_digest::{Sha256, Sha256Hash, parse_digest_from_hex};
use toml_edit::{DocumentMut, Item, TableLike, Value};
use url::Url;

use super::{MAX_BYTES, normalized};

/// One distribution in one version, with the files that there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distribution {
    /// Its name, normalised.
    pub name: String,
    /// Its version, normalised.
    pub version: String,
    /// Its wheels, in no particular order.
    pub wheels: Vec<Candidate>,
    /// Its source code.
    pub source: Option<Candidate>,
}

impl Distribution {
    /// Returns all its files.
    pub fn files_mut(&mut self) -> impl Iterator<Item = &mut Candidate> {
        self.wheels.iter_mut().chain(&mut self.source)
    }
}

/// A file that may be the one to install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Where it is.
    pub url: Url,
    /// Its hash, if uv knows one.
    pub sha256: Option<Sha256Hash>,
    /// Its size in bytes, where the index says it.
    pub size: Option<u64>,
}

/// Why text is not what uv writes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadPylock(String);

/// Reads the answer of uv.
///
/// # Errors
/// Says what is not as expected.
pub fn parse(text: &str) -> Result<Vec<Distribution>, BadPylock> {
    if text.len() > MAX_BYTES {
        return Err(BadPylock(format!("it is larger than {MAX_BYTES} bytes")));
    }
    let document: DocumentMut = text
        .parse()
        .map_err(|error: toml_edit::TomlError| BadPylock(error.message().to_string()))?;
    let version = document.get("lock-version").and_then(Item::as_str);
    if !version.is_some_and(|version| version.starts_with("1.")) {
        return Err(BadPylock(
            "it has another `lock-version` than 1".to_string(),
        ));
    }
    let Some(packages) = document.get("packages") else {
        return Ok(Vec::new());
    };
    let packages = packages
        .as_array_of_tables()
        .ok_or_else(|| BadPylock("`packages` is no list of tables".to_string()))?;
    let distributions: Result<Vec<_>, _> = packages.iter().map(|one| distribution(one)).collect();
    let mut distributions = distributions?;
    distributions.sort_by(|a, b| a.name.cmp(&b.name));
    if let Some(pair) = distributions
        .windows(2)
        .find(|pair| pair[0].name == pair[1].name)
    {
        let name = &pair[0].name;
        return Err(BadPylock(format!("it names `{name}` twice")));
    }
    Ok(distributions)
}

fn distribution(table: &dyn TableLike) -> Result<Distribution, BadPylock> {
    let text = |key: &str| table.get(key).and_then(Item::as_str);
    let name = text("name").and_then(normalized);
    let name = name.ok_or_else(|| BadPylock("a package has no proper name".to_string()))?;
    let version: Option<pep508_rs::pep440_rs::Version> =
        text("version").and_then(|version| version.parse().ok());
    let version = version.ok_or_else(|| BadPylock(format!("`{name}` has no proper version")))?;
    let mut wheels = Vec::new();
    let listed = table.get("wheels").and_then(Item::as_array);
    for wheel in listed.into_iter().flatten() {
        let wheel = wheel.as_inline_table().map(|table| table as &dyn TableLike);
        wheels.extend(wheel.and_then(candidate));
    }
    // A requirement with an address has one file, of whatever kind.
    let archive = table.get("archive").and_then(Item::as_table_like);
    wheels.extend(archive.and_then(candidate));
    let source = table.get("sdist").and_then(Item::as_table_like);
    Ok(Distribution {
        name,
        version: version.to_string(),
        wheels,
        source: source.and_then(candidate),
    })
}

fn candidate(table: &dyn TableLike) -> Option<Candidate> {
    let text = |key: &str| table.get(key).and_then(Item::as_str);
    let mut url = match (text("url"), text("path")) {
        (Some(url), _) => Url::parse(url).ok()?,
        (None, path) => Url::from_file_path(path?).ok()?,
    };
    // What an index puts into its links is the user's, and no part of a lock.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_fragment(None);
    let hashes = table.get("hashes").and_then(Item::as_table_like);
    let sha256 = hashes.and_then(|hashes| hashes.get("sha256"));
    let sha256 = sha256.and_then(Item::as_str);
    let size = table.get("size").and_then(Item::as_value);
    Some(Candidate {
        url,
        sha256: sha256.and_then(parse_digest_from_hex::<Sha256>),
        size: size
            .and_then(Value::as_integer)
            .and_then(|size| u64::try_from(size).ok()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As uv 0.13.8 writes it.
    const SAMPLE: &str = r#"
lock-version = "1.0"
created-by = "uv"
requires-python = ">=3.10.14"

[[packages]]
name = "six"
version = "1.17.0"
wheels = [{ url = "https://me:secret@x.example/six-1.17.0-py2.py3-none-any.whl", upload-time = 2024-12-04T17:35:26Z, size = 11050, hashes = { sha256 = "4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274" } }]

[[packages]]
name = "Numpy"
version = "1.24.01"
archive = { path = "/tmp/numpy-1.24.1-py3-none-any.whl", hashes = { sha256 = "d5f3909574b7d153fd193fe6e960c107cf4ea37c3fb4701496bc84c9b8c6bd39" } }

[[packages]]
name = "docopt"
version = "0.6.2"
sdist = { url = "https://x.example/docopt-0.6.2.tar.gz", hashes = { sha256 = "d5f3909574b7d153fd193fe6e960c107cf4ea37c3fb4701496bc84c9b8c6bd39" } }
"#;

    #[test]
    fn names_and_versions_are_normal_and_secrets_are_gone() {
        let found = parse(SAMPLE).unwrap();
        let labels: Vec<_> = found
            .iter()
            .map(|one| (one.name.as_str(), one.version.as_str(), one.wheels.len()))
            .collect();
        assert_eq!(
            labels,
            [
                ("docopt", "0.6.2", 0),
                ("numpy", "1.24.1", 1),
                ("six", "1.17.0", 1)
            ]
        );
        let source = found[0].source.as_ref().expect("docopt has some");
        assert_eq!(source.url.as_str(), "https://x.example/docopt-0.6.2.tar.gz");
        let six = &found[2].wheels[0];
        assert_eq!(
            six.url.as_str(),
            "https://x.example/six-1.17.0-py2.py3-none-any.whl"
        );
        assert_eq!(six.size, Some(11050));
        assert!(six.sha256.is_some());
        assert_eq!(found[1].wheels[0].url.scheme(), "file");
    }

    #[test]
    fn anything_else_is_refused_and_never_panics() {
        for bad in [
            "",
            "lock-version = \"2.0\"",
            "lock-version = \"1.0\"\npackages = 3",
            "lock-version = \"1.0\"\n[[packages]]\nname = \"a_\"\nversion = \"1\"",
            "lock-version = \"1.0\"\n[[packages]]\nname = \"a\"\nversion = \"x y\"",
            "lock-version = \"1.0\"\n[[packages]]\nname = \"a\"\nversion = \"1\"\n[[packages]]\nname = \"A\"\nversion = \"1\"",
            "<html>",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        let deep = format!("lock-version = \"1.0\"\nx = {}", "[".repeat(100_000));
        assert!(parse(&deep).is_err());
    }
}
