//! Where a running program keeps values: variables, fields and the elements of arrays.

use super::array::{Array, Shared};
use super::ast::{ArrayRef, Expr, Place, Slot, Special};
use super::machine::{Cell, Machine, Result, Unwind};
use super::record::Splitter;
use super::streams::RecordSeparator;
use super::value::Value;
use std::rc::Rc;

/// The variables that the machine itself looks at.
pub struct Specials {
    pub nr: f64,
    pub fnr: f64,
    pub fs: Value,
    pub splitter: Splitter,
    /// How `FPAT` or `FIELDWIDTHS` has the record split, if one was set after `FS`.
    pub fields: Option<Splitter>,
    pub fpat: Value,
    pub field_widths: Value,
    pub ignore_case: bool,
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
    pub fn new() -> Self {
        let text = |text: &[u8]| Rc::new(text.to_vec());
        Self {
            nr: 0.0,
            fnr: 0.0,
            fs: Value::Text(text(b" ")),
            splitter: Splitter::Blanks,
            fields: None,
            fpat: Value::Text(text(b"[^[:space:]]+")),
            field_widths: Value::Text(text(b"")),
            ignore_case: false,
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

impl Machine<'_> {
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

    pub fn field_index(&mut self, expr: &Expr) -> Result<usize> {
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
            // An empty string, which no number equals.
            return Value::input(b"");
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
            Special::Fpat => specials.fpat.clone(),
            Special::Fieldwidths => specials.field_widths.clone(),
            Special::Ignorecase => Value::flag(specials.ignore_case),
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
                self.specials.fields = None;
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
            Special::Fpat => {
                self.split_record();
                self.specials.fields = Some(Splitter::Content(self.pattern_of(&text)?));
                self.specials.fpat = value;
            }
            Special::Fieldwidths => {
                self.split_record();
                self.specials.fields = Some(Splitter::Widths(Rc::new(widths(&text)?)));
                self.specials.field_widths = value;
            }
            Special::Ignorecase => self.ignore_case(value.truth())?,
        }
        Ok(())
    }

    /// Letters are the same whatever their case in expressions and in comparisons of strings, or are not.
    fn ignore_case(&mut self, ignore: bool) -> Result<()> {
        if self.specials.ignore_case == ignore {
            return Ok(());
        }
        self.split_record();
        self.specials.ignore_case = ignore;
        self.forget_patterns();
        let fs = self.text_of(&self.specials.fs);
        self.specials.splitter = self.splitter_for(&fs)?;
        if let Some(Splitter::Content(_)) = self.specials.fields {
            let fpat = self.text_of(&self.specials.fpat);
            self.specials.fields = Some(Splitter::Content(self.pattern_of(&fpat)?));
        }
        if let RecordSeparator::Regex(_) = self.specials.separator {
            let rs = self.text_of(&self.specials.rs);
            self.specials.separator = RecordSeparator::Regex(self.pattern_of(&rs)?);
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

    /// Changes a place by a function of its number; both the old and the new one.
    pub fn update(
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

    pub fn length_of(&mut self, array: ArrayRef) -> Result<f64> {
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

/// The widths of `FIELDWIDTHS`: characters to skip and to take; `*` takes the rest.
fn widths(text: &[u8]) -> Result<Vec<(usize, usize)>> {
    let wrong = |word: &str| Unwind::Fatal(format!("invalid FIELDWIDTHS value, near `{word}'"));
    let text = String::from_utf8_lossy(text);
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let mut widths = Vec::with_capacity(words.len());
    for (index, word) in words.iter().enumerate() {
        if *word == "*" && index + 1 == words.len() {
            widths.push((0, usize::MAX));
            continue;
        }
        let (skip, take) = word.split_once(':').unwrap_or(("0", word));
        match (skip.parse(), take.parse()) {
            (Ok(skip), Ok(take)) if take > 0 => widths.push((skip, take)),
            _ => return Err(wrong(word)),
        }
    }
    Ok(widths)
}
