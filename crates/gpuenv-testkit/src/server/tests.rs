//! Every fault does what it says, as a client sees it that speaks plain TCP.

mod faults;

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use fs_err as fs;
use tempfile::TempDir;

use super::{Fault, Server};

const BODY: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// What a client got before the connection ended or the announced body was complete.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
    end: End,
}

#[derive(Debug, PartialEq, Eq)]
enum End {
    Complete,
    Closed,
    Reset,
    Silent,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (known, value) = line.split_once(": ")?;
            (known == name).then_some(value)
        })
    }
}

fn serve() -> (TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("c")).unwrap();
    fs::write(folder.path().join("c/file.conda"), BODY).unwrap();
    let server = Server::start(folder.path());
    (folder, server)
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address()).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_millis(400)))
        .unwrap();
    stream
}

fn ask(stream: &mut TcpStream, method: &str, path: &str, headers: &str) -> Answer {
    let request = format!("{method} {path} HTTP/1.1\r\nhost: x\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let head_end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let length = head_end.map(|end| announced(&bytes[..end]));
        if let (Some(end), Some(length)) = (head_end, length) {
            let missing = method != "HEAD" && bytes.len() < end + 4 + length;
            if !missing {
                return answer(&bytes, End::Complete);
            }
        }
        match stream.read(&mut chunk) {
            Ok(0) => return answer(&bytes, End::Closed),
            Ok(length) => bytes.extend_from_slice(&chunk[..length]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                return answer(&bytes, End::Reset);
            }
            Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => {
                return answer(&bytes, End::Silent);
            }
            Err(error) => panic!("{error}"),
        }
    }
}

fn announced(head: &[u8]) -> usize {
    let head = String::from_utf8(head.to_vec()).unwrap();
    let mut lines = head.lines();
    let value = lines.find_map(|line| line.strip_prefix("content-length: "));
    value.map_or(0, |value| value.parse().unwrap())
}

fn answer(bytes: &[u8], end: End) -> Answer {
    let head_end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    let (head, body) = match head_end {
        Some(at) => (&bytes[..at], &bytes[at + 4..]),
        None => (bytes, &[][..]),
    };
    let head = String::from_utf8(head.to_vec()).unwrap();
    let status = head.split(' ').nth(1).and_then(|text| text.parse().ok());
    Answer {
        status: status.unwrap_or(0),
        head,
        body: body.to_vec(),
        end,
    }
}

fn get(server: &Server, path: &str) -> Answer {
    ask(&mut connect(server), "GET", path, "")
}

#[test]
fn files_are_served_over_one_connection() {
    let (_folder, server) = serve();
    let mut stream = connect(&server);
    for _ in 0..3 {
        let answer = ask(&mut stream, "GET", "/c/file.conda", "");
        assert_eq!((answer.status, answer.body.as_slice()), (200, BODY));
        assert_eq!(answer.header("accept-ranges"), Some("bytes"));
    }
    let answer = ask(&mut stream, "HEAD", "/c/file.conda", "");
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert_eq!(answer.header("content-length"), Some("36"));
    assert_eq!(ask(&mut stream, "GET", "/c", "").status, 404);
    assert_eq!(
        ask(&mut stream, "GET", "/c/../c/file.conda", "").status,
        404
    );
    assert_eq!(
        ask(&mut stream, "GET", "/%2e%2e/etc/passwd", "").status,
        404
    );
    assert_eq!(
        ask(&mut stream, "GET", "/c/%66ile.conda?x=1", "").status,
        200
    );
    assert_eq!(ask(&mut stream, "DELETE", "/c/file.conda", "").status, 405);
}

#[test]
fn an_unchanged_file_is_not_sent_again() {
    let (folder, server) = serve();
    let tag = get(&server, "/c/file.conda")
        .header("etag")
        .unwrap()
        .to_string();
    let mut stream = connect(&server);
    let condition = format!("if-none-match: {tag}\r\n");
    let answer = ask(&mut stream, "GET", "/c/file.conda", &condition);
    assert_eq!((answer.status, answer.body.len()), (304, 0));
    assert_eq!(answer.header("etag"), Some(tag.as_str()));
    // Of the same size, and within one tick of most file systems.
    let changed = BODY.to_ascii_uppercase();
    fs::write(folder.path().join("c/file.conda"), &changed).unwrap();
    let answer = ask(&mut stream, "GET", "/c/file.conda", &condition);
    assert_eq!(
        (answer.status, answer.body.as_slice()),
        (200, changed.as_slice())
    );
    assert_ne!(answer.header("etag"), Some(tag.as_str()));
}

#[test]
fn ranges_are_served_unless_the_file_changed() {
    let (_folder, server) = serve();
    let mut stream = connect(&server);
    let answer = ask(
        &mut stream,
        "GET",
        "/c/file.conda",
        "range: bytes=10-12\r\n",
    );
    assert_eq!((answer.status, answer.body.as_slice()), (206, &b"abc"[..]));
    assert_eq!(answer.header("content-range"), Some("bytes 10-12/36"));
    let answer = ask(&mut stream, "GET", "/c/file.conda", "range: bytes=36-\r\n");
    assert_eq!(answer.status, 416);
    assert_eq!(answer.header("content-range"), Some("bytes */36"));
    let stale = "range: bytes=10-12\r\nif-range: \"old\"\r\n";
    let answer = ask(&mut stream, "GET", "/c/file.conda", stale);
    assert_eq!((answer.status, answer.body.as_slice()), (200, BODY));
}

#[test]
fn the_log_says_who_asked_for_what() {
    let (_folder, server) = serve();
    let mut stream = connect(&server);
    server.inject(Fault::status(503).on("*.conda").once());
    ask(
        &mut stream,
        "GET",
        "/c/file.conda",
        "User-Agent: me\r\nrange: bytes=0-1\r\n",
    );
    ask(&mut stream, "GET", "/c/file.conda", "range: bytes=0-1\r\n");
    ask(&mut stream, "HEAD", "/missing?q", "");
    let requests = server.requests();
    let lines: Vec<String> = requests.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "GET /c/file.conda 503 bytes=0-1 (status)",
            "GET /c/file.conda 206 bytes=0-1",
            "HEAD /missing 404",
        ]
    );
    assert_eq!(requests[0].header("user-agent"), Some("me"));
    assert_eq!(requests[2].query.as_deref(), Some("q"));
    assert_eq!(server.requests_for("*.conda").len(), 2);
    server.forget_requests();
    assert!(server.log().is_empty());
}

#[test]
fn nonsense_gets_400() {
    let (_folder, server) = serve();
    let mut stream = connect(&server);
    stream.write_all(b"\x16\x03\x01 tls?\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 400"), "{text}");
    let mut long = connect(&server);
    let endless = [b"GET / HTTP/1.1\r\nx: ".as_slice(), &[b'x'; 60_000]].concat();
    // The server may close before it has taken everything.
    let _ = long.write_all(&endless);
    let mut answer = Vec::new();
    let _ = long.read_to_end(&mut answer);
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 400"));
}

#[test]
fn too_many_clients_find_a_closed_door() {
    let (_folder, server) = serve();
    let open = [(); super::MAX_CONNECTIONS].map(|()| connect(&server));
    assert_eq!(connect(&server).read(&mut [0]).unwrap(), 0);
    drop(open);
    let started = Instant::now();
    while get(&server, "/c/file.conda").end != End::Complete {
        assert!(started.elapsed() < Duration::from_secs(10), "room again");
    }
}

#[test]
fn large_files_come_whole_and_in_parallel() {
    let (folder, server) = serve();
    let bytes = crate::noise(1, 3_000_001);
    fs::write(folder.path().join("big"), &bytes).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert!(get(&server, "/big").body == bytes));
        }
    });
    assert_eq!(server.requests().len(), 8);
}
