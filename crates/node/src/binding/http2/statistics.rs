//! What sessions and streams count, and the performance entries that tell it. Follows Node's `src/node_http2.cc`.

use std::cell::Cell;

use super::session_ffi::Kind;
use crate::binding::performance;
use crate::env::Env;
use crate::env::clock::monotonic_nanoseconds;
use crate::js::convert;

/// Adds to a counter.
fn count(counter: &Cell<u64>, more: u64) {
    counter.set(counter.get().saturating_add(more));
}

/// No number of bytes is as large as that.
fn wide(bytes: usize) -> u64 {
    bytes as u64
}

/// Sets a time once.
fn note(time: &Cell<u64>, env: &Env) {
    if time.get() == 0 {
        time.set(monotonic_nanoseconds(env));
    }
}

/// A property of an entry.
type Detail = (&'static str, f64);

/// An entry that is told in the check phase, if anybody listens.
fn tell(
    env: &Env,
    name: &'static str,
    start: u64,
    details: Vec<Detail>,
    kind: Option<&'static str>,
) {
    if !performance::is_observed(env, performance::ENTRY_HTTP2) {
        return;
    }
    let duration = monotonic_nanoseconds(env).saturating_sub(start);
    env.event_loop.set_immediate(Box::new(move |scope| {
        let object = v8::Object::new(scope);
        for (key, value) in details {
            let value = v8::Number::new(scope, value).into();
            convert::set(scope, object, key, value);
        }
        if let Some(kind) = kind {
            let kind = Env::of(scope).name(scope, kind).into();
            convert::set(scope, object, "type", kind);
        }
        let times = (start, duration);
        performance::report(scope, performance::ENTRY_HTTP2, name, times, object);
    }));
}

/// What a stream counts.
#[derive(Default)]
pub struct StreamStatistics {
    start: Cell<u64>,
    first_header: Cell<u64>,
    first_byte: Cell<u64>,
    first_byte_sent: Cell<u64>,
    sent_bytes: Cell<u64>,
    received_bytes: Cell<u64>,
}

impl StreamStatistics {
    /// Of a stream that begins.
    pub fn new(env: &Env) -> StreamStatistics {
        StreamStatistics {
            start: Cell::new(monotonic_nanoseconds(env)),
            ..StreamStatistics::default()
        }
    }

    /// A header has come.
    pub fn header_received(&self, env: &Env) {
        note(&self.first_header, env);
    }

    /// Data has come.
    pub fn received(&self, env: &Env, bytes: usize) {
        note(&self.first_byte, env);
        count(&self.received_bytes, wide(bytes));
    }

    /// Data is asked for.
    pub fn asked(&self, env: &Env) {
        note(&self.first_byte_sent, env);
    }

    /// Data goes.
    pub fn sent(&self, bytes: usize) {
        count(&self.sent_bytes, wide(bytes));
    }

    /// The stream `id` has ended; how long it was, nanoseconds.
    pub fn end(&self, env: &Env, id: i32) -> u64 {
        let start = self.start.get();
        let since = |time: &Cell<u64>| time.get().saturating_sub(start) as f64 / 1e6;
        let details = vec![
            ("bytesRead", self.received_bytes.get() as f64),
            ("bytesWritten", self.sent_bytes.get() as f64),
            ("id", id.into()),
            ("timeToFirstByte", since(&self.first_byte)),
            ("timeToFirstByteSent", since(&self.first_byte_sent)),
            ("timeToFirstHeader", since(&self.first_header)),
        ];
        tell(env, "Http2Stream", start, details, None);
        monotonic_nanoseconds(env).saturating_sub(start)
    }
}

/// What a session counts.
#[derive(Default)]
pub struct SessionStatistics {
    start: Cell<u64>,
    ping: Cell<u64>,
    sent_bytes: Cell<u64>,
    received_bytes: Cell<u64>,
    frames_received: Cell<u64>,
    frames_sent: Cell<u64>,
    streams: Cell<u64>,
    most_streams: Cell<u64>,
    average_duration: Cell<f64>,
}

impl SessionStatistics {
    /// Of a session that begins.
    pub fn new(env: &Env) -> SessionStatistics {
        SessionStatistics {
            start: Cell::new(monotonic_nanoseconds(env)),
            ..SessionStatistics::default()
        }
    }

    /// Bytes have come.
    pub fn received(&self, bytes: usize) {
        count(&self.received_bytes, wide(bytes));
    }

    /// Bytes go.
    pub fn sent(&self, bytes: usize) {
        count(&self.sent_bytes, wide(bytes));
    }

    /// A frame has come.
    pub fn frame_received(&self) {
        count(&self.frames_received, 1);
    }

    /// A frame goes.
    pub fn frame_sent(&self) {
        count(&self.frames_sent, 1);
    }

    /// A stream begins, as one of so many.
    pub fn stream_added(&self, streams: usize) {
        count(&self.streams, 1);
        let most = self.most_streams.get().max(wide(streams));
        self.most_streams.set(most);
    }

    /// A stream has ended after so many nanoseconds.
    pub fn stream_ended(&self, duration: u64) {
        let streams = self.streams.get().max(1);
        self.average_duration.set((duration / streams) as f64 / 1e6);
    }

    /// A ping was answered after so many nanoseconds.
    pub fn ping_answered(&self, duration: u64) {
        self.ping.set(duration);
    }

    /// The session has ended.
    pub fn end(&self, env: &Env, kind: Kind) {
        let number = |counter: &Cell<u64>| counter.get() as f64;
        let details = vec![
            ("bytesWritten", number(&self.sent_bytes)),
            ("bytesRead", number(&self.received_bytes)),
            ("framesReceived", number(&self.frames_received)),
            ("framesSent", number(&self.frames_sent)),
            ("maxConcurrentStreams", number(&self.most_streams)),
            ("pingRTT", number(&self.ping)),
            ("streamAverageDuration", self.average_duration.get()),
            ("streamCount", number(&self.streams)),
        ];
        let kind = match kind {
            Kind::Server => "server",
            Kind::Client => "client",
        };
        tell(env, "Http2Session", self.start.get(), details, Some(kind));
    }
}
