//! Activation texts, run by the real shells, with hostile values.
//!
//! What a shell must have after the text is what the pure functions in
//! `gpuenv_core::activation` say, so those are the oracle here; their own
//! properties are tested beside them.

mod cmd;
mod commands;
mod conda;
mod flags;
mod nesting;
mod others;
mod packages;
mod powershell;
mod shells;
mod table;

use std::ffi::OsStr;

use gpuenv_core::activation::{
    Shell, deactivated, environment, script_files, shell_hook, shell_hook_deactivate,
};
use tempfile::TempDir;

use self::shells::{HOSTILE, RealShell, Step, Variables, recipe, shells, value, variables};

#[test]
fn a_shell_is_here_to_test_with() {
    assert!(shells().iter().any(|shell| shell.shell == Shell::Bash));
}

#[test]
fn hostile_values_arrive_byte_for_byte_and_run_nothing() {
    let names: Vec<String> = (0..HOSTILE.len())
        .map(|index| format!("V{index}"))
        .collect();
    let values = names
        .iter()
        .map(String::as_str)
        .zip(HOSTILE.iter().copied());
    let values: Vec<(&str, &str)> = values.collect();
    let activation = recipe("/tmp/envs/plain", &values);
    for shell in shells() {
        let steps = [shell.on(&activation), Step::Look, shell.off(), Step::Look];
        let base = variables(&[]);
        let looks = shell.session(&base, &steps);
        for (name, expected) in &values {
            assert_eq!(
                value(&looks[0], name),
                Some(OsStr::new(expected)),
                "{}",
                shell.name
            );
        }
        assert_eq!(looks[0], environment(&activation, &base), "{}", shell.name);
        assert_eq!(looks[1], base, "{}", shell.name);
    }
}

#[test]
fn hostile_prefixes_and_earlier_values_survive() {
    for shell in shells() {
        let hostile = shell.sample(HOSTILE).filter(|text| !text.contains(':'));
        for hostile in hostile.filter(|text| shell.keeps_in_lists(text)) {
            let activation = recipe(&format!("/tmp/{hostile}/envs/{hostile}"), &[("X", "x")]);
            let base = variables(&[("X", hostile), ("LD_LIBRARY_PATH", hostile)]);
            let more = match shell.shell {
                Shell::Fish => "set -gx PATH '/a b' $PATH /c; set -p LD_LIBRARY_PATH /q",
                Shell::Tcsh => {
                    "setenv PATH /a\\ b:${PATH:q}:/c\nsetenv LD_LIBRARY_PATH /q:${LD_LIBRARY_PATH:q}"
                }
                Shell::Xonsh => {
                    "$PATH = ['/a b', *$PATH, '/c']\n$LD_LIBRARY_PATH = ['/q', *$LD_LIBRARY_PATH]"
                }
                Shell::Nushell => {
                    "$env.PATH = ['/a b' ...$env.PATH '/c']\n$env.LD_LIBRARY_PATH = '/q:' + $env.LD_LIBRARY_PATH"
                }
                _ => "export PATH=\"/a b:$PATH:/c\" LD_LIBRARY_PATH=\"/q:$LD_LIBRARY_PATH\"",
            };
            let steps = [
                Step::Look,
                shell.on(&activation),
                Step::Look,
                Step::Text(more.to_string()),
                Step::Look,
                shell.undo(&activation),
                Step::Look,
            ];
            let looks = shell.session(&base, &steps);
            assert_eq!(looks[0], base, "{}", shell.name);
            assert_eq!(looks[1], environment(&activation, &base), "{}", shell.name);
            assert_eq!(
                looks[3],
                deactivated(&activation, &looks[2]),
                "{}",
                shell.name
            );
            assert_eq!(
                value(&looks[3], "PATH"),
                Some(OsStr::new("/a b:/usr/bin:/bin:/c"))
            );
        }
    }
}

#[test]
fn unset_empty_and_odd_lists_come_back_exactly() {
    let activation = recipe("/tmp/envs/a", &[("X", "new"), ("EMPTY", "")]);
    let earlier = [
        None,
        Some(""),
        Some("val"),
        Some("a b"),
        Some(":x:"),
        Some("new"),
        Some(":"),
    ];
    for shell in shells() {
        for old in earlier {
            let mut base = variables(&[]);
            for name in [
                "X",
                "EMPTY",
                "LD_LIBRARY_PATH",
                "CONDA_PREFIX",
                "CONDA_SHLVL",
            ] {
                base.extend(old.map(|old| (name.into(), old.into())));
            }
            let on = shell.on(&activation);
            let steps = [
                on.clone(),
                Step::Look,
                on,
                Step::Look,
                shell.off(),
                Step::Look,
            ];
            let looks = shell.session(&base, &steps);
            assert_eq!(
                looks[0],
                environment(&activation, &base),
                "{} {old:?}",
                shell.name
            );
            assert_eq!(
                looks[1], looks[0],
                "{} {old:?}: twice is not once",
                shell.name
            );
            assert_eq!(looks[2], base, "{} {old:?}", shell.name);
        }
    }
}

#[test]
fn what_something_else_changed_stays_and_only_our_entries_go() {
    let activation = recipe("/tmp/envs/a", &[("X", "ours"), ("EMPTY", "")]);
    let ours = "/tmp/envs/a/lib/gpuenv-cuda";
    let earlier = [None, Some(""), Some("/old"), Some(":")];
    let changes = [
        None,
        Some("".to_string()),
        Some(":".to_string()),
        Some("/x".to_string()),
        Some(ours.to_string()),
        Some(format!("{ours}:")),
        Some(format!(":{ours}")),
        Some(format!("::{ours}::")),
        Some(format!("{ours}:{ours}")),
        Some(format!("/x:{ours}:/old")),
        Some(format!("{ours}x:/x{ours}")),
    ];
    let names = ["LD_LIBRARY_PATH", "X", "EMPTY"];
    for shell in shells() {
        let earlier = &earlier[..if shell.slow { 1 } else { earlier.len() }];
        let step = if shell.slow { 2 } else { 1 };
        let mut state = variables(&[]);
        let (mut steps, mut expected) = (Vec::new(), Vec::new());
        let change = |state: &mut Variables, to: Option<&str>| {
            names.map(|name| match to {
                Some(text) => {
                    state.insert(name.into(), text.into());
                    shell.export(name, text)
                }
                None => {
                    state.remove(OsStr::new(name));
                    shell.unset(name)
                }
            })
        };
        // In one process: the next round finds what the last one left.
        for (old, new) in earlier
            .iter()
            .flat_map(|old| changes.iter().step_by(step).map(move |new| (old, new)))
        {
            steps.extend(change(&mut state, *old));
            state = environment(&activation, &state);
            steps.push(shell.on(&activation));
            steps.extend(change(&mut state, new.as_deref()));
            state = deactivated(&activation, &state);
            steps.extend([shell.off(), Step::Look]);
            expected.push((old, new, state.clone()));
        }
        let looks = shell.session(&variables(&[]), &steps);
        for (look, (old, new, expected)) in looks.iter().zip(&expected) {
            assert_eq!(look, expected, "{}: {old:?}, then {new:?}", shell.name);
        }
    }
}

/// What users do to their shells.
const ODD_SETTINGS: &str = "\
set -euC
IFS='0123456789abcdef_:/GPUENVs '
if [ -n \"${BASH_VERSION-}\" ]; then shopt -s expand_aliases nocasematch extglob; set -o pipefail; fi
if [ -n \"${ZSH_VERSION-}\" ]; then
setopt shwordsplit ksharrays globsubst extendedglob nullglob rcquotes warncreateglobal
setopt rcexpandparam kshglob cshnullglob magicequalsubst nocasematch kshtypeset noequals
setopt warnnestedvar localoptions
fi
alias export=false unset=false set=false eval=false return=false command=false echo=false
alias '[=false' '.=false' test=false exec=false builtin=false
if [ -n \"${ZSH_VERSION-}\" ]; then alias -g X='| false' Y=Z LD_LIBRARY_PATH=NO PATH=NO CONDA_PREFIX=NO; fi
";

/// Functions in the place of builtins, which only bash and zsh allow.
const ODD_FUNCTIONS: &str = "\
if [ -n \"${BASH_VERSION-}${ZSH_VERSION-}\" ]; then
for name in export unset set return command echo eval; do eval \"function $name { builtin return 9; }\"; done
fi
";

#[test]
fn strict_settings_aliases_and_odd_options_do_no_harm() {
    let activation = recipe("/tmp/e f/envs/a*", &[("X", "0 1*\n'x'"), ("Y", "")]);
    let base = variables(&[("LD_LIBRARY_PATH", "/x y:*:"), ("Y", "* ?")]);
    for shell in shells().iter().filter(|shell| shell.is_posix()) {
        let inside = |step: Step| match step {
            Step::Text(text) => Step::Text(format!("tried() {{\n{text}\n}}\ntried")),
            Step::Look => Step::Look,
        };
        let files = script_files(&activation).into_iter();
        let mut files = files.map(|file| inside(Step::Text(file.text)));
        let steps = [
            Step::Text(ODD_SETTINGS.to_string()),
            shell.on(&activation),
            Step::Look,
            shell.off(),
            Step::Look,
            inside(shell.on(&activation)),
            Step::Look,
            inside(shell.undo(&activation)),
            Step::Look,
            files.next().expect("activate.d"),
            files.next().expect("deactivate.d"),
            Step::Look,
            Step::Text(ODD_FUNCTIONS.to_string()),
            shell.on(&activation),
            Step::Look,
            shell.off(),
            Step::Look,
            shell.on(&activation),
            shell.undo(&activation),
            Step::Look,
        ];
        let looks = shell.session(&base, &steps);
        assert_eq!(looks[0], environment(&activation, &base), "{}", shell.name);
        assert_eq!(looks[2], looks[0], "{}", shell.name);
        assert_eq!(looks[5], looks[0], "{}", shell.name);
        for look in [1, 3, 4, 6, 7] {
            assert_eq!(looks[look], base, "{} look {look}", shell.name);
        }
    }
}

#[test]
fn what_only_fish_itself_knows_is_back_afterwards() {
    let Some(fish) = shells().iter().find(|shell| shell.shell == Shell::Fish) else {
        return;
    };
    let activation = recipe("/tmp/envs/a", &[("X", "x"), ("Y", "y"), ("Z", "z")]);
    let place = TempDir::new().unwrap();
    let hook = place.path().join("hook");
    fs_err::write(&hook, shell_hook(Shell::Fish, &activation)).unwrap();
    let look = "for name in X Y Z LD_LIBRARY_PATH; set --show $name; end";
    let script = format!(
        "set -g X a b; set -U Y c; set -Ux Z d; set -g LD_LIBRARY_PATH /mine\n\
         {look} >seen0\nsource hook\necho $X $Y $Z $LD_LIBRARY_PATH\ngpuenv_deactivate\n\
         {look} >seen1\ndiff seen0 seen1\nset -n | string match '*gpuenv*'; true"
    );
    // Universal variables are kept in a file below the home, which is a new one.
    let output = std::process::Command::new(&fish.program)
        .args(["-c", &script])
        .current_dir(place.path())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", place.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said, "x y z /tmp/envs/a/lib/gpuenv-cuda\n", "{output:?}");
}

#[test]
fn a_directory_in_capitals_is_another_one_whatever_nocasematch_says() {
    let activation = recipe("/tmp/envs/a", &[]);
    for shell in shells().iter().filter(|shell| shell.is_posix()) {
        let capitals = "/x:/TMP/ENVS/A/LIB/GPUENV-CUDA:/y";
        let steps = [
            Step::Text(ODD_SETTINGS.to_string()),
            shell.on(&activation),
            shell.export("LD_LIBRARY_PATH", capitals),
            shell.off(),
            Step::Look,
        ];
        let looks = shell.session(&variables(&[]), &steps);
        let left = value(&looks[0], "LD_LIBRARY_PATH");
        assert_eq!(left, Some(OsStr::new(capitals)), "{}", shell.name);
    }
}

#[test]
fn nothing_is_left_in_the_shell_and_no_program_is_needed() {
    let activation = recipe("/tmp/envs/a", &[("X", "x")]);
    let known = |shell: &&RealShell| shell.is_posix() || shell.shell == Shell::Fish;
    for shell in shells().iter().filter(known) {
        let extension = if shell.is_posix() { ".sh" } else { ".fish" };
        let files = script_files(&activation).into_iter();
        let files = files.filter(|file| file.path.ends_with(extension));
        let listing = match shell.name {
            "fish" => "begin; set -n; functions -an; end >left",
            "zsh" => "{ set; alias; functions; } >|left",
            "mksh" => "{ set; alias; typeset -f; } >|left",
            // bash lists functions among the variables, dash and BusyBox do not list them.
            _ => "{ set; alias; } >|left",
        };
        let known = match shell.name {
            "fish" => "functions -q $f".to_string(),
            _ => "command -v $f >/dev/null".to_string(),
        };
        let look_for = |f: &str| known.replace("$f", f) + &format!(" && echo {f} is left >&2");
        let mut steps = vec![shell.export("PATH", "/nonexistent")];
        steps.extend(files.map(|file| Step::Text(file.text)));
        steps.extend([shell.on(&activation), shell.off(), shell.on(&activation)]);
        steps.extend([shell.undo(&activation), shell.undo(&activation)]);
        let functions = [
            "gpuenv_deactivate",
            "_gpuenv_tidy",
            "_gpuenv_set",
            "_gpuenv_source",
            "_gpuenv_own",
            "_gpuenv_disown",
            "_gpuenv_remove",
        ];
        steps.extend(functions.map(|function| Step::Text(look_for(function))));
        steps.push(Step::Text(listing.to_string()));
        steps.push(Step::Text(match shell.name {
            "fish" => "while read line; string match -q '*gpuenv*' -- $line; and echo $line >&2; end <left; true",
            _ => "while IFS= read -r line; do case $line in _=*) ;; *GPUENV_* | *gpuenv_*) echo \"$line\" >&2 ;; esac; done <left",
        }.to_string()));
        // A word on stderr fails the session.
        shell.session(&variables(&[]), &steps);
    }
}

#[test]
fn eval_of_a_substitution_does_the_same() {
    for shell in shells() {
        let odd = ["it's $HOME", "it's"];
        let odd = odd.iter().find(|text| shell.keeps_in_lists(text));
        let prefix = format!("/tmp/{}/envs/a", odd.expect("the last one is plain"));
        let activation = recipe(&prefix, &[("X", "a\nb  c\\"), ("Y", "*\n")]);
        let place = TempDir::new().unwrap();
        let hook = place.path().join("hook");
        fs_err::write(&hook, shell_hook(shell.shell, &activation)).unwrap();
        let evaluated = match shell.shell {
            Shell::Fish => format!("cat '{}' | source", hook.display()),
            Shell::Xonsh => format!("execx($(cat '{}'))", hook.display()),
            Shell::Tcsh | Shell::Nushell => shell.source(&hook),
            _ => format!("eval \"$(cat '{}')\"", hook.display()),
        };
        let steps = [Step::Text(evaluated), Step::Look, shell.off(), Step::Look];
        let base = variables(&[]);
        let looks = shell.session(&base, &steps);
        assert_eq!(looks[0], environment(&activation, &base), "{}", shell.name);
        assert_eq!(looks[1], base, "{}", shell.name);
    }
}

#[test]
fn an_inherited_activation_can_be_undone_and_a_lower_one_waits() {
    let a = recipe("/tmp/envs/a", &[("X", "a")]);
    let b = recipe("/tmp/envs/b", &[("X", "b")]);
    for shell in shells() {
        let base = variables(&[("X", "x")]);
        let both = environment(&b, &environment(&a, &base));
        let steps = [shell.undo(&b), Step::Look, shell.undo(&a), Step::Look];
        let looks = shell.session(&both, &steps);
        assert_eq!(looks[0], environment(&a, &base), "{}", shell.name);
        assert_eq!(looks[1], base, "{}", shell.name);

        // It is said, so stderr is not empty; nothing is changed.
        let looks = shell.try_session(&both, &[shell.undo(&a), Step::Look]);
        assert_eq!(looks, Some(vec![both.clone()]), "{}", shell.name);

        let place = TempDir::new().unwrap();
        let text = shell_hook_deactivate(shell.shell, &a);
        fs_err::write(place.path().join("script"), text).unwrap();
        let output = shell.run(place.path(), &both, &["script"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            said, "gpuenv: deactivate the environment above it first\n",
            "{}",
            shell.name
        );
    }
}

#[test]
fn one_shell_undoes_what_another_did() {
    let activation = recipe("/tmp/it's/envs/a", &[("X", "it's\n"), ("A_PATH", ":a:")]);
    let base = variables(&[
        ("X", ""),
        ("LD_LIBRARY_PATH", "/a::b:"),
        ("A_PATH", "x\ny:"),
    ]);
    for one in shells() {
        let looks = one.session(&base, &[one.on(&activation), Step::Look]);
        // Two slow ones need not meet.
        for other in shells()
            .iter()
            .filter(|other| !(one.slow || other.slow) || other.name == "bash" || one.name == "bash")
        {
            let after = other.session(&looks[0], &[other.undo(&activation), Step::Look]);
            assert_eq!(after[0], base, "{} then {}", one.name, other.name);
        }
    }
}
