//! `limits` of a database: an object whose properties are SQLite's limits.

use std::ffi::c_int;
use std::rc::{Rc, Weak};

use libsqlite3_sys as ffi;

use super::database::{Database, database_of};
use super::error;
use crate::callback::{self, Args, Return, Scope};
use crate::env::Env;
use crate::js::exception::{string, throw_invalid_argument};
use crate::js::{convert, wrap};

/// Names and numbers of the limits.
pub(super) const LIMITS: [(&str, c_int); 11] = [
    ("length", ffi::SQLITE_LIMIT_LENGTH),
    ("sqlLength", ffi::SQLITE_LIMIT_SQL_LENGTH),
    ("column", ffi::SQLITE_LIMIT_COLUMN),
    ("exprDepth", ffi::SQLITE_LIMIT_EXPR_DEPTH),
    ("compoundSelect", ffi::SQLITE_LIMIT_COMPOUND_SELECT),
    ("vdbeOp", ffi::SQLITE_LIMIT_VDBE_OP),
    ("functionArg", ffi::SQLITE_LIMIT_FUNCTION_ARG),
    ("attach", ffi::SQLITE_LIMIT_ATTACHED),
    ("likePatternLength", ffi::SQLITE_LIMIT_LIKE_PATTERN_LENGTH),
    ("variableNumber", ffi::SQLITE_LIMIT_VARIABLE_NUMBER),
    ("triggerDepth", ffi::SQLITE_LIMIT_TRIGGER_DEPTH),
];

/// The internal field of a database that keeps its limits.
const LIMITS_FIELD: usize = 2;

/// Key of the template.
const TEMPLATE: &str = "DatabaseSyncLimits";

struct Limits(Weak<Database>);

/// `database.limits`.
pub(super) fn limits<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, mut rv: Return<'s>) {
    let this = args.this();
    let Some(database) = database_of(scope, this) else {
        return;
    };
    let kept = this.get_internal_field(scope, LIMITS_FIELD);
    let kept = kept.and_then(|kept| kept.try_cast::<v8::Value>().ok());
    if let Some(kept) = kept.filter(|kept| kept.is_object()) {
        return rv.set(kept);
    }
    let Some(object) = new_object(scope) else {
        return;
    };
    wrap::wrap(scope, object, Limits(Rc::downgrade(&database)));
    this.set_internal_field(LIMITS_FIELD, object.into());
    rv.set(object.into());
}

fn new_object<'s>(scope: &mut v8::PinScope<'s, '_>) -> Option<v8::Local<'s, v8::Object>> {
    let env = Env::of(scope);
    let template = match env.template(scope, TEMPLATE) {
        Some(template) => template,
        None => {
            let template = v8::FunctionTemplate::builder_raw(callback::raw_function(
                super::illegal_constructor,
            ))
            .build(scope);
            let instance = template.instance_template(scope);
            instance.set_internal_field_count(wrap::INTERNAL_FIELDS);
            instance.set_named_property_handler(
                v8::NamedPropertyHandlerConfiguration::new()
                    .getter(callback::named_getter(getter))
                    .setter(callback::named_setter(setter))
                    .query(callback::named_query(query))
                    .enumerator(callback::property_enumerator(enumerator))
                    .flags(v8::PropertyHandlerFlags::HAS_NO_SIDE_EFFECT),
            );
            env.set_template(scope, TEMPLATE, template);
            template
        }
    };
    let object = template.instance_template(scope).new_instance(scope)?;
    // Like an object of a plain template: nobody is to see a class.
    let plain = v8::Object::new(scope);
    let prototype = plain.get_prototype(scope)?;
    object.set_prototype(scope, prototype)?;
    Some(object)
}

/// The number of a limit, if that is one.
fn limit_of(scope: &mut v8::PinScope<'_, '_>, key: v8::Local<'_, v8::Name>) -> Option<c_int> {
    if !key.is_string() {
        return None;
    }
    let key = convert::text(scope, key.into());
    let found = LIMITS.iter().find(|(name, _)| *name == key);
    found.map(|(_, limit)| *limit)
}

/// The open database of the object. None with an exception pending.
fn database(
    scope: &mut v8::PinScope<'_, '_>,
    args: &v8::PropertyCallbackArguments<'_>,
) -> Option<Rc<Database>> {
    let limits = wrap::unwrap::<Limits>(scope, args.holder().into());
    let database = limits.and_then(|limits| limits.0.upgrade());
    let database = database.filter(|database| database.is_open());
    if database.is_none() {
        error::throw_state(scope, "database is not open");
    }
    database
}

fn getter<'s>(
    scope: Scope<'_, 's, '_>,
    key: v8::Local<'s, v8::Name>,
    args: v8::PropertyCallbackArguments<'s>,
    mut rv: Return,
) -> v8::Intercepted {
    let Some(limit) = limit_of(scope, key) else {
        return v8::Intercepted::kNo;
    };
    if let Some(database) = database(scope, &args) {
        // SAFETY: an open connection; a negative number changes nothing.
        rv.set_int32(unsafe { ffi::sqlite3_limit(database.connection(), limit, -1) });
    }
    v8::Intercepted::kYes
}

fn setter<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    key: v8::Local<'s, v8::Name>,
    value: v8::Local<'s, v8::Value>,
    args: v8::PropertyCallbackArguments<'s>,
    _rv: v8::ReturnValue<'_, v8::Boolean>,
) -> v8::Intercepted {
    let Some(limit) = limit_of(scope, key) else {
        return v8::Intercepted::kNo;
    };
    if let Some(database) = database(scope, &args)
        && let Some(value) = new_limit(scope, value)
    {
        // SAFETY: an open connection.
        unsafe { ffi::sqlite3_limit(database.connection(), limit, value) };
    }
    v8::Intercepted::kYes
}

/// The value for a limit. None with an exception pending.
fn new_limit(scope: &mut v8::PinScope<'_, '_>, value: v8::Local<'_, v8::Value>) -> Option<c_int> {
    if value.is_number() && value.number_value(scope) == Some(f64::INFINITY) {
        // SQLite makes it the most that it was compiled for.
        return Some(c_int::MAX);
    }
    if !value.is_int32() {
        let message = "Limit value must be a non-negative integer or Infinity.";
        throw_invalid_argument(scope, message);
        return None;
    }
    let value = value.int32_value(scope)?;
    if value < 0 {
        error::throw_range(scope, "Limit value must be non-negative.");
        return None;
    }
    Some(value)
}

fn query<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    key: v8::Local<'s, v8::Name>,
    _args: v8::PropertyCallbackArguments<'s>,
    mut rv: v8::ReturnValue<'_, v8::Integer>,
) -> v8::Intercepted {
    if limit_of(scope, key).is_none() {
        return v8::Intercepted::kNo;
    }
    rv.set_uint32(v8::PropertyAttribute::DONT_DELETE.as_u32());
    v8::Intercepted::kYes
}

fn enumerator<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    _args: v8::PropertyCallbackArguments<'s>,
    mut rv: v8::ReturnValue<'_, v8::Array>,
) {
    let names = LIMITS.map(|(name, _)| string(scope, name).into());
    rv.set(v8::Array::new_with_elements(scope, &names));
}
