//! Activation as text for `cmd`: a batch file, to be run by `call`.
//!
//! A batch file has no functions that leave variables behind, so every edit is
//! written out. What it works with are variables that go at the end. Values are
//! put between quotes, and compared without theirs; where a value of the recipe
//! leaves the quotes, what would be an operator there gets a caret.
//!
//! Beyond what `cmd` can say: an empty variable (it is unset), a value of
//! several lines (it is left out, and that is said).

use std::fmt::Write as _;

use super::{Activation, BATCH_VARIABLES, Edit, list::block};

/// What the text works with; the names are reserved, so nothing of the user's is lost.
const WORK: &[&str] = &["A", "E", "L", "M", "N", "S", "T", "U"];

/// Reads `CONDA_SHLVL` as [`super::environment`] does.
const CONDA_LEVEL: &str = r#"set "GPUENV_L=0"
if defined CONDA_SHLVL set /a GPUENV_L=CONDA_SHLVL
if %GPUENV_L% lss 0 set "GPUENV_L=0"
if %GPUENV_L% gtr 999 set "GPUENV_L=0"
set "GPUENV_N=1"
if %GPUENV_L% gtr 9 set "GPUENV_N=2"
if %GPUENV_L% gtr 99 set "GPUENV_N=3"
"#;

/// Returns the script in `activate.d` that applies the own edits.
pub(super) fn activate_file(activation: &Activation) -> String {
    let mut batch = Batch::default();
    own(&mut batch, activation);
    batch.finished("Written by gpuenv. Sets what the environment's recipe asks for.")
}

/// Returns the script in `deactivate.d` that undoes the own edits.
pub(super) fn deactivate_file(activation: &Activation) -> String {
    let mut batch = Batch::default();
    disown(&mut batch, activation);
    batch.finished("Written by gpuenv. Takes back what activate.d has set.")
}

/// Returns a batch file that runs these and then writes the variables beside itself.
pub(super) fn scripts_file<'a>(scripts: impl Iterator<Item = &'a str>) -> String {
    let mut batch = Batch::default();
    for path in scripts {
        batch.push(&format!("call {}\n", quoted(path)));
    }
    let text = batch.finished("Written by gpuenv. Runs the scripts of packages.");
    // Not by the whole path, which `cmd` might read in another code page.
    let list = format!("@\"%COMSPEC%\" /u /d /c set >\"%~dp0{BATCH_VARIABLES}\"");
    text.replace("@exit /b 0", &list)
}

/// Returns the text that activates the environment.
pub(super) fn hook(activation: &Activation) -> String {
    let mut batch = Batch::default();
    let tag = &activation.tag;
    batch.push(CONDA_LEVEL);
    let (new, again, done) = (batch.label(), batch.label(), batch.label());
    batch.push(&format!(
        "set /a GPUENV_T=GPUENV_N+11\n\
         set \"GPUENV_S=\"\n\
         if defined GPUENV_STACK call set \"GPUENV_S=%%GPUENV_STACK:~-%GPUENV_T%%%\"\n\
         if not \"%GPUENV_S%\"==\"{tag}_%GPUENV_L%\" goto {new}\n\
         if not defined CONDA_PREFIX goto {new}\n\
         set \"GPUENV_T=%CONDA_PREFIX:\"=%\"\n\
         if \"%GPUENV_T%\"==\"{prefix}\" goto {again}\n\
         :{new}\n\
         set \"GPUENV_A=new\"\n\
         set \"GPUENV_E=%GPUENV_L%\"\n\
         set /a GPUENV_L=GPUENV_L+1\n\
         set \"GPUENV_M=GPUENV_USUAL_{tag}_%GPUENV_L%_\"\n\
         if defined GPUENV_STACK set \"GPUENV_STACK=%GPUENV_STACK%:{tag}_%GPUENV_L%\"\n\
         if not defined GPUENV_STACK set \"GPUENV_STACK={tag}_%GPUENV_L%\"\n\
         set \"%GPUENV_M%CONDA_SHLVL=u\"\n\
         if defined CONDA_SHLVL set \"%GPUENV_M%CONDA_SHLVL=s%CONDA_SHLVL%\"\n\
         set \"CONDA_SHLVL=%GPUENV_L%\"\n\
         if \"%GPUENV_E%\"==\"0\" goto {done}\n\
         if not defined CONDA_PREFIX goto {done}\n\
         call set \"GPUENV_S=%%CONDA_PREFIX_%GPUENV_E%%%\"\n\
         set \"%GPUENV_M%CONDA_PREFIX_%GPUENV_E%=u\"\n\
         if defined CONDA_PREFIX_%GPUENV_E% \
         set \"%GPUENV_M%CONDA_PREFIX_%GPUENV_E%=s%GPUENV_S%\"\n\
         set \"CONDA_PREFIX_%GPUENV_E%=%CONDA_PREFIX%\"\n\
         call set \"GPUENV_S=%%CONDA_STACKED_%GPUENV_L%%%\"\n\
         set \"%GPUENV_M%CONDA_STACKED_%GPUENV_L%=u\"\n\
         if defined CONDA_STACKED_%GPUENV_L% \
         set \"%GPUENV_M%CONDA_STACKED_%GPUENV_L%=s%GPUENV_S%\"\n\
         set \"CONDA_STACKED_%GPUENV_L%=true\"\n\
         goto {done}\n\
         :{again}\n\
         set \"GPUENV_A=again\"\n\
         set \"GPUENV_M=GPUENV_USUAL_{tag}_%GPUENV_L%_\"\n\
         :{done}\n",
        prefix = unquoted(&activation.prefix),
    ));
    for edit in &activation.usual {
        apply(&mut batch, activation, edit);
    }
    for path in activation.scripts.activate(".bat") {
        let path = quoted(path);
        batch.push(&format!(
            "if \"%GPUENV_A%\"==\"new\" if exist {path} call {path}\n"
        ));
    }
    own(&mut batch, activation);
    batch.finished("Written by gpuenv. Activates an environment.")
}

/// Returns the text that undoes the environment's activation if it is the last one.
pub(super) fn hook_deactivate(activation: &Activation) -> String {
    let mut batch = Batch::default();
    let tag = &activation.tag;
    let end = batch.label();
    batch.push("set \"GPUENV_L=\"\nif not defined GPUENV_STACK goto ");
    batch.push(&format!("{end}\n"));
    for digits in 1..=3 {
        batch.push(&format!(
            "if \"%GPUENV_STACK:~-{from},-{digits}%\"==\"{tag}_\" \
             set \"GPUENV_L=%GPUENV_STACK:~-{digits}%\"\n",
            from = digits + 11,
        ));
    }
    batch.push(&format!(
        "if not defined GPUENV_L echo gpuenv: the environment is not the last one activated 1>&2\n\
         if not defined GPUENV_L goto {end}\n"
    ));
    disown(&mut batch, activation);
    for path in activation.scripts.deactivate(".bat") {
        let path = quoted(path);
        batch.push(&format!("if exist {path} call {path}\n"));
    }
    // Scripts of packages may have used our variables for their own activation.
    for digits in 1..=3 {
        batch.push(&format!(
            "if \"%GPUENV_STACK:~-{from},-{digits}%\"==\"{tag}_\" \
             set \"GPUENV_L=%GPUENV_STACK:~-{digits}%\"\n",
            from = digits + 11,
        ));
    }
    batch.push(&format!(
        "set \"GPUENV_M=GPUENV_USUAL_{tag}_%GPUENV_L%_\"\n"
    ));
    for edit in activation.usual.iter().rev() {
        undo(&mut batch, activation, edit);
    }
    change_back(&mut batch, "CONDA_STACKED_%GPUENV_L%", "true");
    batch.push("set /a GPUENV_E=GPUENV_L-1\n");
    change_back_to_variable(&mut batch, "CONDA_PREFIX_%GPUENV_E%", "CONDA_PREFIX");
    change_back_to_variable(&mut batch, "CONDA_SHLVL", "GPUENV_L");
    batch.push(&format!(
        "set \"GPUENV_T=%GPUENV_STACK:{tag}_=%\"\n\
         if \"%GPUENV_T%\"==\"%GPUENV_L%\" set \"GPUENV_STACK=\"\n\
         if not defined GPUENV_STACK goto {end}\n\
         if %GPUENV_L% leq 9 set \"GPUENV_STACK=%GPUENV_STACK:~0,-13%\"\n\
         if %GPUENV_L% gtr 99 set \"GPUENV_STACK=%GPUENV_STACK:~0,-2%\"\n\
         if %GPUENV_L% gtr 9 set \"GPUENV_STACK=%GPUENV_STACK:~0,-14%\"\n\
         :{end}\n"
    ));
    batch.finished("Written by gpuenv. Undoes the activation of an environment.")
}

/// A batch file as it grows.
#[derive(Default)]
struct Batch {
    text: String,
    labels: usize,
}

impl Batch {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn label(&mut self) -> String {
        self.labels += 1;
        format!("gpuenv_{}", self.labels)
    }

    /// Returns the whole file, with the line ends that labels need.
    fn finished(self, comment: &str) -> String {
        let mut text = format!("@rem {comment}\n");
        let plain = self.text.is_ascii();
        if !plain {
            // The file is UTF-8, whatever the console is.
            text.push_str(
                "@for /f \"tokens=2 delims=:.\" %%A in ('chcp') do @set \"GPUENV_CODE_PAGE=%%A\"\n\
                 @chcp 65001 >nul\n",
            );
        }
        for line in self.text.lines() {
            let _ = match line.starts_with(':') {
                true => writeln!(text, "{line}"),
                false => writeln!(text, "@{line}"),
            };
        }
        for name in WORK {
            let _ = writeln!(text, "@set \"GPUENV_{name}=\"");
        }
        if !plain {
            text.push_str(
                "@if defined GPUENV_CODE_PAGE chcp %GPUENV_CODE_PAGE% >nul\n\
                 @set \"GPUENV_CODE_PAGE=\"\n",
            );
        }
        text.push_str("@exit /b 0\n");
        text.replace('\n', "\r\n")
    }
}

fn own(batch: &mut Batch, activation: &Activation) {
    if activation.own.is_empty() {
        return;
    }
    let levels = format!("GPUENV_LEVELS_{}", activation.tag);
    batch.push(CONDA_LEVEL);
    batch.push(&format!(
        "set /a GPUENV_T=GPUENV_N+1\n\
         set \"GPUENV_S=:%{levels}%\"\n\
         call set \"GPUENV_S=%%GPUENV_S:~-%GPUENV_T%%%\"\n\
         set \"GPUENV_A=new\"\n\
         if defined {levels} if \"%GPUENV_S%\"==\":%GPUENV_L%\" set \"GPUENV_A=again\"\n\
         set \"GPUENV_E=\"\n\
         if defined {levels} set \"GPUENV_E=%{levels}%:\"\n\
         if \"%GPUENV_A%\"==\"new\" set \"{levels}=%GPUENV_E%%GPUENV_L%\"\n\
         set \"GPUENV_M=GPUENV_OWN_{tag}_%GPUENV_L%_\"\n",
        tag = activation.tag
    ));
    for edit in &activation.own {
        apply(batch, activation, edit);
    }
}

fn disown(batch: &mut Batch, activation: &Activation) {
    if activation.own.is_empty() {
        return;
    }
    let end = batch.label();
    let levels = format!("GPUENV_LEVELS_{}", activation.tag);
    batch.push(&format!(
        "if not defined {levels} goto {end}\n\
         set \"GPUENV_S=:%{levels}%\"\n\
         set \"GPUENV_N=none\"\n"
    ));
    for digits in 1..=3 {
        batch.push(&format!(
            "if \"%GPUENV_S:~-{from},-{digits}%\"==\":\" set \"GPUENV_N=%GPUENV_S:~-{digits}%\"\n\
             if \"%GPUENV_S:~-{from},-{digits}%\"==\":\" \
             set \"{levels}=%GPUENV_S:~1,-{from}%\"\n",
            from = digits + 1,
        ));
    }
    batch.push(&format!(
        "set \"GPUENV_T=%GPUENV_S::=%\"\n\
         if \":%GPUENV_T%\"==\"%GPUENV_S%\" set \"{levels}=\"\n\
         set \"GPUENV_M=GPUENV_OWN_{tag}_%GPUENV_N%_\"\n",
        tag = activation.tag
    ));
    for edit in activation.own.iter().rev() {
        undo(batch, activation, edit);
    }
    batch.push(&format!(":{end}\n"));
}

fn apply(batch: &mut Batch, activation: &Activation, edit: &Edit) {
    let (new, done) = (batch.label(), batch.label());
    let name = edit.name();
    let head = format!(
        "if not \"%GPUENV_A%\"==\"again\" goto {new}\n\
         if not defined {name} goto {new}\n\
         set \"GPUENV_T=%{name}:\"=%\"\n"
    );
    let remember = format!(
        ":{new}\n\
         set \"%GPUENV_M%{name}=u\"\n\
         if defined {name} set \"%GPUENV_M%{name}=s%{name}%\"\n"
    );
    match edit {
        Edit::Set { value, .. } if is_several_lines(value) => batch.push(&format!(
            "echo gpuenv: {name} is not set: its value has several lines 1>&2\n"
        )),
        Edit::Set { value, .. } => batch.push(&format!(
            "{head}\
             if \"%GPUENV_T%\"==\"{same}\" goto {done}\n\
             {remember}\
             set {assignment}\n\
             :{done}\n",
            same = unquoted(value),
            assignment = quoted(&format!("{name}={value}")),
        )),
        Edit::PrependPath { dirs, .. } => {
            let block = block(dirs, activation.separator());
            let separator = activation.separator();
            let known = match replaceable(&block) {
                true => format!(
                    "set \"GPUENV_T={separator}%GPUENV_T%{separator}\"\n\
                     call set \"GPUENV_U=%%GPUENV_T:{separator}{}{separator}={separator}%%\"\n\
                     if not \"%GPUENV_T%\"==\"%GPUENV_U%\" goto {done}\n",
                    unquoted(&block)
                ),
                false => String::new(),
            };
            let plain = escaped(&block);
            batch.push(&format!(
                "{head}\
                 {known}\
                 {remember}\
                 if defined {name} set \"{name}={plain}{separator}%{name}%\"\n\
                 if \"%GPUENV_M%\"==\"\" goto {done}\n\
                 call set \"GPUENV_S=%%%GPUENV_M%{name}%%\"\n\
                 if \"%GPUENV_S%\"==\"u\" set \"{name}={plain}\"\n\
                 :{done}\n"
            ));
        }
    }
}

fn undo(batch: &mut Batch, activation: &Activation, edit: &Edit) {
    let name = edit.name();
    match edit {
        Edit::Set { value, .. } if is_several_lines(value) => {}
        Edit::Set { value, .. } => change_back(batch, name, value),
        Edit::PrependPath { dirs, .. } => {
            let block = block(dirs, activation.separator());
            remove(batch, name, &block, activation.separator());
        }
    }
}

fn remove(batch: &mut Batch, name: &str, block: &str, separator: char) {
    let (same, done) = (batch.label(), batch.label());
    let plain = escaped(block);
    batch.push(&format!(
        "if not defined %GPUENV_M%{name} goto {done}\n\
         call set \"GPUENV_S=%%%GPUENV_M%{name}%%\"\n\
         set \"%GPUENV_M%{name}=\"\n\
         if not defined {name} goto {done}\n\
         set \"GPUENV_E={plain}{separator}%GPUENV_S:~1%\"\n\
         if \"%GPUENV_S%\"==\"u\" set \"GPUENV_E={plain}\"\n\
         set \"GPUENV_T=%{name}:\"=%\"\n\
         set \"GPUENV_U=%GPUENV_E:\"=%\"\n\
         if \"%GPUENV_T%\"==\"%GPUENV_U%\" goto {same}\n"
    ));
    if replaceable(block) {
        batch.push(&format!(
            "set \"GPUENV_T={separator}%{name}%{separator}\"\n\
             call set \"GPUENV_T=%%GPUENV_T:{separator}{plain}{separator}={separator}%%\"\n\
             set \"{name}=%GPUENV_T:~1,-1%\"\n"
        ));
    }
    batch.push(&format!(
        "goto {done}\n\
         :{same}\n\
         set \"{name}=%GPUENV_S:~1%\"\n\
         :{done}\n"
    ));
}

fn change_back(batch: &mut Batch, name: &str, value: &str) {
    batch.push(&format!("set {}\n", quoted(&format!("GPUENV_T={value}"))));
    change_back_to_variable(batch, name, "GPUENV_T");
}

/// Undoes a change unless the variable is no longer what the other one holds.
fn change_back_to_variable(batch: &mut Batch, name: &str, other: &str) {
    let (same, done) = (batch.label(), batch.label());
    batch.push(&format!(
        "if not defined %GPUENV_M%{name} goto {done}\n\
         call set \"GPUENV_S=%%%GPUENV_M%{name}%%\"\n\
         set \"%GPUENV_M%{name}=\"\n\
         set \"GPUENV_U=\"\n\
         if defined {other} set \"GPUENV_U=%{other}:\"=%\"\n\
         set \"GPUENV_N=\"\n\
         if defined {name} call set \"GPUENV_N=%%{name}:\"=%%\"\n\
         if \"%GPUENV_N%\"==\"%GPUENV_U%\" goto {same}\n\
         goto {done}\n\
         :{same}\n\
         set \"{name}=%GPUENV_S:~1%\"\n\
         :{done}\n"
    ));
}

fn is_several_lines(text: &str) -> bool {
    text.contains(['\n', '\r'])
}

/// Says whether `%NAME:TEXT=…%` can look for the text.
fn replaceable(text: &str) -> bool {
    !text.contains(['=', '%', '"', '\n', '\r'])
}

/// Returns the text with its percent signs doubled.
fn escaped(text: &str) -> String {
    text.replace('%', "%%")
}

/// Returns what is left of the text without its quotes, to be put between quotes.
fn unquoted(text: &str) -> String {
    escaped(&text.replace(['"', '\n', '\r'], ""))
}

/// Returns the text between quotes, with a caret before operators that stand outside.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    let mut inside = true;
    for character in text.chars() {
        match character {
            '"' => inside = !inside,
            '&' | '|' | '<' | '>' | '^' | '(' | ')' if !inside => quoted.push('^'),
            '%' => quoted.push('%'),
            _ => {}
        }
        quoted.push(character);
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_outside_of_quotes_get_a_caret() {
        assert_eq!(quoted("X=a&b"), "\"X=a&b\"");
        assert_eq!(quoted("X=\"&calc\"&100%"), "\"X=\"^&calc\"&100%%\"");
    }
}
