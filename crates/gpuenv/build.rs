//! Rebuilds the program when a page that it carries is added or removed.

fn main() {
    println!("cargo::rerun-if-changed=../../docs/errors");
}
