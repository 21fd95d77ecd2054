//! The date of `--exclude-newer`: what is built after it does not exist.
//!
//! Days are those of UTC, so that one command gives one lock in every time zone.

use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};

/// Reads a date (`2024-12-31`, the end of that day) or a time (RFC 3339).
///
/// # Errors
///
/// Fails if it is neither.
pub fn parse(text: &str) -> Result<Timestamp, BadDate> {
    match text.parse::<Date>() {
        // A date also parses out of a time, whose hours would be lost.
        Ok(day) if day.to_string() == text => end_of(day).ok_or(BadDate),
        _ => text.parse().map_err(|_| BadDate),
    }
}

/// Returns the last millisecond of a day; channels count in milliseconds.
pub fn end_of(day: Date) -> Option<Timestamp> {
    let next = day.tomorrow().ok()?.to_zoned(TimeZone::UTC).ok()?;
    next.timestamp().checked_sub(1.millisecond()).ok()
}

/// Returns the text that [`parse`] reads as this time: a date where one will do.
pub fn display(time: Timestamp) -> String {
    let day = time.to_zoned(TimeZone::UTC).date();
    match end_of(day) == Some(time) {
        true => day.to_string(),
        false => time.to_string(),
    }
}

/// The text is no date.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a date like `2024-12-31` or a timestamp like `2024-12-31T12:00:00Z`")]
pub struct BadDate;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_the_end_of_that_day_in_utc() {
        for (text, expected) in [
            ("2024-02-29", "2024-02-29T23:59:59.999Z"),
            ("2024-12-31T12:00:00Z", "2024-12-31T12:00:00Z"),
            ("2024-12-31T12:00:00+02:00", "2024-12-31T10:00:00Z"),
        ] {
            assert_eq!(parse(text).unwrap().to_string(), expected, "{text}");
        }
        for bad in [
            "",
            "yesterday",
            "2024-13-01",
            "2024",
            "2023-02-29",
            "1700000000",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_displayed_reads_back() {
        for text in ["2024-02-29", "2024-12-31T10:00:00Z", "-009999-01-02"] {
            assert_eq!(display(parse(text).unwrap()), text);
        }
    }
}
