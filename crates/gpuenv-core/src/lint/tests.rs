//! Rules on whole files, and the flaws of real tutorials.

mod lessons;

use super::{apply, file, recipe};
use crate::{
    facts::Facts,
    import::{Text, Texts, recognise},
};

/// Returns what is found: code, line, message.
fn found(name: &str, text: &str) -> String {
    let lines = findings(name, text).into_iter().map(|finding| {
        let told = finding.diagnostic;
        let line = told
            .place
            .and_then(|place| place.span)
            .map_or(0, |span| span.line);
        assert!(!told.help.is_empty(), "{}: no help", told.message);
        format!("{} {line}: {}", told.code, told.message)
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn findings(name: &str, text: &str) -> Vec<super::Finding> {
    let facts = Facts::shipped();
    let decoded = Text::decode(name, text.as_bytes()).unwrap();
    if text.starts_with("schema:") {
        let read = crate::recipe::tests::shipped::composed(name, text);
        return recipe(&decoded, &read, facts);
    }
    let format = recognise(&decoded);
    let (findings, errors) = file(&Texts::new(decoded), format, facts);
    let is_file = text.contains("dependencies:") || name.ends_with("requirements.txt");
    assert!(!is_file || errors.is_empty(), "{errors:#?}");
    findings
}

/// Mends a file as the command does.
fn mended(name: &str, text: &str) -> String {
    let mut text = text.to_string();
    for _ in 0..5 {
        let fixes: Vec<_> = findings(name, &text)
            .into_iter()
            .map(|finding| finding.fix)
            .collect();
        text = apply(&text, &fixes);
    }
    text
}

const OLD: &str = "\
name: pyt # mine
channels:
  - pytorch   # theirs
  - nvidia
  - defaults
dependencies:
  - pytorch
  - torchvision
  - pytorch-cuda=11.7
  # wheels
  - pip:
    - tensorflow-gpu
    - cupy
variables:
  LD_LIBRARY_PATH: /x
  OTHER: \"1\"
";

#[test]
fn an_environment_yml_is_mended_and_the_rest_stays() {
    insta::assert_snapshot!(found("environment.yml", OLD), @"
    GE140 3: the channel `pytorch` ended with PyTorch 2.5.1
    GE146 5: `defaults` is not a channel but a setting of conda
    GE152 7: `pytorch` without a version gets a build for the CPU beside `pytorch-cuda 11.7.*`
    GE142 12: the environment has wheels and no Python
    GE148 12: PyPI has no installable `tensorflow-gpu` any more
    GE153 13: `cupy` of PyPI is source code, and needs a CUDA toolkit to be built
    GE147 15: `LD_LIBRARY_PATH` is set by hand
    ");
    insta::assert_snapshot!(mended("environment.yml", OLD), @r#"
    name: pyt # mine
    channels:
      - conda-forge
      - nodefaults
    dependencies:
      - pytorch-gpu
      - python
      - torchvision
      - cuda-version=11.8
      # wheels
      - pip:
        - tensorflow[and-cuda]
        - cupy-cuda11x
    variables:
      OTHER: "1"
    "#);
    let flow = "channels: [pytorch, nvidia, conda-forge]\ndependencies: [pytorch, pytorch-cuda=12.1, python]\n";
    insta::assert_snapshot!(mended("environment.yml", flow), @"
    channels: [conda-forge]
    dependencies: [pytorch-gpu, cuda-version=12, python]
    ");
    let windows = OLD.replace('\n', "\r\n");
    assert_eq!(
        mended("environment.yml", &windows),
        mended("environment.yml", OLD).replace('\n', "\r\n")
    );
}

#[test]
fn a_recipe_is_mended() {
    let text = "\
schema: 1
name: old
channels: [conda-forge]
platforms: [win-64]
target: { cuda: \"11.2\" } # what we have
dependencies:
  - python 3.10.*
  - cudatoolkit 12.1.*
  - cudnn 8.1.*
  - pytorch
pypi-dependencies:
  - tensorflow >=2.8
";
    insta::assert_snapshot!(found("r.yaml", text), @"
    GE141 8: TensorFlow 2.10 was not built for cudatoolkit 12.1
    GE156 8: `cudatoolkit 12.1.*` is newer than the CUDA 11.2 of the target
    GE152 10: nothing keeps `pytorch` from being a build for the CPU
    GE145 12: TensorFlow newer than 2.10 has no GPU on Windows
    ");
    insta::assert_snapshot!(mended("r.yaml", text), @r#"
    schema: 1
    name: old
    channels: [conda-forge]
    platforms: [win-64]
    target: { cuda: "11.2" } # what we have
    dependencies:
      - python 3.10.*
      - cudatoolkit 11.2.*
      - cudnn 8.1.*
      - pytorch-gpu
    pypi-dependencies:
      - tensorflow <2.11
      - numpy <2
    "#);
}

#[test]
fn cudnn_must_be_the_one_that_the_framework_was_built_for() {
    let environment = |tensorflow: &str, cuda: &str, cudnn: &str| {
        format!(
            "channels: [conda-forge]\ndependencies:\n- python=3.10\n- cudatoolkit={cuda}\n- cudnn={cudnn}\n- pip:\n  - {tensorflow}\n  - numpy<2\n"
        )
    };
    let told = |tensorflow: &str, cuda: &str, cudnn: &str| {
        found("environment.yml", &environment(tensorflow, cuda, cudnn))
    };
    assert_eq!(told("tensorflow<2.11", "11.2", "8.1.0"), "");
    assert_eq!(told("tensorflow==2.10.1", "11.8", "8.9"), "");
    insta::assert_snapshot!(told("tensorflow", "11.2", "8.1.0"), @"GE141 5: TensorFlow 2.21 was not built for cudnn 8.1");
    insta::assert_snapshot!(told("tensorflow==2.12.0", "11.8", "8.1"), @"GE141 5: TensorFlow 2.12 was not built for cudnn 8.1");
    insta::assert_snapshot!(told("tensorflow==2.3.1", "11.2", "8.1"), @"GE141 5: TensorFlow 2.3 was not built for cudnn 8.1");
    let mended =
        |t: &str, cuda: &str, cudnn: &str| mended("environment.yml", &environment(t, cuda, cudnn));
    assert!(mended("tensorflow", "11.2", "8.1.0").contains("- tensorflow<2.12\n"));
    assert!(mended("tensorflow==2.12.0", "11.8", "8.1").contains("- cudnn=8.6\n"));
}

#[test]
fn what_is_in_order_is_left_in_peace() {
    for (name, text) in [
        (
            "environment.yml",
            "channels: [conda-forge, nodefaults]\ndependencies:\n- python=3.12\n- pytorch-gpu\n- numpy\n",
        ),
        ("requirements.txt", "torch==2.9.0\nnumpy\n"),
        (
            "a.sh",
            "conda create -n x -c conda-forge python=3.12 pytorch-gpu\nconda activate x\npython -m pip install transformers\n",
        ),
        (
            "a.py",
            "import torch\nx = torch.zeros(3).to('cuda')\nprint(x)\n",
        ),
    ] {
        assert_eq!(found(name, text), "", "{name}");
        assert_eq!(mended(name, text), text);
    }
    for shipped in ["hello-gpu", "pytorch-gpu", "tf-gpu", "tf210-gpu"] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(format!("../../recipes/{shipped}.yaml"));
        let text = fs_err::read_to_string(path).unwrap();
        let text = &text[text.find("schema:").unwrap()..];
        assert_eq!(found(shipped, text), "", "{shipped}");
    }
}

#[test]
fn requirements_are_mended() {
    let text = "# ours\ntensorflow-gpu==2.4 # old\ncupy>=12\ntorch<2\n";
    insta::assert_snapshot!(found("requirements.txt", text), @"
    GE148 2: PyPI has no installable `tensorflow-gpu` any more
    GE153 3: `cupy` of PyPI is source code, and needs a CUDA toolkit to be built
    GE149 4: `torch<2` was built for NumPy 1, and would get NumPy 2
    ");
    insta::assert_snapshot!(mended("requirements.txt", text), @"
    # ours
    tensorflow==2.4 # old
    cupy-cuda12x>=12
    torch<2
    numpy<2
    ");
}

#[test]
fn conda_and_pypi_must_not_bring_the_same() {
    let text = "channels: [conda-forge]\ndependencies:\n- python\n- pytorch-gpu\n- pip:\n  - torch\n  - scipy\n";
    insta::assert_snapshot!(found("environment.yml", text), @"GE157 6: `torch` comes from PyPI, and from conda as `pytorch-gpu`");
    assert!(!mended("environment.yml", text).contains("- torch\n"));
}

#[test]
fn a_compiler_is_missed_where_something_is_compiled() {
    let text = "conda install -c conda-forge python cudatoolkit=11.3\nnvcc add.cu -o add\n";
    insta::assert_snapshot!(found("a.sh", text), @"GE150 2: `nvcc` is called, and `cudatoolkit` holds no compiler");
    assert!(mended("a.sh", text).contains("cudatoolkit=11.3 cudatoolkit-dev=11.3"));
}

#[test]
fn a_project_of_pixi_is_looked_at_and_never_edited() {
    let text = "[workspace]\nname = \"p\"\nchannels = [\"pytorch\", \"nvidia\"]\nplatforms = [\"linux-64\"]\n[dependencies]\npytorch = \"*\"\npytorch-cuda = \"11.7.*\"\n";
    insta::assert_snapshot!(found("pixi.toml", text), @"
    GE140 3: the channel `pytorch` ended with PyTorch 2.5.1
    GE152 6: `pytorch` without a version gets a build for the CPU beside `pytorch-cuda 11.7.*`
    ");
    assert_eq!(mended("pixi.toml", text), text);
}

#[test]
fn nothing_panics_and_nothing_hangs() {
    for text in [
        "",
        "\n\n\n",
        "pip install",
        "conda",
        "echo LD_LIBRARY_PATH=",
        "del \ntorch",
        ".fit(,,)",
        "def (\n(\n[](",
        "```\n```\n```",
        "$ \\\n\\\n",
        "\u{feff}é\u{301} pip install é",
        "pip install \"",
        "(x",
        "PS C:\\>",
        "$env:",
    ] {
        let _ = mended("a", text);
    }
    let long = "pip install tensorflow<2.11\n".repeat(2_000);
    assert!(!mended("a", &long).contains("tensorflow<2.11\n"));
}
