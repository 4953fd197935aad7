//! What a command says when it finds a fault in itself.

use std::panic::{PanicHookInfo, set_hook};

/// Has panics reported in the form of the command's other messages, `name: internal error: reason`. The place in the
/// sources is left out: it is a path of the machine that built the command.
pub fn report_panics(name: impl Into<String>) {
    let name = name.into();
    set_hook(Box::new(move |info| {
        // With `eprintln`, a closed standard error would be a panic of its own.
        let line = format!("{name}: internal error: {}\n", reason(info));
        let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
    }));
}

fn reason<'a>(info: &'a PanicHookInfo<'_>) -> &'a str {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a fault without a message")
}
