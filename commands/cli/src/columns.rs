//! How wide characters are in a terminal.

/// Columns of a character: two for East Asian wide ones and emoji, none for combining marks. Control characters count as one.
#[must_use]
pub fn columns_of(c: char) -> usize {
    match u32::from(c) {
        0x300..=0x36F | 0x200B..=0x200F | 0xFE00..=0xFE0F => 0,
        0x1100..=0x115F
        | 0x2E80..=0xA4CF
        | 0xAC00..=0xD7A3
        | 0xF900..=0xFAFF
        | 0xFE30..=0xFE6F
        | 0xFF00..=0xFF60
        | 0xFFE0..=0xFFE6
        | 0x1F300..=0x1FAFF
        | 0x20000..=0x3FFFD => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::columns_of;

    #[test]
    fn wide_characters_take_two_columns_and_marks_none() {
        let widths: Vec<usize> = "a\u{e9}\u{301}\u{4e2d}\u{1f600}\u{20000}\u{7f}"
            .chars()
            .map(columns_of)
            .collect();
        assert_eq!(widths, [1, 1, 0, 2, 2, 2, 1]);
    }
}
