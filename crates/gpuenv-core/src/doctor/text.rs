//! A pasted log: which failure modes its lines look like, and how to make sure.

use serde::Serialize;

use self::line::{Patterns, plain, shown};
use crate::facts::{Mode, ModeId, Modes, Suspect};

mod line;
#[cfg(test)]
mod tests;

/// So many lines are kept for one failure mode.
const MOST_LINES: usize = 3;

/// A terminal that wraps lines does it behind so many characters, or more.
const NARROWEST: usize = 40;

/// A line is looked at together with so many lines before it: one may wrap twice.
const MOST_WRAPPED: usize = 2;

/// What a log looks like.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Reading {
    /// The failure modes, in the order in which the log shows them.
    pub matches: Vec<Match>,
    /// What looks bad in it and is not.
    pub cleared: Vec<Suspected>,
    /// How many lines were read.
    pub lines: usize,
}

/// A failure mode that a log looks like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Match {
    /// The failure mode.
    pub mode: ModeId,
    /// What it is.
    pub title: String,
    /// What is behind it.
    pub cause: String,
    /// How to make sure.
    pub confirm: String,
    /// What to do then.
    pub fix: String,
    /// The lines, at most three.
    pub lines: Vec<LogLine>,
    /// How many lines there are.
    pub count: usize,
}

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// Its number, from 1.
    pub number: usize,
    /// What it says.
    pub text: String,
}

/// Something in a log that looks bad and is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Suspected {
    /// What it is called.
    pub name: String,
    /// The failure mode that is about it.
    pub mode: Option<ModeId>,
    /// Why it is harmless.
    pub verdict: String,
    /// The first line.
    pub line: LogLine,
    /// How many lines there are.
    pub count: usize,
}

/// Reads a log that is at hand as a whole.
pub fn read_log(log: &str, modes: &Modes) -> Reading {
    let mut reader = LogReader::new(modes);
    for line in log.lines() {
        reader.line(line);
    }
    reader.finish()
}

/// Reads a log line by line, in bounded memory.
pub struct LogReader<'m> {
    suspects: Vec<&'m Suspect>,
    modes: Vec<&'m Mode>,
    patterns: Patterns,
    reading: Reading,
    /// The lines just before, the latest last.
    before: Vec<Read>,
}

/// A line that was read, for the case that the next one continues it.
struct Read {
    at: LogLine,
    plain: String,
    found: Vec<Means>,
}

/// What a pattern leads to, by its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Means {
    Suspect(usize),
    Mode(usize),
}

impl<'m> LogReader<'m> {
    /// Makes a reader that knows these failure modes.
    pub fn new(modes: &'m Modes) -> Self {
        let suspects: Vec<&Suspect> = modes.suspects.iter().collect();
        // A row about something harmless is no failure.
        let harmful = |mode: &&Mode| !suspects.iter().any(|s| s.mode == Some(mode.id));
        let modes: Vec<&Mode> = modes.modes.iter().filter(harmful).collect();
        let clearing = (0..).zip(&suspects);
        let clearing = clearing.map(|(index, s)| (Means::Suspect(index), s.pattern.as_str()));
        let finding = (0..).zip(&modes).flat_map(|(index, mode)| {
            let patterns = mode.patterns.iter();
            patterns.map(move |pattern| (Means::Mode(index), pattern.as_str()))
        });
        let patterns = Patterns::new(clearing.chain(finding));
        Self {
            suspects,
            modes,
            patterns,
            reading: Reading::default(),
            before: Vec::new(),
        }
    }

    /// Reads the next line; a progress bar that overwrites itself is taken apart.
    pub fn line(&mut self, line: &str) {
        self.reading.lines += 1;
        for part in line.split('\r') {
            self.part(part);
        }
    }

    /// Returns what the log looks like.
    pub fn finish(self) -> Reading {
        self.reading
    }

    fn part(&mut self, raw: &str) {
        let text = shown(raw);
        if text.is_empty() {
            return;
        }
        let plain = plain(&text);
        let at = LogLine {
            number: self.reading.lines,
            text,
        };
        let found = self.patterns.find(&plain);
        self.keep(&found, &at);
        let wrapped = self.continued(&plain, &found);
        for (index, means) in &wrapped {
            let first = self.before[*index].at.clone();
            self.keep(&[*means], &first);
        }
        let mut known = found;
        known.extend(wrapped.iter().map(|(_, means)| *means));
        if self.before.len() == MOST_WRAPPED {
            self.before.remove(0);
        }
        self.before.push(Read {
            at,
            plain,
            found: known,
        });
    }

    /// Finds what shows only when this line is put behind those before it; with
    /// each, which line it begins in.
    fn continued(&self, plain: &str, found: &[Means]) -> Vec<(usize, Means)> {
        let mut all = Vec::new();
        let (mut spaced, mut tight) = (plain.to_string(), plain.to_string());
        for (index, before) in self.before.iter().enumerate().rev() {
            if before.plain.len() < NARROWEST {
                break;
            }
            spaced = format!("{} {spaced}", before.plain);
            tight = format!("{}{tight}", before.plain);
            let mut joined = self.patterns.find(&spaced);
            joined.extend(self.patterns.find(&tight));
            for means in joined {
                let alone = self.before[index..]
                    .iter()
                    .any(|b| b.found.contains(&means));
                let known = all.iter().any(|(_, known)| *known == means);
                if !alone && !known && !found.contains(&means) {
                    all.push((index, means));
                }
            }
        }
        match all
            .iter()
            .any(|(_, means)| matches!(means, Means::Suspect(_)))
        {
            true => all.retain(|(_, means)| matches!(means, Means::Suspect(_))),
            // What a harmless line says in its second half stays harmless.
            false if self.before.last().is_some_and(Read::is_harmless) => all.clear(),
            false => {}
        }
        all
    }

    /// Takes a line down for what it means; what is harmless means nothing else.
    fn keep(&mut self, found: &[Means], at: &LogLine) {
        let suspect = found.iter().find_map(|means| match means {
            Means::Suspect(index) => Some(self.suspects[*index]),
            Means::Mode(_) => None,
        });
        if let Some(suspect) = suspect {
            return clear(&mut self.reading, suspect, at.clone());
        }
        for means in found {
            if let Means::Mode(index) = means {
                note(&mut self.reading, self.modes[*index], at.clone());
            }
        }
    }
}

impl Read {
    fn is_harmless(&self) -> bool {
        let harmless = |means: &Means| matches!(means, Means::Suspect(_));
        self.found.iter().any(harmless)
    }
}

fn note(reading: &mut Reading, mode: &Mode, line: LogLine) {
    let mut matches = reading.matches.iter_mut();
    match matches.find(|known| known.mode == mode.id) {
        Some(known) => {
            known.count += 1;
            if known.lines.len() < MOST_LINES {
                known.lines.push(line);
            }
        }
        None => reading.matches.push(Match {
            mode: mode.id,
            title: mode.title.clone(),
            cause: mode.cause.clone(),
            confirm: mode.confirm.clone(),
            fix: mode.fix.clone(),
            lines: vec![line],
            count: 1,
        }),
    }
}

fn clear(reading: &mut Reading, suspect: &Suspect, line: LogLine) {
    let known = reading
        .cleared
        .iter_mut()
        .find(|known| known.name == suspect.name);
    match known {
        Some(known) => known.count += 1,
        None => reading.cleared.push(Suspected {
            name: suspect.name.clone(),
            mode: suspect.mode,
            verdict: suspect.verdict.clone(),
            line,
            count: 1,
        }),
    }
}
