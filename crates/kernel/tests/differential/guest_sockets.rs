//! Sockets of the kernel.

use super::guest::{Guest, Outcome, raw};
use super::socket_script::{Received, Sockets};
use secure_exec_kernel::*;

impl Sockets for Guest {
    fn socket(&mut self, domain: i32, kind: i32, protocol: i32) -> Outcome<i32> {
        raw(self.process.socket(domain, kind, protocol))
    }

    fn socketpair(&mut self, domain: i32, kind: i32, protocol: i32) -> Outcome<(i32, i32)> {
        raw(self.process.socketpair(domain, kind, protocol))
    }

    fn bind(&mut self, fd: i32, address: &SocketAddress) -> Outcome<()> {
        raw(self.process.bind(fd, address))
    }

    fn listen(&mut self, fd: i32, backlog: i32) -> Outcome<()> {
        raw(self.process.listen(fd, backlog))
    }

    fn accept(&mut self, fd: i32, flags: i32) -> Outcome<i32> {
        raw(self.process.accept4(fd, flags))
    }

    fn connect(&mut self, fd: i32, address: &SocketAddress) -> Outcome<()> {
        raw(self.process.connect(fd, address))
    }

    fn shutdown(&mut self, fd: i32, how: i32) -> Outcome<()> {
        let how = net::Shutdown::from_raw(how).ok_or(Errno::EINVAL);
        raw(how.and_then(|how| self.process.shutdown(fd, how)))
    }

    fn getsockname(&mut self, fd: i32) -> Outcome<SocketAddress> {
        raw(self.process.getsockname(fd))
    }

    fn getpeername(&mut self, fd: i32) -> Outcome<SocketAddress> {
        raw(self.process.getpeername(fd))
    }

    fn getsockopt(&mut self, fd: i32, (level, name): (i32, i32)) -> Outcome<i32> {
        let value = raw(self.process.getsockopt(fd, level, name))?;
        // A program that asks with too little room gets the beginning.
        Ok(match value {
            OptionValue::Linger(seconds) => i32::from(seconds.is_some()),
            other => other.int().unwrap(),
        })
    }

    fn setsockopt(
        &mut self,
        fd: i32,
        (level, name): (i32, i32),
        value: OptionValue,
    ) -> Outcome<()> {
        raw(self.process.setsockopt(fd, level, name, value))
    }

    fn sendto(
        &mut self,
        fd: i32,
        buf: &[u8],
        flags: i32,
        to: Option<&SocketAddress>,
    ) -> Outcome<usize> {
        let flags = MsgFlags::from_bits_retain(flags);
        raw(self.process.sendto(fd, buf, flags, to))
    }

    fn recvfrom(&mut self, fd: i32, buf: &mut [u8], flags: i32) -> Outcome<Received> {
        let flags = MsgFlags::from_bits_retain(flags);
        let (count, from) = raw(self.process.recvfrom(fd, buf, flags))?;
        Ok(Received {
            count,
            flags: 0,
            from,
            rights: Vec::new(),
        })
    }

    fn sendmsg(&mut self, fd: i32, buf: &[u8], rights: &[i32]) -> Outcome<usize> {
        let message = SendMessage {
            bufs: &[buf],
            to: None,
            rights,
        };
        raw(self.process.sendmsg(fd, &message, MsgFlags::empty()))
    }

    fn recvmsg(&mut self, fd: i32, buf: &mut [u8]) -> Outcome<Received> {
        let flags = MsgFlags::MSG_CMSG_CLOEXEC;
        let received = raw(self.process.recvmsg(fd, &mut [buf], flags))?;
        for right in &received.rights {
            assert_eq!(self.process.fd_flags(*right), Ok(FdFlags::FD_CLOEXEC));
        }
        Ok(Received {
            count: received.count,
            flags: received.flags.bits(),
            from: received.from,
            rights: received.rights,
        })
    }

    fn writev(&mut self, fd: i32, bufs: [&[u8]; 2]) -> Outcome<usize> {
        raw(self.process.writev(fd, &bufs))
    }

    fn readv(&mut self, fd: i32, mut bufs: [&mut [u8]; 2]) -> Outcome<usize> {
        raw(self.process.readv(fd, &mut bufs))
    }
}
