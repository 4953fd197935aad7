//! `file`: what a file is, by its first bytes.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;

use secure_exec_cli::{Args, Outcome, Syntax, flag, required};
use secure_exec_sys::errno;
use secure_exec_sys::path::{lstat, stat};
use secure_exec_sys::stat::{S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFSOCK};

const SYNTAX: Syntax = Syntax {
    options: &[
        flag('b', "brief"),
        flag('i', "mime"),
        flag('\0', "mime-type"),
        flag('L', "dereference"),
        flag('h', "no-dereference"),
        required('F', "separator"),
    ],
    usage: "[-bhiL] [--mime-type] FILE...",
    usage_status: 1,
    operand_ends: false,
};

/// How much of a file is looked at.
const LOOKED_AT: u64 = 64 * 1024;

/// Where magic bytes are, what the file is then, and its media type.
const MAGIC: &[(usize, &[u8], &str, &str)] = &[
    (0, b"\x7fELF", "ELF", "application/x-executable"),
    (
        0,
        b"\0asm\x01\0\0\0",
        "WebAssembly (wasm) binary module version 0x1 (MVP)",
        "application/wasm",
    ),
    (
        0,
        b"\0asm\x0d\0\x01\0",
        "WebAssembly (wasm) binary component",
        "application/wasm",
    ),
    (0, b"\x89PNG\r\n\x1a\n", "PNG image data", "image/png"),
    (0, b"\xff\xd8\xff", "JPEG image data", "image/jpeg"),
    (0, b"GIF87a", "GIF image data, version 87a", "image/gif"),
    (0, b"GIF89a", "GIF image data, version 89a", "image/gif"),
    (
        8,
        b"WEBP",
        "RIFF (little-endian) data, Web/P image",
        "image/webp",
    ),
    (
        8,
        b"WAVE",
        "RIFF (little-endian) data, WAVE audio",
        "audio/x-wav",
    ),
    (0, b"BM", "PC bitmap", "image/bmp"),
    (
        0,
        b"\0\0\x01\0",
        "MS Windows icon resource",
        "image/vnd.microsoft.icon",
    ),
    (0, b"%PDF-", "PDF document", "application/pdf"),
    (
        0,
        b"%!PS",
        "PostScript document text",
        "application/postscript",
    ),
    (0, b"\x1f\x8b", "gzip compressed data", "application/gzip"),
    (0, b"BZh", "bzip2 compressed data", "application/x-bzip2"),
    (0, b"\xfd7zXZ\0", "XZ compressed data", "application/x-xz"),
    (
        0,
        b"\x28\xb5\x2f\xfd",
        "Zstandard compressed data",
        "application/zstd",
    ),
    (0, b"PK\x03\x04", "Zip archive data", "application/zip"),
    (
        0,
        b"PK\x05\x06",
        "Zip archive data (empty)",
        "application/zip",
    ),
    (
        0,
        b"7z\xbc\xaf\x27\x1c",
        "7-zip archive data",
        "application/x-7z-compressed",
    ),
    (
        0,
        b"!<arch>\n",
        "current ar archive",
        "application/x-archive",
    ),
    (257, b"ustar", "POSIX tar archive", "application/x-tar"),
    (
        0,
        b"SQLite format 3\0",
        "SQLite 3.x database",
        "application/vnd.sqlite3",
    ),
    (
        0,
        b"\xca\xfe\xba\xbe",
        "compiled Java class data",
        "application/x-java-applet",
    ),
    (0, b"OggS", "Ogg data", "application/ogg"),
    (0, b"fLaC", "FLAC audio bitstream data", "audio/flac"),
    (0, b"ID3", "Audio file with ID3", "audio/mpeg"),
    (4, b"ftyp", "ISO Media", "video/mp4"),
    (0, b"\x1aE\xdf\xa3", "Matroska data", "video/x-matroska"),
    (0, b"wOFF", "Web Open Font Format", "font/woff"),
    (0, b"wOF2", "Web Open Font Format (Version 2)", "font/woff2"),
    (0, b"<?xml", "XML document, ASCII text", "text/xml"),
];

pub fn main(args: &Args) -> Outcome {
    let parsed = SYNTAX.parse(args)?;
    if parsed.operands.is_empty() {
        return Err(SYNTAX.missing_operand(args));
    }
    let wants_media = parsed.has("mime") || parsed.has("mime-type");
    let separator = parsed
        .value("separator")
        .map_or_else(|| ":".to_owned(), secure_exec_cli::Value::text);
    let width = parsed
        .operands
        .iter()
        .map(|name| shown_name(name).chars().count())
        .max()
        .unwrap_or(0);
    for name in &parsed.operands {
        let (text, media, charset) = if name == "-" {
            by_reading(std::io::stdin())
        } else {
            describe(name, parsed.has("dereference"))
        };
        let answer = match (wants_media, parsed.has("mime")) {
            (false, _) => text,
            (true, false) => media,
            (true, true) => format!("{media}; charset={charset}"),
        };
        let shown = shown_name(name);
        if parsed.has("brief") {
            println!("{answer}");
        } else {
            let padding = width - shown.chars().count() + 1;
            println!("{shown}{separator}{:padding$}{answer}", "");
        }
    }
    Ok(0)
}

/// The name that an answer is under.
fn shown_name(name: &OsString) -> String {
    if name == "-" {
        return "/dev/stdin".to_owned();
    }
    name.to_string_lossy().into_owned()
}

/// Text, media type and character set.
fn describe(name: &OsString, follows: bool) -> (String, String, &'static str) {
    let answer = |text: &str, media: &str| (text.to_owned(), media.to_owned(), "binary");
    let found = match if follows { stat(name) } else { lstat(name) } {
        Ok(found) => found,
        Err(error) => {
            let text = format!(
                "cannot open `{}' ({})",
                name.to_string_lossy(),
                errno::message(&error)
            );
            return (text.clone(), text, "binary");
        }
    };
    match found.kind() {
        S_IFDIR => return answer("directory", "inode/directory"),
        S_IFLNK => {
            let target = std::fs::read_link(name).unwrap_or_default();
            let what = if stat(name).is_ok() {
                "symbolic link"
            } else {
                "broken symbolic link"
            };
            return answer(&format!("{what} to {}", target.display()), "inode/symlink");
        }
        S_IFIFO => return answer("fifo (named pipe)", "inode/fifo"),
        S_IFSOCK => return answer("socket", "inode/socket"),
        S_IFCHR => return answer("character special", "inode/chardevice"),
        S_IFBLK => return answer("block special", "inode/blockdevice"),
        _ if found.size == 0 => return answer("empty", "inode/x-empty"),
        _ => {}
    }
    match File::open(name) {
        Ok(file) => by_reading(file),
        Err(error) => unreadable(&error),
    }
}

/// What begins like this.
fn by_reading(file: impl Read) -> (String, String, &'static str) {
    let mut content = Vec::new();
    match file.take(LOOKED_AT).read_to_end(&mut content) {
        Ok(0) => ("empty".to_owned(), "inode/x-empty".to_owned(), "binary"),
        Ok(_) => by_content(&content),
        Err(error) => unreadable(&error),
    }
}

fn unreadable(error: &std::io::Error) -> (String, String, &'static str) {
    let text = format!(
        "regular file, no read permission ({})",
        errno::message(error)
    );
    (text, "application/octet-stream".to_owned(), "binary")
}

fn by_content(content: &[u8]) -> (String, String, &'static str) {
    for (at, magic, text, media) in MAGIC {
        if content
            .get(*at..)
            .is_some_and(|rest| rest.starts_with(magic))
        {
            return (
                (*text).to_owned(),
                (*media).to_owned(),
                if media.starts_with("text/") {
                    "us-ascii"
                } else {
                    "binary"
                },
            );
        }
    }
    let (encoding, charset) = match std::str::from_utf8(content) {
        _ if content
            .iter()
            .any(|&byte| byte < 7 || (14..27).contains(&byte)) =>
        {
            return (
                "data".to_owned(),
                "application/octet-stream".to_owned(),
                "binary",
            );
        }
        Ok(_) if content.is_ascii() => ("ASCII text", "us-ascii"),
        Ok(_) => ("Unicode text, UTF-8 text", "utf-8"),
        // The last character may be cut off.
        Err(error) if error.error_len().is_none() => ("Unicode text, UTF-8 text", "utf-8"),
        Err(_) => ("ISO-8859 text", "iso-8859-1"),
    };
    let (text, media) = by_first_line(content, encoding);
    let ends = line_ends(content);
    (format!("{text}{ends}"), media, charset)
}

fn by_first_line(content: &[u8], encoding: &str) -> (String, String) {
    let first = content
        .split(|&byte| byte == b'\n')
        .next()
        .unwrap_or_default();
    let first = String::from_utf8_lossy(first).into_owned();
    if let Some(command) = first.strip_prefix("#!") {
        let command = command.trim();
        let words: Vec<&str> = command.split_whitespace().collect();
        let program = match words.as_slice() {
            [env, program, ..] if env.ends_with("/env") => program,
            [program, ..] => program.rsplit('/').next().unwrap_or(program),
            [] => "",
        };
        let (name, media) = match program {
            "sh" | "dash" => ("POSIX shell script".to_owned(), "text/x-shellscript"),
            "bash" => ("Bourne-Again shell script".to_owned(), "text/x-shellscript"),
            "node" => ("Node.js script".to_owned(), "application/javascript"),
            "python" | "python3" => ("Python script".to_owned(), "text/x-script.python"),
            "perl" => ("Perl script".to_owned(), "text/x-perl"),
            _ => (format!("a {command} script"), "text/plain"),
        };
        return (format!("{name}, {encoding} executable"), media.to_owned());
    }
    let start = String::from_utf8_lossy(&content[..content.len().min(512)]).to_lowercase();
    let start = start.trim_start();
    if start.starts_with("<!doctype html") || start.starts_with("<html") {
        return (format!("HTML document, {encoding}"), "text/html".to_owned());
    }
    if matches!(start.chars().next(), Some('{' | '[')) && is_json(content) {
        return ("JSON text data".to_owned(), "application/json".to_owned());
    }
    (encoding.to_owned(), "text/plain".to_owned())
}

fn is_json(content: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(content).is_ok()
}

fn line_ends(content: &[u8]) -> &'static str {
    let newlines = content.iter().filter(|&&byte| byte == b'\n').count();
    let pairs = content.windows(2).filter(|pair| pair == b"\r\n").count();
    match (newlines, pairs) {
        (0, _) => ", with no line terminators",
        (_, 0) => "",
        (newlines, pairs) if newlines == pairs => ", with CRLF line terminators",
        _ => ", with CRLF, LF line terminators",
    }
}
