//! A stand-in for `libcuda.so.1` that does what a script says.
//!
//! Put the built library under the name `libcuda.so.1` into a directory, put
//! that directory onto `LD_LIBRARY_PATH`, and name a script in
//! `GPUENV_FAKECUDA`. Without a script it is a healthy driver with one GPU.
//!
//! It takes the real arguments of the real calls, and it runs twins of the
//! probe's kernels on memory of its own, so that a probe which passes here has
//! made every call in the right order with the right arguments. What a real
//! driver would answer to a misuse it answers too (no context: 201, freed
//! twice: 1, …), and it writes a line that begins with `misuse` into its log.
//!
//! Copies of it called `libcudart.so.12`, `libcublas.so.12`, `libcudnn.so.9`,
//! `libnvrtc.so.12` and `libnccl.so.2` stand in for those libraries, as far as the
//! probe calls them; they obey the same script.
//!
//! # The script
//!
//! Lines of the form `key = value`; `#` begins a comment. A line that cannot be
//! read ends the process, so that a typing error never looks like a driver.
//!
//! | key | value | default |
//! |---|---|---|
//! | `driver-version` | what `cuDriverGetVersion` says | `12040` |
//! | `mode` | `ok`, `wrong-result`, `no-device`, `old-driver` (222 with a log), `jit-failure` (218 with a log), `stub` (34 from every call) | `ok` |
//! | `device` | a name; begins a device, and the next five keys describe it | one `Fake GPU` |
//! | `compute-capability` | `8.6` | `8.6` |
//! | `memory` | bytes | 8 GiB |
//! | `uuid` | 32 hexadecimal digits | made from the ordinal |
//! | `compute-mode` | `default`, `prohibited`, `exclusive-process` | `default` |
//! | `state` | `free`, `busy` (another process holds it), `mig` (it is a MIG instance) | `free` |
//! | `wrong-element` | index that `wrong-result` spoils | the middle one |
//! | `wrong-device` | ordinal that `wrong-result` spoils | all |
//! | `newest-ptx` | `8.0`: a later `.version` answers 222 | any |
//! | `wrong-product` | `yes`: the product of matrices has one wrong number | |
//! | `stuck-bit` | index of a word whose lowest bit is always one | none |
//! | `wrong-library` | `cublas`, `cudnn`: which of the stand-ins computes wrong | none |
//! | `fail` | `CALL NUMBER [NTH]`: the NTH call (default: every one) answers NUMBER; may be repeated | |
//! | `hang`, `abort`, `segfault`, `exit` | `CALL [NTH]`: never returns, or ends the process (`exit`: status 3); the CALL `exit` is the end of the process | |
//! | `noise` | text without line end, written to stdout before every call | |
//! | `flood` | bytes written to stdout in `cuInit` | 0 |
//! | `log` | a file that gets one line per call: `CALL NUMBER DETAIL` | |
//!
//! `CUDA_VISIBLE_DEVICES` is obeyed as the real driver does. The errors 214, 700
//! and 719, scripted or earned, stick to their context.

use std::{env, io, path::PathBuf};

mod contexts;
mod driver_beside;
mod errors;
mod exports;
mod kernel;
mod libraries;
mod machine;
mod memory;
mod more_kernels;
mod networks;
mod script;
mod stage;
#[cfg(test)]
mod tests;
mod work;

/// Returns where cargo has put the library that this crate builds to.
///
/// For tests: it lies beside the test binary, which therefore needs this crate
/// among its dev-dependencies.
pub fn built_library() -> io::Result<PathBuf> {
    let binary = env::current_exe()?;
    let name = format!(
        "{}gpuenv_fakecuda{}",
        env::consts::DLL_PREFIX,
        env::consts::DLL_SUFFIX
    );
    // Unit and integration tests lie in `deps`, binaries and examples beside it.
    let found = binary
        .ancestors()
        .skip(1)
        .take(2)
        .flat_map(|directory| [directory.join(&name), directory.join("deps").join(&name)])
        .find(|file| file.is_file());
    found.ok_or_else(|| {
        let message = format!("no `{name}` beside `{}`", binary.display());
        io::Error::new(io::ErrorKind::NotFound, message)
    })
}
