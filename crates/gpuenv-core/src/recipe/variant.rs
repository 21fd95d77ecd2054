//! `variants`: environments for different GPUs, of which a machine takes the first
//! that it can run.
//!
//! A variant is laid over the recipe as a recipe is over the one that it extends, so
//! each of them is read as a whole recipe.

use super::{
    Entries, Located, Recipe,
    combine::{Layering, laid_over},
    entries,
    error::Problem,
    node::{Kind, Node},
    packages, parse,
    sink::Sink,
    table::{Form, Table, text},
};
use crate::plan::WheelRequirement;

/// A longer name would make the names of platforms in a lock unreadable.
pub(super) const LONGEST: usize = 32;

/// Each one is solved for each platform.
pub(super) const MOST: usize = 16;

/// What the name of a variant looks like.
pub(super) const PATTERN: &str = "^[a-z0-9][a-z0-9_-]*$";

pub(super) const VARIANT: Form = Form {
    name: "the variant",
    keys: &[
        "name",
        "about",
        "channels",
        "target",
        "dependencies",
        "pypi-dependencies",
        "pypi-options",
        "activation",
        "probe",
    ],
};

/// One of several environments that a recipe describes, the preferred one first.
#[derive(Debug, Clone)]
pub struct Variant {
    /// Its name: `cuda12`. In the lock its platform is called `linux-64-cuda12`.
    pub name: Located<String>,
    /// What it is for, in one line.
    pub about: Option<String>,
    /// The recipe with what the variant says laid over it.
    pub recipe: Recipe,
}

/// Why text cannot be the name of a variant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` cannot be the name of a variant")]
pub struct BadVariantName(pub String);

impl BadVariantName {
    pub(super) fn help(&self) -> String {
        let plain = |c: char| match c.to_ascii_lowercase() {
            c if c.is_ascii_alphanumeric() || c == '_' => c,
            _ => '-',
        };
        let name: String = self.0.chars().map(plain).collect();
        let name = name.trim_matches(['-', '_']);
        let rule =
            format!("1 to {LONGEST} of `a-z`, `0-9`, `_` and `-`, the first a letter or digit");
        match check_variant_name(name) {
            Ok(()) => format!("write `{name}`: {rule}"),
            Err(_) => rule,
        }
    }
}

/// Checks the name of a variant: it becomes part of the name of a platform in the lock.
///
/// # Errors
/// What is wrong with it.
pub fn check_variant_name(name: &str) -> Result<(), BadVariantName> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_right = (1..=LONGEST).contains(&name.len())
        && name.starts_with(plain)
        && name.chars().all(|c| plain(c) || matches!(c, '_' | '-'));
    match is_right {
        true => Ok(()),
        false => Err(BadVariantName(name.to_string())),
    }
}

/// Reads `variants`, each of them as the recipe that it makes of the whole one.
pub(super) fn read(
    node: &Node,
    root: &Node,
    asked: &Entries<WheelRequirement>,
    sink: &mut Sink<'_>,
) -> Entries<Variant> {
    let mut base = root.clone();
    if let Kind::Map(entries) = &mut base.kind {
        entries.retain(|(key, _)| !key.is_text(&["variants"]));
    }
    let mut count = 0;
    let mut item = |node: &Node, sink: &mut Sink<'_>| {
        count += 1;
        if count > MOST {
            sink.report(node.mark, Problem::TooManyVariants { most: MOST });
            return None;
        }
        variant(node, &base, asked, sink)
    };
    let what = ("`variants`", "{ name: cuda12 }");
    entries::read(node, what, &mut item, sink)
}

/// Reads the wheels that the variants ask for, whatever else is wrong with them.
pub(super) fn wheels(node: &Node, sink: &mut Sink<'_>) -> Entries<WheelRequirement> {
    let mut wheels = Vec::new();
    let mut of_variant = |node: &Node, sink: &mut Sink<'_>| {
        let list = node.value("pypi-dependencies")?;
        wheels.extend(packages::wheels(list, sink).0);
        Some(())
    };
    entries::read_some(node, &mut of_variant, sink);
    Entries(wheels)
}

fn variant(
    node: &Node,
    base: &Node,
    asked: &Entries<WheelRequirement>,
    sink: &mut Sink<'_>,
) -> Option<Variant> {
    let table = Table::read(node, VARIANT, sink)?;
    let help = "write for example `name: cuda12`";
    let name = table.required("name", help, sink).and_then(|node| {
        let name = text(node, ("the variant's `name`", "a text"), help, sink)?;
        if let Err(bad) = check_variant_name(name) {
            sink.report(node.mark, bad);
            return None;
        }
        Some(sink.located(name.to_string(), node.mark))
    });
    let about = table.value("about");
    let about = about.and_then(|node| text(node, ("about", "a text"), "write one line", sink));
    let whole = laid_over(node.clone(), base, Layering::Variant);
    let recipe = parse::recipe_asking(&whole, asked, sink)?;
    Some(Variant {
        name: name?,
        about: about.map(ToString::to_string),
        recipe,
    })
}
