//! Processes: identity, starting, waiting, ending, limits.

use super::Sysno;
use crate::abi::Pid;
use crate::abi::resource::{Resource, Rlimit};
use crate::abi::stat::Timespec;
use crate::abi::utsname::Utsname;
use crate::abi::wait::{ExitStatus, WaitFlags};
use crate::errno::{Errno, Result};
use crate::fs::procfs::{OS_RELEASE, OS_TYPE, OS_VERSION};
use crate::limits::act_for;
use crate::process::{Process, ProcessState, SpawnOptions};
use crate::trace::{self, Args, Quoted, Random, Strings, Variables};
use core::task::{Context, Poll};
use std::sync::Arc;

impl Process {
    /// Implements `getpid(2)`.
    pub fn getpid(&self) -> Pid {
        self.enter(Sysno::Getpid, format_args!(""), || Ok(self.pid()))
            .unwrap_or(self.pid())
    }

    /// Implements `getppid(2)`; 0 if there is no parent.
    pub fn ppid(&self) -> Pid {
        let found = self.enter(Sysno::Getppid, format_args!(""), || {
            Ok(self.kernel()?.table.lock().row(self.pid())?.ppid)
        });
        found.unwrap_or(Pid::from_raw(0))
    }

    /// Process group of this process.
    pub fn pgid(&self) -> Pid {
        self.getpgid(0).unwrap_or(Pid::from_raw(0))
    }

    /// Session of this process.
    pub fn sid(&self) -> Pid {
        self.getsid(0).unwrap_or(Pid::from_raw(0))
    }

    fn named(&self, pid: i32) -> Pid {
        if pid == 0 {
            self.pid()
        } else {
            Pid::from_raw(pid)
        }
    }

    /// Implements `getpgid(2)`; 0 means this process.
    ///
    /// # Errors
    /// - `ESRCH`: no such process.
    pub fn getpgid(&self, pid: i32) -> Result<Pid> {
        self.enter(Sysno::Getpgid, format_args!("{pid}"), || {
            Ok(self.kernel()?.table.lock().row(self.named(pid))?.pgid)
        })
    }

    /// Implements `getsid(2)`; 0 means this process.
    ///
    /// # Errors
    /// - `ESRCH`: no such process.
    pub fn getsid(&self, pid: i32) -> Result<Pid> {
        self.enter(Sysno::Getsid, format_args!("{pid}"), || {
            Ok(self.kernel()?.table.lock().row(self.named(pid))?.sid)
        })
    }

    /// Implements `setpgid(2)`: puts this process or a child into a group; zeroes mean this process and its own group.
    ///
    /// # Errors
    /// - `ESRCH`: neither this process nor a child of it.
    /// - `EACCES`: the child runs another program already.
    /// - `EPERM`: a session leader, another session, or no such group in the session.
    /// - `EINVAL`: negative group.
    pub fn setpgid(&self, pid: i32, pgid: i32) -> Result<()> {
        self.enter(Sysno::Setpgid, format_args!("{pid}, {pgid}"), || {
            if pgid < 0 {
                return Err(Errno::EINVAL);
            }
            let pid = self.named(pid);
            let pgid = if pgid == 0 { pid } else { Pid::from_raw(pgid) };
            let kernel = self.kernel()?;
            let mut table = kernel.table.lock();
            let own_sid = table.row(self.pid())?.sid;
            let row = table.row(pid)?;
            if pid != self.pid() {
                if row.ppid != self.pid() {
                    return Err(Errno::ESRCH);
                }
                if row.sid != own_sid {
                    return Err(Errno::EPERM);
                }
                if row.execed {
                    return Err(Errno::EACCES);
                }
            }
            if row.sid == pid || pgid != pid && !table.group_in_session(pgid, own_sid) {
                return Err(Errno::EPERM);
            }
            table.row_mut(pid)?.pgid = pgid;
            Ok(())
        })
    }

    /// Implements `setsid(2)`.
    ///
    /// # Errors
    /// - `EPERM`: a group with this process's number exists.
    pub fn setsid(&self) -> Result<Pid> {
        self.enter(Sysno::Setsid, format_args!(""), || {
            let kernel = self.kernel()?;
            let mut table = kernel.table.lock();
            let pid = self.pid();
            if table.rows().any(|(_, row)| row.pgid == pid) {
                return Err(Errno::EPERM);
            }
            let row = table.row_mut(pid)?;
            row.sid = pid;
            row.pgid = pid;
            Ok(pid)
        })
    }

    /// Implements `posix_spawn(3)`: starts a child with this process's descriptors (without those that close
    /// on exec), changed by the file actions.
    ///
    /// # Errors
    /// - `E2BIG`: arguments or environment are too large.
    /// - `ENOENT`, `EACCES`, `ENOTDIR`, `ELOOP`: the file or the working directory cannot be used.
    /// - `ENOEXEC`: no binary format runs the file.
    /// - `EAGAIN`: the limit of processes is reached.
    /// - `EBADF`: a file action names a descriptor that is not open.
    pub fn posix_spawn(&self, options: SpawnOptions) -> Result<Pid> {
        // The options are given away: only who traces keeps what is shown of them.
        let (file, argv) = if self.trace.enabled() {
            (options.file.clone(), options.argv.clone())
        } else {
            Default::default()
        };
        let variables = options.envp.len();
        let args = format_args!(
            "{}, {}, {}",
            Quoted(&file),
            Strings(&argv),
            Variables(variables)
        );
        self.enter(Sysno::PosixSpawn, args, || {
            Ok(self.kernel()?.start_child(&self.arc()?, options)?.pid())
        })
    }

    /// Implements `fork(2)` for a runtime that can copy its program: `start` gives the child, which has everything but
    /// a program, the copy.
    ///
    /// # Errors
    /// - `EAGAIN`: the limit of processes is reached.
    /// - What `start` fails with.
    pub fn fork(&self, start: impl FnOnce(&Arc<Process>) -> Result<()>) -> Result<Pid> {
        self.enter(Sysno::Fork, format_args!(""), || self.fork_with(start))
    }

    /// Implements `exit_group(2)`: the process ends by itself. Its status is the low byte.
    pub fn exit(&self, code: i32) {
        let status = ExitStatus::Exited(code.to_le_bytes()[0]);
        act_for(self.origin(), self.pid());
        if self.is_alive() {
            // First, so that what the end brings comes behind it.
            self.emit_unfinished(Sysno::Exit, format_args!("{code}").into());
            self.terminate(status);
        }
    }

    /// Implements `wait4(2)`: a child by number (positive), any child (-1), one of this process's group (0) or
    /// of another group (negative). `None` means that `WNOHANG` found nothing.
    ///
    /// # Errors
    /// - `ECHILD`: there is no such child.
    ///
    /// # Blocking
    /// Pending until a child changes state, unless `WNOHANG` is set.
    pub fn poll_wait4(
        &self,
        pid: i32,
        flags: WaitFlags,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<(Pid, ExitStatus)>>> {
        self.enter_poll(
            Sysno::Wait4,
            Args::around(
                format_args!("{pid}, "),
                format_args!(", {}, NULL", trace::Wait(flags)),
            ),
            cx,
            |cx| {
                let attempt = || match self.collect_child(pid, flags) {
                    Ok(None) if !flags.contains(WaitFlags::WNOHANG) => None,
                    done => Some(done),
                };
                self.child_events.poll_until(cx, attempt)
            },
        )
    }

    fn collect_child(&self, selector: i32, flags: WaitFlags) -> Result<Option<(Pid, ExitStatus)>> {
        let kernel = self.kernel()?;
        let mut table = kernel.table.lock();
        let own = table.row(self.pid())?;
        let own_pgid = own.pgid;
        let children: Vec<Pid> = own.children.iter().copied().collect();
        let mut any = false;
        for child in children {
            let row = table.row_mut(child)?;
            let meant = match selector {
                1.. => child.raw() == selector,
                0 => row.pgid == own_pgid,
                -1 => true,
                group => Some(row.pgid.raw()) == group.checked_neg(),
            };
            if !meant {
                continue;
            }
            any = true;
            if let ProcessState::Zombie(status) = row.state {
                let reaped = table.remove(child);
                drop(table);
                if let Some(row) = reaped {
                    self.inherit_cpu(&row.process);
                }
                return Ok(Some((child, status)));
            }
            let wanted = match row.unreported {
                Some(ExitStatus::Stopped(_)) => flags.contains(WaitFlags::WUNTRACED),
                Some(ExitStatus::Continued) => flags.contains(WaitFlags::WCONTINUED),
                _ => false,
            };
            if wanted && let Some(status) = row.unreported.take() {
                return Ok(Some((child, status)));
            }
        }
        if any { Ok(None) } else { Err(Errno::ECHILD) }
    }

    /// Implements `getrlimit(2)`.
    pub fn getrlimit(&self, resource: Resource) -> Rlimit {
        let found = self.enter(
            Sysno::Getrlimit,
            Args::around(format_args!("0, {resource:?}, NULL, "), format_args!("")),
            || Ok(self.rlimits.lock()[resource as usize]),
        );
        found.unwrap_or(Rlimit { soft: 0, hard: 0 })
    }

    /// Implements `setrlimit(2)`.
    ///
    /// # Errors
    /// - `EINVAL`: the soft limit is above the hard one.
    /// - `EPERM`: only root raises a hard limit; nobody raises `RLIMIT_NOFILE` above the machine's bound.
    pub fn setrlimit(&self, resource: Resource, limit: Rlimit) -> Result<()> {
        self.enter(
            Sysno::Setrlimit,
            format_args!("0, {resource:?}, {}, NULL", trace::Shown(&limit)),
            || {
                if limit.soft > limit.hard {
                    return Err(Errno::EINVAL);
                }
                let bound = self.vfs.limits.max_open_fds as u64;
                if resource == Resource::RLIMIT_NOFILE && limit.hard > bound {
                    return Err(Errno::EPERM);
                }
                let mut limits = self.rlimits.lock();
                if limit.hard > limits[resource as usize].hard && !self.credentials().privileged() {
                    return Err(Errno::EPERM);
                }
                limits[resource as usize] = limit;
                Ok(())
            },
        )
    }

    /// Implements `uname(2)`.
    ///
    /// # Errors
    /// - `ESRCH`: the kernel has been shut down.
    pub fn uname(&self) -> Result<Utsname> {
        self.enter(
            Sysno::Uname,
            Args::around(format_args!(""), format_args!("")),
            || {
                Ok(Utsname {
                    sysname: OS_TYPE.into(),
                    nodename: self.kernel()?.hostname().into(),
                    release: OS_RELEASE.into(),
                    version: OS_VERSION.into(),
                    machine: "x86_64".into(),
                })
            },
        )
    }

    /// Implements `getrandom(2)`.
    ///
    /// # Errors
    /// - `ESRCH`: the kernel has been shut down.
    pub fn getrandom(&self, buf: &mut [u8]) -> Result<()> {
        let length = buf.len();
        self.enter_into(
            Sysno::Getrandom,
            Args::around(format_args!(""), format_args!(", {length}, 0")),
            &mut Random(buf),
            |Random(buf)| {
                self.kernel()?.random().fill(buf);
                Ok(length)
            },
        )
        .map(drop)
    }

    /// Implements `clock_gettime(2)` for `CLOCK_REALTIME`.
    pub fn clock_realtime(&self) -> Timespec {
        let time = self.enter(
            Sysno::ClockGettime,
            Args::around(format_args!("CLOCK_REALTIME, "), format_args!("")),
            || Ok(self.vfs.clock.realtime()),
        );
        time.unwrap_or_default()
    }

    /// Implements `clock_gettime(2)` for `CLOCK_MONOTONIC`.
    pub fn clock_monotonic(&self) -> Timespec {
        let time = self.enter(
            Sysno::ClockGettime,
            Args::around(format_args!("CLOCK_MONOTONIC, "), format_args!("")),
            || Ok(self.vfs.clock.monotonic()),
        );
        time.unwrap_or_default()
    }
}
