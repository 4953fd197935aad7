//! One connection to the port of a debugger.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use secure_exec_kernel::{FileDescription, Process};

use super::http::{self, Target};
use super::websocket::{self, Event, Reader};
use crate::inspector::{Incoming, Mailbox, Peer, PeerId};

/// Bytes that wait for who is to read them. One message of any size has room in an empty queue.
const MOST_UNREAD: usize = 4 << 20;
/// Bytes read at a time.
const CHUNK: usize = 64 << 10;

/// What the server's thread and the isolate's share of a connection.
#[derive(Default)]
pub(super) struct Outbox(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    messages: VecDeque<String>,
    bytes: usize,
    /// Nobody reads any more.
    closed: bool,
    /// The isolate's thread, where it waits for room.
    writer: Option<Waker>,
    /// The server's thread.
    server: Option<Waker>,
}

impl Peer for Outbox {
    fn poll_room(&self, bytes: usize, cx: &mut Context<'_>) -> Poll<()> {
        let mut queue = self.0.lock();
        if queue.closed || queue.bytes == 0 || queue.bytes.saturating_add(bytes) <= MOST_UNREAD {
            return Poll::Ready(());
        }
        queue.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    fn take(&self, text: String) {
        let server = {
            let mut queue = self.0.lock();
            if queue.closed {
                return;
            }
            queue.bytes += text.len();
            queue.messages.push_back(text);
            queue.server.take()
        };
        if let Some(server) = server {
            server.wake();
        }
    }
}

impl Outbox {
    fn next(&self, cx: &mut Context<'_>) -> Option<String> {
        let (next, writer) = {
            let mut queue = self.0.lock();
            let Some(next) = queue.messages.pop_front() else {
                queue.server = Some(cx.waker().clone());
                return None;
            };
            queue.bytes = queue.bytes.saturating_sub(next.len());
            (next, queue.writer.take())
        };
        if let Some(writer) = writer {
            writer.wake();
        }
        Some(next)
    }

    fn close(&self) {
        let (messages, writer) = {
            let mut queue = self.0.lock();
            queue.closed = true;
            (std::mem::take(&mut queue.messages), queue.writer.take())
        };
        drop(messages);
        if let Some(writer) = writer {
            writer.wake();
        }
    }
}

enum State {
    /// Reads a request.
    Request(Vec<u8>),
    /// Carries the protocol.
    Attached(Reader, Arc<Outbox>),
    /// Ends once what is written is sent.
    Ending,
}

/// A connection.
pub(super) struct Connection {
    id: PeerId,
    file: Arc<FileDescription>,
    state: State,
    unsent: Vec<u8>,
}

/// Whether a connection goes on.
#[derive(PartialEq, Eq)]
pub(super) enum Step {
    Waits,
    Done,
}

impl Connection {
    pub(super) fn new(id: PeerId, file: Arc<FileDescription>) -> Connection {
        Connection {
            id,
            file,
            state: State::Request(Vec::new()),
            unsent: Vec::new(),
        }
    }

    /// Whether a debugger is attached by it.
    pub(super) fn is_attached(&self) -> bool {
        matches!(self.state, State::Attached(..))
    }

    /// Does what can be done without waiting.
    pub(super) fn poll(&mut self, server: &Shared, cx: &mut Context<'_>) -> Step {
        loop {
            if !self.send(cx) {
                return Step::Done;
            }
            if !self.unsent.is_empty() {
                return Step::Waits;
            }
            if matches!(self.state, State::Ending) {
                return Step::Done;
            }
            if let State::Attached(_, outbox) = &self.state
                && let Some(message) = outbox.next(cx)
            {
                self.unsent = websocket::text(&message);
                continue;
            }
            if self.holds_back(server, cx) {
                return Step::Waits;
            }
            let mut chunk = vec![0; CHUNK];
            match self.file.poll_read(&mut chunk, cx) {
                Poll::Pending => return Step::Waits,
                Poll::Ready(Ok(count)) if count > 0 => {
                    self.receive(server, chunk.get(..count).unwrap_or_default());
                }
                Poll::Ready(_) => return Step::Done,
            }
        }
    }

    /// Whether the program has too much to read already.
    fn holds_back(&self, server: &Shared, cx: &mut Context<'_>) -> bool {
        let room = server.mailbox.poll_room(websocket::LONGEST_MESSAGE, cx);
        self.is_attached() && room.is_pending()
    }

    /// Sends what it can; false where that has failed.
    fn send(&mut self, cx: &mut Context<'_>) -> bool {
        while !self.unsent.is_empty() {
            match self.file.poll_write(&self.unsent, cx) {
                Poll::Ready(Ok(count)) if count > 0 => drop(self.unsent.drain(..count)),
                Poll::Ready(_) => return false,
                Poll::Pending => return true,
            }
        }
        true
    }

    fn receive(&mut self, server: &Shared, bytes: &[u8]) {
        match &mut self.state {
            State::Request(received) => {
                received.extend_from_slice(bytes);
                self.request(server);
            }
            State::Attached(reader, _) => {
                reader.push(bytes);
                self.messages(server);
            }
            State::Ending => {}
        }
    }

    fn request(&mut self, server: &Shared) {
        let State::Request(received) = &mut self.state else {
            return;
        };
        let (request, taken) = match http::read(received) {
            Ok(None) => return,
            Ok(Some(found)) => found,
            Err(()) => {
                self.unsent = http::bad_request();
                self.state = State::Ending;
                return;
            }
        };
        let rest = received.split_off(taken);
        let Some(key) = &request.key else {
            self.unsent.extend(if server.publishes_http {
                http::answer(&request, &server.target, &server.address)
            } else {
                http::not_found()
            });
            self.state = State::Ending;
            return;
        };
        if request.path.trim_start_matches('/') != server.target.id {
            self.unsent = http::bad_request();
            self.state = State::Ending;
            return;
        }
        self.unsent = http::upgrade(key);
        let outbox = Arc::new(Outbox::default());
        let peer: Arc<dyn Peer> = outbox.clone();
        server.mailbox.post(Incoming::Connect(self.id, peer, true));
        // Standard error may be full or closed: nobody waits for it.
        let _ = server.process.write(2, b"Debugger attached.\n");
        let mut reader = Reader::default();
        reader.push(&rest);
        self.state = State::Attached(reader, outbox);
        self.messages(server);
    }

    fn messages(&mut self, server: &Shared) {
        let State::Attached(reader, _) = &mut self.state else {
            return;
        };
        while let Some(event) = reader.next() {
            match event {
                Event::Text(text) => server.mailbox.post(Incoming::Command(self.id, text)),
                Event::Answer(bytes) => self.unsent.extend(bytes),
                Event::Close(bytes) => {
                    self.unsent.extend(bytes);
                    self.detach(server);
                    return;
                }
            }
        }
    }

    /// The debugger is gone.
    pub(super) fn detach(&mut self, server: &Shared) {
        if let State::Attached(_, outbox) = std::mem::replace(&mut self.state, State::Ending) {
            outbox.close();
            server.mailbox.post(Incoming::Disconnect(self.id));
        }
    }
}

/// What all connections of a port have in common.
pub(super) struct Shared {
    pub(super) process: Arc<Process>,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) target: Target,
    pub(super) address: String,
    /// `--inspect-publish-uid` has `http`.
    pub(super) publishes_http: bool,
}
