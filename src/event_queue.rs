//! Events between the broker and the JavaScript thread: bounded, because a host that is busy must not collect what a
//! VM process floods it with.

use std::collections::VecDeque;
use std::sync::{Mutex, OnceLock, PoisonError};

use secure_exec_broker::Event;

/// What an event counts besides the bytes that it carries.
const EVENT: usize = 256;
/// Output that follows output of the same stream goes into one event up to this size.
const LONGEST_OUTPUT: usize = 64 << 10;
/// Where the broker is told that there is room again; it stops reading far above.
const ROOM: usize = 1 << 20;

/// What one VM has told and JavaScript has not taken.
#[derive(Default)]
pub struct EventQueue {
    events: Mutex<Waiting>,
    resume: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

#[derive(Default)]
struct Waiting {
    events: VecDeque<Event>,
    bytes: usize,
}

impl EventQueue {
    /// Sets what is called when there is room again.
    pub fn on_room(&self, resume: impl Fn() + Send + Sync + 'static) {
        // There is one caller, right behind the creation.
        let _ = self.resume.set(Box::new(resume));
    }

    /// Appends an event; false if it has become a part of the one before.
    pub fn push(&self, event: Event) -> bool {
        let mut waiting = self.waiting();
        if let Event::Output { call, stream, data } = &event
            && let Some(Event::Output {
                call: last_call,
                stream: last_stream,
                data: last,
            }) = waiting.events.back_mut()
            && (call, stream) == (&*last_call, &*last_stream)
            && last.len() + data.len() <= LONGEST_OUTPUT
        {
            last.extend_from_slice(data);
            waiting.bytes += data.len();
            return false;
        }
        waiting.bytes += size(&event);
        waiting.events.push_back(event);
        true
    }

    /// Takes the first event.
    pub fn take(&self) -> Option<Event> {
        let (event, has_room) = {
            let mut waiting = self.waiting();
            let event = waiting.events.pop_front()?;
            let before = waiting.bytes;
            waiting.bytes -= size(&event);
            (event, before > ROOM && waiting.bytes <= ROOM)
        };
        if has_room && let Some(resume) = self.resume.get() {
            resume();
        }
        Some(event)
    }

    /// Bytes that wait.
    pub fn bytes(&self) -> usize {
        self.waiting().bytes
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn size(event: &Event) -> usize {
    EVENT + event.bytes()
}
