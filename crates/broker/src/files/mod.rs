//! Files that the host serves to guests (`docs/design/mounts.md`).
//!
//! - `backend`: what serves the files of a mount. `host_directory`: a directory of the host's.
//! - `changes`: what happens to the files of a mount.
//! - `deferred`: what serves them without being waited for. `replies`: what comes of it, on its way.
//! - `channel`: the thread that takes the requests of a VM process and has them done. `served`: what it knows of a VM.
//!   `whole`: small files, several at a time.

mod backend;
mod changes;
mod channel;
mod deferred;
mod host_directory;
mod replies;
mod served;
#[cfg(test)]
mod tests;
mod whole;

pub use backend::{Backend, BackendFile, HostMount, Listing, Opened, Server, Target};
pub(crate) use channel::FilesChannel;
pub use deferred::{Deferred, Reply};
pub use host_directory::{FollowedRoot, HostDirectory, HostDirectoryOptions};
