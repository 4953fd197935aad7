//! The socket of the files channel: whole messages, with a descriptor or without.

use std::io;
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use crate::passing::{Control, take_descriptors};

/// What has come.
#[derive(Debug)]
pub struct Message {
    /// Its length; 0 where the peer is gone.
    pub length: usize,
    pub descriptors: Vec<OwnedFd>,
    /// It was longer than the room for it, or there was no descriptor left for what it carried.
    pub is_cut: bool,
}

/// One end.
#[derive(Debug)]
pub struct FilesSocket(OwnedFd);

impl FilesSocket {
    /// Makes both ends.
    ///
    /// # Errors
    /// There is no descriptor to be had.
    pub fn pair() -> io::Result<(FilesSocket, OwnedFd)> {
        let mut fds: [RawFd; 2] = [-1; 2];
        let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
        // SAFETY: the array takes two descriptors.
        if unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, fds.as_mut_ptr()) } < 0 {
            return Err(io::Error::last_os_error());
        }
        let [ours, theirs] = fds;
        // SAFETY: the descriptors are new and nobody else's.
        let (ours, theirs) = unsafe { (OwnedFd::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs)) };
        Ok((FilesSocket(ours), theirs))
    }

    /// Takes over an end.
    #[must_use]
    pub fn new(fd: OwnedFd) -> FilesSocket {
        FilesSocket(fd)
    }

    /// Bounds how long sending may wait for room.
    ///
    /// # Errors
    /// The system refused.
    pub fn bound_sending(&self, longest: Duration) -> io::Result<()> {
        let time = libc::timeval {
            tv_sec: longest.as_secs().cast_signed(),
            tv_usec: longest.subsec_micros().into(),
        };
        let length =
            libc::socklen_t::try_from(mem::size_of_val(&time)).map_err(io::Error::other)?;
        // SAFETY: the structure is valid for its length.
        let done = unsafe {
            libc::setsockopt(
                self.0.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_SNDTIMEO,
                (&raw const time).cast(),
                length,
            )
        };
        if done < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    /// Sends a message.
    ///
    /// # Errors
    /// The peer is gone, or did not make room in time.
    pub fn send(&self, bytes: &[u8]) -> io::Result<()> {
        loop {
            // SAFETY: the buffer is valid for its length.
            let sent = unsafe {
                libc::send(
                    self.0.as_raw_fd(),
                    bytes.as_ptr().cast(),
                    bytes.len(),
                    libc::MSG_NOSIGNAL,
                )
            };
            if sent >= 0 {
                return Ok(());
            }
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
    }

    /// Sends a message if there is room for it now.
    ///
    /// # Errors
    /// - `WouldBlock`: there is none.
    /// - The peer is gone.
    pub fn send_now(&self, bytes: &[u8]) -> io::Result<()> {
        let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
        let buffer = bytes.as_ptr().cast();
        loop {
            // SAFETY: the buffer is valid for its length.
            if unsafe { libc::send(self.0.as_raw_fd(), buffer, bytes.len(), flags) } >= 0 {
                return Ok(());
            }
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
    }

    /// Sends a message that is in two places.
    ///
    /// # Errors
    /// As [`FilesSocket::send`].
    pub fn send_parts(&self, head: &[u8], rest: &[u8]) -> io::Result<()> {
        let part = |bytes: &[u8]| libc::iovec {
            iov_base: bytes.as_ptr().cast_mut().cast(),
            iov_len: bytes.len(),
        };
        let mut parts = [part(head), part(rest)];
        // SAFETY: zeroes are a valid header.
        let mut header: libc::msghdr = unsafe { mem::zeroed() };
        header.msg_iov = parts.as_mut_ptr();
        header.msg_iovlen = parts.len();
        // SAFETY: the parts outlive the call.
        unsafe { self.send_message(&header) }
    }

    /// Sends a message with a descriptor, which the peer gets a copy of.
    ///
    /// # Errors
    /// As [`FilesSocket::send`].
    pub fn send_with(&self, bytes: &[u8], descriptor: BorrowedFd<'_>) -> io::Result<()> {
        let mut control = Control::new();
        let mut part = libc::iovec {
            iov_base: bytes.as_ptr().cast_mut().cast(),
            iov_len: bytes.len(),
        };
        // SAFETY: zeroes are a valid header.
        let mut header: libc::msghdr = unsafe { mem::zeroed() };
        header.msg_iov = &raw mut part;
        header.msg_iovlen = 1;
        control.carry(&mut header, descriptor)?;
        // SAFETY: everything that the header points to outlives the call.
        unsafe { self.send_message(&header) }
    }

    /// Sends what a header tells of.
    ///
    /// # Safety
    /// Everything that the header points to is valid during the call.
    unsafe fn send_message(&self, header: &libc::msghdr) -> io::Result<()> {
        loop {
            // SAFETY: by the caller.
            let sent = unsafe { libc::sendmsg(self.0.as_raw_fd(), header, libc::MSG_NOSIGNAL) };
            if sent >= 0 {
                return Ok(());
            }
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
    }

    /// Waits for a message, no longer than `longest` if that is given.
    ///
    /// # Errors
    /// - `TimedOut`: none has come.
    /// - The peer is gone.
    pub fn receive(&self, buffer: &mut [u8], longest: Option<Duration>) -> io::Result<Message> {
        if let Some(longest) = longest
            && !self.wait(longest)?
        {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let mut control = Control::new();
        let mut part = libc::iovec {
            iov_base: buffer.as_mut_ptr().cast(),
            iov_len: buffer.len(),
        };
        // SAFETY: zeroes are a valid header.
        let mut header: libc::msghdr = unsafe { mem::zeroed() };
        header.msg_iov = &raw mut part;
        header.msg_iovlen = 1;
        control.offer(&mut header);
        loop {
            // SAFETY: everything that the header points to outlives the call and may be written to.
            let length = unsafe {
                libc::recvmsg(self.0.as_raw_fd(), &raw mut header, libc::MSG_CMSG_CLOEXEC)
            };
            if let Ok(length) = usize::try_from(length) {
                // SAFETY: the kernel has filled the header.
                let descriptors = unsafe { take_descriptors(&header) };
                let cut = libc::MSG_TRUNC | libc::MSG_CTRUNC;
                return Ok(Message {
                    length,
                    descriptors,
                    is_cut: header.msg_flags & cut != 0,
                });
            }
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
    }

    /// Ends the channel for both sides, whoever else has a descriptor of it.
    pub fn shut_down(&self) {
        // SAFETY: takes plain numbers. Fails only if it is not connected any more.
        unsafe { libc::shutdown(self.0.as_raw_fd(), libc::SHUT_RDWR) };
    }

    /// Whether something comes in time.
    fn wait(&self, longest: Duration) -> io::Result<bool> {
        let mut socket = libc::pollfd {
            fd: self.0.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        let millis = i32::try_from(longest.as_millis()).unwrap_or(i32::MAX);
        loop {
            // SAFETY: the structure is valid for the call.
            let count = unsafe { libc::poll(&raw mut socket, 1, millis) };
            if count >= 0 {
                return Ok(count > 0);
            }
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::Read;
    use std::os::fd::AsFd;

    #[test]
    fn messages_stay_apart_and_carry_a_descriptor() {
        let (ours, theirs) = FilesSocket::pair().unwrap();
        let theirs = FilesSocket::new(theirs);
        ours.send(b"one").unwrap();
        let file = File::open("/proc/self/cmdline").unwrap();
        ours.send_with(b"two", file.as_fd()).unwrap();
        ours.send_parts(b"th", b"ree").unwrap();
        let mut buffer = [0; 16];
        let first = theirs.receive(&mut buffer, None).unwrap();
        assert_eq!((first.length, first.descriptors.len()), (3, 0));
        let second = theirs.receive(&mut buffer, None).unwrap();
        assert_eq!((second.length, second.descriptors.len()), (3, 1));
        let third = theirs.receive(&mut buffer, None).unwrap();
        assert_eq!(
            (&buffer[..third.length], third.descriptors.len()),
            (&b"three"[..], 0)
        );
        let mut text = Vec::new();
        let copy = second.descriptors.into_iter().next().unwrap();
        File::from(copy).read_to_end(&mut text).unwrap();
        assert!(!text.is_empty());
    }

    #[test]
    fn waiting_ends_and_so_does_the_channel() {
        let (ours, theirs) = FilesSocket::pair().unwrap();
        let theirs = FilesSocket::new(theirs);
        let mut buffer = [0; 4];
        let late = theirs.receive(&mut buffer, Some(Duration::from_millis(1)));
        assert_eq!(late.unwrap_err().kind(), io::ErrorKind::TimedOut);
        ours.send(b"too long").unwrap();
        assert!(theirs.receive(&mut buffer, None).unwrap().is_cut);
        ours.shut_down();
        assert_eq!(theirs.receive(&mut buffer, None).unwrap().length, 0);
        assert!(theirs.send(b"x").is_err());
    }
}
