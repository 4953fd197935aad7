//! Where a running program keeps values: variables, fields and the elements of arrays.

use super::array::{Array, Shared};
use super::ast::{ArrayRef, Expr, Place, Slot, Special};
use super::machine::{Cell, Machine, Origin, Result, Unwind};
use super::value::Value;
use std::rc::Rc;

fn scalar_context(name: &str) -> Unwind {
    Unwind::Fatal(format!("attempt to use array `{name}' in a scalar context"))
}

fn array_context(name: &str) -> Unwind {
    Unwind::Fatal(format!("attempt to use scalar `{name}' as an array"))
}

/// The array that a place holds; what was never used becomes one.
fn becomes_array(value: &mut Value) -> Option<Shared> {
    match value {
        Value::Array(shared) => Some(Rc::clone(shared)),
        Value::Untyped => {
            let shared = Array::shared();
            *value = Value::Array(Rc::clone(&shared));
            Some(shared)
        }
        _ => None,
    }
}

/// What a place holds, where a scalar is wanted. None of an array.
fn loaded(value: &Value) -> Option<Value> {
    match value {
        Value::Array(_) => None,
        Value::Untyped => Some(Value::Uninitialized),
        value => Some(value.clone()),
    }
}

impl Machine<'_> {
    fn element_name(array: &ArrayRef, key: &[u8]) -> String {
        let key = String::from_utf8_lossy(key);
        match array {
            ArrayRef::Element(_) => format!("..[\"{key}\"]"),
            _ => format!("array[\"{key}\"]"),
        }
    }

    pub fn array(&mut self, array: &ArrayRef) -> Result<Shared> {
        match array {
            ArrayRef::Global(global) => self.global_array(*global),
            ArrayRef::Local(local) => self.cell_array(self.base + local),
            ArrayRef::Element(parts) => {
                let shared = self.array(&parts.0)?;
                let mut key = Vec::with_capacity(24);
                self.append_key(&parts.1, &mut key)?;
                let found = becomes_array(shared.borrow_mut().element(&key));
                found.ok_or_else(|| array_context(&Self::element_name(&parts.0, &key)))
            }
            ArrayRef::Symbols => Ok(self.symbols()),
        }
    }

    fn global_array(&mut self, global: usize) -> Result<Shared> {
        becomes_array(&mut self.globals[global])
            .ok_or_else(|| array_context(&self.program.globals[global]))
    }

    /// The array that a parameter is. One that was given nothing makes an array of what the caller named.
    fn cell_array(&mut self, at: usize) -> Result<Shared> {
        let cell = &mut self.stack[at];
        if !matches!(cell.value, Value::Untyped) {
            return becomes_array(&mut cell.value).ok_or_else(|| array_context("parameter"));
        }
        let shared = match cell.origin.take().map(|origin| *origin) {
            None => Array::shared(),
            Some(Origin::Global(global)) => self.global_array(global)?,
            Some(Origin::Stack(outer)) => self.cell_array(outer)?,
            Some(Origin::Element(parent, key)) => {
                let found = becomes_array(parent.borrow_mut().element(&key));
                found.ok_or_else(|| array_context("parameter"))?
            }
        };
        self.stack[at].value = Value::Array(Rc::clone(&shared));
        Ok(shared)
    }

    /// The array that a parameter without a value has become in the meantime.
    fn behind(&self, at: usize) -> Option<Shared> {
        let cell = &self.stack[at];
        match (&cell.value, cell.origin.as_deref()) {
            (Value::Array(shared), _) => Some(Rc::clone(shared)),
            (Value::Untyped, Some(Origin::Global(global))) => match &self.globals[*global] {
                Value::Array(shared) => Some(Rc::clone(shared)),
                _ => None,
            },
            (Value::Untyped, Some(Origin::Stack(outer))) => self.behind(*outer),
            (Value::Untyped, Some(Origin::Element(parent, key))) => {
                match parent.borrow().peek(key) {
                    Some(Value::Array(shared)) => Some(Rc::clone(shared)),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// Takes a parameter that was given nothing for a scalar, and with it the variable that the caller named.
    fn settle(&mut self, at: usize) {
        let cell = &mut self.stack[at];
        cell.value = Value::Uninitialized;
        match cell.origin.take().map(|origin| *origin) {
            Some(Origin::Global(global)) => {
                let value = &mut self.globals[global];
                if matches!(value, Value::Untyped) {
                    *value = Value::Uninitialized;
                }
            }
            Some(Origin::Stack(outer)) if matches!(self.stack[outer].value, Value::Untyped) => {
                self.settle(outer);
            }
            _ => {}
        }
    }

    /// What an argument is, as the function gets it: arrays as such, and what was never used with its origin.
    #[inline(never)]
    pub fn argument(&mut self, argument: &Expr) -> Result<Cell> {
        let (value, origin) = match argument {
            Expr::Variable(Slot::Global(global)) => {
                (self.globals[*global].clone(), Origin::Global(*global))
            }
            Expr::Variable(Slot::Local(local)) => {
                let at = self.base + local;
                let value = match self.behind(at) {
                    Some(shared) => Value::Array(shared),
                    None => self.stack[at].value.clone(),
                };
                if !matches!(value, Value::Untyped) {
                    return Ok(Cell::of(value));
                }
                // What the caller's caller named, if this has come from there: calls may nest deep.
                let origin = self.stack[at].origin.as_deref();
                (value, origin.cloned().unwrap_or(Origin::Stack(at)))
            }
            Expr::Element(ArrayRef::Symbols, _) => return Ok(Cell::of(self.value(argument)?)),
            Expr::Element(array, key) => {
                let shared = self.array(array)?;
                let mut text = Vec::with_capacity(24);
                self.append_key(key, &mut text)?;
                let value = shared.borrow_mut().element(&text).clone();
                (value, Origin::Element(shared, text))
            }
            _ => return Ok(Cell::of(self.value(argument)?)),
        };
        Ok(Cell {
            origin: matches!(value, Value::Untyped).then(|| Box::new(origin)),
            value,
        })
    }

    /// As [`Machine::argument`], without taking what has no value for a scalar.
    pub fn seen(&mut self, argument: &Expr) -> Result<Value> {
        Ok(self.argument(argument)?.value)
    }

    /// The array that an argument of a function of awk must be.
    pub fn array_argument(&mut self, argument: &Expr) -> Result<Shared> {
        let shared = match argument {
            Expr::Variable(Slot::Global(global)) => self.global_array(*global)?,
            Expr::Variable(Slot::Local(local)) => self.cell_array(self.base + local)?,
            Expr::Element(array, key) => {
                let shared = self.array(array)?;
                let mut text = Vec::with_capacity(24);
                self.append_key(key, &mut text)?;
                let found = becomes_array(shared.borrow_mut().element(&text));
                found.ok_or_else(|| array_context(&Self::element_name(array, &text)))?
            }
            _ => return Err(Unwind::Fatal("argument is not an array".to_owned())),
        };
        Ok(shared)
    }

    /// Evaluates a subscript and gives it to `action` with the array.
    pub fn with_element<T>(
        &mut self,
        array: &ArrayRef,
        key: &Expr,
        action: impl FnOnce(&mut Array, &[u8]) -> T,
    ) -> Result<T> {
        let mut text = Vec::with_capacity(24);
        if let ArrayRef::Global(global) = array
            && let Value::Array(_) = &self.globals[*global]
        {
            self.append_key(key, &mut text)?;
            if let Value::Array(shared) = &self.globals[*global] {
                return Ok(action(&mut shared.borrow_mut(), &text));
            }
        }
        let shared = self.array(array)?;
        text.clear();
        self.append_key(key, &mut text)?;
        let result = action(&mut shared.borrow_mut(), &text);
        Ok(result)
    }

    /// The value of an element, which is made if it does not exist.
    #[inline(never)]
    pub fn element(&mut self, array: &ArrayRef, key: &Expr) -> Result<Value> {
        self.with_element(array, key, |elements, key| {
            loaded(elements.element(key))
                .ok_or_else(|| scalar_context(&Self::element_name(array, key)))
        })?
    }

    fn set_element(&mut self, array: &ArrayRef, key: &Expr, value: Value) -> Result<()> {
        if let ArrayRef::Symbols = array {
            let mut name = Vec::new();
            self.append_key(key, &mut name)?;
            return self.set_symbol(&name, value);
        }
        self.with_element(array, key, |elements, key| {
            let element = elements.element(key);
            if matches!(element, Value::Array(_)) {
                return Err(scalar_context(&Self::element_name(array, key)));
            }
            *element = value;
            Ok(())
        })?
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

    #[inline(never)]
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

    #[inline(never)]
    pub fn variable(&mut self, slot: Slot) -> Result<Value> {
        match slot {
            Slot::Global(global) => {
                let value = &mut self.globals[global];
                if matches!(value, Value::Untyped) {
                    *value = Value::Uninitialized;
                }
                loaded(value).ok_or_else(|| scalar_context(&self.program.globals[global]))
            }
            Slot::Local(local) => {
                let at = self.base + local;
                if matches!(self.stack[at].value, Value::Untyped) {
                    if self.behind(at).is_some() {
                        return Err(scalar_context("parameter"));
                    }
                    self.settle(at);
                }
                loaded(&self.stack[at].value).ok_or_else(|| scalar_context("parameter"))
            }
            Slot::Special(special) => Ok(self.special(special)),
        }
    }

    #[inline(never)]
    pub fn set_variable(&mut self, slot: Slot, value: Value) -> Result<()> {
        match slot {
            Slot::Global(global) => {
                let place = &mut self.globals[global];
                if matches!(place, Value::Array(_)) {
                    return Err(scalar_context(&self.program.globals[global]));
                }
                *place = value;
            }
            Slot::Local(local) => {
                let at = self.base + local;
                if matches!(self.stack[at].value, Value::Array(_)) {
                    return Err(scalar_context("parameter"));
                }
                if self.stack[at].origin.is_some() {
                    self.settle(at);
                }
                self.stack[at].value = value;
            }
            Slot::Special(special) => self.set_special(special, value)?,
        }
        Ok(())
    }

    #[inline(never)]
    pub fn assign(&mut self, place: &Place, value: Value) -> Result<()> {
        match place {
            Place::Variable(slot) => self.set_variable(*slot, value),
            Place::Field(index) => {
                let index = self.field_index(index)?;
                self.set_field(index, value);
                Ok(())
            }
            Place::Element(array, key) => self.set_element(array, key, value),
        }
    }

    pub fn place_value(&mut self, place: &Place) -> Result<Value> {
        match place {
            Place::Variable(slot) => self.variable(*slot),
            Place::Field(index) => {
                let index = self.field_index(index)?;
                Ok(self.field(index))
            }
            Place::Element(array, key) => self.element(array, key),
        }
    }

    /// Changes a place by a function of its number; both the old and the new one.
    pub fn update(
        &mut self,
        place: &Place,
        change: impl FnOnce(f64) -> Result<f64>,
    ) -> Result<(f64, f64)> {
        match place {
            Place::Element(ArrayRef::Symbols, key) => {
                let mut name = Vec::new();
                self.append_key(key, &mut name)?;
                let old = self.symbol(&name).number();
                let new = change(old)?;
                self.set_symbol(&name, Value::Number(new))?;
                Ok((old, new))
            }
            Place::Element(array, key) => self.with_element(array, key, |elements, key| {
                let element = elements.element(key);
                if matches!(element, Value::Array(_)) {
                    return Err(scalar_context(&Self::element_name(array, key)));
                }
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
                let old = match slot {
                    Slot::Global(global) => match &self.globals[*global] {
                        Value::Array(_) => {
                            return Err(scalar_context(&self.program.globals[*global]));
                        }
                        value => value.number(),
                    },
                    _ => self.variable(*slot)?.number(),
                };
                let new = change(old)?;
                self.set_variable(*slot, Value::Number(new))?;
                Ok((old, new))
            }
        }
    }

    /// `SYMTAB`: all global variables by name. Arrays in it are those themselves.
    fn symbols(&mut self) -> Shared {
        let shared = Array::shared();
        let mut symbols = shared.borrow_mut();
        for special in Special::NAMES {
            let value = self.special(special.1);
            symbols.set(special.0.as_bytes(), value);
        }
        for (name, value) in self.program.globals.iter().zip(&self.globals) {
            symbols.set(name.as_bytes(), value.clone());
        }
        drop(symbols);
        shared
    }

    fn symbol(&mut self, name: &[u8]) -> Value {
        let symbols = self.symbols();
        let value = symbols.borrow().peek(name).cloned();
        value.unwrap_or_default()
    }

    fn set_symbol(&mut self, name: &[u8], value: Value) -> Result<()> {
        let name = String::from_utf8_lossy(name);
        if let Some(special) = Special::named(&name) {
            return self.set_special(special, value);
        }
        let known = &self.program.globals;
        match known.iter().position(|known| *known == name) {
            Some(global) => self.set_variable(Slot::Global(global), value),
            None => Err(Unwind::Fatal(
                "cannot assign to arbitrary elements of SYMTAB".to_owned(),
            )),
        }
    }
}
