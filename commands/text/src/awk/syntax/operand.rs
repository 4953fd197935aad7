//! The operands of awk's expressions: what binds most tightly, with the assignments to it.

use super::expression::compile;
use super::lexer::Token;
use super::parser::{Parser, Result};
use crate::awk::ast::{Arithmetic, ArrayRef, Expr, Place, Slot, Source};
use std::rc::Rc;

impl Parser {
    pub(super) fn postfix(&mut self) -> Result<Expr> {
        let expression = self.primary()?;
        let place = match into_place(expression) {
            Ok(place) => place,
            Err(expression) => return Ok(expression),
        };
        if self.is("++") || self.is("--") {
            let by = if self.is("++") { 1.0 } else { -1.0 };
            self.advance()?;
            return Ok(Expr::Increment {
                place: Box::new(place),
                by,
                prefix: false,
            });
        }
        self.assignment(place)
    }

    /// An assignment binds its place more tightly than any operator before it, as in `a && b = c`.
    fn assignment(&mut self, place: Place) -> Result<Expr> {
        let operator = match &self.token {
            Token::Mark("=") => None,
            Token::Mark("+=") => Some(Arithmetic::Add),
            Token::Mark("-=") => Some(Arithmetic::Subtract),
            Token::Mark("*=") => Some(Arithmetic::Multiply),
            Token::Mark("/=") => Some(Arithmetic::Divide),
            Token::Mark("%=") => Some(Arithmetic::Modulo),
            Token::Mark("^=") => Some(Arithmetic::Power),
            _ => return Ok(from_place(place)),
        };
        self.advance()?;
        self.skip_newlines()?;
        let value = self.ternary()?;
        if let Some(operator) = operator {
            return Ok(Expr::Augment(operator, Box::new(place), Box::new(value)));
        }
        if let (
            Place::Variable(slot @ (Slot::Global(_) | Slot::Local(_))),
            Expr::Concatenation(parts),
        ) = (&place, &value)
        {
            let slot = *slot;
            let first = matches!(parts.first(), Some(Expr::Variable(found)) if *found == slot);
            let safe = parts.len() == 2
                && matches!(parts[1], Expr::Text(_) | Expr::Variable(_) | Expr::Field(_));
            if first && safe && !matches!(parts[1], Expr::Variable(found) if found == slot) {
                if let Expr::Concatenation(mut parts) = value
                    && let Some(last) = parts.pop()
                {
                    return Ok(Expr::Append(slot, Box::new(last)));
                }
                return Err(self.unexpected());
            }
        }
        Ok(Expr::Assign(Box::new(place), Box::new(value)))
    }

    pub(super) fn primary_of_case(&mut self) -> Result<Expr> {
        let negative = self.accept("-")?;
        let value = self.primary()?;
        Ok(if negative {
            Expr::Negative(Box::new(value))
        } else {
            value
        })
    }

    pub(super) fn primary(&mut self) -> Result<Expr> {
        match self.token.clone() {
            Token::Number(number) => {
                self.advance()?;
                Ok(Expr::Number(number))
            }
            Token::Text(text) => {
                self.advance()?;
                Ok(Expr::Text(Rc::new(text)))
            }
            Token::Mark("/") | Token::Mark("/=") => self.regex(),
            Token::Mark("(") => self.group(),
            Token::Mark("$") => {
                self.advance()?;
                self.field()
            }
            Token::Mark(mark @ ("++" | "--")) => {
                self.advance()?;
                let operand = if self.accept("$")? {
                    self.field()?
                } else {
                    self.primary()?
                };
                let place = into_place(operand).map_err(|_| self.unexpected())?;
                let by = if mark == "++" { 1.0 } else { -1.0 };
                Ok(Expr::Increment {
                    place: Box::new(place),
                    by,
                    prefix: true,
                })
            }
            Token::Mark("-") => {
                self.advance()?;
                Ok(Expr::Negative(Box::new(self.unary()?)))
            }
            Token::Mark("+") => {
                self.advance()?;
                Ok(Expr::Positive(Box::new(self.unary()?)))
            }
            Token::Mark("!") => {
                self.advance()?;
                Ok(Expr::Not(Box::new(self.unary()?)))
            }
            Token::Name(name) => {
                self.advance()?;
                if self.accept("[")? {
                    let key = self.subscript()?;
                    let array = self.array(&name)?;
                    return self.elements(array, key);
                }
                Ok(Expr::Variable(self.slot(&name)))
            }
            Token::FunctionName(name) => self.call(&name),
            Token::Mark("@") if self.extensions => {
                self.advance()?;
                match self.token.clone() {
                    Token::FunctionName(name) => self.indirect_call(&name),
                    Token::Mark("/" | "/=") => match self.regex()? {
                        Expr::Regex(_, text) => Ok(Expr::TypedRegex(text)),
                        _ => Err(self.unexpected()),
                    },
                    _ => Err(self.unexpected()),
                }
            }
            Token::Builtin(name) => self.builtin(&name),
            Token::Keyword("getline") => {
                self.advance()?;
                self.getline()
            }
            _ => Err(self.unexpected()),
        }
    }

    /// The elements of an array's elements, `a[1][2]`; the first subscript is read.
    fn elements(&mut self, mut array: ArrayRef, mut key: Expr) -> Result<Expr> {
        while self.extensions && self.accept("[")? {
            array = ArrayRef::Element(Box::new((array, key)));
            key = self.subscript()?;
        }
        Ok(Expr::Element(array, Box::new(key)))
    }

    /// An array by its name, or an element that is one.
    pub(super) fn array_operand(&mut self) -> Result<ArrayRef> {
        let (Token::Name(name) | Token::FunctionName(name)) = self.token.clone() else {
            return Err(self.unexpected());
        };
        self.advance()?;
        let mut array = self.array(&name)?;
        while self.extensions && self.accept("[")? {
            let key = self.subscript()?;
            array = ArrayRef::Element(Box::new((array, key)));
        }
        Ok(array)
    }

    fn regex(&mut self) -> Result<Expr> {
        // The token was read as a division; the expression begins behind its slash.
        let divide_assign = self.is("/=");
        self.lexer.at = self.token_at - usize::from(divide_assign);
        let text = self.lexer.regex()?;
        self.advance()?;
        let pattern = compile(&text, self.unicode, false)?;
        Ok(Expr::Regex(pattern, Rc::new(text)))
    }

    /// What follows `$`: an operand that binds tightly.
    fn field(&mut self) -> Result<Expr> {
        let operand = if self.is("++") || self.is("--") || self.is("-") || self.is("+") {
            self.primary()?
        } else if self.accept("!")? {
            Expr::Not(Box::new(self.primary()?))
        } else {
            self.primary()?
        };
        Ok(Expr::Field(Box::new(operand)))
    }

    fn group(&mut self) -> Result<Expr> {
        self.advance()?;
        let greater = std::mem::replace(&mut self.no_greater, false);
        let mut list = self.list_until(")")?;
        self.no_greater = greater;
        if list.len() == 1 {
            return Ok(Expr::Group(Box::new(list.remove(0))));
        }
        if !self.is_keyword("in") || list.is_empty() {
            return Err(self.unexpected());
        }
        self.advance()?;
        let array = self.array_operand()?;
        Ok(Expr::In(Box::new(Expr::Subscript(list)), array))
    }

    pub(super) fn optional_place(&mut self) -> Result<Option<Box<Place>>> {
        if !(matches!(self.token, Token::Name(_)) || self.is("$")) {
            return Ok(None);
        }
        let operand = self.primary()?;
        into_place(operand)
            .map(|place| Some(Box::new(place)))
            .map_err(|_| self.unexpected())
    }

    fn getline(&mut self) -> Result<Expr> {
        let place = self.optional_place()?;
        if self.accept("<")? {
            let file = self.postfix_without_assignment()?;
            return Ok(Expr::Getline(Source::File(Box::new(file)), place));
        }
        Ok(Expr::Getline(Source::Main, place))
    }

    fn postfix_without_assignment(&mut self) -> Result<Expr> {
        let operand = self.primary()?;
        if self.is("++") || self.is("--") {
            let by = if self.is("++") { 1.0 } else { -1.0 };
            if let Ok(place) = into_place(operand) {
                self.advance()?;
                return Ok(Expr::Increment {
                    place: Box::new(place),
                    by,
                    prefix: false,
                });
            }
            return Err(self.unexpected());
        }
        Ok(operand)
    }
}

pub(super) fn into_place(expression: Expr) -> std::result::Result<Place, Expr> {
    match expression {
        Expr::Variable(slot) => Ok(Place::Variable(slot)),
        Expr::Field(index) => Ok(Place::Field(index)),
        Expr::Element(array, key) => Ok(Place::Element(array, key)),
        other => Err(other),
    }
}

fn from_place(place: Place) -> Expr {
    match place {
        Place::Variable(slot) => Expr::Variable(slot),
        Place::Field(index) => Expr::Field(index),
        Place::Element(array, key) => Expr::Element(array, key),
    }
}
