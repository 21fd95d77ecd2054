//! Trees, reasons, and what wheels need.

use rattler_conda_types::{RepoDataRecord, Subdir};

use super::*;
use crate::solution::tests::record;

fn records() -> Vec<RepoDataRecord> {
    let mut restricting = record("cupy", "13.0", &["numpy >=1.22", "__cuda >=12"]);
    restricting.package_record.constrains = vec!["scipy >=1.7".to_string()];
    vec![
        record("pytorch", "2.6", &["libtorch 2.6.*", "numpy", "python"]),
        record("libtorch", "2.6", &["cudnn >=9", "__cuda"]),
        record("cudnn", "9.3", &["libcublas"]),
        record("libcublas", "12.4", &[]),
        record(
            "numpy",
            "2.0",
            &["python >=3.9", "python", "python_abi 3.12.*"],
        ),
        // They need each other, and nobody else needs them.
        record("python", "3.12.4", &["pip"]),
        record("pip", "24.0", &["python"]),
        restricting,
        record("ring-a", "1", &["ring-b"]),
        record("ring-b", "1", &["ring-a"]),
    ]
}

fn graph(lines: &[&str]) -> Graph {
    let mut contents = Contents::of_records(&records());
    contents.platform = Some(Subdir::Linux64);
    contents.lines = lines
        .iter()
        .map(|text| Line::of_text(*text, false))
        .collect();
    Graph::new(contents)
}

fn drawn(graph: &Graph, roots: &[usize], direction: Direction, depth: Option<usize>) -> String {
    let branches = tree(graph, roots, direction, depth);
    let lines = branches.iter().map(|branch| {
        let name = &graph.packages[branch.package].name;
        let text = branch.text.as_deref().unwrap_or_default();
        let marks = [(branch.repeated, " (*)"), (branch.cut, " ...")];
        let marks = marks.iter().filter(|(is, _)| *is).map(|(_, mark)| *mark);
        let marks: String = marks.collect();
        format!("{}{name} [{text}]{marks}", ". ".repeat(branch.more.len()))
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_tree_shows_a_subtree_once_and_ends_in_rings() {
    let graph = graph(&["conda-forge::pytorch 2.6.*", "cupy", "absent >=1"]);
    let (roots, others) = graph.all_roots();
    insta::assert_snapshot!(drawn(&graph, &[roots, others].concat(), Direction::Down, None), @"
    pytorch []
    . libtorch [libtorch 2.6.*]
    . . cudnn [cudnn >=9]
    . . . libcublas [libcublas]
    . numpy [numpy]
    . . python [python >=3.9 and python]
    . . . pip [pip]
    . . . . python [python] (*)
    . python [python] (*)
    cupy []
    . numpy [numpy >=1.22] (*)
    ring-a []
    . ring-b [ring-b]
    . . ring-a [ring-a] (*)
    ");
    assert!(
        graph
            .lines
            .iter()
            .any(|(line, to)| line.text == "absent >=1" && to.is_none())
    );
}

#[test]
fn a_tree_is_cut_at_a_depth_and_can_be_turned_round() {
    let graph = graph(&["pytorch", "cupy"]);
    insta::assert_snapshot!(drawn(&graph, &graph.roots(), Direction::Down, Some(1)), @"
    pytorch []
    . libtorch [libtorch 2.6.*] ...
    . numpy [numpy] ...
    . python [python] ...
    cupy []
    . numpy [numpy >=1.22] ...
    ");
    let cuda = graph.find("__cuda").unwrap();
    insta::assert_snapshot!(drawn(&graph, &[cuda], Direction::Up, None), @"
    __cuda []
    . cupy [__cuda >=12]
    . libtorch [__cuda]
    . . pytorch [libtorch 2.6.*]
    ");
}

#[test]
fn reasons_are_the_shortest_ways_from_the_lines() {
    let graph = graph(&["cupy", "pytorch 2.6.*", "numpy", "pip"]);
    let told = |name: &str| {
        let reasons = why(&graph, graph.find(name).unwrap());
        let ways = reasons.ways.iter().map(|(line, steps)| {
            let steps = steps.iter().map(|step| {
                let name = &graph.packages[step.package].name;
                step.demand
                    .as_ref()
                    .map_or(name.clone(), |demand| format!("{name} -({demand})-> "))
            });
            let line = line.map_or("?", |line| &graph.lines[line].0.text);
            format!("`{line}`: {}", steps.collect::<String>())
        });
        ways.collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(told("numpy"), @"
    `numpy`: numpy
    `cupy`: cupy -(numpy >=1.22)-> numpy
    `pytorch 2.6.*`: pytorch -(numpy)-> numpy
    ");
    insta::assert_snapshot!(told("libcublas"), @"`pytorch 2.6.*`: pytorch -(libtorch 2.6.*)-> libtorch -(cudnn >=9)-> cudnn -(libcublas)-> libcublas");
    // A ring: the way does not go round.
    insta::assert_snapshot!(told("pip"), @"
    `pip`: pip
    `pytorch 2.6.*`: pytorch -(python)-> python -(pip)-> pip
    `numpy`: numpy -(python >=3.9)-> python -(pip)-> pip
    `cupy`: cupy -(numpy >=1.22)-> numpy -(python >=3.9)-> python -(pip)-> pip
    ");
    assert_eq!(told("ring-a"), "");
}

#[test]
fn without_lines_what_nobody_needs_is_the_reason() {
    let graph = graph(&[]);
    let names: Vec<&str> = graph
        .roots()
        .into_iter()
        .map(|root| graph.packages[root].name.as_str())
        .collect();
    assert_eq!(names, ["cupy", "pytorch"]);
    let reasons = why(&graph, graph.find("cudnn").unwrap());
    assert_eq!(reasons.ways.len(), 1);
    assert_eq!(reasons.ways[0].0, None);
}

#[test]
fn what_is_not_there_is_told_with_what_is_near_and_who_restricts_it() {
    let graph = graph(&["pytorch"]);
    let told = absent(&graph, "SciPy", "lock `x`", "linux-64");
    assert_eq!(told.causes.len(), 1, "{told:?}");
    assert!(told.causes[0].contains("`cupy 13.0 0` accepts only `scipy >=1.7`"));
    let told = absent(&graph, "torch", "lock `x`", "linux-64");
    assert_eq!(told.help, ["there are `libtorch`, `pytorch`"]);
    let _ = absent(&graph, "", "lock `x`", "linux-64");
}

fn wheel(name: &str, requires: &[&str]) -> PlainWheel {
    PlainWheel {
        name: name.to_string(),
        version: "1.0".to_string(),
        requires: requires.iter().map(|text| (*text).to_string()).collect(),
    }
}

#[test]
fn a_wheel_needs_what_its_conditions_and_extras_say() {
    let mut contents = Contents::of_records(&records());
    contents.platform = Some(Subdir::Linux64);
    contents.lines = vec![Line::of_text("tensorflow[and-cuda]>=2.18", true)];
    for wheel in [
        wheel(
            "tensorflow",
            &[
                "numpy<3,>=1.26",
                "Keras_Core (>=3) ; python_version >= \"3.9\"",
                "nvidia-cublas-cu12==12.5 ; extra == 'and-cuda'",
                "tf-io; sys_platform == \"win32\"",
                "helper[fast]",
                "absent>=1",
                "\u{fc}nreadable",
            ],
        ),
        wheel("keras-core", &[]),
        wheel("nvidia_cublas_cu12", &[]),
        wheel("tf-io", &[]),
        wheel(
            "helper",
            &[
                "rapid; extra == 'fast'",
                "slow; extra == 'slow'",
                "tensorflow",
            ],
        ),
        wheel("rapid", &[]),
        wheel("slow", &[]),
    ] {
        contents.add_wheel(&wheel);
    }
    let graph = Graph::new(contents);
    let of = |name: &str| {
        let edges = graph.needs(graph.find(name).unwrap()).iter();
        let names = edges.map(|(to, _)| graph.packages[*to].label());
        names.collect::<Vec<_>>()
    };
    // `numpy` is a conda package here, and holds the distribution.
    let mut needs = of("tensorflow");
    needs.sort();
    assert_eq!(
        needs,
        [
            "helper 1.0",
            "keras-core 1.0",
            "numpy 2.0 0",
            "nvidia-cublas-cu12 1.0"
        ]
    );
    let mut needs = of("helper");
    needs.sort();
    assert_eq!(needs, ["rapid 1.0", "tensorflow 1.0"]);
    let reasons = why(&graph, graph.find("rapid").unwrap());
    assert_eq!(reasons.ways[0].1.len(), 3, "{reasons:?}");
}

#[test]
fn a_long_chain_and_a_large_graph_take_no_stack() {
    let chain: Vec<RepoDataRecord> = (0..5_000)
        .map(|n| record(&format!("p{n:05}"), "1", &[&format!("p{:05}", n + 1)]))
        .collect();
    let graph = Graph::new(Contents::of_records(&chain));
    let (roots, others) = graph.all_roots();
    assert_eq!((roots, others), (vec![0], vec![]));
    assert_eq!(tree(&graph, &[0], Direction::Down, Some(100)).len(), 101);
    let reasons = why(&graph, 4_999);
    assert_eq!(reasons.ways[0].1.len(), 5_000);
}
