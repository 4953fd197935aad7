//! `--env-file` and `--env-file-if-exists`. Follows Node's `src/node_dotenv.cc` and `InitializeNodeWithArgsInternal`.
//!
//! A `NODE_OPTIONS` in such a file is a variable like any other: it is inert in this VM.

use indexmap::IndexMap;
use secure_exec_kernel::{OpenFlags, Process};

use crate::binding::util::dotenv;

const REQUIRED: &str = "--env-file";
const OPTIONAL: &str = "--env-file-if-exists";

/// What the files of a command line come to.
#[derive(Default)]
pub struct Loaded {
    /// A later file replaces what an earlier one says.
    pub variables: IndexMap<String, String>,
    /// Optional files that are not there, in Node's words; whole lines.
    pub notes: String,
    /// Why the program does not start.
    pub errors: Vec<String>,
}

/// Reads the files that `arguments`, the command line behind `node`, name: wherever the option stands before `--`, also
/// behind the script.
pub fn load(process: &Process, arguments: &[String]) -> Loaded {
    let mut loaded = Loaded::default();
    for (path, optional) in files(arguments) {
        match read(process, path.as_bytes()) {
            Content::Text(text) => loaded.variables.extend(dotenv::parse(&text)),
            Content::Missing if optional => {
                loaded.notes.push_str(path);
                loaded
                    .notes
                    .push_str(" not found. Continuing without it.\n");
            }
            Content::Missing => loaded.errors.push(format!("{path}: not found")),
            Content::Unreadable => loaded.errors.push(format!("{path}: invalid format")),
        }
    }
    loaded
}

/// Paths, and whether they may be missing (`Dotenv::GetDataFromArgs`).
fn files(arguments: &[String]) -> Vec<(&str, bool)> {
    let mut files = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let (name, value) = match argument.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (argument.as_str(), None),
        };
        if argument == "--" {
            break;
        }
        if name != REQUIRED && name != OPTIONAL {
            continue;
        }
        // The word behind the name may be such an option, too.
        let path = value.or_else(|| rest.as_slice().first().map(String::as_str));
        files.extend(path.map(|path| (path, name == OPTIONAL)));
    }
    files
}

enum Content {
    Text(String),
    Missing,
    Unreadable,
}

fn read(process: &Process, path: &[u8]) -> Content {
    let flags = OpenFlags::O_RDONLY | OpenFlags::O_CLOEXEC;
    let Ok(fd) = process.open(path, flags, 0) else {
        return Content::Missing;
    };
    let mut content = Vec::new();
    let mut block = vec![0; 65_536];
    let complete = loop {
        match process.read(fd, &mut block) {
            Ok(0) => break true,
            Ok(count) => content.extend_from_slice(block.get(..count).unwrap_or_default()),
            Err(_) => break false,
        }
    };
    if process.close(fd).is_ok() && complete {
        Content::Text(String::from_utf8_lossy(&content).into_owned())
    } else {
        Content::Unreadable
    }
}

#[cfg(test)]
mod tests {
    use super::files;

    #[test]
    fn the_option_is_found_anywhere_before_two_dashes() {
        let words = [
            "x.js",
            "--env-file=a",
            "--env-file-if-exists",
            "b",
            "--",
            "--env-file=c",
        ];
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        assert_eq!(files(&words), [("a", false), ("b", true)]);
        assert_eq!(files(&["--env-file".to_owned()]), []);
    }
}
