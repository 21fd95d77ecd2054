use proptest::prelude::*;
use rattler_conda_types::Subdir;

use super::*;
use crate::{
    activation::{PrefixFacts, activation},
    plan::{ActivationSettings, LibraryPath},
};

fn sample(prefix: &str, platform: Subdir, variables: &[(&str, &str)]) -> Activation {
    let settings = ActivationSettings {
        env: variables
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect(),
        library_path: LibraryPath::Cuda,
        ..ActivationSettings::default()
    };
    let mut facts = PrefixFacts::empty(platform);
    facts.cuda_libraries = vec!["libcudart.so.12".to_string()];
    facts
        .variables
        .insert("PACKAGE".to_string(), prefix.to_string());
    activation(prefix, &settings, &facts).unwrap()
}

fn linux(prefix: &str) -> Activation {
    sample(prefix, Subdir::Linux64, &[("X", prefix), ("EMPTY", "")])
}

fn variables(pairs: &[(&str, &str)]) -> Variables {
    pairs
        .iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

fn value<'a>(variables: &'a Variables, name: &str) -> Option<&'a str> {
    variables
        .get(OsStr::new(name))
        .and_then(|value| value.to_str())
}

#[test]
fn activation_prepends_and_never_leaves_an_empty_element() {
    let activation = linux("/envs/a");
    let bare = environment(&activation, &variables(&[("LD_LIBRARY_PATH", "")]));
    assert_eq!(
        value(&bare, "LD_LIBRARY_PATH"),
        Some("/envs/a/lib/gpuenv-cuda")
    );
    assert_eq!(value(&bare, "PATH"), Some("/envs/a/bin"));
    assert_eq!(value(&bare, "CONDA_SHLVL"), Some("1"));
    assert_eq!(value(&bare, "CONDA_DEFAULT_ENV"), Some("a"));
    assert_eq!(value(&bare, "PACKAGE"), Some("/envs/a"));
    let full = environment(&activation, &variables(&[("LD_LIBRARY_PATH", "/cuda:/x")]));
    assert_eq!(
        value(&full, "LD_LIBRARY_PATH"),
        Some("/envs/a/lib/gpuenv-cuda:/cuda:/x")
    );
}

#[test]
fn conda_can_come_down_from_our_level() {
    let base = variables(&[
        ("CONDA_SHLVL", "1"),
        ("CONDA_PREFIX", "/base"),
        ("PATH", "/base/bin"),
    ]);
    let active = environment(&linux("/envs/a"), &base);
    for (name, expected) in [
        ("CONDA_SHLVL", "2"),
        ("CONDA_PREFIX_1", "/base"),
        ("CONDA_STACKED_2", "true"),
        ("CONDA_PREFIX", "/envs/a"),
    ] {
        assert_eq!(value(&active, name), Some(expected));
    }
    assert_eq!(deactivated(&linux("/envs/a"), &active), base);
}

#[test]
fn what_something_else_changed_stays() {
    let activation = linux("/envs/a");
    let mut active = environment(&activation, &variables(&[("X", "old"), ("PATH", "/bin")]));
    active.insert("X".into(), "theirs".into());
    active.insert("PATH".into(), "/first:/envs/a/bin:/bin:/last".into());
    active.insert("LD_LIBRARY_PATH".into(), "/theirs".into());
    active.remove(OsStr::new("EMPTY"));
    let after = deactivated(&activation, &active);
    assert_eq!(
        after,
        variables(&[
            ("X", "theirs"),
            ("PATH", "/first:/bin:/last"),
            ("LD_LIBRARY_PATH", "/theirs"),
        ])
    );
}

#[test]
fn a_list_that_was_unset_is_unset_again_only_if_nothing_else_is_in_it() {
    let activation = linux("/envs/a");
    let active = environment(&activation, &variables(&[]));
    assert_eq!(deactivated(&activation, &active), variables(&[]));
    let mut changed = active;
    changed.insert("LD_LIBRARY_PATH".into(), "/envs/a/lib/gpuenv-cuda:".into());
    assert_eq!(deactivated(&activation, &changed), variables(&[]));
    let mut emptied = environment(&activation, &variables(&[]));
    emptied.insert("LD_LIBRARY_PATH".into(), "".into());
    let after = deactivated(&activation, &emptied);
    assert_eq!(after, variables(&[("LD_LIBRARY_PATH", "")]));
}

#[test]
fn only_the_last_activation_can_be_undone() {
    let (a, b) = (linux("/envs/a"), linux("/envs/b"));
    let both = environment(&b, &environment(&a, &variables(&[("PATH", "/bin")])));
    assert_eq!(deactivated(&a, &both), both);
    assert_eq!(deactivated(&a, &variables(&[])), variables(&[]));
}

#[test]
fn damaged_state_is_harmless() {
    let activation = linux("/envs/a");
    let tag = &activation.tag;
    for stack in [
        "",
        ":",
        "x",
        &format!("{tag}_"),
        &format!("{tag}_0"),
        &format!("{tag}_x;id"),
        &format!("{tag}_99999"),
    ] {
        let damaged = variables(&[("GPUENV_STACK", stack), ("CONDA_SHLVL", "07")]);
        assert_eq!(deactivated(&activation, &damaged), damaged);
        let active = environment(&activation, &damaged);
        assert_eq!(value(&active, "CONDA_SHLVL"), Some("1"));
    }
}

#[test]
fn windows_keeps_the_spelling_of_path() {
    let activation = sample(r"C:\p", Subdir::Win64, &[("X", "1")]);
    let base = variables(&[("Path", r"C:\Windows")]);
    let active = environment(&activation, &base);
    assert!(!active.contains_key(OsStr::new("PATH")));
    let path = value(&active, "Path").unwrap();
    assert!(path.starts_with(r"C:\p;C:\p\Library\mingw-w64\bin;"));
    assert!(path.ends_with(r";C:\p\bin;C:\Windows"));
    assert_eq!(deactivated(&activation, &active), base);
}

/// Values that lists and variables really have, and some that only a test thinks of.
fn any_value() -> impl Strategy<Value = OsString> {
    prop_oneof![
        Just(OsString::new()),
        Just("/envs/a/bin".into()),
        Just("/envs/a/lib/gpuenv-cuda:/x".into()),
        Just(":x:".into()),
        Just("1".into()),
        Just("/envs/a".into()),
        any::<String>().prop_map(|text| text.replace('\0', "").into()),
    ]
}

fn any_environment() -> impl Strategy<Value = Variables> {
    let names = prop::sample::select(vec![
        "PATH",
        "LD_LIBRARY_PATH",
        "X",
        "EMPTY",
        "PACKAGE",
        "OTHER",
        "CONDA_PREFIX",
        "CONDA_PREFIX_1",
        "CONDA_DEFAULT_ENV",
        "CONDA_SHLVL",
        "CONDA_STACKED_2",
    ]);
    prop::collection::btree_map(names.prop_map(OsString::from), any_value(), 0..9)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn deactivation_restores_any_environment(base in any_environment()) {
        let activation = linux("/envs/a");
        let active = environment(&activation, &base);
        prop_assert_eq!(environment(&activation, &active), active.clone());
        prop_assert_eq!(deactivated(&activation, &active), base);
    }

    #[test]
    fn activations_nest_in_any_order(
        base in any_environment(),
        order in prop::collection::vec(0_usize..3, 1..6),
    ) {
        let all = [linux("/envs/a"), linux("/envs/b"), sample("/c", Subdir::Linux64, &[("X", "c")])];
        let mut states = vec![(0, base)];
        for index in order {
            let next = environment(&all[index], &states.last().unwrap().1);
            states.push((index, next));
        }
        while let Some((index, state)) = states.pop() {
            if let Some((_, below)) = states.last() {
                prop_assert_eq!(&deactivated(&all[index], &state), if &state == below { continue } else { below });
            }
        }
    }
}
