//! Any bytes of any format are a recipe that can be read, or refused with a reason.
#![no_main]

use gpuenv_core::{
    facts::Facts,
    import::{Defaults, Format, Text, Texts, read, recipe},
    lint,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = Text::decode("x", bytes) else {
        return;
    };
    let texts = Texts::new(text);
    for (format, _) in Format::ALL {
        if let Ok(found) = read(&texts, format, &Defaults::default()) {
            let drafted = recipe(&found, None, &["linux-64".parse().unwrap()]);
            gpuenv_core::recipe::parse("r", drafted.text.as_bytes()).unwrap();
        }
        let (findings, _) = lint::file(&texts, Some(format), Facts::shipped());
        let fixes: Vec<_> = findings.into_iter().map(|finding| finding.fix).collect();
        let _ = lint::apply(&texts.main().text, &fixes);
    }
});
