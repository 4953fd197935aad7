//! Questions to the user.

use std::io::{self, BufRead, Write};

use secure_exec_cli::Args;

/// Whether the user agrees.
pub fn confirm(args: &Args, question: &str) -> bool {
    let _ = io::stdout().flush();
    let _ = write!(io::stderr(), "{}: {question} ", args.name);
    let mut answer = Vec::new();
    // An answer that cannot be read is none.
    let read = io::stdin().lock().read_until(b'\n', &mut answer);
    read.is_ok() && matches!(answer.first(), Some(b'y' | b'Y'))
}
