//! CUDA kernels of tutorials that are none.

use super::{
    Edit, Finding, Subject,
    code::{at, lead, lines},
};
use crate::Code;

/// What makes a kernel of numba known.
const IMPORT: &str = "from numba import cuda";

/// A plain function that is launched like a kernel: `add[blocks, threads](…)`.
pub(super) fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let mut before = "";
    let mut plain: Vec<(&str, usize, &str)> = Vec::new();
    for (start, line) in lines(subject) {
        let indent = lead(line);
        let code = &line[indent.len()..];
        if let Some(rest) = code.strip_prefix("def ") {
            let name = rest.split('(').next().unwrap_or_default().trim();
            if !before.trim_start().starts_with('@') && !before.contains("@cuda") {
                plain.push((name, start, indent));
            }
        }
        if !line.trim().is_empty() {
            before = code;
        }
        let launched = plain.iter().find_map(|(name, defined, lead)| {
            let offset = line.find(&format!("{name}["))?;
            line[offset..]
                .contains("](")
                .then_some((offset, *name, *defined, *lead))
        });
        if let Some((offset, name, defined, lead)) = launched {
            let finding = Finding::warning(
                Code::LINT_CODE,
                format!("`{name}` is a plain function, and cannot be launched with `[…]`"),
            )
            .because("`TypeError: 'function' object is not subscriptable`")
            .help(
                "put `@cuda.jit` of `from numba import cuda` above it, or write a `cupy.RawKernel`",
            );
            let mut edits = import(subject, defined);
            // Behind a prompt more than one line would have to change.
            match lead.trim().is_empty() && !edits.is_empty() {
                true => edits.push(Edit::replace(
                    defined,
                    defined,
                    format!("{lead}@cuda.jit\n"),
                )),
                false => edits.clear(),
            }
            found.push(
                subject
                    .mark(finding, at(start, offset, name.len()))
                    .fix(edits),
            );
        }
    }
}

/// Returns what makes `cp.cuda.grid(` a call of numba.
pub(super) fn grid(subject: &Subject<'_>, start: usize, length: usize) -> Vec<Edit> {
    let mut edits = import(subject, start);
    if !edits.is_empty() {
        edits.push(Edit::replace(start, start + length, "cuda.grid("));
    }
    edits
}

/// Returns what imports numba before a place: beside the import of CuPy, if it is not there yet.
fn import(subject: &Subject<'_>, before: usize) -> Vec<Edit> {
    let above = lines(subject).take_while(|(start, _)| *start <= before);
    let imports = above.filter(|(_, line)| line.trim_start().starts_with("import cupy"));
    let Some((start, line)) = imports.last() else {
        return Vec::new();
    };
    // An empty edit says that nothing is missing.
    if subject.text().contains(IMPORT) {
        return vec![Edit::replace(start, start, "")];
    }
    let lead = &line[..line.len() - line.trim_start().len()];
    vec![Edit::replace(start, start, format!("{lead}{IMPORT}\n"))]
}
