//! Fonts.

use super::{Answer, Numbers};

pub fn recognize(content: &[u8]) -> Option<Answer> {
    let numbers = Numbers::big(content);
    let name = |at: usize| {
        let bytes = content.get(at..at + 4).unwrap_or_default();
        String::from_utf8_lossy(bytes).into_owned()
    };
    let outlines = || match content.get(4..8) {
        Some(b"OTTO") => ", CFF",
        Some(b"\0\x01\0\0" | b"true") => ", TrueType",
        _ => "",
    };
    Some(match content.get(..4)? {
        b"wOFF" => Answer::binary(
            format!(
                "Web Open Font Format{}, length {}, version {}.{}",
                outlines(),
                numbers.u32(8),
                numbers.u16(20),
                numbers.u16(22)
            ),
            "font/woff",
        ),
        b"wOF2" => Answer::binary(
            format!(
                "Web Open Font Format (Version 2){}, length {}, version {}.{}",
                outlines(),
                numbers.u32(8),
                numbers.u16(24),
                numbers.u16(26)
            ),
            "font/woff2",
        ),
        b"OTTO" => Answer::binary("OpenType font data", "application/vnd.ms-opentype"),
        b"ttcf" => Answer::binary(
            format!(
                "TrueType font collection data, {}.{}, {} fonts, at {:#x}",
                numbers.u16(4),
                numbers.u16(6),
                numbers.u32(8),
                numbers.u32(12)
            ),
            "font/ttf",
        ),
        b"\0\x01\0\0" if numbers.at(4, 1) == 0 && (1..=45).contains(&numbers.u16(4)) => {
            let count = numbers.u16(4);
            let tables = usize::try_from(count).unwrap_or(0);
            let is_signed = (0..tables).any(|at| name(12 + at * 16) == "DSIG");
            let signed = if is_signed { ", digitally signed" } else { "" };
            let first = name(12);
            Answer::binary(
                format!("TrueType Font data{signed}, {count} tables, 1st \"{first}\""),
                "font/sfnt",
            )
        }
        _ => return None,
    })
}
