//! Each fault does what it says, on the wire.

use super::*;

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
    while !super::super::lock(&server.shared.open).streams.is_empty() {
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
