//! Clocks.

use secure_exec_kernel::Errno;
use secure_exec_preview1::time::{
    MONOTONIC, PROCESS_CPUTIME, REALTIME, THREAD_CPUTIME, nanoseconds,
};

use crate::call::{Call, Outcome};

/// Reads a clock.
///
/// # Errors
/// - `EINVAL`: there is no such clock.
pub(super) fn read(call: &Call<'_>, clock: u32) -> Result<u64, Errno> {
    let process = &call.host.process;
    match clock {
        REALTIME => Ok(nanoseconds(process.clock_realtime())),
        MONOTONIC => Ok(nanoseconds(process.clock_monotonic())),
        PROCESS_CPUTIME | THREAD_CPUTIME => {
            let used = call.host.cpu_time();
            let resolution = call.host.engine.options().clock_resolution_ns.max(1);
            let total = used.user_ns + used.system_ns;
            Ok(total - total % resolution)
        }
        _ => Err(Errno::EINVAL),
    }
}

pub(super) fn clock_res_get(call: &mut Call<'_>, clock: u32, out: u32) -> Outcome<()> {
    if clock > THREAD_CPUTIME {
        return Err(Errno::EINVAL.into());
    }
    let resolution = call.host.engine.options().clock_resolution_ns;
    call.memory.put_u64(out, resolution)
}

pub(super) fn clock_time_get(
    call: &mut Call<'_>,
    clock: u32,
    _precision: u64,
    out: u32,
) -> Outcome<()> {
    let time = read(call, clock)?;
    call.memory.put_u64(out, time)
}
