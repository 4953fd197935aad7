//! The functions of awk that work on numbers, files and the system; [`super::strings`] has the others.

use super::ast::{Builtin, Expr};
use super::input::ERRNO;
use super::machine::{Machine, Result, Unwind};
use super::streams::{End, status_number};
use super::value::Value;
use super::{clock, format, text};
use crate::shell;
use std::time::{SystemTime, UNIX_EPOCH};

fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs() as f64)
}

/// A function of numbers that are not negative; of others it is what C's gives on Linux.
fn of_domain(number: f64, function: fn(f64) -> f64) -> f64 {
    if number < 0.0 {
        return -f64::NAN;
    }
    function(number)
}

impl Machine<'_> {
    #[inline(never)]
    pub fn builtin(&mut self, builtin: Builtin, arguments: &[Expr]) -> Result<Value> {
        let number = |machine: &mut Self, index: usize| match arguments.get(index) {
            Some(argument) => machine.number(argument),
            None => Ok(0.0),
        };
        Ok(match builtin {
            Builtin::Asort | Builtin::Asorti => {
                Value::Number(self.sort(arguments, builtin == Builtin::Asorti)?)
            }
            Builtin::Split => Value::Number(self.split(arguments)?),
            Builtin::Patsplit => Value::Number(self.patsplit(arguments)?),
            Builtin::Match => Value::Number(self.match_into(arguments)?),
            Builtin::Sub | Builtin::Gsub => {
                let all = builtin == Builtin::Gsub;
                Value::Number(self.substitute_indirectly(all, arguments)?)
            }
            Builtin::Length => Value::Number(self.length(arguments)?),
            Builtin::Mkbool => Value::Boolean(self.truth(&arguments[0])?),
            Builtin::Dcgettext | Builtin::Dcngettext | Builtin::Bindtextdomain => {
                self.translation(builtin, arguments)?
            }
            Builtin::Isarray => Value::flag(self.type_of(arguments)? == "array"),
            Builtin::Typeof => Value::text(self.type_of(arguments)?.into()),
            Builtin::Atan2 => {
                let (y, x) = (number(self, 0)?, number(self, 1)?);
                Value::Number(y.atan2(x))
            }
            Builtin::Cos => Value::Number(number(self, 0)?.cos()),
            Builtin::Sin => Value::Number(number(self, 0)?.sin()),
            Builtin::Exp => Value::Number(number(self, 0)?.exp()),
            Builtin::Log => Value::Number(of_domain(number(self, 0)?, f64::ln)),
            Builtin::Sqrt => Value::Number(of_domain(number(self, 0)?, f64::sqrt)),
            Builtin::Int => Value::Number(number(self, 0)?.trunc()),
            Builtin::Rand => Value::Number(self.random.next()),
            Builtin::Srand => {
                let seed = if arguments.is_empty() {
                    now()
                } else {
                    number(self, 0)?
                };
                let old = self.random.seed;
                self.random = super::random::Random::new(seed);
                Value::Number(old)
            }
            Builtin::And | Builtin::Or | Builtin::Xor => {
                let mut bits = number(self, 0)? as u64;
                for index in 1..arguments.len() {
                    let other = number(self, index)? as u64;
                    bits = match builtin {
                        Builtin::And => bits & other,
                        Builtin::Or => bits | other,
                        _ => bits ^ other,
                    };
                }
                Value::Number(bits as f64)
            }
            Builtin::Compl => Value::Number((!(number(self, 0)? as u64) & ((1 << 53) - 1)) as f64),
            Builtin::Lshift | Builtin::Rshift => {
                let (bits, by) = (number(self, 0)? as u64, number(self, 1)? as u32);
                let shifted = if builtin == Builtin::Lshift {
                    bits.checked_shl(by)
                } else {
                    bits.checked_shr(by)
                };
                Value::Number(shifted.unwrap_or(0) as f64)
            }
            Builtin::Systime => Value::Number(now()),
            Builtin::System | Builtin::Close | Builtin::Fflush => {
                self.system(builtin, arguments)?
            }
            Builtin::Strftime | Builtin::Mktime => self.time(builtin, arguments)?,
            _ => return self.string_function(builtin, arguments),
        })
    }

    #[inline(never)]
    fn system(&mut self, builtin: Builtin, arguments: &[Expr]) -> Result<Value> {
        let Some(argument) = arguments.first() else {
            self.streams.flush_all()?;
            return Ok(Value::Number(0.0));
        };
        let value = self.value(argument)?;
        let name = self.text_of(&value);
        Ok(Value::Number(match builtin {
            Builtin::Close => self.close(&name, arguments.get(1))?,
            Builtin::Fflush if name.is_empty() => {
                self.streams.flush_all()?;
                0.0
            }
            Builtin::Fflush => {
                if self.streams.flush_one(&name)? {
                    0.0
                } else {
                    -1.0
                }
            }
            _ => {
                self.refuse_in_sandbox("'system' function")?;
                self.streams.flush_all()?;
                shell::system(&name).map_or(-1.0, status_number)
            }
        }))
    }

    /// `close(name)`, of a coprocess also one end of it.
    fn close(&mut self, name: &[u8], end: Option<&Expr>) -> Result<f64> {
        let end = match end {
            None => End::Both,
            Some(end) => {
                let value = self.value(end)?;
                match self.text_of(&value).as_slice() {
                    b"to" => End::To,
                    b"from" => End::From,
                    _ => {
                        return Err(Unwind::Fatal(
                            "close: second argument must be `to' or `from'".to_owned(),
                        ));
                    }
                }
            }
        };
        let status = self.streams.close(name, end)?;
        if status < 0.0 {
            self.globals[ERRNO] =
                Value::text(b"close of redirection that was never opened".to_vec());
        }
        Ok(status)
    }

    #[inline(never)]
    fn time(&mut self, builtin: Builtin, arguments: &[Expr]) -> Result<Value> {
        if builtin == Builtin::Mktime {
            let value = self.value(&arguments[0])?;
            let utc = match arguments.get(1) {
                Some(utc) => self.truth(utc)?,
                None => false,
            };
            return Ok(Value::Number(clock::mktime(&self.text_of(&value), utc)));
        }
        let format = match arguments.first() {
            Some(format) => {
                let value = self.value(format)?;
                self.text_of(&value)
            }
            None => match self.process_information(b"strftime") {
                Some(format) => self.text_of(&format),
                None => std::rc::Rc::new(clock::DEFAULT.to_vec()),
            },
        };
        let seconds = match arguments.get(1) {
            Some(seconds) => self.number(seconds)?,
            None => now(),
        };
        let utc = match arguments.get(2) {
            Some(utc) => self.truth(utc)?,
            None => false,
        };
        Ok(Value::text(clock::strftime(
            &format,
            seconds.floor() as i64,
            utc,
        )))
    }

    /// The text of `printf` and `sprintf`.
    #[inline(never)]
    pub fn formatted(&mut self, arguments: &[Expr]) -> Result<Vec<u8>> {
        let Some((first, rest)) = arguments.split_first() else {
            return Ok(Vec::new());
        };
        let value = self.value(first)?;
        let pattern = self.text_of(&value);
        let mut values = Vec::with_capacity(rest.len());
        for argument in rest {
            values.push(self.value(argument)?);
        }
        let mut out = Vec::with_capacity(pattern.len() + 16);
        format::format(&mut out, &pattern, &values, &self.specials.convfmt)
            .map_err(Unwind::Fatal)?;
        Ok(out)
    }

    /// gawk's name for what an argument is.
    fn type_of(&mut self, arguments: &[Expr]) -> Result<&'static str> {
        let Some(argument) = arguments.first() else {
            return Ok("untyped");
        };
        if let Expr::Field(index) = argument {
            let index = self.field_index(index)?;
            self.split_record();
            if index > 0 && !self.record.exists(index) {
                return Ok("unassigned");
            }
        }
        Ok(match self.seen(argument)? {
            Value::Untyped => "untyped",
            Value::Uninitialized => "unassigned",
            Value::Number(_) => "number",
            Value::Boolean(_) => "number|bool",
            Value::Text(_) => "string",
            Value::Regexp(_) => "regexp",
            Value::Array(_) => "array",
            Value::Input(text) => match super::value::looks_numeric(&text) {
                Some(_) => "strnum",
                None => "string",
            },
        })
    }

    /// The number of elements of an array, of characters of anything else.
    fn length(&mut self, arguments: &[Expr]) -> Result<f64> {
        let Some(argument) = arguments.first() else {
            return Ok(text::length(&self.record_text()) as f64);
        };
        if let Expr::Variable(_) | Expr::Element(..) = argument
            && let Value::Array(shared) = self.seen(argument)?
        {
            return Ok(shared.borrow().len() as f64);
        }
        let value = self.value(argument)?;
        Ok(text::length(&self.text_of(&value)) as f64)
    }

    /// The text of an argument, or of what stands for it where it is not given.
    fn text_argument(&mut self, arguments: &[Expr], index: usize) -> Result<Vec<u8>> {
        let Some(argument) = arguments.get(index) else {
            return Ok(Vec::new());
        };
        let value = self.value(argument)?;
        Ok(self.text_of(&value).to_vec())
    }

    /// Translations: there are none, so a text is itself.
    fn translation(&mut self, builtin: Builtin, arguments: &[Expr]) -> Result<Value> {
        let first = self.text_argument(arguments, 0)?;
        let second = self.text_argument(arguments, 1)?;
        Ok(Value::text(match builtin {
            Builtin::Dcngettext if self.number(&arguments[2])? != 1.0 => second,
            _ => first,
        }))
    }

    #[inline(never)]
    fn string_function(&mut self, builtin: Builtin, arguments: &[Expr]) -> Result<Value> {
        let first = match arguments.first() {
            Some(Expr::Text(_)) if builtin == Builtin::Sprintf => None,
            Some(first)
                if !matches!(
                    builtin,
                    Builtin::Sprintf | Builtin::Gensub | Builtin::Strtonum
                ) =>
            {
                let value = self.value(first)?;
                Some(self.text_of(&value))
            }
            _ => None,
        };
        let first = first.as_deref();
        Ok(match builtin {
            Builtin::Sprintf => Value::text(self.formatted(arguments)?),
            Builtin::Tolower => Value::text(text::to_lower(first.unwrap_or(&Vec::new()))),
            Builtin::Toupper => Value::text(text::to_upper(first.unwrap_or(&Vec::new()))),
            Builtin::Index => {
                let value = self.value(&arguments[1])?;
                let wanted = self.text_of(&value);
                let text = first.map_or(&[][..], Vec::as_slice);
                let found = memchr::memmem::find(text, &wanted);
                Value::Number(
                    found.map_or(0.0, |at| (text::characters_before(text, at) + 1) as f64),
                )
            }
            Builtin::Strtonum => {
                let value = self.value(&arguments[0])?;
                Value::Number(match value.comparable() {
                    Some(number) => number,
                    _ => strtonum(&self.text_of(&value)),
                })
            }
            Builtin::Substr => {
                let start = self.number(&arguments[1])?;
                let length = match arguments.get(2) {
                    Some(length) => Some(self.number(length)?),
                    None => None,
                };
                Value::text(substr(first.map_or(&[][..], Vec::as_slice), start, length).to_vec())
            }
            Builtin::Gensub => self.gensub(arguments)?,
            _ => Value::Uninitialized,
        })
    }
}

/// A start before the text is its start; fractions are cut off, as all awks do.
fn substr(text: &[u8], start: f64, length: Option<f64>) -> &[u8] {
    let skip = (start.max(1.0).trunc() - 1.0).min(text.len() as f64) as usize;
    let rest = &text[text::offset(text, skip)..];
    let take = length.map_or(rest.len(), |length| {
        length.max(0.0).min(rest.len() as f64) as usize
    });
    &rest[..text::offset(rest, take)]
}

/// gawk's `strtonum` of a string: also octal and hexadecimal, without a sign or blanks before them.
fn strtonum(text: &[u8]) -> f64 {
    let digits = |text: &[u8], radix: u32| {
        text.iter()
            .map_while(|&byte| char::from(byte).to_digit(radix))
            .fold(0.0, |value, digit| {
                value * f64::from(radix) + f64::from(digit)
            })
    };
    let decimal = |text: &[u8]| {
        let end = text.iter().position(|byte| !byte.is_ascii_digit());
        let all = end.map_or(text, |end| &text[..end]);
        matches!(end.map(|end| text[end]), Some(b'.' | b'e' | b'E'))
            || all.iter().any(|byte| matches!(byte, b'8' | b'9'))
    };
    match text {
        [b'0', b'x' | b'X', rest @ ..] => digits(rest, 16),
        [b'0', rest @ ..] if !rest.is_empty() && !decimal(rest) => digits(rest, 8),
        _ => super::value::number_prefix(text).0,
    }
}
