//! The recipes that are compiled into the program.

use std::path::{Path, PathBuf};

use rattler_conda_types::Subdir;

use crate::{
    Recipe,
    plan::plan,
    recipe::{Layers, RecipeFile, Selection},
};

pub(super) fn texts() -> Vec<(PathBuf, String)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes");
    let mut paths: Vec<PathBuf> = fs_err::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .collect();
    paths.sort();
    let read = |path: PathBuf| (path.clone(), fs_err::read_to_string(path).unwrap());
    paths.into_iter().map(read).collect()
}

fn recipe(name: &str) -> Recipe {
    let texts = texts().into_iter();
    let text = texts.filter(|(path, _)| path.file_stem().unwrap() == name);
    composed("x.yaml", &text.map(|(_, text)| text).next().unwrap())
}

/// Reads a recipe that may extend those that are compiled into the program.
#[track_caller]
pub(crate) fn composed(name: &str, text: &str) -> Recipe {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes");
    let file = |name: &str, text: &str| RecipeFile {
        label: name.to_string(),
        identity: name.to_string(),
        bytes: text.as_bytes().to_vec(),
    };
    let layers = Layers::read(file(name, text), &mut |parent| {
        let path = |folder: &str| directory.join(format!("{folder}{}.yaml", parent.name));
        let read =
            fs_err::read_to_string(path("")).or_else(|_| fs_err::read_to_string(path("parts/")));
        Ok(file(&parent.name, &read.expect("it is there")))
    });
    let recipe = layers.and_then(|layers| layers.recipe(&Selection::default()));
    recipe.unwrap_or_else(|errors| panic!("{text}\n{errors:#?}"))
}

#[test]
fn each_says_who_it_is_for_and_has_a_plan_everywhere() {
    let texts = texts();
    assert!(texts.len() >= 3);
    for (path, text) in texts {
        assert!(
            text.starts_with("# For "),
            "{path:?} opens with who it is for"
        );
        let recipe = composed("x.yaml", &text);
        assert_eq!(path.file_stem().unwrap(), recipe.name.as_str());
        assert!(recipe.about.summary.is_some(), "{path:?} lacks a summary");
        for platform in &recipe.platforms {
            let plan = plan(&recipe, platform.value).unwrap();
            assert!(!plan.dependencies.is_empty() && !plan.probe.is_empty());
        }
    }
}

#[test]
fn tensorflow_on_windows_is_conda_for_cuda_and_pypi_for_tensorflow() {
    let plan = plan(&recipe("tf-gpu"), Subdir::Win64).unwrap();
    let conda: Vec<&str> = plan.dependencies.iter().map(|d| d.text.as_str()).collect();
    assert_eq!(
        conda,
        ["python 3.10.*", "cudatoolkit 11.2.*", "cudnn 8.1.0.*"]
    );
    let wheels: Vec<&str> = plan.wheels.iter().map(|w| w.text.as_str()).collect();
    assert_eq!(wheels, ["tensorflow <2.11", "numpy <2"]);
    assert_eq!(plan.target.cuda.unwrap().to_string(), "11.2");
    assert_eq!(plan.activation.env["TF_FORCE_GPU_ALLOW_GROWTH"], "true");
}

#[test]
fn hello_gpu_needs_nothing_from_outside() {
    let recipe = recipe("hello-gpu");
    for platform in &recipe.platforms {
        let plan = plan(&recipe, platform.value).unwrap();
        assert_eq!(plan.channels, ["gpuenv"]);
        assert!(plan.wheels.is_empty() && plan.target.cuda.is_none());
    }
}

#[test]
fn the_recipe_of_the_guide_is_read() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/recipe.md");
    let guide = fs_err::read_to_string(guide).unwrap();
    let mut blocks = guide
        .split("```yaml\n")
        .skip(1)
        .map(|block| block.split("```").next().unwrap());
    let recipe = super::good(blocks.next().unwrap());
    for platform in &recipe.platforms {
        plan(&recipe, platform.value).unwrap();
    }
    for block in blocks {
        match block.contains("schema:") {
            true => composed("x.yaml", block),
            false => super::good(&format!("{}{block}", super::LEAST)),
        };
    }
}
