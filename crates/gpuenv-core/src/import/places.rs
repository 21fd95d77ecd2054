//! From the places where wheels are looked for to `pypi-options`.

use std::fmt::Write as _;

use super::{Found, Index, draft::scalar, name_of};

/// Writes the section, if anything was found.
pub(super) fn options(text: &mut String, found: &[Found<Index>]) {
    let mut main: Option<&str> = None;
    let (mut extra, mut links, mut packages) = (Vec::new(), Vec::new(), Vec::new());
    for index in found {
        match &index.value {
            // A second main index is one more to ask.
            Index::Main(url) if main.is_none() => main = Some(url),
            Index::Main(url) | Index::Extra(url) => extra.push(scalar(url)),
            Index::Links(place) => links.push(scalar(place)),
            Index::Package(name, url) => packages.push((name_of(name), scalar(url))),
        }
    }
    if found.is_empty() {
        return;
    }
    text.push_str("pypi-options:\n");
    if let Some(url) = main {
        let _ = writeln!(text, "  index-url: {}", scalar(url));
    }
    for (key, places) in [("extra-index-urls", extra), ("find-links", links)] {
        if !places.is_empty() {
            let _ = writeln!(text, "  {key}: [{}]", places.join(", "));
        }
    }
    if !packages.is_empty() {
        text.push_str("  package-indexes:\n");
    }
    for (name, url) in packages {
        let _ = writeln!(text, "    {name}: {url}");
    }
}
