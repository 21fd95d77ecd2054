//! A real CPython, repackaged from this machine, and a package with commands.

use fs_err as fs;

use crate::lab::{Lab, skipped};

/// Makes an environment with Python and a package; `None` where there is no Python.
fn lab() -> Option<Lab> {
    let lab = Lab::new();
    if let Err(why) = lab.channel.python_from_machine("linux-64") {
        skipped(&why);
        return None;
    }
    lab.channel
        .package("greeter", "1.0")
        .needs("python")
        .noarch_python(["greet = greeter:main", "greet-loudly = greeter:loudly"])
        .file("site-packages/greeter/__init__.py", "import sys\ndef main():\n    print('hello', *sys.argv[1:])\n    return 3\ndef loudly():\n    print('HELLO')\n")
        .file("site-packages/greeter-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: greeter\nVersion: 1.0\n")
        .publish();
    lab.recipe("demo", &["python", "greeter"]);
    Some(lab)
}

#[test]
fn python_is_at_home_in_its_environment() {
    let Some(lab) = lab() else { return };
    let _ = lab.sandbox.gpuenv(["create", "./demo.yaml"]).success();
    let prefix = lab.prefix("demo").display().to_string();
    let python = |code: &str| {
        lab.sandbox
            .gpuenv(["run", "demo", "--", "python", "-c", code])
    };
    let told = python(
        "import sys, os; print(sys.prefix); print(sys.executable); print(os.environ['CONDA_PREFIX'])",
    );
    let told = told.success().stdout();
    let mut lines = told.lines();
    assert_eq!(lines.next(), Some(prefix.as_str()));
    assert!(
        lines.next().is_some_and(|path| path.starts_with(&prefix)),
        "{told}"
    );
    assert_eq!(lines.next(), Some(prefix.as_str()));
    let imported = python("import greeter, ssl, json, hashlib; print(greeter.__file__)").stdout();
    assert!(
        imported.is_empty() || imported.starts_with(&prefix),
        "{imported}"
    );
    let _ = python("import sys; sys.exit(9)").code(9);
    let _ = python("import os, signal; os.kill(os.getpid(), signal.SIGKILL)").killed_by(9);
    let echoed = lab
        .sandbox
        .command(["run", "demo", "python", "-c", "print(input()[::-1])"])
        .input("stressed\n")
        .run();
    assert_eq!(echoed.success().stdout(), "desserts\n");
    commands_run_with_that_python(&lab);
    // What Python has written meanwhile is no damage.
    let verify = ["verify", "demo", "--quiet", "--no-cache"];
    let sound = lab.sandbox.gpuenv(verify).success();
    let _ = sound.says_nowhere("__pycache__");
    let command = lab.prefix("demo").join("bin/greet");
    fs::write(&command, "#!/bin/sh\n").unwrap();
    let told = lab.sandbox.gpuenv(verify).code(1);
    let _ = told.stdout_has("files of `greeter`:\n  bin/greet was changed");
}

#[track_caller]
fn commands_run_with_that_python(lab: &Lab) {
    let run = lab.sandbox.gpuenv(["run", "demo", "--", "greet", "a b"]);
    assert_eq!(run.stdout(), "hello a b\n");
    let _ = run.code(3);
    // Without activation too: the script names its interpreter.
    let direct = lab
        .sandbox
        .other(lab.prefix("demo").join("bin/greet-loudly"), [""; 0])
        .run();
    assert_eq!(direct.success().stdout(), "HELLO\n");
    let script = fs::read_to_string(lab.prefix("demo").join("bin/greet")).unwrap_or_default();
    assert!(
        script.starts_with(&format!("#!{}/bin/python", lab.prefix("demo").display())),
        "{script}"
    );
    // Nobody but the environment knows the package.
    let listed = lab.sandbox.gpuenv(["info", "demo"]).success();
    let _ = listed.stdout_has("greeter");
}

#[test]
fn python_works_where_a_path_is_not_simple_and_after_an_update() {
    let Some(lab) = lab() else { return };
    for name in ["it's two ünïcode words", &"long/".repeat(40)] {
        let prefix = lab.sandbox.work().join(name);
        let prefix = prefix.to_str().unwrap().trim_end_matches('/');
        let _ = lab
            .sandbox
            .gpuenv(["create", "./demo.yaml", "--quiet", "-p", prefix])
            .success();
        let direct = lab
            .sandbox
            .other(format!("{prefix}/bin/greet-loudly"), [""; 0])
            .run();
        assert_eq!(direct.success().stdout(), "HELLO\n", "{name}");
        let run = lab.sandbox.gpuenv([
            "run",
            prefix,
            "python",
            "-c",
            "import sys; print(sys.prefix)",
        ]);
        assert_eq!(run.success().stdout(), format!("{prefix}\n"));
    }
    what_python_writes_stays_through_an_update(&lab);
}

#[track_caller]
fn what_python_writes_stays_through_an_update(lab: &Lab) {
    let _ = lab.sandbox.gpuenv(["create", "./demo.yaml"]).success();
    let code = "import greeter, pathlib, sysconfig\n\
                pathlib.Path(sysconfig.get_paths()['purelib'], 'mine.py').write_text('x = 1')";
    let _ = lab
        .sandbox
        .gpuenv(["run", "demo", "python", "-c", code])
        .success();
    lab.channel
        .package("extra", "1.0")
        .noarch_generic()
        .file("share/extra", "x")
        .publish();
    lab.recipe("demo", &["python", "greeter", "extra"]);
    let _ = lab.sandbox.gpuenv(["create", "./demo.yaml"]).success();
    let run = lab
        .sandbox
        .gpuenv(["run", "demo", "python", "-c", "import mine; print(mine.x)"]);
    assert_eq!(run.success().stdout(), "1\n");
    // Without the package, its compiled files are no residue that can be imported.
    lab.recipe("demo", &["python", "extra"]);
    let _ = lab.sandbox.gpuenv(["create", "./demo.yaml"]).success();
    let gone = lab.sandbox.gpuenv([
        "run",
        "demo",
        "python",
        "-c",
        "import greeter; print(greeter.main)",
    ]);
    let _ = gone.code(1);
    assert!(!lab.prefix("demo").join("bin/greet").exists());
}
