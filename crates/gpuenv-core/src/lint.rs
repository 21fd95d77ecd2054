//! What tutorials and old environments get wrong, with place, reason and fix.
//!
//! A rule looks at one subject, whatever the file was, and returns findings. It
//! never changes anything: a fix is a list of edits of the text.

mod channels;
mod code;
mod commands;
mod edit;
mod frameworks;
mod kernels;
mod matrix;
mod packages;
mod prose;
mod subject;
mod training;

use crate::{
    Code, Diagnostic, Recipe, Severity,
    facts::Facts,
    import::{Format, Text, Texts},
};

pub use edit::{Edit, apply, diff};
pub(crate) use subject::{Spot, Subject};

/// How often a mended text is looked at again: one fix can make room for another.
pub const MOST_PASSES: usize = 5;

/// More findings than this help nobody.
const MOST_FINDINGS: usize = 500;

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What is told about it.
    pub diagnostic: Diagnostic,
    /// What mends it, if that can be done in this file.
    pub fix: Vec<Edit>,
}

/// Mends the text of a recipe that nobody has written yet, and returns what is left.
///
/// Each pass reads the recipe anew; a text that could not be read any more is not taken.
pub fn mended_recipe(file: &str, text: &str, facts: &Facts) -> (String, Vec<Finding>) {
    let look = |text: &str| -> Option<Vec<Finding>> {
        let read = crate::recipe::parse(file, text.as_bytes()).ok()?;
        let text = Text {
            file: file.to_string(),
            text: text.to_string(),
        };
        Some(recipe(&text, &read, facts))
    };
    let mut text = text.to_string();
    let mut findings = look(&text).unwrap_or_default();
    for _ in 0..MOST_PASSES {
        let fixes: Vec<Vec<Edit>> = findings.iter().map(|finding| finding.fix.clone()).collect();
        let changed = apply(&text, &fixes);
        match look(&changed).filter(|_| changed != text) {
            Some(left) => (text, findings) = (changed, left),
            None => break,
        }
    }
    (text, findings)
}

/// Looks for what is wrong with a recipe.
pub fn recipe(text: &Text, recipe: &Recipe, facts: &Facts) -> Vec<Finding> {
    let texts = Texts::new(text.clone());
    let variants = recipe.variants.all();
    if variants.is_empty() {
        return findings(&Subject::of_recipe(&texts, recipe), facts);
    }
    // Each variant is a recipe; what is wrong with all of them is told once.
    let found = variants
        .into_iter()
        .flat_map(|variant| findings(&Subject::of_recipe(&texts, &variant.recipe), facts));
    sorted(found.collect())
}

/// Looks for what is wrong with a file of another tool, or with any text.
///
/// Returns also what keeps the file from being understood.
pub fn file(
    texts: &Texts,
    format: Option<Format>,
    facts: &Facts,
) -> (Vec<Finding>, Vec<Diagnostic>) {
    let (subject, errors) = Subject::of_file(texts, format);
    (findings(&subject, facts), errors)
}

fn place(finding: &Finding) -> (usize, usize) {
    let place = finding.diagnostic.place.as_ref();
    let span = place.and_then(|place| place.span.as_ref());
    span.map_or((0, 0), |span| (span.line, span.column))
}

/// Looks for what is wrong with lines that no recipe takes over: code, sentences, settings of shells.
pub fn lines(texts: &Texts) -> Vec<Finding> {
    let subject = Subject::of_commands(texts, subject::Kind::File(Format::Commands));
    let mut found = Vec::new();
    commands::check(&subject, &mut found);
    code::check(&subject, &mut found);
    found.truncate(MOST_FINDINGS);
    found
}

fn findings(subject: &Subject<'_>, facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    let environments = subject.environments();
    let subjects = match environments.is_empty() {
        true => std::slice::from_ref(subject),
        false => environments.as_slice(),
    };
    for environment in subjects {
        channels::check(environment, facts, &mut found);
        packages::check(environment, &mut found);
        frameworks::check(environment, facts, &mut found);
    }
    commands::check(subject, &mut found);
    code::check(subject, &mut found);
    sorted(found)
}

fn sorted(mut found: Vec<Finding>) -> Vec<Finding> {
    found.sort_by_key(|finding| (place(finding), finding.diagnostic.code));
    found.dedup();
    found.truncate(MOST_FINDINGS);
    found
}

impl Finding {
    fn new(code: Code, severity: Severity, message: impl Into<String>) -> Self {
        let diagnostic = match severity {
            Severity::Error => Diagnostic::error(code, message),
            Severity::Warning => Diagnostic::warning(code, message),
            Severity::Note => Diagnostic::note(code, message),
        };
        Self {
            diagnostic,
            fix: Vec::new(),
        }
    }

    /// Begins a finding that should be mended.
    pub(crate) fn warning(code: Code, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Warning, message)
    }

    /// Begins a finding that is worth knowing.
    pub(crate) fn note(code: Code, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Note, message)
    }

    /// Says why it is wrong.
    #[must_use]
    pub(crate) fn because(mut self, reason: impl Into<String>) -> Self {
        self.diagnostic.causes.push(reason.into());
        self
    }

    /// Says what to do.
    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.diagnostic.help.push(help.into());
        self
    }

    /// Says what mends it.
    #[must_use]
    pub(crate) fn fix(mut self, edits: impl IntoIterator<Item = Edit>) -> Self {
        self.fix.extend(edits);
        self
    }
}

#[cfg(test)]
mod tests;
