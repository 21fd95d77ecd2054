//! Downloads over connections that are not what they should be.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
};

use super::*;

/// What the server does with one request: the head that it got, the archive.
type Answer = fn(&mut TcpStream, &str, &[u8]) -> io::Result<()>;

/// Serves one archive, each request by the next answer, the last one for the rest.
struct Server {
    requests: Arc<Mutex<Vec<String>>>,
    url: String,
}

fn serve(archive: Vec<u8>, answers: &'static [Answer]) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let requests = Arc::new(Mutex::new(Vec::new()));
    let heard = requests.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let head = read_head(&stream);
            if head.is_empty() {
                continue;
            }
            let number = {
                let mut heard = heard.lock().unwrap();
                heard.push(head.clone());
                heard.len() - 1
            };
            let answer = answers[number.min(answers.len() - 1)];
            let archive = archive.clone();
            // The client may hang up whenever it likes.
            std::thread::spawn(move || answer(&mut stream, &head, &archive));
        }
    });
    Server { requests, url }
}

fn read_head(stream: &TcpStream) -> String {
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    let lines: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    lines.join("\n").to_lowercase()
}

fn head(stream: &mut TcpStream, status: &str, length: usize, more: &str) -> io::Result<()> {
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{more}\r\n"
    )
}

fn whole(stream: &mut TcpStream, _: &str, archive: &[u8]) -> io::Result<()> {
    head(stream, "200 OK", archive.len(), "ETag: \"v1\"\r\n")?;
    stream.write_all(archive)
}

/// Promises everything and hangs up in the middle.
fn cut(stream: &mut TcpStream, _: &str, archive: &[u8]) -> io::Result<()> {
    head(stream, "200 OK", archive.len(), "ETag: \"v1\"\r\n")?;
    stream.write_all(&archive[..archive.len() / 2])
}

/// Sends what is asked for.
fn rest(stream: &mut TcpStream, asked: &str, archive: &[u8]) -> io::Result<()> {
    assert!(asked.contains("if-range: \"v1\""), "{asked}");
    let (_, range) = asked.split_once("range: bytes=").unwrap();
    let start: usize = range.split_once('-').unwrap().0.parse().unwrap();
    let range = format!(
        "Content-Range: bytes {start}-{}/{}\r\n",
        archive.len() - 1,
        archive.len()
    );
    head(stream, "206 Partial Content", archive.len() - start, &range)?;
    stream.write_all(&archive[start..])
}

fn flipped(stream: &mut TcpStream, asked: &str, archive: &[u8]) -> io::Result<()> {
    let mut archive = archive.to_vec();
    let middle = archive.len() / 2;
    archive[middle] ^= 1;
    whole(stream, asked, &archive)
}

fn gone(stream: &mut TcpStream, _: &str, _: &[u8]) -> io::Result<()> {
    head(stream, "404 Not Found", 0, "")
}

fn unavailable(stream: &mut TcpStream, _: &str, _: &[u8]) -> io::Result<()> {
    head(stream, "503 Service Unavailable", 0, "Retry-After: 0\r\n")
}

fn page(stream: &mut TcpStream, _: &str, _: &[u8]) -> io::Result<()> {
    let page = b"<html>Welcome to the airport</html>";
    head(stream, "200 OK", page.len(), "Content-Type: text/html\r\n")?;
    stream.write_all(page)
}

fn silent(stream: &mut TcpStream, asked: &str, archive: &[u8]) -> io::Result<()> {
    cut(stream, asked, archive)?;
    std::thread::sleep(Duration::from_secs(5));
    Ok(())
}

fn endless(stream: &mut TcpStream, _: &str, _: &[u8]) -> io::Result<()> {
    write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
    loop {
        stream.write_all(&[0; 1 << 16])?;
    }
}

/// Installs a package that only the server has.
async fn install_from(
    answers: &'static [Answer],
) -> (Server, Result<Installed, Diagnostic>, World) {
    let mut world = World::new();
    // Noise does not shrink, so that a cut lies inside of the file.
    let mut seed = 1u64;
    let mut noise = String::new();
    while noise.len() < 40_000 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        noise.push(char::from(b' ' + (seed >> 40) as u8 % 90));
    }
    let mut record = archive("a", "1")
        .file("share/noise", &noise)
        .publish(&world.channel());
    let bytes = fs_err::read(record.url.to_file_path().unwrap()).unwrap();
    fs_err::remove_dir_all(world.channel()).unwrap();
    record.url = "https://far.invalid/linux-64/a-1-0.conda".parse().unwrap();
    let server = serve(bytes, answers);
    world.access.mirrors = mirror(&server.url);
    world.access.retries = 1;
    if std::ptr::fn_addr_eq(answers[0], silent as Answer) {
        world.access.silence = Duration::from_millis(300);
    }
    let outcome = world.install(&[record]).await.map_err(Diagnostic::from);
    if outcome.is_ok() {
        assert_eq!(world.read("share/noise"), noise);
    } else {
        assert_eq!(world.beside(), [] as [&str; 0]);
    }
    (server, outcome, world)
}

#[tokio::test]
async fn a_cut_download_goes_on_where_it_broke() {
    let (server, outcome, _world) = install_from(&[cut, rest]).await;
    outcome.unwrap();
    let requests = server.requests.lock().unwrap();
    assert_eq!(requests.len(), 2);
    assert!(!requests[0].contains("range:"), "{}", requests[0]);
}

#[tokio::test]
async fn a_server_without_ranges_is_asked_for_everything_again() {
    let (server, outcome, _world) = install_from(&[cut, whole]).await;
    outcome.unwrap();
    assert_eq!(server.requests.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_damaged_download_is_asked_for_past_all_caches() {
    let (server, outcome, _world) = install_from(&[flipped, whole]).await;
    outcome.unwrap();
    let second = server.requests.lock().unwrap()[1].clone();
    assert!(second.contains("cache-control: no-cache"), "{second}");
    let (_server, outcome, _world) = install_from(&[flipped]).await;
    assert_eq!(outcome.unwrap_err().code, Code::INSTALL_HASH);
}

#[tokio::test]
async fn failures_say_what_happened() {
    let cases: [(&str, &'static [Answer]); 5] = [
        ("gone", &[gone]),
        ("unavailable", &[unavailable]),
        ("cut", &[cut, cut]),
        ("page", &[page]),
        ("silent", &[silent]),
    ];
    let mut said = Vec::new();
    for (name, answers) in cases {
        let (server, outcome, _world) = install_from(answers).await;
        let diagnostic = outcome.unwrap_err();
        let causes: Vec<String> = diagnostic
            .causes
            .iter()
            .map(|cause| cause.replace(&server.url, "URL/"))
            .filter(|cause| !cause.starts_with("the lock names"))
            .collect();
        said.push(format!(
            "{name}: {} {}",
            diagnostic.code, diagnostic.message
        ));
        said.extend(causes.into_iter().map(|cause| format!("  {cause}")));
        said.extend(diagnostic.help.iter().map(|help| format!("  help: {help}")));
    }
    insta::with_settings!({ filters => vec![(r"\d{5,}", "MANY")] }, {
        insta::assert_snapshot!(said.join("\n"), @r"
        gone: GE501 `a-1-0.conda` cannot be downloaded: the server does not have it any more (HTTP 404)
          asked once: URL/linux-64/a-1-0.conda
          help: choose another build with `gpuenv lock --upgrade a`
        unavailable: GE501 `a-1-0.conda` cannot be downloaded: the server answers HTTP 503
          asked 2 times: URL/linux-64/a-1-0.conda
          help: try again later, or name a mirror with `--mirror URL`
        cut: GE501 `a-1-0.conda` cannot be downloaded: the connection was cut after MANY bytes
          asked 2 times: URL/linux-64/a-1-0.conda
          end of file before message length reached
          help: check the network, and `HTTPS_PROXY` if there is a proxy
          help: or name a mirror with `--mirror URL`
        page: GE502 `a-1-0.conda` does not have the hash that the lock names
          from URL/linux-64/a-1-0.conda
          35 bytes arrived, the lock names MANY
          a web page came instead of an archive
          help: log in to the network with a browser, then try again
        silent: GE501 `a-1-0.conda` cannot be downloaded: the server stopped answering
          asked 2 times: URL/linux-64/a-1-0.conda
          operation timed out
          help: check the network, and `HTTPS_PROXY` if there is a proxy
          help: or name a mirror with `--mirror URL`
        ");
    });
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let (_server, outcome, _world) = install_from(&[endless]).await;
    assert_eq!(outcome.unwrap_err().code, Code::INSTALL_HASH);
}

#[tokio::test]
async fn without_a_server_there_is_no_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://me:secret@{}/", listener.local_addr().unwrap());
    drop(listener);
    let mut world = World::new();
    let mut record = archive("a", "1").publish(&world.channel());
    record.url = "https://far.invalid/linux-64/a-1-0.conda".parse().unwrap();
    world.access.mirrors = mirror(&url);
    let error = Diagnostic::from(world.install(&[record]).await.unwrap_err());
    assert_eq!(error.code, Code::INSTALL_FETCH);
    assert!(
        error
            .message
            .ends_with("there is no connection to the server")
    );
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
}
