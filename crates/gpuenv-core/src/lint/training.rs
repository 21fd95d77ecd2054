//! Training loops of tutorials: data that nobody loads, losses that fit no layer.

use super::{
    Edit, Finding, Subject,
    code::{at, lead, lines},
};
use crate::Code;

pub(super) fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    undefined(subject, found);
    losses(subject, found);
}

/// Training data that no line defines.
fn undefined(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let text = subject.text();
    for (start, line) in lines(subject) {
        let Some(offset) = line.find(".fit(") else {
            continue;
        };
        let arguments = line[offset + ".fit(".len()..]
            .split(')')
            .next()
            .unwrap_or_default();
        for argument in arguments.split(',').map(str::trim) {
            let is_name = argument.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && argument
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '_');
            if !is_name || is_defined(text, argument) {
                continue;
            }
            let column = line.find(argument).unwrap_or(offset);
            let finding = Finding::warning(Code::LINT_CODE, format!("`{argument}` is used, and no line defines it"))
                .help("load the data first, for example `(x_train, y_train), _ = tf.keras.datasets.mnist.load_data()`");
            let edits = example(subject, start, line);
            found.push(
                subject
                    .mark(finding, at(start, column, argument.len()))
                    .fix(edits),
            );
        }
    }
}

/// Returns the lines that load example data under the names that tutorials use.
fn example(subject: &Subject<'_>, start: usize, line: &str) -> Vec<Edit> {
    let text = subject.text();
    let names = ["x_train", "y_train"];
    let are_missing =
        |name: &&str| words(line).any(|word| word == *name) && !is_defined(text, name);
    let Some(keras) = keras(text).filter(|_| names.iter().all(are_missing)) else {
        return Vec::new();
    };
    // Layers that expect pictures get pictures, and all others rows of numbers.
    let takes_pictures = ["Flatten(", "Conv2D(", "28, 28", "28,28"];
    let shape = match takes_pictures.iter().any(|word| text.contains(word)) {
        true => "",
        false => ".reshape(-1, 784)",
    };
    let lead = lead(line);
    let lines = format!(
        "{lead}(x_train, y_train), _ = {keras}.datasets.mnist.load_data()  # an example\n\
         {lead}x_train = x_train{shape} / 255\n"
    );
    vec![Edit::replace(start, start, lines)]
}

/// Returns the name under which the text has Keras.
fn keras(text: &str) -> Option<&'static str> {
    let imports = |line: &str| text.contains(line);
    match () {
        () if imports("import tensorflow as tf") => Some("tf.keras"),
        () if imports("import keras") || imports("from tensorflow import keras") => Some("keras"),
        () => None,
    }
}

fn is_defined(text: &str, name: &str) -> bool {
    text.lines().any(|line| {
        let left = line.split('=').next().unwrap_or_default();
        let is_assigned = line.contains('=')
            && !left.contains('.')
            && words(left).any(|word| word == name)
            && !left.contains(".fit");
        let is_parameter =
            line.trim_start().starts_with("def ") && words(line).any(|word| word == name);
        let is_bound = (line.trim_start().starts_with("for ") || line.contains(" as "))
            && words(line).any(|word| word == name);
        is_assigned || is_parameter || is_bound
    })
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
}

/// A loss that expects probabilities and gets none.
fn losses(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let text = subject.text();
    let has_softmax = text.contains("softmax");
    let from_logits = text.contains("from_logits=True");
    let keras = keras(text);
    let named = [
        "'sparse_categorical_crossentropy'",
        "\"sparse_categorical_crossentropy\"",
        "'categorical_crossentropy'",
        "\"categorical_crossentropy\"",
    ];
    for (start, line) in lines(subject) {
        let Some((offset, name)) = named.iter().find_map(|name| Some((line.find(name)?, name)))
        else {
            continue;
        };
        if has_softmax || from_logits {
            continue;
        }
        let class = match name.contains("sparse") {
            true => "SparseCategoricalCrossentropy",
            false => "CategoricalCrossentropy",
        };
        let prefix = keras.unwrap_or("tf.keras");
        let better = format!("{prefix}.losses.{class}(from_logits=True)");
        let finding = Finding::warning(
            Code::LINT_CODE,
            "this loss expects probabilities, and the last layer gives none",
        )
        .help(format!(
            "write `{better}`, or `activation='softmax'` in the last layer"
        ));
        let edit = Edit::replace(start + offset, start + offset + name.len(), better);
        let edits = keras.map(|_| edit);
        found.push(
            subject
                .mark(finding, at(start, offset, name.len()))
                .fix(edits),
        );
    }
}
