//! A network of its own for a thread of the host: its loopback, and nothing else.

use super::host::{call, check};

/// Settings that take away what the kernel under test leaves out on purpose, or what depends on time: `TIME_WAIT`
/// (connections that were closed are kept as such, as long as their other end is there), and bounds on ICMP.
const SETTINGS: &[(&str, &str)] = &[
    ("ipv4/tcp_max_tw_buckets", "0"),
    ("ipv4/tcp_fin_timeout", "120"),
    ("ipv4/icmp_ratemask", "0"),
    ("ipv6/icmp/ratelimit", "0"),
];

/// Moves this thread into a new network; false if the user may not.
#[expect(
    clippy::disallowed_methods,
    reason = "the ban is for the kernel, not for its counterpart"
)]
pub fn enter() -> bool {
    if call!(unshare(libc::CLONE_NEWNET)).is_err() {
        return false;
    }
    let socket = call!(socket(
        libc::AF_INET,
        libc::SOCK_DGRAM | libc::SOCK_CLOEXEC,
        0
    ));
    let socket = socket.unwrap() as i32;
    // SAFETY: `ifreq` is plain data, for which all zeroes is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = *from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_LOOPBACK | libc::IFF_RUNNING) as i16;
    call!(ioctl(socket, libc::SIOCSIFFLAGS as _, &raw const request)).unwrap();
    call!(close(socket)).unwrap();
    for (name, value) in SETTINGS {
        std::fs::write(format!("/proc/sys/net/{name}"), value).unwrap();
    }
    true
}
