//! What the host and a VM process agree on outside their socket.

/// Exit status of a VM process that the system does not let confine itself (`sysexits.h`: EX_OSERR).
pub const CANNOT_CONFINE: i32 = 71;
