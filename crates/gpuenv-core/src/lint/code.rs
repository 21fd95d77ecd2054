//! Python code and prose of tutorials that do not do what they say.

use super::{Edit, Finding, Subject, kernels, prose, subject::Kind, training};
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
    kernels::check(subject, found);
    training::check(subject, found);
    memory(subject, found);
    prose::check(subject, found);
}

pub(super) fn lines<'s>(subject: &'s Subject<'_>) -> impl Iterator<Item = (usize, &'s str)> {
    subject.texts.main().lines().take(MOST_LINES)
}

pub(super) fn at(start: usize, offset: usize, length: usize) -> Option<At> {
    Some(At {
        text: 0,
        start: start + offset,
        end: start + offset + length,
    })
}

/// Returns what stands before the code of a line: blanks, and the prompt of Python.
pub(super) fn lead(line: &str) -> &str {
    let code = line.trim_start_matches(|c: char| c.is_whitespace() || c == '>' || c == '.');
    &line[..line.len() - code.len()]
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
            false if call.contains(".cuda.grid(") => {
                kernels::grid(subject, start + offset, call.len())
            }
            false => Vec::new(),
        };
        found.push(
            subject
                .mark(finding, at(start, offset, name.len()))
                .fix(edits),
        );
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
