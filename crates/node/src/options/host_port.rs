//! A host with a port, as `--inspect` takes it (`SplitHostPort` in Node's `src/node_options.cc`).

use serde_json::{Value, json};

use super::BadOption;

/// Ports below are the system's.
const FIRST_PORT: u32 = 1024;

/// `known` with what `text` says of it: a host, a port, or both.
///
/// # Errors
/// The port is none.
pub(super) fn updated(mut known: Value, text: &str) -> Result<Value, BadOption> {
    let (host, number) = split(text);
    if let Some(number) = number {
        known["port"] = json!(port(number)?);
    }
    if !host.is_empty() {
        known["host"] = json!(host);
    }
    Ok(known)
}

fn split(text: &str) -> (&str, Option<&str>) {
    if let Some((host, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (host, rest.strip_prefix(':'));
    }
    match text.rsplit_once(':') {
        Some((host, number)) => (host, Some(number)),
        None if text.bytes().all(|byte| byte.is_ascii_digit()) => ("", Some(text)),
        None => (text, None),
    }
}

fn port(text: &str) -> Result<u32, BadOption> {
    // As `strtol`: what follows the number does not count, and no number is 0.
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number = text.get(..digits).unwrap_or_default();
    let number = match number {
        "" => 0,
        number => number.parse().unwrap_or(u32::MAX),
    };
    if number == 0 || (FIRST_PORT..=u32::from(u16::MAX)).contains(&number) {
        Ok(number)
    } else {
        Err(BadOption::from(
            "must be 0 or in range 1024 to 65535.".to_owned(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::updated;
    use serde_json::json;

    #[test]
    fn host_and_port_are_each_optional() {
        let of = |text: &str| {
            let known = json!({"host": "h", "port": 9229});
            updated(known, text).map(|place| (place["host"].clone(), place["port"].clone()))
        };
        assert_eq!(of("0"), Ok((json!("h"), json!(0))));
        assert_eq!(of("1024"), Ok((json!("h"), json!(1024))));
        assert_eq!(of("a"), Ok((json!("a"), json!(9229))));
        assert_eq!(of("a:"), Ok((json!("a"), json!(0))));
        assert_eq!(of("[::1]:5000"), Ok((json!("::1"), json!(5000))));
        assert_eq!(of("[::1]"), Ok((json!("::1"), json!(9229))));
        for text in ["1", "70000", "x:1", "99999999999"] {
            assert!(of(text).is_err(), "{text}");
        }
    }
}
