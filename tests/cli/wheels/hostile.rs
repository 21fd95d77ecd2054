//! Wheels that lie, break or want to get out.
//!
//! `docs/guide/wheels.md` says what becomes of each, beside what uv makes of it.

use std::path::PathBuf;

use fs_err as fs;
use gpuenv_testkit::{Output, Wheel, sha256, tree};

use super::lab::{Lab, lab};

/// A lock of `x 1.0`, whose file is going to be another one.
struct Swapped {
    lab: Lab,
    file: PathBuf,
    honest: Vec<u8>,
    lock: String,
}

impl Swapped {
    fn new(lab: Lab) -> Self {
        let file = lab.publish(x());
        lab.recipe_for("[linux-64, win-64]", "[python]", "[x]");
        let _ = lab.gpuenv(&["lock", "./demo.yaml"]).success();
        let honest = fs::read(&file).expect("it was published");
        let lock = lab.sandbox.read("gpuenv.lock");
        Self {
            lab,
            file,
            honest,
            lock,
        }
    }

    /// Puts other bytes in the place of the file, and their hash and size into the
    /// lock, and makes an environment of it.
    fn create(&self, bytes: &[u8], more: &[&str]) -> Output {
        fs::write(&self.file, bytes).expect("the folder is ours");
        let size = |bytes: &[u8]| format!("\"x\":{}", bytes.len());
        let lock = self.lock.replace(&sha256(&self.honest), &sha256(bytes));
        let lock = lock.replace(&size(&self.honest), &size(bytes));
        assert!(lock != self.lock || bytes == self.honest.as_slice());
        self.lab.sandbox.write("gpuenv.lock", lock);
        let create = ["create", "./demo.yaml", "--locked"];
        self.lab.gpuenv(&[create.as_slice(), more].concat())
    }

    /// Returns what is told about a wheel that is refused, and looks whether anything
    /// was made of it, at the prefix, in the cache or beside them.
    fn told(&self, bytes: &[u8], more: &[&str]) -> String {
        let output = self.create(bytes, more);
        let text = output.snapshot();
        let told = text.lines().find(|line| line.starts_with("error"));
        if output.exit_code() != Some(15) || self.lab.prefix().exists() {
            let _ = fs::remove_dir_all(self.lab.prefix());
            return format!("NOT REFUSED: {text}");
        }
        let left = tree(self.lab.sandbox.root());
        match left.iter().find(|line| line.contains("evil")) {
            Some(left) => format!("LEFT BEHIND: {left}"),
            None => without_build(told.unwrap_or_default()),
        }
    }
}

/// Hides the build of a wheel, which is its hash, and that differs with what compresses it.
fn without_build(line: &str) -> String {
    let mut parts = line.split("pypi_");
    let first = parts.next().unwrap_or_default().to_string();
    parts.fold(first, |line, part| {
        format!("{line}pypi_HASH{}", part.get(8..).unwrap_or_default())
    })
}

fn x() -> Wheel {
    Wheel::new("x", "1.0")
}

fn scripts(lines: &str) -> Wheel {
    x().entry_points(&format!("[console_scripts]\n{lines}\n"))
}

#[test]
fn a_wheel_that_lies_or_wants_out_is_refused() {
    let swapped = Swapped::new(lab!());
    let wheels = [
        ("another name inside", x().inside("y", "1.0")),
        ("another version inside", x().inside("x", "1.1")),
        ("a name twice", x().twice("x/__init__.py", "evil = 1\n")),
        ("unknown scheme", x().file("x-1.0.data/nonsense/a", "a")),
        (
            "conda's own folder",
            x().file("x-1.0.data/data/conda-meta/a.json", "{}"),
        ),
        (
            "a file that RECORD does not name",
            x().unlisted("x/evil.py", "x"),
        ),
        (
            "a file of RECORD that is not there",
            x().record_line("x/more.py,sha256=abc,3"),
        ),
        ("a wrong hash in RECORD", x().lying()),
        (
            "a wrong size in RECORD",
            x().record_line("x/__init__.py,,3"),
        ),
        ("no RECORD", x().without_record()),
        ("a RECORD that is no table", x().record_line("\"x")),
        ("a path that climbs", x().file("../evil.py", "x")),
        (
            "a path that climbs in data",
            x().file("x-1.0.data/data/../../evil.py", "x"),
        ),
        ("an absolute path", x().file("/tmp/evil.py", "x")),
        ("an absolute path of Windows", x().file("C:/evil.py", "x")),
        (
            "a path with backslashes",
            x().file("x\\..\\..\\evil.py", "x"),
        ),
        ("a path with a line end", x().file("x/e\nvil.py", "x")),
        ("a command that climbs", scripts("../evil = x:main")),
        (
            "a command with an absolute path",
            scripts("/tmp/evil = x:main"),
        ),
        (
            "a command that holds code",
            scripts("evil = x:main);import os;os.system('id'"),
        ),
        ("a command named python", scripts("python = x:main")),
        ("a command without a name", scripts("= x:main")),
        ("a command without a function", scripts("evil = x")),
        ("a command twice", scripts("evil = x:main\nevil = x:other")),
    ];
    let mut told = String::new();
    for (name, wheel) in wheels {
        told += &format!("{name}\n  {}\n", swapped.told(&wheel.bytes(), &[]));
    }
    let half = swapped.honest.len() / 2;
    for (name, bytes) in [
        ("half of it", &swapped.honest[..half]),
        (
            "without its last byte",
            &swapped.honest[..swapped.honest.len() - 1],
        ),
        ("no archive", b"<html>".as_slice()),
        ("nothing", b"".as_slice()),
    ] {
        told += &format!("{name}\n  {}\n", swapped.told(bytes, &[]));
    }
    insta::assert_snapshot!(told, @r#"
    another name inside
      error[GE514]: `x-1.0-py3-none-any.whl` is not a sound package: wheel y-1.0.dist-info does not match package x 1.0
    another version inside
      error[GE514]: `x-1.0-py3-none-any.whl` is not a sound package: wheel x-1.1.dist-info does not match package x 1.0
    a name twice
      error[GE514]: `x-1.0-py3-none-any.whl` is not a sound package: it holds two files of one name
    unknown scheme
      error[GE514]: `x-1.0-py3-none-any.whl` is not a sound package: unknown wheel .data scheme 'nonsense' for x-1.0.data/nonsense/a
    conda's own folder
      error[GE514]: `x-1.0-py3-none-any.whl` is not a sound package: wheel payload overlaps conda metadata: conda-meta/a.json
    a file that RECORD does not name
      error[GE514]: `x-1.0-py3-none-any.whl` is not a sound package: invalid wheel metadata: its `RECORD` does not name `site-packages/x/evil.py`
    a file of RECORD that is not there
      error[GE514]: `x-1.0-py3-none-any.whl` is not a sound package: invalid wheel metadata: its `RECORD` names `x/more.py`, which is not in it
    a wrong hash in RECORD
      error[GE514]: `x-1.0-py3-none-any.whl` is not a sound package: invalid wheel metadata: its `RECORD` gives another hash for `x/__init__.py`
    a wrong size in RECORD
      error[GE514]: `x-1.0-py3-none-any.whl` is not a sound package: invalid wheel metadata: its `RECORD` gives another size for `x/__init__.py`
    no RECORD
      error[GE514]: `x-1.0-py3-none-any.whl` is not a sound package: invalid wheel metadata: no `RECORD`
    a RECORD that is no table
      error[GE514]: `x-1.0-py3-none-any.whl` is not a sound package: invalid wheel metadata: its `RECORD` cannot be read
    a path that climbs
      error[GE514]: `x-1.0-py3-none-any.whl` is not a sound package: invalid package-relative archive path: ../evil.py
    a path that climbs in data
      error[GE514]: `x-1.0-py3-none-any.whl` is not a sound package: invalid package-relative archive path: x-1.0.data/data/../../evil.py
    an absolute path
      error[GE514]: `x-1.0-py3-none-any.whl` is not a sound package: invalid package-relative archive path: /tmp/evil.py
    an absolute path of Windows
      error[GE514]: `x-1.0-py3-none-any.whl` is not a sound package: invalid wheel metadata: its `RECORD` names `C:/evil.py`, which is not in it
    a path with backslashes
      error[GE514]: `x-1.0-py3-none-any.whl` is not a sound package: invalid package-relative archive path: x\..\..\evil.py
    a path with a line end
      error[GE506]: `x 1.0 pypi_HASH` must not be installed: the path holds a control character
    a command that climbs
      error[GE514]: `x-1.0-py3-none-any.whl` is not a sound package: entry point command must not contain path separators or NUL: "../evil"
    a command with an absolute path
      error[GE514]: `x-1.0-py3-none-any.whl` is not a sound package: entry point command must not contain path separators or NUL: "/tmp/evil"
    a command that holds code
      error[GE514]: `x-1.0-py3-none-any.whl` is not a sound package: uv cannot install it either: error: Failed to install: x-1.0-py3-none-any.whl (x==1.0); cause: The wheel is invalid: invalid console script: 'x:main);import os;os.system('id''
    a command named python
      error[GE506]: `x 1.0 pypi_HASH` must not be installed: it would be started instead of Python
    a command without a name
      error[GE514]: `x-1.0-py3-none-any.whl` is not a sound package: uv cannot install it either: error: Failed to install: x-1.0-py3-none-any.whl (x==1.0); cause: The wheel is invalid: `entry_points.txt` is invalid: invalid option or section header at; line 2
    a command without a function
      error[GE514]: `x-1.0-py3-none-any.whl` is not a sound package: uv cannot install it either: error: Failed to install: x-1.0-py3-none-any.whl (x==1.0); cause: The wheel is invalid: invalid console script: 'x'
    a command twice
      error[GE514]: `x-1.0-py3-none-any.whl` is not a sound package: uv cannot install it either: error: Failed to install: x-1.0-py3-none-any.whl (x==1.0); cause: The wheel is invalid: `entry_points.txt` is invalid: duplicate option at line 3
    half of it
      error[GE514]: `x-1.0-py3-none-any.whl` is not a sound package: invalid zip archive: invalid Zip archive: Could not find EOCD
    without its last byte
      error[GE514]: `x-1.0-py3-none-any.whl` is not a sound package: invalid zip archive: invalid Zip archive: Unexpected end of zip::format::blocks::Zip32CDEBlock
    no archive
      error[GE514]: `x-1.0-py3-none-any.whl` is not a sound package: invalid zip archive: invalid Zip archive: Could not find EOCD
    nothing
      error[GE514]: `x-1.0-py3-none-any.whl` is not a sound package: invalid zip archive: invalid Zip archive: Could not find EOCD
    "#);
    // The environment that is there stays as it is.
    let _ = swapped.create(&swapped.honest.clone(), &[]).success();
    let before = tree(&swapped.lab.prefix());
    let _ = swapped.create(&x().lying().bytes(), &["--force"]).code(15);
    assert_eq!(tree(&swapped.lab.prefix()), before);
}

#[test]
fn an_odd_but_honest_wheel_is_installed_as_uv_installs_it() {
    let swapped = Swapped::new(lab!());
    let commands = "my tool = x:main\nwith-extras = x:main [cli, all]\ndotted = x : os.getcwd\n\
                    -dash = x:main\ntööl = x:main\ncon = x:main";
    let wheel = scripts(commands)
        .symlink("x/link.txt", "/etc/passwd")
        .file("x/über 中.txt", "u")
        .file("x/comma, \"quoted\".txt", "q")
        .file("x/Readme.txt", "a")
        .file("x/README.txt", "b")
        .file("x-1.0.data/data/share/x/d.txt", "d")
        .file("x-1.0.data/headers/h.h", "h")
        .file("x-1.0.data/purelib/pure_x.py", "p = 1\n")
        .file("x-1.0.data/platlib/plat_x.py", "q = 1\n")
        .file("x-1.0.data/scripts/script-x", "#!python\nprint('script')\n")
        .record_line("x/__init__.py,,");
    let created = swapped.create(&wheel.bytes(), &[]).success();
    let _ = created.says_nowhere("GE521");
    let prefix = swapped.lab.prefix();
    let lab = &swapped.lab;
    let link =
        lab.python("import x, os; print(os.path.join(os.path.dirname(x.__file__), 'link.txt'))");
    let link = PathBuf::from(link.trim());
    assert!(!link.is_symlink());
    assert_eq!(
        fs::read_to_string(&link).expect("it is a file"),
        "/etc/passwd"
    );
    let folder = link.parent().expect("it is in the module");
    for (name, text) in [
        ("über 中.txt", "u"),
        ("comma, \"quoted\".txt", "q"),
        ("Readme.txt", "a"),
        ("README.txt", "b"),
    ] {
        assert_eq!(
            fs::read_to_string(folder.join(name)).ok().as_deref(),
            Some(text),
            "{name}"
        );
    }
    for path in ["share/x/d.txt", "include/h.h", "bin/script-x"] {
        assert!(prefix.join(path).is_file(), "{path}");
    }
    assert_eq!(
        lab.python("import pure_x, plat_x; print(pure_x.p + plat_x.q)"),
        "2\n"
    );
    for command in ["my tool", "with-extras", "-dash", "tööl", "con"] {
        let run = lab.gpuenv(&["run", "demo", "--", command]).success();
        assert_eq!(run.stdout(), "x 1.0\n", "{command}");
    }
    let script = lab.gpuenv(&["run", "demo", "--", "script-x"]).success();
    assert_eq!(script.stdout(), "script\n");
    let _ = lab.gpuenv(&["verify", "demo", "-q"]).success();
}

#[test]
fn names_that_windows_cannot_hold_are_refused_there() {
    let swapped = Swapped::new(lab!());
    let out = swapped.lab.sandbox.work().join("out");
    let out = out.to_string_lossy();
    let other = ["--platform", "win-64", "-p", &*out];
    let wheels = [
        (
            "two names that differ in case",
            x().file("x/Readme.txt", "a").file("x/README.txt", "b"),
        ),
        (
            "a module beside one in capitals",
            x().file("X/__init__.py", "v = 1\n"),
        ),
        ("a device", x().file("x/aux.py", "a")),
        ("a stream", x().file("x/a:b.py", "a")),
        ("a dot at the end", x().file("x/a.", "a")),
        ("a command that is a device", scripts("con = x:main")),
        (
            "two commands that differ in case",
            scripts("tool = x:main\nTool = x:main"),
        ),
    ];
    let mut told = String::new();
    for (name, wheel) in wheels {
        let output = swapped.create(&wheel.bytes(), &other);
        let text = output.snapshot();
        let lines = text.lines();
        let shown = lines.filter(|line| {
            ["exit code", "error", "cause", "warning"]
                .iter()
                .any(|start| line.starts_with(start))
        });
        let shown: Vec<String> = shown.map(without_build).collect();
        told += &format!("{name}\n  {}\n", shown.join("\n  "));
        assert_eq!(
            output.exit_code() == Some(0),
            swapped.lab.sandbox.work().join("out").exists()
        );
        let _ = fs::remove_dir_all(swapped.lab.sandbox.work().join("out"));
    }
    insta::assert_snapshot!(told, @"
    two names that differ in case
      exit code: 15
      error[GE506]: `x 1.0 pypi_HASH` must not be installed: Windows takes it and `site-packages/x/README.txt` for one file
      cause: `site-packages/x/Readme.txt` of `x 1.0 pypi_HASH`: Windows takes it and `site-packages/x/README.txt` for one file
    a module beside one in capitals
      exit code: 15
      error[GE506]: `x 1.0 pypi_HASH` must not be installed: Windows takes it and `site-packages/X/__init__.py` for one file
      cause: `site-packages/x/__init__.py` of `x 1.0 pypi_HASH`: Windows takes it and `site-packages/X/__init__.py` for one file
    a device
      exit code: 15
      error[GE506]: `x 1.0 pypi_HASH` must not be installed: the path cannot exist on Windows
      cause: `site-packages/x/aux.py` of `x 1.0 pypi_HASH`: the path cannot exist on Windows
    a stream
      exit code: 15
      error[GE514]: `x-1.0-py3-none-any.whl` is not a sound package: invalid package-relative archive path: x/a:b.py
    a dot at the end
      exit code: 15
      error[GE506]: `x 1.0 pypi_HASH` must not be installed: the path cannot exist on Windows
      cause: `site-packages/x/a.` of `x 1.0 pypi_HASH`: the path cannot exist on Windows
    a command that is a device
      exit code: 15
      error[GE506]: `x 1.0 pypi_HASH` must not be installed: the command cannot exist on Windows
      cause: `con` of `x 1.0 pypi_HASH`: the command cannot exist on Windows
    two commands that differ in case
      exit code: 15
      error[GE506]: `x 1.0 pypi_HASH` must not be installed: Windows takes it and `tool` for one file
      cause: `Tool` of `x 1.0 pypi_HASH`: Windows takes it and `tool` for one file
    ");
}
