//! `internalBinding('uv')`: libuv's error numbers, names and texts, from the tables. Follows Node's `src/uv.cc`.

use std::cell::Cell;

use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::js::class::Definition;
use crate::js::exception;
use crate::library::tables::tables;
use crate::process::process_env::emit_warning;

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function("errname", errname)
        .function("getErrorMap", get_error_map)
        .function("getErrorMessage", get_error_message);
}

/// Name and text of a libuv error number.
fn lookup(number: i64) -> Option<(&'static str, &'static str)> {
    let entries = tables()["errmap"].as_array()?;
    let entry = entries
        .iter()
        .find(|entry| entry[0].as_i64() == Some(number))?;
    Some((entry[1].as_str()?, entry[2].as_str()?))
}

/// Name of a libuv error number, for example `ENOENT` of -2.
pub fn error_name(number: i64) -> Option<&'static str> {
    lookup(number).map(|(name, _)| name)
}

/// The number in argument 0; throws where it is none.
fn number_of(scope: Scope, args: &Args) -> Option<i64> {
    let number = args.get(0);
    if !number.is_number() {
        exception::throw_invalid_argument(scope, "The \"err\" argument must be of type number");
        return None;
    }
    number.integer_value(scope)
}

fn errname(scope: Scope, args: Args, mut rv: Return) {
    let Some(number) = number_of(scope, &args) else {
        return;
    };
    warn_of_errname(scope);
    let name =
        error_name(number).map_or_else(|| format!("Unknown system error {number}"), str::to_owned);
    rv.set(exception::string(scope, &name).into());
}

/// Whether the program was told once.
#[derive(Default)]
struct ErrnameWarned(Cell<bool>);

fn warn_of_errname(scope: &mut v8::PinScope<'_, '_>) {
    let env = Env::of(scope);
    let wanted = env.options.borrow().flag("--pending-deprecation");
    if wanted && !env.state::<ErrnameWarned>().0.replace(true) {
        let message = "Directly calling process.binding('uv').errname(<val>) is being deprecated. Please make sure to \
                       use util.getSystemErrorName() instead.";
        emit_warning(scope, message, "DeprecationWarning", "DEP0119");
    }
}

fn get_error_message(scope: Scope, args: Args, mut rv: Return) {
    let Some(number) = number_of(scope, &args) else {
        return;
    };
    let text = lookup(number).map_or_else(
        || format!("Unknown system error {number}"),
        |(_, text)| text.to_owned(),
    );
    rv.set(exception::string(scope, &text).into());
}

/// A map from number to `[name, text]`.
fn get_error_map(scope: Scope, _args: Args, mut rv: Return) {
    let map = v8::Map::new(scope);
    for entry in tables()["errmap"].as_array().into_iter().flatten() {
        let number = v8::Number::new(scope, entry[0].as_f64().unwrap_or(0.0)).into();
        let name = exception::string(scope, entry[1].as_str().unwrap_or_default()).into();
        let text = exception::string(scope, entry[2].as_str().unwrap_or_default()).into();
        let pair = v8::Array::new_with_elements(scope, &[name, text]).into();
        map.set(scope, number, pair);
    }
    rv.set(map.into());
}
