//! From the bytes of a recipe to a `Recipe`, or to everything that is wrong with it.

use std::collections::HashMap;

use rattler_conda_types::{Channel as CondaChannel, ChannelConfig, MatchSpec};

use super::{
    About, Activation, Channel, Entries, LeastMachine, Located, Recipe, Schema, Variable,
    choice::{GPU, LIBRARY_PATH, ON_OR_OFF, PROBE, choice},
    entries,
    error::Problem,
    linked, name, node,
    node::{Kind, Node},
    pypi, requirement, scalar,
    sink::Sink,
    spec::{self, BadSpec},
    syntax,
    table::{self, Form, Table, text},
    variable,
};
use crate::{
    Code, Diagnostic, Place,
    plan::{Dependency, LibraryPath, ProbeStep, WheelRequirement},
};

pub(super) const RECIPE: Form = Form {
    name: "the recipe",
    keys: &[
        "schema",
        "name",
        "about",
        "channels",
        "platforms",
        "gpu",
        "target",
        "dependencies",
        "pypi-dependencies",
        "pypi-options",
        "activation",
        "probe",
    ],
};
pub(super) const ABOUT: Form = Form {
    name: "`about`",
    keys: &[
        "summary",
        "notes",
        "homepage",
        "documentation",
        "repository",
        "license",
    ],
};
pub(super) const TARGET: Form = Form {
    name: "`target`",
    keys: &["cuda", "compute-capability", "glibc"],
};
pub(super) const ACTIVATION: Form = Form {
    name: "`activation`",
    keys: &[
        "env",
        "library-path",
        "xla",
        "memory-growth",
        "no-user-site",
        "dll-directory",
        "link-libraries",
    ],
};

/// Reads a recipe; on failure, everything that is wrong with it, in the order of the file.
///
/// `file` is how to name the file in messages. No input makes this panic, recurse
/// deeply or use more than some megabytes.
pub fn parse(file: &str, text: impl AsRef<[u8]>) -> Result<Recipe, Vec<Diagnostic>> {
    let (source, problem) = syntax::source(file, text.as_ref());
    let mut sink = Sink::new(&source);
    let recipe = match problem {
        Some((mark, problem)) => {
            sink.report(mark, problem);
            None
        }
        None => node::read(&source, &mut sink).and_then(|root| recipe(&root, &mut sink)),
    };
    match recipe {
        Some(recipe) if sink.is_empty() => Ok(recipe),
        _ if !sink.is_empty() => Err(sink.into_diagnostics()),
        _ => {
            let bug = "a recipe was refused without a reason";
            Err(vec![
                Diagnostic::error(Code::BUG, bug).at(Place::file(file)),
            ])
        }
    }
}

fn recipe(root: &Node, sink: &mut Sink<'_>) -> Option<Recipe> {
    let table = Table::read_any(root, RECIPE, sink)?;
    // What a newer form means by its keys is not ours to judge.
    schema(&table, sink)?;
    table.refuse_unknown_keys(sink);
    let name = name(&table, sink);
    let about = table.value("about").and_then(|node| about(node, sink));
    let channels = channels(&table, sink);
    let platforms = platforms(&table, sink);
    let gpu = table
        .value("gpu")
        .and_then(|node| choice(node, "gpu", GPU, sink));
    let target = table
        .value("target")
        .map(|node| entries::read_map_or_list(node, &mut least_machine, sink));
    let dependencies = dependencies(&table, channels.as_ref(), sink);
    let pypi_dependencies = table
        .value("pypi-dependencies")
        .map(|node| entries::read(node, ("`pypi-dependencies`", "numpy <2"), &mut wheel, sink));
    let pypi_options = table.value("pypi-options").map(|node| {
        let asked = pypi_dependencies.iter().flat_map(Entries::all);
        let asked: Vec<_> = asked.map(|wheel| &wheel.requirement).collect();
        let mut read = |node: &Node, sink: &mut Sink<'_>| pypi::options(node, &asked, sink);
        entries::read_map_or_list(node, &mut read, sink)
    });
    let activation = table
        .value("activation")
        .and_then(|node| activation(node, sink));
    let probe = table.value("probe").map(|node| {
        let mut step = |node: &Node, sink: &mut Sink<'_>| -> Option<Located<ProbeStep>> {
            choice(node, "probe", PROBE, sink)
        };
        entries::read(node, ("`probe`", "driver"), &mut step, sink)
    });
    Some(Recipe {
        schema: Schema,
        name: name?,
        about: about.unwrap_or_default(),
        channels: channels?,
        platforms: platforms?,
        gpu,
        target: target.unwrap_or_default(),
        dependencies: dependencies.unwrap_or_default(),
        pypi_dependencies: pypi_dependencies.unwrap_or_default(),
        pypi_options: pypi_options.unwrap_or_default(),
        activation: activation.unwrap_or_default(),
        probe,
    })
}

fn schema(table: &Table<'_>, sink: &mut Sink<'_>) -> Option<()> {
    // A recipe without it is still read, to say everything else that is wrong.
    let Some(node) = table.required("schema", "write `schema: 1` as the first line", sink) else {
        return Some(());
    };
    let Some(value) = text(node, ("`schema`", "a number"), "write `schema: 1`", sink) else {
        return Some(());
    };
    let problem = match value.parse::<u64>() {
        Ok(1) => return Some(()),
        Ok(newer) if newer > 1 => Problem::NewerSchema(newer),
        _ => Problem::BadSchema(value.to_string()),
    };
    let is_newer = matches!(problem, Problem::NewerSchema(_));
    sink.report(node.mark, problem);
    (!is_newer).then_some(())
}

fn name(table: &Table<'_>, sink: &mut Sink<'_>) -> Option<String> {
    let help = "write for example `name: my-gpu-recipe`";
    let node = table.required("name", help, sink)?;
    let name = text(node, ("`name`", "a text"), help, sink)?;
    match name::check_name(name) {
        Ok(()) => Some(name.to_string()),
        Err(bad) => {
            sink.report(node.mark, bad);
            None
        }
    }
}

fn about(node: &Node, sink: &mut Sink<'_>) -> Option<About> {
    let table = Table::read(node, ABOUT, sink)?;
    let mut value = |key: &'static str| {
        let node = table.value(key)?;
        let value = text(
            node,
            (key, "a text"),
            "write a text, quoted if it holds `: `",
            sink,
        )?;
        let is_page = matches!(key, "homepage" | "documentation" | "repository");
        if let (true, Err(bad)) = (is_page, scalar::check_page(value)) {
            sink.report(node.mark, bad);
        }
        Some(value.to_string())
    };
    Some(About {
        summary: value("summary"),
        notes: value("notes"),
        homepage: value("homepage"),
        documentation: value("documentation"),
        repository: value("repository"),
        license: value("license"),
    })
}

fn channels(table: &Table<'_>, sink: &mut Sink<'_>) -> Option<Entries<Channel>> {
    let help = "write `channels: [conda-forge]`";
    let node = table.required("channels", help, sink)?;
    let mut channel = |node: &Node, sink: &mut Sink<'_>| {
        let text = text(node, ("a channel", "a name or a URL"), help, sink)?;
        match scalar::check_channel(text) {
            Ok(()) => Some(Channel {
                text: text.to_string(),
                place: sink.place(node.mark),
            }),
            Err(bad) => {
                sink.report(node.mark, bad);
                None
            }
        }
    };
    let channels = entries::read(node, ("`channels`", "conda-forge"), &mut channel, sink);
    refuse_empty(node, "`channels`", help, sink);
    refuse_repeated(node, sink);
    Some(channels)
}

fn platforms(
    table: &Table<'_>,
    sink: &mut Sink<'_>,
) -> Option<Vec<Located<rattler_conda_types::Subdir>>> {
    let help = "write `platforms: [linux-64]`";
    let node = table.required("platforms", help, sink)?;
    let Kind::List(nodes) = &node.kind else {
        table::refuse_type(node, ("`platforms`", "a list"), help, sink);
        return None;
    };
    refuse_empty(node, "`platforms`", help, sink);
    refuse_repeated(node, sink);
    let mut platforms = Vec::new();
    for node in nodes {
        let Some(text) = text(node, ("a platform", "a text"), help, sink) else {
            continue;
        };
        match scalar::platform(text) {
            Ok(platform) => platforms.push(sink.located(platform, node.mark)),
            Err(bad) => sink.report(node.mark, bad),
        }
    }
    Some(platforms)
}

fn refuse_empty(node: &Node, what: &'static str, help: &'static str, sink: &mut Sink<'_>) {
    if matches!(&node.kind, Kind::List(nodes) if nodes.is_empty()) {
        sink.report(node.mark, Problem::EmptyList { what, help });
    }
}

/// Refuses a text that stands in a list twice.
fn refuse_repeated(node: &Node, sink: &mut Sink<'_>) {
    let Kind::List(nodes) = &node.kind else {
        return;
    };
    let mut lines: HashMap<&str, usize> = HashMap::new();
    for node in nodes {
        let Kind::Text(value) = &node.kind else {
            continue;
        };
        match lines.get(value.as_str()) {
            Some(&first) => {
                let value = value.clone();
                sink.report(node.mark, Problem::Repeated { value, first });
            }
            None => {
                lines.insert(value, node.mark.line);
            }
        }
    }
}

fn least_machine(node: &Node, sink: &mut Sink<'_>) -> Option<LeastMachine> {
    let table = Table::read(node, TARGET, sink)?;
    Some(LeastMachine {
        cuda: version(&table, "cuda", scalar::cuda, sink),
        compute_capability: version(
            &table,
            "compute-capability",
            scalar::compute_capability,
            sink,
        ),
        glibc: version(&table, "glibc", scalar::glibc, sink),
    })
}

fn version<T>(
    table: &Table<'_>,
    key: &'static str,
    read: fn(&str) -> Result<T, scalar::BadVersion>,
    sink: &mut Sink<'_>,
) -> Option<Located<T>> {
    let node = table.value(key)?;
    let text = text(
        node,
        (key, "a version"),
        "write for example `\"12.4\"`",
        sink,
    )?;
    match read(text) {
        Ok(version) => Some(sink.located(version, node.mark)),
        Err(bad) => {
            sink.report(node.mark, bad);
            None
        }
    }
}

fn dependencies(
    table: &Table<'_>,
    channels: Option<&Entries<Channel>>,
    sink: &mut Sink<'_>,
) -> Option<Entries<Dependency>> {
    let node = table.value("dependencies")?;
    let known: Vec<CondaChannel> = channels.map_or_else(Vec::new, |channels| {
        let channels = channels.all().into_iter();
        channels
            .filter_map(|channel| conda_channel(&channel.text))
            .collect()
    });
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
    Some(entries::read(node, example, &mut dependency, sink))
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

fn activation(node: &Node, sink: &mut Sink<'_>) -> Option<Activation> {
    let table = Table::read(node, ACTIVATION, sink)?;
    let env = table
        .value("env")
        .map(|node| entries::read_map_or_list(node, &mut variables, sink));
    let library_path = table
        .value("library-path")
        .and_then(|node| choice(node, "library-path", LIBRARY_PATH, sink));
    let link_libraries = table.value("link-libraries").map(|node| {
        let what = ("`link-libraries`", "tensorflow");
        entries::read(node, what, &mut linked::folder, sink)
    });
    let mut is_on = |key: &'static str| {
        let value = table.value(key);
        value
            .and_then(|node| choice(node, key, ON_OR_OFF, sink))
            .is_some_and(|located| located.value)
    };
    Some(Activation {
        env: env.unwrap_or_default(),
        library_path: library_path.map_or_else(LibraryPath::default, |located| located.value),
        xla: is_on("xla"),
        memory_growth: is_on("memory-growth"),
        no_user_site: is_on("no-user-site"),
        dll_directory: is_on("dll-directory"),
        link_libraries: link_libraries.unwrap_or_default(),
    })
}

fn variables(node: &Node, sink: &mut Sink<'_>) -> Option<Vec<Variable>> {
    let what = "`env`";
    let Kind::Map(map) = &node.kind else {
        let help = "write `NAME: \"value\"` in a line each";
        table::refuse_type(node, (what, "a map"), help, sink);
        return None;
    };
    let mut variables = Vec::new();
    for (name, mark, value) in table::entries(map, what, sink) {
        if let Err(bad) = variable::check_variable(name) {
            sink.report(mark, bad);
        }
        let help = "write a text; an empty one is `\"\"`";
        let Some(value) = text(value, ("the variable's value", "a text"), help, sink) else {
            continue;
        };
        variables.push(Variable {
            name: name.to_string(),
            value: value.to_string(),
            place: sink.place(mark),
        });
    }
    Some(variables)
}
