//! The command with the places where arguments go.

use std::ffi::OsString;

use secure_exec_cli::{Failure, bytes};

use super::error;
use super::options::{Settings, Several};

/// What of an argument is inserted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Whole,
    /// `{.}`, `{..}`, `{...}`: without so many extensions.
    Stem(usize),
    /// `{/}`, `{/.}`, `{/..}`: without directories and so many extensions.
    Base(usize),
    /// `{//}`: the directory.
    Folder,
    /// `{+/}`: the directory, empty where there is none.
    FolderOrNothing,
    /// `{+.}`, `{+..}`: so many extensions.
    Extensions(usize),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(Vec<u8>),
    /// All arguments, or the one of a number: from 1, or from the end if below 0.
    Argument(Option<i64>, Part),
    /// `{#}`
    Sequence,
    /// `{%}`
    Slot,
    /// `{##}`
    Total,
}

/// Numbers that a command may show.
#[derive(Clone, Copy, Debug, Default)]
pub struct Numbers {
    pub sequence: usize,
    pub slot: usize,
    pub total: usize,
}

/// A command line, in words and the blanks between them.
#[derive(Clone, Debug)]
pub struct Template {
    words: Vec<Vec<Piece>>,
    several: Several,
    /// The arguments are commands: they are not quoted.
    is_command: bool,
    pub counts_all: bool,
}

/// What a marker may say behind a position.
const PARTS: &[(&str, Part, bool)] = &[
    ("", Part::Whole, false),
    (".", Part::Stem(1), false),
    ("/", Part::Base(0), false),
    ("//", Part::Folder, false),
    ("/.", Part::Base(1), false),
    ("..", Part::Stem(2), true),
    ("...", Part::Stem(3), true),
    ("/..", Part::Base(2), true),
    ("/...", Part::Base(3), true),
    ("+/", Part::FolderOrNothing, true),
    ("+.", Part::Extensions(1), true),
    ("+..", Part::Extensions(2), true),
    ("+...", Part::Extensions(3), true),
];

impl Template {
    /// # Errors
    /// An expression of Perl.
    pub fn new(
        command: &[OsString],
        settings: &Settings,
        names: &[Vec<u8>],
    ) -> Result<Self, Failure> {
        let parser = Parser { settings, names };
        let mut words = Vec::new();
        for (at, word) in command.iter().enumerate() {
            if at > 0 {
                words.push(vec![Piece::Text(b" ".to_vec())]);
            }
            let pieces = parser.pieces(bytes(word))?;
            if settings.quotes {
                words.push(pieces.into_iter().map(quoted).collect());
            } else {
                words.extend(split(pieces));
            }
        }
        let takes = |piece: &Piece| matches!(piece, Piece::Argument(..));
        let is_command = command.is_empty()
            || matches!(
                words.first().and_then(|word| word.first()),
                Some(Piece::Argument(None, Part::Whole))
            );
        if !settings.pipe && !words.iter().flatten().any(takes) {
            if !command.is_empty() {
                words.push(vec![Piece::Text(b" ".to_vec())]);
            }
            words.push(vec![Piece::Argument(None, Part::Whole)]);
        }
        let counts_all = words.iter().flatten().any(|piece| *piece == Piece::Total);
        Ok(Self {
            words,
            several: settings.several,
            is_command,
            counts_all,
        })
    }

    /// A text with markers that is no command, as `--tagstring` and `--results` take it.
    ///
    /// # Errors
    /// An expression of Perl.
    pub fn text(text: &[u8], settings: &Settings, names: &[Vec<u8>]) -> Result<Self, Failure> {
        let pieces = Parser { settings, names }.pieces(text)?;
        Ok(Self {
            words: vec![pieces],
            several: Several::No,
            is_command: true,
            counts_all: false,
        })
    }

    #[must_use]
    pub fn has_markers(&self) -> bool {
        let texts = |piece: &Piece| matches!(piece, Piece::Text(_));
        !self.words.iter().flatten().all(texts)
    }

    /// The command line for arguments.
    #[must_use]
    pub fn render(&self, arguments: &[Vec<u8>], numbers: Numbers) -> Vec<u8> {
        let mut out = Vec::new();
        for (at, word) in self.words.iter().enumerate() {
            let all = |piece: &Piece| matches!(piece, Piece::Argument(None, _));
            if self.several == Several::InContext && word.iter().any(all) && !arguments.is_empty() {
                for (at, argument) in arguments.iter().enumerate() {
                    if at > 0 {
                        out.push(b' ');
                    }
                    self.word(
                        word,
                        std::slice::from_ref(argument),
                        arguments,
                        numbers,
                        false,
                        &mut out,
                    );
                }
            } else {
                self.word(word, arguments, arguments, numbers, at == 0, &mut out);
            }
        }
        out
    }

    fn word(
        &self,
        word: &[Piece],
        all: &[Vec<u8>],
        numbered: &[Vec<u8>],
        numbers: Numbers,
        first: bool,
        out: &mut Vec<u8>,
    ) {
        for piece in word {
            match piece {
                Piece::Text(text) => out.extend(text),
                Piece::Sequence => out.extend(numbers.sequence.to_string().bytes()),
                Piece::Slot => out.extend(numbers.slot.to_string().bytes()),
                Piece::Total => out.extend(numbers.total.to_string().bytes()),
                Piece::Argument(None, part) => {
                    let raw = self.is_command && first;
                    for (at, argument) in all.iter().enumerate() {
                        if at > 0 {
                            out.push(b' ');
                        }
                        self.insert(part.of(argument), raw, out);
                    }
                }
                Piece::Argument(Some(place), part) => {
                    if let Some(argument) = at_place(numbered, *place) {
                        self.insert(part.of(argument), self.is_command && first, out);
                    }
                }
            }
        }
    }

    fn insert(&self, text: &[u8], raw: bool, out: &mut Vec<u8>) {
        if raw {
            out.extend(text);
        } else {
            out.extend(shell_quoted(text));
        }
    }
}

fn at_place(arguments: &[Vec<u8>], place: i64) -> Option<&Vec<u8>> {
    let distance = usize::try_from(place.unsigned_abs()).ok()?;
    let at = if place > 0 {
        distance.checked_sub(1)?
    } else {
        arguments.len().checked_sub(distance)?
    };
    arguments.get(at)
}

impl Part {
    fn of(self, argument: &[u8]) -> &[u8] {
        match self {
            Part::Whole => argument,
            Part::Stem(count) => without_extensions(argument, count),
            Part::Base(count) => without_extensions(base(argument), count),
            Part::Folder => folder(argument),
            Part::FolderOrNothing => {
                let end = argument.iter().rposition(|&byte| byte == b'/');
                &argument[..end.unwrap_or(0)]
            }
            Part::Extensions(count) => {
                let stem = without_extensions(argument, count);
                argument.get(stem.len() + 1..).unwrap_or_default()
            }
        }
    }
}

fn base(argument: &[u8]) -> &[u8] {
    let start = argument.iter().rposition(|&byte| byte == b'/');
    start.map_or(argument, |at| &argument[at + 1..])
}

/// What `dirname` gives.
fn folder(argument: &[u8]) -> &[u8] {
    let end = argument.iter().rposition(|&byte| byte != b'/');
    let Some(end) = end else {
        return if argument.is_empty() { b"." } else { b"/" };
    };
    match argument[..end].iter().rposition(|&byte| byte == b'/') {
        None => b".",
        Some(at) => {
            let before = argument[..at].iter().rposition(|&byte| byte != b'/');
            before.map_or(b"/", |last| &argument[..=last])
        }
    }
}

/// Without so many extensions, where there are as many.
fn without_extensions(argument: &[u8], count: usize) -> &[u8] {
    let mut rest = argument;
    for _ in 0..count {
        let name_start = rest.len() - base(rest).len();
        match rest.iter().rposition(|&byte| byte == b'.') {
            Some(at) if at >= name_start => rest = &rest[..at],
            _ => return if count == 1 { rest } else { argument },
        }
    }
    rest
}

/// A word of which a shell makes this text.
pub fn shell_quoted(text: &[u8]) -> Vec<u8> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.+/".contains(byte);
    if !text.is_empty() && text.iter().all(plain) {
        return text.to_vec();
    }
    let mut out = vec![b'\''];
    for &byte in text {
        if byte == b'\'' {
            out.extend(b"'\"'\"'");
        } else {
            out.push(byte);
        }
    }
    out.push(b'\'');
    out
}

fn quoted(piece: Piece) -> Piece {
    match piece {
        Piece::Text(text) => Piece::Text(shell_quoted(&text)),
        other => other,
    }
}

/// Words, and the blanks between them as words of their own.
fn split(pieces: Vec<Piece>) -> Vec<Vec<Piece>> {
    let mut words: Vec<Vec<Piece>> = Vec::new();
    let mut open = false;
    for piece in pieces {
        let Piece::Text(text) = piece else {
            if !open {
                words.push(Vec::new());
            }
            if let Some(word) = words.last_mut() {
                word.push(piece);
            }
            open = true;
            continue;
        };
        let is_blank = |byte: &u8| byte.is_ascii_whitespace();
        for chunk in text.chunk_by(|a, b| is_blank(a) == is_blank(b)) {
            let blank = is_blank(&chunk[0]);
            let piece = Piece::Text(chunk.to_vec());
            match words.last_mut().filter(|_| open && !blank) {
                Some(word) => word.push(piece),
                None => words.push(vec![piece]),
            }
            open = !blank;
        }
    }
    words
}

struct Parser<'a> {
    settings: &'a Settings,
    /// What a header calls the columns.
    names: &'a [Vec<u8>],
}

impl Parser<'_> {
    fn pieces(&self, text: &[u8]) -> Result<Vec<Piece>, Failure> {
        let mut pieces = Vec::new();
        let mut plain = Vec::new();
        let mut at = 0;
        let marker = self.settings.marker.as_slice();
        let own_marker = marker != b"{}";
        while at < text.len() {
            let rest = &text[at..];
            let found = if own_marker && !marker.is_empty() && rest.starts_with(marker) {
                Some((Piece::Argument(None, Part::Whole), marker.len()))
            } else if rest.starts_with(b"{=") && rest.windows(2).any(|two| two == b"=}") {
                return Err(error(
                    "{= =}: expressions of Perl are not supported by this parallel",
                ));
            } else if rest[0] == b'{' {
                let end = rest.iter().position(|&byte| byte == b'}');
                end.and_then(|end| Some((self.marker(&rest[1..end])?, end + 1)))
                    .filter(|(_, length)| !(own_marker && *length == 2))
            } else {
                None
            };
            match found {
                Some((piece, length)) => {
                    if !plain.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut plain)));
                    }
                    pieces.push(piece);
                    at += length;
                }
                None => {
                    plain.push(rest[0]);
                    at += 1;
                }
            }
        }
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Ok(pieces)
    }

    /// What stands between braces.
    fn marker(&self, inside: &[u8]) -> Option<Piece> {
        match inside {
            b"#" => return Some(Piece::Sequence),
            b"%" => return Some(Piece::Slot),
            b"##" if self.settings.plus => return Some(Piece::Total),
            _ => {}
        }
        let (place, part) = self.place(inside);
        let part = std::str::from_utf8(part).ok()?;
        let (_, part, _) = PARTS
            .iter()
            .find(|(name, _, plus)| *name == part && (!plus || self.settings.plus))?;
        Some(Piece::Argument(place, *part))
    }

    fn place<'a>(&self, inside: &'a [u8]) -> (Option<i64>, &'a [u8]) {
        let names = self.names.iter().enumerate();
        let mut named = names.filter(|(_, name)| !name.is_empty() && inside.starts_with(name));
        // The longest name that what stands there begins with.
        if let Some((at, name)) = named.by_ref().max_by_key(|(_, name)| name.len()) {
            return (i64::try_from(at + 1).ok(), &inside[name.len()..]);
        }
        let signed = usize::from(inside.first() == Some(&b'-'));
        let digits = inside[signed..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit());
        let end = signed + digits.count();
        let number = std::str::from_utf8(&inside[..end])
            .ok()
            .and_then(|text| text.parse().ok());
        match number {
            Some(0) => (None, &inside[end..]),
            Some(number) => (Some(number), &inside[end..]),
            None => (None, inside),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Part, shell_quoted};

    #[test]
    fn parts_of_names_are_those_of_the_manual() {
        for (part, name, wanted) in [
            (Part::Stem(1), "/a/b.c.d", "/a/b.c"),
            (Part::Stem(2), "/a/b.c.d", "/a/b"),
            (Part::Stem(2), "x.y", "x.y"),
            (Part::Stem(1), "a.b/c", "a.b/c"),
            (Part::Stem(1), ".hid", ""),
            (Part::Base(0), "dir/", ""),
            (Part::Base(1), "/a/b.c", "b"),
            (Part::Folder, "x", "."),
            (Part::Folder, "/x", "/"),
            (Part::Folder, "a/b/c", "a/b"),
            (Part::Folder, "dir/", "."),
            (Part::Folder, "a//b//", "a"),
            (Part::Folder, "//", "/"),
            (Part::FolderOrNothing, "x", ""),
            (Part::Extensions(1), "a.b.c", "c"),
            (Part::Extensions(2), "a.b.c", "b.c"),
            (Part::Extensions(1), "a", ""),
        ] {
            let found = part.of(name.as_bytes());
            assert_eq!(found, wanted.as_bytes(), "{part:?} of {name}");
        }
    }

    #[test]
    fn words_are_quoted_where_a_shell_would_read_more() {
        assert_eq!(shell_quoted(b"a-b_c.d+e/f1"), b"a-b_c.d+e/f1");
        assert_eq!(shell_quoted(b""), b"''");
        assert_eq!(shell_quoted(b"it's"), b"'it'\"'\"'s'");
    }
}
