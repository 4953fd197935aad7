//! A connection that the embedder answers: it waits at a listener of its own, which nobody else finds.

use super::TcpSocket;
use super::listener::Listener;
use crate::errno::{Errno, Result};
use crate::net::Socket;
use crate::net::outbound::{Attempt, Outbound};
use core::net::SocketAddr;
use std::sync::{Arc, Weak};

struct ToEmbedder {
    socket: Weak<TcpSocket>,
    listener: Arc<Listener>,
}

/// What the embedder is to answer, and the listener at which the connection waits for that.
pub(super) fn outbound(socket: &Arc<TcpSocket>, to: SocketAddr) -> (Outbound, Arc<Listener>) {
    let listener = Listener::of_embedder(socket, to);
    let attempt = ToEmbedder {
        socket: Arc::downgrade(socket),
        listener: listener.clone(),
    };
    let outbound = Outbound {
        port: to.port(),
        attempt: Box::new(attempt),
    };
    (outbound, listener)
}

impl Attempt for ToEmbedder {
    fn is_wanted(&self) -> bool {
        self.socket.strong_count() > 0
    }

    fn accept(&self) -> Result<Arc<dyn Socket>> {
        let socket = self.socket.upgrade().ok_or(Errno::ECONNRESET)?;
        self.listener.open();
        let end = self.listener.accept().map_err(|_| Errno::ECONNRESET)?;
        Ok(socket.accepted(end))
    }
}

impl Drop for ToEmbedder {
    fn drop(&mut self) {
        self.listener.close();
    }
}
