//! Asking a server over a connection, for an answer that does not fit into a datagram (RFC 1035 section 4.2.2).

use core::net::{IpAddr, SocketAddr};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;

use secure_exec_kernel::abi::poll::PollEvents;
use secure_exec_kernel::abi::socket::{MsgFlags, SO_ERROR, SOCK_STREAM, SOL_SOCKET};
use secure_exec_kernel::{Errno, Fd, Process};

use super::message::{Query, Reading};
use super::status::{Failure, Status};
use super::udp::socket_to;

/// A connection, closed when it is dropped.
struct Connection {
    process: Arc<Process>,
    fd: Fd,
}

impl Drop for Connection {
    fn drop(&mut self) {
        // It is ours; the process may have ended meanwhile.
        let _ = self.process.close(self.fd);
    }
}

/// What a server answers.
///
/// # Errors
/// - `EACCES`: it is outside of the machine.
/// - `ECONNREFUSED`: it is not there, or ends the connection.
pub async fn ask(
    process: Arc<Process>,
    (server, local): (SocketAddr, Option<IpAddr>),
    query: &Rc<Query>,
) -> Result<Reading, Failure> {
    let fd = socket_to(&process, SOCK_STREAM, server, local).map_err(failure)?;
    let connection = Connection { process, fd };
    let answer = connection.exchange(&query.with_id(0)).await;
    let answer = answer.map_err(failure)?;
    Ok(match query.read(&answer) {
        // Nobody else was asked by this connection.
        Reading::Foreign | Reading::Truncated => Reading::Malformed,
        reading => reading,
    })
}

fn failure(errno: Errno) -> Failure {
    match errno {
        Errno::EACCES => Failure::System(errno),
        _ => Status::ECONNREFUSED.into(),
    }
}

impl Connection {
    async fn exchange(&self, question: &[u8]) -> Result<Vec<u8>, Errno> {
        self.wait(PollEvents::POLLOUT).await?;
        let error = self.process.getsockopt(self.fd, SOL_SOCKET, SO_ERROR)?;
        if let Some(number) = error.int().filter(|number| *number != 0) {
            return Err(Errno::from_raw(number));
        }
        let length = u16::try_from(question.len()).map_err(|_| Errno::EMSGSIZE)?;
        self.write(&length.to_be_bytes()).await?;
        self.write(question).await?;
        let mut length = [0; 2];
        self.read(&mut length).await?;
        let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
        self.read(&mut answer).await?;
        Ok(answer)
    }

    async fn wait(&self, events: PollEvents) -> Result<(), Errno> {
        poll_fn(|cx| self.process.poll_ready(self.fd, events, cx))
            .await
            .map(drop)
    }

    async fn write(&self, mut bytes: &[u8]) -> Result<(), Errno> {
        while !bytes.is_empty() {
            let flags = MsgFlags::MSG_NOSIGNAL;
            match self.process.sendto(self.fd, bytes, flags, None) {
                Ok(count) => bytes = &bytes[count..],
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => self.wait(PollEvents::POLLOUT).await?,
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }

    async fn read(&self, mut bytes: &mut [u8]) -> Result<(), Errno> {
        while !bytes.is_empty() {
            match self.process.recvfrom(self.fd, bytes, MsgFlags::empty()) {
                Ok((0, _)) => return Err(Errno::ECONNRESET),
                Ok((count, _)) => bytes = &mut bytes[count..],
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => self.wait(PollEvents::POLLIN).await?,
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }
}
