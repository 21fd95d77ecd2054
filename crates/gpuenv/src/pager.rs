//! Long tables, page by page where a terminal shows them.

use std::{
    io::{self, Result, Write as _},
    process::{Command, Stdio},
    sync::{Arc, atomic::AtomicBool},
};

use crate::{env::Env, options::Terminals, printer::Printer};

/// What `less` does unless the user has told it otherwise: it ends where all fits,
/// cuts long lines, and leaves the table on the screen.
const LESS: &str = "FRSX";

/// The program that shows a long table, if any.
#[derive(Debug, Clone, Default)]
pub struct Pager {
    words: Vec<String>,
    /// How many lines fit on the terminal.
    height: usize,
}

impl Pager {
    /// Returns the pager to use; none where nobody looks at a terminal.
    pub fn new(env: &Env, terminals: Terminals) -> Self {
        let height = terminal_size::terminal_size_of(io::stdout());
        let height = height.map_or(0, |(_, height)| usize::from(height.0));
        if !terminals.stdout || env.dumb || height == 0 {
            return Self::default();
        }
        let named = env.pager.as_deref().unwrap_or("less");
        let words = named.split_whitespace().map(ToString::to_string);
        Self {
            words: words.collect(),
            height,
        }
    }

    /// Shows lines, page by page if they are more than fit on the terminal.
    ///
    /// # Errors
    /// Returns why they cannot be shown. A reader that went away is no error.
    pub fn show(&self, lines: impl Iterator<Item = String>, printer: Printer) -> Result<()> {
        let Some((program, arguments)) = self.words.split_first().filter(|(p, _)| *p != "cat")
        else {
            return printer.pieces(lines);
        };
        let mut lines = lines.peekable();
        let page: Vec<String> = lines.by_ref().take(self.height.saturating_sub(1)).collect();
        let fits = lines.peek().is_none();
        let mut lines = page.into_iter().chain(lines);
        if fits {
            return printer.pieces(lines);
        }
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped());
        if crate::env::is_unset("LESS") {
            command.env("LESS", LESS);
        }
        let Ok(mut child) = command.spawn() else {
            // A machine without a pager can still scroll.
            return printer.pieces(lines);
        };
        // Ctrl-C is for the pager, which would lose its terminal if this program ended.
        let _ = signal_hook::flag::register(
            signal_hook::consts::SIGINT,
            Arc::new(AtomicBool::new(false)),
        );
        if let Some(mut input) = child.stdin.take() {
            // Who leaves early has seen enough.
            let _ = lines.try_for_each(|line| input.write_all(line.as_bytes()));
        }
        child.wait()?;
        Ok(())
    }
}
