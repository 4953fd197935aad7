//! Virtual file system: inodes, mounts, path walk, open file descriptions.
//!
//! There is no dentry cache: a directory inode finds its children itself, and a directory knows its
//! parent and its name, which is all that `..` and `getcwd(2)` need.

mod caller;
mod file;
mod file_description;
mod inode;
mod lookup;
mod mount;
mod namespace;
mod open;
mod path_walk;
mod permission;
mod place;
mod remove_tree;
mod socket;
mod time_limit;
mod watch;

pub(crate) use caller::USER_ID;
pub use caller::{Caller, Credentials};
pub use file::File;
pub use file_description::FileDescription;
pub(crate) use file_description::OpenPath;
pub use inode::{
    DirCursor, FileSystem, Inode, LinkTarget, NewInode, NewInodeKind, Ownership, SeekExtent,
    SetAttributes, SocketNode,
};
pub(crate) use lookup::Vfs;
pub(crate) use lookup::{At, join};
pub use mount::{Mount, MountFlags, VirtualDentry};
pub(crate) use open::OpenRequest;
pub(crate) use path_walk::{Last, LastLink, Walked};
pub(crate) use permission::check as check_permission;
pub use socket::{Outgoing, Received, Right, Socket, SocketCaller, SocketRow};
pub use time_limit::{TimeLimits, WaitSide};
pub use watch::{Followed, Watchers};
pub(crate) use watch::{InotifyFile, InotifyInstance, WatchCounter};
