//! An environment for Windows, prepared on Linux from its lock.

use fs_err as fs;
use gpuenv_testkit::{Wheel, tree};

use crate::wheel_sources::Sources;

const RECIPE: &str = "schema: 1\nname: demo\nchannels: [conda-forge]\nplatforms: [linux-64, win-64]\ngpu: optional\n\
                      target:\n  - if: win\n    then: { cuda: \"99.0\" }\ndependencies: [python, tool]\n";

fn prepared() -> Result<Sources, String> {
    let sources = Sources::new()?;
    for subdir in ["win-64", "linux-64"] {
        sources
            .channel
            .package("tool", "1.0")
            .subdir(subdir)
            .file("share/tool", subdir)
            .file("etc/conda/activate.d/tool.bat", "@exit /b 1\r\n")
            .publish();
    }
    sources
        .channel
        .package("python", "3.10.14")
        .build("h0_0_cpython")
        .subdir("win-64")
        .file("python.exe", "MZ")
        .publish();
    let wheel = Wheel::new("top", "1.0")
        .tag("cp310-cp310-win_amd64")
        .command("top-says")
        .file("top/native.cp310-win_amd64.pyd", "MZ")
        .file("top-1.0.data/scripts/helper.py", "#!python\nprint(1)\n")
        .file("top-1.0.data/data/share/top/data.txt", "data");
    sources.publish("main", wheel, "top");
    sources.publish("main", Wheel::new("top", "1.0"), "top");
    let main = sources.index("main");
    let options = format!("pypi-dependencies: [top]\npypi-options: {{ index-url: \"{main}\" }}\n");
    sources
        .sandbox
        .write("demo.yaml", format!("{RECIPE}{options}"));
    Ok(sources)
}

#[test]
fn an_environment_for_windows_is_prepared_on_linux() {
    let sources = match prepared() {
        Ok(sources) => sources,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let _ = sources.gpuenv(&["lock", "./demo.yaml"]).success();
    let create = [
        "create",
        "./demo.yaml",
        "--locked",
        "--platform",
        "win-64",
        "-p",
        "win",
    ];
    let created = sources.gpuenv(&create).success();
    // Not compared with this machine, whose driver is no part of it; no script is run.
    let _ = created
        .stdout_has("3 packages (3 added")
        .stdout_has("probe: skipped: it is for win-64")
        .says_nowhere("warning");
    let prefix = sources.sandbox.work().join("win");
    let site = prefix.join("Lib/site-packages");
    for file in [
        "Lib/site-packages/top/__init__.py",
        "Lib/site-packages/top/native.cp310-win_amd64.pyd",
        "Lib/site-packages/top-1.0.dist-info/METADATA",
        "share/top/data.txt",
        "Scripts/helper.py",
        "Scripts/top-says.exe",
        "conda-meta/gpuenv.lock",
        "python.exe",
    ] {
        assert!(prefix.join(file).is_file(), "{file}\n{:#?}", tree(&prefix));
    }
    assert_eq!(
        fs::read_to_string(prefix.join("share/tool")).unwrap(),
        "win-64"
    );
    assert!(!prefix.join("bin").exists() && !prefix.join("lib/python3.10").exists());
    let bytes = fs::read(prefix.join("Scripts/top-says.exe")).unwrap();
    assert!(bytes.starts_with(b"MZ"));
    let script = fs::read_to_string(prefix.join("Scripts/top-says-script.py"));
    let script = script.unwrap();
    assert!(script.contains("from top import main"), "{script}");
    let record = fs::read_to_string(site.join("top-1.0.dist-info/RECORD")).unwrap();
    assert!(
        record.contains("top/native.cp310-win_amd64.pyd,sha256="),
        "{record}"
    );

    let again = sources.gpuenv(&create).success();
    let _ = again.stdout_has("already right");
    let info = sources.gpuenv(&["info", "-p", "win"]);
    let _ = info.says_nowhere("panicked");
}

#[test]
fn it_cannot_be_used_here_and_says_so() {
    let sources = match prepared() {
        Ok(sources) => sources,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let create = ["create", "./demo.yaml", "--platform", "win-64", "-p", "win"];
    let _ = sources.gpuenv(&create).success();
    for (command, code) in [
        (&["run", "./win", "--", "python"][..], 125),
        (&["shell-hook", "./win", "--shell", "bash"], 15),
    ] {
        let _ = sources
            .gpuenv(command)
            .code(code)
            .stderr_has("error[GE524]")
            .stderr_has("is an environment for win-64, and this is linux-64");
    }
    // A platform that the recipe or the lock lacks.
    let other = [
        "create",
        "./demo.yaml",
        "--platform",
        "osx-arm64",
        "-p",
        "mac",
    ];
    let _ = sources.gpuenv(&other).code(12).stderr_has("GE201");
    let other = [
        "create",
        "gpuenv.lock",
        "--platform",
        "osx-arm64",
        "-p",
        "mac",
    ];
    let _ = sources.gpuenv(&other).code(14).stderr_has("GE405");
    // It has no name by which one would start it.
    let named = ["create", "./demo.yaml", "--platform", "win-64", "-n", "win"];
    let _ = sources.gpuenv(&named).code(2).stderr_has("--name");
    // The environment for this machine takes no harm.
    let _ = sources
        .gpuenv(&["create", "./demo.yaml", "--no-check", "--no-probe"])
        .success();
    let run = [
        "run",
        "demo",
        "--",
        "python",
        "-c",
        "import top; print(top.__version__)",
    ];
    assert_eq!(sources.gpuenv(&run).success().stdout(), "1.0\n");
}
