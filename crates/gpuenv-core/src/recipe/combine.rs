//! Two recipes made one: what the stronger says wins, lists of packages are joined.
//!
//! It works on the tree of the file and not on the recipe, so that every value keeps
//! the place where it is written, in whichever file that is.

use super::{
    entries::is_branch,
    join,
    node::{Kind, Node},
};

/// How one map is laid over another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layering {
    /// A recipe over the one that it extends.
    Extends,
    /// A feature over the recipe.
    Feature,
    /// A variant over the recipe.
    Variant,
}

/// Keys that say something about one file.
const OWN: [&str; 4] = ["schema", "name", "extends", "about"];

/// Lays the stronger map over the weaker one.
///
/// Anything but a map stays what it is: the reader says what is wrong with it.
pub(super) fn laid_over(strong: Node, weak: &Node, layering: Layering) -> Node {
    let (Kind::Map(mut entries), Kind::Map(below)) = (strong.kind.clone(), &weak.kind) else {
        return match layering {
            Layering::Extends => strong,
            Layering::Feature | Layering::Variant => weak.clone(),
        };
    };
    if layering != Layering::Extends {
        entries.retain(|(key, _)| !key.is_text(&OWN));
    }
    for (key, value) in below {
        let Kind::Text(name) = &key.kind else {
            continue;
        };
        if layering == Layering::Extends && OWN.contains(&name.as_str()) {
            continue;
        }
        // A key that is given twice stays so, and is refused for it.
        let mut found = entries.iter_mut().filter(|(key, _)| key.is_text(&[name]));
        match found.next() {
            Some((_, above)) => *above = combined(name, above.clone(), value, layering),
            None => entries.push((key.clone(), value.clone())),
        }
    }
    Node {
        mark: match layering {
            Layering::Extends => strong.mark,
            Layering::Feature | Layering::Variant => weak.mark,
        },
        kind: Kind::Map(entries),
    }
}

/// Combines what two maps say under one key.
fn combined(key: &str, strong: Node, weak: &Node, layering: Layering) -> Node {
    match key {
        "dependencies" => join::packages(strong, weak, join::conda_name),
        "pypi-dependencies" => join::packages(strong, weak, join::wheel_name),
        "activation" => activation(strong, weak),
        "features" => map(strong, weak, |strong, _| strong),
        "parameters" => map(strong, weak, parameter),
        "channels" | "probe" if layering == Layering::Feature => appended(strong, weak),
        "channels" | "platforms" | "gpu" | "probe" => strong,
        _ => map(strong, weak, |strong, _| strong),
    }
}

/// Combines two maps key by key; anything else is what the stronger says.
fn map(strong: Node, weak: &Node, combine: fn(Node, &Node) -> Node) -> Node {
    let Node { mark, kind } = strong;
    let (Kind::Map(mut entries), Kind::Map(below)) = (kind.clone(), &weak.kind) else {
        return Node { mark, kind };
    };
    if is_branch(&entries) || is_branch(below) {
        return Node { mark, kind };
    }
    for (key, value) in below {
        let Kind::Text(name) = &key.kind else {
            continue;
        };
        match entries.iter_mut().find(|(key, _)| key.is_text(&[name])) {
            Some((_, above)) => *above = combine(above.clone(), value),
            None => entries.push((key.clone(), value.clone())),
        }
    }
    Node {
        mark,
        kind: Kind::Map(entries),
    }
}

fn activation(strong: Node, weak: &Node) -> Node {
    let env = |node: &Node| node.value("env").cloned();
    let both = env(&strong).zip(env(weak));
    let mut joined = map(strong, weak, |strong, _| strong);
    if let (Some((strong, weak)), Kind::Map(entries)) = (both, &mut joined.kind)
        && let Some((_, value)) = entries.iter_mut().find(|(key, _)| key.is_text(&["env"]))
    {
        *value = join::variables(strong, &weak);
    }
    joined
}

/// A value alone is a new default for what is declared below.
fn parameter(strong: Node, weak: &Node) -> Node {
    let Kind::Map(below) = &weak.kind else {
        return strong;
    };
    match &strong.kind {
        Kind::Text(_) => {
            let mut entries = below.clone();
            entries.retain(|(key, _)| !key.is_text(&["default"]));
            let key = Node {
                mark: strong.mark,
                kind: Kind::Text("default".to_string()),
            };
            Node {
                mark: strong.mark,
                kind: Kind::Map([vec![(key, strong)], entries].concat()),
            }
        }
        _ => map(strong, weak, |strong, _| strong),
    }
}

/// Puts the stronger list behind the weaker one, without what is there already.
fn appended(strong: Node, weak: &Node) -> Node {
    let (Kind::List(more), Kind::List(first)) = (&strong.kind, &weak.kind) else {
        return strong;
    };
    let mut items = first.clone();
    for item in more {
        let is_there = |known: &Node| match (&known.kind, &item.kind) {
            (Kind::Text(known), Kind::Text(item)) => known == item,
            _ => false,
        };
        if !first.iter().any(is_there) {
            items.push(item.clone());
        }
    }
    Node {
        mark: weak.mark,
        kind: Kind::List(items),
    }
}
