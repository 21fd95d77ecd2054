//! One connection: reads requests, has them answered, ends as ordered.

use std::{
    io::{ErrorKind, Write},
    net::{Shutdown, TcpStream},
    thread,
    time::Duration,
};

use socket2::SockRef;

use super::{
    Shared, delivery,
    reply::{self, Ending},
    request::{self, Request},
};

/// A client that neither sends nor takes anything for so long is let go.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often a stalled connection looks whether its client has gone.
const GLANCE: Duration = Duration::from_millis(50);

/// Serves a connection to its end, and says how to close it.
pub(super) fn serve(stream: &TcpStream, shared: &Shared) -> Ending {
    let ending = talk(stream, shared);
    if ending == Ending::Stall {
        stall(stream, shared);
    }
    ending
}

/// Answers requests until one of them or the client ends it.
fn talk(stream: &TcpStream, shared: &Shared) -> Ending {
    // Without these the connection only has more delay and less patience.
    let _ = stream.set_nodelay(true);
    let _ = stream.set_read_timeout(Some(PATIENCE));
    let _ = stream.set_write_timeout(Some(PATIENCE));
    let mut buffer = Vec::new();
    loop {
        let request = match request::read(stream, &mut buffer) {
            Ok(Some(request)) => request,
            Ok(None) => return Ending::Close,
            Err(error) => {
                if error.kind() == ErrorKind::Other {
                    let mut writer = stream;
                    let _ = writer.write_all(
                        b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
                    );
                }
                return Ending::Close;
            }
        };
        if let Some(ending) = answer(stream, shared, request) {
            return ending;
        }
    }
}

/// Answers one request; returns how the connection ends, if it does.
fn answer(stream: &TcpStream, shared: &Shared, mut request: Request) -> Option<Ending> {
    let fault = shared.fault_for(&request);
    request.fault = fault.as_ref().map(|fault| fault.word());
    let reply = reply::reply(&shared.root, &request, fault.as_ref());
    request.status = reply.as_ref().ok().map(|reply| reply.status);
    let head_only = request.method == "HEAD";
    let last = request.wants_close() || request.has_body();
    // Before the answer, so that a client that has it finds the line in the log.
    shared.note(request);
    let mut reply = match reply {
        Ok(reply) => reply,
        Err(ending) => return Some(ending),
    };
    if last {
        reply
            .headers
            .push(("connection".to_string(), "close".to_string()));
    }
    match delivery::send(stream, shared, reply, head_only) {
        Ok(None) if last => Some(Ending::Close),
        Ok(ending) => ending,
        // The client has gone, which is its right.
        Err(_) => Some(Ending::Close),
    }
}

/// Ends a connection that nobody else holds any more.
pub(super) fn end(stream: &TcpStream, ending: Ending) {
    match ending {
        Ending::Close | Ending::Stall => {
            // The client may have closed it before.
            let _ = stream.shutdown(Shutdown::Both);
        }
        Ending::Reset => SockRef::from(stream)
            .set_linger(Some(Duration::ZERO))
            .expect("SO_LINGER exists on every platform"),
    }
}

/// Keeps a connection open and silent until the client or the server ends it.
fn stall(stream: &TcpStream, shared: &Shared) {
    let _ = stream.set_read_timeout(Some(GLANCE));
    while !shared.stopping() {
        match stream.peek(&mut [0]) {
            Ok(0) => return,
            // Bytes that nobody reads would make `peek` return at once.
            Ok(_) => thread::sleep(GLANCE),
            Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => {}
            Err(_) => return,
        }
    }
}
