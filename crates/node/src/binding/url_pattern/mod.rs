//! `internalBinding('url_pattern')`: the class `URLPattern`. Follows Node's `src/node_url_pattern.cc`. Patterns are parsed
//! by the `urlpattern` crate and matched by V8's regular expressions, as guests write them in that syntax.
//!
//! # Deviations
//! The crate keeps spaces at the end of an opaque path (`data: a `), which Ada drops.
//! Its parser of URLs refuses a host name with a label that begins with `xn--` and is no Punycode, which Ada lets be.

mod control_characters;

use std::borrow::Cow;

use urlpattern::quirks::{self, MatchInput, StringOrInit, UrlPatternComponent, UrlPatternInit};
use urlpattern::regexp::RegExp;
use urlpattern::{RegexSyntax, UrlPatternOptions};

use crate::callback::{Args, Return, Scope};
use crate::js::class::Definition;
use crate::js::exception::{self, ErrorKind, throw_invalid_argument};
use crate::js::{convert, wrap};

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .class("URLPattern", construct)
        .getter("protocol", protocol)
        .getter("username", username)
        .getter("password", password)
        .getter("hostname", hostname)
        .getter("port", port)
        .getter("pathname", pathname)
        .getter("search", search)
        .getter("hash", hash)
        .getter("hasRegExpGroups", has_regexp_groups)
        .method("exec", exec)
        .method("test", test);
}

/// The source of a component's regular expression. V8 compiles it: what this crate cannot judge is left to V8.
struct Source(String);

impl RegExp for Source {
    fn syntax() -> RegexSyntax {
        RegexSyntax::EcmaScript
    }

    fn parse(pattern: &str, _flags: &str, _force_eval: bool) -> Result<Self, ()> {
        Ok(Source(pattern.to_owned()))
    }

    fn matches<'a>(&self, _text: &'a str) -> Option<Vec<Option<&'a str>>> {
        None
    }

    fn pattern_string(&self) -> &str {
        &self.0
    }
}

/// The components in the order of the specification.
const COMPONENTS: usize = 8;
const NAMES: [&str; COMPONENTS] = [
    "protocol", "username", "password", "hostname", "port", "pathname", "search", "hash",
];
/// Fields of an input dictionary.
const BASE_URL: &str = "baseURL";

struct Component {
    pattern: String,
    groups: Vec<String>,
    regexp: v8::Global<v8::RegExp>,
}

struct UrlPattern {
    components: [Component; COMPONENTS],
    has_regexp_groups: bool,
}

fn throw_invalid_pattern(scope: &mut v8::PinScope<'_, '_>) {
    exception::throw(
        scope,
        ErrorKind::TypeError,
        "ERR_INVALID_URL_PATTERN",
        "Failed to construct URLPattern",
    );
}

/// `new URLPattern(input, baseURL, options)`, `new URLPattern(input, options)`.
fn construct(scope: Scope, args: Args, _rv: Return) {
    if args.new_target().is_undefined() {
        return exception::throw_construct_call_required(scope, exception::NO_NEW);
    }
    let input = args.get(0);
    let Some(input) = (if input.is_null_or_undefined() {
        Some(StringOrInit::Init(UrlPatternInit::default()))
    } else {
        read_input(scope, input, "Input must be an object or a string")
    }) else {
        return;
    };
    let (mut base_url, mut options) = (None, args.get(2));
    let second = args.get(1);
    if second.is_string() {
        base_url = Some(second.to_rust_string_lossy(scope));
    } else if second.is_object() {
        options = second;
    } else if !second.is_null_or_undefined() {
        throw_invalid_argument(scope, "second argument must be a string or object");
        return;
    }
    let Some(ignore_case) = read_ignore_case(scope, options) else {
        return;
    };
    let options = UrlPatternOptions {
        ignore_case,
        regex_syntax: RegexSyntax::EcmaScript,
    };
    let input = control_characters::escaped(input);
    let parsed = quirks::process_construct_pattern_input(input, base_url.as_deref())
        .ok()
        .and_then(control_characters::accepted)
        .and_then(|init| quirks::parse_pattern::<Source>(init, options).ok());
    let Some(parsed) = parsed else {
        throw_invalid_pattern(scope);
        return;
    };
    let has_regexp_groups = parsed.has_regexp_groups;
    let parts = [
        parsed.protocol,
        parsed.username,
        parsed.password,
        parsed.hostname,
        parsed.port,
        parsed.pathname,
        parsed.search,
        parsed.hash,
    ];
    let compiled: Option<Vec<Component>> = parts
        .into_iter()
        .map(|part| compile(scope, part, ignore_case))
        .collect();
    match compiled.and_then(|components| components.try_into().ok()) {
        Some(components) => {
            wrap::wrap(
                scope,
                args.this(),
                UrlPattern {
                    components,
                    has_regexp_groups,
                },
            );
        }
        None => throw_invalid_pattern(scope),
    }
}

fn compile(
    scope: &mut v8::PinScope<'_, '_>,
    part: UrlPatternComponent,
    ignore_case: bool,
) -> Option<Component> {
    let source = exception::string(scope, &part.regexp_string);
    let mut flags = v8::RegExpCreationFlags::UNICODE_SETS;
    if ignore_case {
        flags |= v8::RegExpCreationFlags::IGNORE_CASE;
    }
    v8::tc_scope!(let tc, scope);
    // What V8 says of a bad expression is replaced by the one error of this class.
    let regexp = v8::RegExp::new(tc, source, flags)?;
    Some(Component {
        pattern: part.pattern_string,
        groups: part.group_name_list,
        regexp: v8::Global::new(tc, regexp),
    })
}

/// The option `ignoreCase`; throws and returns `None` where the options are no object.
fn read_ignore_case(
    scope: &mut v8::PinScope<'_, '_>,
    options: v8::Local<'_, v8::Value>,
) -> Option<bool> {
    if options.is_null_or_undefined() {
        return Some(false);
    }
    let Ok(options) = v8::Local::<v8::Object>::try_from(options) else {
        throw_invalid_argument(scope, "options must be an object");
        return None;
    };
    let value = convert::get(scope, options, "ignoreCase")?;
    if value.is_undefined() {
        return Some(false);
    }
    if !value.is_boolean() {
        throw_invalid_argument(scope, "options.ignoreCase must be a boolean");
        return None;
    }
    Some(value.is_true())
}

fn read_input(
    scope: &mut v8::PinScope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
    message: &str,
) -> Option<StringOrInit<'static>> {
    if value.is_string() {
        return Some(StringOrInit::String(Cow::Owned(
            value.to_rust_string_lossy(scope),
        )));
    }
    let Ok(object) = v8::Local::<v8::Object>::try_from(value) else {
        throw_invalid_argument(scope, message);
        return None;
    };
    Some(StringOrInit::Init(UrlPatternInit {
        protocol: read_field(scope, object, "protocol")?,
        username: read_field(scope, object, "username")?,
        password: read_field(scope, object, "password")?,
        hostname: read_field(scope, object, "hostname")?,
        port: read_field(scope, object, "port")?,
        pathname: read_field(scope, object, "pathname")?,
        search: read_field(scope, object, "search")?,
        hash: read_field(scope, object, "hash")?,
        base_url: read_field(scope, object, BASE_URL)?,
    }))
}

/// A field of an input dictionary; `None` with an exception pending where a getter threw.
#[expect(
    clippy::option_option,
    reason = "a field may be absent, and reading it may throw"
)]
fn read_field(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
    key: &'static str,
) -> Option<Option<String>> {
    let value = convert::get(scope, object, key)?;
    Some(value.is_string().then(|| value.to_rust_string_lossy(scope)))
}

fn this(scope: Scope, args: &Args) -> Option<std::rc::Rc<UrlPattern>> {
    let pattern = wrap::unwrap::<UrlPattern>(scope, args.this().into());
    if pattern.is_none() {
        exception::throw_invalid_this(scope, "Value of \"this\" must be of type URLPattern");
    }
    pattern
}

macro_rules! getters {
    ($($function:ident $index:literal;)*) => {
        $(fn $function(
            scope: Scope,
            args: Args,
            mut rv: Return,
        ) {
            if let Some(pattern) = this(scope, &args) {
                rv.set(exception::string(scope, &pattern.components[$index].pattern).into());
            }
        })*
    };
}

getters! {
    protocol 0;
    username 1;
    password 2;
    hostname 3;
    port 4;
    pathname 5;
    search 6;
    hash 7;
}

fn has_regexp_groups(scope: Scope, args: Args, mut rv: Return) {
    if let Some(pattern) = this(scope, &args) {
        rv.set_bool(pattern.has_regexp_groups);
    }
}

/// One component of a match: what was matched, and the groups by name.
struct Matched<'s> {
    input: String,
    groups: Vec<(String, v8::Local<'s, v8::Value>)>,
}

/// What `exec` and `test` share: reads the arguments and matches. `Err` with an exception pending, `Ok(None)` where the
/// pattern does not match.
fn run<'s>(
    scope: Scope<'_, 's, '_>,
    args: &Args,
    operation: &str,
) -> Result<Option<Vec<Matched<'s>>>, ()> {
    let pattern = this(scope, args).ok_or(())?;
    let input = if args.length() == 0 {
        StringOrInit::Init(UrlPatternInit::default())
    } else {
        read_input(
            scope,
            args.get(0),
            "URLPattern input needs to be a string or an object",
        )
        .ok_or(())?
    };
    let base_url = args.get(1);
    let base_url = if base_url.is_undefined() {
        None
    } else if base_url.is_string() {
        Some(base_url.to_rust_string_lossy(scope))
    } else {
        throw_invalid_argument(scope, "baseURL must be a string");
        return Err(());
    };
    let is_refused = match &input {
        StringOrInit::Init(init) => init
            .protocol
            .as_deref()
            .is_some_and(|protocol| protocol.contains(control_characters::is_refused)),
        StringOrInit::String(_) => false,
    };
    let Ok(input) = quirks::process_match_input(input, base_url.as_deref()) else {
        let message = format!("Failed to {operation} URLPattern");
        exception::throw(
            scope,
            ErrorKind::TypeError,
            "ERR_OPERATION_FAILED",
            &message,
        );
        return Err(());
    };
    let input = input.filter(|_| !is_refused);
    let Some(input) = input.and_then(|(input, _)| quirks::parse_match_input(input)) else {
        return Ok(None);
    };
    matches(scope, &pattern, input)
}

fn matches<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    pattern: &UrlPattern,
    input: MatchInput,
) -> Result<Option<Vec<Matched<'s>>>, ()> {
    let MatchInput {
        protocol,
        username,
        password,
        hostname,
        port,
        pathname,
        search,
        hash,
    } = input;
    let inputs = [
        protocol, username, password, hostname, port, pathname, search, hash,
    ];
    let mut matched = Vec::with_capacity(COMPONENTS);
    for (component, input) in pattern.components.iter().zip(inputs) {
        let regexp = v8::Local::new(scope, &component.regexp);
        let subject = exception::string(scope, &input);
        let result = regexp.exec(scope, subject).ok_or(())?;
        if result.is_null() {
            return Ok(None);
        }
        let mut groups = Vec::with_capacity(component.groups.len());
        for (index, name) in component.groups.iter().enumerate() {
            let index = u32::try_from(index + 1).unwrap_or(u32::MAX);
            groups.push((name.clone(), result.get_index(scope, index).ok_or(())?));
        }
        matched.push(Matched { input, groups });
    }
    Ok(Some(matched))
}

fn test(scope: Scope, args: Args, mut rv: Return) {
    if let Ok(matched) = run(scope, &args, "test") {
        rv.set_bool(matched.is_some());
    }
}

fn exec<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, mut rv: Return) {
    let Ok(matched) = run(scope, &args, "exec") else {
        return;
    };
    let Some(matched) = matched else {
        rv.set_null();
        return;
    };
    let result = convert::null_prototype_object(scope);
    let mut fields: Vec<(&'static str, v8::Local<v8::Value>)> = NAMES
        .into_iter()
        .zip(matched)
        .map(|(name, matched)| (name, component_result(scope, matched)))
        .collect();
    fields.push(("inputs", inputs(scope, &args)));
    // Node's dictionary template has its names in this order.
    fields.sort_unstable_by_key(|(name, _)| *name);
    for (name, value) in fields {
        convert::set(scope, result, name, value);
    }
    rv.set(result.into());
}

fn component_result<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    matched: Matched<'s>,
) -> v8::Local<'s, v8::Value> {
    let groups = v8::Object::new(scope);
    for (name, value) in matched.groups {
        let name = exception::string(scope, &name);
        groups.create_data_property(scope, name.into(), value);
    }
    let input = exception::string(scope, &matched.input);
    let result = v8::Object::new(scope);
    convert::set(scope, result, "groups", groups.into());
    convert::set(scope, result, "input", input.into());
    result.into()
}

/// The arguments again: a string as it is, a dictionary with all its fields.
fn inputs<'s>(scope: Scope<'_, 's, '_>, args: &Args<'s>) -> v8::Local<'s, v8::Value> {
    let mut inputs = Vec::new();
    let input = args.get(0);
    match v8::Local::<v8::Object>::try_from(input) {
        Ok(source) => {
            let copy = v8::Object::new(scope);
            for name in NAMES.into_iter().chain([BASE_URL]) {
                let value = convert::get(scope, source, name).filter(|value| value.is_string());
                let value = value.unwrap_or_else(|| v8::undefined(scope).into());
                convert::set(scope, copy, name, value);
            }
            inputs.push(copy.into());
        }
        Err(_) => inputs.push(input),
    }
    if args.get(1).is_string() {
        inputs.push(args.get(1));
    }
    v8::Array::new_with_elements(scope, &inputs).into()
}
