//! Every format, and the way back through an import: the same files, the same hashes.

use std::collections::BTreeMap;

use rattler_digest::{Md5, Sha256, compute_bytes_digest};

use super::{Format, Wishes, export};
use crate::{
    Diagnostic, Lock, Solution, Wheel,
    import::{self, Defaults, Text, Texts},
    lock, plan, recipe, solution,
};

const RECIPE: &str = "\
schema: 1
name: demo
channels: [conda-forge]
platforms: [linux-64, win-64]
target:
  - { cuda: \"12.4\" }
  - if: linux
    then: { glibc: \"2.28\" }
dependencies:
  - python 3.12.*
  - if: linux
    then: [\"torch >=2,<3 0*\"]
pypi-dependencies: [\"six[extra]<2\"]
activation:
  env: { A: 'it''s \"5\"' }
";

/// Makes a lock of two platforms, with a wheel.
fn made() -> Lock {
    let recipe = recipe::parse("r", RECIPE.as_bytes()).unwrap();
    let solved = recipe.platforms.iter().map(|platform| {
        let platform = platform.value;
        let mut records = vec![solution::tests::record("python", "3.12.1", &[])];
        if platform.is_linux() {
            records.push(solution::tests::record(
                "torch",
                "2.6",
                &["python >=3.10,<4.0a0", "__glibc >=2.17"],
            ));
        }
        for record in &mut records {
            let url = record
                .url
                .to_string()
                .replace("linux-64", platform.as_str());
            record.url = url.parse().unwrap();
            record.package_record.subdir = platform.to_string();
            record.package_record.md5 = Some(compute_bytes_digest::<Md5>(&url));
            record.package_record.sha256 = Some(compute_bytes_digest::<Sha256>(&url));
        }
        let wheel = Wheel {
            name: "six".to_string(),
            version: "1.16.0".to_string(),
            url: "https://files.x.example/six-1.16.0-py2.py3-none-any.whl"
                .parse()
                .unwrap(),
            index: None,
            sha256: compute_bytes_digest::<Sha256>("six"),
            size: None,
        };
        let solution = Solution {
            platform,
            records,
            wheels: vec![wheel],
        };
        (plan::plan(&recipe, platform).unwrap(), solution)
    });
    lock::lock(&solved.collect::<Vec<_>>()).unwrap()
}

fn wishes(platform: &str) -> Wishes {
    Wishes {
        platform: platform.parse().ok(),
        sha256: false,
    }
}

#[track_caller]
fn written(format: Format, wishes: Wishes) -> String {
    let exported = export(&made(), "demo", format, wishes).unwrap();
    let mut text = exported.text;
    for (name, beside) in &exported.beside {
        if name != "pixi.lock" {
            text += &format!("--- {name}\n{beside}");
        }
    }
    for note in exported.notes {
        text += &format!("--- {}: {}\n", note.code, note.message);
    }
    text
}

#[test]
fn each_format_is_what_its_program_reads() {
    let linux = wishes("linux-64");
    insta::assert_snapshot!(written(Format::EnvironmentYml, linux), @r#"
    name: "demo"
    channels:
      - conda-forge
      - nodefaults
    dependencies:
      - python=3.12.1=0
      - torch=2.6=0
      - pip
      - pip:
          - six==1.16.0
    variables:
      A: "it's \"5\""
    "#);
    insta::assert_snapshot!(written(Format::Explicit, linux), @"
    # This file may be used to create an environment using:
    # $ conda create --name <env> --file <this file>
    # platform: linux-64
    @EXPLICIT
    https://conda.anaconda.org/conda-forge/linux-64/python-3.12.1-0.conda#247ddc91eb36f6adceb9c6f360ecd425
    https://conda.anaconda.org/conda-forge/linux-64/torch-2.6-0.conda#fbc6c7cfd99d67c32a7397d99464fcf5
    --- GE139: 1 wheels are left out: an explicit list holds conda packages only
    ");
    insta::assert_snapshot!(written(Format::Requirements, linux), @"
    # The wheels of demo for linux-64:
    # $ pip install --no-deps --require-hashes -r <this file>
    six==1.16.0 --hash=sha256:44778d82365e4af681c40d5f0eef5cf6f5899d3f0ac335050a7ed6779cf3f674  # https://files.x.example/six-1.16.0-py2.py3-none-any.whl
    --- GE139: 2 conda packages are left out: requirements hold wheels only
    ");
    insta::assert_snapshot!(written(Format::Dockerfile, linux), @r#"
    # demo: exactly the files of the lock, each checked against its hash.
    # Build:  docker build -t NAME .
    # Run:    docker run --rm --gpus all NAME nvidia-smi
    FROM mambaorg/micromamba:2.0.5
    COPY --chown=$MAMBA_USER:$MAMBA_USER gpuenv-explicit.txt /tmp/gpuenv-explicit.txt
    ENV CONDA_OVERRIDE_CUDA="12.4"
    RUN micromamba install --yes --name base --file /tmp/gpuenv-explicit.txt \
     && micromamba clean --all --yes
    ARG MAMBA_DOCKERFILE_ACTIVATE=1
    COPY --chown=$MAMBA_USER:$MAMBA_USER gpuenv-requirements.txt /tmp/gpuenv-requirements.txt
    RUN python -m ensurepip --upgrade \
     && python -m pip install --no-cache-dir --no-deps --require-hashes -r /tmp/gpuenv-requirements.txt
    ENV NVIDIA_VISIBLE_DEVICES="all" NVIDIA_DRIVER_CAPABILITIES="compute,utility"
    ENV A="it's \"5\""
    --- gpuenv-explicit.txt
    # This file may be used to create an environment using:
    # $ conda create --name <env> --file <this file>
    # platform: linux-64
    @EXPLICIT
    https://conda.anaconda.org/conda-forge/linux-64/python-3.12.1-0.conda#sha256:10c2bd4040b4ddda78840560eab112bee8963b980db38e743d2ef0dc67f948a9
    https://conda.anaconda.org/conda-forge/linux-64/torch-2.6-0.conda#sha256:3724e096c14ce5265c41334a3f23dd63671040d19916f881dc6cad862ccad0ef
    --- gpuenv-requirements.txt
    # The wheels of demo for linux-64:
    # $ pip install --no-deps --require-hashes -r <this file>
    six==1.16.0 --hash=sha256:44778d82365e4af681c40d5f0eef5cf6f5899d3f0ac335050a7ed6779cf3f674  # https://files.x.example/six-1.16.0-py2.py3-none-any.whl
    "#);
    insta::assert_snapshot!(written(Format::Pixi, Wishes::default()), @r#"
    [workspace]
    name = "demo"
    channels = ["conda-forge"]
    platforms = ["linux-64", "win-64"]

    [system-requirements]
    cuda = "12.4"
    libc = "2.28"

    [dependencies]
    python = "3.12.*"

    [target.linux-64.dependencies]
    torch = { version = ">=2,<3", build = "0*" }

    [pypi-dependencies]
    six = { version = "<2", extras = ["extra"] }

    [activation.env]
    A = "it's \"5\""
    "#);
    insta::assert_snapshot!(written(Format::CondaLock, linux), @r#"
    version: 1
    metadata:
      content_hash:
        linux-64: 70e23a9383f2c154d33a914b1841e7e9b4b8b993d3369197e3ca26439fdd6c70
      channels:
      - url: "conda-forge"
        used_env_vars: []
      platforms:
      - linux-64
      sources:
      - "demo.yaml"
    package:
    - name: "python"
      version: "3.12.1"
      manager: conda
      platform: linux-64
      dependencies: {}
      url: "https://conda.anaconda.org/conda-forge/linux-64/python-3.12.1-0.conda"
      hash:
        md5: "247ddc91eb36f6adceb9c6f360ecd425"
        sha256: "10c2bd4040b4ddda78840560eab112bee8963b980db38e743d2ef0dc67f948a9"
      category: main
      optional: false
    - name: "torch"
      version: "2.6"
      manager: conda
      platform: linux-64
      dependencies:
        "python": ">=3.10,<4.0a0"
      url: "https://conda.anaconda.org/conda-forge/linux-64/torch-2.6-0.conda"
      hash:
        md5: "fbc6c7cfd99d67c32a7397d99464fcf5"
        sha256: "3724e096c14ce5265c41334a3f23dd63671040d19916f881dc6cad862ccad0ef"
      category: main
      optional: false
    - name: "six"
      version: "1.16.0"
      manager: pip
      platform: linux-64
      dependencies: {}
      url: "https://files.x.example/six-1.16.0-py2.py3-none-any.whl"
      hash:
        sha256: 44778d82365e4af681c40d5f0eef5cf6f5899d3f0ac335050a7ed6779cf3f674
      category: main
      optional: false
    "#);
}

/// The files of a lock with all hashes that the format keeps.
fn files(lock: &Lock, sha256: bool) -> BTreeMap<String, Vec<String>> {
    let of_platform = |locked: &lock::PlatformLock| {
        let records = locked.records.iter().map(|record| {
            let package = &record.package_record;
            let hash = if sha256 {
                package.sha256.map(hex::encode)
            } else {
                package.md5.map(hex::encode)
            };
            format!("{} {}", record.url, hash.unwrap_or_default())
        });
        let wheels = locked
            .wheels
            .iter()
            .map(|wheel| format!("{} {}", wheel.url, hex::encode(wheel.sha256)));
        records.chain(wheels).collect::<Vec<_>>()
    };
    lock.platforms
        .iter()
        .map(|(name, locked)| (name.clone(), of_platform(locked)))
        .collect()
}

/// Exports, imports, and makes the lock again.
fn back(format: Format, wishes: Wishes) -> Lock {
    let exported = export(&made(), "demo", format, wishes).unwrap();
    let (name, text) = match exported.beside.first() {
        Some((name, text)) => (name.as_str(), text.as_str()),
        None => ("file", exported.text.as_str()),
    };
    let text = Text::decode(name, text.as_bytes()).unwrap();
    let read_as = import::recognise(&text).expect("our own file is recognised");
    let found = import::read(&Texts::new(text), read_as, &Defaults::default()).unwrap();
    let drafted = import::recipe(&found, None, &found.platforms);
    let recipe = recipe::parse("r", drafted.text.as_bytes()).unwrap();
    let plans: Vec<_> = recipe
        .platforms
        .iter()
        .map(|p| plan::plan(&recipe, p.value).unwrap())
        .collect();
    import::lock(&found, &plans)
        .unwrap()
        .expect("there is a lock")
}

#[test]
fn the_way_there_and_back_keeps_files_and_hashes() {
    let before = made();
    assert_eq!(
        files(&back(Format::CondaLock, Wishes::default()), true),
        files(&before, true)
    );
    assert_eq!(
        files(&back(Format::Pixi, Wishes::default()), true),
        files(&before, true)
    );
    for sha256 in [false, true] {
        let lists = back(
            Format::Explicit,
            Wishes {
                sha256,
                ..wishes("linux-64")
            },
        );
        let mut expected = files(&before, sha256);
        expected.retain(|platform, _| platform == "linux-64");
        for files in expected.values_mut() {
            files.retain(|file| !file.contains(".whl"));
        }
        assert_eq!(files(&lists, sha256), expected);
    }
}

#[test]
fn requirements_come_back_as_the_same_file() {
    let exported = export(&made(), "demo", Format::Requirements, wishes("linux-64")).unwrap();
    let text = Text::decode("requirements.txt", exported.text.as_bytes()).unwrap();
    let found = import::read(
        &Texts::new(text),
        import::Format::Requirements,
        &Defaults::default(),
    )
    .unwrap();
    let hash = hex::encode(compute_bytes_digest::<Sha256>("six"));
    let expected =
        format!("six @ https://files.x.example/six-1.16.0-py2.py3-none-any.whl#sha256={hash}");
    assert_eq!(found.wheels[0].value.text, expected);
}

#[test]
fn what_was_asked_for_comes_back_from_pixi() {
    let exported = export(&made(), "demo", Format::Pixi, Wishes::default()).unwrap();
    let mut texts = Texts::new(Text::decode("pixi.toml", exported.text.as_bytes()).unwrap());
    let beside = import::Include {
        name: "pixi.lock".to_string(),
        at: import::At::default(),
    };
    let (name, lock_text) = &exported.beside[0];
    texts
        .link(&beside, Text::decode(name, lock_text.as_bytes()).unwrap())
        .unwrap();
    let found = import::read(&texts, import::Format::Pixi, &Defaults::default()).unwrap();
    let drafted = import::recipe(&found, None, &found.platforms);
    let recipe = recipe::parse("r", drafted.text.as_bytes()).unwrap();
    let plans: Vec<_> = recipe
        .platforms
        .iter()
        .map(|p| plan::plan(&recipe, p.value).unwrap())
        .collect();
    let before: Vec<_> = recipe::parse("r", RECIPE.as_bytes())
        .map(|r| {
            r.platforms
                .iter()
                .map(|p| plan::plan(&r, p.value).unwrap())
                .collect()
        })
        .unwrap();
    for (plan, before) in plans.iter().zip::<Vec<plan::Plan>>(before) {
        let specs = |plan: &plan::Plan| {
            plan.dependencies
                .iter()
                .map(|d| d.spec.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(specs(plan), specs(&before));
        assert_eq!(plan.activation.env, before.activation.env);
    }
    let again = import::lock(&found, &plans).unwrap().unwrap();
    assert_eq!(files(&again, true), files(&made(), true));
}

#[test]
fn what_cannot_be_held_is_refused_with_help() {
    let refused = |lock: &Lock, format, wishes| {
        let error = Diagnostic::from(export(lock, "demo", format, wishes).unwrap_err());
        format!(
            "{} {} | {}",
            error.code,
            error.message,
            error.help.join("; ")
        )
    };
    let mut bare = made();
    for locked in bare.platforms.values_mut() {
        locked.wheels.clear();
    }
    let told = [
        refused(&made(), Format::Explicit, Wishes::default()),
        refused(&made(), Format::Explicit, wishes("osx-64")),
        refused(&bare, Format::Requirements, wishes("win-64")),
    ];
    insta::assert_snapshot!(told.join("\n"), @"
    GE139 `explicit` is for one platform, and the lock has linux-64, win-64 | name one with `--platform linux-64`
    GE405 the lock does not cover `osx-64` | it covers linux-64, win-64; add the platform to the recipe, and `gpuenv lock`
    GE139 the lock has no wheels for `win-64`, and `requirements` holds nothing else | take `--format explicit`, or `environment-yml`
    ");
}
