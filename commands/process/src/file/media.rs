//! Images, films, documents and databases.

use regex::bytes::Regex;

use super::{Answer, Numbers, characters};

/// How far the number of pages is looked for, in bytes.
const LOOKED_FOR_PAGES: usize = 1 << 20;

/// How files of other kinds begin: place, bytes, what it is, its media type.
const MAGIC: &[(usize, &[u8], &str, &str)] = &[
    (
        0,
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "OLE 2 Compound Document",
        "",
    ),
    (
        0,
        b"\0\0\0\x0cjP  \r\n\x87\n",
        "JPEG 2000 Part 1 (JP2)",
        "image/jp2",
    ),
    (0, b"PAR1", "Apache Parquet", ""),
    (0, b"\xd7\xcd\xc6\x9a", "Windows metafile", "image/wmf"),
    (
        0,
        b"d8:announce",
        "BitTorrent file",
        "application/x-bittorrent",
    ),
];

pub fn recognize(content: &[u8]) -> Option<Answer> {
    let starts = |magic: &[u8]| content.starts_with(magic);
    let (little, big) = (Numbers::little(content), Numbers::big(content));
    if starts(b"\x89PNG\r\n\x1a\n") && content.len() > 28 {
        return Some(Answer::binary(png(content), "image/png"));
    }
    if starts(b"\xff\xd8\xff") {
        return Some(Answer::binary(jpeg(content), "image/jpeg"));
    }
    if starts(b"GIF87a") || starts(b"GIF89a") {
        let version = String::from_utf8_lossy(&content[3..6]).into_owned();
        let text = format!(
            "GIF image data, version {version}, {} x {}",
            little.u16(6),
            little.u16(8)
        );
        return Some(Answer::binary(text, "image/gif"));
    }
    if starts(b"BM") && content.len() > 26 && little.u32(14) >= 12 {
        return Some(Answer::binary(bmp(content), "image/bmp"));
    }
    if starts(b"\0\0\x01\0") && little.u16(4) > 0 && content.len() > 21 {
        return Some(Answer::binary(icon(content), "image/vnd.microsoft.icon"));
    }
    if starts(b"II*\0") || starts(b"MM\0*") {
        return Some(Answer::binary(tiff(content), "image/tiff"));
    }
    if starts(b"%PDF-") {
        return Some(Answer::binary(pdf(content), "application/pdf"));
    }
    if starts(b"%!") {
        return Some(Answer::binary(
            postscript(content),
            "application/postscript",
        ));
    }
    if starts(b"{\\rtf") {
        return Some(Answer::binary(rich_text(content), "text/rtf"));
    }
    if starts(b"8BPS") {
        return Some(Answer::binary(photoshop(big), "image/vnd.adobe.photoshop"));
    }
    if starts(b"gimp xcf ") {
        return Some(Answer::binary(gimp(content), "image/x-xcf"));
    }
    if let [b'P', kind @ b'1'..=b'6', b' ' | b'\n' | b'\r' | b'\t', ..] = content
        && let Some(answer) = netpbm(content, kind - b'0')
    {
        return Some(answer);
    }
    if starts(b"\xde\x12\x04\x95") || starts(b"\x95\x04\x12\xde") {
        let (numbers, order) = match content[0] {
            0xde => (little, "little"),
            _ => (big, "big"),
        };
        let text = format!(
            "GNU message catalog ({order} endian), revision {}.{}, {} messages",
            numbers.u16(6),
            numbers.u16(4),
            numbers.u32(8)
        );
        return Some(Answer::binary(text, "application/x-gettext-translation"));
    }
    if starts(b"SQLite format 3\0") && content.len() >= 100 {
        return Some(Answer::binary(sqlite(content), "application/vnd.sqlite3"));
    }
    if content.get(4..8) == Some(b"ftyp") {
        return Some(iso_media(content));
    }
    MAGIC.iter().find_map(|(at, magic, text, media)| {
        content
            .get(*at..)?
            .starts_with(magic)
            .then(|| Answer::binary(*text, media))
    })
}

fn png(content: &[u8]) -> String {
    let numbers = Numbers::big(content);
    if content.get(12..16) != Some(b"IHDR") {
        return "PNG image data".to_owned();
    }
    let colors = match numbers.at(25, 1) {
        0 => " grayscale",
        2 => "/color RGB",
        3 => " colormap",
        4 => " gray+alpha",
        6 => "/color RGBA",
        _ => "",
    };
    let interlaced = if numbers.at(28, 1) == 1 {
        "interlaced"
    } else {
        "non-interlaced"
    };
    format!(
        "PNG image data, {} x {}, {}-bit{colors}, {interlaced}",
        numbers.u32(16),
        numbers.u32(20),
        numbers.at(24, 1)
    )
}

fn jpeg(content: &[u8]) -> String {
    let numbers = Numbers::big(content);
    let mut text = "JPEG image data".to_owned();
    if content.get(6..11) == Some(b"JFIF\0") {
        let unit = match numbers.at(13, 1) {
            0 => "aspect ratio",
            1 => "resolution (DPI)",
            _ => "resolution (DPCM)",
        };
        text.push_str(&format!(
            ", JFIF standard {}.{:02}, {unit}, density {}x{}, segment length {}",
            numbers.at(11, 1),
            numbers.at(12, 1),
            numbers.u16(14),
            numbers.u16(16),
            numbers.u16(4)
        ));
    } else if content.get(6..12) == Some(b"Exif\0\0") {
        let inner = content.get(12..).unwrap_or_default();
        text.push_str(&format!(", Exif standard: [{}]", tiff(inner)));
    }
    let mut at = 2;
    while let Some([0xff, marker]) = content.get(at..at + 2) {
        match marker {
            0xc0..=0xc2 => {
                let how = ["baseline", "extended sequential", "progressive"];
                text.push_str(&format!(
                    ", {}, precision {}, {}x{}, components {}",
                    how[usize::from(marker - 0xc0)],
                    numbers.at(at + 4, 1),
                    numbers.u16(at + 7),
                    numbers.u16(at + 5),
                    numbers.at(at + 9, 1)
                ));
                break;
            }
            0xda | 0xd9 => break,
            _ => at += 2 + usize::try_from(numbers.u16(at + 2)).unwrap_or(0).max(1),
        }
    }
    text
}

fn tiff(content: &[u8]) -> String {
    let big = content.starts_with(b"MM");
    let numbers = Numbers {
        bytes: content,
        big,
    };
    let order = if big { "big-endian" } else { "little-endian" };
    let place = usize::try_from(numbers.u32(4)).unwrap_or(usize::MAX);
    format!(
        "TIFF image data, {order}, direntries={}",
        numbers.u16(place)
    )
}

fn pdf(content: &[u8]) -> String {
    let version = String::from_utf8_lossy(content.get(5..8).unwrap_or_default()).into_owned();
    let mut text = format!("PDF document, version {version}");
    // How many pages there are stands in the root of their tree, where that is no part of a compressed object.
    let head = &content[..content.len().min(LOOKED_FOR_PAGES)];
    let count = Regex::new(
        r"(?-u)/Type */Pages[^>]*?/Count +([0-9]{1,9})|/Count +([0-9]{1,9})[^>]*?/Type */Pages",
    )
    .ok()
    .and_then(|pattern| {
        let found = pattern.captures(head)?;
        let digits = found.get(1).or_else(|| found.get(2))?;
        Some(String::from_utf8_lossy(digits.as_bytes()).into_owned())
    });
    if let Some(count) = count {
        text.push_str(&format!(", {count} pages"));
    }
    text
}

fn postscript(content: &[u8]) -> String {
    let line = content
        .split(|&byte| byte == b'\n')
        .next()
        .unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let mut text = "PostScript document text".to_owned();
    if let Some(rest) = line.strip_prefix("%!PS-Adobe-") {
        let mut words = rest.split_whitespace();
        let level = words.next().unwrap_or_default();
        text.push_str(&format!(" conforming DSC level {level}"));
        if let Some(kind) = words.next() {
            let kind = if kind.starts_with("EPS") { "EPS" } else { kind };
            text.push_str(&format!(", type {kind}"));
        }
    }
    text
}

fn rich_text(content: &[u8]) -> String {
    let rest = &content[5..content.len().min(64)];
    let version = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut text = "Rich Text Format data".to_owned();
    if version > 0 {
        let version = String::from_utf8_lossy(&rest[..version]);
        text.push_str(&format!(", version {version}"));
    }
    for (word, name) in [
        (&b"\\ansi"[..], "ANSI"),
        (b"\\mac", "Apple Macintosh"),
        (b"\\pca", "IBM PS/2, code page 850"),
        (b"\\pc", "IBM PC, code page 437"),
    ] {
        if rest[version..].starts_with(word) {
            text.push_str(&format!(", {name}"));
            break;
        }
    }
    text
}

fn photoshop(numbers: Numbers<'_>) -> String {
    let mode = match numbers.u16(24) {
        0 => ", bitmap",
        1 => ", grayscale",
        2 => ", indexed",
        3 => ", RGB",
        4 => ", CMYK",
        7 => ", multichannel",
        8 => ", duotone",
        9 => ", lab",
        _ => "",
    };
    format!(
        "Adobe Photoshop Image, {} x {}{mode}, {}x {}-bit channels",
        numbers.u32(18),
        numbers.u32(14),
        numbers.u16(12),
        numbers.u16(22)
    )
}

fn gimp(content: &[u8]) -> String {
    let numbers = Numbers::big(content);
    let version = match content.get(9..13) {
        Some([b'v', digits @ ..]) => String::from_utf8_lossy(digits).into_owned(),
        _ => "0".to_owned(),
    };
    let mode = match numbers.u32(22) {
        0 => "RGB Color",
        1 => "Greyscale",
        2 => "Indexed Color",
        _ => "Unknown Image Type.",
    };
    format!(
        "GIMP XCF image data, version {version}, {} x {}, {mode}",
        numbers.u32(14),
        numbers.u32(18)
    )
}

/// Images of Netpbm; those whose numbers are texts have characters.
fn netpbm(content: &[u8], kind: u8) -> Option<Answer> {
    let head = String::from_utf8_lossy(&content[2..content.len().min(512)]).into_owned();
    let mut words = head
        .lines()
        .filter(|line| !line.starts_with('#'))
        .flat_map(str::split_whitespace);
    let (width, height): (u64, u64) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let (name, media) = [
        ("bitmap", "image/x-portable-bitmap"),
        ("greymap", "image/x-portable-greymap"),
        ("pixmap", "image/x-portable-pixmap"),
    ][usize::from((kind - 1) % 3)];
    let raw = if kind > 3 { ", rawbits" } else { "" };
    let mut text = format!("Netpbm image data, size = {width} x {height}{raw}, {name}");
    if kind <= 3
        && let Some(found) = characters::recognize(content)
    {
        text.push_str(&format!(", {}{}", found.name, found.details()));
    }
    Some(Answer::binary(text, media))
}

fn bmp(content: &[u8]) -> String {
    let numbers = Numbers::little(content);
    let mut text = "PC bitmap".to_owned();
    if numbers.u32(14) != 40 {
        return text;
    }
    text.push_str(&format!(
        ", Windows 3.x format, {} x {} x {}",
        numbers.u32(18),
        numbers.u32(22),
        numbers.u16(28)
    ));
    if numbers.u32(34) > 0 {
        text.push_str(&format!(", image size {}", numbers.u32(34)));
    }
    if numbers.u32(38) > 0 {
        text.push_str(&format!(
            ", resolution {} x {} px/m",
            numbers.u32(38),
            numbers.u32(42)
        ));
    }
    text.push_str(&format!(
        ", cbSize {}, bits offset {}",
        numbers.u32(2),
        numbers.u32(10)
    ));
    text
}

/// A list of icons, of which the first two are told.
fn icon(content: &[u8]) -> String {
    let numbers = Numbers::little(content);
    let count = numbers.u16(4);
    let plural = if count == 1 { "" } else { "s" };
    let size = |at: usize| match numbers.at(at, 1) {
        0 => 256,
        other => other,
    };
    let mut text = format!("MS Windows icon resource - {count} icon{plural}");
    for place in [6, 22]
        .into_iter()
        .take(usize::try_from(count).unwrap_or(0))
    {
        text.push_str(&format!(", {}x{}", size(place), size(place + 1)));
        if numbers.u16(place + 6) != 0 {
            text.push_str(&format!(", {} bits/pixel", numbers.u16(place + 6)));
        }
    }
    text
}

fn sqlite(content: &[u8]) -> String {
    let numbers = Numbers::big(content);
    let mut text = "SQLite 3.x database".to_owned();
    for (at, name) in [(68, "application id"), (60, "user version")] {
        if numbers.u32(at) != 0 {
            text.push_str(&format!(", {name} {}", numbers.u32(at)));
        }
    }
    let encoding = match numbers.u32(56) {
        1 => ", UTF-8",
        2 => ", UTF-16 little endian",
        3 => ", UTF-16 big endian",
        _ => "",
    };
    text.push_str(&format!(
        ", last written using SQLite version {}, file counter {}, database pages {}, cookie {:#x}, schema {}{encoding}, version-valid-for {}",
        numbers.u32(96),
        numbers.u32(24),
        numbers.u32(28),
        numbers.u32(40),
        numbers.u32(44),
        numbers.u32(92)
    ));
    text
}

/// Brands of ISO's format for media: what they are, and their media types.
const BRANDS: &[(&[u8; 4], &str, &str)] = &[
    (
        b"isom",
        ", MP4 Base Media v1 [ISO 14496-12:2003]",
        "video/mp4",
    ),
    (
        b"iso2",
        ", MP4 Base Media v2 [ISO 14496-12:2005]",
        "video/mp4",
    ),
    (b"mp41", ", MP4 v1 [ISO 14496-1:ch13]", "video/mp4"),
    (b"mp42", ", MP4 v2 [ISO 14496-14]", "video/mp4"),
    (
        b"qt  ",
        ", Apple QuickTime movie, Apple QuickTime (.MOV/QT)",
        "video/quicktime",
    ),
    (
        b"M4A ",
        ", Apple iTunes ALAC/AAC-LC (.M4A) Audio",
        "audio/x-m4a",
    ),
    (b"M4V ", ", Apple iTunes Video (.M4V) Video", "video/x-m4v"),
    (b"avif", ", AVIF Image", "image/avif"),
    (
        b"heic",
        ", HEIF Image HEVC Main or Main Still Picture Profile",
        "image/heic",
    ),
    (b"mif1", ", HEIF Image", "image/heif"),
    (b"3gp4", ", MPEG v4 system, 3GPP", "video/3gpp"),
    (b"3gp5", ", MPEG v4 system, 3GPP", "video/3gpp"),
    (
        b"dash",
        ", MPEG v4 system, Dynamic Adaptive Streaming over HTTP",
        "video/mp4",
    ),
    (
        b"avc1",
        ", MPEG v4 system, 3GPP JVT AVC [ISO 14496-12:2005]",
        "video/mp4",
    ),
];

fn iso_media(content: &[u8]) -> Answer {
    let brand = content.get(8..12).unwrap_or_default();
    let known = BRANDS.iter().find(|(name, ..)| name.as_slice() == brand);
    let (text, media) = known.map_or(("", ""), |(_, text, media)| (*text, *media));
    Answer::binary(format!("ISO Media{text}"), media)
}
