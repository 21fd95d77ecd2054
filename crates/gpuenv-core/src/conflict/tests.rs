use super::*;

/// `name version` in a graph.
fn package(label: &str) -> Package {
    let (name, version) = label.split_once(' ').expect("name and version");
    Package {
        name: name.to_string(),
        version: version.parse().expect("a version"),
        build: "0".to_string(),
        excluded: None,
    }
}

fn demand(by: By, spec: &str, fits: &[usize]) -> Demand {
    Demand {
        by,
        name: crate::solution::name_of(spec).to_string(),
        spec: spec.to_string(),
        fits: fits.to_vec(),
        there: Vec::new(),
    }
}

fn line(spec: &str, fits: &[usize]) -> Demand {
    demand(By::Line(None), spec, fits)
}

fn text(graph: &Graph) -> String {
    Conflict::of(graph).tree().expect("it has branches")
}

#[test]
fn what_the_recipe_asks_for_holds_against_what_packages_need() {
    let graph = Graph {
        packages: [
            "python 3.12",
            "scipy 1.14.1",
            "scipy 1.14.0",
            "python 3.11",
            "python 3.10",
        ]
        .map(package)
        .into(),
        demands: vec![
            line("python 3.12.*", &[0]),
            line("scipy 1.14.*", &[1, 2]),
            demand(By::Package(1), "python 3.11.*", &[3]),
            demand(By::Package(2), "python 3.10.*", &[4]),
        ],
        single: ["python".to_string()].into(),
        ..Graph::default()
    };
    insta::assert_snapshot!(text(&graph), @"
    the recipe asks for `python 3.12.*`
    └─ `python 3.12 0`
    the recipe asks for `scipy 1.14.*`
    └─ `scipy 1.14.1`, `scipy 1.14.0`
       └─ needs `python 3.11.*` or `python 3.10.*`
          └─ `python 3.11`, `python 3.10`: the recipe asks for `python 3.12.*` as well
    ");
}

#[test]
fn two_packages_that_need_other_versions_are_both_named() {
    let graph = Graph {
        packages: ["a 1", "b 1", "c 1", "c 2"].map(package).into(),
        demands: vec![
            line("a", &[0]),
            line("b", &[1]),
            demand(By::Package(0), "c 1.*", &[2]),
            demand(By::Package(1), "c 2.*", &[3]),
        ],
        single: ["c".to_string()].into(),
        ..Graph::default()
    };
    insta::assert_snapshot!(text(&graph), @"
    the recipe asks for `a`
    └─ `a 1 0`
       └─ needs `c 1.*`
          └─ `c 1 0`: `b 1` needs `c 2.*`
    the recipe asks for `b`
    └─ `b 1 0`
       └─ needs `c 2.*`
          └─ `c 2 0`: `a 1` needs `c 1.*`
    ");
}

#[test]
fn a_constraint_says_what_it_does_not_accept() {
    let graph = Graph {
        packages: ["cudnn 8.1", "cupy 10.1", "__cuda 11.8"]
            .map(package)
            .into(),
        demands: vec![
            demand(By::Target, "__cuda", &[2]),
            line("cudnn 8.1.*", &[0]),
            line("cupy 10.*", &[1]),
        ],
        bans: vec![
            Ban {
                by: 1,
                spec: "cudnn <8".to_string(),
                not: 0,
            },
            Ban {
                by: 1,
                spec: "__cuda >=12".to_string(),
                not: 2,
            },
        ],
        ..Graph::default()
    };
    insta::assert_snapshot!(text(&graph), @"
    the recipe asks for `cudnn 8.1.*`
    └─ `cudnn 8.1 0`
    the recipe asks for `cupy 10.*`
    └─ `cupy 10.1 0`
       ├─ accepts only `__cuda >=12`, not `__cuda 11.8`
       └─ accepts only `cudnn <8`, not `cudnn 8.1`
    ");
}

#[test]
fn each_way_to_be_shut_out_has_its_words() {
    let reasons = [
        Reason::Hidden {
            channel: "conda-forge".to_string(),
            behind: "pytorch".to_string(),
        },
        Reason::OtherChannel {
            channel: "conda-forge".to_string(),
        },
        Reason::TooNew {
            built: Some("2024-11-05".to_string()),
        },
        Reason::TooNew { built: None },
        Reason::RuledOut {
            gpu: "required".to_string(),
        },
    ];
    let packages = reasons
        .into_iter()
        .enumerate()
        .map(|(number, reason)| Package {
            excluded: Some(reason),
            ..package(&format!("x {}", 9 - number))
        });
    let packages: Vec<Package> = packages.collect();
    let lacking = Demand {
        there: vec!["y 2".to_string()],
        ..line("y 1.*", &[])
    };
    let graph = Graph {
        demands: vec![
            line("x", &[0, 1, 2, 3]),
            line("x 5.*", &[4]),
            lacking,
            line("z", &[]),
            line("__cuda", &[]),
        ],
        packages,
        ..Graph::default()
    };
    insta::assert_snapshot!(text(&graph), @"
    the recipe asks for `x`
    ├─ `x 9 0`: of `conda-forge`, hidden because `pytorch` comes first and has packages of that name
    ├─ `x 8 0`: of `conda-forge`, and the recipe names another channel
    ├─ `x 7 0`: built on 2024-11-05 or later, after `--exclude-newer`
    └─ `x 6 0`: without a date, so `--exclude-newer` leaves it out
    the recipe asks for `x 5.*`
    └─ `x 5 0`: ruled out by `gpu: required`
    the recipe asks for `y 1.*`, which no channel has; there is `y 2`
    the recipe asks for `z`, and no channel has a package of that name
    the recipe asks for `__cuda`, which the target does not have
    ");
}

#[test]
fn a_circle_ends() {
    let graph = Graph {
        packages: ["pip 1", "python 3"].map(package).into(),
        demands: vec![
            line("python", &[1]),
            demand(By::Package(1), "pip", &[0]),
            demand(By::Package(0), "python", &[1]),
        ],
        ..Graph::default()
    };
    insta::assert_snapshot!(text(&graph), @"
    the recipe asks for `python`
    └─ `python 3 0`
       └─ needs `pip`
          └─ `pip 1 0`: needs `python`, see above
    ");
}

#[test]
fn a_huge_graph_is_cut_and_says_so() {
    let mut graph = Graph::default();
    for name in 0..300 {
        for version in 0..10 {
            graph.packages.push(package(&format!("p{name} {version}")));
        }
    }
    graph.demands.push(line("p0", &(0..10).collect::<Vec<_>>()));
    for package in 0..2_990 {
        // Each version needs a package of another name, so that none are alike.
        let next = (package / 10 + 1 + package % 10).min(299) * 10;
        let fits: Vec<usize> = (next..next + 10).collect();
        let spec = format!("p{} {}", next / 10, "x".repeat(10_000));
        graph
            .demands
            .push(demand(By::Package(package), &spec, &fits));
    }
    let text = text(&graph);
    assert!(text.lines().count() < 80, "{text}");
    assert!(
        text.lines().all(|line| line.chars().count() < 500),
        "{text}"
    );
    assert!(text.contains("more packages"), "{text}");
    let json = serde_json::to_string(&Conflict::of(&graph)).unwrap();
    assert!(json.len() < 60_000, "{}", json.len());
}

#[test]
fn numbers_that_lead_nowhere_are_ignored() {
    let graph = Graph {
        packages: vec![package("a 1")],
        demands: vec![line("a", &[0, 7]), demand(By::Package(9), "b", &[8])],
        bans: vec![Ban {
            by: 0,
            spec: "c".to_string(),
            not: 5,
        }],
        ..Graph::default()
    };
    insta::assert_snapshot!(text(&graph), @"
    the recipe asks for `a`
    └─ `a 1 0`
    ");
}
