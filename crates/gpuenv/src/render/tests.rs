//! Tests of how diagnostics look.

use std::sync::LazyLock;

use gpuenv_core::{Code, Diagnostic, Place, Span};
use proptest::prelude::*;

use super::*;

fn plain(given: &[Diagnostic], width: usize) -> String {
    let references: Vec<&Diagnostic> = given.iter().collect();
    anstream::adapter::strip_str(&diagnostics(&references, width)).to_string()
}
