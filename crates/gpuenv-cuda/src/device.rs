//! What is done with one device: ask, enter, compile, compute, compare, leave.

use std::{
    ffi::CStr,
    time::{Duration, Instant},
};

use gpuenv_core::{
    probe::{Bench, ComputeMode, DeviceObservation, Timing},
    target::ComputeCapability,
};

use crate::{
    context::{Argument, Context, Module},
    driver::{Attribute, CallFailed, Device, Driver},
    journal::Journal,
    kernel::{BLOCK, BLOCKS, ENTRY, MORE_PTX, PTX, Workload},
    product, walk,
};

/// Asks a device what it is; what fails is in the journal.
pub(crate) fn describe(driver: &Driver<'_>, ordinal: u32) -> DeviceObservation {
    let mut seen = DeviceObservation::new(ordinal);
    if let Ok(device) = driver.device(ordinal) {
        describe_device(device, &mut seen);
    }
    seen
}

/// Has a device compute; what fails is in the journal.
pub(crate) fn compute(
    driver: &Driver<'_>,
    journal: &Journal,
    (seed, bench): (u64, bool),
    seen: &mut DeviceObservation,
) -> Result<(), CallFailed> {
    let device = driver.device(seen.ordinal)?;
    let workload = Workload::grow(seed, seen.ordinal);
    let context = timed(&mut seen.timings, "context", || device.enter())?;
    let (result, log) = saxpy(&context, PTX, &workload, &mut seen.timings);
    seen.compiler_log = log;
    // What has failed once would only fail again.
    let more = match result {
        Ok(_) => compute_more(&context, seed, seen),
        Err(failed) => Err(failed),
    };
    if bench && more.is_ok() {
        seen.bench = BENCH_SIZES
            .iter()
            .filter_map(|size| time(&context, *size))
            .collect();
    }
    timed(&mut seen.timings, "release", || drop(context));
    let result = result?;
    journal.at("compare");
    let comparison = timed(&mut seen.timings, "compare", || workload.compare(&result));
    seen.comparison = Some(comparison);
    more
}

/// Has a device do what needs shared memory, and walks over its memory.
fn compute_more(
    context: &Context<'_>,
    seed: u64,
    seen: &mut DeviceObservation,
) -> Result<(), CallFailed> {
    let timings = &mut seen.timings;
    let (module, log) = timed(timings, "compile more", || context.compile(MORE_PTX));
    seen.compiler_log = log.or(seen.compiler_log.take());
    let module = module?;
    let product = timed(timings, "product", || {
        product::multiply(context, &module, seed)
    });
    seen.product = Some(product?);
    let walk = timed(timings, "memory walk", || {
        walk::walk(context, &module, seed)
    });
    seen.walk = walk?;
    Ok(())
}

/// So many elements are timed: a few, where the way there is all, and many.
const BENCH_SIZES: [u32; 2] = [1_000, 10_000_000];

/// Times transfers and kernel; what fails is in the journal.
fn time(context: &Context<'_>, elements: u32) -> Option<Bench> {
    let workload = Workload::of_length(1, 0, elements);
    let mut timings = Vec::new();
    saxpy(context, PTX, &workload, &mut timings).0.ok()?;
    let of = |step: &str| {
        let found = timings.iter().find(|timing| timing.step == step);
        found.map(|timing| timing.milliseconds)
    };
    Some(Bench {
        elements: u64::from(elements),
        upload_ms: of("upload")?,
        run_ms: of("run")?,
        download_ms: of("download")?,
    })
}

fn describe_device(device: Device<'_>, seen: &mut DeviceObservation) {
    seen.name = device.name().ok();
    seen.total_memory = device.memory().ok();
    let number = |attribute| device.attribute(attribute).ok();
    let capability = number(Attribute::CapabilityMajor).zip(number(Attribute::CapabilityMinor));
    seen.compute_capability = capability.and_then(|(major, minor)| {
        Some(ComputeCapability {
            major: major.try_into().ok()?,
            minor: minor.try_into().ok()?,
        })
    });
    seen.compute_mode = match number(Attribute::ComputeMode) {
        Some(0) => Some(ComputeMode::Default),
        Some(1) => Some(ComputeMode::Exclusive),
        Some(2) => Some(ComputeMode::Prohibited),
        Some(3) => Some(ComputeMode::ExclusiveProcess),
        _ => None,
    };
    let (of_gpu, of_instance) = device.uuids();
    // The driver's interface has no flag for it, but an instance has a UUID of
    // its own and says so in its name.
    let named = seen
        .name
        .as_ref()
        .is_some_and(|name| name.contains(" MIG "));
    seen.mig = named
        || of_gpu
            .zip(of_instance)
            .is_some_and(|(gpu, instance)| gpu != instance);
    let prefix = if seen.mig { "MIG" } else { "GPU" };
    seen.uuid = of_instance.or(of_gpu).map(|uuid| uuid_text(prefix, uuid));
}

/// Has a text that offers the kernel compiled and run; the compiler's log comes
/// in any case.
pub(crate) fn saxpy(
    context: &Context<'_>,
    ptx: &CStr,
    workload: &Workload,
    timings: &mut Vec<Timing>,
) -> (Result<Vec<f32>, CallFailed>, Option<String>) {
    let (module, log) = timed(timings, "compile", || context.compile(ptx));
    (
        module.and_then(|module| run(context, &module, workload, timings)),
        log,
    )
}

fn run(
    context: &Context<'_>,
    module: &Module<'_>,
    workload: &Workload,
    timings: &mut Vec<Timing>,
) -> Result<Vec<f32>, CallFailed> {
    let (y, x) = timed(timings, "allocate", || {
        Ok((
            context.allocate(workload.y.len())?,
            context.allocate(workload.x.len())?,
        ))
    })?;
    timed(timings, "upload", || {
        y.upload(&workload.y)?;
        x.upload(&workload.x)
    })?;
    let arguments = [
        Argument::Address(&y),
        Argument::Address(&x),
        Argument::Float(workload.factor),
        Argument::Word(workload.y.len() as u32),
        Argument::Word(workload.rounds),
        Argument::Word(workload.step),
    ];
    timed(timings, "run", || {
        module.launch(ENTRY, (BLOCKS, 1, BLOCK), &arguments)?;
        context.synchronize()
    })?;
    let mut result = vec![f32::NAN; workload.y.len()];
    timed(timings, "download", || y.download(&mut result))?;
    Ok(result)
}

/// Does something and writes down how long it took.
pub(crate) fn timed<T>(timings: &mut Vec<Timing>, step: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    timings.push(Timing {
        step: step.to_string(),
        milliseconds: milliseconds(start.elapsed()),
    });
    result
}

/// Returns a time in milliseconds, to the microsecond.
pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_micros() as f64 / 1000.0
}

fn uuid_text(prefix: &str, uuid: [u8; 16]) -> String {
    let digits = format!("{:032x}", u128::from_be_bytes(uuid));
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| &digits[part]);
    format!("{prefix}-{}", parts.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_written_as_tools_write_it() {
        let uuid = 0x0011_2233_4455_6677_8899_aabb_ccdd_eeff_u128.to_be_bytes();
        let text = uuid_text("GPU", uuid);
        assert_eq!(text, "GPU-00112233-4455-6677-8899-aabbccddeeff");
    }
}
