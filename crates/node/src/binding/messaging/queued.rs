//! How much a program may have in its message queues: nothing takes a message out of the queue of a port without a
//! listener, so what is posted there would stay for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use secure_exec_kernel::LimitBreach;

use super::message::Message;
use crate::env::Env;
use crate::js::exception::{self, ErrorKind};

/// Name of the limit, which is no option but a share of the memory of the machine.
const LIMIT: &str = "maxQueuedMessageBytes";

/// The share of the machine's memory that the queues of one program may hold.
const SHARE: u64 = 4;

/// What a message takes besides its bytes.
const OVERHEAD: u64 = 256;

/// Bytes in all queues of one program.
#[derive(Default)]
struct Total(AtomicU64);

/// A message's part of the total, for as long as it lives.
pub struct Queued {
    total: Arc<Total>,
    bytes: u64,
}

impl Drop for Queued {
    fn drop(&mut self) {
        self.total.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Counts a message that is about to be queued. `None` with an exception pending where there are too many already.
pub fn count(scope: &mut v8::PinScope<'_, '_>, message: &mut Message) -> Option<()> {
    let env = Env::of(scope);
    let Some(program) = env.program() else {
        return Some(());
    };
    let bytes = message.bytes.len() as u64 + OVERHEAD;
    let total = program.state::<Total>();
    let used = total.0.fetch_add(bytes, Ordering::Relaxed) + bytes;
    message.queued = Some(Queued { total, bytes });
    let bound = env.kernel().config().memory_bytes / SHARE;
    if used <= bound {
        return Some(());
    }
    let limit = LIMIT;
    let breach = LimitBreach { limit, bound, used };
    env.kernel()
        .note_limit_breach(Some(env.process().pid()), breach);
    let message = format!("Too much in message queues: limits.resources.{LIMIT} is {bound}");
    exception::throw(scope, ErrorKind::Error, "ERR_RESOURCE_LIMIT", &message);
    None
}
