//! What the events add up to: which stage runs, how far it is, what to say.
//!
//! Pure: events and the time go in, lines come out. Both the bars and the plain
//! lines are made from it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use gpuenv_core::{Bytes, Event};

use crate::untrusted::shown;

/// Names in events come from servers; a long one is cut.
const NAME: usize = 120;

/// Something to say about a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// It begins.
    Start(String),
    /// It is done.
    End(String),
}

impl Line {
    /// Returns what to say.
    pub fn text(&self) -> &str {
        match self {
            Self::Start(text) | Self::End(text) => text,
        }
    }
}

/// What the events add up to.
#[derive(Debug, Default)]
pub struct Stages {
    /// The channels' indexes.
    pub reading: Option<Reading>,
    /// The platforms that are being solved, with the time they began.
    pub solving: BTreeMap<String, Duration>,
    /// The packages on their way.
    pub fetching: Option<Counting>,
    /// The packages being linked.
    pub linking: Option<Counting>,
    /// The environment that is being compared.
    pub comparing: Option<Comparing>,
    /// The time the probe began.
    pub probing: Option<Duration>,
}

/// An environment that is being compared with its packages.
#[derive(Debug, Default)]
pub struct Comparing {
    since: Duration,
    bytes: u64,
    total: u64,
}

impl Comparing {
    /// Returns how far it is, in words.
    pub fn progress(&self) -> String {
        format!("{} of {}", Bytes(self.bytes), Bytes(self.total))
    }
}

/// Indexes that are being read.
#[derive(Debug, Default)]
pub struct Reading {
    since: Duration,
    pending: BTreeSet<String>,
    bytes: BTreeMap<String, u64>,
    finished: usize,
    /// Solving has begun, so that no further index is expected.
    last: bool,
}

/// Packages that go through a stage.
#[derive(Debug, Default)]
pub struct Counting {
    since: Duration,
    /// How many there are.
    pub packages: usize,
    /// How many are through.
    pub finished: usize,
    /// How many bytes there are at most.
    pub total: u64,
    bytes: BTreeMap<String, u64>,
    sum: u64,
}

impl Reading {
    /// Returns how far it is, in words.
    pub fn progress(&self) -> String {
        let indexes = self.finished + self.pending.len();
        let bytes = Bytes(self.bytes.values().sum()).to_string();
        format!("{}/{indexes} indexes, {bytes}", self.finished)
    }
}

impl Counting {
    /// Returns how many bytes have arrived.
    pub fn bytes(&self) -> u64 {
        self.sum
    }

    fn arrived(&mut self, package: &str, bytes: u64) {
        let before = self.bytes.insert(package.to_string(), bytes).unwrap_or(0);
        // A download that starts again starts from nothing.
        self.sum = (self.sum - before).saturating_add(bytes);
    }
}

impl Stages {
    /// Takes an event, returns what to say about it.
    pub fn hear(&mut self, event: &Event, now: Duration) -> Vec<Line> {
        match event {
            Event::RepodataStarted { source } => self.index_started(source, now),
            Event::RepodataBytes { source, bytes, .. } => {
                if let Some(reading) = &mut self.reading {
                    reading.bytes.insert(source.clone(), *bytes);
                }
                Vec::new()
            }
            Event::RepodataFinished { source } => {
                if let Some(reading) = &mut self.reading
                    && reading.pending.remove(source)
                {
                    reading.finished += 1;
                }
                self.reading_done(now)
            }
            Event::SolveStarted { platform } => self.solve_started(platform, now),
            Event::SolveFinished { platform, packages } => {
                self.solve_finished(platform, *packages, now)
            }
            Event::FetchStarted { packages, bytes } => self.fetch_started(*packages, *bytes, now),
            Event::FetchBytes { package, bytes } => {
                if let Some(fetching) = &mut self.fetching {
                    fetching.arrived(package, *bytes);
                }
                Vec::new()
            }
            Event::FetchFinished { .. } => self.package_fetched(now),
            Event::LinkStarted { packages } => self.link_started(*packages, now),
            Event::LinkFinished { .. } => self.package_linked(now),
            Event::VerifyStarted { packages, bytes } => {
                self.comparing = Some(Comparing {
                    since: now,
                    bytes: 0,
                    total: *bytes,
                });
                let packages = counted(*packages, "package", "packages");
                let bytes = Bytes(*bytes);
                vec![Line::Start(format!("comparing {packages} ({bytes})"))]
            }
            Event::VerifyBytes { bytes } => {
                if let Some(comparing) = &mut self.comparing {
                    comparing.bytes = *bytes;
                }
                Vec::new()
            }
            Event::VerifyFinished => {
                let done = self.comparing.take();
                let end = |done: Comparing| {
                    let time = time(done.since, now);
                    Line::End(format!("compared {} in {time}", Bytes(done.total)))
                };
                done.map(end).into_iter().collect()
            }
            Event::ProbeStarted => {
                self.probing = Some(now);
                vec![Line::Start("probing the GPU".into())]
            }
            Event::ProbeFinished => {
                let since = self.probing.take();
                let end = |since| Line::End(format!("probed the GPU in {}", time(since, now)));
                since.map(end).into_iter().collect()
            }
            Event::Diagnosed { .. } => Vec::new(),
        }
    }

    fn index_started(&mut self, source: &str, now: Duration) -> Vec<Line> {
        let begins = self.reading.is_none();
        let reading = self.reading.get_or_insert_with(|| Reading {
            since: now,
            ..Reading::default()
        });
        reading.pending.insert(source.to_string());
        begins
            .then(|| Line::Start("reading channels".into()))
            .into_iter()
            .collect()
    }

    /// Says that reading is done, when no index is pending or expected.
    fn reading_done(&mut self, now: Duration) -> Vec<Line> {
        let done = |reading: &mut Reading| reading.last && reading.pending.is_empty();
        let Some(reading) = self.reading.take_if(done) else {
            return Vec::new();
        };
        let indexes = counted(reading.finished, "channel index", "channel indexes");
        let bytes = match reading.bytes.values().sum() {
            0 => String::new(),
            bytes => format!(" ({})", Bytes(bytes)),
        };
        let time = time(reading.since, now);
        vec![Line::End(format!("read {indexes}{bytes} in {time}"))]
    }

    fn solve_started(&mut self, platform: &str, now: Duration) -> Vec<Line> {
        if let Some(reading) = &mut self.reading {
            reading.last = true;
        }
        let mut lines = self.reading_done(now);
        self.solving.insert(platform.to_string(), now);
        lines.push(Line::Start(format!(
            "solving for {}",
            shown(platform, NAME)
        )));
        lines
    }

    fn solve_finished(&mut self, platform: &str, packages: usize, now: Duration) -> Vec<Line> {
        let Some(since) = self.solving.remove(platform) else {
            return Vec::new();
        };
        let packages = counted(packages, "package", "packages");
        let (platform, time) = (shown(platform, NAME), time(since, now));
        vec![Line::End(format!(
            "solved for {platform}: {packages} in {time}"
        ))]
    }

    fn fetch_started(&mut self, packages: usize, total: u64, now: Duration) -> Vec<Line> {
        if packages == 0 {
            return Vec::new();
        }
        self.fetching = Some(Counting {
            since: now,
            packages,
            total,
            ..Counting::default()
        });
        let packages = counted(packages, "package", "packages");
        vec![Line::Start(format!(
            "fetching {packages} ({})",
            Bytes(total)
        ))]
    }

    fn package_fetched(&mut self, now: Duration) -> Vec<Line> {
        let Some(fetching) = one_more(&mut self.fetching) else {
            return Vec::new();
        };
        let packages = counted(fetching.packages, "package", "packages");
        let (bytes, time) = (Bytes(fetching.sum), time(fetching.since, now));
        vec![Line::End(format!("fetched {packages} ({bytes}) in {time}"))]
    }

    fn link_started(&mut self, packages: usize, now: Duration) -> Vec<Line> {
        if packages == 0 {
            return Vec::new();
        }
        self.linking = Some(Counting {
            since: now,
            packages,
            ..Counting::default()
        });
        let packages = counted(packages, "package", "packages");
        vec![Line::Start(format!("linking {packages}"))]
    }

    fn package_linked(&mut self, now: Duration) -> Vec<Line> {
        let Some(linking) = one_more(&mut self.linking) else {
            return Vec::new();
        };
        let packages = counted(linking.packages, "package", "packages");
        let time = time(linking.since, now);
        vec![Line::End(format!("linked {packages} in {time}"))]
    }
}

/// Counts one more package, returns the stage if that was the last one.
fn one_more(stage: &mut Option<Counting>) -> Option<Counting> {
    stage.as_mut()?.finished += 1;
    stage.take_if(|counting| counting.finished >= counting.packages)
}

/// Returns a number with the word for it: `1 package`, `2 packages`.
pub fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Returns how long something took as a person reads it.
fn time(since: Duration, now: Duration) -> String {
    let seconds = now.saturating_sub(since).as_secs_f64();
    match seconds {
        s if s < 59.95 => format!("{s:.1} s"),
        s => format!(
            "{} min {:02} s",
            s.round() as u64 / 60,
            s.round() as u64 % 60
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(events: &[Event]) -> Vec<String> {
        let mut stages = Stages::default();
        let hear = |(index, event): (usize, &Event)| {
            let now = Duration::from_millis(500 * index as u64);
            let said = stages.hear(event, now);
            said.iter()
                .map(|line| line.text().to_string())
                .collect::<Vec<_>>()
        };
        events.iter().enumerate().flat_map(hear).collect()
    }

    fn index(source: &str) -> [Event; 3] {
        let source = source.to_string();
        [
            Event::RepodataStarted {
                source: source.clone(),
            },
            Event::RepodataBytes {
                source: source.clone(),
                bytes: 3 << 20,
                total: None,
            },
            Event::RepodataFinished { source },
        ]
    }

    fn solve(platform: &str) -> [Event; 2] {
        let platform = platform.to_string();
        [
            Event::SolveStarted {
                platform: platform.clone(),
            },
            Event::SolveFinished {
                platform,
                packages: 120,
            },
        ]
    }

    fn fetched(package: &str, bytes: &[u64]) -> Vec<Event> {
        let package = package.to_string();
        let mut events: Vec<Event> = bytes
            .iter()
            .map(|bytes| Event::FetchBytes {
                package: package.clone(),
                bytes: *bytes,
            })
            .collect();
        events.push(Event::FetchFinished { package });
        events
    }

    #[test]
    fn a_lock_tells_each_stage_twice() {
        let events = [
            index("a/linux-64").as_slice(),
            &index("a/noarch"),
            &solve("linux-64"),
            &solve("win-64"),
        ]
        .concat();
        insta::assert_snapshot!(lines(&events).join("\n"), @"
        reading channels
        read 2 channel indexes (6.0 MiB) in 3.0 s
        solving for linux-64
        solved for linux-64: 120 packages in 0.5 s
        solving for win-64
        solved for win-64: 120 packages in 0.5 s
        ");
    }

    #[test]
    fn an_index_that_comes_late_ends_the_reading() {
        let mut events = index("a").to_vec();
        events.push(Event::RepodataStarted { source: "b".into() });
        events.push(Event::SolveStarted {
            platform: "win-64".into(),
        });
        events.push(Event::RepodataFinished { source: "b".into() });
        insta::assert_snapshot!(lines(&events).join("\n"), @"
        reading channels
        solving for win-64
        read 2 channel indexes (3.0 MiB) in 2.5 s
        ");
    }

    #[test]
    fn a_create_counts_packages_and_bytes() {
        let mut events = vec![Event::FetchStarted {
            packages: 2,
            bytes: 5 << 30,
        }];
        // The first download breaks off and starts again.
        events.extend(fetched("a.conda", &[1 << 20, 2 << 20, 1 << 20, 4 << 20]));
        events.extend(fetched("b.conda", &[]));
        events.push(Event::LinkStarted { packages: 1 });
        events.push(Event::LinkFinished {
            package: "a.conda".into(),
        });
        events.push(Event::VerifyStarted {
            packages: 2,
            bytes: 3 << 30,
        });
        events.extend([
            Event::VerifyBytes { bytes: 1 << 30 },
            Event::VerifyFinished,
            Event::ProbeStarted,
            Event::ProbeFinished,
        ]);
        insta::assert_snapshot!(lines(&events).join("\n"), @"
        fetching 2 packages (5.0 GiB)
        fetched 2 packages (4.0 MiB) in 3.0 s
        linking 1 package
        linked 1 package in 0.5 s
        comparing 2 packages (3.0 GiB)
        compared 3.0 GiB in 1.0 s
        probing the GPU
        probed the GPU in 0.5 s
        ");
    }

    #[test]
    fn nothing_to_do_is_nothing_to_say() {
        let events = [
            Event::FetchStarted {
                packages: 0,
                bytes: 0,
            },
            Event::LinkStarted { packages: 0 },
            Event::LinkFinished {
                package: "stray".into(),
            },
            Event::ProbeFinished,
        ];
        assert!(lines(&events).is_empty());
    }

    #[test]
    fn times_read_well() {
        let times = [0, 949, 59_949, 59_960, 3_600_000]
            .map(|millis| time(Duration::ZERO, Duration::from_millis(millis)));
        assert_eq!(
            times,
            ["0.0 s", "0.9 s", "59.9 s", "1 min 00 s", "60 min 00 s"]
        );
    }
}
