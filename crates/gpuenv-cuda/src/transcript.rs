//! What the parent makes of the bytes that it hears: messages, and noise.
//!
//! Pure, and safe from anything that a child may say: no line is kept beyond a
//! limit, and of the noise only the end.

use std::env::consts::OS;

use gpuenv_core::probe::{End, Observation, SCHEMA, Step};

use crate::message::{self, Message};

/// A longer line is no message, and is thrown away.
const LONGEST_LINE: usize = 1 << 20;

/// How much of the noise is kept.
const NOISE: usize = 4 << 10;

/// What was heard so far.
#[derive(Debug, Default)]
pub(crate) struct Transcript {
    line: Vec<u8>,
    overlong: bool,
    bytes: u64,
    noise: String,
    last_step: Option<Step>,
    observation: Option<Observation>,
    finished: bool,
    unreadable: Option<String>,
}

impl Transcript {
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

    /// Returns what was observed, with the end that it came to.
    pub(crate) fn into_observation(mut self, end: End) -> Observation {
        if !self.line.is_empty() {
            self.end_line();
        }
        let mut observation = self
            .observation
            .unwrap_or_else(|| Observation::new(OS, end.clone()));
        observation.end = end;
        observation.noise = Some(self.noise).filter(|noise| !noise.is_empty());
        observation
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
            Some(Ok(Message::SoFar(seen))) => self.see(*seen),
            Some(Ok(Message::Final(seen))) => {
                self.finished = seen.schema == SCHEMA;
                self.see(*seen);
            }
            Some(Err(error)) => self.unreadable = Some(error.to_string()),
        }
    }

    fn see(&mut self, seen: Observation) {
        if seen.schema == SCHEMA {
            self.observation = Some(seen);
        } else {
            self.unreadable = Some(format!("its messages are of schema {}", seen.schema));
        }
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
    use super::*;
    use crate::message::MARK;

    fn message(message: &Message) -> Vec<u8> {
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
            assert_eq!(transcript.into_observation(End::Finished), *seen(2));
        }
    }

    #[test]
    fn half_a_line_of_noise_does_not_hide_a_message() {
        let mut transcript = Transcript::default();
        transcript.feed(b"half a line");
        transcript.feed(&message(&Message::Final(seen(1))));
        transcript.feed(b"\x1b[31mand more");
        assert_eq!(transcript.end(), End::Finished);
        let observation = transcript.into_observation(End::Finished);
        assert_eq!(observation.device_count, Some(1));
        assert_eq!(
            observation.noise.as_deref(),
            Some("half a line\n[31mand more\n")
        );
    }

    #[test]
    fn what_was_seen_before_a_crash_is_kept() {
        let mut transcript = Transcript::default();
        transcript.feed(&message(&Message::SoFar(seen(3))));
        transcript.feed(&message(&Message::At(step("cuMemAlloc_v2"))));
        let end = End::Crashed {
            signal: Some(6),
            exit_code: None,
            last_step: transcript.last_step(),
        };
        let observation = transcript.into_observation(end.clone());
        assert_eq!((observation.device_count, observation.end), (Some(3), end));
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
        let noise = transcript.into_observation(End::Finished).noise.unwrap();
        assert!(noise.len() <= NOISE && noise.ends_with("driver prints\n"));
    }
}
