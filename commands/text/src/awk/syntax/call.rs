//! Calls of functions, the program's own and awk's.

use super::operand::into_place;
use super::parser::{Parser, Result};
use crate::awk::ast::{ArrayRef, Builtin, Expr, Place, Slot};

impl Parser<'_> {
    pub(super) fn call(&mut self, name: &str) -> Result<Expr> {
        self.advance()?;
        self.expect("(")?;
        let number = self.function_number(name);
        let greater = std::mem::replace(&mut self.no_greater, false);
        let arguments = self.list_until(")")?;
        self.no_greater = greater;
        for (index, argument) in arguments.iter().enumerate() {
            if let Expr::Variable(Slot::Local(local)) = argument {
                self.passes(*local, number, index);
            }
        }
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
        let (least, most) = match builtin {
            Builtin::Rand | Builtin::Systime => (0, 0),
            Builtin::Length | Builtin::Srand | Builtin::Fflush => (0, 1),
            Builtin::Strftime => (0, 3),
            Builtin::Atan2 | Builtin::Index | Builtin::Lshift | Builtin::Rshift => (2, 2),
            Builtin::Substr | Builtin::Sub | Builtin::Gsub | Builtin::Match => (2, 3),
            Builtin::Split => (2, 4),
            Builtin::Gensub => (3, 4),
            Builtin::And | Builtin::Or | Builtin::Xor => (2, usize::MAX),
            Builtin::Sprintf => (1, usize::MAX),
            Builtin::Asort | Builtin::Asorti => (1, 3),
            Builtin::Close | Builtin::Mktime => (1, 2),
            _ => (1, 1),
        };
        if list.len() < least || list.len() > most {
            return Err(format!("wrong number of arguments to {name}"));
        }
        match builtin {
            Builtin::Length => {
                if let Some(Expr::Variable(slot)) = list.first() {
                    return Ok(self.length_of(*slot));
                }
                Ok(Expr::Builtin(builtin, list))
            }
            Builtin::Split => self.split(list),
            Builtin::Sub | Builtin::Gsub => self.substitution(builtin == Builtin::Gsub, list),
            Builtin::Match => {
                let into = if list.len() == 3 { list.pop() } else { None };
                let into = into.map(|into| self.array_argument(&into)).transpose()?;
                let regex = list.pop().ok_or("match")?;
                let regex = Box::new(self.constant_regex(regex)?);
                let text = Box::new(list.remove(0));
                Ok(Expr::MatchInto { text, regex, into })
            }
            Builtin::Gensub => {
                list[0] =
                    self.constant_regex(std::mem::replace(&mut list[0], Expr::Number(0.0)))?;
                Ok(Expr::Builtin(builtin, list))
            }
            Builtin::Asort | Builtin::Asorti => {
                let source = self.array_argument(&list[0])?;
                let into = list
                    .get(1)
                    .map(|into| self.array_argument(into))
                    .transpose()?;
                Ok(Expr::Sort {
                    source,
                    into,
                    indices: builtin == Builtin::Asorti,
                })
            }
            _ => Ok(Expr::Builtin(builtin, list)),
        }
    }

    /// `length(x)`: of an array if `x` is one, which is seen when it runs.
    fn length_of(&mut self, slot: Slot) -> Expr {
        match slot {
            Slot::Global(global) => Expr::ArrayLength(ArrayRef::Global(global)),
            Slot::Local(local) => Expr::ArrayLength(ArrayRef::Local(local)),
            Slot::Special(_) => Expr::Builtin(Builtin::Length, vec![Expr::Variable(slot)]),
        }
    }

    fn array_argument(&mut self, argument: &Expr) -> Result<ArrayRef> {
        match argument {
            Expr::Variable(Slot::Global(global)) => Ok(ArrayRef::Global(*global)),
            Expr::Variable(Slot::Local(local)) => {
                self.marks_array(*local);
                Ok(ArrayRef::Local(*local))
            }
            _ => Err("an array is required".to_owned()),
        }
    }

    fn split(&mut self, mut list: Vec<Expr>) -> Result<Expr> {
        let separators = if list.len() == 4 { list.pop() } else { None };
        let separators = separators
            .map(|array| self.array_argument(&array))
            .transpose()?;
        let by = if list.len() == 3 {
            list.pop().map(Box::new)
        } else {
            None
        };
        let into = self.array_argument(&list[1])?;
        let text = Box::new(list.remove(0));
        Ok(Expr::Split {
            text,
            into,
            by,
            separators,
        })
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
