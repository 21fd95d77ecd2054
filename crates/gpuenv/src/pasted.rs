//! A log that a user pastes: from a file or stdin, in whatever encoding.

use std::{
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use fs_err as fs;
use gpuenv_core::{
    doctor::{LogReader, Reading},
    facts::Modes,
};

use crate::outcome::Failure;

/// So much of a log in UTF-16 is read, in bytes: it is decoded as a whole.
const LONGEST_WIDE: u64 = 64 << 20;

/// A line is read in pieces of this size, in bytes.
const LONGEST_PIECE: u64 = 1 << 20;

/// Reads a log; `-` is stdin.
///
/// # Errors
/// GE513 if the file cannot be read.
pub fn read(file: &Path, modes: &Modes) -> Result<Reading, Failure> {
    if file == Path::new("-") {
        return lines(io::stdin().lock(), modes).map_err(Failure::io);
    }
    let opened = fs::File::open(file).map_err(Failure::io)?;
    lines(BufReader::new(opened), modes).map_err(Failure::io)
}

fn lines(mut log: impl BufRead, modes: &Modes) -> io::Result<Reading> {
    let mut reader = LogReader::new(modes);
    // Windows PowerShell writes UTF-16 with a byte order mark into files.
    let wide = match log.fill_buf()? {
        [0xff, 0xfe, ..] => Some(u16::from_le_bytes as fn([u8; 2]) -> u16),
        [0xfe, 0xff, ..] => Some(u16::from_be_bytes as fn([u8; 2]) -> u16),
        _ => None,
    };
    if let Some(unit) = wide {
        let mut bytes = Vec::new();
        log.take(LONGEST_WIDE).read_to_end(&mut bytes)?;
        let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        let text = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER));
        for line in text.collect::<String>().lines() {
            reader.line(line);
        }
        return Ok(reader.finish());
    }
    let mut line = Vec::new();
    while (&mut log)
        .take(LONGEST_PIECE)
        .read_until(b'\n', &mut line)?
        > 0
    {
        while line
            .last()
            .is_some_and(|last| matches!(last, b'\n' | b'\r'))
        {
            line.pop();
        }
        reader.line(&String::from_utf8_lossy(&line));
        line.clear();
    }
    Ok(reader.finish())
}

#[cfg(test)]
mod tests {
    use gpuenv_core::facts::Facts;

    use super::*;

    fn matches(log: &[u8]) -> (Vec<String>, usize) {
        let reading = lines(log, &Facts::shipped().modes).unwrap();
        let modes = reading.matches.iter().map(|found| found.mode.to_string());
        (modes.collect(), reading.lines)
    }

    #[test]
    fn encodings_of_every_system_are_read() {
        let text = "one\r\nCUDA out of memory\r\n";
        let wide = |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            let units = "\u{feff}".encode_utf16().chain(text.encode_utf16());
            units.flat_map(bytes).collect()
        };
        let expected = (vec!["P63".to_string()], 2);
        assert_eq!(matches(text.as_bytes()), expected);
        assert_eq!(matches(format!("\u{feff}{text}").as_bytes()), expected);
        assert_eq!(matches(&wide(u16::to_le_bytes)), expected);
        assert_eq!(matches(&wide(u16::to_be_bytes)), expected);
        let odd = [&wide(u16::to_le_bytes)[..], b"x"].concat();
        assert_eq!(matches(&odd), expected);
        assert_eq!(matches(b"\xff CUDA out of memory").0, ["P63"]);
        assert_eq!(matches(b""), (vec![], 0));
    }

    #[test]
    fn the_end_of_a_long_log_is_read_too() {
        let mut log = b"x".repeat(3 << 20);
        log.extend("\nCUDA out of memory".bytes());
        assert_eq!(matches(&log).0, ["P63"]);
    }
}
