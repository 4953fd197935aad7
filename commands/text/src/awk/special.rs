//! The variables with a meaning of their own.

use super::ast::Special;
use super::machine::{Machine, Result, Unwind};
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
