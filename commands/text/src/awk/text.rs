//! Characters of byte strings: UTF-8, except in the C locale; a byte that is none counts as one character.

use crate::pattern::bytes_locale;
use std::cell::Cell;

thread_local! {
    static BYTES: Cell<Option<bool>> = const { Cell::new(None) };
}

/// Has every byte be a character, whatever the locale: gawk's `-b`.
pub fn count_bytes() {
    BYTES.with(|bytes| bytes.set(Some(true)));
}

/// Whether every byte of `text` is a character.
fn single_bytes(text: &[u8]) -> bool {
    text.is_ascii()
        || BYTES.with(|bytes| {
            bytes.get().unwrap_or_else(|| {
                let value = bytes_locale();
                bytes.set(Some(value));
                value
            })
        })
}

/// Number of characters.
pub fn length(text: &[u8]) -> usize {
    if single_bytes(text) {
        return text.len();
    }
    text.utf8_chunks()
        .map(|chunk| chunk.valid().chars().count() + chunk.invalid().len())
        .sum()
}

/// The byte offset behind the first `characters` characters.
pub fn offset(text: &[u8], characters: usize) -> usize {
    if single_bytes(text) {
        return characters.min(text.len());
    }
    let mut at = 0;
    for _ in 0..characters {
        if at >= text.len() {
            break;
        }
        at += crate::sed::character(&text[at..]);
    }
    at.min(text.len())
}

/// How many characters end at or before the byte offset `at`.
pub fn characters_before(text: &[u8], at: usize) -> usize {
    length(&text[..at])
}

pub fn to_lower(text: &[u8]) -> Vec<u8> {
    if single_bytes(text) {
        return text.to_ascii_lowercase();
    }
    map(text, |valid| valid.to_lowercase())
}

pub fn to_upper(text: &[u8]) -> Vec<u8> {
    if single_bytes(text) {
        return text.to_ascii_uppercase();
    }
    map(text, |valid| valid.to_uppercase())
}

fn map(text: &[u8], change: impl Fn(&str) -> String) -> Vec<u8> {
    let mut result = Vec::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        result.extend_from_slice(change(chunk.valid()).as_bytes());
        result.extend_from_slice(chunk.invalid());
    }
    result
}
