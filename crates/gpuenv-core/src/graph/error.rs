//! A package or platform that is not there.

use super::Graph;
use crate::{Code, Diagnostic, recipe::suggest};

/// How many names are told.
const SHOWN: usize = 8;

/// Says that a package is not there, and what is near it.
pub fn absent(graph: &Graph, wanted: &str, place: &str, platform: &str) -> Diagnostic {
    let message = format!("`{wanted}` is not in {place} for {platform}");
    let mut diagnostic = Diagnostic::error(Code::LOOK_NO_PACKAGE, message);
    let name = wanted.trim().to_lowercase();
    for (index, text) in graph.restricting(&name).into_iter().take(SHOWN) {
        let by = graph.packages[index].label();
        diagnostic = diagnostic.cause(format!(
            "nothing needs it; where it is, `{by}` accepts only `{text}`"
        ));
    }
    let meant = suggest(&name, graph.names());
    if let Some(meant) = meant {
        diagnostic = diagnostic.help(format!("did you mean `{meant}`?"));
    }
    let mut near: Vec<&str> = graph
        .names()
        .filter(|known| known.contains(&name))
        .collect();
    near.retain(|known| Some(*known) != meant);
    near.dedup();
    near.truncate(SHOWN);
    match near.is_empty() || name.is_empty() {
        true => diagnostic,
        false => diagnostic.help(format!("there are `{}`", near.join("`, `"))),
    }
}

/// Says that a lock or environment is for other platforms.
pub fn no_platform<'p>(
    place: &str,
    wanted: &str,
    there: impl IntoIterator<Item = &'p str>,
) -> Diagnostic {
    let there: Vec<&str> = there.into_iter().collect();
    let message = format!("{place} does not cover {wanted}");
    let diagnostic = Diagnostic::error(Code::LOOK_NO_PLATFORM, message);
    match there.is_empty() {
        true => diagnostic,
        false => diagnostic.help(format!(
            "it covers `--platform {}`",
            there.join("`, `--platform ")
        )),
    }
}
