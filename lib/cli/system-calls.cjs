"use strict";
// The names of the system calls that `--trace` can show: those of docs/syscalls.md, of which some are shown by the name
// of the call of Linux that does them.

const systemCalls = new Set(
  `
    openat close read write pread64 pwrite64 readv writev preadv pwritev lseek copy_file_range ftruncate
    truncate fsync fdatasync getdents64 dup dup2 dup3 fcntl pipe2 poll socket bind listen accept4
    connect socketpair shutdown getsockname getpeername getsockopt setsockopt sendto recvfrom sendmsg recvmsg mkdirat mknodat unlinkat renameat2 linkat symlinkat readlinkat chdir
    fchdir getcwd fstat newfstatat statfs fstatfs faccessat2 fchmodat fchmod fchownat fchown utimensat
    umask inotify_init1 inotify_add_watch inotify_rm_watch posix_spawn fork execve exit_group wait4
    getpid getppid getpgid setpgid getsid setsid uname getrandom clock_gettime kill rt_sigaction
    rt_sigtimedwait ioctl prlimit64
  `
    .trim()
    .split(/\s+/),
);

module.exports = { systemCalls };
