//! Time limits on JavaScript that is running now (`vm` timeouts). Follows `Watchdog` of Node's `src/node_watchdog.cc`.
//!
//! One thread for the whole process serves every isolate, so that nested limits of guest code cost a list entry each
//! and not a thread. It lives only while limits are armed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

struct Limit {
    id: u64,
    due: Instant,
    isolate: v8::IsolateHandle,
    fired: Arc<AtomicBool>,
}

#[derive(Default)]
struct Limits {
    armed: Vec<Limit>,
    next_id: u64,
    running: bool,
}

static LIMITS: Mutex<Limits> = Mutex::new(Limits {
    armed: Vec::new(),
    next_id: 0,
    running: false,
});
static CHANGED: Condvar = Condvar::new();

/// An armed time limit; terminates the isolate's JavaScript when it is due. Disarmed by [`Watchdog::disarm`] or drop.
pub struct Watchdog {
    id: u64,
    fired: Arc<AtomicBool>,
}

impl Watchdog {
    /// Arms a limit of `timeout` from now.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn arm(isolate: v8::IsolateHandle, timeout: Duration) -> std::io::Result<Watchdog> {
        let fired = Arc::new(AtomicBool::new(false));
        let now = Instant::now();
        // A limit too far away to be represented is no limit within this process's life.
        let due = now
            .checked_add(timeout)
            .unwrap_or(now + Duration::from_secs(u32::MAX.into()));
        let mut limits = LIMITS.lock();
        if !limits.running {
            std::thread::Builder::new()
                .name("watchdog".to_owned())
                .stack_size(128 * 1024)
                .spawn(watch)?;
            limits.running = true;
        }
        let id = limits.next_id;
        limits.next_id += 1;
        limits.armed.push(Limit {
            id,
            due,
            isolate,
            fired: fired.clone(),
        });
        CHANGED.notify_one();
        Ok(Watchdog { id, fired })
    }

    /// Takes the limit back; true if it had fired. Afterwards it cannot fire any more.
    #[must_use]
    pub fn disarm(self) -> bool {
        self.remove();
        self.fired.load(Ordering::Acquire)
    }

    fn remove(&self) {
        LIMITS.lock().armed.retain(|limit| limit.id != self.id);
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.remove();
    }
}

fn watch() {
    const LINGER: Duration = Duration::from_secs(2);
    let mut limits = LIMITS.lock();
    loop {
        let now = Instant::now();
        limits.armed.retain(|limit| {
            if limit.due > now {
                return true;
            }
            // Under the lock: after `disarm` returned nothing terminates the isolate any more.
            limit.fired.store(true, Ordering::Release);
            limit.isolate.terminate_execution();
            false
        });
        match limits.armed.iter().map(|limit| limit.due).min() {
            Some(due) => {
                CHANGED.wait_until(&mut limits, due);
            }
            None => {
                let waited = CHANGED.wait_for(&mut limits, LINGER);
                if waited.timed_out() && limits.armed.is_empty() {
                    limits.running = false;
                    return;
                }
            }
        }
    }
}

/// Starts V8 for tests that need an isolate.
#[cfg(test)]
pub fn initialize_v8_for_tests() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        v8::V8::initialize_platform(v8::new_default_platform(0, false).make_shared());
        v8::V8::initialize();
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expired_limit_terminates_a_loop_and_the_isolate_goes_on_after_cancel() {
        initialize_v8_for_tests();
        let mut isolate = v8::Isolate::new(v8::CreateParams::default());
        let handle = isolate.thread_safe_handle();
        v8::scope!(let scope, &mut isolate);
        let context = v8::Context::new(scope, v8::ContextOptions::default());
        let scope = &mut v8::ContextScope::new(scope, context);
        let watchdog = Watchdog::arm(handle, Duration::from_millis(20)).unwrap();
        let source = v8::String::new(scope, "for (;;) {}").unwrap();
        let script = v8::Script::compile(scope, source, None).unwrap();
        assert!(script.run(scope).is_none());
        assert!(watchdog.disarm());
        scope.cancel_terminate_execution();
        let source = v8::String::new(scope, "1 + 1").unwrap();
        let value = v8::Script::compile(scope, source, None)
            .unwrap()
            .run(scope)
            .unwrap();
        assert_eq!(value.integer_value(scope), Some(2));
    }

    #[test]
    fn disarmed_limit_does_not_fire() {
        initialize_v8_for_tests();
        let isolate = v8::Isolate::new(v8::CreateParams::default());
        let watchdog =
            Watchdog::arm(isolate.thread_safe_handle(), Duration::from_secs(60)).unwrap();
        assert!(!watchdog.disarm());
    }
}
