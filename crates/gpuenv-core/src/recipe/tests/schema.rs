//! The JSON Schema says what the reader does.

use serde_json::{Map, Value};

use super::{LEAST, good, shipped};
use crate::recipe::{
    entries::BRANCH,
    node::{self, Kind, Node},
    parse::{ABOUT, ACTIVATION, RECIPE, TARGET},
    schema,
    sink::Sink,
    syntax,
    variant::VARIANT,
};

/// Checks a value against the part of JSON Schema that ours uses; panics at any other.
fn valid(schema: &Value, value: &Value, root: &Value) -> bool {
    let schema = match schema {
        Value::Bool(verdict) => return *verdict,
        schema => schema.as_object().expect("a schema is a map"),
    };
    schema.iter().all(|(keyword, rule)| match keyword.as_str() {
        "$ref" => {
            let path = rule.as_str().unwrap().strip_prefix('#').unwrap();
            valid(
                root.pointer(path).expect("the reference leads somewhere"),
                value,
                root,
            )
        }
        "type" => match rule {
            Value::String(one) => has_type(value, one),
            many => many
                .as_array()
                .unwrap()
                .iter()
                .any(|one| has_type(value, one.as_str().unwrap())),
        },
        "const" => value == rule,
        "enum" => rule.as_array().unwrap().contains(value),
        "anyOf" | "oneOf" => rule
            .as_array()
            .unwrap()
            .iter()
            .any(|one| valid(one, value, root)),
        "properties" => value.as_object().is_none_or(|map| {
            let rules = rule.as_object().unwrap().iter();
            rules
                .into_iter()
                .all(|(key, rule)| map.get(key).is_none_or(|v| valid(rule, v, root)))
        }),
        "additionalProperties" => value.as_object().is_none_or(|map| {
            let known = schema.get("properties").and_then(Value::as_object);
            let mut others = map
                .iter()
                .filter(|(key, _)| known.is_none_or(|k| !k.contains_key(*key)));
            others.all(|(_, value)| valid(rule, value, root))
        }),
        "required" => value.as_object().is_none_or(|map| {
            rule.as_array()
                .unwrap()
                .iter()
                .all(|key| map.contains_key(key.as_str().unwrap()))
        }),
        "items" => value
            .as_array()
            .is_none_or(|items| items.iter().all(|item| valid(rule, item, root))),
        "minItems" => value
            .as_array()
            .is_none_or(|items| items.len() as u64 >= rule.as_u64().unwrap()),
        // Forms of text: the reader's own tests are about these.
        "pattern" | "minLength" | "maxLength" | "format" | "propertyNames" => true,
        "$schema" | "$defs" | "title" | "description" | "default" => true,
        other => panic!("the schema uses `{other}`, which this test does not know"),
    })
}

fn has_type(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        other => panic!("the schema uses the type `{other}`"),
    }
}

/// Makes of a file what an editor sees in it.
fn json(text: &str) -> Value {
    fn value(node: &Node) -> Value {
        match &node.kind {
            Kind::Text(text) => serde_json::from_str(text)
                .ok()
                .filter(|value: &Value| !value.is_string() && !value.is_null())
                .unwrap_or_else(|| text.clone().into()),
            Kind::Nothing | Kind::Refused => Value::Null,
            Kind::List(items) => items.iter().map(value).collect(),
            Kind::Map(entries) => {
                let key = |node: &Node| match &node.kind {
                    Kind::Text(text) => text.clone(),
                    other => panic!("a key is {}", other.name()),
                };
                let entries = entries.iter().map(|(name, node)| (key(name), value(node)));
                Value::Object(entries.collect::<Map<_, _>>())
            }
        }
    }
    let (source, problem) = syntax::source("x.yaml", text.as_bytes());
    assert!(problem.is_none());
    value(&node::read(&source, &mut Sink::new(&source)).unwrap())
}

fn accepts(text: &str) -> bool {
    let schema = schema();
    valid(&schema, &json(text), &schema)
}

#[test]
fn it_accepts_every_shipped_recipe() {
    for (path, text) in shipped::texts() {
        assert!(accepts(&text), "{path:?}");
    }
}

#[test]
fn it_accepts_what_the_reader_accepts() {
    for more in [
        "",
        "target: { cuda: 12.4 }",
        "target: [{ if: win, then: { cuda: \"11.2\" }, else: [{ cuda: 12.4 }] }]",
        "dependencies: [a, { if: win, then: [b, { if: unix, then: c }], else: d }]",
        "activation: { env: { A: 1, B: true, C: x }, library-path: none }",
        "activation: { xla: true, memory-growth: false, no-user-site: true, dll-directory: true }",
        "activation: { env: [{ A: 1 }, { if: win, then: { B: 2 } }] }",
        "probe: [driver, { if: linux, then: cuda-python }]",
        "gpu: none",
        "variants: [{ name: a, about: x, target: { cuda: 13.0 } }, { if: win, then: { name: b, pypi-options: { index-url: \"https://e.org/simple\" } } }]",
        "about: { summary: a, notes: b, license: MIT }",
    ] {
        let text = format!("{LEAST}{more}\n");
        good(&text);
        assert!(accepts(&text), "{more}");
    }
}

#[test]
fn it_refuses_what_the_reader_refuses() {
    for more in [
        "dependancies: []",
        "target: { cuda: [1] }",
        "target: { compute_capability: \"8.6\" }",
        "target: [{ if: win }]",
        "target: { if: win, then: { cuda: 12.4 } }",
        "dependencies: a",
        "dependencies: [[a]]",
        "dependencies: [{ if: win, then: a, otherwise: b }]",
        "dependencies: [{ python: 3.12 }]",
        "activation: { env: { A: [x] } }",
        "activation: { env: [{ if: win, else: { B: 2 } }] }",
        "activation: { envs: {} }",
        "activation: { xla: yes }",
        "activation: { memory-growth: [true] }",
        "probe: [drivers]",
        "gpu: maybe",
        "variants: { name: a }",
        "variants: [{ target: { cuda: 12.4 } }]",
        "variants: [{ name: a, gpu: none }]",
        "variants: [{ name: a, dependencies: cupy }]",
        "about: { summary: [a] }",
        "about: { summary: }",
    ] {
        let text = format!("{LEAST}{more}\n");
        super::bad(&text);
        assert!(!accepts(&text), "{more}");
    }
    assert!(!accepts(
        "schema: 2\nname: x\nchannels: [c]\nplatforms: [linux-64]\n"
    ));
    assert!(!accepts(
        "schema: 1\nname: x\nchannels: []\nplatforms: [linux-64]\n"
    ));
    assert!(!accepts(
        "schema: 1\nname: x\nchannels: [c]\nplatforms: [linux-65]\n"
    ));
    assert!(!accepts("schema: 1\nname: x\nchannels: [c]\n"));
}

#[test]
fn its_keys_are_those_that_the_reader_knows() {
    let schema = schema();
    let keys = |pointer: &str| -> Vec<String> {
        let properties = schema.pointer(pointer).and_then(Value::as_object);
        properties.unwrap().keys().cloned().collect()
    };
    assert_eq!(keys("/properties"), RECIPE.keys);
    assert_eq!(keys("/$defs/About/properties"), ABOUT.keys);
    assert_eq!(keys("/$defs/LeastMachine/properties"), TARGET.keys);
    assert_eq!(keys("/$defs/Activation/properties"), ACTIVATION.keys);
    let mut of_variant = VARIANT.keys.to_vec();
    of_variant.sort_unstable();
    let mut written = keys("/$defs/Variant/properties");
    written.sort();
    assert_eq!(written, of_variant);
    assert_eq!(
        keys("/$defs/EntryOfDependency/anyOf/1/properties"),
        BRANCH.keys
    );
}

#[test]
fn every_key_is_described() {
    let schema = schema();
    for pointer in [
        "/properties",
        "/$defs/About/properties",
        "/$defs/LeastMachine/properties",
        "/$defs/Activation/properties",
    ] {
        for (key, rule) in schema.pointer(pointer).and_then(Value::as_object).unwrap() {
            assert!(rule.get("description").is_some(), "{pointer}/{key}");
        }
    }
    let names = ["ListOf", "EntryOf"];
    let defs = schema.pointer("/$defs").and_then(Value::as_object).unwrap();
    assert!(
        defs.keys()
            .any(|name| names.iter().any(|prefix| name.starts_with(prefix)))
    );
}
