//! Events on their way to JavaScript.

mod content;

use napi::Result;
use napi::bindgen_prelude::{ArrayBuffer, FnArgs};
use napi_derive::napi;
use secure_exec_broker::Event;

use crate::config::call_number;
use crate::snapshots::NativeSnapshot;
pub use content::{Content, Stat};
use content::{created, exited, file};

/// Kind, call, content.
pub type Arguments = FnArgs<(u32, f64, Content)>;

/// What an event is, as `lib/machine.cjs` knows it.
#[repr(u32)]
#[derive(Clone, Copy)]
enum Kind {
    Created = 0,
    Started = 1,
    Output = 2,
    InputCredit = 3,
    Exited = 4,
    Done = 5,
    Failed = 6,
    Disposed = 7,
    ToolCall = 8,
    ToolCancelled = 9,
    Trace = 10,
    Warning = 11,
    Connected = 12,
    OutputEnd = 13,
    Closed = 14,
    Listeners = 15,
    Outbound = 16,
}

/// Frees the bytes that an event has brought and that nobody keeps. The garbage collector would let 64 MiB of them pile up
/// first: they are not in its heap, and what is in there of each is small.
#[napi(catch_unwind)]
pub fn release(bytes: ArrayBuffer<'_>) -> Result<()> {
    bytes.detach()
}

/// Converts an event for the callback.
pub fn arguments(event: Event) -> Arguments {
    let (kind, call, content) = convert(event);
    (kind as u32, call_number(call), content).into()
}

fn convert(event: Event) -> (Kind, u64, Content) {
    let mut content = Content::default();
    let (kind, call) = match event {
        Event::Created(Ok(ready)) => {
            content = created(ready);
            (Kind::Created, 0)
        }
        Event::Created(Err(error)) => {
            content.error = Some(error.into());
            (Kind::Created, 0)
        }
        Event::Started { call, pid } => {
            content.number = Some(pid);
            (Kind::Started, call)
        }
        Event::Output { call, stream, data } => {
            content.stream = Some(stream.into());
            content.data = Some(data.into());
            (Kind::Output, call)
        }
        Event::InputCredit {
            call,
            stream,
            bytes,
        } => {
            content.stream = Some(stream.into());
            content.number = Some(i32::try_from(bytes).unwrap_or(i32::MAX));
            (Kind::InputCredit, call)
        }
        Event::Exited { call, exit } => {
            content = exited(exit);
            (Kind::Exited, call)
        }
        Event::File { call, reply } => {
            content = file(reply);
            (Kind::Done, call)
        }
        Event::Resources { call, resources } => {
            content.resources = Some(resources.into());
            (Kind::Done, call)
        }
        Event::Processes { call, processes } => {
            content.processes = Some(processes.into_iter().map(Into::into).collect());
            (Kind::Done, call)
        }
        Event::Snapshot { call, snapshot } => {
            // What is no image comes without one.
            content.snapshot = NativeSnapshot::new(snapshot).ok();
            (Kind::Done, call)
        }
        Event::ToolCall {
            id,
            call,
            pid,
            tool,
            input,
        } => {
            content.number = Some(pid);
            content.program = Some(call_number(call));
            content.tool = Some(tool);
            content.text = Some(input);
            (Kind::ToolCall, id)
        }
        Event::Outbound { id, port } => {
            content.number = Some(port.into());
            (Kind::Outbound, id)
        }
        Event::ToolCancelled { id } => (Kind::ToolCancelled, id),
        Event::Trace { text, times } => {
            content.text = Some(text);
            let milliseconds = |micros| micros as f64 / 1e3;
            content.times = Some(times.into_iter().map(milliseconds).collect());
            (Kind::Trace, 0)
        }
        Event::Warning { call, limit } => {
            content.limit = Some(limit.into());
            (Kind::Warning, call)
        }
        Event::Connected { call } => (Kind::Connected, call),
        Event::OutputEnd { call } => (Kind::OutputEnd, call),
        Event::Closed { call } => (Kind::Closed, call),
        // Who waits looks at them by itself.
        Event::Listeners(_) => (Kind::Listeners, 0),
        Event::Failed { call, error } => {
            content.error = Some(error.into());
            (Kind::Failed, call)
        }
        Event::Disposed => (Kind::Disposed, 0),
    };
    (kind, call, content)
}
