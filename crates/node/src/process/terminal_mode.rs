//! The mode of a terminal, which a program changes and its end gives back (libuv's `uv_tty_set_mode`).

use std::cell::RefCell;

use secure_exec_kernel::{
    ControlFlags, Errno, InputFlags, LocalFlags, OutputFlags, Pid, Process, TcsetAction, Termios,
};

thread_local! {
    /// The terminal whose mode this thread's process has changed, and its settings before: `process.exit` gives them
    /// back (libuv's `uv_tty_reset_mode`).
    static CHANGED: RefCell<Option<(Pid, i32, Termios)>> = const { RefCell::new(None) };
}

/// Gives the terminal back the settings it had before the process changed its mode.
pub fn reset(process: &Process) {
    if let Some((_, fd, termios)) = CHANGED.take().filter(|(pid, ..)| *pid == process.pid()) {
        // The terminal may be gone, and then has no mode.
        let _ = process.tcsetattr(fd, TcsetAction::TCSANOW, &termios);
    }
}

/// Makes the terminal of `fd` raw, or gives it back the settings it had.
pub fn change(process: &Process, fd: i32, raw: bool) -> Result<(), Errno> {
    let current = process.tcgetattr(fd)?;
    if !raw {
        reset(process);
        return Ok(());
    }
    CHANGED.with_borrow_mut(|changed| {
        // Threads run one process after another, and one that was killed gives nothing back.
        if changed.is_none_or(|(pid, ..)| pid != process.pid()) {
            *changed = Some((process.pid(), fd, current));
        }
    });
    let mut termios = current;
    termios.iflag -= InputFlags::BRKINT
        | InputFlags::ICRNL
        | InputFlags::INPCK
        | InputFlags::ISTRIP
        | InputFlags::IXON;
    termios.oflag |= OutputFlags::ONLCR;
    termios.cflag |= ControlFlags::CS8;
    termios.lflag -= LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::IEXTEN | LocalFlags::ISIG;
    termios.cc[secure_exec_kernel::abi::termios::VMIN] = 1;
    termios.cc[secure_exec_kernel::abi::termios::VTIME] = 0;
    process.tcsetattr(fd, TcsetAction::TCSADRAIN, &termios)
}
