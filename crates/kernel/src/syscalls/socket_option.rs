//! Options of sockets.

use super::Sysno;
use crate::abi::Fd;
use crate::abi::socket::OptionValue;
use crate::errno::Result;
use crate::process::Process;
use crate::trace::{self, Args};

impl Process {
    /// Implements `getsockopt(2)`; reading `SO_ERROR` takes the error.
    ///
    /// # Errors
    /// - `ENOTSOCK`: no socket.
    /// - `ENOPROTOOPT`: no such option.
    /// - `EOPNOTSUPP`: the family has no options of this level.
    pub fn getsockopt(&self, fd: Fd, level: i32, name: i32) -> Result<OptionValue> {
        let option = trace::SocketOption(level, name);
        let value = self.enter(
            Sysno::Getsockopt,
            Args::around(format_args!("{fd}, {option}, "), format_args!("")),
            || {
                let value = self.file(fd)?.socket()?.option(level, name)?;
                Ok(trace::OptionRead(value))
            },
        );
        value.map(|read| read.0)
    }

    /// Implements `setsockopt(2)`.
    ///
    /// # Errors
    /// As [`Process::getsockopt`], and `EINVAL` for a value of the wrong type.
    pub fn setsockopt(&self, fd: Fd, level: i32, name: i32, value: OptionValue) -> Result<()> {
        let option = trace::SocketOption(level, name);
        let args = format_args!("{fd}, {option}, {}", trace::OptionSet(value));
        self.enter(Sysno::Setsockopt, args, || {
            self.file(fd)?.socket()?.set_option(level, name, value)
        })
    }
}
