//! Features: optional parts of a recipe that are chosen by name.

use schemars::JsonSchema;

use super::{
    Activation, Channel, Entries, LeastMachine, Located,
    node::{Kind, Node},
    packages, parameter, parse, schema,
    sink::Sink,
    table::{self, Form, Table, text},
};
use crate::plan::{Dependency, ProbeStep, WheelRequirement};

pub(super) const FEATURE: Form = Form {
    name: "the feature",
    keys: &[
        "about",
        "channels",
        "target",
        "dependencies",
        "pypi-dependencies",
        "activation",
        "probe",
    ],
};

/// An optional part of a recipe: what it adds.
#[derive(Debug, Clone, Default, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Feature {
    /// What it is for, in one line.
    #[schemars(default, with = "String")]
    pub about: Option<String>,
    /// More channels, weaker than those of the recipe.
    #[schemars(default)]
    pub channels: Entries<Channel>,
    /// What it asks of the machine; these values win.
    #[schemars(default, schema_with = "schema::map_or_entries::<LeastMachine>")]
    pub target: Entries<LeastMachine>,
    /// More conda packages.
    #[schemars(default)]
    pub dependencies: Entries<Dependency>,
    /// More PyPI packages.
    #[schemars(default)]
    pub pypi_dependencies: Entries<WheelRequirement>,
    /// What activation does; these values win.
    #[schemars(default)]
    pub activation: Activation,
    /// More steps of the probe.
    #[schemars(default, with = "Entries<ProbeStep>")]
    pub probe: Option<Entries<Located<ProbeStep>>>,
}

/// Reads the features of a recipe, whether they are chosen or not.
pub(super) fn read(
    node: &Node,
    channels: Option<&Entries<Channel>>,
    sink: &mut Sink<'_>,
) -> Vec<(String, Feature)> {
    let Kind::Map(map) = &node.kind else {
        let help =
            "write `features:` with a line such as `jupyter: { dependencies: [jupyterlab] }`";
        table::refuse_type(node, ("`features`", "a map"), help, sink);
        return Vec::new();
    };
    let mut features = Vec::new();
    for (name, mark, value) in table::entries(map, "`features`", sink) {
        if let Err(bad) = parameter::check_name(name) {
            sink.report(mark, bad);
        }
        let feature = feature(value, channels, sink);
        features.extend(feature.map(|feature| (name.to_string(), feature)));
    }
    features
}

fn feature(
    node: &Node,
    channels: Option<&Entries<Channel>>,
    sink: &mut Sink<'_>,
) -> Option<Feature> {
    let table = Table::read(node, FEATURE, sink)?;
    let about = table.value("about");
    let about = about.and_then(|node| text(node, ("about", "a text"), "write one line", sink));
    let own = table.value("channels");
    let own = own.map(|node| parse::channel_list(node, sink));
    let known: Vec<&Entries<Channel>> = channels.into_iter().chain(&own).collect();
    let conda = table.value("dependencies");
    let dependencies = conda.map(|node| packages::dependencies(node, &known, sink));
    let wheels = table.value("pypi-dependencies");
    let wheels = wheels.map(|node| packages::wheels(node, sink));
    Some(Feature {
        about: about.map(ToString::to_string),
        target: parse::target(&table, sink),
        activation: parse::activation(&table, sink),
        probe: parse::probe(&table, sink),
        channels: own.unwrap_or_default(),
        dependencies: dependencies.unwrap_or_default(),
        pypi_dependencies: wheels.unwrap_or_default(),
    })
}
