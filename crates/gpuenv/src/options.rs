//! The global options, checked: what the command line and the environment say together.

use std::io::{IsTerminal, stderr, stdout};

use anstream::ColorChoice;
use clap::ValueEnum;
use gpuenv_core::{Code, Diagnostic, neighbours};

use crate::{
    Failure,
    cli::GlobalArgs,
    env::{self, Env},
    mirror::{self, Mirror},
    printer::Printer,
};

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// How to show progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ProgressWhen {
    /// Bars on a terminal, lines elsewhere
    #[default]
    Auto,
    /// Bars that move
    Bars,
    /// A line when a stage begins and ends
    Plain,
    /// A JSON document a line, for programs
    Json,
    /// Nothing
    None,
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgressForm {
    /// Bars that move.
    Bars,
    /// A line when a stage begins and ends.
    Plain,
    /// A JSON document a line.
    Json,
    /// Nothing.
    None,
}

/// The streams that are terminals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminals {
    /// stdout is one.
    pub stdout: bool,
    /// stderr is one.
    pub stderr: bool,
}

/// The global options, checked.
#[derive(Debug, Clone)]
pub struct Options {
    /// How and how much is printed.
    pub printer: Printer,
    /// How progress is shown.
    pub progress: ProgressForm,
    /// How many `-v` there are.
    pub verbosity: u8,
    /// `--offline` or `$GPUENV_OFFLINE`.
    pub offline: bool,
    /// `--mirror` first, then `$GPUENV_MIRROR`.
    pub mirrors: Vec<Mirror>,
}

impl Terminals {
    /// Looks at the streams of this process.
    pub fn detect() -> Self {
        Self {
            stdout: stdout().is_terminal(),
            stderr: stderr().is_terminal(),
        }
    }
}

impl Options {
    /// Checks what was given.
    ///
    /// # Errors
    /// Returns which option or variable cannot be read.
    pub fn check(args: &GlobalArgs, env: &Env, terminals: Terminals) -> Result<Self, Failure> {
        for (name, value) in &env.overrides {
            neighbours::check_override(name, value)?;
        }
        let mut mirrors = Vec::new();
        for text in &args.mirror {
            mirrors.push(text.parse().map_err(Diagnostic::from)?);
        }
        mirrors.extend(mirrors_of(env)?);
        Ok(Self {
            printer: printer(args, env, terminals),
            progress: progress_form(args, env, terminals),
            verbosity: args.verbose,
            offline: args.offline || offline_of(env)?,
            mirrors,
        })
    }
}

fn mirrors_of(env: &Env) -> Result<Vec<Mirror>, Diagnostic> {
    let text = env.mirror.as_deref().unwrap_or_default();
    mirror::parse_all(text).map_err(|error| {
        let mut diagnostic = Diagnostic::from(error);
        diagnostic.message = format!("{} in `${}`", diagnostic.message, env::GPUENV_MIRROR);
        diagnostic
    })
}

fn offline_of(env: &Env) -> Result<bool, Diagnostic> {
    let text = env.offline.as_deref().unwrap_or("0");
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => {
            let name = env::GPUENV_OFFLINE;
            let message = format!("`${name}` is `{text}`, which is neither yes nor no");
            Err(Diagnostic::error(Code::CONFIG_BAD, message)
                .help(format!("`export {name}=1` or `unset {name}`")))
        }
    }
}

/// Returns how to print.
pub fn printer(args: &GlobalArgs, env: &Env, terminals: Terminals) -> Printer {
    Printer {
        out: color(args.color, env, terminals.stdout),
        err: color(args.color, env, terminals.stderr),
        quiet: args.quiet,
        width: width(env, terminals),
    }
}

fn color(when: ColorWhen, env: &Env, terminal: bool) -> ColorChoice {
    let wanted = match when {
        ColorWhen::Always => true,
        ColorWhen::Never => false,
        ColorWhen::Auto if env.no_color => false,
        ColorWhen::Auto => env.force_color || (terminal && !env.dumb),
    };
    match wanted {
        // On an old Windows console this calls the console instead of writing escapes.
        true if terminal => ColorChoice::Always,
        true => ColorChoice::AlwaysAnsi,
        false => ColorChoice::Never,
    }
}

fn width(env: &Env, terminals: Terminals) -> usize {
    let of_terminal = || {
        let size = terminal_size::terminal_size_of(stderr());
        size.filter(|_| terminals.stderr)
            .map(|(width, _)| usize::from(width.0))
    };
    env.columns
        .filter(|columns| *columns > 0)
        .or_else(of_terminal)
        .unwrap_or(100)
        .clamp(40, 500)
}

/// Returns how to show progress.
pub fn progress_form(args: &GlobalArgs, env: &Env, terminals: Terminals) -> ProgressForm {
    match args.progress {
        ProgressWhen::Bars => ProgressForm::Bars,
        ProgressWhen::Plain => ProgressForm::Plain,
        ProgressWhen::Json => ProgressForm::Json,
        ProgressWhen::None => ProgressForm::None,
        ProgressWhen::Auto if args.quiet => ProgressForm::None,
        // Log lines would tear the bars apart.
        ProgressWhen::Auto if args.verbose > 0 || env.log.is_some() => ProgressForm::Plain,
        ProgressWhen::Auto if terminals.stderr && !env.dumb => ProgressForm::Bars,
        ProgressWhen::Auto => ProgressForm::Plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: Terminals = Terminals {
        stdout: true,
        stderr: true,
    };
    const NEITHER: Terminals = Terminals {
        stdout: false,
        stderr: false,
    };

    fn colored(when: ColorWhen, env: &Env, terminals: Terminals) -> bool {
        let args = GlobalArgs {
            color: when,
            ..GlobalArgs::default()
        };
        printer(&args, env, terminals).err != ColorChoice::Never
    }

    #[test]
    fn colours_follow_flag_then_no_color_then_terminal() {
        let plain = Env::default();
        let no_color = Env {
            no_color: true,
            force_color: true,
            ..Env::default()
        };
        let force = Env {
            force_color: true,
            ..Env::default()
        };
        let dumb = Env {
            dumb: true,
            ..Env::default()
        };
        assert!(colored(ColorWhen::Auto, &plain, BOTH));
        assert!(!colored(ColorWhen::Auto, &plain, NEITHER));
        assert!(!colored(ColorWhen::Auto, &no_color, BOTH));
        assert!(colored(ColorWhen::Always, &no_color, NEITHER));
        assert!(colored(ColorWhen::Auto, &force, NEITHER));
        assert!(!colored(ColorWhen::Auto, &dumb, BOTH));
        assert!(!colored(ColorWhen::Never, &force, BOTH));
    }

    #[test]
    fn progress_follows_flag_then_quiet_then_terminal() {
        let form = |change: &dyn Fn(&mut GlobalArgs), terminals| {
            let mut args = GlobalArgs::default();
            change(&mut args);
            progress_form(&args, &Env::default(), terminals)
        };
        assert_eq!(form(&|_| (), BOTH), ProgressForm::Bars);
        assert_eq!(form(&|_| (), NEITHER), ProgressForm::Plain);
        assert_eq!(form(&|args| args.quiet = true, BOTH), ProgressForm::None);
        assert_eq!(form(&|args| args.verbose = 1, BOTH), ProgressForm::Plain);
        let bars = |args: &mut GlobalArgs| args.progress = ProgressWhen::Bars;
        assert_eq!(form(&bars, NEITHER), ProgressForm::Bars);
    }

    #[test]
    fn the_flag_comes_before_the_variable() {
        let args = GlobalArgs {
            mirror: vec!["file:///flag".into()],
            ..GlobalArgs::default()
        };
        let env = Env {
            mirror: Some("file:///variable".into()),
            ..Env::default()
        };
        let options = Options::check(&args, &env, NEITHER).unwrap();
        let places: Vec<&str> = options.mirrors.iter().map(|m| m.place.path()).collect();
        assert_eq!(places, ["/flag/", "/variable/"]);
    }

    #[test]
    fn offline_knows_yes_and_no_and_nothing_else() {
        let offline = |text: &str| {
            let env = Env {
                offline: Some(text.into()),
                ..Env::default()
            };
            offline_of(&env).map_err(|error| error.code)
        };
        assert_eq!(offline("Yes"), Ok(true));
        assert_eq!(offline("off"), Ok(false));
        assert_eq!(offline("maybe"), Err(Code::CONFIG_BAD));
    }
}
