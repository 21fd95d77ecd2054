//! The library level: loads what the environment holds, and has it compute.

use std::{
    env,
    io::{self, Write},
    path::Path,
};

use gpuenv_core::probe::{End, Library, LibraryKind, LibraryObservation};

use crate::{
    context::Context,
    device::timed,
    driver::Driver,
    journal::Journal,
    kernel::fresh_seed,
    libraries::{found::Held, handle::Handle},
    load, process, surroundings,
};

mod cublas;
mod cudnn;
mod found;
mod handle;
mod nvrtc;
mod places;
#[cfg(test)]
mod tests;
mod version;

/// Probes the CUDA libraries of an environment in this process, and writes what
/// it sees to `out`.
///
/// For the child that [`run_library`](crate::run_library) starts, and for nothing
/// else: a library may end this process.
pub fn library_worker(prefix: &Path, device: u32, out: impl Write + 'static) -> io::Result<()> {
    process::become_worker();
    let journal = Journal::new(out);
    let mut seen = LibraryObservation::new(End::Finished);
    probe(&journal, prefix, device, &mut seen);
    journal.finished(&seen);
    // A library may still crash or hang when its process ends.
    journal.at("exit");
    journal.close()
}

fn probe(journal: &Journal, prefix: &Path, device: u32, seen: &mut LibraryObservation) {
    seen.variables = surroundings::variables();
    let prefix = prefix
        .canonicalize()
        .unwrap_or_else(|_| prefix.to_path_buf());
    seen.prefix = Some(prefix.display().to_string());
    journal.at("look through the environment");
    let held = timed(&mut seen.timings, "search", || found::libraries(&prefix));
    seen.files = found::files(&prefix);
    journal.so_far(seen);
    if held.is_empty() {
        return;
    }
    journal.at("load");
    let driver = load::load().0;
    let driver = driver.and_then(|loaded| Driver::new(loaded.0, journal).ok());
    // A driver that fails has been reported by its own level.
    let usable = driver.filter(|driver| driver.init().is_ok());
    let context = usable
        .as_ref()
        .and_then(|driver| driver.device(device).ok()?.enter().ok());
    let _ = journal.take_failures();
    seen.device = context.as_ref().map(|_| device);
    for one in &held {
        let library = timed(&mut seen.timings, &one.name, || {
            ask(journal, one, context.as_ref())
        });
        seen.libraries.push(library);
        journal.so_far(seen);
    }
    drop(context);
    seen.failures = journal.take_failures();
}

/// Loads a library and asks it what it can be asked.
fn ask(journal: &Journal, held: &Held, context: Option<&Context<'_>>) -> Library {
    let mut seen = Library {
        kind: held.kind,
        name: held.name.clone(),
        held: held.file.display().to_string(),
        loaded: None,
        error: None,
        version: None,
        comparison: None,
        failures: Vec::new(),
        log: None,
    };
    journal.at(&format!("load {}", held.name));
    let asked = match on_the_loaders_path(&held.name) {
        true => held.name.clone(),
        // Frameworks find it by the path that is written into them.
        false => seen.held.clone(),
    };
    let library = match load::open_as_frameworks_do(&asked) {
        Ok(library) => library,
        Err(error) => {
            seen.error = Some(load::words(&error));
            return seen;
        }
    };
    let symbol = version::symbol(held.kind);
    let file = load::file_of(&library, symbol);
    let Some(file) = file else {
        seen.error = Some(format!("it lacks `{symbol}`"));
        return seen;
    };
    let file = file.canonicalize().unwrap_or(file);
    seen.loaded = Some(file.display().to_string());
    let handle = Handle::new(library, journal);
    seen.version = version::of(held.kind, &handle);
    // What fails is in the journal.
    let missing = match (held.kind, context) {
        (LibraryKind::Cublas, Some(context)) => cublas::multiply(&handle, context, &mut seen),
        (LibraryKind::Cudnn, Some(context)) => cudnn::convolve(&handle, context, &mut seen),
        (LibraryKind::Nvrtc, context) => nvrtc::compile(&handle, context, &mut seen),
        _ => Ok(()),
    };
    if let Err(handle::Stopped::Lacks(symbol)) = missing {
        seen.error = Some(format!("it lacks `{symbol}`"));
    }
    seen.failures = journal.take_failures();
    seen
}

/// Tells whether a variable decides what a name means.
fn on_the_loaders_path(name: &str) -> bool {
    let variable = if cfg!(windows) {
        "PATH"
    } else {
        "LD_LIBRARY_PATH"
    };
    let path = env::var_os(variable).unwrap_or_default();
    let mut directories = env::split_paths(&path).filter(|d| !d.as_os_str().is_empty());
    directories.any(|directory| directory.join(name).exists())
}

/// Returns a seed for a library's data.
fn seed() -> u64 {
    fresh_seed()
}
