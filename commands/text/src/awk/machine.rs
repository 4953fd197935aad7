//! The state of a running program, and the evaluation of expressions.

use super::array::{Array, Shared};
use super::ast::{Arithmetic, ArrayRef, Comparison, Expr, Place, Program, Slot, Special};
use super::expression::compile;
use super::input::MainInput;
use super::record::{Record, Splitter};
use super::streams::{RecordSeparator, Streams};
use super::value::{Value, append_number, input_truth, number_prefix};
use crate::pattern::{Pattern, Span};
use std::cmp::Ordering;
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

/// The variables that the machine itself looks at.
pub struct Specials {
    pub nr: f64,
    pub fnr: f64,
    pub fs: Value,
    pub splitter: Splitter,
    pub ofs: Rc<Vec<u8>>,
    pub ors: Rc<Vec<u8>>,
    pub rs: Value,
    pub separator: RecordSeparator,
    pub rt: Vec<u8>,
    pub filename: Value,
    pub subsep: Rc<Vec<u8>>,
    pub rstart: f64,
    pub rlength: f64,
    pub convfmt: Rc<Vec<u8>>,
    pub ofmt: Rc<Vec<u8>>,
}

impl Specials {
    fn new() -> Self {
        let text = |text: &[u8]| Rc::new(text.to_vec());
        Self {
            nr: 0.0,
            fnr: 0.0,
            fs: Value::Text(text(b" ")),
            splitter: Splitter::Blanks,
            ofs: text(b" "),
            ors: text(b"\n"),
            rs: Value::Text(text(b"\n")),
            separator: RecordSeparator::Byte(b'\n'),
            rt: Vec::new(),
            filename: Value::Uninitialized,
            subsep: text(b"\x1c"),
            rstart: 0.0,
            rlength: -1.0,
            convfmt: text(b"%.6g"),
            ofmt: text(b"%.6g"),
        }
    }
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
        let pattern = compile(text, self.unicode).map_err(|error| {
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
        if let Expr::Regex(pattern) = expr {
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

    fn paragraphs(&self) -> bool {
        matches!(self.specials.separator, RecordSeparator::Paragraph)
    }

    pub fn split_record(&mut self) {
        let newline = self.paragraphs();
        self.record.split(&self.specials.splitter, newline);
    }

    pub fn record_text(&mut self) -> Rc<Vec<u8>> {
        Rc::clone(self.record.text(&self.specials.ofs, &self.specials.convfmt))
    }

    pub fn array(&self, array: ArrayRef) -> Result<Shared> {
        match array {
            ArrayRef::Global(global) => Ok(Rc::clone(&self.arrays[global])),
            ArrayRef::Local(local) => match &self.stack[self.base + local] {
                Cell::Array(shared) => Ok(Rc::clone(shared)),
                Cell::Scalar(_) => Err(Unwind::Fatal(
                    "attempt to use a scalar as an array".to_owned(),
                )),
            },
        }
    }

    /// Evaluates a subscript and gives it to `action` with the array.
    pub fn with_element<T>(
        &mut self,
        array: ArrayRef,
        key: &Expr,
        action: impl FnOnce(&mut Array, &[u8]) -> T,
    ) -> Result<T> {
        let mut text = Vec::with_capacity(24);
        self.append_key(key, &mut text)?;
        if let ArrayRef::Global(global) = array {
            return Ok(action(&mut self.arrays[global].borrow_mut(), &text));
        }
        let shared = self.array(array)?;
        let result = action(&mut shared.borrow_mut(), &text);
        Ok(result)
    }

    fn append_key(&mut self, key: &Expr, out: &mut Vec<u8>) -> Result<()> {
        let Expr::Subscript(parts) = key else {
            return self.append(key, out);
        };
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                out.extend_from_slice(&self.specials.subsep);
            }
            self.append(part, out)?;
        }
        Ok(())
    }

    fn field_index(&mut self, expr: &Expr) -> Result<usize> {
        let number = self.number(expr)?;
        if number < 0.0 {
            return Err(Unwind::Fatal(format!("attempt to access field {number}")));
        }
        if number > 10_000_000.0 {
            return Err(Unwind::Fatal(format!("field {number} is out of range")));
        }
        Ok(number as usize)
    }

    pub fn field(&mut self, index: usize) -> Value {
        if index == 0 {
            return Value::Input(self.record_text());
        }
        self.split_record();
        if let Some(value) = self.record.assigned(index) {
            return value.clone();
        }
        if !self.record.exists(index) {
            return Value::Uninitialized;
        }
        Value::input(self.record.plain(index).unwrap_or_default())
    }

    pub fn set_field(&mut self, index: usize, value: Value) {
        if index == 0 {
            let text = self.text_of(&value);
            self.record.set(text);
            return;
        }
        self.split_record();
        self.record.set_field(index, value);
    }

    pub fn special(&mut self, special: Special) -> Value {
        let specials = &self.specials;
        match special {
            Special::Nf => {
                self.split_record();
                Value::Number(self.record.count() as f64)
            }
            Special::Nr => Value::Number(specials.nr),
            Special::Fnr => Value::Number(specials.fnr),
            Special::Fs => specials.fs.clone(),
            Special::Ofs => Value::Text(Rc::clone(&specials.ofs)),
            Special::Ors => Value::Text(Rc::clone(&specials.ors)),
            Special::Rs => specials.rs.clone(),
            Special::Rt => Value::text(specials.rt.clone()),
            Special::Filename => specials.filename.clone(),
            Special::Subsep => Value::Text(Rc::clone(&specials.subsep)),
            Special::Rstart => Value::Number(specials.rstart),
            Special::Rlength => Value::Number(specials.rlength),
            Special::Convfmt => Value::Text(Rc::clone(&specials.convfmt)),
            Special::Ofmt => Value::Text(Rc::clone(&specials.ofmt)),
        }
    }

    pub fn set_special(&mut self, special: Special, value: Value) -> Result<()> {
        let text = self.text_of(&value);
        match special {
            Special::Nf => {
                self.split_record();
                self.record
                    .set_count(value.number().clamp(0.0, 10_000_000.0) as usize);
            }
            Special::Nr => self.specials.nr = value.number(),
            Special::Fnr => self.specials.fnr = value.number(),
            Special::Fs => {
                // The record at hand was read under the old separator.
                self.split_record();
                self.specials.splitter = self.splitter_for(&text)?;
                self.specials.fs = value;
            }
            Special::Ofs => {
                // A record that is to be put together was changed under the old one.
                self.specials.ofs = text;
            }
            Special::Ors => self.specials.ors = text,
            Special::Rs => {
                self.split_record();
                self.specials.separator = match text.as_slice() {
                    b"" => RecordSeparator::Paragraph,
                    [byte] => RecordSeparator::Byte(*byte),
                    _ => RecordSeparator::Regex(self.pattern_of(&text)?),
                };
                self.specials.rs = value;
            }
            Special::Rt => self.specials.rt = text.to_vec(),
            Special::Filename => self.specials.filename = value,
            Special::Subsep => self.specials.subsep = text,
            Special::Rstart => self.specials.rstart = value.number(),
            Special::Rlength => self.specials.rlength = value.number(),
            Special::Convfmt => self.specials.convfmt = text,
            Special::Ofmt => self.specials.ofmt = text,
        }
        Ok(())
    }

    pub fn variable(&mut self, slot: Slot) -> Result<Value> {
        match slot {
            Slot::Global(global) => Ok(self.globals[global].clone()),
            Slot::Local(local) => match &self.stack[self.base + local] {
                Cell::Scalar(value) => Ok(value.clone()),
                Cell::Array(_) => Err(Unwind::Fatal(
                    "attempt to use an array in a scalar context".to_owned(),
                )),
            },
            Slot::Special(special) => Ok(self.special(special)),
        }
    }

    pub fn set_variable(&mut self, slot: Slot, value: Value) -> Result<()> {
        match slot {
            Slot::Global(global) => self.globals[global] = value,
            Slot::Local(local) => {
                let cell = &mut self.stack[self.base + local];
                if matches!(cell, Cell::Array(_)) {
                    let text = "attempt to use an array in a scalar context";
                    return Err(Unwind::Fatal(text.to_owned()));
                }
                *cell = Cell::Scalar(value);
            }
            Slot::Special(special) => self.set_special(special, value)?,
        }
        Ok(())
    }

    pub fn assign(&mut self, place: &Place, value: Value) -> Result<()> {
        match place {
            Place::Variable(slot) => self.set_variable(*slot, value),
            Place::Field(index) => {
                let index = self.field_index(index)?;
                self.set_field(index, value);
                Ok(())
            }
            Place::Element(array, key) => {
                self.with_element(*array, key, |array, key| array.set(key, value))
            }
        }
    }

    pub fn place_value(&mut self, place: &Place) -> Result<Value> {
        match place {
            Place::Variable(slot) => self.variable(*slot),
            Place::Field(index) => {
                let index = self.field_index(index)?;
                Ok(self.field(index))
            }
            Place::Element(array, key) => {
                self.with_element(*array, key, |array, key| array.element(key).clone())
            }
        }
    }

    pub fn value(&mut self, expr: &Expr) -> Result<Value> {
        Ok(match expr {
            Expr::Number(number) => Value::Number(*number),
            Expr::Text(text) => Value::Text(Rc::clone(text)),
            Expr::Variable(slot) => return self.variable(*slot),
            Expr::Field(index) => {
                let index = self.field_index(index)?;
                self.field(index)
            }
            Expr::Element(array, key) => {
                return self.with_element(*array, key, |array, key| array.element(key).clone());
            }
            Expr::Group(inner) => return self.value(inner),
            Expr::Assign(place, value) => {
                let value = self.value(value)?;
                self.assign(place, value.clone())?;
                value
            }
            Expr::Append(slot, value) => {
                self.append_in_place(*slot, value)?;
                return self.variable(*slot);
            }
            Expr::Conditional(parts) => {
                let (condition, yes, no) = &**parts;
                return if self.truth(condition)? {
                    self.value(yes)
                } else {
                    self.value(no)
                };
            }
            Expr::Concatenation(_) | Expr::Subscript(_) => {
                let mut text = Vec::with_capacity(32);
                self.append(expr, &mut text)?;
                Value::text(text)
            }
            Expr::Call(function, arguments) => return self.call(*function, arguments),
            Expr::Builtin(builtin, arguments) => return self.builtin(*builtin, arguments),
            Expr::Regex(_)
            | Expr::And(..)
            | Expr::Or(..)
            | Expr::Not(_)
            | Expr::Comparison(..)
            | Expr::Match { .. }
            | Expr::In(..) => Value::flag(self.truth(expr)?),
            _ => Value::Number(self.number(expr)?),
        })
    }

    /// The truth of an expression.
    pub fn truth(&mut self, expr: &Expr) -> Result<bool> {
        Ok(match expr {
            Expr::Regex(pattern) => {
                let text = self.record_text();
                pattern.is_match(&text)
            }
            Expr::And(left, right) => self.truth(left)? && self.truth(right)?,
            Expr::Or(left, right) => self.truth(left)? || self.truth(right)?,
            Expr::Not(inner) => !self.truth(inner)?,
            Expr::Group(inner) => self.truth(inner)?,
            Expr::Comparison(operator, left, right) => self.compare(*operator, left, right)?,
            Expr::Match {
                negated,
                text,
                regex,
            } => {
                let matched = self.matches(text, regex)?;
                matched != *negated
            }
            Expr::In(key, array) => {
                self.with_element(*array, key, |array, key| array.contains(key))?
            }
            Expr::Field(index) => {
                let index = self.field_index(index)?;
                if index == 0 {
                    let text = self.record_text();
                    return Ok(input_truth(&text));
                }
                self.field(index).truth()
            }
            _ => self.value(expr)?.truth(),
        })
    }

    fn matches(&mut self, text: &Expr, regex: &Expr) -> Result<bool> {
        if let Expr::Field(index) = text {
            // Without a copy of the field.
            let index = self.field_index(index)?;
            let pattern = self.regex(regex)?;
            if index > 0 {
                self.split_record();
                if let Some(text) = self.record.plain(index) {
                    return Ok(pattern.is_match(text));
                }
            }
            let value = self.field(index);
            return Ok(pattern.is_match(&self.text_of(&value)));
        }
        let value = self.value(text)?;
        let pattern = self.regex(regex)?;
        Ok(pattern.is_match(&self.text_of(&value)))
    }

    fn compare(&mut self, operator: Comparison, left: &Expr, right: &Expr) -> Result<bool> {
        let left = self.value(left)?;
        let right = self.value(right)?;
        let order = match (&left, &right) {
            (Value::Number(left), Value::Number(right)) => left.partial_cmp(right),
            _ => left.compare(&right, &self.specials.convfmt),
        };
        Ok(match (operator, order) {
            (Comparison::NotEqual, order) => order != Some(Ordering::Equal),
            (_, None) => false,
            (Comparison::Less, Some(order)) => order.is_lt(),
            (Comparison::LessEqual, Some(order)) => order.is_le(),
            (Comparison::Equal, Some(order)) => order.is_eq(),
            (Comparison::Greater, Some(order)) => order.is_gt(),
            (Comparison::GreaterEqual, Some(order)) => order.is_ge(),
        })
    }

    /// The number an expression is.
    pub fn number(&mut self, expr: &Expr) -> Result<f64> {
        Ok(match expr {
            Expr::Number(number) => *number,
            Expr::Variable(Slot::Global(global)) => self.globals[*global].number(),
            Expr::Group(inner) => self.number(inner)?,
            Expr::Field(index) => {
                let index = self.field_index(index)?;
                if index > 0 {
                    self.split_record();
                    if let Some(text) = self.record.plain(index) {
                        return Ok(number_prefix(text).0);
                    }
                }
                self.field(index).number()
            }
            Expr::Element(array, key) => {
                self.with_element(*array, key, |array, key| array.element(key).number())?
            }
            Expr::Arithmetic(operator, left, right) => {
                let left = self.number(left)?;
                let right = self.number(right)?;
                calculate(*operator, left, right)?
            }
            Expr::Augment(operator, place, value) => {
                let by = self.number(value)?;
                self.update(place, |old| calculate(*operator, old, by))?.1
            }
            Expr::Increment { place, by, prefix } => {
                let (old, new) = self.update(place, |old| Ok(old + by))?;
                if *prefix { new } else { old }
            }
            Expr::Negative(inner) => -self.number(inner)?,
            Expr::Positive(inner) => self.number(inner)?,
            Expr::ArrayLength(array) => self.length_of(*array)?,
            Expr::Split {
                text,
                into,
                by,
                separators,
            } => self.split(text, *into, by.as_deref(), *separators)?,
            Expr::Substitute {
                all,
                regex,
                with,
                place,
            } => self.substitute(*all, regex, with, place)?,
            Expr::MatchInto { text, regex, into } => self.match_into(text, regex, *into)?,
            Expr::Sort {
                source,
                into,
                indices,
            } => self.sort(*source, *into, *indices)?,
            Expr::Getline(source, place) => self.getline(source, place.as_deref())?,
            _ => self.value(expr)?.number(),
        })
    }

    /// Changes a place by a function of its number; both the old and the new one.
    fn update(
        &mut self,
        place: &Place,
        change: impl FnOnce(f64) -> Result<f64>,
    ) -> Result<(f64, f64)> {
        match place {
            Place::Variable(Slot::Global(global)) => {
                let old = self.globals[*global].number();
                let new = change(old)?;
                self.globals[*global] = Value::Number(new);
                Ok((old, new))
            }
            Place::Element(array, key) => self.with_element(*array, key, |array, key| {
                let element = array.element(key);
                let old = element.number();
                let new = change(old)?;
                *element = Value::Number(new);
                Ok((old, new))
            })?,
            Place::Field(index) => {
                let index = self.field_index(index)?;
                let old = self.field(index).number();
                let new = change(old)?;
                self.set_field(index, Value::Number(new));
                Ok((old, new))
            }
            Place::Variable(slot) => {
                let old = self.variable(*slot)?.number();
                let new = change(old)?;
                self.set_variable(*slot, Value::Number(new))?;
                Ok((old, new))
            }
        }
    }

    /// Appends the string that an expression is.
    pub fn append(&mut self, expr: &Expr, out: &mut Vec<u8>) -> Result<()> {
        match expr {
            Expr::Text(text) => out.extend_from_slice(text),
            Expr::Concatenation(parts) => {
                for part in parts {
                    self.append(part, out)?;
                }
            }
            Expr::Subscript(_) => self.append_key(expr, out)?,
            Expr::Group(inner) => self.append(inner, out)?,
            Expr::Variable(Slot::Global(global)) => {
                self.globals[*global].append_to(out, &self.specials.convfmt);
            }
            Expr::Field(index) => {
                let index = self.field_index(index)?;
                if index > 0 {
                    self.split_record();
                    if let Some(text) = self.record.plain(index) {
                        out.extend_from_slice(text);
                        return Ok(());
                    }
                }
                self.field(index).append_to(out, &self.specials.convfmt);
            }
            _ => self.value(expr)?.append_to(out, &self.specials.convfmt),
        }
        Ok(())
    }

    /// As [`Machine::append`], for `print`: numbers go by `OFMT`.
    pub fn append_printed(&mut self, expr: &Expr, out: &mut Vec<u8>) -> Result<()> {
        if matches!(
            expr,
            Expr::Text(_) | Expr::Field(_) | Expr::Concatenation(_)
        ) {
            if let Expr::Field(index) = expr {
                let index = self.field_index(index)?;
                self.split_record();
                if let Some(Value::Number(number)) = if index > 0 {
                    self.record.assigned(index)
                } else {
                    None
                } {
                    append_number(out, *number, &self.specials.ofmt);
                    return Ok(());
                }
            }
            return self.append(expr, out);
        }
        self.value(expr)?.append_to(out, &self.specials.ofmt);
        Ok(())
    }

    /// `x = x y`.
    pub fn append_in_place(&mut self, slot: Slot, value: &Expr) -> Result<()> {
        let old = match slot {
            Slot::Global(global) => std::mem::take(&mut self.globals[global]),
            _ => {
                let old = self.variable(slot)?;
                self.set_variable(slot, Value::Uninitialized)?;
                old
            }
        };
        let mut text = match old {
            Value::Text(text) | Value::Input(text) => text,
            other => other.string(&self.specials.convfmt),
        };
        self.append(value, Rc::make_mut(&mut text))?;
        self.set_variable(slot, Value::Text(text))
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

    fn length_of(&mut self, array: ArrayRef) -> Result<f64> {
        let (scalar, count) = match array {
            ArrayRef::Global(global) => (
                self.globals[global].clone(),
                self.arrays[global].borrow().len(),
            ),
            ArrayRef::Local(local) => match &self.stack[self.base + local] {
                Cell::Array(shared) => (Value::Uninitialized, shared.borrow().len()),
                Cell::Scalar(value) => (value.clone(), 0),
            },
        };
        if matches!(scalar, Value::Uninitialized) {
            return Ok(count as f64);
        }
        Ok(super::text::length(&self.text_of(&scalar)) as f64)
    }
}

fn calculate(operator: Arithmetic, left: f64, right: f64) -> Result<f64> {
    Ok(match operator {
        Arithmetic::Add => left + right,
        Arithmetic::Subtract => left - right,
        Arithmetic::Multiply => left * right,
        Arithmetic::Divide if right == 0.0 => {
            return Err(Unwind::Fatal("division by zero".to_owned()));
        }
        Arithmetic::Divide => left / right,
        Arithmetic::Modulo if right == 0.0 => {
            return Err(Unwind::Fatal("division by zero in %".to_owned()));
        }
        Arithmetic::Modulo => left % right,
        Arithmetic::Power => {
            if right == right.trunc() && right.abs() < 1024.0 {
                left.powi(right as i32)
            } else {
                left.powf(right)
            }
        }
    })
}
