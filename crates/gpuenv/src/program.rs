//! The way from the arguments to the exit code.

use std::{ffi::OsString, process::ExitCode};

use clap::{Parser, error::ErrorKind};
use gpuenv_core::{Code, Diagnostic};

use crate::{
    Failure, Outcome, Session,
    cli::{Cli, GlobalArgs},
    document,
    env::{self, Env},
    exit, log,
    options::{self, ColorWhen, Options, ProgressForm, Terminals},
    pager::Pager,
    panic,
    printer::Printer,
    progress, render,
};

/// Does what the command line asks for.
pub fn main() -> ExitCode {
    let env = Env::read();
    let terminals = Terminals::detect();
    let printer = options::printer(&GlobalArgs::default(), &env, terminals);
    panic::install(printer, env.backtrace);
    let exit = panic::guard(|| run(&env::arguments(), env, terminals));
    exit_code(exit.unwrap_or(exit::BUG))
}

/// Returns the exit code, or ends with it where it is larger than an [`ExitCode`] may
/// be: those of programs on Windows have 32 bits.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the end of main, which has nothing left to drop"
)]
fn exit_code(code: i32) -> ExitCode {
    match u8::try_from(code) {
        Ok(code) => ExitCode::from(code),
        Err(_) => std::process::exit(code),
    }
}

fn run(arguments: &[OsString], env: Env, terminals: Terminals) -> i32 {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return refuse(arguments, &error, &env, terminals),
    };
    let concluding = Concluding {
        pager: Pager::new(&env, terminals),
        printer: options::printer(&cli.global, &env, terminals),
        progress: options::progress_form(&cli.global, &env, terminals),
        command: cli.command.name(),
        json: cli.command.json(),
    };
    let options = Options::check(&cli.global, &env, terminals).and_then(|options| {
        log::start(&env, &options)?;
        Ok(options)
    });
    let options = match options {
        Ok(options) => options,
        Err(failure) => return concluding.conclude(Err(failure), Vec::new()),
    };
    let session = Session::new(env, options);
    let result = panic::guard(|| cli.command.run(&session));
    let told = session.finish();
    match result {
        Ok(result) => concluding.conclude(result, told),
        Err(report) => concluding.conclude_panic(report, told),
    }
}

/// Says what the command concluded.
struct Concluding {
    pager: Pager,
    printer: Printer,
    progress: ProgressForm,
    command: &'static str,
    json: bool,
}

impl Concluding {
    fn conclude(&self, result: Result<Outcome, Failure>, told: Vec<Diagnostic>) -> i32 {
        self.tell(&result);
        let exit = exit::code(&result);
        let written = match &result {
            Ok(outcome) if self.json && outcome.rows.is_some() => {
                let pieces = document::in_pieces(self.command, exit, outcome, &told);
                self.printer.pieces(pieces)
            }
            _ if self.json => {
                let document = document::of_result(self.command, exit, &result, &told);
                self.printer.raw(&document)
            }
            Ok(outcome) => match &outcome.lines {
                Some(lines) => self.pager.show(lines.iter(), self.printer),
                None => self.printer.data(&outcome.text),
            },
            Err(_) => Ok(()),
        };
        match written {
            Ok(()) => exit,
            Err(error) => {
                let failure = Diagnostic::error(Code::INSTALL_IO, "cannot write to stdout");
                self.printer.diagnostics(&[failure.caused_by(&error)]);
                exit::of_code(Code::INSTALL_IO)
            }
        }
    }

    /// Writes only the document: the report is on stderr already.
    fn conclude_panic(&self, report: Diagnostic, told: Vec<Diagnostic>) -> i32 {
        if self.json {
            let result = Err(report.into());
            // The exit code says more than a failed write could.
            let document = document::of_result(self.command, exit::BUG, &result, &told);
            let _ = self.printer.raw(&document);
        }
        exit::BUG
    }

    fn tell(&self, result: &Result<Outcome, Failure>) {
        let diagnostics = match result {
            Ok(outcome) => &outcome.diagnostics,
            Err(Failure::Diagnosed(diagnostics)) => diagnostics,
            Err(Failure::Usage { message, help }) => {
                return self.printer.tell(&render::usage(message, help));
            }
        };
        progress::conclude(self.printer, self.progress, diagnostics);
    }
}

/// Shows what clap has to say: help and version on stdout, else what is wrong.
fn refuse(arguments: &[OsString], error: &clap::Error, env: &Env, terminals: Terminals) -> i32 {
    let arguments: Vec<_> = arguments.iter().take_while(|a| *a != "--").collect();
    let global = GlobalArgs {
        color: color_in(&arguments),
        ..GlobalArgs::default()
    };
    let printer = options::printer(&global, env, terminals);
    let text = error.render().ansi().to_string();
    if !error.use_stderr() {
        return match printer.data(&text) {
            Ok(()) => exit::DONE,
            Err(_) => exit::of_code(Code::INSTALL_IO),
        };
    }
    printer.tell(&text);
    let wants_json = arguments.iter().any(|a| *a == "--json");
    if wants_json && error.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let document = document::of_usage(&error.render().to_string());
        // The exit code says the same.
        let _ = printer.raw(&document);
    }
    exit::USAGE
}

/// Returns when to use colours, from arguments that clap could not make sense of.
fn color_in(arguments: &[&OsString]) -> ColorWhen {
    let text = |argument: &&OsString| argument.to_string_lossy().into_owned();
    let words: Vec<String> = arguments.iter().map(text).collect();
    let joined = words.join("=");
    let value = joined.rsplit_once("--color=").map(|(_, rest)| rest);
    match value.and_then(|rest| rest.split('=').next()) {
        Some("always") => ColorWhen::Always,
        Some("never") => ColorWhen::Never,
        _ => ColorWhen::Auto,
    }
}
