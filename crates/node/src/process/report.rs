//! The report of a fatal exception on stderr. Follows Node's `PrintException` and `PrintUncaughtException`.

use std::cell::Cell;
use std::fmt::Write as _;

use super::diagnostic_report::{self as diagnostic, Cause};
use crate::env::{Env, Slot};
use crate::js::convert;

/// `setSourceMapsEnabled`.
#[derive(Default)]
pub struct SourceMaps {
    /// Whether the frame of a fatal exception is that of the mapped source.
    pub enabled: Cell<bool>,
}

/// Prints source frame, enhanced stack and version line of a fatal exception to the guest's stderr, and leaves a
/// diagnostic report where one is asked for.
pub fn print_exception(
    scope: &mut v8::PinScope<'_, '_>,
    error: v8::Local<'_, v8::Value>,
    message: v8::Local<'_, v8::Message>,
) {
    let text = format_exception(scope, error, message);
    write_stderr(scope, text.as_bytes());
    if diagnostic::is_wanted_of_exceptions(&Env::of(scope)) {
        let cause = Cause {
            event: "Exception",
            trigger: "Exception",
        };
        diagnostic::write(scope, &cause, None, error);
    }
    let text = format_end(scope, message);
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
    let object = v8::Local::<v8::Object>::try_from(error).ok();
    match object.and_then(|object| kept_frame(scope, object)) {
        Some(kept) => text.push_str(&kept),
        None if error.is_native_error() => text.push_str(&source_frame(scope, message)),
        // Not kept with the value, so it stands for itself.
        None => {
            let _ = writeln!(text, "\n{}", source_frame(scope, message).trim_end());
        }
    }
    let stack = enhanced_stack(scope, v8::Local::<v8::Object>::try_from(error).ok());
    let stack = stack.unwrap_or_else(|| describe_thrown(scope, error));
    let _ = writeln!(text, "{stack}");
    let traced = Env::of(scope).options.borrow().flag("--trace-uncaught");
    if !traced && !error.is_object() {
        text.push_str("(Use `node --trace-uncaught ...` to show where the exception was thrown)\n");
    }
    text
}

/// What follows the report of an exception: where it was thrown, and who says so.
fn format_end(scope: &mut v8::PinScope<'_, '_>, message: v8::Local<'_, v8::Message>) -> String {
    let mut text = String::new();
    let (traced, extra) = {
        let env = Env::of(scope);
        let options = env.options.borrow();
        let extra = options.flag("--extra-info-on-fatal-exception");
        (options.flag("--trace-uncaught"), extra)
    };
    if traced {
        text.push_str(&thrown_at(scope, message));
    }
    if extra {
        let version = crate::library::tables::tables()["process"]["version"].as_str();
        let _ = writeln!(text, "\nNode.js {}", version.unwrap_or_default());
    }
    text
}

/// The source frame that is kept with a value, if one is; empty where its stack has it already.
fn kept_frame(
    scope: &mut v8::PinScope<'_, '_>,
    error: v8::Local<'_, v8::Object>,
) -> Option<String> {
    let env = Env::of(scope);
    let key = env.private(scope, "decorated_private_symbol");
    let decorated = error.get_private(scope, key);
    if decorated.is_some_and(|value| value.is_true()) {
        return Some(String::new());
    }
    let key = env.private(scope, "arrow_message_private_symbol");
    let arrow = error.get_private(scope, key)?;
    arrow
        .is_string()
        .then(|| format!("{}\n", convert::text(scope, arrow)))
}

/// The frames of `--trace-uncaught`.
fn thrown_at(scope: &mut v8::PinScope<'_, '_>, message: v8::Local<'_, v8::Message>) -> String {
    let mut text = String::new();
    let Some(trace) = message.get_stack_trace(scope) else {
        return text;
    };
    text.push_str("Thrown at:\n");
    text.push_str(&stack_frames(scope, trace));
    text
}

/// The frames of a stack, one a line, and an empty line behind them (`PrintStackTrace`).
pub fn stack_frames(
    scope: &mut v8::PinScope<'_, '_>,
    trace: v8::Local<'_, v8::StackTrace>,
) -> String {
    let mut text = String::new();
    for index in 0..trace.get_frame_count() {
        let Some(frame) = trace.get_frame(scope, index) else {
            continue;
        };
        let function = frame.get_function_name(scope);
        let function = function.map_or_else(String::new, |name| convert::text(scope, name.into()));
        let script = frame.get_script_name_or_source_url(scope);
        let script = script.map_or_else(String::new, |name| convert::text(scope, name.into()));
        let place = format!(
            "{script}:{}:{}",
            frame.get_line_number(),
            frame.get_column()
        );
        let _ = if function.is_empty() {
            writeln!(text, "    at {place}")
        } else {
            writeln!(text, "    at {function} ({place})")
        };
    }
    text.push('\n');
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
    let name = convert::text(scope, name);
    let line = message.get_line_number(scope).unwrap_or(0);
    let Some(source) = message.get_source_line(scope) else {
        return text;
    };
    let source = convert::text(scope, source.into());
    if source.contains("node-do-not-add-exception-line") {
        return text;
    }
    if let Some(mapped) = mapped_frame(scope, message) {
        return format!("{mapped}\n");
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

/// The frame of the source that the program was made from, where source maps are on and one is known
/// (`GetSourceMapErrorSource`).
fn mapped_frame(
    scope: &mut v8::PinScope<'_, '_>,
    message: v8::Local<'_, v8::Message>,
) -> Option<String> {
    let env = Env::of(scope);
    if !env.state::<SourceMaps>().enabled.get() {
        return None;
    }
    let look_up = env.function(scope, Slot::GetSourceMapErrorSource)?;
    let name = message.get_script_resource_name(scope)?;
    let line = message.get_line_number(scope).unwrap_or(0);
    v8::tc_scope!(let tc, scope);
    let name = v8::Local::new(tc, name);
    let line = v8::Number::new(tc, line as f64).into();
    let column = v8::Number::new(tc, message.get_start_column() as f64).into();
    let receiver = v8::undefined(tc).into();
    let frame = look_up.call(tc, receiver, &[name, line, column])?;
    frame.is_string().then(|| convert::text(tc, frame))
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

/// A thrown value that is no error: what inspect prints of an object, or the plain text.
fn describe_thrown(scope: &mut v8::PinScope<'_, '_>, error: v8::Local<'_, v8::Value>) -> String {
    let env = Env::of(scope);
    v8::tc_scope!(let tc, scope);
    if error.is_symbol() {
        // A symbol has no text of its own.
        return String::new();
    }
    if error.is_object()
        && let Some(require) = env.function(tc, Slot::RequireBuiltin)
    {
        let receiver = v8::undefined(tc).into();
        let id = crate::js::exception::string(tc, "internal/util/inspect").into();
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
            return convert::text(tc, text);
        }
        tc.reset();
    }
    let text = error.to_detail_string(tc);
    text.map_or_else(String::new, |text| convert::text(tc, text.into()))
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
    let frame = crate::js::exception::string(scope, frame.strip_suffix('\n').unwrap_or(&frame));
    object.set_private(scope, key, frame.into());
}
