//! Scalars that are one of a few words.

use super::{
    Located,
    error::{Problem, quoted},
    node::Node,
    sink::Sink,
    table::text,
};
use crate::plan::{Gpu, LibraryPath, ProbeStep};

pub(super) const GPU: &[(&str, Gpu)] = &[
    ("required", Gpu::Required),
    ("optional", Gpu::Optional),
    ("none", Gpu::None),
];

pub(super) const LIBRARY_PATH: &[(&str, LibraryPath)] = &[
    ("cuda", LibraryPath::Cuda),
    ("prefix", LibraryPath::Prefix),
    ("none", LibraryPath::None),
];

pub(super) const ON_OR_OFF: &[(&str, bool)] = &[("true", true), ("false", false)];

pub(super) const PROBE: &[(&str, ProbeStep)] = &[
    ("driver", ProbeStep::Driver),
    ("library", ProbeStep::Library),
    ("tensorflow", ProbeStep::Tensorflow),
    ("pytorch", ProbeStep::Pytorch),
    ("cupy", ProbeStep::Cupy),
    ("numba", ProbeStep::Numba),
    ("cuda-python", ProbeStep::CudaPython),
    ("jax", ProbeStep::Jax),
];

/// Reads one of the words.
pub(super) fn choice<T: Copy>(
    node: &Node,
    key: &'static str,
    words: &[(&'static str, T)],
    sink: &mut Sink<'_>,
) -> Option<Located<T>> {
    let known: Vec<&'static str> = words.iter().map(|(word, _)| *word).collect();
    let help = format!("write one of {}", quoted(&known));
    let value = text(node, (key, "one word"), &help, sink)?;
    match words.iter().find(|(word, _)| *word == value) {
        Some((_, meaning)) => Some(sink.located(*meaning, node.mark)),
        None => {
            let value = value.to_string();
            sink.report(node.mark, Problem::UnknownChoice { value, key, known });
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use schemars::{JsonSchema, schema_for};
    use serde::{Serialize, de::DeserializeOwned};

    use super::*;

    #[track_caller]
    fn agree<T>(words: &[(&str, T)])
    where
        T: Serialize + DeserializeOwned + JsonSchema + PartialEq + Debug,
    {
        for (word, meaning) in words {
            assert_eq!(serde_json::to_value(meaning).unwrap(), *word);
        }
        let schema = schema_for!(T);
        let listed = schema.get("oneOf").and_then(|all| all.as_array());
        assert_eq!(listed.map(Vec::len), Some(words.len()), "{schema:?}");
    }

    #[test]
    fn the_words_are_those_of_the_types() {
        agree(GPU);
        agree(LIBRARY_PATH);
        agree(PROBE);
    }
}
