//! Requests to the port of a debugger, and what they are answered with (`src/inspector_socket.cc` and
//! `src/inspector_socket_server.cc` in Node).

use openssl_sys as ffi;

use crate::js::string_bytes::base64;
use crate::library::tables::tables;

/// Bytes of the longest head of a request.
pub const LONGEST_HEAD: usize = 16 << 10;

/// RFC 6455, section 1.3.
const KEY_SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// What a request asks for.
#[derive(PartialEq, Eq, Debug)]
pub struct Request {
    /// Path of its target.
    pub path: String,
    /// `Host`.
    pub host: String,
    /// `Sec-WebSocket-Key`, where it asks for a WebSocket.
    pub key: Option<String>,
}

/// A target for debuggers.
#[derive(Clone)]
pub struct Target {
    /// Part of its address that others cannot guess.
    pub id: String,
    /// The program's name.
    pub title: String,
    /// Its script.
    pub url: String,
}

/// The request whose head is complete, and the bytes that it took; None until more arrives.
///
/// # Errors
/// It is no request, or not for this server.
pub fn read(received: &[u8]) -> Result<Option<(Request, usize)>, ()> {
    let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") else {
        return if received.len() > LONGEST_HEAD {
            Err(())
        } else {
            Ok(None)
        };
    };
    let head = received.get(..end).unwrap_or_default();
    let head = std::str::from_utf8(head).map_err(|_| ())?;
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some("GET"), Some(path), Some(version)) = (words.next(), words.next(), words.next())
    else {
        return Err(());
    };
    if !version.starts_with("HTTP/1.") || words.next().is_some() {
        return Err(());
    }
    let (mut host, mut key, mut upgrade) = (String::new(), None, false);
    for line in lines {
        let (name, value) = line.split_once(':').ok_or(())?;
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "host" => value.clone_into(&mut host),
            "sec-websocket-key" => key = Some(value.to_owned()),
            "upgrade" => upgrade = value.eq_ignore_ascii_case("websocket"),
            _ => {}
        }
    }
    if !is_own_name(&host) {
        return Err(());
    }
    let request = Request {
        path: path.to_owned(),
        host,
        key: key.filter(|_| upgrade),
    };
    Ok(Some((request, end + 4)))
}

/// Pages that a browser has from elsewhere, and whose name somebody made to stand for this machine, must not get in
/// (`InspectorSocket::IsAllowedHost`).
fn is_own_name(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.is_empty()
        || name.parse::<std::net::IpAddr>().is_ok()
        || ["localhost", "localhost6"].contains(&name.to_ascii_lowercase().as_str())
}

/// The answer to a request for no WebSocket.
pub fn answer(request: &Request, target: &Target, address: &str) -> Vec<u8> {
    let path = request.path.to_ascii_lowercase();
    let path = path
        .strip_prefix("/json")
        .map(|rest| rest.trim_matches('/'));
    match path {
        Some("" | "list") => json(&list(request, target, address)),
        Some("version") => json(&version()),
        _ => bad_request(),
    }
}

fn json(body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.0 200 OK\r\nContent-Type: application/json; charset=UTF-8\r\nCache-Control: no-cache\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// What there is nothing for.
pub fn not_found() -> Vec<u8> {
    b"HTTP/1.0 404 Not Found\r\nContent-Type: text/html; charset=UTF-8\r\n\r\n".to_vec()
}

/// What was not understood.
pub fn bad_request() -> Vec<u8> {
    b"HTTP/1.0 400 Bad Request\r\nContent-Type: text/html; charset=UTF-8\r\n\r\nWebSockets request was expected\r\n"
        .to_vec()
}

fn version() -> String {
    let version = tables()["process"]["version"].as_str().unwrap_or_default();
    members(&[
        ("Browser", &format!("node.js/{version}")),
        ("Protocol-Version", "1.1"),
    ])
}

fn list(request: &Request, target: &Target, address: &str) -> String {
    let host = if request.host.is_empty() {
        address
    } else {
        &request.host
    };
    let frontend = format!(
        "devtools://devtools/bundled/js_app.html?experiments=true&v8only=true&ws={host}/{}",
        target.id
    );
    let compatible = frontend.replace("js_app", "inspector");
    let object = members(&[
        ("description", "node.js instance"),
        ("devtoolsFrontendUrl", &frontend),
        ("devtoolsFrontendUrlCompat", &compatible),
        (
            "faviconUrl",
            "https://nodejs.org/static/images/favicons/favicon.ico",
        ),
        ("id", &target.id),
        ("title", &plain(&target.title)),
        ("type", "node"),
        ("url", &plain(&target.url)),
        (
            "webSocketDebuggerUrl",
            &format!("ws://{host}/{}", target.id),
        ),
    ]);
    format!("[ {object}]\n\n")
}

/// What could end a text of JSON is replaced.
fn plain(text: &str) -> String {
    text.replace(['"', '\\'], "_")
        .replace(char::is_control, "_")
}

fn members(members: &[(&str, &str)]) -> String {
    let lines: Vec<String> = members
        .iter()
        .map(|(name, value)| format!("  \"{name}\": \"{value}\""))
        .collect();
    format!("{{\n{}\n}} ", lines.join(",\n"))
}

/// The answer that begins a WebSocket.
pub fn upgrade(key: &str) -> Vec<u8> {
    let mut bytes = key.as_bytes().to_vec();
    bytes.extend_from_slice(KEY_SUFFIX);
    let mut digest = [0_u8; 20];
    // SAFETY: reads the bytes and writes the 20 bytes of a digest.
    unsafe { ffi::SHA1(bytes.as_ptr(), bytes.len(), digest.as_mut_ptr()) };
    let accept = base64::encode(&digest, false);
    let accept = String::from_utf8_lossy(&accept);
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_answered_as_in_the_standard() {
        let answer = upgrade("dGhlIHNhbXBsZSBub25jZQ==");
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    }

    #[test]
    fn requests_are_for_names_of_this_machine_only() {
        let of = |text: &str| read(text.as_bytes());
        let (request, taken) = of("GET /json HTTP/1.1\r\nHost: localhost:9229\r\n\r\nrest")
            .unwrap()
            .unwrap();
        assert_eq!((request.path.as_str(), taken), ("/json", 44));
        assert_eq!(request.key, None);
        for host in ["127.0.0.1:1", "[::1]:9229", "10.0.0.1", "LOCALHOST"] {
            assert!(
                of(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"))
                    .unwrap()
                    .is_some()
            );
        }
        for host in ["evil.example:9229", "localhost.evil.example", "0x7f.1"] {
            assert!(
                of(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).is_err(),
                "{host}"
            );
        }
    }

    #[test]
    fn what_is_no_request_is_refused() {
        assert_eq!(read(b"GET / HTTP/1.1\r\nHost: x"), Ok(None));
        for text in [
            "POST / HTTP/1.1\r\n\r\n",
            "GET /\r\n\r\n",
            "\r\n\r\n",
            "GET / HTTP/1.1\r\nx\r\n\r\n",
        ] {
            assert!(read(text.as_bytes()).is_err(), "{text}");
        }
        assert!(read(&vec![b'a'; LONGEST_HEAD + 1]).is_err());
    }
}
