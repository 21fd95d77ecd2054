//! The graph as a tree, what was shown once not shown again.

use super::{Graph, Kind};

/// Which way a tree grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To what a package needs.
    Down,
    /// To who needs a package.
    Up,
}

/// One line of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// The package.
    pub package: usize,
    /// The text that leads to it; none for a root.
    pub text: Option<String>,
    /// For each level above it, whether more follows there; its own comes last.
    pub more: Vec<bool>,
    /// What hangs below it was shown before.
    pub repeated: bool,
    /// What hangs below it is deeper than wanted.
    pub cut: bool,
}

/// What is still to be shown.
struct Open {
    package: usize,
    text: Option<String>,
    more: Vec<bool>,
}

/// Returns the tree below some packages, down to a depth.
///
/// Rings end where they close. Properties of the machine are left out on the way
/// down: nearly every package has the same.
pub fn tree(
    graph: &Graph,
    roots: &[usize],
    direction: Direction,
    depth: Option<usize>,
) -> Vec<Branch> {
    let mut shown = vec![false; graph.packages.len()];
    let mut branches = Vec::new();
    let root = |package: &usize| Open {
        package: *package,
        text: None,
        more: Vec::new(),
    };
    let mut open: Vec<Open> = roots.iter().rev().map(root).collect();
    while let Some(next) = open.pop() {
        let children = children(graph, next.package, direction);
        let repeated = shown[next.package] && !children.is_empty();
        let cut = !repeated && depth.is_some_and(|d| next.more.len() >= d) && !children.is_empty();
        if !repeated && !cut {
            shown[next.package] = true;
            let last = children.len().saturating_sub(1);
            for (index, (package, text)) in children.into_iter().enumerate().rev() {
                let mut more = next.more.clone();
                more.push(index < last);
                open.push(Open {
                    package,
                    text: Some(text),
                    more,
                });
            }
        }
        branches.push(Branch {
            package: next.package,
            text: next.text,
            more: next.more,
            repeated,
            cut,
        });
    }
    branches
}

/// Returns what hangs below a package: each once, by name, with all its texts.
fn children(graph: &Graph, package: usize, direction: Direction) -> Vec<(usize, String)> {
    let edges = match direction {
        Direction::Down => graph.needs(package),
        Direction::Up => graph.needed_by(package),
    };
    let is_shown =
        |index: usize| direction == Direction::Up || graph.packages[index].kind != Kind::Virtual;
    let mut children: Vec<(usize, String)> = Vec::new();
    for (other, text) in edges.iter().filter(|(other, _)| is_shown(*other)) {
        match children.iter_mut().find(|(known, _)| known == other) {
            Some((_, texts)) if texts.split(" and ").any(|known| known == text) => {}
            Some((_, texts)) => *texts = format!("{texts} and {text}"),
            None => children.push((*other, text.clone())),
        }
    }
    children.sort_by_key(|(other, _)| *other);
    children
}
