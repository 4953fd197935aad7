//! The request of `proc_spawn` and `proc_exec`.

use secure_exec_kernel::{Errno, FileAction, OpenFlags, SpawnOptions};

/// Bits of the first word.
mod flags {
    pub(super) const SEARCH_PATH: u32 = 1;
    pub(super) const SETSID: u32 = 2;
    pub(super) const RESET_SIGNALS: u32 = 4;
    pub(super) const SETPGID: u32 = 8;
    pub(super) const FOREGROUND: u32 = 16;
    pub(super) const ALL: u32 = 31;
}

const OPEN: u32 = 1;
const CLOSE: u32 = 2;
const DUP2: u32 = 3;

/// A request that is being read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn word(&mut self) -> Result<u32, Errno> {
        let (word, rest) = self.0.split_first_chunk().ok_or(Errno::EINVAL)?;
        self.0 = rest;
        Ok(u32::from_le_bytes(*word))
    }

    fn number(&mut self) -> Result<i32, Errno> {
        self.word().map(u32::cast_signed)
    }

    fn string(&mut self) -> Result<&'a [u8], Errno> {
        let length = self.word()? as usize;
        let (string, rest) = self.0.split_at_checked(length).ok_or(Errno::EINVAL)?;
        self.0 = rest;
        if string.contains(&0) {
            return Err(Errno::EINVAL);
        }
        Ok(string)
    }

    /// A list; its length is checked against what is left before anything is allocated for it.
    fn list<T>(&mut self, item: impl Fn(&mut Self) -> Result<T, Errno>) -> Result<Vec<T>, Errno> {
        let count = self.word()? as usize;
        if count > self.0.len() / 4 {
            return Err(Errno::EINVAL);
        }
        (0..count).map(|_| item(self)).collect()
    }

    fn action(&mut self) -> Result<FileAction, Errno> {
        let (kind, fd, other, mode) = (self.word()?, self.number()?, self.number()?, self.word()?);
        let path = self.string()?;
        match kind {
            OPEN => Ok(FileAction::Open {
                fd,
                path: path.to_vec(),
                flags: OpenFlags::from_bits_retain(other),
                mode,
            }),
            CLOSE => Ok(FileAction::Close(fd)),
            DUP2 => Ok(FileAction::Dup2 {
                oldfd: other,
                newfd: fd,
            }),
            _ => Err(Errno::EINVAL),
        }
    }
}

/// A variable; one without `=` has no value and is left out, as it could not be found by a name.
fn variable(text: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let at = text.iter().position(|byte| *byte == b'=')?;
    let (name, value) = text.split_at(at);
    Some((name.to_vec(), value.get(1..)?.to_vec()))
}

/// Takes a request apart.
///
/// # Errors
/// - `EINVAL`: it ends too early or too late, or holds an unknown flag or action, or a NUL.
pub(super) fn parse(bytes: &[u8]) -> Result<SpawnOptions, Errno> {
    let mut reader = Reader(bytes);
    let flags = reader.word()?;
    if flags & !flags::ALL != 0 {
        return Err(Errno::EINVAL);
    }
    let pgid = reader.number()?;
    let file = reader.string()?.to_vec();
    let argv = reader.list(|reader| reader.string().map(<[u8]>::to_vec))?;
    let envp = reader.list(Reader::string)?;
    let cwd = reader.string()?;
    let file_actions = reader.list(Reader::action)?;
    if !reader.0.is_empty() {
        return Err(Errno::EINVAL);
    }
    Ok(SpawnOptions {
        file,
        search_path: flags & flags::SEARCH_PATH != 0,
        argv,
        envp: envp.into_iter().filter_map(variable).collect(),
        cwd: (!cwd.is_empty()).then(|| cwd.to_vec()),
        file_actions,
        setsid: flags & flags::SETSID != 0,
        pgid: (flags & flags::SETPGID != 0).then_some(pgid),
        foreground: flags & flags::FOREGROUND != 0,
        reset_signals: flags & flags::RESET_SIGNALS != 0,
        ..SpawnOptions::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(values: &[u32]) -> Vec<u8> {
        values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect()
    }

    #[test]
    fn request_is_read_to_its_last_byte() {
        let mut bytes = words(&[1 | 8, 7, 2]);
        bytes.extend_from_slice(b"ls");
        bytes.extend(words(&[1, 2]));
        bytes.extend_from_slice(b"ls");
        bytes.extend(words(&[2, 3]));
        bytes.extend_from_slice(b"A=b");
        bytes.extend(words(&[1]));
        bytes.extend_from_slice(b"x");
        bytes.extend(words(&[0, 2, 2, 5, 0, 0, 0, 3, 1, 4, 0, 0]));
        let options = parse(&bytes).unwrap_or_default();
        assert_eq!(options.file, b"ls");
        assert_eq!(options.envp, [(b"A".to_vec(), b"b".to_vec())]);
        assert_eq!(options.pgid, Some(7));
        assert_eq!(
            options.file_actions,
            [
                FileAction::Close(5),
                FileAction::Dup2 { oldfd: 4, newfd: 1 }
            ]
        );
        for length in 0..bytes.len() {
            assert_eq!(parse(&bytes[..length]).err(), Some(Errno::EINVAL));
        }
        bytes.push(0);
        assert_eq!(parse(&bytes).err(), Some(Errno::EINVAL));
    }

    #[test]
    fn counts_beyond_the_request_allocate_nothing() {
        let bytes = words(&[0, 0, 0, u32::MAX]);
        assert_eq!(parse(&bytes).err(), Some(Errno::EINVAL));
        assert_eq!(
            parse(&words(&[32, 0, 0, 0, 0, 0, 0])).err(),
            Some(Errno::EINVAL)
        );
    }
}
