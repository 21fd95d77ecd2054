//! The five tutorials of `tests/data/tutorials`, pasted whole and line by line: what they get
//! wrong is named and mended.

use gpuenv_testkit::{Output, Sandbox};

use crate::{import::sandbox, source::root};

/// A flaw that `rows.yaml` marks: the row, the lines that have it, what is named, and what is
/// gone when it is mended.
struct Flaw {
    row: &'static str,
    lines: &'static [&'static str],
    codes: &'static [&'static str],
    gone: &'static str,
}

/// Every row that has a flaw, and those that a tool for environments must name.
const FLAWS: [Flaw; 11] = [
    Flaw {
        row: "S000-1",
        lines: &["$ nvidia-smi"],
        codes: &["GE158"],
        gone: "",
    },
    Flaw {
        row: "S000-3",
        lines: &["pip install tensorflow-gpu   # old"],
        codes: &["GE148"],
        gone: "tensorflow-gpu",
    },
    Flaw {
        row: "S001-3",
        lines: &[
            "import tensorflow as tf",
            "model.compile(optimizer='adam', loss='sparse_categorical_crossentropy', metrics=['accuracy'])",
            "model.fit(x_train, y_train, epochs=1)",
        ],
        codes: &["GE158", "`x_train`", "`y_train`", "probabilities"],
        gone: "'sparse_categorical_crossentropy'",
    },
    Flaw {
        row: "S001-4",
        lines: &[
            "import cupy as cp",
            "def add_kernel(a, b, c):",
            "    i = cp.cuda.grid(1)",
            "add_kernel[blocks, threads](a, b, c)",
        ],
        codes: &["GE151", "GE158", "`cp.cuda.grid`", "`add_kernel`"],
        gone: "cp.cuda.grid",
    },
    Flaw {
        row: "S002-1",
        lines: &["Windows 10 19044 or newer is needed. WSL does not help here."],
        codes: &["GE145", "WSL2"],
        gone: "does not help",
    },
    Flaw {
        row: "S002-2",
        lines: &["(tf) PS C:\\Users\\我> pip install --user tensorflow<2.11"],
        codes: &["GE143", "GE154"],
        gone: "--user",
    },
    Flaw {
        row: "S002-5",
        lines: &[
            "(tf) PS C:\\Users\\我> mkdir -p $CONDA_PREFIX/etc/conda/activate.d",
            "(tf) PS C:\\Users\\我> echo 'export LD_LIBRARY_PATH=$LD_LIBRARY_PATH:$CONDA_PREFIX/lib/' > $CONDA_PREFIX/etc/conda/activate.d/env_vars.sh",
        ],
        codes: &["GE144", "GE147", "appended", "writes over"],
        gone: "mkdir",
    },
    Flaw {
        row: "S003-5",
        lines: &[
            "(pyt) $ conda install pytorch torchvision torchaudio pytorch-cuda=11.7 -c pytorch -c nvidia",
        ],
        codes: &["GE140", "GE152"],
        gone: "-c pytorch",
    },
    Flaw {
        row: "S003-9",
        lines: &[
            "$ conda create --name tf-with-gpu",
            "(tf-with-gpu) $ python3 -m pip install \"tensorflow<2.11\"",
        ],
        codes: &["GE142", "GE155"],
        gone: "python3",
    },
    Flaw {
        row: "S004-1",
        lines: &["If a GPU is there, PyTorch will automatically use it."],
        codes: &["GE158", "by itself"],
        gone: "automatically",
    },
    Flaw {
        row: "S004-4",
        lines: &["import torch", "del tensor"],
        codes: &["GE158", "not to the GPU"],
        gone: "",
    },
];

fn tutorial(number: &str) -> String {
    let path = root().join(format!("tests/data/tutorials/{number}.md"));
    fs_err::read_to_string(path).expect("it is in the repository")
}

fn piped(sandbox: &Sandbox, words: &[&str], text: &str) -> Output {
    sandbox.command(words).input(text.as_bytes()).run()
}

/// Fails unless what is told has every one of the words.
#[track_caller]
fn names(told: &str, flaw: &Flaw, how: &str) {
    for code in flaw.codes {
        assert!(
            told.contains(code),
            "{} {how}: no {code} in\n{told}",
            flaw.row
        );
    }
}

#[test]
fn every_row_with_a_flaw_is_looked_at() {
    let path = root().join("tests/data/tutorials/rows.yaml");
    let rows = fs_err::read_to_string(path).expect("it is in the repository");
    let mut count = 0;
    for line in rows.lines().filter(|line| line.contains("flaw: ")) {
        let row = line
            .split("id: ")
            .nth(1)
            .and_then(|rest| rest.split(',').next());
        let row = row.expect("a row has an id");
        assert!(FLAWS.iter().any(|flaw| flaw.row == row), "{row}");
        count += 1;
    }
    assert_eq!(count, 10);
    for flaw in &FLAWS {
        let text = tutorial(&flaw.row[1..4]);
        for line in flaw.lines {
            assert!(
                text.lines().any(|known| known == *line),
                "{}: {line}",
                flaw.row
            );
        }
    }
}

#[test]
fn lint_names_and_mends_what_whole_tutorials_get_wrong() {
    let sandbox = sandbox();
    for number in ["000", "001", "002", "003", "004"] {
        let text = tutorial(number);
        let told = piped(&sandbox, &["lint", "-"], &text).stderr();
        let mended = piped(&sandbox, &["lint", "-", "--fix"], &text).success();
        let mended = mended.stdout();
        for flaw in FLAWS
            .iter()
            .filter(|flaw| flaw.row[1..].starts_with(number))
        {
            names(&told, flaw, "whole");
            if !flaw.gone.is_empty() {
                assert!(!mended.contains(flaw.gone), "{}:\n{mended}", flaw.row);
            }
        }
        let again = piped(&sandbox, &["lint", "-"], &mended).success();
        assert_eq!(again.stdout(), "<stdin>: nothing is wrong\n", "{number}");
    }
}

#[test]
fn lint_and_import_name_what_single_lines_get_wrong() {
    let sandbox = sandbox();
    for flaw in &FLAWS {
        let text = format!("{}\n", flaw.lines.join("\n"));
        let told = piped(&sandbox, &["lint", "-"], &text).stderr();
        names(&told, flaw, "pasted into lint");
        let told = sandbox.gpuenv(["lint", &text]).stderr();
        names(&told, flaw, "as an argument of lint");
        let told = piped(&sandbox, &["import", "-"], &text).stderr();
        names(&told, flaw, "pasted into import");
    }
}

#[test]
fn import_makes_recipes_of_tutorials_that_have_no_flaw_left() {
    let sandbox = sandbox();
    for (number, environment) in [
        ("000", None),
        ("002", None),
        ("003", None),
        ("003", Some("tf-with-gpu")),
    ] {
        let text = tutorial(number);
        let mut words = vec!["import", "-", "--fix", "--force", "--output", "r.yaml"];
        words.extend(environment.iter().flat_map(|name| ["--environment", *name]));
        let told = piped(&sandbox, &words, &text).success().stderr();
        for flaw in FLAWS
            .iter()
            .filter(|flaw| flaw.row[1..].starts_with(number))
        {
            // What is mended in the recipe needs no word.
            let is_of_lines = flaw
                .codes
                .iter()
                .any(|code| ["GE143", "GE144", "GE147", "GE151", "GE158"].contains(code));
            if is_of_lines {
                names(&told, flaw, "whole, into import");
            }
        }
        let _ = sandbox.gpuenv(["lint", "r.yaml"]).success();
    }
    let wrong = ["import", "-", "--environment", "nothing"];
    insta::assert_snapshot!(piped(&sandbox, &wrong, &tutorial("003")), @"
    exit code: 11
    ----- stdout -----
    ----- stderr -----
    error[GE133]: `nothing` cannot be imported: no line is for an environment of that name
     --> <stdin>:1:1
      |
    1 | # Environments for deep learning
      | ^
    help: name one with `--environment`: pyt, tf-with-gpu
    docs: `gpuenv explain GE133`
    ");
}
