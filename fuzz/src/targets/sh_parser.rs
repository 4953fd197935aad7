//! Scripts, which guests write, through the shell's parser.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use secure_exec_sh_syntax::{Dialect, Input as Text, Line, Origin, Parser, Source};

use crate::allocations::peak_of;
use crate::{Input, Target};

pub const TARGET: Target = Target {
    name: "sh-parser",
    about: "scripts of the shell's corpus, damaged and put together: a tree or an error, the same line by line, printed \
            functions that mean the same",
    longest: 400,
    most_cpu: Duration::from_secs(1),
    run,
};

/// The seeds: the cases that the tests compare with dash and bash.
const CORPUS: &[&str] = &[
    include_str!("../../../commands/sh/tests/corpus/posix/grammar.txt"),
    include_str!("../../../commands/sh/tests/corpus/posix/compound.txt"),
    include_str!("../../../commands/sh/tests/corpus/posix/parameters.txt"),
    include_str!("../../../commands/sh/tests/corpus/posix/quoting.txt"),
    include_str!("../../../commands/sh/tests/corpus/posix/redirects.txt"),
    include_str!("../../../commands/sh/tests/corpus/posix/arithmetic.txt"),
    include_str!("../../../commands/sh/tests/corpus/bash/grammar.txt"),
    include_str!("../../../commands/sh/tests/corpus/bash/features.txt"),
    include_str!("../../../commands/sh/tests/corpus/bash/functions.txt"),
    include_str!("../../../commands/sh/tests/corpus/bash/words.txt"),
    include_str!("../../../commands/sh/tests/corpus/bash/subscripts.txt"),
];

/// What grammar is made of.
const PIECES: &[&str] = &[
    " ",
    "\n",
    ";",
    "&",
    "&&",
    "||",
    "|",
    "|&",
    ";;",
    ";&",
    ";;&",
    "(",
    ")",
    "((",
    "))",
    "{",
    "}",
    "{ ",
    "; }",
    "[[",
    "]]",
    "[[ ",
    " ]]",
    "!",
    "if ",
    "then ",
    "elif ",
    "else ",
    "fi",
    "for ",
    "in ",
    "do ",
    "done",
    "case ",
    "esac",
    "while ",
    "until ",
    "select ",
    "function ",
    "coproc ",
    "time ",
    "x",
    "x=",
    "x+=",
    "x=(",
    "x[0]=",
    "[k]=",
    "f()",
    "f() ",
    "echo ",
    "<",
    ">",
    ">>",
    "<<",
    "<<-",
    "<<<",
    "<&",
    ">&",
    "<>",
    ">|",
    "&>",
    "&>>",
    "3<",
    "{v}<",
    "<(",
    ">(",
    "EOF",
    "\nEOF\n",
    "<<EOF",
    "<<'EOF'",
    "'",
    "\"",
    "\\",
    "\\\n",
    "$",
    "$(",
    "$((",
    "${",
    "${#",
    "${!",
    "${x",
    ":-",
    ":=",
    "##",
    "%%",
    "//",
    "/",
    "^^",
    ",,",
    "@Q",
    ":1:2",
    "[@]",
    "[*]",
    "$[",
    "$'",
    "$\"",
    "`",
    "\\`",
    "*",
    "?",
    "@(",
    "!(",
    "+(",
    "~",
    "#",
    "# c\n",
    "$x",
    "$@",
    "$1",
    "$#",
    "$!",
    "-eq",
    "=~",
    "==",
    "-f ",
    "a ",
    "b ",
    "c ",
    "\t",
    "\u{10ffff}",
    "é",
    "\0",
    "1",
    "=",
];

/// Aliases that a script may meet.
const ALIASES: &[(&str, &str)] = &[
    ("a", "b "),
    ("b", "a b "),
    ("c", ""),
    ("x", "if true; then "),
    ("echo", "echo x "),
    ("fi", "; fi"),
    ("f", "f( "),
];

/// How many commands a script may have before parsing counts as one without end.
const MOST_COMMANDS: usize = 20_000;
/// Bytes that a tree may take for each byte of its script, and for none.
const MEMORY_EACH: usize = 8000;
const MEMORY_LEAST: usize = 1 << 20;

/// A shell that gives lines and has aliases.
struct Lines {
    dialect: Dialect,
    left: VecDeque<String>,
}

impl Source for Lines {
    fn dialect(&self) -> Dialect {
        self.dialect
    }

    fn read_line(&mut self, _: Origin, _: bool) -> Line {
        self.left.pop_front().map_or(Line::End, Line::Text)
    }

    fn alias(&self, name: &str) -> Option<&str> {
        let known = ALIASES.iter().find(|(alias, _)| *alias == name);
        known.map(|(_, value)| *value)
    }

    fn file(&self) -> Rc<str> {
        "script".into()
    }
}

fn run(input: &mut Input<'_>) -> Result<(), String> {
    let dialect = dialect(input);
    let script = script(input);
    input.note(|| format!("{dialect:?}"));
    input.note(|| script.clone());
    let ((whole, aliased), peak) = peak_of(|| {
        let whole = parse(&mut Text::text(&script, 1), dialect, VecDeque::new());
        (whole, dialect.aliases)
    });
    let whole = whole?;
    input.note(|| whole.join("\n"));
    if peak > MEMORY_LEAST + MEMORY_EACH * script.len() && !aliased {
        return Err(format!(
            "memory for a script: {peak} bytes for {}",
            script.len()
        ));
    }
    let lines = script.split_inclusive('\n').map(str::to_owned).collect();
    let by_line = parse(&mut Text::from(Origin::Fd(0)), dialect, lines)?;
    if whole != by_line {
        return Err(format!("another tree line by line: {}", by_line.join("\n")));
    }
    if dialect.bash && !dialect.aliases {
        printed(&script, dialect)?;
    }
    Ok(())
}

fn dialect(input: &mut Input<'_>) -> Dialect {
    let bash = !input.once_in(3);
    Dialect {
        bash,
        dash: !bash && input.once_in(2),
        posix: input.once_in(4),
        extglob: input.once_in(2),
        aliases: input.once_in(4),
        monitor: input.once_in(4),
    }
}

/// A case of the corpus, changed here and there, or something of pieces only.
fn script(input: &mut Input<'_>) -> String {
    let mut text: Vec<char> = if input.once_in(4) {
        Vec::new()
    } else {
        case(input).chars().collect()
    };
    for _ in 0..=input.below(24) {
        let at = input.below(text.len() + 1);
        match input.below(8) {
            0 => {
                let end = (at + input.below(12)).min(text.len());
                text.drain(at..end);
            }
            1 => {
                let end = (at + input.below(40)).min(text.len());
                let again: Vec<char> = text[at..end].to_vec();
                text.splice(at..at, again);
            }
            2 => {
                let other: Vec<char> = case(input).chars().collect();
                let from = input.below(other.len() + 1);
                let end = (from + input.below(80)).min(other.len());
                text.splice(at..at, other[from..end].iter().copied());
            }
            3 => {
                // As deep as it may, and deeper.
                let piece = input.pick(PIECES);
                let times = input.below(200);
                text.splice(at..at, piece.repeat(times).chars());
            }
            _ => {
                text.splice(at..at, input.pick(PIECES).chars());
            }
        }
    }
    text.into_iter().collect()
}

fn case(input: &mut Input<'_>) -> &'static str {
    let file = input.pick(CORPUS);
    let count = file.matches("\n#### ").count() + 1;
    let nth = input.below(count);
    let case = file.split("\n#### ").nth(nth).unwrap_or_default();
    case.split_once('\n').map_or(case, |(_, script)| script)
}

/// Every command of the text as its tree is shown, with the error behind the last one.
fn parse(text: &mut Text, dialect: Dialect, left: VecDeque<String>) -> Result<Vec<String>, String> {
    let mut lines = Lines { dialect, left };
    let mut told = Vec::new();
    loop {
        if told.len() > MOST_COMMANDS {
            return Err("parsing without end: more commands than characters".into());
        }
        match Parser::new(text, &mut lines).complete_command() {
            Ok(None) => return Ok(told),
            Ok(Some(list)) => told.push(format!("{list:?}")),
            Err(error) => {
                told.push(format!("{}: {}", error.line, error.message));
                return Ok(told);
            }
        }
    }
}

/// A function of the script, printed, is one that is printed the same.
fn printed(script: &str, dialect: Dialect) -> Result<(), String> {
    let print = |source: &str| {
        let mut lines = Lines {
            dialect,
            left: VecDeque::new(),
        };
        Parser::new(&mut Text::text(source, 1), &mut lines).printed_function()
    };
    let Some(first) = print(&format!("f() {{\n{script}\n}}\n")) else {
        return Ok(());
    };
    if first.contains("coproc") {
        // As bash prints it, a simple command gets a name that belongs to the command when it is read again.
        return Ok(());
    }
    match print(&first) {
        Some(second) if second == first => Ok(()),
        Some(second) => Err(format!(
            "another function when printed again:\n{first}\n---\n{second}"
        )),
        // Redirections are printed last, as bash does: a reserved word behind one is then the first.
        None if script.contains(['<', '>']) => Ok(()),
        None => Err(format!("no function when printed: {first}")),
    }
}
