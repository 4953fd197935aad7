//! Programs that an archive goes through, as `tar -I` names them.

use secure_exec_cli::bytes;
use std::ffi::OsString;

/// The words of a command as a shell splits them: by blanks, with quotes and backslashes.
pub fn words(command: &OsString) -> Vec<OsString> {
    let mut words: Vec<Vec<u8>> = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quote = None;
    let mut text = bytes(command).iter().copied();
    while let Some(byte) = text.next() {
        match (quote, byte) {
            (None, b' ' | b'\t' | b'\n') => words.extend(word.take()),
            (None, b'\'' | b'"') => {
                quote = Some(byte);
                word.get_or_insert_default();
            }
            (Some(open), _) if open == byte => quote = None,
            (None | Some(b'"'), b'\\') => word.get_or_insert_default().extend(text.next()),
            _ => word.get_or_insert_default().push(byte),
        }
    }
    words.extend(word);
    words.into_iter().map(secure_exec_cli::os_string).collect()
}
