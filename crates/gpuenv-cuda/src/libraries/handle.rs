//! A loaded library: its functions by name, each call noted and checked.
#![expect(unsafe_code, reason = "a symbol's type is what we say it is")]

use std::{ffi::c_int, mem::ManuallyDrop};

use crate::{driver::CallFailed, journal::Journal, load::Library};

/// Why a library is asked no further.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stopped {
    /// It does not have that function.
    Lacks(String),
    /// A call failed; the journal knows which one and how.
    Failed,
}

impl From<CallFailed> for Stopped {
    fn from(_: CallFailed) -> Self {
        Self::Failed
    }
}

/// A loaded library.
pub(super) struct Handle<'j> {
    // CUDA's libraries are not made to be unloaded.
    library: ManuallyDrop<Library>,
    journal: &'j Journal,
}

impl<'j> Handle<'j> {
    pub(super) fn new(library: Library, journal: &'j Journal) -> Self {
        let library = ManuallyDrop::new(library);
        Self { library, journal }
    }

    /// Looks a function up.
    ///
    /// # Safety
    ///
    /// `F` must be a pointer to a function of the type that the library's header
    /// gives this name.
    pub(super) unsafe fn function<F: Copy>(&self, name: &str) -> Result<F, Stopped> {
        let symbol = format!("{name}\0");
        // SAFETY: the caller vouches for the type.
        let found = unsafe { self.library.get::<F>(symbol.as_bytes()) };
        found
            .map(|found| *found)
            .map_err(|_| Stopped::Lacks(name.to_string()))
    }

    /// Makes one call, noted before and checked after.
    pub(super) fn call(&self, name: &str, run: impl FnOnce() -> c_int) -> Result<(), Stopped> {
        self.journal.at(name);
        match run() {
            0 => Ok(()),
            number => {
                self.journal.failed(name, number, None, None);
                Err(Stopped::Failed)
            }
        }
    }

    /// Notes what is about to be done.
    pub(super) fn at(&self, step: &str) {
        self.journal.at(step);
    }
}
