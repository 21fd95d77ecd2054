//! The text of a batch file, and how a value gets into one.
//!
//! `%NAME%` is put into a line before the line is read, so a value with quotes could
//! leave the ones around it, and what stands behind would run. Two things prevent it:
//! a value is read with each of its quotes doubled, which leaves and enters the quotes
//! around it at once; and it is written back without quotes around it, with a caret
//! before each character that means something.

use std::fmt::Write as _;

/// What the text works with; the names are reserved, so nothing of the user's is lost.
const WORK: &[&str] = &["A", "E", "L", "M", "N", "S", "T", "U", "V", "W"];

/// Puts what `GPUENV_W` holds, its quotes doubled, into the variable that `GPUENV_V` names.
pub(super) const WRITE: &str = "call :gpuenv_write\n";

const WRITE_BODY: &str = r#":gpuenv_write
if not defined GPUENV_W set "%GPUENV_V%="
if not defined GPUENV_W exit /b 0
set "GPUENV_W=%GPUENV_W:^=^^%"
set "GPUENV_W=%GPUENV_W:&=^&%"
set "GPUENV_W=%GPUENV_W:|=^|%"
set "GPUENV_W=%GPUENV_W:<=^<%"
set "GPUENV_W=%GPUENV_W:>=^>%"
set %GPUENV_V%=%GPUENV_W:""=^"%
exit /b 0
"#;

/// Runs the batch file that `GPUENV_W` names.
const RUN: &str = "call :gpuenv_run\n";

/// Its end is the end of the function too.
const RUN_BODY: &str = ":gpuenv_run\n\"%GPUENV_W%\"\n";

/// Delayed expansion would read each `!` and `^` of a value once more.
const REFUSAL: &str = "\
if \"!!\"==\"\" echo gpuenv: nothing is changed: start a cmd without delayed expansion first: cmd /v:off 1>&2
if \"!!\"==\"\" exit /b 1
";

/// A batch file as it grows.
#[derive(Default)]
pub(super) struct Batch {
    text: String,
    labels: usize,
}

impl Batch {
    pub(super) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub(super) fn label(&mut self) -> String {
        self.labels += 1;
        format!("gpuenv_{}", self.labels)
    }

    /// Runs a batch file, whose path is given as it stands in a line. It is in none that
    /// `call` reads, which doubles carets and reads percent signs twice.
    pub(super) fn run(&mut self, path: &str, condition: &str) {
        // No path of Windows has quotes.
        let path = path.replace('"', "");
        self.push(&format!(
            "set \"GPUENV_W=\"\n\
             {condition}if exist \"{path}\" set \"GPUENV_W={path}\"\n\
             if defined GPUENV_W {RUN}"
        ));
    }

    /// Returns the whole file, with the line ends that labels need.
    pub(super) fn finished(self, comment: &str) -> String {
        self.finished_by(comment, "exit /b 0\n")
    }

    /// Returns the whole file, with these lines at its end.
    pub(super) fn finished_by(self, comment: &str, end: &str) -> String {
        let mut text = format!("rem {comment}\n{REFUSAL}");
        let plain = self.text.is_ascii();
        if !plain {
            // The file is UTF-8, whatever the console is.
            text.push_str(
                "for /f \"tokens=2 delims=:.\" %%A in ('chcp') do @set \"GPUENV_CODE_PAGE=%%A\"\n\
                 chcp 65001 >nul\n",
            );
        }
        text += &self.text;
        for name in WORK {
            let _ = writeln!(text, "set \"GPUENV_{name}=\"");
        }
        if !plain {
            text.push_str(
                "if defined GPUENV_CODE_PAGE chcp %GPUENV_CODE_PAGE% >nul\n\
                 set \"GPUENV_CODE_PAGE=\"\n",
            );
        }
        text += end;
        for (call, body) in [(WRITE, WRITE_BODY), (RUN, RUN_BODY)] {
            if self.text.contains(call) {
                text += body;
            }
        }
        let lines = text.lines().map(|line| match line.starts_with(':') {
            true => format!("{line}\r\n"),
            false => format!("@{line}\r\n"),
        });
        lines.collect()
    }
}

/// Returns the text with its percent signs doubled.
pub(super) fn escaped(text: &str) -> String {
    text.replace('%', "%%")
}

/// Returns the text as it is read into `GPUENV_T`, to be put between quotes.
pub(super) fn doubled(text: &str) -> String {
    escaped(&text.replace('"', "\"\""))
}

/// Returns what marks the prompt of a session in an environment of that plain name.
pub(in super::super) fn prompt_mark(name: &str) -> String {
    let mut batch = Batch::default();
    batch.push(&format!(
        "set \"GPUENV_V=PROMPT\"\n\
         set \"GPUENV_W=({name}) $P$G\"\n\
         if defined PROMPT set \"GPUENV_W=({name}) %PROMPT:\"=\"\"%\"\n\
         {WRITE}"
    ));
    batch.finished("Written by gpuenv. Marks the prompt.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_ends_before_its_functions() {
        let mut batch = Batch::default();
        batch.push("set \"GPUENV_V=X\"\n");
        let plain = batch.finished("x");
        assert!(plain.ends_with("@exit /b 0\r\n") && !plain.contains(":gpuenv_write"));
        let mut batch = Batch::default();
        batch.push(WRITE);
        let text = batch.finished("x");
        let (end, function) = (text.find("@exit /b 0"), text.find("\r\n:gpuenv_write"));
        assert!(end.is_some() && end < function, "{text}");
    }
}
