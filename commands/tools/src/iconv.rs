//! `iconv`: from one encoding to another by way of characters.

use std::fs::File;
use std::io::{self, Read, Write};

use encoding_rs::{DecoderResult, Encoding};
use secure_exec_cli::{Args, Failure, Outcome, Syntax, fail, flag, required};
use secure_exec_sys::errno;

const SYNTAX: Syntax = Syntax {
    options: &[
        required('f', "from-code"),
        required('t', "to-code"),
        flag('c', "c"),
        flag('l', "list"),
        required('o', "output"),
        flag('s', "silent"),
        flag('\0', "verbose"),
    ],
    usage: "[OPTION...] [FILE...]",
    usage_status: 64,
    operand_ends: false,
};

/// The names of encodings that `-l` gives, without those that are spelled otherwise.
const NAMES: &[&str] = &[
    "ASCII",
    "US-ASCII",
    "ANSI_X3.4-1968",
    "UTF-8",
    "UTF-16",
    "UTF-16BE",
    "UTF-16LE",
    "UTF-32",
    "UTF-32BE",
    "UTF-32LE",
    "UCS-2",
    "UCS-2BE",
    "UCS-2LE",
    "UCS-4",
    "UCS-4BE",
    "UCS-4LE",
    "LATIN1",
    "ISO-8859-1",
    "ISO-8859-2",
    "ISO-8859-3",
    "ISO-8859-4",
    "ISO-8859-5",
    "ISO-8859-6",
    "ISO-8859-7",
    "ISO-8859-8",
    "ISO-8859-10",
    "ISO-8859-13",
    "ISO-8859-14",
    "ISO-8859-15",
    "ISO-8859-16",
    "CP866",
    "CP1250",
    "CP1251",
    "CP1252",
    "CP1253",
    "CP1254",
    "CP1255",
    "CP1256",
    "CP1257",
    "CP1258",
    "KOI8-R",
    "KOI8-U",
    "MACINTOSH",
    "MAC-CYRILLIC",
    "BIG5",
    "EUC-JP",
    "EUC-KR",
    "GB18030",
    "GBK",
    "ISO-2022-JP",
    "SHIFT_JIS",
    "TIS-620",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Big,
    Little,
}

#[derive(Clone, Copy)]
enum Code {
    Ascii,
    Latin1,
    Utf8,
    /// With no order: as a mark says, which is written too.
    Utf16(Option<Order>, bool),
    Utf32(Option<Order>, bool),
    Table(&'static Encoding),
}

fn code(name: &str) -> Option<Code> {
    let plain: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_ascii_uppercase();
    let wide = |name: &str| match name {
        "" => Some((None, true)),
        "BE" => Some((Some(Order::Big), false)),
        "LE" => Some((Some(Order::Little), false)),
        _ => None,
    };
    match plain.as_str() {
        "" => {
            return Some(if locale_is_utf8() {
                Code::Utf8
            } else {
                Code::Ascii
            });
        }
        "ASCII" | "USASCII" | "ANSIX341968" | "646" | "C" => return Some(Code::Ascii),
        "LATIN1" | "ISO88591" | "L1" | "88591" | "CP819" => return Some(Code::Latin1),
        "UTF8" => return Some(Code::Utf8),
        // Of two bytes in the machine's order and without a mark.
        "UCS2" => return Some(Code::Utf16(Some(Order::Little), false)),
        "UCS4" => return Some(Code::Utf32(Some(Order::Big), false)),
        _ => {}
    }
    if let Some((order, mark)) = plain
        .strip_prefix("UTF16")
        .or_else(|| plain.strip_prefix("UCS2"))
        .and_then(wide)
    {
        return Some(Code::Utf16(order, mark));
    }
    if let Some((order, mark)) = plain
        .strip_prefix("UTF32")
        .or_else(|| plain.strip_prefix("UCS4"))
        .and_then(wide)
    {
        return Some(Code::Utf32(order, mark));
    }
    let label = match plain.as_str() {
        "LATIN9" | "LATIN0" => "iso-8859-15".to_owned(),
        "EUCJP" => "euc-jp".to_owned(),
        "EUCKR" => "euc-kr".to_owned(),
        "SJIS" | "SHIFTJIS" | "CP932" => "shift_jis".to_owned(),
        "KOI8R" => "koi8-r".to_owned(),
        "KOI8U" => "koi8-u".to_owned(),
        "CP936" => "gbk".to_owned(),
        "BIG5" | "CP950" => "big5".to_owned(),
        "TIS620" => "tis-620".to_owned(),
        "MACCYRILLIC" => "x-mac-cyrillic".to_owned(),
        text => match text
            .strip_prefix("ISO8859")
            .or_else(|| text.strip_prefix("ISO_8859"))
        {
            Some(part) => format!("iso-8859-{part}"),
            None => match text
                .strip_prefix("CP")
                .or_else(|| text.strip_prefix("WINDOWS"))
                .filter(|part| part.starts_with("125"))
            {
                Some(part) => format!("windows-{part}"),
                None => name.to_owned(),
            },
        },
    };
    let found = Encoding::for_label_no_replacement(label.as_bytes())?;
    Some(Code::Table(found))
}

fn locale_is_utf8() -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    set.is_some_and(|value| value.to_ascii_uppercase().replace('-', "").contains("UTF8"))
}

/// What the endings of the target's name ask for.
#[derive(Clone, Copy)]
struct Manner {
    translit: bool,
    ignore: bool,
    drops: bool,
}

pub fn main(args: &Args) -> Outcome {
    let parsed = SYNTAX.parse(args)?;
    if parsed.has("list") {
        for name in NAMES {
            println!("{name}//");
        }
        return Ok(0);
    }
    let value = |name: &str| {
        parsed
            .value(name)
            .map(|value| value.text())
            .unwrap_or_default()
    };
    let (from, to) = (value("from-code"), value("to-code"));
    let mut parts = to.split("//");
    let target = parts.next().unwrap_or_default().trim_end_matches('/');
    let endings: Vec<String> = parts.map(str::to_ascii_uppercase).collect();
    let asks = |what: &str| {
        endings
            .iter()
            .any(|ending| ending.split(',').any(|each| each == what))
    };
    let manner = Manner {
        translit: asks("TRANSLIT"),
        ignore: asks("IGNORE"),
        drops: parsed.has("c"),
    };
    let source = from
        .split("//")
        .next()
        .unwrap_or_default()
        .trim_end_matches('/');
    let (decoding, encoding) = match (code(source), code(target)) {
        (Some(decoding), Some(encoding)) => (decoding, encoding),
        (None, None) => {
            return Err(unsupported(
                args,
                &format!("conversions from `{source}' and to `{target}' are not supported"),
            ));
        }
        (None, _) => {
            return Err(unsupported(
                args,
                &format!("conversion from `{source}' is not supported"),
            ));
        }
        (_, None) => {
            return Err(unsupported(
                args,
                &format!("conversion to `{target}' is not supported"),
            ));
        }
    };
    let mut status = 0;
    let mut out: Box<dyn Write> = match parsed.value("output") {
        Some(name) => Box::new(File::create(name.os()).map_err(|error| {
            fail(format!(
                "conversion stopped due to problem in writing the output: {}",
                errno::message(&error)
            ))
        })?),
        None => Box::new(io::stdout()),
    };
    let mut marked = false;
    let names = if parsed.operands.is_empty() {
        vec!["-".into()]
    } else {
        parsed.operands.clone()
    };
    for name in names {
        let mut text = Vec::new();
        let read = if name == "-" {
            io::stdin().read_to_end(&mut text)
        } else {
            File::open(&name).and_then(|mut file| file.read_to_end(&mut text))
        };
        if let Err(error) = read {
            let name = name.to_string_lossy();
            secure_exec_cli::warn(
                &args.name,
                format_args!(
                    "cannot open input file `{name}': {}",
                    errno::message(&error)
                ),
            );
            status = 1;
            continue;
        }
        let mut bytes = Vec::new();
        if !marked && let Code::Utf16(None, true) = encoding {
            bytes.extend([0xff, 0xfe]);
        }
        if !marked && let Code::Utf32(None, true) = encoding {
            bytes.extend([0xff, 0xfe, 0, 0]);
        }
        marked = true;
        let problem = convert(&text, decoding, encoding, manner, &mut bytes);
        out.write_all(&bytes)?;
        out.flush()?;
        if let Some(problem) = problem {
            return Err(fail(problem));
        }
    }
    Ok(status)
}

fn unsupported(args: &Args, message: &str) -> Failure {
    let help = format!(
        "Try `{0} --help' or `{0} --usage' for more information.",
        args.name
    );
    fail(format!("{message}\n{help}"))
}

/// One character, or bytes that are none, and where it stands.
struct Unit {
    at: usize,
    read: Result<char, Wrong>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wrong {
    Illegal,
    Incomplete,
}

/// Converts until something is wrong, unless that is dropped. Gives the message.
fn convert(text: &[u8], from: Code, to: Code, manner: Manner, out: &mut Vec<u8>) -> Option<String> {
    let mut dropped = false;
    for unit in decoded(text, from) {
        let character = match unit.read {
            Ok(character) => character,
            Err(Wrong::Incomplete) => {
                return Some("incomplete character or shift sequence at end of buffer".to_owned());
            }
            Err(Wrong::Illegal) if manner.drops || manner.ignore => {
                dropped = true;
                continue;
            }
            Err(Wrong::Illegal) => {
                return Some(format!("illegal input sequence at position {}", unit.at));
            }
        };
        if encode(character, to, out) {
            continue;
        }
        if manner.translit {
            let replaced = transliteration(character);
            let before = out.len();
            if replaced.is_some_and(|text| text.chars().all(|each| encode(each, to, out))) {
                continue;
            }
            out.truncate(before);
            encode('?', to, out);
        } else if manner.drops || manner.ignore {
            dropped = true;
        } else {
            return Some(format!("illegal input sequence at position {}", unit.at));
        }
    }
    // What the ending asks to leave out is told, what `-c` leaves out is not.
    (dropped && manner.ignore && !manner.drops)
        .then(|| format!("illegal input sequence at position {}", text.len()))
}

fn decoded(text: &[u8], from: Code) -> Vec<Unit> {
    match from {
        Code::Ascii => bytewise(text, |byte| byte.is_ascii()),
        Code::Latin1 => bytewise(text, |_| true),
        Code::Utf8 => utf8(text),
        Code::Utf16(order, _) => wide(text, 2, order),
        Code::Utf32(order, _) => wide(text, 4, order),
        Code::Table(encoding) => tabled(text, encoding),
    }
}

fn bytewise(text: &[u8], is_known: impl Fn(u8) -> bool) -> Vec<Unit> {
    let unit = |(at, &byte): (usize, &u8)| Unit {
        at,
        read: if is_known(byte) {
            Ok(char::from(byte))
        } else {
            Err(Wrong::Illegal)
        },
    };
    text.iter().enumerate().map(unit).collect()
}

fn utf8(text: &[u8]) -> Vec<Unit> {
    let mut units = Vec::new();
    let mut at = 0;
    let mut rest = text;
    loop {
        let (valid, error) = match std::str::from_utf8(rest) {
            Ok(valid) => (valid, None),
            Err(error) => {
                let valid = std::str::from_utf8(&rest[..error.valid_up_to()]).unwrap_or_default();
                (valid, Some(error))
            }
        };
        units.extend(valid.char_indices().map(|(offset, character)| Unit {
            at: at + offset,
            read: Ok(character),
        }));
        let Some(error) = error else { return units };
        at += valid.len();
        let wrong = error.error_len();
        units.push(Unit {
            at,
            read: Err(wrong.map_or(Wrong::Incomplete, |_| Wrong::Illegal)),
        });
        let Some(length) = wrong else { return units };
        rest = &rest[valid.len() + length..];
        at += length;
    }
}

fn wide(text: &[u8], width: usize, order: Option<Order>) -> Vec<Unit> {
    let mut start = 0;
    let order = order.unwrap_or_else(|| {
        let marks: [(&[u8], Order); 2] = if width == 2 {
            [(&[0xff, 0xfe], Order::Little), (&[0xfe, 0xff], Order::Big)]
        } else {
            [
                (&[0xff, 0xfe, 0, 0], Order::Little),
                (&[0, 0, 0xfe, 0xff], Order::Big),
            ]
        };
        let found = marks.iter().find(|(mark, _)| text.starts_with(mark));
        start = if found.is_some() { width } else { 0 };
        found.map_or(Order::Little, |(_, order)| *order)
    });
    let number = |chunk: &[u8]| {
        let add = |sum: u32, byte: &u8| sum << 8 | u32::from(*byte);
        if order == Order::Big {
            chunk.iter().fold(0, add)
        } else {
            chunk.iter().rev().fold(0, add)
        }
    };
    let mut units = Vec::new();
    let mut at = start;
    while at < text.len() {
        let Some(chunk) = text.get(at..at + width) else {
            units.push(Unit {
                at,
                read: Err(Wrong::Incomplete),
            });
            break;
        };
        let first = number(chunk);
        let mut length = width;
        let read = if width == 2 && (0xd800..0xdc00).contains(&first) {
            match text.get(at + 2..at + 4).map(number) {
                None => Err(Wrong::Incomplete),
                Some(second @ 0xdc00..0xe000) => {
                    length = 4;
                    char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00))
                        .ok_or(Wrong::Illegal)
                }
                Some(_) => Err(Wrong::Illegal),
            }
        } else {
            char::from_u32(first).ok_or(Wrong::Illegal)
        };
        units.push(Unit { at, read });
        at += length;
    }
    units
}

fn tabled(text: &[u8], encoding: &'static Encoding) -> Vec<Unit> {
    let mut units = Vec::new();
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut buffer = String::with_capacity(64);
    let mut start = 0;
    // A byte at a time, so that the place of each character is known.
    for at in 0..=text.len() {
        let last = at == text.len();
        let mut rest = &text[at..(at + 1).min(text.len())];
        loop {
            buffer.clear();
            let (result, read) =
                decoder.decode_to_string_without_replacement(rest, &mut buffer, last);
            units.extend(buffer.chars().map(|character| Unit {
                at: start,
                read: Ok(character),
            }));
            if !buffer.is_empty() {
                start = at + 1;
            }
            rest = &rest[read..];
            match result {
                DecoderResult::InputEmpty => break,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => {
                    units.push(Unit {
                        at: start,
                        read: Err(if last {
                            Wrong::Incomplete
                        } else {
                            Wrong::Illegal
                        }),
                    });
                    start = at + 1;
                }
            }
        }
    }
    units
}

/// Adds a character. `false`: the encoding has none such.
fn encode(character: char, to: Code, out: &mut Vec<u8>) -> bool {
    let number = u32::from(character);
    match to {
        Code::Ascii | Code::Latin1 => {
            let most = if matches!(to, Code::Ascii) {
                0x7f
            } else {
                0xff
            };
            let known = number <= most;
            out.extend(u8::try_from(number).ok().filter(|_| known));
            known
        }
        Code::Utf8 => {
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            true
        }
        Code::Utf16(order, _) => {
            for unit in character.encode_utf16(&mut [0; 2]) {
                out.extend(if order == Some(Order::Big) {
                    unit.to_be_bytes()
                } else {
                    unit.to_le_bytes()
                });
            }
            true
        }
        Code::Utf32(order, _) => {
            out.extend(if order == Some(Order::Big) {
                number.to_be_bytes()
            } else {
                number.to_le_bytes()
            });
            true
        }
        Code::Table(encoding) => {
            let mut text = [0; 4];
            let (bytes, _, unmappable) = encoding.encode(character.encode_utf8(&mut text));
            if !unmappable {
                out.extend_from_slice(&bytes);
            }
            !unmappable
        }
    }
}

/// Letters without their marks, each group in front of what it becomes.
const PLAIN: &[(&str, &str)] = &[
    ("ÀÁÂÃÅĀĂĄ", "A"),
    ("àáâãåāăą", "a"),
    ("Ä", "A"),
    ("ä", "a"),
    ("ÇĆĈĊČ", "C"),
    ("çćĉċč", "c"),
    ("ĎĐ", "D"),
    ("ďđ", "d"),
    ("ÈÉÊËĒĔĖĘĚ", "E"),
    ("èéêëēĕėęě", "e"),
    ("ĜĞĠĢ", "G"),
    ("ĝğġģ", "g"),
    ("ĤĦ", "H"),
    ("ĥħ", "h"),
    ("ÌÍÎÏĨĪĬĮİ", "I"),
    ("ìíîïĩīĭįı", "i"),
    ("Ĵ", "J"),
    ("ĵ", "j"),
    ("Ķ", "K"),
    ("ķ", "k"),
    ("ĹĻĽĿŁ", "L"),
    ("ĺļľŀł", "l"),
    ("ÑŃŅŇ", "N"),
    ("ñńņň", "n"),
    ("ÒÓÔÕÖØŌŎŐ", "O"),
    ("òóôõöøōŏő", "o"),
    ("ŔŖŘ", "R"),
    ("ŕŗř", "r"),
    ("ŚŜŞŠȘ", "S"),
    ("śŝşšșſ", "s"),
    ("ŢŤŦȚ", "T"),
    ("ţťŧț", "t"),
    ("ÙÚÛÜŨŪŬŮŰŲ", "U"),
    ("ùúûüũūŭůűų", "u"),
    ("Ŵ", "W"),
    ("ŵ", "w"),
    ("ÝŶŸ", "Y"),
    ("ýÿŷ", "y"),
    ("ŹŻŽ", "Z"),
    ("źżž", "z"),
    ("ß", "ss"),
    ("Æ", "AE"),
    ("æ", "ae"),
    ("Œ", "OE"),
    ("œ", "oe"),
    ("Þ", "TH"),
    ("þ", "th"),
    ("€", "EUR"),
    ("‘’‚‛", "'"),
    ("“”‟", "\""),
    ("„", ",,"),
    ("«", "<<"),
    ("»", ">>"),
    ("‹", "<"),
    ("›", ">"),
    ("‐‑‒–—―", "-"),
    ("−", "-"),
    ("…", "..."),
    ("•", "o"),
    ("©", "(C)"),
    ("®", "(R)"),
    ("™", "(TM)"),
    ("×", "x"),
    ("\u{a0}\u{2002}\u{2003}\u{2009}\u{202f}", " "),
    ("ﬀ", "ff"),
    ("ﬁ", "fi"),
    ("ﬂ", "fl"),
    ("¼", " 1/4 "),
    ("½", " 1/2 "),
    ("¾", " 3/4 "),
    ("\u{200b}\u{feff}", ""),
];

fn transliteration(character: char) -> Option<&'static str> {
    PLAIN
        .iter()
        .find(|(letters, _)| letters.contains(character))
        .map(|(_, plain)| *plain)
}
