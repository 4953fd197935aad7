//! `internalBinding('block_list')`: socket addresses and lists of those that are refused. Follows Node's
//! `src/node_sockaddr.cc`.

mod rules;

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use parking_lot::Mutex;
use rules::{Rule, Rules};

use crate::callback::{Args, Return, Scope};
use crate::js::class::{Definition, class_template};
use crate::js::exception::{self, ErrorKind, throw_invalid_argument};
use crate::js::transfer::TransferData;
use crate::js::{convert, wrap};

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .class("SocketAddress", new_socket_address)
        .method("detail", detail)
        .method("legacyDetail", legacy_detail)
        .method("flowlabel", flowlabel);
    definition
        .class("BlockList", new_block_list)
        .method("addAddress", add_address)
        .method("addAddresses", add_addresses)
        .method("addRange", add_range)
        .method("addSubnet", add_subnet)
        .method("removeAddress", remove_address)
        .method("removeRange", remove_range)
        .method("removeSubnet", remove_subnet)
        .method("check", check)
        .method("checkString", check_string)
        .method("getRules", get_rules)
        .method("getSize", get_size)
        .method("clear", clear);
}

const AF_INET: i32 = 2;
const AF_INET6: i32 = 10;

#[derive(Clone, Copy)]
struct SocketAddress {
    address: IpAddr,
    port: u16,
    flowlabel: u32,
}

#[derive(Clone, Default)]
struct BlockList(Arc<Mutex<Rules>>);

impl TransferData for SocketAddress {
    fn deserialize<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
    ) -> Option<v8::Local<'s, v8::Object>> {
        new_instance(scope, "SocketAddress", *self)
    }
}

impl TransferData for BlockList {
    fn deserialize<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
    ) -> Option<v8::Local<'s, v8::Object>> {
        new_instance(scope, "BlockList", self.clone())
    }
}

fn new_instance<'s, T: 'static>(
    scope: &mut v8::PinScope<'s, '_>,
    class: &str,
    value: T,
) -> Option<v8::Local<'s, v8::Object>> {
    let object = class_template(scope, class)?
        .instance_template(scope)
        .new_instance(scope)?;
    wrap::wrap(scope, object, value);
    Some(object)
}

/// A copy of a socket address for another heap.
pub fn clone_socket_address(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
) -> Option<Box<dyn TransferData>> {
    let address = wrap::unwrap::<SocketAddress>(scope, object.into())?;
    Some(Box::new(*address))
}

/// A block list for another heap; the rules are shared, as in Node.
pub fn clone_block_list(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
) -> Option<Box<dyn TransferData>> {
    let list = wrap::unwrap::<BlockList>(scope, object.into())?;
    Some(Box::new(BlockList::clone(&list)))
}

fn parse_address(text: &str, family: i32) -> Option<IpAddr> {
    match family {
        AF_INET => text.parse().ok().map(IpAddr::V4),
        // inet_pton takes no scope, and neither does this.
        AF_INET6 => text.parse().ok().map(IpAddr::V6),
        _ => None,
    }
}

/// `new SocketAddress(address, port, family, flowlabel)`.
fn new_socket_address(scope: Scope, args: Args, _rv: Return) {
    if args.new_target().is_undefined() {
        throw_invalid_argument(scope, "SocketAddress is a constructor");
        return;
    }
    let text = convert::text(scope, args.get(0));
    let port = args.get(1).int32_value(scope).unwrap_or(0);
    let family = args.get(2).int32_value(scope).unwrap_or(0);
    let flowlabel = args.get(3).uint32_value(scope).unwrap_or(0);
    let (Some(address), Ok(port)) = (parse_address(&text, family), u16::try_from(port)) else {
        exception::throw(
            scope,
            ErrorKind::Error,
            "ERR_INVALID_ADDRESS",
            "Invalid socket address",
        );
        return;
    };
    wrap::wrap(
        scope,
        args.this(),
        SocketAddress {
            address,
            port,
            flowlabel,
        },
    );
}

fn this_address(
    scope: &mut v8::PinScope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
) -> Option<Rc<SocketAddress>> {
    let address = wrap::unwrap::<SocketAddress>(scope, value);
    if address.is_none() {
        throw_invalid_argument(scope, "The \"address\" argument must be a SocketAddress");
    }
    address
}

/// Fills in the fields of the object in the first argument and returns it.
fn detail(scope: Scope, args: Args, mut rv: Return) {
    let Some(address) = this_address(scope, args.this().into()) else {
        return;
    };
    let Ok(object) = v8::Local::<v8::Object>::try_from(args.get(0)) else {
        throw_invalid_argument(scope, "The \"detail\" argument must be an object");
        return;
    };
    let text = exception::string(scope, &address.address.to_string()).into();
    let port = v8::Integer::new(scope, address.port.into()).into();
    let family = if address.address.is_ipv4() {
        AF_INET
    } else {
        AF_INET6
    };
    let family = v8::Integer::new(scope, family).into();
    let flowlabel = v8::Integer::new_from_unsigned(scope, address.flowlabel).into();
    convert::set(scope, object, "address", text);
    convert::set(scope, object, "port", port);
    convert::set(scope, object, "family", family);
    convert::set(scope, object, "flowlabel", flowlabel);
    rv.set(object.into());
}

/// The object that `server.address()` returns.
fn legacy_detail(scope: Scope, args: Args, mut rv: Return) {
    let Some(address) = this_address(scope, args.this().into()) else {
        return;
    };
    let object = v8::Object::new(scope);
    let text = exception::string(scope, &address.address.to_string()).into();
    let family = exception::string(
        scope,
        if address.address.is_ipv4() {
            "IPv4"
        } else {
            "IPv6"
        },
    )
    .into();
    let port = v8::Integer::new(scope, address.port.into()).into();
    convert::set(scope, object, "address", text);
    convert::set(scope, object, "family", family);
    convert::set(scope, object, "port", port);
    rv.set(object.into());
}

fn flowlabel(scope: Scope, args: Args, mut rv: Return) {
    if let Some(address) = this_address(scope, args.this().into()) {
        rv.set_uint32(address.flowlabel);
    }
}

fn new_block_list(scope: Scope, args: Args, _rv: Return) {
    if args.new_target().is_undefined() {
        throw_invalid_argument(scope, "BlockList is a constructor");
        return;
    }
    wrap::wrap(scope, args.this(), BlockList::default());
}

fn this_list(scope: Scope, args: &Args) -> Option<Rc<BlockList>> {
    let list = wrap::unwrap::<BlockList>(scope, args.this().into());
    if list.is_none() {
        throw_invalid_argument(scope, "The receiver must be a BlockList");
    }
    list
}

fn add_address(scope: Scope, args: Args, _rv: Return) {
    let Some(list) = this_list(scope, &args) else {
        return;
    };
    if let Some(address) = this_address(scope, args.get(0)) {
        list.0.lock().add(Rule::Address(address.address));
    }
}

fn add_addresses(scope: Scope, args: Args, _rv: Return) {
    let Some(list) = this_list(scope, &args) else {
        return;
    };
    let Ok(addresses) = v8::Local::<v8::Array>::try_from(args.get(0)) else {
        throw_invalid_argument(scope, "The \"addresses\" argument must be an array");
        return;
    };
    let mut rules = Vec::new();
    for index in 0..addresses.length() {
        let Some(value) = addresses.get_index(scope, index) else {
            return;
        };
        let Some(address) = this_address(scope, value) else {
            return;
        };
        rules.push(Rule::Address(address.address));
    }
    let mut list = list.0.lock();
    rules.into_iter().for_each(|rule| list.add(rule));
}

fn remove_address(scope: Scope, args: Args, _rv: Return) {
    let Some(list) = this_list(scope, &args) else {
        return;
    };
    if let Some(address) = this_address(scope, args.get(0)) {
        list.0.lock().remove(&Rule::Address(address.address));
    }
}

fn range_argument(scope: Scope, args: &Args) -> Option<(IpAddr, IpAddr)> {
    let start = this_address(scope, args.get(0))?;
    let end = this_address(scope, args.get(1))?;
    Some((start.address, end.address))
}

/// False where the range ends before it starts.
fn add_range(scope: Scope, args: Args, mut rv: Return) {
    let Some(list) = this_list(scope, &args) else {
        return;
    };
    let Some((start, end)) = range_argument(scope, &args) else {
        return;
    };
    let in_order = start.to_canonical() <= end.to_canonical();
    if in_order {
        list.0.lock().add(Rule::Range(start, end));
    }
    rv.set_bool(in_order);
}

fn remove_range(scope: Scope, args: Args, _rv: Return) {
    let Some(list) = this_list(scope, &args) else {
        return;
    };
    if let Some((start, end)) = range_argument(scope, &args) {
        list.0.lock().remove(&Rule::Range(start, end));
    }
}

fn subnet_argument(scope: Scope, args: &Args) -> Option<Rule> {
    let network = this_address(scope, args.get(0))?;
    let prefix = args.get(1).uint32_value(scope)?;
    if prefix > if network.address.is_ipv4() { 32 } else { 128 } {
        exception::throw(
            scope,
            ErrorKind::RangeError,
            "ERR_OUT_OF_RANGE",
            "The value of \"prefix\" is out of range.",
        );
        return None;
    }
    Some(Rule::Subnet(network.address, prefix))
}

fn add_subnet(scope: Scope, args: Args, _rv: Return) {
    let Some(list) = this_list(scope, &args) else {
        return;
    };
    if let Some(rule) = subnet_argument(scope, &args) {
        list.0.lock().add(rule);
    }
}

fn remove_subnet(scope: Scope, args: Args, _rv: Return) {
    let Some(list) = this_list(scope, &args) else {
        return;
    };
    if let Some(rule) = subnet_argument(scope, &args) {
        list.0.lock().remove(&rule);
    }
}

fn check(scope: Scope, args: Args, mut rv: Return) {
    let Some(list) = this_list(scope, &args) else {
        return;
    };
    if let Some(address) = this_address(scope, args.get(0)) {
        rv.set_bool(list.0.lock().blocks(address.address));
    }
}

/// `checkString(address, family)`: false for what is no address.
fn check_string(scope: Scope, args: Args, mut rv: Return) {
    let Some(list) = this_list(scope, &args) else {
        return;
    };
    let text = convert::text(scope, args.get(0));
    let family = args.get(1).int32_value(scope).unwrap_or(0);
    rv.set_bool(parse_address(&text, family).is_some_and(|address| list.0.lock().blocks(address)));
}

fn get_rules(scope: Scope, args: Args, mut rv: Return) {
    let Some(list) = this_list(scope, &args) else {
        return;
    };
    let rules = list.0.lock().list();
    let rules: Vec<v8::Local<v8::Value>> = rules
        .iter()
        .map(|rule| exception::string(scope, rule).into())
        .collect();
    rv.set(v8::Array::new_with_elements(scope, &rules).into());
}

fn get_size(scope: Scope, args: Args, mut rv: Return) {
    if let Some(list) = this_list(scope, &args) {
        let length = list.0.lock().len();
        rv.set_uint32(u32::try_from(length).unwrap_or(u32::MAX));
    }
}

fn clear(scope: Scope, args: Args, _rv: Return) {
    if let Some(list) = this_list(scope, &args) {
        list.0.lock().clear();
    }
}
