//! Expressions of `find`.

use std::ffi::OsString;
use std::fs::File;
use std::rc::Rc;

use regex::bytes::Regex;
use secure_exec_cli::{Glob, ModeChange};
use secure_exec_sys::stat::Time;

/// A number with `+` (more), `-` (less) or neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    More(u64),
    Less(u64),
    Exactly(u64),
}

impl Count {
    #[must_use]
    pub fn holds(self, value: u64) -> bool {
        match self {
            Self::More(than) => value > than,
            Self::Less(than) => value < than,
            Self::Exactly(wanted) => value == wanted,
        }
    }
}

/// One of the three times of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamp {
    Accessed,
    Modified,
    Changed,
}

/// How the permission bits are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bits {
    Exactly,
    All,
    Any,
}

/// A command of `-exec` and its kin.
#[derive(Clone, Debug)]
pub struct Execution {
    pub command: Vec<OsString>,
    /// `+`: many files for one command.
    pub batches: bool,
    /// `-execdir`: in the directory of the file.
    pub in_directory: bool,
    /// `-ok`: asks first.
    pub asks: bool,
    /// Which batch, where there are several.
    pub number: usize,
}

#[derive(Clone, Debug)]
pub enum Expression {
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    /// `,`: both are evaluated, the second counts.
    Both(Box<Expression>, Box<Expression>),
    Not(Box<Expression>),
    True,
    False,
    Name(Glob, Vec<u8>),
    Path(Glob, Vec<u8>),
    LinkName(Glob, Vec<u8>),
    Matches(Regex),
    Kinds(Vec<u8>, bool),
    Size(Count, u64),
    Empty,
    /// In units of so many seconds before the start.
    Age(Stamp, Count, u64),
    Newer(Stamp, Time),
    Permissions(ModeChange, Bits),
    User(u32),
    Group(u32),
    UserNumber(Count),
    GroupNumber(Count),
    NoUser,
    NoGroup,
    Links(Count),
    Inode(Count),
    SameFile(u64, u64),
    Access(i32),
    Prune,
    Quit,
    Delete,
    Print(u8),
    List,
    Format(String),
    FilePrint(Rc<File>, u8),
    FileFormat(Rc<File>, String),
    Execute(Execution),
}
