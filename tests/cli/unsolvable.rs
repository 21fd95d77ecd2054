//! What a user gets where a recipe cannot be solved: one sentence, the tree, what to type.

use crate::lab::{Lab, recipe};

const LOCK: [&str; 4] = ["lock", "./demo.yaml", "--progress", "none"];

/// A channel in which nothing of the new world goes with the old one.
fn lab(dependencies: &[&str]) -> Lab {
    let lab = Lab::new();
    for version in ["3.9", "3.12"] {
        lab.channel.package("python", version).publish();
    }
    for (version, cudnn) in [("2.9", ">=8.1,<9.0a0"), ("2.10", ">=8.4,<9.0a0")] {
        lab.channel
            .package("tensorflow", version)
            .needs("python 3.9.*")
            .needs(&format!("cudnn {cudnn}"))
            .publish();
    }
    for version in ["8.1.0", "8.4.1", "9.1.0"] {
        lab.channel.package("cudnn", version).publish();
    }
    lab.channel
        .package("cupy", "10.0")
        .constrains("cudnn <8")
        .publish();
    lab.channel
        .package("late", "1")
        .needs("nowhere >=2")
        .publish();
    lab.sandbox.write(
        "demo.yaml",
        recipe("demo", dependencies).replace("gpu: none", "gpu: optional"),
    );
    lab
}

#[test]
fn the_tree_leads_from_the_recipes_lines_to_what_contradicts() {
    let lab = lab(&["tensorflow 2.10.*", "cudnn 8.1.*"]);
    insta::assert_snapshot!(lab.sandbox.gpuenv(LOCK), @"
    exit code: 13
    ----- stdout -----
    ----- stderr -----
    error[GE301]: `tensorflow 2.10.*` and `cudnn 8.1.*` do not go together for linux-64
     --> ./demo.yaml:7:5
      |
    7 |   - tensorflow 2.10.*
      |     ^^^^^^^^^^^^^^^^^
    cause: `tensorflow 2.10 h0_0` needs `cudnn >=8.4,<9.0a0`
    tree: the recipe asks for `cudnn 8.1.*`
          └─ `cudnn 8.1.0 h0_0`
          the recipe asks for `tensorflow 2.10.*`
          └─ `tensorflow 2.10 h0_0`
             └─ needs `cudnn >=8.4,<9.0a0`
                └─ `cudnn 8.4.1 h0_0`: the recipe asks for `cudnn 8.1.*` as well
    help: write `tensorflow 2.9.*` instead of `tensorflow 2.10.*`, the nearest version that works
    help: write `cudnn 8.4.*` instead of `cudnn 8.1.*`, the nearest version that works
    docs: `gpuenv explain GE301`
    ");
}

#[test]
fn of_many_lines_the_one_that_is_enough_is_named() {
    let lab = lab(&["python 3.9.*", "cudnn 8.1.*", "tensorflow 2.9.*", "late"]);
    insta::assert_snapshot!(lab.sandbox.gpuenv(LOCK), @"
    exit code: 13
    ----- stdout -----
    ----- stderr -----
    error[GE301]: `late` cannot be installed for linux-64, whatever else is in the recipe
      --> ./demo.yaml:10:5
       |
    10 |   - late
       |     ^^^^
    cause: `late 1 h0_0` needs `nowhere >=2`, which no channel has
    tree: the recipe asks for `late`
          └─ `late 1 h0_0`: needs `nowhere >=2`, and no channel has a package of that name
    help: leave out `late`
    docs: `gpuenv explain GE301`
    ");
}

#[test]
fn json_has_the_tree_as_data() {
    let lab = lab(&["cupy 10.*", "cudnn 8.4.*"]);
    let [command, rest @ ..] = LOCK;
    let ran = lab
        .sandbox
        .gpuenv([&[command, "--json"], &rest[..]].concat())
        .code(13);
    let json = ran.json();
    let diagnostic = &json["diagnostics"][0];
    insta::assert_snapshot!(serde_json::to_string_pretty(&diagnostic["conflict"]).unwrap(), @r#"
    {
      "wants": [
        {
          "by": "recipe",
          "place": {
            "file": "./demo.yaml",
            "span": {
              "line": 8,
              "column": 5,
              "length": 11,
              "text": "  - cudnn 8.4.*",
              "cut": 0
            }
          },
          "specs": [
            "cudnn 8.4.*"
          ],
          "more_specs": 0,
          "there": [],
          "choices": [
            {
              "name": "cudnn",
              "versions": [
                "8.4.1"
              ],
              "more_versions": 0,
              "build": "h0_0",
              "packages": 1,
              "reasons": [],
              "left_out": 0
            }
          ],
          "above": false,
          "left_out": 0
        },
        {
          "by": "recipe",
          "place": {
            "file": "./demo.yaml",
            "span": {
              "line": 7,
              "column": 5,
              "length": 9,
              "text": "  - cupy 10.*",
              "cut": 0
            }
          },
          "specs": [
            "cupy 10.*"
          ],
          "more_specs": 0,
          "there": [],
          "choices": [
            {
              "name": "cupy",
              "versions": [
                "10.0"
              ],
              "more_versions": 0,
              "build": "h0_0",
              "packages": 1,
              "reasons": [
                {
                  "kind": "accepts-only",
                  "specs": [
                    "cudnn <8"
                  ],
                  "not": [
                    "cudnn 8.4.1"
                  ]
                }
              ],
              "left_out": 0
            }
          ],
          "above": false,
          "left_out": 0
        }
      ]
    }
    "#);
}

#[test]
fn what_a_channel_writes_steers_no_terminal_and_floods_none() {
    let lab = lab(&["bad", "python 3.12.*"]);
    let long = "x".repeat(5_000);
    lab.channel
        .package("bad", "1")
        .needs(&format!("python 3.9.*|{long}\u{1b}[2J\u{202e}"))
        .publish();
    for number in 0..200 {
        let package = lab.channel.package("bad", &format!("2.{number}"));
        let package = package.build(&format!("h\u{1b}[31m_{number}"));
        package.needs(&format!("missing{number} >=1")).publish();
    }
    let ran = lab.sandbox.gpuenv(LOCK);
    let said = ran.stderr();
    assert_eq!(ran.exit_code(), Some(13), "{said}");
    assert!(!said.contains(['\u{1b}', '\u{202e}']), "{said}");
    assert!(said.lines().count() < 60, "{said}");
    assert!(
        said.lines().all(|line| line.chars().count() < 1_000),
        "{said}"
    );
}
