//! Answers as JavaScript has them.

use super::message::{Answer, Data, Name, Record};
use super::query::Kind;
use super::status::Status;
use crate::js::{convert, exception};

type Values<'s> = Result<Vec<v8::Local<'s, v8::Value>>, Status>;

/// Whether an answer has anything to be read (c-ares' `ares_dns_query_reply_tostatus`).
///
/// # Errors
/// What the server says.
pub fn check(answer: &Answer) -> Result<(), Status> {
    Err(match answer.code {
        0 if answer.records.is_empty() => Status::ENODATA,
        1 => Status::EFORMERR,
        2 => Status::ESERVFAIL,
        3 => Status::ENOTFOUND,
        4 => Status::ENOTIMP,
        5 => Status::EREFUSED,
        _ => return Ok(()),
    })
}

/// What `oncomplete` gets behind the error.
///
/// # Errors
/// - `ENODATA`, `EBADRESP`: nothing of this kind is there.
/// - As [`check`].
pub fn result<'s>(scope: &mut v8::PinScope<'s, '_>, kind: Kind, answer: &Answer) -> Values<'s> {
    check(answer)?;
    match kind {
        Kind::Any => return Ok(vec![all(scope, answer)]),
        Kind::A | Kind::Aaaa => return addresses(scope, kind, answer),
        Kind::Cname => return canonical_name(scope, answer),
        Kind::Ptr => return pointers(scope, answer),
        Kind::Soa => {
            let found = answer
                .records
                .iter()
                .find_map(|record| soa(scope, &record.data));
            return found.map(|soa| vec![soa.into()]).ok_or(Status::EBADRESP);
        }
        _ if answer.records.is_empty() => return Err(Status::ENODATA),
        _ => {}
    }
    let mut list = List::default();
    match kind {
        Kind::Ns => {
            list.extend(scope, answer, name_server);
            if list.items.is_empty() {
                return Err(Status::ENODATA);
            }
        }
        Kind::Mx => list.extend(scope, answer, mx),
        Kind::Txt => list.extend(scope, answer, txt),
        Kind::Srv => list.extend(scope, answer, srv),
        Kind::Naptr => list.extend(scope, answer, naptr),
        Kind::Caa => list.extend(scope, answer, caa),
        _ => list.extend_with_tlsa(scope, answer),
    }
    Ok(vec![list.array(scope)])
}

/// Values for an array, which may have holes.
#[derive(Default)]
struct List<'s> {
    items: Vec<Option<v8::Local<'s, v8::Value>>>,
}

impl<'s> List<'s> {
    /// Adds what `read` finds in the records.
    fn extend<'i, T: Into<v8::Local<'s, v8::Value>>>(
        &mut self,
        scope: &mut v8::PinScope<'s, 'i>,
        answer: &Answer,
        read: impl Fn(&mut v8::PinScope<'s, 'i>, &Data) -> Option<T>,
    ) {
        for record in &answer.records {
            if let Some(value) = read(scope, &record.data) {
                self.items.push(Some(value.into()));
            }
        }
    }

    /// Adds what is of TLSA, as Node does: each where it stands among all records, which leaves holes.
    fn extend_with_tlsa(&mut self, scope: &mut v8::PinScope<'s, '_>, answer: &Answer) {
        let offset = self.items.len();
        for (index, record) in answer.records.iter().enumerate() {
            if let Some(value) = tlsa(scope, &record.data) {
                self.items.resize(offset + index, None);
                self.items.push(Some(value.into()));
            }
        }
    }

    fn array(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        let array = v8::Array::new(scope, 0);
        for (index, item) in self.items.into_iter().enumerate() {
            if let (Ok(index), Some(item)) = (u32::try_from(index), item) {
                array.set_index(scope, index, item);
            }
        }
        array.into()
    }
}

fn name<'s>(scope: &mut v8::PinScope<'s, '_>, name: &Name) -> v8::Local<'s, v8::Value> {
    exception::string(scope, &name.text()).into()
}

/// Bytes as a string, one character each.
fn latin1<'s>(scope: &mut v8::PinScope<'s, '_>, bytes: &[u8]) -> v8::Local<'s, v8::Value> {
    let text = v8::String::new_from_one_byte(scope, bytes, v8::NewStringType::Normal);
    text.unwrap_or_else(|| v8::String::empty(scope)).into()
}

fn unsigned<'s>(scope: &mut v8::PinScope<'s, '_>, number: u32) -> v8::Local<'s, v8::Value> {
    v8::Integer::new_from_unsigned(scope, number).into()
}

fn object<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    properties: &[(&'static str, v8::Local<'s, v8::Value>)],
) -> v8::Local<'s, v8::Object> {
    let object = v8::Object::new(scope);
    for (key, value) in properties {
        convert::set(scope, object, key, *value);
    }
    object
}

fn set_type(scope: &mut v8::PinScope<'_, '_>, object: v8::Local<'_, v8::Object>, text: &str) {
    let text = exception::string(scope, text).into();
    convert::set(scope, object, "type", text);
}

/// The text of an address of a kind in a record.
fn address(kind: Kind, record: &Record) -> Option<String> {
    match (kind, &record.data) {
        (Kind::A, Data::A(ip)) => Some(ip.to_string()),
        (Kind::Aaaa, Data::Aaaa(ip)) => Some(ip.to_string()),
        _ => None,
    }
}

/// Addresses of a kind with how long they are good for: no longer than the aliases that led to them.
fn addresses_of(kind: Kind, answer: &Answer) -> Vec<(String, u32)> {
    let of_aliases = answer
        .records
        .iter()
        .filter_map(|record| match record.data {
            Data::Cname(_) => Some(record.ttl),
            _ => None,
        });
    let most = of_aliases.min().unwrap_or(u32::MAX);
    let found = answer
        .records
        .iter()
        .filter_map(|record| Some((address(kind, record)?, record.ttl.min(most))));
    found.collect()
}

/// Whether an answer has an alias. Where it has, an empty list of addresses is one.
fn first_alias(answer: &Answer) -> Option<&Name> {
    answer.records.iter().find_map(|record| match &record.data {
        Data::Cname(name) => Some(name),
        _ => None,
    })
}

fn addresses<'s>(scope: &mut v8::PinScope<'s, '_>, kind: Kind, answer: &Answer) -> Values<'s> {
    let found = addresses_of(kind, answer);
    if found.is_empty() && first_alias(answer).is_none() {
        return Err(Status::ENODATA);
    }
    let (mut texts, mut ttls) = (List::default(), List::default());
    for (text, ttl) in &found {
        texts
            .items
            .push(Some(exception::string(scope, text).into()));
        ttls.items.push(Some(unsigned(scope, *ttl)));
    }
    Ok(vec![texts.array(scope), ttls.array(scope)])
}

/// The first alias, or the name itself if it has addresses.
fn canonical_name<'s>(scope: &mut v8::PinScope<'s, '_>, answer: &Answer) -> Values<'s> {
    let found = match first_alias(answer) {
        Some(alias) => alias,
        None if addresses_of(Kind::A, answer).is_empty() => return Err(Status::ENODATA),
        None => &answer.name,
    };
    let mut list = List::default();
    list.items.push(Some(name(scope, found)));
    Ok(vec![list.array(scope)])
}

/// Names of an address.
///
/// # Errors
/// - `ENODATA`: there are none.
pub fn pointers<'s>(scope: &mut v8::PinScope<'s, '_>, answer: &Answer) -> Values<'s> {
    let mut list = List::default();
    list.extend(scope, answer, pointer);
    if list.items.is_empty() {
        return Err(Status::ENODATA);
    }
    Ok(vec![list.array(scope)])
}

fn pointer<'s>(scope: &mut v8::PinScope<'s, '_>, data: &Data) -> Option<v8::Local<'s, v8::Value>> {
    match data {
        Data::Ptr(target) => Some(name(scope, target)),
        _ => None,
    }
}

fn name_server<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    data: &Data,
) -> Option<v8::Local<'s, v8::Value>> {
    match data {
        Data::Ns(server) => Some(name(scope, server)),
        _ => None,
    }
}

fn mx<'s>(scope: &mut v8::PinScope<'s, '_>, data: &Data) -> Option<v8::Local<'s, v8::Object>> {
    let Data::Mx { priority, exchange } = data else {
        return None;
    };
    let properties = [
        ("exchange", name(scope, exchange)),
        ("priority", unsigned(scope, (*priority).into())),
    ];
    let object = object(scope, &properties);
    set_type(scope, object, "MX");
    Some(object)
}

fn txt<'s>(scope: &mut v8::PinScope<'s, '_>, data: &Data) -> Option<v8::Local<'s, v8::Value>> {
    let Data::Txt(strings) = data else {
        return None;
    };
    let strings: Vec<v8::Local<v8::Value>> =
        strings.iter().map(|string| latin1(scope, string)).collect();
    Some(v8::Array::new_with_elements(scope, &strings).into())
}

fn srv<'s>(scope: &mut v8::PinScope<'s, '_>, data: &Data) -> Option<v8::Local<'s, v8::Object>> {
    let Data::Srv {
        priority,
        weight,
        port,
        target,
    } = data
    else {
        return None;
    };
    let properties = [
        ("name", name(scope, target)),
        ("port", unsigned(scope, (*port).into())),
        ("priority", unsigned(scope, (*priority).into())),
        ("weight", unsigned(scope, (*weight).into())),
    ];
    let object = object(scope, &properties);
    set_type(scope, object, "SRV");
    Some(object)
}

fn naptr<'s>(scope: &mut v8::PinScope<'s, '_>, data: &Data) -> Option<v8::Local<'s, v8::Object>> {
    let Data::Naptr {
        order,
        preference,
        strings: [flags, service, regexp],
        replacement,
    } = data
    else {
        return None;
    };
    let properties = [
        ("flags", latin1(scope, flags)),
        ("service", latin1(scope, service)),
        ("regexp", latin1(scope, regexp)),
        ("replacement", name(scope, replacement)),
        ("order", unsigned(scope, (*order).into())),
        ("preference", unsigned(scope, (*preference).into())),
    ];
    Some(object(scope, &properties))
}

fn soa<'s>(scope: &mut v8::PinScope<'s, '_>, data: &Data) -> Option<v8::Local<'s, v8::Object>> {
    let Data::Soa {
        server,
        mailbox,
        numbers: [serial, refresh, retry, expire, minimum],
    } = data
    else {
        return None;
    };
    let signed = |number: &u32| -> v8::Local<'s, v8::Value> {
        v8::Integer::new(scope, *number as i32).into()
    };
    let times = [signed(refresh), signed(retry), signed(expire)];
    let properties = [
        ("nsname", name(scope, server)),
        ("hostmaster", name(scope, mailbox)),
        ("serial", unsigned(scope, *serial)),
        ("refresh", times[0]),
        ("retry", times[1]),
        ("expire", times[2]),
        ("minttl", unsigned(scope, *minimum)),
    ];
    Some(object(scope, &properties))
}

fn caa<'s>(scope: &mut v8::PinScope<'s, '_>, data: &Data) -> Option<v8::Local<'s, v8::Object>> {
    let Data::Caa {
        flags,
        property,
        value,
    } = data
    else {
        return None;
    };
    let critical = unsigned(scope, (*flags).into());
    let object = object(scope, &[("critical", critical)]);
    set_type(scope, object, "CAA");
    let (key, value) = (latin1(scope, property), latin1(scope, value));
    object.set(scope, key, value);
    Some(object)
}

fn tlsa<'s>(scope: &mut v8::PinScope<'s, '_>, data: &Data) -> Option<v8::Local<'s, v8::Object>> {
    let Data::Tlsa {
        usage,
        selector,
        matching,
        data,
    } = data
    else {
        return None;
    };
    if data.is_empty() {
        return None;
    }
    let properties = [
        ("certUsage", unsigned(scope, (*usage).into())),
        ("selector", unsigned(scope, (*selector).into())),
        ("match", unsigned(scope, (*matching).into())),
        ("data", convert::array_buffer(scope, data.clone()).into()),
    ];
    Some(object(scope, &properties))
}

/// Everything, by kinds in Node's order.
fn all<'s>(scope: &mut v8::PinScope<'s, '_>, answer: &Answer) -> v8::Local<'s, v8::Value> {
    let mut list = List::default();
    match first_alias(answer) {
        // Beside it addresses of IPv4 are not told.
        Some(alias) => {
            let value = name(scope, alias);
            list.push_typed(scope, &[("value", value)], "CNAME");
        }
        None => list.extend_with_addresses(scope, Kind::A, answer),
    }
    list.extend_with_addresses(scope, Kind::Aaaa, answer);
    list.extend(scope, answer, mx);
    list.extend_typed(scope, answer, ("value", "NS"), name_server);
    list.extend_typed(scope, answer, ("entries", "TXT"), txt);
    list.extend(scope, answer, srv);
    list.extend_typed(scope, answer, ("value", "PTR"), pointer);
    list.extend(scope, answer, |scope, data| {
        let object = naptr(scope, data)?;
        set_type(scope, object, "NAPTR");
        Some(object)
    });
    let first = answer
        .records
        .iter()
        .find_map(|record| soa(scope, &record.data));
    if let Some(object) = first {
        set_type(scope, object, "SOA");
        list.items.push(Some(object.into()));
    }
    list.extend_with_tlsa(scope, answer);
    list.extend(scope, answer, caa);
    list.array(scope)
}

impl<'s> List<'s> {
    fn push_typed(
        &mut self,
        scope: &mut v8::PinScope<'s, '_>,
        properties: &[(&'static str, v8::Local<'s, v8::Value>)],
        kind: &str,
    ) {
        let object = object(scope, properties);
        set_type(scope, object, kind);
        self.items.push(Some(object.into()));
    }

    /// Adds objects of what `read` finds under a name, and of a type.
    fn extend_typed<'i>(
        &mut self,
        scope: &mut v8::PinScope<'s, 'i>,
        answer: &Answer,
        (key, kind): (&'static str, &str),
        read: impl Fn(&mut v8::PinScope<'s, 'i>, &Data) -> Option<v8::Local<'s, v8::Value>>,
    ) {
        for record in &answer.records {
            if let Some(value) = read(scope, &record.data) {
                self.push_typed(scope, &[(key, value)], kind);
            }
        }
    }

    fn extend_with_addresses(
        &mut self,
        scope: &mut v8::PinScope<'s, '_>,
        kind: Kind,
        answer: &Answer,
    ) {
        let name = if kind == Kind::A { "A" } else { "AAAA" };
        for (text, ttl) in addresses_of(kind, answer) {
            let address = exception::string(scope, &text).into();
            let ttl = unsigned(scope, ttl);
            self.push_typed(scope, &[("address", address), ("ttl", ttl)], name);
        }
    }
}
