//! What a VM's guests get from the host: they ask, the host decides and does (`docs/design/host-requests.md`).

mod requests;
mod tools;

pub(crate) use tools::Tools;
