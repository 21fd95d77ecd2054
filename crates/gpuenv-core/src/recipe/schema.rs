//! The JSON Schema of recipes, generated from the types that a recipe is read into.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings, json_schema};
use serde_json::{Value, json};

use super::{Channel, Entries, Feature, Recipe, scalar::platforms, variant};
use crate::{
    plan::{Dependency, WheelRequirement},
    target::{ComputeCapability, CudaVersion},
};

/// Returns the JSON Schema of recipes, draft 2020-12, as editors use it.
pub fn schema() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<Recipe>();
    schema.insert("title".to_string(), "gpuenv recipe".into());
    // A recipe that extends another one has these from there.
    schema.insert("required".to_string(), json!(["schema", "name"]));
    schema.insert(
        "anyOf".to_string(),
        json!([{ "required": ["channels", "platforms"] }, { "required": ["extends"] }]),
    );
    let mut schema = schema.to_value();
    drop_null_defaults(&mut schema);
    schema
}

/// Removes `"default": null`: a key left out has no value, and `null` is none.
fn drop_null_defaults(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            map.retain(|key, value| key != "default" || !value.is_null());
            map.values_mut().for_each(drop_null_defaults);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_null_defaults),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A type whose schema is written out here, because its values are checked text.
macro_rules! text_schema {
    ($type:ty, $name:literal, $schema:expr) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

/// Stands for a version of glibc.
pub(super) struct Glibc;

/// Stands for a platform.
pub(super) struct Platform;

/// Stands for the map of `env`.
pub(super) struct Variables;

/// Stands for the URL of an index.
pub(super) struct IndexUrl;

/// Stands for a folder of wheels, or a page that links to wheels.
pub(super) struct Links;

/// Stands for the map of `package-indexes`.
pub(super) struct PackageIndexes;

/// Stands for the name of a package of PyPI.
pub(super) struct PackageName;

/// Stands for a folder below `site-packages`.
pub(super) struct PackageFolder;

/// Versions may be written without quotes, and editors then see a number.
fn version(description: &str) -> Schema {
    json_schema!({
        "description": description,
        "type": ["string", "number"],
        "pattern": r"^([0-9]+\.[0-9]+(\.[0-9]+)?|.*\$\{\{.*)$",
    })
}

text_schema!(super::Schema, "Schema", json_schema!({ "const": 1 }));
text_schema!(
    Channel,
    "Channel",
    json_schema!({
        "description": "A channel: a name such as `conda-forge`, or a URL.",
        "type": "string",
        "minLength": 1,
    })
);
text_schema!(
    Platform,
    "Platform",
    json_schema!({
        "description": "A conda platform.",
        "enum": platforms().map(|platform| platform.as_str()).collect::<Vec<_>>(),
    })
);
text_schema!(
    Dependency,
    "Dependency",
    json_schema!({
        "description": "A conda match spec: `python 3.10.*`.",
        "type": "string",
        "minLength": 1,
    })
);
text_schema!(
    WheelRequirement,
    "WheelRequirement",
    json_schema!({
        "description": "A PEP 508 requirement: `numpy <2`.",
        "type": "string",
        "minLength": 1,
    })
);
text_schema!(CudaVersion, "CudaVersion", version("A CUDA version."));
text_schema!(
    ComputeCapability,
    "ComputeCapability",
    version("A compute capability.")
);
text_schema!(Glibc, "Glibc", version("A version of glibc."));
text_schema!(
    IndexUrl,
    "IndexUrl",
    json_schema!({
        "description": "The URL of an index: `https://example.org/simple`.",
        "type": "string",
        "pattern": "^https?://",
    })
);
text_schema!(
    Links,
    "Links",
    json_schema!({
        "description": "A folder of wheels, relative to the recipe, or the URL of a page.",
        "type": "string",
        "minLength": 1,
    })
);
text_schema!(
    PackageIndexes,
    "PackageIndexes",
    json_schema!({
        "description": "Packages of `pypi-dependencies` with their indexes.",
        "type": "object",
        "properties": { "if": false, "then": false, "else": false },
        "additionalProperties": { "type": "string", "pattern": "^https?://" },
    })
);
text_schema!(
    PackageName,
    "PackageName",
    json_schema!({
        "description": "The name of a package of PyPI: `docopt`.",
        "type": "string",
        "pattern": "^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$",
    })
);
text_schema!(
    PackageFolder,
    "PackageFolder",
    json_schema!({
        "description": "A folder below `site-packages`: `tensorflow`.",
        "type": "string",
        "minLength": 1,
    })
);
text_schema!(
    Variables,
    "Variables",
    json_schema!({
        "description": "Environment variables with their values.",
        "type": "object",
        "properties": { "if": false, "then": false, "else": false },
        "propertyNames": { "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" },
        "additionalProperties": { "type": ["string", "number", "boolean"] },
    })
);

impl<T: JsonSchema> JsonSchema for Entries<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("ListOf{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let entry = generator.subschema_for::<Entry<T>>();
        json_schema!({ "type": "array", "items": entry })
    }
}

/// Stands for one entry of a list: plain, or with a condition.
struct Entry<T>(std::marker::PhantomData<T>);

impl<T: JsonSchema> JsonSchema for Entry<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("EntryOf{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let item = generator.subschema_for::<T>();
        let entry = generator.subschema_for::<Entry<T>>();
        let one_or_more = json_schema!({
            "anyOf": [entry, { "type": "array", "items": entry }],
        });
        json_schema!({
            "anyOf": [
                item,
                {
                    "description": "Entries that depend on the platform.",
                    "type": "object",
                    "properties": {
                        "if": {
                            "description": "A condition: `win`, `linux and not aarch64`.",
                            "type": "string",
                        },
                        "then": one_or_more,
                        "else": one_or_more,
                    },
                    "required": ["if", "then"],
                    "additionalProperties": false,
                },
            ],
        })
    }
}

/// Stands for a variant: what a feature can say, and a name.
pub(super) struct Variant;

impl JsonSchema for Variant {
    fn schema_name() -> Cow<'static, str> {
        "Variant".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Feature::json_schema(generator);
        let options = map_or_entries::<super::PypiOptions>(generator);
        schema.insert(
            "description".to_string(),
            "One of several environments that a recipe describes: what it says wins.".into(),
        );
        if let Some(Value::Object(properties)) = schema.get_mut("properties") {
            properties.insert("pypi-options".to_string(), options.to_value());
            properties.insert(
                "name".to_string(),
                json!({
                    "description": "Its name: `cuda12`. In the lock its platform is called `linux-64-cuda12`.",
                    "type": "string",
                    "pattern": variant::PATTERN,
                    "maxLength": variant::LONGEST,
                }),
            );
        }
        schema.insert("required".to_string(), json!(["name"]));
        schema
    }
}

/// Returns the schema of a text, or a list of them.
pub(super) fn one_or_more_texts(_generator: &mut SchemaGenerator) -> Schema {
    let text = json_schema!({ "type": "string", "minLength": 1 });
    json_schema!({ "anyOf": [text, { "type": "array", "items": text }] })
}

/// Returns the schema of `parameters`.
pub(super) fn parameters(_generator: &mut SchemaGenerator) -> Schema {
    let value = json_schema!({ "type": ["string", "number"] });
    let declared = json_schema!({
        "type": "object",
        "properties": {
            "about": { "description": "What it is for, in one line.", "type": "string" },
            "default": value,
            "values": { "description": "The values that it can have.", "type": "array", "items": value },
            "version": { "description": "The versions that it can be: `>=11.8,<13`.", "type": "string" },
        },
        "required": ["default"],
        "additionalProperties": false,
    });
    json_schema!({
        "type": "object",
        "propertyNames": { "pattern": "^[a-z][a-z0-9_-]*$" },
        "additionalProperties": { "anyOf": [value, declared] },
    })
}

/// Returns the schema of a key that takes a map, or a list of maps and conditions.
pub(super) fn map_or_entries<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    let map = generator.subschema_for::<T>();
    let list = generator.subschema_for::<Entries<T>>();
    json_schema!({ "anyOf": [map, list] })
}
