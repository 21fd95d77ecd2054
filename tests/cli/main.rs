//! The program as its users see it, and the rules that hold the source together.

mod activation;
mod architecture;
mod command_line;
mod docs;
mod explain;
mod markdown;
mod output;
mod program;
mod progress;
mod real_solves;
mod source;
