//! File modes as `chmod(1)` takes them: octal, or symbolic clauses such as `u+rwX,go=u-w`.

use secure_exec_sys::stat::{S_ISGID, S_ISUID, S_ISVTX};

/// A mode to set, or a change of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModeChange {
    /// Octal; set-id bits of directories stay unless five digits were given or the bits are set.
    Octal {
        mode: u32,
        digits: usize,
    },
    Symbolic(Vec<Clause>),
}

/// One action on some classes of users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clause {
    /// The bits of the classes; 0: none was named, the umask decides.
    who: u32,
    operator: u8,
    permissions: Permissions,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Permissions {
    /// `bits` for all classes; `X` adds x for directories and where somebody has it.
    Bits { bits: u32, conditional_x: bool },
    /// Those of another class: the shift of its bits.
    CopyOf(u32),
}

const USER: u32 = S_ISUID | 0o700;
const GROUP: u32 = S_ISGID | 0o070;
// The sticky bit goes with the others, as in the GNU tools.
const OTHER: u32 = S_ISVTX | 0o007;
const ALL: u32 = 0o7777;

/// Reads a mode; `None`: it is none.
#[must_use]
pub fn parse_mode(text: &str) -> Option<ModeChange> {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        let mode = u32::from_str_radix(text, 8)
            .ok()
            .filter(|&mode| mode <= 0o7777)?;
        return Some(ModeChange::Octal {
            mode,
            digits: text.len(),
        });
    }
    let mut clauses = Vec::new();
    for part in text.split(',') {
        parse_clause(part.as_bytes(), &mut clauses)?;
    }
    Some(ModeChange::Symbolic(clauses))
}

fn parse_clause(mut text: &[u8], clauses: &mut Vec<Clause>) -> Option<()> {
    let mut who = 0;
    while let Some(class) = text.first().and_then(|&letter| class(letter)) {
        who |= class;
        text = &text[1..];
    }
    if text.is_empty() {
        return None;
    }
    while let [operator @ (b'+' | b'-' | b'='), rest @ ..] = text {
        let length = rest
            .iter()
            .position(|byte| b"+-=".contains(byte))
            .unwrap_or(rest.len());
        let (letters, rest) = rest.split_at(length);
        clauses.push(Clause {
            who,
            operator: *operator,
            permissions: permissions(letters)?,
        });
        text = rest;
    }
    text.is_empty().then_some(())
}

fn class(letter: u8) -> Option<u32> {
    match letter {
        b'u' => Some(USER),
        b'g' => Some(GROUP),
        b'o' => Some(OTHER),
        b'a' => Some(ALL),
        _ => None,
    }
}

fn permissions(letters: &[u8]) -> Option<Permissions> {
    match letters {
        b"u" => return Some(Permissions::CopyOf(6)),
        b"g" => return Some(Permissions::CopyOf(3)),
        b"o" => return Some(Permissions::CopyOf(0)),
        [digit, ..] if digit.is_ascii_digit() => {
            let bits = u32::from_str_radix(std::str::from_utf8(letters).ok()?, 8).ok()?;
            return (bits <= ALL).then_some(Permissions::Bits {
                bits,
                conditional_x: false,
            });
        }
        _ => {}
    }
    let mut bits = 0;
    let mut conditional_x = false;
    for letter in letters {
        bits |= match letter {
            b'r' => 0o444,
            b'w' => 0o222,
            b'x' => 0o111,
            b's' => S_ISUID | S_ISGID,
            b't' => S_ISVTX,
            b'X' => {
                conditional_x = true;
                0
            }
            _ => return None,
        };
    }
    Some(Permissions::Bits {
        bits,
        conditional_x,
    })
}

impl ModeChange {
    /// The mode after the change. `mode` may have the bits of the file's kind, the result has not.
    #[must_use]
    pub fn apply(&self, mode: u32, is_dir: bool, umask: u32) -> u32 {
        let mode = mode & ALL;
        match self {
            Self::Octal {
                mode: wanted,
                digits,
            } if is_dir && *digits < 5 => wanted | (mode & (S_ISUID | S_ISGID)),
            Self::Octal { mode: wanted, .. } => *wanted,
            Self::Symbolic(clauses) => clauses
                .iter()
                .fold(mode, |mode, clause| clause.apply(mode, is_dir, umask)),
        }
    }
}

impl Clause {
    fn apply(&self, mode: u32, is_dir: bool, umask: u32) -> u32 {
        let bits = match self.permissions {
            Permissions::CopyOf(shift) => {
                let class = (mode >> shift) & 7;
                class | class << 3 | class << 6
            }
            Permissions::Bits {
                bits,
                conditional_x,
            } => {
                let executable = is_dir || mode & 0o111 != 0;
                bits | if conditional_x && executable {
                    0o111
                } else {
                    0
                }
            }
        };
        let who = if self.who == 0 {
            ALL & !umask
        } else {
            self.who
        };
        let bits = bits & who;
        match self.operator {
            b'+' => mode | bits,
            b'-' => mode & !bits,
            _ => {
                let cleared = if self.who == 0 { ALL } else { who };
                // `=` leaves the set-id bits of a directory alone unless it names them.
                let kept = if is_dir {
                    mode & (S_ISUID | S_ISGID)
                } else {
                    0
                };
                (mode & !cleared) | bits | kept
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::parse_mode;

    fn change(text: &str, mode: u32) -> u32 {
        parse_mode(text).expect("a mode").apply(mode, false, 0o022)
    }

    #[test]
    fn symbolic_modes_change_modes() {
        assert_eq!(change("u+x", 0o644), 0o744);
        assert_eq!(change("+w", 0o444), 0o644);
        assert_eq!(change("a+w", 0o444), 0o666);
        assert_eq!(change("go=u-w", 0o640), 0o644);
        assert_eq!(change("a=rX", 0o700), 0o555);
        assert_eq!(change("a=rX", 0o600), 0o444);
        assert_eq!(change("u+s,+t", 0o755), 0o5755);
        assert_eq!(change("o=", 0o777), 0o770);
        assert_eq!(change("755", 0), 0o755);
    }

    #[test]
    fn what_is_no_mode_is_refused() {
        for text in ["", "u", "u+q", "888", "77777", "u+x,"] {
            assert_eq!(parse_mode(text), None, "{text}");
        }
    }
}
