//! The system calls that are left to the process (seccomp(2)). Everything else kills it.
//!
//! What is here was seen under the whole test suite, and what the C library does where the kernel has no faster way. A
//! call that is not here and not done by our code is the sign of code that is not ours: it ends the process with SIGSYS,
//! which the broker tells from other ends.
//!
//! Some calls are answered instead, because libraries try them and go on without:
//! - `clone3`, whose arguments a filter cannot see. The C library falls back to `clone`.
//! - `sysinfo`, and how other processes are scheduled: both tell of the host.
//! - opening and looking up files for reading. There are none.

use std::collections::BTreeMap;
use std::io;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Len, SeccompCmpOp as Op, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch, apply_filter_all_threads,
};

type Rules = BTreeMap<i64, Vec<SeccompRule>>;
type Result<T> = std::result::Result<T, seccompiler::BackendError>;

/// Calls with any arguments.
const FREE: &[libc::c_long] = &[
    // The socket, the mailbox, the files that are open.
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_pread64,
    // The answers of the files channel, with descriptors.
    libc::SYS_recvmsg,
    libc::SYS_lseek,
    libc::SYS_fstat,
    libc::SYS_close,
    libc::SYS_ppoll,
    libc::SYS_eventfd2,
    // The size of a file that is open. The path is not seen by a filter: what it gives away is that of `stat(2)`.
    libc::SYS_statx,
    // Memory.
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_membarrier,
    // Threads.
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_getcpu,
    libc::SYS_sched_yield,
    libc::SYS_exit,
    libc::SYS_exit_group,
    // Signals of the process's own.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    // Time, where the machine's clock cannot be read without the kernel, and how much of it was used.
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_restart_syscall,
    libc::SYS_getrusage,
    libc::SYS_getrandom,
];

/// As above, which newer architectures do not have.
#[cfg(target_arch = "x86_64")]
const FREE_OF_ARCHITECTURE: &[libc::c_long] = &[libc::SYS_poll, libc::SYS_time];

#[cfg(not(target_arch = "x86_64"))]
const FREE_OF_ARCHITECTURE: &[libc::c_long] = &[];

/// Calls that are answered with ENOSYS.
const MISSING: &[libc::c_long] = &[libc::SYS_clone3, libc::SYS_sysinfo];

/// Calls that take a process, or 0 for the caller. Others are answered with ENOSYS.
const SCHEDULING: &[libc::c_long] = &[
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_getparam,
    libc::SYS_sched_getscheduler,
];

/// Calls that take a clock.
const CLOCKS: &[libc::c_long] = &[
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
];

/// A clock's number below zero is the processor time of a process, or of a thread, which has to be the caller's process's
/// own (`clock_getcpuclockid(3)`).
const OF_A_PROCESS: u64 = 0x8000_0000;
const OF_A_THREAD: u64 = 4;

/// Lookups of files, answered with ENOENT.
const LOOKUPS: &[libc::c_long] = &[
    libc::SYS_newfstatat,
    libc::SYS_readlinkat,
    libc::SYS_faccessat,
];

#[cfg(target_arch = "x86_64")]
const LOOKUPS_OF_ARCHITECTURE: &[libc::c_long] =
    &[libc::SYS_access, libc::SYS_readlink, libc::SYS_stat];

#[cfg(not(target_arch = "x86_64"))]
const LOOKUPS_OF_ARCHITECTURE: &[libc::c_long] = &[];

/// `linux/prctl.h`, `linux/sched.h`.
const PR_SET_VMA: u64 = 0x5356_4d41;
const CLONE_NEWTIME: u64 = 0x80;
const NEW_NAMESPACES: u64 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET) as u64
    | CLONE_NEWTIME;
const THREAD: u64 = (libc::CLONE_VM | libc::CLONE_THREAD | libc::CLONE_SIGHAND) as u64;

/// Filters the calls of every thread of this process from now on.
///
/// # Errors
/// The kernel has no filters, or refused.
pub(crate) fn filter() -> io::Result<()> {
    let programs = programs().map_err(io::Error::other)?;
    for program in &programs {
        apply_filter_all_threads(program).map_err(io::Error::other)?;
    }
    Ok(())
}

/// The filters, in the order in which they are put on. The last takes away what putting on takes; of the answers of all
/// to a call the strictest counts.
fn programs() -> Result<[BpfProgram; 3]> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let answer = |rules: Rules, errno: i32| -> Result<BpfProgram> {
        let errno = SeccompAction::Errno(errno.cast_unsigned());
        SeccompFilter::new(rules, SeccompAction::Allow, errno, arch)?.try_into()
    };
    let mut files = vec![libc::SYS_openat];
    files.extend(LOOKUPS);
    files.extend(LOOKUPS_OF_ARCHITECTURE);
    let allowed = SeccompFilter::new(
        allowed()?,
        SeccompAction::KillProcess,
        SeccompAction::Allow,
        arch,
    )?;
    let mut missing = of_any_arguments(MISSING);
    for call in SCHEDULING {
        let others = is(0, Len::Dword, Op::Ne, 0)?;
        missing.insert(*call, vec![SeccompRule::new(vec![others])?]);
    }
    Ok([
        answer(missing, libc::ENOSYS)?,
        answer(of_any_arguments(&files), libc::ENOENT)?,
        allowed.try_into()?,
    ])
}

fn of_any_arguments(calls: &[libc::c_long]) -> Rules {
    calls.iter().map(|call| (*call, Vec::new())).collect()
}

/// What does not kill.
fn allowed() -> Result<Rules> {
    let free = [
        FREE,
        FREE_OF_ARCHITECTURE,
        LOOKUPS,
        LOOKUPS_OF_ARCHITECTURE,
        MISSING,
        SCHEDULING,
    ];
    let mut rules = of_any_arguments(&free.concat());
    for (call, cases) in by_argument()? {
        rules.insert(call, cases);
    }
    Ok(rules)
}

/// Calls that depend on their arguments.
fn by_argument() -> Result<Vec<(libc::c_long, Vec<SeccompRule>)>> {
    let own_pid = u64::from(std::process::id());
    let null = |argument| is(argument, Len::Qword, Op::Eq, 0);
    let equal = |argument, value| is(argument, Len::Dword, Op::Eq, value);
    let with = |argument, mask, value| is(argument, Len::Dword, Op::MaskedEq(mask), value);
    let writing = (libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC) as u64;
    let resource = u64::from(libc::RLIMIT_DATA);
    let stack = u64::from(libc::RLIMIT_STACK);
    /// What the bound of memory does not count, or counts as a stack's: shared, growing down, of huge pages, locked.
    const UNBOUNDED: u64 =
        (libc::MAP_SHARED | libc::MAP_GROWSDOWN | libc::MAP_HUGETLB | libc::MAP_LOCKED) as u64;
    /// What else is told of a mapping's kind.
    const OF_A_FILE: u64 = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS) as u64;
    let own_clocks = || -> Result<Vec<SeccompRule>> {
        Ok(vec![
            all(vec![with(0, OF_A_PROCESS, 0)?])?,
            all(vec![with(0, OF_A_THREAD, OF_A_THREAD)?])?,
        ])
    };
    let mut cases = vec![
        // The one socket is connected.
        (libc::SYS_recvfrom, vec![all(vec![null(4)?])?]),
        (libc::SYS_sendto, vec![all(vec![null(4)?])?]),
        (
            libc::SYS_mmap,
            vec![
                all(vec![with(3, UNBOUNDED, 0)?])?,
                // Memory files that the host hands over to be filled. They have their length, and what else is open is
                // not open for writing.
                all(vec![
                    equal(2, (libc::PROT_READ | libc::PROT_WRITE) as u64)?,
                    with(3, UNBOUNDED | OF_A_FILE, libc::MAP_SHARED as u64)?,
                ])?,
            ],
        ),
        (
            libc::SYS_clone,
            vec![all(vec![with(0, THREAD | NEW_NAMESPACES, THREAD)?])?],
        ),
        (
            libc::SYS_prctl,
            vec![
                all(vec![equal(0, libc::PR_SET_NAME as u64)?])?,
                all(vec![equal(0, PR_SET_VMA)?])?,
            ],
        ),
        // The memory limit moves below its hard limit. Where the stack ends is asked by the C library.
        (
            libc::SYS_prlimit64,
            vec![
                all(vec![equal(0, 0)?, equal(1, resource)?])?,
                all(vec![equal(0, 0)?, equal(1, stack)?, null(2)?])?,
            ],
        ),
        (libc::SYS_ioctl, vec![all(vec![equal(1, libc::FIONBIO)?])?]),
        // A file that several engines read.
        (
            libc::SYS_fcntl,
            vec![all(vec![equal(1, libc::F_DUPFD_CLOEXEC as u64)?])?],
        ),
        (libc::SYS_tgkill, vec![all(vec![equal(0, own_pid)?])?]),
        (libc::SYS_openat, vec![all(vec![with(2, writing, 0)?])?]),
    ];
    for call in CLOCKS {
        cases.push((*call, own_clocks()?));
    }
    Ok(cases)
}

fn is(argument: u8, length: Len, operator: Op, value: u64) -> Result<SeccompCondition> {
    SeccompCondition::new(argument, length, operator, value)
}

fn all(conditions: Vec<SeccompCondition>) -> Result<SeccompRule> {
    SeccompRule::new(conditions)
}
