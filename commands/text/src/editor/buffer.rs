//! The lines of a text, and how changes are undone.

use super::line::Line;

/// A place in a text: both count from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub row: usize,
    pub column: usize,
}

/// So many lines from a row on, and the others that stand there when the change is undone or done again.
#[derive(Debug)]
struct Change {
    row: usize,
    count: usize,
    others: Vec<Line>,
}

/// What is undone at once.
#[derive(Debug, Default)]
struct Step {
    changes: Vec<Change>,
    /// Where the cursor was before.
    cursor: Place,
    /// The states of the text before and after.
    before: u64,
    after: u64,
}

impl Step {
    /// Characters that are kept, and what lines take beside those.
    fn size(&self) -> usize {
        let lines = self.changes.iter().flat_map(|change| &change.others);
        lines.map(|line| line.len() + 8).sum()
    }
}

/// A text: one line at least, which is empty if there is nothing.
#[derive(Debug)]
pub struct Buffer {
    lines: Vec<Line>,
    undone: Vec<Step>,
    done: Vec<Step>,
    open: Option<Step>,
    /// The state of the text, the last number that one was given, and the state that was written. Undoing brings a state back.
    state: u64,
    states: u64,
    written: Option<u64>,
    /// Lines that are still to come, while a command runs on some of them.
    flags: Vec<u8>,
}

/// Steps that are kept, and characters in them; of one step all.
const STEPS: usize = 1000;
const KEPT: usize = 8 << 20;

impl Default for Buffer {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl Buffer {
    pub fn new(lines: Vec<Line>) -> Self {
        let lines = if lines.is_empty() {
            vec![Line::new()]
        } else {
            lines
        };
        Self {
            lines,
            undone: Vec::new(),
            done: Vec::new(),
            open: None,
            state: 0,
            states: 0,
            written: Some(0),
            flags: Vec::new(),
        }
    }

    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// A line; an empty one behind the end.
    pub fn line(&self, row: usize) -> &[char] {
        self.lines.get(row).map_or(&[], Vec::as_slice)
    }

    /// Whether there is nothing: one line without a character.
    pub fn is_blank(&self) -> bool {
        self.lines.len() == 1 && self.lines[0].is_empty()
    }

    pub fn is_modified(&self) -> bool {
        self.written != Some(self.state)
    }

    pub fn set_written(&mut self) {
        self.written = Some(self.state);
    }

    pub fn set_modified(&mut self) {
        self.written = None;
    }

    /// Begins what is undone at once.
    pub fn begin(&mut self, cursor: Place) {
        let before = self.state;
        self.open.get_or_insert_with(|| Step {
            cursor,
            before,
            ..Step::default()
        });
    }

    /// Ends it.
    pub fn commit(&mut self) {
        let Some(mut step) = self.open.take().filter(|step| !step.changes.is_empty()) else {
            return;
        };
        step.after = self.state;
        self.done.push(step);
        self.undone.clear();
        let mut size = 0;
        let kept = self.done.iter().rev().take_while(|step| {
            let fits = size <= KEPT;
            size += step.size();
            fits
        });
        let kept = kept.count().min(STEPS);
        self.done.drain(..self.done.len() - kept);
    }

    /// Replaces so many lines by others.
    pub fn replace(&mut self, row: usize, count: usize, new: Vec<Line>) {
        let row = row.min(self.lines.len());
        let end = row.saturating_add(count).min(self.lines.len());
        // An empty text has a line, too.
        let new = if new.is_empty() && row == 0 && end == self.lines.len() {
            vec![Line::new()]
        } else {
            new
        };
        if end == row + 1 && new.len() == 1 {
            let line = new.into_iter().next().unwrap_or_default();
            self.edit(row, |there| *there = line);
            return;
        }
        let count = new.len();
        let others = self.put(row, end, new);
        self.note(Change { row, count, others });
    }

    /// Changes a line. What is changed in it one after the other, as letters that are typed, is one change.
    pub fn edit(&mut self, row: usize, change: impl FnOnce(&mut Line)) {
        let last = self.open.as_ref().and_then(|step| step.changes.last());
        let again =
            last.is_some_and(|last| (last.row, last.count, last.others.len()) == (row, 1, 1));
        let Some(line) = self.lines.get_mut(row) else {
            return;
        };
        let before = (!again).then(|| line.clone());
        change(line);
        match before {
            Some(before) => self.note(Change {
                row,
                count: 1,
                others: vec![before],
            }),
            None => self.next_state(),
        }
    }

    pub fn replace_line(&mut self, row: usize, line: Line) {
        self.replace(row, 1, vec![line]);
    }

    fn note(&mut self, change: Change) {
        self.begin(Place::default());
        if let Some(step) = &mut self.open {
            step.changes.push(change);
        }
        self.next_state();
    }

    fn next_state(&mut self) {
        self.states += 1;
        self.state = self.states;
    }

    /// Puts lines in the place of others, which it gives.
    fn put(&mut self, row: usize, end: usize, new: Vec<Line>) -> Vec<Line> {
        if !self.flags.is_empty() {
            let (removed, added) = (end - row, new.len());
            let kept = row + removed.min(added);
            let more = added.saturating_sub(removed);
            self.flags.splice(kept..end, std::iter::repeat_n(0, more));
        }
        self.lines.splice(row..end, new).collect()
    }

    /// Inserts text at a place: its first line ends that line, its last begins the rest. Gives the place behind.
    pub fn insert(&mut self, at: Place, text: &[Line]) -> Place {
        let line = self.line(at.row);
        let column = at.column.min(line.len());
        let (before, after) = line.split_at(column);
        let mut lines: Vec<Line> = text.to_vec();
        let Some(last) = lines.len().checked_sub(1) else {
            return at;
        };
        let end = Place {
            row: at.row + last,
            column: lines[last].len() + if last == 0 { column } else { 0 },
        };
        lines[last].extend(after);
        lines[0].splice(0..0, before.iter().copied());
        self.replace(at.row, 1, lines);
        end
    }

    /// The text from one place up to another.
    pub fn text(&self, from: Place, to: Place) -> Vec<Line> {
        if from.row == to.row {
            let line = self.line(from.row);
            let end = to.column.min(line.len());
            return vec![line[from.column.min(end)..end].to_vec()];
        }
        let mut lines = Vec::new();
        let first = self.line(from.row);
        lines.push(first[from.column.min(first.len())..].to_vec());
        let between = self.lines.get(from.row + 1..to.row.min(self.lines.len()));
        lines.extend(between.into_iter().flatten().cloned());
        let last = self.line(to.row);
        lines.push(last[..to.column.min(last.len())].to_vec());
        lines
    }

    /// Takes the text from one place up to another away.
    pub fn delete(&mut self, from: Place, to: Place) {
        let first = self.line(from.row);
        let mut line = first[..from.column.min(first.len())].to_vec();
        let last = self.line(to.row);
        line.extend(&last[to.column.min(last.len())..]);
        self.replace(from.row, to.row - from.row + 1, vec![line]);
    }

    /// Undoes a step; gives where the cursor goes.
    fn undo(&mut self) -> Option<Place> {
        self.commit();
        let mut step = self.done.pop()?;
        let mut place = Place::default();
        for change in step.changes.iter_mut().rev() {
            self.swap(change);
            place.row = change.row;
        }
        if step.cursor.row == place.row {
            place = step.cursor;
        }
        self.state = step.before;
        self.undone.push(step);
        Some(place)
    }

    /// Does what was undone again.
    fn redo(&mut self) -> Option<Place> {
        self.commit();
        let mut step = self.undone.pop()?;
        let mut place = Place::default();
        for change in &mut step.changes {
            self.swap(change);
            place.row = change.row;
        }
        self.state = step.after;
        self.done.push(step);
        Some(place)
    }

    /// Undoes a step, or does it again.
    pub fn back(&mut self, undo: bool) -> Option<Place> {
        if undo { self.undo() } else { self.redo() }
    }

    fn swap(&mut self, change: &mut Change) {
        let others = std::mem::take(&mut change.others);
        let count = others.len();
        let end = (change.row + change.count).min(self.lines.len());
        change.others = self.put(change.row.min(end), end, others);
        change.count = count;
    }

    /// Flags lines, of which [`Self::flagged`] gives one after the other, wherever they are by then.
    pub fn flag(&mut self, rows: impl IntoIterator<Item = usize>) {
        self.flags = vec![0; self.lines.len()];
        for row in rows {
            self.flags[row] = 1;
        }
    }

    /// The first flagged line, which it is no more.
    pub fn flagged(&mut self) -> Option<usize> {
        let row = memchr::memchr(1, &self.flags)?;
        self.flags[row] = 0;
        Some(row)
    }

    pub fn forget_flags(&mut self) {
        self.flags = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::{Buffer, Place};
    use crate::editor::line::decode;

    fn text(buffer: &Buffer) -> String {
        let lines: Vec<String> = buffer
            .lines()
            .iter()
            .map(|line| line.iter().collect())
            .collect();
        lines.join("|")
    }

    fn place(row: usize, column: usize) -> Place {
        Place { row, column }
    }

    #[test]
    fn changes_are_undone_and_done_again() {
        let mut buffer = Buffer::new(vec![decode(b"one"), decode(b"two"), decode(b"three")]);
        buffer.begin(place(1, 1));
        let end = buffer.insert(place(1, 1), &[decode(b"A"), decode(b"B")]);
        assert_eq!(
            (text(&buffer).as_str(), end),
            ("one|tA|Bwo|three", place(2, 1))
        );
        buffer.commit();
        buffer.begin(place(0, 0));
        buffer.delete(place(0, 1), place(3, 2));
        buffer.commit();
        assert_eq!(text(&buffer), "oree");
        assert!(buffer.is_modified());
        assert_eq!(buffer.undo(), Some(place(0, 0)));
        assert_eq!(buffer.undo(), Some(place(1, 1)));
        assert_eq!(text(&buffer), "one|two|three");
        assert!(!buffer.is_modified());
        assert_eq!(buffer.undo(), None);
        buffer.redo();
        buffer.redo();
        assert!(buffer.is_modified());
        assert_eq!((text(&buffer).as_str(), buffer.redo()), ("oree", None));
    }

    #[test]
    fn letters_of_a_line_are_one_change() {
        let mut buffer = Buffer::new(vec![decode(b"a"), decode(b"b")]);
        for c in "xyz".chars() {
            buffer.edit(1, |line| line.push(c));
        }
        buffer.edit(0, |line| line.push('!'));
        buffer.edit(1, |line| line.push('?'));
        buffer.commit();
        assert_eq!(text(&buffer), "a!|bxyz?");
        buffer.undo();
        assert_eq!(text(&buffer), "a|b");
        buffer.redo();
        assert_eq!(text(&buffer), "a!|bxyz?");
    }

    #[test]
    fn a_text_without_lines_has_one() {
        let mut buffer = Buffer::new(vec![decode(b"x"), decode(b"y")]);
        buffer.begin(place(0, 0));
        buffer.replace(0, 2, Vec::new());
        buffer.commit();
        assert!(buffer.is_blank());
        buffer.undo();
        assert_eq!(text(&buffer), "x|y");
        buffer.redo();
        assert!(buffer.is_blank());
        buffer.undo();
        assert_eq!(text(&buffer), "x|y");
        assert_eq!(buffer.text(place(0, 0), place(1, 1)).len(), 2);
    }

    #[test]
    fn flags_stay_on_their_lines() {
        let mut buffer = Buffer::new("abcde".chars().map(|c| vec![c]).collect());
        buffer.flag([1, 3, 4]);
        assert_eq!(buffer.flagged(), Some(1));
        buffer.replace(1, 1, vec![decode(b"1"), decode(b"2"), decode(b"3")]);
        assert_eq!(buffer.flagged(), Some(5));
        buffer.replace(0, 4, Vec::new());
        assert_eq!((buffer.flagged(), buffer.flagged()), (Some(2), None));
    }
}
