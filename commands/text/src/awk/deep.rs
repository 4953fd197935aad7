//! Calls that are nested deeper than the stack of the process has room for: they run as flat code.

use super::ast::Slot;
use super::lowering::{Code, Step, lower};
use super::machine::{Cell, Machine, Result, Unwind};
use super::statement::Flow;
use super::value::Value;
use std::rc::Rc;
use std::vec::IntoIter;

/// How many calls may be in progress: endless recursion ends before it takes all memory.
const MOST_CALLS: usize = 1_000_000;

/// A call in progress: where its caller goes on.
struct Frame {
    code: Rc<Code>,
    at: usize,
    base: usize,
    into: usize,
    walks: usize,
}

/// What flat code has in hand.
#[derive(Default)]
struct Hand {
    frames: Vec<Frame>,
    arguments: Vec<Cell>,
    /// Functions that were found by their names.
    resolved: Vec<usize>,
    walks: Vec<IntoIter<Vec<u8>>>,
}

pub fn too_deep() -> Unwind {
    Unwind::Fatal("function calls are nested too deeply".to_owned())
}

impl Machine<'_> {
    fn code(&mut self, number: usize) -> Rc<Code> {
        if let Some(code) = self.codes.get(&number) {
            return Rc::clone(code);
        }
        let code = Rc::new(lower(self.program, &self.program.functions[number]));
        self.codes.insert(number, Rc::clone(&code));
        code
    }

    /// As [`Machine::call_with`], but calls within take no stack of the process.
    #[cold]
    #[inline(never)]
    pub fn call_flat(&mut self, number: usize, arguments: Vec<Cell>) -> Result<Value> {
        if self.is_out_of_levels() {
            return Err(too_deep());
        }
        let (height, base) = (self.stack.len(), self.base);
        let mut hand = Hand {
            arguments,
            ..Hand::default()
        };
        let result = self.run_flat(number, &mut hand);
        self.stack.truncate(height);
        self.base = base;
        result
    }

    /// Puts the last arguments on the stack as a function's variables.
    fn enter(&mut self, code: &Code, hand: &mut Hand, count: usize) {
        self.base = self.stack.len();
        let first = hand.arguments.len() - count;
        self.stack.extend(hand.arguments.drain(first..));
        self.stack
            .resize_with(self.base + code.locals, || Cell::of(Value::Untyped));
    }

    fn run_flat(&mut self, number: usize, hand: &mut Hand) -> Result<Value> {
        let mut code = self.code(number);
        let count = hand.arguments.len();
        self.enter(&code, hand, count);
        let mut at = 0;
        loop {
            let step = &code.steps[at];
            at += 1;
            let returned = match step {
                Step::Run(statement) => match self.block(std::slice::from_ref(statement))? {
                    Flow::Return(value) => value,
                    _ => continue,
                },
                Step::Return(None) => Value::Uninitialized,
                Step::Return(Some(value)) => self.value(value)?,
                Step::Set(local, value) => {
                    let value = self.value(value)?;
                    let place = self.base + local;
                    self.stack[place] = Cell::of(value);
                    continue;
                }
                Step::Argument(argument) => {
                    let argument = self.argument(argument)?;
                    hand.arguments.push(argument);
                    continue;
                }
                Step::Jump(to) => {
                    at = *to;
                    continue;
                }
                Step::JumpUnless(condition, to) => {
                    if !self.truth(condition)? {
                        at = *to;
                    }
                    continue;
                }
                Step::Call { .. } | Step::CallResolved { .. } => {
                    let (function, count, into) = match step {
                        Step::Call {
                            function,
                            count,
                            into,
                        } => (Some(*function), *count, *into),
                        Step::CallResolved { count, into } => (hand.resolved.pop(), *count, *into),
                        _ => continue,
                    };
                    let Some(function) = function else { continue };
                    if hand.frames.len() >= MOST_CALLS {
                        return Err(too_deep());
                    }
                    let called = self.code(function);
                    hand.frames.push(Frame {
                        code: std::mem::replace(&mut code, called),
                        at,
                        base: self.base,
                        into,
                        walks: hand.walks.len(),
                    });
                    self.enter(&code, hand, count);
                    at = 0;
                    continue;
                }
                other => {
                    if let Some(to) = self.rare_step(other, hand)? {
                        at = to;
                    }
                    continue;
                }
            };
            let Some(frame) = hand.frames.pop() else {
                return Ok(returned);
            };
            self.stack.truncate(self.base);
            hand.walks.truncate(frame.walks);
            (code, at, self.base) = (frame.code, frame.at, frame.base);
            let place = self.base + frame.into;
            self.stack[place] = Cell::of(returned);
        }
    }

    /// The steps of walks, of `switch`, and of calls by name. The result is where to go on.
    fn rare_step(&mut self, step: &Step, hand: &mut Hand) -> Result<Option<usize>> {
        match step {
            Step::Walk(array) => {
                let shared = self.array(array)?;
                hand.walks.push(self.ordered_keys(&shared)?.into_iter());
            }
            Step::WalkOn(slot, end) => match hand.walks.last_mut().and_then(Iterator::next) {
                Some(key) => self.set_variable(*slot, Value::input(&key))?,
                None => return Ok(Some(*end)),
            },
            Step::WalkEnd => {
                hand.walks.pop();
            }
            Step::JumpIfCase(local, label, to) => {
                let value = self.variable(Slot::Local(*local))?;
                if self.is_case(&value, label)? {
                    return Ok(Some(*to));
                }
            }
            Step::Resolve {
                name,
                count,
                otherwise,
            } => {
                let value = self.variable(*name)?;
                let name = self.text_of(&value);
                let name = String::from_utf8_lossy(&name);
                let number = self.function_named(name.strip_prefix("awk::").unwrap_or(&name));
                let functions = &self.program.functions;
                match number.filter(|number| *count <= functions[*number].parameters.len()) {
                    Some(number) => hand.resolved.push(number),
                    None => return Ok(Some(*otherwise)),
                }
            }
            _ => {}
        }
        Ok(None)
    }
}
