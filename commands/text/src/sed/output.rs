//! Where sed writes: standard output or the file being edited, and the files of `w`.

use crate::bytes;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

enum Target {
    Stdout,
    Stderr,
    File(BufWriter<File>),
}

struct Stream {
    target: Target,
    /// The last line written had no terminator: it is owed before anything else.
    owed: bool,
}

/// A file under `-i`: the new text goes to `temporary`.
struct Editing {
    name: PathBuf,
    temporary: PathBuf,
    stream: Stream,
}

pub struct Output {
    stdout: BufWriter<io::StdoutLock<'static>>,
    main_owed: bool,
    editing: Option<Editing>,
    files: Vec<Stream>,
    terminator: u8,
    unbuffered: bool,
}

impl Output {
    pub fn new(names: &[Vec<u8>], terminator: u8, unbuffered: bool) -> io::Result<Self> {
        let mut files = Vec::new();
        for name in names {
            let target = match name.as_slice() {
                b"/dev/stdout" => Target::Stdout,
                b"/dev/stderr" => Target::Stderr,
                _ => {
                    let file = File::create(bytes::path(name)).map_err(|error| {
                        io::Error::other(format!(
                            "couldn't open file {}: {}",
                            String::from_utf8_lossy(name),
                            crate::message::reason(&error)
                        ))
                    })?;
                    Target::File(BufWriter::new(file))
                }
            };
            files.push(Stream {
                target,
                owed: false,
            });
        }
        Ok(Self {
            stdout: BufWriter::with_capacity(1 << 16, io::stdout().lock()),
            main_owed: false,
            editing: None,
            files,
            terminator,
            unbuffered,
        })
    }

    /// Writes text as it is to the main output.
    pub fn raw(&mut self, text: &[u8]) -> io::Result<()> {
        self.line_to_main(text, None)
    }

    /// Writes a line to the main output; without its terminator if the input had none.
    pub fn line(&mut self, text: &[u8], unterminated: bool) -> io::Result<()> {
        self.line_to_main(text, Some(unterminated))
    }

    fn line_to_main(&mut self, text: &[u8], end: Option<bool>) -> io::Result<()> {
        let terminator = self.terminator;
        let (writer, owed): (&mut dyn Write, &mut bool) = match &mut self.editing {
            Some(Editing {
                stream:
                    Stream {
                        target: Target::File(file),
                        owed,
                    },
                ..
            }) => (file, owed),
            _ => (&mut self.stdout, &mut self.main_owed),
        };
        if *owed {
            writer.write_all(&[terminator])?;
            *owed = false;
        }
        writer.write_all(text)?;
        match end {
            Some(false) => writer.write_all(&[terminator])?,
            Some(true) => *owed = true,
            None => {}
        }
        if self.unbuffered {
            self.stdout.flush()
        } else {
            Ok(())
        }
    }

    /// Writes a line to a file of `w`.
    pub fn line_to(&mut self, file: usize, text: &[u8], unterminated: bool) -> io::Result<()> {
        let terminator = self.terminator;
        let Some(stream) = self.files.get_mut(file) else {
            return Ok(());
        };
        let mut line = Vec::with_capacity(text.len() + 2);
        let owed = if matches!(stream.target, Target::Stdout) {
            &mut self.main_owed
        } else {
            &mut stream.owed
        };
        if std::mem::replace(owed, unterminated) {
            line.push(terminator);
        }
        line.extend_from_slice(text);
        if !unterminated {
            line.push(terminator);
        }
        match &mut stream.target {
            Target::Stdout => self.stdout.write_all(&line),
            Target::Stderr => io::stderr().write_all(&line),
            Target::File(file) => {
                file.write_all(&line)?;
                // Another command of the script may read it.
                file.flush()
            }
        }
    }

    /// Begins to edit a file in place.
    pub fn edit(&mut self, name: &[u8]) -> io::Result<()> {
        let name = bytes::path(name).to_owned();
        let mut number = secure_exec_sys::process::getpid();
        loop {
            let temporary = name.with_file_name(format!("sed{number:06}"));
            match File::options()
                .write(true)
                .create_new(true)
                .open(&temporary)
            {
                Ok(file) => {
                    let stream = Stream {
                        target: Target::File(BufWriter::new(file)),
                        owed: false,
                    };
                    self.editing = Some(Editing {
                        name,
                        temporary,
                        stream,
                    });
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    number = number.wrapping_add(1);
                }
                Err(error) => {
                    let text = crate::message::reason(&error);
                    let text = format!(
                        "couldn't open temporary file {}: {text}",
                        temporary.display()
                    );
                    return Err(io::Error::other(text));
                }
            }
        }
    }

    /// Puts the edited file in place of the original, which is kept under a name made from `suffix`.
    pub fn finish_edit(&mut self, suffix: &[u8]) -> io::Result<()> {
        let Some(editing) = self.editing.take() else {
            return Ok(());
        };
        if let Target::File(mut file) = editing.stream.target {
            file.flush()?;
        }
        if let Ok(stat) = secure_exec_sys::path::stat(&editing.name) {
            secure_exec_sys::path::chmod(&editing.temporary, stat.permissions())?;
        }
        if !suffix.is_empty() {
            fs::rename(&editing.name, backup(&editing.name, suffix))?;
        }
        fs::rename(&editing.temporary, &editing.name)
    }

    pub fn flush(&mut self) -> io::Result<()> {
        self.stdout.flush()
    }
}

/// In a suffix `*` stands for the name; with a slash it is a path of its own.
fn backup(name: &std::path::Path, suffix: &[u8]) -> PathBuf {
    let base = name
        .file_name()
        .map(|base| bytes::from_os(base.to_owned()))
        .unwrap_or_default();
    let mut new = Vec::new();
    if suffix.contains(&b'*') {
        for &byte in suffix {
            if byte == b'*' {
                new.extend_from_slice(&base);
            } else {
                new.push(byte);
            }
        }
    } else {
        new.extend_from_slice(&base);
        new.extend_from_slice(suffix);
    }
    if new.contains(&b'/') {
        PathBuf::from(bytes::os(&new))
    } else {
        name.with_file_name(bytes::os(&new))
    }
}
