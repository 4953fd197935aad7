//! Headers of cpio archives, in the formats that `cpio(5)` describes: the binary one of old, the portable one of POSIX
//! (`odc`), the two of System V release 4 (`newc`, `crc`), and tar's.

use std::io::{self, Read, Write};
use tar::{EntryType, Header};

/// Ends an archive.
pub const TRAILER: &[u8] = b"TRAILER!!!";
/// The longest name that is read, in bytes.
const LONGEST_NAME: u64 = 1 << 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Numbers of two bytes in the order of the machine.
    Binary,
    /// The same of a machine with the other order; only read.
    Swapped,
    /// Octal digits.
    Odc,
    /// Hexadecimal digits.
    Newc,
    /// As `newc`, with a sum of each file's bytes.
    Crc,
    /// tar's of before POSIX.
    Tar,
    Ustar,
}

impl Format {
    /// By the names that `-H` takes.
    pub fn by_name(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "bin" => Self::Binary,
            "odc" => Self::Odc,
            "newc" => Self::Newc,
            "crc" => Self::Crc,
            "tar" => Self::Tar,
            "ustar" => Self::Ustar,
            _ => return None,
        })
    }

    /// By how an archive begins.
    pub fn by_start(start: &[u8]) -> Option<Self> {
        match start {
            [0o307, 0o161, ..] => Some(Self::Binary),
            [0o161, 0o307, ..] => Some(Self::Swapped),
            _ if start.starts_with(b"070707") => Some(Self::Odc),
            _ if start.starts_with(b"070701") => Some(Self::Newc),
            _ if start.starts_with(b"070702") => Some(Self::Crc),
            _ if start.len() == 512 && tar_header(start).is_some() => Some(Self::Ustar),
            _ => None,
        }
    }

    pub fn is_tar(self) -> bool {
        matches!(self, Self::Tar | Self::Ustar)
    }

    /// Names and data end at multiples of so many bytes.
    fn alignment(self) -> u64 {
        match self {
            Self::Binary | Self::Swapped => 2,
            Self::Odc => 1,
            Self::Newc | Self::Crc => 4,
            Self::Tar | Self::Ustar => 512,
        }
    }

    /// How many zeros follow `length` bytes.
    pub fn padding(self, length: u64) -> u64 {
        length.next_multiple_of(self.alignment()) - length
    }
}

/// What a header says of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    pub name: Vec<u8>,
    pub ino: u64,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub nlink: u64,
    /// In seconds since 1970.
    pub mtime: u64,
    /// Of the data that follows, in bytes.
    pub size: u64,
    pub dev: (u32, u32),
    pub rdev: (u32, u32),
    /// The sum of all bytes (`crc`).
    pub check: u32,
    /// Where tar's links go to; the other formats have it as data.
    pub target: Option<Vec<u8>>,
    /// Another name of an earlier member (tar).
    pub is_hard_link: bool,
    /// Names of the owners (tar); only written.
    pub user: String,
    pub group: String,
}

impl Member {
    pub fn is_trailer(&self) -> bool {
        self.name == TRAILER
    }

    pub fn kind(&self) -> u32 {
        self.mode & secure_exec_sys::stat::S_IFMT
    }
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "malformed header")
}

fn digits(text: &[u8], radix: u32) -> io::Result<u64> {
    let text = std::str::from_utf8(text).map_err(|_| malformed())?;
    u64::from_str_radix(text.trim(), radix).map_err(|_| malformed())
}

fn small(number: u64) -> io::Result<u32> {
    u32::try_from(number).map_err(|_| malformed())
}

/// The header of one member; nothing at the end of tar's archives.
///
/// # Errors
/// `InvalidData`: no header is here. `UnexpectedEof`: the archive ends.
pub fn read(input: &mut impl Read, format: Format) -> io::Result<Option<Member>> {
    match format {
        Format::Tar | Format::Ustar => read_tar(input),
        Format::Newc | Format::Crc => read_new(input, format).map(Some),
        Format::Odc => read_odc(input).map(Some),
        Format::Binary | Format::Swapped => read_binary(input, format).map(Some),
    }
}

fn read_name(
    input: &mut impl Read,
    format: Format,
    length: u64,
    header: u64,
) -> io::Result<Vec<u8>> {
    if length == 0 || length > LONGEST_NAME {
        return Err(malformed());
    }
    let mut name = Vec::new();
    input.take(length).read_to_end(&mut name)?;
    if name.len() as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let end = name.iter().position(|&byte| byte == 0);
    name.truncate(end.unwrap_or(name.len()));
    skip(input, format.padding(header + length))?;
    Ok(name)
}

/// # Errors
/// `UnexpectedEof`: the archive ends.
pub fn skip(input: &mut impl Read, length: u64) -> io::Result<()> {
    if io::copy(&mut input.take(length), &mut io::sink())? < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}

fn read_new(input: &mut impl Read, format: Format) -> io::Result<Member> {
    let mut raw = [0; 110];
    input.read_exact(&mut raw)?;
    if !raw.starts_with(b"07070") || !matches!(raw[5], b'1' | b'2') {
        return Err(malformed());
    }
    let mut fields = [0; 13];
    for (field, text) in fields.iter_mut().zip(raw[6..].chunks(8)) {
        *field = digits(text, 16)?;
    }
    let [
        ino,
        mode,
        uid,
        gid,
        nlink,
        mtime,
        size,
        major,
        minor,
        rmajor,
        rminor,
        length,
        check,
    ] = fields;
    Ok(Member {
        name: read_name(input, format, length, 110)?,
        ino,
        mode: small(mode)?,
        uid: small(uid)?,
        gid: small(gid)?,
        nlink,
        mtime,
        size,
        dev: (small(major)?, small(minor)?),
        rdev: (small(rmajor)?, small(rminor)?),
        check: small(check)?,
        ..Member::default()
    })
}

/// A device as 16 bits.
fn old_device(number: u64) -> (u32, u32) {
    let number = u32::try_from(number & 0xffff).unwrap_or(0);
    (number >> 8, number & 0xff)
}

fn read_odc(input: &mut impl Read) -> io::Result<Member> {
    let mut raw = [0; 76];
    input.read_exact(&mut raw)?;
    if !raw.starts_with(b"070707") {
        return Err(malformed());
    }
    let six = |index: usize| digits(&raw[index * 6..index * 6 + 6], 8);
    let length = digits(&raw[59..65], 8)?;
    Ok(Member {
        name: read_name(input, Format::Odc, length, 76)?,
        dev: old_device(six(1)?),
        ino: six(2)?,
        mode: small(six(3)?)?,
        uid: small(six(4)?)?,
        gid: small(six(5)?)?,
        nlink: six(6)?,
        rdev: old_device(six(7)?),
        mtime: digits(&raw[48..59], 8)?,
        size: digits(&raw[65..76], 8)?,
        ..Member::default()
    })
}

fn read_binary(input: &mut impl Read, format: Format) -> io::Result<Member> {
    let mut raw = [0; 26];
    input.read_exact(&mut raw)?;
    let word = |index: usize| {
        let pair = [raw[index * 2], raw[index * 2 + 1]];
        u64::from(if format == Format::Swapped {
            u16::from_be_bytes(pair)
        } else {
            u16::from_le_bytes(pair)
        })
    };
    if word(0) != 0o070_707 {
        return Err(malformed());
    }
    let long = |index: usize| word(index) << 16 | word(index + 1);
    Ok(Member {
        name: read_name(input, format, word(10), 26)?,
        dev: old_device(word(1)),
        ino: word(2),
        mode: small(word(3))?,
        uid: small(word(4))?,
        gid: small(word(5))?,
        nlink: word(6),
        rdev: old_device(word(7)),
        mtime: long(8),
        size: long(11),
        ..Member::default()
    })
}

fn tar_header(block: &[u8]) -> Option<&Header> {
    let header = (block.len() == 512).then(|| Header::from_byte_slice(block))?;
    let sum: u32 = block
        .iter()
        .enumerate()
        .map(|(at, &byte)| {
            if (148..156).contains(&at) {
                32
            } else {
                u32::from(byte)
            }
        })
        .sum();
    (header.cksum().ok()? == sum).then_some(header)
}

fn read_tar(input: &mut impl Read) -> io::Result<Option<Member>> {
    use secure_exec_sys::stat::{S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG};
    let mut block = [0; 512];
    input.read_exact(&mut block)?;
    if block.iter().all(|&byte| byte == 0) {
        return Ok(None);
    }
    let header = tar_header(&block).ok_or_else(malformed)?;
    let kind = match header.entry_type() {
        EntryType::Directory => S_IFDIR,
        EntryType::Symlink => S_IFLNK,
        EntryType::Fifo => S_IFIFO,
        EntryType::Char => S_IFCHR,
        EntryType::Block => S_IFBLK,
        EntryType::Regular | EntryType::Continuous | EntryType::Link => S_IFREG,
        _ => return Err(malformed()),
    };
    let mut name = header.path_bytes().into_owned();
    let is_directory = kind == S_IFDIR || name.ends_with(b"/");
    while name.len() > 1 && name.ends_with(b"/") {
        name.pop();
    }
    let device = |number: io::Result<Option<u32>>| number.ok().flatten().unwrap_or(0);
    let target = header.link_name_bytes().map(|name| name.into_owned());
    Ok(Some(Member {
        name,
        mode: header.mode()? & 0o7777 | if is_directory { S_IFDIR } else { kind },
        uid: small(header.uid()?)?,
        gid: small(header.gid()?)?,
        nlink: 1,
        mtime: header.mtime()?,
        size: header.entry_size()?,
        rdev: (device(header.device_major()), device(header.device_minor())),
        target,
        is_hard_link: header.entry_type() == EntryType::Link,
        ..Member::default()
    }))
}

/// Writes a header with its name.
///
/// # Errors
/// `InvalidInput`: a number or the name does not fit into the format.
pub fn write(output: &mut impl Write, format: Format, member: &Member) -> io::Result<()> {
    match format {
        Format::Tar | Format::Ustar => write_tar(output, format, member),
        Format::Newc | Format::Crc => write_new(output, format, member),
        Format::Odc => write_odc(output, member),
        Format::Binary | Format::Swapped => write_binary(output, member),
    }
}

fn too_large(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("{what} too large"))
}

fn write_name(output: &mut impl Write, format: Format, name: &[u8], header: u64) -> io::Result<()> {
    output.write_all(name)?;
    let padding = format.padding(header + name.len() as u64 + 1);
    io::copy(&mut io::repeat(0).take(1 + padding), output)?;
    Ok(())
}

fn write_new(output: &mut impl Write, format: Format, member: &Member) -> io::Result<()> {
    let magic = if format == Format::Crc {
        "070702"
    } else {
        "070701"
    };
    let size = u32::try_from(member.size).map_err(|_| too_large("file size"))?;
    write!(output, "{magic}")?;
    for field in [
        u32::try_from(member.ino & 0xffff_ffff).unwrap_or(0),
        member.mode,
        member.uid,
        member.gid,
        u32::try_from(member.nlink).unwrap_or(u32::MAX),
        u32::try_from(member.mtime).unwrap_or(u32::MAX),
        size,
        member.dev.0,
        member.dev.1,
        member.rdev.0,
        member.rdev.1,
        u32::try_from(member.name.len() + 1).map_err(|_| too_large("name"))?,
        if format == Format::Crc {
            member.check
        } else {
            0
        },
    ] {
        write!(output, "{field:08X}")?;
    }
    write_name(output, format, &member.name, 110)
}

fn write_odc(output: &mut impl Write, member: &Member) -> io::Result<()> {
    if member.size >= 1 << 33 {
        return Err(too_large("file size"));
    }
    let device = |(major, minor): (u32, u32)| (major & 0xff) << 8 | minor & 0xff;
    write!(
        output,
        "070707{:06o}{:06o}{:06o}{:06o}{:06o}{:06o}{:06o}{:011o}{:06o}{:011o}",
        device(member.dev),
        member.ino & 0o777_777,
        member.mode,
        member.uid & 0o777_777,
        member.gid & 0o777_777,
        member.nlink & 0o777_777,
        device(member.rdev),
        member.mtime & 0o77_777_777_777,
        member.name.len() + 1,
        member.size
    )?;
    write_name(output, Format::Odc, &member.name, 76)
}

fn write_binary(output: &mut impl Write, member: &Member) -> io::Result<()> {
    if member.size >= 1 << 31 {
        return Err(too_large("file size"));
    }
    let device = |(major, minor): (u32, u32)| u64::from((major & 0xff) << 8 | minor & 0xff);
    let long = |number: u64| [number >> 16, number];
    let [mtime_high, mtime_low] = long(member.mtime);
    let [size_high, size_low] = long(member.size);
    for word in [
        0o070_707,
        device(member.dev),
        member.ino,
        member.mode.into(),
        member.uid.into(),
        member.gid.into(),
        member.nlink,
        device(member.rdev),
        mtime_high,
        mtime_low,
        member.name.len() as u64 + 1,
        size_high,
        size_low,
    ] {
        output.write_all(&word.to_le_bytes()[..2])?;
    }
    write_name(output, Format::Binary, &member.name, 26)
}

fn write_tar(output: &mut impl Write, format: Format, member: &Member) -> io::Result<()> {
    use secure_exec_sys::stat::{S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK};
    if member.is_trailer() {
        return output.write_all(&[0; 1024]);
    }
    let mut header = if format == Format::Ustar {
        Header::new_ustar()
    } else {
        Header::new_old()
    };
    let mut name = member.name.clone();
    header.set_entry_type(match member.kind() {
        _ if member.is_hard_link => EntryType::Link,
        S_IFDIR => {
            name.push(b'/');
            EntryType::Directory
        }
        S_IFLNK => EntryType::Symlink,
        S_IFIFO => EntryType::Fifo,
        S_IFCHR => EntryType::Char,
        S_IFBLK => EntryType::Block,
        _ => EntryType::Regular,
    });
    put_name(&mut header, &name)?;
    if let Some(target) = &member.target {
        if target.len() > 100 {
            return Err(too_large("symbolic link"));
        }
        header.set_link_name_literal(target)?;
    }
    header.set_mode(member.mode & 0o7777);
    header.set_uid(member.uid.into());
    header.set_gid(member.gid.into());
    header.set_size(member.size);
    header.set_mtime(member.mtime);
    if matches!(member.kind(), S_IFCHR | S_IFBLK) && format == Format::Ustar {
        header.set_device_major(member.rdev.0)?;
        header.set_device_minor(member.rdev.1)?;
    }
    if format == Format::Ustar {
        // Names that do not fit are left out; the numbers stay.
        let _ = header.set_username(&member.user);
        let _ = header.set_groupname(&member.group);
    }
    header.set_cksum();
    output.write_all(header.as_bytes())
}

/// Puts a name into a header of tar, its first directories into `prefix` where it is long.
fn put_name(header: &mut Header, name: &[u8]) -> io::Result<()> {
    if name.len() <= 100 {
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        return Ok(());
    }
    let fits = |at: &usize| name[*at] == b'/' && *at <= 155 && name.len() - at - 1 <= 100;
    let slash = (1..name.len() - 1).find(fits);
    match (slash, header.as_ustar_mut()) {
        (Some(slash), Some(header)) => {
            header.prefix[..slash].copy_from_slice(&name[..slash]);
            let rest = &name[slash + 1..];
            header.name[..rest.len()].copy_from_slice(rest);
            Ok(())
        }
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "file name too long",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_back() {
        for format in [Format::Binary, Format::Odc, Format::Newc, Format::Crc] {
            for length in 1..9 {
                let member = Member {
                    name: vec![b'n'; length],
                    ino: 77,
                    mode: 0o100_644,
                    uid: 1000,
                    gid: 100,
                    nlink: 2,
                    mtime: 1_234_567_890,
                    size: 100_000,
                    dev: (8, 1),
                    ..Member::default()
                };
                let mut bytes = Vec::new();
                write(&mut bytes, format, &member).expect("written");
                assert_eq!(format.padding(bytes.len() as u64), 0);
                assert_eq!(Format::by_start(&bytes), Some(format));
                let back = read(&mut &bytes[..], format).expect("a header");
                assert_eq!(back, Some(member));
            }
        }
    }

    #[test]
    fn what_is_cut_off_or_no_header_is_an_error() {
        let mut bytes = Vec::new();
        let member = Member {
            name: b"name".to_vec(),
            ..Member::default()
        };
        for format in [Format::Binary, Format::Odc, Format::Newc, Format::Ustar] {
            bytes.clear();
            write(&mut bytes, format, &member).expect("written");
            for end in 0..bytes.len() - 1 {
                assert!(
                    read(&mut &bytes[..end], format).is_err(),
                    "{format:?} {end}"
                );
            }
            bytes.fill(0x39);
            assert!(read(&mut &bytes[..], format).is_err());
        }
    }
}
