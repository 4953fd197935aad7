//! Programs that stand still: at a breakpoint, before they start, and at their end (`runMessageLoop` in Node's
//! `src/inspector_agent.cc`).

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use super::mailbox::{Incoming, Mailbox, Peer};
use super::session::Output;
use super::{Agent, Refusal};
use crate::env::Env;
use crate::process::report;

/// What the isolate's thread waits for.
#[derive(Default)]
pub(super) struct Waiting {
    /// V8 says when it goes on.
    resume: Cell<bool>,
    /// `Runtime.runIfWaitingForDebugger`.
    frontend: Cell<bool>,
    /// Those who are connected leave.
    disconnect: Cell<bool>,
    in_loop: Cell<bool>,
}

/// What is said to somebody on another thread.
struct ToPeer(Arc<dyn Peer>);

impl Output for ToPeer {
    fn deliver(&self, scope: &mut v8::PinScope<'_, '_>, text: String) {
        // Who does not read holds up the program, and what has ended goes on.
        let room = std::future::poll_fn(|cx| self.0.poll_room(text.len(), cx));
        if Env::of(scope).event_loop.block_on(room).is_some() {
            self.0.take(text);
        }
    }
}

impl Agent {
    /// Where others write to this inspector.
    pub fn mailbox(&self, scope: &v8::PinScope<'_, '_>) -> Arc<Mailbox> {
        let mut mailbox = self.mailbox.borrow_mut();
        mailbox.get_or_insert_with(|| Mailbox::new(scope)).clone()
    }

    /// Does what others have asked for. What workers say waits while listeners hear of something that came before: the
    /// interrupt comes in the middle of their JavaScript, and would have them hear of the end of a worker before its last
    /// words (`MainThreadInterface::DispatchMessages`). Commands do not wait: one of them may be to end such a listener.
    pub(super) fn read_mail(self: &Rc<Self>, scope: &mut v8::PinScope<'_, '_>) {
        loop {
            if Env::of(scope).is_halted(scope) {
                return;
            }
            let next = self
                .mailbox
                .borrow()
                .as_ref()
                .and_then(|mailbox| mailbox.next(!self.tells_of_workers.get()));
            match next {
                Some(incoming) => self.read(scope, incoming),
                None => return,
            }
        }
    }

    fn read(self: &Rc<Self>, scope: &mut v8::PinScope<'_, '_>, incoming: Incoming) {
        match incoming {
            Incoming::Connect(id, peer, prevents_shutdown) => {
                let connected = self.connect(scope, Rc::new(ToPeer(peer)), prevents_shutdown);
                if let Ok(session) = connected {
                    self.peers.borrow_mut().insert(id, session);
                }
            }
            Incoming::Command(id, text) => {
                let session = self.peers.borrow().get(&id).cloned();
                if let Some(session) = session {
                    let units: Vec<u16> = text.encode_utf16().collect();
                    drop(text);
                    session.dispatch(scope, &units);
                }
            }
            Incoming::Disconnect(id) => {
                let session = self.peers.borrow_mut().shift_remove(&id);
                if let Some(session) = session {
                    session.disconnect(scope);
                }
            }
            Incoming::WorkerStarted(target) => self.tell_of_workers(|| {
                for session in self.all_sessions() {
                    session.attach_worker(scope, &target);
                }
            }),
            Incoming::WorkerEnded(id) => self.tell_of_workers(|| {
                for session in self.all_sessions() {
                    session.worker_ended(scope, id);
                }
            }),
            Incoming::FromWorker(session, name, text) => self.tell_of_workers(|| {
                let session = self.sessions.borrow().get(&session).cloned();
                if let Some(session) = session {
                    session.worker_says(scope, name, &text);
                }
            }),
        }
    }

    fn tell_of_workers(&self, tell: impl FnOnce()) {
        let before = self.tells_of_workers.replace(true);
        tell();
        self.tells_of_workers.set(before);
    }

    /// Stands still until V8 says that the program goes on. Sessions of its own cannot make it: with none but those it goes
    /// on at once.
    pub(super) fn wait_for_resume(self: &Rc<Self>, scope: &mut v8::PinScope<'_, '_>) {
        self.waiting.resume.set(true);
        self.run_message_loop(scope);
    }

    pub(super) fn resume(&self) {
        self.waiting.resume.set(false);
    }

    pub(super) fn run_if_waiting(&self) {
        self.waiting.frontend.set(false);
    }

    pub(super) fn is_waiting_for_frontend(&self) -> bool {
        self.waiting.frontend.get()
    }

    /// Stands still until somebody connects and sends `Runtime.runIfWaitingForDebugger` (`Agent::WaitForConnect`).
    ///
    /// # Errors
    /// There is no inspector in this machine.
    pub fn wait_for_frontend(
        self: &Rc<Self>,
        scope: &mut v8::PinScope<'_, '_>,
    ) -> Result<(), Refusal> {
        self.inspector(scope)?;
        self.waiting.frontend.set(true);
        for session in self.all_sessions() {
            session.tell_waiting(scope);
        }
        self.run_message_loop(scope);
        Ok(())
    }

    /// Waits at the end of the program until those who are connected from outside have left (`Agent::WaitForDisconnect`).
    pub(super) fn wait_for_disconnect(self: &Rc<Self>, scope: &mut v8::PinScope<'_, '_>) {
        let is_main = Env::of(scope).worker().is_none();
        if is_main && self.has_waiting_session() {
            report::write_stderr(scope, b"Waiting for the debugger to disconnect...\n");
        }
        let mut retained = false;
        for session in self.all_sessions() {
            retained |= session.tell_end(scope);
        }
        if !retained && let Some(inspector) = self.running() {
            inspector.context_destroyed(Env::of(scope).context(scope));
        }
        self.waiting.disconnect.set(true);
        self.run_message_loop(scope);
    }

    /// A session has left: who was the last to look into a program that has ended lets its context go.
    pub(super) fn let_context_go(&self, scope: &mut v8::PinScope<'_, '_>, retained: bool) {
        let sessions = self.sessions.borrow();
        let others = sessions
            .values()
            .any(|session| session.domains.retains_context());
        drop(sessions);
        if retained
            && !others
            && self.waiting.disconnect.get()
            && let Some(inspector) = self.running()
        {
            inspector.context_destroyed(Env::of(scope).context(scope));
        }
    }

    fn stands_still(&self) -> bool {
        if self.waiting.frontend.get() {
            return true;
        }
        (self.waiting.disconnect.get() || self.waiting.resume.get()) && self.has_waiting_session()
    }

    /// Reads mail, and does nothing else, for as long as the program stands still. The end of the program ends it.
    fn run_message_loop(self: &Rc<Self>, scope: &mut v8::PinScope<'_, '_>) {
        if self.waiting.in_loop.replace(true) {
            return;
        }
        let env = Env::of(scope);
        let mailbox = self.mailbox(scope);
        // A listener that stands still may wait for what a worker says next.
        let tells_of_workers = self.tells_of_workers.take();
        while self.stands_still() && !env.event_loop.is_aborted() {
            let waiting = std::future::poll_fn(|cx| mailbox.poll_waiting(cx));
            if env.event_loop.block_on(waiting).is_none() {
                break;
            }
            v8::scope!(let scope, scope);
            let Some(incoming) = mailbox.next(true) else {
                continue;
            };
            self.read(scope, incoming);
        }
        self.tells_of_workers.set(tells_of_workers);
        self.waiting.in_loop.set(false);
    }
}
