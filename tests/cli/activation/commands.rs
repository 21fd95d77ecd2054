//! The commands around activation, as a user types them.

use std::{
    io::{self, Write as _},
    path::PathBuf,
};

use gpuenv_testkit::Sandbox;

use super::shells::{shells, which};

/// Makes a sandbox with an environment `tf` that sets `X`.
fn with_environment() -> (Sandbox, PathBuf) {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_gpuenv"));
    let prefix = sandbox.gpuenv_home().join("envs").join("tf");
    for (file, text) in [
        ("conda-meta/history", ""),
        ("bin/tool", "#!/bin/sh\necho the tool\n"),
        ("etc/conda/env_vars.d/x.json", r#"{"X": "it's $HOME"}"#),
    ] {
        super::shells::write_below(&prefix.join(file), text);
    }
    (sandbox, prefix)
}

/// Makes a directory with another CUDA.
fn other_cuda(sandbox: &Sandbox) -> (String, String) {
    sandbox.write("cuda/lib/libcudart.so.11.0", "");
    sandbox.write("cuda/bin/nvcc", "");
    sandbox.write("plain/lib/libz.so.1", "");
    let root = sandbox.work();
    let at = |name: &str| root.join(name).display().to_string();
    (at("cuda"), at("plain"))
}

const SHOW: &str = "echo \"PATH=$PATH\"; echo \"LD=${LD_LIBRARY_PATH-unset}\"";

#[test]
fn run_tells_of_another_cuda_and_clean_takes_exactly_that_away() {
    let (sandbox, _) = with_environment();
    let (cuda, plain) = other_cuda(&sandbox);
    let libraries = format!("{plain}/lib:{cuda}/lib");
    let path = |output: &str| output.lines().next().unwrap_or_default().to_string();
    let run = |arguments: &[&str]| {
        let command = [&["run"], arguments, &["tf", "--", "sh", "-c", SHOW]].concat();
        let programs = sandbox.root().join("bin").display().to_string();
        let command = sandbox.command(command);
        let command = command.env("PATH", format!("{cuda}/bin:{programs}:/usr/bin:/bin"));
        command.env("LD_LIBRARY_PATH", &libraries).run()
    };
    let told = run(&[])
        .success()
        .stderr_has("GE605")
        .stderr_has("cuda/lib");
    assert!(path(&told.stdout()).contains(&format!("{cuda}/bin")));
    let clean = run(&["--clean"]).success().says_nowhere("GE605");
    let seen = clean.stdout();
    assert!(!seen.contains(&cuda), "{seen}");
    assert!(seen.contains(&format!("LD={plain}/lib\n")), "{seen}");
    assert!(seen.contains(":/usr/bin:/bin\n"), "{seen}");
}

#[test]
fn an_empty_entry_is_told() {
    let (sandbox, _) = with_environment();
    let command = sandbox.command(["run", "tf", "--", "true"]);
    let output = command.env("LD_LIBRARY_PATH", "/x:").run().success();
    let _ = output.stderr_has("means the current directory");
}

#[test]
fn shell_starts_the_users_shell_and_hands_on_its_exit_code() {
    for shell in shells().iter().filter(|shell| !shell.name.contains(' ')) {
        let (sandbox, prefix) = with_environment();
        let input = match shell.extension() {
            // Without a terminal, these take no commands from their input.
            "xsh" | "nu" => continue,
            _ => "echo in $CONDA_PREFIX; echo X \"$X\"\ntool\nexit 7\n",
        };
        let command = sandbox
            .command(["shell", "tf"])
            .env("SHELL", &shell.program);
        let output = command
            .env("PATH", "/usr/bin:/bin")
            .input(input)
            .run()
            .code(7);
        let seen = output.stdout();
        assert!(
            seen.contains(&format!("in {}", prefix.display())),
            "{}: {seen}",
            shell.name
        );
        assert!(seen.contains("X it's $HOME"), "{}: {seen}", shell.name);
    }
}

#[test]
fn a_terminal_shows_whose_shell_it_is() {
    let Some(script) = which("script") else {
        let _ = io::stderr().write_all(b"skipped: no script(1), which makes a terminal\n");
        return;
    };
    for name in ["bash", "dash", "tcsh"] {
        let Some(program) = which(name) else {
            continue;
        };
        let (sandbox, _) = with_environment();
        sandbox.write("shrc", "RC=read\n");
        sandbox.write(
            "../home/.tcshrc",
            "set prompt = 'mine> '\nsetenv RC $HOME\n",
        );
        let line = format!(
            "stty -echo; {} shell tf --shell {}",
            env!("CARGO_BIN_EXE_gpuenv"),
            program.display()
        );
        let terminal = sandbox.other(&script, ["-qec", &line, "/dev/null"]);
        let output = terminal
            .env("PATH", "/usr/bin:/bin")
            .env("TERM", "dumb")
            .env("ENV", "$PWD/shrc")
            .input("echo in $CONDA_PREFIX $RC\nexit\n")
            .run();
        let seen = output.stdout();
        assert!(seen.contains("(tf) "), "{name}: {seen}");
        assert!(!seen.contains("(tf) (tf) "), "{name}: {seen}");
        if name == "dash" {
            assert!(seen.contains("envs/tf read"), "{seen}");
        }
        if name == "tcsh" {
            let home = sandbox.root().join("home");
            assert!(seen.contains("(tf) mine> "), "{seen}");
            assert!(
                seen.contains(&format!("envs/tf {}", home.display())),
                "{seen}"
            );
        }
    }
}

#[test]
fn init_gives_activate_and_deactivate_and_undo_takes_them_away() {
    for (name, file) in [
        ("bash", "home/.bashrc"),
        ("zsh", "home/.zshrc"),
        ("fish", "home/.config/fish/config.fish"),
        ("tcsh", "home/.tcshrc"),
        ("xonsh", "home/.xonshrc"),
    ] {
        let Some(program) = which(name) else {
            let _ = io::stderr().write_all(format!("skipped: no {name}\n").as_bytes());
            continue;
        };
        let (sandbox, prefix) = with_environment();
        let rc = sandbox.root().join(file);
        super::shells::write_below(&rc, "# mine\n");
        let _ = sandbox.gpuenv(["init", name]).code(2).stderr_has("--yes");
        let _ = sandbox.gpuenv(["init", name, "--yes"]).success();
        let _ = sandbox
            .gpuenv(["init", name])
            .success()
            .stdout_has("already right");
        let source = format!("source {}", rc.display());
        let look = match name {
            "xonsh" => "print('X', __xonsh__.env.get('X', 'unset'))",
            "tcsh" => "printenv X || echo unset",
            "fish" => "if set -q X; echo X $X; else; echo unset; end",
            _ => "echo X \"${X-unset}\"",
        };
        let script = format!("{source}\ngpuenv activate tf\n{look}\ngpuenv deactivate\n{look}\n");
        let script = sandbox.write("script", script);
        let flags: &[&str] = match name {
            "xonsh" => &["--no-rc"],
            "bash" => &["--norc"],
            "fish" => &["--no-config"],
            _ => &["-f"],
        };
        let script = script.display().to_string();
        let output = sandbox.other(&program, [flags, &[&script]].concat());
        let output = output.env("PATH", "/usr/bin:/bin").run();
        let seen = output.stdout();
        let lines: Vec<&str> = seen.lines().collect();
        assert_eq!(lines.len(), 2, "{name}: {seen}{}", output.stderr());
        assert!(lines[0].ends_with("it's $HOME"), "{name}: {seen}");
        assert!(lines[1].ends_with("unset"), "{name}: {seen}");
        assert!(prefix.exists());
        let _ = sandbox.gpuenv(["init", name, "--undo", "--yes"]).success();
        assert_eq!(fs_err::read_to_string(&rc).unwrap(), "# mine\n", "{name}");
    }
}

#[test]
fn init_leaves_links_and_read_only_files_what_they_are() {
    use std::os::unix::fs::symlink;
    let (sandbox, _) = with_environment();
    let rc = sandbox.root().join("home/.bashrc");
    let dotfiles = sandbox.write("dotfiles/bashrc", "# mine, without an end");
    let _ = fs_err::create_dir_all(rc.parent().unwrap());
    symlink(&dotfiles, &rc).unwrap();
    let _ = sandbox.gpuenv(["init", "bash", "--yes"]).success();
    assert!(fs_err::symlink_metadata(&rc).unwrap().is_symlink());
    assert!(
        fs_err::read_to_string(&dotfiles)
            .unwrap()
            .contains(">>> gpuenv")
    );
    let _ = sandbox
        .gpuenv(["init", "bash", "--undo", "--yes"])
        .success();
    let left = fs_err::read_to_string(&dotfiles).unwrap();
    assert_eq!(left, "# mine, without an end");

    let mut permissions = fs_err::metadata(&dotfiles).unwrap().permissions();
    permissions.set_readonly(true);
    fs_err::set_permissions(&dotfiles, permissions).unwrap();
    let refused = sandbox.gpuenv(["init", "bash", "--yes"]).code(16);
    let _ = refused.stderr_has("GE607").stderr_has("it is read-only");
    assert_eq!(fs_err::read_to_string(&dotfiles).unwrap(), left);

    fs_err::remove_file(&dotfiles).unwrap();
    let refused = sandbox.gpuenv(["init", "bash", "--yes"]).code(16);
    let _ = refused.stderr_has("it is a link to nowhere");
    assert!(fs_err::symlink_metadata(&rc).unwrap().is_symlink());
}

#[test]
fn a_kernel_runs_through_gpuenv() {
    let (mut sandbox, prefix) = with_environment();
    let output = sandbox
        .gpuenv(["jupyter", "tf"])
        .success()
        .stderr_has("ipykernel");
    let kernel: serde_json::Value = serde_json::from_str(&output.stdout()).unwrap();
    assert_eq!(kernel["argv"][1], "run");
    assert_eq!(kernel["argv"][2], prefix.display().to_string());
    let data = sandbox.root().join("jupyter");
    sandbox.set("JUPYTER_DATA_DIR", &data);
    let _ = sandbox.gpuenv(["jupyter", "tf", "--install"]).success();
    let installed = fs_err::read_to_string(data.join("kernels/gpuenv-tf/kernel.json")).unwrap();
    assert_eq!(installed, output.stdout());
}

#[test]
fn direnv_gets_what_shell_hook_does() {
    let (sandbox, prefix) = with_environment();
    let envrc = sandbox.gpuenv(["direnv", "tf"]).success().stdout();
    let envrc = sandbox.write(".envrc", envrc);
    let script = format!(
        "watch_file() {{ :; }}\n. '{}'\necho \"$CONDA_PREFIX\"\n",
        envrc.display()
    );
    let output = sandbox
        .other("/bin/bash", ["-euc", &script])
        .run()
        .success();
    assert_eq!(output.stdout().trim(), prefix.display().to_string());
}

#[test]
fn the_real_direnv_enters_and_leaves_the_environment() {
    let Some(direnv) = which("direnv") else {
        let _ = io::stderr().write_all(b"skipped: no direnv\n");
        return;
    };
    let (sandbox, prefix) = with_environment();
    let envrc = sandbox.gpuenv(["direnv", "tf"]).success().stdout();
    sandbox.write("project/.envrc", envrc);
    let script = format!(
        "export PATH=/usr/bin:/bin X=mine LD_LIBRARY_PATH=/old\n\
         cd project && '{0}' allow . && env | sort >../before\n\
         eval \"$('{0}' export bash)\" && echo \"$CONDA_PREFIX $X\"\n\
         cd .. && eval \"$('{0}' export bash)\" && cd project\n\
         env | sort | grep -v ^OLDPWD= >../after\n\
         grep -v ^OLDPWD= ../before | diff - ../after",
        direnv.display()
    );
    let output = sandbox
        .other("/bin/bash", ["--norc", "-euc", &script])
        .run();
    let seen = output.stdout();
    let wanted = format!("{} it's $HOME\n", prefix.display());
    assert_eq!(seen, wanted, "{}", output.stderr());
}

#[test]
fn modulefiles_are_read_by_the_module_systems() {
    let (sandbox, prefix) = with_environment();
    let lua = sandbox.gpuenv(["modulefile", "tf"]).success().stdout();
    let tcl = sandbox
        .gpuenv(["modulefile", "tf", "--format", "tcl"])
        .success()
        .stdout();
    sandbox.write("modules/tf", tcl);
    sandbox.write("lmod/tf.lua", lua);
    let systems = [
        ("/usr/lib/x86_64-linux-gnu/modulecmd.tcl", "modules"),
        ("/usr/share/lmod/lmod/libexec/lmod", "lmod"),
    ];
    for (program, folder) in systems {
        if !std::path::Path::new(program).exists() {
            let _ = io::stderr().write_all(format!("skipped: no {program}\n").as_bytes());
            continue;
        }
        let kept = "env | sort | grep -v -E '^(_|LMOD|MODULE|LOADED)'";
        let script = format!(
            "module() {{ eval \"$({program} bash \"$@\")\"; }}\n\
             {kept} >before\nmodule load tf\n\
             echo \"$CONDA_PREFIX\"; echo \"$X\"; echo \"$PATH\"; echo \"$LD_LIBRARY_PATH\"\n\
             module unload tf\n{kept} >after\ndiff before after"
        );
        let folder = sandbox.work().join(folder);
        let output = sandbox.other("/bin/bash", ["--norc", "-c", &script]);
        let output = output
            .env("MODULEPATH", &folder)
            .env("PATH", "/usr/bin:/bin")
            .env("LD_LIBRARY_PATH", "/old")
            .env("X", "it was $this")
            .run();
        let seen = output.stdout();
        let lines: Vec<&str> = seen.lines().collect();
        // No difference between before and after has been printed.
        let prefix = prefix.display().to_string();
        assert_eq!(lines.len(), 4, "{program}: {seen}{}", output.stderr());
        assert_eq!(lines[..2], [prefix.as_str(), "it's $HOME"], "{program}");
        assert!(
            lines[2].starts_with(&format!("{prefix}/bin:")) && lines[3] == "/old",
            "{program}: {seen}"
        );
    }
}
