//! The forms in which people bring environments, odd ones included.

use super::{good, told};
use crate::import::{Defaults, Format, Include, Text, Texts, read};

#[test]
fn an_environment_yml_in_all_its_odd_forms() {
    insta::assert_snapshot!(told("environment.yml", r#"name: TF GPU
channels:
  - pytorch
  - nvidia/label/cuda-11.8.0
  - https://conda.anaconda.org/conda-forge/
  - nodefaults
dependencies:
  - python=3.10          # the usual
  - numpy>=1.2, <2
  - scipy 1.11
  - conda-forge::cudnn=8.1.0
  - cudatoolkit=11.2=h123_0
  - "pandas==2.0.1"
  - pywin32               # [win]
  - libfoo                # [py39]
  - https://conda.anaconda.org/conda-forge/linux-64/zlib-1.2.13-hd590300_5.conda
  - pip
  - pip:
    - tensorflow-gpu
    - "torch==2.1.0 ; sys_platform == 'linux'"
    - -r requirements.txt
    - git+https://github.com/a/b.git@main
    - -e .
    - https://files.x.example/six-1.16.0-py2.py3-none-any.whl
variables:
  TF_FORCE_GPU_ALLOW_GROWTH: true
  LD_LIBRARY_PATH: /x
prefix: /home/me/envs/x
"#), @r#"
    schema: 1
    name: tf-gpu
    channels: [pytorch, nvidia/label/cuda-11.8.0, conda-forge]
    platforms: [linux-64]
    gpu: required
    target: { cuda: "11.2" }
    dependencies:
      - python 3.10.*
      - numpy >=1.2,<2
      - scipy ==1.11
      - conda-forge::cudnn 8.1.0.*
      - cudatoolkit ==11.2 h123_0
      - pandas ==2.0.1
      - libfoo
      - zlib ==1.2.13 hd590300_5
      - pip
      - if: win
        then:
          - pywin32
    pypi-dependencies:
      - "tensorflow[and-cuda]"
      - "torch==2.1.0 ; sys_platform == 'linux'"
      - six @ https://files.x.example/six-1.16.0-py2.py3-none-any.whl
    activation:
      env:
        TF_FORCE_GPU_ALLOW_GROWTH: "true"
    probe: [driver, tensorflow, pytorch]
    GE134 15: the selector `[py39]` is not known, so the entry counts everywhere
    GE148 19: `tensorflow-gpu` is written as `tensorflow[and-cuda]`
    GE134 21: `requirements.txt` is not read here
    GE134 22: `git+https://github.com/a/b.git@main` is source code of a repository, and gpuenv locks files
    GE134 23: `-e .` is left out: code that is being worked on is no part of an environment's lock
    GE134 27: `LD_LIBRARY_PATH` is left out: activation finds the CUDA libraries by itself
    "#);
}

#[test]
fn defaults_becomes_conda_forge_and_a_satellite_gets_a_base() {
    insta::assert_snapshot!(told("environment.yml", "channels:\n- pytorch\n- defaults\ndependencies:\n- pytorch\n- cpuonly\n"), @"
    schema: 1
    name: imported
    channels: [pytorch, conda-forge]
    platforms: [linux-64]
    gpu: none
    dependencies:
      - pytorch
      - cpuonly
    GE146 3: `defaults` is read as `conda-forge`
    ");
    insta::assert_snapshot!(told("environment.yml", "channels: [pytorch, nvidia]\ndependencies: [pytorch, pytorch-cuda=11.7]\n"), @r#"
    schema: 1
    name: imported
    channels: [pytorch, nvidia, conda-forge]
    platforms: [linux-64]
    gpu: required
    target: { cuda: "11.7" }
    dependencies:
      - pytorch
      - pytorch-cuda 11.7.*
    probe: [driver, pytorch]
    GE134 0: the file names no channel for everything, so `conda-forge` is added
    "#);
    let text = Text::decode("e.yml", b"dependencies: [python]\n").unwrap();
    let defaults = Defaults {
        groups: Vec::new(),
        channels: vec!["my-channel".to_string()],
        environment: None,
    };
    let found = read(&Texts::new(text), Format::EnvironmentYml, &defaults).unwrap();
    assert_eq!(found.channels[0].value, "my-channel");
}

#[test]
fn a_pasted_tutorial_becomes_one_recipe() {
    insta::assert_snapshot!(told("t.txt", "(base) PS C:\\Users\\me> conda create --name tf -y python=3.9
(base) PS C:\\Users\\me> conda activate tf
(tf) PS C:\\Users\\me> conda install -c conda-forge cudatoolkit=11.2 cudnn=8.1.0
(tf) PS C:\\Users\\me> pip install --user \"tensorflow<2.11\"
(tf) PS C:\\Users\\me> python -c \"import tensorflow\"
(tf) PS C:\\Users\\me> echo done
"), @r#"
    schema: 1
    name: tf
    channels: [conda-forge]
    platforms: [win-64]
    gpu: required
    target: { cuda: "11.2" }
    dependencies:
      - python 3.9.*
      - cudatoolkit 11.2.*
      - cudnn 8.1.0.*
    pypi-dependencies:
      - tensorflow<2.11
    probe: [driver, tensorflow]
    GE134 2: `conda activate tf` installs nothing, and is left out
    GE143 4: `--user` is left out: it installs outside of the environment
    GE134 5: `python -c "import tensorflow"` and the line below it install nothing, and are left out
    "#);
}

#[test]
fn commands_in_many_dresses() {
    for (line, expected) in [
        ("conda install -c conda-forge cupy", "cupy"),
        (
            "sudo /opt/conda/bin/conda install -y -c conda-forge 'cupy'",
            "cupy",
        ),
        ("mamba create -n x -c conda-forge cupy -y", "cupy"),
        (
            "micromamba create -n x -c conda-forge --file=x.txt cupy",
            "cupy",
        ),
        (
            "conda install -cconda-forge --override-channels cupy",
            "cupy",
        ),
        (
            "CONDA_OVERRIDE_CUDA=11.2 conda install --solver libmamba cupy",
            "cupy",
        ),
        (
            "conda create --prefix ./env --channel=conda-forge cupy",
            "cupy",
        ),
        ("pixi add cupy", "cupy"),
        ("conda install cupy = 12", "cupy 12.*"),
        ("conda install cupy>=12", "cupy >=12"),
        ("source activate x && conda install cupy", "cupy"),
    ] {
        let found = good("c", line);
        let values: Vec<&str> = found.packages.iter().map(|p| p.value.as_str()).collect();
        assert_eq!(values, [expected], "{line}");
    }
    for line in [
        "pip install cupy-cuda12x",
        "pip3 install -U cupy-cuda12x --no-cache-dir",
        "python3 -m pip install --upgrade pip cupy-cuda12x",
        "py -m pip install cupy-cuda12x",
        "uv pip install cupy-cuda12x",
        "uv add cupy-cuda12x",
        "pixi add --pypi cupy-cuda12x",
        "pip install --index-url=https://x.example/simple cupy-cuda12x",
    ] {
        let found = good("c", line);
        let values: Vec<&str> = found.wheels.iter().map(|p| p.value.text.as_str()).collect();
        assert_eq!(values, ["cupy-cuda12x"], "{line}");
    }
}

#[test]
fn a_second_environment_is_told_and_left_out() {
    insta::assert_snapshot!(told("t", "conda create -n one python=3.9 -c conda-forge
conda create -n two numpy
pip install scipy
conda install -n one pandas
"), @"
    schema: 1
    name: one
    channels: [conda-forge]
    platforms: [linux-64]
    gpu: none
    dependencies:
      - python 3.9.*
      - pandas
    GE134 2: `two` is another environment than `one`, and is left out
    ");
}

#[test]
fn requirements_with_everything_that_pip_takes() {
    insta::assert_snapshot!(told("requirements.txt", "\
# what we need
--extra-index-url https://download.pytorch.org/whl/cu118
numpy==1.26.4 \\
    --hash=sha256:2a02aba9ed12e4ac4eb3ea9421c420301a0c6460d9830d74a9df87efa4912010 \\
    --hash=sha256:666dbfb6ec68962c033a450943ded891bed2d54e6755e35e5835d63f4f6931d5
jax[cuda12]>=0.4 ; sys_platform == 'linux'   # Linux only
six @ https://files.x.example/six-1.16.0-py2.py3-none-any.whl
requests==2.31.0 --hash=sha256:58cd2187c01e70e6e26505bca751777aa9f2ee0b7f4300988b709f44e013003f # https://files.x.example/requests-2.31.0-py3-none-any.whl
foo==${VERSION}
-e ./local
./wheels/a-1-py3-none-any.whl
--no-binary :all:
git+ssh://git@github.com/a/b.git
"), @r#"
    schema: 1
    name: imported
    channels: [conda-forge]
    platforms: [linux-64]
    gpu: required
    target: { cuda: "11.8" }
    dependencies:
      - python
    pypi-dependencies:
      - numpy==1.26.4
      - "jax[cuda12]>=0.4 ; sys_platform == 'linux'"
      - six @ https://files.x.example/six-1.16.0-py2.py3-none-any.whl
      - requests @ https://files.x.example/requests-2.31.0-py3-none-any.whl#sha256=58cd2187c01e70e6e26505bca751777aa9f2ee0b7f4300988b709f44e013003f
    pypi-options:
      extra-index-urls: [https://download.pytorch.org/whl/cu118]
    probe: [driver, jax]
    GE134 3: hashes are left out: they do not say which file they are of
    GE134 9: `foo==${VERSION}` depends on an environment variable of the machine
    GE134 10: `-e ./local` is left out: code that is being worked on is no part of an environment's lock
    GE134 11: `./wheels/a-1-py3-none-any.whl` is a path of this machine
    GE134 12: the option `--no-binary` is left out
    GE134 13: `git+ssh://git@github.com/a/b.git` is source code of a repository, and gpuenv locks files
    GE142 0: `python` is added: wheels are installed into the Python of the environment
    "#);
}

#[test]
fn included_requirements_are_read_once_and_constraints_narrow() {
    let text = |file: &str, text: &str| Text::decode(file, text.as_bytes()).unwrap();
    let main = text("requirements.txt", "-r base.txt\n-c limits.txt\ntorch\n");
    let mut texts = Texts::new(main);
    let bases = [
        ("base.txt", "numpy\n-r requirements.txt\n"),
        ("limits.txt", "numpy<2\nscipy<1.12\n"),
    ];
    for (name, body) in bases {
        let includes = crate::import::includes(&texts, 0, Format::Requirements);
        let include: Include = includes.into_iter().find(|i| i.name == name).unwrap();
        texts.link(&include, text(name, body)).unwrap();
    }
    let back = crate::import::includes(&texts, 1, Format::Requirements).remove(0);
    texts.link(&back, texts.main().clone()).unwrap();
    let found = read(&texts, Format::Requirements, &Defaults::default()).unwrap();
    let wheels: Vec<&str> = found.wheels.iter().map(|w| w.value.text.as_str()).collect();
    assert_eq!(wheels, ["numpy", "torch", "numpy<2"]);
    assert_eq!(
        found.notes[0].message,
        "`scipy<1.12` only constrains, and nothing asks for `scipy`"
    );
    assert_eq!(found.notes[0].place.as_ref().unwrap().file, "limits.txt");
}

const PIXI: &str = r#"
[workspace]
name = "torch"
channels = ["conda-forge", { channel = "nvidia", priority = -1 }]
platforms = ["linux-64", "win-64"]
[system-requirements]
cuda = "12"
libc = { family = "glibc", version = "2.28" }
[dependencies]
python = "3.12.*"
pytorch = { version = ">=2.5", build = "*cuda*", channel = "conda-forge" }
cmake = "*"
local = { path = "x" }
[pypi-dependencies]
transformers = "*"
accelerate = { version = ">=1", extras = ["testing"] }
mine = { path = ".", editable = true }
[target.win.dependencies]
cmake = "<4"
[target.linux-64.activation.env]
A = "b"
[feature.test.dependencies]
pytest = "*"
[environments]
test = ["test"]
[tasks]
start = "python x.py"
"#;

#[test]
fn a_pixi_project_is_read_with_targets_and_features() {
    insta::assert_snapshot!(told("pixi.toml", PIXI), @r#"
    schema: 1
    name: torch
    channels: [conda-forge, nvidia]
    platforms: [linux-64, win-64]
    gpu: required
    target: { cuda: "12.0", glibc: "2.28" }
    dependencies:
      - python 3.12.*
      - conda-forge::pytorch >=2.5 *cuda*
      - if: not win
        then:
          - cmake
      - if: win
        then:
          - cmake <4
    pypi-dependencies:
      - transformers
      - "accelerate[testing]>=1"
    activation:
      env:
        - if: linux-64
          then: { A: "b" }
    probe: [driver, pytorch]
    GE134 13: `local` is left out: its `path` is source code or a place of this machine
    GE134 17: `mine` is left out: its `path` is source code
    GE134 24: only the environment `default` is read; there are also `test`
    GE134 26: `[tasks]` has no counterpart: a recipe says what an environment holds
    "#);
    let text = Text::decode("pixi.toml", PIXI.as_bytes()).unwrap();
    let wanted = |name: &str| Defaults {
        groups: Vec::new(),
        channels: Vec::new(),
        environment: Some(name.to_string()),
    };
    let found = read(&Texts::new(text.clone()), Format::Pixi, &wanted("test")).unwrap();
    assert!(
        found
            .packages
            .iter()
            .any(|package| package.value == "pytest")
    );
    let unknown = read(&Texts::new(text), Format::Pixi, &wanted("tost")).unwrap_err();
    assert_eq!(
        unknown[0].help,
        ["name one with `--environment`: default, test"]
    );
}

#[test]
fn a_pyproject_is_read_with_and_without_pixi() {
    insta::assert_snapshot!(told("pyproject.toml", "[project]\nname = \"my.tool\"\nrequires-python = \">=3.10\"\ndependencies = [\"numpy<2\"]\n\
        [project.optional-dependencies]\ntest = [\"pytest\"]\n"), @"
    schema: 1
    name: my.tool
    channels: [conda-forge]
    platforms: [linux-64]
    gpu: none
    dependencies:
      - python >=3.10
    pypi-dependencies:
      - numpy<2
    GE134 5: the optional dependencies `test` are left out
    GE134 0: the file names no channel for everything, so `conda-forge` is added
    ");
    insta::assert_snapshot!(told("pyproject.toml", "[project]\nname = \"tool\"\ndependencies = [\"numpy<2\"]\n\
        [tool.pixi.workspace]\nchannels = [\"conda-forge\"]\nplatforms = [\"linux-64\"]\n[tool.pixi.dependencies]\npython = \"3.11.*\"\n"), @"
    schema: 1
    name: tool
    channels: [conda-forge]
    platforms: [linux-64]
    gpu: none
    dependencies:
      - python 3.11.*
    pypi-dependencies:
      - numpy<2
    ");
}

#[test]
fn carriage_returns_and_a_byte_order_mark_change_nothing() {
    let plain = "name: x\nchannels: [conda-forge]\ndependencies:\n  - python=3.10 # [linux]\n  - pip:\n    - numpy<2\n";
    let windows = format!("\u{feff}{}", plain.replace('\n', "\r\n"));
    assert_eq!(told("e.yml", plain), told("e.yml", &windows));
    let lines = "$ conda install \\\n  numpy\n$ pip install a\n";
    assert_eq!(told("c", lines), told("c", &lines.replace('\n', "\r\n")));
}

#[test]
fn commands_are_found_behind_whatever_stands_before_them() {
    let told = [
        "py -3.10 -m pip install a",
        "conda run -n x --no-capture-output pip install a",
        "if true; then pip install a; fi",
        "RUN apt-get update && \\\n    pip install a && \\\n    conda install -y b",
        "conda install -n base conda-libmamba-solver\npip install a",
        "conda create --clone base -n x\npip install a",
    ]
    .map(|text| {
        let texts = Texts::new(Text::decode("t", text.as_bytes()).unwrap());
        let found = read(&texts, Format::Commands, &Defaults::default()).unwrap();
        let packages = found.packages.iter().map(|found| found.value.clone());
        let wheels = found.wheels.iter().map(|found| found.value.text.clone());
        packages.chain(wheels).collect::<Vec<_>>().join(" ")
    });
    assert_eq!(told, ["a", "a", "a", "b a", "a", "a"]);
}

#[test]
fn a_project_of_uv_keeps_its_indexes_and_nothing_is_lost_in_silence() {
    let project = "[project]\nname = \"x\"\ndependencies = [\"torch\", \"numpy\"]\ndynamic = [\"version\"]\n[dependency-groups]\ndev = [\"pytest\"]\n\
        [tool.uv]\nextra-index-url = [\"https://e.example/simple\"]\n[[tool.uv.index]]\nname = \"pt\"\nurl = \"https://download.pytorch.org/whl/cu121\"\nexplicit = true\n\
        [[tool.uv.index]]\nurl = \"https://m.example/simple\"\ndefault = true\n[tool.uv.sources]\ntorch = { index = \"pt\" }\nnumpy = { git = \"https://x\" }\n";
    let texts = Texts::new(Text::decode("pyproject.toml", project.as_bytes()).unwrap());
    let found = read(&texts, Format::Pyproject, &Defaults::default()).unwrap();
    let indexes = found
        .indexes
        .iter()
        .map(|index| format!("{:?}", index.value));
    let notes = found.notes.iter().map(|note| note.message.clone());
    insta::assert_snapshot!(indexes.chain(notes).collect::<Vec<_>>().join("\n"), @r#"
    Extra("https://e.example/simple")
    Main("https://m.example/simple")
    Package("torch", "https://download.pytorch.org/whl/cu121")
    the dependency groups `dev` are left out
    the source of `numpy` is left out
    the file names no channel for everything, so `conda-forge` is added
    "#);
}
