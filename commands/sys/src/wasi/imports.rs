//! The functions of the module `secure_exec`, exactly as `docs/design/wasm-imports.md` lists them.

#[link(wasm_import_module = "secure_exec")]
unsafe extern "C" {
    pub fn proc_spawn(req: *const u8, len: usize, pid_out: *mut i32) -> i32;
    pub fn proc_exec(req: *const u8, len: usize) -> i32;
    pub fn proc_fork_call(function: usize, argument: usize, pid_out: *mut i32) -> i32;
    pub fn proc_wait(pid: i32, options: i32, pid_out: *mut i32, status_out: *mut i32) -> i32;
    pub fn proc_kill(pid: i32, signal: i32) -> i32;
    pub fn proc_getpid() -> i32;
    pub fn proc_getppid() -> i32;
    pub fn proc_getpgid(pid: i32, out: *mut i32) -> i32;
    pub fn proc_setpgid(pid: i32, pgid: i32) -> i32;
    pub fn proc_getsid(pid: i32, out: *mut i32) -> i32;
    pub fn proc_setsid(out: *mut i32) -> i32;
    pub fn proc_times(out: *mut u64) -> i32;
    pub fn proc_getrlimit(resource: i32, out: *mut u64) -> i32;
    pub fn proc_setrlimit(resource: i32, limits: *const u64) -> i32;
    pub fn proc_ids(out: *mut u32) -> i32;
    pub fn proc_argv0(buf: *mut u8, room: usize, length_out: *mut usize) -> i32;
    pub fn proc_umask(mask: u32) -> u32;

    pub fn sig_action(signal: i32, disposition: i32, old_out: *mut i32) -> i32;
    pub fn sig_take() -> i32;
    pub fn sig_wait(timeout_ms: i32, out: *mut i32) -> i32;

    pub fn fd_pipe(out: *mut i32, flags: i32) -> i32;
    pub fn fd_dup(fd: i32, minimum: i32, cloexec: i32, out: *mut i32) -> i32;
    pub fn fd_dup2(oldfd: i32, newfd: i32, flags: i32) -> i32;
    pub fn fd_cloexec(fd: i32, set: i32) -> i32;
    pub fn fd_stat(fd: i32, out: *mut u8) -> i32;
    pub fn fd_chdir(fd: i32) -> i32;
    pub fn fd_chmod(fd: i32, mode: u32) -> i32;

    pub fn path_chdir(path: *const u8, len: usize) -> i32;
    pub fn path_getcwd(buf: *mut u8, len: usize, len_out: *mut usize) -> i32;
    pub fn path_openat(
        dirfd: i32,
        path: *const u8,
        len: usize,
        flags: i32,
        mode: u32,
        out: *mut i32,
    ) -> i32;
    pub fn path_stat(dirfd: i32, path: *const u8, len: usize, flags: i32, out: *mut u8) -> i32;
    pub fn path_access(path: *const u8, len: usize, mode: i32) -> i32;
    pub fn path_chmod(path: *const u8, len: usize, mode: u32) -> i32;
    pub fn path_chown(path: *const u8, len: usize, uid: u32, gid: u32, flags: i32) -> i32;
    pub fn path_mkfifo(path: *const u8, len: usize, mode: u32) -> i32;
    pub fn path_mkdir(path: *const u8, len: usize, mode: u32) -> i32;
    pub fn path_statfs(path: *const u8, len: usize, out: *mut u64) -> i32;

    pub fn sock_open(domain: i32, kind: i32, protocol: i32, out: *mut i32) -> i32;
    pub fn sock_pair(domain: i32, kind: i32, protocol: i32, out: *mut i32) -> i32;
    pub fn sock_bind(fd: i32, address: *const u8, len: usize) -> i32;
    pub fn sock_listen(fd: i32, backlog: i32) -> i32;
    pub fn sock_accept4(fd: i32, flags: i32, out: *mut i32) -> i32;
    pub fn sock_connect(fd: i32, address: *const u8, len: usize) -> i32;
    pub fn sock_end(fd: i32, how: i32) -> i32;
    pub fn sock_name(fd: i32, buf: *mut u8, room: usize, len_out: *mut usize) -> i32;
    pub fn sock_peer(fd: i32, buf: *mut u8, room: usize, len_out: *mut usize) -> i32;
    pub fn sock_getopt(
        fd: i32,
        level: i32,
        name: i32,
        buf: *mut u8,
        room: usize,
        len_out: *mut usize,
    ) -> i32;
    pub fn sock_setopt(fd: i32, level: i32, name: i32, value: *const u8, len: usize) -> i32;
    pub fn sock_sendto(
        fd: i32,
        buf: *const u8,
        len: usize,
        flags: i32,
        to: *const u8,
        to_len: usize,
        sent_out: *mut usize,
    ) -> i32;
    pub fn sock_recvfrom(
        fd: i32,
        buf: *mut u8,
        room: usize,
        flags: i32,
        from: *mut u8,
        from_room: usize,
        from_len_out: *mut usize,
        count_out: *mut usize,
        flags_out: *mut i32,
    ) -> i32;

    pub fn tty_isatty(fd: i32) -> i32;
    pub fn tty_winsize(fd: i32, out: *mut u16) -> i32;
    pub fn tty_set_winsize(fd: i32, size: *const u16) -> i32;
    pub fn tty_getattr(fd: i32, out: *mut u8) -> i32;
    pub fn tty_setattr(fd: i32, action: i32, termios: *const u8) -> i32;
    pub fn tty_getpgrp(fd: i32, out: *mut i32) -> i32;
    pub fn tty_setpgrp(fd: i32, pgid: i32) -> i32;
    pub fn tty_acquire(fd: i32) -> i32;
    pub fn sys_uname(buf: *mut u8, len: usize, len_out: *mut usize) -> i32;
}
