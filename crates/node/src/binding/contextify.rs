//! `internalBinding('contextify')`.

use super::Definition;

/// Declares the binding.
pub fn define(_: &mut Definition) {}

/// The context behind a contextified object.
pub fn context_of<'s>(_scope: &mut v8::PinScope<'s, '_>, _object: v8::Local<'_, v8::Value>) -> Option<v8::Local<'s, v8::Context>> { None }
/// Runs body.
pub fn run_with_timeout<'s>(scope: &mut v8::PinScope<'s, '_>, _timeout: i64, body: impl FnOnce(&mut v8::PinScope<'s, '_>) -> Option<v8::Local<'s, v8::Value>>) -> Option<v8::Local<'s, v8::Value>> { body(scope) }
