//! Any bytes are a recipe with a plan, or refused with a reason.
#![no_main]

use gpuenv_core::{plan::plan, recipe::parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match parse("x.yaml", bytes) {
        Ok(recipe) => {
            for platform in &recipe.platforms {
                let _ = plan(&recipe, platform.value);
            }
        }
        Err(errors) => assert!(errors.iter().all(|error| error.code.stage() == 1)),
    }
});
