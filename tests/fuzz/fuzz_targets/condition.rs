//! Any text is a condition that prints to itself, or refused inside itself.
#![no_main]

use gpuenv_core::recipe::Condition;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match text.parse::<Condition>() {
        Ok(condition) => assert_eq!(condition.to_string().parse(), Ok(condition)),
        Err(bad) => assert!(bad.at <= text.chars().count()),
    }
});
