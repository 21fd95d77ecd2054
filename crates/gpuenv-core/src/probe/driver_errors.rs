//! What the numbers of the driver's errors mean, from the shipped table.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::probe::VerdictKind;

/// The shipped table.
const TABLE: &str = include_str!("../../../../recipes/facts/cuda_errors.yaml");

static ERRORS: LazyLock<Vec<DriverError>> = LazyLock::new(|| {
    let table: Table = serde_saphyr::from_str(TABLE).expect("a test reads the shipped table");
    table.errors
});

/// What one error of the driver means.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DriverError {
    /// Its number.
    pub code: i32,
    /// Its name in `cuda.h`.
    pub name: String,
    /// The verdict that it leads to.
    pub verdict: VerdictKind,
    /// What is behind it; begins with "likely" where the number does not prove it.
    pub cause: String,
    /// What the user can type.
    #[serde(default)]
    pub help: Vec<String>,
    /// What the user can type on Linux.
    #[serde(default)]
    pub linux: Vec<String>,
    /// The failure mode that it belongs to.
    #[serde(default)]
    pub mode: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[expect(dead_code, reason = "checked to be there, by its being read")]
    schema: u32,
    #[expect(dead_code, reason = "checked to be there, by its being read")]
    date: String,
    #[expect(dead_code, reason = "checked to be there, by its being read")]
    source: String,
    errors: Vec<DriverError>,
}

/// Returns what is known of an error.
pub fn driver_error(number: i32) -> Option<&'static DriverError> {
    ERRORS.iter().find(|error| error.code == number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_table_is_read_and_in_order() {
        assert!(ERRORS.windows(2).all(|pair| pair[0].code < pair[1].code));
        for number in [2, 34, 35, 46, 100, 101, 209, 218, 222, 802, 803, 804, 999] {
            assert!(driver_error(number).is_some(), "{number}");
        }
    }

    #[test]
    fn an_error_leads_to_a_verdict_that_an_error_can_have() {
        use VerdictKind::{Architecture, DriverError, DriverTooOld, NoDevice, StubDriver};
        let possible = [
            Architecture,
            DriverError,
            DriverTooOld,
            NoDevice,
            StubDriver,
        ];
        for error in ERRORS.iter() {
            assert!(possible.contains(&error.verdict), "{}", error.code);
            assert!(!error.cause.ends_with('.'), "{}", error.code);
        }
    }
}
