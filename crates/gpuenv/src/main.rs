//! The `gpuenv` program.
fn main() {}
