//! `gpuenv lint`: what is found, what is mended, and that nothing is lost.

use crate::import::sandbox;

const OLD: &str = "name: old # mine\nchannels:\n  - defaults\ndependencies:\n  - python=3.9   # by all means\n  - pip:\n    - tensorflow-gpu==2.4\n";

#[test]
fn findings_have_place_reason_and_fix() {
    let sandbox = sandbox();
    sandbox.write("environment.yml", OLD);
    insta::assert_snapshot!(sandbox.gpuenv(["lint", "environment.yml"]), @"
    exit code: 1
    ----- stdout -----
    environment.yml: 2 findings, 2 of them can be mended with `--fix`
    ----- stderr -----
    warning[GE146]: `defaults` is not a channel but a setting of conda
     --> environment.yml:3:5
      |
    3 |   - defaults
      |     ^^^^^^^^
    cause: its packages are built with other compilers and names, and its terms ask many organisations to pay
    help: take `conda-forge` alone, or write `pkgs/main` if it must be Anaconda's
    docs: `gpuenv explain GE146`

    warning[GE148]: PyPI has no installable `tensorflow-gpu` any more
     --> environment.yml:7:7
      |
    7 |     - tensorflow-gpu==2.4
      |       ^^^^^^^^^^^^^^^^^^^
    cause: since 2.1 `tensorflow` itself has the code for GPUs; the old name was removed
    help: write `tensorflow==2.4`
    docs: `gpuenv explain GE148`
    ");
    let document = sandbox
        .gpuenv(["lint", "environment.yml", "--json"])
        .code(1)
        .json();
    assert_eq!(document["result"]["files"][0]["fixable"], 2);
    assert_eq!(sandbox.read("environment.yml"), OLD);
}

#[test]
fn fix_shows_writes_and_keeps_what_was_there() {
    let sandbox = sandbox();
    sandbox.write("environment.yml", OLD);
    insta::assert_snapshot!(sandbox.gpuenv(["lint", "environment.yml", "--fix", "--dry-run"]), @"
    exit code: 0
    ----- stdout -----
    --- environment.yml
    +++ environment.yml
    @@ -1,7 +1,9 @@
     name: old # mine
     channels:
    -  - defaults
    +  - conda-forge
    +  - nodefaults
     dependencies:
       - python=3.9   # by all means
       - pip:
    -    - tensorflow-gpu==2.4
    +    - tensorflow==2.4
    +    - numpy<2
    environment.yml: nothing is wrong, 2 mended
    ----- stderr -----
    ");
    assert_eq!(sandbox.read("environment.yml"), OLD);
    let _ = sandbox
        .gpuenv(["lint", "environment.yml", "--fix"])
        .success();
    assert_eq!(sandbox.read("environment.yml.bak"), OLD);
    let mended = sandbox.read("environment.yml");
    assert!(mended.contains("python=3.9   # by all means"), "{mended}");
    insta::assert_snapshot!(sandbox.gpuenv(["lint", "environment.yml", "--fix"]), @"
    exit code: 0
    ----- stdout -----
    environment.yml: nothing is wrong
    ----- stderr -----
    ");
    assert_eq!(sandbox.read("environment.yml"), mended);
    sandbox.write("environment.yml", OLD);
    let _ = sandbox
        .gpuenv(["lint", "environment.yml", "--fix"])
        .success();
    assert_eq!(sandbox.read("environment.yml.bak1"), OLD);
}

#[test]
fn recipes_are_found_by_name_and_in_the_folder() {
    let sandbox = sandbox();
    insta::assert_snapshot!(sandbox.gpuenv(["lint", "tf-gpu", "pytorch-gpu"]), @"
    exit code: 0
    ----- stdout -----
    gpuenv:tf-gpu.yaml: nothing is wrong
    gpuenv:pytorch-gpu.yaml: nothing is wrong
    ----- stderr -----
    ");
    let text = "schema: 1\nname: mine\nchannels: [conda-forge]\nplatforms: [linux-64]\ntarget: {cuda: \"12.4\"}\ndependencies: [python, pytorch]\n";
    sandbox.write("gpuenv.yaml", text);
    insta::assert_snapshot!(sandbox.gpuenv(["lint"]), @"
    exit code: 1
    ----- stdout -----
    gpuenv.yaml: 1 finding, 1 of them can be mended with `--fix`
    ----- stderr -----
    warning[GE152]: nothing keeps `pytorch` from being a build for the CPU
     --> gpuenv.yaml:6:24
      |
    6 | dependencies: [python, pytorch]
      |                        ^^^^^^^
    cause: conda-forge has builds for both under one name, and a CPU build fits where no driver is seen
    help: write `pytorch-gpu`
    docs: `gpuenv explain GE152`
    ");
    let _ = sandbox.gpuenv(["lint", "--fix"]).success();
    assert!(
        sandbox
            .read("gpuenv.yaml")
            .contains("[python, pytorch-gpu]")
    );
}

#[test]
fn a_pasted_line_and_a_script_are_looked_at() {
    let sandbox = sandbox();
    let line = ["lint", "sudo pip install --user cupy", "--fix", "--dry-run"];
    insta::assert_snapshot!(sandbox.gpuenv(line), @"
    exit code: 0
    ----- stdout -----
    --- <command line>
    +++ <command line>
    @@ -1,1 +1,1 @@
    -sudo pip install --user cupy
    +pip install cupy-cuda12x
    <command line>: nothing is wrong, 3 mended
    ----- stderr -----
    ");
    // What is no file goes out as data.
    let mended = sandbox.gpuenv(["lint", "pip install --user cupy", "--fix"]);
    assert_eq!(mended.success().stdout(), "pip install cupy-cuda12x\n");
    sandbox.write(
        "train.py",
        "import tensorflow as tf\nprint(tf.test.is_gpu_available())\n",
    );
    let _ = sandbox.gpuenv(["lint", "train.py", "--fix"]).success();
    assert!(
        sandbox
            .read("train.py")
            .contains("tf.config.list_physical_devices('GPU')")
    );
}

#[test]
fn what_cannot_be_read_is_told() {
    let sandbox = sandbox();
    let _ = sandbox
        .gpuenv(["lint", "nothing.yml"])
        .code(11)
        .stderr_has("GE136");
    sandbox.write("gpuenv.yaml", "schema: 1\nname: x\nchannels: [a\n");
    let _ = sandbox.gpuenv(["lint"]).code(11).stderr_has("GE101");
    sandbox.write(
        "environment.yml",
        "dependencies:\n- python: 3\n- pip: [cupy]\n",
    );
    let _ = sandbox
        .gpuenv(["lint", "environment.yml", "--fix"])
        .code(1)
        .stderr_has("GE133");
}
