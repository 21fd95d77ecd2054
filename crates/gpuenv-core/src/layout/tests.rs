//! Examples, and a model of a linker that trusts whatever it is given.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn file(path: &str) -> Entry {
    Entry {
        path: path.to_string(),
        kind: Kind::File,
    }
}

fn link(path: &str, target: &str) -> Entry {
    Entry {
        path: path.to_string(),
        kind: Kind::Link {
            target: target.to_string(),
        },
    }
}

fn package(label: &str, entries: Vec<Entry>) -> Package {
    Package {
        label: label.to_string(),
        entries,
        ..Package::default()
    }
}

fn refused(packages: &[Package], links: &[(&str, &str)]) -> Vec<String> {
    let links = links
        .iter()
        .map(|(path, to)| (path.to_string(), to.to_string()));
    let present = Present {
        packages: Vec::new(),
        links: links.collect(),
    };
    check(Subdir::Linux64, packages, &present)
        .refused
        .iter()
        .map(|found| format!("{} `{}`: {}", found.package, found.path, found.reason))
        .collect()
}

#[test]
fn ordinary_packages_pass() {
    let packages = [
        package(
            "a",
            vec![file("lib/libx.so.1.2"), link("lib/libx.so", "libx.so.1.2")],
        ),
        package(
            "b",
            vec![link("lib64", "lib"), link("bin/x", "../lib/x/bin/x")],
        ),
        package("c", vec![file("lib64/liby.so"), link("usr/bin/X11", ".")]),
    ];
    assert_eq!(
        refused(&packages, &[("data", "/mnt/data")]),
        [] as [&str; 0]
    );
}

#[test]
fn nothing_of_a_python_package_is_started_instead_of_python() {
    let mut one = package(
        "a",
        vec![
            file("python-scripts/python3"),
            file("bin/pythonista"),
            file("lib/python"),
        ],
    );
    one.commands = ["python", "python3.11", "pythonw", "ipython", "python-x"]
        .map(String::from)
        .into();
    one.python = Some(PythonPlaces {
        modules: "lib/python3.11/site-packages".to_string(),
        scripts: "bin".to_string(),
    });
    assert_eq!(
        refused(&[one], &[]),
        ["python", "python-scripts/python3", "python3.11", "pythonw"]
            .map(|path| format!("a `{path}`: it would be started instead of Python"))
    );
    let python = package("python", vec![file("bin/python"), file("bin/python3")]);
    assert_eq!(refused(&[python], &[]), [] as [&str; 0]);
}

#[test]
fn names_that_differ_in_capitals_only_are_refused_on_windows() {
    let mut one = package(
        "a",
        vec![
            file("x/Readme"),
            file("x/README"),
            file("x/Readme"),
            file("Scripts/TOOL.exe"),
        ],
    );
    one.commands = vec!["tool".to_string()];
    one.python = Some(PythonPlaces {
        modules: "Lib/site-packages".to_string(),
        scripts: "Scripts".to_string(),
    });
    let told = |platform| {
        let findings = check(platform, std::slice::from_ref(&one), &Present::default());
        let line = |found: &Unsafe| format!("{}: {}", found.path, found.reason);
        findings.refused.iter().map(line).collect::<Vec<_>>()
    };
    assert_eq!(
        told(Subdir::Win64),
        [
            "tool: Windows takes it and `Scripts/TOOL.exe` for one file",
            "x/README: Windows takes it and `x/Readme` for one file",
        ]
    );
    assert_eq!(told(Subdir::Linux64), [] as [&str; 0]);
}

#[test]
fn each_way_out_is_refused() {
    let packages = [
        package(
            "a",
            vec![file("../x"), file("/etc/x"), file("conda-meta/a-1-0.json")],
        ),
        package("b", vec![file("share/b")]),
    ];
    insta::assert_snapshot!(refused(&packages, &[]).join("\n"), @r"
    a `../x`: the path holds `..`
    a `/etc/x`: the path is absolute
    a `conda-meta/a-1-0.json`: the place belongs to the installer
    ");
    let packages = [
        package(
            "a",
            vec![link("share", "../outside"), link("etc/x", "/etc/x")],
        ),
        package("b", vec![file("share/b"), link("data/mine/x", "y")]),
    ];
    insta::assert_snapshot!(refused(&packages, &[("data", "/mnt/data")]).join("\n"), @r"
    a `etc/x`: the link leads out of the prefix, to `/etc/x`
    a `share`: the link leads out of the prefix, to `../outside`
    b `data/mine/x`: a link on the way leads out of the prefix
    b `share/b`: a link on the way leads out of the prefix
    ");
}

#[test]
fn modules_and_commands_are_judged_where_they_end_up() {
    let mut python = package(
        "p",
        vec![file("site-packages/p.py"), file("python-scripts/p")],
    );
    python.python = Some(PythonPlaces {
        modules: "lib/python3.12/site-packages".to_string(),
        scripts: "bin".to_string(),
    });
    python.commands = vec!["p".to_string(), "../q".to_string(), "..".to_string()];
    let paths: Vec<String> = final_paths(&python).collect();
    assert_eq!(paths, ["lib/python3.12/site-packages/p.py", "bin/p"]);
    insta::assert_snapshot!(refused(&[python.clone()], &[]).join("\n"), @r"
    p `..`: the command holds `..`
    p `../q`: the command holds a separator
    ");
    // A repodata record may name the directory, so it is no more to be trusted.
    python.commands.clear();
    python.python = Some(PythonPlaces {
        modules: "../../site-packages".to_string(),
        scripts: "bin".to_string(),
    });
    assert_eq!(refused(&[python.clone()], &[]).len(), 1);
    python.entries.clear();
    python.commands = vec!["q".to_string()];
    assert_eq!(refused(&[python], &[("bin/q", "/home/me/q")]).len(), 1);
}

#[test]
fn packages_that_share_a_path_are_named() {
    let packages = [
        package("a", vec![file("x"), file("y")]),
        package("b", vec![file("x"), file("z"), file("z")]),
    ];
    let present = Present {
        packages: vec![
            package("c", vec![file("y"), file("w")]),
            package("d", vec![file("w")]),
        ],
        links: Vec::new(),
    };
    let found = check(Subdir::Linux64, &packages, &present).clobbers;
    let found: Vec<String> = found
        .iter()
        .map(|clobber| format!("{}: {}", clobber.path, clobber.packages.join(" ")))
        .collect();
    assert_eq!(found, ["x: a b", "y: a c"]);
}

/// A file system with the prefix at `/p`, as far as a linker sees it.
struct World {
    nodes: BTreeMap<Vec<String>, Node>,
    written: Vec<Vec<String>>,
}

#[derive(Clone)]
enum Node {
    Directory,
    File,
    Link(String),
}

impl World {
    fn new(links: &[(String, String)]) -> Self {
        let mut world = World {
            nodes: BTreeMap::new(),
            written: Vec::new(),
        };
        for path in [vec![], vec!["p"], vec!["out"], vec!["out", "a"]] {
            let path = path.into_iter().map(str::to_string).collect();
            world.nodes.insert(path, Node::Directory);
        }
        for (path, target) in links {
            world.place(path, Node::Link(target.clone()));
        }
        world.written.clear();
        world
    }

    /// Resolves an absolute path as a kernel does; the last component may be missing.
    fn resolve(&self, path: &str, follow_last: bool) -> Option<Vec<String>> {
        let mut at: Vec<String> = Vec::new();
        let mut ahead: Vec<String> = path.split('/').rev().map(str::to_string).collect();
        let mut links = 0;
        while let Some(component) = ahead.pop() {
            match component.as_str() {
                "" | "." => continue,
                ".." => {
                    at.pop();
                    continue;
                }
                _ => at.push(component),
            }
            let last = ahead.iter().all(|rest| rest.is_empty());
            match self.nodes.get(&at) {
                Some(Node::Link(target)) if !last || follow_last => {
                    links += 1;
                    if links > 40 {
                        return None;
                    }
                    at.pop();
                    if target.starts_with('/') {
                        at.clear();
                    }
                    ahead.extend(target.split('/').rev().map(str::to_string));
                }
                Some(Node::Directory) => {}
                _ if last => {}
                _ => return None,
            }
        }
        Some(at)
    }

    fn write(&mut self, at: Vec<String>, node: Node) {
        let parent = &at[..at.len().saturating_sub(1)];
        if at.is_empty() || !matches!(self.nodes.get(parent), Some(Node::Directory)) {
            return;
        }
        self.written.push(at.clone());
        self.nodes.insert(at, node);
    }

    fn make_directories(&mut self, path: &str) {
        let slashes = path.match_indices('/').map(|(at, _)| at);
        for end in slashes.collect::<Vec<_>>() {
            let directory = format!("/p/{}", &path[..end]);
            let exists = self.resolve(&directory, true);
            if exists.is_some_and(|at| self.nodes.contains_key(&at)) {
                continue;
            }
            if let Some(at) = self.resolve(&directory, false)
                && !self.nodes.contains_key(&at)
            {
                self.write(at, Node::Directory);
            }
        }
    }

    /// Puts a node at a path, replacing what is there unless it is a directory.
    fn place(&mut self, path: &str, node: Node) {
        self.make_directories(path);
        if let Some(at) = self.resolve(&format!("/p/{path}"), false)
            && !matches!(self.nodes.get(&at), Some(Node::Directory))
        {
            self.write(at, node);
        }
    }

    /// Writes a file through whatever link is at its place.
    fn write_through(&mut self, path: &str) {
        self.make_directories(path);
        if let Some(at) = self.resolve(&format!("/p/{path}"), true)
            && !matches!(self.nodes.get(&at), Some(Node::Directory))
        {
            self.write(at, Node::File);
        }
    }

    fn wrote_outside(&self) -> bool {
        self.written
            .iter()
            .any(|path| path.first().is_none_or(|first| first != "p"))
    }
}

/// Links everything in the order that the keys give.
fn link_all(packages: &[Package], links: &[(String, String)], keys: &[u8]) -> World {
    let mut world = World::new(links);
    let mut steps = Vec::new();
    for package in packages {
        for (entry, target) in package.entries.iter().zip(final_paths(package)) {
            steps.push((target, Some(entry.kind.clone())));
        }
        for command in &package.commands {
            steps.push((format!("bin/{command}"), None));
        }
    }
    let mut order: Vec<usize> = (0..steps.len()).collect();
    order.sort_by_key(|index| keys.get(*index).copied().unwrap_or(0));
    for index in order {
        match steps[index].clone() {
            (path, Some(Kind::File)) => world.place(&path, Node::File),
            (path, Some(Kind::Directory)) => world.make_directories(&format!("{path}/")),
            (path, Some(Kind::Link { target })) => world.place(&path, Node::Link(target)),
            (path, None) => world.write_through(&path),
        }
    }
    world
}

#[test]
fn the_model_does_write_outside_when_nobody_checks() {
    let out = |entries: Vec<Entry>, keys: &[u8]| {
        link_all(&[package("a", entries)], &[], keys).wrote_outside()
    };
    assert!(out(vec![file("../out/x")], &[]));
    assert!(out(vec![link("a", "../out"), file("a/x")], &[0, 1]));
    assert!(!out(vec![link("a", "../out"), file("a/x")], &[1, 0]));
    assert!(!out(
        vec![link("a", "b/c"), link("b", "/"), file("a/x")],
        &[0, 1, 2]
    ));
    assert!(out(
        vec![link("b", "/"), link("a", "b/out"), file("a/x")],
        &[0, 1, 2]
    ));
}

fn any_path() -> impl Strategy<Value = String> {
    let component = prop_oneof![
        6 => Just("a"), 6 => Just("b"), 4 => Just("bin"), 1 => Just(".."), 1 => Just("."), 1 => Just(""),
    ];
    proptest::collection::vec(component, 1..4).prop_map(|parts| parts.join("/"))
}

fn any_target() -> impl Strategy<Value = String> {
    let component = prop_oneof![5 => Just("a"), 5 => Just("b"), 4 => Just(".."), 1 => Just("out")];
    let relative = proptest::collection::vec(component, 1..5).prop_map(|parts| parts.join("/"));
    prop_oneof![12 => relative, 1 => Just("/out".to_string()), 1 => Just(".".to_string())]
}

fn any_entry() -> impl Strategy<Value = Entry> {
    let kind = prop_oneof![
        3 => Just(Kind::File),
        1 => Just(Kind::Directory),
        3 => any_target().prop_map(|target| Kind::Link { target }),
    ];
    (any_path(), kind).prop_map(|(path, kind)| Entry { path, kind })
}

fn any_package() -> impl Strategy<Value = Package> {
    let entries = proptest::collection::vec(any_entry(), 0..4);
    let commands = proptest::collection::vec(prop_oneof![Just("a"), Just("b"), Just("..")], 0..2);
    (entries, commands).prop_map(|(entries, commands)| Package {
        label: "p".to_string(),
        entries,
        python: Some(PythonPlaces {
            modules: "a/b".to_string(),
            scripts: "bin".to_string(),
        }),
        commands: commands.into_iter().map(str::to_string).collect(),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1500) })]
    #[test]
    fn what_is_accepted_never_leaves_the_prefix(
        packages in proptest::collection::vec(any_package(), 1..3),
        links in proptest::collection::vec(("[ab](/[ab])?", any_target()), 0..2),
        keys in proptest::collection::vec(any::<u8>(), 12),
    ) {
        let present = Present { packages: Vec::new(), links: links.clone() };
        let findings = check(Subdir::Linux64, &packages, &present);
        if findings.refused.is_empty() {
            let world = link_all(&packages, &links, &keys);
            prop_assert!(!world.wrote_outside(), "{:?}", world.written);
        }
    }

    #[test]
    fn any_text_is_judged_without_panic(path in ".{0,40}", target in ".{0,40}", command in ".{0,12}") {
        let mut package = package("p", vec![link(&path, &target), file(&target)]);
        package.commands = vec![command];
        check(Subdir::Win64, &[package], &Present::default());
    }
}
