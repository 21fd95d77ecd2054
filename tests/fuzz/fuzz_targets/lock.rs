//! Any text is a lock that prints to itself, or refused.
#![no_main]

use gpuenv_core::lock::{parse, render};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(lock) = parse("x.lock", text) {
        let printed = render(&lock).expect("what was read can be written");
        let again = parse("x.lock", &printed).expect("what was written can be read");
        assert_eq!(render(&again).ok(), Some(printed));
    }
});
