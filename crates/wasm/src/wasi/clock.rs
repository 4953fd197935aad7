//! Clocks.

use secure_exec_kernel::{Errno, Timespec};

use crate::call::{Call, Outcome};

pub(super) const REALTIME: u32 = 0;
pub(super) const MONOTONIC: u32 = 1;
const PROCESS_CPU: u32 = 2;
const THREAD_CPU: u32 = 3;

const NANOS: u64 = 1_000_000_000;

/// Nanoseconds of a time; what does not fit is the nearest that does.
pub(super) fn nanoseconds(time: Timespec) -> u64 {
    u64::try_from(time.sec)
        .unwrap_or(0)
        .saturating_mul(NANOS)
        .saturating_add(u64::from(time.nsec))
}

/// Time of nanoseconds since the epoch.
pub(super) fn timespec(nanoseconds: u64) -> Timespec {
    let sec = i64::try_from(nanoseconds / NANOS).unwrap_or(i64::MAX);
    Timespec::new(sec, (nanoseconds % NANOS) as u32)
}

/// Reads a clock.
///
/// # Errors
/// - `EINVAL`: there is no such clock.
pub(super) fn read(call: &Call<'_>, clock: u32) -> Result<u64, Errno> {
    let process = &call.host.process;
    match clock {
        REALTIME => Ok(nanoseconds(process.clock_realtime())),
        MONOTONIC => Ok(nanoseconds(process.clock_monotonic())),
        PROCESS_CPU | THREAD_CPU => {
            let used = call.host.cpu_time();
            let resolution = call.host.engine.options().clock_resolution_ns.max(1);
            let total = used.user_ns + used.system_ns;
            Ok(total - total % resolution)
        }
        _ => Err(Errno::EINVAL),
    }
}

pub(super) fn clock_res_get(call: &mut Call<'_>, clock: u32, out: u32) -> Outcome<()> {
    if clock > THREAD_CPU {
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
