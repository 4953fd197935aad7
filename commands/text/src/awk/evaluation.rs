//! The evaluation of expressions: as a value, a truth, a number, or text behind other text.

use super::ast::{Arithmetic, Comparison, Expr, Slot};
use super::machine::{Machine, Result, Unwind};
use super::value::{Value, append_number, input_number, input_truth};
use std::cmp::Ordering;
use std::rc::Rc;

impl Machine<'_> {
    pub fn value(&mut self, expr: &Expr) -> Result<Value> {
        Ok(match expr {
            Expr::Number(number) => Value::Number(*number),
            Expr::Text(text) => Value::Text(Rc::clone(text)),
            Expr::Variable(slot) => return self.variable(*slot),
            Expr::Field(index) => {
                let index = self.field_index(index)?;
                self.field(index)
            }
            Expr::Element(array, key) => return self.element(array, key),
            Expr::TypedRegex(text) => Value::Regexp(Rc::clone(text)),
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
            Expr::Indirect(name, arguments) => return self.call_indirectly(*name, arguments),
            Expr::Builtin(builtin, arguments) => return self.builtin(*builtin, arguments),
            Expr::Regex(..)
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
            Expr::Regex(..) => {
                let pattern = self.regex(expr)?;
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
                self.with_element(array, key, |array, key| array.contains(key))?
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

    #[inline(never)]
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

    #[inline(never)]
    fn compare(&mut self, operator: Comparison, left: &Expr, right: &Expr) -> Result<bool> {
        let left = self.value(left)?;
        let right = self.value(right)?;
        let order = match (&left, &right) {
            (Value::Number(left), Value::Number(right)) => left.partial_cmp(right),
            _ if self.specials.ignore_case => left.compare_folded(&right, &self.specials.convfmt),
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
            Expr::Variable(Slot::Global(global)) => match &self.globals[*global] {
                Value::Number(number) => *number,
                _ => self.variable(Slot::Global(*global))?.number(),
            },
            Expr::Group(inner) => self.number(inner)?,
            Expr::Field(index) => {
                let index = self.field_index(index)?;
                if index > 0 {
                    self.split_record();
                    if let Some(text) = self.record.plain(index) {
                        return Ok(input_number(text));
                    }
                }
                self.field(index).number()
            }
            Expr::Element(array, key) => self.element(array, key)?.number(),
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
            Expr::Substitute {
                all,
                regex,
                with,
                place,
            } => self.substitute(*all, regex, with, place)?,
            Expr::Getline(source, place) => self.getline(source, place.as_deref())?,
            _ => self.value(expr)?.number(),
        })
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
            Expr::Variable(Slot::Global(global)) => match &self.globals[*global] {
                Value::Untyped | Value::Array(_) => {
                    self.variable(Slot::Global(*global))?;
                }
                value => value.append_to(out, &self.specials.convfmt),
            },
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

    #[inline(never)]
    pub fn append_key(&mut self, key: &Expr, out: &mut Vec<u8>) -> Result<()> {
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

    /// As [`Machine::append`], for `print`: numbers go by `OFMT`.
    #[inline(never)]
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
    #[inline(never)]
    pub fn append_in_place(&mut self, slot: Slot, value: &Expr) -> Result<()> {
        let old = match slot {
            Slot::Global(global) if !matches!(self.globals[global], Value::Array(_)) => {
                std::mem::take(&mut self.globals[global])
            }
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
