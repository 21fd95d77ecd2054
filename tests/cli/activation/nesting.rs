//! Anything that may happen in a shell, in any order, against the pure functions.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStringExt,
    sync::atomic::{AtomicUsize, Ordering},
};

use gpuenv_core::activation::{Activation, Shell, deactivated, environment};
use proptest::prelude::*;

use super::shells::{HOSTILE, Step, Variables, recipe, shells, value, variables};

/// What may happen in a shell, in any order.
#[derive(Debug, Clone)]
enum Act {
    Activate(usize),
    Deactivate,
    Set(&'static str, String),
    Unset(&'static str),
}

const TOUCHED: &[&str] = &[
    "X",
    "PACKAGE",
    "LD_LIBRARY_PATH",
    "XLA_FLAGS",
    "CONDA_PREFIX",
    "CONDA_PREFIX_1",
    "CONDA_SHLVL",
    "CONDA_STACKED_2",
];

fn any_act() -> impl Strategy<Value = Act> {
    let name = prop::sample::select(TOUCHED);
    prop_oneof![
        4 => (0_usize..3).prop_map(Act::Activate),
        4 => Just(Act::Deactivate),
        1 => (name.clone(), "(/tmp/envs/a/lib/gpuenv-cuda|[a-c:/ 0-2]{0,3})*")
            .prop_map(|(name, text)| Act::Set(name, text)),
        1 => name.prop_map(Act::Unset),
    ]
}

fn any_environment() -> impl Strategy<Value = Variables> {
    let bytes = prop::collection::vec(1_u8.., 0..12).prop_map(OsString::from_vec);
    let value = prop_oneof![
        bytes,
        prop::sample::select(HOSTILE).prop_map(OsString::from),
        prop::sample::select(vec!["0", "1", "7", "08", "-1", "/tmp/envs/a"])
            .prop_map(OsString::from),
    ];
    let name = prop::sample::select(TOUCHED).prop_map(OsString::from);
    let locale = prop::sample::select(vec!["C", "C.UTF-8"]);
    let random = prop::collection::btree_map(name, value, 0..TOUCHED.len());
    // Without one, shells or their startup files make one up.
    let path = prop::sample::select(vec!["/usr/bin:/bin", ":", "/a b::/usr/bin"]);
    (random, locale, path).prop_map(|(mut random, locale, path)| {
        random.extend(variables(&[("LC_ALL", locale)]));
        random.insert("PATH".into(), path.into());
        random
    })
}

/// Returns which of the activations is the topmost one.
fn topmost(all: &[Activation], state: &Variables) -> Option<usize> {
    let stack = value(state, "GPUENV_STACK")?.to_str()?;
    let top = stack.rsplit(':').next()?;
    all.iter()
        .position(|one| top.starts_with(&format!("{}_", one.tag)))
}

/// How many cases are tried; more by `GPUENV_CASES`.
fn cases() -> u32 {
    let wanted = std::env::var("GPUENV_CASES").ok();
    wanted.and_then(|number| number.parse().ok()).unwrap_or(24)
}

/// Says yes for one case in six.
fn take_slow_ones() -> bool {
    static CASES: AtomicUsize = AtomicUsize::new(0);
    CASES.fetch_add(1, Ordering::Relaxed) % 12 < 2
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_shell_does_what_the_pure_functions_say(
        base in any_environment(),
        acts in prop::collection::vec(any_act(), 1..10),
        strange in prop::sample::select(HOSTILE),
    ) {
        let all = [
            recipe("/tmp/envs/a", &[("X", strange)]),
            recipe("/tmp/envs/b", &[("X", "b"), ("Z", strange), ("lower_case", strange)]),
            recipe(&format!("/tmp/{}", strange.replace(':', "")), &[]),
        ];
        for shell in shells().iter().filter(|shell| !shell.slow || take_slow_ones()) {
            let mut base = base.clone();
            if !shell.is_posix() {
                // In the C locale fish takes other bytes for Latin-1, without our help.
                base.insert("LC_ALL".into(), "C.UTF-8".into());
                // They need one, and write empty entries in their own way.
                base.insert("PATH".into(), "/usr/bin:/bin".into());
            }
            if !shell.is_posix() && shell.shell != Shell::Fish {
                base.retain(|_, value| value.to_str().is_some_and(|text| shell.keeps_in_lists(text)));
            }
            if !shell.keeps_in_lists(strange) {
                continue;
            }
            let mut state = base.clone();
            let mut steps = vec![Step::Look];
            let mut expected = vec![state.clone()];
            for act in &acts {
                steps.push(match act {
                    Act::Activate(index) => {
                        state = environment(&all[*index], &state);
                        shell.on(&all[*index])
                    }
                    Act::Deactivate => match topmost(&all, &state) {
                        Some(index) => {
                            state = deactivated(&all[index], &state);
                            shell.off()
                        }
                        None => continue,
                    },
                    Act::Set(name, value) => {
                        state.insert(name.into(), value.into());
                        shell.export(name, value)
                    }
                    // What nushell was started with comes back after a second unset.
                    Act::Unset(name)
                        if shell.shell == Shell::Nushell && value(&base, name).is_some() =>
                    {
                        continue;
                    }
                    Act::Unset(name) => {
                        state.remove(OsStr::new(name));
                        shell.unset(name)
                    }
                });
                steps.push(Step::Look);
                expected.push(state.clone());
            }
            while let Some(index) = topmost(&all, &state) {
                state = deactivated(&all[index], &state);
                steps.extend([shell.off(), Step::Look]);
                expected.push(state.clone());
            }
            let looks = shell.session(&base, &steps);
            for (look, expected) in looks.iter().zip(&expected) {
                prop_assert_eq!(look, expected, "{}", shell.name);
            }
        }
    }
}
