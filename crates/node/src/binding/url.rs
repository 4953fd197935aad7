//! `internalBinding('url')`: the WHATWG URL parser behind `URL`. Follows Node's `src/node_url.cc`, on the same parser.

use ada_url::{Idna, SchemeType, Url};

use crate::callback::{Args, Return, Scope};
use crate::env::{Env, Slot};
use crate::js::class::Definition;
use crate::js::convert;
use crate::js::exception::{self, ErrorKind};
use crate::js::file_url::file_url;

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function("parse", parse)
        .function("canParse", can_parse)
        .function("update", update)
        .function("format", format)
        .function("getOrigin", get_origin)
        .function("pathToFileURL", path_to_file_url)
        .function("domainToASCII", domain_to_ascii)
        .function("domainToUnicode", domain_to_unicode)
        .init(initialize);
}

/// Fields of `urlComponents`: offsets into the href, the port and the kind of scheme.
const COMPONENTS: usize = 9;
/// What stands for a component that the URL lacks.
const OMITTED: u32 = u32::MAX;

fn initialize(scope: &mut v8::PinScope<'_, '_>, binding: v8::Local<'_, v8::Object>) {
    let components = Env::of(scope).aliased_array::<u32>(scope, Slot::UrlComponents, COMPONENTS);
    convert::set(scope, binding, "urlComponents", components);
}

fn scheme_number(scheme: &SchemeType) -> u32 {
    match scheme {
        SchemeType::Http => 0,
        SchemeType::NotSpecial => 1,
        SchemeType::Https => 2,
        SchemeType::Ws => 3,
        SchemeType::Ftp => 4,
        SchemeType::Wss => 5,
        SchemeType::File => 6,
    }
}

/// Leaves the components for the library and returns the href.
fn publish<'s>(scope: &mut v8::PinScope<'s, '_>, url: &Url) -> v8::Local<'s, v8::Value> {
    let fields = Env::of(scope).aliased::<u32>(Slot::UrlComponents);
    let components = url.components();
    let values: [u32; COMPONENTS] = [
        components.protocol_end,
        components.username_end,
        components.host_start,
        components.host_end,
        components.port.unwrap_or(OMITTED),
        components.pathname_start.unwrap_or(OMITTED),
        components.search_start.unwrap_or(OMITTED),
        components.hash_start.unwrap_or(OMITTED),
        scheme_number(&url.scheme_type()),
    ];
    for (index, value) in values.into_iter().enumerate() {
        fields.set(index, value);
    }
    exception::string(scope, url.href()).into()
}

fn throw_invalid_url(scope: &mut v8::PinScope<'_, '_>, input: &str, base: Option<&str>) {
    let error = exception::new_error(
        scope,
        ErrorKind::TypeError,
        "ERR_INVALID_URL",
        "Invalid URL",
    );
    if let Ok(object) = v8::Local::<v8::Object>::try_from(error) {
        let input = exception::string(scope, input);
        convert::set(scope, object, "input", input.into());
        if let Some(base) = base {
            let base = exception::string(scope, base);
            convert::set(scope, object, "base", base.into());
        }
    }
    scope.throw_exception(error);
}

fn optional_text(
    scope: &mut v8::PinScope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
) -> Option<String> {
    value.is_string().then(|| value.to_rust_string_lossy(scope))
}

/// `parse(input, base, raiseException)`: the href, or undefined.
fn parse(scope: Scope, args: Args, mut rv: Return) {
    let input = convert::text(scope, args.get(0));
    let base = optional_text(scope, args.get(1));
    match Url::parse(input.as_str(), base.as_deref()) {
        Ok(url) => rv.set(publish(scope, &url)),
        Err(_) if args.get(2).is_true() => throw_invalid_url(scope, &input, base.as_deref()),
        Err(_) => {}
    }
}

fn can_parse(scope: Scope, args: Args, mut rv: Return) {
    let input = convert::text(scope, args.get(0));
    let base = optional_text(scope, args.get(1));
    rv.set_bool(Url::can_parse(&input, base.as_deref()));
}

/// `update(href, action, value)`: the new href, or false where the setter refuses. The actions are the library's
/// `updateActions`.
fn update(scope: Scope, args: Args, mut rv: Return) {
    let href = convert::text(scope, args.get(0));
    let Some(action) = args.get(1).uint32_value(scope) else {
        return;
    };
    let value = convert::text(scope, args.get(2));
    let Ok(mut url) = Url::parse(href.as_str(), None) else {
        rv.set_bool(false);
        return;
    };
    let value = value.as_str();
    let result = match action {
        0 => url.set_protocol(value),
        1 => url.set_host(Some(value)),
        2 => url.set_hostname(Some(value)),
        3 => url.set_port(Some(value)),
        4 => url.set_username(Some(value)),
        5 => url.set_password(Some(value)),
        6 => url.set_pathname(Some(value)),
        7 => {
            url.set_search(Some(value));
            Ok(())
        }
        8 => {
            url.set_hash(Some(value));
            Ok(())
        }
        9 => url.set_href(value),
        _ => Err(()),
    };
    match result {
        Ok(()) => rv.set(publish(scope, &url)),
        Err(()) => rv.set_bool(false),
    }
}

/// `format(href, fragment, unicode, search, auth)`: the URL without the parts that are not wanted.
fn format(scope: Scope, args: Args, mut rv: Return) {
    let href = convert::text(scope, args.get(0));
    let wanted = [1, 2, 3, 4].map(|index| args.get(index).is_true());
    let text = format_url(&href, wanted).unwrap_or(href);
    rv.set(exception::string(scope, &text).into());
}

fn format_url(href: &str, [fragment, unicode, search, auth]: [bool; 4]) -> Option<String> {
    let mut url = Url::parse(href, None).ok()?;
    if !fragment {
        url.set_hash(None);
    }
    if !search {
        url.set_search(None);
    }
    // Without a host there are no credentials, and the setters refuse.
    if !auth && url.has_credentials() {
        url.set_username(Some("")).ok()?;
        url.set_password(Some("")).ok()?;
    }
    if !unicode || !url.has_hostname() {
        return Some(url.href().to_owned());
    }
    let components = url.components();
    let (start, end) = (
        usize::try_from(components.host_start).ok()?,
        usize::try_from(components.host_end).ok()?,
    );
    let href = url.href();
    let (before, host, after) = (href.get(..start)?, href.get(start..end)?, href.get(end..)?);
    let at = if host.starts_with('@') { "@" } else { "" };
    let hostname = Idna::unicode(url.hostname());
    Some(format!("{before}{at}{hostname}{after}"))
}

fn get_origin(scope: Scope, args: Args, mut rv: Return) {
    let input = convert::text(scope, args.get(0));
    match Url::parse(input.as_str(), None) {
        Ok(url) => {
            let origin = exception::string(scope, &url.origin());
            rv.set(origin.into());
        }
        Err(_) => throw_invalid_url(scope, &input, None),
    }
}

/// `pathToFileURL(path, windows, hostname)`: the href of an absolute path.
fn path_to_file_url(scope: Scope, args: Args, mut rv: Return) {
    let path = convert::text(scope, args.get(0));
    let windows = args.get(1).is_true();
    let hostname = optional_text(scope, args.get(2));
    match file_url(&path, windows, hostname.as_deref()) {
        Some(url) => rv.set(publish(scope, &url)),
        None => throw_invalid_url(scope, &path, None),
    }
}

fn domain(input: &str) -> String {
    if input.is_empty() {
        return String::new();
    }
    let Ok(mut url) = Url::parse("ws://x", None) else {
        return String::new();
    };
    match url.set_hostname(Some(input)) {
        Ok(()) => url.hostname().to_owned(),
        Err(()) => String::new(),
    }
}

fn domain_to_ascii(scope: Scope, args: Args, mut rv: Return) {
    let input = convert::text(scope, args.get(0));
    rv.set(exception::string(scope, &domain(&input)).into());
}

fn domain_to_unicode(scope: Scope, args: Args, mut rv: Return) {
    let input = convert::text(scope, args.get(0));
    let unicode = Idna::unicode(&domain(&input));
    rv.set(exception::string(scope, &unicode).into());
}

#[cfg(test)]
mod tests {
    use super::{domain, file_url, format_url};

    #[test]
    fn format_drops_what_is_not_wanted() {
        let href = "https://a:b@xn--g6w251d/?x=y#z";
        assert_eq!(
            format_url(href, [true, false, true, true]).as_deref(),
            Some(href)
        );
        assert_eq!(
            format_url(href, [false, false, false, false]).as_deref(),
            Some("https://xn--g6w251d/")
        );
        assert_eq!(
            format_url(href, [false, true, false, true]).as_deref(),
            Some("https://a:b@測試/")
        );
    }

    #[test]
    fn path_characters_are_escaped() {
        let href =
            |path, windows, host| file_url(path, windows, host).map(|url| url.href().to_owned());
        assert_eq!(
            href("/a b%?#\\\n", false, None).as_deref(),
            Some("file:///a%20b%25%3F%23%5C%0A")
        );
        assert_eq!(href("C:\\a", true, None).as_deref(), Some("file:///C:/a"));
        assert_eq!(
            href("/share", true, Some("server")).as_deref(),
            Some("file://server/share")
        );
    }

    #[test]
    fn invalid_domain_is_empty() {
        assert_eq!(domain("español.com"), "xn--espaol-zwa.com");
        assert_eq!(domain("xn--iñvalid.com"), "");
    }
}
