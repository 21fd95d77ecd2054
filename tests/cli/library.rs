//! The recipes inside gpuenv, with the locks that they come to over real records.
//!
//! `tests/real/recipes DIR --write` makes the locks anew.

use std::path::{Path, PathBuf};

use fs_err as fs;
use gpuenv::{choosing::Open, facts, locking, source::RecipePath};
use gpuenv_core::{
    Lock, Recipe, lock,
    lock::Difference,
    plan::{Gpu, ProbeStep},
    recipe::Selection,
};

/// Where a recipe is for a platform and the records lack packages for it.
const MISSING: [(&str, &str); 3] = [
    ("llm-inference", "win-64"),
    ("pytorch-cu117", "win-64"),
    ("rapids", "linux-aarch64"),
];

/// Everything that issue 5 asks for, and `tf210-gpu`.
const NAMES: [&str; 14] = [
    "cuda-devel",
    "cuda-python",
    "cupy",
    "hello-gpu",
    "jax-cuda",
    "keras-gpu",
    "llm-inference",
    "numba-cuda",
    "pytorch-cu117",
    "pytorch-gpu",
    "rapids",
    "tf-gpu",
    "tf210-gpu",
    "xgboost-gpu",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn open(name: &str) -> Open {
    let path = RecipePath::default();
    let text = path.find(Some(name)).expect("it is inside gpuenv");
    Open::read(text, &path).unwrap_or_else(|errors| panic!("{name}: {errors:#?}"))
}

fn recipe(name: &str) -> Recipe {
    let recipe = open(name).layers.recipe(&Selection::default());
    recipe.unwrap_or_else(|errors| panic!("{name}: {errors:#?}"))
}

fn kept(name: &str) -> Lock {
    let path = root().join(format!("tests/recipes/{name}.lock"));
    let text = fs::read_to_string(path).expect("`tests/real/recipes DIR --write` makes it");
    lock::parse(name, &text).expect("gpuenv wrote it")
}

#[test]
fn every_recipe_is_there_and_says_what_it_is() {
    let names: Vec<String> = RecipePath::default().list().into_keys().collect();
    assert_eq!(names, NAMES);
    for name in NAMES {
        let open = open(name);
        let text = String::from_utf8(open.text.bytes.clone()).unwrap();
        assert!(
            text.starts_with("# For people") || name == "hello-gpu",
            "{name}"
        );
        let recipe = recipe(name);
        let about = &recipe.about;
        let own = recipe.probe.as_ref().map_or(0, |probe| probe.all().len());
        assert!(about.summary.is_some() && own > 0, "{name}");
        assert!(name == "hello-gpu" || about.homepage.is_some(), "{name}");
        let plans = locking::plans(&recipe, &locking::platforms(&recipe)).unwrap();
        assert!(plans.iter().all(|plan| plan.probe[0] == ProbeStep::Driver));
    }
}

#[test]
fn every_feature_of_every_recipe_has_a_plan() {
    for name in NAMES {
        let open = open(name);
        for feature in open.layers.choices().features {
            let selection = Selection {
                features: [feature.name.clone()].into(),
                ..Selection::default()
            };
            let recipe = open.layers.recipe(&selection).unwrap();
            let plans = locking::plans(&recipe, &locking::platforms(&recipe));
            assert!(plans.is_ok(), "{name} with {}: {plans:?}", feature.name);
            assert!(
                feature.about.is_some(),
                "{name}: {} is not described",
                feature.name
            );
        }
    }
}

#[test]
fn the_locks_fit_the_recipes_and_hold_what_they_promise() {
    let builds = facts::read(None).unwrap().0.builds;
    for name in NAMES.into_iter().filter(|name| *name != "hello-gpu") {
        let recipe = recipe(name);
        let plans = locking::plans(&recipe, &locking::platforms(&recipe)).unwrap();
        let lock = kept(name);
        // Each dependency has a provider, each constraint holds, and where a GPU is
        // required every package that can use one is a CUDA build.
        let mut differences = lock::check(&lock, &plans, &builds);
        differences.retain(|difference| match difference {
            Difference::PlatformAdded(platform) => !MISSING.contains(&(name, platform.as_str())),
            _ => true,
        });
        assert_eq!(differences, [], "{name}");
        assert!(recipe.gpu() == Gpu::Required || name == "cuda-devel");
    }
}

#[test]
fn the_table_of_the_guide_names_every_recipe_and_platform() {
    let page = fs::read_to_string(root().join("docs/guide/recipes.md")).unwrap();
    for name in NAMES {
        for platform in locking::platforms(&recipe(name)) {
            let row = format!("| {name} | {platform} |");
            let rows: Vec<&str> = page.lines().filter(|line| line.starts_with(&row)).collect();
            assert_eq!(rows.len(), 1, "{row}");
            let is_missing = MISSING.contains(&(name, platform.as_str()));
            assert_eq!(rows[0].contains("missing"), is_missing, "{row}");
        }
    }
}
