//! Reads a request from a connection, and is its line in the log.

use std::{
    fmt,
    io::{self, Read},
    net::TcpStream,
};

/// A longer head is refused.
const MAX_HEAD: usize = 32 * 1024;

/// A request, and what became of it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Request {
    /// The method: `GET` or `HEAD`.
    pub method: String,
    /// The path, decoded, without the query.
    pub path: String,
    /// What stands behind the `?`.
    pub query: Option<String>,
    /// The value of the header `Range`.
    pub range: Option<String>,
    /// All headers, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// The status of the answer; none if a fault prevented one.
    pub status: Option<u16>,
    /// The fault that was applied.
    pub fault: Option<&'static str>,
}

impl Request {
    /// Returns the value of a header, whose name is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let hit = headers.find(|(known, _)| known == name);
        hit.map(|(_, value)| value.as_str())
    }

    pub(super) fn is_conditional(&self) -> bool {
        self.header("if-none-match").is_some() || self.header("if-modified-since").is_some()
    }

    /// Tells whether bytes follow the head, which we do not read.
    pub(super) fn has_body(&self) -> bool {
        self.header("transfer-encoding").is_some()
            || self
                .header("content-length")
                .is_some_and(|length| length != "0")
    }

    pub(super) fn wants_close(&self) -> bool {
        self.header("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)?;
        match self.status {
            Some(status) => write!(f, " {status}")?,
            None => write!(f, " -")?,
        }
        if let Some(range) = &self.range {
            write!(f, " {range}")?;
        }
        if let Some(fault) = self.fault {
            write!(f, " ({fault})")?;
        }
        Ok(())
    }
}

/// Reads the next request; none at the end of the connection.
///
/// Bytes behind the head stay in `buffer` for the next call.
pub(super) fn read(mut stream: &TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<Request>> {
    loop {
        if let Some((request, length)) = parse(buffer)? {
            buffer.drain(..length);
            return Ok(Some(request));
        }
        if buffer.len() > MAX_HEAD {
            return Err(io::Error::other("the head of the request is too long"));
        }
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk)? {
            0 if buffer.is_empty() => return Ok(None),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            length => buffer.extend_from_slice(&chunk[..length]),
        }
    }
}

fn parse(buffer: &[u8]) -> io::Result<Option<(Request, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut parsed = httparse::Request::new(&mut headers);
    let length = match parsed.parse(buffer).map_err(io::Error::other)? {
        httparse::Status::Complete(length) => length,
        httparse::Status::Partial => return Ok(None),
    };
    let target = without_host(parsed.path.unwrap_or_default());
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query.to_string())),
        None => (target, None),
    };
    let headers: Vec<(String, String)> = parsed
        .headers
        .iter()
        .map(|header| {
            let value = String::from_utf8_lossy(header.value).into_owned();
            (header.name.to_ascii_lowercase(), value)
        })
        .collect();
    let mut request = Request {
        method: parsed.method.unwrap_or_default().to_string(),
        path: decode(path),
        query,
        range: None,
        headers,
        status: None,
        fault: None,
    };
    request.range = request.header("range").map(String::from);
    Ok(Some((request, length)))
}

/// Takes off what a client tells a proxy of the server that it means.
fn without_host(target: &str) -> &str {
    let Some(rest) = target.strip_prefix("http://") else {
        return target;
    };
    rest.find('/').map_or("/", |start| &rest[start..])
}

/// Decodes `%41`; what is no such escape stays as it is.
fn decode(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let escape = tail.get(..2).filter(|_| first == b'%');
        match escape.and_then(|digits| hex::decode(digits).ok()) {
            Some(byte) => {
                bytes.extend(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_decoded_and_parted_from_its_query() {
        let head = b"GET /a%20b/%2e%zz%4?x=%41 HTTP/1.1\r\nRange: bytes=0-1\r\n\r\nnext";
        let (request, length) = parse(head).unwrap().unwrap();
        assert_eq!(length, head.len() - 4);
        assert_eq!(request.path, "/a b/.%zz%4");
        assert_eq!(request.query.as_deref(), Some("x=%41"));
        assert_eq!(request.range.as_deref(), Some("bytes=0-1"));
        assert!(parse(b"GET / HTTP/1.1\r\nA: b\r\n").unwrap().is_none());
        let asked = b"GET http://far.example:80/a?x HTTP/1.1\r\n\r\n";
        assert_eq!(parse(asked).unwrap().unwrap().0.path, "/a");
        assert!(parse(b"\0\0\r\n\r\n").is_err());
    }
}
