//! What a parser asks of its shell.

use std::rc::Rc;

use crate::input::Origin;

/// Which language the text is in, as it stands when a command begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dialect {
    /// The features of bash.
    pub bash: bool,
    /// What POSIX has taken up since dash was written is off.
    pub dash: bool,
    /// `set -o posix`.
    pub posix: bool,
    /// `shopt -s extglob`.
    pub extglob: bool,
    /// There are aliases, and they are replaced.
    pub aliases: bool,
    /// Commands keep their text, for `jobs`.
    pub monitor: bool,
}

/// What reading one more line gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// The line with its end.
    Text(String),
    /// There are no more.
    End,
    /// A user has given the unfinished command up.
    GivenUp,
}

/// What a parser asks of the shell that it parses for. All but the dialect has an answer for where there is no shell.
pub trait Source {
    /// Which language the text is in.
    fn dialect(&self) -> Dialect;

    /// One more line from an origin that is not [`Origin::Text`]; `continued` when it goes on with an unfinished command.
    fn read_line(&mut self, _origin: Origin, _continued: bool) -> Line {
        Line::End
    }

    /// What the alias of this name stands for.
    fn alias(&self, _name: &str) -> Option<&str> {
        None
    }

    /// Whether this is a special builtin of POSIX's, whose name no function of `sh` may have.
    fn is_special_builtin(&self, _name: &str) -> bool {
        false
    }

    /// The file that functions are defined in.
    fn file(&self) -> Rc<str> {
        "".into()
    }

    /// Tells of what is no error.
    fn warn(&self, _message: &str, _line: u32) {}

    /// Hears that the text names `$BASHPID`.
    fn names_pid(&mut self) {}
}
