//! Calls of functions, the program's own and awk's.

use super::operand::into_place;
use super::parser::{Parser, Result};
use crate::awk::ast::{Builtin, Expr, Place};

impl Parser {
    pub(super) fn call(&mut self, name: &str) -> Result<Expr> {
        self.advance()?;
        self.expect("(")?;
        let number = self.function_number(name);
        let greater = std::mem::replace(&mut self.no_greater, false);
        let arguments = self.list_until(")")?;
        self.no_greater = greater;
        Ok(Expr::Call(number, arguments))
    }

    pub(super) fn builtin(&mut self, name: &str) -> Result<Expr> {
        let builtin = Builtin::named(name).ok_or_else(|| self.unexpected())?;
        self.advance()?;
        if !self.is("(") {
            if builtin == Builtin::Length {
                return Ok(Expr::Builtin(builtin, Vec::new()));
            }
            return Err(self.unexpected());
        }
        self.advance()?;
        let greater = std::mem::replace(&mut self.no_greater, false);
        let arguments = self.list_until(")")?;
        self.no_greater = greater;
        self.builtin_call(builtin, name, arguments)
    }

    fn builtin_call(&mut self, builtin: Builtin, name: &str, mut list: Vec<Expr>) -> Result<Expr> {
        let (least, most) = builtin.arguments();
        if list.len() < least || list.len() > most {
            return Err(format!("wrong number of arguments to {name}"));
        }
        match builtin {
            Builtin::Sub | Builtin::Gsub => self.substitution(builtin == Builtin::Gsub, list),
            Builtin::Match | Builtin::Gensub => {
                let regex = usize::from(builtin == Builtin::Match);
                list[regex] =
                    self.constant_regex(std::mem::replace(&mut list[regex], Expr::Number(0.0)))?;
                Ok(Expr::Builtin(builtin, list))
            }
            Builtin::Patsplit if list.len() > 2 => {
                list[2] =
                    self.constant_regex(std::mem::replace(&mut list[2], Expr::Number(0.0)))?;
                Ok(Expr::Builtin(builtin, list))
            }
            _ => Ok(Expr::Builtin(builtin, list)),
        }
    }

    /// `@name(...)`: calls the function that a variable names.
    pub(super) fn indirect_call(&mut self, name: &str) -> Result<Expr> {
        self.advance()?;
        self.expect("(")?;
        let greater = std::mem::replace(&mut self.no_greater, false);
        let arguments = self.list_until(")")?;
        self.no_greater = greater;
        Ok(Expr::Indirect(self.slot(name), arguments))
    }

    fn substitution(&mut self, all: bool, mut list: Vec<Expr>) -> Result<Expr> {
        let place = if list.len() == 3 { list.pop() } else { None };
        let place = match place {
            None => Place::Field(Box::new(Expr::Number(0.0))),
            Some(Expr::Group(inner)) => {
                into_place(*inner).map_err(|_| "sub needs something to change".to_owned())?
            }
            Some(other) => {
                into_place(other).map_err(|_| "sub needs something to change".to_owned())?
            }
        };
        let with = list.pop().ok_or("sub")?;
        let regex = list.pop().ok_or("sub")?;
        Ok(Expr::Substitute {
            all,
            regex: Box::new(self.constant_regex(regex)?),
            with: Box::new(with),
            place: Box::new(place),
        })
    }
}
