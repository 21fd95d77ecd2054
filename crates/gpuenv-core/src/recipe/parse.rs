//! From the bytes of a recipe to a `Recipe`, or to everything that is wrong with it.

use std::collections::HashMap;

use super::{
    About, Activation, Channel, Entries, LeastMachine, Located, Recipe, Schema, Selection,
    Variable,
    choice::{GPU, LIBRARY_PATH, ON_OR_OFF, PROBE, choice},
    entries,
    error::Problem,
    feature, layers, linked, name,
    node::{Kind, Node},
    packages,
    parameter::{self, Parameter},
    pypi, scalar,
    sink::Sink,
    table::{self, Form, Table, text},
    variable, variant,
};
use crate::{
    Diagnostic,
    plan::{LibraryPath, ProbeStep, WheelRequirement},
};

pub(super) const RECIPE: Form = Form {
    name: "the recipe",
    keys: &[
        "schema",
        "name",
        "extends",
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
        "parameters",
        "features",
        "variants",
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
    layers::alone(file, text.as_ref())
}

/// Reads the tree of a recipe to which everything has been added that it extends and
/// that was chosen.
pub(super) fn recipe(root: &Node, sink: &mut Sink<'_>) -> Option<Recipe> {
    let variants = root.value("variants");
    let of_variants = variants.map(|node| variant::wheels(node, sink));
    let of_variants = of_variants.unwrap_or_default();
    let mut recipe = recipe_asking(root, &of_variants, sink);
    if let Some(node) = variants {
        let variants = variant::read(node, root, &of_variants, sink);
        if let Some(recipe) = &mut recipe {
            recipe.variants = variants;
        }
    }
    recipe
}

/// Reads a recipe without its variants. An index of its own may also be for a wheel
/// that only one of them asks for.
pub(super) fn recipe_asking(
    root: &Node,
    of_variants: &Entries<WheelRequirement>,
    sink: &mut Sink<'_>,
) -> Option<Recipe> {
    let table = Table::read_any(root, RECIPE, sink)?;
    // What a newer form means by its keys is not ours to judge.
    schema(&table, sink)?;
    table.refuse_unknown_keys(sink);
    let name = name(&table, sink);
    let extends = extends(root, sink);
    let about = table.value("about").and_then(|node| about(node, sink));
    let channels = channels(&table, sink);
    let platforms = platforms(&table, sink);
    let gpu = table
        .value("gpu")
        .and_then(|node| choice(node, "gpu", GPU, sink));
    let conda = table.value("dependencies");
    let known: Vec<&Entries<Channel>> = channels.iter().collect();
    let dependencies = conda.map(|node| packages::dependencies(node, &known, sink));
    let wheels = table.value("pypi-dependencies");
    let wheels = wheels.map(|node| packages::wheels(node, sink));
    let parameters = table.value("parameters").map(|node| {
        let declared = parameter::declared(node, sink);
        declared.iter().map(Parameter::choice).collect()
    });
    let features = table.value("features");
    let features = features.map(|node| feature::read(node, channels.as_ref(), sink));
    let features = features.unwrap_or_default();
    let pypi_options = table.value("pypi-options").map(|node| {
        // An index of its own may be for a package that only a feature asks for.
        let optional = features
            .iter()
            .map(|(_, feature)| &feature.pypi_dependencies);
        let asked = wheels.iter().chain(optional).chain([of_variants]);
        let asked = asked.flat_map(Entries::all);
        let asked: Vec<_> = asked.map(|wheel| &wheel.requirement).collect();
        let mut read = |node: &Node, sink: &mut Sink<'_>| pypi::options(node, &asked, sink);
        entries::read_map_or_list(node, &mut read, sink)
    });
    Some(Recipe {
        schema: Schema,
        target: target(&table, sink),
        activation: activation(&table, sink),
        probe: probe(&table, sink),
        name: name?,
        extends,
        about: about.unwrap_or_default(),
        channels: channels?,
        platforms: platforms?,
        gpu,
        dependencies: dependencies.unwrap_or_default(),
        pypi_dependencies: wheels.unwrap_or_default(),
        pypi_options: pypi_options.unwrap_or_default(),
        parameters: parameters.unwrap_or_default(),
        features,
        variants: Entries::default(),
        selection: Selection::default(),
    })
}

/// Checks what a recipe must say also where another one extends it.
pub(super) fn check_head(root: &Node, sink: &mut Sink<'_>) {
    let Some(table) = Table::read_any(root, RECIPE, sink) else {
        return;
    };
    if schema(&table, sink).is_some() {
        table.refuse_unknown_keys(sink);
        name(&table, sink);
    }
}

/// Reads which recipes this one extends: one, or a list of them.
pub(super) fn extends(root: &Node, sink: &mut Sink<'_>) -> Vec<Located<String>> {
    let Some(node) = root.value("extends") else {
        return Vec::new();
    };
    let help = "write `extends: pytorch-gpu`, or `extends: ./base.yaml`";
    let mut parents = Vec::new();
    for node in node.items() {
        let parent = text(node, ("`extends`", "a recipe's name or path"), help, sink);
        parents.extend(parent.map(|name| sink.located(name.to_string(), node.mark)));
    }
    parents
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

const CHANNELS_HELP: &str = "write `channels: [conda-forge]`";

fn channels(table: &Table<'_>, sink: &mut Sink<'_>) -> Option<Entries<Channel>> {
    let node = table.required("channels", CHANNELS_HELP, sink)?;
    refuse_empty(node, "`channels`", CHANNELS_HELP, sink);
    Some(channel_list(node, sink))
}

/// Reads a list of channels.
pub(super) fn channel_list(node: &Node, sink: &mut Sink<'_>) -> Entries<Channel> {
    let mut channel = |node: &Node, sink: &mut Sink<'_>| {
        let what = ("a channel", "a name or a URL");
        let text = text(node, what, CHANNELS_HELP, sink)?;
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
    refuse_repeated(node, sink);
    channels
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

/// Reads `target`.
pub(super) fn target(table: &Table<'_>, sink: &mut Sink<'_>) -> Entries<LeastMachine> {
    let node = table.value("target");
    let target = node.map(|node| entries::read_map_or_list(node, &mut least_machine, sink));
    target.unwrap_or_default()
}

/// Reads `probe`.
pub(super) fn probe(table: &Table<'_>, sink: &mut Sink<'_>) -> Option<Entries<Located<ProbeStep>>> {
    let mut step = |node: &Node, sink: &mut Sink<'_>| -> Option<Located<ProbeStep>> {
        choice(node, "probe", PROBE, sink)
    };
    let node = table.value("probe")?;
    Some(entries::read(node, ("`probe`", "driver"), &mut step, sink))
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

/// Reads `activation`.
pub(super) fn activation(table: &Table<'_>, sink: &mut Sink<'_>) -> Activation {
    let node = table.value("activation");
    let activation = node.and_then(|node| activation_of(node, sink));
    activation.unwrap_or_default()
}

fn activation_of(node: &Node, sink: &mut Sink<'_>) -> Option<Activation> {
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
