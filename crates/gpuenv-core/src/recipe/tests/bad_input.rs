//! What is wrong with a recipe is told with code, place and help.

use super::*;

/// Code, line, column, marked text, message and first help of the only error.
#[track_caller]
fn only(text: impl AsRef<[u8]>) -> (String, usize, usize, String, String, String) {
    let errors = bad(text);
    assert_eq!(errors.len(), 1, "{errors:#?}");
    let error = &errors[0];
    (
        error.code.to_string(),
        span(error).line,
        span(error).column,
        marked(error),
        error.message.clone(),
        error.help[0].clone(),
    )
}

#[track_caller]
fn expect(
    text: impl AsRef<[u8]>,
    (code, line, column, marked): (&str, usize, usize, &str),
    message: &str,
    help: &str,
) {
    let found = only(text);
    let place = (found.0.as_str(), found.1, found.2, found.3.as_str());
    assert_eq!(place, (code, line, column, marked), "{}", found.4);
    assert_eq!((found.4.as_str(), found.5.as_str()), (message, help));
}

/// The least recipe with one more line, which is line 5.
fn with(line: &str) -> String {
    format!("{LEAST}{line}\n")
}

#[test]
fn an_unknown_key_is_answered_with_a_known_one() {
    expect(
        with("dependancies: []"),
        ("GE102", 5, 1, "dependancies"),
        "the recipe has no key `dependancies`",
        "did you mean `dependencies`?",
    );
    expect(
        with("target: { cuda: \"12.4\", compute_capability: \"8.6\" }"),
        ("GE102", 5, 25, "compute_capability"),
        "`target` has no key `compute_capability`",
        "did you mean `compute-capability`?",
    );
    expect(
        with("about: { colour: red }"),
        ("GE102", 5, 10, "colour"),
        "`about` has no key `colour`",
        "known are `summary`, `notes`, `homepage`, `documentation`, `repository`, `license`",
    );
}

#[test]
fn a_key_given_twice_names_the_first_line() {
    expect(
        format!("{LEAST}name: y\n"),
        ("GE109", 5, 1, "name"),
        "`name` is given twice, first in line 2",
        "keep one `name`: here or in line 2",
    );
    expect(
        with("activation: { env: { A: 1, A: 2 } }"),
        ("GE109", 5, 28, "A"),
        "`A` is given twice, first in line 5",
        "keep one `A`: here or in line 5",
    );
}

#[test]
fn a_wrong_type_is_told_with_what_it_is() {
    expect(
        with("dependencies: python"),
        ("GE103", 5, 15, "python"),
        "`dependencies` must be a list, and this is a text",
        "write a list: `[python 3.12.*]`, or a line `- python 3.12.*` each",
    );
    expect(
        with("gpu: [required]"),
        ("GE103", 5, 6, "["),
        "`gpu` must be one word, and this is a list",
        "write one of `required`, `optional`, `none`",
    );
    expect(
        with("dependencies:\n  - python: 3.12.*"),
        ("GE103", 6, 5, "p"),
        "a dependency must be a match spec, and this is a map",
        "write `python 3.12.*`, without the `:`",
    );
    expect(
        with("dependencies:\n  - pip: [numpy]"),
        ("GE103", 6, 5, "p"),
        "a dependency must be a match spec, and this is a map",
        "move these to `pypi-dependencies`, a key of the recipe",
    );
    expect(
        with("about:\n  summary:"),
        ("GE103", 6, 10, ":"),
        "`summary` must be a text, and this is no value",
        "write a text, quoted if it holds `: `",
    );
}

#[test]
fn a_missing_key_is_told_with_an_example() {
    expect(
        "schema: 1\nname: x\nplatforms: [linux-64]\n",
        ("GE104", 1, 1, "s"),
        "the recipe lacks the key `channels`",
        "write `channels: [conda-forge]`",
    );
    expect(
        with("dependencies:\n  - then: [a]"),
        ("GE104", 6, 5, "t"),
        "the entry lacks the key `if`",
        "write `if: win`, for example, before `then:`",
    );
    expect(
        with("dependencies:\n  - if: win"),
        ("GE104", 6, 5, "i"),
        "the entry lacks the key `then`",
        "write `then: []` if nothing is meant",
    );
}

#[test]
fn a_bad_condition_is_marked_inside_its_text() {
    let known = "`windos` is not known in a condition";
    for (line, column) in [
        ("dependencies: [{ if: linux or windos, then: a }]", 31),
        ("dependencies: [{ if: \"linux or windos\", then: a }]", 32),
        ("dependencies: [{ if: 'linux or windos', then: a }]", 32),
    ] {
        expect(
            with(line),
            ("GE106", 5, column, "windos"),
            known,
            "did you mean `win`?",
        );
    }
    // An escape makes the places in the value differ from those in the file.
    expect(
        with("dependencies: [{ if: \"linux or\\x20windos\", then: a }]"),
        ("GE106", 5, 22, "\"linux or\\x20windos\""),
        known,
        "did you mean `win`?",
    );
}

#[test]
fn a_bad_dependency_is_answered_with_a_good_one() {
    expect(
        with("dependencies:\n  - cudnn 8.1"),
        ("GE105", 6, 5, "cudnn 8.1"),
        "`cudnn 8.1` is not a match spec: missing range specifier for `8.1`",
        "did you mean `cudnn 8.1.*`?",
    );
    expect(
        with("dependencies: [python >=3.10,<3.11]"),
        ("GE105", 5, 30, "<3.11"),
        "`<3.11` is not a match spec: missing package name",
        "inside `[…]` a comma begins a new entry: put the whole spec into quotes",
    );
    expect(
        with("dependencies: [pytorch::pytorch]"),
        ("GE105", 5, 16, "pytorch::pytorch"),
        "`pytorch` is not one of the recipe's channels",
        "add `pytorch` to `channels`",
    );
    expect(
        with("dependencies: [__cuda >=12]"),
        ("GE105", 5, 16, "__cuda >=12"),
        "`__cuda` is a property of the machine and not a package",
        "write `target: { cuda: \"12.4\" }` instead",
    );
    expect(
        with("pypi-dependencies: [numpy=1.26]"),
        ("GE111", 5, 26, "=1.26"),
        "this is not a PEP 508 requirement: no such comparison operator \"=\", must be one of ~= == != <= >= < > ===",
        "did you mean `numpy==1.26`?",
    );
}

#[test]
fn bad_scalars_are_refused_where_they_stand() {
    for (line, marked_text, code) in [
        ("target: { cuda: 12 }", "12", "GE103"),
        ("target: { cuda: \">=12.4\" }", "\">=12.4\"", "GE103"),
        ("target: { glibc: new }", "new", "GE103"),
        ("gpu: maybe", "maybe", "GE103"),
        ("probe: [driver, tensorflwo]", "tensorflwo", "GE103"),
        ("about: { homepage: example.org }", "example.org", "GE103"),
        ("activation: { env: { PATH: x } }", "PATH", "GE113"),
        ("activation: { env: { 1A: x } }", "1A", "GE113"),
        ("activation: { library-path: lib }", "lib", "GE103"),
        ("activation: { xla: on }", "on", "GE103"),
        (
            "pypi-dependencies: [\"x @ file:///y\"]",
            "x @ file:///y",
            "GE111",
        ),
    ] {
        let errors = bad(with(line));
        assert_eq!(errors.len(), 1, "{line}: {errors:#?}");
        assert_eq!(errors[0].code.to_string(), code, "{line}");
        // A line with a secret or an address is blotted out in what is shown.
        if code != "GE111" {
            assert_eq!(marked(&errors[0]), marked_text, "{line}");
        }
    }
}

#[test]
fn lists_and_names_that_make_no_sense_are_refused() {
    for (text, message) in [
        (
            "schema: 1\nname: con\nchannels: [c]\nplatforms: [linux-64]",
            "`con` cannot be a name: Windows keeps it for a device",
        ),
        (
            "schema: 1\nname: x\nchannels: []\nplatforms: [linux-64]",
            "`channels` must hold at least one entry",
        ),
        (
            "schema: 1\nname: x\nchannels: [c]\nplatforms: []",
            "`platforms` must hold at least one entry",
        ),
        (
            "schema: 1\nname: x\nchannels: [c]\nplatforms: [linux-64, linux-64]",
            "`linux-64` is listed twice, first in line 4",
        ),
        (
            "schema: 1\nname: x\nchannels: [c, c]\nplatforms: [linux-64]",
            "`c` is listed twice, first in line 3",
        ),
        (
            "schema: 1\nname: x\nchannels: [c]\nplatforms: [linux_64]",
            "`linux_64` is not a platform",
        ),
        (
            "schema: 1\nname: x\nchannels: [c]\nplatforms: [{ if: win, then: win-64 }]",
            "a platform must be a text, and this is a map",
        ),
        (
            "schema: one\nname: x\nchannels: [c]\nplatforms: [linux-64]",
            "`one` is not a version of the recipe form",
        ),
        (
            "schema: 1\nname: x\nchannels: [c]\nplatforms: [linux-64]\ntarget: { if: win, then: {} }",
            "an `if` must be an entry of a list",
        ),
    ] {
        assert_eq!(only(text).4, message);
    }
}

#[test]
fn a_newer_form_is_not_judged_by_the_rules_of_this_one() {
    expect(
        "schema: 2\nname: X Y\nfuture: { a: b }\n",
        ("GE112", 1, 9, "2"),
        "the recipe has the form 2, and this gpuenv reads the form 1",
        "update gpuenv, or write `schema: 1` and only what this gpuenv knows",
    );
}

#[test]
fn one_run_tells_everything() {
    let text = "schema: 1\nname: X\nchannels: [\"a b\"]\nplatforms: [linux-65]\ngpu: yes\n\
                dependencies:\n  - cudnn 8.1\n  - if: windows\n    then: [a b c]\n    else: '*'\n  - ok\n\
                pypi-dependencies: [a=1, b=2]\ntarget: { cuda: x, glibc: y }\nwhat: 1\n";
    let errors = bad(text);
    let lines: Vec<usize> = errors.iter().map(|error| span(error).line).collect();
    assert_eq!(
        lines,
        [2, 3, 4, 5, 7, 8, 9, 10, 12, 12, 13, 13, 14],
        "{errors:#?}"
    );
}

#[test]
fn what_is_no_yaml_is_told_with_line_and_column() {
    for (text, line, column, message) in [
        (
            "a: [1",
            1,
            4,
            "the recipe is not valid YAML: unclosed bracket `[`",
        ),
        (
            "a: b: c",
            1,
            5,
            "the recipe is not valid YAML: mapping values are not allowed in this context",
        ),
        (
            "a: \"b",
            1,
            4,
            "the recipe is not valid YAML: unclosed quote",
        ),
        (
            "a: @b",
            1,
            4,
            "the recipe is not valid YAML: unexpected character: `@`",
        ),
        (
            "a: b\r\nc: [\r\n",
            2,
            4,
            "the recipe is not valid YAML: unclosed bracket `[`",
        ),
        (
            "--- a\n--- b\n",
            2,
            1,
            "the recipe holds more than one YAML document",
        ),
        ("", 1, 1, "the recipe is empty"),
        ("# only a comment\n", 1, 1, "the recipe is empty"),
        ("---\n", 1, 1, "the recipe is empty"),
        ("null", 1, 1, "the recipe is empty"),
        (
            "x: &a [*a]\n",
            1,
            8,
            "this alias stands for something that holds it",
        ),
    ] {
        let (code, found_line, found_column, _, found, _) = only(text);
        assert_eq!(code, "GE101", "{text:?}");
        assert_eq!(
            (found_line, found_column),
            (line, column),
            "{text:?}: {found}"
        );
        assert_eq!(found, message, "{text:?}");
    }
}

#[test]
fn the_top_level_is_a_map() {
    for (text, found) in [("[a]", "a list"), ("a", "a text"), ("- a\n- b\n", "a list")] {
        let message = only(text).4;
        assert_eq!(
            message,
            format!("the recipe must be a map, and this is {found}")
        );
    }
}

#[test]
fn a_tab_is_marked_wherever_it_indents() {
    for (text, line, column) in [
        (with("dependencies:\n\t- a"), 6, 1),
        (with("dependencies:\n  - a\n  \t- b"), 7, 3),
        (with("about:\n\tsummary: a"), 6, 1),
        (with("dependencies: [a,\n\tb]"), 6, 1),
        (format!("\t{LEAST}"), 1, 1),
        (with("about:\n  notes: |\n\ttext"), 7, 1),
    ] {
        let errors = bad(&text);
        let tab = errors
            .iter()
            .find(|error| error.message.starts_with("a tab"));
        let tab = tab.unwrap_or_else(|| panic!("{text:?}: {errors:#?}"));
        assert_eq!(
            (span(tab).line, span(tab).column),
            (line, column),
            "{text:?}"
        );
        assert_eq!(marked(tab), "\t");
    }
    let notes = good(&with("about:\n  notes: |\n    a\n    \tb"))
        .about
        .notes;
    assert_eq!(notes.as_deref(), Some("a\n\tb\n"));
}

#[test]
fn half_a_merge_is_recognised() {
    let text = "schema: 1\n<<<<<<< HEAD\nname: x\n=======\nname: y\n>>>>>>> other\n";
    let (code, line, column, marked, ..) = only(text);
    let place = (code.as_str(), line, column, marked.as_str());
    assert_eq!(place, ("GE101", 2, 1, "<<<<<<< HEAD"));
}

#[test]
fn tags_anchors_and_merge_keys_do_not_pass_silently() {
    assert_eq!(
        only(with("about: { summary: !secret x }")).4,
        "a YAML tag has no meaning in a recipe"
    );
    assert_eq!(
        only(with("about: { summary: *nothing }")).4,
        "the alias `*nothing` has no anchor `&nothing` before it"
    );
    assert_eq!(
        only(with("<<: { gpu: none }")).4,
        "the recipe has no key `<<`"
    );
    assert_eq!(
        only(with("? [a]\n: b")).4,
        "the recipe must be a map with text as keys, and this is a list"
    );
}

#[test]
fn bytes_that_are_no_text_are_marked() {
    let (code, line, column, marked, message, _) = only(b"schema: 1\nname: \xff\n");
    assert_eq!((code.as_str(), line, column), ("GE101", 2, 7));
    assert_eq!(
        (message.as_str(), marked.as_str()),
        ("the recipe is not UTF-8 text", "\u{fffd}")
    );
    let utf16: Vec<u8> = "\u{feff}a: b"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert!(only(utf16).5.contains("UTF-16"));
    for (text, code_point) in [
        ("name: a\0b", "U+0000"),
        ("name: \"a\\0b\"", "U+0000"),
        ("name: \u{1b}[31m", "U+001B"),
        ("name: \"\\e[31m\"", "U+001B"),
        ("name: a\u{202e}b", "U+202E"),
    ] {
        let errors = bad(text);
        assert!(
            errors
                .iter()
                .any(|error| error.message.ends_with(code_point)),
            "{errors:#?}"
        );
    }
}

#[test]
fn a_secret_is_never_repeated() {
    for line in [
        "channels: [\"https://user:hunter2@example.org/c\"]",
        "channels: [\"https://conda.anaconda.org/t/hunter2/c\"]",
        "channels: [c]\ndependencies: [\"https://user:hunter2@example.org/c::x\"]",
        "channels: [c]\npypi-dependencies: [\"x @ https://user:hunter2@example.org/x.whl\"]",
    ] {
        let text = format!("schema: 1\nname: x\n{line}\nplatforms: [linux-64]\n");
        let errors = bad(&text);
        assert_eq!(errors.len(), 1, "{errors:#?}");
        assert!(!format!("{errors:?}").contains("hunter2"), "{errors:#?}");
    }
}
