//! The packages of a recipe, read from its file.

use rattler_conda_types::{Channel as CondaChannel, ChannelConfig, MatchSpec};

use super::{
    Channel, Entries, entries,
    node::{Kind, Node},
    requirement,
    sink::Sink,
    spec::{self, BadSpec},
    table::text,
};
use crate::plan::{Dependency, WheelRequirement};

/// Reads conda dependencies. A channel in one must be one of these.
pub(super) fn dependencies(
    node: &Node,
    channels: &[&Entries<Channel>],
    sink: &mut Sink<'_>,
) -> Entries<Dependency> {
    let channels = channels.iter().flat_map(|channels| channels.all());
    let known: Vec<CondaChannel> = channels
        .filter_map(|channel| conda_channel(&channel.text))
        .collect();
    let mut dependency = |node: &Node, sink: &mut Sink<'_>| {
        let text = dependency_text(node, sink)?;
        let checked = spec::dependency(text).and_then(|spec| own_channel(spec, &known));
        match checked {
            Ok(spec) => Some(Dependency {
                spec,
                text: text.to_string(),
                place: Some(sink.place(node.mark)),
            }),
            Err(bad) => {
                sink.report(node.mark, bad);
                None
            }
        }
    };
    let example = ("`dependencies`", "python 3.12.*");
    entries::read(node, example, &mut dependency, sink)
}

fn conda_channel(text: &str) -> Option<CondaChannel> {
    // No channel that passed the check is a path, so the root is never looked at.
    let config = ChannelConfig::default_with_root_dir("/".into());
    CondaChannel::from_str(text, &config).ok()
}

/// Refuses a spec whose channel is none of the recipe's.
fn own_channel(spec: MatchSpec, known: &[CondaChannel]) -> Result<MatchSpec, BadSpec> {
    let Some(wanted) = &spec.channel else {
        return Ok(spec);
    };
    match known
        .iter()
        .any(|channel| channel.base_url == wanted.base_url)
    {
        true => Ok(spec),
        false => Err(BadSpec::ForeignChannel(wanted.name().to_string())),
    }
}

/// Returns the text of a dependency, with help for habits of other formats.
fn dependency_text<'n>(node: &'n Node, sink: &mut Sink<'_>) -> Option<&'n str> {
    let help = match &node.kind {
        Kind::Map(map) => match map.as_slice() {
            [
                (
                    Node {
                        kind: Kind::Text(key),
                        ..
                    },
                    _,
                ),
            ] if key == "pip" => {
                "move these to `pypi-dependencies`, a key of the recipe".to_string()
            }
            [
                (
                    Node {
                        kind: Kind::Text(name),
                        ..
                    },
                    Node {
                        kind: Kind::Text(value),
                        ..
                    },
                ),
            ] => {
                format!("write `{name} {value}`, without the `:`")
            }
            _ => "write `python 3.12.*`, for example".to_string(),
        },
        Kind::Text(_) | Kind::Nothing | Kind::List(_) | Kind::Refused => {
            "write `python 3.12.*`, for example".to_string()
        }
    };
    text(node, ("a dependency", "a match spec"), &help, sink)
}

/// Reads PyPI dependencies.
pub(super) fn wheels(node: &Node, sink: &mut Sink<'_>) -> Entries<WheelRequirement> {
    let example = ("`pypi-dependencies`", "numpy <2");
    entries::read(node, example, &mut wheel, sink)
}

fn wheel(node: &Node, sink: &mut Sink<'_>) -> Option<WheelRequirement> {
    let what = ("a dependency", "a PEP 508 requirement");
    let text = text(node, what, "write `numpy <2`, for example", sink)?;
    match requirement::wheel(text) {
        Ok(requirement) => Some(WheelRequirement {
            requirement,
            text: text.to_string(),
            place: Some(sink.place(node.mark)),
        }),
        Err(bad) => {
            sink.report_within(node.mark, text, (bad.at, bad.length), bad);
            None
        }
    }
}
