//! `fc`: lines of the history, listed, edited and run again.

use crate::shell::{Exec, Flow, Shell};
use crate::text;

/// How many lines are listed without a range.
const LISTED: usize = 16;

struct Request {
    list: bool,
    numbers: bool,
    reverse: bool,
    again: bool,
    editor: Option<String>,
    operands: Vec<String>,
}

fn parse(shell: &mut Shell, words: &[String]) -> Result<Request, i32> {
    let mut request = Request {
        list: false,
        numbers: true,
        reverse: false,
        again: false,
        editor: None,
        operands: Vec::new(),
    };
    let mut rest = words[1..].iter();
    while let Some(word) = rest.next() {
        let letters = word.strip_prefix('-').filter(|l| !l.is_empty());
        // A number is a line counted from the end.
        let Some(letters) = letters.filter(|l| l.parse::<u32>().is_err()) else {
            request.operands.push(word.clone());
            break;
        };
        if word == "--" {
            break;
        }
        for letter in letters.chars() {
            match letter {
                'l' => request.list = true,
                'n' => request.numbers = false,
                'r' => request.reverse = true,
                's' => request.again = true,
                'e' => request.editor = rest.next().cloned(),
                _ => return Err(shell.misuse(&format!("fc: -{letter}: invalid option"))),
            }
        }
    }
    request.operands.extend(rest.cloned());
    request.again |= request.editor.as_deref() == Some("-");
    Ok(request)
}

impl Shell {
    /// The lines that `fc` may name: all before the one with `fc` itself, which a terminal has added.
    fn fc_lines(&self) -> usize {
        let lines = self.editor.history.len();
        if self.records() {
            lines.saturating_sub(1)
        } else {
            lines
        }
    }

    /// The line that an operand names: a number, one from the end, or the last that begins so.
    fn fc_line(&self, word: &str) -> Option<usize> {
        let lines = self.fc_lines();
        if let Ok(number) = word.parse::<i64>() {
            let at = if number < 0 {
                i64::try_from(lines).ok()? + number
            } else {
                number - 1 - i64::try_from(self.editor.dropped).ok()?
            };
            let at = usize::try_from(at.max(0)).ok()?;
            return Some(at.min(lines.checked_sub(1)?));
        }
        self.editor.history[..lines]
            .iter()
            .rposition(|line| line.starts_with(word))
    }
}

pub fn fc(shell: &mut Shell, words: &[String]) -> Exec {
    let request = match parse(shell, words) {
        Ok(request) => request,
        Err(status) => return Ok(status),
    };
    if request.list && request.operands.len() > 2 && !shell.bash {
        return Ok(shell.misuse("fc: too many arguments"));
    }
    if request.again {
        return run_again(shell, &request);
    }
    let lines = shell.fc_lines();
    if request.list && lines == 0 && shell.bash {
        return Ok(0);
    }
    let default = if request.list {
        lines.saturating_sub(LISTED)
    } else {
        lines.saturating_sub(1)
    };
    let mut ends = [default, lines.saturating_sub(1)];
    for (at, word) in request.operands.iter().take(2).enumerate() {
        match shell.fc_line(word) {
            Some(found) => ends[at] = found,
            None => {
                shell.error("fc: history specification out of range");
                return Ok(1);
            }
        }
    }
    if !request.list && request.operands.len() == 1 {
        ends[1] = ends[0];
    }
    if lines == 0 {
        if request.list {
            return Ok(0);
        }
        shell.error("fc: history specification out of range");
        return Ok(1);
    }
    let (from, to) = (ends[0].min(ends[1]), ends[0].max(ends[1]));
    let mut chosen: Vec<(usize, String)> = (from..=to)
        .map(|at| {
            (
                at + shell.editor.dropped + 1,
                shell.editor.history[at].clone(),
            )
        })
        .collect();
    if request.reverse || ends[0] > ends[1] {
        chosen.reverse();
    }
    if request.list {
        let text: String = chosen
            .iter()
            .map(|(number, line)| match request.numbers {
                true => format!("{number}\t {line}\n"),
                false => format!("\t {line}\n"),
            })
            .collect();
        return Ok(shell.print("fc", &text));
    }
    edit(shell, &request, &chosen)
}

/// `fc -s [old=new] [command]`.
fn run_again(shell: &mut Shell, request: &Request) -> Exec {
    let mut operands = request.operands.as_slice();
    let mut change = None;
    if let Some((old, new)) = operands.first().and_then(|word| word.split_once('=')) {
        change = Some((old.to_owned(), new.to_owned()));
        operands = &operands[1..];
    }
    let found = match operands.first() {
        Some(word) => shell.fc_line(word),
        None => shell.fc_lines().checked_sub(1),
    };
    let Some(at) = found else {
        shell.error("fc: no command found");
        return Ok(1);
    };
    let mut line = shell.editor.history[at].clone();
    if let Some((old, new)) = change {
        line = line.replace(&old, &new);
    }
    run(shell, &line)
}

/// Shows a line, remembers it in place of the `fc`, and runs it.
fn run(shell: &mut Shell, line: &str) -> Exec {
    shell.print_error_raw(&format!("{}\n", line.trim_end_matches('\n')));
    if shell.records() {
        shell.editor.history.pop();
    }
    shell.remember(line.trim_end_matches('\n'));
    shell.eval_text(line, 1)
}

fn edit(shell: &mut Shell, request: &Request, chosen: &[(usize, String)]) -> Exec {
    let content: String = chosen.iter().map(|(_, line)| format!("{line}\n")).collect();
    match edit_text(shell, request.editor.clone(), &content)? {
        Some(text) => run(shell, &text),
        None => Ok(1),
    }
}

/// Has a text edited by a program: the one named, or that of `FCEDIT` or `EDITOR`. Nothing if that fails, which is told.
///
/// # Errors
/// The command that starts it ends the shell.
pub(super) fn edit_text(
    shell: &mut Shell,
    editor: Option<String>,
    content: &str,
) -> Result<Option<String>, Flow> {
    let named = |name: &str| shell.var(name).filter(|value| !value.is_empty());
    let fallback = if shell.bash { "vi" } else { "ed" };
    let editor = editor
        .or_else(|| named("FCEDIT"))
        .or_else(|| named("EDITOR"))
        .unwrap_or_else(|| fallback.to_owned());
    let directory = named("TMPDIR").unwrap_or_else(|| "/tmp".to_owned());
    let file = format!("{directory}/sh-fc.{}", shell.pid);
    if let Err(error) = std::fs::write(text::path(&file), &*text::encode(content)) {
        shell.error(&format!(
            "fc: {file}: {}",
            secure_exec_sys::errno::message(&error)
        ));
        return Ok(None);
    }
    let quoted = crate::expand::escape::single_quote(&file);
    let edited = shell.eval_text(&format!("{editor} {quoted}"), 1);
    let bytes = std::fs::read(text::path(&file)).unwrap_or_default();
    // It was made above.
    let _ = std::fs::remove_file(text::path(&file));
    Ok((edited? == 0).then(|| text::decode(&bytes)))
}
