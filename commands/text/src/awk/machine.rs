//! The state of a running program, and calls of its functions.

use super::array::Shared;
use super::ast::{Builtin, Expr, Program, Slot};
use super::in_place::InPlace;
use super::input::MainInput;
use super::lowering::Code;
use super::options::Options;
use super::parts::depth;
use super::record::{Record, Splitter};
use super::special::Specials;
use super::streams::{RecordSeparator, Streams};
use super::syntax::compile;
use super::value::Value;

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
pub struct Cell {
    pub value: Value,
    /// What the caller named, while that has no value.
    pub origin: Option<Box<Origin>>,
}

/// Where what a caller named lives.
#[derive(Clone)]
pub enum Origin {
    Global(usize),
    /// A local variable of a function that is running, which was given nothing itself.
    Stack(usize),
    Element(Shared, Vec<u8>),
}

impl Cell {
    pub fn of(value: Value) -> Self {
        Self {
            value,
            origin: None,
        }
    }
}

/// How deep calls, statements and expressions may be nested together on the stack of the process. Calls that are
/// deeper run as flat code, which takes none of it, but for the functions that compare for a sort within them: those
/// may go on for as much once more.
const STACK_LEVELS: usize = 600;

/// What a call takes of that beside what the function consists of.
const CALL_LEVELS: usize = 4;

pub struct Machine<'p> {
    pub program: &'p Program,
    pub unicode: bool,
    pub options: Options,
    pub globals: Vec<Value>,
    pub stack: Vec<Cell>,
    pub base: usize,
    /// How much of [`STACK_LEVELS`] is in use.
    levels: usize,
    /// What each function takes of it.
    function_levels: Vec<usize>,
    /// Functions that were called deeper than that.
    pub codes: HashMap<usize, Rc<Code>>,
    pub record: Record,
    pub specials: Specials,
    pub streams: Streams,
    pub input: MainInput,
    regexes: HashMap<Vec<u8>, Rc<Pattern>>,
    pub spans: Vec<Option<Span>>,
    pub random: super::random::Random,
    pub exit_status: u8,
    pub ranges: Vec<bool>,
    pub in_place: Option<InPlace>,
    /// Buffers that are used again.
    pub line: Vec<u8>,
    pub spare: Vec<u8>,
}

impl<'p> Machine<'p> {
    pub fn new(program: &'p Program, options: Options, unicode: bool) -> Self {
        let functions = program.functions.iter();
        Self {
            program,
            unicode,
            options,
            globals: vec![Value::Untyped; program.globals.len()],
            stack: Vec::new(),
            base: 0,
            levels: 0,
            function_levels: functions
                .map(|function| depth(&function.body) + CALL_LEVELS)
                .collect(),
            codes: HashMap::new(),
            record: Record::default(),
            specials: Specials::new(),
            streams: Streams::new(),
            input: MainInput::default(),
            regexes: HashMap::new(),
            spans: Vec::new(),
            random: super::random::Random::new(1.0),
            exit_status: 0,
            ranges: vec![false; program.rules.len()],
            in_place: None,
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
        if let Expr::TypedRegex(text) = expr {
            return self.pattern_of(text);
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

    /// Calls a function of the program.
    pub fn call(&mut self, number: usize, arguments: &[Expr]) -> Result<Value> {
        let function = &self.program.functions[number];
        if arguments.len() > function.parameters.len() {
            let text = format!(
                "function `{}' called with more arguments than declared",
                function.name
            );
            return Err(Unwind::Fatal(text));
        }
        let mut cells = Vec::with_capacity(function.parameters.len());
        for argument in arguments {
            cells.push(self.argument(argument)?);
        }
        self.call_with(number, cells)
    }

    /// Calls a function of the program with arguments that are evaluated.
    pub fn call_with(&mut self, number: usize, mut cells: Vec<Cell>) -> Result<Value> {
        let function = &self.program.functions[number];
        let levels = self.levels;
        self.levels += self.function_levels[number];
        if self.levels > STACK_LEVELS {
            let result = self.call_flat(number, cells);
            self.levels = levels;
            return result;
        }
        cells.resize_with(function.parameters.len(), || Cell::of(Value::Untyped));
        let base = std::mem::replace(&mut self.base, self.stack.len());
        self.stack.append(&mut cells);
        let result = self.run_function(&function.body);
        self.levels = levels;
        self.stack.truncate(self.base);
        self.base = base;
        result
    }

    /// Whether calls of functions that compare for a sort are nested too deep, too.
    pub fn is_out_of_levels(&self) -> bool {
        self.levels > 2 * STACK_LEVELS
    }

    /// Calls the function that a variable names, the program's or awk's.
    #[inline(never)]
    pub fn call_indirectly(&mut self, slot: Slot, arguments: &[Expr]) -> Result<Value> {
        let value = self.variable(slot)?;
        let name = self.text_of(&value);
        let name = String::from_utf8_lossy(&name).into_owned();
        let known = name.strip_prefix("awk::").unwrap_or(&name);
        if let Some(number) = self.function_named(known) {
            return self.call(number, arguments);
        }
        let Some(builtin) = Builtin::named(known) else {
            return Err(Unwind::Fatal(format!(
                "`{name}' is not a function, so it cannot be called indirectly"
            )));
        };
        let (least, most) = builtin.arguments();
        if arguments.len() < least || arguments.len() > most {
            return Err(Unwind::Fatal(format!(
                "wrong number of arguments to {name}"
            )));
        }
        self.builtin(builtin, arguments)
    }

    /// The number of the program's function of that name.
    pub fn function_named(&self, name: &str) -> Option<usize> {
        let functions = &self.program.functions;
        functions.iter().position(|function| function.name == name)
    }
}
