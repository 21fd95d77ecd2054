//! The child's side: probes the driver and writes down what it sees.

use std::{
    env::consts::OS,
    io::{self, Write},
};

use gpuenv_core::{
    probe::{End, Observation},
    target::CudaVersion,
};

use crate::{
    device::{self, timed},
    driver::{CallFailed, Driver},
    journal::Journal,
    kernel::fresh_seed,
    load, process, surroundings,
};

/// No machine shows more devices than this; a driver that does is not believed.
const MOST_DEVICES: u32 = 1024;

/// What the driver level is to do.
#[derive(Debug, Clone, Copy, Default)]
pub struct Order {
    /// The seed of an earlier run, to compute the same data again.
    pub seed: Option<u64>,
    /// The one device to probe; `None` for all.
    pub device: Option<u32>,
    /// Whether transfers and kernel are to be timed at several sizes.
    pub bench: bool,
}

/// Probes the driver in this process and writes what it sees to `out`.
///
/// For the child that [`run_in_child`](crate::run_in_child) starts, and for
/// nothing else: the driver may end this process, and from here on the process
/// ends with the thread that started it.
pub fn worker(order: Order, out: impl Write + 'static) -> io::Result<()> {
    process::become_worker();
    let journal = Journal::new(out);
    let observation = probe(&journal, order);
    journal.finished(&observation);
    // A driver may still crash or hang when its process ends.
    journal.at("exit");
    journal.close()
}

fn probe(journal: &Journal, order: Order) -> Observation {
    let seed = order.seed.unwrap_or_else(fresh_seed);
    let mut seen = Observation::new(OS, End::Finished);
    seen.wanted = order.device;
    seen.variables = surroundings::variables();
    seen.kernel_module = surroundings::kernel_module();
    seen.seed = Some(format!("{seed:#018x}"));
    // The parent replaces the end by what became of us.
    journal.so_far(&seen);
    journal.at("load");
    let (loaded, attempts) = timed(&mut seen.timings, "load", load::load);
    seen.load_attempts = attempts;
    let Some(loaded) = loaded else {
        return seen;
    };
    seen.driver = Some(load::driver_file(&loaded));
    journal.so_far(&seen);
    let driver = match Driver::new(loaded.0, journal) {
        Ok(driver) => driver,
        Err(missing) => {
            seen.missing_functions = missing;
            return seen;
        }
    };
    // What fails is in the journal; with it, this is the end.
    let _ = ask(&driver, journal, (seed, order.bench), &mut seen);
    seen.failures = journal.take_failures();
    seen
}

fn ask(
    driver: &Driver<'_>,
    journal: &Journal,
    how: (u64, bool),
    seen: &mut Observation,
) -> Result<(), CallFailed> {
    // Without `cuInit`, so that it is known even where that fails.
    seen.cuda = driver.version().ok().map(CudaVersion::from_driver);
    timed(&mut seen.timings, "init", || driver.init())?;
    let count = driver.device_count()?;
    seen.device_count = Some(count);
    journal.so_far(seen);
    let shown = 0..count.min(MOST_DEVICES);
    for ordinal in shown.filter(|ordinal| seen.wanted.is_none_or(|wanted| wanted == *ordinal)) {
        journal.turn_to(Some(ordinal));
        let mut device = device::describe(driver, ordinal);
        // A device that did not say what it is would say it again no better.
        device.failures = journal.take_failures();
        seen.devices.push(device.clone());
        journal.so_far(seen);
        if device.failures.is_empty() {
            let _ = device::compute(driver, journal, how, &mut device);
            device.failures = journal.take_failures();
        }
        seen.devices.pop();
        seen.devices.push(device);
        journal.turn_to(None);
        journal.so_far(seen);
    }
    Ok(())
}
