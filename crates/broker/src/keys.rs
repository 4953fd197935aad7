//! What VMs, VM processes and deadlines are known by.

use std::time::Instant;

/// Number of a VM within this broker. A VM process knows its VMs by other numbers, which tell nothing of the rest.
pub(crate) type VmKey = u64;

/// Number of a VM process, living or dead, within this broker.
pub(crate) type ProcessId = u64;

/// Names a deadline, to cancel it.
pub(crate) type TimerId = (Instant, u64);
