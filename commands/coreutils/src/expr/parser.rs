//! Reads an expression and gives its value. What `|` and `&` have no use for is read, not computed: it divides by no
//! zero.

use std::cmp::Ordering;

use num_bigint::BigInt;
use secure_exec_cli::{Failure, quote_text};

use super::value::Value;
use super::{TROUBLE, characters, invalid};

/// How deep expressions may be in each other.
const DEPTH: usize = 1000;

/// How strong an operator binds: those of a larger number do before those of a smaller one.
fn strength(operator: &[u8]) -> Option<u8> {
    Some(match operator {
        b"|" => 1,
        b"&" => 2,
        b"<" | b"<=" | b"=" | b"==" | b"!=" | b">=" | b">" => 3,
        b"+" | b"-" => 4,
        b"*" | b"/" | b"%" => 5,
        b":" => 6,
        _ => return None,
    })
}

pub struct Parser<'a> {
    tokens: &'a [&'a [u8]],
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    pub const fn new(tokens: &'a [&'a [u8]]) -> Self {
        Self {
            tokens,
            at: 0,
            depth: 0,
        }
    }

    /// The value of all tokens.
    ///
    /// # Errors
    /// Status 2: they are no expression, or one that has no value. Status 3: it is too deep.
    pub fn whole(&mut self) -> Result<Value, Failure> {
        let value = self.operators(1, true)?;
        match self.tokens.get(self.at) {
            None => Ok(value),
            Some(token) => Err(wrong(&format!("unexpected argument {}", quote_text(token)))),
        }
    }

    /// Takes the next token.
    fn next(&mut self) -> Result<&'a [u8], Failure> {
        let Some(token) = self.tokens.get(self.at) else {
            let last = self.tokens.last().copied().unwrap_or_default();
            return Err(wrong(&format!(
                "missing argument after {}",
                quote_text(last)
            )));
        };
        self.at += 1;
        Ok(token)
    }

    /// Operands with operators between them that bind at least so strong, from left to right.
    fn operators(&mut self, least: u8, computed: bool) -> Result<Value, Failure> {
        let mut left = self.operand(computed)?;
        while let Some(&operator) = self.tokens.get(self.at)
            && let Some(strength) = strength(operator).filter(|strength| *strength >= least)
        {
            self.at += 1;
            let needed = computed
                && match operator {
                    b"|" => left.is_null(),
                    b"&" => !left.is_null(),
                    _ => true,
                };
            let right = self.operators(strength + 1, needed)?;
            if computed {
                left = apply(operator, left, right, needed)?;
            }
        }
        Ok(left)
    }

    /// A token, one of the functions, or an expression in parentheses.
    fn operand(&mut self, computed: bool) -> Result<Value, Failure> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(Failure {
                status: TROUBLE,
                message: "expression is nested too deep".to_owned(),
            });
        }
        let value = self.operand_at_depth(computed);
        self.depth -= 1;
        value
    }

    fn operand_at_depth(&mut self, computed: bool) -> Result<Value, Failure> {
        match self.next()? {
            b"+" => Ok(Value::Text(self.next()?.to_vec())),
            b"length" => {
                let text = self.operand(computed)?;
                Ok(characters::length(&text.text()))
            }
            b"match" => {
                let (text, pattern) = (self.operand(computed)?, self.operand(computed)?);
                if !computed {
                    return Ok(text);
                }
                characters::matched(&text.text(), &pattern.text())
            }
            b"index" => {
                let (text, wanted) = (self.operand(computed)?, self.operand(computed)?);
                Ok(characters::index(&text.text(), &wanted.text()))
            }
            b"substr" => {
                let text = self.operand(computed)?;
                let (place, length) = (self.operand(computed)?, self.operand(computed)?);
                Ok(characters::substr(&text.text(), &place, &length))
            }
            b"(" => {
                let value = self.operators(1, computed)?;
                self.close()?;
                Ok(value)
            }
            b")" => Err(wrong("unexpected ')'")),
            token => Ok(Value::Text(token.to_vec())),
        }
    }

    fn close(&mut self) -> Result<(), Failure> {
        match self.tokens.get(self.at) {
            Some(&b")") => {
                self.at += 1;
                Ok(())
            }
            Some(token) => Err(wrong(&format!(
                "expecting ')' instead of {}",
                quote_text(token)
            ))),
            None => {
                let last = self.tokens.last().copied().unwrap_or_default();
                Err(wrong(&format!("expecting ')' after {}", quote_text(last))))
            }
        }
    }
}

/// The value of an operator with its operands. The right one of `|` and `&` is not looked at unless `needed`.
fn apply(operator: &[u8], left: Value, right: Value, needed: bool) -> Result<Value, Failure> {
    match operator {
        b"|" if !needed => Ok(left),
        b"|" if right.is_null() => Ok(Value::truth(false)),
        b"|" => Ok(right),
        b"&" if !needed || right.is_null() => Ok(Value::truth(false)),
        b"&" => Ok(left),
        b":" => characters::matched(&left.text(), &right.text()),
        b"+" => Ok(Value::Integer(left.integer()? + right.integer()?)),
        b"-" => Ok(Value::Integer(left.integer()? - right.integer()?)),
        b"*" => Ok(Value::Integer(left.integer()? * right.integer()?)),
        b"/" | b"%" => {
            let (left, right) = (left.integer()?, right.integer()?);
            if right == BigInt::ZERO {
                return Err(invalid("division by zero"));
            }
            Ok(Value::Integer(if operator == b"/" {
                left / right
            } else {
                left % right
            }))
        }
        _ => Ok(Value::truth(holds(operator, left.order(&right)))),
    }
}

/// Whether a comparison is true of an order.
fn holds(operator: &[u8], order: Ordering) -> bool {
    match operator {
        b"<" => order.is_lt(),
        b"<=" => order.is_le(),
        b"!=" => order.is_ne(),
        b">=" => order.is_ge(),
        b">" => order.is_gt(),
        _ => order.is_eq(),
    }
}

fn wrong(message: &str) -> Failure {
    invalid(format!("syntax error: {message}"))
}
