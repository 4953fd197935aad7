//! What a file is by its kind, and by what is in it.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;

use secure_exec_cli::bytes;
use secure_exec_sys::errno;
use secure_exec_sys::path::{R_OK, access, lstat, stat};
use secure_exec_sys::stat::{S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFSOCK};

use super::{
    Answer, LOOKED_AT_ALL, Options, Tests, archive, characters, executable, font, media, sound,
    text,
};

/// Linux's major and minor number of a device.
pub fn device(number: u64) -> String {
    let major = (number >> 8 & 0xfff) | (number >> 32 & !0xfff);
    let minor = (number & 0xff) | (number >> 12 & 0xffff_ff00);
    format!("({major}/{minor})")
}

/// What a file is, and the content that tells.
///
/// # Errors
/// What is said where it is not there.
pub fn describe(name: &OsString, options: &Options) -> Result<(Answer, Vec<u8>), String> {
    let look = if options.follows { stat } else { lstat };
    let found = look(name).map_err(|error| {
        let why = errno::message(&error);
        format!("cannot open `{}' ({why})", name.to_string_lossy())
    })?;
    let device = device(found.rdev);
    let marks: Vec<&str> = [(0o4000, "setuid"), (0o2000, "setgid"), (0o1000, "sticky")]
        .into_iter()
        .filter_map(|(bit, word)| (found.permissions() & bit != 0).then_some(word))
        .collect();
    let marked = |text: &str| [marks.clone(), vec![text]].concat().join(", ");
    let answer = match found.kind() {
        S_IFDIR => Answer::binary(marked("directory"), "inode/directory"),
        S_IFLNK => link(name),
        S_IFIFO => Answer::binary("fifo (named pipe)", "inode/fifo"),
        S_IFSOCK => Answer::binary("socket", "inode/socket"),
        S_IFCHR if !options.special => {
            Answer::binary(format!("character special {device}"), "inode/chardevice")
        }
        S_IFBLK if !options.special => {
            Answer::binary(format!("block special {device}"), "inode/blockdevice")
        }
        _ if found.size == 0 && !options.special => {
            Answer::binary(marked("empty"), "inode/x-empty")
        }
        _ => {
            let (mut answer, content) = match File::open(name) {
                Ok(file) => by_reading(file, Some(found.size), options),
                Err(error) => (unreadable(name, &error), Vec::new()),
            };
            if !marks.is_empty() {
                let is_plain = answer.media == "text/plain" && answer.text.contains(" text");
                let between = if is_plain { " , " } else { " " };
                answer.text = format!("{}{between}{}", marks.join(", "), answer.text);
            }
            return Ok((answer, content));
        }
    };
    Ok((answer, Vec::new()))
}

pub fn link(name: &OsString) -> Answer {
    let target = std::fs::read_link(name).unwrap_or_default();
    let target = String::from_utf8_lossy(bytes(&target)).into_owned();
    if stat(name).is_ok() {
        return Answer::binary(format!("symbolic link to {target}"), "inode/symlink");
    }
    Answer {
        charset: "",
        ..Answer::binary(format!("broken symbolic link to {target}"), "inode/symlink")
    }
}

/// What begins like this, with what was read. `size` is that of the whole file, where it is known.
pub fn by_reading(mut file: impl Read, size: Option<u64>, options: &Options) -> (Answer, Vec<u8>) {
    let mut content = Vec::new();
    match (&mut file)
        .take(options.looked_at)
        .read_to_end(&mut content)
    {
        Ok(0) => return (Answer::binary("empty", "inode/x-empty"), content),
        Ok(_) => {}
        Err(error) => {
            let text = format!("ERROR: cannot read ({})", errno::message(&error));
            return (Answer::failed(text), Vec::new());
        }
    }
    if content.starts_with(b"\x7fELF") || content.starts_with(b"\x1f\x8b") && size.is_some() {
        let _ = file.take(LOOKED_AT_ALL).read_to_end(&mut content);
    }
    (by_content(&content, options.tests), content)
}

pub fn unreadable(name: &OsString, error: &std::io::Error) -> Answer {
    if access(name, R_OK).is_ok() {
        return Answer::failed(format!("ERROR: cannot open ({})", errno::message(error)));
    }
    let answer = Answer::binary(
        "regular file, no read permission",
        "application/octet-stream",
    );
    Answer {
        media: "regular file, no read permission".to_owned(),
        charset: "",
        ..answer
    }
}

/// What has this content.
pub fn by_content(content: &[u8], tests: Tests) -> Answer {
    let by_magic = || {
        let found = executable::recognize(content, tests)
            .or_else(|| archive::recognize(content))
            .or_else(|| media::recognize(content))
            .or_else(|| sound::recognize(content))
            .or_else(|| font::recognize(content))?;
        Some(Answer {
            charset: characters::charset(content),
            ..found
        })
    };
    let short = || (content.len() < 2).then(|| Answer::binary("very short file (no magic)", ""));
    let mut answer = short()
        .or_else(|| archive::tar(content).filter(|_| tests.tar))
        .or_else(|| text::recognize_data(content, tests))
        .or_else(|| tests.magic.then(by_magic).flatten())
        .or_else(|| text::recognize(content, tests))
        .unwrap_or_else(|| Answer::binary("data", ""));
    if answer.media.is_empty() {
        answer.media = match answer.charset {
            "binary" => "application/octet-stream",
            _ => "text/plain",
        }
        .to_owned();
    }
    answer
}
