//! Limits that were passed, by their names in the public API.

use secure_exec_kernel::LimitBreach;
use secure_exec_protocol::{Failure, Limit};

use crate::lockdown;

/// A limit that the kernel keeps.
pub(crate) fn resource(name: &str, bound: u64, used: u64) -> Limit {
    Limit {
        name: format!("limits.resources.{name}"),
        bound,
        used,
    }
}

/// The memory of the VM, without room for this many bytes more.
pub(crate) fn no_room(bound: u64, bytes: u64) -> Limit {
    let used = lockdown::use_with(bytes).unwrap_or(bound).max(bound);
    resource("maxMemoryBytes", bound, used)
}

/// As the host knows it. The kernel's names are those of `limits.resources`; runtimes give the whole path.
pub(crate) fn limit(breach: &LimitBreach) -> Limit {
    if breach.limit.starts_with("limits.") {
        Limit {
            name: breach.limit.into(),
            bound: breach.bound,
            used: breach.used,
        }
    } else {
        resource(breach.limit, breach.bound, breach.used)
    }
}

/// A failure with the limit that caused it, if one did.
pub(crate) fn named(failure: Failure, breaches: &[LimitBreach]) -> Failure {
    Failure {
        limit: failure
            .limit
            .or_else(|| breaches.last().map(|breach| limit(breach).into())),
        ..failure
    }
}
