//! The command line: which commands and options exist.
//!
//! Doc comments here and in `commands/` are the help text. Nothing below
//! `commands/` sees clap.

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::{
    Failure, Outcome, Session, commands,
    options::{ColorWhen, ProgressWhen},
};

/// One command from a recipe to an installed, activated and verified GPU environment.
#[derive(Debug, Parser)]
#[command(
    name = "gpuenv",
    version,
    arg_required_else_help = true,
    subcommand_required = true,
    max_term_width = 100,
    after_help = "Exit codes: 0 done, 1 the answer is no, 2 bad command line, 11 to 17 a stage failed, \
                  19 a bug.\nSee `gpuenv explain` for every diagnostic."
)]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options that every command takes.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalArgs {
    /// Say nothing but errors and warnings
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more: `-v` what happens, `-vv` in detail, `-vvv` everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: ColorWhen,
    /// How to show progress on stderr
    #[arg(long, global = true, value_name = "FORM", default_value = "auto")]
    pub progress: ProgressWhen,
    /// Never use the network, only what is in the cache
    #[arg(long, global = true)]
    pub offline: bool,
    /// Fetch channels from another place
    ///
    /// `URL` stands in for `https://conda.anaconda.org`, `BASE=URL` for another base. `http`,
    /// `https` and `file` URLs. Can be given more than once. A lock always names the
    /// canonical URLs.
    #[arg(long, global = true, value_name = "URL|BASE=URL")]
    pub mirror: Vec<String>,
}

macro_rules! commands {
    ($($(#[$meta:meta])* $variant:ident $module:ident $name:literal;)*) => {
        /// The commands.
        #[expect(missing_docs, reason = "a comment here would replace the help text of the command")]
        #[derive(Debug, Subcommand)]
        pub enum Command {
            $($(#[$meta])* #[command(name = $name)] $variant(commands::$module::Args),)*
        }

        impl Command {
            /// Returns the name that the user types.
            pub fn name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $name,)* }
            }

            /// Returns whether one JSON document is wanted on stdout.
            pub fn json(&self) -> bool {
                match self { $(Self::$variant(args) => args.json(),)* }
            }

            /// Does it.
            ///
            /// # Errors
            /// Returns what keeps the command from its answer.
            pub fn run(self, session: &Session) -> Result<Outcome, Failure> {
                match self { $(Self::$variant(args) => commands::$module::run(args, session),)* }
            }
        }
    };
}

commands! {
    Create create "create";
    Lock lock "lock";
    Check check "check";
    Run run "run";
    Shell shell "shell";
    ShellHook shell_hook "shell-hook";
    Activate activate "activate";
    Deactivate deactivate "deactivate";
    Init init "init";
    Direnv direnv "direnv";
    Jupyter jupyter "jupyter";
    Modulefile modulefile "modulefile";
    Probe probe "probe";
    Doctor doctor "doctor";
    Devices devices "devices";
    Search search "search";
    List list "list";
    Info info "info";
    Tree tree "tree";
    Why why "why";
    Diff diff "diff";
    Update update "update";
    History history "history";
    Rollback rollback "rollback";
    Verify verify "verify";
    Repair repair "repair";
    Remove remove "remove";
    Clean clean "clean";
    Recipe recipe "recipe";
    Import import "import";
    Export export "export";
    Lint lint "lint";
    Explain explain "explain";
    Completions completions "completions";
    Man man "man";
    #[command(hide = true)]
    ProbeWorker probe_worker "__probe";
    #[command(hide = true)]
    Names names "__names";
}

/// Returns the command line as it is written, for those who make a copy of it.
pub fn definitions() -> clap::Command {
    Cli::command()
}

/// Returns the whole command line as data, for documentation.
pub fn command_line() -> clap::Command {
    let mut command = Cli::command();
    command.build();
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn everything_behind_the_environment_is_the_command_to_run() {
        for line in [
            "gpuenv run tf -- python --version -q",
            "gpuenv run tf python --version -q",
        ] {
            let cli = parse(line).unwrap();
            let Command::Run(args) = cli.command else {
                panic!("{line}");
            };
            assert_eq!(args.command, ["python", "--version", "-q"]);
            assert!(!cli.global.quiet);
        }
        assert!(parse("gpuenv run tf").is_err());
    }

    #[test]
    fn upgrade_takes_no_names_or_several() {
        for (line, expected) in [
            ("gpuenv lock tf", None),
            ("gpuenv lock tf --upgrade", Some(vec![])),
            (
                "gpuenv lock tf --upgrade numpy scipy",
                Some(vec!["numpy", "scipy"]),
            ),
            (
                "gpuenv lock --upgrade=numpy --upgrade=scipy tf",
                Some(vec!["numpy", "scipy"]),
            ),
        ] {
            let Command::Lock(args) = parse(line).unwrap().command else {
                panic!("{line}");
            };
            let names: Option<Vec<&str>> = args
                .upgrade
                .as_ref()
                .map(|names| names.iter().map(String::as_str).collect());
            assert_eq!(names, expected, "{line}");
        }
    }

    #[test]
    fn options_that_exclude_each_other_are_refused() {
        for line in [
            "gpuenv create tf -n a -p b",
            "gpuenv create tf --no-probe --require-gpu",
            "gpuenv lock tf --check --upgrade",
            "gpuenv lock tf --check --dry-run",
            "gpuenv list -q -v",
            "gpuenv lock --platform linux-65",
            "gpuenv lock --exclude-newer soon",
            "gpuenv probe --deadline 0",
            "gpuenv probe --deadline -1",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn global_options_stand_before_or_behind_the_command() {
        let before = parse("gpuenv --offline --mirror file:///m list").unwrap();
        let behind = parse("gpuenv list --mirror file:///m --offline").unwrap();
        for cli in [before, behind] {
            assert!(cli.global.offline);
            assert_eq!(cli.global.mirror, ["file:///m"]);
        }
    }
}
