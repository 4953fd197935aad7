//! Functions of the program as flat code, in which a call is a step of its own: it takes no stack of the process, so that
//! functions may nest as deep as there is memory. What is evaluated before a call within the same expression is kept in
//! local variables without names behind the function's own.

use super::ast::{ArrayRef, Builtin, Expr, Function, Place, Program, Slot, Statement};
use super::parts::{calls, is_closed, of_array_mut, of_expr_mut, of_redirect_mut};

/// A step of flat code. Numbers of steps are where to go on.
pub enum Step {
    /// Runs a statement that calls nothing.
    Run(Statement),
    /// Evaluates into a local variable.
    Set(usize, Expr),
    /// The next argument of a call.
    Argument(Expr),
    /// Calls a function with the last `count` arguments.
    Call {
        function: usize,
        count: usize,
        into: usize,
    },
    /// Finds the function whose name a variable holds. Goes on elsewhere if it is none of the program's, or takes fewer
    /// arguments.
    Resolve {
        name: Slot,
        count: usize,
        otherwise: usize,
    },
    /// Calls what was found last.
    CallResolved {
        count: usize,
        into: usize,
    },
    Jump(usize),
    JumpUnless(Expr, usize),
    /// Goes on elsewhere if the label of a `switch` applies to a local variable.
    JumpIfCase(usize, Expr, usize),
    /// Begins to walk over the keys of an array.
    Walk(ArrayRef),
    /// The next key; goes on elsewhere behind the last.
    WalkOn(Slot, usize),
    WalkEnd,
    Return(Option<Expr>),
}

/// A function as flat code.
pub struct Code {
    pub steps: Vec<Step>,
    /// How many variables a call has: parameters, and those without names.
    pub locals: usize,
}

/// A loop or `switch` around what is lowered, with the jumps whose ends are not known yet.
struct Around {
    breaks: Vec<usize>,
    /// Absent in a `switch`, which `continue` leaves alone.
    continues: Option<Vec<usize>>,
}

struct Lowering<'p> {
    program: &'p Program,
    steps: Vec<Step>,
    parameters: usize,
    /// The next variable without a name, and how many there are at most.
    next: usize,
    locals: usize,
    around: Vec<Around>,
}

pub fn lower(program: &Program, function: &Function) -> Code {
    let parameters = function.parameters.len();
    let mut lowering = Lowering {
        program,
        steps: Vec::new(),
        parameters,
        next: parameters,
        locals: parameters,
        around: Vec::new(),
    };
    lowering.block(&function.body);
    lowering.steps.push(Step::Return(None));
    Code {
        steps: lowering.steps,
        locals: lowering.locals,
    }
}

/// What a variable without a name holds; as a group it is a value and no name that a function could make an array.
fn held(local: usize) -> Expr {
    Expr::Group(Box::new(Expr::Variable(Slot::Local(local))))
}

/// Whether an argument of one of awk's functions may be meant as a place.
fn is_place(builtin: Builtin, argument: &Expr) -> bool {
    matches!(argument, Expr::Variable(_) | Expr::Element(..))
        && matches!(
            builtin,
            Builtin::Asort
                | Builtin::Asorti
                | Builtin::Split
                | Builtin::Patsplit
                | Builtin::Match
                | Builtin::Length
                | Builtin::Isarray
                | Builtin::Typeof
        )
}

impl Lowering<'_> {
    fn temporary(&mut self) -> usize {
        let local = self.next;
        self.next += 1;
        self.locals = self.locals.max(self.next);
        local
    }

    /// Adds a step that jumps to a place that [`Self::land`] gives.
    fn jump(&mut self, step: Step) -> usize {
        self.steps.push(step);
        self.steps.len() - 1
    }

    /// Has a jump lead to what comes next.
    fn land(&mut self, jump: usize) {
        let here = self.steps.len();
        if let Step::Jump(to)
        | Step::JumpUnless(_, to)
        | Step::JumpIfCase(_, _, to)
        | Step::WalkOn(_, to)
        | Step::Resolve { otherwise: to, .. } = &mut self.steps[jump]
        {
            *to = here;
        }
    }

    /// Keeps a value for when what comes behind it has been called.
    fn keep(&mut self, expr: Expr) -> Expr {
        let constant = matches!(
            expr,
            Expr::Number(_) | Expr::Text(_) | Expr::Regex(..) | Expr::TypedRegex(_)
        );
        let kept = matches!(&expr, Expr::Group(inner)
            if matches!(**inner, Expr::Variable(Slot::Local(local)) if local >= self.parameters));
        if constant || kept {
            return expr;
        }
        let local = self.temporary();
        self.steps.push(Step::Set(local, expr));
        held(local)
    }

    /// Evaluates what has calls into steps. What is left has none.
    fn expr(&mut self, expr: &Expr) -> Expr {
        if !calls(expr) {
            return expr.clone();
        }
        match expr {
            Expr::Call(function, arguments) => self.call(*function, arguments),
            Expr::Indirect(name, arguments) => self.indirect(*name, arguments),
            Expr::And(left, right) => self.either(left, right, false),
            Expr::Or(left, right) => self.either(left, right, true),
            Expr::Conditional(parts) => {
                let (condition, yes, no) = &**parts;
                let condition = self.expr(condition);
                let into = self.temporary();
                let to_no = self.jump(Step::JumpUnless(condition, 0));
                let yes = self.expr(yes);
                self.steps.push(Step::Set(into, yes));
                let to_end = self.jump(Step::Jump(0));
                self.land(to_no);
                let no = self.expr(no);
                self.steps.push(Step::Set(into, no));
                self.land(to_end);
                held(into)
            }
            Expr::Append(slot, value) => {
                // The old text is read before the call.
                let old = self.keep(Expr::Variable(*slot));
                let value = self.expr(value);
                let text = Expr::Concatenation(vec![old, value]);
                Expr::Assign(Box::new(Place::Variable(*slot)), Box::new(text))
            }
            _ => {
                let mut copy = expr.clone();
                let builtin = match expr {
                    Expr::Builtin(builtin, _) => Some(*builtin),
                    _ => None,
                };
                let mut parts = Vec::new();
                of_expr_mut(&mut copy, &mut parts);
                self.parts(parts, builtin);
                copy
            }
        }
    }

    /// Lowers parts that are evaluated one after the other.
    fn parts(&mut self, mut parts: Vec<&mut Expr>, builtin: Option<Builtin>) {
        let last = parts.iter().rposition(|part| calls(part));
        for (index, part) in parts.iter_mut().enumerate() {
            let Some(last) = last.filter(|last| index <= *last) else {
                return;
            };
            let mut lowered = self.expr(part);
            if index < last && !builtin.is_some_and(|builtin| is_place(builtin, &lowered)) {
                lowered = self.keep(lowered);
            }
            **part = lowered;
        }
    }

    fn arguments(&mut self, arguments: &[Expr]) {
        for argument in arguments {
            let argument = self.expr(argument);
            self.steps.push(Step::Argument(argument));
        }
    }

    fn call(&mut self, function: usize, arguments: &[Expr]) -> Expr {
        let count = arguments.len();
        if count > self.program.functions[function].parameters.len() {
            // Fails as it is.
            return Expr::Call(function, arguments.to_vec());
        }
        self.arguments(arguments);
        let into = self.temporary();
        self.steps.push(Step::Call {
            function,
            count,
            into,
        });
        held(into)
    }

    fn indirect(&mut self, name: Slot, arguments: &[Expr]) -> Expr {
        let into = self.temporary();
        let to_others = self.jump(Step::Resolve {
            name,
            count: arguments.len(),
            otherwise: 0,
        });
        self.arguments(arguments);
        self.steps.push(Step::CallResolved {
            count: arguments.len(),
            into,
        });
        let to_end = self.jump(Step::Jump(0));
        self.land(to_others);
        // awk's own functions.
        let mut copies = arguments.to_vec();
        self.parts(copies.iter_mut().collect(), Some(Builtin::Split));
        self.steps
            .push(Step::Set(into, Expr::Indirect(name, copies)));
        self.land(to_end);
        held(into)
    }

    /// `left && right`, or `left || right`.
    fn either(&mut self, left: &Expr, right: &Expr, or: bool) -> Expr {
        let into = self.temporary();
        let negated = |expr: Expr| Expr::Not(Box::new(expr));
        let left = self.expr(left);
        let decided = self.jump(Step::JumpUnless(if or { negated(left) } else { left }, 0));
        let right = self.expr(right);
        self.steps.push(Step::Set(into, negated(negated(right))));
        let to_end = self.jump(Step::Jump(0));
        self.land(decided);
        self.steps
            .push(Step::Set(into, Expr::Number(f64::from(u8::from(or)))));
        self.land(to_end);
        held(into)
    }

    fn block(&mut self, body: &[Statement]) {
        for statement in body {
            self.next = self.parameters;
            self.statement(statement);
        }
    }

    /// Jumps to the end of the loop, or of the `switch`, around.
    fn leave(&mut self, on: bool) {
        let jump = self.steps.len();
        let around = self.around.iter_mut().rev();
        let list = if on {
            around.filter_map(|around| around.continues.as_mut()).next()
        } else {
            around.map(|around| &mut around.breaks).next()
        };
        match list {
            Some(list) => {
                list.push(jump);
                self.steps.push(Step::Jump(0));
            }
            None => self.steps.push(Step::Return(None)),
        }
    }

    fn enter(&mut self) {
        self.around.push(Around {
            breaks: Vec::new(),
            continues: Some(Vec::new()),
        });
    }

    /// Has the `continue`s of the innermost loop lead to what comes next.
    fn land_continues(&mut self) {
        let around = self.around.last_mut();
        let jumps = around.and_then(|around| around.continues.replace(Vec::new()));
        for jump in jumps.unwrap_or_default() {
            self.land(jump);
        }
    }

    fn land_breaks(&mut self) {
        for jump in self.around.pop().map_or(Vec::new(), |around| around.breaks) {
            self.land(jump);
        }
    }

    fn statement(&mut self, statement: &Statement) {
        if is_closed(statement) {
            match statement {
                Statement::Return(value) => self.steps.push(Step::Return(value.clone())),
                other => self.steps.push(Step::Run(other.clone())),
            }
            return;
        }
        match statement {
            Statement::If(condition, then, otherwise) => {
                let condition = self.expr(condition);
                let to_otherwise = self.jump(Step::JumpUnless(condition, 0));
                self.block(then);
                if otherwise.is_empty() {
                    return self.land(to_otherwise);
                }
                let to_end = self.jump(Step::Jump(0));
                self.land(to_otherwise);
                self.block(otherwise);
                self.land(to_end);
            }
            Statement::While(condition, body) => self.repeat(Some(condition), body, None),
            Statement::For(parts, body) => {
                if let Some(start) = &parts.start {
                    self.statement(start);
                }
                self.repeat(parts.condition.as_ref(), body, parts.step.as_ref());
            }
            Statement::Do(body, condition) => {
                let start = self.steps.len();
                self.enter();
                self.block(body);
                self.land_continues();
                let condition = self.expr(condition);
                let to_end = self.jump(Step::JumpUnless(condition, 0));
                self.steps.push(Step::Jump(start));
                self.land(to_end);
                self.land_breaks();
            }
            Statement::ForIn(slot, array, body) => {
                let mut array = array.clone();
                let mut parts = Vec::new();
                of_array_mut(&mut array, &mut parts);
                self.parts(parts, None);
                self.steps.push(Step::Walk(array));
                let start = self.jump(Step::WalkOn(*slot, 0));
                self.enter();
                self.block(body);
                self.land_continues();
                self.steps.push(Step::Jump(start));
                self.land(start);
                self.land_breaks();
                self.steps.push(Step::WalkEnd);
            }
            Statement::Switch(value, cases) => self.switch(value, cases),
            Statement::Break => self.leave(false),
            Statement::Continue => self.leave(true),
            Statement::Return(Some(value)) => {
                let value = self.expr(value);
                self.steps.push(Step::Return(Some(value)));
            }
            Statement::Expression(expr) => {
                let expr = self.expr(expr);
                let is_held = matches!(&expr, Expr::Group(inner)
                    if matches!(**inner, Expr::Variable(Slot::Local(local)) if local >= self.parameters));
                if !is_held {
                    self.steps.push(Step::Run(Statement::Expression(expr)));
                }
            }
            other => {
                let mut copy = other.clone();
                let mut parts: Vec<&mut Expr> = Vec::new();
                match &mut copy {
                    Statement::Print(list, redirect) | Statement::Printf(list, redirect) => {
                        parts.extend(list);
                        parts.extend(redirect.as_mut().map(of_redirect_mut));
                    }
                    Statement::Exit(value) => parts.extend(value),
                    Statement::Delete(array, key) => {
                        of_array_mut(array, &mut parts);
                        parts.extend(key);
                    }
                    _ => {}
                }
                self.parts(parts, None);
                self.steps.push(Step::Run(copy));
            }
        }
    }

    fn repeat(&mut self, condition: Option<&Expr>, body: &[Statement], step: Option<&Statement>) {
        self.next = self.parameters;
        let start = self.steps.len();
        let to_end = condition.map(|condition| {
            let condition = self.expr(condition);
            self.jump(Step::JumpUnless(condition, 0))
        });
        self.enter();
        self.block(body);
        self.land_continues();
        if let Some(step) = step {
            self.next = self.parameters;
            self.statement(step);
        }
        self.steps.push(Step::Jump(start));
        if let Some(jump) = to_end {
            self.land(jump);
        }
        self.land_breaks();
    }

    fn switch(&mut self, value: &Expr, cases: &[(Option<Expr>, Vec<Statement>)]) {
        let value = self.expr(value);
        let local = self.temporary();
        self.steps.push(Step::Set(local, value));
        let mut jumps = Vec::new();
        for (label, _) in cases {
            jumps.push(label.as_ref().map(|label| {
                let label = self.expr(label);
                self.jump(Step::JumpIfCase(local, label, 0))
            }));
        }
        let to_default = self.jump(Step::Jump(0));
        self.around.push(Around {
            breaks: Vec::new(),
            continues: None,
        });
        let mut has_default = false;
        for ((_, body), jump) in cases.iter().zip(jumps) {
            has_default |= jump.is_none();
            self.land(jump.unwrap_or(to_default));
            self.block(body);
        }
        if !has_default {
            self.land(to_default);
        }
        self.land_breaks();
    }
}
