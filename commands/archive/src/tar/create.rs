//! Creating archives and adding to them.

use super::extents::Extents;
use super::ignored::{Ignored, tagged};
use super::options::{Member, TagKeeps};
use super::owner::Owner;
use super::pattern::Excluded;
use super::transform::Kind;
use super::{Run, cannot};
use secure_exec_cli::{Failure, bytes, os_string};
use secure_exec_sys::path::{lstat, stat};
use secure_exec_sys::stat::{Stat, device_major, device_minor};
use secure_exec_sys::users;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use tar::{Builder, EntryType, Header};

/// Adds members to an archive.
struct Creator<'r, W: Write> {
    run: &'r mut Run,
    builder: Builder<W>,
    excluded: Excluded,
    /// Names of files with several links, by device and inode.
    links: HashMap<(u64, u64), Vec<u8>>,
    users: HashMap<u32, String>,
    groups: HashMap<u32, String>,
    /// The archive itself is not put into it.
    archive: Option<Stat>,
    /// For `-u`: when the members of the archive were changed.
    times: HashMap<Vec<u8>, u64>,
    /// What `--remove-files` removes at the end.
    added: Vec<(PathBuf, bool)>,
}

/// Writes all members and the end of the archive.
pub fn write<W: Write>(run: &mut Run, output: W) -> Result<W, Failure> {
    write_after(run, output, HashMap::new())
}

/// As [`write`]; members that the archive has, and are no older than the files, are left out.
pub fn write_after<W: Write>(
    run: &mut Run,
    output: W,
    times: HashMap<Vec<u8>, u64>,
) -> Result<W, Failure> {
    let mut creator = Creator {
        builder: Builder::new(output),
        excluded: Excluded::new(&run.options.exclude),
        links: HashMap::new(),
        users: users::user_names(),
        groups: users::group_names(),
        archive: run
            .options
            .archive
            .as_ref()
            .and_then(|path| stat(path).ok()),
        times,
        added: Vec::new(),
        run,
    };
    creator.label()?;
    for member in creator.run.options.members.clone() {
        creator.member(&member)?;
    }
    for (path, directory) in creator.added.iter().rev() {
        // A directory that is not empty stays.
        let _ = if *directory {
            fs::remove_dir(path)
        } else {
            fs::remove_file(path)
        };
    }
    Ok(creator.builder.into_inner()?)
}

impl<W: Write> Creator<'_, W> {
    fn member(&mut self, member: &Member) -> Result<(), Failure> {
        let name = &member.name;
        let path = member.directory.join(os_string(name.as_slice()));
        self.add(&path, name, &Ignored::default(), None)
    }

    /// `-V`: a member that names the archive.
    fn label(&mut self) -> Result<(), Failure> {
        let Some(label) = self.run.options.label.clone() else {
            return Ok(());
        };
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::new(b'V'));
        header.set_mode(0);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(0);
        header.set_mtime(
            std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .map_or(0, |since| since.as_secs()),
        );
        self.write_entry(&mut header, &label, io::empty())
    }

    /// Adds a file, and for a directory what is in it.
    fn add(
        &mut self,
        path: &Path,
        name: &[u8],
        ignored: &Ignored,
        device: Option<u64>,
    ) -> Result<(), Failure> {
        if self.excluded.covers(name) {
            return Ok(());
        }
        let found = if self.run.options.dereference {
            stat(path)
        } else {
            lstat(path)
        };
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                self.run
                    .complain(&cannot("stat", Path::new(&os_string(name)), &error));
                return Ok(());
            }
        };
        if device.is_some_and(|device| device != found.dev) {
            return Ok(());
        }
        if self
            .archive
            .as_ref()
            .is_some_and(|archive| archive.same_file(&found))
        {
            let shown = path.display();
            secure_exec_cli::warn(
                &self.run.name,
                format_args!("{shown}: file is the archive; not dumped"),
            );
            return Ok(());
        }
        let stored = self.run.stored(name).to_vec();
        let older = self
            .times
            .get(&stored)
            .is_some_and(|time| i64::try_from(*time).unwrap_or(0) >= found.mtime.seconds);
        let newer = self.run.options.newer;
        let unchanged = newer.is_some_and(|time| found.mtime.seconds < time);
        if found.is_dir()
            && let Some((tag, keeps)) = tagged(&self.run.options, path)
        {
            let tag = tag.to_vec();
            return self.add_tagged(path, name, &found, &tag, keeps);
        }
        if (!older && !unchanged) || found.is_dir() {
            self.add_one(path, name, &found)?;
        }
        if found.is_dir() && self.run.options.recursion {
            let device = self.run.options.one_file_system.then_some(found.dev);
            self.add_below(path, name, ignored, device)?;
        }
        Ok(())
    }

    /// A directory whose contents are left out for a file in it.
    fn add_tagged(
        &mut self,
        path: &Path,
        name: &[u8],
        found: &Stat,
        tag: &[u8],
        keeps: TagKeeps,
    ) -> Result<(), Failure> {
        let shown = String::from_utf8_lossy(name).into_owned();
        let tag_shown = String::from_utf8_lossy(tag).into_owned();
        let text =
            format!("{shown}: contains a cache directory tag {tag_shown}; contents not dumped");
        secure_exec_cli::warn(&self.run.name, text);
        if keeps != TagKeeps::Nothing {
            self.add_one(path, name, found)?;
        }
        if keeps == TagKeeps::Tag {
            let path = path.join(os_string(tag));
            if let Ok(found) = lstat(&path) {
                self.add_one(&path, &joined(name, tag), &found)?;
            }
        }
        Ok(())
    }

    fn add_below(
        &mut self,
        path: &Path,
        name: &[u8],
        ignored: &Ignored,
        device: Option<u64>,
    ) -> Result<(), Failure> {
        let ignored = ignored.within(&self.run.options, path);
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) => {
                self.run.complain(&cannot("open", path, &error));
                return Ok(());
            }
        };
        let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
        names.sort();
        for base in names {
            if !ignored.covers(bytes(&base)) {
                let below = joined(name, bytes(&base));
                self.add(&path.join(&base), &below, &ignored, device)?;
            }
        }
        Ok(())
    }

    fn header(&self, found: &Stat) -> io::Result<Header> {
        let options = &self.run.options;
        let mut header = Header::new_gnu();
        header.set_mode(match &options.mode {
            Some(change) => change.apply(found.permissions(), found.is_dir(), 0),
            None => found.permissions(),
        });
        let mtime = match options.mtime {
            Some(time) if options.clamp_mtime => found.mtime.seconds.min(time),
            Some(time) => time,
            None => found.mtime.seconds,
        };
        header.set_mtime(u64::try_from(mtime).unwrap_or(0));
        let (user, uid) = stored_owner(options.owner.as_ref(), found.uid, &self.users);
        let (group, gid) = stored_owner(options.group.as_ref(), found.gid, &self.groups);
        header.set_uid(uid.into());
        header.set_gid(gid.into());
        if !options.numeric {
            // Names that do not fit are left out; the numbers stay.
            let _ = header.set_username(user);
            let _ = header.set_groupname(group);
        }
        header.set_size(0);
        Ok(header)
    }

    fn add_one(&mut self, path: &Path, name: &[u8], found: &Stat) -> Result<(), Failure> {
        let plain = self.run.stored(name).to_vec();
        let mut stored = self.run.options.transform.apply(&plain, Kind::Name);
        if stored.is_empty() {
            // A name that was changed to nothing is left out.
            return Ok(());
        }
        if found.is_dir() && stored.last() != Some(&b'/') {
            stored.push(b'/');
        }
        let mut header = self.header(found)?;
        let shown = PathBuf::from(os_string(name));
        // Another name of what is in the archive already.
        let key = (found.dev, found.ino);
        if found.nlink > 1
            && (found.is_file() || found.is_symlink())
            && !self.run.options.hard_dereference
        {
            if let Some(first) = self.links.get(&key).cloned() {
                let first = self.run.options.transform.apply(&first, Kind::Link);
                header.set_entry_type(EntryType::Link);
                self.write_link(&mut header, &stored, &first)?;
                return self.done(path, name, found, &stored);
            }
            self.links.insert(key, plain);
        }
        if found.is_dir() {
            header.set_entry_type(EntryType::Directory);
            self.write_entry(&mut header, &stored, io::empty())?;
        } else if found.is_symlink() {
            let target = match fs::read_link(path) {
                Ok(target) => target,
                Err(error) => {
                    self.run.complain(&cannot("readlink", &shown, &error));
                    return Ok(());
                }
            };
            header.set_entry_type(EntryType::Symlink);
            let target = self
                .run
                .options
                .transform
                .apply(bytes(&target), Kind::Symlink);
            self.write_link(&mut header, &stored, &target)?;
        } else if found.is_file() {
            let file = match File::open(path) {
                Ok(file) => file,
                Err(error) if self.run.options.ignore_failed_read => {
                    let text = cannot("open", &shown, &error);
                    secure_exec_cli::warn(
                        &self.run.name,
                        text.replace(": Cannot", ": Warning: Cannot"),
                    );
                    return Ok(());
                }
                Err(error) => {
                    self.run.complain(&cannot("open", &shown, &error));
                    return Ok(());
                }
            };
            self.write_regular(&mut header, &stored, file, found, &shown)?;
        } else {
            let kind = match found.kind() {
                0o010_000 => EntryType::Fifo,
                0o020_000 => EntryType::Char,
                0o060_000 => EntryType::Block,
                _ => {
                    let text = format!("{}: socket ignored", shown.display());
                    secure_exec_cli::warn(&self.run.name, text);
                    return Ok(());
                }
            };
            header.set_entry_type(kind);
            if kind != EntryType::Fifo {
                let number = |number: u64| u32::try_from(number).unwrap_or(0);
                header.set_device_major(number(device_major(found.rdev)))?;
                header.set_device_minor(number(device_minor(found.rdev)))?;
            }
            self.write_entry(&mut header, &stored, io::empty())?;
        }
        self.done(path, name, found, &stored)
    }

    fn done(
        &mut self,
        path: &Path,
        name: &[u8],
        found: &Stat,
        stored: &[u8],
    ) -> Result<(), Failure> {
        if self.run.options.remove {
            self.added.push((path.to_owned(), found.is_dir()));
        }
        if self.run.options.verbose > 0 {
            let mut header = self.header(found)?;
            header.set_size(if found.is_file() { found.size } else { 0 });
            let to_stdout = self.run.options.archive.is_some();
            let mut shown = name.to_vec();
            if found.is_dir() && shown.last() != Some(&b'/') {
                shown.push(b'/');
            }
            let shown = if self.run.options.show_transformed {
                stored
            } else {
                &shown
            };
            super::listing::announce(&self.run.options, &header, found, shown, to_stdout)?;
        }
        Ok(())
    }

    /// A regular file, without its holes if so asked.
    fn write_regular(
        &mut self,
        header: &mut Header,
        name: &[u8],
        mut file: File,
        found: &Stat,
        shown: &Path,
    ) -> Result<(), Failure> {
        let options = &self.run.options;
        let extents = if options.sparse {
            Extents::of(&mut file, found, options.holes)
        } else {
            Ok(None)
        };
        match extents {
            Ok(None) => {
                header.set_entry_type(EntryType::Regular);
                header.set_size(found.size);
                self.write_data(header, name, file.take(found.size), found.size, shown)
            }
            Ok(Some(extents)) => {
                let stored = extents.describe(header);
                let map = extents.further_headers();
                let data = map.chain(extents.data(file));
                self.write_data(header, name, data, stored, shown)
            }
            Err(error) => {
                self.run.complain(&cannot("read", shown, &error));
                Ok(())
            }
        }
    }

    /// A file that shrinks while it is read is filled up with zeros.
    fn write_data(
        &mut self,
        header: &mut Header,
        name: &[u8],
        mut data: impl Read,
        size: u64,
        shown: &Path,
    ) -> Result<(), Failure> {
        let mut counted = Counted {
            inner: &mut data,
            count: 0,
            failure: None,
        };
        let padded = (&mut counted).chain(io::repeat(0)).take(size);
        write_entry(&mut self.builder, header, name, padded)?;
        if let Some(error) = counted.failure {
            self.run.complain(&cannot("read", shown, &error));
        } else if counted.count < size {
            let text = format!(
                "{}: File shrank by {} bytes; padding with zeros",
                shown.display(),
                size - counted.count
            );
            self.run.complain(&text);
        }
        Ok(())
    }

    fn write_entry(
        &mut self,
        header: &mut Header,
        name: &[u8],
        data: impl Read,
    ) -> Result<(), Failure> {
        write_entry(&mut self.builder, header, name, data)
    }

    fn write_link(
        &mut self,
        header: &mut Header,
        name: &[u8],
        target: &[u8],
    ) -> Result<(), Failure> {
        if target.len() > 100 {
            long_name(&mut self.builder, b'K', target)?;
        }
        header.set_link_name_literal(&target[..target.len().min(100)])?;
        write_entry(&mut self.builder, header, name, io::empty())
    }
}

/// The name and the number that are stored: those of the command line, or those of the file.
fn stored_owner<'n>(
    given: Option<&'n Owner>,
    number: u32,
    names: &'n HashMap<u32, String>,
) -> (&'n str, u32) {
    let number = given.and_then(|owner| owner.number).unwrap_or(number);
    let name = given.and_then(|owner| owner.name.as_ref());
    let name = name.or_else(|| names.get(&number));
    (name.map_or("", String::as_str), number)
}

/// The name of what is in a directory.
fn joined(directory: &[u8], base: &[u8]) -> Vec<u8> {
    let mut name = directory.to_vec();
    if name.last() != Some(&b'/') {
        name.push(b'/');
    }
    name.extend_from_slice(base);
    name
}

/// Writes the checksum as GNU tar does: six digits, a zero and a blank.
fn set_checksum(header: &mut Header) {
    header.set_cksum();
    if let Ok(sum) = header.cksum() {
        let digits = format!("{sum:06o}\0 ");
        header.as_old_mut().cksum.copy_from_slice(digits.as_bytes());
    }
}

/// Counts what was read; a failure is the end.
struct Counted<R> {
    inner: R,
    count: u64,
    failure: Option<io::Error>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.inner.read(buffer) {
            Ok(length) => {
                self.count += length as u64;
                Ok(length)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                self.failure = Some(error);
                Ok(0)
            }
        }
    }
}

/// GNU's record for a name that does not fit into a header.
fn long_name<W: Write>(builder: &mut Builder<W>, kind: u8, name: &[u8]) -> io::Result<()> {
    let mut header = Header::new_gnu();
    let link = b"././@LongLink";
    header.as_old_mut().name[..link.len()].copy_from_slice(link);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_username("root")?;
    header.set_groupname("root")?;
    header.set_mtime(0);
    header.set_size(name.len() as u64 + 1);
    header.set_entry_type(EntryType::new(kind));
    set_checksum(&mut header);
    builder.append(&header, name.chain(&b"\0"[..]))
}

fn write_entry<W: Write>(
    builder: &mut Builder<W>,
    header: &mut Header,
    name: &[u8],
    data: impl Read,
) -> Result<(), Failure> {
    if name.len() > 100 {
        long_name(builder, b'L', name)?;
    }
    let short = &name[..name.len().min(100)];
    let field = &mut header.as_old_mut().name;
    field.fill(0);
    field[..short.len()].copy_from_slice(short);
    set_checksum(header);
    builder.append(header, data)?;
    Ok(())
}
