//! The expressions that an expression or a statement consists of, in the order in which they are evaluated.

use super::ast::{ArrayRef, Expr, Place, Redirect, Source, Statement};

/// Makes the functions that list parts: once to look at them, once to change them.
macro_rules! parts {
    ($of_expr:ident, $of_place:ident, $of_array:ident, $of_redirect:ident $(, $mutable:tt)?) => {
        pub fn $of_expr<'a>(expr: &'a $($mutable)? Expr, out: &mut Vec<&'a $($mutable)? Expr>) {
            match expr {
                Expr::Number(_)
                | Expr::Text(_)
                | Expr::Regex(..)
                | Expr::TypedRegex(_)
                | Expr::Variable(_) => {}
                Expr::Field(inner)
                | Expr::Append(_, inner)
                | Expr::Not(inner)
                | Expr::Negative(inner)
                | Expr::Positive(inner)
                | Expr::Group(inner) => out.push(inner),
                Expr::Element(array, key) => {
                    $of_array(array, out);
                    out.push(key);
                }
                Expr::Subscript(list)
                | Expr::Concatenation(list)
                | Expr::Call(_, list)
                | Expr::Indirect(_, list)
                | Expr::Builtin(_, list) => {
                    for part in list {
                        out.push(part);
                    }
                }
                Expr::Assign(place, value) | Expr::Augment(_, place, value) => {
                    out.push(value);
                    $of_place(place, out);
                }
                Expr::Increment { place, .. } => $of_place(place, out),
                Expr::Conditional(parts) => {
                    let (condition, yes, no) = &$($mutable)? **parts;
                    for part in [condition, yes, no] {
                        out.push(part);
                    }
                }
                Expr::And(left, right)
                | Expr::Or(left, right)
                | Expr::Arithmetic(_, left, right)
                | Expr::Comparison(_, left, right) => {
                    out.push(left);
                    out.push(right);
                }
                Expr::Match { text, regex, .. } => {
                    out.push(text);
                    out.push(regex);
                }
                Expr::In(key, array) => {
                    $of_array(array, out);
                    out.push(key);
                }
                Expr::Substitute {
                    regex, with, place, ..
                } => {
                    out.push(regex);
                    out.push(with);
                    $of_place(place, out);
                }
                Expr::Getline(source, place) => {
                    match source {
                        Source::Main => {}
                        Source::File(name) | Source::Command(name) | Source::Coprocess(name) => {
                            out.push(name);
                        }
                    }
                    if let Some(place) = place {
                        $of_place(place, out);
                    }
                }
            }
        }

        fn $of_place<'a>(place: &'a $($mutable)? Place, out: &mut Vec<&'a $($mutable)? Expr>) {
            match place {
                Place::Variable(_) => {}
                Place::Field(index) => out.push(index),
                Place::Element(array, key) => {
                    $of_array(array, out);
                    out.push(key);
                }
            }
        }

        pub fn $of_array<'a>(array: &'a $($mutable)? ArrayRef, out: &mut Vec<&'a $($mutable)? Expr>) {
            if let ArrayRef::Element(parts) = array {
                let (array, key) = &$($mutable)? **parts;
                $of_array(array, out);
                out.push(key);
            }
        }

        pub fn $of_redirect(redirect: &$($mutable)? Redirect) -> &$($mutable)? Expr {
            match redirect {
                Redirect::Create(target)
                | Redirect::Append(target)
                | Redirect::Command(target)
                | Redirect::Coprocess(target) => target,
            }
        }
    };
}

parts!(of_expr, of_place, of_array, of_redirect);
parts!(
    of_expr_mut,
    of_place_mut,
    of_array_mut,
    of_redirect_mut,
    mut
);

/// The expressions and the statements right in a statement.
fn of_statement(statement: &Statement) -> (Vec<&Expr>, Vec<&Statement>) {
    let mut exprs = Vec::new();
    let mut inner: Vec<&Statement> = Vec::new();
    match statement {
        Statement::Break | Statement::Continue | Statement::Next | Statement::NextFile => {}
        Statement::Expression(expr) => exprs.push(expr),
        Statement::Print(list, redirect) | Statement::Printf(list, redirect) => {
            exprs.extend(list);
            exprs.extend(redirect.as_ref().map(of_redirect));
        }
        Statement::If(condition, then, otherwise) => {
            exprs.push(condition);
            inner.extend(then);
            inner.extend(otherwise);
        }
        Statement::While(condition, body) | Statement::Do(body, condition) => {
            exprs.push(condition);
            inner.extend(body);
        }
        Statement::For(parts, body) => {
            exprs.extend(&parts.condition);
            inner.extend(&parts.start);
            inner.extend(&parts.step);
            inner.extend(body);
        }
        Statement::ForIn(_, array, body) => {
            of_array(array, &mut exprs);
            inner.extend(body);
        }
        Statement::Switch(value, cases) => {
            exprs.push(value);
            for (label, body) in cases {
                exprs.extend(label);
                inner.extend(body);
            }
        }
        Statement::Exit(value) | Statement::Return(value) => exprs.extend(value),
        Statement::Delete(array, key) => {
            of_array(array, &mut exprs);
            exprs.extend(key);
        }
    }
    (exprs, inner)
}

/// Whether an expression calls functions of the program.
pub fn calls(expr: &Expr) -> bool {
    if matches!(expr, Expr::Call(..) | Expr::Indirect(..)) {
        return true;
    }
    let mut parts = Vec::new();
    of_expr(expr, &mut parts);
    parts.into_iter().any(calls)
}

/// Whether a statement runs without calls of functions of the program, and without jumps that could lead out of it.
pub fn is_closed(statement: &Statement) -> bool {
    let (exprs, inner) = of_statement(statement);
    !matches!(statement, Statement::Break | Statement::Continue)
        && !exprs.into_iter().any(calls)
        && inner.into_iter().all(is_closed)
}

fn expr_depth(expr: &Expr) -> usize {
    let mut parts = Vec::new();
    of_expr(expr, &mut parts);
    1 + parts.into_iter().map(expr_depth).max().unwrap_or(0)
}

/// How deep statements and their expressions are nested.
pub fn depth(body: &[Statement]) -> usize {
    let of_one = |statement: &Statement| {
        let (exprs, inner) = of_statement(statement);
        let exprs = exprs.into_iter().map(expr_depth).max();
        let inner = inner
            .into_iter()
            .map(|inner| depth(std::slice::from_ref(inner)));
        1 + exprs.max(inner.max()).unwrap_or(0)
    };
    body.iter().map(of_one).max().unwrap_or(0)
}
