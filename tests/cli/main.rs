//! The program as its users see it, and the rules that hold the source together.

mod activation;
mod architecture;
mod command_line;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod create;
mod docs;
mod explain;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod faults;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod hostile;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod interrupted;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod lab;
mod markdown;
mod output;
mod probe_levels;
mod program;
mod progress;
mod real_solves;
mod source;
