//! Archives that are written are read again; damaged ones are errors.

use super::*;
use std::io::{Cursor, Read, Write};

/// A file in memory.
struct Memory(Cursor<Vec<u8>>, bool);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Patch for &mut Memory {
    fn patch(&mut self, at: u64, bytes: &[u8]) -> std::io::Result<()> {
        let at = usize::try_from(at).expect("small");
        self.0.get_mut()[at..at + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn patches(&self) -> bool {
        self.1
    }
}

fn archive(patches: bool, large: bool) -> (Vec<u8>, Vec<u8>) {
    let text: Vec<u8> = (0..3_000_u32).flat_map(|n| (n / 9).to_le_bytes()).collect();
    let text = if large { text.repeat(360) } else { text };
    let mut memory = Memory(Cursor::new(Vec::new()), patches);
    let mut writer = Writer::new(&mut memory);
    for (name, level, number) in [
        ("stored", 0, method::DEFLATED),
        ("deflated", 6, method::DEFLATED),
        ("bzip2", 9, method::BZIP2),
    ] {
        if large && number == method::BZIP2 {
            // It takes long where nothing is optimised.
            continue;
        }
        let entry = Entry {
            raw_name: name.into(),
            system: UNIX,
            ..Entry::default()
        };
        let source = Source {
            data: &mut &text[..],
            size: text.len() as u64,
            level,
            method: number,
            local_extra: Vec::new(),
        };
        writer.add(entry, source).expect("written");
    }
    writer.finish(b"comment").expect("finished");
    (memory.0.into_inner(), text)
}

fn read_all(bytes: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let mut archive = Archive::open(Cursor::new(bytes)).map_err(|error| format!("{error:?}"))?;
    let mut all = Vec::new();
    for entry in archive.entries.clone() {
        let mut data = Vec::new();
        let mut member = open(&mut archive, &entry).map_err(|error| format!("{error:?}"))?;
        member
            .read_to_end(&mut data)
            .map_err(|error| error.to_string())?;
        all.push(data);
    }
    Ok(all)
}

#[test]
fn members_come_back() {
    for (patches, large) in [(true, false), (false, false), (true, true), (false, true)] {
        let (bytes, text) = archive(patches, large);
        let all = read_all(&bytes).expect("an archive");
        assert_eq!(all.len(), if large { 2 } else { 3 });
        assert!(all.iter().all(|data| *data == text));
    }
}

#[test]
fn what_stands_in_front_is_passed() {
    let (bytes, _) = archive(true, false);
    let longer = [b"#!/bin/sh\n", &bytes[..]].concat();
    assert_eq!(read_all(&longer).expect("an archive").len(), 3);
    let opened = Archive::open(Cursor::new(&longer[..])).map_err(|error| format!("{error:?}"));
    let opened = opened.expect("open");
    assert_eq!((opened.ahead, &opened.comment[..]), (10, &b"comment"[..]));
}

#[test]
fn damage_is_an_error_and_never_a_panic() {
    let (bytes, _) = archive(true, false);
    for end in (0..bytes.len()).step_by(501) {
        assert!(read_all(&bytes[..end]).is_err());
    }
    for at in (0..bytes.len()).step_by(61) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x55;
        let _ = read_all(&damaged);
    }
}
