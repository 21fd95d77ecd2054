//! Progress: what the stages tell, as bars, lines, JSON lines or nothing.
//!
//! One listener per session hears every event; how it shows them is one of four
//! forms. Only `bars.rs` knows the library that draws.

pub mod bars;
#[cfg(test)]
pub mod recorder;
pub mod stages;

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use gpuenv_core::{Diagnostic, Event, Reporter};
use serde_json::json;

#[cfg(test)]
pub use self::recorder::Recorder;
pub use self::stages::counted;
use self::{bars::Bars, stages::Stages};
use crate::{document, options::ProgressForm, printer::Printer};

/// A stage that repeats itself must not fill the memory.
const REMEMBERED: usize = 1_000;

/// Hears the stages, shows what they tell, remembers their diagnostics.
#[derive(Debug)]
pub struct Listener {
    printer: Printer,
    started: Instant,
    form: Form,
    told: Mutex<Vec<Diagnostic>>,
}

enum Form {
    Bars(Bars),
    Plain(Mutex<Stages>),
    Json,
    None,
}

impl Listener {
    /// Makes a listener that shows what it hears in that form.
    pub fn new(printer: Printer, form: ProgressForm) -> Self {
        let form = match form {
            ProgressForm::Bars => Form::Bars(Bars::new(printer)),
            ProgressForm::Plain => Form::Plain(Mutex::default()),
            ProgressForm::Json => Form::Json,
            ProgressForm::None => Form::None,
        };
        Self {
            printer,
            started: Instant::now(),
            form,
            told: Mutex::default(),
        }
    }

    /// Takes the bars off the screen, returns the diagnostics heard so far.
    pub fn finish(&self) -> Vec<Diagnostic> {
        if let Form::Bars(bars) = &self.form {
            bars.clear();
        }
        std::mem::take(&mut lock(&self.told))
    }
}

/// Tells the diagnostics that a command ends with, in the form of its progress.
pub fn conclude(printer: Printer, form: ProgressForm, diagnostics: &[Diagnostic]) {
    match form {
        ProgressForm::Json => diagnostics.iter().for_each(|diagnostic| {
            let diagnostic = diagnostic.clone();
            tell_json(printer, &Event::Diagnosed { diagnostic });
        }),
        ProgressForm::Bars | ProgressForm::Plain | ProgressForm::None => {
            printer.diagnostics(diagnostics);
        }
    }
}

fn tell_json(printer: Printer, event: &Event) {
    printer.tell(&document::line(json!(event)));
}

impl Reporter for Listener {
    fn report(&self, event: Event) {
        match &self.form {
            Form::Bars(bars) => bars.hear(&event, self.started.elapsed()),
            Form::Plain(stages) => {
                if let Event::Diagnosed { diagnostic } = &event {
                    self.printer.diagnostics(std::slice::from_ref(diagnostic));
                }
                for line in lock(stages).hear(&event, self.started.elapsed()) {
                    self.printer.talk(line.text());
                }
            }
            Form::Json => tell_json(self.printer, &event),
            Form::None => {
                if let Event::Diagnosed { diagnostic } = &event {
                    self.printer.diagnostics(std::slice::from_ref(diagnostic));
                }
            }
        }
        if let Event::Diagnosed { diagnostic } = event {
            let mut told = lock(&self.told);
            if told.len() < REMEMBERED {
                told.push(diagnostic);
            }
        }
    }
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bars(_) => "Bars",
            Self::Plain(_) => "Plain",
            Self::Json => "Json",
            Self::None => "None",
        })
    }
}

/// Progress of a thread that panicked is still progress.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
