//! `test` and `[`: conditions on files, strings and numbers, by the
//! [standard](https://pubs.opengroup.org/onlinepubs/9799919799/utilities/test.html), which decides by the
//! number of arguments up to four, and by precedence with `-a`, `-o`, `!` and parentheses beyond.

use std::cmp::Ordering;
use std::ffi::{OsStr, OsString};

use secure_exec_cli::{Args, Failure, Outcome, bytes, quote};
use secure_exec_sys::path::{R_OK, W_OK, X_OK, access, lstat, stat};
use secure_exec_sys::process::ids;
use secure_exec_sys::stat as mode;
use secure_exec_sys::tty::isatty;

/// The status for what is no expression.
const WRONG: i32 = 2;

type Truth = Result<bool, Failure>;

pub fn main(args: &Args) -> Outcome {
    evaluate(&args.list).map(|truth| i32::from(!truth))
}

/// `[`: the last argument must be `]`.
pub fn bracket(args: &Args) -> Outcome {
    match args.list.split_last() {
        Some((last, list)) if last == "]" => evaluate(list).map(|truth| i32::from(!truth)),
        _ => Err(wrong("missing ']'")),
    }
}

fn wrong(message: impl Into<String>) -> Failure {
    Failure {
        status: WRONG,
        message: message.into(),
    }
}

/// Decides by the number of arguments, as the standard wants it.
fn evaluate(list: &[OsString]) -> Truth {
    match list {
        [] => Ok(false),
        [only] => Ok(!only.is_empty()),
        [not, rest] if not == "!" => Ok(rest.is_empty()),
        [operator, operand] => {
            if is_unary(operator) {
                return unary(operator, operand);
            }
            if bytes(operator).starts_with(b"-") && operator.len() == 2 {
                return Err(wrong(format!(
                    "{}: unary operator expected",
                    quote(operator)
                )));
            }
            Err(wrong(format!("missing argument after {}", quote(operand))))
        }
        [left, operator, right] if is_binary(operator) => binary(left, operator, right),
        [left, and, right] if and == "-a" => Ok(!left.is_empty() && !right.is_empty()),
        [left, or, right] if or == "-o" => Ok(!left.is_empty() || !right.is_empty()),
        [not, rest @ ..] if not == "!" && rest.len() <= 3 => evaluate(rest).map(|truth| !truth),
        [open, inner @ .., close] if open == "(" && close == ")" && inner.len() <= 2 => {
            evaluate(inner)
        }
        _ => Parser { list, at: 0 }.all(),
    }
}

struct Parser<'a> {
    list: &'a [OsString],
    at: usize,
}

impl Parser<'_> {
    fn peek(&self, ahead: usize) -> Option<&OsStr> {
        self.list.get(self.at + ahead).map(OsString::as_os_str)
    }

    fn takes(&mut self, word: &str) -> bool {
        let found = self.peek(0).is_some_and(|next| next == word);
        self.at += usize::from(found);
        found
    }

    fn all(&mut self) -> Truth {
        let truth = self.or()?;
        match self.peek(0) {
            None => Ok(truth),
            Some(extra) => Err(wrong(format!("extra argument {}", quote(extra)))),
        }
    }

    fn or(&mut self) -> Truth {
        let mut truth = self.and()?;
        while self.takes("-o") {
            truth |= self.and()?;
        }
        Ok(truth)
    }

    fn and(&mut self) -> Truth {
        let mut truth = self.term()?;
        while self.takes("-a") {
            truth &= self.term()?;
        }
        Ok(truth)
    }

    fn term(&mut self) -> Truth {
        let Some(word) = self.peek(0).map(OsStr::to_os_string) else {
            let last = self.list.last().map(quote).unwrap_or_default();
            return Err(wrong(format!("argument expected after {last}")));
        };
        if let (Some(operator), Some(right)) = (self.peek(1), self.peek(2))
            && is_binary(operator)
        {
            let truth = binary(&word, operator, right);
            self.at += 3;
            return truth;
        }
        self.at += 1;
        if word == "!" {
            return self.term().map(|truth| !truth);
        }
        if word == "(" {
            let truth = self.or()?;
            return if self.takes(")") {
                Ok(truth)
            } else {
                Err(wrong("')' expected"))
            };
        }
        if is_unary(&word)
            && let Some(operand) = self.peek(0)
        {
            let truth = unary(&word, operand);
            self.at += 1;
            return truth;
        }
        Ok(!word.is_empty())
    }
}

fn is_unary(word: &OsStr) -> bool {
    matches!(bytes(word), [b'-', letter] if b"bcdefghkLNOGnprsStuwxz".contains(letter))
}

fn is_binary(word: &OsStr) -> bool {
    let operators: [&[u8]; 14] = [
        b"=", b"==", b"!=", b"<", b">", b"-eq", b"-ne", b"-lt", b"-le", b"-gt", b"-ge", b"-nt",
        b"-ot", b"-ef",
    ];
    operators.contains(&bytes(word))
}

fn unary(operator: &OsStr, operand: &OsStr) -> Truth {
    let letter = bytes(operator)[1];
    Ok(match letter {
        b'n' => !operand.is_empty(),
        b'z' => operand.is_empty(),
        b't' => isatty(i32::try_from(integer(operand)?).unwrap_or(-1)),
        b'r' => access(operand, R_OK).is_ok(),
        b'w' => access(operand, W_OK).is_ok(),
        b'x' => access(operand, X_OK).is_ok(),
        b'h' | b'L' => lstat(operand).is_ok_and(|found| found.is_symlink()),
        _ => match stat(operand) {
            Ok(found) => file_is(letter, &found),
            Err(_) => false,
        },
    })
}

fn file_is(letter: u8, found: &mode::Stat) -> bool {
    let me = || ids().unwrap_or_default();
    match letter {
        b'b' => found.kind() == mode::S_IFBLK,
        b'c' => found.kind() == mode::S_IFCHR,
        b'd' => found.is_dir(),
        b'f' => found.is_file(),
        b'p' => found.kind() == mode::S_IFIFO,
        b'S' => found.kind() == mode::S_IFSOCK,
        b's' => found.size > 0,
        b'g' => found.mode & mode::S_ISGID != 0,
        b'u' => found.mode & mode::S_ISUID != 0,
        b'k' => found.mode & mode::S_ISVTX != 0,
        b'O' => found.uid == me().euid,
        b'G' => found.gid == me().egid,
        b'N' => found.mtime > found.atime,
        _ => true,
    }
}

fn binary(left: &OsStr, operator: &OsStr, right: &OsStr) -> Truth {
    Ok(match bytes(operator) {
        b"=" | b"==" => left == right,
        b"!=" => left != right,
        b"<" => bytes(left) < bytes(right),
        b">" => bytes(left) > bytes(right),
        b"-eq" => compare(left, right)?.is_eq(),
        b"-ne" => compare(left, right)?.is_ne(),
        b"-lt" => compare(left, right)?.is_lt(),
        b"-le" => compare(left, right)?.is_le(),
        b"-gt" => compare(left, right)?.is_gt(),
        b"-ge" => compare(left, right)?.is_ge(),
        b"-nt" => match (stat(left), stat(right)) {
            (Ok(left), Ok(right)) => left.mtime > right.mtime,
            (left, _) => left.is_ok(),
        },
        b"-ot" => match (stat(left), stat(right)) {
            (Ok(left), Ok(right)) => left.mtime < right.mtime,
            (left, right) => left.is_err() && right.is_ok(),
        },
        _ => matches!((stat(left), stat(right)), (Ok(left), Ok(right)) if left.same_file(&right)),
    })
}

fn compare(left: &OsStr, right: &OsStr) -> Result<Ordering, Failure> {
    Ok(integer(left)?.cmp(&integer(right)?))
}

fn integer(word: &OsStr) -> Result<i128, Failure> {
    let text = word.to_string_lossy();
    let trimmed = text.trim_matches([' ', '\t', '\n']);
    let digits = trimmed.strip_prefix(['+', '-']).unwrap_or(trimmed);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let parsed = is_number.then(|| trimmed.parse().ok()).flatten();
    parsed.ok_or_else(|| wrong(format!("invalid integer {}", quote(word))))
}
