//! `gpuenv import`: what people bring becomes a recipe, and a lock where files are exact.

use gpuenv_testkit::Sandbox;

pub(crate) fn sandbox() -> Sandbox {
    Sandbox::new(env!("CARGO_BIN_EXE_gpuenv"))
}

#[test]
fn a_pasted_command_becomes_a_recipe_on_stdout() {
    let line = "conda install -c conda-forge cudatoolkit=11.2 cudnn=8.1.0";
    insta::assert_snapshot!(sandbox().gpuenv(["import", line, "--platform", "linux-64"]), @r#"
    exit code: 0
    ----- stdout -----
    # Imported from commands.
    #
    # `gpuenv lock` finds the exact packages, `gpuenv lint` looks for what may be wrong.
    schema: 1
    name: imported
    channels: [conda-forge]
    platforms: [linux-64]
    gpu: required
    target: { cuda: "11.2" }
    dependencies:
      - cudatoolkit 11.2.*
      - cudnn 8.1.0.*
    probe: [driver]
    ----- stderr -----
    "#);
}

#[test]
fn a_file_becomes_files_and_nothing_is_written_over() {
    let sandbox = sandbox();
    sandbox.write(
        "explicit.txt",
        "# platform: linux-64\n@EXPLICIT\nhttps://conda.anaconda.org/conda-forge/noarch/six-1.16.0-pyh6c4a22f_0.tar.bz2#e5f25f8dbc060e9a8d912e432202afc2\n",
    );
    let line = [
        "import",
        "explicit.txt",
        "--output",
        "gpuenv.yaml",
        "--lock",
        "gpuenv.lock",
    ];
    insta::assert_snapshot!(sandbox.gpuenv(line), @"
    exit code: 0
    ----- stdout -----
    recipe `gpuenv.yaml` is written
    lock `gpuenv.lock` is written: 1 file, as the source has them
    ----- stderr -----
    ");
    let _ = sandbox.gpuenv(["lock", "--check"]).success();
    assert!(
        sandbox
            .read("gpuenv.lock")
            .contains("e5f25f8dbc060e9a8d912e432202afc2")
    );
    insta::assert_snapshot!(sandbox.gpuenv(line), @"
    exit code: 11
    ----- stdout -----
    ----- stderr -----
    error[GE137]: `gpuenv.yaml` exists already
     --> gpuenv.yaml
    help: name another file, or write over it with `--force`
    docs: `gpuenv explain GE137`
    ");
    let again = [
        "import",
        "explicit.txt",
        "-o",
        "gpuenv.yaml",
        "--force",
        "--name",
        "mine",
    ];
    let _ = sandbox.gpuenv(again).success();
    assert!(sandbox.read("gpuenv.yaml").contains("name: mine"));
}

#[test]
fn what_is_piped_in_is_read_and_json_tells_all() {
    let sandbox = sandbox();
    let output = sandbox
        .command(["import", "-", "--json"])
        .input("pip install --user cupy-cuda12x\n")
        .run();
    let document = output.success().json();
    assert_eq!(document["result"]["format"], "commands");
    let codes: Vec<_> = document["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| d["code"].clone())
        .collect();
    assert_eq!(codes, ["GE143", "GE142"]);
}

#[test]
fn what_cannot_be_read_is_told_with_help() {
    let sandbox = sandbox();
    insta::assert_snapshot!(sandbox.gpuenv(["import", "nothing.yml"]), @r#"
    exit code: 11
    ----- stdout -----
    ----- stderr -----
    error[GE136]: there is no file `nothing.yml`
     --> nothing.yml
    help: name a file, `-` for what is piped in, or command lines in quotes: `"conda install -c conda-forge cupy"`
    docs: `gpuenv explain GE136`
    "#);
    sandbox.write("mine.yaml", crate::lab::recipe("mine", &["tool"]));
    let _ = sandbox
        .gpuenv(["import", "mine.yaml"])
        .code(11)
        .stderr_has("is a recipe already");
    sandbox.write("notes.txt", "Remember the milk\n");
    insta::assert_snapshot!(sandbox.gpuenv(["import", "notes.txt"]), @r#"
    exit code: 11
    ----- stdout -----
    ----- stderr -----
    error[GE130]: `notes.txt` is in no format that can be imported
     --> notes.txt:1:1
      |
    1 | Remember the milk
      | ^^^^^^^^^^^^^^^^^
    help: say what it is: `gpuenv import --from environment-yml FILE`
    help: code and tutorials are for `gpuenv lint FILE`, which names what is wrong in them
    help: a command line goes into quotes: `gpuenv import "conda install -c conda-forge cupy"`
    docs: `gpuenv explain GE130`
    "#);
    sandbox.write(
        "environment.yml",
        "channels:\n  - https://me:hunter2@x.example/c\ndependencies: [a]\n",
    );
    insta::assert_snapshot!(sandbox.gpuenv(["import", "environment.yml"]), @"
    exit code: 11
    ----- stdout -----
    ----- stderr -----
    error[GE135]: the channel's URL holds a user name, a password or a token
     --> environment.yml:2:5
      |
    2 |   - *****://**********@*.*******/*
      |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    help: delete it there and from the history of the file, and keep it in `.netrc`
    docs: `gpuenv explain GE135`
    ");
}

#[test]
fn included_files_stay_in_the_folder() {
    let sandbox = sandbox();
    sandbox.write("sub/requirements.txt", "-r ../base.txt\nscipy\n");
    sandbox.write("base.txt", "numpy\n");
    let recipe = sandbox.gpuenv(["import", "sub/requirements.txt"]).success();
    assert!(recipe.stdout().contains("- numpy\n"));
    sandbox.write(
        "environment.yml",
        "dependencies:\n- python\n- pip:\n  - -r base.txt\n",
    );
    let recipe = sandbox.gpuenv(["import", "environment.yml"]).success();
    assert!(recipe.stdout().contains("- numpy\n"));
    sandbox.write("bad.txt", "# all\n-r /etc/passwd\n");
    sandbox.write("worse.txt", "-r ../../../../../../etc/hostname\n");
    insta::assert_snapshot!(sandbox.gpuenv(["import", "bad.txt", "--from", "requirements"]), @"
    exit code: 11
    ----- stdout -----
    ----- stderr -----
    error[GE135]: `/etc/passwd` is not read: it lies outside of the folder of the file and of this folder
     --> bad.txt:2:1
      |
    2 | -r /etc/passwd
      | ^^^^^^^^^^^^^^
    help: copy the file beside the one that includes it, and name it without a path
    docs: `gpuenv explain GE135`
    ");
    let refused = sandbox.gpuenv(["import", "worse.txt"]);
    assert_eq!(refused.exit_code(), Some(11));
    sandbox.write("loop.txt", "-r loop.txt\nnumpy\n");
    let _ = sandbox.gpuenv(["import", "loop.txt"]).success();
}

#[test]
fn a_pixi_project_brings_its_lock() {
    let sandbox = sandbox();
    sandbox.write(
        "pixi.toml",
        "[workspace]\nname = \"p\"\nchannels = [\"conda-forge\"]\nplatforms = [\"linux-64\"]\n[dependencies]\nzlib = \"1.2.*\"\n",
    );
    sandbox.write(
        "pixi.lock",
        "version: 6
environments:
  default:
    channels:
    - url: https://conda.anaconda.org/conda-forge/
    packages:
      linux-64:
      - conda: https://conda.anaconda.org/conda-forge/linux-64/zlib-1.2.13-hd590300_5.conda
packages:
- conda: https://conda.anaconda.org/conda-forge/linux-64/zlib-1.2.13-hd590300_5.conda
  sha256: 9887a04d7e7cb14bd2b52fa01858f05a6d7f002c890f618d9fcd864adbfecb1b
  md5: 68c34ec6149623be41a1933ab996a209
  license: Zlib
  size: 92825
",
    );
    let line = [
        "import",
        "pixi.toml",
        "--output",
        "gpuenv.yaml",
        "--lock",
        "gpuenv.lock",
    ];
    let _ = sandbox.gpuenv(line).success();
    assert!(sandbox.read("gpuenv.yaml").contains("- zlib 1.2.*\n"));
    let _ = sandbox.gpuenv(["lock", "--check"]).success();
}

#[test]
fn a_tutorials_flaws_are_named_and_mended() {
    let sandbox = sandbox();
    let line = "conda install pytorch torchvision pytorch-cuda=11.7 -c pytorch -c nvidia";
    let told = sandbox
        .gpuenv(["import", line, "--platform", "linux-64"])
        .success();
    let _ = told
        .stderr_has("GE140")
        .stderr_has("GE152")
        .stderr_has("--fix");
    let mended = sandbox
        .gpuenv(["import", line, "--platform", "linux-64", "--fix"])
        .success();
    assert!(
        mended.stdout().contains("channels: [conda-forge]"),
        "{}",
        mended.stdout()
    );
    assert!(
        mended.stdout().contains("- pytorch-gpu\n"),
        "{}",
        mended.stdout()
    );
    sandbox.write(
        "tutorial.txt",
        "conda create --name tf\nconda install -c conda-forge cudatoolkit=11.2 cudnn=8.1.0\n\
         python3 -m pip install --user tensorflow<2.11\n",
    );
    let line = ["import", "tutorial.txt", "--fix", "--platform", "win-64"];
    insta::assert_snapshot!(sandbox.gpuenv(line), @r#"
    exit code: 0
    ----- stdout -----
    # Imported from commands.
    #
    # `gpuenv lock` finds the exact packages, `gpuenv lint` looks for what may be wrong.
    schema: 1
    name: tf
    channels: [conda-forge]
    platforms: [win-64]
    gpu: required
    target: { cuda: "11.2" }
    dependencies:
      - python 3.10.*
      - cudatoolkit 11.2.*
      - cudnn 8.1.0.*
    pypi-dependencies:
      - tensorflow<2.11
      - numpy <2
    probe: [driver, tensorflow]
    ----- stderr -----
    warning[GE143]: `--user` is left out: it installs outside of the environment
     --> tutorial.txt:3:24
      |
    3 | python3 -m pip install --user tensorflow<2.11
      |                        ^^^^^^
    docs: `gpuenv explain GE143`

    warning[GE154]: `tensorflow<2.11` is read as a version, and a shell would read its `<` or `>` as the name of a file
     --> tutorial.txt:3:31
      |
    3 | python3 -m pip install --user tensorflow<2.11
      |                               ^^^^^^^^^^^^^^^
    help: write it with quotes: `"tensorflow<2.11"`
    docs: `gpuenv explain GE154`

    warning[GE155]: `python3` may be the system's
     --> tutorial.txt:3:1
      |
    3 | python3 -m pip install --user tensorflow<2.11
      | ^^^^^^^
    cause: it is whatever comes first on `PATH`: without `python` in the environment that is another one
    help: write `python -m pip`, with `python` in the environment
    docs: `gpuenv explain GE155`

    note[GE142]: `python 3.10.*` is added: wheels are installed into the Python of the environment
    help: write the version that you need, for example `python 3.12.*`
    docs: `gpuenv explain GE142`
    "#);
}
