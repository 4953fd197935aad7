//! What asks a question: files, searching, places, leaving.

use std::path::PathBuf;

use crate::editor::buffer::Place;
use crate::editor::file;
use crate::editor::line::{Line, encode};
use crate::editor::pattern::Search;
use crate::editor::terminal::Key;
use crate::message::reason;

use super::{Ended, Nano};

const HELP: &[&str] = &[
    "^G  this help        ^X  leave            ^O  write the file      ^R  insert a file",
    "^S  save             ^W  search           M-W search again        ^\\  replace",
    "^K  cut              ^U  paste            M-6 copy                M-A mark",
    "M-U undo             M-E redo             ^C  where am I          ^_  go to a line",
    "^A ^E  line's ends   ^Y ^V  pages         M-\\ M-/  text's ends    M-} M-{  indent",
    "^P ^N ^B ^F  move    ^D ^H  delete        M-T cut up to the end   M-N numbers of lines",
    "",
    "M- is Alt, or the escape key before. Any key goes back to the text.",
];

impl Nano {
    /// Asks for a line; `None`: it was cancelled.
    fn ask(&mut self, question: &str, begin: Line) -> Ended<Option<Line>> {
        let mut text = begin;
        let mut at = text.len();
        loop {
            let shown = text.clone();
            match self.key(Some((question, &shown, at)))? {
                Key::Enter => return Ok(Some(text)),
                Key::Ctrl('c') | Key::Escape => {
                    self.message = "[ Cancelled ]".to_owned();
                    return Ok(None);
                }
                Key::Backspace | Key::Ctrl('h') if at > 0 => {
                    at -= 1;
                    text.remove(at);
                }
                Key::Delete | Key::Ctrl('d') if at < text.len() => drop(text.remove(at)),
                Key::Ctrl('k' | 'u') => {
                    text.clear();
                    at = 0;
                }
                Key::Left | Key::Ctrl('b') => at = at.saturating_sub(1),
                Key::Right | Key::Ctrl('f') => at = (at + 1).min(text.len()),
                Key::Home | Key::Ctrl('a') => at = 0,
                Key::End | Key::Ctrl('e') => at = text.len(),
                Key::Char(c) => {
                    text.insert(at, c);
                    at += 1;
                }
                _ => {}
            }
        }
    }

    /// Asks for yes or no (or all, if that `has_all`); `None`: it was cancelled.
    fn choose(&mut self, question: &str, has_all: bool) -> Ended<Option<char>> {
        let shown = format!("{question} (Y/N{}/^C)", if has_all { "/A" } else { "" });
        loop {
            match self.key(Some((&shown, &[], 0)))? {
                Key::Char('y' | 'Y') => return Ok(Some('y')),
                Key::Char('n' | 'N') => return Ok(Some('n')),
                Key::Char('a' | 'A') if has_all => return Ok(Some('a')),
                Key::Ctrl('c') | Key::Escape => {
                    self.message = "[ Cancelled ]".to_owned();
                    return Ok(None);
                }
                _ => {}
            }
        }
    }

    pub(super) fn exit(&mut self) -> Ended {
        if !self.buffer.is_modified() {
            self.done = true;
            return Ok(());
        }
        match self.choose("Save modified buffer?", false)? {
            Some('y') => self.done = self.write_out(false)?,
            Some(_) => self.done = true,
            None => {}
        }
        Ok(())
    }

    /// Writes the file, `at_once` without asking for its name; `true`: it is written.
    pub(super) fn write_out(&mut self, at_once: bool) -> Ended<bool> {
        if self.reads_only {
            self.message = "[ Key is invalid in view mode ]".to_owned();
            return Ok(false);
        }
        let path = match self.file.clone().filter(|_| at_once) {
            Some(path) => path,
            None => {
                let name = self.file.as_ref().map_or_else(Line::new, |file| {
                    crate::editor::line::decode(secure_exec_cli::bytes(file))
                });
                let Some(name) = self.ask("File Name to Write: ", name)? else {
                    return Ok(false);
                };
                if name.is_empty() {
                    self.message = "[ Cancelled ]".to_owned();
                    return Ok(false);
                }
                PathBuf::from(crate::bytes::os(&encode(&name)))
            }
        };
        let there = file::seen(&path);
        let question = if self.file.as_ref() != Some(&path) {
            there.map(|_| format!("File \"{}\" exists; OVERWRITE?", path.display()))
        } else if there.is_some() && there != self.seen {
            Some("File on disk has changed; OVERWRITE?".to_owned())
        } else {
            None
        };
        if let Some(question) = question
            && self.choose(&question, false)? != Some('y')
        {
            return Ok(false);
        }
        if let Err(error) = file::write(&path, self.lines(), self.dos, false) {
            self.message = format!("[ Error writing {}: {} ]", path.display(), reason(&error));
            return Ok(false);
        }
        self.seen = file::seen(&path);
        self.file = Some(path);
        self.buffer.set_written();
        let count = self.lines().len();
        self.message = format!(
            "[ Wrote {count} line{} ]",
            if count == 1 { "" } else { "s" }
        );
        Ok(true)
    }

    pub(super) fn read_in(&mut self) -> Ended {
        if self.reads_only {
            self.message = "[ Key is invalid in view mode ]".to_owned();
            return Ok(());
        }
        let Some(name) = self
            .ask("File to insert: ", Line::new())?
            .filter(|name| !name.is_empty())
        else {
            return Ok(());
        };
        let path = PathBuf::from(crate::bytes::os(&encode(&name)));
        match file::read(&path) {
            Ok(content) => {
                let mut lines = content.lines;
                let count = lines.len();
                if !content.is_partial {
                    lines.push(Line::new());
                }
                self.buffer.begin(self.cursor);
                self.cursor = self.buffer.insert(self.cursor, &lines);
                self.buffer.commit();
                self.message =
                    format!("[ Read {count} line{} ]", if count == 1 { "" } else { "s" });
            }
            Err(error) => {
                self.message = format!("[ Error reading {}: {} ]", path.display(), reason(&error))
            }
        }
        Ok(())
    }

    /// Asks for a text, which the last one is again if nothing is typed.
    fn ask_search(&mut self, what: &str) -> Ended<bool> {
        let before: String = self.searched.iter().collect();
        let question = if before.is_empty() {
            format!("{what}: ")
        } else {
            format!("{what} [{before}]: ")
        };
        let Some(text) = self.ask(&question, Line::new())? else {
            return Ok(false);
        };
        if !text.is_empty() {
            self.searched = text;
        }
        if self.searched.is_empty() {
            self.message = "[ Cancelled ]".to_owned();
            return Ok(false);
        }
        // As it is, and of any case.
        let mut literal = Line::new();
        for &c in &self.searched {
            if "\\.*[]^$/".contains(c) {
                literal.push('\\');
            }
            literal.push(c);
        }
        match Search::new(&literal, true) {
            Ok(search) => self.search = Some(search),
            Err(why) => {
                self.message = format!("[ {why} ]");
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The next place behind one where the text is found, around the end.
    fn find(&self, from: Place) -> Option<Place> {
        let search = self.search.as_ref()?;
        let length = self.buffer.len();
        for step in 0..=length {
            let row = (from.row + step) % length;
            let column = if step == 0 { from.column } else { 0 };
            let line = self.buffer.line(row);
            if column > line.len() {
                continue;
            }
            if let Some(found) = search.find(line, column)
                && (step < length || found < from.column)
            {
                return Some(Place { row, column: found });
            }
        }
        None
    }

    pub(super) fn where_is(&mut self) -> Ended {
        if self.ask_search("Search")? {
            self.find_again();
        }
        Ok(())
    }

    pub(super) fn find_again(&mut self) {
        let behind = Place {
            column: self.cursor.column + 1,
            ..self.cursor
        };
        match self.find(behind) {
            Some(place) => {
                if place <= self.cursor {
                    self.message = if place == self.cursor {
                        "[ This is the only occurrence ]"
                    } else {
                        "[ Search Wrapped ]"
                    }
                    .to_owned();
                }
                self.cursor = place;
            }
            None => {
                let text: String = self.searched.iter().collect();
                self.message = format!("[ \"{text}\" not found ]");
            }
        }
    }

    pub(super) fn replace(&mut self) -> Ended {
        if self.reads_only {
            self.message = "[ Key is invalid in view mode ]".to_owned();
            return Ok(());
        }
        if !self.ask_search("Search (to replace)")? {
            return Ok(());
        }
        let Some(with) = self.ask("Replace with: ", Line::new())? else {
            return Ok(());
        };
        let start = self.cursor;
        let mut from = self.cursor;
        let (mut count, mut all, mut wrapped) = (0, false, false);
        while let Some(place) = self.find(from) {
            // Once around, up to where it began.
            wrapped |= place < from;
            if wrapped && place >= start {
                break;
            }
            self.cursor = place;
            if !all {
                match self.choose("Replace this instance?", true)? {
                    Some('y') => {}
                    Some('a') => all = true,
                    Some(_) => {
                        from = Place {
                            column: place.column + 1,
                            ..place
                        };
                        continue;
                    }
                    None => break,
                }
            }
            // One, or all of the line.
            let before = match (all, wrapped && place.row == start.row) {
                (false, _) => place.column + 1,
                (true, false) => usize::MAX,
                (true, true) => start.column,
            };
            let line = self.buffer.line(place.row);
            let Some(search) = &self.search else { break };
            let (line, replaced, end) = search.replace_all(line, place.column, before, &with);
            self.buffer.begin(start);
            self.buffer.replace_line(place.row, line);
            count += replaced;
            from = Place {
                column: end,
                ..place
            };
        }
        self.buffer.commit();
        self.cursor.column = self
            .cursor
            .column
            .min(self.buffer.line(self.cursor.row).len());
        self.message = format!(
            "[ Replaced {count} occurrence{} ]",
            if count == 1 { "" } else { "s" }
        );
        Ok(())
    }

    pub(super) fn ask_place(&mut self) -> Ended {
        let Some(text) = self.ask("Enter line number, column number: ", Line::new())? else {
            return Ok(());
        };
        let text: String = text.iter().collect();
        let mut numbers = text
            .split([',', ' ', '.'])
            .map(|word| word.trim().parse::<usize>());
        match (numbers.next(), numbers.next()) {
            (Some(Ok(row)), Some(Ok(column))) => self.go_to(row, column),
            (Some(Ok(row)), None) => self.go_to(row, 1),
            _ => self.message = "[ Invalid line or column number ]".to_owned(),
        }
        Ok(())
    }

    pub(super) fn tell_place(&mut self) {
        let Place { row, column } = self.cursor;
        let (lines, length) = (self.buffer.len(), self.buffer.line(row).len());
        self.message = format!(
            "[ line {}/{lines} ({}%), col {}/{} ]",
            row + 1,
            (row + 1) * 100 / lines,
            column + 1,
            length + 1
        );
    }

    pub(super) fn help(&mut self) -> Ended {
        self.show_lines(HELP);
        // Whatever is typed, it is none of the text.
        loop {
            match self.terminal.input() {
                crate::editor::terminal::Input::Key(_) => break,
                crate::editor::terminal::Input::Resized => self.show_lines(HELP),
                crate::editor::terminal::Input::Gone(signal) => return Err(signal),
            }
        }
        Ok(())
    }
}
