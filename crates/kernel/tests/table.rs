//! The table of system calls: every row is exercised, and the tracer sees it.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod common;
use common::*;
use parking_lot::Mutex;
use secure_exec_kernel::abi::socket::{
    AF_UNIX, SO_REUSEADDR, SO_TYPE, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_STREAM,
    SOL_SOCKET,
};
use secure_exec_kernel::syscalls::TABLE;
use secure_exec_kernel::*;
use std::collections::BTreeSet;
use std::sync::Arc;

#[derive(Default)]
struct Recorder {
    names: Mutex<BTreeSet<&'static str>>,
    lines: Mutex<Vec<String>>,
}

impl Tracer for Recorder {
    fn syscall(&self, event: &SyscallEvent<'_>) {
        self.names.lock().insert(event.name);
        self.lines.lock().push(event.to_string());
    }

    fn process(&self, event: &ProcessEvent) {
        self.lines.lock().push(event.to_string());
    }
}

fn files(guest: &Process) {
    let flags = OpenFlags::O_RDWR | OpenFlags::O_CREAT;
    let fd = guest.openat(AT_FDCWD, b"f", flags, 0o644).unwrap();
    let to = guest.open(b"g", flags, 0o644).unwrap();
    let mut buf = [0; 4];
    guest.write(fd, b"abcd").unwrap();
    guest.read(fd, &mut buf).unwrap();
    guest.pwrite(fd, b"x", 0).unwrap();
    guest.pread(fd, &mut buf, 0).unwrap();
    guest.writev(fd, &[b"a"]).unwrap();
    guest.readv(fd, &mut [&mut buf]).unwrap();
    guest.pwritev(fd, &[b"a"], 0).unwrap();
    guest.preadv(fd, &mut [&mut buf], 0).unwrap();
    guest.lseek(fd, 0, 0).unwrap();
    guest.copy_file_range(fd, None, to, None, 4).unwrap();
    guest.ftruncate(fd, 2).unwrap();
    guest.truncate(b"f", 1).unwrap();
    guest.fsync(fd).unwrap();
    guest.fdatasync(fd).unwrap();
    let dir = guest.open(b".", OpenFlags::O_DIRECTORY, 0).unwrap();
    guest.getdents(dir).unwrap();
    guest.fchdir(dir).unwrap();
    guest.fstat(fd).unwrap();
    guest.fstatfs(fd).unwrap();
    guest.fchmod(fd, 0o600).unwrap();
    guest.fchown(fd, 1000, 1000).unwrap();
    guest.futimens(fd, SetTime::Now, SetTime::Now).unwrap();
    guest.dup(fd).unwrap();
    guest.dup2(fd, 20).unwrap();
    guest.dup3(fd, 21, OpenFlags::O_CLOEXEC).unwrap();
    guest.fd_flags(fd).unwrap();
    guest.pipe2(OpenFlags::O_CLOEXEC).unwrap();
    let (socket, _) = guest
        .socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)
        .unwrap();
    guest.shutdown(socket, net::Shutdown::Both).unwrap();
    let server = guest
        .socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)
        .unwrap();
    guest.bind(server, &SocketAddress::path(b"socket")).unwrap();
    guest.listen(server, 8).unwrap();
    let client = guest
        .socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)
        .unwrap();
    guest
        .connect(client, &SocketAddress::path(b"socket"))
        .unwrap();
    guest.accept4(server, SOCK_CLOEXEC).unwrap();
    guest.getsockname(server).unwrap();
    guest.getpeername(client).unwrap();
    guest.getsockopt(client, SOL_SOCKET, SO_TYPE).unwrap();
    guest
        .setsockopt(client, SOL_SOCKET, SO_REUSEADDR, OptionValue::Int(1))
        .unwrap();
    let (one, two) = guest.socketpair(AF_UNIX, SOCK_DGRAM, 0).unwrap();
    guest.sendto(one, b"a", MsgFlags::empty(), None).unwrap();
    guest.recvfrom(two, &mut buf, MsgFlags::empty()).unwrap();
    let message = SendMessage {
        bufs: &[b"a"],
        ..SendMessage::default()
    };
    guest.sendmsg(one, &message, MsgFlags::empty()).unwrap();
    guest
        .recvmsg(two, &mut [&mut buf], MsgFlags::empty())
        .unwrap();
    ready(poll(|cx| guest.poll_ready(fd, PollEvents::POLLIN, cx))).unwrap();
    guest.close(fd).unwrap();
}

fn paths(guest: &Process) {
    guest.mkdir(b"d", 0o755).unwrap();
    guest.mknodat(AT_FDCWD, b"p", 0o010_600).unwrap();
    guest.rename(b"p", b"q").unwrap();
    guest.link(b"q", b"r").unwrap();
    guest.symlink(b"q", b"s").unwrap();
    guest.readlink(b"s").unwrap();
    guest.unlink(b"s").unwrap();
    guest.chdir(b"d").unwrap();
    guest.getcwd().unwrap();
    guest.stat(b".").unwrap();
    guest.statfs(b".").unwrap();
    guest.access(b".", 0).unwrap();
    guest.chmod(b".", 0o700).unwrap();
    guest.chown(b".", 1000, 1000).unwrap();
    guest.umask(0o022);
    let fd = guest.inotify_init1(OpenFlags::empty()).unwrap();
    let wd = guest
        .inotify_add_watch(fd, b".", InotifyMask::IN_CREATE)
        .unwrap();
    guest.inotify_rm_watch(fd, wd).unwrap();
}

fn processes(machine: &Machine, guest: &Process) {
    let child = guest.posix_spawn(command()).unwrap();
    let child = machine.kernel.process(child).unwrap();
    guest.setpgid(child.pid().raw(), 0).unwrap();
    guest.getpid();
    guest.ppid();
    guest.getpgid(0).unwrap();
    guest.getsid(0).unwrap();
    child.setsid().unwrap_err();
    guest
        .setrlimit(
            Resource::RLIMIT_CORE,
            guest.getrlimit(Resource::RLIMIT_CORE),
        )
        .unwrap();
    guest.uname().unwrap();
    guest.getrandom(&mut [0; 4]).unwrap();
    guest.clock_realtime();
    guest
        .sigaction(Signal::SIGUSR1, Disposition::Handle)
        .unwrap();
    guest.kill(guest.pid().raw(), Signal::SIGUSR1).unwrap();
    ready(poll(|cx| guest.poll_signal(cx)));
    child
        .execve(b"/bin/true", vec![b"true".to_vec()], Vec::new())
        .unwrap();
    child
        .fork(|copy| {
            copy.exit(0);
            Ok(())
        })
        .unwrap();
    child.exit(0);
    ready(poll(|cx| guest.poll_wait4(-1, WaitFlags::empty(), cx))).unwrap();
}

fn terminals(machine: &Machine) {
    let guest = machine
        .kernel
        .spawn(SpawnOptions {
            setsid: true,
            ..command()
        })
        .unwrap();
    let master = guest.open(b"/dev/ptmx", OpenFlags::O_RDWR, 0).unwrap();
    guest.unlockpt(master).unwrap();
    let path = guest.ptsname(master).unwrap();
    let flags = OpenFlags::O_RDWR | OpenFlags::O_NOCTTY;
    let tty = guest.open(&path, flags, 0).unwrap();
    guest.tiocsctty(tty).unwrap();
    assert!(guest.isatty(tty));
    guest.ttyname(tty).unwrap();
    let termios = guest.tcgetattr(tty).unwrap();
    guest
        .tcsetattr(tty, TcsetAction::TCSADRAIN, &termios)
        .unwrap();
    guest.tcflush(tty, TcflushQueue::TCIOFLUSH).unwrap();
    guest.tcflow(tty, TcflowAction::TCOON).unwrap();
    guest.tcdrain(tty).unwrap();
    guest.tcsendbreak(tty, 0).unwrap();
    guest.tcgetpgrp(tty).unwrap();
    guest.tcsetpgrp(tty, guest.pid().raw()).unwrap();
    guest.tcgetsid(tty).unwrap();
    let winsize = guest.tiocgwinsz(tty).unwrap();
    guest.tiocswinsz(tty, winsize).unwrap();
    guest.tiocnotty(tty).unwrap();
}

#[test]
fn every_row_is_exercised_and_traced() {
    let machine = machine();
    let recorder = Arc::new(Recorder::default());
    machine.kernel.set_tracer(Some(recorder.clone()));
    let guest = machine.guest();
    files(&guest);
    paths(&guest);
    processes(&machine, &guest);
    terminals(&machine);
    machine.kernel.set_tracer(None);
    guest.getcwd().unwrap();
    let rows: BTreeSet<&str> = TABLE.iter().map(|row| row.name).collect();
    assert_eq!(rows.len(), TABLE.len(), "names are unique");
    assert_eq!(*recorder.names.lock(), rows);
}

/// Traces what `work` does with a process, without the prefix of the process.
fn traced(machine: &Machine, guest: &Process, work: impl FnOnce(&Process)) -> Vec<String> {
    let recorder = Arc::new(Recorder::default());
    machine.kernel.set_tracer(Some(recorder.clone()));
    work(guest);
    machine.kernel.set_tracer(None);
    let prefix = format!("[pid {:>5}] ", guest.pid());
    let lines = recorder.lines.lock();
    lines
        .iter()
        .map(|line| line.strip_prefix(&prefix).unwrap_or(line).to_owned())
        .collect()
}

#[test]
fn trace_lines_of_files_are_straces() {
    let machine = machine();
    let guest = machine.guest();
    let lines = traced(&machine, &guest, |guest| {
        let flags = OpenFlags::O_WRONLY | OpenFlags::O_CREAT | OpenFlags::O_CLOEXEC;
        let fd = guest.open(b"/tmp/x", flags, 0o644).unwrap();
        guest.write(fd, b"hello\n\x01").unwrap();
        guest.write(fd, &[b'0'; 40]).unwrap();
        guest.pwrite(fd, b"H", 0).unwrap();
        guest.writev(fd, &[b"ab", b"cd"]).unwrap();
        guest.lseek(fd, 0, 0).unwrap();
        guest.close(fd).unwrap();
        guest.stat(b"/tmp/x").unwrap();
        guest.lstat(b"/tmp/nope").unwrap_err();
        guest.stat(b"/dev/null").unwrap();
        let fd = guest.open(b"/tmp/x", OpenFlags::O_RDONLY, 0).unwrap();
        let mut buf = [0; 100];
        guest.read(fd, &mut buf[..7]).unwrap();
        guest.pread(fd, &mut buf, 9).unwrap();
        let (first, second) = buf.split_at_mut(4);
        guest.readv(fd, &mut [first, second]).unwrap();
        guest.read(fd, &mut buf).unwrap();
        guest.read(99, &mut buf).unwrap_err();
        guest.access(b"/tmp", 4 | 1).unwrap();
        guest.mkdirat(AT_FDCWD, b"/tmp/d\n", 0o777).unwrap();
        guest.symlinkat(b"to", AT_FDCWD, b"/tmp/link").unwrap();
        guest.readlinkat(AT_FDCWD, b"/tmp/link").unwrap();
        guest
            .unlinkat(AT_FDCWD, b"/tmp/link", AtFlags::empty())
            .unwrap();
        let dir = guest.open(b"/tmp", OpenFlags::O_DIRECTORY, 0).unwrap();
        guest.getdents(dir).unwrap();
        guest.umask(0o77);
        guest.getcwd().unwrap();
    });
    assert_eq!(
        lines,
        [
            r#"openat(AT_FDCWD, "/tmp/x", O_WRONLY|O_CREAT|O_CLOEXEC, 0644) = 0"#,
            r#"write(0, "hello\n\1", 7) = 7"#,
            r#"write(0, "00000000000000000000000000000000"..., 40) = 40"#,
            r#"pwrite64(0, "H", 1, 0) = 1"#,
            r#"writev(0, [{iov_base="ab", iov_len=2}, {iov_base="cd", iov_len=2}], 2) = 4"#,
            "lseek(0, 0, SEEK_SET) = 0",
            "close(0) = 0",
            r#"newfstatat(AT_FDCWD, "/tmp/x", {st_mode=S_IFREG|0644, st_size=51, ...}, 0) = 0"#,
            r#"newfstatat(AT_FDCWD, "/tmp/nope", 0x7ffc00000000, AT_SYMLINK_NOFOLLOW) = -1 ENOENT (No such file or directory)"#,
            r#"newfstatat(AT_FDCWD, "/dev/null", {st_mode=S_IFCHR|0666, st_rdev=makedev(0x1, 0x3), ...}, 0) = 0"#,
            r#"openat(AT_FDCWD, "/tmp/x", O_RDONLY) = 0"#,
            r#"read(0, "Hello\n\1", 7) = 7"#,
            r#"pread64(0, "00000000000000000000000000000000"..., 100, 9) = 42"#,
            r#"readv(0, [{iov_base="0000", iov_len=4}, {iov_base="00000000000000000000000000000000"..., iov_len=96}], 2) = 44"#,
            r#"read(0, "", 100) = 0"#,
            "read(99, 0x7ffc00000000, 100) = -1 EBADF (Bad file descriptor)",
            r#"faccessat2(AT_FDCWD, "/tmp", R_OK|X_OK, 0) = 0"#,
            r#"mkdirat(AT_FDCWD, "/tmp/d\n", 0777) = 0"#,
            r#"symlinkat("to", AT_FDCWD, "/tmp/link") = 0"#,
            r#"readlinkat(AT_FDCWD, "/tmp/link", "to", 4096) = 2"#,
            r#"unlinkat(AT_FDCWD, "/tmp/link", 0) = 0"#,
            r#"openat(AT_FDCWD, "/tmp", O_RDONLY|O_DIRECTORY) = 1"#,
            "getdents64(1, 0x7ffc00000000 /* 2 entries */, 32768) = 48",
            "umask(077) = 022",
            r#"getcwd("/home/user", 4096) = 11"#,
        ]
    );
}

#[test]
fn trace_lines_of_descriptors_are_straces() {
    let machine = machine();
    let guest = machine.guest();
    let lines = traced(&machine, &guest, |guest| {
        let flags = OpenFlags::O_NONBLOCK | OpenFlags::O_CLOEXEC;
        let (read, write) = guest.pipe2(flags).unwrap();
        guest.read(read, &mut [0; 9]).unwrap_err();
        guest.status_flags(read).unwrap();
        guest.fd_flags(read).unwrap();
        guest.set_fd_flags(read, FdFlags::empty()).unwrap();
        guest.fd_flags(read).unwrap();
        guest.dup3(read, 9, OpenFlags::O_CLOEXEC).unwrap();
        guest.dup_from(write, 20, true).unwrap();
        ready(poll(|cx| {
            guest.poll_ready(write, PollEvents::POLLIN | PollEvents::POLLOUT, cx)
        }))
        .unwrap();
        guest
            .socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)
            .unwrap();
        let socket = guest
            .socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)
            .unwrap();
        guest.bind(socket, &SocketAddress::path(b"/tmp/s")).unwrap();
        guest.listen(socket, 511).unwrap();
    });
    assert_eq!(
        lines,
        [
            "pipe2([0, 1], O_NONBLOCK|O_CLOEXEC) = 0",
            "read(0, 0x7ffc00000000, 9) = -1 EAGAIN (Resource temporarily unavailable)",
            "fcntl(0, F_GETFL) = 0x800 (flags O_RDONLY|O_NONBLOCK)",
            "fcntl(0, F_GETFD) = 0x1 (flags FD_CLOEXEC)",
            "fcntl(0, F_SETFD, 0) = 0",
            "fcntl(0, F_GETFD) = 0",
            "dup3(0, 9, O_CLOEXEC) = 9",
            "fcntl(1, F_DUPFD_CLOEXEC, 20) = 20",
            "poll([{fd=1, events=POLLIN|POLLOUT}], 1, -1) = 1 ([{fd=1, revents=POLLOUT}])",
            "socketpair(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0, [2, 3]) = 0",
            "socket(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC|SOCK_NONBLOCK, 0) = 4",
            r#"bind(4, {sa_family=AF_UNIX, sun_path="/tmp/s"}, 9) = 0"#,
            "listen(4, 511) = 0",
        ]
    );
}

#[test]
fn trace_lines_of_processes_are_straces() {
    let machine = machine();
    let guest = machine.guest();
    let lines = traced(&machine, &guest, |guest| {
        guest
            .sigaction(Signal::SIGCHLD, Disposition::Handle)
            .unwrap();
        guest
            .sigaction(Signal::SIGPIPE, Disposition::Ignore)
            .unwrap();
        let options = SpawnOptions {
            argv: vec![b"true".to_vec(), b"a b".to_vec()],
            envp: vec![(b"A".to_vec(), b"b".to_vec())],
            ..command()
        };
        let pid = guest.posix_spawn(options).unwrap();
        guest.kill(pid.raw(), Signal::SIGKILL).unwrap();
        ready(poll(|cx| guest.poll_wait4(-1, WaitFlags::empty(), cx))).unwrap();
        ready(poll(|cx| guest.poll_wait4(-1, WaitFlags::WNOHANG, cx))).unwrap_err();
        guest.take_signal().unwrap();
        assert_eq!(guest.take_signal(), None);
        guest.kill(99, Signal::SIGTERM).unwrap_err();
        guest.exit(3);
    });
    let child = guest.pid().raw() + 1;
    let (path, own) = ("/usr/bin/true", guest.pid());
    let other = format!("[pid {child:>5}] ");
    assert_eq!(
        lines,
        [
            "rt_sigaction(SIGCHLD, {sa_handler=0x7ffc00000000, sa_mask=[], sa_flags=0}, \
             {sa_handler=SIG_DFL, sa_mask=[], sa_flags=0}, 8) = 0"
                .to_owned(),
            "rt_sigaction(SIGPIPE, {sa_handler=SIG_IGN, sa_mask=[], sa_flags=0}, \
             {sa_handler=SIG_DFL, sa_mask=[], sa_flags=0}, 8) = 0"
                .to_owned(),
            format!(r#"{other}execve("{path}", ["true", "a b"], 0x7ffc00000000 /* 1 vars */) = 0"#),
            format!(r#"posix_spawn("true", ["true", "a b"], 0x7ffc00000000 /* 1 vars */) = {child}"#),
            format!("{other}+++ killed by SIGKILL +++"),
            format!(
                "--- SIGCHLD {{si_signo=SIGCHLD, si_code=CLD_KILLED, si_pid={child}, si_uid=1000, \
                 si_status=SIGKILL, si_utime=0, si_stime=0}} ---"
            ),
            format!("kill({child}, SIGKILL) = 0"),
            format!("wait4(-1, [{{WIFSIGNALED(s) && WTERMSIG(s) == SIGKILL}}], 0, NULL) = {child}"),
            "wait4(-1, 0x7ffc00000000, WNOHANG, NULL) = -1 ECHILD (No child processes)".to_owned(),
            "rt_sigtimedwait(~[], {si_signo=SIGCHLD, ...}, {tv_sec=0, tv_nsec=0}, 8) = 17 (SIGCHLD)".to_owned(),
            "kill(99, SIGTERM) = -1 ESRCH (No such process)".to_owned(),
            "exit_group(3) = ?".to_owned(),
            "+++ exited with 3 +++".to_owned(),
        ],
        "{own}"
    );
}

#[test]
fn trace_lines_of_terminals_are_straces() {
    let machine = machine();
    let options = SpawnOptions {
        setsid: true,
        ..command()
    };
    let guest = machine.kernel.spawn(options).unwrap();
    let lines = traced(&machine, &guest, |guest| {
        let master = guest.open(b"/dev/ptmx", OpenFlags::O_RDWR, 0).unwrap();
        guest.unlockpt(master).unwrap();
        guest.ptsname(master).unwrap();
        guest.tcgetattr(master).unwrap();
        assert!(!guest.isatty(9));
        guest.tcflush(master, TcflushQueue::TCIOFLUSH).unwrap();
        let size = Winsize {
            rows: 30,
            cols: 90,
            ..Winsize::default()
        };
        guest.tiocswinsz(master, size).unwrap();
        guest.tcgetpgrp(master).unwrap();
    });
    assert_eq!(
        lines,
        [
            r#"openat(AT_FDCWD, "/dev/ptmx", O_RDWR) = 0"#,
            "ioctl(0, TIOCSPTLCK, [0]) = 0",
            "ioctl(0, TIOCGPTN, [0]) = 0",
            "ioctl(0, TCGETS, {c_iflag=ICRNL|IXON, c_oflag=NL0|CR0|TAB0|BS0|VT0|FF0|OPOST|ONLCR, \
             c_cflag=B38400|CS8|CREAD, c_lflag=ISIG|ICANON|ECHO|ECHOE|ECHOK|IEXTEN|ECHOCTL|ECHOKE, ...}) = 0",
            "ioctl(9, TCGETS, 0x7ffc00000000) = -1 EBADF (Bad file descriptor)",
            "ioctl(0, TCFLSH, TCIOFLUSH) = 0",
            "ioctl(0, TIOCSWINSZ, {ws_row=30, ws_col=90, ws_xpixel=0, ws_ypixel=0}) = 0",
            "ioctl(0, TIOCGPGRP, [0]) = 0",
        ]
    );
}
