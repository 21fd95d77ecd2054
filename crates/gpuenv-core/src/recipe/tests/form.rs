//! What a recipe may look like.

use rattler_conda_types::Subdir;

use super::*;
use crate::{
    plan::{Gpu, LibraryPath, ProbeStep},
    recipe::Entry,
};

/// The recipe that the form was fixed with.
const FULL: &str = r#"
schema: 1
name: tf-gpu
about: { summary: TensorFlow on an NVIDIA GPU, homepage: "https://www.tensorflow.org/install", notes: any }
channels: [conda-forge]
platforms: [linux-64, win-64]
gpu: required                    # required | optional | none
target:
  - if: win
    then: { cuda: "11.2" }
    else: { cuda: "12.4", compute-capability: "6.0", glibc: "2.28" }
dependencies:                    # conda match specs
  - python 3.10.*
  - if: win
    then: [cudatoolkit 11.2.*, cudnn 8.1.0.*]
    else: ["tensorflow * cuda*"]
pypi-dependencies:               # PEP 508
  - if: win
    then: ["tensorflow <2.11", "numpy <2"]
activation:
  env: { TF_FORCE_GPU_ALLOW_GROWTH: "true" }
  library-path: cuda             # cuda | prefix | none
probe: [driver, tensorflow]
"#;

fn dependencies(recipe: &Recipe, platform: Subdir) -> Vec<&str> {
    let on = recipe.dependencies.on(platform).into_iter();
    on.map(|dependency| dependency.text.as_str()).collect()
}

#[test]
fn the_full_form_is_read() {
    let recipe = good(FULL);
    assert_eq!(recipe.name, "tf-gpu");
    assert_eq!(recipe.gpu(), Gpu::Required);
    assert_eq!(recipe.about.notes.as_deref(), Some("any"));
    let win = dependencies(&recipe, Subdir::Win64);
    assert_eq!(
        win,
        ["python 3.10.*", "cudatoolkit 11.2.*", "cudnn 8.1.0.*"]
    );
    let linux = dependencies(&recipe, Subdir::Linux64);
    assert_eq!(linux, ["python 3.10.*", "tensorflow * cuda*"]);
    assert_eq!(recipe.pypi_dependencies.on(Subdir::Win64).len(), 2);
    assert!(recipe.pypi_dependencies.on(Subdir::Linux64).is_empty());
    let place = recipe.dependencies.all()[1].place.as_ref().unwrap();
    let span = place.span.as_ref().unwrap();
    assert_eq!((span.line, span.column, span.length), (15, 12, 18));
    let steps = recipe.probe.as_ref().unwrap().all();
    let steps: Vec<ProbeStep> = steps.into_iter().map(|step| step.value).collect();
    assert_eq!(steps, [ProbeStep::Driver, ProbeStep::Tensorflow]);
}

#[test]
fn what_activation_can_do_is_on_where_it_says_so() {
    let recipe = good(&format!(
        "{LEAST}activation: {{ xla: true, memory-growth: true, no-user-site: false }}\n"
    ));
    let activation = recipe.activation;
    assert!(activation.xla && activation.memory_growth);
    assert!(!activation.no_user_site && !activation.dll_directory);
}

#[test]
fn what_is_left_out_has_its_default() {
    let recipe = good(LEAST);
    assert_eq!(recipe.gpu(), Gpu::Required);
    assert_eq!(recipe.activation.library_path, LibraryPath::Cuda);
    assert!(recipe.probe.is_none());
    assert!(recipe.target.0.is_empty() && recipe.dependencies.0.is_empty());
}

#[test]
fn bom_line_ends_and_document_marks_change_nothing() {
    let windows = format!("\u{feff}{}", FULL.replace('\n', "\r\n"));
    for text in [
        windows,
        format!("---{FULL}...\n"),
        format!("%YAML 1.2\n---{FULL}"),
    ] {
        assert_eq!(good(&text).dependencies.all().len(), 4, "{text:?}");
    }
}

#[test]
fn unquoted_numbers_stay_what_is_written() {
    let text = format!("{LEAST}target: {{ cuda: 11.10, compute-capability: 8.0, glibc: 2.10 }}\n");
    let recipe = good(&text);
    let Entry::Item(machine) = &recipe.target.0[0] else {
        panic!("not a condition");
    };
    let cuda = machine.cuda.as_ref().unwrap();
    assert_eq!(cuda.value.to_string(), "11.10");
    assert_eq!(machine.glibc.as_ref().unwrap().value.to_string(), "2.10");
    let text =
        format!("{LEAST}activation: {{ env: {{ A: 010, B: true, C: 1e3, D: 'x', E: \"\" }} }}\n");
    let recipe = good(&text);
    let values: Vec<&str> = recipe.activation.env.all()[0]
        .iter()
        .map(|variable| variable.value.as_str())
        .collect();
    assert_eq!(values, ["010", "true", "1e3", "x", ""]);
}

#[test]
fn conditions_nest_and_take_one_or_many() {
    let text = format!(
        "{LEAST}dependencies:\n\
         - a\n\
         - if: unix\n\
         \x20 then:\n\
         \x20   - if: aarch64\n\
         \x20     then: b\n\
         \x20     else: [c, d]\n\
         \x20   - e\n\
         \x20 else: f\n\
         - g\n"
    );
    let recipe = good(&text);
    assert_eq!(
        dependencies(&recipe, Subdir::Linux64),
        ["a", "c", "d", "e", "g"]
    );
    assert_eq!(
        dependencies(&recipe, Subdir::LinuxAarch64),
        ["a", "b", "e", "g"]
    );
    assert_eq!(dependencies(&recipe, Subdir::Win64), ["a", "f", "g"]);
    assert_eq!(recipe.dependencies.all().len(), 7);
}

#[test]
fn every_list_but_platforms_takes_conditions() {
    let text = "schema: 1\nname: x\nplatforms: [linux-64, win-64]\n\
        channels: [a, { if: win, then: b, else: [c] }]\n\
        target: [{ cuda: 12.4 }, { if: linux, then: [{ glibc: 2.28 }] }]\n\
        dependencies: [{ if: win, then: x }, { if: not win, then: [y, 'b::z'] }]\n\
        pypi-dependencies: [{ if: win-64, then: w }]\n\
        probe: [driver, { if: linux, then: pytorch }]\n\
        activation: { env: [{ A: 1 }, { if: win, then: { B: 2 }, else: { C: 3 } }] }\n";
    let recipe = good(text);
    let channels = |platform| -> Vec<&str> {
        let on = recipe.channels.on(platform).into_iter();
        on.map(|channel| channel.text.as_str()).collect()
    };
    assert_eq!(channels(Subdir::Win64), ["a", "b"]);
    assert_eq!(channels(Subdir::Linux64), ["a", "c"]);
    assert_eq!(recipe.target.on(Subdir::Linux64).len(), 2);
    assert_eq!(recipe.target.on(Subdir::Win64).len(), 1);
    assert_eq!(dependencies(&recipe, Subdir::Linux64), ["y", "b::z"]);
    assert_eq!(recipe.pypi_dependencies.on(Subdir::Linux64).len(), 0);
    assert_eq!(recipe.probe.as_ref().unwrap().on(Subdir::Win64).len(), 1);
    assert_eq!(recipe.activation.env.on(Subdir::Win64).len(), 2);
}
