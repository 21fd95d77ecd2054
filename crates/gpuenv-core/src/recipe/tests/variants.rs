//! Variants: each of them a whole recipe, and what is wrong with them told once.

use rattler_conda_types::Subdir;

use super::{LEAST, bad, good, marked};
use crate::{
    Code, Diagnostic, Plan, Recipe,
    plan::plans,
    recipe::{Layers, RecipeFile, Selection},
};

const TWO: &str = "target: { cuda: \"12.4\", glibc: \"2.28\" }
dependencies: [python 3.12.*, cuda-version 12.*]
pypi-dependencies: [numpy <3]
activation: { env: { A: base, B: base } }
variants:
- name: cuda13
  about: for new drivers
  target: { cuda: \"13.0\", compute-capability: \"7.5\" }
  dependencies: [cuda-version 13.*, nccl]
  activation: { env: { B: thirteen } }
- name: cuda12
  pypi-dependencies: [numpy <2]
  channels: [nvidia, c]
";

#[track_caller]
fn planned(recipe: &Recipe, platform: Subdir) -> Vec<Plan> {
    plans(recipe, platform).unwrap_or_else(|errors| panic!("{errors:#?}"))
}

fn lines(plan: &Plan) -> String {
    let lines = plan.dependencies.iter().map(|line| line.text.as_str());
    let wheels = plan.wheels.iter().map(|line| line.text.as_str());
    lines.chain(wheels).collect::<Vec<_>>().join(", ")
}

#[test]
fn a_variant_is_the_recipe_with_what_it_says_laid_over() {
    let recipe = good(&format!("{LEAST}{TWO}"));
    let plans = planned(&recipe, Subdir::Linux64);
    let names: Vec<String> = plans.iter().map(Plan::name).collect();
    assert_eq!(names, ["linux-64-cuda13", "linux-64-cuda12"]);
    let [thirteen, twelve] = plans.as_slice() else {
        panic!("there are two");
    };
    assert_eq!(
        lines(thirteen),
        "python 3.12.*, cuda-version 13.*, nccl, numpy <3"
    );
    assert_eq!(lines(twelve), "python 3.12.*, cuda-version 12.*, numpy <2");
    assert_eq!(thirteen.target.cuda.unwrap().to_string(), "13.0");
    assert_eq!(thirteen.target.glibc, twelve.target.glibc);
    assert_eq!(
        thirteen.target.compute_capability.unwrap().to_string(),
        "7.5"
    );
    assert_eq!(twelve.target.cuda.unwrap().to_string(), "12.4");
    assert_eq!(twelve.target.compute_capability, None);
    assert_eq!(thirteen.activation.env["A"], "base");
    assert_eq!(thirteen.activation.env["B"], "thirteen");
    assert_eq!(twelve.activation.env["B"], "base");
    assert_eq!(thirteen.channels, ["c"]);
    assert_eq!(twelve.channels, ["nvidia", "c"]);
}

#[test]
fn variants_depend_on_the_platform_like_everything_else() {
    let recipe = good(&format!(
        "{LEAST}target: {{ cuda: 12.4 }}\nvariants:\n- if: linux\n  then: [{{ name: a }}, {{ name: b }}]\n  else: [{{ name: b }}, {{ name: a }}]\n"
    ));
    let names = |platform| -> Vec<String> {
        let plans = planned(&recipe, platform);
        plans.iter().map(Plan::name).collect()
    };
    assert_eq!(names(Subdir::Linux64), ["linux-64-a", "linux-64-b"]);
    assert_eq!(names(Subdir::Win64), ["win-64-b", "win-64-a"]);
}

#[test]
fn features_parameters_and_parents_reach_every_variant() {
    let file = |label: &str, text: &str| RecipeFile {
        label: label.to_string(),
        identity: label.to_string(),
        bytes: text.as_bytes().to_vec(),
    };
    let base = format!("{LEAST}{TWO}features: {{ more: {{ dependencies: [extra] }} }}\n")
        .replace("python 3.12.*", "\"python ${{ python }}.*\"")
        + "parameters: { python: \"3.12\" }\n";
    let child = "schema: 1\nname: child\nextends: base\ngpu: required\n";
    let layers = Layers::read(file("child", child), &mut |_| Ok(file("base", &base))).unwrap();
    let chosen = Selection {
        features: ["more".to_string()].into(),
        parameters: [("python".to_string(), "3.11".to_string())].into(),
    };
    let recipe = layers.recipe(&chosen).unwrap();
    let plans = planned(&recipe, Subdir::Win64);
    assert_eq!(
        lines(&plans[0]),
        "python 3.11.*, extra, cuda-version 13.*, nccl, numpy <3"
    );
    assert!(plans.iter().all(|plan| plan.selection == chosen));
    // What it comes to, written down, means the same.
    let text = layers.composed_text(&chosen).unwrap();
    let again = crate::recipe::parse("composed", &text).unwrap();
    let again = planned(&again, Subdir::Win64);
    let all = |plans: &[Plan]| plans.iter().map(lines).collect::<Vec<_>>();
    assert_eq!(all(&again), all(&plans), "{text}");
}

#[track_caller]
fn refused(variants: &str) -> Diagnostic {
    let text = format!("{LEAST}target: {{ cuda: 12.4 }}\nvariants: {variants}\n");
    let mut errors = bad(&text);
    assert_eq!(errors.len(), 1, "{errors:#?}");
    errors.remove(0)
}

#[test]
fn what_is_wrong_with_a_variant_is_told_once_and_in_its_place() {
    let told = |variants: &str| {
        let error = refused(variants);
        format!("{} {} [{}]", error.code, error.message, marked(&error))
    };
    insta::assert_snapshot!(told("{ name: a }"), @"GE103 `variants` must be a list, and this is a map [{]");
    insta::assert_snapshot!(told("[a]"), @"GE103 the variant must be a map, and this is a text [a]");
    insta::assert_snapshot!(told("[{ target: { cuda: 12.0 } }]"), @"GE104 the variant lacks the key `name` [{]");
    insta::assert_snapshot!(told("[{ name: CUDA 12 }]"), @"GE103 `CUDA 12` cannot be the name of a variant [CUDA 12]");
    insta::assert_snapshot!(told("[{ name: a, gpu: none }]"), @"GE102 the variant has no key `gpu` [gpu]");
    insta::assert_snapshot!(told("[{ name: a, dependencies: [\"python ===\"] }]"), @r#"GE105 `python ===` is not a match spec: unable to parse version spec: === ["python ==="]"#);
    insta::assert_snapshot!(told("[{ name: a, dependencies: cupy }]"), @"GE103 `dependencies` must be a list, and this is a text [cupy]");
    insta::assert_snapshot!(told("[{ name: a, target: { cuda: new } }]"), @"GE103 `new` is not a CUDA version of the form `major.minor` [new]");
    insta::assert_snapshot!(told("[{ name: a, dependencies: [other::cupy] }]"), @"GE105 `other` is not one of the recipe's channels [other::cupy]");
    insta::assert_snapshot!(refused("[{ name: CUDA 12 }]").help[0], @"write `cuda-12`: 1 to 32 of `a-z`, `0-9`, `_` and `-`, the first a letter or digit");
    let many: Vec<String> = (0..40).map(|n| format!("{{ name: v{n} }}")).collect();
    insta::assert_snapshot!(told(&format!("[{}]", many[..17].join(", "))), @"GE103 a recipe has at most 16 variants [{]");
    // What is wrong with the recipe is told once, and not for each variant.
    let text = format!(
        "{LEAST}dependencies: [\"python ===\"]\nvariants: [{{ name: a }}, {{ name: b }}]\n"
    );
    assert_eq!(bad(&text).len(), 1);
}

#[test]
fn two_of_one_name_or_none_for_a_platform_are_refused_by_the_plan() {
    let told = |variants: &str| {
        let text = format!("{LEAST}target: {{ cuda: 12.4 }}\nvariants: {variants}\n");
        let errors = plans(&good(&text), Subdir::Linux64).unwrap_err();
        assert_eq!(errors.len(), 1, "{errors:#?}");
        assert_eq!(errors[0].code, Code::PLAN_VARIANT);
        format!(
            "{} [{}] {}",
            errors[0].message,
            marked(&errors[0]),
            errors[0].help[0]
        )
    };
    insta::assert_snapshot!(told("[{ name: a }, { name: b }, { if: linux, then: [{ name: a }] }]"), @"`a` is the name of two variants on `linux-64` [a] give one of them another name, for example `a-2`");
    insta::assert_snapshot!(told("[{ if: win, then: [{ name: a }] }]"), @"the recipe has variants, and none of them is for `linux-64` [linux-64] add one under `variants`, outside of any `if`");
}

#[test]
fn an_index_for_a_wheel_of_one_variant_is_no_mistake() {
    let recipe = good(&format!(
        "{LEAST}target: {{ cuda: 12.4 }}\npypi-options: {{ package-indexes: {{ torch: \"https://example.org/simple\" }} }}\n\
         variants: [{{ name: a, pypi-dependencies: [torch] }}, {{ name: b }}]\n"
    ));
    assert_eq!(planned(&recipe, Subdir::Linux64).len(), 2);
}
