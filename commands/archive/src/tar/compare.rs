//! `-d`: how members differ from files.

use super::pattern::{Excluded, Wanted};
use super::sparse::Sparse;
use super::{Run, damaged, input, listing};
use secure_exec_cli::{Failure, bytes, os_string, warn};
use secure_exec_sys::errno;
use secure_exec_sys::path::{lstat, stat};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use tar::{Archive, Entry, EntryType};

/// Takes what is written and compares it with a file.
struct Comparing {
    file: io::BufReader<File>,
    differs: bool,
}

impl Write for Comparing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.differs {
            let mut other = vec![0; bytes.len()];
            self.differs = match self.file.read_exact(&mut other) {
                Ok(()) => other != bytes,
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => true,
                Err(error) => return Err(error),
            };
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub fn compare(run: &mut Run) -> Result<(), Failure> {
    let excluded = Excluded::new(&run.options.exclude);
    let mut wanted = Wanted::new(&run.options);
    let members = run.options.members.clone();
    let mut archive = Archive::new(input(&run.options)?);
    archive.set_ignore_zeros(run.options.ignore_zeros);
    let mut out = io::stdout();
    for entry in archive.entries().map_err(|error| damaged(&error))? {
        let mut entry = entry.map_err(|error| damaged(&error))?;
        let mut sparse = Sparse::of(&mut entry).map_err(|error| damaged(&error))?;
        let name = listing::name_of(&entry, sparse.as_ref());
        if excluded.covers(&name) {
            continue;
        }
        let Some(operand) = wanted.find(&name) else {
            continue;
        };
        if run.options.verbose > 0 {
            out.write_all(&listing::quoted(&name))?;
            out.write_all(b"\n")?;
        }
        let directory = match operand {
            Some(index) => members[index].directory.clone(),
            None => run.options.directory.clone(),
        };
        let path = directory.join(os_string(run.relative(&name)));
        let shown = String::from_utf8_lossy(name.strip_suffix(b"/").unwrap_or(&name)).into_owned();
        match differences(run, &mut entry, sparse.as_mut(), &path, &directory) {
            Ok(differences) => {
                for difference in differences {
                    run.differs = true;
                    writeln!(out, "{shown}: {difference}")?;
                }
            }
            Err(error) => {
                run.differs = true;
                let why = errno::message(&error);
                warn(
                    &run.name,
                    format_args!("{shown}: Warning: Cannot stat: {why}"),
                );
            }
        }
    }
    listing::not_found(run, &wanted);
    Ok(())
}

fn differences(
    run: &mut Run,
    entry: &mut Entry<impl Read>,
    sparse: Option<&mut Sparse>,
    path: &Path,
    directory: &Path,
) -> io::Result<Vec<String>> {
    let header = entry.header().clone();
    let kind = header.entry_type();
    let found = if run.options.dereference {
        stat(path)?
    } else {
        lstat(path)?
    };
    let mut differences = Vec::new();
    let mut add = |text: &str| differences.push(text.to_owned());
    if kind == EntryType::Link {
        let target = entry.link_name_bytes().unwrap_or_default().into_owned();
        let shown = String::from_utf8_lossy(&target).into_owned();
        let other = lstat(directory.join(os_string(run.relative(&target))));
        if !other.is_ok_and(|other| other.same_file(&found)) {
            add(&format!("Not linked to '{shown}'"));
        }
        return Ok(differences);
    }
    let same_kind = match kind {
        EntryType::Directory => found.is_dir(),
        EntryType::Symlink => found.is_symlink(),
        EntryType::Fifo => found.kind() == 0o010_000,
        EntryType::Char => found.kind() == 0o020_000,
        EntryType::Block => found.kind() == 0o060_000,
        _ => found.is_file(),
    };
    if !same_kind {
        add("File type differs");
        return Ok(differences);
    }
    if kind == EntryType::Symlink {
        let target = entry.link_name_bytes().unwrap_or_default().into_owned();
        if bytes(&fs::read_link(path)?) != target {
            add("Symlink differs");
        }
        return Ok(differences);
    }
    if header
        .mode()
        .is_ok_and(|mode| mode & 0o7777 != found.permissions())
    {
        add("Mode differs");
    }
    if kind == EntryType::Directory {
        return Ok(differences);
    }
    if header.uid().is_ok_and(|uid| uid != u64::from(found.uid)) {
        add("Uid differs");
    }
    if header.gid().is_ok_and(|gid| gid != u64::from(found.gid)) {
        add("Gid differs");
    }
    let mtime = i64::try_from(header.mtime().unwrap_or(0)).unwrap_or(0);
    if mtime != found.mtime.seconds {
        add("Mod time differs");
    }
    if !found.is_file() {
        return Ok(differences);
    }
    let size = sparse.as_ref().map_or(entry.size(), |sparse| sparse.size);
    if size != found.size {
        add("Size differs");
        return Ok(differences);
    }
    let mut comparing = Comparing {
        file: io::BufReader::with_capacity(1 << 16, File::open(path)?),
        differs: false,
    };
    match sparse {
        Some(sparse) => sparse.expand(entry, &mut comparing)?,
        None => {
            io::copy(entry, &mut comparing)?;
        }
    }
    if comparing.differs {
        add("Contents differ");
    }
    Ok(differences)
}
