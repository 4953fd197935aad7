//! One parser: what it has of the current message, and what JavaScript hears of it.

mod told;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ffi::c_int;
use std::rc::Rc;

use super::connections_list::ConnectionsList;
use super::events::{Run, SETTINGS};
use super::listening::Listening;
use super::llhttp_ffi::{self, Machine, errno};
use super::text::Text;
use crate::env::Env;
use crate::env::clock::monotonic_nanoseconds;
use crate::js::callback_scope::{self, AsyncContext};
use crate::js::{convert, exception, wrap};

/// Indices under which JavaScript puts its callbacks.
pub mod callback {
    /// A message begins.
    pub const ON_MESSAGE_BEGIN: u32 = 0;
    /// Headers that did not fit, or came behind the body.
    pub const ON_HEADERS: u32 = 1;
    /// The head of a message is there.
    pub const ON_HEADERS_COMPLETE: u32 = 2;
    /// A piece of the body.
    pub const ON_BODY: u32 = 3;
    /// A message is there.
    pub const ON_MESSAGE_COMPLETE: u32 = 4;
    /// Something was read from a consumed stream.
    pub const ON_EXECUTE: u32 = 5;
    /// Nobody calls it any more.
    pub const ON_TIMEOUT: u32 = 6;
}

/// The texts of the current message.
#[derive(Default)]
struct Texts {
    url: Text,
    status_message: Text,
    /// Names and values by turns; more than are used, so that their memory is.
    headers: Vec<Text>,
    /// Of those, names and values that have begun.
    used: usize,
}

impl Texts {
    fn clear(&mut self) {
        self.url.clear();
        self.status_message.clear();
        self.used = 0;
    }

    /// The next name or value.
    fn begin(&mut self) {
        if self.headers.len() == self.used {
            self.headers.push(Text::default());
        }
        self.headers[self.used].clear();
        self.used += 1;
    }

    fn keep(&mut self, input: &[u8]) {
        self.url.keep(input);
        self.status_message.keep(input);
        for text in &mut self.headers[..self.used] {
            text.keep(input);
        }
    }
}

/// Which of the texts a piece belongs to.
#[derive(Clone, Copy)]
pub enum Piece {
    Url,
    StatusMessage,
    HeaderField,
    HeaderValue,
}

/// What one input came to.
pub enum Outcome {
    /// So many bytes were parsed.
    Parsed(usize),
    /// The input is wrong, or the parser was paused.
    Failed { error: c_int, parsed: usize },
    /// A callback threw.
    Threw,
}

/// The native side of an `HTTPParser`.
pub struct Parser {
    object: v8::Weak<v8::Object>,
    machine: RefCell<Option<Rc<Machine>>>,
    texts: RefCell<Texts>,
    /// What is being parsed, or was read last while `kOnExecute` runs.
    input: RefCell<Option<Rc<Vec<u8>>>>,
    /// Some headers of the message were handed over already.
    flushed: Cell<bool>,
    threw: Cell<bool>,
    headers_completed: Cell<bool>,
    max_header_size: Cell<u64>,
    header_bytes: Cell<u64>,
    chunk_extension_bytes: Cell<usize>,
    /// Nanoseconds of the monotonic clock; 0 between two messages.
    message_start: Cell<u64>,
    active: Cell<bool>,
    list: RefCell<Option<Rc<ConnectionsList>>>,
    pub listening: RefCell<Option<Listening>>,
    /// Inputs that callbacks gave while another one is parsed; `None` is the end.
    waiting: RefCell<VecDeque<Option<Rc<Vec<u8>>>>>,
}

impl Parser {
    /// A parser that is not initialised.
    pub fn new(object: v8::Weak<v8::Object>) -> Parser {
        Parser {
            object,
            machine: RefCell::default(),
            texts: RefCell::default(),
            input: RefCell::default(),
            flushed: Cell::new(false),
            threw: Cell::new(false),
            headers_completed: Cell::new(false),
            max_header_size: Cell::new(0),
            header_bytes: Cell::new(0),
            chunk_extension_bytes: Cell::new(0),
            message_start: Cell::new(0),
            active: Cell::new(false),
            list: RefCell::default(),
            listening: RefCell::default(),
            waiting: RefCell::default(),
        }
    }

    /// Begins anew. What is being parsed at the moment ends without a further callback.
    pub fn initialize(&self, kind: i32, max_header_size: u64, lenient_flags: u32) {
        let machine = Rc::new(Machine::new(kind, lenient_flags, &SETTINGS));
        let _previous = self.machine.replace(Some(machine));
        self.texts.borrow_mut().clear();
        self.waiting.borrow_mut().clear();
        self.flushed.set(false);
        self.threw.set(false);
        self.headers_completed.set(false);
        self.max_header_size.set(max_header_size);
        self.header_bytes.set(0);
        self.chunk_extension_bytes.set(0);
    }

    /// Joins the connections of a server; until its first message it is an active one, so that a client that sends
    /// nothing runs into the time limit.
    pub fn join(self: &Rc<Self>, env: &Env, list: Option<Rc<ConnectionsList>>) {
        self.leave();
        if let Some(list) = &list {
            self.message_start.set(now(env));
            self.active.set(true);
            list.insert(self);
        }
        let _previous = self.list.replace(list);
    }

    /// Leaves the connections of the server (`remove()`). Another message brings it back.
    pub fn leave(&self) {
        self.active.set(false);
        let list = self.list.borrow().clone();
        if let Some(list) = list {
            list.remove(self);
        }
    }

    /// Ends it for good (`close()`).
    pub fn close(&self) {
        self.leave();
        self.unconsume();
        let _list = self.list.take();
        let _machine = self.machine.take();
        self.waiting.borrow_mut().clear();
    }

    /// Stops reading from the stream.
    pub fn unconsume(&self) {
        if let Some(listening) = self.listening.take() {
            listening.end();
        }
    }

    /// The JavaScript object, unless it was collected.
    pub fn object<'s>(&self, scope: &v8::PinScope<'s, '_>) -> Option<v8::Local<'s, v8::Object>> {
        self.object.to_local(scope)
    }

    /// The state that is in use, unless it is closed or not initialised.
    pub fn machine(&self) -> Option<Rc<Machine>> {
        self.machine.borrow().clone()
    }

    /// When its message began, in nanoseconds; 0 between two messages.
    pub fn message_start(&self) -> u64 {
        self.message_start.get()
    }

    /// Within a message, and not yet told of as late.
    pub fn is_active(&self) -> bool {
        self.active.get()
    }

    /// See [`Parser::is_active`].
    pub fn set_active(&self, active: bool) {
        self.active.set(active);
    }

    /// Whether its message began longer ago than it may, in nanoseconds, with headers that are there or not yet; 0 is
    /// no limit.
    pub fn is_late(&self, now: u64, headers: u64, request: u64) -> bool {
        let age = now.saturating_sub(self.message_start.get());
        let late = |limit: u64| limit > 0 && age > limit;
        late(request) || (!self.headers_completed.get() && late(headers))
    }

    /// A copy of what is being parsed.
    pub fn current_input(&self) -> Vec<u8> {
        let input = self.input.borrow().clone();
        input.map_or_else(Vec::new, |input| input.to_vec())
    }

    /// Parses `input`, or its end for `None`. Nothing where the parser is closed or not initialised. What a callback of
    /// the parser gives it is parsed behind what it is at, and so told as parsed.
    pub fn execute(
        self: &Rc<Self>,
        scope: &mut v8::PinScope<'_, '_>,
        input: Option<Rc<Vec<u8>>>,
    ) -> Option<Outcome> {
        let machine = self.machine()?;
        if machine.is_executing() {
            let length = input.as_ref().map_or(0, |input| input.len());
            self.waiting.borrow_mut().push_back(input);
            return Some(Outcome::Parsed(length));
        }
        let outcome = self.parse(scope, &machine, input);
        while matches!(outcome, Outcome::Parsed(_)) && !self.is_stale(&machine) {
            let next = self.waiting.borrow_mut().pop_front();
            let Some(next) = next else { break };
            match self.parse(scope, &machine, next) {
                Outcome::Parsed(_) => {}
                failed => return Some(self.give_up(failed)),
            }
        }
        Some(self.give_up(outcome))
    }

    /// Forgets what waits: behind an outcome other than success nothing is parsed.
    fn give_up(&self, outcome: Outcome) -> Outcome {
        self.waiting.borrow_mut().clear();
        outcome
    }

    fn parse(
        self: &Rc<Self>,
        scope: &mut v8::PinScope<'_, '_>,
        machine: &Rc<Machine>,
        input: Option<Rc<Vec<u8>>>,
    ) -> Outcome {
        let at_end = input.is_none();
        let input = input.unwrap_or_default();
        self.threw.set(false);
        let outer = self.input.replace(Some(input.clone()));
        let bytes = (!at_end).then(|| input.as_slice());
        let error = Run::new(self, machine, &input, scope).drive(bytes);
        let _input = self.input.replace(outer);
        if self.is_stale(machine) {
            // Initialised for something else meanwhile: that is no error of the input's.
            return Outcome::Parsed(input.len());
        }
        self.texts.borrow_mut().keep(&input);
        self.outcome(machine, error, &input)
    }

    fn outcome(&self, machine: &Machine, error: c_int, input: &[u8]) -> Outcome {
        let mut parsed = input.len();
        let mut error = error;
        if error != errno::OK {
            parsed = machine.parsed_before_error(input);
            if error == errno::PAUSED_UPGRADE {
                // No pause, but the end of what is for this parser.
                error = errno::OK;
                machine.resume_after_upgrade();
            }
        }
        if self.threw.get() {
            Outcome::Threw
        } else if error != errno::OK && !machine.message().upgrade {
            Outcome::Failed { error, parsed }
        } else {
            Outcome::Parsed(parsed)
        }
    }

    /// A callback has left an exception.
    pub fn note_exception(&self) {
        self.threw.set(true);
    }

    /// Whether `machine` is no longer the one in use.
    pub fn is_stale(&self, machine: &Rc<Machine>) -> bool {
        let current = self.machine.borrow();
        !current
            .as_ref()
            .is_some_and(|current| Rc::ptr_eq(current, machine))
    }

    /// Calls the function under `index`, if there is one; false where it threw.
    fn call<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        index: u32,
        skip_task_queues: bool,
        arguments: &[v8::Local<'s, v8::Value>],
    ) -> Called<'s> {
        let Some(object) = self.object(scope) else {
            return Called::Nothing;
        };
        let Some(function) = object.get_index(scope, index) else {
            self.threw.set(true);
            return Called::Threw;
        };
        let Ok(function) = v8::Local::<v8::Function>::try_from(function) else {
            return Called::Nothing;
        };
        let context = wrap::async_state(scope, object).map_or_else(AsyncContext::none, |state| {
            AsyncContext {
                skip_task_queues,
                ..AsyncContext::of(&state)
            }
        });
        let result = callback_scope::call_in_scope(scope, object, &context, |scope| {
            function.call(scope, object.into(), arguments)
        });
        match result {
            Some(value) => Called::Returned(value),
            None => {
                self.threw.set(true);
                Called::Threw
            }
        }
    }

    /// Tells of what was read from a stream: `result` is the number of bytes or an error. Meanwhile the input can be
    /// asked for.
    pub fn report_execute(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        input: Rc<Vec<u8>>,
        result: &Outcome,
    ) {
        let Some(result) = self.outcome_value(scope, result) else {
            return;
        };
        let outer = self.input.replace(Some(input));
        self.call(scope, callback::ON_EXECUTE, false, &[result]);
        let _input = self.input.replace(outer);
    }

    /// What JavaScript gets for an outcome; nothing where an exception says it.
    pub fn outcome_value<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        outcome: &Outcome,
    ) -> Option<v8::Local<'s, v8::Value>> {
        let number = |scope: &v8::PinScope<'s, '_>, count: usize| {
            v8::Integer::new_from_unsigned(scope, u32::try_from(count).unwrap_or(u32::MAX))
        };
        let (error, parsed) = match *outcome {
            Outcome::Threw => return None,
            Outcome::Parsed(count) => return Some(number(scope, count).into()),
            Outcome::Failed { error, parsed } => (error, parsed),
        };
        let reason = self.machine().map_or_else(String::new, |m| m.reason());
        let (code, reason) = match reason.split_once(':') {
            Some((code, text)) if error == errno::USER => (code.to_owned(), text.to_owned()),
            _ => (llhttp_ffi::errno_name(error), reason),
        };
        let message = exception::string(scope, "Parse Error");
        let exception = v8::Exception::error(scope, message);
        let object = exception.to_object(scope)?;
        let parsed = number(scope, parsed).into();
        convert::set(scope, object, "bytesParsed", parsed);
        let code = exception::string(scope, &code).into();
        convert::set(scope, object, "code", code);
        let reason = exception::string(scope, &reason).into();
        convert::set(scope, object, "reason", reason);
        Some(exception)
    }
}

impl Drop for Parser {
    fn drop(&mut self) {
        self.leave();
    }
}

/// How a callback of JavaScript's ended.
enum Called<'s> {
    /// There is none.
    Nothing,
    Returned(v8::Local<'s, v8::Value>),
    Threw,
}

/// The clock; never the 0 that stands for no message.
fn now(env: &Env) -> u64 {
    monotonic_nanoseconds(env).max(1)
}
