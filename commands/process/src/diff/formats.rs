//! `--line-format`, `--GTYPE-group-format` and `-D`: changes in forms of one's own.

use std::io::{self, Write};
use std::ops::Range;

use super::lines::{Change, Text};

/// Forms of lines and of groups of them; one that is not given is as the others need it.
#[derive(Clone, Debug, Default)]
pub struct Formats {
    pub old_line: Option<Vec<u8>>,
    pub new_line: Option<Vec<u8>>,
    pub unchanged_line: Option<Vec<u8>>,
    pub old_group: Option<Vec<u8>>,
    pub new_group: Option<Vec<u8>>,
    pub changed_group: Option<Vec<u8>>,
    pub unchanged_group: Option<Vec<u8>>,
}

/// A group of lines, in both texts.
struct Group<'a> {
    old: (&'a Text<'a>, Range<usize>),
    new: (&'a Text<'a>, Range<usize>),
}

impl Formats {
    /// Takes the option of that name. False if it is none of these.
    pub fn set(&mut self, name: &str, value: Vec<u8>) -> bool {
        let field = match name {
            "old-line-format" => &mut self.old_line,
            "new-line-format" => &mut self.new_line,
            "unchanged-line-format" => &mut self.unchanged_line,
            "old-group-format" => &mut self.old_group,
            "new-group-format" => &mut self.new_group,
            "changed-group-format" => &mut self.changed_group,
            "unchanged-group-format" => &mut self.unchanged_group,
            "line-format" => {
                self.old_line = Some(value.clone());
                self.new_line = Some(value.clone());
                self.unchanged_line = Some(value);
                return true;
            }
            "ifdef" => {
                let name = String::from_utf8_lossy(&value).into_owned();
                let text = |text: String| Some(text.into_bytes());
                self.old_group = text(format!("#ifndef {name}\n%<#endif /* ! {name} */\n"));
                self.new_group = text(format!("#ifdef {name}\n%>#endif /* {name} */\n"));
                self.changed_group = text(format!(
                    "#ifndef {name}\n%<#else /* {name} */\n%>#endif /* {name} */\n"
                ));
                return true;
            }
            _ => return false,
        };
        *field = Some(value);
        true
    }

    /// Prints both texts as one.
    pub fn print(
        &self,
        out: &mut impl Write,
        old: &Text<'_>,
        new: &Text<'_>,
        changes: &[Change],
    ) -> io::Result<()> {
        let of = |given: &Option<Vec<u8>>, otherwise: Vec<u8>| given.clone().unwrap_or(otherwise);
        let changed = self.changed_group.as_ref();
        let old_group = of(&self.old_group, changed.cloned().unwrap_or(b"%<".to_vec()));
        let new_group = of(&self.new_group, changed.cloned().unwrap_or(b"%>".to_vec()));
        let changed_group = of(
            &self.changed_group,
            [old_group.as_slice(), &new_group].concat(),
        );
        let unchanged_group = of(&self.unchanged_group, b"%=".to_vec());
        let (mut at, mut other) = (0, 0);
        for change in changes {
            if change.old.start > at {
                let group = Group {
                    old: (old, at..change.old.start),
                    new: (new, other..change.new.start),
                };
                self.group(out, &unchanged_group, &group)?;
            }
            let form = match (change.old.is_empty(), change.new.is_empty()) {
                (true, _) => &new_group,
                (_, true) => &old_group,
                _ => &changed_group,
            };
            let group = Group {
                old: (old, change.old.clone()),
                new: (new, change.new.clone()),
            };
            self.group(out, form, &group)?;
            (at, other) = (change.old.end, change.new.end);
        }
        if at < old.lines.len() {
            let group = Group {
                old: (old, at..old.lines.len()),
                new: (new, other..new.lines.len()),
            };
            self.group(out, &unchanged_group, &group)?;
        }
        Ok(())
    }

    fn group(&self, out: &mut impl Write, form: &[u8], group: &Group<'_>) -> io::Result<()> {
        let mut rest = form;
        while let Some((&byte, behind)) = rest.split_first() {
            rest = behind;
            let Some((&letter, behind)) = behind.split_first().filter(|_| byte == b'%') else {
                out.write_all(&[byte])?;
                continue;
            };
            rest = behind;
            match letter {
                b'<' => lines(out, self.old_line.as_ref(), &group.old)?,
                b'>' => lines(out, self.new_line.as_ref(), &group.new)?,
                b'=' => lines(out, self.unchanged_line.as_ref(), &group.old)?,
                b'%' => out.write_all(b"%")?,
                _ => {
                    // A number of lines: `%dN`, with a letter that says which.
                    let number = (letter == b'd')
                        .then(|| behind.split_first())
                        .flatten()
                        .and_then(|(which, behind)| Some((group.number(*which)?, behind)));
                    if let Some((number, behind)) = number {
                        write!(out, "{number}")?;
                        rest = behind;
                    } else {
                        out.write_all(&[b'%', letter])?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl Group<'_> {
    /// First, last, line before, line after and count; of the old text in small letters.
    fn number(&self, which: u8) -> Option<usize> {
        let range = if which.is_ascii_lowercase() {
            &self.old.1
        } else {
            &self.new.1
        };
        Some(match which.to_ascii_lowercase() {
            b'f' => range.start + 1,
            b'l' => range.end,
            b'e' => range.start,
            b'm' => range.end + 1,
            b'n' => range.len(),
            _ => return None,
        })
    }
}

fn lines(
    out: &mut impl Write,
    form: Option<&Vec<u8>>,
    (text, range): &(&Text<'_>, Range<usize>),
) -> io::Result<()> {
    for index in range.clone() {
        let Some(form) = form else {
            out.write_all(text.lines[index])?;
            continue;
        };
        let mut bytes = form.iter().copied();
        while let Some(byte) = bytes.next() {
            if byte != b'%' {
                out.write_all(&[byte])?;
                continue;
            }
            match bytes.next() {
                Some(b'L') => out.write_all(text.lines[index])?,
                Some(b'l') => out.write_all(text.bare(index))?,
                Some(b'd') if bytes.clone().next() == Some(b'n') => {
                    bytes.next();
                    write!(out, "{}", index + 1)?;
                }
                Some(b'%') => out.write_all(b"%")?,
                other => {
                    out.write_all(b"%")?;
                    out.write_all(other.as_slice())?;
                }
            }
        }
    }
    Ok(())
}
