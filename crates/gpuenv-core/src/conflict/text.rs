//! The tree as text, a line for each branch.

use super::{Choice, Conflict, Origin, Other, Reason, Want};

impl Conflict {
    /// Returns the tree as lines of text; `None` where it has no branches, and
    /// the message says all.
    pub fn tree(&self) -> Option<String> {
        // What the target has stands where something does not accept it.
        let wants = self.wants.iter().filter(|want| want.by == Origin::Recipe);
        let mut lines = Vec::new();
        let mut roots = 0;
        for want in wants {
            roots += 1;
            lines.push(format!("the recipe asks for {}", asked(want)));
            below_want(want, "", &mut lines);
        }
        (lines.len() > roots).then(|| lines.join("\n"))
    }
}

/// Adds the branches of a node; the last one of them has another corner.
fn branches(nodes: Vec<Node<'_>>, indent: &str, lines: &mut Vec<String>) {
    let last = nodes.len().saturating_sub(1);
    for (position, node) in nodes.into_iter().enumerate() {
        let (corner, line) = match position == last {
            true => ("└─ ", "   "),
            false => ("├─ ", "│  "),
        };
        lines.push(format!("{indent}{corner}{}", node.text));
        let indent = format!("{indent}{line}");
        match node.below {
            Below::Nothing => {}
            Below::Choice(choice) => below_choice(choice, &indent, lines),
            Below::Want(want) => below_want(want, &indent, lines),
        }
    }
}

struct Node<'a> {
    text: String,
    below: Below<'a>,
}

enum Below<'a> {
    Nothing,
    Choice(&'a Choice),
    Want(&'a Want),
}

fn below_want(want: &Want, indent: &str, lines: &mut Vec<String>) {
    let nodes = want.choices.iter().map(|choice| match alone(choice) {
        Some(reason) => Node {
            text: format!("{}: {reason}", packages(choice)),
            below: Below::Nothing,
        },
        None => Node {
            text: packages(choice),
            below: Below::Choice(choice),
        },
    });
    let mut nodes: Vec<Node<'_>> = nodes.collect();
    if want.left_out > 0 {
        nodes.push(Node {
            text: format!("… and {}", counted(want.left_out, "more package")),
            below: Below::Nothing,
        });
    }
    branches(nodes, indent, lines);
}

fn below_choice(choice: &Choice, indent: &str, lines: &mut Vec<String>) {
    let nodes = choice.reasons.iter().map(|reason| Node {
        text: said(reason),
        below: wanted(reason).map_or(Below::Nothing, Below::Want),
    });
    let mut nodes: Vec<Node<'_>> = nodes.collect();
    if choice.left_out > 0 {
        nodes.push(Node {
            text: format!("… and {}", counted(choice.left_out, "more reason")),
            below: Below::Nothing,
        });
    }
    branches(nodes, indent, lines);
}

fn wanted(reason: &Reason) -> Option<&Want> {
    if let Reason::Needs { want } = reason {
        return Some(want);
    }
    None
}

/// Returns the one reason that fits on the line of its packages.
fn alone(choice: &Choice) -> Option<String> {
    match choice.reasons.as_slice() {
        [Reason::Needs { want }] if !want.choices.is_empty() => None,
        [reason] if choice.left_out == 0 => Some(said(reason)),
        _ => None,
    }
}

fn said(reason: &Reason) -> String {
    match reason {
        Reason::Needs { want } => format!("needs {}", asked(want)),
        Reason::AcceptsOnly { specs, not } => {
            format!(
                "accepts only {}, not {}",
                quoted(specs, " or "),
                quoted(not, ", ")
            )
        }
        Reason::Besides { others } => {
            let others: Vec<String> = others.iter().map(other).collect();
            others.join(", and ")
        }
        Reason::Hidden { channel, behind } => format!(
            "of `{channel}`, hidden because `{behind}` comes first and has packages of that name"
        ),
        Reason::OtherChannel { channel } => {
            format!("of `{channel}`, and the recipe names another channel")
        }
        Reason::TooNew { built: Some(built) } => {
            format!("built on {built} or later, after `--exclude-newer`")
        }
        Reason::TooNew { built: None } => {
            "without a date, so `--exclude-newer` leaves it out".to_string()
        }
        Reason::RuledOut { gpu } => format!("ruled out by `gpu: {gpu}`"),
    }
}

fn other(other: &Other) -> String {
    match &other.by {
        None => format!("the recipe asks for `{}` as well", other.spec),
        Some(by) => format!("`{by}` needs `{}`", other.spec),
    }
}

/// Returns what is asked for, and what there is instead where nothing fits.
fn asked(want: &Want) -> String {
    let mut asked = quoted(&want.specs, " or ");
    if want.more_specs > 0 {
        asked += " or the like";
    }
    if want.above {
        return format!("{asked}, see above");
    }
    if !want.choices.is_empty() || want.left_out > 0 {
        return asked;
    }
    let spec = want.specs.first().map_or("", String::as_str);
    match (spec.starts_with("__"), want.there.is_empty()) {
        (true, true) => format!("{asked}, which the target does not have"),
        (true, false) => format!("{asked}, the target has {}", quoted(&want.there, ", ")),
        (false, true) => format!("{asked}, and no channel has a package of that name"),
        (false, false) => {
            format!(
                "{asked}, which no channel has; there is {}",
                quoted(&want.there, ", ")
            )
        }
    }
}

/// Returns the names and versions of a choice.
fn packages(choice: &Choice) -> String {
    let Choice { name, build, .. } = choice;
    let versions = choice.versions.iter().map(|version| match build {
        Some(build) => format!("`{name} {version} {build}`"),
        None => format!("`{name} {version}`"),
    });
    let mut text = versions.collect::<Vec<_>>().join(", ");
    if choice.more_versions > 0 {
        text += &format!(" and {}", counted(choice.more_versions, "more version"));
    }
    if choice.packages > choice.versions.len() + choice.more_versions {
        text += &format!(" ({})", counted(choice.packages, "build"));
    }
    text
}

fn quoted(words: &[String], between: &str) -> String {
    let words = words.iter().map(|word| format!("`{word}`"));
    words.collect::<Vec<_>>().join(between)
}

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        more => format!("{more} {what}s"),
    }
}
