//! Extracting.

use super::options::Existing;
use super::pattern::{Excluded, Wanted};
use super::sparse::Sparse;
use super::transform::Kind;
use super::{Run, cannot, damaged, input, listing};
use crate::holes::Sparse as Holes;
use crate::link::symlink;
use secure_exec_cli::{Failure, os_string, warn};
use secure_exec_sys::child::{self, Piped};
use secure_exec_sys::path::{chmod, chown, lstat, mkfifo, stat};
use secure_exec_sys::{process, users};
use std::fs::{self, File, FileTimes};
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};
use tar::{Archive, Entry, EntryType, Header};

struct Extractor<'r> {
    run: &'r mut Run,
    permissions: bool,
    owner: bool,
    umask: u32,
    /// Directories get their modes and times at the end, when nothing more is put into them.
    directories: Vec<(PathBuf, u32, u64)>,
    out: io::BufWriter<io::Stdout>,
}

pub fn extract(run: &mut Run) -> Result<(), Failure> {
    let excluded = Excluded::new(&run.options.exclude);
    let members = run.options.members.clone();
    let mut wanted = Wanted::new(&run.options);
    let mut archive = Archive::new(input(&run.options)?);
    archive.set_ignore_zeros(run.options.ignore_zeros);
    let root = process::ids().is_ok_and(|ids| ids.euid == 0);
    let umask = process::umask(0o022);
    let _ = process::umask(umask);
    let directory = run.options.directory.clone();
    let mut extractor = Extractor {
        permissions: run.options.same_permissions.unwrap_or(root),
        owner: run.options.same_owner.unwrap_or(root),
        umask,
        directories: Vec::new(),
        out: io::BufWriter::new(io::stdout()),
        run,
    };
    for entry in archive.entries().map_err(|error| damaged(&error))? {
        let mut entry = entry.map_err(|error| damaged(&error))?;
        let sparse = Sparse::of(&mut entry).map_err(|error| damaged(&error))?;
        let name = listing::name_of(&entry, sparse.as_ref());
        let Some(operand) = wanted.find(&name) else {
            continue;
        };
        // One that was asked for and is left out was found all the same.
        if excluded.covers(&name) || entry.header().entry_type().as_byte() == b'V' {
            continue;
        }
        let directory = operand.map_or(&directory, |index| &members[index].directory);
        extractor.entry(&mut entry, sparse, &name, directory)?;
        if wanted.is_done() {
            break;
        }
    }
    extractor.finish()?;
    listing::not_found(run, &wanted);
    Ok(())
}

/// Without the first components; nothing if there are no more.
pub fn stripped(name: &[u8], count: usize) -> Option<&[u8]> {
    let mut rest = name;
    for _ in 0..count {
        let slash = rest.iter().position(|&byte| byte == b'/')?;
        let behind = &rest[slash..];
        rest = &behind[behind.iter().take_while(|&&byte| byte == b'/').count()..];
    }
    (!rest.is_empty()).then_some(rest)
}

impl Extractor<'_> {
    fn entry(
        &mut self,
        entry: &mut Entry<impl Read>,
        mut sparse: Option<Sparse>,
        name: &[u8],
        directory: &Path,
    ) -> Result<(), Failure> {
        // Names of directories are changed without the slash at their end.
        let plain = name.strip_suffix(b"/").unwrap_or(name);
        let changed = self.run.options.transform.apply(plain, Kind::Name);
        let Some(short) = stripped(&changed, self.run.options.strip) else {
            return Ok(());
        };
        if self.run.options.verbose > 0 {
            let shown = listing::shown_name(&self.run.options, name.to_vec());
            let line = if self.run.options.verbose > 1 {
                let link = entry.link_name_bytes();
                let size = sparse.as_ref().map_or(entry.size(), |sparse| sparse.size);
                let kind = entry.header().entry_type();
                let link = link.map(|link| listing::shown_link(&self.run.options, kind, &link));
                let link = link.as_deref();
                listing::long_line(&self.run.options, entry.header(), size, &shown, link)
            } else {
                let mut line = listing::quoted(&shown);
                line.push(b'\n');
                line
            };
            if self.run.options.to_stdout {
                io::stderr().write_all(&line)?;
            } else {
                self.out.write_all(&line)?;
            }
        }
        let is_file = matches!(
            entry.header().entry_type(),
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse
        );
        if let Some(command) = self.run.options.to_command.clone() {
            if is_file {
                self.feed(&command, entry, sparse, name)?;
            }
            return Ok(());
        }
        if self.run.options.to_stdout {
            match &mut sparse {
                _ if !is_file => {}
                Some(sparse) => sparse
                    .expand(entry, &mut self.out)
                    .map_err(|error| damaged(&error))?,
                None => {
                    io::copy(entry, &mut self.out)?;
                }
            }
            return Ok(());
        }
        let relative = PathBuf::from(os_string(self.run.relative(short)));
        let climbs = relative
            .components()
            .any(|part| part == Component::ParentDir);
        if climbs && !self.run.options.absolute {
            let shown = String::from_utf8_lossy(name).into_owned();
            self.run
                .complain(&format!("{shown}: Member name contains '..'"));
            return Ok(());
        }
        let top = self.run.options.top_level.clone().map(|top| {
            if top.is_empty() {
                self.run.options.archive_stem()
            } else {
                Some(top)
            }
        });
        let path = match top {
            None => directory.join(relative),
            Some(Some(top)) => {
                let top = PathBuf::from(os_string(top));
                // A member that is there already is not put one level lower.
                let relative = relative
                    .strip_prefix(&top)
                    .map(Path::to_owned)
                    .unwrap_or(relative);
                directory.join(top).join(relative)
            }
            Some(None) => {
                return Err(super::fail_status(
                    "Cannot deduce top-level directory name; please set it explicitly with --one-top-level=DIR",
                ));
            }
        };
        let kind = entry.header().entry_type();
        if let Err(failure) = self.place(entry, sparse, kind, &path, directory) {
            self.run.complain(&failure);
        }
        Ok(())
    }

    /// `--to-command`: runs a command by the shell with the file as its input.
    fn feed(
        &mut self,
        command: &std::ffi::OsString,
        entry: &mut Entry<impl Read>,
        sparse: Option<Sparse>,
        name: &[u8],
    ) -> Result<(), Failure> {
        self.out.flush()?;
        let size = sparse.as_ref().map_or(entry.size(), |sparse| sparse.size);
        // The command finds the member's name and size in its environment.
        let mut words = vec![std::ffi::OsString::from("env")];
        words.push(os_string([b"TAR_FILENAME=", name].concat()));
        words.push(format!("TAR_SIZE={size}").into());
        words.push("TAR_FILETYPE=f".into());
        words.extend(["sh".into(), "-c".into(), command.clone()]);
        let mut filter = Piped::writing(child::program(&words), Some(1))
            .map_err(|error| super::cannot_run(&words, &error))?;
        let copied = match sparse {
            Some(mut sparse) => sparse.expand(entry, &mut filter),
            None => io::copy(entry, &mut filter).map(drop),
        };
        let status = filter.finish()?;
        if let Err(error) = copied
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            return Err(damaged(&error));
        }
        if status.exited() != Some(0) {
            self.run.complain(&super::child_failed(status));
        }
        Ok(())
    }

    fn place(
        &mut self,
        entry: &mut Entry<impl Read>,
        sparse: Option<Sparse>,
        kind: EntryType,
        path: &Path,
        directory: &Path,
    ) -> Result<(), String> {
        if kind == EntryType::Directory {
            return self.directory(entry.header(), path);
        }
        if let Some(parent) = path.parent()
            && !parent.as_os_str().is_empty()
            && !parent.exists()
        {
            fs::create_dir_all(parent).map_err(|error| cannot("mkdir", parent, &error))?;
        }
        let is_file = !matches!(
            kind,
            EntryType::Symlink
                | EntryType::Link
                | EntryType::Fifo
                | EntryType::Char
                | EntryType::Block
        );
        if !self.make_room(entry.header(), path, is_file)? {
            return Ok(());
        }
        match kind {
            EntryType::Symlink => {
                let target = entry.link_name_bytes().unwrap_or_default().into_owned();
                let target = self.run.options.transform.apply(&target, Kind::Symlink);
                symlink(Path::new(&os_string(target.as_slice())), path).map_err(|error| {
                    format!(
                        "{}: Cannot create symlink to '{}': {}",
                        path.display(),
                        String::from_utf8_lossy(&target),
                        secure_exec_sys::errno::message(&error)
                    )
                })?;
                self.own(entry.header(), path, 0x100);
                Ok(())
            }
            EntryType::Link => {
                let target = entry.link_name_bytes().unwrap_or_default().into_owned();
                let target = self.run.options.transform.apply(&target, Kind::Link);
                let target = stripped(&target, self.run.options.strip).unwrap_or(&target);
                let target = directory.join(os_string(self.run.relative(target)));
                fs::hard_link(&target, path).map_err(|error| {
                    format!(
                        "{}: Cannot hard link to '{}': {}",
                        path.display(),
                        target.display(),
                        secure_exec_sys::errno::message(&error)
                    )
                })
            }
            EntryType::Fifo => {
                let mode = self.mode(entry.header());
                mkfifo(path, mode).map_err(|error| cannot("mkfifo", path, &error))
            }
            EntryType::Char | EntryType::Block => Err(format!(
                "{}: Cannot mknod: Operation not permitted",
                path.display()
            )),
            _ => self.file(entry, sparse, path),
        }
    }

    /// Removes what is in the way, as the options say. False if the member is to be left out.
    fn make_room(&mut self, header: &Header, path: &Path, is_file: bool) -> Result<bool, String> {
        let Ok(found) = lstat(path) else {
            return Ok(true);
        };
        match self.run.options.existing {
            Existing::Skip => return Ok(false),
            Existing::Keep => return Err(format!("{}: Cannot open: File exists", path.display())),
            Existing::KeepNewer => {
                let time = i64::try_from(header.mtime().unwrap_or(0)).unwrap_or(0);
                if found.mtime.seconds >= time {
                    let text = format!("Current '{}' is newer or same age", path.display());
                    warn(&self.run.name, text);
                    return Ok(false);
                }
            }
            Existing::Overwrite if found.is_file() && is_file => return Ok(true),
            Existing::Replace | Existing::Overwrite => {}
        }
        if found.is_dir() {
            fs::remove_dir(path).map_err(|error| cannot("open", path, &error))?;
        } else {
            fs::remove_file(path).map_err(|error| cannot("unlink", path, &error))?;
        }
        Ok(true)
    }

    fn mode(&self, header: &Header) -> u32 {
        let mode = header.mode().unwrap_or(0o644) & 0o7777;
        if self.permissions {
            mode
        } else {
            mode & 0o777 & !self.umask
        }
    }

    fn directory(&mut self, header: &Header, path: &Path) -> Result<(), String> {
        let exists = stat(path).is_ok_and(|found| found.is_dir());
        if !exists {
            if lstat(path).is_ok() {
                if self.run.options.existing == Existing::Keep {
                    return Err(format!("{}: Cannot mkdir: File exists", path.display()));
                }
                fs::remove_file(path).map_err(|error| cannot("mkdir", path, &error))?;
            }
            fs::create_dir_all(path).map_err(|error| cannot("mkdir", path, &error))?;
        }
        self.own(header, path, 0);
        // One that was there keeps its mode unless told otherwise.
        let mode = self.mode(header);
        self.directories
            .push((path.to_owned(), mode, header.mtime().unwrap_or(0)));
        Ok(())
    }

    fn file(
        &mut self,
        entry: &mut Entry<impl Read>,
        sparse: Option<Sparse>,
        path: &Path,
    ) -> Result<(), String> {
        let overwrites = self.run.options.existing == Existing::Overwrite;
        let file = File::options()
            .write(true)
            .create(overwrites)
            .truncate(overwrites)
            .create_new(!overwrites)
            .open(path);
        let mut file = file.map_err(|error| cannot("open", path, &error))?;
        let copied = match sparse {
            Some(mut sparse) => sparse.extract(entry, &mut file),
            // Those of the old format come with zeros for their holes.
            None if entry.header().entry_type().is_gnu_sparse() => {
                io::copy(entry, &mut Holes::new(&file)).and_then(|length| file.set_len(length))
            }
            None => io::copy(entry, &mut file).map(drop),
        };
        copied.map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => "Unexpected EOF in archive".to_owned(),
            _ => cannot("write", path, &error),
        })?;
        let header = entry.header();
        if self.run.options.keep_mtime {
            let time = UNIX_EPOCH + Duration::from_secs(header.mtime().unwrap_or(0));
            file.set_times(FileTimes::new().set_modified(time))
                .map_err(|error| cannot("utime", path, &error))?;
        }
        drop(file);
        self.own(header, path, 0);
        chmod(path, self.mode(header)).map_err(|error| cannot("change mode", path, &error))
    }

    fn own(&mut self, header: &Header, path: &Path, flags: i32) {
        if !self.owner {
            return;
        }
        let name = |name: Option<&[u8]>| {
            name.filter(|_| !self.run.options.numeric)
                .map(|name| String::from_utf8_lossy(name).into_owned())
                .filter(|name| !name.is_empty())
        };
        let number = |number: io::Result<u64>| u32::try_from(number.unwrap_or(0)).unwrap_or(0);
        let uid = name(header.username_bytes())
            .and_then(|name| users::user_by_name(&name))
            .map_or_else(|| number(header.uid()), |user| user.uid);
        let gid = name(header.groupname_bytes())
            .and_then(|name| users::group_by_name(&name))
            .map_or_else(|| number(header.gid()), |group| group.gid);
        let same = lstat(path).is_ok_and(|found| found.uid == uid && found.gid == gid);
        if same {
            return;
        }
        if let Err(error) = chown(path, uid, gid, flags) {
            let text = cannot(
                &format!("change ownership to uid {uid}, gid {gid}"),
                path,
                &error,
            );
            self.run.complain(&text);
        }
    }

    fn finish(&mut self) -> Result<(), Failure> {
        self.out.flush()?;
        for (path, mode, time) in std::mem::take(&mut self.directories).into_iter().rev() {
            if let Err(error) = chmod(&path, mode) {
                let text = cannot("change mode", &path, &error);
                self.run.complain(&text);
            }
            if self.run.options.keep_mtime {
                let time = UNIX_EPOCH + Duration::from_secs(time);
                // Where directories cannot be opened their time stays that of now.
                if let Ok(file) = File::open(&path) {
                    let _ = file.set_times(FileTimes::new().set_modified(time));
                }
            }
        }
        Ok(())
    }
}
