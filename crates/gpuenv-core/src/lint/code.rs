//! Python code and prose of tutorials that do not do what they say.

use super::{Edit, Finding, Subject, subject::Kind};
use crate::{
    Code,
    import::{At, Format},
};

/// Calls that are gone or deprecated, and what takes their place, one for one if it is marked.
const CALLS: [(&str, &str, &str, bool); 5] = [
    (
        "tf.test.is_gpu_available()",
        "tf.config.list_physical_devices('GPU')",
        "is deprecated",
        true,
    ),
    (
        "tf.config.experimental.list_physical_devices(",
        "tf.config.list_physical_devices(",
        "has left `experimental`",
        true,
    ),
    (
        "tf.test.is_gpu_available(",
        "tf.config.list_physical_devices('GPU')",
        "is deprecated",
        false,
    ),
    (
        "cp.cuda.grid(",
        "cuda.grid(1)` of `from numba import cuda",
        "never existed: CuPy has no such function",
        false,
    ),
    (
        "cupy.cuda.grid(",
        "cuda.grid(1)` of `from numba import cuda",
        "never existed: CuPy has no such function",
        false,
    ),
];

/// Longer texts are no tutorials.
const MOST_LINES: usize = 20_000;

pub(super) fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let is_text = matches!(subject.kind, Kind::Other | Kind::File(Format::Commands));
    if !is_text {
        return;
    }
    calls(subject, found);
    kernels(subject, found);
    undefined(subject, found);
    losses(subject, found);
    memory(subject, found);
    prose(subject, found);
}

fn lines<'s>(subject: &'s Subject<'_>) -> impl Iterator<Item = (usize, &'s str)> {
    subject.texts.main().lines().take(MOST_LINES)
}

fn at(start: usize, offset: usize, length: usize) -> Option<At> {
    Some(At {
        text: 0,
        start: start + offset,
        end: start + offset + length,
    })
}

fn calls(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for (start, line) in lines(subject) {
        let known = CALLS
            .iter()
            .find_map(|call| Some((line.find(call.0)?, call)));
        let Some((offset, (call, better, why, is_same))) = known else {
            continue;
        };
        let name = call.split('(').next().unwrap_or(call);
        let finding = Finding::warning(Code::LINT_OLD_CALL, format!("`{name}` {why}"))
            .help(format!("write `{better}`"));
        let edits = match is_same {
            true => vec![Edit::replace(
                start + offset,
                start + offset + call.len(),
                *better,
            )],
            false => Vec::new(),
        };
        found.push(
            subject
                .mark(finding, at(start, offset, name.len()))
                .fix(edits),
        );
    }
}

/// A plain function that is launched like a kernel: `add[blocks, threads](…)`.
fn kernels(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let mut before = "";
    let mut plain: Vec<&str> = Vec::new();
    for (start, line) in lines(subject) {
        let code = line.trim_start_matches(|c: char| c.is_whitespace() || c == '>' || c == '.');
        if let Some(rest) = code.strip_prefix("def ") {
            let name = rest.split('(').next().unwrap_or_default().trim();
            if !before.trim_start().starts_with('@') && !before.contains("@cuda") {
                plain.push(name);
            }
        }
        if !line.trim().is_empty() {
            before = code;
        }
        let launched = plain.iter().find_map(|name| {
            let offset = line.find(&format!("{name}["))?;
            line[offset..].contains("](").then_some((offset, *name))
        });
        if let Some((offset, name)) = launched {
            let finding = Finding::warning(
                Code::LINT_CODE,
                format!("`{name}` is a plain function, and cannot be launched with `[…]`"),
            )
            .because("`TypeError: 'function' object is not subscriptable`")
            .help(
                "put `@cuda.jit` of `from numba import cuda` above it, or write a `cupy.RawKernel`",
            );
            found.push(subject.mark(finding, at(start, offset, name.len())));
        }
    }
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
            found.push(subject.mark(finding, at(start, column, argument.len())));
        }
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
        let finding = Finding::warning(Code::LINT_CODE, "this loss expects probabilities, and the last layer gives none")
            .help("write `tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)`, or `activation='softmax'` in the last layer");
        found.push(subject.mark(finding, at(start, offset, name.len())));
    }
}

/// `del tensor` gives nothing back to the driver.
fn memory(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let text = subject.text();
    if !text.contains("torch") || text.contains("empty_cache") {
        return;
    }
    for (start, line) in lines(subject) {
        let code = line.trim_start_matches(|c: char| c.is_whitespace() || c == '>');
        let Some(rest) = code.strip_prefix("del ") else {
            continue;
        };
        let offset = line.len() - code.len();
        let name = rest.split(['#', ' ']).next().unwrap_or_default();
        let finding = Finding::note(
            Code::LINT_CODE,
            format!("`del {name}` gives the memory back to PyTorch, not to the GPU"),
        )
        .because("PyTorch keeps it for later tensors, so `nvidia-smi` shows no change")
        .help("write `torch.cuda.empty_cache()` behind it if another program needs the memory");
        let (_, end) = subject.line(At {
            text: 0,
            start,
            end: start + line.len(),
        });
        let lead = &line[..offset];
        let edit = Edit::replace(end, end, format!("\n{lead}torch.cuda.empty_cache()"));
        found.push(
            subject
                .mark(finding, at(start, offset, code.trim_end().len()))
                .fix([edit]),
        );
    }
}

/// Sentences that are not true.
fn prose(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for (start, line) in lines(subject) {
        let lower = line.to_ascii_lowercase();
        let says = |words: &[&str]| words.iter().all(|word| lower.contains(word));
        if says(&["automatically", "use", "gpu"])
            && (says(&["torch"]) || subject.text().contains("torch"))
            && !says(&["tensorflow"])
            || says(&["automatically use it"])
        {
            let offset = lower.find("automatically").unwrap_or(0);
            let finding = Finding::warning(Code::LINT_CODE, "PyTorch does not use a GPU by itself")
                .because("tensors and models are on the CPU until they are moved, and stay there without a word")
                .help("write `model.to(device)` and `tensor.to(device)`");
            found.push(subject.mark(finding, at(start, offset, "automatically".len())));
        }
        let denies = [
            "not help",
            "doesn't help",
            "does not work",
            "doesn't work",
            "no gpu",
            "not support",
            "cannot use",
            "can't use",
        ];
        if says(&["wsl"]) && denies.iter().any(|deny| lower.contains(deny)) {
            let offset = lower.find("wsl").unwrap_or(0);
            let finding = Finding::warning(
                Code::LINT_TENSORFLOW_WINDOWS,
                "WSL2 is the supported way to a GPU with a current TensorFlow on Windows",
            )
            .because("the driver of Windows serves WSL2; no driver is installed inside of it")
            .help("install WSL2 with `wsl --install`, then `gpuenv create tf-gpu` inside of it");
            found.push(subject.mark(finding, at(start, offset, 3)));
        }
    }
}
