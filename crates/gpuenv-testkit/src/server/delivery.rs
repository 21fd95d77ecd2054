//! Puts an answer on the wire, as well or as badly as it was ordered.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use super::{
    Shared,
    reply::{Delivery, Ending, Reply},
};

/// How much is sent at a time.
const CHUNK: usize = 64 * 1024;

/// How long to sleep before looking whether the server ends.
const NAP: Duration = Duration::from_millis(20);

/// Sends an answer; returns how the connection ends, if it does.
pub(super) fn send(
    mut stream: &TcpStream,
    shared: &Shared,
    mut reply: Reply,
    head_only: bool,
) -> io::Result<Option<Ending>> {
    let announced = reply
        .body
        .length
        .saturating_add_signed(reply.delivery.difference);
    stream.write_all(head(&reply, announced).as_bytes())?;
    if head_only || reply.status == 304 {
        return Ok(None);
    }
    let wrong_length = announced != reply.body.length;
    let limit = reply.delivery.limit;
    let length = limit.map_or(reply.body.length, |(after, _)| after.min(reply.body.length));
    let pace = Pace::new(reply.delivery.bytes_per_second);
    let mut sent = 0;
    let mut chunk = vec![0; CHUNK];
    while sent < length {
        let wanted = (length - sent).min(pace.chunk()) as usize;
        let read = reply.body.reader.read(&mut chunk[..wanted])?;
        if read == 0 {
            // Somebody shortened the file; all we can do is to close.
            return Ok(Some(Ending::Close));
        }
        flip(&mut chunk[..read], reply.body.start + sent, &reply.delivery);
        sent += read as u64;
        if !pace.wait(sent, shared) {
            return Ok(Some(Ending::Close));
        }
        stream.write_all(&chunk[..read])?;
    }
    match limit {
        Some((_, ending)) => Ok(Some(ending)),
        None => Ok(wrong_length.then_some(Ending::Close)),
    }
}

fn head(reply: &Reply, announced: u64) -> String {
    let mut head = format!("HTTP/1.1 {} {}\r\n", reply.status, reason(reply.status));
    if reply.status != 304 {
        head.push_str(&format!("content-length: {announced}\r\n"));
    }
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    head
}

fn flip(chunk: &mut [u8], start: u64, delivery: &Delivery) {
    let offset = delivery.flip.and_then(|offset| offset.checked_sub(start));
    let index = offset.and_then(|offset| usize::try_from(offset).ok());
    if let Some(byte) = index.and_then(|index| chunk.get_mut(index)) {
        *byte = !*byte;
    }
}

/// Keeps a sender to its rate.
struct Pace {
    bytes_per_second: Option<u64>,
    started: Instant,
}

impl Pace {
    fn new(bytes_per_second: Option<u64>) -> Self {
        Self {
            bytes_per_second,
            started: Instant::now(),
        }
    }

    /// Returns how much to send at a time: a tenth of a second's worth.
    fn chunk(&self) -> u64 {
        let chunk = self.bytes_per_second.map(|rate| (rate / 10).max(1));
        chunk.unwrap_or(CHUNK as u64).min(CHUNK as u64)
    }

    /// Waits until that much may have been sent; false if the server ends.
    fn wait(&self, sent: u64, shared: &Shared) -> bool {
        let Some(rate) = self.bytes_per_second else {
            return true;
        };
        let due = Duration::from_secs_f64(sent as f64 / rate as f64);
        while self.started.elapsed() < due {
            if shared.stopping() {
                return false;
            }
            thread::sleep(NAP.min(due.saturating_sub(self.started.elapsed())));
        }
        true
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        206 => "Partial Content",
        302 => "Found",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        416 => "Range Not Satisfiable",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Status",
    }
}
