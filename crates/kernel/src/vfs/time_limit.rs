//! How long calls on a socket wait (`SO_RCVTIMEO` and `SO_SNDTIMEO` of `socket(7)`).

use crate::abi::stat::Timespec;
use crate::clock::Clock;
use crate::wait_queue::WaitQueue;
use core::task::{Context, Waker};
use core::time::Duration;
use parking_lot::Mutex;
use std::sync::Arc;
use std::task::Wake;

/// Of what a call waits for, the half that a limit is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitSide {
    /// Receiving and accepting.
    Receive,
    /// Sending and connecting.
    Send,
}

/// Alarms ring at multiples of this many milliseconds, and at the latest after a second. So a socket has no more of
/// them than fit into a second, whatever limits are set and however often.
const TICK_MS: u64 = 4;
const FARTHEST_MS: u64 = 1000;

/// The limits of a socket, and who waits with one.
#[derive(Debug, Default)]
pub struct TimeLimits {
    times: Mutex<[Option<Duration>; 2]>,
    alarm: Arc<Alarm>,
}

#[derive(Debug, Default)]
struct Alarm {
    waiting: WaitQueue,
    /// When the next one rings.
    armed: Mutex<Option<Timespec>>,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        *self.armed.lock() = None;
        self.waiting.wake_all();
    }
}

impl TimeLimits {
    /// The same limits for another socket.
    pub(crate) fn inherited(&self) -> TimeLimits {
        TimeLimits {
            times: Mutex::new(*self.times.lock()),
            alarm: Arc::default(),
        }
    }

    /// The longest wait; none is for ever.
    pub(crate) fn get(&self, side: WaitSide) -> Option<Duration> {
        self.times.lock()[side as usize]
    }

    pub(crate) fn set(&self, side: WaitSide, time: Option<Duration>) {
        self.times.lock()[side as usize] = time;
    }

    /// When a wait that begins now is over, if it ends at all.
    pub(crate) fn deadline(&self, side: WaitSide, clock: &dyn Clock) -> Option<Timespec> {
        let time = self.get(side)?;
        let ms = u64::try_from(time.as_nanos().div_ceil(1_000_000)).ok()?;
        // What lies beyond the end of time is not waited for.
        i64::try_from(ms).ok()?;
        Some(clock.monotonic().plus_ms(ms))
    }

    /// Wakes the caller when the deadline has come, perhaps also before.
    pub(crate) fn register(&self, clock: &dyn Clock, deadline: Timespec, cx: &Context<'_>) {
        self.alarm.waiting.register(cx);
        let now = clock.monotonic();
        let at = on_tick(deadline.min(now.plus_ms(FARTHEST_MS)));
        let mut armed = self.alarm.armed.lock();
        if armed.is_some_and(|armed| armed <= at) {
            return;
        }
        *armed = Some(at);
        drop(armed);
        clock.wake_at(at, Waker::from(self.alarm.clone()));
    }
}

/// The first tick that is not before a time.
fn on_tick(time: Timespec) -> Timespec {
    const TICK_NS: u64 = TICK_MS * 1_000_000;
    let ns = u64::from(time.nsec).next_multiple_of(TICK_NS);
    Timespec::new(time.sec, 0).plus_ms(ns / 1_000_000)
}
