//! What a VM's guests get from the host: they ask, the host decides and does (`docs/design/host-requests.md`).

mod changes;
mod files;
mod files_channel;
mod requests;
mod start_guard;
mod tools;

pub(crate) use files::MountFiles;
pub(crate) use files_channel::{FilesChannel, be_impatient};
pub(crate) use requests::first_request;
pub(crate) use start_guard::StartGuard;
pub(crate) use tools::{COMMAND_SCRIPT, Tools};
