//! `gpuenv search`, over a slice of real records and over channels made here.

use gpuenv_testkit::{Channel, Fault, Sandbox};
use serde_json::Value;
use url::Url;

use crate::source::root;

/// A sandbox whose channels are the real records in the repository.
fn real() -> Sandbox {
    let mut sandbox = Sandbox::new(env!("CARGO_BIN_EXE_gpuenv"));
    let folder = root().join("tests/data/real/channels");
    let mirror = Url::from_directory_path(folder).expect("the path is absolute");
    sandbox.set("GPUENV_MIRROR", mirror.to_string());
    sandbox
}

#[test]
fn cudatoolkit_is_listed_as_in_the_lesson() {
    let sandbox = real();
    let line = ["search", "cudatoolkit", "--platform", "linux-64", "-q"];
    insta::assert_snapshot!(sandbox.gpuenv(line), @"
    exit code: 0
    ----- stdout -----
    Name         Version   Build        Channel      CUDA
    cudatoolkit  10.1.243  h6d9799a_13  conda-forge  10.1
    cudatoolkit  10.2.89   h713d32c_10  conda-forge  10.2
    cudatoolkit  11.0.3    h7761cd4_13  conda-forge  11.0
    cudatoolkit  11.2.2    he111cf0_9   conda-forge  11.2
    cudatoolkit  11.2.2    he111cf0_10  conda-forge  11.2
    cudatoolkit  11.2.2    hc23eb0c_13  conda-forge  11.2
    cudatoolkit  11.5.2    hbdc67f6_13  conda-forge  11.5
    cudatoolkit  11.7.0    hd8887f6_10  conda-forge  11.7
    cudatoolkit  11.7.0    hd8887f6_11  conda-forge  11.7
    cudatoolkit  11.8.0    h37601d7_11  conda-forge  11.8
    cudatoolkit  11.8.0    h4ba93d1_12  conda-forge  11.8
    cudatoolkit  11.8.0    h4ba93d1_13  conda-forge  11.8
    ----- stderr -----
    ");
}

#[test]
fn builds_of_cudnn_are_told_apart_by_their_cuda() {
    let sandbox = real();
    let line = [
        "search",
        "cudnn",
        "--cuda",
        "10.1",
        "--platform",
        "linux-64",
        "-q",
    ];
    insta::assert_snapshot!(sandbox.gpuenv(line), @"
    exit code: 0
    ----- stdout -----
    Name   Version   Build       Channel      CUDA
    cudnn  7.6.5.32  hc0a50b0_1  conda-forge  10.1
    ----- stderr -----
    ");
    let line = [
        "search",
        "cudnn",
        "-c",
        "nvidia",
        "--platform",
        "linux-64",
        "-q",
    ];
    insta::assert_snapshot!(sandbox.gpuenv(line), @"
    exit code: 0
    ----- stdout -----
    Name   Version   Build     Channel  CUDA
    cudnn  9.3.0.75  cuda12.6  nvidia   12.6
    ----- stderr -----
    ");
    let line = [
        "search",
        "cudnn>=8,<9",
        "--cuda",
        "11.2",
        "--platform",
        "linux-64",
        "--json",
    ];
    let found = sandbox.gpuenv(line).success().json();
    let packages = found["result"]["packages"].as_array().unwrap();
    assert_eq!(found["result"]["found"], packages.len());
    for package in packages {
        assert_eq!(package["cuda"]["kind"], "cuda", "{package}");
        assert!(
            package["cuda"]["version"]
                .as_str()
                .unwrap()
                .starts_with("11"),
            "{package}"
        );
    }
}

#[test]
fn two_channels_are_compared_build_by_build() {
    let sandbox = real();
    let compared = [
        "search",
        "cudatoolkit>=11.5",
        "--compare",
        "conda-forge,nvidia",
    ];
    let line = [
        compared.as_slice(),
        &["--platform", "linux-64", "--progress", "none"],
    ]
    .concat();
    insta::assert_snapshot!(sandbox.gpuenv(line), @"
    exit code: 0
    ----- stdout -----
    Name         Version  Build        Compared             CUDA
    cudatoolkit  11.5.2   hbdc67f6_13  only in conda-forge  11.5
    cudatoolkit  11.7.0   hd8887f6_10  identical            11.7
    cudatoolkit  11.7.0   hd8887f6_11  only in conda-forge  11.7
    cudatoolkit  11.8.0   h37601d7_11  only in conda-forge  11.8
    cudatoolkit  11.8.0   h4ba93d1_12  only in conda-forge  11.8
    cudatoolkit  11.8.0   h4ba93d1_13  only in conda-forge  11.8
    ----- stderr -----
    1 identical, 5 only in conda-forge
    ");
    let wrong = sandbox.gpuenv(["search", "x", "--compare", "nvidia"]);
    insta::assert_snapshot!(wrong, @"
    exit code: 13
    ----- stdout -----
    ----- stderr -----
    error[GE341]: `nvidia` does not name two channels to compare
    help: for example `gpuenv search cudatoolkit --compare conda-forge,nvidia`
    docs: `gpuenv explain GE341`
    ");
}

#[test]
fn what_is_not_there_is_told_with_what_is_near() {
    let sandbox = real();
    let search = |words: &[&str]| {
        let line = [
            &["search", "--platform", "linux-64", "--progress", "none"],
            words,
        ]
        .concat();
        sandbox.gpuenv(line)
    };
    insta::assert_snapshot!(search(&["cudatolkit"]), @"
    exit code: 1
    ----- stdout -----
    ----- stderr -----
    error[GE340]: there is no `cudatolkit` for linux-64 in `conda-forge`
    help: did you mean `cudatoolkit`?
    help: name another channel with `-c`, another platform with `--platform`
    docs: `gpuenv explain GE340`
    ");
    insta::assert_snapshot!(search(&["cudatoolkit", "13.*"]), @"
    exit code: 1
    ----- stdout -----
    ----- stderr -----
    error[GE340]: no `cudatoolkit 13.*` for linux-64 in `conda-forge`
    cause: there are 12 builds of `cudatoolkit`, the newest of them 11.8.0, 11.7.0, 11.5.2, 11.2.2, 11.0.3
    help: `gpuenv search cudatoolkit` shows them all
    docs: `gpuenv explain GE340`
    ");
    insta::assert_snapshot!(search(&["cudnn", "--cuda", "9"]), @"
    exit code: 1
    ----- stdout -----
    ----- stderr -----
    error[GE340]: no `cudnn` for linux-64 in `conda-forge` is built for CUDA 9
    cause: there are 32 builds of it for another CUDA, or for none: 9.13.1.26, 9.13.0.50, 9.12.0.46, 9.11.0.98, 9.10.2.21
    help: the same without `--cuda` shows them all
    docs: `gpuenv explain GE340`
    ");
    let none = search(&["cudatolkit", "--json"]).code(1).json();
    assert_eq!(none["result"]["packages"], serde_json::json!([]));
    assert_eq!(none["diagnostics"][0]["code"], "GE340");
}

#[test]
fn a_question_that_makes_no_sense_is_refused() {
    let sandbox = real();
    for (words, message) in [
        (vec!["__cuda"], "is a property of the machine"),
        (vec!["cudnn", "--cuda", "x"], "is not a version of CUDA"),
        (vec!["cudnn>="], "is not a match spec"),
        (vec!["./cudnn.conda"], "is not a match spec"),
        (vec!["a::b::c"], "is not a match spec"),
        (
            vec!["https://u:secret@x.example/y::cudnn"],
            "is not a channel",
        ),
    ] {
        let line = [&["search"], words.as_slice()].concat();
        let refused = sandbox.gpuenv(line).code(13);
        let _ = refused.stderr_has(message).says_nowhere("secret");
    }
    let line = ["search", "cudnn", "-c", "no-such", "--progress", "none"];
    let _ = sandbox.gpuenv(line).code(13).stderr_has("GE309");
    let _ = sandbox.gpuenv(["search"]).code(2);
    let _ = sandbox.gpuenv(["search", "x", "--limit", "0"]).code(2);
}

#[test]
fn channels_of_the_user_are_searched_where_none_is_named() {
    let sandbox = real();
    let channels = |words: &[&str]| {
        let line = [&["search", "--json", "--platform", "linux-64"], words].concat();
        sandbox.gpuenv(line).json()["result"]["channels"].clone()
    };
    assert_eq!(channels(&["cudnn"]), serde_json::json!(["conda-forge"]));
    sandbox.write("../home/.condarc", "channels: [nvidia, defaults]\n");
    assert_eq!(channels(&["cudnn"]), serde_json::json!(["nvidia"]));
    assert_eq!(
        channels(&["cudnn", "-c", "pytorch"]),
        serde_json::json!(["pytorch"])
    );
    assert_eq!(
        channels(&["pytorch::cudnn"]),
        serde_json::json!(["pytorch"])
    );
}

#[test]
fn only_the_names_in_question_are_read_and_the_cache_is_enough_offline() {
    let channel = Channel::new("conda-forge");
    channel.package("tool", "1.0").needs("lib").publish();
    channel.package("lib", "1.0").publish();
    let server = channel.serve();
    let mut sandbox = Sandbox::new(env!("CARGO_BIN_EXE_gpuenv"));
    sandbox.set("GPUENV_MIRROR", server.url());
    sandbox.set("GPUENV_HTTP_RETRIES", "0");
    let line = ["search", "tool", "--platform", "linux-64", "-q"];
    let online = sandbox.gpuenv(line).success().stdout();
    assert!(online.contains("tool  1.0"), "{online}");
    assert!(!online.contains("lib"), "{online}");
    server.inject(Fault::status(500));
    server.forget_requests();
    let offline = sandbox
        .gpuenv([line.as_slice(), &["--offline"]].concat())
        .success();
    assert_eq!(offline.stdout(), online);
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn what_a_channel_says_steers_no_terminal() {
    let channel = Channel::new("conda-forge");
    let record = serde_json::json!({
        "name": "evil", "version": "1.0", "build": "h\u{1b}[31m\n0", "build_number": 0,
        "depends": ["cuda-version \u{1b}]0;x"], "subdir": "linux-64",
        "sha256": "0".repeat(64),
    });
    let repodata = serde_json::json!({
        "info": { "subdir": "linux-64" },
        "packages": {}, "packages.conda": { "evil-1.0-h_0.conda": record },
    });
    channel.raw_repodata("linux-64", repodata.to_string().as_bytes());
    let mut sandbox = Sandbox::new(env!("CARGO_BIN_EXE_gpuenv"));
    sandbox.set("GPUENV_MIRROR", channel.file_url());
    let found = sandbox.gpuenv(["search", "evil", "--platform", "linux-64"]);
    assert!(!found.stdout().contains('\u{1b}'), "{found}");
    assert!(found.stdout().lines().count() <= 2, "{found}");
}

/// Lays out a channel with so many builds of one package.
fn many(count: usize) -> Channel {
    let channel = Channel::new("conda-forge");
    let mut packages = serde_json::Map::new();
    for number in 0..count {
        let record = serde_json::json!({
            "name": "many", "version": format!("1.{number}"), "build": "h0_0", "build_number": 0,
            "depends": ["python >=3.9", "cuda-version >=12,<13"], "subdir": "linux-64",
            "sha256": format!("{number:064x}"),
        });
        packages.insert(format!("many-1.{number}-h0_0.conda"), record);
    }
    let repodata = serde_json::json!({
        "info": { "subdir": "linux-64" }, "packages": {}, "packages.conda": packages,
    });
    channel.raw_repodata("linux-64", repodata.to_string().as_bytes());
    channel
}

#[test]
fn ten_thousand_hits_stream_as_one_document_with_a_line_for_each() {
    let channel = many(10_000);
    let mut sandbox = Sandbox::new(env!("CARGO_BIN_EXE_gpuenv"));
    sandbox.set("GPUENV_MIRROR", channel.file_url());
    let line = ["search", "many", "--platform", "linux-64", "--json"];
    let ran = sandbox.gpuenv(line).success();
    let text = ran.stdout();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 10_001);
    let one: Value = serde_json::from_str(lines[1].trim_end_matches(',')).unwrap();
    assert_eq!(one["version"], "1.0");
    assert_eq!(
        ran.json()["result"]["packages"].as_array().unwrap().len(),
        10_000
    );
    let line = [
        "search",
        "many",
        "--platform",
        "linux-64",
        "--limit",
        "2",
        "--progress",
        "none",
    ];
    insta::assert_snapshot!(sandbox.gpuenv(line), @"
    exit code: 0
    ----- stdout -----
    Name  Version  Build  Channel      CUDA
    many  1.9998   h0_0   conda-forge  12
    many  1.9999   h0_0   conda-forge  12
    ----- stderr -----
    the newest 2 of 10000 are shown
    ");
}

/// Runs the program on a terminal of 24 lines, and prints what the terminal got.
const TERMINAL: &str = "
import fcntl, os, pty, struct, sys, termios
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 100, 0, 0))
    os.execv(sys.argv[1], sys.argv[1:])
data = b''
while True:
    try:
        piece = os.read(terminal, 65536)
    except OSError:
        break
    if not piece:
        break
    data += piece
sys.stdout.write(data.decode())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
";

#[test]
fn on_a_terminal_a_long_table_goes_through_the_pager() {
    let channel = many(40);
    let mut sandbox = Sandbox::new(env!("CARGO_BIN_EXE_gpuenv"));
    if let Err(why) = sandbox.allow_program("python3") {
        println!("skipped: {why}");
        return;
    }
    sandbox.set("GPUENV_MIRROR", channel.file_url());
    let pager = sandbox.write("pager", "#!/bin/sh\necho paged by $0 with $1\nhead -n 2\n");
    make_executable(&pager);
    sandbox.set("PAGER", format!("{} -x", pager.display()));
    let gpuenv = env!("CARGO_BIN_EXE_gpuenv");
    let shown = |words: &[&str], (name, value): (&str, &str)| {
        let line = [
            "-c",
            TERMINAL,
            gpuenv,
            "search",
            "--platform",
            "linux-64",
            "-q",
        ];
        let line = [line.as_slice(), words].concat();
        let invocation = sandbox.other("python3", line);
        invocation.env(name, value).run().success()
    };
    let nothing = ("NOTHING", "");
    let paged = shown(&["many"], nothing);
    assert!(paged.stdout().contains("pager with -x"), "{paged}");
    assert_eq!(paged.stdout().matches("many  1.").count(), 1, "{paged}");
    // What fits on the terminal, and what is no terminal, needs no pager.
    let short = shown(&["many", "--limit", "5"], nothing);
    assert!(!short.stdout().contains("paged"), "{short}");
    let piped = sandbox
        .gpuenv(["search", "many", "--platform", "linux-64", "-q"])
        .success();
    assert_eq!(piped.stdout().lines().count(), 41);
    for (name, value) in [
        ("GPUENV_PAGER", "cat"),
        ("GPUENV_PAGER", "/no/such/pager"),
        ("TERM", "dumb"),
    ] {
        let all = shown(&["many"], (name, value));
        assert_eq!(
            all.stdout().matches("many  1.").count(),
            40,
            "{name}={value}: {all}"
        );
    }
}

fn make_executable(file: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let permissions = std::fs::Permissions::from_mode(0o755);
    fs_err::set_permissions(file, permissions).expect("the file is ours");
}
