//! Every fault does what it says, as a client sees it that speaks plain TCP.

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
fn a_status_comes_as_often_as_told_and_with_its_headers() {
    let (_folder, server) = serve();
    server.inject(
        Fault::status(429)
            .header("retry-after", "7")
            .on("*.conda")
            .times(2),
    );
    let mut stream = connect(&server);
    let mut statuses = Vec::new();
    for _ in 0..3 {
        let answer = ask(&mut stream, "GET", "/c/file.conda", "");
        statuses.push((answer.status, answer.header("retry-after").is_some()));
    }
    assert_eq!(statuses, [(429, true), (429, true), (200, false)]);
    server.inject(Fault::status(500).on("/other"));
    assert_eq!(get(&server, "/c/file.conda").status, 200);
    server.inject(Fault::status(500).get_only().once());
    assert_eq!(ask(&mut stream, "HEAD", "/c/file.conda", "").status, 200);
    assert_eq!(get(&server, "/c/file.conda").status, 500);
    server.inject(Fault::status(500).always());
    server.heal();
    assert_eq!(get(&server, "/c/file.conda").status, 200);
}

#[test]
fn faults_take_turns_in_the_order_in_which_they_came() {
    let (_folder, server) = serve();
    server.inject(Fault::status(500).once());
    server.inject(Fault::status(502).once());
    let mut stream = connect(&server);
    let statuses = [(); 3].map(|()| ask(&mut stream, "GET", "/c/file.conda", "").status);
    assert_eq!(statuses, [500, 502, 200]);
}

#[test]
fn a_cut_closes_in_the_middle() {
    let (_folder, server) = serve();
    server.inject(Fault::cut(10));
    let answer = get(&server, "/c/file.conda");
    assert_eq!((answer.status, answer.body.as_slice()), (200, &BODY[..10]));
    assert_eq!(answer.header("content-length"), Some("36"));
    assert_eq!(answer.end, End::Closed);
}

#[test]
fn a_reset_is_a_reset_and_no_close() {
    let (_folder, server) = serve();
    server.inject(Fault::reset().once());
    let answer = get(&server, "/c/file.conda");
    assert_eq!((answer.status, answer.end), (0, End::Reset));
    server.inject(Fault::reset_after(10).once());
    let answer = get(&server, "/c/file.conda");
    assert!(answer.body.len() <= 10, "{answer:?}");
    assert_eq!(answer.end, End::Reset);
    assert_eq!(server.log()[0], "GET /c/file.conda - (reset)");
}

#[test]
fn a_stall_is_silent_and_does_not_keep_the_server_alive() {
    let (_folder, server) = serve();
    server.inject(Fault::stall().once());
    server.inject(Fault::stall_after(10).once());
    let mut first = connect(&server);
    let answer = ask(&mut first, "GET", "/c/file.conda", "");
    assert_eq!((answer.status, answer.end), (0, End::Silent));
    let mut second = connect(&server);
    let answer = ask(&mut second, "GET", "/c/file.conda", "");
    assert_eq!(
        (answer.body.as_slice(), answer.end),
        (&BODY[..10], End::Silent)
    );
    assert_eq!(
        get(&server, "/c/file.conda").status,
        200,
        "others are served"
    );
    let idle = connect(&server);
    let started = Instant::now();
    drop(server);
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
    drop((first, second, idle));
}

#[test]
fn a_stalled_connection_ends_when_its_client_goes() {
    let (_folder, server) = serve();
    server.inject(Fault::stall());
    let mut stream = connect(&server);
    ask(&mut stream, "GET", "/c/file.conda", "");
    drop(stream);
    let started = Instant::now();
    while !super::lock(&server.shared.open).streams.is_empty() {
        assert!(started.elapsed() < Duration::from_secs(5));
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_flip_changes_one_byte_also_within_a_range() {
    let (_folder, server) = serve();
    server.inject(Fault::flip(11));
    let answer = get(&server, "/c/file.conda");
    let mut expected = BODY.to_vec();
    expected[11] = !expected[11];
    assert_eq!(answer.body, expected);
    let answer = ask(
        &mut connect(&server),
        "GET",
        "/c/file.conda",
        "range: bytes=10-12\r\n",
    );
    assert_eq!(answer.body, expected[10..13]);
    let answer = ask(
        &mut connect(&server),
        "GET",
        "/c/file.conda",
        "range: bytes=20-\r\n",
    );
    assert_eq!(answer.body, BODY[20..]);
}

#[test]
fn a_wrong_length_is_announced_too_long_or_too_short() {
    let (_folder, server) = serve();
    server.inject(Fault::length_too_long(5).once());
    let answer = get(&server, "/c/file.conda");
    assert_eq!(answer.header("content-length"), Some("41"));
    assert_eq!((answer.body.as_slice(), answer.end), (BODY, End::Closed));
    server.inject(Fault::length_too_short(6).once());
    let answer = get(&server, "/c/file.conda");
    assert_eq!(answer.header("content-length"), Some("30"));
    assert_eq!(answer.body[..30], BODY[..30]);
}

#[test]
fn a_range_can_be_ignored() {
    let (_folder, server) = serve();
    server.inject(Fault::ignore_range().once());
    assert_eq!(
        get(&server, "/c/file.conda").status,
        200,
        "no range, no turn"
    );
    let mut stream = connect(&server);
    let range = "range: bytes=10-12\r\n";
    let answer = ask(&mut stream, "GET", "/c/file.conda", range);
    assert_eq!((answer.status, answer.body.as_slice()), (200, BODY));
    assert_eq!(answer.header("accept-ranges"), None);
    assert_eq!(ask(&mut stream, "GET", "/c/file.conda", range).status, 206);
}

#[test]
fn a_redirect_leads_elsewhere_or_in_circles() {
    let (_folder, server) = serve();
    server.inject(Fault::redirect("/c/file.conda").on("/old/*"));
    let answer = get(&server, "/old/file.conda");
    assert_eq!(answer.status, 302);
    assert_eq!(answer.header("location"), Some("/c/file.conda"));
    server.inject(Fault::redirect("/loop").on("/loop"));
    assert_eq!(get(&server, "/loop").header("location"), Some("/loop"));
}

#[test]
fn a_slow_answer_takes_its_time_and_stops_with_the_server() {
    let (_folder, server) = serve();
    server.inject(Fault::slow(120).on("*.conda"));
    let started = Instant::now();
    let answer = get(&server, "/c/file.conda");
    assert_eq!(answer.body, BODY);
    assert!(
        started.elapsed() >= Duration::from_millis(250),
        "{:?}",
        started.elapsed()
    );
    server.heal();
    server.inject(Fault::slow(5));
    let mut stream = connect(&server);
    stream
        .write_all(b"GET /c/file.conda HTTP/1.1\r\n\r\n")
        .unwrap();
    let mut chunk = [0; 1];
    stream.read_exact(&mut chunk).unwrap();
    let started = Instant::now();
    drop(server);
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn a_captive_portal_answers_everything_with_html() {
    let (_folder, server) = serve();
    server.inject(Fault::html());
    let answer = get(&server, "/any/repodata.json");
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert!(answer.body.starts_with(b"<!DOCTYPE html>"));
}

#[test]
fn credentials_open_the_door() {
    let (_folder, server) = serve();
    server.inject(Fault::require_basic("me", "pass:word"));
    let answer = get(&server, "/c/file.conda");
    assert_eq!(answer.status, 401);
    assert!(
        answer
            .header("www-authenticate")
            .unwrap()
            .starts_with("Basic")
    );
    // Made with `printf me:pass:word | base64`.
    let right = "authorization: Basic bWU6cGFzczp3b3Jk\r\n";
    assert_eq!(
        ask(&mut connect(&server), "GET", "/c/file.conda", right).status,
        200
    );
    server.heal();
    server.inject(Fault::require_bearer("tk-1"));
    let mut stream = connect(&server);
    let wrong = "authorization: Bearer tk-2\r\n";
    assert_eq!(ask(&mut stream, "GET", "/c/file.conda", wrong).status, 401);
    let right = "authorization: Bearer tk-1\r\n";
    assert_eq!(ask(&mut stream, "GET", "/c/file.conda", right).status, 200);
}

#[test]
fn a_bare_304_has_no_tag() {
    let (_folder, server) = serve();
    server.inject(Fault::bare_not_modified());
    assert_eq!(get(&server, "/c/file.conda").status, 200);
    let conditional = "if-none-match: \"any\"\r\n";
    let answer = ask(&mut connect(&server), "GET", "/c/file.conda", conditional);
    assert_eq!((answer.status, answer.header("etag")), (304, None));
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
