//! `gpuenv shell-hook`: what a user's shell becomes, and becomes again.

use gpuenv_testkit::Output;

use crate::lab::{Lab, recipe};

/// Makes an environment with CUDA libraries, a variable and a script of a package.
fn lab() -> Lab {
    let lab = Lab::new();
    lab.channel
        .package("cuda-cudart", "12.4")
        .file("lib/libcudart.so.12", "not a real one")
        .file("lib/libstdc++.so.6", "shadows that of the system")
        .activate_script("cudart.sh", "export CUDART_HOME=\"$CONDA_PREFIX\"\n")
        .deactivate_script("cudart.sh", "unset CUDART_HOME\n")
        .publish();
    lab.channel
        .package("tool", "1.0")
        .executable("bin/tool", "#!/bin/sh\necho tool\n")
        .publish();
    let text =
        recipe("demo", &["cuda-cudart", "tool"]) + "activation:\n  env: { GROWTH: \"it's on\" }\n";
    lab.sandbox.write("demo.yaml", text);
    let _ = lab
        .sandbox
        .gpuenv(["create", "./demo.yaml", "--quiet"])
        .success();
    lab
}

fn bash(lab: &Lab, script: &str) -> Output {
    let script = script.replace("gpuenv ", &format!("{} ", env!("CARGO_BIN_EXE_gpuenv")));
    lab.sandbox
        .other("/bin/bash", ["--norc", "-euc", &script])
        .run()
}

#[test]
fn bash_is_activated_and_brought_back() {
    let lab = lab();
    let prefix = lab.prefix("demo").display().to_string();
    let script = r#"
        export LD_LIBRARY_PATH=/mine
        before=$(env | sort)
        eval "$(gpuenv shell-hook demo --shell bash)"
        tool
        echo "$CONDA_PREFIX"
        echo "$GROWTH"
        echo "$CUDART_HOME"
        echo "$LD_LIBRARY_PATH"
        ls "${LD_LIBRARY_PATH%%:*}"
        gpuenv_deactivate
        after=$(env | sort)
        [ "$before" = "$after" ] && echo restored
        command -v tool || echo gone
    "#;
    let told = bash(&lab, script).success().stdout();
    let expected = format!(
        "tool\n{prefix}\nit's on\n{prefix}\n{prefix}/lib/gpuenv-cuda:/mine\nlibcudart.so.12\nrestored\ngone\n"
    );
    assert_eq!(told, expected);
}

#[test]
fn keys_of_the_recipe_come_with_the_activation_and_go_with_the_next_create() {
    let lab = lab();
    lab.channel
        .package("cudatoolkit", "11.2")
        .file("lib/libdevice.10.bc", "for the GPU")
        .executable("bin/ptxas", "#!/bin/sh\necho assembled\n")
        .publish();
    let plain = recipe("keys", &["cudatoolkit"]);
    let keys = "activation: { xla: true, memory-growth: true, no-user-site: true }\n";
    lab.sandbox.write("keys.yaml", format!("{plain}{keys}"));
    let create = || lab.sandbox.gpuenv(["create", "./keys.yaml", "--quiet"]);
    let _ = create().success();
    let script = r#"
        export XLA_FLAGS=--mine
        before=$(env | sort)
        eval "$(gpuenv shell-hook keys --shell bash)"
        echo "$XLA_FLAGS"
        directory=${XLA_FLAGS%% *}
        directory=${directory#*=}
        cat "$directory/nvvm/libdevice/libdevice.10.bc"; echo
        "$directory/bin/ptxas"
        echo "$TF_FORCE_GPU_ALLOW_GROWTH $XLA_PYTHON_CLIENT_PREALLOCATE $PYTHONNOUSERSITE"
        gpuenv_deactivate
        [ "$before" = "$(env | sort)" ] && echo restored
        gpuenv run keys -- /bin/sh -c 'echo "$XLA_FLAGS"'
    "#;
    let told = bash(&lab, script).success().stdout();
    let prefix = lab.prefix("keys");
    let flags = format!(
        "--xla_gpu_cuda_data_dir={}/lib/gpuenv-xla --mine",
        prefix.display()
    );
    assert_eq!(
        told,
        format!("{flags}\nfor the GPU\nassembled\ntrue false 1\nrestored\n{flags}\n")
    );
    lab.sandbox.write("keys.yaml", plain);
    let _ = create().success();
    assert!(!prefix.join("lib/gpuenv-xla").exists());
    let told = bash(
        &lab,
        "gpuenv run keys -- /bin/sh -c 'echo ${XLA_FLAGS-unset}'",
    );
    assert_eq!(told.success().stdout(), "unset\n");
}

#[test]
fn xla_that_is_led_nowhere_is_told() {
    let lab = lab();
    let keys = "activation: { xla: true }\n";
    let recipe = format!("{}{keys}", recipe("nowhere", &["tool"]));
    lab.sandbox.write("nowhere.yaml", recipe);
    let create = || lab.sandbox.gpuenv(["create", "./nowhere.yaml"]);
    let _ = create()
        .success()
        .stderr_has("warning[GE630]")
        .stderr_has("no `libdevice.10.bc` and no `ptxas`");
    assert!(!create().success().stderr().contains("GE630"));
}

#[test]
fn activating_twice_and_switching_leave_no_trace() {
    let lab = lab();
    let _ = lab
        .sandbox
        .gpuenv(["create", "./demo.yaml", "-n", "other", "--quiet"])
        .success();
    let script = r#"
        before=$(env | sort)
        eval "$(gpuenv shell-hook demo --shell bash)"
        once=$PATH
        eval "$(gpuenv shell-hook demo --shell bash)"
        [ "$once" = "$PATH" ] && echo same
        eval "$(gpuenv shell-hook other --shell bash)"
        echo "$CONDA_DEFAULT_ENV"
        while [ "${CONDA_SHLVL:-0}" != 0 ]; do gpuenv_deactivate; done
        [ "$before" = "$(env | sort)" ] && echo restored
    "#;
    insta::assert_snapshot!(bash(&lab, script), @"
    exit code: 0
    ----- stdout -----
    same
    other
    restored
    ----- stderr -----
    ");
}

#[test]
fn the_shell_is_that_of_the_user_unless_named() {
    let mut lab = lab();
    insta::assert_snapshot!(lab.sandbox.gpuenv(["shell-hook", "demo"]), @"
    exit code: 16
    ----- stdout -----
    ----- stderr -----
    error[GE601]: `$SHELL` does not name a shell
    help: name it: `--shell bash|zsh|sh|dash|fish|tcsh|xonsh|nushell|powershell|cmd`
    docs: `gpuenv explain GE601`
    ");
    insta::assert_snapshot!(lab.sandbox.gpuenv(["shell-hook", "demo", "--shell", "elvish"]), @"
    exit code: 16
    ----- stdout -----
    ----- stderr -----
    error[GE601]: the shell `elvish` is not supported
    help: use one of `bash`, `zsh`, `sh`, `dash`, `fish`, `tcsh`, `xonsh`, `nushell`, `powershell`, `cmd`
    help: or run a program without a shell: `gpuenv run ENV -- PROGRAM`
    docs: `gpuenv explain GE601`
    ");
    lab.sandbox.set("SHELL", "/usr/bin/bash");
    let usual = lab.sandbox.gpuenv(["shell-hook", "demo"]).success();
    let named = lab
        .sandbox
        .gpuenv(["shell-hook", "demo", "--shell", "bash"])
        .success();
    assert_eq!(usual.stdout(), named.stdout());
    insta::assert_snapshot!(lab.sandbox.gpuenv(["shell-hook", "demmo"]), @"
    exit code: 15
    ----- stdout -----
    ----- stderr -----
    error[GE511]: there is no environment `demmo`
    cause: looked at [SANDBOX]/gpuenv-home/envs/demmo
    help: did you mean `demo`?
    help: `gpuenv list` shows the environments that are there
    help: create one from a recipe: `gpuenv create RECIPE`
    docs: `gpuenv explain GE511`
    ");
}
