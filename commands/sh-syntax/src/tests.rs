//! What fuzzing has found, and the bounds of parsing.

use std::time::{Duration, Instant};

use crate::{Dialect, Input, Parser, Source};

struct Bash;

impl Source for Bash {
    fn dialect(&self) -> Dialect {
        Dialect {
            bash: true,
            ..Dialect::default()
        }
    }
}

/// The error that the first command of the text is, if it is one.
fn error(text: &str) -> Option<String> {
    let parsed = Parser::new(&mut Input::text(text, 1), &mut Bash).complete_command();
    parsed.err().map(|error| error.message)
}

fn printed(text: &str) -> Option<String> {
    Parser::new(&mut Input::text(text, 1), &mut Bash).printed_function()
}

/// Processor time is what counts, but a minute is beyond doubt: what these guard against takes years.
fn soon(text: &str) -> Option<String> {
    let began = Instant::now();
    let error = error(text);
    assert!(began.elapsed() < Duration::from_mins(1));
    error
}

#[test]
fn expressions_without_end_are_read_once() {
    assert!(soon(&format!("echo {}", "$[".repeat(100))).is_some());
    assert!(soon(&format!("echo {}", "$((".repeat(100))).is_some());
}

#[test]
fn what_may_be_an_expression_is_tried_once_in_each_place() {
    let open = "(( $( ".repeat(30);
    let close = " ) ) )".repeat(30);
    assert!(soon(&format!("{open} x {close}")).is_some());
    let (open, close) = ("$(( $( ".repeat(30), " ) ) )".repeat(30));
    assert!(soon(&format!("echo {open} x {close}")).is_some());
}

#[test]
fn here_documents_in_what_may_be_an_expression_have_a_limit() {
    let mut script = String::new();
    for level in 0..30 {
        script.push_str(&format!("$(( $(cat <<E{level}\n"));
    }
    script.push_str("x\n");
    for level in (0..30).rev() {
        script.push_str(&format!("E{level}\n) ) )"));
    }
    assert_eq!(
        soon(&format!("echo {script}\n")).as_deref(),
        Some("Syntax error: nested too deeply")
    );
}

#[test]
fn a_printed_function_keeps_escaped_blanks_and_pipes_of_errors() {
    assert_eq!(
        printed("f() { echo a\\ ; b |& c; }").as_deref(),
        Some("f () \n{ \n    echo a\\ ;\n    b 2>&1 | c\n}")
    );
}
