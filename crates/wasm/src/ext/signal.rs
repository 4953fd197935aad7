//! Signals. A program takes those it catches when it wants to: nothing is called behind its back.

use std::time::{Duration, Instant};

use secure_exec_kernel::{Disposition, Errno, Signal};

use crate::call::{Call, Fault, Outcome};
use crate::ending::End;
use crate::park::Woken;

fn number(disposition: Disposition) -> i32 {
    match disposition {
        Disposition::Default => 0,
        Disposition::Ignore => 1,
        Disposition::Handle => 2,
    }
}

pub(super) fn sig_action(
    call: &mut Call<'_>,
    signal: i32,
    disposition: i32,
    old_out: u32,
) -> Outcome<()> {
    call.memory.check(old_out, 4)?;
    let signal = Signal::from_raw(signal).ok_or(Errno::EINVAL)?;
    let disposition = match disposition {
        0 => Disposition::Default,
        1 => Disposition::Ignore,
        2 => Disposition::Handle,
        _ => return Err(Errno::EINVAL.into()),
    };
    let old = call.host.process.sigaction(signal, disposition)?;
    call.memory.put_i32(old_out, number(old))
}

pub(super) fn sig_take(call: &mut Call<'_>) -> Outcome<i32> {
    let taken = call.host.process.take_signal();
    Ok(taken.map_or(0, |signal| i32::from(signal.raw())))
}

/// Waits for a caught signal and takes it.
pub(super) fn sig_wait(call: &mut Call<'_>, timeout_ms: i32, out: u32) -> Outcome<()> {
    call.memory.check(out, 4)?;
    let timeout = u64::try_from(timeout_ms).ok().map(Duration::from_millis);
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let process = &call.host.process;
    loop {
        if let Some(signal) = process.take_signal() {
            return call.memory.put_i32(out, i32::from(signal.raw()));
        }
        // `poll_signal` is of no use here: it never returns once the process has ended.
        let woken = call.host.park.wait(deadline, |cx| {
            if process.is_alive() {
                let ended = process.poll_exit(cx).map(|_| ());
                if ended.is_ready() {
                    ended
                } else {
                    process.poll_signal_pending(cx)
                }
            } else {
                std::task::Poll::Ready(())
            }
        });
        if !process.is_alive() {
            return Err(Fault::End(End::Killed));
        }
        if let Some(end) = call.host.interrupted() {
            return Err(Fault::End(end));
        }
        if woken == Woken::TimedOut {
            return Err(Errno::ETIMEDOUT.into());
        }
    }
}
