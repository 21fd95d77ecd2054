//! The exit codes: the table of `docs/architecture.md` as a function.

use gpuenv_core::{Code, Diagnostic, Severity};

use crate::{Failure, Outcome, outcome::Answer};

/// Done.
pub const DONE: i32 = 0;
/// The question was answered "no".
pub const NO: i32 = 1;
/// The command line makes no sense.
pub const USAGE: i32 = 2;
/// gpuenv has a bug.
pub const BUG: i32 = 19;

/// Returns the exit code of a command.
pub fn code(result: &Result<Outcome, Failure>) -> i32 {
    match result {
        Ok(outcome) => of_outcome(outcome),
        Err(Failure::Usage { .. }) => USAGE,
        Err(Failure::Diagnosed(diagnostics)) => of_diagnostics(diagnostics),
    }
}

fn of_outcome(outcome: &Outcome) -> i32 {
    // A result that cannot be told is a failure, whatever the answer was.
    if outcome.diagnostics.iter().any(|d| d.code == Code::BUG) {
        return BUG;
    }
    match outcome.answer {
        Answer::Done => DONE,
        Answer::No => NO,
        Answer::Exit(code) => code,
    }
}

/// Returns the exit code of a failure: that of its first error.
fn of_diagnostics(diagnostics: &[Diagnostic]) -> i32 {
    diagnostics
        .iter()
        .find(|diagnostic| diagnostic.severity == Severity::Error)
        .map_or(BUG, |diagnostic| of_code(diagnostic.code))
}

/// Returns the exit code of a diagnostic: 10 and the stage, 19 for a bug.
pub fn of_code(code: Code) -> i32 {
    10 + i32::from(code.stage())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_an_exit_code_of_the_table() {
        for (code, _) in Code::ALL {
            assert!(matches!(of_code(*code), 11..=17 | BUG), "{code}");
        }
        assert_eq!(of_code(Code::RECIPE_SYNTAX), 11);
        assert_eq!(of_code(Code::PROBE_HANG), 17);
        assert_eq!(of_code(Code::BUG), BUG);
    }

    #[test]
    fn an_outcome_says_its_answer() {
        assert_eq!(code(&Ok(Outcome::done())), 0);
        assert_eq!(code(&Ok(Outcome::no())), 1);
        assert_eq!(code(&Ok(Outcome::exit(143))), 143);
    }

    #[test]
    fn the_first_error_decides() {
        let failure = Failure::Diagnosed(vec![
            Diagnostic::warning(Code::PROBE_HANG, "slow"),
            Diagnostic::error(Code::LOCK_BAD, "bad"),
            Diagnostic::error(Code::INSTALL_IO, "worse"),
        ]);
        assert_eq!(code(&Err(failure)), 14);
    }

    #[test]
    fn a_failure_without_an_error_is_a_bug_and_never_a_success() {
        let warning = Diagnostic::warning(Code::LOCK_BAD, "odd");
        for diagnostics in [vec![], vec![warning]] {
            assert_eq!(code(&Err(Failure::Diagnosed(diagnostics))), BUG);
        }
    }

    #[test]
    fn a_bad_command_line_is_two() {
        assert_eq!(code(&Err(Failure::usage("nonsense"))), 2);
    }

    #[test]
    fn a_result_that_is_no_json_is_a_bug() {
        let odd = std::collections::BTreeMap::from([((1, 2), 3)]);
        assert_eq!(code(&Ok(Outcome::done().facts(&odd))), BUG);
    }
}
