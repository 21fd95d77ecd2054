//! Bars on a terminal: one per stage that runs, gone when it is done.
//!
//! The only file that names `indicatif`.

use std::{sync::Mutex, time::Duration};

use gpuenv_core::Event;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::{
    lock,
    stages::{Counting, Line, Stages},
};
use crate::{printer::Printer, untrusted::shown};

const SPINNER: &str = "{spinner} {prefix:9} {wide_msg}";
const BYTES: &str = "{spinner} {prefix:9} {bar:24} {binary_bytes}/{binary_total_bytes} \
                     {binary_bytes_per_sec} eta {eta} {wide_msg}";
const PACKAGES: &str = "{spinner} {prefix:9} {bar:24} {pos}/{len} packages {wide_msg}";

/// The bars of one session.
pub struct Bars {
    printer: Printer,
    screen: MultiProgress,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    stages: Stages,
    reading: Option<ProgressBar>,
    solving: Option<ProgressBar>,
    fetching: Option<ProgressBar>,
    linking: Option<ProgressBar>,
    probing: Option<ProgressBar>,
}

impl Bars {
    /// Makes an empty screen on stderr.
    pub fn new(printer: Printer) -> Self {
        Self {
            printer,
            screen: MultiProgress::new(),
            state: Mutex::default(),
        }
    }

    /// Shows an event.
    pub fn hear(&self, event: &Event, now: Duration) {
        if let Event::Diagnosed { diagnostic } = event {
            let tell = || self.printer.diagnostics(std::slice::from_ref(diagnostic));
            return self.screen.suspend(tell);
        }
        let mut state = lock(&self.state);
        let lines = state.stages.hear(event, now);
        self.draw(&mut state);
        for line in lines {
            // That a stage begins is what its bar says.
            if let Line::End(text) = line {
                self.screen.suspend(|| self.printer.talk(&text));
            }
        }
    }

    /// Takes all bars off the screen.
    pub fn clear(&self) {
        let mut state = lock(&self.state);
        *state = State::default();
        self.draw(&mut state);
        // A terminal that is gone needs no clearing.
        let _ = self.screen.clear();
    }

    /// Makes the bars say what the stages are.
    fn draw(&self, state: &mut State) {
        let stages = &state.stages;
        let reading = stages.reading.as_ref().map(|reading| reading.progress());
        self.spin(&mut state.reading, "reading", reading);
        let platforms: Vec<String> = stages.solving.keys().map(|name| shown(name, 40)).collect();
        let solving = (!platforms.is_empty()).then(|| platforms.join(", "));
        self.spin(&mut state.solving, "solving", solving);
        self.count(&mut state.fetching, "fetching", stages.fetching.as_ref());
        self.count(&mut state.linking, "linking", stages.linking.as_ref());
        let probing = stages.probing.map(|_| "the GPU".to_string());
        self.spin(&mut state.probing, "probing", probing);
    }

    fn spin(&self, bar: &mut Option<ProgressBar>, name: &'static str, message: Option<String>) {
        match message {
            Some(message) => bar
                .get_or_insert_with(|| self.begin(name, SPINNER, None))
                .set_message(message),
            None => self.end(bar),
        }
    }

    fn count(&self, bar: &mut Option<ProgressBar>, name: &'static str, stage: Option<&Counting>) {
        let Some(stage) = stage else {
            return self.end(bar);
        };
        if stage.total == 0 {
            let packages = Some(stage.packages as u64);
            bar.get_or_insert_with(|| self.begin(name, PACKAGES, packages))
                .set_position(stage.finished as u64);
            return;
        }
        let bar = bar.get_or_insert_with(|| self.begin(name, BYTES, Some(stage.total)));
        bar.set_position(stage.bytes().min(stage.total));
        bar.set_message(format!("{}/{} packages", stage.finished, stage.packages));
    }

    fn begin(&self, name: &'static str, template: &str, length: Option<u64>) -> ProgressBar {
        let style = ProgressStyle::with_template(template)
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("━╸ ");
        let bar = match length {
            Some(length) => ProgressBar::new(length),
            None => ProgressBar::no_length(),
        };
        let bar = self.screen.add(bar.with_style(style).with_prefix(name));
        bar.enable_steady_tick(Duration::from_millis(100));
        bar
    }

    fn end(&self, bar: &mut Option<ProgressBar>) {
        if let Some(bar) = bar.take() {
            bar.finish_and_clear();
            self.screen.remove(&bar);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_valid() {
        for template in [SPINNER, BYTES, PACKAGES] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
