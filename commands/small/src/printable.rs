//! Bytes beside their numbers.

/// Printable ASCII as it is, a dot for everything else.
pub fn printable(bytes: &[u8]) -> String {
    let shown = |&byte: &u8| match byte {
        0x20..0x7f => char::from(byte),
        _ => '.',
    };
    bytes.iter().map(shown).collect()
}
