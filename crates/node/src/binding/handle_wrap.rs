//! `HandleWrap`, the base class of everything that stays open: pipes, terminals, timers, signal watchers. Follows
//! Node's `src/handle_wrap.cc`.

use std::rc::Rc;

use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::js::class::{Definition, illegal_constructor};
use crate::js::handle::Handle;

/// Declares the class.
pub fn define(definition: &mut Definition) {
    definition
        .class("HandleWrap", illegal_constructor)
        .inherits("AsyncWrap")
        .hidden()
        .method("close", close)
        .method("hasRef", has_ref)
        .method("ref", reference)
        .method("unref", unreference);
}

fn close(scope: Scope, args: Args, _rv: Return) {
    let object = args.this();
    if let Some(handle) = Handle::of(scope, object.into()) {
        close_with(scope, &handle, object, args.get(0));
    }
}

/// Closes the handle of `object` if it is open; a function is called behind that.
pub fn close_with(
    scope: &mut v8::PinScope<'_, '_>,
    handle: &Rc<Handle>,
    object: v8::Local<'_, v8::Object>,
    callback: v8::Local<'_, v8::Value>,
) {
    if !handle.is_alive() {
        return;
    }
    if callback.is_function() {
        let env = Env::of(scope);
        let key = env.symbol(scope, "handle_onclose_symbol");
        object.set(scope, key.into(), callback);
    }
    handle.close(scope, object);
}

fn has_ref(scope: Scope, args: Args, mut rv: Return) {
    rv.set_bool(Handle::of(scope, args.this().into()).is_some_and(|handle| handle.has_ref()));
}

fn reference(scope: Scope, args: Args, _rv: Return) {
    set_referenced(scope, &args, Referenced::Yes);
}

fn unreference(scope: Scope, args: Args, _rv: Return) {
    set_referenced(scope, &args, Referenced::No);
}

#[derive(PartialEq, Eq)]
enum Referenced {
    Yes,
    No,
}

fn set_referenced(scope: Scope, args: &Args, referenced: Referenced) {
    if let Some(handle) = Handle::of(scope, args.this().into()).filter(|handle| handle.is_alive()) {
        handle.set_referenced(&Env::of(scope), referenced == Referenced::Yes);
    }
}
