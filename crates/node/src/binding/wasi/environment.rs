//! Arguments, environment, clocks, randomness, and what concerns the process as a whole.

use secure_exec_preview1::time::{
    MONOTONIC, NANOS, PROCESS_CPUTIME, REALTIME, THREAD_CPUTIME, nanoseconds,
};
use secure_exec_preview1::{errno, signal};

use super::call::Call;
use super::error;
use super::memory::Outcome;
use crate::env::clock::monotonic_nanoseconds;
use crate::process::rusage::thread_usage;
use crate::threads::interruption;

/// `E2BIG`.
pub(super) const TOO_BIG: u16 = 1;

/// Bytes of randomness between two looks at whether the program is being ended.
const RANDOM_PIECE: usize = 64 << 10;
/// Most bytes of randomness at once (`uv_random`).
const MOST_RANDOM: u32 = 0x7fff_ffff;

/// Bytes of the arguments, the environment and the names of directories of one instance, together (as `ARG_MAX`).
pub(super) const MOST_STRING_BYTES: usize = 2 << 20;

/// Strings that a program asks for: one after the other, each with its NUL.
#[derive(Default)]
pub(super) struct Strings {
    bytes: Vec<u8>,
    starts: Vec<u32>,
}

impl Strings {
    /// Adds one, up to its first NUL, as C reads it.
    ///
    /// # Errors
    /// `E2BIG`: more than [`MOST_STRING_BYTES`].
    pub fn push(&mut self, string: &[u8]) -> Outcome {
        let string = string.split(|byte| *byte == 0).next().unwrap_or_default();
        if self.bytes.len() + string.len() >= MOST_STRING_BYTES {
            return Err(TOO_BIG);
        }
        let start = u32::try_from(self.bytes.len()).map_err(|_| TOO_BIG)?;
        self.starts.push(start);
        self.bytes.extend_from_slice(string);
        self.bytes.push(0);
        Ok(())
    }

    /// The strings without their NULs.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes.split(|byte| *byte == 0).take(self.starts.len())
    }

    fn put(&self, call: &Call<'_>, pointers: u32, buffer: u32) -> Outcome {
        call.memory.check(buffer, self.bytes.len() as u64)?;
        call.memory.check(pointers, self.starts.len() as u64 * 4)?;
        call.memory.write(u64::from(buffer), &self.bytes)?;
        for (index, start) in (0..).zip(&self.starts) {
            // Within the memory, whose addresses have 32 bits.
            let address = buffer.wrapping_add(*start);
            call.memory
                .write(u64::from(pointers) + index * 4, &address.to_le_bytes())?;
        }
        Ok(())
    }

    fn put_sizes(&self, call: &Call<'_>, count: u32, size: u32) -> Outcome {
        call.memory.check(count, 4)?;
        call.memory.check(size, 4)?;
        call.memory.put_length(count, self.starts.len())?;
        call.memory.put_length(size, self.bytes.len())
    }
}

pub(super) fn args_get(call: &mut Call<'_>, pointers: u32, buffer: u32) -> Outcome {
    call.wasi.arguments.put(call, pointers, buffer)
}

pub(super) fn args_sizes_get(call: &mut Call<'_>, count: u32, size: u32) -> Outcome {
    call.wasi.arguments.put_sizes(call, count, size)
}

pub(super) fn environ_get(call: &mut Call<'_>, pointers: u32, buffer: u32) -> Outcome {
    call.wasi.environment.put(call, pointers, buffer)
}

pub(super) fn environ_sizes_get(call: &mut Call<'_>, count: u32, size: u32) -> Outcome {
    call.wasi.environment.put_sizes(call, count, size)
}

/// Nanoseconds of processor time of the thread that runs the program.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, which is what is wanted"
)]
fn processor_time() -> u64 {
    let usage = thread_usage();
    ((usage.user + usage.system) * 1e3) as u64
}

pub(super) fn clock_res_get(call: &mut Call<'_>, clock: u32, out: u32) -> Outcome {
    call.memory.check(out, 8)?;
    if clock > THREAD_CPUTIME {
        return Err(errno::INVAL);
    }
    call.memory.put_u64(out, 1)
}

pub(super) fn clock_time_get(
    call: &mut Call<'_>,
    clock: u32,
    _precision: u64,
    out: u32,
) -> Outcome {
    call.memory.check(out, 8)?;
    let time = read_clock(call, clock)?;
    call.memory.put_u64(out, time)
}

/// Reads a clock; the time of day in microseconds, as `gettimeofday(2)`.
pub(super) fn read_clock(call: &Call<'_>, clock: u32) -> Outcome<u64> {
    match clock {
        REALTIME => {
            let now = nanoseconds(call.process.clock_realtime());
            Ok(now - now % 1000)
        }
        MONOTONIC => Ok(monotonic_nanoseconds(call.env)),
        PROCESS_CPUTIME | THREAD_CPUTIME => Ok(processor_time()),
        _ => Err(errno::INVAL),
    }
}

/// The present in whole seconds, which is how uvwasi sets times of files.
pub(super) fn seconds_now(call: &Call<'_>) -> u64 {
    nanoseconds(call.process.clock_realtime()) / NANOS
}

/// Signals of preview 1 that uvwasi does not know.
const UNKNOWN_SIGNALS: std::ops::RangeInclusive<u32> = 26..=29;

/// `raise(3)`. The number has 8 bits.
pub(super) fn proc_raise(call: &mut Call<'_>, number: u32) -> Outcome {
    let number = number & 0xff;
    let signal = signal::signal(number)
        .filter(|_| !UNKNOWN_SIGNALS.contains(&number))
        .ok_or(errno::NOSYS)?;
    let pid = call.process.pid().raw();
    call.process.kill(pid, signal).map_err(error::of)
}

pub(super) fn random_get(call: &mut Call<'_>, buffer: u32, length: u32) -> Outcome {
    call.memory.check(buffer, u64::from(length))?;
    if length > MOST_RANDOM {
        return Err(TOO_BIG);
    }
    let length = length as usize;
    let mut piece = vec![0; length.min(RANDOM_PIECE)];
    let mut done = 0;
    while done < length && !interruption::is_requested() {
        let count = piece.len().min(length - done);
        let part = piece.get_mut(..count).unwrap_or_default();
        call.process.getrandom(part).map_err(error::of)?;
        call.memory.write(u64::from(buffer) + done as u64, part)?;
        done += count;
    }
    Ok(())
}

pub(super) fn sched_yield(_call: &mut Call<'_>) -> Outcome {
    std::thread::yield_now();
    Ok(())
}
