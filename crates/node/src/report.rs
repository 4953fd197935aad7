//! The report of a fatal exception on stderr. Follows Node's `PrintException` and `PrintUncaughtException`.

use std::fmt::Write as _;

use crate::convert;
use crate::env::{Env, Slot};

/// Prints source frame, enhanced stack and version line of a fatal exception to the guest's stderr.
pub fn print_exception(
    scope: &mut v8::PinScope<'_, '_>,
    error: v8::Local<'_, v8::Value>,
    message: v8::Local<'_, v8::Message>,
) {
    let text = format_exception(scope, error, message);
    write_stderr(scope, text.as_bytes());
}

/// Writes to the guest's file descriptor 2, blocking as Node's own raw output does.
pub fn write_stderr(scope: &v8::PinScope<'_, '_>, bytes: &[u8]) {
    write_fd(scope, 2, bytes);
}

/// Writes to a file descriptor of the guest, blocking.
pub fn write_fd(scope: &v8::PinScope<'_, '_>, fd: i32, mut bytes: &[u8]) {
    let env = Env::of(scope);
    let Some(process) = env.try_process() else {
        return;
    };
    while !bytes.is_empty() {
        let written = env
            .event_loop
            .block_on(std::future::poll_fn(|cx| process.poll_write(fd, bytes, cx)));
        match written {
            Some(Ok(count)) if count > 0 => bytes = bytes.get(count..).unwrap_or_default(),
            // A closed or broken stderr takes nothing more.
            _ => return,
        }
    }
}

fn format_exception(
    scope: &mut v8::PinScope<'_, '_>,
    error: v8::Local<'_, v8::Value>,
    message: v8::Local<'_, v8::Message>,
) -> String {
    let mut text = String::new();
    let error_object = v8::Local::<v8::Object>::try_from(error).ok();
    let decorated = error_object.is_some_and(|object| {
        let env = Env::of(scope);
        let key = env.private(scope, "decorated_private_symbol");
        object
            .get_private(scope, key)
            .is_some_and(|value| value.is_true())
    });
    let arrow = error_object.and_then(|object| {
        let env = Env::of(scope);
        let key = env.private(scope, "arrow_message_private_symbol");
        object
            .get_private(scope, key)
            .filter(|value| value.is_string())
    });
    if !decorated {
        match arrow {
            Some(arrow) => {
                let _ = writeln!(text, "{}", arrow.to_rust_string_lossy(scope));
            }
            None => text.push_str(&source_frame(scope, message)),
        }
    }
    let stack = enhanced_stack(scope, error_object);
    match stack {
        Some(stack) => {
            let _ = writeln!(text, "{stack}");
        }
        None => {
            let _ = writeln!(text, "{}", describe_thrown(scope, error));
        }
    }
    let _ = writeln!(
        text,
        "\nNode.js {}",
        crate::tables::tables()["process"]["version"]
            .as_str()
            .unwrap_or("")
    );
    text
}

/// `file:line`, the source line and a marker under the failing text.
pub fn source_frame(
    scope: &mut v8::PinScope<'_, '_>,
    message: v8::Local<'_, v8::Message>,
) -> String {
    let mut text = String::new();
    let Some(name) = message.get_script_resource_name(scope) else {
        return text;
    };
    if name.is_undefined() {
        return text;
    }
    let name = name.to_rust_string_lossy(scope);
    let line = message.get_line_number(scope).unwrap_or(0);
    let Some(source) = message.get_source_line(scope) else {
        return text;
    };
    let source = source.to_rust_string_lossy(scope);
    if source.contains("node-do-not-add-exception-line") {
        return text;
    }
    let start = message.get_start_column();
    let end = message.get_end_column();
    let _ = writeln!(text, "{name}:{line}\n{source}");
    for character in source.chars().take(start) {
        text.push(if character == '\t' { '\t' } else { ' ' });
    }
    for _ in start..end.max(start) {
        text.push('^');
    }
    text.push_str("\n\n");
    text
}

/// `error.stack` after the library's enhancers (source maps, extra properties).
fn enhanced_stack(
    scope: &mut v8::PinScope<'_, '_>,
    error: Option<v8::Local<'_, v8::Object>>,
) -> Option<String> {
    let error = error?;
    if !error.is_native_error() {
        return None;
    }
    let env = Env::of(scope);
    v8::tc_scope!(let tc, scope);
    let mut stack = None;
    for slot in [Slot::EnhanceStackBefore, Slot::EnhanceStackAfter] {
        let Some(enhance) = env.function(tc, slot) else {
            continue;
        };
        let receiver = v8::undefined(tc).into();
        if let Some(value) = enhance.call(tc, receiver, &[error.into()])
            && value.is_string()
        {
            stack = Some(convert::text(tc, value));
        }
        if tc.has_terminated() {
            tc.rethrow();
            return None;
        }
        tc.reset();
    }
    if stack.is_none() {
        let key = env.name(tc, "stack").into();
        stack = error
            .get(tc, key)
            .filter(|value| value.is_string())
            .map(|value| convert::text(tc, value));
    }
    stack
}

/// A thrown value that is no error: `Uncaught:` and what inspect prints, or the plain text.
fn describe_thrown(scope: &mut v8::PinScope<'_, '_>, error: v8::Local<'_, v8::Value>) -> String {
    let env = Env::of(scope);
    v8::tc_scope!(let tc, scope);
    if error.is_object()
        && let Some(require) = env.function(tc, Slot::RequireBuiltin)
    {
        let receiver = v8::undefined(tc).into();
        let id = crate::exception::string(tc, "internal/util/inspect").into();
        let inspect = require
            .call(tc, receiver, &[id])
            .and_then(|module| module.to_object(tc))
            .and_then(|module| {
                let key = env.name(tc, "inspect").into();
                module.get(tc, key)
            });
        if let Some(inspect) = inspect.and_then(|f| v8::Local::<v8::Function>::try_from(f).ok())
            && let Some(text) = inspect.call(tc, receiver, &[error])
        {
            return format!("Uncaught:\n{}", text.to_rust_string_lossy(tc));
        }
        tc.reset();
    }
    let text = error
        .to_detail_string(tc)
        .map(|text| text.to_rust_string_lossy(tc))
        .unwrap_or_default();
    format!(
        "Uncaught:\n{text}\n(Use `node --trace-uncaught ...` to show where the exception was thrown)"
    )
}

/// Keeps the source frame of `message` on the error for the final report (`AppendExceptionLine`).
pub fn append_exception_line(
    scope: &mut v8::PinScope<'_, '_>,
    error: v8::Local<'_, v8::Value>,
    message: v8::Local<'_, v8::Message>,
) {
    let Ok(object) = v8::Local::<v8::Object>::try_from(error) else {
        return;
    };
    let env = Env::of(scope);
    let key = env.private(scope, "arrow_message_private_symbol");
    if object
        .get_private(scope, key)
        .is_some_and(|value| value.is_string())
    {
        return;
    }
    let frame = source_frame(scope, message);
    if frame.is_empty() {
        return;
    }
    // The library adds the line feed behind the marker itself.
    let frame = crate::exception::string(scope, frame.strip_suffix('\n').unwrap_or(&frame));
    object.set_private(scope, key, frame.into());
}
