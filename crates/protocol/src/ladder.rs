//! How long things may take that a VM process does, each rung of the ladder behind the one before it.
//!
//! A guest that is to end is terminated by its VM process, and again; then it counts as stuck, and its process is given up
//! by itself; a process that does not even do that is given up by the host, which exports what can be exported and
//! kills it.

use std::time::Duration;

/// When a killed guest is terminated once more by its VM process: V8 drops the request when the outermost frame unwinds.
pub const TERMINATE_AGAIN: Duration = Duration::from_millis(250);
/// When a killed guest counts as stuck: after so much of the processor, or when it gets none for as long.
pub const STUCK: Duration = Duration::from_millis(1250);
pub const STUCK_WAITING: Duration = Duration::from_millis(2500);
/// How long a VM process may take to end a guest that was killed, or to say that it is stuck.
pub const KILL: Duration = Duration::from_millis(1750);
/// How long a condemned process may take to export its filesystems.
pub const EXPORT: Duration = Duration::from_secs(2);

/// How long a VM may take to destroy itself.
pub const DESTROY: Duration = Duration::from_millis(1250);
/// How long a process may live on after it closed its socket.
pub const EXIT: Duration = Duration::from_millis(500);

/// How long a VM process may take to say hello, to answer what is answered at once, to end a frame that it has begun
/// and to take something of what was sent. One that is asleep all that time does not do it any more.
pub const ANSWER: Duration = Duration::from_secs(3);
/// The same for one that waits for the processor or the disk when the time is over: a busy machine is no fault of its.
pub const ANSWER_WHEN_BUSY: Duration = Duration::from_secs(30);
/// How often one that is busy is looked at again.
pub const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How long a guest waits for the host's files, and how long the thread of a VM process does that answers the host.
pub const FILES: Duration = Duration::from_secs(10);
pub const FILES_OF_SERVER: Duration = Duration::from_secs(1);

/// What a message and its answer take on a machine that has something else to do.
const ON_THE_WAY: Duration = Duration::from_millis(250);

/// How far a timeout may be overshot by what V8 cannot interrupt (docs/limits.md).
const OVERSHOOT: Duration = Duration::from_millis(1500);

const fn is_before(sooner: Duration, later: Duration) -> bool {
    sooner.as_nanos() < later.as_nanos()
}

const fn leaves_room(sooner: Duration, later: Duration) -> bool {
    sooner.as_nanos() + ON_THE_WAY.as_nanos() < later.as_nanos()
}

const _: () = {
    assert!(leaves_room(TERMINATE_AGAIN, STUCK));
    assert!(is_before(STUCK, OVERSHOOT) && is_before(STUCK, STUCK_WAITING));
    // The process is the first to know, so that it says why.
    assert!(leaves_room(STUCK, KILL));
    // One that gets no processor is not blamed before it could have said so.
    assert!(leaves_room(STUCK_WAITING, ANSWER));
    assert!(is_before(KILL, ANSWER) && is_before(EXPORT, ANSWER));
    assert!(is_before(EXIT, DESTROY) && is_before(DESTROY, KILL));
    // Its answers to the host come in time all the same.
    assert!(leaves_room(FILES_OF_SERVER, ANSWER) && is_before(FILES, ANSWER_WHEN_BUSY));
    assert!(is_before(LOOK_AGAIN, ANSWER) && is_before(ANSWER, ANSWER_WHEN_BUSY));
};
