//! The configuration file: what holds for a user until the command line says otherwise.

use std::{
    io::{ErrorKind, Read},
    path::Path,
};

use gpuenv_core::{Code, Diagnostic, Place};
use serde::Deserialize;
use serde_saphyr::{Location, Spanned};

use crate::{env::Env, mirror::Mirror};

/// No honest configuration is longer.
const LIMIT: u64 = 1 << 20;

/// What the configuration file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// Other places to fetch channels from, strongest first.
    pub mirrors: Vec<Mirror>,
    /// Whether to stay offline.
    pub offline: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Written {
    mirrors: Vec<Spanned<String>>,
    offline: bool,
}

impl Config {
    /// Reads the configuration file; where there is none, everything is at its default.
    ///
    /// # Errors
    /// Returns what is wrong with it. A file that the user named must exist.
    pub fn read(env: &Env) -> Result<Self, Diagnostic> {
        let Some(path) = env.named_config.as_ref().or(env.default_config.as_ref()) else {
            return Ok(Self::default());
        };
        match text(path) {
            Ok(text) => Self::parse(&path.display().to_string(), &text),
            Err(error) if error.kind() == ErrorKind::NotFound && env.named_config.is_none() => {
                Ok(Self::default())
            }
            Err(error) => Err(Diagnostic::error(
                Code::CONFIG_BAD,
                "the configuration file cannot be read",
            )
            .at(Place::file(path.display().to_string()))
            .caused_by(&error)),
        }
    }

    /// Reads a configuration from its text.
    ///
    /// # Errors
    /// Returns what is wrong with it, and where.
    pub fn parse(file: &str, text: &str) -> Result<Self, Diagnostic> {
        // An empty document is null to YAML, which is no map.
        if text
            .lines()
            .all(|line| line.trim().is_empty() || line.trim().starts_with('#'))
        {
            return Ok(Self::default());
        }
        let written: Written =
            serde_saphyr::from_str(text).map_err(|error| refuse(file, text, &error))?;
        let mirrors = written.mirrors.into_iter().map(|mirror| {
            let Spanned {
                value, referenced, ..
            } = mirror;
            let length = value.chars().count();
            value.parse().map_err(|error| {
                let mut diagnostic =
                    Diagnostic::from(error).at(place(file, text, referenced, length));
                diagnostic.code = Code::CONFIG_BAD;
                diagnostic.help = vec![
                    "write a URL, or `BASE=URL`, for example `https://conda.example.org`".into(),
                ];
                diagnostic
            })
        });
        Ok(Self {
            mirrors: mirrors.collect::<Result<_, _>>()?,
            offline: written.offline,
        })
    }
}

fn text(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    fs_err::File::open(path)?
        .take(LIMIT + 1)
        .read_to_string(&mut text)?;
    if text.len() as u64 > LIMIT {
        let message = format!("`{}` is larger than 1 MiB", path.display());
        return Err(std::io::Error::new(ErrorKind::InvalidData, message));
    }
    Ok(text)
}

fn refuse(file: &str, text: &str, error: &serde_saphyr::Error) -> Diagnostic {
    let (message, length) = explain(error);
    let diagnostic = Diagnostic::error(Code::CONFIG_BAD, message);
    match error.location() {
        Some(location) => diagnostic.at(place(file, text, location, length)),
        None => diagnostic.at(Place::file(file)),
    }
    .help(
        "the keys are `mirrors` (a list of `URL` or `BASE=URL`) and `offline` (`true` or `false`)",
    )
}

/// Returns what is wrong, and how many characters to underline.
fn explain(error: &serde_saphyr::Error) -> (String, usize) {
    match error.without_snippet() {
        serde_saphyr::Error::SerdeUnknownField { field, .. } => (
            format!("the configuration has no key `{field}`"),
            field.chars().count(),
        ),
        serde_saphyr::Error::DuplicateMappingKey { key: Some(key), .. } => (
            format!("the key `{key}` is given twice"),
            key.chars().count(),
        ),
        other => {
            let text = other.to_string();
            // The place is shown anyway.
            let end = text.find(" at line ").unwrap_or(text.len());
            (
                format!("the configuration cannot be read: {}", &text[..end]),
                1,
            )
        }
    }
}

fn place(file: &str, text: &str, location: Location, length: usize) -> Place {
    let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let (line, column) = (number(location.line()), number(location.column()));
    Place::span(file, text, line, column, length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_holds_mirrors_and_offline() {
        let config = Config::parse(
            "config.yaml",
            "mirrors:\n  - file:///srv\n  - https://prefix.dev=http://lab\noffline: true\n",
        )
        .unwrap();
        assert_eq!(config.mirrors.len(), 2);
        assert!(config.offline);
    }

    #[test]
    fn nothing_written_is_the_default() {
        for text in ["", "\n", "# nothing yet\n", "{}", "mirrors: []"] {
            assert_eq!(Config::parse("c", text), Ok(Config::default()), "{text}");
        }
    }

    fn refused(text: &str) -> String {
        let error = Config::parse("c", text).expect_err(text);
        assert_eq!(error.code, Code::CONFIG_BAD);
        let span = error.place.and_then(|place| place.span).expect("a place");
        let (line, column, length) = (span.line, span.column, span.length);
        format!("{line}:{column}+{length} {}", error.message)
    }

    #[test]
    fn what_is_wrong_comes_with_its_place() {
        let refused = [
            "offline: false\nmirror: x\n",
            "offline: maybe\n",
            "mirrors: https://lab\n",
            "mirrors:\n- lab\n",
            "offline: true\noffline: true\n",
            "mirrors: [",
            "- a\n",
            "just text",
            "offline:\n\ttrue: 1",
        ]
        .map(refused);
        insta::assert_snapshot!(refused.join("\n"), @"
        2:1+6 the configuration has no key `mirror`
        1:10+1 the configuration cannot be read: invalid boolean
        1:10+1 the configuration cannot be read: expected sequence start
        2:3+3 `lab` is not a mirror
        2:1+7 the key `offline` is given twice
        1:10+1 the configuration cannot be read: unclosed bracket '['
        1:1+1 the configuration cannot be read: expected mapping start
        1:1+1 the configuration cannot be read: expected mapping start
        2:2+1 the configuration cannot be read: tabs disallowed within this context (block indentation)
        ");
    }

    #[test]
    fn a_file_that_is_not_there_counts_only_when_it_is_named() {
        let missing = Some("/nowhere/config.yaml".into());
        let named = Env {
            named_config: missing.clone(),
            ..Env::default()
        };
        let default = Env {
            default_config: missing,
            ..Env::default()
        };
        assert_eq!(Config::read(&default), Ok(Config::default()));
        assert_eq!(
            Config::read(&named).map_err(|e| e.code),
            Err(Code::CONFIG_BAD)
        );
    }
}
