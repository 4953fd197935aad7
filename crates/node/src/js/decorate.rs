//! Source frames in front of error stacks. Follows `AppendExceptionLine` and `DecorateErrorStack` of Node's
//! `src/node_errors.cc`.

use crate::env::Env;
use crate::js::{convert, exception};

/// Longest run of spaces and carets under a source line.
const UNDERLINE_LIMIT: usize = 1020;

/// Where in the file the script of a message starts; only its first line is shifted.
#[derive(Clone, Copy, Default)]
pub struct Offset {
    /// Lines before the script.
    pub line: i32,
    /// Columns before the script in its first line.
    pub column: i32,
}

/// `file:line`, the source line and carets under the failing text, each line ended. Empty where the message has no
/// place, or the line asks not to be shown.
pub fn source_frame(
    scope: &mut v8::PinScope<'_, '_>,
    message: v8::Local<'_, v8::Message>,
    offset: Offset,
) -> Option<String> {
    let line_text = message.get_source_line(scope)?;
    let line_text = convert::text(scope, line_text.into());
    if line_text.contains("node-do-not-add-exception-line") {
        return None;
    }
    let name = message.get_script_resource_name(scope)?;
    let name = if name.is_undefined() {
        String::new()
    } else {
        convert::text(scope, name)
    };
    let line = message.get_line_number(scope).unwrap_or(0);
    let mut start = message.get_start_column();
    let mut end = message.get_end_column();
    let first_line = i64::try_from(line).unwrap_or(0) - i64::from(offset.line) == 1;
    let shift = if first_line {
        usize::try_from(offset.column).unwrap_or(0)
    } else {
        0
    };
    if start >= shift {
        start -= shift;
        end = end.saturating_sub(shift);
    }
    let mut underline: String = line_text
        .chars()
        .take(start.min(UNDERLINE_LIMIT))
        .map(|character| if character == '\t' { '\t' } else { ' ' })
        .collect();
    let carets = line_text
        .chars()
        .skip(start)
        .take(end.saturating_sub(start));
    underline.extend(
        carets
            .map(|_| '^')
            .take(UNDERLINE_LIMIT.saturating_sub(start)),
    );
    Some(format!("{name}:{line}\n{line_text}\n{underline}\n"))
}

/// Puts the source frame of `message` in front of `error.stack`, once.
pub fn decorate_error_stack(
    scope: &mut v8::PinScope<'_, '_>,
    error: v8::Local<'_, v8::Value>,
    message: Option<v8::Local<'_, v8::Message>>,
    offset: Offset,
) {
    let Ok(object) = v8::Local::<v8::Object>::try_from(error) else {
        return;
    };
    let env = Env::of(scope);
    let decorated = env.private(scope, "decorated_private_symbol");
    if object
        .get_private(scope, decorated)
        .is_some_and(|value| value.is_true())
    {
        return;
    }
    let arrow_key = env.private(scope, "arrow_message_private_symbol");
    let has_arrow = object
        .get_private(scope, arrow_key)
        .is_some_and(|value| value.is_string());
    if !has_arrow
        && let Some(message) = message
        && let Some(frame) = source_frame(scope, message, offset)
    {
        let frame = exception::string(scope, &frame).into();
        object.set_private(scope, arrow_key, frame);
    }
    // `stack` may be a getter of guest code: what it throws is not this error's business.
    let _ = exception::catch(scope, |scope| put_arrow(scope, object));
}

/// Puts the source frame that is kept on an error in front of its stack.
fn put_arrow(scope: &mut v8::PinScope<'_, '_>, object: v8::Local<'_, v8::Object>) -> Option<()> {
    let env = Env::of(scope);
    let arrow_key = env.private(scope, "arrow_message_private_symbol");
    let arrow = object
        .get_private(scope, arrow_key)
        .filter(|value| value.is_string())?;
    let key = env.name(scope, "stack").into();
    let stack = object.get(scope, key).filter(|value| value.is_string())?;
    let text = format!(
        "{}\n{}",
        convert::text(scope, arrow),
        convert::text(scope, stack)
    );
    let text = exception::string(scope, &text).into();
    object.set(scope, key, text)?;
    let decorated = env.private(scope, "decorated_private_symbol");
    let yes = v8::Boolean::new(scope, true).into();
    object.set_private(scope, decorated, yes).map(|_| ())
}
