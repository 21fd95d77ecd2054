//! Why no set of packages satisfies a recipe, as a tree.
//!
//! A solver hands over a graph of what asks for what ([`Graph`]). For a reader
//! it becomes a tree ([`Conflict`]): what the recipe wants, what there is for
//! it, and why none of that can be taken. Packages of one name that fail for
//! the same kind of reason are one branch, and the tree is bounded: a graph of
//! thousands of builds must stay something that a person reads.

#[cfg(test)]
mod tests;
mod text;
mod tree;

use serde::Serialize;

use crate::Place;

pub use tree::{Ban, By, Demand, Graph, Package};

/// What contradicts what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// What the recipe and its target want.
    pub wants: Vec<Want>,
}

/// Something that is asked for, and what there is for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Want {
    /// Who asks.
    pub by: Origin,
    /// The line of the recipe, where one asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// What is asked for, as match specs of one package; any of them is enough.
    pub specs: Vec<String>,
    /// How many more specs there are.
    pub more_specs: usize,
    /// Whether nothing that is shown stands against one of the choices.
    #[serde(skip)]
    pub possible: bool,
    /// Where nothing fits: what there is of that name, the newest first.
    pub there: Vec<String>,
    /// What fits.
    pub choices: Vec<Choice>,
    /// Whether the choices are not repeated, as they stand further up in the tree.
    pub above: bool,
    /// How many packages that fit are not among the choices.
    pub left_out: usize,
}

/// Who asks for a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// A line of the recipe.
    Recipe,
    /// The machine that the recipe names.
    Target,
    /// A package.
    Package,
}

/// Packages of one name that stand or fall for the same reasons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// The name.
    pub name: String,
    /// The versions, the newest first.
    pub versions: Vec<String>,
    /// How many more versions there are.
    pub more_versions: usize,
    /// The build, where there is just one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build: Option<String>,
    /// How many packages these are.
    pub packages: usize,
    /// What stands against them; nothing where they could be taken.
    pub reasons: Vec<Reason>,
    /// How many reasons are not shown.
    pub left_out: usize,
}

/// Why a package cannot be taken, or what taking it leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Reason {
    /// It needs something else.
    Needs {
        /// What.
        want: Want,
    },
    /// It accepts only some versions of a package that is asked for.
    AcceptsOnly {
        /// Which ones.
        specs: Vec<String>,
        /// What it does not accept.
        not: Vec<String>,
    },
    /// Another version of the same package is asked for, and there can be just one.
    Besides {
        /// Who asks for the other version, and for what.
        others: Vec<Other>,
    },
    /// A channel that comes first has packages of the name.
    Hidden {
        /// The channel of the package.
        channel: String,
        /// The channel that comes first.
        behind: String,
    },
    /// The recipe asks for the package from another channel.
    OtherChannel {
        /// The channel of the package.
        channel: String,
    },
    /// It was built after the date of `--exclude-newer`.
    TooNew {
        /// When it was built, where that is known; of several packages, the first day.
        built: Option<String>,
    },
    /// The recipe's `gpu` rules it out.
    RuledOut {
        /// What the recipe has as `gpu`.
        gpu: String,
    },
}

/// Who asks for another version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Other {
    /// The package that asks; `None` for a line of the recipe.
    pub by: Option<String>,
    /// What is asked for.
    pub spec: String,
}

/// Cuts what a channel wrote to a length that fits a line.
fn cut(text: &str) -> String {
    const LONGEST: usize = 120;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_string(),
    }
}
