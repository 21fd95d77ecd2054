//! Bars on a terminal: one per stage that runs, gone when it is done.
//!
//! The only file that names `indicatif`.

use std::{sync::Mutex, time::Duration};

use gpuenv_core::Event;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

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
    comparing: Option<ProgressBar>,
    probing: Option<ProgressBar>,
}

impl Bars {
    /// Makes an empty screen on stderr.
    pub fn new(printer: Printer) -> Self {
        Self::on(ProgressDrawTarget::stderr(), printer)
    }

    fn on(target: ProgressDrawTarget, printer: Printer) -> Self {
        Self {
            printer,
            screen: MultiProgress::with_draw_target(target),
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
        let comparing = stages.comparing.as_ref().map(|found| found.progress());
        self.spin(&mut state.comparing, "comparing", comparing);
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
    use std::{
        io::Result,
        sync::{Arc, Mutex},
    };

    use anstream::ColorChoice;
    use indicatif::TermLike;

    use super::*;

    /// A terminal that keeps what is written to it.
    #[derive(Debug, Default, Clone)]
    struct Paper(Arc<Mutex<String>>);

    impl TermLike for Paper {
        fn width(&self) -> u16 {
            100
        }
        fn move_cursor_up(&self, _: usize) -> Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> Result<()> {
            self.write_str(&format!("{text}\n"))
        }
        fn write_str(&self, text: &str) -> Result<()> {
            lock(&self.0).push_str(text);
            Ok(())
        }
        fn clear_line(&self) -> Result<()> {
            Ok(())
        }
        fn flush(&self) -> Result<()> {
            Ok(())
        }
    }

    fn drawn(events: &[Event]) -> String {
        let paper = Paper::default();
        let printer = Printer {
            out: ColorChoice::Never,
            err: ColorChoice::Never,
            quiet: true,
            width: 100,
        };
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(paper.clone()), 255);
        let bars = Bars::on(target, printer);
        for event in events {
            bars.hear(event, Duration::ZERO);
            let state = lock(&bars.state);
            let bars = [
                &state.reading,
                &state.solving,
                &state.fetching,
                &state.linking,
            ];
            bars.into_iter().flatten().for_each(ProgressBar::force_draw);
        }
        bars.clear();
        lock(&paper.0).clone()
    }

    #[test]
    fn the_templates_are_valid() {
        for template in [SPINNER, BYTES, PACKAGES] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn a_download_shows_bytes_packages_and_the_time_that_is_left() {
        let drawn = drawn(&[
            Event::FetchStarted {
                packages: 2,
                bytes: 4 << 20,
            },
            Event::FetchBytes {
                package: "a.conda".into(),
                bytes: 2 << 20,
            },
            Event::FetchFinished {
                package: "a.conda".into(),
            },
        ]);
        for part in ["fetching", "2.00 MiB/4.00 MiB", "/s", "eta", "1/2 packages"] {
            assert!(drawn.contains(part), "no `{part}` in {drawn}");
        }
    }

    #[test]
    fn every_stage_has_its_line() {
        let drawn = drawn(&[
            Event::RepodataStarted { source: "a".into() },
            Event::SolveStarted {
                platform: "win-\u{1b}64".into(),
            },
            Event::LinkStarted { packages: 3 },
            Event::LinkFinished {
                package: "a".into(),
            },
        ]);
        for part in [
            "reading",
            "0/1 indexes",
            "solving",
            "win-␛64",
            "linking",
            "1/3 packages",
        ] {
            assert!(drawn.contains(part), "no `{part}` in {drawn}");
        }
    }
}
