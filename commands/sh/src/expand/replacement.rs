//! `${name/pattern/string}`.

use super::Piece;
use super::operators::longest;
use super::pattern::Pattern;

/// What matches are replaced by.
#[derive(Debug)]
pub(super) struct Replacement {
    /// Texts; between them stands what was matched.
    texts: Vec<String>,
}

impl Replacement {
    /// Of an expanded word. `ampersand` is `patsub_replacement`: an `&` that is neither quoted nor behind a backslash is
    /// what was matched, as in bash 5.2.
    pub(super) fn new(pieces: &[Piece], ampersand: bool) -> Self {
        let mut texts = vec![String::new()];
        let matched = ampersand && pieces.iter().any(has_ampersand);
        let mut push = |c: Option<char>| match (c, texts.last_mut()) {
            (Some(c), Some(last)) => last.push(c),
            _ => texts.push(String::new()),
        };
        for piece in pieces {
            let Piece::Text { text, quoted, .. } = piece else {
                push(Some(' '));
                continue;
            };
            let mut chars = text.chars().peekable();
            while let Some(c) = chars.next() {
                match c {
                    '\\' if !quoted && ampersand => {
                        let escaped = chars.next_if(|c| *c == '&' || matched && *c == '\\');
                        push(escaped.or(Some(c)));
                    }
                    '&' if !quoted && matched => push(None),
                    c => push(Some(c)),
                }
            }
        }
        Self { texts }
    }

    fn write(&self, matched: &[char], out: &mut String) {
        for (at, text) in self.texts.iter().enumerate() {
            if at > 0 {
                out.extend(matched);
            }
            out.push_str(text);
        }
    }
}

/// Whether an `&` of it stands for the match.
fn has_ampersand(piece: &Piece) -> bool {
    let Piece::Text {
        text,
        quoted: false,
        ..
    } = piece
    else {
        return false;
    };
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            '&' => return true,
            _ => {}
        }
    }
    false
}

/// The text with the first match replaced; with each of `/` as `kind`, one at the beginning (`#`) or the end (`%`).
pub(super) fn replace(text: &str, pattern: &Pattern, with: &Replacement, kind: char) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::new();
    match kind {
        '#' => match longest(&chars, 0, pattern) {
            Some(end) => {
                with.write(&chars[..end], &mut out);
                out.extend(&chars[end..]);
            }
            None => return text.to_owned(),
        },
        '%' => match (0..=chars.len()).find(|k| pattern.matches_chars(&chars[*k..])) {
            Some(start) => {
                out.extend(&chars[..start]);
                with.write(&chars[start..], &mut out);
            }
            None => return text.to_owned(),
        },
        _ => {
            let mut at = 0;
            let mut done = false;
            while at <= chars.len() {
                let end = if done {
                    None
                } else {
                    longest(&chars, at, pattern)
                };
                match end {
                    Some(end) if end > at || chars.is_empty() => {
                        with.write(&chars[at..end], &mut out);
                        at = end.max(at + usize::from(chars.is_empty()));
                        done = kind != '/';
                    }
                    _ => {
                        if let Some(c) = chars.get(at) {
                            out.push(*c);
                        }
                        at += 1;
                    }
                }
            }
        }
    }
    out
}
