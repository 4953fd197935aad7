//! Descriptors that go with messages (unix(7), `SCM_RIGHTS`).

use std::io;
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// Room for the control messages that carry descriptors: more of them than anybody sends, and few.
const CONTROL: usize = 64;

/// A buffer for control messages, aligned as their header is.
#[repr(C, align(8))]
pub(crate) struct Control([u8; CONTROL]);

impl Control {
    pub(crate) fn new() -> Control {
        Control([0; CONTROL])
    }

    /// Has a message that is sent carry a descriptor.
    ///
    /// # Errors
    /// None at present.
    pub(crate) fn carry(
        &mut self,
        header: &mut libc::msghdr,
        descriptor: BorrowedFd<'_>,
    ) -> io::Result<()> {
        header.msg_control = self.0.as_mut_ptr().cast();
        let size = u32::try_from(mem::size_of::<RawFd>()).map_err(io::Error::other)?;
        // SAFETY: takes plain numbers.
        header.msg_controllen = unsafe { libc::CMSG_SPACE(size) } as usize;
        // SAFETY: the control buffer has room for the header and a descriptor.
        unsafe {
            let first = libc::CMSG_FIRSTHDR(header);
            (*first).cmsg_level = libc::SOL_SOCKET;
            (*first).cmsg_type = libc::SCM_RIGHTS;
            (*first).cmsg_len = libc::CMSG_LEN(size) as usize;
            let data = libc::CMSG_DATA(first).cast::<RawFd>();
            data.write_unaligned(descriptor.as_raw_fd());
        }
        Ok(())
    }

    /// Makes room for what comes with a message that is received.
    pub(crate) fn offer(&mut self, header: &mut libc::msghdr) {
        header.msg_control = self.0.as_mut_ptr().cast();
        header.msg_controllen = CONTROL;
    }
}

/// Takes over what came with a message.
///
/// # Safety
/// The header was filled by `recvmsg(2)`, and this has not been done before.
pub(crate) unsafe fn take_descriptors(header: &libc::msghdr) -> Vec<OwnedFd> {
    let mut taken = Vec::new();
    // SAFETY: by the caller; the macros stay within the control buffer.
    unsafe {
        let mut control = libc::CMSG_FIRSTHDR(header);
        while let Some(found) = control.as_ref() {
            if found.cmsg_level == libc::SOL_SOCKET && found.cmsg_type == libc::SCM_RIGHTS {
                let data = libc::CMSG_DATA(control).cast::<RawFd>();
                let bytes = found.cmsg_len - libc::CMSG_LEN(0) as usize;
                for index in 0..bytes / mem::size_of::<RawFd>() {
                    taken.push(OwnedFd::from_raw_fd(data.add(index).read_unaligned()));
                }
            }
            control = libc::CMSG_NXTHDR(header, control);
        }
    }
    taken
}
