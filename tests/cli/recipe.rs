//! `gpuenv recipe`: finding, showing and checking recipes.

use fs_err as fs;

use crate::lab::{Lab, recipe};

#[test]
fn recipes_come_from_the_program_the_folder_and_the_path() {
    let mut lab = Lab::new();
    lab.sandbox
        .write("recipes/demo.yaml", recipe("demo", &["tool"]));
    lab.sandbox
        .write("recipes/broken.yaml", "schema: 1\nname: [\n");
    lab.sandbox
        .write("more/extra.yml", recipe("extra", &["tool"]));
    lab.sandbox
        .write("more/demo.yaml", recipe("weaker", &["tool"]));
    // Stronger than the one inside gpuenv.
    lab.sandbox
        .write("recipes/tf-gpu.yaml", recipe("tf-gpu", &["tool"]));
    lab.sandbox
        .set("GPUENV_RECIPE_PATH", lab.sandbox.work().join("more"));
    insta::assert_snapshot!(lab.sandbox.gpuenv(["recipe", "list"]), @"
    exit code: 0
    ----- stdout -----
    Name           Platforms                        From                                 Summary
    broken                                          recipes/broken.yaml                  not valid: see `gpuenv recipe validate`
    cuda-devel     linux-64, win-64, linux-aarch64  gpuenv                               nvcc and the CUDA libraries, to compile CUDA code
    cuda-python    linux-64, win-64, linux-aarch64  gpuenv                               The CUDA driver, runtime and compiler from Python
    cupy           linux-64, win-64, linux-aarch64  gpuenv                               CuPy, NumPy and SciPy on an NVIDIA GPU
    demo           linux-64                         recipes/demo.yaml
    extra          linux-64                         [SANDBOX]/work/more/extra.yml
    hello-gpu      linux-64, linux-aarch64, win-64  gpuenv                               A first look at this machine's GPU, without any download
    jax-cuda       linux-64                         gpuenv                               JAX on an NVIDIA GPU
    keras-gpu      linux-64, win-64                 gpuenv                               Keras on TensorFlow and an NVIDIA GPU
    llm-inference  linux-64, win-64, linux-aarch64  gpuenv                               Transformers and PyTorch on an NVIDIA GPU, for language models
    numba-cuda     linux-64, win-64, linux-aarch64  gpuenv                               CUDA kernels in Python with Numba
    pytorch-cu117  linux-64, win-64                 gpuenv                               PyTorch 2.0 with CUDA 11.7, from the channels of the tutorials
    pytorch-gpu    linux-64, win-64, linux-aarch64  gpuenv                               PyTorch on an NVIDIA GPU
    rapids         linux-64, linux-aarch64          gpuenv                               RAPIDS, data frames and machine learning on an NVIDIA GPU
    tf-gpu         linux-64                         recipes/tf-gpu.yaml
    tf210-gpu      linux-64, win-64                 gpuenv                               TensorFlow 2.10 with CUDA 11.2 on Windows and Linux
    xgboost-gpu    linux-64                         gpuenv                               XGBoost on an NVIDIA GPU
    ----- stderr -----
    ");
    let shown = lab.sandbox.gpuenv(["recipe", "show", "demo"]).success();
    assert_eq!(shown.stdout(), recipe("demo", &["tool"]));
    let facts = lab
        .sandbox
        .gpuenv(["recipe", "list", "--json"])
        .success()
        .json();
    assert_eq!(facts["result"]["recipes"][0]["name"], "broken");
    assert_eq!(facts["result"]["recipes"][0]["valid"], false);
}

#[test]
fn an_unknown_recipe_is_told_with_what_was_meant() {
    let lab = Lab::new();
    insta::assert_snapshot!(lab.sandbox.gpuenv(["create", "tf-gpo"]), @"
    exit code: 11
    ----- stdout -----
    ----- stderr -----
    error[GE107]: there is no recipe `tf-gpo`
    help: did you mean `tf-gpu`?
    help: `gpuenv recipe list` shows the recipes that are known
    help: a recipe file is named with its path: `./NAME.yaml`
    docs: `gpuenv explain GE107`
    ");
    insta::assert_snapshot!(lab.sandbox.gpuenv(["create"]), @"
    exit code: 11
    ----- stdout -----
    ----- stderr -----
    error[GE107]: there is no `gpuenv.yaml` here
    help: name a recipe: `gpuenv recipe list` shows those that are known
    docs: `gpuenv explain GE107`
    ");
    insta::assert_snapshot!(lab.sandbox.gpuenv(["create", "./none.yaml"]), @"
    exit code: 11
    ----- stdout -----
    ----- stderr -----
    error[GE107]: there is no recipe file `./none.yaml`
     --> ./none.yaml
    help: name another file, or a known recipe: `gpuenv recipe list`
    docs: `gpuenv explain GE107`
    ");
    insta::assert_snapshot!(lab.sandbox.gpuenv(["recipe", "show", "../../etc/passwd"]), @"
    exit code: 11
    ----- stdout -----
    ----- stderr -----
    error[GE107]: there is no recipe file `../../etc/passwd`
     --> ../../etc/passwd
    help: name another file, or a known recipe: `gpuenv recipe list`
    docs: `gpuenv explain GE107`
    ");
    fs::create_dir(lab.sandbox.work().join("dir.yaml")).unwrap();
    insta::assert_snapshot!(lab.sandbox.gpuenv(["create", "dir.yaml"]), @"
    exit code: 11
    ----- stdout -----
    ----- stderr -----
    error[GE108]: the recipe file `dir.yaml` cannot be read
     --> dir.yaml
    cause: it is not a regular file
    help: name another file, or a known recipe: `gpuenv recipe list`
    docs: `gpuenv explain GE108`
    ");
}

#[test]
fn the_recipe_of_this_directory_needs_no_name() {
    let lab = Lab::with_tool();
    fs::rename(
        lab.sandbox.work().join("demo.yaml"),
        lab.sandbox.work().join("gpuenv.yaml"),
    )
    .unwrap();
    let _ = lab
        .sandbox
        .gpuenv(["lock"])
        .success()
        .stdout_has("lock `gpuenv.lock` is written");
    let _ = lab.sandbox.gpuenv(["create", "--locked"]).success();
    let _ = lab.sandbox.gpuenv(["lock", "--check"]).success();
    lab.assert_only(&["demo"]);
}

#[test]
fn validate_tells_everything_that_is_wrong() {
    let lab = Lab::new();
    lab.sandbox.write("good.yaml", recipe("good", &["tool"]));
    lab.sandbox.write(
        "bad.yaml",
        "schema: 1\nname: bad\nchanels: [conda-forge]\nplatforms: [linux-65]\ngpu: maybe\ndependencies:\n  - \"tool >>1\"\n  - if: lin\n    then: [x]\n",
    );
    insta::assert_snapshot!(lab.sandbox.gpuenv(["recipe", "validate", "good.yaml", "hello-gpu"]), @"
    exit code: 0
    ----- stdout -----
    recipe `good.yaml` is valid
    recipe `gpuenv:hello-gpu.yaml` is valid
    ----- stderr -----
    ");
    insta::assert_snapshot!(lab.sandbox.gpuenv(["recipe", "validate", "good.yaml", "bad.yaml"]), @r#"
    exit code: 11
    ----- stdout -----
    ----- stderr -----
    error[GE104]: the recipe lacks the key `channels`
     --> bad.yaml:1:1
      |
    1 | schema: 1
      | ^
    help: write `channels: [conda-forge]`
    docs: `gpuenv explain GE104`

    error[GE102]: the recipe has no key `chanels`
     --> bad.yaml:3:1
      |
    3 | chanels: [conda-forge]
      | ^^^^^^^
    help: did you mean `channels`?
    docs: `gpuenv explain GE102`

    error[GE103]: `linux-65` is not a platform
     --> bad.yaml:4:13
      |
    4 | platforms: [linux-65]
      |             ^^^^^^^^
    help: did you mean `linux-64`?

    error[GE103]: `maybe` is not a value of `gpu`
     --> bad.yaml:5:6
      |
    5 | gpu: maybe
      |      ^^^^^
    help: known are `required`, `optional`, `none`
    docs: `gpuenv explain GE103`

    error[GE105]: `tool >>1` is not a match spec: unable to parse version spec: >>1
     --> bad.yaml:7:5
      |
    7 |   - "tool >>1"
      |     ^^^^^^^^^^
    help: write `name`, `name 1.2.*`, `name >=1.2,<2` or `name 1.2.* build*`
    docs: `gpuenv explain GE105`

    error[GE106]: `lin` is not known in a condition
     --> bad.yaml:8:9
      |
    8 |   - if: lin
      |         ^^^
    help: did you mean `win`?
    docs: `gpuenv explain GE106`
    "#);
    let facts = lab
        .sandbox
        .gpuenv(["recipe", "validate", "bad.yaml", "--json"])
        .code(11)
        .json();
    assert!(facts["diagnostics"].as_array().unwrap().len() > 3);
}

#[test]
fn every_shipped_recipe_is_valid_and_the_schema_is_one() {
    let lab = Lab::new();
    let listed = lab
        .sandbox
        .gpuenv(["recipe", "list", "--json"])
        .success()
        .json();
    let recipes = listed["result"]["recipes"].as_array().unwrap();
    let names = recipes
        .iter()
        .map(|recipe| recipe["name"].as_str().unwrap());
    let arguments: Vec<&str> = ["recipe", "validate"].into_iter().chain(names).collect();
    let _ = lab.sandbox.gpuenv(arguments).success();
    let schema = lab.sandbox.gpuenv(["recipe", "schema"]).success().json();
    assert!(schema["properties"]["dependencies"].is_object());
}
