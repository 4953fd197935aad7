//! Arguments, environment, randomness, and what concerns the process as a whole.

use secure_exec_kernel::Errno;
use secure_exec_preview1::signal;

use crate::call::{Call, Fault, Outcome};
use crate::ending::End;
use crate::memory::{element, length};

/// Bytes of randomness between two looks at whether the process still lives.
const RANDOM_PIECE: u32 = 64 << 10;

/// Stores strings, each ended by NUL, and pointers to them.
fn put_strings(call: &mut Call<'_>, strings: &[Vec<u8>], pointers: u32, buf: u32) -> Outcome<()> {
    let mut at = buf;
    for (index, string) in (0..).zip(strings) {
        let slot = element(pointers, index, 4)?;
        call.memory.put_u32(slot, at)?;
        call.memory.put(at, string)?;
        let end = at
            .checked_add(length(string.len())?)
            .ok_or(Fault::Pointer)?;
        call.memory.put(end, &[0])?;
        at = end.checked_add(1).ok_or(Fault::Pointer)?;
    }
    Ok(())
}

fn put_sizes(
    call: &mut Call<'_>,
    strings: &[Vec<u8>],
    count_out: u32,
    size_out: u32,
) -> Outcome<()> {
    let size: usize = strings.iter().map(|string| string.len() + 1).sum();
    let number = |value: usize| u32::try_from(value).map_err(|_| Fault::Errno(Errno::EOVERFLOW));
    call.memory.put_u32(count_out, number(strings.len())?)?;
    call.memory.put_u32(size_out, number(size)?)
}

pub(super) fn args_get(call: &mut Call<'_>, pointers: u32, buf: u32) -> Outcome<()> {
    let argv = call.host.argv.clone();
    put_strings(call, &argv, pointers, buf)
}

pub(super) fn args_sizes_get(call: &mut Call<'_>, count_out: u32, size_out: u32) -> Outcome<()> {
    let argv = call.host.argv.clone();
    put_sizes(call, &argv, count_out, size_out)
}

/// The environment as `NAME=value`.
fn environment(call: &Call<'_>) -> Vec<Vec<u8>> {
    let pairs = call.host.process.envp();
    pairs
        .into_iter()
        .map(|(name, value)| [&name[..], b"=", &value].concat())
        .collect()
}

pub(super) fn environ_get(call: &mut Call<'_>, pointers: u32, buf: u32) -> Outcome<()> {
    let environment = environment(call);
    put_strings(call, &environment, pointers, buf)
}

pub(super) fn environ_sizes_get(call: &mut Call<'_>, count_out: u32, size_out: u32) -> Outcome<()> {
    let environment = environment(call);
    put_sizes(call, &environment, count_out, size_out)
}

/// `raise(3)`; 0 checks nothing and succeeds.
pub(super) fn proc_raise(call: &mut Call<'_>, signal: u32) -> Outcome<()> {
    if signal == 0 {
        return Ok(());
    }
    let signal = signal::signal(signal).ok_or(Errno::EINVAL)?;
    let process = &call.host.process;
    process.kill(process.pid().raw(), signal)?;
    // A signal that ends or stops the process takes effect before the call returns.
    match call.host.interrupted() {
        Some(end) => Err(Fault::End(end)),
        None => Ok(()),
    }
}

pub(super) fn random_get(call: &mut Call<'_>, buf: u32, length: u32) -> Outcome<()> {
    let bytes = call.memory.bytes_mut(buf, length)?;
    for piece in bytes.chunks_mut(RANDOM_PIECE as usize) {
        call.host.process.getrandom(piece)?;
    }
    Ok(())
}

pub(super) fn sched_yield(call: &mut Call<'_>) -> Outcome<()> {
    if !call.host.process.is_alive() {
        return Err(Fault::End(End::Killed));
    }
    std::thread::yield_now();
    Ok(())
}
