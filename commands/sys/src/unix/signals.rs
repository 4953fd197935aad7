//! Caught signals: a handler notes them, [`sig_take`] hands them out.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::signal::Disposition;

/// One bit per signal that was caught and not taken yet: signal 1 is bit 0.
static ARRIVED: AtomicU64 = AtomicU64::new(0);
/// One bit per signal that is caught.
static CAUGHT: AtomicU64 = AtomicU64::new(0);

fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

extern "C" fn note(signal: i32) {
    ARRIVED.fetch_or(bit(signal), Ordering::SeqCst);
}

/// Forgets the signals of the parent in a copy of it.
pub(super) fn forget() {
    ARRIVED.store(0, Ordering::SeqCst);
}

pub(crate) fn sig_action(signal: i32, disposition: Disposition) -> io::Result<Disposition> {
    if !(1..=crate::signal::MAX).contains(&signal) {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    // SAFETY: zero is a valid value of every field.
    let (mut new, mut old): (libc::sigaction, libc::sigaction) =
        unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
    let handler: extern "C" fn(i32) = note;
    new.sa_sigaction = match disposition {
        Disposition::Default => libc::SIG_DFL,
        Disposition::Ignore => libc::SIG_IGN,
        Disposition::Catch => handler as usize,
    };
    // No SA_RESTART: a caught signal interrupts.
    // SAFETY: both structs are initialised; the handler only touches an atomic.
    super::check(unsafe { libc::sigaction(signal, &raw const new, &raw mut old) })?;
    if disposition == Disposition::Catch {
        CAUGHT.fetch_or(bit(signal), Ordering::SeqCst);
    } else {
        CAUGHT.fetch_and(!bit(signal), Ordering::SeqCst);
    }
    Ok(match old.sa_sigaction {
        libc::SIG_DFL => Disposition::Default,
        libc::SIG_IGN => Disposition::Ignore,
        _ => Disposition::Catch,
    })
}

pub(crate) fn sig_take() -> Option<i32> {
    let arrived = ARRIVED.load(Ordering::SeqCst);
    if arrived == 0 {
        return None;
    }
    let signal = i32::try_from(arrived.trailing_zeros()).ok()? + 1;
    ARRIVED.fetch_and(!bit(signal), Ordering::SeqCst);
    Some(signal)
}

pub(crate) fn sig_wait(timeout_ms: Option<u32>) -> io::Result<i32> {
    // SAFETY: signal sets are initialised by sigemptyset; blocking the caught ones closes the gap between
    // looking at ARRIVED and waiting.
    unsafe {
        let (mut set, mut old): (libc::sigset_t, libc::sigset_t) =
            (std::mem::zeroed(), std::mem::zeroed());
        libc::sigemptyset(&raw mut set);
        let caught = CAUGHT.load(Ordering::SeqCst);
        for signal in (1..=crate::signal::MAX).filter(|s| caught & bit(*s) != 0) {
            libc::sigaddset(&raw mut set, signal);
        }
        libc::sigprocmask(libc::SIG_BLOCK, &raw const set, &raw mut old);
        let result = if let Some(signal) = sig_take() {
            Ok(signal)
        } else {
            let limit = timeout_ms.map(|ms| libc::timespec {
                tv_sec: i64::from(ms / 1000),
                tv_nsec: i64::from(ms % 1000) * 1_000_000,
            });
            let limit = limit.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
            let signal = libc::sigtimedwait(&raw const set, std::ptr::null_mut(), limit);
            match super::check(signal) {
                Err(e) if e.raw_os_error() == Some(libc::EAGAIN) => {
                    Err(io::Error::from_raw_os_error(libc::ETIMEDOUT))
                }
                other => other,
            }
        };
        libc::sigprocmask(libc::SIG_SETMASK, &raw const old, std::ptr::null_mut());
        result
    }
}
