//! Reads unified, context and normal diffs and scripts of ed, as POSIX.1-2024's diff writes them.

use super::options::Options;
use super::script;
use secure_exec_cli::Zone;

/// One line of a hunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    Context(Vec<u8>),
    Remove(Vec<u8>),
    Add(Vec<u8>),
}

#[derive(Clone, Debug, Default)]
pub struct Hunk {
    /// The first line in the old and in the new file, counted from 1; 0 before the first.
    pub old_start: usize,
    pub new_start: usize,
    pub lines: Vec<Line>,
    /// The last line of the old or new text has no newline.
    pub old_unterminated: bool,
    pub new_unterminated: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Unified,
    Context,
    Normal,
    /// A script of ed.
    Ed,
}

/// The changes of one file.
#[derive(Clone, Debug)]
pub struct FilePatch {
    pub old_name: Option<Vec<u8>>,
    pub new_name: Option<Vec<u8>>,
    /// The name behind `Index:`.
    pub index_name: Option<Vec<u8>>,
    pub hunks: Vec<Hunk>,
    pub format: Format,
    pub rename: Option<(Vec<u8>, Vec<u8>)>,
    /// What `rename` names is copied, and stays.
    pub copy: bool,
    pub delete: bool,
    /// The header says of the old or of the new file that it is not there, by a date that is the epoch.
    pub old_absent: bool,
    pub new_absent: bool,
    pub mode: Option<u32>,
    pub old_mode: Option<u32>,
    /// The mode that the file had, of which git says that it stays.
    pub kept_mode: Option<u32>,
    /// git's header says that there is a binary change.
    pub binary: bool,
    /// The dates of the header.
    pub old_stamp: Option<Vec<u8>>,
    pub new_stamp: Option<Vec<u8>>,
    /// The commands, where it is a script of ed.
    pub script: Vec<script::Command>,
    /// What stands before the hunks, and the number of the line behind it.
    pub leading: Vec<Vec<u8>>,
    pub line: usize,
}

impl Hunk {
    /// The lines that the hunk expects.
    pub fn old_lines(&self) -> Vec<&[u8]> {
        self.lines
            .iter()
            .filter_map(|line| match line {
                Line::Context(text) | Line::Remove(text) => Some(text.as_slice()),
                Line::Add(_) => None,
            })
            .collect()
    }

    pub fn new_count(&self) -> usize {
        self.lines
            .iter()
            .filter(|line| !matches!(line, Line::Remove(_)))
            .count()
    }

    pub fn reversed(&self) -> Self {
        let mut lines: Vec<Line> = Vec::with_capacity(self.lines.len());
        let mut added: Vec<Line> = Vec::new();
        for line in &self.lines {
            match line {
                Line::Context(_) => {
                    lines.append(&mut added);
                    lines.push(line.clone());
                }
                // What is removed goes first.
                Line::Add(text) => lines.push(Line::Remove(text.clone())),
                Line::Remove(text) => added.push(Line::Add(text.clone())),
            }
        }
        lines.append(&mut added);
        Self {
            old_start: self.new_start,
            new_start: self.old_start,
            lines,
            old_unterminated: self.new_unterminated,
            new_unterminated: self.old_unterminated,
        }
    }
}

impl FilePatch {
    /// Whether git's header alone changes something.
    fn is_header(&self) -> bool {
        self.rename.is_some() || self.mode.is_some() || self.delete || self.binary
    }

    /// Takes the names of a header without hunks.
    fn name_by_header(&mut self, names: &Option<(Vec<u8>, Vec<u8>)>) {
        let Some((old, new)) = names.clone() else {
            return;
        };
        let absent = || b"/dev/null".to_vec();
        self.old_name = Some(if self.old_absent { absent() } else { old });
        self.new_name = Some(if self.delete { absent() } else { new });
    }
}

/// The names of a line `diff --git a/name b/name`, where they are the same.
fn git_names(text: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let text = text.trim_ascii_end();
    let (old, new) = text.split_at_checked(text.len() / 2)?;
    let new = new.strip_prefix(b" ")?;
    let same = old.split(|&byte| byte == b'/').skip(1);
    same.eq(new.split(|&byte| byte == b'/').skip(1))
        .then(|| (old.to_vec(), new.to_vec()))
}

fn octal(text: &[u8]) -> Option<u32> {
    u32::from_str_radix(std::str::from_utf8(text).ok()?.trim(), 8).ok()
}

/// What stands behind the name of a header line.
fn stamp(line: &[u8]) -> Option<Vec<u8>> {
    let at = line.iter().position(|&byte| byte == b'\t')?;
    let stamp = line[at + 1..].trim_ascii();
    (!stamp.is_empty()).then(|| stamp.to_vec())
}

/// The lines of a patch.
pub struct Reader<'a> {
    lines: Vec<&'a [u8]>,
    at: usize,
    /// The only kind of patch that is wanted.
    wanted: Option<Format>,
    /// The file is known, so that patches without a header count.
    is_named: bool,
    /// How many lines the patches up to now are.
    taken: usize,
}

type Result<T> = std::result::Result<T, String>;

/// The name of a header line: up to a tab, or to what looks like a date.
fn header_name(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.trim_ascii_start();
    if text.starts_with(b"\"") {
        let end = text[1..].iter().position(|&byte| byte == b'"')?;
        return Some(text[1..=end].to_vec());
    }
    let end = text
        .iter()
        .position(|&byte| byte == b'\t')
        .unwrap_or_else(|| {
            let date = text.windows(6).position(|part| {
                part[0] == b' ' && part[1..5].iter().all(u8::is_ascii_digit) && part[5] == b'-'
            });
            date.unwrap_or(text.len())
        });
    let name = text[..end].trim_ascii_end();
    (!name.is_empty()).then(|| name.to_vec())
}

/// Whether the date of a header line is the epoch, as `diff -N` writes it for a file that is not there.
fn is_epoch(line: &[u8]) -> bool {
    let at = line.iter().position(|&byte| byte == b'\t');
    at.is_some_and(|at| {
        super::stamp::seconds(&line[at + 1..], &Zone::named(Some("UTC0"))) == Some((0, 0))
    })
}

/// `start,count` or `start`.
fn range(text: &[u8]) -> Option<(usize, usize)> {
    let text = std::str::from_utf8(text).ok()?;
    match text.split_once(',') {
        Some((start, count)) => Some((start.parse().ok()?, count.parse().ok()?)),
        None => Some((text.parse().ok()?, 1)),
    }
}

impl<'a> Reader<'a> {
    pub fn new(text: &'a [u8], options: &Options) -> Self {
        let mut lines: Vec<&[u8]> = text.split(|&byte| byte == b'\n').collect();
        if lines.last().is_some_and(|line| line.is_empty()) {
            lines.pop();
        }
        Self {
            lines,
            at: 0,
            wanted: options.format,
            is_named: options.file.is_some() || options.format.is_some(),
            taken: 0,
        }
    }

    fn peek(&self) -> Option<&'a [u8]> {
        self.lines.get(self.at).copied()
    }

    fn ahead(&self, count: usize) -> &'a [u8] {
        self.lines.get(self.at + count).copied().unwrap_or_default()
    }

    /// Whether there are lines behind the last patch.
    pub fn has_more(&self) -> bool {
        self.at > self.taken
    }

    fn wants(&self, format: Format) -> bool {
        self.wanted.is_none_or(|wanted| wanted == format)
    }

    /// Takes what stands before the hunks for the message about a file that is not found.
    fn note_leading(&self, patch: &mut FilePatch, start: usize) {
        let leading = self.lines[start..self.at].iter();
        patch.leading = leading.map(|line| line.to_vec()).collect();
        patch.line = self.at + 1;
    }

    /// The changes of the next file. Nothing at the end.
    pub fn next_file(&mut self) -> Result<Option<FilePatch>> {
        let mut patch = FilePatch {
            old_name: None,
            new_name: None,
            index_name: None,
            hunks: Vec::new(),
            format: Format::Unified,
            rename: None,
            copy: false,
            delete: false,
            old_absent: false,
            new_absent: false,
            mode: None,
            old_mode: None,
            kept_mode: None,
            binary: false,
            old_stamp: None,
            new_stamp: None,
            script: Vec::new(),
            leading: Vec::new(),
            line: 0,
        };
        let mut rename_from = None;
        let mut git = None;
        let start = self.at;
        self.taken = start;
        while let Some(line) = self.peek() {
            if let Some(name) = line.strip_prefix(b"Index:") {
                patch.index_name = header_name(name);
            } else if line.starts_with(b"diff --git ") {
                if let Some(names) = &git
                    && patch.is_header()
                {
                    patch.name_by_header(names);
                    return Ok(Some(patch));
                }
                git = Some(git_names(&line[b"diff --git ".len()..]));
            } else if let Some(name) = line
                .strip_prefix(b"rename from ")
                .or_else(|| line.strip_prefix(b"copy from "))
            {
                rename_from = Some(name.to_vec());
            } else if let Some(name) = line
                .strip_prefix(b"rename to ")
                .or_else(|| line.strip_prefix(b"copy to "))
            {
                patch.copy = line.starts_with(b"copy");
                patch.rename = rename_from.take().map(|from| (from, name.to_vec()));
            } else if git.is_some()
                && (line == b"GIT binary patch" || line.starts_with(b"Binary files "))
            {
                patch.binary = true;
                // What follows is no text.
                while self.peek().is_some_and(|line| !line.starts_with(b"diff ")) {
                    self.at += 1;
                }
                continue;
            } else if let Some(mode) = line.strip_prefix(b"deleted file mode ") {
                patch.delete = true;
                patch.kept_mode = octal(mode);
            } else if git.is_some() && line.starts_with(b"index ") {
                let mode = line.rsplit(|&byte| byte == b' ').next();
                let mode = mode
                    .and_then(octal)
                    .filter(|_| line.split(|&byte| byte == b' ').count() == 3);
                patch.kept_mode = mode.or(patch.kept_mode);
            } else if let Some(mode) = line.strip_prefix(b"old mode ") {
                patch.old_mode = octal(mode);
            } else if let Some(mode) = line
                .strip_prefix(b"new file mode ")
                .or_else(|| line.strip_prefix(b"new mode "))
            {
                patch.old_absent |= line.starts_with(b"new file");
                patch.mode = octal(mode);
            } else if self.wants(Format::Unified)
                && line.starts_with(b"--- ")
                && self.ahead(1).starts_with(b"+++ ")
            {
                patch.old_name = header_name(&line[4..]);
                patch.new_name = header_name(&self.ahead(1)[4..]);
                patch.old_absent = is_epoch(&line[4..]);
                patch.new_absent = is_epoch(&self.ahead(1)[4..]);
                patch.old_stamp = stamp(line);
                patch.new_stamp = stamp(self.ahead(1));
                self.at += 2;
                if self.peek().is_some_and(|line| line.starts_with(b"@@ -")) {
                    self.note_leading(&mut patch, start);
                    self.unified(&mut patch)?;
                    return Ok(Some(patch));
                }
                continue;
            } else if self.wants(Format::Unified) && line.starts_with(b"@@ -") {
                self.note_leading(&mut patch, start);
                self.unified(&mut patch)?;
                return Ok(Some(patch));
            } else if self.wants(Format::Context)
                && line.starts_with(b"*** ")
                && self.ahead(1).starts_with(b"--- ")
                && self.ahead(2).starts_with(b"***************")
            {
                patch.old_name = header_name(&line[4..]);
                patch.new_name = header_name(&self.ahead(1)[4..]);
                patch.old_absent = is_epoch(&line[4..]);
                patch.new_absent = is_epoch(&self.ahead(1)[4..]);
                patch.old_stamp = stamp(line);
                patch.new_stamp = stamp(self.ahead(1));
                patch.format = Format::Context;
                self.at += 2;
                self.note_leading(&mut patch, start);
                self.context(&mut patch)?;
                return Ok(Some(patch));
            } else if self.wants(Format::Normal)
                && (self.is_named || patch.index_name.is_some())
                && normal_command(line).is_some()
                && self.normal_body_follows(line)
            {
                patch.format = Format::Normal;
                self.note_leading(&mut patch, start);
                self.normal(&mut patch)?;
                return Ok(Some(patch));
            } else if self.wants(Format::Ed) && (self.is_named || patch.index_name.is_some()) {
                let (commands, count) = script::read(&self.lines[self.at..]);
                if count > 0 {
                    patch.format = Format::Ed;
                    self.note_leading(&mut patch, start);
                    patch.script = commands;
                    self.at += count;
                    return Ok(Some(patch));
                }
            }
            self.at += 1;
        }
        if let Some(names) = &git
            && patch.is_header()
        {
            patch.name_by_header(names);
            return Ok(Some(patch));
        }
        Ok(None)
    }

    fn malformed<T>(&self) -> Result<T> {
        let line = String::from_utf8_lossy(self.peek().unwrap_or_default()).into_owned();
        Err(format!("malformed patch at line {}: {line}", self.at + 1))
    }

    fn unified(&mut self, patch: &mut FilePatch) -> Result<()> {
        while let Some(line) = self.peek() {
            let Some(rest) = line.strip_prefix(b"@@ -") else {
                break;
            };
            let mut parts = rest.split(|&byte| byte == b' ');
            let old = parts.next().and_then(range);
            let new = parts
                .next()
                .and_then(|part| part.strip_prefix(b"+"))
                .and_then(range);
            let (Some(old), Some(new)) = (old, new) else {
                return self.malformed();
            };
            self.at += 1;
            let mut hunk = Hunk {
                old_start: old.0,
                new_start: new.0,
                ..Hunk::default()
            };
            let (mut old_left, mut new_left) = (old.1, new.1);
            while old_left > 0 || new_left > 0 {
                let Some(line) = self.peek() else {
                    return Err("unexpected end of file in patch".to_owned());
                };
                let (mark, text) = line.split_first().map_or((b' ', line), |(m, t)| (*m, t));
                match mark {
                    b' ' | b'\t' if old_left > 0 && new_left > 0 => {
                        let text = if mark == b'\t' { line } else { text };
                        hunk.lines.push(Line::Context(text.to_vec()));
                        old_left -= 1;
                        new_left -= 1;
                    }
                    b'-' if old_left > 0 => {
                        hunk.lines.push(Line::Remove(text.to_vec()));
                        old_left -= 1;
                    }
                    b'+' if new_left > 0 => {
                        hunk.lines.push(Line::Add(text.to_vec()));
                        new_left -= 1;
                    }
                    b'\\' => mark_unterminated(&mut hunk),
                    _ => return self.malformed(),
                }
                self.at += 1;
            }
            if self.peek().is_some_and(|line| line.starts_with(b"\\ ")) {
                mark_unterminated(&mut hunk);
                self.at += 1;
            }
            patch.hunks.push(hunk);
        }
        Ok(())
    }

    fn context(&mut self, patch: &mut FilePatch) -> Result<()> {
        while self
            .peek()
            .is_some_and(|line| line.starts_with(b"***************"))
        {
            self.at += 1;
            let Some(old) = self
                .peek()
                .and_then(|line| context_range(line, b"*** ", b" ****"))
            else {
                return self.malformed();
            };
            self.at += 1;
            let (old_lines, old_unterminated) = self.context_lines(b"--- ");
            let Some(new) = self
                .peek()
                .and_then(|line| context_range(line, b"--- ", b" ----"))
            else {
                return self.malformed();
            };
            self.at += 1;
            let (new_lines, new_unterminated) = self.context_lines(b"***");
            let lines = merged(old_lines, new_lines);
            patch.hunks.push(Hunk {
                old_start: old,
                new_start: new,
                lines,
                old_unterminated,
                new_unterminated,
            });
        }
        Ok(())
    }

    /// The lines of one half of a context hunk, with their marks.
    fn context_lines(&mut self, end: &[u8]) -> (Vec<(u8, Vec<u8>)>, bool) {
        let mut lines = Vec::new();
        let mut unterminated = false;
        while let Some(line) = self.peek() {
            if line.starts_with(b"\\ ") {
                unterminated = true;
                self.at += 1;
                continue;
            }
            let marked = line.len() >= 2 && line[1] == b' ' && b" !+-".contains(&line[0]);
            if line.starts_with(end) && (end == b"***" || line.ends_with(b" ----")) {
                break;
            }
            if !marked {
                break;
            }
            lines.push((line[0], line[2..].to_vec()));
            self.at += 1;
        }
        (lines, unterminated)
    }

    fn normal_body_follows(&self, line: &[u8]) -> bool {
        let kind = line.iter().find(|byte| byte.is_ascii_alphabetic());
        let mark: &[u8] = if kind == Some(&b'a') { b"> " } else { b"< " };
        self.ahead(1).starts_with(mark) || self.ahead(1) == mark.trim_ascii_end()
    }

    fn normal(&mut self, patch: &mut FilePatch) -> Result<()> {
        while let Some((old, kind, new)) = self.peek().and_then(normal_command) {
            self.at += 1;
            let mut hunk = Hunk {
                old_start: if kind == b'a' { old.0 + 1 } else { old.0 },
                new_start: new.0,
                ..Hunk::default()
            };
            if kind != b'a' {
                for _ in old.0..=old.1 {
                    let text = self.normal_line(b'<')?;
                    hunk.lines.push(Line::Remove(text));
                }
                hunk.old_unterminated = self.skip_marker();
            }
            if kind == b'c' {
                if self.peek() != Some(b"---") {
                    return self.malformed();
                }
                self.at += 1;
            }
            if kind != b'd' {
                for _ in new.0..=new.1 {
                    let text = self.normal_line(b'>')?;
                    hunk.lines.push(Line::Add(text));
                }
                hunk.new_unterminated = self.skip_marker();
            }
            if kind == b'd' {
                hunk.new_start = new.0 + 1;
            }
            patch.hunks.push(hunk);
        }
        Ok(())
    }

    fn skip_marker(&mut self) -> bool {
        let marked = self.peek().is_some_and(|line| line.starts_with(b"\\ "));
        self.at += usize::from(marked);
        marked
    }

    fn normal_line(&mut self, mark: u8) -> Result<Vec<u8>> {
        match self.peek() {
            Some([first, rest @ ..]) if *first == mark => {
                self.at += 1;
                Ok(rest.strip_prefix(b" ").unwrap_or(rest).to_vec())
            }
            _ => self.malformed(),
        }
    }
}

/// `\ No newline at end of file` is about the line before it.
fn mark_unterminated(hunk: &mut Hunk) {
    match hunk.lines.last() {
        Some(Line::Add(_)) => hunk.new_unterminated = true,
        Some(Line::Remove(_)) => hunk.old_unterminated = true,
        _ => {
            hunk.old_unterminated = true;
            hunk.new_unterminated = true;
        }
    }
}

fn context_range(line: &[u8], prefix: &[u8], suffix: &[u8]) -> Option<usize> {
    let text = line.strip_prefix(prefix)?.strip_suffix(suffix)?;
    let first = text.split(|&byte| byte == b',').next()?;
    std::str::from_utf8(first).ok()?.parse().ok()
}

/// Puts the two halves of a context hunk together; a half without changes is left out in the patch.
fn merged(old: Vec<(u8, Vec<u8>)>, new: Vec<(u8, Vec<u8>)>) -> Vec<Line> {
    let mut lines = Vec::new();
    let (only_old, only_new) = (new.is_empty(), old.is_empty());
    let mut old = old.into_iter().peekable();
    let mut new = new.into_iter().peekable();
    loop {
        while let Some((_, text)) = old.next_if(|(mark, _)| *mark != b' ') {
            lines.push(Line::Remove(text));
        }
        while let Some((_, text)) = new.next_if(|(mark, _)| *mark != b' ') {
            lines.push(Line::Add(text));
        }
        let from_old = old.next();
        let from_new = new.next();
        match (from_old, from_new) {
            (Some((_, text)), Some(_)) => lines.push(Line::Context(text)),
            (Some((_, text)), None) if only_old => lines.push(Line::Context(text)),
            (None, Some((_, text))) if only_new => lines.push(Line::Context(text)),
            _ => return lines,
        }
    }
}

type Command = ((usize, usize), u8, (usize, usize));

/// `1,2c3` and the like.
fn normal_command(line: &[u8]) -> Option<Command> {
    let at = line.iter().position(|byte| b"acd".contains(byte))?;
    let numbers = |text: &[u8]| {
        if !text.first()?.is_ascii_digit() {
            return None;
        }
        let text = std::str::from_utf8(text).ok()?;
        let (start, end) = text.split_once(',').unwrap_or((text, text));
        Some((start.parse().ok()?, end.parse().ok()?))
    };
    Some((numbers(&line[..at])?, line[at], numbers(&line[at + 1..])?))
}
