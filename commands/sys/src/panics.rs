//! What a command says when it finds a fault in itself, has no room for what it was asked for, or cannot print.

use crate::memory;
use std::panic::{PanicHookInfo, set_hook};

/// Has panics reported in the form of the command's other messages, `name: internal error: reason`. The place in the
/// sources is left out: it is a path of the machine that built the command. A size that is too large for memory ends it
/// as it ends the GNU tools, and so does an output that takes nothing, which `println` panics for.
pub fn report_panics(name: impl Into<String>) {
    let name = name.into();
    memory::set_name(name.clone());
    set_hook(Box::new(move |info| {
        let reason = reason(info);
        let is_size = SIZES.iter().any(|size| reason.contains(size));
        let unprinted = reason.strip_prefix(UNPRINTED);
        if is_size {
            memory::exhausted();
        }
        let line = if let Some(why) = unprinted {
            // The number that the standard library adds is none of Linux's.
            let why = why.split(" (os error").next().unwrap_or(why);
            format!("{name}: write error: {why}\n")
        } else {
            format!("{name}: internal error: {reason}\n")
        };
        // With `eprintln`, a closed standard error would be a panic of its own.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
        if unprinted.is_some() {
            std::process::exit(1);
        }
    }));
}

/// The standard library's words for a size that an argument asked for and that cannot be: no fault of the command.
const SIZES: [&str; 3] = [
    "capacity overflow",
    "Formatting argument out of range",
    "formatting argument out of range",
];

/// The standard library's words for an output that failed.
const UNPRINTED: &str = "failed printing to stdout: ";

fn reason<'a>(info: &'a PanicHookInfo<'_>) -> &'a str {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a fault without a message")
}
