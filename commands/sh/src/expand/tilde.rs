//! Tilde expansion.

use secure_exec_sys as sys;

use super::{Context, Piece};
use crate::shell::Shell;

impl Shell {
    /// Expands the tildes of a literal; `first` when it begins the word, `last` when it ends it.
    pub(super) fn tilde_into(
        &mut self,
        text: &str,
        first: bool,
        last: bool,
        context: Context,
        out: &mut Vec<Piece>,
    ) {
        let split = context.split_literals;
        let mut plain = String::new();
        let mut rest = text;
        let mut here = first;
        while !rest.is_empty() {
            if here && rest.starts_with('~') {
                let ends: &[char] = if context.assignment {
                    &['/', ':']
                } else {
                    &['/']
                };
                let end = rest.find(ends).unwrap_or(rest.len());
                let complete = end < rest.len() || last;
                if let Some(home) = self.home(&rest[1..end]).filter(|_| complete) {
                    if !plain.is_empty() {
                        out.push(Piece::Text {
                            text: std::mem::take(&mut plain),
                            quoted: false,
                            split,
                        });
                    }
                    let home = if home == "/" && rest[end..].starts_with('/') {
                        String::new()
                    } else {
                        home
                    };
                    out.push(Piece::Text {
                        text: home,
                        quoted: true,
                        split: false,
                    });
                    rest = &rest[end..];
                    here = false;
                    continue;
                }
            }
            let c = rest.chars().next().unwrap_or(' ');
            here = context.assignment && c == ':';
            plain.push(c);
            rest = &rest[c.len_utf8()..];
        }
        if !plain.is_empty() {
            out.push(Piece::Text {
                text: plain,
                quoted: false,
                split,
            });
        }
    }

    /// The directory that `~user` stands for.
    fn home(&self, user: &str) -> Option<String> {
        match user {
            "" => match self.var("HOME") {
                Some(home) => Some(home),
                None => {
                    let uid = sys::process::ids().ok()?.uid;
                    sys::users::user_by_uid(uid)
                        .map(|u| u.home)
                        .filter(|_| self.bash)
                }
            },
            "+" if self.bash => self.var("PWD"),
            "-" if self.bash => self.var("OLDPWD"),
            name => sys::users::user_by_name(name).map(|u| u.home),
        }
    }
}
