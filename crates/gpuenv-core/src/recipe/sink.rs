//! Collects what is wrong with a recipe, so that one run tells everything.

use super::{
    Located, RecipeError,
    error::Problem,
    source::{Mark, Source},
};
use crate::{Diagnostic, Place};

/// More errors than this help nobody.
const MOST: usize = 50;

/// What is wrong so far.
#[derive(Debug)]
pub(super) struct Sink<'s> {
    sources: &'s [Source<'s>],
    errors: Vec<(Mark, Problem)>,
    dropped: usize,
}

impl<'s> Sink<'s> {
    pub(super) fn new(source: &'s Source<'s>) -> Self {
        Self::over(std::slice::from_ref(source))
    }

    /// Collects what is wrong with a recipe of several files; there is at least one.
    pub(super) fn over(sources: &'s [Source<'s>]) -> Self {
        Self {
            sources,
            errors: Vec::new(),
            dropped: 0,
        }
    }

    /// Takes one error.
    pub(super) fn report(&mut self, mark: Mark, problem: impl Into<Problem>) {
        let error = (mark, problem.into());
        // What is wrong with a chosen feature is wrong with the recipe too.
        if self.errors.contains(&error) {
            return;
        }
        match self.errors.len() < MOST {
            true => self.errors.push(error),
            false => self.dropped += 1,
        }
    }

    /// Takes one error about some characters of a scalar's value.
    pub(super) fn report_within(
        &mut self,
        scalar: Mark,
        value: &str,
        (from, length): (usize, usize),
        problem: impl Into<Problem>,
    ) {
        let mark = self.source(scalar).within(scalar, value, from, length);
        self.report(mark, problem);
    }

    pub(super) fn place(&self, mark: Mark) -> Place {
        self.source(mark).place(mark)
    }

    fn source(&self, mark: Mark) -> &'s Source<'s> {
        let sources = self.sources;
        // A file that is read alone is the first one.
        sources.get(mark.source).unwrap_or(&sources[0])
    }

    pub(super) fn located<T>(&self, value: T, mark: Mark) -> Located<T> {
        Located {
            value,
            place: self.place(mark),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }

    /// Returns everything that was reported, in the order of the file.
    pub(super) fn into_diagnostics(mut self) -> Vec<Diagnostic> {
        let mut errors = std::mem::take(&mut self.errors);
        errors.sort_by_key(|(mark, _)| (mark.source, mark.start));
        let errors = errors.into_iter().map(|(mark, problem)| {
            let place = match problem.is_secret() {
                true => without_line(self.place(mark)),
                false => self.place(mark),
            };
            RecipeError { problem, place }
        });
        let mut diagnostics: Vec<Diagnostic> = errors.map(Diagnostic::from).collect();
        if let Some(last) = diagnostics.last_mut()
            && self.dropped > 0
        {
            let more = format!("{} more errors are not shown", self.dropped);
            let code = last.code;
            diagnostics.push(Diagnostic::note(code, more).at(Place::file(self.sources[0].file)));
        }
        diagnostics
    }
}

/// Blots out the line of a place, so that no log keeps the secret in it.
fn without_line(mut place: Place) -> Place {
    if let Some(span) = &mut place.span {
        let blotted = span.text.chars().map(|c| match c.is_alphanumeric() {
            true => '*',
            false => c,
        });
        span.text = blotted.collect();
    }
    place
}
