//! Tests.
mod real_solves;
