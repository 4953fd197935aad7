//! The hidden base classes that native classes inherit from: `AsyncWrap`, `ReqWrap`, `HandleWrap`.

use crate::callback::{Args, Return, Scope};
use crate::js::class::{Definition, illegal_constructor};
use crate::js::{async_wrap, wrap};

/// Declares the classes. Further bases (`HandleWrap`, `LibuvStreamWrap`) are declared by the modules that implement
/// them.
pub fn define(definition: &mut Definition) {
    definition
        .class("AsyncWrap", illegal_constructor)
        .hidden()
        .method("getAsyncId", get_async_id)
        .method("getProviderType", get_provider_type)
        .method("asyncReset", async_reset);
    super::handle_wrap::define(definition);
}

fn get_async_id(scope: Scope, args: Args, mut rv: Return) {
    rv.set_double(wrap::async_state(scope, args.this()).map_or(-1.0, |state| state.async_id.get()));
}

fn get_provider_type(scope: Scope, args: Args, mut rv: Return) {
    let provider =
        wrap::async_state(scope, args.this()).map_or("NONE", |state| state.provider.get());
    let number =
        crate::library::tables::binding("async_wrap")["constants"]["Providers"][provider].as_f64();
    rv.set_double(number.unwrap_or(0.0));
}

/// `asyncReset(resource)`: the object is in use for something else, which hooks see as `resource`.
fn async_reset(scope: Scope, args: Args, _rv: Return) {
    let resource = args.get(0).try_cast().unwrap_or(args.this());
    async_wrap::reset_for(scope, args.this(), resource, None);
}
