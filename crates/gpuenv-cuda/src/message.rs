//! What the child writes for its parent: one message per line.
//!
//! A driver may print to the same stream whenever it likes, also half a line.
//! So each message begins on a line of its own and with a mark that nobody
//! prints by chance; whatever lacks the mark is noise.

use std::io::{self, Write};

use gpuenv_core::probe::Step;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a line must begin with to be a message.
pub(crate) const MARK: &str = "\u{1e}gpuenv-probe ";

/// What the child tells; what it sees has the level's own form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Message<T> {
    /// This is about to be done.
    At(Step),
    /// This has been seen so far.
    SoFar(Box<T>),
    /// This has been seen, and there will be no more.
    Final(Box<T>),
}

/// Writes one message.
pub(crate) fn write<T: Serialize>(out: &mut dyn Write, message: &Message<T>) -> io::Result<()> {
    let json = serde_json::to_string(message)?;
    // In one piece, so that nothing gets in between where the system allows that.
    out.write_all(format!("\n{MARK}{json}\n").as_bytes())?;
    out.flush()
}

/// Reads a line; `None` if it is noise.
pub(crate) fn read(line: &str) -> Option<Result<Message<Value>, serde_json::Error>> {
    line.strip_prefix(MARK).map(serde_json::from_str)
}
