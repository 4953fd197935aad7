//! `cpio -o`: writes an archive.

use super::header::{self, Format, Member, TRAILER};
use super::{BLOCK, Run, cannot_open, names, path_of, stored_name};
use secure_exec_cli::{Failure, bytes};
use secure_exec_sys::path::{lstat, stat};
use secure_exec_sys::stat::Stat;
use secure_exec_sys::users;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};

/// The two parts of Linux's device numbers.
pub fn device(number: u64) -> (u32, u32) {
    let part = |number: u64| u32::try_from(number & 0xffff_ffff).unwrap_or(0);
    (
        part((number >> 8 & 0xfff) | (number >> 32 & !0xfff)),
        part((number & 0xff) | (number >> 12 & !0xff)),
    )
}

/// What is to be written of a file, and the name it is found by.
type Waiting = (Member, Vec<u8>);

struct Writer<W: Write> {
    output: W,
    format: Format,
    length: u64,
    /// Numbers of files by device and inode, where the format has no room for the real ones.
    numbers: HashMap<(u64, u64), u64>,
    /// Names of files with several links that wait for the last of them, which has the data.
    waiting: HashMap<(u64, u64), Vec<Waiting>>,
    /// In which order those came.
    order: Vec<(u64, u64)>,
    /// tar's headers name users and groups.
    users: HashMap<u32, String>,
    groups: HashMap<u32, String>,
    /// First names of files with several links (tar).
    first: HashMap<(u64, u64), Vec<u8>>,
}

impl<W: Write> Write for Writer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.output.write(bytes)?;
        self.length += length as u64;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

pub fn create(run: &mut Run) -> Result<(), Failure> {
    let format = run.options.format.unwrap_or(Format::Binary);
    match run.options.archive.clone() {
        None => write_all(run, io::stdout(), format),
        Some(path) if run.options.append => {
            let mut file = File::options()
                .read(true)
                .write(true)
                .open(&path)
                .map_err(|error| cannot_open(&path, &error))?;
            let (format, end) = find_end(&mut file)?;
            file.set_len(end)?;
            file.seek(SeekFrom::Start(end))?;
            write_all(run, file, format)
        }
        Some(path) => {
            let file = File::create(&path).map_err(|error| cannot_open(&path, &error))?;
            write_all(run, file, format)
        }
    }
}

/// Where the end of an archive is, for what is appended.
fn find_end(file: &mut File) -> Result<(Format, u64), Failure> {
    let mut start = Vec::new();
    file.take(512).read_to_end(&mut start)?;
    let malformed = || {
        super::damaged(&io::Error::new(
            io::ErrorKind::InvalidData,
            "malformed number",
        ))
    };
    let format = Format::by_start(&start).ok_or_else(malformed)?;
    file.rewind()?;
    loop {
        let at = file.stream_position()?;
        let member = header::read(file, format).map_err(|error| super::damaged(&error))?;
        match member {
            Some(member) if !member.is_trailer() => {
                let data = member.size + format.padding(member.size);
                let data = i64::try_from(data).map_err(|_| malformed())?;
                file.seek(SeekFrom::Current(data))?;
            }
            _ => return Ok((format, at)),
        }
    }
}

fn write_all(run: &mut Run, output: impl Write + Seek0, format: Format) -> Result<(), Failure> {
    let before = output.position();
    let mut writer = Writer {
        output: BufWriter::with_capacity(1 << 16, output),
        format,
        length: before,
        numbers: HashMap::new(),
        waiting: HashMap::new(),
        order: Vec::new(),
        users: users::user_names(),
        groups: users::group_names(),
        first: HashMap::new(),
    };
    for name in names(&run.options) {
        add(run, &mut writer, &name?)?;
    }
    for key in std::mem::take(&mut writer.order) {
        flush_waiting(run, &mut writer, key)?;
    }
    let trailer = Member {
        name: TRAILER.to_vec(),
        nlink: 1,
        ..Member::default()
    };
    header::write(&mut writer, format, &trailer)?;
    let unit = run.options.block_size.max(BLOCK);
    let rest = writer.length.next_multiple_of(unit) - writer.length;
    io::copy(&mut io::repeat(0).take(rest), &mut writer)?;
    writer.flush()?;
    run.blocks(writer.length - before);
    Ok(())
}

/// Where an output stands: files that are appended to do not begin at 0.
trait Seek0 {
    fn position(&self) -> u64;
}

impl Seek0 for io::Stdout {
    fn position(&self) -> u64 {
        0
    }
}

impl Seek0 for File {
    fn position(&self) -> u64 {
        let mut file = self;
        file.stream_position().unwrap_or(0)
    }
}

fn member_of<W: Write>(run: &Run, writer: &mut Writer<W>, name: &[u8], found: &Stat) -> Member {
    let key = (found.dev, found.ino);
    let small = matches!(writer.format, Format::Odc | Format::Binary);
    let ino = if small || run.options.renumber {
        let next = writer.numbers.len() as u64;
        *writer.numbers.entry(key).or_insert(next)
    } else {
        found.ino
    };
    let uid = run.options.owner.unwrap_or(found.uid);
    let gid = run.options.group.unwrap_or(found.gid);
    Member {
        user: writer.users.get(&uid).cloned().unwrap_or_default(),
        group: writer.groups.get(&gid).cloned().unwrap_or_default(),
        name: stored_name(name, run.options.relative).to_vec(),
        ino,
        mode: found.mode,
        uid,
        gid,
        nlink: found.nlink,
        mtime: u64::try_from(found.mtime.seconds).unwrap_or(0),
        size: 0,
        dev: if run.options.ignore_devices {
            (0, 0)
        } else {
            device(found.dev)
        },
        rdev: device(found.rdev),
        ..Member::default()
    }
}

fn add<W: Write>(run: &mut Run, writer: &mut Writer<W>, name: &[u8]) -> Result<(), Failure> {
    let path = path_of(name);
    let found = if run.options.dereference {
        stat(&path)
    } else {
        lstat(&path)
    };
    let found = match found {
        Ok(found) => found,
        Err(error) => {
            run.cannot("stat", name, &error);
            return Ok(());
        }
    };
    let mut member = member_of(run, writer, name, &found);
    let key = (found.dev, found.ino);
    if found.is_symlink() {
        let target = match fs::read_link(&path) {
            Ok(target) => bytes(&target).to_vec(),
            Err(error) => {
                run.cannot("readlink", name, &error);
                return Ok(());
            }
        };
        if writer.format.is_tar() {
            member.target = Some(target);
            put(run, writer, &member, &[])?;
        } else {
            member.size = target.len() as u64;
            put(run, writer, &member, &target)?;
        }
    } else if found.is_file() {
        let several = found.nlink > 1;
        match writer.format {
            Format::Newc | Format::Crc if several => {
                let group = writer.waiting.entry(key).or_default();
                group.push((member, name.to_vec()));
                let complete = group.len() as u64 >= found.nlink;
                writer.order.push(key);
                run.progress(name);
                if complete {
                    flush_waiting(run, writer, key)?;
                }
                return Ok(());
            }
            Format::Tar | Format::Ustar if several => {
                if let Some(first) = writer.first.get(&key).cloned() {
                    member.is_hard_link = true;
                    member.target = Some(first);
                    put(run, writer, &member, &[])?;
                    run.progress(name);
                    return Ok(());
                }
                writer.first.insert(key, member.name.clone());
                put_file(run, writer, member, name)?;
            }
            _ => put_file(run, writer, member, name)?,
        }
    } else if writer.format.is_tar() && found.kind() == secure_exec_sys::stat::S_IFSOCK {
        run.warn(format_args!(
            "{}: unknown file type",
            String::from_utf8_lossy(name)
        ));
        return Ok(());
    } else {
        put(run, writer, &member, &[])?;
    }
    run.progress(name);
    Ok(())
}

/// Writes the names of one file: all but the last without data.
fn flush_waiting<W: Write>(
    run: &mut Run,
    writer: &mut Writer<W>,
    key: (u64, u64),
) -> Result<(), Failure> {
    let Some(mut group) = writer.waiting.remove(&key) else {
        return Ok(());
    };
    let Some((last, last_name)) = group.pop() else {
        return Ok(());
    };
    // From the last to the first, as other cpios have them.
    for (member, _) in group.iter().rev() {
        put(run, writer, member, &[])?;
    }
    put_file(run, writer, last, &last_name)
}

fn put<W: Write>(
    run: &mut Run,
    writer: &mut Writer<W>,
    member: &Member,
    data: &[u8],
) -> Result<(), Failure> {
    let format = writer.format;
    match header::write(writer, format, member) {
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            let name = String::from_utf8_lossy(&member.name);
            run.complain(format_args!("{name}: {error}"));
            return Ok(());
        }
        result => result?,
    }
    writer.write_all(data)?;
    let padding = format.padding(data.len() as u64);
    io::copy(&mut io::repeat(0).take(padding), writer)?;
    Ok(())
}

fn put_file<W: Write>(
    run: &mut Run,
    writer: &mut Writer<W>,
    mut member: Member,
    name: &[u8],
) -> Result<(), Failure> {
    let mut file = match File::open(path_of(name)) {
        Ok(file) => file,
        Err(error) => {
            run.cannot("open", name, &error);
            return Ok(());
        }
    };
    let size = file.metadata()?.len();
    member.size = size;
    if writer.format == Format::Crc {
        member.check = sum(&mut file)?;
        file.rewind()?;
    }
    let format = writer.format;
    match header::write(writer, format, &member) {
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            let shown = String::from_utf8_lossy(name);
            run.complain(format_args!("{shown}: {error}"));
            return Ok(());
        }
        result => result?,
    }
    let copied = io::copy(&mut (&file).take(size), writer)?;
    if copied < size {
        let shown = String::from_utf8_lossy(name);
        let missing = size - copied;
        run.complain(format_args!(
            "File {shown} shrunk by {missing} bytes, padding with zeros"
        ));
        io::copy(&mut io::repeat(0).take(missing), writer)?;
    }
    io::copy(&mut io::repeat(0).take(format.padding(size)), writer)?;
    Ok(())
}

/// The sum of all bytes, as `crc` has it.
fn sum(input: &mut impl Read) -> io::Result<u32> {
    let mut buffer = [0; 8192];
    let mut sum = 0_u32;
    loop {
        let length = input.read(&mut buffer)?;
        if length == 0 {
            return Ok(sum);
        }
        sum = super::input::add_bytes(sum, &buffer[..length]);
    }
}
