//! Selectors in comments, `# [win]`, as the condition of a recipe.

use crate::recipe::Condition;

/// What a comment behind an entry says about platforms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Selector {
    /// Nothing.
    None,
    /// The entry counts where this holds.
    On(String),
    /// It looks like a selector, and means nothing to a recipe.
    Unknown(String),
}

/// Reads the selector in the rest of a line.
pub(crate) fn selector(rest: &str) -> Selector {
    let Some((_, comment)) = rest.split_once('#') else {
        return Selector::None;
    };
    let inside = comment
        .trim()
        .strip_prefix('[')
        .and_then(|text| text.split_once(']'));
    let Some((inside, _)) = inside else {
        return Selector::None;
    };
    condition(inside).map_or_else(
        || Selector::Unknown(inside.trim().to_string()),
        Selector::On,
    )
}

/// Brings the words of conda-build, pixi and conda-lock into those of recipes.
pub(crate) fn condition(text: &str) -> Option<String> {
    let words = text.split_inclusive([' ', '(', ')']).map(|word| {
        let bare = word.trim_end_matches([' ', '(', ')']);
        let tail = &word[bare.len()..];
        let known = match bare {
            "linux64" => "linux-64",
            "win64" => "win-64",
            "osx64" => "osx-64",
            "arm64" => "osx-arm64",
            "x86" => "x86_64",
            other => other,
        };
        format!("{known}{tail}")
    });
    let text: String = words.collect();
    let condition: Condition = text.trim().parse().ok()?;
    Some(condition.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_become_conditions() {
        let on = |text: &str| Selector::On(text.to_string());
        for (rest, expected) in [
            ("", Selector::None),
            ("  # for Windows", Selector::None),
            ("  # [win]", on("win")),
            ("# [not win]", on("not win")),
            (" # [linux64]  and more", on("linux-64")),
            (" # [linux or osx]", on("linux or osx")),
            (" # [unix and not osx]", on("unix and not osx")),
            ("# [py<39]", Selector::Unknown("py<39".to_string())),
        ] {
            assert_eq!(selector(rest), expected, "{rest}");
        }
    }
}
