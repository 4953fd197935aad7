//! Sockets of host Linux, through libc.

use super::host::{Host, call, check};
use super::socket_script::{Received, Sockets};
use secure_exec_kernel::abi::inet::{Membership, SourceMembership};
use secure_exec_kernel::{OptionValue, SocketAddress, UnixAddress};
use std::net::IpAddr;

type Storage = libc::sockaddr_storage;

fn encode(address: &SocketAddress) -> (Storage, libc::socklen_t) {
    let bytes = address.to_sockaddr();
    let mut raw = empty_address();
    // SAFETY: the address is shorter than the storage, which is plain data.
    unsafe {
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), (&raw mut raw).cast(), bytes.len());
    }
    (raw, bytes.len() as libc::socklen_t)
}

fn decode(raw: &Storage, length: libc::socklen_t) -> Option<SocketAddress> {
    // SAFETY: the storage is plain data, and longer than any address that the kernel puts there.
    let bytes = unsafe {
        std::slice::from_raw_parts(std::ptr::from_ref(raw).cast::<u8>(), length as usize)
    };
    SocketAddress::from_sockaddr(bytes).ok()
}

fn empty_address() -> Storage {
    // SAFETY: `sockaddr_storage` is plain data, for which all zeroes is a value.
    unsafe { std::mem::zeroed() }
}

const ROOM: libc::socklen_t = size_of::<Storage>() as libc::socklen_t;

/// Milliseconds that a connection may take.
const PATIENCE: i64 = 30;

fn number_of(fd: i32, level: i32, name: i32) -> Result<i32, i32> {
    let (mut value, mut length) = (0i32, 4);
    let out = (&raw mut value).cast();
    call!(getsockopt(fd, level, name, out, &raw mut length))?;
    Ok(value)
}

/// Connects as a blocking call does that gives up soon: the kernel under test tells at once how it ended.
fn connect_soon(fd: i32, address: &SocketAddress) -> Result<(), i32> {
    let patience = libc::timeval {
        tv_sec: 0,
        tv_usec: PATIENCE * 1000,
    };
    let (option, size) = ((&raw const patience).cast(), size_of_val(&patience) as u32);
    call!(setsockopt(
        fd,
        libc::SOL_SOCKET,
        libc::SO_SNDTIMEO,
        option,
        size
    ))?;
    let flags = call!(fcntl(fd, libc::F_GETFL))? as i32;
    call!(fcntl(fd, libc::F_SETFL, flags & !libc::O_NONBLOCK))?;
    let (address, length) = encode(address);
    let connected = call!(connect(fd, (&raw const address).cast(), length));
    call!(fcntl(fd, libc::F_SETFL, flags))?;
    connected.map(drop)
}

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
        let domain = number_of(fd, libc::SOL_SOCKET, libc::SO_DOMAIN);
        let is_inet = domain.is_ok_and(|domain| domain != libc::AF_UNIX);
        if is_inet && *address != SocketAddress::Unspecified {
            return connect_soon(fd, address);
        }
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

    fn getsockopt(&mut self, fd: i32, (level, name): (i32, i32)) -> Result<i32, i32> {
        number_of(fd, level, name)
    }

    fn setsockopt(
        &mut self,
        fd: i32,
        (level, name): (i32, i32),
        value: OptionValue,
    ) -> Result<(), i32> {
        let bytes: Vec<u8> = match value {
            OptionValue::Int(number) => number.to_ne_bytes().to_vec(),
            OptionValue::Linger(seconds) => {
                let words = [i32::from(seconds.is_some()), seconds.unwrap_or(0)];
                words.map(i32::to_ne_bytes).concat()
            }
            OptionValue::Membership(Membership::V4 { group, index, .. }) => {
                [group.octets(), [0; 4], index.to_ne_bytes()].concat()
            }
            OptionValue::Membership(Membership::V6 { group, index }) => {
                [&group.octets()[..], &index.to_ne_bytes()].concat()
            }
            OptionValue::SourceMembership(source) => source_membership(source),
            other => panic!("no script sets {other:?}"),
        };
        let (option, length) = (bytes.as_ptr().cast(), bytes.len() as libc::socklen_t);
        call!(setsockopt(fd, level, name, option, length)).map(drop)
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

/// `struct ip_mreq_source` or `struct group_source_req`.
fn source_membership(membership: SourceMembership) -> Vec<u8> {
    let SourceMembership { membership, source } = membership;
    match (membership, source) {
        (Membership::V4 { group, address, .. }, IpAddr::V4(source)) => {
            [group, address, source].map(|ip| ip.octets()).concat()
        }
        (Membership::V6 { group, index }, IpAddr::V6(source)) => {
            let mut bytes = index.to_ne_bytes().to_vec();
            bytes.resize(8, 0);
            for ip in [group, source] {
                let start = bytes.len();
                bytes.extend_from_slice(&(libc::AF_INET6 as u16).to_ne_bytes());
                // Port and flow.
                bytes.extend_from_slice(&[0; 6]);
                bytes.extend_from_slice(&ip.octets());
                bytes.resize(start + size_of::<libc::sockaddr_storage>(), 0);
            }
            bytes
        }
        mixed => panic!("no script mixes {mixed:?}"),
    }
}
