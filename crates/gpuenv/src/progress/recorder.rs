//! A reporter that remembers, for tests.

use std::sync::Mutex;

use gpuenv_core::{Event, Reporter};

use super::lock;

/// Remembers every event.
#[derive(Debug, Default)]
pub struct Recorder {
    events: Mutex<Vec<Event>>,
}

impl Recorder {
    /// Returns what was heard so far, in order.
    pub fn events(&self) -> Vec<Event> {
        lock(&self.events).clone()
    }
}

impl Reporter for Recorder {
    fn report(&self, event: Event) {
        lock(&self.events).push(event);
    }
}

#[test]
fn a_recorder_keeps_the_order() {
    let recorder = Recorder::default();
    let reporter: &dyn Reporter = &recorder;
    reporter.report(Event::ProbeStarted);
    reporter.report(Event::ProbeFinished);
    assert_eq!(
        recorder.events(),
        [Event::ProbeStarted, Event::ProbeFinished]
    );
}
