//! Waiting for several things at once (`poll(2)`).

use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use secure_exec_kernel::{Errno, FileKind, PollEvents, Process};
use secure_exec_preview1::record::{self, Awaited, HANGUP};
use secure_exec_preview1::{errno, rights, time};

use super::clock;
use crate::call::{Call, Fault, Outcome};
use crate::memory::{Guest, element};
use crate::park::Woken;

/// Subscriptions of one call.
const MOST_SUBSCRIPTIONS: u32 = 4096;

/// Bytes of the records, as guests count.
const SUBSCRIPTION: u32 = 48;
const EVENT: u32 = 32;
const _: () =
    assert!(SUBSCRIPTION as usize == record::SUBSCRIPTION && EVENT as usize == record::EVENT);

enum Subscription {
    /// When it fires, from the start of the call on; or that there is no such clock.
    Clock(Result<Duration, Errno>),
    File {
        fd: i32,
        events: PollEvents,
    },
}

struct Subscribed {
    userdata: u64,
    kind: u8,
    subscription: Subscription,
}

fn subscribed(call: &Call<'_>, at: u32) -> Outcome<Subscribed> {
    let bytes = call.memory.bytes(at, SUBSCRIPTION)?;
    let bytes = bytes.first_chunk().ok_or(Fault::Pointer)?;
    let record::Subscription { userdata, awaited } =
        record::Subscription::read(bytes).ok_or(Errno::EINVAL)?;
    if let Awaited::Read(fd) | Awaited::Write(fd) = awaited {
        call.check_right(fd.cast_signed(), rights::POLL_FD_READWRITE)?;
    }
    let subscription = match awaited {
        Awaited::Clock {
            id,
            timeout,
            absolute,
        } => Subscription::Clock(distance(call, id, timeout, absolute)),
        Awaited::Read(fd) => Subscription::File {
            fd: fd.cast_signed(),
            events: PollEvents::POLLIN,
        },
        Awaited::Write(fd) => Subscription::File {
            fd: fd.cast_signed(),
            events: PollEvents::POLLOUT,
        },
    };
    Ok(Subscribed {
        userdata,
        kind: awaited.kind(),
        subscription,
    })
}

fn distance(call: &Call<'_>, id: u32, timeout: u64, absolute: bool) -> Result<Duration, Errno> {
    if id != time::REALTIME && id != time::MONOTONIC {
        return Err(Errno::ENOTSUP);
    }
    let distance = if absolute {
        timeout.saturating_sub(clock::read(call, id)?)
    } else {
        timeout
    };
    Ok(Duration::from_nanos(distance))
}

/// What has happened to one subscription.
struct Event {
    userdata: u64,
    kind: u8,
    result: Result<(u64, u16), Errno>,
}

impl Event {
    fn put(&self, memory: &mut Guest<'_>, at: u32) -> Outcome<()> {
        let (error, (bytes, flags)) = match self.result {
            Ok(readiness) => (errno::SUCCESS, readiness),
            Err(error) => (errno::number(error), (0, 0)),
        };
        let record = record::event(self.userdata, error, self.kind, bytes, flags);
        memory.put(at, &record)
    }
}

pub(super) fn poll_oneoff(
    call: &mut Call<'_>,
    subscriptions: u32,
    events: u32,
    count: u32,
    count_out: u32,
) -> Outcome<()> {
    if count == 0 || count > MOST_SUBSCRIPTIONS {
        return Err(Errno::EINVAL.into());
    }
    call.memory.check(events, element(0, count, EVENT)?)?;
    call.memory.check(count_out, 4)?;
    let mut all = Vec::with_capacity(count as usize);
    for index in 0..count {
        let at = element(subscriptions, index, SUBSCRIPTION)?;
        all.push(subscribed(call, at)?);
    }
    let start = Instant::now();
    let nearest = all.iter().filter_map(|one| match one.subscription {
        Subscription::Clock(Ok(distance)) => Some(distance),
        _ => None,
    });
    let deadline = nearest
        .min()
        .and_then(|distance| start.checked_add(distance));
    let waited = call.wait(deadline, |process, _, cx| {
        let happened = look(process, &all, start.elapsed(), cx);
        if happened.is_empty() {
            Poll::Pending
        } else {
            Poll::Ready(Ok(happened))
        }
    })?;
    let happened = match waited {
        Woken::Ready(happened) => happened,
        // At the deadline exactly: the clock may be read a little later than it was waited for.
        Woken::TimedOut => clocks_until(&all, deadline.map_or(Duration::ZERO, |at| at - start)),
    };
    for (index, event) in (0..).zip(&happened) {
        event.put(&mut call.memory, element(events, index, EVENT)?)?;
    }
    call.memory.put_length(count_out, happened.len())
}

fn clocks_until(all: &[Subscribed], elapsed: Duration) -> Vec<Event> {
    let fired = all.iter().filter_map(|one| match one.subscription {
        Subscription::Clock(Ok(distance)) if distance <= elapsed => Some(Event {
            userdata: one.userdata,
            kind: one.kind,
            result: Ok((0, 0)),
        }),
        _ => None,
    });
    fired.collect()
}

/// What has happened by now.
fn look(
    process: &Process,
    all: &[Subscribed],
    elapsed: Duration,
    cx: &mut Context<'_>,
) -> Vec<Event> {
    let mut happened = clocks_until(all, elapsed);
    for one in all {
        let result = match one.subscription {
            Subscription::Clock(Ok(_)) => continue,
            Subscription::Clock(Err(errno)) => Err(errno),
            Subscription::File { fd, events } => match process.poll_ready(fd, events, cx) {
                Poll::Pending => continue,
                Poll::Ready(Err(errno)) => Err(errno),
                Poll::Ready(Ok(ready)) => Ok(readiness(process, fd, ready)),
            },
        };
        happened.push(Event {
            userdata: one.userdata,
            kind: one.kind,
            result,
        });
    }
    happened
}

/// Bytes that can be transferred, as far as that is known, and whether the other end has hung up.
fn readiness(process: &Process, fd: i32, ready: PollEvents) -> (u64, u16) {
    let hung_up = ready.intersects(PollEvents::POLLHUP | PollEvents::POLLERR);
    let regular = process
        .file(fd)
        .ok()
        .filter(|file| file.kind() == FileKind::Regular);
    let bytes = match regular {
        Some(file) => {
            let size = file.stat().map_or(0, |stat| stat.size);
            size.saturating_sub(file.seek(0, 1).unwrap_or(0))
        }
        // At least one, if it is not the end.
        None => u64::from(ready.contains(PollEvents::POLLIN)),
    };
    (bytes, if hung_up { HANGUP } else { 0 })
}
