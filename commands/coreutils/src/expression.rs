//! Basic expressions as `nl`, `csplit` and `tac` take them: lines are matched without their newline.

use secure_exec_pattern::{Builder, Dialect, Pattern, Syntax, bytes_locale};

/// A compiled expression.
pub struct Expression(Option<Pattern>);

impl Expression {
    /// Compiles a basic expression (POSIX.1-2024, 9.3). A range whose end is before its start matches nothing.
    ///
    /// # Errors
    /// What is wrong, in the words of the GNU tools.
    pub fn basic(text: &[u8]) -> Result<Self, String> {
        Self::compile(text, Dialect::grep(!bytes_locale()))
    }

    /// Compiles the expression of `tac -r`, which the GNU tool reads in the manner of Emacs: `+` and `?` repeat,
    /// there are no intervals and no character classes, `.` is not a newline, `^` and `$` match at newlines.
    ///
    /// # Errors
    /// What is wrong, in the words of the GNU tools.
    pub fn of_separator(text: &[u8]) -> Result<Self, String> {
        let mut dialect = Dialect::grep(!bytes_locale());
        dialect.newline_never = false;
        dialect.multi_line = true;
        Self::compile(&from_emacs(text), dialect)
    }

    fn compile(text: &[u8], dialect: Dialect) -> Result<Self, String> {
        let builder = Builder {
            unicode: dialect.unicode,
            ignore_case: false,
        };
        match builder.posix(text, Syntax::Basic, dialect) {
            Ok(pattern) => Ok(Self(Some(pattern))),
            Err(message) if message == "Invalid range end" => Ok(Self(None)),
            Err(message) if message.starts_with("Unmatched [") => {
                Err("Invalid regular expression".to_owned())
            }
            Err(message) => Err(message),
        }
    }

    pub fn is_match(&self, line: &[u8]) -> bool {
        self.0
            .as_ref()
            .is_some_and(|pattern| pattern.is_match(line))
    }

    /// The last place in `text` where a match starts, its end left out, and the end of the match. Looks back in steps that double, so that the cost
    /// is that of what lies behind the match.
    pub fn find_last(&self, text: &[u8]) -> Option<(usize, usize)> {
        let pattern = self.0.as_ref()?;
        let (mut before, mut step) = (text.len(), 64);
        loop {
            let from = before.saturating_sub(step);
            let mut found = pattern.find_at(text, from);
            let mut last = None;
            while let Some(span) = found.filter(|span| span.0 < text.len()) {
                last = Some(span);
                found = pattern.find_at(text, span.0 + 1);
            }
            if last.is_some() || from == 0 {
                return last;
            }
            before = from;
            step *= 2;
        }
    }
}

/// Rewrites what differs between Emacs' expressions and basic ones.
fn from_emacs(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    // Where nothing can be repeated, `+` and `?` are themselves.
    let mut is_start = true;
    while let Some(&byte) = text.get(at) {
        let next = text.get(at + 1).copied();
        at += 1;
        let was_start = std::mem::replace(&mut is_start, false);
        match (byte, next) {
            (b'\\', Some(escaped)) => {
                at += 1;
                is_start = matches!(escaped, b'(' | b'|');
                if !matches!(escaped, b'+' | b'?' | b'{' | b'}') {
                    out.push(b'\\');
                }
                out.push(escaped);
            }
            (b'+' | b'?', _) if !was_start => out.extend([b'\\', byte]),
            (b'.', _) => out.extend(b"[^\n]"),
            (b'[', _) => at += bracket(&text[at..], &mut out),
            (b'^', _) => {
                is_start = was_start;
                out.push(byte);
            }
            _ => out.push(byte),
        }
    }
    out
}

/// Copies a bracket expression, whose `[` was read; gives the length of the rest. A `[` in it is a character like others.
fn bracket(text: &[u8], out: &mut Vec<u8>) -> usize {
    let negated = usize::from(text.first() == Some(&b'^'));
    let close = text.iter().skip(negated + 1).position(|&byte| byte == b']');
    let Some(length) = close.map(|at| at + negated + 1) else {
        out.push(b'[');
        out.extend(text);
        return text.len();
    };
    let members = &text[..length];
    let is_class = |pair: &[u8]| pair[0] == b'[' && matches!(pair[1], b':' | b'.' | b'=');
    out.push(b'[');
    if members.windows(2).any(is_class) {
        out.extend(members.iter().filter(|&&byte| byte != b'['));
        out.push(b'[');
    } else {
        out.extend(members);
    }
    out.push(b']');
    length + 1
}
