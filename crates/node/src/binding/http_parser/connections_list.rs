//! The connections of a server: which are idle, which are at a message, which have taken too long.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::{Rc, Weak};

use super::parser::Parser;
use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::env::clock::monotonic_nanoseconds;
use crate::js::{convert, exception, wrap};

/// The parsers of one server's connections. What each is at, the parser itself knows: a message costs nothing here.
#[derive(Default)]
pub struct ConnectionsList(RefCell<HashMap<usize, Weak<Parser>>>);

impl ConnectionsList {
    /// Adds a parser.
    pub fn insert(&self, parser: &Rc<Parser>) {
        let key = Rc::as_ptr(parser).addr();
        self.0.borrow_mut().insert(key, Rc::downgrade(parser));
    }

    /// Takes out the parser at an address.
    pub fn remove(&self, parser: *const Parser) {
        self.0.borrow_mut().remove(&parser.addr());
    }

    /// The parsers that `filter` takes: idle ones first, then by the start of their messages.
    fn select(&self, filter: impl Fn(&Parser) -> bool) -> Vec<Rc<Parser>> {
        let parsers = self.0.borrow();
        let mut selected: Vec<Rc<Parser>> = parsers
            .values()
            .filter_map(Weak::upgrade)
            .filter(|parser| filter(parser))
            .collect();
        selected.sort_by_key(|parser| (parser.message_start(), Rc::as_ptr(parser).addr()));
        selected
    }
}

/// Makes a list.
pub fn construct(scope: Scope, args: Args, _rv: Return) {
    if args.is_construct_call() {
        wrap::wrap(scope, args.this(), ConnectionsList::default());
    } else {
        exception::throw_invalid_argument(scope, "ConnectionsList is a class");
    }
}

fn give_back(scope: Scope, args: &Args, rv: &mut Return, filter: impl Fn(&Parser) -> bool) {
    let Some(list) = wrap::unwrap::<ConnectionsList>(scope, args.this().into()) else {
        return;
    };
    let parsers = list.select(filter);
    reply(scope, rv, &parsers);
}

fn reply(scope: Scope, rv: &mut Return, parsers: &[Rc<Parser>]) {
    let objects: Vec<v8::Local<v8::Value>> = parsers
        .iter()
        .filter_map(|parser| Some(parser.object(scope)?.into()))
        .collect();
    rv.set(v8::Array::new_with_elements(scope, &objects).into());
}

/// `all()`.
pub fn all(scope: Scope, args: Args, mut rv: Return) {
    give_back(scope, &args, &mut rv, |_| true);
}

/// `idle()`: between two messages.
pub fn idle(scope: Scope, args: Args, mut rv: Return) {
    give_back(scope, &args, &mut rv, |parser| parser.message_start() == 0);
}

/// `active()`: within a message, or before the first.
pub fn active(scope: Scope, args: Args, mut rv: Return) {
    give_back(scope, &args, &mut rv, Parser::is_active);
}

/// `expired(headersTimeout, requestTimeout)` in milliseconds; 0 is none. Each is told of once.
pub fn expired(scope: Scope, args: Args, mut rv: Return) {
    let Some(list) = wrap::unwrap::<ConnectionsList>(scope, args.this().into()) else {
        return;
    };
    let timeout = |index| {
        let value: v8::Local<v8::Number> = args.get(index).try_cast().ok()?;
        // Saturates, and NaN is no timeout.
        Some(convert::saturating_u64(value.value()).saturating_mul(1_000_000))
    };
    let (Some(headers), Some(request)) = (timeout(0), timeout(1)) else {
        exception::throw_invalid_argument(scope, "expired() takes two numbers of milliseconds");
        return;
    };
    let (headers, request) = if request > 0 && headers > request {
        (request, headers)
    } else {
        (headers, request)
    };
    let now = monotonic_nanoseconds(&Env::of(scope));
    let parsers = list.select(|parser| parser.is_active() && parser.is_late(now, headers, request));
    for parser in &parsers {
        parser.set_active(false);
    }
    reply(scope, &mut rv, &parsers);
}
