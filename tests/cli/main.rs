//! The program as its users see it, and the rules that hold the source together.

mod activation;
mod architecture;
mod command_line;
mod devices;
mod docs;
mod doctor;
mod explain;
mod failure_modes;
mod markdown;
mod output;
mod program;
mod progress;
mod real_solves;
mod source;
