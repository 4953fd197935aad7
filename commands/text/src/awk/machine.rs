//! The state of a running program, and calls of its functions.

use super::array::{Array, Shared};
use super::ast::{ArrayRef, Expr, Program, Slot};
use super::input::MainInput;
use super::record::{Record, Splitter};
use super::streams::{RecordSeparator, Streams};
use super::syntax::compile;
use super::value::Value;
use super::variable::Specials;
use crate::pattern::{Pattern, Span};
use std::collections::HashMap;
use std::io;
use std::rc::Rc;

/// Why evaluation ended early.
pub enum Unwind {
    Next,
    NextFile,
    Exit,
    Fatal(String),
    Io(io::Error),
}

impl From<io::Error> for Unwind {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

pub type Result<T> = std::result::Result<T, Unwind>;

/// A parameter or local variable.
#[derive(Clone)]
pub enum Cell {
    Scalar(Value),
    Array(Shared),
}

/// Calls nested deeper than this would exhaust the stack.
const MAX_DEPTH: usize = if cfg!(target_os = "wasi") {
    2000
} else {
    10_000
};

pub struct Machine<'p> {
    pub program: &'p Program,
    pub unicode: bool,
    pub globals: Vec<Value>,
    pub arrays: Vec<Shared>,
    pub stack: Vec<Cell>,
    pub base: usize,
    depth: usize,
    pub record: Record,
    pub specials: Specials,
    pub streams: Streams,
    pub input: MainInput,
    regexes: HashMap<Vec<u8>, Rc<Pattern>>,
    pub spans: Vec<Option<Span>>,
    pub random: super::random::Random,
    pub exit_status: u8,
    pub ranges: Vec<bool>,
    /// Buffers that are used again.
    pub line: Vec<u8>,
    pub spare: Vec<u8>,
}

impl<'p> Machine<'p> {
    pub fn new(program: &'p Program, unicode: bool) -> Self {
        Self {
            program,
            unicode,
            globals: vec![Value::Uninitialized; program.globals.len()],
            arrays: program.globals.iter().map(|_| Array::shared()).collect(),
            stack: Vec::new(),
            base: 0,
            depth: 0,
            record: Record::default(),
            specials: Specials::new(),
            streams: Streams::new(),
            input: MainInput::default(),
            regexes: HashMap::new(),
            spans: Vec::new(),
            random: super::random::Random::new(0.0),
            exit_status: 0,
            ranges: vec![false; program.rules.len()],
            line: Vec::new(),
            spare: Vec::new(),
        }
    }

    pub fn text_of(&self, value: &Value) -> Rc<Vec<u8>> {
        value.string(&self.specials.convfmt)
    }

    /// A string as an expression, compiled once.
    pub fn pattern_of(&mut self, text: &[u8]) -> Result<Rc<Pattern>> {
        if let Some(known) = self.regexes.get(text) {
            return Ok(Rc::clone(known));
        }
        let pattern = compile(text, self.unicode, self.specials.ignore_case).map_err(|error| {
            Unwind::Fatal(format!("{error}: /{}/", String::from_utf8_lossy(text)))
        })?;
        if self.regexes.len() >= 500 {
            self.regexes.clear();
        }
        self.regexes.insert(text.to_vec(), Rc::clone(&pattern));
        Ok(pattern)
    }

    /// The expression that an operand of `~` is.
    pub fn regex(&mut self, expr: &Expr) -> Result<Rc<Pattern>> {
        if let Expr::Regex(pattern, text) = expr {
            if self.specials.ignore_case {
                return self.pattern_of(text);
            }
            return Ok(Rc::clone(pattern));
        }
        let value = self.value(expr)?;
        let text = self.text_of(&value);
        self.pattern_of(&text)
    }

    pub fn splitter_for(&mut self, text: &[u8]) -> Result<Splitter> {
        Ok(match text {
            b" " => Splitter::Blanks,
            b"" => Splitter::Characters,
            [byte] if *byte != b'\\' => Splitter::Byte(*byte),
            [_] => Splitter::Byte(b'\\'),
            _ => Splitter::Regex(self.pattern_of(text)?),
        })
    }

    /// Forgets what was compiled: letters have another meaning now.
    pub fn forget_patterns(&mut self) {
        self.regexes.clear();
    }

    fn paragraphs(&self) -> bool {
        matches!(self.specials.separator, RecordSeparator::Paragraph)
    }

    pub fn split_record(&mut self) {
        let newline = self.paragraphs();
        let fields = self.specials.fields.as_ref();
        self.record
            .split(fields.unwrap_or(&self.specials.splitter), newline);
    }

    pub fn record_text(&mut self) -> Rc<Vec<u8>> {
        Rc::clone(self.record.text(&self.specials.ofs, &self.specials.convfmt))
    }

    pub fn call(&mut self, number: usize, arguments: &[Expr]) -> Result<Value> {
        let function = &self.program.functions[number];
        if arguments.len() > function.parameters.len() {
            let text = format!("function {} called with too many arguments", function.name);
            return Err(Unwind::Fatal(text));
        }
        if self.depth >= MAX_DEPTH {
            return Err(Unwind::Fatal(
                "function calls are nested too deeply".to_owned(),
            ));
        }
        let mut cells = Vec::with_capacity(function.parameters.len());
        for (index, array) in function.arrays.iter().enumerate() {
            cells.push(self.argument(arguments.get(index), *array)?);
        }
        let base = std::mem::replace(&mut self.base, self.stack.len());
        self.stack.append(&mut cells);
        self.depth += 1;
        let result = self.run_function(&function.body);
        self.depth -= 1;
        self.stack.truncate(self.base);
        self.base = base;
        result
    }

    fn argument(&mut self, argument: Option<&Expr>, array: bool) -> Result<Cell> {
        let Some(argument) = argument else {
            return Ok(if array {
                Cell::Array(Array::shared())
            } else {
                Cell::Scalar(Value::Uninitialized)
            });
        };
        let name = match argument {
            Expr::Variable(Slot::Global(global)) => Some(ArrayRef::Global(*global)),
            Expr::Variable(Slot::Local(local)) => Some(ArrayRef::Local(*local)),
            _ => None,
        };
        if let Some(name) = name {
            if array {
                return Ok(Cell::Array(self.array(name)?));
            }
            // An array that the function only passes on or measures.
            let is_array = match name {
                ArrayRef::Global(global) => {
                    matches!(self.globals[global], Value::Uninitialized)
                        && self.arrays[global].borrow().len() > 0
                }
                ArrayRef::Local(local) => {
                    matches!(self.stack[self.base + local], Cell::Array(_))
                }
            };
            if is_array {
                return Ok(Cell::Array(self.array(name)?));
            }
        } else if array {
            return Err(Unwind::Fatal("an array is required as argument".to_owned()));
        }
        Ok(Cell::Scalar(self.value(argument)?))
    }
}
