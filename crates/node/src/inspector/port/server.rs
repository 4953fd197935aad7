//! The thread that serves a debugger's port: the program's own is busy, or stands still.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use parking_lot::{Condvar, Mutex};
use secure_exec_kernel::abi::socket::SOCK_CLOEXEC;
use secure_exec_kernel::{Errno, Fd, PollEvents};

use super::connection::{Connection, Shared, Step};
use crate::callback::contain_bare;
use crate::threads::cpu_share;

/// How many connections a port has at a time. Node has no bound.
const MOST_CONNECTIONS: usize = 128;

/// All who ever connected to any port.
static LAST_PEER: AtomicU64 = AtomicU64::new(0);

/// How the thread is told what to do.
#[derive(Default)]
pub(super) struct Control {
    woken: Mutex<bool>,
    wakes: Condvar,
    /// Nobody else may connect.
    pub(super) accepts_no_more: AtomicBool,
    /// All is to end.
    pub(super) ends: AtomicBool,
}

impl Wake for Control {
    fn wake(self: Arc<Self>) {
        self.rouse();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rouse();
    }
}

impl Control {
    /// Has the thread look around.
    pub(super) fn rouse(&self) {
        *self.woken.lock() = true;
        self.wakes.notify_one();
    }

    fn wait(&self) {
        let mut woken = self.woken.lock();
        self.wakes.wait_while(&mut woken, |woken| !*woken);
        *woken = false;
    }
}

/// What the thread has.
pub(super) struct Server {
    pub(super) shared: Shared,
    pub(super) listener: Option<Fd>,
    pub(super) control: Arc<Control>,
    pub(super) connections: Vec<Connection>,
    /// Tells that the last debugger has left (`PrintDebuggerReadyMessage` in Node's `src/inspector_socket_server.cc`).
    pub(super) ending_notice: String,
}

impl Server {
    /// Serves until the program or its port ends.
    pub(super) fn run(mut self) {
        let process = self.shared.process.clone();
        cpu_share::help(&process, || {
            contain_bare(|| self.serve());
            self.end();
        });
    }

    fn serve(&mut self) {
        let waker = Waker::from(self.control.clone());
        let mut cx = Context::from_waker(&waker);
        loop {
            let is_over = self.control.ends.load(Ordering::Acquire);
            if is_over || self.shared.process.poll_exit(&mut cx).is_ready() {
                return;
            }
            if self.control.accepts_no_more.load(Ordering::Acquire) {
                self.stop_listening();
            }
            self.accept(&mut cx);
            self.serve_connections(&mut cx);
            self.control.wait();
        }
    }

    fn serve_connections(&mut self, cx: &mut Context<'_>) {
        let had = self.connections.iter().any(Connection::is_attached);
        let shared = &self.shared;
        self.connections.retain_mut(|connection| {
            let goes_on = connection.poll(shared, cx) == Step::Waits;
            if !goes_on {
                connection.detach(shared);
            }
            goes_on
        });
        let has = self.connections.iter().any(Connection::is_attached);
        if had && !has && self.listener.is_some() {
            // Standard error may be full or closed: nobody waits for it.
            let _ = self.shared.process.write(2, self.ending_notice.as_bytes());
        }
    }

    fn accept(&mut self, cx: &mut Context<'_>) {
        while let Some(listener) = self.listener {
            let process = &self.shared.process;
            match process.poll_ready(listener, PollEvents::POLLIN, cx) {
                Poll::Pending => return,
                Poll::Ready(Err(_)) => {
                    // The program has closed it.
                    self.listener = None;
                    return;
                }
                Poll::Ready(Ok(_)) => {}
            }
            let accepted = process.accept4(listener, SOCK_CLOEXEC).and_then(|fd| {
                let file = process.file(fd);
                // The program has no descriptor of it.
                process.close(fd)?;
                file
            });
            match accepted {
                Ok(file) if self.connections.len() < MOST_CONNECTIONS => {
                    let id = LAST_PEER.fetch_add(1, Ordering::Relaxed) + 1;
                    self.connections.push(Connection::new(id, file));
                }
                // Closed at once.
                Ok(_) | Err(Errno::EAGAIN) => {}
                Err(_) => {
                    self.stop_listening();
                    return;
                }
            }
        }
    }

    fn stop_listening(&mut self) {
        if let Some(listener) = self.listener.take() {
            // The program may have closed it.
            let _ = self.shared.process.close(listener);
        }
    }

    fn end(&mut self) {
        self.stop_listening();
        for connection in &mut self.connections {
            connection.detach(&self.shared);
        }
        self.connections.clear();
    }
}
