//! `poll.h`: readiness.

use bitflags::bitflags;

bitflags! {
    /// Readiness of an open file, as `poll(2)` reports it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct PollEvents: i16 {
        /// Reading does not block.
        const POLLIN = 0x1;
        /// Exceptional condition.
        const POLLPRI = 0x2;
        /// Writing does not block.
        const POLLOUT = 0x4;
        /// Error, or no reader is left; reported whether asked for or not.
        const POLLERR = 0x8;
        /// Hang-up; reported whether asked for or not.
        const POLLHUP = 0x10;
        /// The descriptor is not open; reported whether asked for or not.
        const POLLNVAL = 0x20;
        /// The peer closed its writing half.
        const POLLRDHUP = 0x2000;
        const _ = !0;
    }
}

impl PollEvents {
    /// Events reported whether asked for or not.
    pub const ALWAYS: PollEvents = PollEvents::from_bits_retain(0x8 | 0x10 | 0x20);
}
