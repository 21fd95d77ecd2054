//! `activation.link-libraries`: what the loader opens, without any variable.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use fs_err as fs;
use gpuenv_testkit::Wheel;

use crate::wheel_sources::Sources;

/// Compiles a C library; the error says why there is none.
fn library(folder: &Path, name: &str, text: &str, more: &[&str]) -> Result<Vec<u8>, String> {
    let source = folder.join(format!("{name}.c"));
    let output = folder.join(name);
    fs::write(&source, text).map_err(|error| error.to_string())?;
    let run = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&output, &source])
        .args(more)
        .output()
        .map_err(|error| format!("no C compiler: {error}"))?;
    match run.status.success() {
        true => fs::read(&output).map_err(|error| error.to_string()),
        false => Err(String::from_utf8_lossy(&run.stderr).into_owned()),
    }
}

/// A package that looks for CUDA as TensorFlow 2.10 does: by name, beside itself.
fn framework(sources: &Sources) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let folder = folder.path();
    for (version, number) in [("11.2.2", 112), ("11.3.1", 113)] {
        let text = format!("int number(void) {{ return {number}; }}\n");
        let soname = ["-Wl,-soname,libcudart.so.11.0"];
        let cudart = library(folder, "libcudart.so.11.0", &text, &soname)?;
        sources
            .channel
            .package("cudatoolkit", version)
            .file("lib/libcudart.so.11.0", cudart)
            .publish();
    }
    let text = "#include <dlfcn.h>\n#include <stddef.h>\n\
                int number(void) {\n  void *cuda = dlopen(\"libcudart.so.11.0\", RTLD_NOW);\n  \
                if (cuda == NULL) return -1;\n  int (*of)(void) = (int (*)(void))dlsym(cuda, \"number\");\n  \
                return of == NULL ? -2 : of();\n}\n";
    let origin = ["-Wl,--enable-new-dtags,-rpath,$ORIGIN/", "-ldl"];
    let loads = library(folder, "libframework.so.2", text, &origin)?;
    let python = "import ctypes, os\nhere = os.path.dirname(__file__)\n\
                  def number():\n    return ctypes.CDLL(os.path.join(here, 'libframework.so.2')).number()\n";
    let wheel = Wheel::new("framework", "2.10")
        .file("framework/load.py", python)
        .file("framework/libframework.so.2", loads);
    sources.publish("main", wheel, "framework");
    Ok(())
}

fn write(sources: &Sources, cuda: &str, wheels: &str, links: &str) {
    let main = sources.index("main");
    sources.sandbox.write(
        "demo.yaml",
        format!(
            "schema: 1\nname: demo\nchannels: [conda-forge]\nplatforms: [linux-64]\ngpu: optional\n\
             dependencies: [python, cudatoolkit {cuda}]\npypi-dependencies: {wheels}\n\
             pypi-options: {{ index-url: \"{main}\" }}\n\
             activation: {{ library-path: none, link-libraries: {links} }}\nprobe: []\n"
        ),
    );
}

fn create(sources: &Sources) -> gpuenv_testkit::Output {
    sources
        .gpuenv(&["create", "./demo.yaml", "--no-probe"])
        .success()
}

/// Returns what the library found, when Python is started without any activation.
fn found(prefix: &Path) -> String {
    let run = Command::new(prefix.join("bin/python"))
        .args(["-c", "from framework.load import number; print(number())"])
        .env_clear()
        .output()
        .expect("the environment has a Python");
    assert!(run.status.success(), "{run:?}");
    String::from_utf8_lossy(&run.stdout).trim().to_string()
}

#[test]
fn a_library_finds_cuda_beside_itself_without_any_variable() {
    let sources = match Sources::new().and_then(|sources| framework(&sources).map(|()| sources)) {
        Ok(sources) => sources,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let prefix: PathBuf = sources.sandbox.gpuenv_home().join("envs/demo");
    write(&sources, "11.2.*", "[framework]", "[]");
    let _ = create(&sources);
    assert_eq!(
        found(&prefix),
        "-1",
        "without links there is nothing to find"
    );

    write(&sources, "11.2.*", "[framework]", "[framework]");
    let _ = sources
        .gpuenv(&["lock", "./demo.yaml", "--check"])
        .code(1)
        .stderr_has("linux-64: `activation` differs");
    let _ = create(&sources);
    assert_eq!(found(&prefix), "112");
    assert!(
        sources
            .sandbox
            .read("gpuenv.lock")
            .contains("\"link-libraries\":[\"framework\"]")
    );
    let again = sources.gpuenv(&["create", "./demo.yaml"]).success();
    let _ = again.stdout_has("already right");
    let verified = sources.gpuenv(&["verify", "demo", "--json"]).success();
    assert_eq!(
        verified.json()["result"]["findings"]["extra"],
        serde_json::json!([])
    );

    // An update leads to the new one, and nothing of the old stays.
    write(&sources, "11.3.*", "[framework]", "[framework]");
    let _ = create(&sources);
    assert_eq!(found(&prefix), "113");

    // Each link ends inside of the environment.
    let package = fs::canonicalize(site(&prefix).join("framework")).unwrap();
    let link = package.join("libcudart.so.11.0");
    let end = fs::canonicalize(&link).unwrap();
    assert!(
        end.starts_with(fs::canonicalize(&prefix).unwrap()),
        "{end:?}"
    );
    assert!(fs::read_link(&link).unwrap().is_relative());

    // Without the package, or without the wish, they are gone.
    write(&sources, "11.3.*", "[framework]", "[]");
    let _ = create(&sources);
    assert!(fs::symlink_metadata(&link).is_err());
    write(&sources, "11.3.*", "[framework]", "[framework]");
    let _ = create(&sources);
    sources.publish("main", Wheel::new("leaf", "1.0"), "leaf");
    write(&sources, "11.3.*", "[leaf]", "[framework]");
    let _ = create(&sources).stderr_has("warning[GE522]: `link-libraries` names `framework`");
    assert!(!package.exists());
}

fn site(prefix: &Path) -> PathBuf {
    let entries = fs::read_dir(prefix.join("lib")).expect("it has libraries");
    let entries = entries.filter_map(Result::ok);
    let mut names = entries.map(|entry| entry.path());
    let python = names.find(|path| path.join("site-packages").is_dir());
    python.expect("it has a Python").join("site-packages")
}
