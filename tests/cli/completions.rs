//! `gpuenv completions` and `gpuenv man`: real shells and real readers take what is printed.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use gpuenv_testkit::Sandbox;

use crate::lab::{Lab, skipped};

/// A sandbox with an environment `demo`, in which shells find `gpuenv`.
fn lab() -> Lab {
    let mut lab = Lab::with_tool();
    let _ = lab
        .sandbox
        .gpuenv(["create", "demo.yaml", "-n", "demo-one"])
        .success();
    let _ = lab
        .sandbox
        .gpuenv(["create", "demo.yaml", "-n", "demo-two"])
        .success();
    let program = Path::new(env!("CARGO_BIN_EXE_gpuenv"));
    let folder = program.parent().expect("it lies in a folder");
    let path = std::env::join_paths([folder, Path::new("/usr/bin"), Path::new("/bin")]);
    lab.sandbox.set("PATH", path.expect("no path has a colon"));
    lab
}

/// Writes the script of a shell into a file.
fn script(sandbox: &Sandbox, shell: &str) -> PathBuf {
    let script = sandbox.gpuenv(["completions", shell]).success().stdout();
    sandbox.write(&format!("gpuenv.{shell}"), script)
}

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut places = std::env::split_paths(&path).map(|folder| folder.join(name));
    places.find(|file| file.is_file())
}

/// Completes a line in bash, by the function that the script registers.
const IN_BASH: &str = r#"
source "$1"; shift
COMP_WORDS=(gpuenv "$@"); COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 )); COMPREPLY=()
function=$(complete -p gpuenv | sed 's/.*-F \([^ ]*\).*/\1/')
compopt() { :; }
"$function" gpuenv "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\n' "${COMPREPLY[@]}"
"#;

#[test]
fn bash_completes_commands_options_and_names() {
    let lab = lab();
    let Some(bash) = program("bash") else {
        return skipped("no bash");
    };
    let script = script(&lab.sandbox, "bash");
    let complete = |words: &[&str]| -> Vec<String> {
        let file = script.display().to_string();
        let line = [&["-c", IN_BASH, "bash", &file], words].concat();
        let ran = lab.sandbox.other(&bash, line).run().success();
        assert_eq!(ran.stderr(), "", "{words:?}");
        ran.stdout()
            .split_whitespace()
            .map(ToString::to_string)
            .collect()
    };
    assert_eq!(complete(&["cre"]), ["create"]);
    assert_eq!(complete(&["search", "--comp"]), ["--compare"]);
    assert_eq!(complete(&["run", "demo-"]), ["demo-one", "demo-two"]);
    assert_eq!(
        complete(&["--offline", "--mirror", "file:///m", "run", "demo-t"]),
        ["demo-two"]
    );
    assert_eq!(complete(&["why", "numpy", "demo-o"]), ["demo-one"]);
    assert_eq!(complete(&["create", "hello"]), ["hello-gpu"]);
    assert_eq!(complete(&["recipe", "show", "hello"]), ["hello-gpu"]);
    assert_eq!(
        complete(&["export", "demo-one", "--format", "pi"]),
        ["pixi"]
    );
    // Neither what stands for a value, nor names where none belongs.
    assert_eq!(complete(&["run", "demo-one", "--", ""]), [""; 0]);
    assert_eq!(complete(&["create", "-n", "demo-o"]), [""; 0]);
    let all = complete(&["run", ""]);
    assert!(all.contains(&"demo-one".to_string()), "{all:?}");
    assert!(
        !all.iter().any(|word| word.starts_with(['<', '['])),
        "{all:?}"
    );
    assert!(!complete(&[""]).iter().any(|word| word.starts_with("__")));
}

#[test]
fn fish_completes_commands_and_names() {
    let lab = lab();
    let Some(fish) = program("fish") else {
        return skipped("no fish");
    };
    let script = script(&lab.sandbox, "fish");
    let complete = |line: &str| -> Vec<String> {
        let code = format!("source {}; complete -C '{line}'", script.display());
        let ran = lab
            .sandbox
            .other(&fish, ["--no-config", "-c", &code])
            .run()
            .success();
        let text = ran.stdout();
        let words = text
            .lines()
            .map(|line| line.split('\t').next().unwrap_or_default());
        words.map(ToString::to_string).collect()
    };
    assert_eq!(complete("gpuenv cre"), ["create"]);
    assert_eq!(complete("gpuenv run demo-"), ["demo-one", "demo-two"]);
    assert_eq!(complete("gpuenv create hello"), ["hello-gpu"]);
    assert_eq!(complete("gpuenv search --comp"), ["--compare"]);
}

/// Completes a line in zsh, in a terminal of its own, and prints what is offered.
const IN_ZSH: &str = r#"
zmodload zsh/zpty || exit 77
zpty z zsh -f -i
zpty -w z "PROMPT=; fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -D"
zpty -w z "zstyle ':completion:*' list-prompt ''; zstyle ':completion:*' menu no; LISTMAX=10000; unsetopt beep; stty cols 200"
zpty -w z "comppostfuncs=(); zle-list() { :; }; print READY"
zpty -r -m z dummy '*READY*READY*'
zpty -n -w z "$2"$'\t'
repeat 40; do
    sleep 0.1
    while zpty -r -t z chunk; do print -rn -- "$chunk"; done
done
zpty -d z
"#;

#[test]
fn zsh_completes_names() {
    let lab = lab();
    let Some(zsh) = program("zsh") else {
        return skipped("no zsh");
    };
    let folder = lab.sandbox.work().join("functions");
    fs_err::create_dir(&folder).expect("the folder is ours");
    let script = lab
        .sandbox
        .gpuenv(["completions", "zsh"])
        .success()
        .stdout();
    fs_err::write(folder.join("_gpuenv"), script).expect("the folder is ours");
    let folder = folder.display().to_string();
    let line = ["-f", "-c", IN_ZSH, "zsh", &folder, "gpuenv run demo-"];
    let ran = lab.sandbox.other(&zsh, line).env("TERM", "dumb").run();
    if ran.exit_code() == Some(77) {
        return skipped("this zsh has no zpty");
    }
    let said = ran.stdout();
    assert!(
        said.contains("demo-one") && said.contains("demo-two"),
        "{said}"
    );
}

#[test]
fn each_shell_reads_its_script() {
    let lab = lab();
    let shells: [(&str, &str, &[&str]); 5] = [
        ("bash", "bash", &["-n", "FILE"]),
        ("zsh", "zsh", &["-n", "FILE"]),
        ("fish", "fish", &["--no-execute", "FILE"]),
        ("nushell", "nu", &["--no-config-file", "-c", "source FILE"]),
        ("powershell", "pwsh", &["-NoProfile", "-Command", ". FILE"]),
    ];
    for (shell, name, line) in shells {
        let file = script(&lab.sandbox, shell).display().to_string();
        let Some(program) = program(name) else {
            skipped(&format!("no {name}"));
            continue;
        };
        let line: Vec<String> = line
            .iter()
            .map(|word| word.replace("FILE", &file))
            .collect();
        let ran = lab.sandbox.other(program, line).run().success();
        assert_eq!(ran.stderr(), "", "{shell}");
    }
}

/// What elvish has at a terminal only.
const OF_A_TERMINAL: &str = "var edit: = (ns [
    &completion:=(ns [&arg-completer=[&]])
    &complex-candidate~={|text &display='' | put $text }
])
";

#[test]
fn elvish_completes_commands() {
    let lab = lab();
    let Some(elvish) = program("elvish") else {
        return skipped("no elvish");
    };
    let script = lab
        .sandbox
        .gpuenv(["completions", "elvish"])
        .success()
        .stdout();
    let ask = "each $echo~ [($edit:completion:arg-completer[gpuenv] gpuenv recipe '')]
each $echo~ [($edit:completion:arg-completer[gpuenv] gpuenv run demo)]
echo behind
each $echo~ [($edit:completion:arg-completer[gpuenv] gpuenv why numpy demo)]
each $echo~ [($edit:completion:arg-completer[gpuenv] gpuenv run demo-one python '')]
echo end";
    let file = lab
        .sandbox
        .write("complete.elv", format!("{OF_A_TERMINAL}{script}{ask}\n"));
    let ran = lab.sandbox.other(elvish, [file]).run().success();
    let words: Vec<String> = ran.stdout().lines().map(ToString::to_string).collect();
    for word in [
        "list",
        "show",
        "validate",
        "schema",
        "--offline",
        "demo-two",
    ] {
        assert!(words.iter().any(|known| known == word), "{word}: {words:?}");
    }
    let behind = words.iter().skip_while(|word| *word != "behind");
    let behind: Vec<&str> = behind.map(String::as_str).collect();
    assert_eq!(behind, ["behind", "demo-one", "demo-two", "end"]);
}

#[test]
fn nushell_completes_names() {
    let lab = lab();
    let Some(nu) = program("nu") else {
        return skipped("no nu");
    };
    let script = script(&lab.sandbox, "nushell");
    let complete = |line: &str| -> String {
        let text = format!("source {}\n{line}", script.display());
        let end = text.len().to_string();
        let file = lab.sandbox.write("complete.nu", text);
        let file = file.display().to_string();
        let line = ["--no-config-file", "--ide-complete", &end, &file];
        let ran = lab.sandbox.other(&nu, line).run().success();
        ran.stdout()
    };
    let told = complete("gpuenv run demo-");
    assert!(
        told.contains("demo-one") && told.contains("demo-two"),
        "{told}"
    );
    let told = complete("gpuenv create hello");
    assert!(told.contains("hello-gpu"), "{told}");
}

#[test]
fn powershell_is_told_where_names_belong() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_gpuenv"));
    let script = sandbox
        .gpuenv(["completions", "powershell"])
        .success()
        .stdout();
    for line in [
        "'^gpuenv;run(;[^;]+){0}$' { 'environments' }",
        "'^gpuenv;why(;[^;]+){1}$' { 'environments' }",
        "'^gpuenv;recipe;show(;[^;]+){0}$' { 'recipes' }",
        "& gpuenv __names $kind 2>$null",
    ] {
        assert!(script.contains(line), "{line}");
    }
    let mut parser = tree_sitter::Parser::new();
    let language = tree_sitter_powershell::LANGUAGE.into();
    parser.set_language(&language).expect("the versions fit");
    // The grammar does not know this form, which the generator writes.
    let script = script.replace("$completions.Where{", "$completions | Where-Object {");
    let tree = parser.parse(&script, None).expect("it is short");
    assert!(!tree.root_node().has_error());
}

#[test]
fn every_script_knows_every_command_and_no_hidden_one() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_gpuenv"));
    let root = gpuenv::command_line();
    let commands = root.get_subcommands();
    let (hidden, visible): (Vec<_>, Vec<_>) = commands.partition(|command| command.is_hide_set());
    for shell in ["bash", "zsh", "fish", "powershell", "nushell", "elvish"] {
        let script = sandbox.gpuenv(["completions", shell]).success().stdout();
        for command in &visible {
            assert!(
                script.contains(command.get_name()),
                "{shell}: {}",
                command.get_name()
            );
        }
        for command in hidden
            .iter()
            .filter(|command| command.get_name() != "__names")
        {
            // `gpuenv__probe` is the function for `gpuenv probe`.
            assert!(
                !script.contains(&format!(" {}", command.get_name())),
                "{shell}: {}",
                command.get_name()
            );
        }
    }
    let _ = sandbox.gpuenv(["completions"]).code(2);
    let _ = sandbox.gpuenv(["completions", "cmd"]).code(2);
}

#[test]
fn all_files_are_written_for_packagers_and_none_is_written_over() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_gpuenv"));
    insta::assert_snapshot!(sandbox.gpuenv(["completions", "--output", "made/here"]), @"
    exit code: 0
    ----- stdout -----
    `made/here/gpuenv.bash` is written
    `made/here/_gpuenv` is written
    `made/here/gpuenv.fish` is written
    `made/here/_gpuenv.ps1` is written
    `made/here/gpuenv.nu` is written
    `made/here/gpuenv.elv` is written
    ----- stderr -----
    ");
    let _ = sandbox.gpuenv(["man", "--output", "man"]).success();
    assert!(sandbox.read("man/gpuenv-recipe-list.1").contains("recipe"));
    let again = sandbox.gpuenv(["man", "--output", "man"]).code(11);
    let _ = again.stderr_has("GE137").stderr_has("--force");
    let _ = sandbox
        .gpuenv(["man", "--output", "man", "--force"])
        .success();
    insta::assert_snapshot!(sandbox.gpuenv(["man", "frob"]), @"
        exit code: 2
        ----- stdout -----
        ----- stderr -----
        error: gpuenv has no command `frob`
        help: `gpuenv --help` shows all commands
        ");
}

#[test]
fn manual_pages_are_right_for_their_readers() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_gpuenv"));
    let _ = sandbox.gpuenv(["man", "--output", "man"]).success();
    let mut pages: Vec<PathBuf> = fs_err::read_dir(sandbox.work().join("man"))
        .expect("it was just made")
        .map(|entry| entry.expect("it can be read").path())
        .collect();
    pages.sort();
    let root = gpuenv::command_line();
    let visible = root
        .get_subcommands()
        .filter(|command| !command.is_hide_set());
    assert!(pages.len() >= visible.count());
    let page = sandbox.gpuenv(["man", "recipe", "list"]).success().stdout();
    assert!(page.contains(".TH GPUENV-RECIPE-LIST 1"), "{page}");
    if let Some(mandoc) = program("mandoc") {
        let line = ["-T", "lint", "-W", "error"].map(ToString::to_string);
        let files = pages.iter().map(|page| page.display().to_string());
        let line: Vec<String> = line.into_iter().chain(files).collect();
        let told = sandbox.other(mandoc, line).run();
        assert_eq!(told.stdout(), "", "{told}");
    } else {
        skipped("no mandoc");
    }
    if let Some(groff) = program("groff") {
        for page in &pages {
            let ran = Command::new(&groff)
                .args(["-man", "-Tutf8", "-ww"])
                .arg(page)
                .stdin(Stdio::null())
                .output()
                .expect("groff starts");
            let text = String::from_utf8_lossy(&ran.stdout).into_owned();
            assert!(ran.status.success() && ran.stderr.is_empty(), "{ran:?}");
            assert!(text.contains("gpuenv"), "{text}");
        }
    } else {
        skipped("no groff");
    }
}
