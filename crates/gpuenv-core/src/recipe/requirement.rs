//! PyPI dependencies: PEP 508 requirements for wheels.
//!
//! Anything that would make a lock differ between machines is refused here:
//! files, environment variables, secrets.

use pep508_rs::{Requirement, VersionOrUrl};

/// Requirements longer than this are not read: the parser recurses over parentheses.
const LONGEST: usize = 400;

/// Why text is not a PEP 508 requirement, and where in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct BadRequirement {
    /// What is wrong.
    pub problem: RequirementProblem,
    /// The first wrong character, counted from 0.
    pub at: usize,
    /// How many characters are wrong.
    pub length: usize,
}

/// Why text is not a PEP 508 requirement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequirementProblem {
    /// It is too long.
    #[error("a requirement has at most {LONGEST} characters")]
    Length,
    /// It cannot be read.
    #[error("this is not a PEP 508 requirement: {reason}")]
    Unreadable {
        /// What the parser says.
        reason: String,
        /// What was probably meant.
        better: Option<String>,
    },
    /// It depends on an environment variable.
    #[error("a requirement cannot depend on an environment variable")]
    Variable,
    /// It names an address that is not `https`, or one with a secret.
    #[error("a requirement's address must be `https://…` without a user name or password")]
    Address,
}

impl BadRequirement {
    fn whole(problem: RequirementProblem) -> Self {
        Self {
            problem,
            at: 0,
            length: LONGEST,
        }
    }

    pub(super) fn help(&self) -> String {
        match &self.problem {
            RequirementProblem::Length => "write one package per entry".to_string(),
            RequirementProblem::Unreadable {
                better: Some(better),
                ..
            } => {
                format!("did you mean `{better}`?")
            }
            RequirementProblem::Unreadable { better: None, .. } => {
                "write `name`, `name==1.2.*` or `name>=1.2,<2`, quoted inside `[…]`".to_string()
            }
            RequirementProblem::Variable => "write the value itself".to_string(),
            RequirementProblem::Address => {
                "write the name and version of a package of the index".to_string()
            }
        }
    }
}

/// Reads a PyPI dependency.
pub fn wheel(text: &str) -> Result<Requirement, BadRequirement> {
    if text.chars().count() > LONGEST {
        return Err(BadRequirement::whole(RequirementProblem::Length));
    }
    // Beyond ASCII the parser loses count of bytes and characters, and panics.
    let is_foreign = |c: char| !c.is_ascii_graphic() && c != ' ';
    if let Some((at, c)) = text.chars().enumerate().find(|(_, c)| is_foreign(*c)) {
        let reason = format!("`{}` cannot be part of one", c.escape_debug());
        let problem = RequirementProblem::Unreadable {
            reason,
            better: None,
        };
        return Err(BadRequirement {
            problem,
            at,
            length: 1,
        });
    }
    // The parser would put the variable's value in.
    if let Some(at) = text.chars().position(|c| c == '$') {
        let problem = RequirementProblem::Variable;
        return Err(BadRequirement {
            problem,
            at,
            length: 1,
        });
    }
    if text.contains("://") && !is_safe_address(text) {
        return Err(BadRequirement::whole(RequirementProblem::Address));
    }
    refuse_open_ends(text)?;
    let requirement: Requirement = text.parse().map_err(|error| unreadable(text, &error))?;
    match &requirement.version_or_url {
        Some(VersionOrUrl::Url(url)) if url.scheme() != "https" => {
            Err(BadRequirement::whole(RequirementProblem::Address))
        }
        _ => Ok(requirement),
    }
}

/// Refuses a name or extra that ends in `.`, `-` or `_`: the parser panics at some of them.
fn refuse_open_ends(text: &str) -> Result<(), BadRequirement> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let mut names = String::new();
    let mut inside = false;
    for character in text.chars() {
        match character {
            '[' if !inside => inside = true,
            ']' if inside => break,
            c if inside || is_name(c) || names.trim().is_empty() => {}
            c if c.is_whitespace() => {}
            _ => break,
        }
        names.push(character);
    }
    let characters: Vec<char> = names.chars().chain([' ']).collect();
    let open = characters
        .windows(2)
        .position(|pair| matches!(pair[0], '.' | '-' | '_') && !is_name(pair[1]));
    match open {
        None => Ok(()),
        Some(at) => {
            let reason = format!("a name cannot end in `{}`", characters[at]);
            let problem = RequirementProblem::Unreadable {
                reason,
                better: None,
            };
            Err(BadRequirement {
                problem,
                at,
                length: 1,
            })
        }
    }
}

fn is_safe_address(text: &str) -> bool {
    let address = text
        .split_once('@')
        .map_or("", |(_, address)| address.trim());
    address.strip_prefix("https://").is_some_and(|rest| {
        let host = rest.split(['/', '?', '#', ' ']).next().unwrap_or_default();
        !host.is_empty() && !host.contains('@')
    })
}

fn unreadable(text: &str, error: &pep508_rs::Pep508Error) -> BadRequirement {
    let characters = |bytes: usize| {
        text.char_indices()
            .take_while(|(at, _)| *at < bytes)
            .count()
    };
    let at = characters(error.start);
    let end = characters(error.start.saturating_add(error.len));
    // Not `error.to_string()`: that draws its own line and caret.
    let reason = error.message.to_string();
    let reason = reason.split(". ").next().unwrap_or_default();
    BadRequirement {
        problem: RequirementProblem::Unreadable {
            reason: reason.trim_end_matches('.').to_string(),
            better: better(text),
        },
        at,
        length: (end - at).max(1),
    }
}

/// Returns what was probably meant, if that can be read.
fn better(text: &str) -> Option<String> {
    let text = text.trim();
    let at = text.find(|c: char| c.is_whitespace() || "=<>!~@".contains(c))?;
    let (name, rest) = text.split_at(at);
    let version = rest.trim_start_matches(['=', ' ']);
    let candidates = [
        format!("{name}=={version}"),
        format!(
            "{name}{}",
            rest.replace(" <", ",<")
                .replace(" >", ",>")
                .trim_start_matches(',')
        ),
    ];
    let fits =
        |candidate: &String| !candidate.contains("://") && candidate.parse::<Requirement>().is_ok();
    candidates.into_iter().find(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_follow_pep_508() {
        for good in [
            "tensorflow <2.11",
            "numpy",
            "jax[cuda12]>=0.4",
            "x>=1; python_version > '3.8'",
            "x @ https://example.org/x-1.0-py3-none-any.whl",
        ] {
            assert!(wheel(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn a_bad_requirement_names_its_characters() {
        let at = |text: &str| {
            let bad = wheel(text).unwrap_err();
            (bad.at, bad.length, bad.help())
        };
        let told = |at, length, better: &str| (at, length, format!("did you mean `{better}`?"));
        assert_eq!(at("numpy=1.2"), told(5, 4, "numpy==1.2"));
        assert_eq!(at("numpy 1.2"), told(6, 1, "numpy==1.2"));
        assert_eq!(at("numpy>1 <2"), told(5, 5, "numpy>1,<2"));
        assert!(at("-e .").2.starts_with("write `name`"));
        assert!(at("./foo").2.starts_with("write `name`"));
    }

    #[test]
    fn what_the_parser_panics_at_is_refused_where_it_stands() {
        for (bad, at) in [
            ("numpy. <2", 5),
            ("p./x", 1),
            ("  p-;x", 3),
            ("x[a_]", 3),
            ("x[a,b.] >1", 5),
            ("x [a- ]", 4),
            ("p.", 1),
            ("p_[a]", 1),
            ("x; os_name == 'nt  2  '\u{6d0}'", 23),
            ("numpy\t>1", 5),
        ] {
            assert_eq!(wheel(bad).unwrap_err().at, at, "{bad}");
        }
    }

    #[test]
    fn a_requirement_means_the_same_on_every_machine() {
        let problem = |text: &str| wheel(text).unwrap_err().problem;
        let variable = problem("x @ https://${HOME}@example.org/x.whl");
        assert_eq!(variable, RequirementProblem::Variable);
        for bad in [
            "x @ file:///tmp/x.whl",
            "x @ http://example.org/x.whl",
            "x @ https://user:hunter2@example.org/x.whl",
            "x @ git+https://example.org/x",
        ] {
            assert_eq!(problem(bad), RequirementProblem::Address, "{bad}");
        }
    }

    #[test]
    fn nesting_does_not_exhaust_the_stack() {
        for open in ["(", "[", "a (", "a; (", "a[", "a; not ("] {
            let text: String = open.repeat(1000).chars().take(LONGEST).collect();
            for text in [text.clone(), format!("a; {}", &text[..LONGEST - 3])] {
                assert!(wheel(&text).is_err());
            }
        }
    }
}
