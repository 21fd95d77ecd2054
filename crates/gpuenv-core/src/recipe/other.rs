//! YAML of other programs, read by the reader of recipes: same limits, same places.

use std::ops::Range;

use super::{
    node::{self, Kind, Node},
    sink::Sink,
    syntax,
};
use crate::Diagnostic;

/// A value of a YAML file, and the bytes that it stands in.
#[derive(Debug, Clone)]
pub(crate) struct Yaml {
    /// Where it stands, in bytes of the text without its byte order mark.
    pub(crate) range: Range<usize>,
    /// What it is.
    pub(crate) kind: YamlKind,
}

/// What a value of a YAML file is.
#[derive(Debug, Clone)]
pub(crate) enum YamlKind {
    /// A scalar, as written: `3.10` stays `3.10`.
    Text(String),
    /// No value.
    Nothing,
    /// A list.
    List(Vec<Yaml>),
    /// A map, in the order of the file.
    Map(Vec<(Yaml, Yaml)>),
}

impl Yaml {
    /// Returns the text of a scalar.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.kind {
            YamlKind::Text(text) => Some(text),
            YamlKind::Nothing | YamlKind::List(_) | YamlKind::Map(_) => None,
        }
    }

    /// Returns the entries of a list; none for anything else.
    pub(crate) fn list(&self) -> &[Yaml] {
        match &self.kind {
            YamlKind::List(items) => items,
            YamlKind::Text(_) | YamlKind::Nothing | YamlKind::Map(_) => &[],
        }
    }

    /// Returns the entries of a map; none for anything else.
    pub(crate) fn map(&self) -> &[(Yaml, Yaml)] {
        match &self.kind {
            YamlKind::Map(entries) => entries,
            YamlKind::Text(_) | YamlKind::Nothing | YamlKind::List(_) => &[],
        }
    }

    /// Returns where the first and the last text of it stand: collections have no marks of their own.
    pub(crate) fn stretch(&self) -> Range<usize> {
        let ends = match &self.kind {
            YamlKind::Text(_) | YamlKind::Nothing => None,
            YamlKind::List(items) => items.first().zip(items.last()),
            YamlKind::Map(entries) => entries
                .first()
                .map(|(k, _)| k)
                .zip(entries.last().map(|(_, v)| v)),
        };
        match ends {
            Some((first, last)) => first.stretch().start..last.stretch().end,
            None => self.range.clone(),
        }
    }
}

/// Reads one YAML document that is not a recipe.
///
/// # Errors
/// Everything that keeps it from being YAML that is safe to read.
pub(crate) fn yaml(file: &str, text: &str) -> Result<Yaml, Vec<Diagnostic>> {
    let (source, problem) = syntax::source(file, text.as_bytes());
    let mut sink = Sink::new(&source);
    let node = match problem {
        Some((mark, problem)) => {
            sink.report(mark, problem);
            None
        }
        None => node::read(&source, &mut sink),
    };
    match (node, sink.is_empty()) {
        (Some(node), true) => Ok(plain(node)),
        _ => Err(sink
            .into_diagnostics()
            .into_iter()
            .map(of_other_file)
            .collect()),
    }
}

fn plain(node: Node) -> Yaml {
    let kind = match node.kind {
        Kind::Text(text) => YamlKind::Text(text),
        Kind::Nothing | Kind::Refused => YamlKind::Nothing,
        Kind::List(items) => YamlKind::List(items.into_iter().map(plain).collect()),
        Kind::Map(entries) => {
            let entries = entries.into_iter();
            YamlKind::Map(entries.map(|(k, v)| (plain(k), plain(v))).collect())
        }
    };
    Yaml {
        range: node.mark.start..node.mark.end,
        kind,
    }
}

/// What the reader says about a recipe, said about another file.
fn of_other_file(mut diagnostic: Diagnostic) -> Diagnostic {
    let message = diagnostic.message.replace("the recipe", "the file");
    diagnostic.message = message.replace("in a recipe", "here");
    for help in &mut diagnostic.help {
        if help.contains("gpuenv recipe show") {
            *help = "check that this is the file that you mean".to_string();
        }
    }
    diagnostic
}

/// Returns why a recipe cannot set a variable of that name.
pub(crate) fn variable_problem(name: &str) -> Option<String> {
    let problem = super::variable::check_variable(name).err()?;
    Some(problem.to_string())
}
