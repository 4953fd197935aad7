//! The kernel: Linux semantics over in-memory state, with no ambient OS access.
