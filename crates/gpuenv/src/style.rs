//! Styles by meaning: other files say what a text is, here is how that looks.

use std::fmt::Display;

use annotate_snippets::renderer::{AnsiColor, Effects, Style};

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// Something failed.
    Error,
    /// Something deserves a look.
    Warning,
    /// Something is worth knowing.
    Note,
    /// What the user can do.
    Help,
    /// Something is as it should be.
    Good,
    /// A thing that the user can type or open.
    Literal,
    /// A heading.
    Heading,
    /// Something that may be overlooked.
    Aside,
    /// What stands beside a source line.
    Margin,
}

impl Meaning {
    /// Returns how it looks.
    pub const fn style(self) -> Style {
        match self {
            Self::Error => AnsiColor::BrightRed.on_default().effects(Effects::BOLD),
            Self::Warning => AnsiColor::BrightYellow.on_default().effects(Effects::BOLD),
            Self::Note | Self::Margin => AnsiColor::BrightBlue.on_default().effects(Effects::BOLD),
            Self::Help => AnsiColor::BrightCyan.on_default().effects(Effects::BOLD),
            Self::Good => AnsiColor::BrightGreen.on_default().effects(Effects::BOLD),
            Self::Literal => AnsiColor::Cyan.on_default(),
            Self::Heading => Style::new().effects(Effects::BOLD),
            Self::Aside => Style::new().effects(Effects::DIMMED),
        }
    }
}

/// Returns the text in the style of its meaning.
pub fn styled(meaning: Meaning, text: impl Display) -> String {
    let style = meaning.style();
    format!("{style}{text}{style:#}")
}

/// Returns the text with everything between backticks in the style of a literal.
pub fn with_literals(text: &str) -> String {
    let mut parts = text.split('`');
    let mut styled_text = parts.next().unwrap_or_default().to_string();
    while let Some(inside) = parts.next() {
        match parts.next() {
            Some(outside) => {
                styled_text += &styled(Meaning::Literal, format_args!("`{inside}`"));
                styled_text += outside;
            }
            // A backtick without a partner is just a backtick.
            None => {
                styled_text.push('`');
                styled_text += inside;
            }
        }
    }
    styled_text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pairs_of_backticks_are_literals() {
        assert_eq!(
            with_literals("type `a b` or `c"),
            "type \u{1b}[36m`a b`\u{1b}[0m or `c"
        );
        assert_eq!(with_literals(""), "");
    }
}
