//! The line at the bottom: messages, and what is asked for there.

use crate::editor::buffer::Place;
use crate::editor::line::{Line, shown, width as width_of};
use crate::editor::screen::{column_of, cut};
use crate::editor::terminal::Key;

use super::{Done, Mode, Vi};

impl Vi<'_> {
    /// The line at the bottom, and where the cursor is in it if it is there.
    pub(super) fn bottom_line(&self, width: usize) -> (String, Option<usize>) {
        if let Some((text, at)) = &self.prompt {
            // Its end, if it is too long.
            let columns = column_of(text, *at, 8);
            let skipped = (columns + 1).saturating_sub(width);
            let line: String = shown(text, 8).chars().skip(skipped).collect();
            return (cut(&line, width - 1), Some(columns - skipped));
        }
        let message = match self.mode {
            _ if !self.editor.message.is_empty() => self.editor.message.clone(),
            Mode::Insert => "-- INSERT --".to_owned(),
            Mode::Replace => "-- REPLACE --".to_owned(),
            Mode::Visual => "-- VISUAL --".to_owned(),
            Mode::VisualLine => "-- VISUAL LINE --".to_owned(),
            Mode::Normal => String::new(),
        };
        let recording = self
            .recording
            .as_ref()
            .map_or_else(String::new, |(name, _)| format!("recording @{name}"));
        let Place { row, column } = self.editor.cursor;
        let place = format!("{},{}", row + 1, column + 1);
        let left = cut(&(message + &recording), width.saturating_sub(1));
        let used: usize = left.chars().map(|c| width_of(c, 0, 8)).sum();
        let room = width.saturating_sub(18);
        if used < room {
            return (format!("{left}{}{place}", " ".repeat(room - used)), None);
        }
        (left, None)
    }

    /// Asks for a line behind a sign; `None`: it was given up.
    pub(super) fn ask(&mut self, sign: char) -> Done<Option<Line>> {
        self.ask_with(sign, Line::new())
    }

    /// The same, with something there already.
    pub(super) fn ask_with(&mut self, sign: char, begin: Line) -> Done<Option<Line>> {
        let mut text = begin;
        let mut at = text.len();
        let mut back = self.history.len();
        loop {
            let mut shown = vec![sign];
            shown.extend(&text);
            self.prompt = Some((shown, at + 1));
            let key = self.key();
            self.prompt = None;
            match key? {
                Key::Enter => {
                    if !text.is_empty() {
                        self.history.push(text.clone());
                    }
                    return Ok(Some(text));
                }
                Key::Escape | Key::Ctrl('c') => return Ok(None),
                Key::Backspace if text.is_empty() => return Ok(None),
                Key::Backspace if at > 0 => {
                    at -= 1;
                    text.remove(at);
                }
                Key::Delete if at < text.len() => drop(text.remove(at)),
                Key::Ctrl('u') => {
                    text.drain(..at);
                    at = 0;
                }
                Key::Ctrl('w') => {
                    let kept =
                        text[..at]
                            .iter()
                            .rposition(|c| !c.is_whitespace())
                            .map_or(0, |end| {
                                text[..=end]
                                    .iter()
                                    .rposition(|c| c.is_whitespace())
                                    .map_or(0, |begin| begin + 1)
                            });
                    text.drain(kept..at);
                    at = kept;
                }
                Key::Left => at = at.saturating_sub(1),
                Key::Right => at = (at + 1).min(text.len()),
                Key::Home | Key::Ctrl('b') => at = 0,
                Key::End | Key::Ctrl('e') => at = text.len(),
                key @ (Key::Up | Key::Down) => {
                    back = if key == Key::Up {
                        back.saturating_sub(1)
                    } else {
                        (back + 1).min(self.history.len())
                    };
                    text = self.history.get(back).cloned().unwrap_or_default();
                    at = text.len();
                }
                Key::Ctrl('v') => {
                    let key = self.key()?;
                    if let Some(c) = super::character_of(key) {
                        text.insert(at, c);
                        at += 1;
                    }
                }
                Key::Ctrl('r') => {
                    let name = self.character()?;
                    if let Some(register) = self.editor.register(Some(name)) {
                        let more = register.lines.join(&' ');
                        let length = more.len();
                        text.splice(at..at, more);
                        at += length;
                    }
                }
                Key::Char(c) => {
                    text.insert(at, c);
                    at += 1;
                }
                Key::Tab => {
                    text.insert(at, '\t');
                    at += 1;
                }
                _ => {}
            }
        }
    }
}
