//! The orders of arrays: `asort`, `asorti` and `PROCINFO["sorted_in"]`, gawk's manual, "Controlling Scanning".

use super::array::Shared;
use super::ast::Expr;
use super::input::PROCINFO;
use super::machine::{Cell, Machine, Result, Unwind};
use super::value::{Value, number_prefix};
use std::cmp::Ordering;
use std::rc::Rc;

type Pair = (Vec<u8>, Value);

/// What an order looks at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    IndexText,
    IndexNumber,
    ValueText,
    ValueNumber,
    ValueType,
}

/// An order by its name.
enum Order {
    Unsorted,
    Known {
        by: By,
        descending: bool,
    },
    /// The program's function, by its number.
    Function(usize),
}

impl Machine<'_> {
    fn order(&self, name: &[u8]) -> Result<Order> {
        if name == b"@unsorted" {
            return Ok(Order::Unsorted);
        }
        let (stem, descending) = match name.strip_suffix(b"_desc") {
            Some(stem) => (stem, true),
            None => (name.strip_suffix(b"_asc").unwrap_or(name), false),
        };
        let by = match stem {
            b"@ind_str" => By::IndexText,
            b"@ind_num" => By::IndexNumber,
            b"@val_str" => By::ValueText,
            b"@val_num" => By::ValueNumber,
            b"@val_type" => By::ValueType,
            _ => {
                let name = String::from_utf8_lossy(name);
                let found = self.function_named(&name);
                return found.map(Order::Function).ok_or_else(|| {
                    Unwind::Fatal(format!("sort comparison function `{name}' is not defined"))
                });
            }
        };
        Ok(Order::Known { by, descending })
    }

    fn in_order(&mut self, pairs: Vec<Pair>, order: &Order) -> Result<Vec<Pair>> {
        let fold = self.specials.ignore_case;
        match order {
            Order::Unsorted => Ok(pairs),
            Order::Known { by, descending } => {
                let format = Rc::clone(&self.specials.convfmt);
                let mut pairs = merge_sort(pairs, &mut |left, right| {
                    Ok(compare(*by, left, right, &format, fold))
                })?;
                if *descending {
                    pairs.reverse();
                }
                Ok(pairs)
            }
            Order::Function(number) => merge_sort(pairs, &mut |left, right| {
                let mut cells = Vec::with_capacity(4);
                for (key, value) in [left, right] {
                    cells.push(Cell::of(Value::input(key)));
                    cells.push(Cell::of(value.clone()));
                }
                cells.truncate(self.program.functions[*number].parameters.len());
                let answer = self.call_with(*number, cells)?.number();
                Ok(answer.partial_cmp(&0.0).unwrap_or(Ordering::Equal))
            }),
        }
    }

    /// gawk's `asort` and `asorti`.
    pub fn sort(&mut self, arguments: &[Expr], indices: bool) -> Result<f64> {
        let source = self.array_argument(&arguments[0])?;
        let target = match arguments.get(1) {
            Some(into) => self.array_argument(into)?,
            None => Rc::clone(&source),
        };
        let order = match arguments.get(2) {
            Some(order) => {
                let value = self.value(order)?;
                self.order(&self.text_of(&value))?
            }
            None if indices => Order::Known {
                by: By::IndexText,
                descending: false,
            },
            None => Order::Known {
                by: By::ValueType,
                descending: false,
            },
        };
        let pairs = source.borrow().pairs();
        let pairs = self.in_order(pairs, &order)?;
        let mut array = target.borrow_mut();
        array.clear();
        let count = pairs.len();
        for (index, (key, value)) in pairs.into_iter().enumerate() {
            let value = if indices { Value::text(key) } else { value };
            array.set((index + 1).to_string().as_bytes(), value);
        }
        Ok(count as f64)
    }

    /// The keys in the order that `PROCINFO["sorted_in"]` asks for.
    pub fn ordered_keys(&mut self, shared: &Shared) -> Result<Vec<Vec<u8>>> {
        let order = self.process_information(b"sorted_in");
        let Some(order) = order else {
            return Ok(shared.borrow().keys());
        };
        let order = self.order(&self.text_of(&order))?;
        let pairs = shared.borrow().pairs();
        let pairs = self.in_order(pairs, &order)?;
        Ok(pairs.into_iter().map(|(key, _)| key).collect())
    }

    /// An element of `PROCINFO` that a program has set.
    pub fn process_information(&self, key: &[u8]) -> Option<Value> {
        let Value::Array(shared) = &self.globals[PROCINFO] else {
            return None;
        };
        let value = shared.borrow().peek(key).cloned();
        value.filter(|value| !matches!(value, Value::Untyped | Value::Array(_)))
    }
}

fn texts(left: &[u8], right: &[u8], fold: bool) -> Ordering {
    if fold {
        return super::text::to_lower(left).cmp(&super::text::to_lower(right));
    }
    left.cmp(right)
}

/// Numbers first, then strings, then arrays.
fn rank(value: &Value) -> u8 {
    match value {
        Value::Array(_) => 2,
        _ if value.comparable().is_some() => 0,
        _ => 1,
    }
}

fn compare(by: By, left: &Pair, right: &Pair, format: &[u8], fold: bool) -> Ordering {
    let keys = texts(&left.0, &right.0, fold);
    let values = || {
        let (left, right) = (left.1.string(format), right.1.string(format));
        texts(&left, &right, fold).then_with(|| left.cmp(&right))
    };
    let arrays = matches!(left.1, Value::Array(_)).cmp(&matches!(right.1, Value::Array(_)));
    match by {
        By::IndexText => keys,
        By::IndexNumber => {
            let number = |pair: &Pair| number_prefix(&pair.0).0;
            number(left).total_cmp(&number(right)).then(keys)
        }
        By::ValueText => arrays.then_with(values).then(keys),
        By::ValueNumber => arrays
            .then_with(|| left.1.number().total_cmp(&right.1.number()))
            .then_with(values)
            .then(keys),
        By::ValueType => rank(&left.1)
            .cmp(&rank(&right.1))
            .then_with(|| match (left.1.comparable(), right.1.comparable()) {
                (Some(left), Some(right)) => left.total_cmp(&right),
                _ => values(),
            })
            .then(keys),
    }
}

/// Sorts by an order that may fail, and that need not be one: the standard library's sort panics on such.
fn merge_sort(
    mut items: Vec<Pair>,
    order: &mut dyn FnMut(&Pair, &Pair) -> Result<Ordering>,
) -> Result<Vec<Pair>> {
    if items.len() < 2 {
        return Ok(items);
    }
    let right = items.split_off(items.len() / 2);
    let left = merge_sort(items, order)?;
    let right = merge_sort(right, order)?;
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    while let (Some(first), Some(second)) = (left.peek(), right.peek()) {
        let next = if order(first, second)?.is_gt() {
            right.next()
        } else {
            left.next()
        };
        merged.extend(next);
    }
    merged.extend(left);
    merged.extend(right);
    Ok(merged)
}
