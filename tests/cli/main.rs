//! The program as its users see it, and the rules that hold the source together.

mod activation;
mod architecture;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod building;
mod builds;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod check;
mod command_line;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod completions;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod composition;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod configuration;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod create;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod demonstrations;
mod devices;
mod directories;
mod docs;
mod doctor;
mod explain;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod export;
mod failure_modes;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod faults;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod history;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod hostile;
mod import;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod interrupted;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod lab;
mod library;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod link_libraries;
mod lint;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod lock;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod looking;
mod markdown;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod other_platform;
mod output;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod packages;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod probe;
mod probe_levels;
mod program;
mod progress;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod python;
mod real_solves;
mod real_wheels;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod recipe;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod remove;
mod round_trips;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod run;
mod search;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod shell_hook;
mod source;
mod tutorials;
mod unsolvable;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod update;
mod variants;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod verify;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod wheel_sources;
mod wheels;
