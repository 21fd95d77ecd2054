//! Makes the output of a program the same on every machine and in every run.

/// What to replace in the output of a program before it is compared.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filters {
    replacements: Vec<(String, String)>,
    hide_sizes: bool,
}

/// Written behind a number, these make it a time.
const TIMES: [&str; 6] = ["ns", "us", "µs", "ms", "s", "min"];

/// Written behind a number, these make it a size; the longest first.
const SIZES: [&str; 12] = [
    "KiB/s", "MiB/s", "GiB/s", "KB/s", "MB/s", "B/s", "KiB", "MiB", "GiB", "KB", "MB", "B",
];

impl Filters {
    pub(crate) fn replace(&mut self, from: &str, to: &str) {
        self.replacements.push((from.to_string(), to.to_string()));
    }

    pub(crate) fn hide_sizes(&mut self) {
        self.hide_sizes = true;
    }

    /// Applies all: given texts first, then servers on loopback, times and sizes.
    pub(crate) fn apply(&self, text: &str) -> String {
        let mut text = text.replace("\r\n", "\n");
        for (from, to) in &self.replacements {
            text = text.replace(from, to);
        }
        text = hide_ports(&text);
        text = hide_numbers(&text, &TIMES, "[TIME]");
        if self.hide_sizes {
            text = hide_numbers(&text, &SIZES, "[SIZE]");
        }
        text
    }
}

/// Replaces `127.0.0.1:12345` by `[SERVER]`, with the scheme before it.
fn hide_ports(text: &str) -> String {
    const HOST: &str = "127.0.0.1:";
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(HOST) {
        let before = &rest[..at];
        let behind = &rest[at + HOST.len()..];
        let digits = behind.bytes().take_while(u8::is_ascii_digit).count();
        match digits {
            0 => result.push_str(&rest[..at + HOST.len()]),
            _ => {
                result.push_str(before.strip_suffix("http://").unwrap_or(before));
                result.push_str("[SERVER]");
            }
        }
        rest = &behind[digits..];
    }
    result + rest
}

/// Replaces numbers that stand before one of the units, with the unit.
fn hide_numbers(text: &str, units: &[&str], word: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, number) = rest.split_at(at);
        result.push_str(before);
        let glued = result.ends_with(|c: char| c.is_alphanumeric() || "_.-".contains(c));
        let digits = number
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(number.len());
        let behind = &number[digits..];
        let unit = match glued {
            true => None,
            false => unit_at(behind, units),
        };
        match unit {
            Some(length) => {
                result.push_str(word);
                rest = &behind[length..];
            }
            None => {
                result.push_str(&number[..digits]);
                rest = behind;
            }
        }
    }
    result + rest
}

/// Returns the length of a unit at the start of the text, with the blank before it.
fn unit_at(text: &str, units: &[&str]) -> Option<usize> {
    let unit = text.strip_prefix(' ').unwrap_or(text);
    let blank = text.len() - unit.len();
    units
        .iter()
        .filter(|name| unit.starts_with(**name))
        .find(|name| {
            let next = unit[name.len()..].chars().next();
            next.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != '/')
        })
        .map(|name| blank + name.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_between_runs_is_replaced() {
        let mut filters = Filters::default();
        filters.replace("/tmp/x1", "[SANDBOX]");
        let clean = |text: &str| filters.apply(text);
        assert_eq!(clean("at /tmp/x1/work\r\n"), "at [SANDBOX]/work\n");
        assert_eq!(
            clean("http://127.0.0.1:4711/c and 127.0.0.1:1"),
            "[SERVER]/c and [SERVER]"
        );
        assert_eq!(clean("127.0.0.1: no port"), "127.0.0.1: no port");
        assert_eq!(
            clean("done in 1.25s, 30 ms, 12µs"),
            "done in [TIME], [TIME], [TIME]"
        );
        assert_eq!(clean("3.2 MiB"), "3.2 MiB");
        filters.hide_sizes();
        assert_eq!(
            filters.apply("3.2 MiB at 7 KiB/s, 12 B"),
            "[SIZE] at [SIZE], [SIZE]"
        );
    }

    #[test]
    fn versions_names_and_counts_stay() {
        for text in [
            "torch-2.6-cuda126_0",
            "sm_30 s",
            "python 3.10 is 1.2.3",
            "2 specs, 3 sets",
            "h1s x9ms",
            "12.4",
        ] {
            assert_eq!(Filters::default().apply(text), text);
        }
    }
}
