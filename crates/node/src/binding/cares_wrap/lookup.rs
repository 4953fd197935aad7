//! `getaddrinfo` and `getnameinfo`, of what the machine knows itself.

use core::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use ada_url::Idna;
use secure_exec_kernel::{Errno, Process};

use super::hosts::{self, Hosts};
use super::message::Name;
use super::request;
use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::js::{async_wrap, callback_scope, convert, exception, uv, wrap};

/// libuv's numbers of what `getaddrinfo(3)` fails with.
const UV_EAI_ADDRFAMILY: i32 = -3000;
const UV_EAI_NONAME: i32 = -3008;

/// Bits of the hints.
const AI_V4MAPPED: i32 = 8;
const AI_ALL: i32 = 16;

/// How addresses are ordered.
const DNS_ORDER_IPV4_FIRST: u32 = 1;
const DNS_ORDER_IPV6_FIRST: u32 = 2;

/// The native side of a request.
struct Dispatched;

/// What is asked for.
struct Question {
    name: String,
    /// 4, 6, or 0 for both.
    family: i32,
    flags: i32,
    order: u32,
}

/// `getaddrinfo(req, name, family, flags, order)`: the answer comes by `req.oncomplete(error, addresses)`.
pub fn getaddrinfo(scope: Scope, args: Args, mut rv: Return) {
    let Some(request) = request(scope, args.get(0)) else {
        return;
    };
    let name = convert::text(scope, args.get(1));
    let (family, flags, order) = (
        args.get(2).int32_value(scope),
        args.get(3).int32_value(scope),
        args.get(4).uint32_value(scope),
    );
    let question = Question {
        name: Idna::ascii(&name),
        family: family.unwrap_or(0),
        flags: flags.unwrap_or(0),
        order: order.unwrap_or(0),
    };
    let env = Env::of(scope);
    let Some(process) = env.try_process() else {
        return rv.set_int32(uv::error(Errno::ESRCH));
    };
    async_wrap::wrap_async(scope, request, "GETADDRINFOREQWRAP", Dispatched);
    wrap::make_strong(scope, request);
    let request = v8::Global::new(scope, request);
    let answer = addresses(&process, &question);
    env.event_loop.defer(Box::new(move |scope| {
        tell_addresses(scope, &request, answer)
    }));
    rv.set_int32(0);
}

fn tell_addresses(
    scope: &mut v8::PinScope<'_, '_>,
    request: &v8::Global<v8::Object>,
    answer: Result<Vec<IpAddr>, i32>,
) {
    v8::scope!(let scope, scope);
    let request = v8::Local::new(scope, request);
    wrap::make_weak(scope, request);
    let (status, result) = match answer {
        Ok(addresses) => {
            let texts: Vec<v8::Local<v8::Value>> = addresses
                .iter()
                .map(|ip| exception::string(scope, &ip.to_string()).into())
                .collect();
            (0, v8::Array::new_with_elements(scope, &texts).into())
        }
        Err(status) => (status, v8::null(scope).into()),
    };
    let arguments = [v8::Integer::new(scope, status).into(), result];
    callback_scope::make_named_callback(scope, request, "oncomplete", &arguments);
}

/// The addresses of a name as glibc gives them, or libuv's number of why there are none.
fn addresses(process: &Arc<Process>, question: &Question) -> Result<Vec<IpAddr>, i32> {
    let name = question.name.strip_suffix('.').unwrap_or(&question.name);
    if let Some(ip) = literal(name) {
        return of_literal(ip, question);
    }
    let found = known(process, name).ok_or_else(|| refusal(name))?;
    let chosen = choose(&found, question);
    if chosen.is_empty() {
        Err(UV_EAI_NONAME)
    } else {
        Ok(chosen)
    }
}

/// Why a name is not looked up any further: nobody has one like this, or nobody may be asked.
fn refusal(name: &str) -> i32 {
    /// libuv's room for a name.
    const LONGEST: usize = 255;
    if name.len() > LONGEST {
        uv::error(Errno::EINVAL)
    } else if name.is_empty() || Name::parse(name).is_err() {
        UV_EAI_NONAME
    } else {
        uv::error(Errno::EACCES)
    }
}

/// The addresses that the machine has under a name.
fn known(process: &Arc<Process>, name: &str) -> Option<Vec<IpAddr>> {
    let found = Hosts::of(process).addresses(name);
    if !found.is_empty() {
        return Some(found);
    }
    let is_own = hosts::is_localhost(name)
        || process
            .kernel()
            .is_ok_and(|kernel| kernel.hostname().eq_ignore_ascii_case(name));
    is_own.then(|| hosts::LOOPBACK.to_vec())
}

/// Those of the family that is asked for, in the order that is.
fn choose(found: &[IpAddr], question: &Question) -> Vec<IpAddr> {
    let mut v4 = Vec::new();
    let mut v6 = Vec::new();
    for ip in found {
        match ip {
            IpAddr::V4(_) => v4.push(*ip),
            IpAddr::V6(_) => v6.push(*ip),
        }
    }
    // glibc reads ::1 as 127.0.0.1 where IPv4 is wanted.
    if question.family != 0 && v6.iter().any(IpAddr::is_loopback) {
        let own = IpAddr::V4(Ipv4Addr::LOCALHOST);
        if !v4.contains(&own) {
            v4.push(own);
        }
    }
    match question.family {
        4 => v4,
        6 => {
            let wants_mapped = question.flags & AI_V4MAPPED != 0
                && (v6.is_empty() || question.flags & AI_ALL != 0);
            if wants_mapped {
                v6.extend(v4.into_iter().map(mapped));
            }
            v6
        }
        _ if question.order == DNS_ORDER_IPV4_FIRST => [v4, v6].concat(),
        _ if question.order == DNS_ORDER_IPV6_FIRST => [v6, v4].concat(),
        // RFC 6724 prefers ::1 to 127.0.0.0/8, and those to what is mapped.
        _ => [v6, v4].concat(),
    }
}

fn mapped(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) => IpAddr::V6(ip.to_ipv6_mapped()),
        IpAddr::V6(_) => ip,
    }
}

fn of_literal(ip: IpAddr, question: &Question) -> Result<Vec<IpAddr>, i32> {
    match (question.family, ip) {
        (6, IpAddr::V4(_)) if question.flags & AI_V4MAPPED != 0 => Ok(vec![mapped(ip)]),
        (6, IpAddr::V4(_)) | (4, IpAddr::V6(_)) => Err(UV_EAI_ADDRFAMILY),
        _ => Ok(vec![ip]),
    }
}

/// An address as `inet_aton(3)` and `inet_pton(3)` read it.
fn literal(text: &str) -> Option<IpAddr> {
    super::address(text).or_else(|| inet_aton(text).map(IpAddr::V4))
}

/// One to four numbers of base 8, 10 or 16, of which the last fills what is left.
fn inet_aton(text: &str) -> Option<Ipv4Addr> {
    let parts: Vec<u32> = text
        .split('.')
        .map(inet_number)
        .collect::<Option<Vec<u32>>>()?;
    let (last, first) = parts.split_last()?;
    if first.len() > 3 || first.iter().any(|part| *part > 255) {
        return None;
    }
    let bits = 32 - 8 * u32::try_from(first.len()).ok()?;
    if u64::from(*last) >> bits != 0 {
        return None;
    }
    let mut address = u64::from(*last);
    for (index, part) in first.iter().enumerate() {
        address |= u64::from(*part) << (24 - 8 * index);
    }
    u32::try_from(address).ok().map(Ipv4Addr::from)
}

fn inet_number(text: &str) -> Option<u32> {
    let digits = |text: &str, base| {
        let is_digit = |char: char| char.is_digit(base);
        (!text.is_empty() && text.chars().all(is_digit))
            .then(|| u32::from_str_radix(text, base).ok())
            .flatten()
    };
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => digits(hex, 16),
        None if text.len() > 1 && text.starts_with('0') => digits(&text[1..], 8),
        None => digits(text, 10),
    }
}

/// `getnameinfo(req, address, port)`: the answer comes by `req.oncomplete(error, name, service)`. What no file names has no
/// name; nobody is asked.
pub fn getnameinfo(scope: Scope, args: Args, mut rv: Return) {
    let Some(request) = request(scope, args.get(0)) else {
        return;
    };
    let text = convert::text(scope, args.get(1));
    let port = args.get(2).uint32_value(scope).unwrap_or(0);
    let Some(ip) = super::address(&text) else {
        return rv.set_int32(uv::error(Errno::EINVAL));
    };
    let env = Env::of(scope);
    let Some(process) = env.try_process() else {
        return rv.set_int32(uv::error(Errno::ESRCH));
    };
    async_wrap::wrap_async(scope, request, "GETNAMEINFOREQWRAP", Dispatched);
    wrap::make_strong(scope, request);
    let request = v8::Global::new(scope, request);
    let name = Hosts::of(&process).name(ip).map(str::to_owned);
    let name = name.ok_or(UV_EAI_NONAME);
    let number = u16::try_from(port).ok();
    let service = number.and_then(|port| hosts::service(&process, port));
    let service = service.unwrap_or_else(|| port.to_string());
    env.event_loop.defer(Box::new(move |scope| {
        tell_name(scope, &request, &name, &service);
    }));
    rv.set_int32(0);
}

fn tell_name(
    scope: &mut v8::PinScope<'_, '_>,
    request: &v8::Global<v8::Object>,
    name: &Result<String, i32>,
    service: &str,
) {
    v8::scope!(let scope, scope);
    let request = v8::Local::new(scope, request);
    wrap::make_weak(scope, request);
    let null: v8::Local<v8::Value> = v8::null(scope).into();
    let arguments = match name {
        Ok(name) => [
            v8::Integer::new(scope, 0).into(),
            exception::string(scope, name).into(),
            exception::string(scope, service).into(),
        ],
        Err(status) => [v8::Integer::new(scope, *status).into(), null, null],
    };
    callback_scope::make_named_callback(scope, request, "oncomplete", &arguments);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(family: i32, flags: i32, order: u32) -> Question {
        Question {
            name: String::new(),
            family,
            flags,
            order,
        }
    }

    fn chosen(question: &Question) -> Vec<String> {
        choose(&hosts::LOOPBACK, question)
            .iter()
            .map(IpAddr::to_string)
            .collect()
    }

    #[test]
    fn numbers_are_read_as_inet_aton_does() {
        let read = |text: &str| inet_aton(text).map(|ip| ip.to_string());
        assert_eq!(read("127.1").as_deref(), Some("127.0.0.1"));
        assert_eq!(read("0").as_deref(), Some("0.0.0.0"));
        assert_eq!(read("0x7f.0.0.01").as_deref(), Some("127.0.0.1"));
        assert_eq!(read("4294967295").as_deref(), Some("255.255.255.255"));
        for text in [
            "",
            "256.1.1.1",
            "1.2.3.4.5",
            "08",
            "0x",
            "a",
            "1.",
            "4294967296",
            "1.16777216",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_name_is_told_from_what_may_not_be_asked_for() {
        for (name, number) in [
            ("example.com", uv::error(Errno::EACCES)),
            ("_x.y", uv::error(Errno::EACCES)),
            (&"*".repeat(64), UV_EAI_NONAME),
            ("a..b", UV_EAI_NONAME),
            ("", UV_EAI_NONAME),
            ("bad name", UV_EAI_NONAME),
            (&"x".repeat(300), uv::error(Errno::EINVAL)),
        ] {
            assert_eq!(refusal(name), number, "{name}");
        }
    }

    #[test]
    fn family_and_order_choose() {
        assert_eq!(chosen(&question(0, 0, 0)), ["::1", "127.0.0.1"]);
        assert_eq!(chosen(&question(0, 0, 1)), ["127.0.0.1", "::1"]);
        assert_eq!(chosen(&question(4, 0, 0)), ["127.0.0.1"]);
        assert_eq!(chosen(&question(6, AI_V4MAPPED, 0)), ["::1"]);
        let all = chosen(&question(6, AI_V4MAPPED | AI_ALL, 0));
        assert_eq!(all, ["::1", "::ffff:127.0.0.1"]);
    }
}
