//! `activation.link-libraries`: folders below `site-packages`.

use super::{Located, node::Node, sink::Sink, table::text};

/// Why text is no folder below `site-packages`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a folder below `site-packages`")]
pub struct BadFolder(String);

impl BadFolder {
    pub(super) fn help(&self) -> String {
        "write the name by which Python imports the package, for example `tensorflow`".to_string()
    }
}

/// Reads one.
pub(super) fn folder(node: &Node, sink: &mut Sink<'_>) -> Option<Located<String>> {
    let what = ("`link-libraries`", "the folder of a package");
    let text = text(node, what, "write for example `tensorflow`", sink)?;
    match check(text) {
        Ok(()) => Some(sink.located(text.to_string(), node.mark)),
        Err(bad) => {
            sink.report(node.mark, bad);
            None
        }
    }
}

/// Checks that a text is a folder that a package can have, and leads nowhere else.
///
/// # Errors
/// Fails if it could lead elsewhere.
pub fn check(text: &str) -> Result<(), BadFolder> {
    let is_part = |part: &str| {
        part.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
            && part.bytes().any(|byte| byte.is_ascii_alphanumeric())
            && !part.starts_with('.')
    };
    let fits = text.len() <= 200 && text.split('/').count() <= 8;
    match fits && text.split('/').all(is_part) {
        true => Ok(()),
        false => Err(BadFolder(text.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_lies_below_site_packages() {
        for good in ["tensorflow", "jaxlib/cuda", "x.libs"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [
            "", "..", "a/../..", "/a", "a/", "a//b", ".a", "a b", r"a\b", "__/x",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
