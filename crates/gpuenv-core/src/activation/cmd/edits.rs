//! One edit of a variable in a batch file, and what undoes it.

use super::text::{Batch, WRITE, doubled, escaped};
use crate::activation::Edit;

/// Carries out an edit, unless it is in force already.
pub(super) fn apply(batch: &mut Batch, edit: &Edit) {
    let name = edit.name();
    match edit {
        Edit::Set { value, .. } if is_several_lines(value) => batch.push(&format!(
            "echo gpuenv: {name} is not set: its value has several lines 1>&2\n"
        )),
        // An empty variable is none.
        Edit::Set { value, .. } if value.is_empty() => {
            let done = batch.label();
            batch.push(&format!(
                "if \"%GPUENV_A%\"==\"again\" if not defined {name} goto {done}\n"
            ));
            remember(batch, name);
            batch.push(&format!("set \"{name}=\"\n:{done}\n"));
        }
        Edit::Set { value, .. } => {
            let same = format!("if \"%GPUENV_T%\"==\"{}\"", doubled(value));
            let done = unless(batch, name, &same);
            remember(batch, name);
            match value.contains('"') {
                true => batch.push(&format!(
                    "set \"GPUENV_V={name}\"\n\
                     set \"GPUENV_W={}\"\n\
                     {WRITE}",
                    doubled(value)
                )),
                false => batch.push(&format!("set \"{name}={}\"\n", escaped(value))),
            }
            batch.push(&format!(":{done}\n"));
        }
        Edit::PrependPath {
            dirs, separator, ..
        } => {
            let block = List::new(dirs, *separator);
            let done = unless(batch, name, &block.found());
            remember(batch, name);
            batch.push(&format!(
                "set \"GPUENV_V={name}\"\n\
                 set \"GPUENV_W={block}\"\n\
                 if defined {name} set \"GPUENV_W={block}{separator}%{name}:\"=\"\"%\"\n\
                 {WRITE}\
                 :{done}\n",
                block = block.escaped
            ));
        }
    }
}

/// Undoes an edit, unless something else has changed the variable since.
pub(super) fn undo(batch: &mut Batch, edit: &Edit) {
    let name = edit.name();
    match edit {
        Edit::Set { value, .. } if is_several_lines(value) => {}
        Edit::Set { value, .. } => change_back(batch, name, &doubled(value)),
        Edit::PrependPath {
            dirs, separator, ..
        } => remove(batch, name, &List::new(dirs, *separator)),
    }
}

/// Remembers what the variable was; its name may hold a `%NAME%` of ours.
pub(super) fn remember(batch: &mut Batch, name: &str) {
    let read = match name.contains('%') {
        true => format!("call set \"GPUENV_W=s%%{name}:\"=\"\"%%\""),
        false => format!("set \"GPUENV_W=s%{name}:\"=\"\"%\""),
    };
    batch.push(&format!(
        "set \"GPUENV_V=%GPUENV_M%{name}\"\n\
         set \"GPUENV_W=u\"\n\
         if defined {name} {read}\n\
         {WRITE}"
    ));
}

/// Undoes a change unless the variable is no longer that value, given as it stands
/// between quotes; the name may hold a `%NAME%` of ours.
pub(super) fn change_back(batch: &mut Batch, name: &str, value: &str) {
    let done = batch.label();
    recall(batch, name, &done);
    batch.push(&format!(
        "set \"GPUENV_T=\"\n\
         if defined {name} call set \"GPUENV_T=%%{name}:\"=\"\"%%\"\n\
         if not \"%GPUENV_T%\"==\"{value}\" goto {done}\n\
         set \"GPUENV_V={name}\"\n\
         set \"GPUENV_W=%GPUENV_S:~1%\"\n\
         {WRITE}\
         :{done}\n"
    ));
}

/// Takes the directories off a list, and leaves what others put there.
fn remove(batch: &mut Batch, name: &str, list: &List) {
    let (write, done) = (batch.label(), batch.label());
    let (block, separator) = (&list.escaped, list.separator);
    recall(batch, name, &done);
    batch.push(&format!(
        "if not defined {name} goto {done}\n\
         set \"GPUENV_T=%{name}:\"=\"\"%\"\n\
         set \"GPUENV_W=%GPUENV_S:~1%\"\n\
         set \"GPUENV_U={block}{separator}%GPUENV_W%\"\n\
         if not defined GPUENV_W set \"GPUENV_U={block}\"\n\
         if \"%GPUENV_T%\"==\"%GPUENV_U%\" goto {write}\n\
         {cut}\
         :{write}\n\
         set \"GPUENV_V={name}\"\n\
         {WRITE}\
         :{done}\n",
        cut = list.cut(&done)
    ));
}

/// Reads what the variable was into `GPUENV_S`, and forgets it.
fn recall(batch: &mut Batch, name: &str, done: &str) {
    batch.push(&format!(
        "if not defined %GPUENV_M%{name} goto {done}\n\
         call set \"GPUENV_S=%%%GPUENV_M%{name}:\"=\"\"%%\"\n\
         set \"%GPUENV_M%{name}=\"\n"
    ));
}

/// Goes to the label that is returned if the activation is there again and the
/// condition on `GPUENV_T`, which holds the variable, is met.
fn unless(batch: &mut Batch, name: &str, condition: &str) -> String {
    let (new, done) = (batch.label(), batch.label());
    batch.push(&format!(
        "if not \"%GPUENV_A%\"==\"again\" goto {new}\n\
         if not defined {name} goto {new}\n\
         set \"GPUENV_T=%{name}:\"=\"\"%\"\n\
         {condition} goto {done}\n\
         :{new}\n"
    ));
    done
}

/// Directories as they stand in a list.
struct List {
    escaped: String,
    /// How many characters of Windows they are.
    length: usize,
    separator: char,
    /// Whether `%NAME:TEXT=…%` can look for them.
    replaceable: bool,
}

impl List {
    fn new(dirs: &[String], separator: char) -> Self {
        let block = crate::activation::list::block(dirs, separator);
        Self {
            escaped: escaped(&block),
            length: block.encode_utf16().count(),
            separator,
            replaceable: !block.contains(['=', '%', '"', '\n', '\r']),
        }
    }

    /// Returns the lines that look for the directories in `GPUENV_T`, up to the condition.
    fn found(&self) -> String {
        let (block, separator) = (&self.escaped, self.separator);
        match self.replaceable {
            true => format!(
                "set \"GPUENV_T={separator}%GPUENV_T%{separator}\"\n\
                 set \"GPUENV_U=%GPUENV_T:{separator}{block}{separator}={separator}%\"\n\
                 if not \"%GPUENV_T%\"==\"%GPUENV_U%\""
            ),
            // Anywhere else than at the front they cannot be looked for.
            false => format!(
                "set \"GPUENV_T=%GPUENV_T%{separator}\"\n\
                 if \"%GPUENV_T:~0,{}%\"==\"{block}{separator}\"",
                self.length + 1
            ),
        }
    }

    /// Returns the lines that leave in `GPUENV_W` what else is in `GPUENV_T`.
    fn cut(&self, done: &str) -> String {
        let (block, separator) = (&self.escaped, self.separator);
        match self.replaceable {
            true => format!(
                "set \"GPUENV_T={separator}%GPUENV_T%{separator}\"\n\
                 set \"GPUENV_W=%GPUENV_T:{separator}{block}{separator}={separator}%\"\n\
                 set \"GPUENV_W=%GPUENV_W:~1,-1%\"\n"
            ),
            false => format!(
                "set \"GPUENV_T=%GPUENV_T%{separator}\"\n\
                 if not \"%GPUENV_T:~0,{length}%\"==\"{block}{separator}\" goto {done}\n\
                 set \"GPUENV_W=%GPUENV_T:~{length},-1%\"\n",
                length = self.length + 1
            ),
        }
    }
}

fn is_several_lines(text: &str) -> bool {
    text.contains(['\n', '\r'])
}
