//! Lists of packages and variables joined: a line about the same thing replaces the one below.
//!
//! Where the stronger line depends on the platform, the weaker one stays wherever the
//! stronger one does not count.

use super::{
    Condition,
    entries::is_branch,
    node::{Kind, Node},
};

/// A name that the stronger list says something about, and where it counts.
struct Claim {
    name: String,
    /// Everywhere if there is none.
    condition: Option<String>,
}

/// Joins two lists of packages, the weaker one first.
pub(super) fn packages(strong: Node, weak: &Node, name: fn(&str) -> String) -> Node {
    let names = |node: &Node| match &node.kind {
        Kind::Text(text) => vec![name(text)],
        _ => Vec::new(),
    };
    joined(strong, weak, &names)
}

/// Joins what two recipes say about variables, each of them a map or a list.
pub(super) fn variables(strong: Node, weak: &Node) -> Node {
    let names = |node: &Node| match &node.kind {
        Kind::Map(entries) => entries
            .iter()
            .filter_map(|(key, _)| match &key.kind {
                Kind::Text(name) => Some(name.clone()),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    };
    joined(as_list(strong), &apart(weak), &names)
}

/// Returns the package that a match spec is about.
pub(super) fn conda_name(text: &str) -> String {
    crate::import::name_of(text)
}

/// Returns the package that a PEP 508 requirement is about, as indexes write it.
pub(super) fn wheel_name(text: &str) -> String {
    crate::import::name_of(text).replace(['_', '.'], "-")
}

fn as_list(node: Node) -> Node {
    match &node.kind {
        Kind::Map(entries) if !is_branch(entries) => Node {
            mark: node.mark,
            kind: Kind::List(vec![node]),
        },
        _ => node,
    }
}

/// Writes each variable as a map of its own, so that one can be taken out.
fn apart(node: &Node) -> Node {
    let mut items = Vec::new();
    match &node.kind {
        Kind::List(list) => list.iter().for_each(|node| push_apart(node, &mut items)),
        _ => push_apart(node, &mut items),
    }
    Node {
        mark: node.mark,
        kind: Kind::List(items),
    }
}

fn push_apart(node: &Node, items: &mut Vec<Node>) {
    match &node.kind {
        Kind::Map(entries) if is_branch(entries) => {
            let parts = entries.iter().map(|(key, value)| {
                let value = match key.is_text(&["then", "else"]) {
                    true => apart(value),
                    false => value.clone(),
                };
                (key.clone(), value)
            });
            items.push(Node {
                mark: node.mark,
                kind: Kind::Map(parts.collect()),
            });
        }
        Kind::Map(entries) => items.extend(entries.iter().map(|entry| Node {
            mark: entry.0.mark,
            kind: Kind::Map(vec![entry.clone()]),
        })),
        _ => items.push(node.clone()),
    }
}

/// What an entry says something about.
type Names<'f> = &'f dyn Fn(&Node) -> Vec<String>;

fn joined(strong: Node, weak: &Node, names: Names<'_>) -> Node {
    let (Kind::List(above), Kind::List(below)) = (&strong.kind, &weak.kind) else {
        return strong;
    };
    let mut claims = Vec::new();
    gather(above, &mut Vec::new(), names, &mut claims);
    let mut items = without(below, &claims, names);
    items.extend(above.iter().cloned());
    Node {
        mark: strong.mark,
        kind: Kind::List(items),
    }
}

/// Finds what the entries claim, and under which conditions.
fn gather(nodes: &[Node], path: &mut Vec<String>, names: Names<'_>, claims: &mut Vec<Claim>) {
    for node in nodes {
        let Kind::Map(entries) = &node.kind else {
            push_claims(node, path, names, claims);
            continue;
        };
        if !is_branch(entries) {
            push_claims(node, path, names, claims);
            continue;
        }
        // An `if` that cannot be read is refused when the recipe is read.
        let condition = match node.value("if").map(|node| &node.kind) {
            Some(Kind::Text(text)) if text.parse::<Condition>().is_ok() => text,
            _ => continue,
        };
        for (key, holds) in [("then", true), ("else", false)] {
            let Some(branch) = node.value(key) else {
                continue;
            };
            path.push(match holds {
                true => format!("({condition})"),
                false => format!("not ({condition})"),
            });
            gather(branch.items(), path, names, claims);
            path.pop();
        }
    }
}

fn push_claims(node: &Node, path: &[String], names: Names<'_>, claims: &mut Vec<Claim>) {
    let condition = (!path.is_empty()).then(|| path.join(" and "));
    claims.extend(names(node).into_iter().map(|name| Claim {
        name,
        condition: condition.clone(),
    }));
}

/// Returns the entries of a list as far as nobody stronger claims what they are about.
fn without(nodes: &[Node], claims: &[Claim], names: Names<'_>) -> Vec<Node> {
    let mut kept = Vec::new();
    for node in nodes {
        match &node.kind {
            Kind::Map(entries) if is_branch(entries) => {
                let parts = entries.iter().map(|(key, value)| {
                    let value = match key.is_text(&["then", "else"]) {
                        true => Node {
                            mark: value.mark,
                            kind: Kind::List(without(value.items(), claims, names)),
                        },
                        false => value.clone(),
                    };
                    (key.clone(), value)
                });
                kept.push(Node {
                    mark: node.mark,
                    kind: Kind::Map(parts.collect()),
                });
            }
            _ => kept.extend(unclaimed(node, claims, names)),
        }
    }
    kept
}

fn unclaimed(node: &Node, claims: &[Claim], names: Names<'_>) -> Option<Node> {
    let own = names(node);
    let about = claims.iter().filter(|claim| own.contains(&claim.name));
    let mut conditions = Vec::new();
    for claim in about {
        conditions.push(format!("not ({})", claim.condition.as_ref()?));
    }
    conditions.sort();
    conditions.dedup();
    if conditions.is_empty() {
        return Some(node.clone());
    }
    let text = |text: &str| Node {
        mark: node.mark,
        kind: Kind::Text(text.to_string()),
    };
    let entries = vec![
        (text("if"), text(&conditions.join(" and "))),
        (text("then"), node.clone()),
    ];
    Some(Node {
        mark: node.mark,
        kind: Kind::Map(entries),
    })
}
