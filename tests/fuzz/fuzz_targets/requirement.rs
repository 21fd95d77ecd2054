//! Any text is a dependency, or refused.
#![no_main]

use gpuenv_core::recipe::{dependency, wheel};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = dependency(text);
    let _ = wheel(text);
});
