//! `sys/inotify.h`: file system events.

use bitflags::bitflags;

bitflags! {
    /// Events and flags of `inotify(7)`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct InotifyMask: u32 {
        /// The file was read.
        const IN_ACCESS = 0x1;
        /// The file was written or truncated.
        const IN_MODIFY = 0x2;
        /// Metadata changed.
        const IN_ATTRIB = 0x4;
        /// A file opened for writing was closed.
        const IN_CLOSE_WRITE = 0x8;
        /// A file not opened for writing was closed.
        const IN_CLOSE_NOWRITE = 0x10;
        /// The file was opened.
        const IN_OPEN = 0x20;
        /// A name left the directory by rename.
        const IN_MOVED_FROM = 0x40;
        /// A name came into the directory by rename.
        const IN_MOVED_TO = 0x80;
        /// A name was created in the directory.
        const IN_CREATE = 0x100;
        /// A name was removed from the directory.
        const IN_DELETE = 0x200;
        /// The watched file itself was removed.
        const IN_DELETE_SELF = 0x400;
        /// The watched file itself was renamed.
        const IN_MOVE_SELF = 0x800;
        /// The queue overflowed and events are missing.
        const IN_Q_OVERFLOW = 0x4000;
        /// The watch is gone.
        const IN_IGNORED = 0x8000;
        /// Watches only a directory.
        const IN_ONLYDIR = 0x0100_0000;
        /// Does not follow a symbolic link.
        const IN_DONT_FOLLOW = 0x0200_0000;
        /// Ignores children that were unlinked.
        const IN_EXCL_UNLINK = 0x0400_0000;
        /// Fails if the file is watched already.
        const IN_MASK_CREATE = 0x1000_0000;
        /// Adds to the mask of an existing watch.
        const IN_MASK_ADD = 0x2000_0000;
        /// The subject is a directory.
        const IN_ISDIR = 0x4000_0000;
        /// Removes the watch after one event.
        const IN_ONESHOT = 0x8000_0000;
        /// Every event a watch can ask for.
        const IN_ALL_EVENTS = 0xfff;
        const _ = !0;
    }
}

/// One event of an inotify instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InotifyEvent {
    /// Watch descriptor.
    pub wd: i32,
    /// What happened.
    pub mask: InotifyMask,
    /// Connects the two halves of a rename; 0 otherwise.
    pub cookie: u32,
    /// Name inside the watched directory; empty when the watched file itself is the subject.
    pub name: Vec<u8>,
}
