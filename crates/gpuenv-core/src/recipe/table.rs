//! A map of the file with keys that we know: reading it says what is wrong with it.

use super::{
    error::{Problem, quoted},
    node::{Kind, Node},
    sink::Sink,
    source::Mark,
};

/// A kind of map: what to call it, and which keys it can have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    pub(super) name: &'static str,
    pub(super) keys: &'static [&'static str],
}

/// A map whose keys are text, each given once.
#[derive(Debug)]
pub(super) struct Table<'n> {
    form: Form,
    mark: Mark,
    entries: Vec<(&'n str, Mark, &'n Node)>,
}

/// Reads the entries of a map, reporting keys that are no text or given twice.
pub(super) fn entries<'n>(
    map: &'n [(Node, Node)],
    what: &'static str,
    sink: &mut Sink<'_>,
) -> Vec<(&'n str, Mark, &'n Node)> {
    let mut entries: Vec<(&str, Mark, &Node)> = Vec::new();
    let mut lines = std::collections::HashMap::new();
    for (key, value) in map {
        let Kind::Text(name) = &key.kind else {
            refuse_type(
                key,
                (what, "a map with text as keys"),
                "write `key: value`",
                sink,
            );
            continue;
        };
        match lines.insert(name.as_str(), key.mark.line) {
            Some(first) => {
                lines.insert(name, first);
                let key_name = name.clone();
                sink.report(
                    key.mark,
                    Problem::DuplicateKey {
                        key: key_name,
                        first,
                    },
                );
            }
            None => entries.push((name, key.mark, value)),
        }
    }
    entries
}

impl<'n> Table<'n> {
    /// Reads a map of that form, reporting everything that is wrong with its keys.
    pub(super) fn read(node: &'n Node, form: Form, sink: &mut Sink<'_>) -> Option<Self> {
        let table = Self::read_any(node, form, sink)?;
        table.refuse_unknown_keys(sink);
        Some(table)
    }

    /// Reads a map without a look at which keys it has.
    pub(super) fn read_any(node: &'n Node, form: Form, sink: &mut Sink<'_>) -> Option<Self> {
        let Kind::Map(map) = &node.kind else {
            let help = format!("write `key: value` with one of {}", quoted(form.keys));
            refuse_type(node, (form.name, "a map"), help, sink);
            return None;
        };
        Some(Table {
            form,
            mark: node.mark,
            entries: entries(map, form.name, sink),
        })
    }

    pub(super) fn refuse_unknown_keys(&self, sink: &mut Sink<'_>) {
        let unknown = |(key, _, _): &&(&str, Mark, &Node)| !self.form.keys.contains(key);
        for (key, mark, _) in self.entries.iter().filter(unknown) {
            let problem = Problem::UnknownKey {
                key: (*key).to_string(),
                map: self.form.name,
                known: self.form.keys,
            };
            sink.report(*mark, problem);
        }
    }

    /// Returns the value of a key, if it is there.
    pub(super) fn value(&self, key: &'static str) -> Option<&'n Node> {
        debug_assert!(self.form.keys.contains(&key), "{key} is not in its form");
        let mut entries = self.entries.iter();
        entries
            .find(|(name, _, _)| *name == key)
            .map(|(_, _, value)| *value)
    }

    /// Returns the value of a key that must be there.
    pub(super) fn required(
        &self,
        key: &'static str,
        help: &'static str,
        sink: &mut Sink<'_>,
    ) -> Option<&'n Node> {
        let value = self.value(key);
        if value.is_none() {
            let map = self.form.name;
            sink.report(self.mark, Problem::MissingKey { key, map, help });
        }
        value
    }
}

/// Reports that a value has the wrong type, unless it was refused already.
pub(super) fn refuse_type(
    node: &Node,
    (what, expected): (&'static str, &'static str),
    help: impl Into<String>,
    sink: &mut Sink<'_>,
) {
    if matches!(node.kind, Kind::Refused) {
        return;
    }
    let problem = Problem::WrongType {
        what,
        expected,
        found: node.kind.name(),
        help: help.into(),
    };
    sink.report(node.mark, problem);
}

/// Returns the text of a scalar.
pub(super) fn text<'n>(
    node: &'n Node,
    what: (&'static str, &'static str),
    help: &str,
    sink: &mut Sink<'_>,
) -> Option<&'n str> {
    match &node.kind {
        Kind::Text(text) => Some(text),
        Kind::Nothing | Kind::List(_) | Kind::Map(_) | Kind::Refused => {
            refuse_type(node, what, help, sink);
            None
        }
    }
}
