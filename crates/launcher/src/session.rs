//! Where the process belongs: its session, its directory, its parent.

use std::io;

/// Leaves the terminal, the directory and the file mode mask of the host.
///
/// # Errors
/// The operating system refused.
pub fn leave() -> io::Result<()> {
    // SAFETY: takes nothing. It fails where the process leads its session already, as the broker starts it.
    let leads = unsafe { libc::setsid() >= 0 || libc::getsid(0) == libc::getpid() };
    if !leads {
        return Err(io::Error::last_os_error());
    }
    std::env::set_current_dir("/")?;
    // SAFETY: takes a plain number; cannot fail.
    unsafe { libc::umask(0o077) };
    Ok(())
}

/// Makes the kernel kill this process when the starting thread ends, even by SIGKILL.
///
/// # Errors
/// The parent has ended already.
pub fn bind_to_parent(parent: libc::pid_t) -> Result<(), String> {
    // SAFETY: takes plain numbers.
    if unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } != 0 {
        return Err(format!("prctl: {}", io::Error::last_os_error()));
    }
    // SAFETY: cannot fail.
    if unsafe { libc::getppid() } != parent {
        return Err("the parent is gone".into());
    }
    Ok(())
}

/// Should memory run out all the same, the host's killer is to choose a VM and not the application.
pub fn offer_to_oom_killer() {
    // A wish: not every container has this file.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
}
