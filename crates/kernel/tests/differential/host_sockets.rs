//! Sockets of host Linux, through libc.

use super::host::{Host, call, check};
use super::socket_script::{Received, Sockets};
use secure_exec_kernel::{SocketAddress, UnixAddress};

/// Where the name begins in an address.
const NAME: usize = size_of::<libc::sa_family_t>();

fn encode(address: &SocketAddress) -> (libc::sockaddr_un, libc::socklen_t) {
    let mut raw = empty_address();
    let (bytes, end) = match address {
        SocketAddress::Unix(UnixAddress::Path(path)) => (path.clone(), 1),
        SocketAddress::Unix(name) => (name.bytes().into_owned(), 0),
        _ => {
            raw.sun_family = libc::AF_UNSPEC as libc::sa_family_t;
            (vec![0; 14], 0)
        }
    };
    for (to, from) in raw.sun_path.iter_mut().zip(&bytes) {
        *to = *from as libc::c_char;
    }
    (raw, (NAME + bytes.len() + end) as libc::socklen_t)
}

fn decode(raw: &libc::sockaddr_un, length: libc::socklen_t) -> Option<SocketAddress> {
    let length = (length as usize).checked_sub(NAME)?;
    let bytes: Vec<u8> = raw.sun_path[..length]
        .iter()
        .map(|byte| *byte as u8)
        .collect();
    let mut address = UnixAddress::from_bytes(&bytes);
    if let UnixAddress::Path(path) = &mut address {
        // The NUL behind it counts.
        path.retain(|byte| *byte != 0);
    }
    Some(SocketAddress::Unix(address))
}

fn empty_address() -> libc::sockaddr_un {
    // SAFETY: `sockaddr_un` is plain data, for which all zeroes is a value.
    let mut address: libc::sockaddr_un = unsafe { std::mem::zeroed() };
    address.sun_family = libc::AF_UNIX as libc::sa_family_t;
    address
}

const ROOM: libc::socklen_t = size_of::<libc::sockaddr_un>() as libc::socklen_t;

/// Room for the control messages of a few descriptors, aligned as they must be.
#[repr(align(8))]
struct Control([u8; 256]);

fn header(iov: &mut libc::iovec) -> libc::msghdr {
    // SAFETY: `msghdr` is plain data, for which all zeroes is a value.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = iov;
    header.msg_iovlen = 1;
    header
}

impl Sockets for Host {
    fn socket(&mut self, domain: i32, kind: i32, protocol: i32) -> Result<i32, i32> {
        call!(socket(domain, kind, protocol)).map(|fd| fd as i32)
    }

    fn socketpair(&mut self, domain: i32, kind: i32, protocol: i32) -> Result<(i32, i32), i32> {
        let mut fds = [0; 2];
        call!(socketpair(domain, kind, protocol, fds.as_mut_ptr()))?;
        Ok((fds[0], fds[1]))
    }

    fn bind(&mut self, fd: i32, address: &SocketAddress) -> Result<(), i32> {
        let (address, length) = encode(address);
        call!(bind(fd, (&raw const address).cast(), length)).map(drop)
    }

    fn listen(&mut self, fd: i32, backlog: i32) -> Result<(), i32> {
        call!(listen(fd, backlog)).map(drop)
    }

    fn accept(&mut self, fd: i32, flags: i32) -> Result<i32, i32> {
        let (address, length) = (std::ptr::null_mut(), std::ptr::null_mut());
        call!(accept4(fd, address, length, flags)).map(|fd| fd as i32)
    }

    fn connect(&mut self, fd: i32, address: &SocketAddress) -> Result<(), i32> {
        let (address, length) = encode(address);
        call!(connect(fd, (&raw const address).cast(), length)).map(drop)
    }

    fn shutdown(&mut self, fd: i32, how: i32) -> Result<(), i32> {
        call!(shutdown(fd, how)).map(drop)
    }

    fn getsockname(&mut self, fd: i32) -> Result<SocketAddress, i32> {
        let (mut address, mut length) = (empty_address(), ROOM);
        call!(getsockname(fd, (&raw mut address).cast(), &raw mut length))?;
        Ok(decode(&address, length).unwrap())
    }

    fn getpeername(&mut self, fd: i32) -> Result<SocketAddress, i32> {
        let (mut address, mut length) = (empty_address(), ROOM);
        call!(getpeername(fd, (&raw mut address).cast(), &raw mut length))?;
        Ok(decode(&address, length).unwrap())
    }

    fn getsockopt(&mut self, fd: i32, name: i32) -> Result<i32, i32> {
        let (mut value, mut length) = (0i32, 4);
        call!(getsockopt(
            fd,
            libc::SOL_SOCKET,
            name,
            (&raw mut value).cast(),
            &raw mut length
        ))?;
        Ok(value)
    }

    fn setsockopt(&mut self, fd: i32, name: i32, value: i32) -> Result<(), i32> {
        call!(setsockopt(
            fd,
            libc::SOL_SOCKET,
            name,
            (&raw const value).cast(),
            4
        ))
        .map(drop)
    }

    fn sendto(
        &mut self,
        fd: i32,
        buf: &[u8],
        flags: i32,
        to: Option<&SocketAddress>,
    ) -> Result<usize, i32> {
        let encoded = to.map(encode);
        let (address, length) = match &encoded {
            Some((address, length)) => (std::ptr::from_ref(address).cast(), *length),
            None => (std::ptr::null(), 0),
        };
        let buf = (buf.as_ptr().cast(), buf.len());
        call!(sendto(fd, buf.0, buf.1, flags, address, length)).map(|count| count as usize)
    }

    fn recvfrom(&mut self, fd: i32, buf: &mut [u8], flags: i32) -> Result<Received, i32> {
        let (mut address, mut length) = (empty_address(), ROOM);
        let count = call!(recvfrom(
            fd,
            buf.as_mut_ptr().cast(),
            buf.len(),
            flags,
            (&raw mut address).cast(),
            &raw mut length
        ))?;
        Ok(Received {
            count: count as usize,
            flags: 0,
            from: decode(&address, length).filter(is_named),
            rights: Vec::new(),
        })
    }

    fn sendmsg(&mut self, fd: i32, buf: &[u8], rights: &[i32]) -> Result<usize, i32> {
        let mut iov = libc::iovec {
            iov_base: buf.as_ptr().cast_mut().cast(),
            iov_len: buf.len(),
        };
        let mut header = header(&mut iov);
        let mut control = Control([0; 256]);
        // SAFETY: the control buffer is aligned, and longer than the few descriptors of a script need.
        unsafe {
            let length = size_of_val(rights) as u32;
            header.msg_control = control.0.as_mut_ptr().cast();
            header.msg_controllen = libc::CMSG_SPACE(length) as usize;
            let first = libc::CMSG_FIRSTHDR(&raw const header);
            (*first).cmsg_level = libc::SOL_SOCKET;
            (*first).cmsg_type = libc::SCM_RIGHTS;
            (*first).cmsg_len = libc::CMSG_LEN(length) as usize;
            let data = libc::CMSG_DATA(first).cast::<i32>();
            for (index, right) in rights.iter().enumerate() {
                data.add(index).write_unaligned(*right);
            }
        }
        call!(sendmsg(fd, &raw const header, 0)).map(|count| count as usize)
    }

    fn recvmsg(&mut self, fd: i32, buf: &mut [u8]) -> Result<Received, i32> {
        let mut iov = libc::iovec {
            iov_base: buf.as_mut_ptr().cast(),
            iov_len: buf.len(),
        };
        let mut header = header(&mut iov);
        let (mut address, mut control) = (empty_address(), Control([0; 256]));
        header.msg_name = (&raw mut address).cast();
        header.msg_namelen = ROOM;
        header.msg_control = control.0.as_mut_ptr().cast();
        header.msg_controllen = control.0.len();
        let count = call!(recvmsg(fd, &raw mut header, libc::MSG_CMSG_CLOEXEC))?;
        let mut rights = Vec::new();
        // SAFETY: the kernel has filled the header and the control buffer, which both live here.
        unsafe {
            let mut next = libc::CMSG_FIRSTHDR(&raw const header);
            while !next.is_null() {
                assert_eq!((*next).cmsg_type, libc::SCM_RIGHTS);
                let data = libc::CMSG_DATA(next).cast::<i32>();
                let bytes = (*next).cmsg_len as usize - libc::CMSG_LEN(0) as usize;
                for index in 0..bytes / size_of::<i32>() {
                    rights.push(data.add(index).read_unaligned());
                }
                next = libc::CMSG_NXTHDR(&raw const header, next);
            }
        }
        Ok(Received {
            count: count as usize,
            flags: header.msg_flags,
            from: decode(&address, header.msg_namelen).filter(is_named),
            rights,
        })
    }

    fn writev(&mut self, fd: i32, bufs: [&[u8]; 2]) -> Result<usize, i32> {
        let iov = bufs.map(|buf| libc::iovec {
            iov_base: buf.as_ptr().cast_mut().cast(),
            iov_len: buf.len(),
        });
        call!(writev(fd, iov.as_ptr(), 2)).map(|count| count as usize)
    }

    fn readv(&mut self, fd: i32, bufs: [&mut [u8]; 2]) -> Result<usize, i32> {
        let iov = bufs.map(|buf| libc::iovec {
            iov_base: buf.as_mut_ptr().cast(),
            iov_len: buf.len(),
        });
        call!(readv(fd, iov.as_ptr(), 2)).map(|count| count as usize)
    }
}

fn is_named(address: &SocketAddress) -> bool {
    *address != SocketAddress::Unix(UnixAddress::Unnamed)
}
