//! The question what is to be done with a file that exists.

use super::options::Overwrite;
use secure_exec_cli::os_string;
use std::io::{self, BufRead, Write};
use std::path::PathBuf;

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Yes,
    No,
    /// Nobody is there to answer.
    End,
    /// The file is to have another name.
    Rename(PathBuf),
}

fn line() -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    io::stdin().lock().read_until(b'\n', &mut line)?;
    Ok((!line.is_empty()).then(|| line.trim_ascii().to_vec()))
}

/// Asks on standard error, and changes what is done with the files that follow.
pub fn ask(shown: &str, overwrite: &mut Overwrite) -> io::Result<Answer> {
    io::stdout().flush()?;
    loop {
        eprint!("replace {shown}? [y]es, [n]o, [A]ll, [N]one, [r]ename: ");
        let Some(answer) = line()? else {
            eprintln!(" NULL\n(EOF or read error, treating as \"[N]one\" ...)");
            *overwrite = Overwrite::Never;
            return Ok(Answer::End);
        };
        match answer.first() {
            Some(b'y' | b'Y') => return Ok(Answer::Yes),
            Some(b'n') => return Ok(Answer::No),
            Some(b'A') => {
                *overwrite = Overwrite::Always;
                return Ok(Answer::Yes);
            }
            Some(b'N') => {
                *overwrite = Overwrite::Never;
                return Ok(Answer::No);
            }
            Some(b'r' | b'R') => loop {
                eprint!("new name: ");
                match line()? {
                    Some(name) if name.is_empty() => {}
                    Some(name) => return Ok(Answer::Rename(os_string(name).into())),
                    None => return Ok(Answer::No),
                }
            },
            None => eprintln!("error:  invalid response [{{ENTER}}]"),
            Some(_) => {
                let answer = String::from_utf8_lossy(&answer);
                eprintln!("error:  invalid response [{answer}]");
            }
        }
    }
}
