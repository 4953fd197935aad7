//! How lines are printed: tabs, prefixes and colors.

use std::io::{self, Write};

use super::lines::Text;

/// What a line is, for its color.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    Plain,
    /// Names above a comparison.
    Header,
    /// Numbers above a change.
    Place,
    Deleted,
    Added,
}

/// Sequences of `SGR`, without what begins and ends them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Palette {
    reset: String,
    header: String,
    place: String,
    deleted: String,
    added: String,
}

impl Default for Palette {
    fn default() -> Self {
        Self {
            reset: "0".to_owned(),
            header: "1".to_owned(),
            place: "36".to_owned(),
            deleted: "31".to_owned(),
            added: "32".to_owned(),
        }
    }
}

impl Palette {
    /// Reads `rs=0:hd=1:ad=32:de=31:ln=36`, of which any may be missing.
    ///
    /// # Errors
    /// What is to be said; the comparison goes on without colors.
    pub fn parse(text: &str) -> Result<Self, Vec<String>> {
        let mut palette = Self::default();
        let wrong = || "unparsable value for --palette".to_owned();
        for each in text.split(':').filter(|each| !each.is_empty()) {
            let (name, value) = each.split_once('=').ok_or_else(|| vec![wrong()])?;
            let field = match name {
                "rs" => &mut palette.reset,
                "hd" => &mut palette.header,
                "ln" => &mut palette.place,
                "de" => &mut palette.deleted,
                "ad" => &mut palette.added,
                _ => return Err(vec![format!("unrecognized prefix: {name}"), wrong()]),
            };
            value.clone_into(field);
        }
        Ok(palette)
    }
}

/// How lines are printed.
pub struct Style {
    /// Tabs become spaces (`-t`).
    pub expands: bool,
    /// A tab stands behind a mark, so that tabs of lines stay where they are (`-T`).
    pub initial_tab: bool,
    /// No blanks in front of an empty line.
    pub bare_blank: bool,
    /// Columns of a tab.
    pub tab: usize,
    pub palette: Option<Palette>,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            expands: false,
            initial_tab: false,
            bare_blank: false,
            tab: 8,
            palette: None,
        }
    }
}

/// What stands in front of a line.
pub struct Mark {
    text: String,
    /// In front of an empty line.
    blank: String,
    /// Behind a carriage return in a line whose tabs become spaces.
    again: String,
}

const NO_NEWLINE: &str = "\\ No newline at end of file";

impl Style {
    /// A mark and a blank.
    pub fn mark(&self, mark: char) -> Mark {
        let text = format!("{mark}{}", if self.initial_tab { '\t' } else { ' ' });
        let blank = if self.bare_blank {
            text.trim_end()
        } else {
            &text
        };
        Mark {
            blank: blank.to_owned(),
            again: text.clone(),
            text,
        }
    }

    /// The marks of the unified format, which has no blank behind them: of lines that stay, that go and that come.
    pub fn tight_marks(&self) -> [Mark; 3] {
        ["", "-", "+"].map(|mark| {
            let behind = match (self.initial_tab, mark) {
                (true, _) => "\t",
                (false, "") => " ",
                (false, _) => "",
            };
            let text = format!("{mark}{behind}");
            Mark {
                blank: if self.bare_blank { mark } else { &text }.to_owned(),
                again: String::new(),
                text,
            }
        })
    }

    /// Writes what a color begins with.
    pub fn begin(&self, out: &mut impl Write, ink: Ink) -> io::Result<()> {
        let Some(palette) = &self.palette else {
            return Ok(());
        };
        let sequence = match ink {
            Ink::Plain => return Ok(()),
            Ink::Header => &palette.header,
            Ink::Place => &palette.place,
            Ink::Deleted => &palette.deleted,
            Ink::Added => &palette.added,
        };
        write!(out, "\x1b[{sequence}m")
    }

    /// Writes what ends a color.
    pub fn end(&self, out: &mut impl Write, ink: Ink) -> io::Result<()> {
        match &self.palette {
            Some(palette) if ink != Ink::Plain => write!(out, "\x1b[{}m", palette.reset),
            _ => Ok(()),
        }
    }

    /// Writes a text in a color.
    pub fn colored(&self, out: &mut impl Write, ink: Ink, text: &str) -> io::Result<()> {
        self.begin(out, ink)?;
        out.write_all(text.as_bytes())?;
        self.end(out, ink)
    }

    /// Writes a line behind a mark, and says so if it has no end.
    pub fn line(
        &self,
        out: &mut impl Write,
        ink: Ink,
        mark: &Mark,
        text: &Text<'_>,
        index: usize,
    ) -> io::Result<()> {
        let line = text.bare(index);
        self.begin(out, ink)?;
        let shown = if line.is_empty() {
            &mark.blank
        } else {
            &mark.text
        };
        out.write_all(shown.as_bytes())?;
        self.marked(out, &mark.again, line)?;
        self.end(out, ink)?;
        out.write_all(b"\n")?;
        if text.is_unended(index) {
            writeln!(out, "{NO_NEWLINE}")?;
        }
        Ok(())
    }

    /// Writes a line, with spaces for tabs where that is wanted.
    pub fn body(&self, out: &mut impl Write, line: &[u8]) -> io::Result<()> {
        self.marked(out, "", line)
    }

    fn marked(&self, out: &mut impl Write, mark: &str, line: &[u8]) -> io::Result<()> {
        if !self.expands {
            return out.write_all(line);
        }
        let mut column = 0;
        for (index, &byte) in line.iter().enumerate() {
            match byte {
                // What goes back to the beginning finds the mark there.
                b'\r' => {
                    out.write_all(b"\r")?;
                    if index + 1 < line.len() {
                        out.write_all(mark.as_bytes())?;
                    }
                    column = 0;
                    continue;
                }
                b'\t' => {
                    let spaces = self.tab - column % self.tab;
                    write!(out, "{:spaces$}", "")?;
                    column += spaces;
                    continue;
                }
                8 => column = column.saturating_sub(1),
                // Bytes behind the first of a character of UTF-8 take no column.
                0x80..0xC0 => {}
                0..0x20 => {}
                _ => column += 1,
            }
            out.write_all(&[byte])?;
        }
        Ok(())
    }
}
