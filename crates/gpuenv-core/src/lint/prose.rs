//! Sentences of tutorials that are not true.

use super::{
    Edit, Finding, Subject,
    code::{at, lines},
};
use crate::Code;

/// Sentences that are not true.
pub(super) fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
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
            let better = "PyTorch uses a GPU for what is moved there: `model.to(device)` and `tensor.to(device)`";
            let edits = sentence(start, line, offset, better);
            let place = at(start, offset, "automatically".len());
            found.push(subject.mark(finding, place).fix(edits));
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
            let better = "WSL2 is the supported way to a GPU with a current TensorFlow on Windows";
            let edits = sentence(start, line, offset, better);
            found.push(subject.mark(finding, at(start, offset, 3)).fix(edits));
        }
    }
}

/// Replaces the sentence around a place; code that only holds the words is left alone.
fn sentence(start: usize, line: &str, around: usize, better: &str) -> Option<Edit> {
    let before = &line[..around];
    let begin = [". ", "# ", "> ", "- ", "* ", "! ", ": "]
        .iter()
        .filter_map(|sign| before.rfind(sign).map(|at| at + sign.len()))
        .max()
        .unwrap_or(line.len() - line.trim_start().len());
    let rest = &line[around..];
    let ends = rest.match_indices('.').map(|(at, _)| at);
    let mut ends = ends.filter(|at| rest[at + 1..].is_empty() || rest[at + 1..].starts_with(' '));
    let end = around + ends.next().unwrap_or(rest.trim_end().len());
    let is_code = line[begin..end].contains(['"', '=', '(', '{', '[']);
    (!is_code).then(|| Edit::replace(start + begin, start + end, better))
}
