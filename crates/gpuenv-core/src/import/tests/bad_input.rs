//! What cannot be imported, and what is said about it.

use super::refused;

#[test]
fn text_that_is_none_is_refused_with_its_place() {
    let utf16: Vec<u8> = "name: x\r\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let marked = [b"\xff\xfe".as_slice(), &utf16].concat();
    let told = [
        refused("e", &marked),
        refused("e", b"name: x\n  \xff"),
        refused("e", b"name: x\0"),
        refused("e", b"name: x\n<<<<<<< HEAD\n"),
    ];
    insta::assert_snapshot!(told.join("\n"), @"
    GE131 1:1 the file is UTF-16, as PowerShell writes it with `>`
    GE131 2:3 the file is not UTF-8 text
    GE131 1:8 the file holds a zero byte, so it is no text
    GE131 2:1 the file holds an unresolved merge conflict
    ");
}

#[test]
fn bad_yaml_and_toml_are_refused_with_their_place() {
    let told = [
        refused("e.yml", b"dependencies:\n\t- a\n"),
        refused("e.yml", b"dependencies: [a\n"),
        refused("e.yml", b"dependencies: {a: 1}\n"),
        refused(
            "e.yml",
            b"dependencies:\n- python: 3.10\n- - a\n- pip:\n  - a: b\n",
        ),
        refused("e.yml", b"dependencies:\n- a b c d e\n- python=3=4=5=6\n"),
        refused("e.yml", b"dependencies:\n- !!python/object a\n"),
        refused(
            "e.yml",
            b"dependencies: [python]\ndependencies: [numpy]\nvariables: [A=1]\n",
        ),
        refused("pixi.toml", b"[workspace]\nname = \n"),
        refused(
            "pixi.toml",
            b"[workspace]\nplatforms = [\"linux\"]\n[dependencies]\npython = \"three\"\n",
        ),
    ];
    insta::assert_snapshot!(told.join("\n"), @"
    GE131 2:1 a tab indents this line, and YAML knows only spaces there
    GE131 1:15 the file is not valid YAML: unclosed bracket `[`
    GE133 1:16 `a: 1` cannot be imported: `dependencies` is a list
    GE133 2:3 `python: 3.10` cannot be imported: a dependency is one text
    GE133 3:5 `a` cannot be imported: a dependency is one text
    GE133 5:5 `a: b` cannot be imported: an entry of `pip:` is one text
    GE133 2:3 `a b c d e` cannot be imported: the build string `c d e` is not valid, it can only contain alphanumeric characters and underscores
    GE133 3:3 `python=3=4=5=6` cannot be imported: the build string `=4=5=6` is not valid, it can only contain alphanumeric characters and underscores
    GE131 2:3 a YAML tag has no meaning here
    GE133 2:1 `dependencies` cannot be imported: this key is there twice, and programs read only one
    GE133 3:13 `A=1` cannot be imported: `variables` is a map
    GE131 2:8 this is no TOML: string values must be quoted, expected literal string
    GE133 2:14 `linux` cannot be imported: it is no platform
    ");
}

#[test]
fn bombs_and_floods_end_early() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_string();
    for level in 1..12 {
        let list = format!("*a{0}, ", level - 1).repeat(9);
        bomb += &format!("a{level}: &a{level} [{list}]\n");
    }
    bomb += "dependencies: *a11\n";
    let deep = format!("dependencies: {}", "[".repeat(20_000));
    let long = format!("dependencies:\n- {}\n", "a".repeat(100_000));
    let toml = format!("[workspace]\nx = {}", "[".repeat(100_000));
    let many = format!("dependencies:\n{}", "- a b c d e\n".repeat(1000));
    let large = format!("dependencies:\n{}", "- a\n".repeat(2_000_000));
    for text in [&bomb, &deep, &long, &toml, &many] {
        let told = refused("pixi.toml", text.as_bytes());
        assert!(told.starts_with("GE13"), "{told}");
        assert!(told.len() < 20_000, "{}", told.len());
    }
    let large = super::Text::decode("e.yml", large.as_bytes()).unwrap();
    assert!(crate::import::check_size(&large, super::recognise(&large)).is_err());
}

#[test]
fn secrets_are_refused_and_never_repeated() {
    for text in [
        "channels: [https://me:hunter2@x.example/c]\ndependencies: [a]\n",
        "channels: [https://x.example/t/hunter2/c]\ndependencies: [a]\n",
        "dependencies: ['https://me:hunter2@x.example/c::a']\n",
        "dependencies: [a, pip: ['a @ https://me:hunter2@x.example/a-1-py3-none-any.whl']]\n",
        "dependencies: [a, pip: ['--index-url https://hunter2@x.example/simple']]\n",
        "dependencies: [a]\nvariables: {HF_TOKEN: hunter2}\n",
        "conda install -c https://x.example/t/hunter2/c a\n",
        "pip install --extra-index-url https://u:hunter2@x.example/simple a\n",
        "pip install git+https://hunter2@x.example/a.git\n",
        "--index-url https://u:hunter2@x.example/simple\n",
        "@EXPLICIT\nhttps://u:hunter2@x.example/c/linux-64/a-1-0.conda#d41d8cd98f00b204e9800998ecf8427e\n",
        "version: 1\nmetadata: {channels: [{url: 'https://u:hunter2@x.example/c'}]}\npackage: []\n",
        "[workspace]\nchannels = ['https://u:hunter2@x.example/c']\n",
    ] {
        let decoded = super::Text::decode("e", text.as_bytes()).unwrap();
        let format = super::recognise(&decoded).unwrap();
        let errors = super::read(
            &super::Texts::new(decoded),
            format,
            &super::Defaults::default(),
        );
        let errors = errors.expect_err(text);
        let shown = format!("{errors:?}");
        assert!(
            shown.contains("GE135")
                || shown.contains("IMPORT_UNSAFE")
                || errors[0].code.number() == 135,
            "{text}: {shown}"
        );
        assert!(!shown.contains("hunter2"), "{text}: {shown}");
    }
}

#[test]
fn versions_from_the_future_are_refused() {
    let told = [
        refused("c", b"version: 2\nmetadata: {}\npackage: []\n"),
        refused("p", b"version: 99\nenvironments: {}\npackages: []\n"),
        refused("p", b"version: 6\nenvironments: 3\npackages: []\n"),
    ];
    insta::assert_snapshot!(told.join("\n"), @"
    GE132 1:1 this is version 2 of conda-lock's format, and gpuenv knows up to 1
    GE132 1:1 this is version 99 of pixi's lock, and gpuenv knows up to 7
    GE131 this is no lock of pixi: invalid type: integer `3`, expected a map
    ");
}

#[test]
fn explicit_lists_that_lie_are_refused() {
    let list = b"@EXPLICIT
https://x.example/c/linux-64/a-1-0.conda#d41d8cd98f00b204e9800998ecf8427e
https://x.example/c/linux-64/a-2-0.conda#d41d8cd98f00b204e9800998ecf8427e
https://x.example/c/win-64/b-2-0.conda#d41d8cd98f00b204e9800998ecf8427e
https://x.example/c/linux-64/c-2-0.conda#abc
https://x.example/hello.html
https://x.example/linux-64/../../etc/passwd-1-0.conda#d41d8cd98f00b204e9800998ecf8427e
file-1-0.conda
";
    insta::assert_snapshot!(refused("l", list), @"
    GE133 3:1 `https://x.example/c/linux-64/a-2-0.conda#d41d8cd98f00b204e9800998ecf8427e` cannot be imported: a package of that name is in the list already
    GE133 4:1 `https://x.example/c/win-64/b-2-0.conda#d41d8cd98f00b204e9800998ecf8427e` cannot be imported: it is for `win-64`, and the list is for `linux-64`
    GE133 5:1 `abc` cannot be imported: it is neither an md5 nor a sha256
    GE133 6:1 `https://x.example/hello.html` cannot be imported: its URL does not end in the file of a conda package
    GE133 7:1 `https://x.example/linux-64/../../etc/passwd-1-0.conda#d41d8cd98f00b204e9800998ecf8427e` cannot be imported: its URL does not end in the file of a conda package
    GE133 8:1 `file-1-0.conda` cannot be imported: its URL does not end in the file of a conda package
    ");
}

#[test]
fn nothing_at_all_is_told() {
    insta::assert_snapshot!(refused("e.yml", b"dependencies:\n"), @"GE138 there is no package in `e.yml`");
    insta::assert_snapshot!(refused("c", b"conda create -n x\n"), @"GE138 there is no package in `c`");
}

#[test]
fn floods_of_entries_and_of_errors_end_early() {
    let many = |line: &str| format!("numpy\n{}", line.repeat(150_000));
    for line in ["numpy\n", "-e .\n", "a b c\n", "https://x.example/a\n"] {
        let started = std::time::Instant::now();
        let decoded = super::Text::decode("requirements.txt", many(line).as_bytes()).unwrap();
        let format = crate::import::Format::Requirements;
        let texts = super::Texts::new(decoded);
        let _ = super::read(&texts, format, &super::Defaults::default());
        let _ = crate::lint::file(&texts, Some(format), crate::facts::Facts::shipped());
        assert!(started.elapsed().as_secs() < 60, "{line}");
    }
}

/// What readers and rules look for, and what may confuse them.
const WORDS: [&str; 64] = [
    "pip ",
    "conda ",
    "install ",
    "create ",
    "-c ",
    "-n ",
    "--user ",
    "-r ",
    "tensorflow",
    "tensorflow-gpu",
    "cupy",
    "cudnn",
    "==",
    "=",
    "<",
    ">",
    ",",
    "[",
    "]",
    "@",
    ";",
    "#",
    "\\",
    "\n",
    "\r\n",
    " ",
    "\t",
    "\"",
    "'",
    "- ",
    ":",
    "dependencies:",
    "channels:",
    "name: x",
    "schema: 1",
    "https://",
    "x.example/",
    "linux-64/",
    "a-1-0.conda",
    "$",
    "`",
    "(",
    ")",
    "PS ",
    ">>> ",
    "LD_LIBRARY_PATH",
    "del ",
    ".fit(",
    "é",
    "\u{a0}",
    "version: 1",
    "metadata:",
    "package:",
    "@EXPLICIT",
    "[workspace]",
    "{",
    "}",
    "*",
    "&",
    "|",
    "1",
    "2.0",
    "_",
    ".",
];

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(300))]

    #[test]
    fn nothing_makes_a_reader_or_a_rule_panic(
        words in proptest::collection::vec(proptest::sample::select(&WORDS[..]), 0..40),
    ) {
        let text = words.concat();
        let line = text.replace(['\n', '\r'], " ");
        let forms = [
            format!("dependencies:\n- {line}\n- pip:\n  - {line}\n"),
            format!(
                "channels: ['{line}']\ndependencies: [a, '{line}']\nvariables: {{'{line}': '{line}'}}"
            ),
            format!("a\n{line}\n-c {line}\n"),
            format!("[workspace]\nchannels=['c']\n[dependencies]\na = {line:?}\n{line:?} = '1'\n"),
            format!("conda install -c c a {line}\npip install {line}\nexport A={line}\n"),
            text,
        ];
        for text in forms {
            never_panics(&text);
        }
    }
}

#[test]
fn a_package_that_a_recipe_cannot_name_is_left_out_with_a_warning() {
    never_panics("dependencies:\n- a-1-0.conda#\\\n");
}

/// Reads a text as everything, and checks that what was read makes a recipe.
#[track_caller]
fn never_panics(text: &str) {
    for (format, _) in crate::import::Format::ALL {
        let Ok(decoded) = super::Text::decode("a", text.as_bytes()) else {
            continue;
        };
        let texts = super::Texts::new(decoded);
        if let Ok(found) = super::read(&texts, format, &super::Defaults::default()) {
            let drafted = super::recipe(&found, None, &[rattler_conda_types::Subdir::Linux64]);
            let read = crate::recipe::parse("r", drafted.text.as_bytes());
            assert!(read.is_ok(), "{text:?}\n{}\n{read:#?}", drafted.text);
        }
        let facts = crate::facts::Facts::shipped();
        let (findings, _) = crate::lint::file(&texts, Some(format), facts);
        let fixes: Vec<_> = findings.into_iter().map(|finding| finding.fix).collect();
        let _ = crate::lint::apply(&texts.main().text, &fixes);
    }
}

#[test]
fn locks_that_contradict_themselves_are_refused() {
    let lock = |packages: &str| {
        let head = "version: 1\nmetadata: {platforms: [linux-64]}\npackage:\n";
        refused("conda-lock.yml", format!("{head}{packages}").as_bytes())
    };
    let url = "https://conda.anaconda.org/conda-forge/linux-64/a-1-0.conda";
    let md5 = "0".repeat(32);
    let one = format!(
        "- {{name: a, version: '1', platform: linux-64, manager: conda, url: '{url}', hash: {{md5: '{md5}'}}}}\n"
    );
    let told = [
        lock(&one.replace("name: a", "name: b")),
        lock(&one.replace("manager: conda", "manager: npm")),
        lock(&one.replace("}}", ", sha256: xyz}}")),
        lock(&one.repeat(2)),
        lock("[]"),
    ];
    insta::assert_snapshot!(told.join("\n"), @"
    GE133 4:69 `https://conda.anaconda.org/conda-forge/linux-64/a-1-0.conda` cannot be imported: its URL is not the one of a package `b`
    GE133 4:67 `a` cannot be imported: gpuenv knows no package manager `npm`
    GE133 4:69 `https://conda.anaconda.org/conda-forge/linux-64/a-1-0.conda` cannot be imported: one of its hashes is none
    GE133 4:69 `https://conda.anaconda.org/conda-forge/linux-64/a-1-0.conda` cannot be imported: a package of that name is in the lock already, for the same platform
    GE131 4:1 this is no lock of conda-lock: simple key expected ':' at line 4, column 1
    ");
}

#[test]
fn entries_of_projects_that_are_none_are_refused() {
    let workspace = "[workspace]\nchannels = [\"conda-forge\"]\nplatforms = [\"linux-64\"]\n";
    let told = [
        refused(
            "pixi.toml",
            format!("{workspace}[dependencies]\n\"a b\" = \"*\"\n").as_bytes(),
        ),
        refused(
            "pyproject.toml",
            b"[project]\nname = \"x\"\ndependencies = \"numpy\"\n",
        ),
        refused(
            "pyproject.toml",
            b"[project]\nname = \"x\"\ndependencies = [1, \"numpy\"]\n",
        ),
    ];
    insta::assert_snapshot!(told.join("\n"), @"
    GE133 5:9 `a b` cannot be imported: it is no name of a package
    GE133 3:16 `dependencies` cannot be imported: it is a list of texts
    GE133 3:17 `1` cannot be imported: it is no text
    ");
}
