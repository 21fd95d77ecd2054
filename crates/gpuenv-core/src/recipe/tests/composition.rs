//! Recipes made of several files, with features and parameters.

use std::collections::{BTreeMap, BTreeSet};

use rattler_conda_types::Subdir;

use super::LEAST;
use crate::{
    Code, Diagnostic, Plan, Recipe,
    plan::plan,
    recipe::{BadParent, Layers, RecipeFile, Selection},
};

fn file(name: &str, text: &str) -> RecipeFile {
    RecipeFile {
        label: name.to_string(),
        identity: name.to_string(),
        bytes: text.as_bytes().to_vec(),
    }
}

/// Reads the first of some files; they extend each other by name.
fn layers(files: &[(&str, &str)]) -> Result<Layers, Vec<Diagnostic>> {
    let (name, text) = files[0];
    Layers::read(file(name, text), &mut |parent| {
        let found = files.iter().find(|(name, _)| *name == parent.name);
        let (name, text) = found.ok_or_else(|| {
            let name = parent.name.clone();
            let bad = BadParent::Missing { name, meant: None };
            bad.diagnostic(parent.place.clone())
        })?;
        Ok(file(name, text))
    })
}

fn chosen(features: &[&str], parameters: &[(&str, &str)]) -> Selection {
    let features = features.iter().map(ToString::to_string);
    let parameters = parameters.iter();
    Selection {
        features: features.collect::<BTreeSet<_>>(),
        parameters: parameters
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect::<BTreeMap<_, _>>(),
    }
}

#[track_caller]
fn recipe(files: &[(&str, &str)], selection: &Selection) -> Recipe {
    let layers = layers(files).unwrap_or_else(|errors| panic!("{errors:#?}"));
    let recipe = layers.recipe(selection);
    let recipe = recipe.unwrap_or_else(|errors| panic!("{errors:#?}"));
    // What it comes to reads as the same recipe.
    let text = layers.composed_text(selection).unwrap();
    let again = crate::recipe::parse("composed", &text);
    let again = again.unwrap_or_else(|errors| panic!("{text}\n{errors:#?}"));
    for platform in &recipe.platforms {
        let platform = platform.value;
        assert_eq!(lines(&recipe, platform), lines(&again, platform), "{text}");
    }
    recipe
}

#[track_caller]
fn refused(files: &[(&str, &str)], selection: &Selection) -> Vec<Diagnostic> {
    match layers(files) {
        Err(errors) => errors,
        Ok(layers) => layers.recipe(selection).expect_err("it is wrong"),
    }
}

/// What a plan says, without places.
fn lines(recipe: &Recipe, platform: Subdir) -> (Vec<String>, String) {
    let Plan {
        channels,
        target,
        dependencies,
        wheels,
        activation,
        probe,
        gpu,
        ..
    } = plan(recipe, platform).unwrap();
    let texts = dependencies.into_iter().map(|line| line.text);
    let texts = texts
        .chain(wheels.into_iter().map(|line| line.text))
        .collect();
    (
        texts,
        format!("{channels:?} {target:?} {activation:?} {probe:?} {gpu:?}"),
    )
}

fn packages(recipe: &Recipe, platform: Subdir) -> Vec<String> {
    lines(recipe, platform).0
}

const BASE: &str = "
schema: 1
name: base
about: { summary: not of the child }
channels: [conda-forge]
platforms: [linux-64, win-64]
target: { cuda: \"12.4\", glibc: \"2.28\" }
dependencies:
  - python 3.12.*
  - if: win
    then: [cudnn 8.*, numpy 1.*]
    else: numpy 2.*
  - cupy
pypi-dependencies: [\"Some_Package <2\"]
activation: { env: { A: \"1\", B: \"1\" }, xla: true }
probe: [driver, cupy]
";

#[test]
fn what_the_recipe_says_wins_and_lists_of_packages_are_joined() {
    let child = "schema: 1\nname: child\nextends: base\ntarget: { cuda: \"13.0\" }\n\
                 dependencies: [scipy, python 3.13.*]\npypi-dependencies: [some-package >2]\n\
                 activation: { env: { B: \"2\", C: \"2\" } }\n";
    let recipe = recipe(&[("child", child), ("base", BASE)], &Selection::default());
    assert_eq!(recipe.name, "child");
    assert_eq!(recipe.about.summary, None);
    let linux = Subdir::Linux64;
    let expected = [
        "numpy 2.*",
        "cupy",
        "scipy",
        "python 3.13.*",
        "some-package >2",
    ];
    assert_eq!(packages(&recipe, linux), expected);
    let plan = plan(&recipe, linux).unwrap();
    assert_eq!(plan.target.cuda.unwrap().to_string(), "13.0");
    assert_eq!(plan.target.glibc.unwrap().to_string(), "2.28");
    let env: Vec<_> = plan.activation.env.values().map(String::as_str).collect();
    assert_eq!(env, ["1", "2", "2"]);
    assert!(plan.activation.xla);
    assert_eq!(plan.probe.len(), 2);
}

#[test]
fn a_line_with_a_condition_replaces_another_only_where_it_counts() {
    let child = "schema: 1\nname: child\nextends: base\ndependencies:\n  - if: win\n    then: [cupy 13.*]\n    \
                 else:\n      - if: linux-64\n        then: numpy 3.*\n";
    let recipe = recipe(&[("child", child), ("base", BASE)], &Selection::default());
    assert_eq!(
        packages(&recipe, Subdir::Win64),
        [
            "python 3.12.*",
            "cudnn 8.*",
            "numpy 1.*",
            "cupy 13.*",
            "Some_Package <2"
        ]
    );
    assert_eq!(
        packages(&recipe, Subdir::Linux64),
        ["python 3.12.*", "cupy", "numpy 3.*", "Some_Package <2"]
    );
}

#[test]
fn variables_with_a_condition_replace_others_only_where_they_count() {
    let child = "schema: 1\nname: child\nextends: base\nactivation:\n  env:\n    - if: win\n      then: { A: \"win\" }\n";
    let recipe = recipe(&[("child", child), ("base", BASE)], &Selection::default());
    let value = |platform| plan(&recipe, platform).unwrap().activation.env["A"].clone();
    assert_eq!(
        (value(Subdir::Win64), value(Subdir::Linux64)),
        ("win".into(), "1".into())
    );
}

#[test]
fn what_two_recipes_extend_counts_once_and_the_later_one_wins() {
    let files = [
        ("top", "schema: 1\nname: top\nextends: [left, right]\n"),
        (
            "left",
            "schema: 1\nname: left\nextends: base\ngpu: optional\ndependencies: [left, cupy 1.*]\n",
        ),
        (
            "right",
            "schema: 1\nname: right\nextends: base\ngpu: required\ndependencies: [cupy 2.*]\n",
        ),
        ("base", BASE),
    ];
    let recipe = recipe(&files, &Selection::default());
    assert_eq!(recipe.gpu(), crate::plan::Gpu::Required);
    assert_eq!(
        packages(&recipe, Subdir::Linux64),
        [
            "python 3.12.*",
            "numpy 2.*",
            "left",
            "cupy 2.*",
            "Some_Package <2"
        ]
    );
}

#[test]
fn an_error_is_told_in_the_file_that_it_is_in() {
    let base = BASE.replace("cupy\n", "cupy >>\n");
    let child = "schema: 1\nname: child\nextends: base\ndependencies: [numpy 1 2 3 4]\n";
    let errors = refused(&[("child", child), ("base", &base)], &Selection::default());
    let places: Vec<_> = errors
        .iter()
        .map(|error| {
            let place = error.place.as_ref().unwrap();
            (place.file.as_str(), place.span.as_ref().unwrap().line)
        })
        .collect();
    assert_eq!(places, [("child", 4), ("base", 13)]);
    let newer = "schema: 9\nname: base\n";
    let child = "schema: 1\nname: child\nextends: base\n";
    let errors = refused(&[("child", child), ("base", newer)], &Selection::default());
    assert_eq!(errors[0].code, Code::RECIPE_SCHEMA_VERSION);
    assert_eq!(errors[0].place.as_ref().unwrap().file, "base");
}

#[test]
fn circles_and_missing_recipes_are_refused_where_they_are_named() {
    let a = "schema: 1\nname: a\nextends: b\n";
    let b = "schema: 1\nname: b\nextends: [c]\n";
    let c = "schema: 1\nname: c\nextends: [a]\n";
    let none = Selection::default();
    let errors = refused(&[("a", a), ("b", b), ("c", c)], &none);
    assert_eq!(errors[0].code, Code::RECIPE_EXTENDS_CIRCLE);
    assert_eq!(errors[0].causes, ["a extends b extends c extends a"]);
    assert_eq!(errors[0].place.as_ref().unwrap().file, "c");
    let itself = refused(&[("a", "schema: 1\nname: a\nextends: a\n")], &none);
    assert_eq!(itself[0].code, Code::RECIPE_EXTENDS_CIRCLE);
    let missing = refused(&[("a", a)], &none);
    assert_eq!(missing[0].code, Code::RECIPE_NO_PARENT);
    assert_eq!(
        super::super::parse("a", a).unwrap_err()[0].code,
        Code::RECIPE_NO_PARENT
    );
    let map = refused(&[("a", "schema: 1\nname: a\nextends: { b: c }\n")], &none);
    assert_eq!(map[0].code, Code::RECIPE_WRONG_TYPE);
    let names: Vec<String> = (0..40).map(|index| format!("f{index}")).collect();
    let texts: Vec<String> = (0..40)
        .map(|index| format!("schema: 1\nname: f{index}\nextends: f{}\n", index + 1))
        .collect();
    let files: Vec<(&str, &str)> = names
        .iter()
        .zip(&texts)
        .map(|(n, t)| (n.as_str(), t.as_str()))
        .collect();
    assert_eq!(refused(&files, &none)[0].code, Code::RECIPE_EXTENDS_CIRCLE);
}

const OPEN: &str = "
schema: 1
name: open
channels: [conda-forge]
platforms: [linux-64, win-64]
parameters:
  cuda: { about: of the driver, default: \"12.4\", version: \">=11.2,<14\" }
  flavour: { default: plain, values: [plain, nuts] }
  word: x
target: { cuda: \"${{ cuda }}\" }
dependencies: [\"cuda-version <=${{cuda}}\", \"a-${{ flavour }}\"]
activation: { env: { WORD: \"$${{ word }} is ${{ word }}\" } }
features:
  jupyter: { about: notebooks, dependencies: [jupyterlab, ipykernel], probe: [library] }
  other:
    channels: [more, conda-forge]
    target: { glibc: \"2.34\" }
    dependencies: [more::thing, \"a-${{ flavour }} 2.*\"]
    activation: { env: { WORD: other } }
";

#[test]
fn parameters_have_defaults_and_can_be_set() {
    let files = [("open", OPEN)];
    let linux = Subdir::Linux64;
    let plain = recipe(&files, &Selection::default());
    assert_eq!(packages(&plain, linux), ["cuda-version <=12.4", "a-plain"]);
    assert_eq!(
        plan(&plain, linux).unwrap().activation.env["WORD"],
        "${{ word }} is x"
    );
    let set = recipe(
        &files,
        &chosen(&[], &[("cuda", "11.8"), ("flavour", "nuts"), ("word", "x")]),
    );
    assert_eq!(packages(&set, linux), ["cuda-version <=11.8", "a-nuts"]);
    assert_eq!(
        plan(&set, linux).unwrap().target.cuda.unwrap().to_string(),
        "11.8"
    );
    // What is the default is not worth remembering.
    assert_eq!(
        set.selection,
        chosen(&[], &[("cuda", "11.8"), ("flavour", "nuts")])
    );
}

#[test]
fn a_value_is_data_and_nothing_else() {
    for (name, value, code) in [
        ("cuda", "10.0", Code::RECIPE_PARAMETER_VALUE),
        ("cuda", "12.4 | >1", Code::RECIPE_PARAMETER_VALUE),
        ("cuda", "", Code::RECIPE_PARAMETER_VALUE),
        ("flavour", "vanilla", Code::RECIPE_PARAMETER_VALUE),
        ("word", "x\n- y", Code::RECIPE_PARAMETER_VALUE),
        ("word", "a b", Code::RECIPE_PARAMETER_VALUE),
        ("word", "${{", Code::RECIPE_PARAMETER_VALUE),
        ("cud", "12.4", Code::RECIPE_UNKNOWN_PARAMETER),
    ] {
        let errors = refused(&[("open", OPEN)], &chosen(&[], &[(name, value)]));
        assert_eq!(errors[0].code, code, "{name}={value:?}");
        assert!(!errors[0].help.is_empty());
    }
}

#[test]
fn features_add_what_they_say() {
    let both = recipe(
        &[("open", OPEN)],
        &chosen(&["jupyter", "other"], &[("flavour", "nuts")]),
    );
    let plan = plan(&both, Subdir::Linux64).unwrap();
    assert_eq!(plan.channels, ["conda-forge", "more"]);
    assert_eq!(
        packages(&both, Subdir::Linux64),
        [
            "cuda-version <=12.4",
            "jupyterlab",
            "ipykernel",
            "more::thing",
            "a-nuts 2.*"
        ]
    );
    assert_eq!(plan.activation.env["WORD"], "other");
    assert_eq!(plan.target.glibc.unwrap().to_string(), "2.34");
    assert_eq!(plan.probe.len(), 2);
    let unknown = refused(&[("open", OPEN)], &chosen(&["jupiter"], &[]));
    assert_eq!(unknown[0].code, Code::RECIPE_UNKNOWN_FEATURE);
    assert_eq!(unknown[0].help, ["did you mean `jupyter`?"]);
}

#[test]
fn a_child_changes_a_default_and_adds_a_feature() {
    let child = "schema: 1\nname: child\nextends: open\nparameters: { cuda: \"11.8\" }\n\
                 features: { plots: { dependencies: [matplotlib] } }\n";
    let files = [("child", child), ("open", OPEN)];
    let recipe = recipe(&files, &chosen(&["plots", "jupyter"], &[]));
    let lines = packages(&recipe, Subdir::Linux64);
    assert_eq!(
        lines,
        [
            "cuda-version <=11.8",
            "a-plain",
            "jupyterlab",
            "ipykernel",
            "matplotlib"
        ]
    );
    let layers = layers(&files).unwrap();
    let choices = layers.choices();
    let names: Vec<_> = choices.features.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names, ["jupyter", "other", "plots"]);
    let cuda = choices
        .parameters
        .iter()
        .find(|p| p.name == "cuda")
        .unwrap();
    assert_eq!(
        (cuda.default.as_str(), cuda.allowed.as_str()),
        ("11.8", "a version `>=11.2,<14`")
    );
}

#[test]
fn what_a_recipe_no_longer_offers_is_forgotten() {
    let layers = layers(&[("open", OPEN)]).unwrap();
    let earlier = chosen(
        &["jupyter", "gone"],
        &[("cuda", "11.8"), ("flavour", "gone"), ("gone", "1")],
    );
    assert_eq!(
        layers.still_offered(&earlier),
        chosen(&["jupyter"], &[("cuda", "11.8")])
    );
}

#[test]
fn what_is_wrong_with_a_feature_is_told_though_it_is_not_chosen() {
    let with = |more: &str| format!("{LEAST}gpu: none\n{more}");
    for (more, code, line) in [
        (
            "features:\n  x: { dependencies: [a b c d e] }\n",
            Code::RECIPE_BAD_SPEC,
            7,
        ),
        ("features:\n  x: { frob: 1 }\n", Code::RECIPE_UNKNOWN_KEY, 7),
        (
            "features:\n  x: { dependencies: [z::a] }\n",
            Code::RECIPE_BAD_SPEC,
            7,
        ),
        ("features:\n  X: {}\n", Code::RECIPE_BAD_PARAMETER, 7),
        (
            "features:\n  x: {}\n  x: {}\n",
            Code::RECIPE_DUPLICATE_KEY,
            8,
        ),
        ("features: [x]\n", Code::RECIPE_WRONG_TYPE, 6),
        ("parameters: [x]\n", Code::RECIPE_WRONG_TYPE, 6),
        (
            "parameters:\n  x: { values: [a] }\n",
            Code::RECIPE_MISSING_KEY,
            7,
        ),
        (
            "parameters:\n  x: { default: b, values: [a] }\n",
            Code::RECIPE_PARAMETER_VALUE,
            7,
        ),
        (
            "parameters:\n  x: { default: b, version: \"nonsense\" }\n",
            Code::RECIPE_BAD_PARAMETER,
            7,
        ),
        (
            "parameters:\n  x: { default: \"1\", values: [\"1\"], version: \">0\" }\n",
            Code::RECIPE_BAD_PARAMETER,
            7,
        ),
        ("parameters:\n  x-: a b\n", Code::RECIPE_PARAMETER_VALUE, 7),
        (
            "dependencies:\n  - \"${{ y }}\"\n",
            Code::RECIPE_UNKNOWN_PARAMETER,
            7,
        ),
        (
            "dependencies:\n  - \"a ${{ y\"\n",
            Code::RECIPE_BAD_PARAMETER,
            7,
        ),
        (
            "dependencies:\n  - \"a ${{ 1 + 1 }}\"\n",
            Code::RECIPE_BAD_PARAMETER,
            7,
        ),
    ] {
        let errors = super::bad(with(more));
        assert_eq!(errors[0].code, code, "{more}: {errors:#?}");
        assert_eq!(super::span(&errors[0]).line, line, "{more}");
    }
    let marked = super::marked(&super::bad(with("dependencies:\n  - \"a ${{ y }} b\"\n"))[0]);
    assert_eq!(marked, "${{ y }}");
}
