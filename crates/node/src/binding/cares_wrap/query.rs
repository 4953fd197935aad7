//! Queries: from a method of `ChannelWrap` to the request that hears the result.

use core::net::IpAddr;
use std::cell::Cell;
use std::rc::Rc;

use ada_url::Idna;
use secure_exec_kernel::Errno;

use super::channel::Channel;
use super::hosts::Hosts;
use super::message::{Answer, Query};
use super::status::{Failure, Status};
use super::{address, exchange, records, request};
use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::event_loop::{Completion, TaskKey};
use crate::js::class::ClassDefinition;
use crate::js::{async_wrap, callback_scope, convert, exception, uv, wrap};

/// Most queries of an isolate that are under way at a time.
const MOST_QUERIES: usize = 10_000;

/// What is asked for; the number is the type of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    A = 1,
    Ns = 2,
    Cname = 5,
    Soa = 6,
    Ptr = 12,
    Mx = 15,
    Txt = 16,
    Aaaa = 28,
    Srv = 33,
    Naptr = 35,
    Tlsa = 52,
    Any = 255,
    Caa = 257,
}

/// The native side of a request.
struct Dispatched;

/// How many queries of an isolate are under way.
#[derive(Default)]
struct Count(Cell<usize>);

/// A query that is under way.
pub struct Running {
    key: TaskKey,
    request: v8::Global<v8::Object>,
    count: Rc<Count>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.count.0.set(self.count.0.get().saturating_sub(1));
    }
}

/// What a request hears.
enum Outcome {
    Answer(Kind, Answer),
    /// Names of an address.
    Names(Vec<String>),
    /// As an answer with names of an address.
    Reverse(Answer),
    Failure(Failure),
}

macro_rules! queries {
    ($($function:ident $method:literal $kind:ident;)*) => {
        /// Adds the methods that ask.
        pub fn add_methods(class: &mut ClassDefinition) {
            $(class.method($method, $function);)*
            class.method("getHostByAddr", get_host_by_addr);
        }

        $(fn $function(
            scope: Scope,
            args: Args,
            rv: Return,
        ) {
            resolve(scope, &args, rv, Kind::$kind);
        })*
    };
}

queries! {
    query_any "queryAny" Any;
    query_a "queryA" A;
    query_aaaa "queryAaaa" Aaaa;
    query_caa "queryCaa" Caa;
    query_cname "queryCname" Cname;
    query_mx "queryMx" Mx;
    query_naptr "queryNaptr" Naptr;
    query_ns "queryNs" Ns;
    query_ptr "queryPtr" Ptr;
    query_soa "querySoa" Soa;
    query_srv "querySrv" Srv;
    query_tlsa "queryTlsa" Tlsa;
    query_txt "queryTxt" Txt;
}

/// `query*(req, name)`: 0, and the result by `req.oncomplete(error, result, ttls)`.
fn resolve(scope: Scope, args: &Args, mut rv: Return, kind: Kind) {
    let Some(channel) = Channel::of(scope, args) else {
        return;
    };
    let Some(request) = dispatch(scope, args) else {
        return;
    };
    let name = convert::text(scope, args.get(1));
    let name = Idna::ascii(&name);
    let env = Env::of(scope);
    let query = if is_onion(&name) {
        Err(Status::ENOTFOUND)
    } else {
        Query::new(&name, kind as u16)
    };
    match query {
        Ok(query) => start(&env, &channel, request, query, move |result| match result {
            Ok(answer) => Outcome::Answer(kind, answer),
            Err(failure) => Outcome::Failure(failure),
        }),
        Err(status) => tell_later(&env, request, Outcome::Failure(status.into())),
    }
    rv.set_int32(0);
}

/// Names that are never asked for (RFC 7686).
fn is_onion(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name.to_ascii_lowercase().ends_with(".onion")
}

/// `getHostByAddr(req, address)`: as [`resolve`], with the names of an address; `EINVAL` for what is none.
fn get_host_by_addr(scope: Scope, args: Args, mut rv: Return) {
    let Some(channel) = Channel::of(scope, &args) else {
        return;
    };
    let text = convert::text(scope, args.get(1));
    let Some(ip) = address(&text) else {
        return rv.set_int32(uv::error(Errno::EINVAL));
    };
    let Some(request) = dispatch(scope, &args) else {
        return;
    };
    let env = Env::of(scope);
    let known = channel
        .process()
        .and_then(|process| Hosts::of(&process).aliases(ip));
    match (known, Query::new(&pointer(ip), Kind::Ptr as u16)) {
        (Some(names), _) => tell_later(&env, request, Outcome::Names(names)),
        (None, Ok(query)) => start(&env, &channel, request, query, |result| match result {
            Ok(answer) => Outcome::Reverse(answer),
            // Wherever it was looked for.
            Err(Failure::Status(_)) => Outcome::Failure(Status::ENOTFOUND.into()),
            Err(failure) => Outcome::Failure(failure),
        }),
        (None, Err(status)) => tell_later(&env, request, Outcome::Failure(status.into())),
    }
    rv.set_int32(0);
}

/// The name that names of an address are found under.
fn pointer(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(ip) => {
            let nibbles = ip.octets().into_iter().rev();
            let text: String = nibbles
                .map(|byte| format!("{:x}.{:x}.", byte & 0xf, byte >> 4))
                .collect();
            format!("{text}ip6.arpa")
        }
    }
}

/// Makes the first argument a request.
fn dispatch(scope: Scope, args: &Args) -> Option<v8::Global<v8::Object>> {
    let request = request(scope, args.get(0))?;
    async_wrap::wrap_async(scope, request, "QUERYWRAP", Dispatched);
    wrap::make_strong(scope, request);
    Some(v8::Global::new(scope, request))
}

/// Asks the channel's servers.
fn start(
    env: &Rc<Env>,
    channel: &Rc<Channel>,
    request: v8::Global<v8::Object>,
    query: Query,
    read: impl FnOnce(Result<Answer, Failure>) -> Outcome + 'static,
) {
    let count = env.state::<Count>();
    if count.0.get() >= MOST_QUERIES {
        tell_later(env, request, Outcome::Failure(Status::ENOMEM.into()));
        return;
    }
    count.0.set(count.0.get() + 1);
    let (number, asked) = (channel.number(), channel.clone());
    let key = env.event_loop.spawn(async move {
        let outcome = read(exchange::ask(asked.clone(), query).await);
        Box::new(move |scope: &mut v8::PinScope<'_, '_>| {
            // It counts no more when the request hears of it.
            let running = asked.running.borrow_mut().remove(&number);
            if let Some(request) = running.map(|running| running.request.clone()) {
                tell(scope, &request, outcome);
            }
        }) as Completion
    });
    let running = Running {
        key,
        request,
        count,
    };
    channel.running.borrow_mut().insert(number, running);
}

/// Ends all queries of a channel.
pub fn cancel_all(env: &Env, channel: &Channel) {
    let mut running: Vec<(u64, Running)> = channel.running.borrow_mut().drain().collect();
    running.sort_by_key(|(number, _)| *number);
    for (_, running) in running {
        env.event_loop.cancel(running.key);
        let outcome = Outcome::Failure(Status::ECANCELLED.into());
        tell_later(env, running.request.clone(), outcome);
    }
}

/// Tells what is known already, behind the call.
fn tell_later(env: &Env, request: v8::Global<v8::Object>, outcome: Outcome) {
    env.event_loop
        .defer(Box::new(move |scope| tell(scope, &request, outcome)));
}

fn tell(scope: &mut v8::PinScope<'_, '_>, request: &v8::Global<v8::Object>, outcome: Outcome) {
    v8::scope!(let scope, scope);
    let request = v8::Local::new(scope, request);
    wrap::make_weak(scope, request);
    let result = match outcome {
        Outcome::Answer(kind, answer) => records::result(scope, kind, &answer),
        Outcome::Reverse(answer) => match records::check(&answer) {
            Ok(()) => records::pointers(scope, &answer),
            Err(_) => Err(Status::ENOTFOUND),
        },
        Outcome::Names(names) => {
            let names: Vec<v8::Local<v8::Value>> = names
                .iter()
                .map(|name| exception::string(scope, name).into())
                .collect();
            Ok(vec![v8::Array::new_with_elements(scope, &names).into()])
        }
        Outcome::Failure(failure) => {
            let error = failure.value(scope);
            callback_scope::make_named_callback(scope, request, "oncomplete", &[error]);
            return;
        }
    };
    let arguments = match result {
        Ok(values) => {
            let mut arguments = vec![v8::Integer::new(scope, 0).into()];
            arguments.extend(values);
            arguments
        }
        Err(status) => vec![Failure::from(status).value(scope)],
    };
    callback_scope::make_named_callback(scope, request, "oncomplete", &arguments);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_addresses_are_found_backwards() {
        assert_eq!(pointer("1.2.3.4".parse().unwrap()), "4.3.2.1.in-addr.arpa");
        let ip6 = pointer("2001:db8::5".parse().unwrap());
        assert!(ip6.starts_with("5.0.0.0.0.0") && ip6.ends_with("8.b.d.0.1.0.0.2.ip6.arpa"));
        assert!(is_onion("a.ONION.") && !is_onion("onion") && !is_onion("a.onion.b"));
    }
}
