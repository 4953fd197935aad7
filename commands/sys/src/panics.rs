//! What a command says when it finds a fault in itself, or has no room for what it was asked for.

use std::panic::{PanicHookInfo, set_hook};

/// Has panics reported in the form of the command's other messages, `name: internal error: reason`. The place in the
/// sources is left out: it is a path of the machine that built the command. A size that is too large for memory ends it
/// as it ends the GNU tools.
pub fn report_panics(name: impl Into<String>) {
    let name = name.into();
    set_hook(Box::new(move |info| {
        let reason = reason(info);
        let is_size = SIZES.iter().any(|size| reason.contains(size));
        let line = if is_size {
            format!("{name}: memory exhausted\n")
        } else {
            format!("{name}: internal error: {reason}\n")
        };
        // With `eprintln`, a closed standard error would be a panic of its own.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
        if is_size {
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

fn reason<'a>(info: &'a PanicHookInfo<'_>) -> &'a str {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a fault without a message")
}
