//! Sound and films.

use super::{Answer, Numbers};

pub fn recognize(content: &[u8]) -> Option<Answer> {
    let starts = |magic: &[u8]| content.starts_with(magic);
    let numbers = Numbers::big(content);
    let answer = |text: String, media: &str| Some(Answer::binary(text, media));
    if starts(b"RIFF") {
        return Some(riff(content));
    }
    if starts(b"OggS") {
        return Some(ogg(content));
    }
    if starts(b"fLaC") {
        return answer(flac(content), "audio/flac");
    }
    if starts(b"\x1aE\xdf\xa3") {
        let head = &content[..content.len().min(4096)];
        let has = |kind: &[u8]| head.windows(kind.len()).any(|part| part == kind);
        return if has(b"\x42\x82\x84webm") {
            answer("WebM".to_owned(), "video/webm")
        } else if has(b"matroska") {
            answer("Matroska data".to_owned(), "video/x-matroska")
        } else {
            answer("EBML file".to_owned(), "")
        };
    }
    if starts(b"ID3") {
        return Some(tagged(content));
    }
    if let Some(text) = mpeg_audio(content) {
        return answer(text, "audio/mpeg");
    }
    if starts(b"MThd") {
        let (format, tracks, division) = (numbers.u16(8), numbers.u16(10), numbers.u16(12));
        let plural = if tracks == 1 { "" } else { "s" };
        let text = format!(
            "Standard MIDI data (format {format}) using {tracks} track{plural} at 1/{division}"
        );
        return answer(text, "audio/midi");
    }
    if starts(b"FORM") && content.get(8..12) == Some(b"AIFF") {
        return answer("IFF data, AIFF audio".to_owned(), "audio/x-aiff");
    }
    if starts(b".snd") {
        return answer(sun_audio(numbers), "audio/basic");
    }
    if starts(b"FLV\x01") {
        return answer("Macromedia Flash Video".to_owned(), "video/x-flv");
    }
    if starts(b"\0\0\x01\xba") {
        let version = if numbers.at(4, 1) & 0x40 != 0 {
            "v2"
        } else {
            "v1"
        };
        return answer(
            format!("MPEG sequence, {version}, program multiplex"),
            "video/mpeg",
        );
    }
    None
}

fn riff(content: &[u8]) -> Answer {
    let numbers = Numbers::little(content);
    let text = "RIFF (little-endian) data";
    match content.get(8..12) {
        Some(b"WEBP") => {
            let mut text = format!("{text}, Web/P image");
            if content.get(12..16) == Some(b"VP8 ") {
                text.push_str(&format!(
                    ", VP8 encoding, {}x{}, Scaling: [none]x[none], YUV color, decoders should clamp",
                    numbers.u16(26) & 0x3fff,
                    numbers.u16(28) & 0x3fff
                ));
            }
            Answer::binary(text, "image/webp")
        }
        Some(b"WAVE") => {
            let how = match numbers.u16(20) {
                1 => ", Microsoft PCM",
                2 => ", Microsoft ADPCM",
                3 => ", IEEE Float",
                6 => ", ITU G.711 A-law",
                7 => ", ITU G.711 mu-law",
                17 => ", IMA ADPCM",
                49 => ", GSM 6.10",
                80 => ", MPEG",
                85 => ", MPEG Layer 3",
                _ => "",
            };
            let channels = channels(numbers.u16(22));
            let bits = match numbers.u16(34) {
                bits @ 1..32 => format!(", {bits} bit"),
                _ => String::new(),
            };
            let rate = numbers.u32(24);
            let text = format!("{text}, WAVE audio{how}{bits}, {channels} {rate} Hz");
            Answer::binary(text, "audio/x-wav")
        }
        Some(b"AVI ") => Answer::binary(format!("{text}, AVI"), "video/x-msvideo"),
        _ => Answer::binary(text, ""),
    }
}

fn channels(count: u64) -> String {
    match count {
        1 => "mono".to_owned(),
        2 => "stereo".to_owned(),
        other => format!("{other} channels"),
    }
}

fn ogg(content: &[u8]) -> Answer {
    let numbers = Numbers::little(content);
    let packet = content.get(28..).unwrap_or_default();
    if packet.starts_with(b"\x01vorbis") {
        let mut text = format!(
            "Ogg data, Vorbis audio, {}, {} Hz",
            channels(numbers.at(39, 1)),
            numbers.u32(40)
        );
        if content.len() > 58 && (1..1 << 31).contains(&numbers.u32(48)) {
            text.push_str(&format!(", ~{} bps", numbers.u32(48)));
        }
        return Answer::binary(text, "audio/ogg");
    }
    if packet.starts_with(b"OpusHead") {
        let text = format!(
            "Ogg data, Opus audio, version 0.{}, {}, {} Hz (Input Sample Rate)",
            numbers.at(36, 1),
            channels(numbers.at(37, 1)),
            numbers.u32(40)
        );
        return Answer::binary(text, "audio/ogg");
    }
    if packet.starts_with(b"\x7fFLAC") {
        return Answer::binary("Ogg data, FLAC audio", "audio/ogg");
    }
    if packet.starts_with(b"\x80theora") {
        return Answer::binary("Ogg data, Theora video", "video/ogg");
    }
    Answer::binary("Ogg data", "application/ogg")
}

fn flac(content: &[u8]) -> String {
    let numbers = Numbers::big(content);
    let mut text = "FLAC audio bitstream data".to_owned();
    // Of the first block, which is that of the stream: 20 bits of rate, 3 of channels, 5 of bits, 36 of samples.
    let fields = numbers.at(18, 8);
    let (rate, samples) = (fields >> 44, fields & 0xf_ffff_ffff);
    let (count, bits) = ((fields >> 41 & 7) + 1, (fields >> 36 & 31) + 1);
    if bits > 1 {
        text.push_str(&format!(", {bits} bit, {}", channels(count)));
    }
    match rate {
        0 => {}
        rate if rate % 1000 == 0 => text.push_str(&format!(", {} kHz", rate / 1000)),
        rate if rate % 100 == 0 => {
            text.push_str(&format!(", {}.{} kHz", rate / 1000, rate % 1000 / 100));
        }
        rate => text.push_str(&format!(", {rate} Hz")),
    }
    text.push_str(&match samples {
        0 => ", length unknown".to_owned(),
        samples => format!(", {samples} samples"),
    });
    text
}

/// A tag of ID3, and what stands behind it.
fn tagged(content: &[u8]) -> Answer {
    let numbers = Numbers::big(content);
    let mut text = format!(
        "Audio file with ID3 version 2.{}.{}",
        numbers.at(3, 1),
        numbers.at(4, 1)
    );
    let length = (6..10).fold(0, |length, at| length << 7 | numbers.at(at, 1) & 0x7f);
    let behind = usize::try_from(length + 10).unwrap_or(usize::MAX);
    match content.get(behind..).and_then(mpeg_audio) {
        Some(inner) => {
            text.push_str(&format!(", contains: {inner}"));
            Answer::binary(text, "audio/mpeg")
        }
        None => Answer::binary(text, ""),
    }
}

/// Kilobits a second of layer III, by the number in the header: of version 1, and of 2 and 2.5.
const RATES: [[u64; 15]; 2] = [
    [
        0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320,
    ],
    [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];

/// A frame of MPEG's layer III.
fn mpeg_audio(content: &[u8]) -> Option<String> {
    let [0xff, second, third, fourth] = *content.first_chunk::<4>()? else {
        return None;
    };
    let (version, table) = match second & 0xfe {
        0xfa => ("v1", 0),
        0xf2 => ("v2", 1),
        0xe2 => ("v2.5", 1),
        _ => return None,
    };
    let rate = *RATES[table]
        .get(usize::from(third >> 4))
        .filter(|&&rate| rate > 0)?;
    let frequency = match (version, third >> 2 & 3) {
        ("v1", 0) => "44.1",
        ("v1", 1) => "48",
        ("v1", 2) => "32",
        ("v2", 0) => "22.05",
        ("v2", 1) => "24",
        ("v2", 2) => "16",
        ("v2.5", 0) => "11.025",
        ("v2.5", 1) => "12",
        ("v2.5", 2) => "8",
        _ => return None,
    };
    let mode = ["Stereo", "JntStereo", "2x Monaural", "Monaural"][usize::from(fourth >> 6)];
    Some(format!(
        "MPEG ADTS, layer III, {version}, {rate:>3} kbps, {frequency} kHz, {mode}"
    ))
}

fn sun_audio(numbers: Numbers<'_>) -> String {
    let how = match numbers.u32(12) {
        1 => "8-bit ISDN mu-law,",
        2 => "8-bit linear PCM [REF-PCM],",
        3 => "16-bit linear PCM,",
        4 => "24-bit linear PCM,",
        5 => "32-bit linear PCM,",
        6 => "32-bit IEEE floating point,",
        7 => "64-bit IEEE floating point,",
        _ => "",
    };
    format!(
        "Sun/NeXT audio data: {how} {}, {} Hz",
        channels(numbers.u32(20)),
        numbers.u32(16)
    )
}
