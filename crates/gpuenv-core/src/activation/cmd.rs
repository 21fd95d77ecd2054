//! Activation as text for `cmd`: a batch file, to be run by `call`.
//!
//! A batch file has no functions that leave variables behind, so every edit is
//! written out. What it works with are variables that go at the end. How a value
//! stays data is told beside [`text`].
//!
//! Beyond what `cmd` can say: an empty variable (it is unset), a value of
//! several lines (it is left out, and that is said).

mod edits;
mod text;

use self::{
    edits::{apply, change_back, remember, undo},
    text::{Batch, WRITE, doubled, escaped},
};
use super::{Activation, BATCH_VARIABLES};

pub(super) use self::text::prompt_mark;

/// Takes quotes out of what has none unless something else has written it.
const TIDY_STACK: &str = "if defined GPUENV_STACK set \"GPUENV_STACK=%GPUENV_STACK:\"=%\"\n";

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

/// Returns a batch file that runs the packages' scripts in an activated environment and
/// then writes the variables beside itself.
///
/// It names no place: `cmd` might read that in another code page.
pub(super) fn scripts_file(activation: &Activation) -> String {
    let mut batch = Batch::default();
    for path in activation.scripts.activate(".bat") {
        let below = path.strip_prefix(&activation.prefix).unwrap_or(path);
        batch.run(&format!("%CONDA_PREFIX%{}", escaped(below)), "");
    }
    let list = format!("\"%COMSPEC%\" /u /d /c set >\"%~dp0{BATCH_VARIABLES}\"\nexit /b 0\n");
    batch.finished_by("Written by gpuenv. Runs the scripts of packages.", &list)
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
         {TIDY_STACK}\
         if defined GPUENV_STACK call set \"GPUENV_S=%%GPUENV_STACK:~-%GPUENV_T%%%\"\n\
         if not \"%GPUENV_S%\"==\"{tag}_%GPUENV_L%\" goto {new}\n\
         if not defined CONDA_PREFIX goto {new}\n\
         set \"GPUENV_T=%CONDA_PREFIX:\"=\"\"%\"\n\
         if \"%GPUENV_T%\"==\"{prefix}\" goto {again}\n\
         :{new}\n\
         set \"GPUENV_A=new\"\n\
         set \"GPUENV_E=%GPUENV_L%\"\n\
         set /a GPUENV_L=GPUENV_L+1\n\
         set \"GPUENV_M=GPUENV_USUAL_{tag}_%GPUENV_L%_\"\n\
         if defined GPUENV_STACK set \"GPUENV_STACK=%GPUENV_STACK%:{tag}_%GPUENV_L%\"\n\
         if not defined GPUENV_STACK set \"GPUENV_STACK={tag}_%GPUENV_L%\"\n",
        prefix = doubled(&activation.prefix),
    ));
    remember(&mut batch, "CONDA_SHLVL");
    batch.push(&format!(
        "set \"CONDA_SHLVL=%GPUENV_L%\"\n\
         if \"%GPUENV_E%\"==\"0\" goto {done}\n\
         if not defined CONDA_PREFIX goto {done}\n"
    ));
    remember(&mut batch, "CONDA_PREFIX_%GPUENV_E%");
    batch.push(&format!(
        "set \"GPUENV_V=CONDA_PREFIX_%GPUENV_E%\"\n\
         set \"GPUENV_W=%CONDA_PREFIX:\"=\"\"%\"\n\
         {WRITE}"
    ));
    remember(&mut batch, "CONDA_STACKED_%GPUENV_L%");
    batch.push(&format!(
        "set \"CONDA_STACKED_%GPUENV_L%=true\"\n\
         goto {done}\n\
         :{again}\n\
         set \"GPUENV_A=again\"\n\
         set \"GPUENV_M=GPUENV_USUAL_{tag}_%GPUENV_L%_\"\n\
         :{done}\n"
    ));
    for edit in &activation.usual {
        apply(&mut batch, edit);
    }
    for path in activation.scripts.activate(".bat") {
        batch.run(&escaped(path), "if \"%GPUENV_A%\"==\"new\" ");
    }
    own(&mut batch, activation);
    batch.finished("Written by gpuenv. Activates an environment.")
}

/// Returns the text that undoes the environment's activation if it is the last one.
pub(super) fn hook_deactivate(activation: &Activation) -> String {
    let mut batch = Batch::default();
    let tag = &activation.tag;
    let end = batch.label();
    batch.push(&format!(
        "set \"GPUENV_L=\"\n\
         {TIDY_STACK}\
         if not defined GPUENV_STACK goto {end}\n"
    ));
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
        batch.run(&escaped(path), "");
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
        undo(&mut batch, edit);
    }
    change_back(&mut batch, "CONDA_STACKED_%GPUENV_L%", "true");
    batch.push("set /a GPUENV_E=GPUENV_L-1\n");
    batch.push(
        "set \"GPUENV_U=\"\n\
         if defined CONDA_PREFIX set \"GPUENV_U=%CONDA_PREFIX:\"=\"\"%\"\n",
    );
    change_back(&mut batch, "CONDA_PREFIX_%GPUENV_E%", "%GPUENV_U%");
    change_back(&mut batch, "CONDA_SHLVL", "%GPUENV_L%");
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

fn own(batch: &mut Batch, activation: &Activation) {
    if activation.own.is_empty() {
        return;
    }
    let levels = format!("GPUENV_LEVELS_{}", activation.tag);
    batch.push(CONDA_LEVEL);
    batch.push(&format!(
        "set /a GPUENV_T=GPUENV_N+1\n\
         if defined {levels} set \"{levels}=%{levels}:\"=%\"\n\
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
        apply(batch, edit);
    }
}

fn disown(batch: &mut Batch, activation: &Activation) {
    if activation.own.is_empty() {
        return;
    }
    let end = batch.label();
    let levels = format!("GPUENV_LEVELS_{}", activation.tag);
    batch.push(&format!(
        "if defined {levels} set \"{levels}=%{levels}:\"=%\"\n\
         if not defined {levels} goto {end}\n\
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
        undo(batch, edit);
    }
    batch.push(&format!(":{end}\n"));
}
