//! Why a recipe cannot be solved, found by asking again with less.
//!
//! The solver says which clauses clash. A user wants to know which line to
//! change. So the smallest part of the recipe that clashes is searched for: its
//! lines, the values of its target, the date, the order of the channels. Then
//! each of these is loosened until the recipe can be solved, and what that
//! solution holds says who needs what, and what to write instead.

mod blame;
mod builds;
mod clash;
mod graph;
mod hidden;
mod missing;
mod nearest;
mod remedy;
mod sentence;
mod threshold;

use std::{
    cell::RefCell,
    time::{Duration, Instant},
};

use gpuenv_core::{Code, Conflict, Diagnostic, Place, Plan, builds::Rules, conflict::Want};
use rattler_conda_types::Subdir;
use rattler_solve::SolveError as Unsolved;

use crate::{
    builds::in_plain_words,
    index::Index,
    solve::{Question, ask},
};
use clash::{Answer, Part};
pub(crate) use missing::{channel_of, meant, require_packages};
use threshold::Bounds;

/// How long the search for a cause may take, and one solve in it.
const SEARCH: Duration = Duration::from_secs(20);
const ONE_SOLVE: Duration = Duration::from_secs(5);

/// How many lines of the solver's own text are shown.
const SOLVER_LINES: usize = 12;

/// How many ways out are offered.
const REMEDIES: usize = 3;

/// Why a recipe cannot be solved.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// What kind of clash it is.
    pub code: Code,
    /// The platform.
    pub platform: Subdir,
    /// One sentence.
    pub summary: String,
    /// The line of the recipe that it hangs on.
    pub place: Option<Place>,
    /// What leads to it.
    pub causes: Vec<String>,
    /// What to change; each of them alone is enough.
    pub help: Vec<String>,
    /// What contradicts what.
    pub conflict: Option<Conflict>,
}

impl From<Explanation> for Diagnostic {
    fn from(explanation: Explanation) -> Self {
        let mut diagnostic = Diagnostic::error(explanation.code, explanation.summary);
        diagnostic.place = explanation.place;
        diagnostic.causes = explanation.causes;
        diagnostic.help = explanation.help;
        diagnostic.conflict = explanation.conflict.map(Box::new);
        diagnostic
    }
}

/// What is asked again and again, until when.
struct Search<'a> {
    plan: &'a Plan,
    index: &'a Index,
    rules: &'a Rules<'a>,
    question: Question,
    bounds: Bounds,
    until: Instant,
    asked: RefCell<Vec<(Question, Answer)>>,
}

impl Search<'_> {
    fn ask(&self, question: &Question) -> Answer {
        let mut asked = self.asked.borrow_mut();
        if let Some((_, answer)) = asked.iter().find(|(known, _)| known == question) {
            return answer.clone();
        }
        if Instant::now() > self.until {
            return Answer::Unknown;
        }
        let answer = match ask(question, self.index, Vec::new()) {
            Ok(records) => Answer::Solved(records.into()),
            Err(Unsolved::Unsolvable(reasons)) => Answer::Unsolvable(reasons.join("\n").into()),
            Err(_) => Answer::Unknown,
        };
        asked.push((question.clone(), answer.clone()));
        answer
    }
}

/// Finds out why a plan cannot be solved.
pub(crate) fn explain(
    plan: &Plan,
    index: &Index,
    rules: &Rules<'_>,
    question: &Question,
    solver_says: &str,
) -> Explanation {
    let search = Search {
        plan,
        index,
        rules,
        question: Question {
            deadline: ONE_SOLVE,
            ..question.clone()
        },
        bounds: threshold::bounds(plan, index),
        until: Instant::now() + SEARCH,
        asked: RefCell::default(),
    };
    let clash = match search.unmatched_line() {
        Some(line) => vec![Part::Line(line)],
        None => search.clash(&search.question, solver_says),
    };
    let (clashes, remedies) = search.remedies(clash);
    let mut explanation = Explanation {
        code: builds::code(plan.gpu, &clashes[0]),
        platform: plan.platform(),
        summary: search.sentence(&clashes[0]),
        place: search.place(&clashes[0]),
        causes: search.causes(&clashes[0], &remedies),
        help: Vec::new(),
        conflict: None,
    };
    for other in &clashes[1..] {
        let besides = search.sentence(other);
        explanation.causes.push(format!("besides, {besides}"));
        explanation.causes.extend(search.causes(other, &remedies));
    }
    let trees = clashes.iter().filter_map(|clash| {
        let only = search.only(&search.question, clash);
        search.conflict(&only)
    });
    let wants: Vec<Want> = trees.flat_map(|tree| tree.wants).collect();
    match wants.is_empty() {
        false => explanation.conflict = Some(Conflict { wants }),
        true => {
            let text = in_plain_words(solver_says, plan.gpu);
            explanation.causes.extend(quote(&text, index));
        }
    }
    let help = remedies.into_iter().map(|remedy| remedy.help);
    explanation.help = help.take(REMEDIES).collect();
    explanation
}

/// Returns the solver's own words, with channels as the user names them.
fn quote(text: &str, index: &Index) -> Option<String> {
    let mut text = text.to_string();
    for place in &index.places {
        let name = place.recorded.trim_end_matches('/').rsplit('/').next();
        let quoted = format!("'{}'", name.unwrap_or_default());
        text = text
            .replace(&place.recorded, place.canonical.as_str())
            .replace(&quoted, &format!("'{}'", place.short_name()));
    }
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let cut = lines.len() > SOLVER_LINES;
    let mut text = lines[..lines.len().min(SOLVER_LINES)].join("\n");
    if cut {
        text.push_str("\n…");
    }
    (!text.is_empty()).then(|| format!("the solver says: {text}"))
}
