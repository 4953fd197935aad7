//! From an empty context to a running program. Follows Node's `src/node_realm.cc` and `src/api/environment.cc`.

pub mod per_context;
