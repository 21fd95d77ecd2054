//! Parameters: values that a recipe leaves open, written as `${{ name }}`.
//!
//! A value is put into texts that YAML has been read from already, so it can never
//! become a key, a list or another line.

use std::{collections::BTreeMap, str::FromStr};

use rattler_conda_types::{ParseStrictness, Version, VersionSpec};

use super::{
    error::did_you_mean_among,
    node::{Kind, Node},
    selection::ParameterChoice,
    sink::Sink,
    source::Mark,
    table::{self, Form, Table, text},
};
use crate::Code;

pub(super) const PARAMETER: Form = Form {
    name: "the parameter",
    keys: &["about", "default", "values", "version"],
};

/// Longer values are refused.
const LONGEST: usize = 64;

const OPEN: &str = "${{";
const CLOSE: &str = "}}";

/// Keys in which nothing is put.
const WITHOUT: [&str; 4] = ["schema", "name", "extends", "parameters"];

/// What is wrong with a parameter, where it is declared or used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadParameter {
    /// It cannot have that name.
    #[error("`{0}` cannot be the name of a parameter or a feature")]
    Name(String),
    /// Both ways to say which values are allowed.
    #[error("the parameter `{0}` has both `values` and `version`")]
    Both(String),
    /// `version` cannot be read.
    #[error("`{0}` is not a range of versions")]
    Range(String),
    /// The value is not allowed.
    #[error("the parameter `{name}` cannot be `{value}`")]
    Value {
        /// The parameter.
        name: String,
        /// The value.
        value: String,
        /// What it can be, in words.
        allowed: String,
    },
    /// There is no such parameter.
    #[error("there is no parameter `{name}`")]
    Unknown {
        /// The name.
        name: String,
        /// Those that are declared.
        declared: Vec<String>,
    },
    /// `${{` without an end, or with something else than a name.
    #[error("`${{{{` is not followed by the name of a parameter and `}}}}`")]
    Form,
}

impl BadParameter {
    pub(super) fn code(&self) -> Code {
        match self {
            BadParameter::Name(_)
            | BadParameter::Both(_)
            | BadParameter::Range(_)
            | BadParameter::Form => Code::RECIPE_BAD_PARAMETER,
            BadParameter::Value { .. } => Code::RECIPE_PARAMETER_VALUE,
            BadParameter::Unknown { .. } => Code::RECIPE_UNKNOWN_PARAMETER,
        }
    }

    pub(super) fn help(&self) -> String {
        match self {
            BadParameter::Name(_) => {
                "a name begins with a letter and holds `a-z`, `0-9`, `_` and `-`".to_string()
            }
            BadParameter::Both(_) => "keep one of the two".to_string(),
            BadParameter::Range(_) => "write for example `version: \">=11.8,<13\"`".to_string(),
            BadParameter::Value { allowed, .. } => format!("it can be {allowed}"),
            BadParameter::Unknown { name, declared } if declared.is_empty() => {
                format!(
                    "declare it: `parameters: {{ {name}: \"1.0\" }}`; `$${{{{` stands for `${{{{` itself"
                )
            }
            BadParameter::Unknown { name, declared } => did_you_mean_among(name, declared),
            BadParameter::Form => {
                "write `${{ cuda }}`, for example; `$${{` stands for `${{` itself".to_string()
            }
        }
    }
}

/// A parameter that a recipe declares.
#[derive(Debug, Clone)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) about: Option<String>,
    pub(super) default: String,
    values: Vec<String>,
    version: Option<(String, VersionSpec)>,
}

impl Parameter {
    /// Checks that it can have the value.
    pub(super) fn check(&self, value: &str) -> Result<(), BadParameter> {
        let in_range = || match &self.version {
            None => true,
            Some((_, range)) => Version::from_str(value).is_ok_and(|value| range.matches(&value)),
        };
        let is_allowed = match self.values.is_empty() {
            false => self.values.iter().any(|allowed| allowed == value),
            true => is_word(value) && in_range(),
        };
        match is_allowed {
            true => Ok(()),
            false => Err(BadParameter::Value {
                name: self.name.clone(),
                value: value.chars().take(LONGEST).collect(),
                allowed: self.allowed(),
            }),
        }
    }

    /// Says what values it can have.
    fn allowed(&self) -> String {
        match (&self.version, self.values.as_slice()) {
            (Some((range, _)), _) => format!("a version `{range}`"),
            (None, []) => format!("up to {LONGEST} letters, digits, `.`, `_`, `+` and `-`"),
            (None, values) => {
                let values: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
                values.join(", ")
            }
        }
    }

    pub(super) fn choice(&self) -> ParameterChoice {
        ParameterChoice {
            name: self.name.clone(),
            about: self.about.clone(),
            default: self.default.clone(),
            allowed: self.allowed(),
        }
    }
}

fn is_word(value: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '+' | '-');
    !value.is_empty() && value.len() <= LONGEST && value.chars().all(is_allowed)
}

/// Checks the name of a parameter or a feature.
pub(super) fn check_name(name: &str) -> Result<(), BadParameter> {
    let is_allowed =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
    let is_good = name.len() <= LONGEST
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(is_allowed);
    match is_good {
        true => Ok(()),
        false => Err(BadParameter::Name(name.to_string())),
    }
}

/// Reads what a recipe declares.
pub(super) fn declared(node: &Node, sink: &mut Sink<'_>) -> Vec<Parameter> {
    let Kind::Map(map) = &node.kind else {
        let help = "write `parameters: { cuda: \"12.9\" }`";
        table::refuse_type(node, ("`parameters`", "a map"), help, sink);
        return Vec::new();
    };
    let mut parameters = Vec::new();
    for (name, mark, value) in table::entries(map, "`parameters`", sink) {
        if let Err(bad) = check_name(name) {
            sink.report(mark, bad);
        }
        parameters.extend(parameter(name, value, sink));
    }
    parameters
}

fn parameter(name: &str, node: &Node, sink: &mut Sink<'_>) -> Option<Parameter> {
    let mut parameter = Parameter {
        name: name.to_string(),
        about: None,
        default: String::new(),
        values: Vec::new(),
        version: None,
    };
    let help = "write for example `default: \"12.9\"`";
    let default = match &node.kind {
        Kind::Map(_) => {
            let table = Table::read(node, PARAMETER, sink)?;
            let help_about = "write one line";
            let about = table.value("about");
            parameter.about = about
                .and_then(|node| text(node, ("about", "a text"), help_about, sink))
                .map(ToString::to_string);
            parameter.values = table
                .value("values")
                .map(|node| values(node, sink))
                .unwrap_or_default();
            let range = table.value("version").and_then(|node| range(node, sink));
            if let (Some(node), false) = (table.value("version"), parameter.values.is_empty()) {
                sink.report(node.mark, BadParameter::Both(name.to_string()));
            }
            parameter.version = range;
            table.required("default", help, sink)?
        }
        _ => node,
    };
    let value = text(default, ("the parameter's default", "a text"), help, sink)?;
    if let Err(bad) = parameter.check(value) {
        sink.report(default.mark, bad);
    }
    parameter.default = value.to_string();
    Some(parameter)
}

fn values(node: &Node, sink: &mut Sink<'_>) -> Vec<String> {
    let help = "write a list: `values: [\"12.9\", \"11.8\"]`";
    let Kind::List(nodes) = &node.kind else {
        table::refuse_type(node, ("`values`", "a list"), help, sink);
        return Vec::new();
    };
    let mut values = Vec::new();
    for node in nodes {
        let value = text(node, ("a value", "a text"), help, sink);
        values.extend(value.map(ToString::to_string));
    }
    values
}

fn range(node: &Node, sink: &mut Sink<'_>) -> Option<(String, VersionSpec)> {
    let what = ("version", "a range of versions");
    let text = text(node, what, "write for example `\">=11.8,<13\"`", sink)?;
    let parsed = match text.chars().count() <= LONGEST {
        true => VersionSpec::from_str(text, ParseStrictness::Strict).ok(),
        false => None,
    };
    match parsed {
        Some(range) => Some((text.to_string(), range)),
        None => {
            let shown = text.chars().take(LONGEST).collect();
            sink.report(node.mark, BadParameter::Range(shown));
            None
        }
    }
}

/// Puts the values into every text of a recipe, but for its name and what it declares.
pub(super) fn put(root: &mut Node, values: &BTreeMap<String, String>, sink: &mut Sink<'_>) {
    let Kind::Map(entries) = &mut root.kind else {
        return;
    };
    for (key, value) in entries {
        if !key.is_text(&WITHOUT) {
            put_into(value, values, sink);
        }
    }
}

fn put_into(node: &mut Node, values: &BTreeMap<String, String>, sink: &mut Sink<'_>) {
    match &mut node.kind {
        Kind::Text(text) if text.contains(OPEN) => {
            node.kind = match filled(text, node.mark, values, sink) {
                Some(filled) => Kind::Text(filled),
                None => Kind::Refused,
            };
        }
        Kind::Text(_) | Kind::Nothing | Kind::Refused => {}
        Kind::List(items) => {
            for item in items {
                put_into(item, values, sink);
            }
        }
        Kind::Map(entries) => {
            for (_, value) in entries {
                put_into(value, values, sink);
            }
        }
    }
}

fn filled(
    text: &str,
    mark: Mark,
    values: &BTreeMap<String, String>,
    sink: &mut Sink<'_>,
) -> Option<String> {
    let mut is_good = true;
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(OPEN) {
        let (before, behind) = rest.split_at(at);
        let behind = &behind[OPEN.len()..];
        if let Some(before) = before.strip_suffix('$') {
            filled.push_str(before);
            filled.push_str(OPEN);
            rest = behind;
            continue;
        }
        filled.push_str(before);
        let from = text[..text.len() - rest.len() + at].chars().count();
        let end = behind.find(CLOSE);
        let name = end.map(|end| behind[..end].trim()).unwrap_or_default();
        let length = end.map_or(OPEN.len(), |end| {
            OPEN.len() + behind[..end].chars().count() + CLOSE.len()
        });
        let problem = match (values.get(name), check_name(name)) {
            (Some(value), _) => {
                filled.push_str(value);
                None
            }
            (None, Err(_)) => Some(BadParameter::Form),
            (None, Ok(())) => Some(BadParameter::Unknown {
                name: name.to_string(),
                declared: values.keys().cloned().collect(),
            }),
        };
        if let Some(problem) = problem {
            sink.report_within(mark, text, (from, length), problem);
            is_good = false;
        }
        rest = end.map_or("", |end| &behind[end + CLOSE.len()..]);
    }
    filled.push_str(rest);
    is_good.then_some(filled)
}

/// Writes a text so that nothing in it stands for a parameter.
pub(crate) fn escaped(text: &str) -> String {
    text.replace(OPEN, "$${{")
}
