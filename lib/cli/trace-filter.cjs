"use strict";
// Which system calls `--trace=SET` shows, in the words of `strace -e trace=SET`.

const { systemCalls } = require("./system-calls.cjs");
const { UsageError } = require("./usage-error.cjs");

const words = (text) => text.trim().split(/\s+/);

/** The classes of strace(1) that have members here. */
const classes = {
  file: words(
    `openat mkdirat mknodat unlinkat renameat2 linkat symlinkat readlinkat faccessat2 newfstatat statx statfs
     chdir fchmodat fchmodat2 fchownat utimensat truncate execve inotify_add_watch getcwd chroot`,
  ),
  desc: words(
    `openat close read write pread64 pwrite64 readv writev preadv pwritev lseek copy_file_range ftruncate fsync
     fdatasync getdents64 dup dup2 dup3 fcntl pipe2 poll ioctl fstat fchmod fchown fchdir flock inotify_init1
     inotify_add_watch inotify_rm_watch mkdirat mknodat unlinkat renameat2 linkat symlinkat readlinkat
     faccessat2 newfstatat fchmodat fchownat utimensat`,
  ),
  process: words("clone fork vfork execve exit exit_group wait4 waitid kill posix_spawn"),
  signal: words(
    "kill tgkill rt_sigaction rt_sigprocmask rt_sigpending rt_sigsuspend rt_sigtimedwait sigaltstack pause",
  ),
  network: words(
    `socket bind listen accept accept4 connect socketpair shutdown sendto recvfrom sendmsg recvmsg
     getsockname getpeername getsockopt setsockopt`,
  ),
};

/** Reads `openat,write`, `!close`, `%file`, `/at2?$`, `?open`, `all`, `none`: gives a test of a call's name. */
function traceFilter(text, flag) {
  const negated = text.startsWith("!");
  const tests = (negated ? text.slice(1) : text).split(",").map((word) => testOf(word, flag));
  return (name) => tests.some((test) => test(name)) !== negated;
}

function testOf(word, flag) {
  if (word === "all") return () => true;
  if (word === "none") return () => false;
  if (word.startsWith("/")) return patternOf(word.slice(1), flag);
  if (word.startsWith("%")) {
    const members = Object.hasOwn(classes, word.slice(1)) ? classes[word.slice(1)] : undefined;
    if (members) return (name) => members.includes(name);
  }
  const [, lenient, call] = /^(\??)([A-Za-z]\w*)$/.exec(word) ?? [];
  if (call) {
    if (!lenient && !systemCalls.has(call)) throw unknownCall(call, flag);
    return (name) => name === call;
  }
  const known = Object.keys(classes).map((name) => `%${name}`);
  throw new UsageError(
    `${flag} takes names of system calls, ${known.join(", ")} or /pattern, not '${word}'`,
  );
}

/** A call that no program of the machine can make would look like one that none has made. */
function unknownCall(call, flag) {
  const near = [...systemCalls].filter((name) => name.includes(call)).slice(0, 3);
  const hint = near.length > 0 ? `. There is ${near.join(", ")}` : "";
  return new UsageError(`${flag}: the machine has no system call '${call}'${hint}`);
}

function patternOf(source, flag) {
  try {
    const pattern = new RegExp(source);
    return (name) => pattern.test(name);
  } catch {
    throw new UsageError(`${flag} takes a regular expression behind '/', not '${source}'`);
  }
}

module.exports = { traceFilter };
