//! The syntax tree, as chapter 2 of POSIX's XCU names its parts.

use std::cell::OnceCell;
use std::rc::Rc;

/// Commands one after the other.
pub type List = Vec<Item>;

/// An and-or list with what ends it.
#[derive(Debug)]
pub struct Item {
    pub first: Pipeline,
    /// What follows: whether it is `&&`, and the pipeline.
    pub rest: Vec<(bool, Pipeline)>,
    pub background: bool,
    /// The source, for `jobs`; only kept for what can become a job.
    pub text: Rc<str>,
}

#[derive(Debug)]
pub struct Pipeline {
    pub bang: bool,
    /// `time`, and whether with `-p`.
    pub time: Option<bool>,
    pub commands: Vec<Command>,
    pub text: Rc<str>,
}

#[derive(Debug)]
pub enum Command {
    Simple(Simple),
    Compound {
        body: Compound,
        redirects: Vec<Redirect>,
        line: u32,
        /// What `$BASH_COMMAND` shows of it; nothing for what is made of commands that show themselves.
        text: Rc<str>,
    },
    Function {
        name: String,
        function: Rc<Function>,
    },
}

/// A function's body and source.
#[derive(Debug)]
pub struct Function {
    pub body: Command,
    /// The source of the body.
    pub text: String,
    pub file: Rc<str>,
    /// Where its definition begins.
    pub line: u32,
}

#[derive(Clone, Debug)]
pub struct Simple {
    pub assigns: Vec<Assign>,
    pub args: Vec<Arg>,
    pub redirects: Vec<Redirect>,
    pub line: u32,
    /// The source, for `$BASH_COMMAND`; only kept for bash.
    pub text: Rc<str>,
}

/// A word, or an assignment given to a declaration utility.
#[derive(Clone, Debug)]
pub enum Arg {
    Word(Word),
    Assign(Assign),
}

#[derive(Clone, Debug)]
pub struct Assign {
    pub name: String,
    pub index: Option<Word>,
    pub append: bool,
    pub value: AssignValue,
}

#[derive(Clone, Debug)]
pub enum AssignValue {
    Scalar(Word),
    /// The members, and the list as it was written, for traces.
    Array(Vec<Element>, Rc<str>),
}

/// One member of `a=(...)`.
#[derive(Clone, Debug)]
pub struct Element {
    pub index: Option<Word>,
    pub append: bool,
    pub value: Word,
}

#[derive(Clone, Debug)]
pub struct Redirect {
    /// The descriptor, or the variable of `{name}>`.
    pub fd: RedirectFd,
    pub kind: RedirectKind,
    pub target: Word,
    /// The body of a here-document, filled in when its lines were read.
    pub body: Option<Rc<OnceCell<Word>>>,
}

#[derive(Clone, Debug)]
pub enum RedirectFd {
    Default,
    Number(i32),
    Variable(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedirectKind {
    Read,
    Write,
    Clobber,
    Append,
    ReadWrite,
    DupIn,
    DupOut,
    HereDocument,
    HereString,
    /// `&>`
    BothWrite,
    /// `&>>`
    BothAppend,
}

#[derive(Debug)]
pub enum Compound {
    Brace(List),
    Subshell(List),
    For {
        name: String,
        words: Option<Vec<Word>>,
        body: List,
    },
    Select {
        name: String,
        words: Option<Vec<Word>>,
        body: List,
    },
    ArithFor {
        init: Word,
        test: Word,
        step: Word,
        body: List,
    },
    Case {
        subject: Word,
        arms: Vec<Arm>,
    },
    If {
        branches: Vec<(List, List)>,
        otherwise: Option<List>,
    },
    While {
        until: bool,
        test: List,
        body: List,
    },
    Arith(Word),
    Cond(Cond),
    /// A command in the background whose input and output are pipes of the shell's.
    Coproc {
        name: String,
        body: Box<Command>,
        text: Rc<str>,
    },
}

#[derive(Debug)]
pub struct Arm {
    pub patterns: Vec<Word>,
    pub body: List,
    pub end: ArmEnd,
}

/// `;;`, `;&`, `;;&`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArmEnd {
    Break,
    FallThrough,
    TestNext,
}

/// An expression of `[[ ]]`.
#[derive(Debug)]
pub enum Cond {
    Not(Box<Cond>),
    /// In parentheses.
    Group(Box<Cond>),
    And(Box<Cond>, Box<Cond>),
    Or(Box<Cond>, Box<Cond>),
    Unary(String, Word),
    Binary(Word, String, Word),
    Word(Word),
}

/// A word before expansion.
#[derive(Clone, Debug, Default)]
pub struct Word {
    pub parts: Vec<Part>,
    /// Has an unquoted `{`, so that braces may expand.
    pub brace: bool,
    /// The text it was made of; only kept for printing.
    pub source: Option<Rc<str>>,
}

impl Word {
    /// The text of a word that is one unquoted literal.
    pub fn literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }
}

#[derive(Clone, Debug)]
pub enum Part {
    /// Not quoted: patterns and tildes count.
    Literal(String),
    Quoted(String),
    Double(Vec<Part>),
    Param(Box<Param>),
    Command(Rc<List>),
    Arith(Vec<Part>),
    /// `<(...)` when true, `>(...)` when false.
    Process(bool, Rc<List>),
}

/// `$name` and `${...}`.
#[derive(Clone, Debug)]
pub struct Param {
    pub name: String,
    pub index: Option<Index>,
    /// `${!name}`
    pub indirect: bool,
    pub op: Op,
}

impl Param {
    /// Whether `"$x"` of this may be no field at all.
    pub fn may_vanish(&self) -> bool {
        let list = self.name == "@" || matches!(self.index, Some(Index::At));
        (list || self.indirect) && !matches!(self.op, Op::Length)
            || matches!(self.op, Op::Names('@') | Op::Keys)
    }

    /// The parameter as messages name it.
    pub fn display(&self) -> String {
        match &self.index {
            Some(Index::Word(word)) => format!("{}[{}]", self.name, word.literal().unwrap_or("")),
            Some(Index::At) => format!("{}[@]", self.name),
            Some(Index::Star) => format!("{}[*]", self.name),
            None => self.name.clone(),
        }
    }
}

#[derive(Clone, Debug)]
pub enum Index {
    /// `[@]`
    At,
    /// `[*]`
    Star,
    Word(Word),
}

/// What letters become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    Upper,
    Lower,
    /// The other one.
    Toggled,
}

#[derive(Clone, Debug)]
pub enum Op {
    None,
    /// `${#name}`
    Length,
    /// `-`, `=`, `?`, `+` with a colon or without.
    Value {
        kind: char,
        colon: bool,
        word: Word,
    },
    /// `#`, `##`, `%`, `%%`.
    Trim {
        suffix: bool,
        longest: bool,
        pattern: Word,
    },
    /// `/`, `//`, `/#`, `/%`.
    Replace {
        kind: char,
        pattern: Word,
        with: Word,
    },
    Slice {
        offset: Word,
        length: Option<Word>,
    },
    /// `^`, `^^`, `,`, `,,`, `~`, `~~`.
    Case {
        to: Case,
        all: bool,
        pattern: Word,
    },
    /// `@Q` and the like.
    Transform(char),
    /// `${!prefix*}` and `${!prefix@}`.
    Names(char),
    /// `${!name[@]}`
    Keys,
    /// Nothing a shell knows; an error when it is expanded.
    Bad(String),
}
