//! Names in code page 437, which MS-DOS had and archivers of Windows write.

/// The characters from 0x80 on.
const UPPER: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

pub fn decode(bytes: &[u8]) -> String {
    let upper: Vec<char> = UPPER.chars().collect();
    bytes
        .iter()
        .map(|&byte| {
            if byte < 0x80 {
                char::from(byte)
            } else {
                upper[usize::from(byte) - 0x80]
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn all_bytes_are_characters() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(super::decode(&all).chars().count(), 256);
        assert_eq!(super::decode(b"caf\x82"), "café");
        assert_eq!(super::decode(b"\xff"), "\u{a0}");
    }
}
