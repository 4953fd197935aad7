//! What code that has taken over a VM process would do next, for `secure-exec doctor`: each must be refused.
//!
//! Some are about a file that is open on descriptor 3 as those of mounts are.
//!
//! None of these does harm where it is not refused: they ask for what is there, or do nothing with what they get.

use std::ffi::CStr;
use std::io;

use libc::c_long;

/// A system call with its arguments.
type Call = (c_long, [usize; 5]);

/// `asm-generic/ioctls.h`, `linux/keyctl.h`, `linux/ptrace.h`, `linux/seccomp.h`.
const TIOCSTI: usize = 0x5412;
const SESSION_KEYRING: i32 = -3;
const PTRACE_SEIZE: usize = 0x4206;
const SECCOMP_SET_MODE_STRICT: usize = 0;
/// `asm-generic/fcntl.h`, `linux/fs.h`.
const DN_ACCESS: usize = 1;
const FS_IOC_SETFLAGS: usize = 0x4008_6602;

/// Where a file is open that may be read, as those of mounts are.
const FILE: usize = 3;

/// Arguments that are pointed to.
struct Memory {
    path: [u8; 64],
    address: libc::sockaddr_in,
    limit: libc::rlimit,
    buffer: libc::iovec,
    argv: [*const libc::c_char; 2],
    message: libc::msghdr,
    times: [libc::timespec; 2],
    lock: libc::flock,
    number: u64,
}

/// Does the attack of this name against the process `host`. Gives 0 if it works, the errno of its refusal, or None if
/// there is no such attack. One that kills this process does not return.
pub(crate) fn attack(name: &str, host: i32) -> Option<i32> {
    let mut memory = Memory {
        path: [0; 64],
        // SAFETY: zeroes are a valid address.
        address: unsafe { std::mem::zeroed() },
        limit: libc::rlimit {
            rlim_cur: libc::RLIM_INFINITY,
            rlim_max: libc::RLIM_INFINITY,
        },
        buffer: libc::iovec {
            iov_base: std::ptr::null_mut(),
            iov_len: 0,
        },
        argv: [c"true".as_ptr(), std::ptr::null()],
        // SAFETY: zeroes are a valid message, times, and a lock.
        message: unsafe { std::mem::zeroed() },
        // SAFETY: as above.
        times: unsafe { std::mem::zeroed() },
        // SAFETY: as above.
        lock: unsafe { std::mem::zeroed() },
        number: 0,
    };
    memory.address.sin_family = u16::try_from(libc::AF_INET).unwrap_or(0);
    memory.address.sin_addr.s_addr = u32::from_ne_bytes([127, 0, 0, 1]);
    let call = on_files(name, host, &mut memory)
        .or_else(|| on_sockets(name, &memory))
        .or_else(|| on_processes(name, host, &memory))
        .or_else(|| on_itself(name, &memory))
        .or_else(|| on_an_open_file(name, &memory))
        .or_else(|| with_an_open_file(name, &memory))
        .or_else(|| on_the_kernel(name))?;
    Some(perform(call))
}

fn perform((number, [a, b, c, d, e]): Call) -> i32 {
    // SAFETY: the arguments are those of the call, and `Memory` outlives it. A child that it makes ends with the caller's
    // next steps, as its parent does.
    let result = unsafe { libc::syscall(number, a, b, c, d, e, 0_usize) };
    if result >= 0 {
        return 0;
    }
    io::Error::last_os_error().raw_os_error().unwrap_or(-1)
}

fn on_files(name: &str, host: i32, memory: &mut Memory) -> Option<Call> {
    let file = text(c"/etc/passwd");
    let nothing = text(c"/tmp/secure-exec-self-attack");
    let mut of_host = |name: &str| {
        let path = format!("/proc/{host}/{name}");
        for (to, from) in memory.path.iter_mut().zip(path.bytes()) {
            *to = from;
        }
        memory.path.as_ptr().addr()
    };
    let directory = libc::O_RDONLY | libc::O_DIRECTORY;
    Some(match name {
        "read-file" => open(file, libc::O_RDONLY),
        "read-directory" => open(text(c"/"), directory),
        "read-host-environment" => open(of_host("environ"), libc::O_RDONLY),
        "read-host-memory" => open(of_host("mem"), libc::O_RDONLY),
        "write-host-memory" => open(of_host("mem"), libc::O_RDWR),
        "write-file" => open(text(c"/dev/null"), libc::O_WRONLY),
        "create-file" => open(text(c"/tmp"), libc::O_TMPFILE | libc::O_RDWR),
        "open-terminal" => open(text(c"/dev/tty"), libc::O_RDWR),
        "unlink" => (libc::SYS_unlinkat, [at_cwd(), nothing, 0, 0, 0]),
        "rename" => (
            libc::SYS_renameat2,
            [at_cwd(), nothing, at_cwd(), nothing, 0],
        ),
        "make-directory" => (libc::SYS_mkdirat, [at_cwd(), text(c"/tmp"), 0o700, 0, 0]),
        "change-mode" => (libc::SYS_fchmodat, [at_cwd(), nothing, 0o600, 0, 0]),
        "change-root" => (libc::SYS_chroot, [text(c"/"), 0, 0, 0, 0]),
        _ => return None,
    })
}

fn on_sockets(name: &str, memory: &Memory) -> Option<Call> {
    let socket = |family| {
        let arguments = [number(family), number(libc::SOCK_DGRAM), 0, 0, 0];
        (libc::SYS_socket, arguments)
    };
    let address = (&raw const memory.address).addr();
    let length = size_of::<libc::sockaddr_in>();
    Some(match name {
        "socket-inet" => socket(libc::AF_INET),
        "socket-inet6" => socket(libc::AF_INET6),
        "socket-unix" => socket(libc::AF_UNIX),
        "socket-netlink" => socket(libc::AF_NETLINK),
        "connect" => (libc::SYS_connect, [0, address, length, 0, 0]),
        "bind" => (libc::SYS_bind, [0, address, length, 0, 0]),
        _ => return None,
    })
}

fn on_processes(name: &str, host: i32, memory: &Memory) -> Option<Call> {
    let host = number(host);
    let buffer = (&raw const memory.buffer).addr();
    let limit = (&raw const memory.limit).addr();
    Some(match name {
        "fork" => (libc::SYS_clone, [number(libc::SIGCHLD), 0, 0, 0, 0]),
        "execute" => {
            let argv = memory.argv.as_ptr().addr();
            (libc::SYS_execve, [text(c"/bin/true"), argv, 0, 0, 0])
        }
        "kill-host" => (libc::SYS_kill, [host, 0, 0, 0, 0]),
        "kill-everything" => (libc::SYS_kill, [number(-1), 0, 0, 0, 0]),
        "kill-host-thread" => (libc::SYS_tgkill, [host, host, 0, 0, 0]),
        "pidfd-host" => (libc::SYS_pidfd_open, [host, 0, 0, 0, 0]),
        "trace-host" => (libc::SYS_ptrace, [PTRACE_SEIZE, host, 0, 0, 0]),
        "read-host-process" => (libc::SYS_process_vm_readv, [host, buffer, 1, buffer, 1]),
        "write-host-process" => (libc::SYS_process_vm_writev, [host, buffer, 1, buffer, 1]),
        // The processor time of another process: `clock_getcpuclockid(3)`.
        "clock-of-host" => (libc::SYS_clock_gettime, [(!host << 3) | 2, buffer, 0, 0, 0]),
        "processors-of-host" => (libc::SYS_sched_getaffinity, [host, 0, 0, 0, 0]),
        "limit-host" => (
            libc::SYS_prlimit64,
            [host, number(libc::RLIMIT_CORE.cast_signed()), 0, limit, 0],
        ),
        _ => return None,
    })
}

fn map(flags: i32) -> Call {
    let access = number(libc::PROT_READ | libc::PROT_WRITE);
    (libc::SYS_mmap, [0, 4096, access, number(flags), number(-1)])
}

fn on_itself(name: &str, memory: &Memory) -> Option<Call> {
    let limit = (&raw const memory.limit).addr();
    let control = |option, value| (libc::SYS_prctl, [number(option), value, 0, 0, 0]);
    Some(match name {
        "map-shared" => map(libc::MAP_SHARED | libc::MAP_ANONYMOUS),
        // What the bound of memory does not count.
        "map-stack" => map(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_GROWSDOWN),
        "outlive-host" => control(libc::PR_SET_PDEATHSIG, 0),
        "become-dumpable" => control(libc::PR_SET_DUMPABLE, 1),
        "raise-limit" => (
            libc::SYS_prlimit64,
            [0, number(libc::RLIMIT_DATA.cast_signed()), limit, 0, 0],
        ),
        "become-root" => (libc::SYS_setresuid, [0, 0, 0, 0, 0]),
        "leave-session" => (libc::SYS_setsid, [0; 5]),
        "type-into-terminal" => (libc::SYS_ioctl, [0, TIOCSTI, text(c"x"), 0, 0]),
        "further-filter" => (libc::SYS_seccomp, [SECCOMP_SET_MODE_STRICT, 1, 0, 0, 0]),
        "personality" => (libc::SYS_personality, [0; 5]),
        _ => return None,
    })
}

/// What a descriptor to read from is not for: changes of the file, and marks on it that others notice.
fn on_an_open_file(name: &str, memory: &Memory) -> Option<Call> {
    let control = |command, argument| (libc::SYS_fcntl, [FILE, number(command), argument, 0, 0]);
    let (user, lock) = (number(-1), (&raw const memory.lock).addr());
    let times = memory.times.as_ptr().addr();
    let flags = (&raw const memory.number).addr();
    Some(match name {
        "file-write" => (libc::SYS_write, [FILE, text(c"x"), 1, 0, 0]),
        "file-write-at" => (libc::SYS_pwrite64, [FILE, text(c"x"), 1, 0, 0]),
        "file-cut" => (libc::SYS_ftruncate, [FILE, 0, 0, 0, 0]),
        "file-allocate" => (libc::SYS_fallocate, [FILE, 0, 0, 4096, 0]),
        "file-change-mode" => (libc::SYS_fchmod, [FILE, 0o777, 0, 0, 0]),
        "file-change-owner" => (libc::SYS_fchown, [FILE, user, user, 0, 0]),
        "file-change-times" => (libc::SYS_utimensat, [FILE, 0, times, 0, 0]),
        "file-set-attribute" => {
            let call = [FILE, text(c"user.attack"), text(c"x"), 1, 0];
            (libc::SYS_fsetxattr, call)
        }
        "file-set-flags" => (libc::SYS_ioctl, [FILE, FS_IOC_SETFLAGS, flags, 0, 0]),
        "file-lease" => control(libc::F_SETLEASE, number(libc::F_RDLCK)),
        "file-notify" => control(libc::F_NOTIFY, DN_ACCESS),
        "file-signals" => control(libc::F_SETOWN, number(1)),
        "file-lock-range" => control(libc::F_SETLK, lock),
        "file-lock" => (libc::SYS_flock, [FILE, number(libc::LOCK_SH), 0, 0, 0]),
        _ => return None,
    })
}

/// Ways to more than that descriptor.
fn with_an_open_file(name: &str, memory: &Memory) -> Option<Call> {
    let path = text(c"/proc/self/fd/3");
    let nothing = text(c"/tmp/secure-exec-self-attack");
    let shared = |access| {
        let flags = number(libc::MAP_SHARED);
        (libc::SYS_mmap, [0, 4096, number(access), flags, FILE])
    };
    let message = (&raw const memory.message).addr();
    Some(match name {
        "file-open-again" => open(path, libc::O_RDONLY),
        "file-open-to-write" => open(path, libc::O_RDWR),
        "file-open-to-cut" => open(path, libc::O_RDONLY | libc::O_TRUNC),
        "file-open-handle" => (libc::SYS_open_by_handle_at, [FILE, message, 0, 0, 0]),
        "file-link" => {
            let flags = number(libc::AT_EMPTY_PATH);
            (
                libc::SYS_linkat,
                [FILE, text(c""), at_cwd(), nothing, flags],
            )
        }
        "file-map-shared" => shared(libc::PROT_READ),
        "file-map-to-write" => shared(libc::PROT_READ | libc::PROT_WRITE),
        // To the host, over a socket as over any other.
        "file-send" => (libc::SYS_sendmsg, [FILE, message, 0, 0, 0]),
        "file-execute" => {
            let argv = memory.argv.as_ptr().addr();
            let flags = number(libc::AT_EMPTY_PATH);
            (libc::SYS_execveat, [FILE, text(c""), argv, 0, flags])
        }
        "file-copy-onto" => (libc::SYS_copy_file_range, [FILE, 0, FILE, 0, 1]),
        "file-watch" => (libc::SYS_fanotify_init, [0; 5]),
        _ => return None,
    })
}

fn on_the_kernel(name: &str) -> Option<Call> {
    Some(match name {
        "memory-file" => (libc::SYS_memfd_create, [text(c"attack"), 0, 0, 0, 0]),
        "shared-segment" => (libc::SYS_shmget, [0, 4096, 0o600, 0, 0]),
        "mount" => (
            libc::SYS_mount,
            [text(c"none"), text(c"/tmp"), text(c"tmpfs"), 0, 0],
        ),
        "unshare" => (libc::SYS_unshare, [number(libc::CLONE_NEWUSER), 0, 0, 0, 0]),
        "join-namespace" => (libc::SYS_setns, [0; 5]),
        "load-bpf" => (libc::SYS_bpf, [0; 5]),
        "io-uring" => (libc::SYS_io_uring_setup, [1, 0, 0, 0, 0]),
        "perf-events" => (libc::SYS_perf_event_open, [0; 5]),
        "userfaultfd" => (libc::SYS_userfaultfd, [1, 0, 0, 0, 0]),
        "keyring" => (libc::SYS_keyctl, [0, number(SESSION_KEYRING), 1, 0, 0]),
        "watch-files" => (libc::SYS_inotify_init1, [0; 5]),
        "load-module" => (libc::SYS_finit_module, [0; 5]),
        _ => return None,
    })
}

fn open(path: usize, flags: i32) -> Call {
    (libc::SYS_openat, [at_cwd(), path, number(flags), 0o600, 0])
}

fn text(text: &'static CStr) -> usize {
    text.as_ptr().addr()
}

fn at_cwd() -> usize {
    number(libc::AT_FDCWD)
}

/// An `int` as the register has it.
fn number(value: i32) -> usize {
    (value as isize).cast_unsigned()
}
