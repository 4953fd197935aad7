//! Archives of `ar`: the form that System V and GNU have, with long names in a member of their own; those of BSD are read.

use std::io;

/// Begins an archive.
pub const MAGIC: &[u8] = b"!<arch>\n";
/// Begins one that only names its members, which are elsewhere.
const THIN: &[u8] = b"!<thin>\n";
/// The longest name that stands in a header, in bytes.
pub const SHORT_NAME: usize = 15;
const HEADER: usize = 60;

/// One file in an archive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    pub name: Vec<u8>,
    /// In seconds since 1970.
    pub mtime: u64,
    pub uid: u32,
    pub gid: u32,
    pub mode: u32,
    pub data: Vec<u8>,
    /// Where its data is in the archive that was read.
    pub offset: u64,
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "file format not recognized")
}

fn number(field: &[u8], radix: u32) -> io::Result<u64> {
    let text = std::str::from_utf8(field).map_err(|_| malformed())?.trim();
    if text.is_empty() {
        return Ok(0);
    }
    u64::from_str_radix(text, radix).map_err(|_| malformed())
}

fn small(field: &[u8], radix: u32) -> io::Result<u32> {
    u32::try_from(number(field, radix)?).map_err(|_| malformed())
}

/// All members but the table of symbols and that of names.
///
/// # Errors
/// `InvalidData`: this is no archive, or a thin one.
pub fn read(bytes: &[u8]) -> io::Result<Vec<Member>> {
    if bytes.starts_with(THIN) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "thin archives are not supported",
        ));
    }
    if !bytes.starts_with(MAGIC) {
        return Err(malformed());
    }
    let mut members = Vec::new();
    let mut names: &[u8] = &[];
    let mut at = MAGIC.len();
    while at < bytes.len() {
        let header = bytes.get(at..at + HEADER).ok_or_else(malformed)?;
        if &header[58..] != b"`\n" {
            return Err(malformed());
        }
        let size = usize::try_from(number(&header[48..58], 10)?).map_err(|_| malformed())?;
        let start = at + HEADER;
        let end = start.checked_add(size).ok_or_else(malformed)?;
        let mut data = bytes.get(start..end).ok_or_else(malformed)?;
        let field = header[..16].trim_ascii_end();
        let offset = start as u64;
        at = end + size % 2;
        let name = match field {
            b"/" | b"/SYM64/" | b"__.SYMDEF" | b"__.SYMDEF SORTED" => continue,
            b"//" => {
                names = data;
                continue;
            }
            _ if field.starts_with(b"#1/") => {
                let length = usize::try_from(number(&field[3..], 10)?).map_err(|_| malformed())?;
                let name = data.get(..length).ok_or_else(malformed)?;
                data = &data[length..];
                let end = name.iter().position(|&byte| byte == 0);
                &name[..end.unwrap_or(length)]
            }
            _ if field.starts_with(b"/") => long_name(names, &field[1..])?,
            _ => field.strip_suffix(b"/").unwrap_or(field),
        };
        if matches!(name, b"__.SYMDEF" | b"__.SYMDEF SORTED") {
            continue;
        }
        members.push(Member {
            name: name.to_vec(),
            mtime: number(&header[16..28], 10)?,
            uid: small(&header[28..34], 10)?,
            gid: small(&header[34..40], 10)?,
            mode: small(&header[40..48], 8)?,
            data: data.to_vec(),
            offset,
        });
    }
    Ok(members)
}

fn long_name<'n>(names: &'n [u8], place: &[u8]) -> io::Result<&'n [u8]> {
    let place = usize::try_from(number(place, 10)?).map_err(|_| malformed())?;
    let rest = names.get(place..).ok_or_else(malformed)?;
    let end = rest.iter().position(|&byte| byte == b'\n');
    let name = &rest[..end.unwrap_or(rest.len())];
    Ok(name.strip_suffix(b"/").unwrap_or(name))
}

fn header(out: &mut Vec<u8>, name: &[u8], numbers: &str, size: usize) {
    let start = out.len();
    out.extend_from_slice(name);
    out.resize(start + 16, b' ');
    out.extend_from_slice(numbers.as_bytes());
    out.extend_from_slice(format!("{size:<10}`\n").as_bytes());
}

fn pad(out: &mut Vec<u8>) {
    if out.len() % 2 == 1 {
        out.push(b'\n');
    }
}

/// The bytes of an archive.
pub fn write(members: &[Member]) -> Vec<u8> {
    let mut names = Vec::new();
    let mut places = Vec::new();
    for member in members {
        if member.name.len() > SHORT_NAME || member.name.contains(&b'/') {
            places.push(Some(names.len()));
            names.extend_from_slice(&member.name);
            names.extend_from_slice(b"/\n");
        } else {
            places.push(None);
        }
    }
    pad(&mut names);
    let mut out = MAGIC.to_vec();
    if !names.is_empty() {
        header(&mut out, b"//", &" ".repeat(32), names.len());
        out.extend_from_slice(&names);
    }
    for (member, place) in members.iter().zip(places) {
        let name = match place {
            Some(place) => format!("/{place}").into_bytes(),
            None => [&member.name[..], b"/"].concat(),
        };
        let numbers = format!(
            "{:<12}{:<6}{:<6}{:<8o}",
            member.mtime, member.uid, member.gid, member.mode
        );
        header(&mut out, &name, &numbers, member.data.len());
        out.extend_from_slice(&member.data);
        pad(&mut out);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_come_back() {
        let member = |name: &[u8], data: &[u8]| Member {
            name: name.to_vec(),
            mode: 0o644,
            data: data.to_vec(),
            ..Member::default()
        };
        let members = [
            member(b"a", b"odd"),
            member(b"exactly15_chars", b""),
            member(b"a_name_that_is_long", b"even"),
        ];
        let bytes = write(&members);
        let mut back = read(&bytes).expect("an archive");
        back.iter_mut().for_each(|member| member.offset = 0);
        assert_eq!(back, members);
        for end in MAGIC.len() + 1..bytes.len() {
            // What is cut off may be an archive of fewer members, but nothing else.
            let _ = read(&bytes[..end]);
        }
    }

    #[test]
    fn names_of_bsd_stand_before_the_data() {
        let mut bytes = MAGIC.to_vec();
        header(&mut bytes, b"#1/8", &" ".repeat(32), 11);
        bytes.extend_from_slice(b"long\0\0\0\0xyz\n");
        let members = read(&bytes).expect("an archive");
        assert_eq!(
            (&members[0].name[..], &members[0].data[..]),
            (&b"long"[..], &b"xyz"[..])
        );
    }
}
