//! `gpuenv explain`: the page of a diagnostic code, from inside the binary.

use gpuenv_core::Code;
use include_dir::{Dir, include_dir};

use crate::{Failure, Outcome, Session};

static PAGES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../docs/errors");

/// Explain a diagnostic code, or list them all
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The code, for example `GE203`
    pub code: Option<String>,
}

impl Args {
    /// Returns false: the pages are text.
    pub fn json(&self) -> bool {
        false
    }
}

/// Prints the page.
///
/// # Errors
/// Returns which codes are near if that one does not exist.
pub fn run(args: Args, _session: &Session) -> Result<Outcome, Failure> {
    let Some(text) = args.code else {
        return Ok(Outcome::done().text(listing()));
    };
    let code = parse(&text)?;
    Ok(Outcome::done().text(page(code)))
}

/// Returns every code with its title, a line each.
fn listing() -> String {
    let line = |(code, title): &(Code, &str)| format!("{code}  {title}\n");
    Code::ALL.iter().map(line).collect()
}

fn parse(text: &str) -> Result<Code, Failure> {
    text.trim().to_ascii_uppercase().parse().map_err(|_| {
        let message = format!("`{text}` is not a diagnostic code");
        let failure = Failure::usage(message);
        match nearest(text) {
            Some((code, title)) => {
                failure.help(format!("did you mean `gpuenv explain {code}` ({title})?"))
            }
            None => failure.help("`gpuenv explain` lists all codes"),
        }
    })
}

/// Returns the code that looks most like the text, if one does.
fn nearest(text: &str) -> Option<(Code, &'static str)> {
    let digits: String = text.chars().filter(char::is_ascii_digit).take(8).collect();
    let number: u16 = digits.parse().ok()?;
    let distance = |code: Code| strsim::damerau_levenshtein(&code.number().to_string(), &digits);
    let near = Code::ALL.iter().filter(|(code, _)| distance(*code) <= 1);
    let nearest = near.min_by_key(|(code, _)| code.number().abs_diff(number));
    nearest.copied()
}

fn page(code: Code) -> String {
    PAGES
        .get_file(format!("{code}.md"))
        .and_then(|file| file.contents_utf8())
        .map_or_else(
            || format!("# {code}: {}\n", code.title()),
            |text| text.replace("\r\n", "\n"),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_in_any_dress() {
        for text in ["GE901", "ge901", "901", " Ge901 "] {
            assert_eq!(parse(text).ok(), Some(Code::BUG), "{text}");
        }
    }

    #[test]
    fn a_near_miss_is_named_and_nonsense_is_not() {
        assert_eq!(nearest("GE902").map(|(code, _)| code), Some(Code::BUG));
        assert!(nearest("hello").is_none());
        assert!(nearest(&"9".repeat(100_000)).is_none());
    }
}
