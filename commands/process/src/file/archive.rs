//! Archives and compressed files.

use super::{Answer, Numbers, ctime};
use secure_exec_cli::Zone;

pub fn recognize(content: &[u8]) -> Option<Answer> {
    let starts = |magic: &[u8]| content.starts_with(magic);
    let answer = |text: &str, media: &str| Some(Answer::binary(text, media));
    if starts(b"PK\x03\x04") {
        return Some(zip(content));
    }
    if starts(b"PK\x05\x06") {
        return answer("Zip archive data (empty)", "application/zip");
    }
    if starts(b"\x1f\x8b") {
        return Some(Answer::binary(gzip(content), "application/gzip"));
    }
    if starts(b"BZh") {
        let digit = char::from(content.get(3).copied().unwrap_or(b'?'));
        let text = format!("bzip2 compressed data, block size = {digit}00k");
        return answer(&text, "application/x-bzip2");
    }
    if starts(b"\xfd7zXZ\0") {
        let sum = match content.get(7).map(|flags| flags & 15) {
            Some(0) => ", checksum NONE",
            Some(1) => ", checksum CRC32",
            Some(4) => ", checksum CRC64",
            Some(10) => ", checksum SHA-256",
            _ => "",
        };
        return answer(&format!("XZ compressed data{sum}"), "application/x-xz");
    }
    if starts(b"\x28\xb5\x2f\xfd") {
        let id = match content.get(4).map_or(0, |flags| flags & 3) {
            0 => "None".to_owned(),
            bytes => {
                let single = content[4] & 0x20 != 0;
                let length = [0, 1, 2, 4][usize::from(bytes)];
                Numbers::little(content)
                    .at(6 - usize::from(single), length)
                    .to_string()
            }
        };
        let text = format!("Zstandard compressed data (v0.8+), Dictionary ID: {id}");
        return answer(&text, "application/zstd");
    }
    if starts(b"]\0\0") && content.len() >= 13 && matches!(content[12], 0 | 0xff) {
        let size = Numbers::little(content).at(5, 8);
        let text = if size == u64::MAX {
            "LZMA compressed data, streamed".to_owned()
        } else {
            format!("LZMA compressed data, non-streamed, size {size}")
        };
        return answer(&text, "application/x-lzma");
    }
    if starts(b"7z\xbc\xaf\x27\x1c") {
        let version = (content.get(6).unwrap_or(&0), content.get(7).unwrap_or(&0));
        let text = format!("7-zip archive data, version {}.{}", version.0, version.1);
        return answer(&text, "application/x-7z-compressed");
    }
    if starts(b"!<arch>\n") {
        if content.get(8..21) == Some(b"debian-binary") {
            let media = "application/vnd.debian.binary-package";
            return answer(&debian(content), media);
        }
        return answer("current ar archive", "application/x-archive");
    }
    if starts(b"!<thin>\n") {
        return answer("thin archive with", "");
    }
    if starts(b"LZIP") {
        let version = content.get(4).copied().unwrap_or(0);
        let text = format!("lzip compressed data, version: {version}");
        return answer(&text, "application/x-lzip");
    }
    if starts(b"\xff\x06\0\0sNaPpY") {
        return answer("snappy framed data", "application/x-snappy-framed");
    }
    if let Some([major, minor, kind_high, kind, ..]) = content.strip_prefix(b"\xed\xab\xee\xdb") {
        let kind = match (kind_high, kind) {
            (0, 0) => " bin",
            (0, 1) => " src",
            _ => "",
        };
        let machine = match Numbers::big(content).u16(8) {
            1 => " i386/x86_64",
            2 => " Alpha",
            3 => " Sparc",
            4 => " MIPS",
            5 => " PowerPC",
            12 => " ARM",
            _ => "",
        };
        let text = format!("RPM v{major}.{minor}{kind}{machine}");
        return answer(&text, "application/x-rpm");
    }
    if starts(b"\xc7\x71") {
        return answer("cpio archive", "application/x-cpio");
    }
    for (magic, text) in [
        (&b"070707"[..], "ASCII cpio archive (pre-SVR4 or odc)"),
        (b"070701", "ASCII cpio archive (SVR4 with no CRC)"),
        (b"070702", "ASCII cpio archive (SVR4 with CRC)"),
    ] {
        if starts(magic) {
            return answer(text, "application/x-cpio");
        }
    }
    if starts(b"Rar!\x1a\x07\x01\0") {
        return answer("RAR archive data, v5", "application/x-rar");
    }
    if starts(b"Rar!\x1a\x07\0") {
        return answer("RAR archive data", "application/x-rar");
    }
    if starts(b"\x04\x22\x4d\x18") {
        return answer("LZ4 compressed data (v1.4+)", "application/x-lz4");
    }
    if starts(b"\x1f\x9d") {
        let bits = content.get(2).map_or(0, |flags| flags & 0x1f);
        return answer(
            &format!("compress'd data {bits} bits"),
            "application/x-compress",
        );
    }
    None
}

/// A tar archive, by the sum of the bytes of its first header.
pub fn tar(content: &[u8]) -> Option<Answer> {
    let header = content.get(..512)?;
    let digits = |field: &[u8]| -> Option<u64> {
        let text = std::str::from_utf8(field).ok()?;
        u64::from_str_radix(text.trim_matches([' ', '\0']), 8).ok()
    };
    let sum = digits(&header[148..156])?;
    let bytes = header.iter().enumerate();
    let found: u64 = bytes
        .map(|(at, &byte)| u64::from(if (148..156).contains(&at) { b' ' } else { byte }))
        .sum();
    if found != sum {
        return None;
    }
    let text = match &header[257..265] {
        b"ustar  \0" => "POSIX tar archive (GNU)",
        mark if mark.starts_with(b"ustar\0") => "POSIX tar archive",
        _ => "tar archive",
    };
    Some(Answer::binary(text, "application/x-tar"))
}

/// A package of Debian: the second and the third member, which hold what it says of itself and its files.
fn debian(content: &[u8]) -> String {
    let member = |at: usize| -> Option<(String, usize)> {
        let header = content.get(at..at.checked_add(60)?)?;
        let name = String::from_utf8_lossy(&header[..16]);
        let name = name.trim_end_matches([' ', '/']).to_owned();
        let size = String::from_utf8_lossy(&header[48..58]);
        let size: usize = size.trim().parse().unwrap_or(0);
        Some((
            name,
            at.checked_add(60)?
                .checked_add(size)?
                .checked_next_multiple_of(2)?,
        ))
    };
    let mut text = "Debian binary package (format 2.0)".to_owned();
    if let Some((name, next)) = content
        .get(72..88)
        .map(|name| {
            String::from_utf8_lossy(name)
                .trim_end_matches([' ', '/'])
                .to_owned()
        })
        .map(|name| (name, member(72).map(|(_, next)| next)))
    {
        text.push_str(&format!(", with {name}"));
        if let Some((data, _)) = next.and_then(member)
            && let Some(how) = data.strip_prefix("data.tar.")
        {
            text.push_str(&format!(", data compression {how}"));
        }
    }
    text
}

fn gzip(content: &[u8]) -> String {
    let numbers = Numbers::little(content);
    let mut text = "gzip compressed data".to_owned();
    let flags = content.get(3).copied().unwrap_or(0);
    let mut at = 10;
    if flags & 4 != 0 {
        at += 2 + usize::try_from(numbers.u16(10)).unwrap_or(0);
        text.push_str(", has extra field");
    }
    if flags & 8 != 0 {
        let rest = content.get(at..).unwrap_or_default();
        let name = rest.split(|&byte| byte == 0).next().unwrap_or_default();
        text.push_str(&format!(", was \"{}\"", String::from_utf8_lossy(name)));
    }
    if flags & 16 != 0 {
        text.push_str(", has comment");
    }
    let time = numbers.u32(4);
    if time != 0 {
        text.push_str(&format!(", last modified: {}", ctime(time, &Zone::local())));
    }
    match content.get(8) {
        Some(2) => text.push_str(", max compression"),
        Some(4) => text.push_str(", max speed"),
        _ => {}
    }
    let system = match content.get(9) {
        Some(0) => "FAT filesystem (MS-DOS, OS/2, NT)",
        Some(3) => "Unix",
        Some(7) => "Macintosh",
        Some(10) => "NTFS filesystem (NT)",
        Some(11) => "NTFS filesystem (NT)",
        _ => "",
    };
    if !system.is_empty() {
        text.push_str(&format!(", from {system}"));
    }
    if content.len() >= 18 {
        let size = numbers.u32(content.len() - 4);
        text.push_str(&format!(", original size modulo 2^32 {size}"));
    }
    text
}

/// Names of the members that are seen, with what follows their headers.
fn members(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = content.get(at..)?;
        let next = rest.windows(4).position(|window| window == b"PK\x03\x04")?;
        let header = &rest[next..];
        let length = usize::try_from(Numbers::little(header).u16(26)).unwrap_or(0);
        at += next + 4;
        Some(header.get(30..30 + length).unwrap_or_default())
    })
}

fn zip(content: &[u8]) -> Answer {
    let numbers = Numbers::little(content);
    let first = members(content).next().unwrap_or_default();
    if first == b"mimetype" {
        let start = 38 + usize::try_from(numbers.u16(28)).unwrap_or(0);
        let length = usize::try_from(numbers.u32(22)).unwrap_or(0).min(200);
        let media = content.get(start..start + length).unwrap_or_default();
        let media = String::from_utf8_lossy(media).into_owned();
        let text = match media.as_str() {
            "application/epub+zip" => "EPUB document",
            "application/vnd.oasis.opendocument.text" => "OpenDocument Text",
            "application/vnd.oasis.opendocument.spreadsheet" => "OpenDocument Spreadsheet",
            "application/vnd.oasis.opendocument.presentation" => "OpenDocument Presentation",
            "application/vnd.oasis.opendocument.graphics" => "OpenDocument Drawing",
            _ => "",
        };
        if !text.is_empty() {
            return Answer::binary(text, &media);
        }
    }
    let office = [&b"[Content_Types].xml"[..], b"_rels/.rels", b"docProps"];
    if office.iter().any(|name| first.starts_with(name)) {
        const PREFIX: &str = "application/vnd.openxmlformats-officedocument.";
        for (start, text, media) in [
            (
                &b"word/"[..],
                "Microsoft Word 2007+",
                "wordprocessingml.document",
            ),
            (
                b"ppt/",
                "Microsoft PowerPoint 2007+",
                "presentationml.presentation",
            ),
            (b"xl/", "Microsoft Excel 2007+", "spreadsheetml.sheet"),
        ] {
            if members(content).any(|name| name.starts_with(start)) {
                return Answer::binary(text, &format!("{PREFIX}{media}"));
            }
        }
        return Answer::binary("Microsoft OOXML", "application/octet-stream");
    }
    let extra = 30 + first.len();
    if first.starts_with(b"META-INF/") && numbers.u16(extra) == 0xcafe {
        return Answer::binary("Java archive data (JAR)", "application/java-archive");
    }
    let version = numbers.at(4, 1);
    let method = match numbers.u16(8) {
        0 => "store".to_owned(),
        8 => "deflate".to_owned(),
        9 => "deflate64".to_owned(),
        12 => "bzip2".to_owned(),
        14 => "lzma".to_owned(),
        other => format!("[{other:#x}]"),
    };
    let text = format!(
        "Zip archive data, at least v{}.{} to extract, compression method={method}",
        version / 10,
        version % 10
    );
    Answer::binary(text, "application/zip")
}
