//! Names of commands, and where a command ends on its line.

use super::address::Words;

/// Commands by their names, with the shortest that is enough. Of two that fit, the first one counts.
const NAMES: &[(&str, usize)] = &[
    ("append", 1),
    ("args", 2),
    ("change", 1),
    ("copy", 2),
    ("cquit", 2),
    ("delete", 1),
    ("edit", 1),
    ("exit", 3),
    ("ex", 2),
    ("file", 1),
    ("filetype", 5),
    ("global", 1),
    ("highlight", 2),
    ("insert", 1),
    ("join", 1),
    ("k", 1),
    ("list", 1),
    ("mark", 2),
    ("move", 1),
    ("next", 1),
    ("nohlsearch", 3),
    ("normal", 4),
    ("number", 2),
    ("previous", 4),
    ("print", 1),
    ("put", 2),
    ("qall", 2),
    ("quit", 1),
    ("read", 1),
    ("redo", 3),
    ("rewind", 3),
    ("saveas", 3),
    ("set", 2),
    ("setlocal", 4),
    ("shell", 2),
    ("silent", 3),
    ("sort", 3),
    ("source", 2),
    ("stop", 2),
    ("substitute", 1),
    ("suspend", 3),
    ("syntax", 2),
    ("t", 1),
    ("undo", 1),
    ("update", 2),
    ("version", 2),
    ("vglobal", 1),
    ("visual", 2),
    ("wall", 2),
    ("wq", 2),
    ("wqall", 3),
    ("write", 1),
    ("xall", 2),
    ("xit", 1),
    ("yank", 1),
];

/// Commands that take all of the line, `|` too.
const WHOLE: &[&str] = &[
    "append", "change", "insert", "global", "vglobal", "normal", "!", "read!", "write!",
];

fn full_name(name: &str) -> Option<&'static str> {
    let fits = |(full, least): &&(&str, usize)| name.len() >= *least && full.starts_with(name);
    NAMES.iter().find(fits).map(|(full, _)| *full)
}

/// The name of the command that comes next.
pub(super) fn command_name(words: &mut Words) -> Result<&'static str, String> {
    let Some(first) = words.peek() else {
        return Ok("");
    };
    for sign in ["!", "=", "<", ">", "&"] {
        if sign.starts_with(first) {
            words.next();
            return Ok(sign);
        }
    }
    if first == '#' {
        words.next();
        return Ok("number");
    }
    if first == '|' {
        return Ok("");
    }
    // `ka` is the command k, and its mark; `s` is followed by anything.
    if first == 'k' {
        words.next();
        return Ok("k");
    }
    let all = words.rest();
    let length = all.iter().take_while(|c| c.is_ascii_alphabetic()).count();
    let name: String = all[..length].iter().collect();
    let (full, length) = match full_name(&name) {
        Some(full) => (full, length),
        // `:dx` has a register behind the command, and `:sg` a flag.
        None if name.starts_with('s')
            && name.chars().skip(1).all(|c| "gpnei&".contains(c))
            && !name.is_empty() =>
        {
            ("substitute", 1)
        }
        None => {
            let line: String = all.iter().collect();
            return Err(format!("E492: Not an editor command: {line}"));
        }
    };
    for _ in 0..length {
        words.next();
    }
    Ok(full)
}

pub(super) fn takes_all(name: &str, after: &[char]) -> bool {
    let first = after.iter().find(|c| !c.is_whitespace());
    WHOLE.contains(&name) || (matches!(name, "read" | "write") && first == Some(&'!'))
}

/// Where a command ends at a bar; for a substitution, one that is not within its parts.
pub(super) fn bar(name: &str, after: &[char]) -> usize {
    let mut escaped = false;
    let delimiter = after
        .first()
        .copied()
        .filter(|c| name == "substitute" && !c.is_alphanumeric() && *c != ' ');
    let mut parts = if delimiter.is_some() { 0 } else { 3 };
    for (at, &c) in after.iter().enumerate() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if Some(c) == delimiter => parts += 1,
            // A bar, and a comment.
            '|' if parts >= 3 || at == 0 => return at,
            _ => {}
        }
    }
    after.len()
}
