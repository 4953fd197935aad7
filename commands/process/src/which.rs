//! `which`: where a command would be found.

use std::path::{Path, PathBuf};

use secure_exec_cli::{Args, Outcome, Syntax, bytes, flag, path};
use secure_exec_sys::path::{X_OK, access, stat};

const SYNTAX: Syntax = Syntax {
    options: &[flag('a', "all"), flag('s', "s")],
    usage: "[-as] NAME...",
    usage_status: 2,
    operand_ends: true,
};

pub fn main(args: &Args) -> Outcome {
    let parsed = SYNTAX.parse(args)?;
    let mut status = i32::from(parsed.operands.is_empty());
    for name in &parsed.operands {
        let found = candidates(bytes(name))
            .into_iter()
            .filter(|each| is_program(each));
        let found: Vec<PathBuf> = found
            .take(if parsed.has("all") { usize::MAX } else { 1 })
            .collect();
        if found.is_empty() {
            status = 1;
        }
        if !parsed.has("s") {
            found.iter().for_each(|each| println!("{}", each.display()));
        }
    }
    Ok(status)
}

/// Where a command may be: a name with a slash is a path.
fn candidates(name: &[u8]) -> Vec<PathBuf> {
    if name.contains(&b'/') {
        return vec![path(name)];
    }
    let list = std::env::var_os("PATH").unwrap_or_default();
    let folders = bytes(&list).split(|&byte| byte == b':');
    folders
        .map(|folder| path(if folder.is_empty() { b"." } else { folder }).join(path(name)))
        .collect()
}

fn is_program(candidate: &Path) -> bool {
    stat(candidate).is_ok_and(|found| found.is_file()) && access(candidate, X_OK).is_ok()
}
