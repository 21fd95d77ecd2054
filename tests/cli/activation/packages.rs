//! The scripts that packages bring, between our own edits.

use std::{collections::BTreeMap, ffi::OsStr, path::Path};

use gpuenv_core::{
    activation::{Activation, PrefixFacts, activation, environment, run_script},
    plan::{ActivationSettings, LibraryPath},
};
use rattler_conda_types::Subdir;
use tempfile::TempDir;

use super::shells::{Step, Variables, read, shells, value, variables, write_below};

/// Makes a prefix whose packages write down in `ORDER` what runs when.
fn prefix_with_scripts(place: &Path) -> Activation {
    let prefix = place.join("it's/envs/p q");
    let scripts = [
        (
            "activate.d/a.sh",
            r#"false; : $NEVER_SET; export ORDER="${ORDER}a$#""#,
        ),
        ("activate.d/b.sh", r#"export ORDER="${ORDER}b" X=package"#),
        (
            "deactivate.d/a.sh",
            r#": $NEVER_SET; export ORDER="${ORDER}A$CONDA_DEFAULT_ENV""#,
        ),
        ("deactivate.d/b.sh", r#"export ORDER="${ORDER}B""#),
        (
            "activate.d/a.fish",
            r#"false; set -gx ORDER "$ORDER"a(count $argv)"#,
        ),
        (
            "activate.d/b.fish",
            r#"set -gx ORDER "$ORDER"b; set -gx X package"#,
        ),
        (
            "deactivate.d/a.fish",
            r#"set -gx ORDER "$ORDER"A"$CONDA_DEFAULT_ENV""#,
        ),
        ("deactivate.d/b.fish", r#"set -gx ORDER "$ORDER"B"#),
        (
            "activate.d/a.csh",
            "if (! $?ORDER) setenv ORDER ''\nsetenv ORDER ${ORDER}a0",
        ),
        (
            "activate.d/b.csh",
            "setenv ORDER ${ORDER}b\nsetenv X package",
        ),
        (
            "deactivate.d/a.csh",
            "setenv ORDER ${ORDER}A${CONDA_DEFAULT_ENV:q}",
        ),
        ("deactivate.d/b.csh", "setenv ORDER ${ORDER}B"),
        (
            "activate.d/a.xsh",
            "$ORDER = __xonsh__.env.get('ORDER', '') + 'a0'",
        ),
        ("activate.d/b.xsh", "$ORDER += 'b'\n$X = 'package'"),
        ("deactivate.d/a.xsh", "$ORDER += 'A' + $CONDA_DEFAULT_ENV"),
        ("deactivate.d/b.xsh", "$ORDER += 'B'"),
        (
            "activate.d/a.nu",
            "$env.ORDER = ($env.ORDER? | default '') + 'a0'",
        ),
        (
            "activate.d/b.nu",
            "$env.ORDER = $env.ORDER + 'b'; $env.X = 'package'",
        ),
        (
            "deactivate.d/a.nu",
            "$env.ORDER = $env.ORDER + 'A' + $env.CONDA_DEFAULT_ENV",
        ),
        ("deactivate.d/b.nu", "$env.ORDER = $env.ORDER + 'B'"),
    ];
    for (name, text) in scripts {
        let path = prefix.join("etc/conda").join(name);
        write_below(&path, &format!("{text}\n"));
    }
    let mut facts = PrefixFacts::empty(Subdir::Linux64);
    let extensions = ["sh", "fish", "csh", "xsh", "nu"];
    let names = extensions.map(|extension| ["b", "gone", "a"].map(|n| format!("{n}.{extension}")));
    facts.activate_scripts = names.concat();
    facts.deactivate_scripts = names.concat();
    let settings = ActivationSettings {
        env: BTreeMap::from([("X".to_string(), "recipe".to_string())]),
        library_path: LibraryPath::None,
        ..ActivationSettings::default()
    };
    let prefix = prefix
        .to_str()
        .expect("temporary directories have plain names");
    activation(prefix, &settings, &facts).expect("the test's settings are sound")
}

fn text<'a>(variables: &'a Variables, name: &str) -> Option<&'a str> {
    value(variables, name).and_then(OsStr::to_str)
}

#[test]
fn package_scripts_run_once_and_are_undone_in_reverse_before_the_prefix_goes() {
    let place = TempDir::new().unwrap();
    let activation = prefix_with_scripts(place.path());
    for shell in shells() {
        let on = shell.on(&activation);
        let steps = [on.clone(), on, Step::Look, shell.off(), Step::Look];
        let looks = shell.session(&variables(&[]), &steps);
        assert_eq!(text(&looks[0], "ORDER"), Some("a0b"), "{}", shell.name);
        assert_eq!(text(&looks[0], "X"), Some("recipe"), "{}", shell.name);
        assert_eq!(text(&looks[1], "ORDER"), Some("a0bBAp q"), "{}", shell.name);
        assert_eq!(text(&looks[1], "GPUENV_STACK"), None, "{}", shell.name);
    }
}

#[test]
fn a_strict_shell_is_lax_for_package_scripts_and_strict_again_after_them() {
    let place = TempDir::new().unwrap();
    let activation = prefix_with_scripts(place.path());
    for shell in shells().iter().filter(|shell| shell.is_posix()) {
        let still = "case $- in *e*u*|*u*e*) ;; *) echo 'no longer strict' >&2 ;; esac";
        let steps = [
            Step::Text("set -eu".to_string()),
            shell.on(&activation),
            Step::Text(still.to_string()),
            shell.off(),
            Step::Text(still.to_string()),
            Step::Look,
        ];
        let looks = shell.session(&variables(&[]), &steps);
        assert_eq!(text(&looks[0], "ORDER"), Some("a0bBAp q"), "{}", shell.name);
    }
}

#[test]
fn a_program_run_without_a_hook_sees_what_the_scripts_set() {
    let place = TempDir::new().unwrap();
    let activation = prefix_with_scripts(place.path());
    let script = run_script(&activation).expect("there are scripts");
    let child = environment(&activation, &variables(&[]));
    for shell in shells().iter().filter(|shell| shell.is_posix()) {
        let run = |arguments: &[&str]| {
            let fixed = ["-c", script.as_str(), "sh"];
            shell.run(place.path(), &child, &[&fixed, arguments].concat())
        };
        let printed = place.path().join("printed");
        fs_err::write(&printed, run(&["/usr/bin/env", "-0"]).stdout).unwrap();
        let seen = read(&printed);
        assert_eq!(text(&seen, "ORDER"), Some("a0b"), "{}", shell.name);
        assert_eq!(text(&seen, "X"), Some("recipe"), "{}", shell.name);

        let output = run(&["/bin/sh", "-c", "printf %s \"$1\"; exit 7", "x", "a  b"]);
        assert_eq!(output.stdout, b"a  b", "{}", shell.name);
        assert_eq!(output.status.code(), Some(7), "{}", shell.name);
        let missing = run(&["/no/such"]);
        assert_eq!(missing.status.code(), Some(127), "{}", shell.name);
    }
}

#[test]
fn a_script_that_ends_the_shell_does_not_pass_for_the_program() {
    let place = TempDir::new().unwrap();
    let path = place.path().join("etc/conda/activate.d/p.sh");
    write_below(&path, "exit 0\n");
    let mut facts = PrefixFacts::empty(Subdir::Linux64);
    facts.activate_scripts = vec!["p.sh".to_string()];
    let prefix = place.path().to_str().unwrap();
    let on = activation(prefix, &ActivationSettings::default(), &facts).unwrap();
    let script = run_script(&on).expect("there is a script");
    let child = environment(&on, &variables(&[]));
    for shell in shells().iter().filter(|shell| shell.is_posix()) {
        let arguments = ["-c", script.as_str(), "sh", "/bin/echo", "started"];
        let output = shell.run(place.path(), &child, &arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(125), "{}: {said}", shell.name);
        assert_eq!(output.stdout, b"", "{}", shell.name);
        let told = format!(
            "error[GE602]: the command was not started: `{}` has",
            path.display()
        );
        assert!(said.contains(&told), "{}: {said}", shell.name);
    }
}

#[test]
fn without_package_scripts_no_shell_is_needed() {
    let settings = ActivationSettings::default();
    let facts = PrefixFacts::empty(Subdir::Linux64);
    let plain = activation("/p", &settings, &facts).unwrap();
    assert_eq!(run_script(&plain), None);
}
