//! Messages on standard error, `grep: name: No such file or directory`.

use std::io::{self, Write};

/// What the C library's `strerror` says, without Rust's number behind it.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// Writes `tool: text`. A standard error that is closed is no reason to fail.
pub fn warn(tool: &str, text: &str) {
    let _ = writeln!(io::stderr(), "{tool}: {text}");
}

/// Writes `tool: name: reason`.
pub fn warn_file(tool: &str, name: &[u8], error: &io::Error) {
    warn(
        tool,
        &format!("{}: {}", String::from_utf8_lossy(name), reason(error)),
    );
}
