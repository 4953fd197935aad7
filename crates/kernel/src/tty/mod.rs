//! Terminals (`pty(7)`, `termios(3)`): pseudoterminals, their line discipline, and job control.
//!
//! A [`Pty`] has a master, on which a terminal emulator types and reads what is shown, and a slave, the
//! terminal of programs. Between them lies the line discipline. A terminal belongs to at most one session;
//! the session's foreground process group gets the signals that are typed.

mod ends;
mod input;
mod line_discipline;
mod output;
mod pty;
mod read_wait;
mod table;

pub(crate) use ends::{MasterEnd, SlaveEnd};
pub use pty::Pty;
pub(crate) use table::TtyTable;

use crate::abi::Pid;
use crate::abi::signal::Signal;
use crate::vfs::FileDescription;
use core::any::Any;
use std::sync::Arc;

/// Where terminals send signals, and what they have to know of processes.
pub(crate) trait SignalSink: Send + Sync {
    /// Signals a process.
    fn signal_process(&self, pid: Pid, signal: Signal);
    /// Signals all processes of a group.
    fn signal_group(&self, pgid: Pid, signal: Signal);
    /// Session of a process.
    fn session_of(&self, pid: Pid) -> Option<Pid>;
}

/// Terminal behind an open file.
#[derive(Clone, Copy)]
pub enum Terminal<'a> {
    /// The emulator's end.
    Master(&'a Arc<Pty>),
    /// The programs' end.
    Slave(&'a Arc<Pty>),
}

impl<'a> Terminal<'a> {
    /// The terminal behind an open file, if it is one.
    pub fn of(file: &'a FileDescription) -> Option<Terminal<'a>> {
        let file: &dyn Any = &**file.file()?;
        if let Some(SlaveEnd(pty)) = file.downcast_ref() {
            return Some(Terminal::Slave(pty));
        }
        let MasterEnd(pty) = file.downcast_ref()?;
        Some(Terminal::Master(pty))
    }

    /// The pseudoterminal, whichever end it is.
    pub fn pty(self) -> &'a Arc<Pty> {
        match self {
            Terminal::Master(pty) | Terminal::Slave(pty) => pty,
        }
    }
}
