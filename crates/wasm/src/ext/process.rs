//! Processes: starting, replacing, waiting, groups, limits.

use secure_exec_kernel::{Errno, Resource, Rlimit, Signal, WaitFlags};

use super::request;
use crate::call::{Call, Fault, Outcome};
use crate::ending::End;
use crate::memory::length;

/// Groups that `proc_ids` tells.
const MOST_GROUPS: usize = 32;

pub(super) fn proc_spawn(
    call: &mut Call<'_>,
    request: u32,
    length: u32,
    pid_out: u32,
) -> Outcome<()> {
    call.memory.check(pid_out, 4)?;
    let options = request::parse(call.memory.bytes(request, length)?)?;
    let pid = call.host.process.posix_spawn(options)?;
    call.memory.put_i32(pid_out, pid.raw())
}

pub(super) fn proc_exec(call: &mut Call<'_>, request: u32, length: u32) -> Outcome<()> {
    let options = request::parse(call.memory.bytes(request, length)?)?;
    let process = &call.host.process;
    if options.search_path {
        process.execvpe(&options.file, options.argv, options.envp)?;
    } else {
        process.execve(&options.file, options.argv, options.envp)?;
    }
    if let Some(watched) = &call.host.watched {
        call.host.engine.watchdog.unwatch(watched);
    }
    // The new program's thread runs already: `conduct` notes only what comes after this.
    process.charge_cpu(crate::cpu::since(
        call.host.cpu_base,
        crate::cpu::of_this_thread(),
    ));
    Err(Fault::End(End::Exec))
}

pub(super) fn proc_wait(
    call: &mut Call<'_>,
    pid: i32,
    options: i32,
    pid_out: u32,
    status_out: u32,
) -> Outcome<()> {
    const KNOWN: WaitFlags = WaitFlags::WNOHANG
        .union(WaitFlags::WUNTRACED)
        .union(WaitFlags::WCONTINUED);
    call.memory.check(pid_out, 4)?;
    call.memory.check(status_out, 4)?;
    let flags = WaitFlags::from_bits_retain(options);
    if flags.intersects(!KNOWN) {
        return Err(Errno::EINVAL.into());
    }
    let found =
        call.wait_for(|process, _, cx| process.poll_wait4(pid, flags, cx).map_err(Fault::from))?;
    let (pid, status) = found.map_or((0, 0), |(pid, status)| (pid.raw(), status.wait_status()));
    call.memory.put_i32(pid_out, pid)?;
    call.memory.put_i32(status_out, status)
}

pub(super) fn proc_kill(call: &mut Call<'_>, pid: i32, signal: i32) -> Outcome<()> {
    let process = &call.host.process;
    if signal == 0 {
        return Ok(process.kill_check(pid)?);
    }
    process.kill(pid, Signal::from_raw(signal).ok_or(Errno::EINVAL)?)?;
    // It may have been meant for this process too.
    match call.host.interrupted() {
        Some(end) => Err(Fault::End(end)),
        None => Ok(()),
    }
}

pub(super) fn proc_getpid(call: &mut Call<'_>) -> Outcome<i32> {
    Ok(call.host.process.getpid().raw())
}

/// The name that the program was called by, as the caller gave it.
pub(super) fn proc_argv0(call: &mut Call<'_>, buf: u32, room: u32, length_out: u32) -> Outcome<()> {
    let name = call.host.process.argv().into_iter().next();
    let name = name.unwrap_or_default();
    if name.len() > room as usize {
        return Err(Errno::ERANGE.into());
    }
    call.memory.put(buf, &name)?;
    call.memory.put_length(length_out, name.len())
}

pub(super) fn proc_getppid(call: &mut Call<'_>) -> Outcome<i32> {
    Ok(call.host.process.ppid().raw())
}

pub(super) fn proc_getpgid(call: &mut Call<'_>, pid: i32, out: u32) -> Outcome<()> {
    let pgid = call.host.process.getpgid(pid)?;
    call.memory.put_i32(out, pgid.raw())
}

pub(super) fn proc_setpgid(call: &mut Call<'_>, pid: i32, pgid: i32) -> Outcome<()> {
    Ok(call.host.process.setpgid(pid, pgid)?)
}

pub(super) fn proc_getsid(call: &mut Call<'_>, pid: i32, out: u32) -> Outcome<()> {
    let sid = call.host.process.getsid(pid)?;
    call.memory.put_i32(out, sid.raw())
}

pub(super) fn proc_setsid(call: &mut Call<'_>, out: u32) -> Outcome<()> {
    call.memory.check(out, 4)?;
    let sid = call.host.process.setsid()?;
    call.memory.put_i32(out, sid.raw())
}

pub(super) fn proc_times(call: &mut Call<'_>, out: u32) -> Outcome<()> {
    let own = call.host.cpu_time();
    let (_, children) = call.host.process.cpu_times();
    let resolution = call.host.engine.options().clock_resolution_ns.max(1);
    let times = [
        own.user_ns,
        own.system_ns,
        children.user_ns,
        children.system_ns,
    ];
    let mut record = [0; 32];
    for (field, time) in record.chunks_exact_mut(8).zip(times) {
        field.copy_from_slice(&(time - time % resolution).to_le_bytes());
    }
    call.memory.put(out, &record)
}

const RESOURCES: [Resource; 16] = [
    Resource::RLIMIT_CPU,
    Resource::RLIMIT_FSIZE,
    Resource::RLIMIT_DATA,
    Resource::RLIMIT_STACK,
    Resource::RLIMIT_CORE,
    Resource::RLIMIT_RSS,
    Resource::RLIMIT_NPROC,
    Resource::RLIMIT_NOFILE,
    Resource::RLIMIT_MEMLOCK,
    Resource::RLIMIT_AS,
    Resource::RLIMIT_LOCKS,
    Resource::RLIMIT_SIGPENDING,
    Resource::RLIMIT_MSGQUEUE,
    Resource::RLIMIT_NICE,
    Resource::RLIMIT_RTPRIO,
    Resource::RLIMIT_RTTIME,
];

fn resource(number: i32) -> Result<Resource, Errno> {
    let index = usize::try_from(number).map_err(|_| Errno::EINVAL)?;
    RESOURCES.get(index).copied().ok_or(Errno::EINVAL)
}

pub(super) fn proc_getrlimit(call: &mut Call<'_>, number: i32, out: u32) -> Outcome<()> {
    let limit = call.host.process.getrlimit(resource(number)?);
    call.memory.check(out, 16)?;
    call.memory.put_u64(out, limit.soft)?;
    call.memory.put_u64(out + 8, limit.hard)
}

pub(super) fn proc_setrlimit(call: &mut Call<'_>, number: i32, limit: u32) -> Outcome<()> {
    call.memory.check(limit, 16)?;
    let wanted = Rlimit {
        soft: call.memory.u64(limit)?,
        hard: call.memory.u64(limit + 8)?,
    };
    Ok(call.host.process.setrlimit(resource(number)?, wanted)?)
}

pub(super) fn proc_ids(call: &mut Call<'_>, out: u32) -> Outcome<()> {
    let process = &call.host.process;
    let groups = process.groups();
    let groups = groups.get(..MOST_GROUPS).unwrap_or(groups);
    let mut words = vec![
        process.uid(),
        process.euid(),
        process.gid(),
        process.egid(),
        length(groups.len())?,
    ];
    words.extend_from_slice(groups);
    let record: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    call.memory.put(out, &record)
}
