//! The framework level: a small program, run by the environment's own Python.

use std::{process::Command, time::Duration};

use gpuenv_core::{
    plan::ProbeStep,
    probe::{FrameworkFacts, FrameworkObservation},
};

use crate::{child::watch, process};

/// How long a framework may take where nobody says otherwise: the first import
/// from a network's disk takes minutes.
pub const FRAMEWORK_DEADLINE: Duration = Duration::from_secs(300);

/// What every program begins with.
const PRELUDE: &str = include_str!("../../../recipes/probes/prelude.py");

/// Returns the program of a framework; `None` for a step that is no framework.
pub fn program(framework: ProbeStep) -> Option<String> {
    let own = match framework {
        ProbeStep::Driver | ProbeStep::Library => return None,
        ProbeStep::Tensorflow => include_str!("../../../recipes/probes/tensorflow.py"),
        ProbeStep::Pytorch => include_str!("../../../recipes/probes/pytorch.py"),
        ProbeStep::Cupy => include_str!("../../../recipes/probes/cupy.py"),
        ProbeStep::Numba => include_str!("../../../recipes/probes/numba.py"),
        ProbeStep::CudaPython => include_str!("../../../recipes/probes/cuda_python.py"),
        ProbeStep::Jax => include_str!("../../../recipes/probes/jax.py"),
    };
    Some(format!("{PRELUDE}\n{own}\nmain(probe)\n"))
}

/// Runs the program of a framework, and returns what it saw.
///
/// The command is the environment's Python with the environment's variables;
/// arguments and streams are ours. Whatever the framework does, this returns
/// soon after the deadline at the latest, and leaves nothing behind.
pub fn run_framework(
    mut python: Command,
    (framework, named): (ProbeStep, bool),
    device: u32,
    deadline: Duration,
) -> FrameworkObservation {
    let text = program(framework).unwrap_or_default();
    // No file of byte code, no buffer that a crash would take along.
    python.args(["-B", "-u", "-c", &text, &device.to_string()]);
    process::tame(&mut python);
    let watched = watch::<FrameworkFacts>(python, deadline);
    let mut seen = FrameworkObservation::new(framework, named, watched.end);
    if let Some(told) = watched.seen {
        seen.told = told;
    }
    seen.told.timings.push(watched.timing);
    seen.noise = watched.noise;
    seen
}

#[cfg(test)]
mod tests;
