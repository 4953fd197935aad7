//! How long things may take.

use std::time::Duration;

/// How long a VM process may take to say hello, to answer what is answered at once, to end a frame that it has begun
/// and to take something of what was sent. One that is asleep all that time does not do it any more.
pub(crate) const ANSWER: Duration = Duration::from_secs(3);
/// The same for one that waits for the processor or the disk when the time is over: a busy machine is no fault of its.
pub(crate) const ANSWER_WHEN_BUSY: Duration = Duration::from_secs(30);
/// How often one that is busy is looked at again.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How long a VM process may take to end a guest that was killed. It climbs the soft rungs of the ladder itself
/// (terminate, again after 250 ms) and reports a guest that is stuck 1.25 s after the kill; only a process that
/// does not even do that is found out here.
pub(crate) const KILL: Duration = Duration::from_millis(1750);
/// How long a condemned process may take to export its filesystems.
pub(crate) const EXPORT: Duration = Duration::from_secs(2);
/// How long a VM may take to destroy itself.
pub(crate) const DESTROY: Duration = Duration::from_millis(1250);
/// How long a process may live on after it closed its socket.
pub(crate) const EXIT: Duration = Duration::from_millis(500);
