//! `test` and `[` (XCU), and the primaries `[[` shares with them.

use secure_exec_sys as sys;
use sys::path::{R_OK, W_OK, X_OK};
use sys::stat::{S_IFBLK, S_IFCHR, S_IFIFO, S_IFSOCK, S_ISGID, S_ISUID, S_ISVTX};

use crate::shell::{Exec, Shell};
use crate::text;

/// How deep parentheses and `!` may nest.
const MAX_DEPTH: u32 = 100;

/// A unary primary; none when there is no such operator.
pub fn unary(shell: &mut Shell, operator: &str, operand: &str) -> Option<bool> {
    let stat = || sys::path::stat(text::path(operand)).ok();
    let kind = |kind| stat().is_some_and(|s| s.kind() == kind);
    let mode = |bit| stat().is_some_and(|s| s.mode & bit != 0);
    let access = |mode| sys::path::access(text::path(operand), mode).is_ok();
    let ids = || sys::process::ids().unwrap_or_default();
    Some(match operator {
        "-n" => !operand.is_empty(),
        "-z" => operand.is_empty(),
        "-e" => stat().is_some(),
        "-a" if shell.bash => stat().is_some(),
        "-f" => stat().is_some_and(|s| s.is_file()),
        "-d" => stat().is_some_and(|s| s.is_dir()),
        "-h" | "-L" => sys::path::lstat(text::path(operand)).is_ok_and(|s| s.is_symlink()),
        "-b" => kind(S_IFBLK),
        "-c" => kind(S_IFCHR),
        "-p" => kind(S_IFIFO),
        "-S" => kind(S_IFSOCK),
        "-s" => stat().is_some_and(|s| s.size > 0),
        "-u" => mode(S_ISUID),
        "-g" => mode(S_ISGID),
        "-k" => mode(S_ISVTX),
        "-r" => access(R_OK),
        "-w" => access(W_OK),
        "-x" => access(X_OK),
        "-O" => stat().is_some_and(|s| s.uid == ids().euid),
        "-G" => stat().is_some_and(|s| s.gid == ids().egid),
        "-N" => stat().is_some_and(|s| s.mtime > s.atime),
        "-t" => operand.trim().parse().is_ok_and(sys::tty::isatty),
        "-o" if shell.bash => shell.options.clone().by_name(operand).is_some_and(|o| *o),
        "-v" if shell.bash => is_set(shell, operand),
        "-R" if shell.bash => shell
            .vars
            .find(operand)
            .is_some_and(|v| v.attributes.nameref),
        _ => return None,
    })
}

fn is_set(shell: &mut Shell, name: &str) -> bool {
    let element =
        crate::text::split_element(name).map(|(base, index)| (base.to_owned(), index.to_owned()));
    match element {
        Some((base, index)) => {
            let assoc = shell.is_assoc(&base);
            if !assoc && (index == "@" || index == "*") {
                return shell.elements(&base).is_some_and(|list| !list.is_empty());
            }
            // What is wrong with the subscript was reported.
            let Ok(index) = shell.expand_subscript(&index) else {
                return false;
            };
            shell.element(&base, &index).is_ok_and(|e| e.is_some())
        }
        None => match name.parse::<usize>() {
            Ok(n) => n <= shell.positional.len(),
            Err(_) => shell.var(name).is_some(),
        },
    }
}

pub fn compare(operator: &str, a: i64, b: i64) -> bool {
    match operator {
        "-eq" => a == b,
        "-ne" => a != b,
        "-lt" => a < b,
        "-le" => a <= b,
        "-gt" => a > b,
        _ => a >= b,
    }
}

pub fn compare_files(operator: &str, a: &str, b: &str) -> bool {
    let (a, b) = (
        sys::path::stat(text::path(a)).ok(),
        sys::path::stat(text::path(b)).ok(),
    );
    match (operator, a, b) {
        ("-ef", Some(a), Some(b)) => a.same_file(&b),
        ("-nt", Some(a), Some(b)) => a.mtime > b.mtime,
        ("-nt", Some(_), None) | ("-ot", None, Some(_)) => true,
        ("-ot", Some(a), Some(b)) => a.mtime < b.mtime,
        _ => false,
    }
}

struct Test<'a> {
    shell: &'a mut Shell,
    words: &'a [String],
    at: usize,
    depth: u32,
}

type Outcome = Result<bool, String>;

pub fn test(shell: &mut Shell, words: &[String]) -> Exec {
    let name = words[0].clone();
    let mut words = &words[1..];
    if name == "[" {
        match words.split_last() {
            Some((last, rest)) if last == "]" => words = rest,
            _ => {
                return Ok(shell.misuse(if shell.bash {
                    "[: missing `]'"
                } else {
                    "[: missing ]"
                }));
            }
        }
    }
    let mut test = Test {
        shell,
        words,
        at: 0,
        depth: 0,
    };
    match test.run() {
        Ok(value) => Ok(i32::from(!value)),
        Err(message) => Ok(shell.misuse(&format!("{name}: {message}"))),
    }
}

const BINARY: [&str; 14] = [
    "=", "==", "!=", "<", ">", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef",
];

impl Test<'_> {
    /// Decides by the number of arguments, as POSIX says.
    fn run(&mut self) -> Outcome {
        let w = self.words;
        match w {
            [] => Ok(false),
            [one] => Ok(!one.is_empty()),
            [not, one] if not == "!" => Ok(one.is_empty()),
            [op, operand] if self.shell.bash || is_unary(op) => self.unary(op, operand),
            [a, op, b] if self.is_binary(op) => self.binary(a, op, b),
            [a, op, b] if op == "-a" => Ok(!a.is_empty() && !b.is_empty()),
            [a, op, b] if op == "-o" => Ok(!a.is_empty() || !b.is_empty()),
            [not, rest @ ..] if not == "!" && rest.len() <= 3 => {
                self.words = rest;
                Ok(!self.run()?)
            }
            [open, one, close] if open == "(" && close == ")" => Ok(!one.is_empty()),
            [open, op, operand, close] if open == "(" && close == ")" => {
                let (op, operand) = (op.clone(), operand.clone());
                if op == "!" {
                    Ok(operand.is_empty())
                } else {
                    self.unary(&op, &operand)
                }
            }
            _ => {
                let value = self.or()?;
                match self.words.get(self.at) {
                    None => Ok(value),
                    Some(word) if self.shell.bash => Err(if self.words.len() > 3 {
                        "too many arguments".to_owned()
                    } else {
                        format!("{word}: binary operator expected")
                    }),
                    Some(word) => Err(format!("{word}: unexpected operator")),
                }
            }
        }
    }

    fn peek(&self) -> Option<&str> {
        self.words.get(self.at).map(String::as_str)
    }

    fn or(&mut self) -> Outcome {
        let mut value = self.and()?;
        while self.peek() == Some("-o") {
            self.at += 1;
            value |= self.and()?;
        }
        Ok(value)
    }

    fn and(&mut self) -> Outcome {
        let mut value = self.not()?;
        while self.peek() == Some("-a") {
            self.at += 1;
            value &= self.not()?;
        }
        Ok(value)
    }

    fn not(&mut self) -> Outcome {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("nested too deeply".to_owned());
        }
        let result = if self.peek() == Some("!") && self.at + 1 < self.words.len() {
            self.at += 1;
            self.not().map(|v| !v)
        } else {
            self.primary()
        };
        self.depth -= 1;
        result
    }

    fn primary(&mut self) -> Outcome {
        let rest = &self.words[self.at.min(self.words.len())..];
        match rest {
            // What is missing is false in dash.
            [] if !self.shell.bash => Ok(false),
            [] => Err("argument expected".to_owned()),
            [open, _, ..] if open == "(" => {
                self.at += 1;
                let value = self.or()?;
                if self.peek() != Some(")") {
                    return Err("closing paren expected".to_owned());
                }
                self.at += 1;
                Ok(value)
            }
            [a, op, b, ..] if self.is_binary(op) => {
                self.at += 3;
                self.binary(a, op, b)
            }
            [op, operand, ..] if is_unary(op) || self.shell.bash && op == "-a" => {
                self.at += 2;
                self.unary(op, operand)
            }
            [one, ..] => {
                self.at += 1;
                Ok(!one.is_empty())
            }
        }
    }

    fn is_binary(&self, word: &str) -> bool {
        BINARY.contains(&word) && (self.shell.bash || word != "==")
    }

    fn unary(&mut self, operator: &str, operand: &str) -> Outcome {
        if operator == "-t" && !self.shell.bash {
            self.number(operand)?;
        }
        match unary(self.shell, operator, operand) {
            Some(value) => Ok(value),
            None if self.shell.bash => Err(format!("{operator}: unary operator expected")),
            None => Err(format!("{operator}: unexpected operator")),
        }
    }

    fn binary(&mut self, a: &str, operator: &str, b: &str) -> Outcome {
        match operator {
            "=" | "==" => Ok(a == b),
            "!=" => Ok(a != b),
            "<" => Ok(a < b),
            ">" => Ok(a > b),
            "-nt" | "-ot" | "-ef" => Ok(compare_files(operator, a, b)),
            _ => Ok(compare(operator, self.number(a)?, self.number(b)?)),
        }
    }

    fn number(&self, text: &str) -> Result<i64, String> {
        let trimmed = text.trim();
        trimmed
            .strip_prefix('+')
            .unwrap_or(trimmed)
            .parse()
            .map_err(|_| {
                if self.shell.bash {
                    format!("{text}: integer expression expected")
                } else {
                    format!("Illegal number: {text}")
                }
            })
    }
}

fn is_unary(word: &str) -> bool {
    word.len() == 2 && word.starts_with('-') && "nzefdhLbcpSsugkrwxOGNtovR".contains(&word[1..])
}
