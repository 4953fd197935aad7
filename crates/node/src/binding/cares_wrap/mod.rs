//! `internalBinding('cares_wrap')`: names and addresses. Follows Node's `src/cares_wrap.cc`, and what c-ares does behind it.
//!
//! - `lookup`: `getaddrinfo` and `getnameinfo`, answered from the machine's own files (`hosts`).
//! - `channel`: a resolver's servers and its queries; `query` starts one and tells its result.
//! - `exchange`: tries and timeouts, over `udp` and `tcp`.
//! - `message`: questions and answers as bytes; `records`: answers as JavaScript has them.
//! - `status`: what a query fails with.
//!
//! Nothing outside of the machine is asked. What no file of the machine knows is `EACCES`, as is a query without a server
//! within the machine.

mod channel;
mod exchange;
mod hosts;
mod lookup;
mod message;
mod query;
mod records;
mod status;
mod tcp;
mod udp;

use core::net::{IpAddr, Ipv6Addr};

use super::stream_wrap;
use crate::callback::{Args, Return, Scope};
use crate::js::class::Definition;
use crate::js::exception::{self, ErrorKind};
use crate::js::{convert, wrap};

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function("getaddrinfo", lookup::getaddrinfo)
        .function("getnameinfo", lookup::getnameinfo)
        .function("canonicalizeIP", canonicalize_ip)
        .function("convertIpv6StringToBuffer", convert_ipv6_string_to_buffer)
        .function("strerror", status::strerror);
    for request in ["GetAddrInfoReqWrap", "GetNameInfoReqWrap", "QueryReqWrap"] {
        definition
            .class(request, stream_wrap::new_request)
            .inherits("AsyncWrap");
    }
    channel::define(definition);
}

/// The address of a text, with a scope behind one of IPv6 (`uv_inet_pton`).
fn address(text: &str) -> Option<IpAddr> {
    match text.split_once('%') {
        Some((host, _)) => host.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => text.parse().ok(),
    }
}

/// A request object that was not used yet. Throws for any other.
fn request<'s>(
    scope: &mut v8::PinScope<'_, '_>,
    value: v8::Local<'s, v8::Value>,
) -> Option<v8::Local<'s, v8::Object>> {
    let object = v8::Local::<v8::Object>::try_from(value).ok();
    let fresh = object.filter(|object| {
        object.internal_field_count() >= wrap::INTERNAL_FIELDS
            && wrap::key(scope, *object).is_none()
    });
    if fresh.is_none() {
        exception::throw_invalid_argument(scope, "The \"req\" argument must be a new request");
    }
    fresh
}

/// `canonicalizeIP(text)`: undefined for what is no address.
fn canonicalize_ip(scope: Scope, args: Args, mut rv: Return) {
    let text = convert::text(scope, args.get(0));
    if let Some(ip) = address(&text) {
        rv.set(exception::string(scope, &ip.to_string()).into());
    }
}

/// `convertIpv6StringToBuffer(text)`
fn convert_ipv6_string_to_buffer(scope: Scope, args: Args, mut rv: Return) {
    let text = convert::text(scope, args.get(0));
    match address(&text) {
        Some(IpAddr::V6(ip)) => rv.set(convert::buffer(scope, ip.octets().to_vec())),
        _ => exception::throw(scope, ErrorKind::Error, "", "Invalid IPv6 address"),
    }
}
