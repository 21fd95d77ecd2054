//! A small HTTP/1.1 server on loopback, for one folder, with faults on demand.
//!
//! It runs on plain threads, keeps a log of what was asked, and ends when it is
//! dropped, whatever its clients and faults are doing.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

mod connection;
mod delivery;
mod fault;
mod reply;
mod request;

pub use fault::Fault;
pub use request::Request;

/// More clients at a time get no answer but a closed connection.
const MAX_CONNECTIONS: usize = 256;

/// What the log keeps at most.
const MAX_LOG: usize = 100_000;

/// A running server; dropping it closes every connection and joins every thread.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

/// What the connections share.
struct Shared {
    root: PathBuf,
    faults: Mutex<Vec<Fault>>,
    log: Mutex<Vec<Request>>,
    open: Mutex<Open>,
}

/// The connections that are open, by number.
#[derive(Default)]
struct Open {
    stopping: bool,
    next: usize,
    streams: HashMap<usize, Arc<TcpStream>>,
}

impl Server {
    /// Starts to serve a folder on a free port of the loopback interface.
    pub fn start(root: &Path) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback is there");
        let address = listener.local_addr().expect("the listener is bound");
        let shared = Arc::new(Shared {
            root: root.to_path_buf(),
            faults: Mutex::default(),
            log: Mutex::default(),
            open: Mutex::default(),
        });
        let theirs = Arc::clone(&shared);
        let acceptor = thread::spawn(move || accept(&listener, &theirs));
        Self {
            address,
            shared,
            acceptor: Some(acceptor),
        }
    }

    /// Returns `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the address, for clients that speak TCP themselves.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds a fault; where two match a request, the one added first has its turn first.
    pub fn inject(&self, fault: Fault) {
        lock(&self.shared.faults).push(fault);
    }

    /// Takes all faults away.
    pub fn heal(&self) {
        lock(&self.shared.faults).clear();
    }

    /// Returns everything that was asked so far, in order of arrival.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared.log).clone()
    }

    /// Returns the requests whose path matches a pattern; `*` stands for anything.
    pub fn requests_for(&self, pattern: &str) -> Vec<Request> {
        let mut requests = self.requests();
        requests.retain(|request| fault::matches(pattern, &request.path));
        requests
    }

    /// Returns the log as sorted lines, because clients ask in parallel.
    pub fn log(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.requests().iter().map(Request::to_string).collect();
        lines.sort();
        lines
    }

    /// Empties the log.
    pub fn forget_requests(&self) {
        lock(&self.shared.log).clear();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        {
            let mut open = lock(&self.shared.open);
            open.stopping = true;
            for stream in open.streams.values() {
                // It may be closed already, which is as good.
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
        // `accept` cannot be interrupted, but it can be given something to accept.
        let woken = TcpStream::connect_timeout(&self.address, Duration::from_secs(1)).is_ok();
        if let (true, Some(acceptor)) = (woken, self.acceptor.take()) {
            let joined = acceptor.join();
            if !thread::panicking() {
                joined.expect("a thread of the test server panicked");
            }
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut threads: Vec<JoinHandle<()>> = Vec::new();
    for stream in listener.incoming() {
        let Ok(stream) = stream else {
            // Out of file descriptors, most likely; some will come back.
            thread::sleep(Duration::from_millis(10));
            continue;
        };
        let stream = Arc::new(stream);
        let number = {
            let mut open = lock(&shared.open);
            if open.stopping {
                break;
            }
            if open.streams.len() >= MAX_CONNECTIONS {
                continue;
            }
            open.next += 1;
            let number = open.next;
            open.streams.insert(number, Arc::clone(&stream));
            number
        };
        threads.retain(|thread| !thread.is_finished());
        let shared = Arc::clone(shared);
        threads.push(thread::spawn(move || {
            let ending = connection::serve(&stream, &shared);
            // A reset happens at the last close, so the list must let go first.
            lock(&shared.open).streams.remove(&number);
            connection::end(&stream, ending);
        }));
    }
    for thread in threads {
        thread
            .join()
            .expect("a connection of the test server panicked");
    }
}

impl Shared {
    /// Returns the fault whose turn it is for a request, if any.
    fn fault_for(&self, request: &Request) -> Option<Fault> {
        let mut faults = lock(&self.faults);
        let index = faults.iter().position(|fault| fault.applies(request))?;
        faults[index].take_turn();
        Some(faults[index].clone())
    }

    fn note(&self, request: Request) {
        let mut log = lock(&self.log);
        if log.len() < MAX_LOG {
            log.push(request);
        }
    }

    fn stopping(&self) -> bool {
        lock(&self.open).stopping
    }
}

/// Locks even if a thread of a failing test panicked while it held the lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
