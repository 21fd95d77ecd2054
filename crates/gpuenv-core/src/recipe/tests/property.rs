//! Whatever a recipe says, and however it is laid out, that is what is read.

use std::fmt::Write as _;

use proptest::{collection::vec, prelude::*, sample::select};
use rattler_conda_types::Subdir;

use super::good;
use crate::recipe::escaped;
use crate::{
    plan::Gpu,
    recipe::{Condition, Entries, Entry},
};

/// A list as it is written.
#[derive(Debug, Clone)]
enum Written {
    Item(String),
    If(String, Vec<Written>, Vec<Written>),
}

/// How a scalar is written.
#[derive(Debug, Clone, Copy)]
enum Quotes {
    Single,
    Double,
}

fn quoted(text: &str, quotes: Quotes) -> String {
    match quotes {
        Quotes::Single => format!("'{}'", text.replace('\'', "''")),
        Quotes::Double => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
    }
}

fn block(list: &[Written], indent: usize, quotes: Quotes) -> String {
    let pad = " ".repeat(indent);
    let mut text = String::new();
    for written in list {
        match written {
            Written::Item(item) => writeln!(text, "{pad}- {}", quoted(item, quotes)).unwrap(),
            Written::If(condition, then, otherwise) => {
                writeln!(text, "{pad}- if: {}", quoted(condition, quotes)).unwrap();
                for (key, list) in [("then", then), ("else", otherwise)] {
                    match list.is_empty() {
                        true => writeln!(text, "{pad}  {key}: []").unwrap(),
                        false => {
                            let list = block(list, indent + 4, quotes);
                            write!(text, "{pad}  {key}:\n{list}").unwrap();
                        }
                    }
                }
            }
        }
    }
    text
}

fn flow(list: &[Written], quotes: Quotes) -> String {
    let entry = |written: &Written| match written {
        Written::Item(item) => quoted(item, quotes),
        Written::If(condition, then, otherwise) => format!(
            "{{ if: {}, then: {}, else: {} }}",
            quoted(condition, quotes),
            flow(then, quotes),
            flow(otherwise, quotes)
        ),
    };
    let entries: Vec<String> = list.iter().map(entry).collect();
    format!("[{}]", entries.join(", "))
}

/// Makes of what was read what was written.
fn unread<T>(entries: &Entries<T>, text: &impl Fn(&T) -> String) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in &entries.0 {
        match entry {
            Entry::Item(item) => lines.push(text(item)),
            Entry::If(branch) => {
                lines.push(format!("if {}", branch.condition));
                lines.extend(unread(&branch.then, text));
                lines.push("else".to_string());
                lines.extend(unread(&branch.otherwise, text));
                lines.push("end".to_string());
            }
        }
    }
    lines
}

fn expected(list: &[Written]) -> Vec<String> {
    let mut lines = Vec::new();
    for written in list {
        match written {
            Written::Item(item) => lines.push(item.clone()),
            Written::If(condition, then, otherwise) => {
                let condition: Condition = condition.parse().unwrap();
                lines.push(format!("if {condition}"));
                lines.extend(expected(then));
                lines.push("else".to_string());
                lines.extend(expected(otherwise));
                lines.push("end".to_string());
            }
        }
    }
    lines
}

fn list(item: impl Strategy<Value = String> + 'static) -> impl Strategy<Value = Vec<Written>> {
    let condition = select(vec![
        "win",
        "not  win",
        "(linux)or osx",
        "linux-64 and x86_64",
    ]);
    let leaf = item.prop_map(Written::Item);
    let entry = leaf.prop_recursive(3, 12, 3, move |inner| {
        let branch = (
            condition.clone(),
            vec(inner.clone(), 0..3),
            vec(inner, 0..3),
        );
        branch.prop_map(|(condition, then, otherwise)| {
            Written::If(condition.to_string(), then, otherwise)
        })
    });
    vec(entry, 0..5)
}

fn spec() -> impl Strategy<Value = String> {
    let rest = select(vec![
        "",
        " 1.2.*",
        " >=1,<2",
        " * cuda*",
        " ==1.0 h0_0",
        " 1.2.*|3.*",
    ]);
    ("[a-z][a-z0-9-]{0,12}", rest).prop_map(|(name, rest)| format!("{name}{rest}"))
}

fn requirement() -> impl Strategy<Value = String> {
    let rest = select(vec![
        "",
        " <2",
        "[a,b]>=1",
        "==1.2.*; python_version > '3.8'",
    ]);
    ("[a-z][a-z0-9]{0,12}", rest).prop_map(|(name, rest)| format!("{name}{rest}"))
}

proptest! {
    #[test]
    fn what_is_written_is_what_is_read(
        name in "[a-z0-9][a-z0-9_-]{4,20}",
        summary in "[ -~äöü€😀]{1,60}",
        dependencies in list(spec()),
        wheels in list(requirement()),
        variables in proptest::collection::btree_map("X[A-Z0-9_]{0,12}", "[ -~ä]{0,20}", 0..4),
        gpu in select(vec!["required", "optional", "none"]),
        quotes in select(vec![Quotes::Single, Quotes::Double]),
        in_blocks in any::<bool>(),
        line_end in select(vec!["\n", "\r\n"]),
    ) {
        let mut text = format!(
            "schema: 1\nname: {name}\nabout: {{ summary: {} }}\nchannels: [conda-forge]\n\
             platforms: [linux-64]\ngpu: {gpu}\n",
            quoted(&escaped(&summary), quotes)
        );
        for (key, list) in [("dependencies", &dependencies), ("pypi-dependencies", &wheels)] {
            match in_blocks && !list.is_empty() {
                true => write!(text, "{key}:\n{}", block(list, 2, quotes)).unwrap(),
                false => writeln!(text, "{key}: {}", flow(list, quotes)).unwrap(),
            }
        }
        text.push_str("activation:\n  env: {");
        for (name, value) in &variables {
            write!(text, "{name}: {}, ", quoted(&escaped(value), quotes)).unwrap();
        }
        text.push_str("}\n");
        let recipe = good(&text.replace('\n', line_end));
        prop_assert_eq!(&recipe.name, &name);
        prop_assert_eq!(recipe.about.summary.as_deref(), Some(summary.as_str()));
        let read = unread(&recipe.dependencies, &|dependency| dependency.text.clone());
        prop_assert_eq!(read, expected(&dependencies));
        let read = unread(&recipe.pypi_dependencies, &|wheel| wheel.text.clone());
        prop_assert_eq!(read, expected(&wheels));
        let all = recipe.activation.env.all();
        let read = all.into_iter().flatten().map(|v| (v.name.clone(), v.value.clone()));
        prop_assert_eq!(read.collect::<Vec<_>>(), variables.into_iter().collect::<Vec<_>>());
        prop_assert_eq!(recipe.gpu() == Gpu::None, gpu == "none");
        prop_assert_eq!(recipe.platforms[0].value, Subdir::Linux64);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..200)) {
        if let Err(errors) = crate::recipe::parse("x.yaml", &bytes) {
            prop_assert!(!errors.is_empty());
        }
    }

    #[test]
    fn any_change_of_a_recipe_is_read_or_refused(
        at in any::<prop::sample::Index>(),
        removed in 0..30usize,
        added in "[\\[\\]{}:,&*!|>'\"#%@`\t\n a-z-]{0,8}",
    ) {
        let (_, text) = super::shipped::texts().pop().unwrap();
        let mut characters: Vec<char> = text.chars().collect();
        let at = at.index(characters.len());
        let end = (at + removed).min(characters.len());
        characters.splice(at..end, added.chars());
        let text: String = characters.into_iter().collect();
        if let Err(errors) = crate::recipe::parse("x.yaml", &text) {
            prop_assert!(errors.iter().all(|error| error.code.stage() == 1), "{:?}", errors);
        }
    }
}
