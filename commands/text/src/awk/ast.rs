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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArrayRef {
    Global(usize),
    Local(usize),
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
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "NF" => Self::Nf,
            "NR" => Self::Nr,
            "FNR" => Self::Fnr,
            "FS" => Self::Fs,
            "OFS" => Self::Ofs,
            "ORS" => Self::Ors,
            "RS" => Self::Rs,
            "RT" => Self::Rt,
            "FILENAME" => Self::Filename,
            "SUBSEP" => Self::Subsep,
            "RSTART" => Self::Rstart,
            "RLENGTH" => Self::Rlength,
            "CONVFMT" => Self::Convfmt,
            "OFMT" => Self::Ofmt,
            "FPAT" => Self::Fpat,
            "FIELDWIDTHS" => Self::Fieldwidths,
            "IGNORECASE" => Self::Ignorecase,
            _ => return None,
        })
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

pub enum Place {
    Variable(Slot),
    Field(Box<Expr>),
    Element(ArrayRef, Box<Expr>),
}

/// Where `getline` reads.
pub enum Source {
    Main,
    File(Box<Expr>),
    Command(Box<Expr>),
}

pub enum Expr {
    Number(f64),
    Text(Rc<Vec<u8>>),
    /// Compiled, and as it was written.
    Regex(Rc<Pattern>, Rc<Vec<u8>>),
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
    Builtin(Builtin, Vec<Expr>),
    /// `length(a)` of an array.
    ArrayLength(ArrayRef),
    Split {
        text: Box<Expr>,
        into: ArrayRef,
        by: Option<Box<Expr>>,
        separators: Option<ArrayRef>,
    },
    Substitute {
        all: bool,
        regex: Box<Expr>,
        with: Box<Expr>,
        place: Box<Place>,
    },
    MatchInto {
        text: Box<Expr>,
        regex: Box<Expr>,
        into: Option<ArrayRef>,
    },
    Sort {
        source: ArrayRef,
        into: Option<ArrayRef>,
        indices: bool,
    },
    Getline(Source, Option<Box<Place>>),
    /// A parenthesised expression.
    Group(Box<Expr>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builtin {
    And,
    Atan2,
    Close,
    Compl,
    Cos,
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
    Mktime,
    Or,
    Rand,
    Rshift,
    Sin,
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
    // These have forms of their own in `Expr`.
    Asort,
    Asorti,
    Gsub,
    Match,
    Split,
    Sub,
}

impl Builtin {
    pub fn named(name: &str) -> Option<Self> {
        const NAMES: &[(&str, Builtin)] = &[
            ("and", Builtin::And),
            ("asort", Builtin::Asort),
            ("asorti", Builtin::Asorti),
            ("atan2", Builtin::Atan2),
            ("close", Builtin::Close),
            ("compl", Builtin::Compl),
            ("cos", Builtin::Cos),
            ("exp", Builtin::Exp),
            ("fflush", Builtin::Fflush),
            ("gensub", Builtin::Gensub),
            ("isarray", Builtin::Isarray),
            ("typeof", Builtin::Typeof),
            ("gsub", Builtin::Gsub),
            ("index", Builtin::Index),
            ("int", Builtin::Int),
            ("length", Builtin::Length),
            ("log", Builtin::Log),
            ("lshift", Builtin::Lshift),
            ("match", Builtin::Match),
            ("mktime", Builtin::Mktime),
            ("or", Builtin::Or),
            ("rand", Builtin::Rand),
            ("rshift", Builtin::Rshift),
            ("sin", Builtin::Sin),
            ("split", Builtin::Split),
            ("sprintf", Builtin::Sprintf),
            ("sqrt", Builtin::Sqrt),
            ("srand", Builtin::Srand),
            ("strftime", Builtin::Strftime),
            ("strtonum", Builtin::Strtonum),
            ("sub", Builtin::Sub),
            ("substr", Builtin::Substr),
            ("system", Builtin::System),
            ("systime", Builtin::Systime),
            ("tolower", Builtin::Tolower),
            ("toupper", Builtin::Toupper),
            ("xor", Builtin::Xor),
        ];
        NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|found| found.1)
    }
}

/// Where `print` and `printf` write.
pub enum Redirect {
    Create(Expr),
    Append(Expr),
    Command(Expr),
}

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
    /// Which parameters are arrays.
    pub arrays: Vec<bool>,
    pub body: Vec<Statement>,
}

#[derive(Default)]
pub struct Program {
    pub begin: Vec<Vec<Statement>>,
    pub rules: Vec<(Rule, Vec<Statement>)>,
    pub end: Vec<Vec<Statement>>,
    pub functions: Vec<Function>,
    /// Names of the global variables, by number.
    pub globals: Vec<String>,
}
