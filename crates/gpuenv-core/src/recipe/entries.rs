//! Lists in which an entry can depend on the platform: `if` / `then` / `else`.

use rattler_conda_types::Subdir;

use super::{
    Condition,
    error::Problem,
    node::{Kind, Node},
    sink::Sink,
    table::{Form, Table, text},
};

/// The entries of a list, in the order of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Entries<T>(pub Vec<Entry<T>>);

/// An entry of a list.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry<T> {
    /// One that counts on every platform.
    Item(T),
    /// One that depends on the platform.
    If(Branch<T>),
}

/// Entries that depend on the platform.
#[derive(Debug, Clone, PartialEq)]
pub struct Branch<T> {
    /// The condition.
    pub condition: Condition,
    /// What counts where the condition holds.
    pub then: Entries<T>,
    /// What counts elsewhere.
    pub otherwise: Entries<T>,
}

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Entries(Vec::new())
    }
}

impl<T> Entries<T> {
    /// Returns what counts on the platform, in the order of the file.
    pub fn on(&self, platform: Subdir) -> Vec<&T> {
        let mut items = Vec::new();
        self.gather(&mut items, &|condition| Some(condition.holds(platform)));
        items
    }

    /// Returns what counts on any platform, in the order of the file.
    pub fn all(&self) -> Vec<&T> {
        let mut items = Vec::new();
        self.gather(&mut items, &|_| None);
        items
    }

    fn gather<'e>(&'e self, items: &mut Vec<&'e T>, decide: &dyn Fn(&Condition) -> Option<bool>) {
        for entry in &self.0 {
            match entry {
                Entry::Item(item) => items.push(item),
                Entry::If(branch) => {
                    let decided = decide(&branch.condition);
                    if decided != Some(false) {
                        branch.then.gather(items, decide);
                    }
                    if decided != Some(true) {
                        branch.otherwise.gather(items, decide);
                    }
                }
            }
        }
    }
}

/// The map that makes an entry depend on the platform.
pub(super) const BRANCH: Form = Form {
    name: "the entry",
    keys: &["if", "then", "else"],
};

/// How one entry of a list is read.
pub(super) type ReadItem<'f, T> = &'f mut dyn FnMut(&Node, &mut Sink<'_>) -> Option<T>;

/// Reads a list with conditions. Entries that were refused are left out.
pub(super) fn read<T>(
    node: &Node,
    (what, example): (&'static str, &'static str),
    item: ReadItem<'_, T>,
    sink: &mut Sink<'_>,
) -> Entries<T> {
    match &node.kind {
        Kind::List(_) => read_some(node, item, sink),
        Kind::Text(_) | Kind::Nothing | Kind::Map(_) | Kind::Refused => {
            let help = format!("write a list: `[{example}]`, or a line `- {example}` each");
            super::table::refuse_type(node, (what, "a list"), help, sink);
            Entries::default()
        }
    }
}

/// Reads a list with conditions, or the one map that such a list would hold.
pub(super) fn read_map_or_list<T>(
    node: &Node,
    item: ReadItem<'_, T>,
    sink: &mut Sink<'_>,
) -> Entries<T> {
    match &node.kind {
        Kind::Map(map) if is_branch(map) => {
            sink.report(node.mark, Problem::BranchOutsideList);
            Entries::default()
        }
        _ => read_some(node, item, sink),
    }
}

/// Reads `then` or `else`: a list, or a single entry.
pub(super) fn read_some<T>(node: &Node, item: ReadItem<'_, T>, sink: &mut Sink<'_>) -> Entries<T> {
    let nodes = match &node.kind {
        Kind::List(nodes) => nodes.as_slice(),
        Kind::Text(_) | Kind::Nothing | Kind::Map(_) | Kind::Refused => std::slice::from_ref(node),
    };
    let mut entries = Vec::new();
    for node in nodes {
        let entry = match &node.kind {
            Kind::Map(map) if is_branch(map) => branch(node, item, sink).map(Entry::If),
            _ => item(node, sink).map(Entry::Item),
        };
        entries.extend(entry);
    }
    Entries(entries)
}

/// Tells whether a map is an entry that depends on the platform.
pub(super) fn is_branch(map: &[(Node, Node)]) -> bool {
    let mut keys = map.iter().map(|(key, _)| &key.kind);
    keys.any(|key| matches!(key, Kind::Text(key) if BRANCH.keys.contains(&key.as_str())))
}

fn branch<T>(node: &Node, item: ReadItem<'_, T>, sink: &mut Sink<'_>) -> Option<Branch<T>> {
    let table = Table::read(node, BRANCH, sink)?;
    let condition = table
        .required("if", "write `if: win`, for example, before `then:`", sink)
        .and_then(|node| condition(node, sink));
    let then = table
        .required("then", "write `then: []` if nothing is meant", sink)
        .map(|node| read_some(node, item, sink));
    let otherwise = table.value("else").map(|node| read_some(node, item, sink));
    Some(Branch {
        condition: condition?,
        then: then?,
        otherwise: otherwise.unwrap_or_default(),
    })
}

fn condition(node: &Node, sink: &mut Sink<'_>) -> Option<Condition> {
    let what = ("`if`", "a condition");
    let text = text(
        node,
        what,
        "write for example `if: linux and not aarch64`",
        sink,
    )?;
    match text.parse::<Condition>() {
        Ok(condition) => Some(condition),
        Err(bad) => {
            let stretch = (bad.at, bad.length);
            sink.report_within(node.mark, text, stretch, bad);
            None
        }
    }
}
