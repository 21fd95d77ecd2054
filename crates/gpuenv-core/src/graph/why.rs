//! Why a package is there: the shortest ways from what was asked for.

use std::collections::VecDeque;

use super::Graph;

/// One step of a way: a package, and the text with which it demands the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The package.
    pub package: usize,
    /// What it demands of the next one; none for the last.
    pub demand: Option<String>,
}

/// Why a package is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reasons {
    /// The shortest way from each line that leads to it, shortest first: the line,
    /// if what was asked for is known, and the steps down to the package.
    pub ways: Vec<(Option<usize>, Vec<Step>)>,
    /// Everybody who demands it, and how.
    pub demanded_by: Vec<(usize, String)>,
}

/// Returns why a package is there.
pub fn why(graph: &Graph, package: usize) -> Reasons {
    let toward = toward(graph, package);
    let way = |start: usize| -> Option<Vec<Step>> {
        let mut steps = Vec::new();
        let mut at = start;
        while at != package {
            let (next, text) = toward[at].clone()?;
            steps.push(Step {
                package: at,
                demand: Some(text),
            });
            at = next;
        }
        steps.push(Step {
            package,
            demand: None,
        });
        Some(steps)
    };
    let lines = graph.lines.iter().enumerate();
    let starts = lines.filter_map(|(line, (_, start))| Some((Some(line), (*start)?)));
    let mut ways: Vec<(Option<usize>, Vec<Step>)> = starts
        .filter_map(|(line, start)| Some((line, way(start)?)))
        .collect();
    if graph.lines.is_empty() {
        let starts = graph.roots().into_iter();
        ways = starts
            .filter_map(|start| Some((None, way(start)?)))
            .collect();
    }
    ways.sort_by_key(|(line, steps)| (steps.len(), *line));
    Reasons {
        ways,
        demanded_by: graph.needed_by(package).to_vec(),
    }
}

/// For each package that leads to the wanted one: the next on the shortest way,
/// and the text that demands it.
fn toward(graph: &Graph, package: usize) -> Vec<Option<(usize, String)>> {
    let mut toward: Vec<Option<(usize, String)>> = vec![None; graph.packages.len()];
    let mut open = VecDeque::from([package]);
    while let Some(at) = open.pop_front() {
        let mut above: Vec<&(usize, String)> = graph.needed_by(at).iter().collect();
        // Of two demands the longer one says more.
        above.sort_by_key(|(from, text)| (*from, std::cmp::Reverse(text.len())));
        for (from, text) in above {
            if *from != package && toward[*from].is_none() {
                toward[*from] = Some((at, text.clone()));
                open.push_back(*from);
            }
        }
    }
    toward
}
