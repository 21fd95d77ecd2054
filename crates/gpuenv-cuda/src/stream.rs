//! How the parent hears its child: a stream that never makes it wait too long.

#[cfg(unix)]
pub(crate) use self::socket::{Listener, open};
#[cfg(not(unix))]
pub(crate) use self::thread::{Listener, open};

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// So many bytes.
    Bytes(usize),
    /// Nothing within the time.
    Silence,
    /// Nothing, and there will be nothing more.
    Closed,
}

/// A pair of sockets, because reading from one can be given a time.
#[cfg(unix)]
mod socket {
    use std::{
        io::{self, ErrorKind, Read},
        os::{fd::OwnedFd, unix::net::UnixStream},
        process::Stdio,
        time::Duration,
    };

    use super::Heard;

    /// The parent's end.
    pub(crate) struct Listener(UnixStream);

    /// Makes a stream: the parent's end, and twice the child's for its two outputs.
    pub(crate) fn open() -> io::Result<(Listener, Stdio, Stdio)> {
        let (ours, out) = UnixStream::pair()?;
        let error = OwnedFd::from(out.try_clone()?);
        Ok((Listener(ours), OwnedFd::from(out).into(), error.into()))
    }

    impl Listener {
        /// Waits no longer than that for something.
        pub(crate) fn hear(&mut self, buffer: &mut [u8], time: Duration) -> Heard {
            // A time of zero would mean for ever.
            let time = time.max(Duration::from_millis(1));
            if self.0.set_read_timeout(Some(time)).is_err() {
                return Heard::Closed;
            }
            match self.0.read(buffer) {
                Ok(0) => Heard::Closed,
                Ok(length) => Heard::Bytes(length),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => {
                        Heard::Silence
                    }
                    _ => Heard::Closed,
                },
            }
        }
    }
}

/// A thread that reads a pipe, where nothing else can be given a time.
#[cfg(not(unix))]
mod thread {
    use std::{
        io::{self, Read},
        process::Stdio,
        sync::mpsc::{Receiver, RecvTimeoutError, sync_channel},
        thread,
        time::Duration,
    };

    use super::Heard;

    /// Pieces that may wait to be heard, so that a flood fills no memory.
    const PIECES: usize = 16;

    /// The parent's end.
    pub(crate) struct Listener {
        pieces: Receiver<Vec<u8>>,
        rest: Vec<u8>,
    }

    /// Makes a stream: the parent's end, and twice the child's for its two outputs.
    pub(crate) fn open() -> io::Result<(Listener, Stdio, Stdio)> {
        let (mut ours, out) = io::pipe()?;
        let error = out.try_clone()?;
        let (sender, pieces) = sync_channel(PIECES);
        thread::Builder::new().spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            while let Ok(length @ 1..) = ours.read(&mut buffer) {
                if sender.send(buffer[..length].to_vec()).is_err() {
                    return;
                }
            }
        })?;
        let rest = Vec::new();
        Ok((Listener { pieces, rest }, out.into(), error.into()))
    }

    impl Listener {
        /// Waits no longer than that for something.
        pub(crate) fn hear(&mut self, buffer: &mut [u8], time: Duration) -> Heard {
            if self.rest.is_empty() {
                match self.pieces.recv_timeout(time) {
                    Ok(piece) => self.rest = piece,
                    Err(RecvTimeoutError::Timeout) => return Heard::Silence,
                    Err(RecvTimeoutError::Disconnected) => return Heard::Closed,
                }
            }
            let length = self.rest.len().min(buffer.len());
            buffer[..length].copy_from_slice(&self.rest[..length]);
            self.rest.drain(..length);
            Heard::Bytes(length)
        }
    }
}
