//! Namespaces of the process's own (namespaces(7)), where the system may have no filter of system calls: a network in
//! which there is nothing, no names and System V objects of the host's.
//!
//! The filter leaves no call that would reach any of that, so that a process which has it gains nothing and would pay: a
//! network costs half a millisecond to make and another to take down, in turn with all others of the system. What cannot
//! be had is left out: the broker sees what there is, and reports it.

/// Leaves the host's namespaces, all or none of them. Without the right to do so an ordinary user makes a namespace of
/// users first, in which the process has it. It maps nobody there, and keeps its user outside.
///
/// Processes stay as they are: a namespace of them begins with a child, and a process in between would be there for each
/// VM. Mounts as well: Landlock takes away every file of theirs, and a copy of their tree costs what depends on the host.
pub fn leave() {
    let own = libc::CLONE_NEWNET | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS;
    // SAFETY: takes plain numbers; there is one thread.
    unsafe {
        // A user namespace that does not know the user which root becomes would have it stay root.
        if libc::unshare(own) != 0 && libc::geteuid() != 0 {
            libc::unshare(libc::CLONE_NEWUSER | own);
        }
    }
}
