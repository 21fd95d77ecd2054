//! Which version a library says that it is.
#![expect(unsafe_code, reason = "the libraries speak C")]

use std::ffi::c_int;

use gpuenv_core::probe::LibraryKind;

use super::handle::{Handle, Stopped};

type AskOne = unsafe extern "C" fn(*mut c_int) -> c_int;
type AskTwo = unsafe extern "C" fn(*mut c_int, *mut c_int) -> c_int;
type AskPart = unsafe extern "C" fn(c_int, *mut c_int) -> c_int;
type Tell = unsafe extern "C" fn() -> usize;

/// Returns the function that tells the version: every such library has it.
pub(super) fn symbol(kind: LibraryKind) -> &'static str {
    match kind {
        LibraryKind::Cudart => "cudaRuntimeGetVersion",
        LibraryKind::Cublas => "cublasGetProperty",
        LibraryKind::Cudnn => "cudnnGetVersion",
        LibraryKind::Nvrtc => "nvrtcVersion",
        LibraryKind::Nccl => "ncclGetVersion",
    }
}

/// Returns the version; what fails is in the journal.
pub(super) fn of(kind: LibraryKind, library: &Handle<'_>) -> Option<String> {
    let name = symbol(kind);
    let version = match kind {
        LibraryKind::Cudart => {
            one(library, name).map(|v| format!("{}.{}", v / 1000, v % 1000 / 10))
        }
        LibraryKind::Nccl => one(library, name).map(nccl),
        LibraryKind::Nvrtc => two(library, name).map(|(major, minor)| format!("{major}.{minor}")),
        LibraryKind::Cublas => parts(library, name),
        LibraryKind::Cudnn => tell(library, name).map(cudnn),
    };
    version.ok()
}

fn one(library: &Handle<'_>, name: &str) -> Result<c_int, Stopped> {
    // SAFETY: the types of the libraries' headers for these names.
    let ask = unsafe { library.function::<AskOne>(name)? };
    let mut version = 0;
    // SAFETY: the place is ours.
    library.call(name, || unsafe { ask(&mut version) })?;
    Ok(version)
}

fn two(library: &Handle<'_>, name: &str) -> Result<(c_int, c_int), Stopped> {
    // SAFETY: the type of `nvrtc.h` for this name.
    let ask = unsafe { library.function::<AskTwo>(name)? };
    let (mut major, mut minor) = (0, 0);
    // SAFETY: the places are ours.
    library.call(name, || unsafe { ask(&mut major, &mut minor) })?;
    Ok((major, minor))
}

fn parts(library: &Handle<'_>, name: &str) -> Result<String, Stopped> {
    // SAFETY: the type of `cublas_api.h` for this name.
    let ask = unsafe { library.function::<AskPart>(name)? };
    let mut numbers = [0; 3];
    for (part, number) in (0..).zip(&mut numbers) {
        // SAFETY: the place is ours.
        library.call(name, || unsafe { ask(part, number) })?;
    }
    Ok(numbers.map(|number| number.to_string()).join("."))
}

fn tell(library: &Handle<'_>, name: &str) -> Result<usize, Stopped> {
    // SAFETY: the type of `cudnn.h` for this name.
    let ask = unsafe { library.function::<Tell>(name)? };
    library.at(name);
    // SAFETY: takes nothing.
    Ok(unsafe { ask() })
}

/// Reads cuDNN's number: 8907 is 8.9.7, 90100 is 9.1.0.
fn cudnn(number: usize) -> String {
    let (major, minor) = match number {
        90000.. => (number / 10000, number % 10000 / 100),
        _ => (number / 1000, number % 1000 / 100),
    };
    format!("{major}.{minor}.{}", number % 100)
}

/// Reads NCCL's number: 2708 is 2.7.8, 22703 is 2.27.3.
fn nccl(number: c_int) -> String {
    let (major, minor) = match number {
        10000.. => (number / 10000, number % 10000 / 100),
        _ => (number / 1000, number % 1000 / 100),
    };
    format!("{major}.{minor}.{}", number % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_both_ages_are_read() {
        assert_eq!(
            (cudnn(8907), cudnn(90100)),
            ("8.9.7".into(), "9.1.0".into())
        );
        assert_eq!((nccl(2708), nccl(22703)), ("2.7.8".into(), "2.27.3".into()));
    }
}
