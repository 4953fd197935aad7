//! A parsed sed script.

use crate::pattern::Pattern;
use std::cell::Cell;
use std::rc::Rc;

pub enum Address {
    Line(u64),
    Last,
    /// Nothing in it stands for the last expression used.
    Regex(Option<Rc<Pattern>>),
    /// `first~step`.
    Step(u64, u64),
    /// `addr1,+N`.
    Plus(u64),
    /// `addr1,~N`.
    Multiple(u64),
}

#[derive(Default)]
pub struct Selector {
    pub first: Option<Address>,
    pub second: Option<Address>,
    pub negated: bool,
    /// While in a range: its last line, or nothing if that depends on the text.
    pub range: Cell<Range>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Range {
    #[default]
    Outside,
    Until(u64),
    UntilMatch,
    /// Over. One that begins at a line by its number begins again only at that line.
    Closed,
}

pub struct Command {
    pub selector: Selector,
    pub function: Function,
}

/// An index into the table of files written to.
pub type File = usize;

pub enum Function {
    /// `{`: where to go on if the selector does not match.
    Block(usize),
    BlockEnd,
    Append(Vec<u8>),
    Branch(Jump),
    BranchIf(Jump),
    BranchUnless(Jump),
    Change(Vec<u8>),
    Delete,
    DeleteFirst,
    Execute(Vec<u8>),
    FileName,
    Get,
    GetAppend,
    Hold,
    HoldAppend,
    Insert(Vec<u8>),
    Label,
    List(Option<usize>),
    Next,
    NextAppend,
    Print,
    PrintFirst,
    Quit(u8),
    QuitSilently(u8),
    Read(Vec<u8>),
    ReadLine(Vec<u8>),
    Substitute(Box<Substitution>),
    Write(File),
    WriteFirst(File),
    Exchange,
    Transliterate(Box<Transliteration>),
    Zap,
    LineNumber,
}

/// A label, then the command it stands for; the end of the script if the label is empty.
pub enum Jump {
    Label(Vec<u8>),
    To(usize),
}

pub enum Transliteration {
    Bytes(Box<[u8; 256]>),
    Characters(std::collections::HashMap<char, char>),
}

/// Which letters a replacement changes the case of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Case {
    Upper,
    Lower,
    UpperNext,
    LowerNext,
    End,
}

pub enum Part {
    Text(Vec<u8>),
    Group(usize),
    Case(Case),
}

pub struct Substitution {
    pub pattern: Option<Rc<Pattern>>,
    pub replacement: Vec<Part>,
    /// The first match to replace, counted from 1.
    pub number: usize,
    pub global: bool,
    pub print: bool,
    /// Prints what is to be run, and not its output: `p` comes before `e`.
    pub print_first: bool,
    pub evaluate: bool,
    pub file: Option<File>,
}

pub struct Script {
    pub commands: Vec<Command>,
    /// Names of the files that `w` writes to.
    pub files: Vec<Vec<u8>>,
    /// The first line was `#n`.
    pub quiet: bool,
}
