//! Tests of the plan.

use super::*;
use crate::{Code, Diagnostic, Recipe, recipe};

const HEAD: &str = "schema: 1\nname: x\nchannels: [c]\nplatforms: [linux-64, win-64]\n";

#[track_caller]
fn read(more: &str) -> Recipe {
    recipe::parse("x.yaml", format!("{HEAD}{more}\n")).unwrap()
}

#[track_caller]
fn planned(more: &str, platform: Subdir) -> Plan {
    plan(&read(more), platform).unwrap()
}

#[track_caller]
fn refused(more: &str, platform: Subdir) -> Diagnostic {
    let mut errors = plan(&read(more), platform).unwrap_err();
    assert_eq!(errors.len(), 1, "{errors:#?}");
    let error = errors.remove(0);
    assert!(!error.help.is_empty());
    error
}

#[track_caller]
fn at(error: &Diagnostic) -> (usize, usize) {
    let span = error.place.as_ref().unwrap().span.as_ref().unwrap();
    (span.line, span.column)
}

#[test]
fn target_maps_of_all_conditions_that_hold_are_merged() {
    let more = "target:\n- { cuda: 12.4 }\n- if: linux\n  then: [{ glibc: 2.34 }, { compute-capability: 8.6 }]\n- { cuda: 12.4 }";
    let linux = planned(more, Subdir::Linux64).target;
    assert_eq!(linux.cuda.unwrap().to_string(), "12.4");
    assert_eq!(linux.compute_capability.unwrap().to_string(), "8.6");
    assert_eq!(linux.glibc.unwrap().to_string(), "2.34");
    let windows = planned(more, Subdir::Win64).target;
    assert_eq!(windows.compute_capability, None);
}

#[test]
fn glibc_counts_on_linux_only() {
    let more = "target: { cuda: 12.4, glibc: 2.28 }";
    assert!(planned(more, Subdir::Linux64).target.glibc.is_some());
    assert!(planned(more, Subdir::Win64).target.glibc.is_none());
}

#[test]
fn two_values_for_one_key_are_told_with_both_places() {
    let more = "target:\n- { cuda: 12.4 }\n- if: unix\n  then: { cuda: 11.8 }";
    let error = refused(more, Subdir::Linux64);
    assert_eq!(error.code, Code::PLAN_CONFLICTING_TARGET);
    assert_eq!(
        error.message,
        "`cuda` is both `12.4` and `11.8` on `linux-64`"
    );
    assert_eq!(at(&error), (8, 17));
    assert_eq!(
        error.causes,
        ["line 6 says `12.4`, and its condition holds too"]
    );
    assert_eq!(
        planned(more, Subdir::Win64)
            .target
            .cuda
            .unwrap()
            .to_string(),
        "12.4"
    );
    let more = "gpu: none\nactivation: { env: [{ A: 1 }, { if: linux, then: { A: 2 } }] }";
    let error = refused(more, Subdir::Linux64);
    assert_eq!(error.message, "`A` is both `1` and `2` on `linux-64`");
    assert_eq!(planned(more, Subdir::Win64).activation.env["A"], "1");
}

#[test]
fn a_platform_that_is_not_listed_is_refused_with_those_that_are() {
    let error = refused("gpu: none", Subdir::LinuxAarch64);
    assert_eq!(error.code, Code::PLAN_PLATFORM);
    assert_eq!(error.message, "recipe `x` does not cover `linux-aarch64`");
    assert_eq!(error.causes, ["it covers `linux-64`, `win-64`"]);
    assert_eq!(at(&error), (4, 13));
}

#[test]
fn a_required_gpu_needs_a_cuda_version() {
    let error = refused("gpu: required", Subdir::Linux64);
    assert_eq!(error.code, Code::PLAN_INCOHERENT);
    assert_eq!(
        error.message,
        "a GPU is required on `linux-64`, and `target` names no `cuda` there"
    );
    assert_eq!(at(&error), (5, 6));
    // Not written: then the platform is what is wrong.
    let only_linux = "target: [{ if: linux, then: { cuda: 12.4 } }]";
    assert_eq!(at(&refused(only_linux, Subdir::Win64)), (4, 23));
    planned(only_linux, Subdir::Linux64);
    planned("gpu: optional", Subdir::Linux64);
}

#[test]
fn what_contradicts_the_gpu_is_refused() {
    let error = refused("gpu: none\ntarget: { cuda: 12.4 }", Subdir::Linux64);
    assert_eq!(
        error.message,
        "`gpu` is `none`, and `target` names `cuda` on `linux-64`"
    );
    let error = refused("gpu: none\nprobe: [driver]", Subdir::Linux64);
    assert_eq!(
        error.message,
        "`gpu` is `none`, and there is a `probe` on `linux-64`"
    );
    let error = refused(
        "gpu: optional\ntarget: { compute-capability: 8.6 }",
        Subdir::Linux64,
    );
    assert_eq!(
        error.message,
        "`target` names `compute-capability` on `linux-64`, and no `cuda`"
    );
    let both = "gpu: none\ntarget: { cuda: 12.4 }\nprobe: [driver]";
    assert_eq!(plan(&read(both), Subdir::Linux64).unwrap_err().len(), 2);
}

#[test]
fn the_probe_begins_with_the_driver_and_has_no_step_twice() {
    let steps = |more: &str| planned(&format!("gpu: optional\n{more}"), Subdir::Linux64).probe;
    assert_eq!(steps(""), [ProbeStep::Driver]);
    assert_eq!(steps("probe: []"), []);
    assert_eq!(
        steps("probe: [pytorch]"),
        [ProbeStep::Driver, ProbeStep::Pytorch]
    );
    assert_eq!(
        steps("probe: [jax, driver, { if: linux, then: jax }, library]"),
        [ProbeStep::Driver, ProbeStep::Jax, ProbeStep::Library]
    );
    assert_eq!(planned("gpu: none", Subdir::Linux64).probe, []);
}

#[test]
fn the_order_is_the_recipes_order() {
    let text = "schema: 1\nname: x\nplatforms: [linux-64]\ngpu: none\n\
        channels: [b, { if: linux, then: [a, b] }, c]\n\
        dependencies: [z, { if: linux, then: [y, x] }, a, z]\n\
        pypi-dependencies: [q, { if: win, then: n, else: p }]\n";
    let recipe = recipe::parse("x.yaml", text).unwrap();
    let planned = plan(&recipe, Subdir::Linux64).unwrap();
    assert_eq!(planned.channels, ["b", "a", "c"]);
    let texts: Vec<&str> = planned
        .dependencies
        .iter()
        .map(|d| d.text.as_str())
        .collect();
    assert_eq!(texts, ["z", "y", "x", "a", "z"]);
    let wheels: Vec<&str> = planned.wheels.iter().map(|w| w.text.as_str()).collect();
    assert_eq!(wheels, ["q", "p"]);
    assert_eq!(plan(&recipe, Subdir::Linux64).unwrap(), planned);
}
