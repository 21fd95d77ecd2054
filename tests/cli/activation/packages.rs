//! The scripts that packages bring, between our own edits.

use std::{collections::BTreeMap, ffi::OsStr};

use gpuenv_core::{
    activation::{PrefixFacts, activation, environment, run_script},
    plan::{ActivationSettings, LibraryPath},
};
use rattler_conda_types::Subdir;
use tempfile::TempDir;

use super::shells::{Step, read, shells, value, variables};

#[test]
fn package_scripts_run_once_without_strictness_and_are_undone_in_reverse() {
    let place = TempDir::new().unwrap();
    let prefix = place.path().join("it's/envs/p q");
    let write = |name: &str, text: &str| {
        let path = prefix.join("etc/conda").join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    };
    write(
        "activate.d/a.sh",
        "false; : $NEVER_SET; export ORDER=\"${ORDER}a$#\"\n",
    );
    write("activate.d/b.sh", "export ORDER=\"${ORDER}b\" X=package\n");
    write(
        "deactivate.d/a.sh",
        "export ORDER=\"${ORDER}A$CONDA_DEFAULT_ENV\"; : $NEVER_SET\n",
    );
    write("deactivate.d/b.sh", "export ORDER=\"${ORDER}B\"\n");
    let mut facts = PrefixFacts::empty(Subdir::Linux64);
    facts.activate_scripts = vec!["b.sh".into(), "a.sh".into(), "gone.sh".into()];
    facts.deactivate_scripts = vec!["a.sh".into(), "b.sh".into()];
    let settings = ActivationSettings {
        env: BTreeMap::from([("X".to_string(), "recipe".to_string())]),
        library_path: LibraryPath::None,
    };
    let activation = activation(prefix.to_str().unwrap(), &settings, &facts).unwrap();
    for shell in shells().iter().filter(|shell| shell.is_posix()) {
        let on = shell.on(&activation);
        let still = "case $- in *e*u*|*u*e*) ;; *) echo 'no longer strict' >&2 ;; esac";
        let steps = [
            Step::Text("set -eu".to_string()),
            on.clone(),
            on,
            Step::Text(still.to_string()),
            Step::Look,
            Step::Text(format!("gpuenv_deactivate\n{still}")),
            Step::Look,
        ];
        let looks = shell.session(&variables(&[]), &steps);
        assert_eq!(
            value(&looks[0], "ORDER"),
            Some(OsStr::new("a0b")),
            "{}",
            shell.name
        );
        assert_eq!(
            value(&looks[0], "X"),
            Some(OsStr::new("recipe")),
            "{}",
            shell.name
        );
        assert_eq!(
            value(&looks[1], "ORDER"),
            Some(OsStr::new("a0bBAp q")),
            "{}",
            shell.name
        );
        assert_eq!(value(&looks[1], "GPUENV_STACK"), None, "{}", shell.name);

        let text = run_script(&activation).expect("there are scripts");
        let child = environment(&activation, &variables(&[]));
        let printed = ["-c", &text, shell.name, "/usr/bin/env", "-0"];
        let output = shell.run(place.path(), &child, &printed);
        fs_err::write(place.path().join("printed"), &output.stdout).unwrap();
        let seen = read(&place.path().join("printed"));
        assert_eq!(
            value(&seen, "ORDER"),
            Some(OsStr::new("a0b")),
            "{}",
            shell.name
        );
        assert_eq!(
            value(&seen, "X"),
            Some(OsStr::new("recipe")),
            "{}",
            shell.name
        );
        let arguments = [
            "-c",
            &text,
            "sh",
            "/bin/sh",
            "-c",
            "printf %s \"$1\"; exit 7",
            "x",
            "a  b",
        ];
        let output = shell.run(place.path(), &child, &arguments);
        assert_eq!(output.stdout, b"a  b", "{}", shell.name);
        assert_eq!(output.status.code(), Some(7), "{}", shell.name);
        let missing = shell.run(place.path(), &child, &["-c", &text, "sh", "/no/such"]);
        assert_eq!(missing.status.code(), Some(127), "{}", shell.name);
    }
}
