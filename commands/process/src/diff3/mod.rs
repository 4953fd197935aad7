//! `diff3`: how three texts differ, and what comes of two that were made from one; with the forms of the GNU tool,
//! as its [manual](https://www.gnu.org/software/diffutils/manual/html_node/Invoking-diff3.html) describes them.

mod blocks;
mod merge;
mod report;
mod script;

use std::ffi::OsString;
use std::io::{self, BufWriter, Read, Write};

use secure_exec_cli::{Args, Failure, Outcome, Syntax, fail, flag, quote, required};
use secure_exec_sys::errno;
use secure_exec_sys::path::stat;

use crate::diff::lines::Text;
use crate::diff::{TROUBLE, is_binary, prefix_hint, without_carriage_returns};
use blocks::{Block, Odd, blocks};

const SYNTAX: Syntax = Syntax {
    options: &[
        flag('A', "show-all"),
        flag('e', "ed"),
        flag('E', "show-overlap"),
        flag('3', "easy-only"),
        flag('x', "overlap-only"),
        flag('X', "X"),
        flag('i', "i"),
        flag('m', "merge"),
        flag('a', "text"),
        flag('\0', "strip-trailing-cr"),
        flag('T', "initial-tab"),
        required('\0', "diff-program"),
        required('L', "label"),
        flag('v', "version"),
    ],
    usage: "[OPTION]... MYFILE OLDFILE YOURFILE",
    usage_status: TROUBLE,
    operand_ends: false,
};

/// The options of which there may be only one: which changes are taken.
const CHOICES: [&str; 6] = [
    "show-all",
    "ed",
    "show-overlap",
    "easy-only",
    "overlap-only",
    "X",
];

/// Which changes are taken into a merged text or a script.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Choice {
    /// Changes that do not meet others (`-x` leaves them).
    simple: bool,
    /// Changes that meet others (`-3` leaves them).
    overlapping: bool,
    /// Both sides of those are written, between marks.
    brackets: bool,
    /// So are changes that both texts have, and what was there before (`-A`).
    shows_old: bool,
}

impl Choice {
    /// What an option asks for.
    fn by_name(name: &str) -> Self {
        Self {
            simple: !matches!(name, "overlap-only" | "X"),
            overlapping: name != "easy-only",
            brackets: matches!(name, "show-all" | "show-overlap"),
            shows_old: name == "show-all",
        }
    }

    /// What becomes of a block: it is taken as it is, or between marks.
    fn of(self, block: &Block) -> Taken {
        match block.odd {
            Odd::First => Taken::Not,
            Odd::Second if self.shows_old => Taken::Bracketed,
            Odd::Third if self.simple => Taken::Plain,
            Odd::All if self.overlapping && self.brackets => Taken::Bracketed,
            Odd::All if self.overlapping => Taken::Plain,
            Odd::Second | Odd::Third | Odd::All => Taken::Not,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    Not,
    Plain,
    Bracketed,
}

/// Three texts, where they differ, and the names they have in marks.
struct Comparison<'a> {
    texts: [&'a Text<'a>; 3],
    blocks: Vec<Block>,
    names: [String; 3],
}

impl Comparison<'_> {
    /// The lines that a text has in a block.
    fn lines(&self, block: &Block, text: usize) -> &[&[u8]] {
        &self.texts[text].lines[block.lines[text].clone()]
    }
}

pub fn main(args: &Args) -> Outcome {
    compare(args).map_err(|failure| Failure {
        message: failure
            .message
            .replace("\nTry 'diff3", "\ndiff3: Try 'diff3"),
        ..prefix_hint(failure)
    })
}

fn trouble(message: impl Into<String>) -> Failure {
    Failure {
        status: TROUBLE,
        ..fail(message)
    }
}

fn compare(args: &Args) -> Outcome {
    let parsed = SYNTAX.parse(args)?;
    if parsed.has("version") {
        println!("diff3 (secure-exec) {}", env!("CARGO_PKG_VERSION"));
        return Ok(0);
    }
    let wrong = |message: &str| SYNTAX.wrong(args, message);
    let labels: Vec<String> = parsed
        .options
        .iter()
        .filter(|(name, _)| *name == "label")
        .map(|(_, value)| value.text())
        .collect();
    if labels.len() > 3 {
        return Err(wrong("too many file label options"));
    }
    let mut choices = parsed
        .options
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| CHOICES.contains(name));
    let (choice, merges) = (choices.next(), parsed.has("merge"));
    // The last command of a script is none of a merged text.
    if choices.next().is_some() || merges && parsed.has("i") {
        return Err(wrong("incompatible options"));
    }
    let names: [OsString; 3] = match parsed.operands.as_slice() {
        [mine, old, yours] => [mine.clone(), old.clone(), yours.clone()],
        [_, _, _, extra, ..] => {
            return Err(wrong(&format!("extra operand {}", quote(extra))));
        }
        _ => {
            let last = args.list.last().map_or_else(
                || args.name.clone(),
                |last| last.to_string_lossy().into_owned(),
            );
            return Err(wrong(&format!("missing operand after {}", quote(&last))));
        }
    };
    let is_report = choice.is_none() && !merges;
    let contents = read(&names, is_report, parsed.has("text"))?;
    let contents = contents.map(|content| {
        if parsed.has("strip-trailing-cr") {
            without_carriage_returns(&content)
        } else {
            content
        }
    });
    let texts = contents.each_ref().map(|content| Text::new(content));
    let texts = texts.each_ref();
    let common = common(&names, is_report);
    let mut at = 0;
    let comparison = Comparison {
        texts,
        blocks: blocks(texts, common, choice.is_some() && !merges),
        names: names.map(|name| {
            at += 1;
            let label = labels.get(at - 1).cloned();
            label.unwrap_or_else(|| name.to_string_lossy().into_owned())
        }),
    };
    let mut out = BufWriter::new(io::stdout());
    let choice_made = Choice::by_name(choice.unwrap_or("show-all"));
    let conflicts = if is_report {
        report::write(&mut out, &comparison, parsed.has("initial-tab"))?;
        false
    } else if merges {
        merge::write(&mut out, &comparison, choice_made)?
    } else {
        script::write(&mut out, &comparison, choice_made, parsed.has("i"))?
    };
    out.flush()?;
    Ok(i32::from(conflicts))
}

/// The text that both others are compared with: the one they come from, or, where nothing is made of them, the last.
/// Standard input is none.
fn common(names: &[OsString; 3], is_report: bool) -> usize {
    let common = if is_report { 2 } else { 1 };
    if names[common] == "-" {
        3 - common
    } else {
        common
    }
}

/// Reads all three; standard input may be one of them.
fn read(names: &[OsString; 3], is_report: bool, as_text: bool) -> Result<[Vec<u8>; 3], Failure> {
    if names.iter().filter(|name| *name == "-").count() > 1 {
        return Err(trouble("'-' specified for more than one input file"));
    }
    for name in names.iter().filter(|name| *name != "-") {
        let shown = name.to_string_lossy();
        let found =
            stat(name).map_err(|error| trouble(format!("{shown}: {}", errno::message(&error))))?;
        if found.is_dir() {
            return Err(trouble(format!("{shown}: Is a directory")));
        }
    }
    let mut contents = [const { Vec::new() }; 3];
    for (name, content) in names.iter().zip(&mut contents) {
        let found = if name == "-" {
            io::stdin().read_to_end(content).map(drop)
        } else {
            std::fs::read(name).map(|found| *content = found)
        };
        found.map_err(|error| {
            let name = name.to_string_lossy();
            trouble(format!("{name}: {}", errno::message(&error)))
        })?;
    }
    let common = common(names, is_report);
    // The pair that is compared first is told first.
    for side in [3 - common, 0] {
        let [left, right] = [side, common].map(|at| &contents[at]);
        if !as_text && left != right && (is_binary(left) || is_binary(right)) {
            let [left, right] = [side, common].map(|at| names[at].to_string_lossy());
            return Err(trouble(format!(
                "diff failed: Binary files {left} and {right} differ"
            )));
        }
    }
    Ok(contents)
}
