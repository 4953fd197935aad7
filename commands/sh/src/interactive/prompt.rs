//! Prompts.

use secure_exec_sys as sys;

use crate::builtins::system as time;
use crate::shell::Shell;
use crate::syntax::{Input, Parser};

impl Shell {
    /// Expands a prompt: bash's backslashes, then parameters, commands and arithmetic.
    pub fn expand_prompt(&mut self, prompt: &str) -> String {
        let decoded = if self.bash {
            self.decode_prompt(prompt)
        } else {
            prompt.to_owned()
        };
        if !decoded.contains(['$', '`', '\\']) {
            return decoded;
        }
        let mut input = Input::text(&decoded, self.line);
        let parts = Parser::new(&mut input, self).here_parts();
        let (status, substitution) = (self.status, self.substitution_status);
        let result = match parts {
            Ok(parts) => {
                let context = crate::expand::Context {
                    quoted: true,
                    ..crate::expand::Context::SINGLE
                };
                self.pieces(&parts, context)
                    .map(crate::expand::join)
                    .unwrap_or(decoded)
            }
            Err(_) => decoded,
        };
        self.status = status;
        self.substitution_status = substitution;
        result
    }

    fn decode_prompt(&mut self, prompt: &str) -> String {
        let mut out = String::new();
        let mut chars = prompt.chars().peekable();
        while let Some(c) = chars.next() {
            if c != '\\' {
                out.push(c);
                continue;
            }
            match chars.next() {
                Some('u') => out.push_str(&user()),
                Some('h') => out.push_str(host().split('.').next().unwrap_or("")),
                Some('H') => out.push_str(&host()),
                Some('w') => out.push_str(&as_text(&self.short_directory())),
                Some('W') => {
                    let dir = self.short_directory();
                    let last = dir.rsplit('/').next().filter(|s| !s.is_empty());
                    out.push_str(&as_text(last.unwrap_or(&dir)));
                }
                // A mark, not the beginning of a parameter.
                Some('$') => out.push_str(if sys::process::ids().is_ok_and(|i| i.euid == 0) {
                    "#"
                } else {
                    "\\$"
                }),
                Some('s') => out.push_str(&self.label),
                Some('v') => out.push_str("5.2"),
                Some('V') => out.push_str("5.2.15"),
                Some('n') => out.push('\n'),
                Some('r') => out.push('\r'),
                Some('a') => out.push('\u{7}'),
                Some('e') => out.push('\u{1b}'),
                Some('j') => {
                    let jobs = if self.jobs.lists_inherited() {
                        &self.jobs.inherited
                    } else {
                        &self.jobs.list
                    };
                    let count = jobs.iter().filter(|job| job.id != 0).count();
                    out.push_str(&count.to_string());
                }
                Some('#') => out.push_str(&self.commands.to_string()),
                Some('!') => {
                    out.push_str(&(self.editor.history.len() + self.editor.dropped + 1).to_string())
                }
                Some('t') => out.push_str(&self.clock("%H:%M:%S")),
                Some('T') => out.push_str(&self.clock("%I:%M:%S")),
                Some('@') => out.push_str(&self.clock("%I:%M %p")),
                Some('D') if chars.peek() == Some(&'{') => {
                    chars.next();
                    let format: String = chars.by_ref().take_while(|c| *c != '}').collect();
                    let format = if format.is_empty() { "%X" } else { &format };
                    out.push_str(&self.clock(format));
                }
                Some('l') => out.push_str("tty"),
                Some('A') => out.push_str(&self.clock("%H:%M")),
                Some('d') => out.push_str(&self.clock("%a %b %d")),
                // Marks of what has no width.
                Some('[' | ']') => {}
                Some('\\') => out.push('\\'),
                Some(digit @ '0'..='7') => {
                    let mut code = digit.to_digit(8).unwrap_or(0);
                    for _ in 0..2 {
                        let Some(d) = chars.peek().and_then(|c| c.to_digit(8)) else {
                            break;
                        };
                        code = code * 8 + d;
                        chars.next();
                    }
                    out.push(char::from_u32(code & 0xff).unwrap_or('?'));
                }
                Some(other) => out.extend(['\\', other]),
                None => out.push('\\'),
            }
        }
        out
    }

    /// Now, by a format.
    fn clock(&self, format: &str) -> String {
        time::strftime(format, time::now(), &self.time_zone())
    }

    fn short_directory(&self) -> String {
        let dir = self.var("PWD").unwrap_or_default();
        match self.var("HOME").filter(|h| h.len() > 1) {
            Some(home) => match dir.strip_prefix(&home) {
                Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("~{rest}"),
                _ => dir,
            },
            None => dir,
        }
    }
}

/// What means nothing to the expansions that follow.
fn as_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if "$`\\\"".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn user() -> String {
    let uid = sys::process::ids().map_or(0, |ids| ids.euid);
    sys::users::user_name(uid)
}

fn host() -> String {
    sys::machine::uname()
        .map(|names| names.nodename)
        .unwrap_or_default()
}
