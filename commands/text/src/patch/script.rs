//! Scripts of `ed(1)`, as `diff -e` writes them.

/// A command with its lines, counted from 1. Without a number it is about the line of the last one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    pub lines: Option<(usize, usize)>,
    pub action: Action,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    Append(Vec<Vec<u8>>),
    Insert(Vec<Vec<u8>>),
    Change(Vec<Vec<u8>>),
    Delete,
    /// `s/.//`: takes the first character of the line away, which `diff -e` put before a line of only a dot.
    Uncover,
}

/// The lines and the letter of a command, where a line is one.
fn command(line: &[u8]) -> Option<(Option<(usize, usize)>, u8)> {
    if line == b"s/.//" {
        return Some((None, b's'));
    }
    let (letter, numbers) = line.split_last()?;
    if !b"acdi".contains(letter) {
        return None;
    }
    if numbers.is_empty() {
        return (*letter != b'd').then_some((None, *letter));
    }
    let numbers = std::str::from_utf8(numbers).ok()?;
    let (first, last) = numbers.split_once(',').unwrap_or((numbers, numbers));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(first) || !digits(last) {
        return None;
    }
    Some((Some((first.parse().ok()?, last.parse().ok()?)), *letter))
}

/// Reads the commands at the start of some lines: these, and how many lines they are. An end within the text of a
/// command is none of it.
pub fn read(lines: &[&[u8]]) -> (Vec<Command>, usize) {
    let mut commands = Vec::new();
    let mut at = 0;
    while let Some((numbers, letter)) = lines.get(at).and_then(|line| command(line)) {
        let mut next = at + 1;
        let mut text = Vec::new();
        if b"aci".contains(&letter) {
            let body = &lines[next..];
            let Some(end) = body.iter().position(|line| *line == b".") else {
                break;
            };
            text = body[..end].iter().map(|line| line.to_vec()).collect();
            next += end + 1;
        }
        commands.push(Command {
            lines: numbers,
            action: match letter {
                b'a' => Action::Append(text),
                b'i' => Action::Insert(text),
                b'c' => Action::Change(text),
                b'd' => Action::Delete,
                _ => Action::Uncover,
            },
        });
        at = next;
    }
    (commands, at)
}

/// Runs a script on the lines of a file. None if it is about lines that are not there.
pub fn run(commands: &[Command], mut lines: Vec<Vec<u8>>) -> Option<Vec<Vec<u8>>> {
    let mut current = lines.len();
    for command in commands {
        let (first, last) = command.lines.unwrap_or((current, current));
        let adds = matches!(command.action, Action::Append(_) | Action::Insert(_));
        if first > last || last > lines.len() || (first == 0 && !adds) {
            return None;
        }
        current = match &command.action {
            Action::Append(text) => {
                lines.splice(last..last, text.iter().cloned());
                last + text.len()
            }
            Action::Insert(text) => {
                let at = last.saturating_sub(1);
                lines.splice(at..at, text.iter().cloned());
                at + text.len()
            }
            Action::Change(text) => {
                lines.splice(first - 1..last, text.iter().cloned());
                (first - 1 + text.len()).min(lines.len())
            }
            Action::Delete => {
                lines.drain(first - 1..last);
                first.min(lines.len())
            }
            Action::Uncover => {
                let line = &mut lines[last - 1];
                if line.is_empty() {
                    return None;
                }
                line.remove(0);
                last
            }
        };
    }
    Some(lines)
}
