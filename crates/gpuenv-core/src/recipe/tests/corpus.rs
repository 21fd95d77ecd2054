//! Every seed of the fuzz targets goes through the function that its target calls.

use std::path::Path;

use crate::recipe::{Condition, dependency, parse, wheel};

/// Runs a function over the seeds of a target, and returns how many there were.
fn seeds(target: &str, run: impl Fn(&[u8])) -> usize {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus");
    let entries = fs_err::read_dir(corpus.join(target)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.map(|path| run(&fs_err::read(path).unwrap())).count()
}

#[test]
fn recipes_are_read_or_refused() {
    let count = seeds("recipe", |bytes| match parse("x.yaml", bytes) {
        Ok(recipe) => {
            for platform in &recipe.platforms {
                let _ = crate::plan::plan(&recipe, platform.value);
            }
        }
        Err(errors) => assert!(errors.iter().all(|error| error.code.stage() == 1)),
    });
    assert!(count >= 10, "{count}");
}

#[test]
fn conditions_are_read_or_refused() {
    let count = seeds("condition", |bytes| {
        let text = String::from_utf8_lossy(bytes);
        if let Ok(condition) = text.parse::<Condition>() {
            assert_eq!(condition.to_string().parse(), Ok(condition));
        }
    });
    assert!(count >= 5, "{count}");
}

#[test]
fn requirements_are_read_or_refused() {
    let count = seeds("requirement", |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let _ = dependency(&text);
        let _ = wheel(&text);
    });
    assert!(count >= 5, "{count}");
}
