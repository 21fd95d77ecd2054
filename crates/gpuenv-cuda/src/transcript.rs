//! What the parent makes of the bytes that it hears: messages, and noise.
//!
//! Pure, and safe from anything that a child may say: no line is kept beyond a
//! limit, and of the noise only the end.

use gpuenv_core::probe::{End, SCHEMA, Step};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::message::{self, Message};

/// A longer line is no message, and is thrown away.
const LONGEST_LINE: usize = 1 << 20;

/// How much of the noise is kept.
const NOISE: usize = 4 << 10;

/// What was heard so far.
#[derive(Debug)]
pub(crate) struct Transcript<T> {
    line: Vec<u8>,
    overlong: bool,
    bytes: u64,
    noise: String,
    last_step: Option<Step>,
    seen: Option<T>,
    finished: bool,
    unreadable: Option<String>,
}

impl<T> Default for Transcript<T> {
    fn default() -> Self {
        Self {
            line: Vec::new(),
            overlong: false,
            bytes: 0,
            noise: String::new(),
            last_step: None,
            seen: None,
            finished: false,
            unreadable: None,
        }
    }
}

impl<T: DeserializeOwned> Transcript<T> {
    /// Takes the next bytes.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = match piece.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (piece, false),
            };
            self.overlong |= self.line.len() + text.len() > LONGEST_LINE;
            if self.overlong {
                self.line = Vec::new();
            } else {
                self.line.extend_from_slice(text);
            }
            if ends {
                self.end_line();
            }
        }
    }

    /// Returns how many bytes there were.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns the step that was last begun.
    pub(crate) fn last_step(&self) -> Option<Step> {
        self.last_step.clone()
    }

    /// Tells how a child ended that ended well.
    pub(crate) fn end(&self) -> End {
        match (&self.unreadable, self.finished) {
            (_, true) => End::Finished,
            (Some(why), false) => End::Garbled { why: why.clone() },
            (None, false) => End::Garbled {
                why: "it ended without its last message".to_string(),
            },
        }
    }

    /// Returns what was seen, and the end of what was printed besides.
    pub(crate) fn into_parts(mut self) -> (Option<T>, Option<String>) {
        if !self.line.is_empty() {
            self.end_line();
        }
        (
            self.seen,
            Some(self.noise).filter(|noise| !noise.is_empty()),
        )
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        if std::mem::take(&mut self.overlong) {
            return;
        }
        let line = String::from_utf8_lossy(&line);
        match message::read(&line) {
            None => self.hear_noise(&line),
            Some(Ok(Message::At(step))) => self.last_step = Some(step),
            Some(Ok(Message::SoFar(seen))) => {
                self.see(*seen);
            }
            Some(Ok(Message::Final(seen))) => self.finished |= self.see(*seen),
            Some(Err(error)) => self.unreadable = Some(error.to_string()),
        }
    }

    /// Takes what the child saw; `false` where it cannot be read.
    fn see(&mut self, seen: Value) -> bool {
        let schema = seen.get("schema").cloned().unwrap_or_default();
        if schema != SCHEMA {
            self.unreadable = Some(format!("its messages are of schema {schema}"));
            return false;
        }
        match serde_json::from_value(seen) {
            Ok(seen) => self.seen = Some(seen),
            Err(error) => self.unreadable = Some(error.to_string()),
        }
        self.seen.is_some()
    }

    fn hear_noise(&mut self, line: &str) {
        if line.trim().is_empty() {
            return;
        }
        self.noise.extend(line.chars().filter(|c| !c.is_control()));
        self.noise.push('\n');
        if self.noise.len() > NOISE {
            let start = self.noise.ceil_char_boundary(self.noise.len() - NOISE);
            self.noise.drain(..start);
        }
    }
}

#[cfg(test)]
mod tests {
    use gpuenv_core::probe::Observation;

    use super::*;
    use crate::message::MARK;

    type Transcript = super::Transcript<Observation>;

    fn message(message: &Message<Observation>) -> Vec<u8> {
        let mut bytes = Vec::new();
        message::write(&mut bytes, message).unwrap();
        bytes
    }

    fn seen(count: u32) -> Box<Observation> {
        let mut seen = Observation::new("linux", End::Finished);
        seen.device_count = Some(count);
        Box::new(seen)
    }

    fn step(call: &str) -> Step {
        Step {
            call: call.to_string(),
            device: None,
        }
    }

    #[test]
    fn messages_are_heard_in_pieces_of_any_size() {
        let mut bytes = message(&Message::At(step("cuInit")));
        bytes.extend(message(&Message::SoFar(seen(1))));
        bytes.extend(message(&Message::Final(seen(2))));
        for size in [1, 2, 7, 64, 100_000] {
            let mut transcript = Transcript::default();
            bytes.chunks(size).for_each(|piece| transcript.feed(piece));
            assert_eq!(transcript.last_step(), Some(step("cuInit")));
            assert_eq!(transcript.end(), End::Finished);
            assert_eq!(transcript.into_parts(), (Some(*seen(2)), None));
        }
    }

    #[test]
    fn half_a_line_of_noise_does_not_hide_a_message() {
        let mut transcript = Transcript::default();
        transcript.feed(b"half a line");
        transcript.feed(&message(&Message::Final(seen(1))));
        transcript.feed(b"\x1b[31mand more");
        assert_eq!(transcript.end(), End::Finished);
        let (seen, noise) = transcript.into_parts();
        assert_eq!(seen.unwrap().device_count, Some(1));
        assert_eq!(noise.as_deref(), Some("half a line\n[31mand more\n"));
    }

    #[test]
    fn what_was_seen_before_a_crash_is_kept() {
        let mut transcript = Transcript::default();
        transcript.feed(&message(&Message::SoFar(seen(3))));
        transcript.feed(&message(&Message::At(step("cuMemAlloc_v2"))));
        assert_eq!(transcript.last_step(), Some(step("cuMemAlloc_v2")));
        assert!(matches!(transcript.end(), End::Garbled { .. }));
        assert_eq!(transcript.into_parts().0.unwrap().device_count, Some(3));
    }

    #[test]
    fn garbage_is_said_to_be_garbage() {
        let mut cut = Transcript::default();
        cut.feed(format!("{MARK}{{\"final\":{{\n").as_bytes());
        assert!(matches!(cut.end(), End::Garbled { why } if why.contains("EOF")));
        let mut newer = Transcript::default();
        let mut observation = seen(1);
        observation.schema = 99;
        newer.feed(&message(&Message::Final(observation)));
        assert!(matches!(newer.end(), End::Garbled { why } if why.contains("schema 99")));
        assert!(matches!(Transcript::default().end(), End::Garbled { .. }));
    }

    #[test]
    fn no_line_and_no_noise_fills_the_memory() {
        let mut transcript = Transcript::default();
        for _ in 0..40 {
            transcript.feed(&[b'x'; 1 << 16]);
            assert!(transcript.line.len() <= LONGEST_LINE);
        }
        transcript.feed(&message(&Message::Final(seen(1))));
        for _ in 0..1000 {
            transcript.feed("ä driver prints\n".as_bytes());
        }
        assert_eq!(transcript.end(), End::Finished);
        let noise = transcript.into_parts().1.unwrap();
        assert!(noise.len() <= NOISE && noise.ends_with("driver prints\n"));
    }
}
