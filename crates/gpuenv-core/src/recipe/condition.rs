//! The language of `if`: names of machines with `and`, `or`, `not`, parentheses.

mod read;

use std::fmt;

use rattler_conda_types::Subdir;

use super::suggest;

/// Conditions longer than this are not read.
const LONGEST: usize = 2000;
/// Parentheses and `not`s deeper than this are not read: reading recurses.
const DEEPEST: usize = 32;

/// A condition on the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// The platform is of that kind.
    Is(Machine),
    /// It does not hold.
    Not(Box<Condition>),
    /// All of them hold; at least two.
    All(Vec<Condition>),
    /// One of them holds; at least two.
    Any(Vec<Condition>),
}

/// A kind of platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Machine {
    /// Windows.
    Win,
    /// Linux.
    Linux,
    /// Linux, macOS and other relatives of Unix.
    Unix,
    /// macOS.
    Osx,
    /// A 64-bit Arm processor, under every system.
    Aarch64,
    /// A 64-bit x86 processor, under every system.
    X86_64,
    /// One platform.
    Platform(Subdir),
}

const KINDS: [(&str, Machine); 6] = [
    ("win", Machine::Win),
    ("linux", Machine::Linux),
    ("unix", Machine::Unix),
    ("osx", Machine::Osx),
    ("aarch64", Machine::Aarch64),
    ("x86_64", Machine::X86_64),
];

/// What people write who know another condition language.
const OTHER_WORDS: [(&str, &str); 10] = [
    ("&&", "and"),
    ("||", "or"),
    ("!", "not"),
    ("windows", "win"),
    ("macos", "osx"),
    ("darwin", "osx"),
    ("arm64", "aarch64"),
    ("amd64", "x86_64"),
    ("x64", "x86_64"),
    ("linux64", "linux-64"),
];

impl Machine {
    fn holds(self, platform: Subdir) -> bool {
        match self {
            Machine::Win => platform.is_windows(),
            Machine::Linux => platform.is_linux(),
            Machine::Unix => platform.is_unix(),
            Machine::Osx => platform.is_osx(),
            Machine::Aarch64 => matches!(
                platform,
                Subdir::LinuxAarch64 | Subdir::OsxArm64 | Subdir::WinArm64
            ),
            Machine::X86_64 => {
                matches!(platform, Subdir::Linux64 | Subdir::Osx64 | Subdir::Win64)
            }
            Machine::Platform(wanted) => platform == wanted,
        }
    }
}

impl Condition {
    /// Tells whether it holds on the platform.
    pub fn holds(&self, platform: Subdir) -> bool {
        match self {
            Condition::Is(machine) => machine.holds(platform),
            Condition::Not(inner) => !inner.holds(platform),
            Condition::All(parts) => parts.iter().all(|part| part.holds(platform)),
            Condition::Any(parts) => parts.iter().any(|part| part.holds(platform)),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Machine::Win => "win",
            Machine::Linux => "linux",
            Machine::Unix => "unix",
            Machine::Osx => "osx",
            Machine::Aarch64 => "aarch64",
            Machine::X86_64 => "x86_64",
            Machine::Platform(platform) => platform.as_str(),
        })
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |parts: &[Condition], word: &str, f: &mut fmt::Formatter<'_>| {
            for (index, part) in parts.iter().enumerate() {
                if index > 0 {
                    write!(f, " {word} ")?;
                }
                match (part, word) {
                    (Condition::Any(_), _) | (Condition::All(_), "and") => write!(f, "({part})")?,
                    _ => write!(f, "{part}")?,
                }
            }
            Ok(())
        };
        match self {
            Condition::Is(machine) => write!(f, "{machine}"),
            Condition::Not(inner) if matches!(**inner, Condition::All(_) | Condition::Any(_)) => {
                write!(f, "not ({inner})")
            }
            Condition::Not(inner) => write!(f, "not {inner}"),
            Condition::All(parts) => joined(parts, "and", f),
            Condition::Any(parts) => joined(parts, "or", f),
        }
    }
}

/// Why a condition cannot be read, and where in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct BadCondition {
    /// What is wrong.
    pub problem: ConditionProblem,
    /// The first wrong character, counted from 0.
    pub at: usize,
    /// How many characters are wrong.
    pub length: usize,
}

/// Why a condition cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConditionProblem {
    /// A word is not known.
    #[error("`{0}` is not known in a condition")]
    UnknownWord(String),
    /// A machine or an opening parenthesis must come here.
    #[error("a condition must follow here{}", found(.0))]
    ConditionExpected(Option<String>),
    /// `and`, `or` or the end must come here.
    #[error("`and` or `or` must come before{}", found(.0))]
    OperatorExpected(Option<String>),
    /// A parenthesis is not closed.
    #[error("this parenthesis is never closed")]
    Unclosed,
    /// A parenthesis is closed that was never opened.
    #[error("this parenthesis was never opened")]
    Unopened,
    /// Parentheses and `not`s are nested too deeply.
    #[error("the condition is nested more than {DEEPEST} levels deep")]
    TooDeep,
    /// The condition is too long.
    #[error("the condition is longer than {LONGEST} characters")]
    TooLong,
}

fn found(word: &Option<String>) -> String {
    word.as_ref()
        .map_or_else(String::new, |word| format!(", not `{word}`"))
}

impl BadCondition {
    /// Returns what the author can write instead.
    pub fn help(&self) -> String {
        let kinds = "`win`, `linux`, `unix`, `osx`, `aarch64`, `x86_64`";
        let ConditionProblem::UnknownWord(word) = &self.problem else {
            return format!(
                "write for example `linux and not aarch64`, over {kinds} and platforms such as `linux-64`"
            );
        };
        let lower = word.to_lowercase();
        let platforms = Subdir::all().map(Subdir::as_str);
        let words = KINDS.iter().map(|(name, _)| *name).chain(platforms);
        let other = |written: &str| {
            let pair = OTHER_WORDS.iter().find(|(word, _)| *word == written)?;
            Some(pair.1)
        };
        let near = || suggest(&lower.replace('_', "-"), words);
        let near_other = || suggest(&lower, OTHER_WORDS.map(|(word, _)| word)).and_then(other);
        match other(&lower).or_else(near).or_else(near_other) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("known are {kinds} and platforms such as `linux-64`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn holds(text: &str, platform: Subdir) -> bool {
        text.parse::<Condition>().unwrap().holds(platform)
    }

    #[test]
    fn not_binds_tighter_than_and_and_and_tighter_than_or() {
        assert!(holds("win or linux and aarch64", Subdir::Win64));
        assert!(!holds("(win or linux) and aarch64", Subdir::Win64));
        assert!(holds("not win and linux", Subdir::Linux64));
        assert!(!holds("not (win or linux)", Subdir::Linux64));
        assert!(holds("not not linux", Subdir::LinuxAarch64));
        assert!(holds("linux-64 or win-64", Subdir::Win64));
    }

    #[test]
    fn each_kind_holds_on_its_platforms() {
        let platforms = [
            Subdir::Linux64,
            Subdir::LinuxAarch64,
            Subdir::Win64,
            Subdir::WinArm64,
            Subdir::Osx64,
            Subdir::OsxArm64,
        ];
        let on = |kind: &str| platforms.map(|platform| u8::from(holds(kind, platform)));
        assert_eq!(on("win"), [0, 0, 1, 1, 0, 0]);
        assert_eq!(on("linux"), [1, 1, 0, 0, 0, 0]);
        assert_eq!(on("osx"), [0, 0, 0, 0, 1, 1]);
        assert_eq!(on("unix"), [1, 1, 0, 0, 1, 1]);
        assert_eq!(on("x86_64"), [1, 0, 1, 0, 1, 0]);
        assert_eq!(on("aarch64"), [0, 1, 0, 1, 0, 1]);
    }

    #[test]
    fn an_error_names_its_characters() {
        let at = |text: &str| {
            let bad = text.parse::<Condition>().unwrap_err();
            (bad.at, bad.length, bad.to_string())
        };
        let told = |at, length, text: &str| (at, length, text.to_string());
        assert_eq!(
            at("linux and widows"),
            told(10, 6, "`widows` is not known in a condition")
        );
        assert_eq!(
            at("linux &&win"),
            told(6, 2, "`&&` is not known in a condition")
        );
        assert_eq!(at("linux and"), told(9, 1, "a condition must follow here"));
        assert_eq!(
            at("linux and or win"),
            told(10, 2, "a condition must follow here, not `or`")
        );
        assert_eq!(
            at("linux win"),
            told(6, 3, "`and` or `or` must come before, not `win`")
        );
        assert_eq!(
            at("not (win"),
            told(4, 1, "this parenthesis is never closed")
        );
        assert_eq!(at("win)"), told(3, 1, "this parenthesis was never opened"));
        assert_eq!(at(""), told(0, 1, "a condition must follow here"));
    }

    #[test]
    fn words_of_other_languages_get_help() {
        let help = |text: &str| text.parse::<Condition>().unwrap_err().help();
        for (written, meant) in [
            ("windows", "win"),
            ("linux && win", "and"),
            ("arm64", "aarch64"),
            ("linux_64", "linux-64"),
            ("x86-64", "x86_64"),
            ("Linux", "linux"),
        ] {
            assert_eq!(
                help(written),
                format!("did you mean `{meant}`?"),
                "{written}"
            );
        }
    }

    #[test]
    fn nesting_and_length_are_bounded() {
        for text in [
            "(".repeat(1900),
            "not ".repeat(400),
            "win or ".repeat(100_000),
        ] {
            assert!(text.parse::<Condition>().is_err());
        }
        assert!(
            format!("win{}", " or win".repeat(200))
                .parse::<Condition>()
                .is_ok()
        );
    }

    fn condition() -> impl Strategy<Value = Condition> {
        let platforms = Subdir::all().filter(|platform| *platform != Subdir::NoArch);
        let kinds = KINDS.iter().map(|(_, machine)| *machine);
        let machines: Vec<Machine> = kinds.chain(platforms.map(Machine::Platform)).collect();
        let leaf = proptest::sample::select(machines).prop_map(Condition::Is);
        leaf.prop_recursive(4, 24, 4, |inner| {
            let parts = proptest::collection::vec(inner.clone(), 2..4);
            prop_oneof![
                inner.prop_map(|inner| Condition::Not(Box::new(inner))),
                parts.clone().prop_map(Condition::All),
                parts.prop_map(Condition::Any),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_printed_condition_parses_to_itself(condition in condition()) {
            prop_assert_eq!(condition.to_string().parse::<Condition>(), Ok(condition));
        }

        #[test]
        fn any_text_is_read_or_refused_inside_itself(text in "[a-z0-9()&!_ é-]{0,60}") {
            if let Err(bad) = text.parse::<Condition>() {
                prop_assert!(bad.at <= text.chars().count());
                prop_assert!(bad.length >= 1);
            }
        }
    }
}
