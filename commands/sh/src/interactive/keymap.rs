//! The tables of keys, as readline has them: what a sequence of bytes is bound to, in each of three tables.

use std::collections::BTreeMap;

use super::key_defaults::{EMACS, FUNCTIONS, VARIABLES, VI_COMMAND, VI_INSERT};

/// What a sequence of keys does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bound {
    /// A function of readline's.
    Function(&'static str),
    /// Keys that stand for others.
    Macro(Vec<u8>),
    /// A command of the shell's (`bind -x`).
    Command(String),
}

/// One table.
pub type Keymap = BTreeMap<Vec<u8>, Bound>;

/// Which table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Emacs,
    ViInsert,
    ViCommand,
}

impl Mode {
    /// The table that `bind -m` names, where sequences may begin with what `emacs-meta` and `emacs-ctlx` are.
    pub fn named(name: &str) -> Option<(Self, &'static [u8])> {
        Some(match name {
            "emacs" | "emacs-standard" => (Self::Emacs, b""),
            "emacs-meta" => (Self::Emacs, b"\x1b"),
            "emacs-ctlx" => (Self::Emacs, b"\x18"),
            "vi" | "vi-move" | "vi-command" => (Self::ViCommand, b""),
            "vi-insert" => (Self::ViInsert, b""),
            _ => return None,
        })
    }
}

/// All tables, and the variables that a file of readline's sets.
#[derive(Debug)]
pub struct Keymaps {
    maps: [Keymap; 3],
    pub variables: Vec<(&'static str, String)>,
}

impl Default for Keymaps {
    fn default() -> Self {
        let table = |rows: &[(&'static str, &str)]| {
            let mut map = Keymap::new();
            for (function, keys) in rows {
                for key in keys.split(' ') {
                    map.insert(unquote(key), Bound::Function(function));
                }
            }
            map
        };
        let mut emacs = table(&EMACS);
        for letter in b'A'..=b'Z' {
            let lower = Bound::Function("do-lowercase-version");
            emacs.entry(vec![24, letter]).or_insert(lower.clone());
            // Keys of terminals begin with this one.
            if letter != b'O' {
                emacs.entry(vec![27, letter]).or_insert(lower);
            }
        }
        let variables = VARIABLES.iter();
        Self {
            maps: [emacs, table(&VI_INSERT), table(&VI_COMMAND)],
            variables: variables.map(|(n, v)| (*n, (*v).to_owned())).collect(),
        }
    }
}

/// What typing a sequence so far means.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// It is bound; with true, a longer one is as well.
    Bound(Bound, bool),
    /// It begins one that is bound.
    Begun,
    Nothing,
}

impl Keymaps {
    /// What a variable is set to.
    pub fn variable(&self, name: &str) -> Option<&str> {
        let (_, value) = self.variables.iter().find(|(known, _)| *known == name)?;
        Some(value)
    }

    pub fn map(&self, mode: Mode) -> &Keymap {
        &self.maps[mode as usize]
    }

    pub fn map_mut(&mut self, mode: Mode) -> &mut Keymap {
        &mut self.maps[mode as usize]
    }

    /// Looks a sequence up. Printable characters that nothing else is bound to insert themselves, but in vi's commands.
    pub fn look_up(&self, mode: Mode, keys: &[u8]) -> Found {
        let map = self.map(mode);
        let longer = map
            .range(keys.to_vec()..)
            .find(|(sequence, _)| sequence.len() > keys.len())
            .is_some_and(|(sequence, _)| sequence.starts_with(keys));
        match (map.get(keys), keys) {
            (Some(bound), _) => Found::Bound(bound.clone(), longer),
            (None, [32..=126 | 128..]) if mode != Mode::ViCommand => {
                Found::Bound(Bound::Function("self-insert"), longer)
            }
            _ if longer => Found::Begun,
            _ => Found::Nothing,
        }
    }

    /// The sequences that a function is bound to, as they are written.
    pub fn keys_of(&self, mode: Mode, function: &str) -> Vec<String> {
        let mut keys: Vec<String> = Vec::new();
        if function == "self-insert" && mode != Mode::ViCommand {
            let free = |byte: &u8| !self.map(mode).contains_key(&vec![*byte]);
            let printable = (32..=126_u8).filter(free);
            keys.extend(printable.map(|byte| quote(&[byte])));
        }
        // Two names of one function.
        let function = match function {
            "insert-last-argument" => "yank-last-arg",
            other => other,
        };
        let bound = |(_, what): &(&Vec<u8>, &Bound)| *what == &Bound::Function(known(function));
        let rows = self.map(mode).iter().filter(bound);
        keys.extend(rows.map(|(sequence, _)| quote(sequence)));
        keys
    }
}

/// The function of this name as the table has it; nothing is called by an empty name.
pub fn known(name: &str) -> &'static str {
    FUNCTIONS
        .iter()
        .find(|known| **known == name)
        .copied()
        .unwrap_or("")
}

/// Bytes of a sequence as they are written between quotes: `\C-a`, `\e`, `\C-?`, octal.
pub fn quote(bytes: &[u8]) -> String {
    let mut out = String::new();
    for byte in bytes {
        match byte {
            27 => out.push_str("\\e"),
            127 => out.push_str("\\C-?"),
            0..=31 => {
                out.push_str("\\C-");
                out.push(char::from(byte | 0x40).to_ascii_lowercase());
            }
            b'"' | b'\\' => out.extend(['\\', char::from(*byte)]),
            32..=126 => out.push(char::from(*byte)),
            _ => out.push_str(&format!("\\{byte:03o}")),
        }
    }
    out
}

/// The bytes that a sequence between quotes is.
pub fn unquote(text: &str) -> Vec<u8> {
    let bytes = crate::text::encode(text).into_owned();
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let rest = &bytes[at..];
        let (made, taken) = escaped(rest);
        out.extend(made);
        at += taken;
    }
    out
}

/// What the text behind a backslash means: bytes, and how many of the text's.
fn escaped(rest: &[u8]) -> (Vec<u8>, usize) {
    let Some(&first) = rest.first() else {
        return (vec![b'\\'], 0);
    };
    let modified = |control: bool, meta: bool, at: usize| {
        let Some(&key) = rest.get(at) else {
            return (Vec::new(), rest.len());
        };
        let key = if control { as_control(key) } else { key };
        let mut made = Vec::new();
        if meta {
            made.push(27);
        }
        made.push(key);
        (made, at + 1)
    };
    match rest {
        [b'M', b'-', b'\\', b'C', b'-', ..] | [b'C', b'-', b'\\', b'M', b'-', ..] => {
            return modified(true, true, 5);
        }
        [b'C', b'-', ..] => return modified(true, false, 2),
        [b'M', b'-', ..] => return modified(false, true, 2),
        _ => {}
    }
    let one = |byte| (vec![byte], 1);
    match first {
        b'e' | b'E' => one(27),
        b'a' => one(7),
        b'b' => one(8),
        b'd' => one(127),
        b'f' => one(12),
        b'n' => one(10),
        b'r' => one(13),
        b't' => one(9),
        b'v' => one(11),
        b'x' => {
            let digits: Vec<u8> = rest[1..]
                .iter()
                .copied()
                .take(2)
                .take_while(u8::is_ascii_hexdigit)
                .collect();
            let text = String::from_utf8_lossy(&digits).into_owned();
            match u8::from_str_radix(&text, 16) {
                Ok(byte) => (vec![byte], 1 + digits.len()),
                Err(_) => one(b'x'),
            }
        }
        b'0'..=b'7' => {
            let digits = rest
                .iter()
                .take(3)
                .take_while(|b| (b'0'..=b'7').contains(b));
            let (mut value, mut taken) = (0_u32, 0);
            for digit in digits {
                value = value * 8 + u32::from(digit - b'0');
                taken += 1;
            }
            (vec![u8::try_from(value & 0xff).unwrap_or(0)], taken)
        }
        other => one(other),
    }
}

pub fn as_control(key: u8) -> u8 {
    match key {
        b'?' => 127,
        key => key.to_ascii_uppercase() & 0x1f,
    }
}

#[cfg(test)]
mod tests {
    use super::{Bound, Found, Keymaps, Mode, quote, unquote};

    #[test]
    fn sequences_are_written_and_read() {
        for text in [
            "\\C-a",
            "\\e[A",
            "\\C-x\\C-?",
            "a\\\"b\\\\",
            "\\e\\C-g",
            "\\372",
        ] {
            assert_eq!(quote(&unquote(text)), text);
        }
        assert_eq!(unquote("\\M-x\\t\\x41\\101\\C-\\M-a"), b"\x1bx\tAA\x1b\x01");
    }

    #[test]
    fn longer_sequences_are_waited_for() {
        let maps = Keymaps::default();
        assert_eq!(maps.look_up(Mode::Emacs, b"\x1b["), Found::Begun);
        let end = Found::Bound(Bound::Function("end-of-line"), false);
        assert_eq!(maps.look_up(Mode::Emacs, b"\x1b[F"), end);
        let insert = Found::Bound(Bound::Function("self-insert"), false);
        assert_eq!(maps.look_up(Mode::ViInsert, b"j"), insert);
        assert_eq!(maps.look_up(Mode::ViCommand, b"q"), Found::Nothing);
        let escape = Found::Bound(Bound::Function("vi-movement-mode"), true);
        assert_eq!(maps.look_up(Mode::ViInsert, b"\x1b"), escape);
    }
}
