//! Programs: ELF, Mach-O, PE, WebAssembly, classes of Java.

use secure_exec_cli::Zone;

use super::{Answer, Numbers, Tests};
use std::fmt::Write;

pub fn recognize(content: &[u8], tests: Tests) -> Option<Answer> {
    let starts = |magic: &[u8]| content.starts_with(magic);
    if starts(b"\x7fELF") {
        return Some(elf(content, tests));
    }
    if starts(b"\0asm") {
        let version = Numbers::little(content).u32(4);
        let (version_name, media) = match version {
            1 => (" (MVP)", "application/wasm"),
            _ => ("", ""),
        };
        let text = format!("WebAssembly (wasm) binary module version {version:#x}{version_name}");
        return Some(Answer::binary(text, media));
    }
    if let Some(text) = python(content) {
        return Some(Answer::binary(text, "application/x-bytecode.python"));
    }
    if starts(b"\x1bLua") {
        let version = content.get(4).copied().unwrap_or(0);
        let text = format!("Lua bytecode, version {}.{}", version >> 4, version & 15);
        return Some(Answer::binary(text, ""));
    }
    if starts(b"\xca\xfe\xba\xbe") {
        return Some(class_or_universal(content));
    }
    if let Some(text) = mach_o(content) {
        return Some(Answer::binary(text, "application/x-mach-binary"));
    }
    if starts(b"MZ") && content.len() >= 0x40 {
        return Some(portable(content));
    }
    if starts(b"dex\n") {
        let version = String::from_utf8_lossy(content.get(4..7).unwrap_or_default()).into_owned();
        let text = format!("Dalvik dex file version {version}");
        return Some(Answer::binary(text, ""));
    }
    None
}

/// A module of CPython, by the number of its format.
fn python(content: &[u8]) -> Option<String> {
    let version = match content.get(..4)? {
        [low, high, b'\r', b'\n'] => match u16::from(*high) << 8 | u16::from(*low) {
            3379 => "3.6",
            3390..=3394 => "3.7",
            3400..=3413 => "3.8",
            3420..=3425 => "3.9",
            3430..=3439 => "3.10",
            3450..=3495 => "3.11",
            _ => return None,
        },
        _ => return None,
    };
    let numbers = Numbers::little(content);
    let text = format!("Byte-compiled Python module for CPython {version}, ");
    Some(match numbers.u32(4) & 3 {
        0 => format!(
            "{text}timestamp-based, .py timestamp: {} UTC, .py size: {} bytes",
            super::ctime(numbers.u32(8), &Zone::named(Some("UTC0"))),
            numbers.u32(12)
        ),
        1 => format!("{text}unchecked-hash-based"),
        _ => format!("{text}checked-hash-based"),
    })
}

fn machine(number: u64) -> String {
    match number {
        3 => "Intel 80386",
        8 => "MIPS, MIPS-I",
        20 => "PowerPC or cisco 4500",
        21 => "64-bit PowerPC or cisco 7500",
        22 => "IBM S/390",
        40 => "ARM",
        42 => "Renesas SH",
        62 => "x86-64",
        183 => "ARM aarch64",
        243 => "UCB RISC-V",
        247 => "eBPF",
        258 => "LoongArch",
        _ => return format!("*unknown arch {number:#x}*"),
    }
    .to_owned()
}

/// Where tables are, by the class of a file.
struct Elf<'a> {
    numbers: Numbers<'a>,
    wide: bool,
}

impl Elf<'_> {
    fn word(&self, narrow: usize, wide: usize) -> usize {
        let (place, length) = if self.wide { (wide, 8) } else { (narrow, 4) };
        usize::try_from(self.numbers.at(place, length)).unwrap_or(usize::MAX)
    }

    fn half(&self, narrow: usize, wide: usize) -> usize {
        let place = if self.wide { wide } else { narrow };
        usize::try_from(self.numbers.u16(place)).unwrap_or(0)
    }

    /// Kind, place and length of each entry of a table.
    fn table(&self, segments: bool) -> Vec<(u64, usize, usize)> {
        let (start, size, count) = if segments {
            (self.word(28, 32), self.half(42, 54), self.half(44, 56))
        } else {
            (self.word(32, 40), self.half(46, 58), self.half(48, 60))
        };
        (0..count)
            .filter_map(|index| {
                let at = start.checked_add(index * size)?;
                let kind = self
                    .numbers
                    .u32(at.checked_add(if segments { 0 } else { 4 })?);
                let field = |narrow: usize, wide: usize| {
                    Some(self.word(at.checked_add(narrow)?, at.checked_add(wide)?))
                };
                Some(if segments {
                    (kind, field(4, 8)?, field(16, 32)?)
                } else {
                    (kind, field(16, 24)?, field(20, 32)?)
                })
            })
            .collect()
    }

    /// Whether the flags that the linker left say that this is a program.
    fn is_pie(&self, segments: &[(u64, usize, usize)]) -> bool {
        const DYNAMIC: u64 = 2;
        const FLAGS_1: usize = 0x6fff_fffb;
        const PIE: usize = 0x0800_0000;
        let size = if self.wide { 16 } else { 8 };
        let Some((_, place, length)) = segments.iter().find(|(kind, ..)| *kind == DYNAMIC) else {
            return false;
        };
        let count = self.bytes(*place, *length).len() / size;
        (0..count).any(|index| {
            let at = place + index * size;
            self.word(at, at) == FLAGS_1 && self.word(at + 4, at + 8) & PIE != 0
        })
    }

    /// Whether one of the sections has this name.
    fn has_section(&self, name: &[u8]) -> bool {
        let sections = self.table(false);
        let Some((_, names, length)) = sections.get(self.half(50, 62)) else {
            return false;
        };
        let names = self.bytes(*names, *length);
        let (start, size) = (self.word(32, 40), self.half(46, 58));
        (0..sections.len()).any(|index| {
            let at = start.saturating_add(index * size);
            let place = usize::try_from(self.numbers.u32(at)).unwrap_or(usize::MAX);
            let found = names.get(place..).unwrap_or_default();
            found
                .strip_prefix(name)
                .is_some_and(|rest| rest.first() == Some(&0))
        })
    }

    fn bytes(&self, place: usize, length: usize) -> &[u8] {
        place
            .checked_add(length)
            .and_then(|end| self.numbers.bytes.get(place..end))
            .unwrap_or_default()
    }
}

/// Notes, and tables of them, that are looked at in a file.
const MOST_NOTES: usize = 256;

/// The notes of a linker: name, kind, content.
fn notes<'a>(part: &'a [u8], numbers: &Numbers<'_>) -> Vec<(&'a [u8], u64, &'a [u8])> {
    let inner = Numbers {
        bytes: part,
        big: numbers.big,
    };
    let mut notes = Vec::new();
    let mut at = 0;
    while at + 12 <= part.len() && notes.len() < MOST_NOTES {
        let length = |place: usize| usize::try_from(inner.u32(place)).unwrap_or(0);
        let (name, content) = (length(at), length(at + 4));
        let start = at + 12;
        let middle = start.saturating_add(name).next_multiple_of(4);
        let Some(end) = middle.checked_add(content) else {
            break;
        };
        let (Some(label), Some(data)) = (part.get(start..start + name), part.get(middle..end))
        else {
            break;
        };
        notes.push((label, inner.u32(at + 8), data));
        at = end.next_multiple_of(4);
    }
    notes
}

fn elf(content: &[u8], tests: Tests) -> Answer {
    let class = content.get(4).copied().unwrap_or(0);
    let order = content.get(5).copied().unwrap_or(0);
    let mut text = "ELF".to_owned();
    text.push_str(match class {
        1 => " 32-bit",
        2 => " 64-bit",
        _ => "",
    });
    text.push_str(match order {
        1 => " LSB",
        2 => " MSB",
        _ => "",
    });
    if !matches!(class, 1 | 2) || !matches!(order, 1 | 2) {
        return Answer::binary(text, "");
    }
    let numbers = Numbers {
        bytes: content,
        big: order == 2,
    };
    let elf = Elf {
        numbers,
        wide: class == 2,
    };
    let segments = elf.table(true);
    let interpreter = segments.iter().find(|(kind, ..)| *kind == 3);
    let system = match content.get(7) {
        Some(0) => "SYSV",
        Some(3) => "GNU/Linux",
        Some(9) => "FreeBSD",
        Some(_) => "*unknown*",
        None => "",
    };
    if content.len() < 20 {
        if !system.is_empty() {
            let _ = write!(text, " ({system})");
        }
        return Answer::binary(text, "");
    }
    let kind = numbers.u16(16);
    let (name, media) = match kind {
        1 => (" relocatable", "application/x-object"),
        2 => (" executable", "application/x-executable"),
        3 if elf.is_pie(&segments) => (" pie executable", "application/x-pie-executable"),
        3 => (" shared object", "application/x-sharedlib"),
        4 => (" core file", "application/x-coredump"),
        _ => (" no file type", "application/octet-stream"),
    };
    let _ = write!(
        text,
        "{name}, {}, version {} ({system})",
        machine(numbers.u16(18)),
        numbers.u32(20)
    );
    if !tests.elf || content.len() < if elf.wide { 64 } else { 52 } {
        return Answer::binary(text, media);
    }
    if matches!(kind, 2 | 3) {
        let dynamic = segments.iter().any(|(kind, ..)| *kind == 2);
        text.push_str(if dynamic {
            ", dynamically linked"
        } else {
            ", statically linked"
        });
        if let Some((_, place, length)) = interpreter {
            let path = elf.bytes(*place, *length);
            let path = path.split(|&byte| byte == 0).next().unwrap_or_default();
            let _ = write!(text, ", interpreter {}", String::from_utf8_lossy(path));
        }
    }
    let sections = elf.table(false);
    let of_segments = segments.iter().filter(|(kind, ..)| *kind == 4);
    let of_sections = sections.iter().filter(|(kind, ..)| *kind == 7);
    let (mut build, mut linux) = (String::new(), String::new());
    for (_, place, length) in of_segments.chain(of_sections).take(MOST_NOTES) {
        for (label, kind, data) in notes(elf.bytes(*place, *length), &numbers) {
            if label == b"GNU\0" && kind == 3 && build.is_empty() {
                let how = if data.len() == 20 { "sha1" } else { "xxHash" };
                build = format!(", BuildID[{how}]=");
                for byte in data {
                    let _ = write!(build, "{byte:02x}");
                }
            }
            if label == b"GNU\0" && kind == 1 && linux.is_empty() {
                let inner = Numbers {
                    bytes: data,
                    big: numbers.big,
                };
                let version = [4, 8, 12].map(|at| inner.u32(at));
                linux = format!(
                    ", for GNU/Linux {}.{}.{}",
                    version[0], version[1], version[2]
                );
            }
        }
    }
    text.push_str(&build);
    text.push_str(&linux);
    if kind == 4 {
        return Answer::binary(text, media);
    }
    let (start, count) = (elf.word(32, 40), elf.half(48, 60));
    if count == 0 {
        text.push_str(", no section header");
    } else if start >= content.len() {
        let _ = write!(text, ", missing section headers at {start}");
    } else {
        if elf.has_section(b".debug_info") {
            text.push_str(", with debug_info");
        }
        // A table of symbols that is not needed to run it.
        let stripped = !sections.iter().any(|(kind, ..)| *kind == 2);
        text.push_str(if stripped {
            ", stripped"
        } else {
            ", not stripped"
        });
    }
    Answer::binary(text, media)
}

fn class_or_universal(content: &[u8]) -> Answer {
    let numbers = Numbers::big(content);
    let count = numbers.u32(4);
    if count < 30 {
        let plural = if count == 1 { "" } else { "s" };
        let mut text = format!("Mach-O universal binary with {count} architecture{plural}:");
        for index in 0..usize::try_from(count).unwrap_or(0) {
            let place = |at: usize| usize::try_from(numbers.u32(at)).unwrap_or(usize::MAX);
            let (name, start) = (cpu(numbers.u32(8 + index * 20)), place(16 + index * 20));
            let before = if index == 0 { "" } else { "\\012- " };
            let _ = write!(text, " [{before}{name}");
            if let Some(inner) = content.get(start..).and_then(mach_o) {
                let _ = write!(text, ":\\012- {inner}");
            }
            text.push(']');
        }
        return Answer::binary(text, "application/x-mach-binary");
    }
    let (minor, major) = (numbers.u16(4), numbers.u16(6));
    let name = match major {
        45..=48 => format!(" (Java 1.{})", major - 44),
        49..=52 => format!(" (Java 1.{})", major - 44),
        53.. => format!(" (Java SE {})", major - 44),
        _ => String::new(),
    };
    let text = format!("compiled Java class data, version {major}.{minor}{name}");
    Answer::binary(text, "application/x-java-applet")
}

fn cpu(number: u64) -> &'static str {
    match number {
        7 => "i386",
        0x0100_0007 => "x86_64",
        12 => "arm",
        0x0100_000c => "arm64",
        18 => "ppc",
        0x0100_0012 => "ppc64",
        _ => "unknown",
    }
}

fn mach_o(content: &[u8]) -> Option<String> {
    let (wide, numbers) = match content.get(..4)? {
        b"\xcf\xfa\xed\xfe" => (true, Numbers::little(content)),
        b"\xce\xfa\xed\xfe" => (false, Numbers::little(content)),
        b"\xfe\xed\xfa\xcf" => (true, Numbers::big(content)),
        b"\xfe\xed\xfa\xce" => (false, Numbers::big(content)),
        _ => return None,
    };
    let kind = match numbers.u32(12) {
        1 => "object",
        2 => "executable",
        3 => "fixed virtual memory shared library",
        4 => "core",
        5 => "preload executable",
        6 => "dynamically linked shared library",
        7 => "dynamic linker",
        8 => "bundle",
        9 => "dynamically linked shared library stub",
        10 => "dSYM companion file",
        11 => "kext bundle",
        _ => "filetype",
    };
    let bits = if wide { " 64-bit" } else { "" };
    let mut text = format!("Mach-O{bits} {} {kind}", cpu(numbers.u32(4)));
    let flags = numbers.u32(24);
    let named = FLAGS.iter().enumerate();
    let set: Vec<&str> = named
        .filter_map(|(bit, name)| (flags >> bit & 1 != 0).then_some(*name))
        .collect();
    if !set.is_empty() {
        let _ = write!(text, ", flags:<{}>", set.join("|"));
    }
    Some(text)
}

/// Flags of Mach-O, from the lowest bit on.
const FLAGS: [&str; 26] = [
    "NOUNDEFS",
    "INCRLINK",
    "DYLDLINK",
    "BINDATLOAD",
    "PREBOUND",
    "SPLIT_SEGS",
    "LAZY_INIT",
    "TWOLEVEL",
    "FORCE_FLAT",
    "NOMULTIDEFS",
    "NOFIXPREBINDING",
    "PREBINDABLE",
    "ALLMODSBOUND",
    "SUBSECTIONS_VIA_SYMBOLS",
    "CANONICAL",
    "WEAK_DEFINES",
    "BINDS_TO_WEAK",
    "ALLOW_STACK_EXECUTION",
    "ROOT_SAFE",
    "SETUID_SAFE",
    "NO_REEXPORTED_DYLIBS",
    "PIE",
    "DEAD_STRIPPABLE_DYLIB",
    "HAS_TLV_DESCRIPTORS",
    "NO_HEAP_EXECUTION",
    "APP_EXTENSION_SAFE",
];

fn portable(content: &[u8]) -> Answer {
    let numbers = Numbers::little(content);
    let at = usize::try_from(numbers.u32(60)).unwrap_or(0);
    if content.get(at..at.saturating_add(4)) != Some(b"PE\0\0") {
        return Answer::binary("MS-DOS executable, MZ for MS-DOS", "application/x-dosexec");
    }
    let format = if numbers.u16(at + 24) == 0x20b {
        "PE32+"
    } else {
        "PE32"
    };
    let library = numbers.u16(at + 22) & 0x2000 != 0;
    let kind = if library {
        "executable (DLL)"
    } else {
        "executable"
    };
    let subsystem = match numbers.u16(at + 92) {
        1 => " (native)",
        2 => " (GUI)",
        3 => " (console)",
        7 => " (POSIX)",
        9 => " (Windows CE)",
        10 => " (EFI application)",
        11 => " (EFI boot service driver)",
        12 => " (EFI runtime driver)",
        _ => "",
    };
    let machine = match numbers.u16(at + 4) {
        0x14c => "Intel 80386",
        0x8664 => "x86-64",
        0xaa64 => "Aarch64",
        0x1c4 => "ARMv7 Thumb",
        _ => "unknown processor",
    };
    let sections = numbers.u16(at + 6);
    let text = format!("{format} {kind}{subsystem} {machine}, for MS Windows, {sections} sections");
    Answer::binary(text, "application/vnd.microsoft.portable-executable")
}
