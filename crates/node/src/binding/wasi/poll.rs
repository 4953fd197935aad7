//! Waiting for several things at once (`src/poll_oneoff.c` of uvwasi, which gives a loop of its own to each call).

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use secure_exec_kernel::{Errno, Fd, FileKind, OpenFlags, PollEvents};
use secure_exec_preview1::record::{self, Awaited, EVENT, HANGUP, SUBSCRIPTION, Subscription};
use secure_exec_preview1::time::{MONOTONIC, REALTIME};
use secure_exec_preview1::{errno, rights};

use super::call::Call;
use super::memory::Outcome;
use super::table::Entry;
use super::{environment, error};
use crate::threads::sleep::Sleep;

/// Subscriptions of one call.
const MOST_SUBSCRIPTIONS: u32 = 4096;
/// Beyond this nobody waits.
const FOREVER: Duration = Duration::from_secs(1 << 31);

/// A subscription to a descriptor.
struct Watched {
    userdata: u64,
    kind: u8,
    /// Number of the descriptor in the instance.
    id: u32,
    fd: Fd,
    events: PollEvents,
    state: State,
}

enum State {
    Waiting,
    /// There is no such descriptor.
    Bad,
    /// The same as an earlier one, which alone is told of.
    Repeated,
    Ready(Result<PollEvents, Errno>),
}

/// Everything that one call waits for.
#[derive(Default)]
struct Waiting {
    watched: Vec<Watched>,
    /// What the nearest clock has, and how long it takes.
    timer: Option<(u64, Duration)>,
}

impl Waiting {
    fn add(&mut self, call: &Call<'_>, subscription: Subscription) -> Outcome {
        let Subscription { userdata, awaited } = subscription;
        let (id, right, events) = match awaited {
            Awaited::Clock {
                id,
                timeout,
                absolute,
            } => {
                let distance = distance(call, id, timeout, absolute)?;
                if self.timer.is_none_or(|(_, nearest)| distance < nearest) {
                    self.timer = Some((userdata, distance));
                }
                return Ok(());
            }
            Awaited::Read(id) => (id, rights::FD_READ, PollEvents::POLLIN),
            Awaited::Write(id) => (id, rights::FD_WRITE, PollEvents::POLLOUT),
        };
        let mut watched = Watched {
            userdata,
            kind: awaited.kind(),
            id,
            fd: -1,
            events,
            state: State::Waiting,
        };
        if self.watched.iter().any(|other| other.id == id) {
            watched.state = State::Repeated;
        } else {
            match call.entry(id, rights::POLL_FD_READWRITE | right) {
                Ok(entry) => watched.fd = pollable(call, &entry)?,
                Err(errno::BADF) => watched.state = State::Bad,
                Err(error) => return Err(error),
            }
        }
        self.watched.push(watched);
        Ok(())
    }

    /// Looks at what still waits. True if something has happened, or nothing can.
    fn look(&mut self, call: &Call<'_>, cx: &mut Context<'_>) -> bool {
        let (mut happened, mut waits) = (false, false);
        for watched in &mut self.watched {
            if !matches!(watched.state, State::Waiting) {
                continue;
            }
            let events = watched.events | PollEvents::POLLRDHUP;
            match call.process.poll_ready(watched.fd, events, cx) {
                Poll::Pending => waits = true,
                Poll::Ready(result) => {
                    watched.state = State::Ready(result);
                    happened = true;
                }
            }
        }
        happened || (!self.watched.is_empty() && !waits)
    }

    /// What is told: that of the descriptors, or else that the time is over.
    fn events(&self) -> Vec<[u8; EVENT]> {
        let told = |watched: &Watched| {
            let (error, flags) = match watched.state {
                State::Waiting | State::Repeated => return None,
                State::Bad => (errno::BADF, 0),
                State::Ready(Err(_)) => (errno::IO, 0),
                State::Ready(Ok(events)) if events.contains(PollEvents::POLLERR) => (errno::IO, 0),
                State::Ready(Ok(events)) if hung_up(events) => (errno::SUCCESS, HANGUP),
                State::Ready(Ok(_)) => (errno::SUCCESS, 0),
            };
            Some(record::event(
                watched.userdata,
                error,
                watched.kind,
                0,
                flags,
            ))
        };
        let happened = |watched: &Watched| matches!(watched.state, State::Ready(_));
        if self.watched.iter().any(happened) {
            return self.watched.iter().filter_map(told).collect();
        }
        let userdata = self.timer.map_or(0, |(userdata, _)| userdata);
        let clock = record::event(userdata, errno::SUCCESS, 0, 0, 0);
        vec![clock]
    }
}

/// Whether the other end is gone (`UV_DISCONNECT`): it was shut down, or hung up and nothing is left to read.
fn hung_up(events: PollEvents) -> bool {
    events.contains(PollEvents::POLLRDHUP) || events == PollEvents::POLLHUP
}

/// How long a clock takes, in whole milliseconds. A time that has passed takes none: uvwasi, which counts without a
/// sign, would wait for five hundred years.
fn distance(call: &Call<'_>, clock: u32, timeout: u64, absolute: bool) -> Outcome<Duration> {
    let distance = if absolute {
        let clock = if clock == MONOTONIC {
            MONOTONIC
        } else {
            REALTIME
        };
        timeout.saturating_sub(environment::read_clock(call, clock)?)
    } else {
        timeout
    };
    Ok(Duration::from_millis(distance / 1_000_000))
}

/// The process' descriptor of one that can be waited for; from then on it does not block (`uv_poll_init`).
///
/// # Errors
/// - `EPERM`: a file that is always ready, which `epoll(7)` refuses.
fn pollable(call: &Call<'_>, entry: &Rc<Entry>) -> Outcome<Fd> {
    let file = call.process.file(entry.fd).map_err(error::of)?;
    if matches!(
        file.kind(),
        FileKind::Regular | FileKind::Directory | FileKind::BlockDevice | FileKind::CharDevice
    ) {
        return Err(errno::PERM);
    }
    let flags = file.status_flags() | OpenFlags::O_NONBLOCK;
    call.process
        .set_status_flags(entry.fd, flags)
        .map_err(error::of)?;
    Ok(entry.fd)
}

/// Waits until something has happened or the time is over.
fn wait(call: &Call<'_>, waiting: &mut Waiting) -> Outcome {
    let mut sleep = match waiting.timer {
        // The timer comes first in a turn of a loop.
        Some((_, Duration::ZERO)) => return Ok(()),
        Some((_, distance)) if distance < FOREVER => Some(Box::pin(Sleep::new(distance))),
        _ => None,
    };
    call.block(std::future::poll_fn(|cx| {
        let over =
            |sleep: &mut Pin<Box<Sleep>>, cx: &mut Context<'_>| sleep.as_mut().poll(cx).is_ready();
        if waiting.look(call, cx) || sleep.as_mut().is_some_and(|sleep| over(sleep, cx)) {
            return Poll::Ready(Ok(()));
        }
        Poll::Pending
    }))
}

pub(super) fn poll_oneoff(
    call: &mut Call<'_>,
    subscriptions: u32,
    events: u32,
    count: u32,
    count_out: u32,
) -> Outcome {
    let call = &*call;
    call.memory
        .check(subscriptions, u64::from(count) * SUBSCRIPTION as u64)?;
    call.memory.check(events, u64::from(count) * EVENT as u64)?;
    call.memory.check(count_out, 4)?;
    if count == 0 || count > MOST_SUBSCRIPTIONS {
        return Err(errno::INVAL);
    }
    let mut waiting = Waiting::default();
    for index in 0..u64::from(count) {
        let at = u64::from(subscriptions) + index * SUBSCRIPTION as u64;
        let record = call.memory.record(at)?;
        let subscription = Subscription::read(&record).ok_or(errno::INVAL)?;
        waiting.add(call, subscription)?;
    }
    wait(call, &mut waiting)?;
    let told = waiting.events();
    call.memory.put_length(count_out, told.len())?;
    let nothing = [0; EVENT];
    for index in 0..u64::from(count) {
        let event = usize::try_from(index)
            .ok()
            .and_then(|index| told.get(index));
        let at = u64::from(events) + index * EVENT as u64;
        call.memory.write(at, event.unwrap_or(&nothing))?;
    }
    Ok(())
}
