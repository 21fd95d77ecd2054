//! Flags that activation joins with the user's own, in the real shells.

use std::ffi::OsStr;

use super::shells::{Step, Variables, recipe, shells, value, variables};

const OURS: &str = "--xla_gpu_cuda_data_dir=/env/lib/gpuenv-xla";

fn flags(look: &Variables) -> Option<&OsStr> {
    value(look, "XLA_FLAGS")
}

#[test]
fn flags_are_joined_by_a_blank_and_go_exactly() {
    let activation = recipe("/env", &[("A", "a")]);
    let theirs = [
        None,
        Some(""),
        Some("--a"),
        Some("--a=1:2 --b='x  y' $HOME `id` * "),
    ];
    for shell in shells() {
        for old in theirs {
            let mut base = variables(&[]);
            base.extend(old.map(|text| ("XLA_FLAGS".into(), text.into())));
            let steps = [
                shell.on(&activation),
                Step::Look,
                shell.on(&activation),
                Step::Look,
                shell.off(),
                Step::Look,
            ];
            let looks = shell.session(&base, &steps);
            let joined = match old {
                None | Some("") => OURS.to_string(),
                Some(old) => format!("{OURS} {old}"),
            };
            let seen: Vec<_> = looks.iter().map(flags).collect();
            let joined = Some(OsStr::new(&joined));
            assert_eq!(
                seen,
                [joined, joined, old.map(OsStr::new)],
                "{:?} with {old:?}",
                shell.shell
            );
        }
    }
}

#[test]
fn flags_that_others_add_meanwhile_stay() {
    let activation = recipe("/env", &[("A", "a")]);
    for shell in shells() {
        for (old, changed, left) in [
            ("--a", format!("--c {OURS} --a"), "--c --a"),
            ("--a", format!("{OURS} --a --c"), "--a --c"),
            ("", format!("--c {OURS}"), "--c"),
            ("--a", "--other".to_string(), "--other"),
        ] {
            let steps = [
                shell.on(&activation),
                shell.export("XLA_FLAGS", &changed),
                shell.off(),
                Step::Look,
            ];
            let looks = shell.session(&variables(&[("XLA_FLAGS", old)]), &steps);
            assert_eq!(
                flags(&looks[0]),
                Some(OsStr::new(left)),
                "{:?} with {changed:?}",
                shell.shell
            );
        }
    }
}
