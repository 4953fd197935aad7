//! A parsed awk program.

use crate::pattern::Pattern;
use std::rc::Rc;

/// Where a scalar lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    Global(usize),
    Local(usize),
    Special(Special),
}

/// Where an array lives.
#[derive(Clone)]
pub enum ArrayRef {
    Global(usize),
    Local(usize),
    /// An element of an array that is an array itself.
    Element(Box<(ArrayRef, Expr)>),
    /// gawk's `SYMTAB`, the program's variables by name.
    Symbols,
}

/// Variables with a meaning of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    Nf,
    Nr,
    Fnr,
    Fs,
    Ofs,
    Ors,
    Rs,
    Rt,
    Filename,
    Subsep,
    Rstart,
    Rlength,
    Convfmt,
    Ofmt,
    Fpat,
    Fieldwidths,
    Ignorecase,
}

impl Special {
    /// Whether POSIX does not have it.
    pub fn is_extension(self) -> bool {
        matches!(
            self,
            Self::Rt | Self::Fpat | Self::Fieldwidths | Self::Ignorecase
        )
    }

    pub const NAMES: &[(&str, Self)] = &[
        ("NF", Self::Nf),
        ("NR", Self::Nr),
        ("FNR", Self::Fnr),
        ("FS", Self::Fs),
        ("OFS", Self::Ofs),
        ("ORS", Self::Ors),
        ("RS", Self::Rs),
        ("RT", Self::Rt),
        ("FILENAME", Self::Filename),
        ("SUBSEP", Self::Subsep),
        ("RSTART", Self::Rstart),
        ("RLENGTH", Self::Rlength),
        ("CONVFMT", Self::Convfmt),
        ("OFMT", Self::Ofmt),
        ("FPAT", Self::Fpat),
        ("FIELDWIDTHS", Self::Fieldwidths),
        ("IGNORECASE", Self::Ignorecase),
    ];

    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|found| found.1)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Less,
    LessEqual,
    Equal,
    NotEqual,
    Greater,
    GreaterEqual,
}

#[derive(Clone)]
pub enum Place {
    Variable(Slot),
    Field(Box<Expr>),
    Element(ArrayRef, Box<Expr>),
}

/// Where `getline` reads.
#[derive(Clone)]
pub enum Source {
    Main,
    File(Box<Expr>),
    Command(Box<Expr>),
    Coprocess(Box<Expr>),
}

#[derive(Clone)]
pub enum Expr {
    Number(f64),
    Text(Rc<Vec<u8>>),
    /// Compiled, and as it was written.
    Regex(Rc<Pattern>, Rc<Vec<u8>>),
    /// gawk's `@/.../`: an expression as a value.
    TypedRegex(Rc<Vec<u8>>),
    Variable(Slot),
    Field(Box<Expr>),
    Element(ArrayRef, Box<Expr>),
    /// Several subscripts, joined by `SUBSEP`.
    Subscript(Vec<Expr>),
    Assign(Box<Place>, Box<Expr>),
    /// `x = x y`: appends in place.
    Append(Slot, Box<Expr>),
    Augment(Arithmetic, Box<Place>, Box<Expr>),
    Increment {
        place: Box<Place>,
        by: f64,
        prefix: bool,
    },
    Conditional(Box<(Expr, Expr, Expr)>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    Negative(Box<Expr>),
    Positive(Box<Expr>),
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    Comparison(Comparison, Box<Expr>, Box<Expr>),
    Match {
        negated: bool,
        text: Box<Expr>,
        regex: Box<Expr>,
    },
    Concatenation(Vec<Expr>),
    In(Box<Expr>, ArrayRef),
    Call(usize, Vec<Expr>),
    /// gawk's `@name(...)`: calls the function whose name a variable holds.
    Indirect(Slot, Vec<Expr>),
    Builtin(Builtin, Vec<Expr>),
    Substitute {
        all: bool,
        regex: Box<Expr>,
        with: Box<Expr>,
        place: Box<Place>,
    },
    Getline(Source, Option<Box<Place>>),
    /// A parenthesised expression.
    Group(Box<Expr>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builtin {
    And,
    Asort,
    Asorti,
    Atan2,
    Bindtextdomain,
    Close,
    Compl,
    Cos,
    Dcgettext,
    Dcngettext,
    Exp,
    Fflush,
    Gensub,
    Isarray,
    Typeof,
    Index,
    Int,
    Length,
    Log,
    Lshift,
    Match,
    Mkbool,
    Mktime,
    Or,
    Patsplit,
    Rand,
    Rshift,
    Sin,
    Split,
    Sprintf,
    Sqrt,
    Srand,
    Strftime,
    Strtonum,
    Substr,
    System,
    Systime,
    Tolower,
    Toupper,
    Xor,
    // These have a form of their own in `Expr`, but where they are called by a variable.
    Gsub,
    Sub,
}

impl Builtin {
    pub const NAMES: &[(&str, Self)] = &[
        ("and", Self::And),
        ("asort", Self::Asort),
        ("asorti", Self::Asorti),
        ("atan2", Self::Atan2),
        ("bindtextdomain", Self::Bindtextdomain),
        ("close", Self::Close),
        ("compl", Self::Compl),
        ("cos", Self::Cos),
        ("dcgettext", Self::Dcgettext),
        ("dcngettext", Self::Dcngettext),
        ("exp", Self::Exp),
        ("fflush", Self::Fflush),
        ("gensub", Self::Gensub),
        ("isarray", Self::Isarray),
        ("typeof", Self::Typeof),
        ("gsub", Self::Gsub),
        ("index", Self::Index),
        ("int", Self::Int),
        ("length", Self::Length),
        ("log", Self::Log),
        ("lshift", Self::Lshift),
        ("match", Self::Match),
        ("mkbool", Self::Mkbool),
        ("mktime", Self::Mktime),
        ("patsplit", Self::Patsplit),
        ("or", Self::Or),
        ("rand", Self::Rand),
        ("rshift", Self::Rshift),
        ("sin", Self::Sin),
        ("split", Self::Split),
        ("sprintf", Self::Sprintf),
        ("sqrt", Self::Sqrt),
        ("srand", Self::Srand),
        ("strftime", Self::Strftime),
        ("strtonum", Self::Strtonum),
        ("sub", Self::Sub),
        ("substr", Self::Substr),
        ("system", Self::System),
        ("systime", Self::Systime),
        ("tolower", Self::Tolower),
        ("toupper", Self::Toupper),
        ("xor", Self::Xor),
    ];

    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|found| found.1)
    }

    /// How many arguments it takes: at least and at most.
    pub fn arguments(self) -> (usize, usize) {
        match self {
            Self::Rand | Self::Systime => (0, 0),
            Self::Length | Self::Srand | Self::Fflush => (0, 1),
            Self::Strftime => (0, 3),
            Self::Atan2 | Self::Index | Self::Lshift | Self::Rshift => (2, 2),
            Self::Substr | Self::Sub | Self::Gsub | Self::Match => (2, 3),
            Self::Split | Self::Patsplit => (2, 4),
            Self::Gensub => (3, 4),
            Self::And | Self::Or | Self::Xor => (2, usize::MAX),
            Self::Sprintf => (1, usize::MAX),
            Self::Asort | Self::Asorti | Self::Dcgettext => (1, 3),
            Self::Dcngettext => (3, 5),
            Self::Bindtextdomain | Self::Close | Self::Mktime | Self::Typeof => (1, 2),
            _ => (1, 1),
        }
    }

    /// Whether POSIX does not have it.
    pub fn is_extension(self) -> bool {
        !matches!(
            self,
            Self::Atan2
                | Self::Close
                | Self::Cos
                | Self::Exp
                | Self::Fflush
                | Self::Gsub
                | Self::Index
                | Self::Int
                | Self::Length
                | Self::Log
                | Self::Match
                | Self::Rand
                | Self::Sin
                | Self::Split
                | Self::Sprintf
                | Self::Sqrt
                | Self::Srand
                | Self::Sub
                | Self::Substr
                | Self::System
                | Self::Tolower
                | Self::Toupper
        )
    }
}

/// Where `print` and `printf` write.
#[derive(Clone)]
pub enum Redirect {
    Create(Expr),
    Append(Expr),
    Command(Expr),
    Coprocess(Expr),
}

#[derive(Clone)]
pub enum Statement {
    Expression(Expr),
    Print(Vec<Expr>, Option<Redirect>),
    Printf(Vec<Expr>, Option<Redirect>),
    If(Expr, Vec<Statement>, Vec<Statement>),
    While(Expr, Vec<Statement>),
    Do(Vec<Statement>, Expr),
    For(Box<ForParts>, Vec<Statement>),
    ForIn(Slot, ArrayRef, Vec<Statement>),
    Switch(Expr, Vec<(Option<Expr>, Vec<Statement>)>),
    Break,
    Continue,
    Next,
    NextFile,
    Exit(Option<Expr>),
    Return(Option<Expr>),
    Delete(ArrayRef, Option<Expr>),
}

#[derive(Clone)]
pub struct ForParts {
    pub start: Option<Statement>,
    pub condition: Option<Expr>,
    pub step: Option<Statement>,
}

pub enum Rule {
    Always,
    When(Expr),
    Range(Expr, Expr),
}

pub struct Function {
    pub name: String,
    pub parameters: Vec<String>,
    pub body: Vec<Statement>,
}

#[derive(Default)]
pub struct Program {
    pub begin: Vec<Vec<Statement>>,
    pub rules: Vec<(Rule, Vec<Statement>)>,
    pub end: Vec<Vec<Statement>>,
    pub begin_file: Vec<Vec<Statement>>,
    pub end_file: Vec<Vec<Statement>>,
    pub functions: Vec<Function>,
    /// Names of the global variables, by number.
    pub globals: Vec<String>,
}

impl Program {
    /// Whether any rule asks for records.
    pub fn reads_input(&self) -> bool {
        let bodies = [&self.end, &self.begin_file, &self.end_file];
        !self.rules.is_empty() || bodies.iter().any(|bodies| !bodies.is_empty())
    }
}
