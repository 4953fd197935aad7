//! Streams of zlib, piece by piece.

use super::*;

fn settings() -> Settings {
    Settings {
        window_bits: 15,
        level: -1,
        memory_level: 8,
        strategy: 0,
        dictionary: Vec::new(),
        reject_garbage_after_end: false,
    }
}

fn run(codec: &mut ZlibCodec, bytes: &[u8]) -> Result<Vec<u8>, CompressionError> {
    let mut output = vec![0; 1 << 16];
    let progress = codec.write(4, &Input::copied(bytes), &mut output)?;
    output.truncate(output.len() - progress.available_out);
    Ok(output)
}

fn compressed(mode: Mode, bytes: &[u8]) -> Vec<u8> {
    run(&mut ZlibCodec::new(mode, settings()), bytes).unwrap()
}

#[test]
fn deflate_gives_the_bytes_of_the_reference() {
    let bytes = compressed(Mode::Deflate, b"hello hello hello");
    assert_eq!(
        bytes,
        [
            0x78, 0x9c, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x57, 0xc8, 0x40, 0x90, 0, 0x3a, 0x2e, 6,
            0x7d
        ]
    );
}

#[test]
fn gunzip_joins_members_and_ignores_padding() {
    let mut archive = compressed(Mode::Gzip, b"abc");
    archive.extend(compressed(Mode::Gzip, b"def"));
    archive.extend([0; 5]);
    assert_eq!(
        run(&mut ZlibCodec::new(Mode::Gunzip, settings()), &archive).unwrap(),
        b"abcdef"
    );
}

#[test]
fn gunzip_reports_garbage_behind_the_end() {
    let mut archive = compressed(Mode::Gzip, b"abc");
    archive.extend(b"junk");
    let error = run(&mut ZlibCodec::new(Mode::Gunzip, settings()), &archive).unwrap_err();
    assert_eq!(
        error,
        CompressionError::new("incorrect header check", "Z_DATA_ERROR", -3)
    );
}

#[test]
fn truncated_input_is_an_unexpected_end() {
    let mut bytes = compressed(Mode::Deflate, b"abcdefgh");
    bytes.truncate(6);
    let error = run(&mut ZlibCodec::new(Mode::Inflate, settings()), &bytes).unwrap_err();
    assert_eq!(
        error,
        CompressionError::new("unexpected end of file", "Z_BUF_ERROR", -5)
    );
}

#[test]
fn unzip_takes_gzip_and_deflate() {
    for mode in [Mode::Gzip, Mode::Deflate] {
        let bytes = compressed(mode, b"abc");
        assert_eq!(
            run(&mut ZlibCodec::new(Mode::Unzip, settings()), &bytes).unwrap(),
            b"abc"
        );
    }
}

#[test]
fn dictionary_is_needed_on_both_sides() {
    let with = Settings {
        dictionary: b"dictionary".to_vec(),
        ..settings()
    };
    let bytes = run(
        &mut ZlibCodec::new(Mode::Deflate, with.clone()),
        b"dictionary",
    )
    .unwrap();
    assert_eq!(
        run(&mut ZlibCodec::new(Mode::Inflate, with), &bytes).unwrap(),
        b"dictionary"
    );
    let error = run(&mut ZlibCodec::new(Mode::Inflate, settings()), &bytes).unwrap_err();
    assert_eq!(
        error,
        CompressionError::new("Missing dictionary", "Z_NEED_DICT", 2)
    );
}

#[test]
fn parameters_change_between_writes() {
    let mut codec = ZlibCodec::new(
        Mode::Deflate,
        Settings {
            level: 0,
            ..settings()
        },
    );
    let mut output = vec![0; 1 << 16];
    let progress = codec
        .write(2, &Input::copied(&[b'a'; 1000]), &mut output)
        .unwrap();
    let stored = output.len() - progress.available_out;
    assert!(stored > 1000, "level 0 stores");
    codec.set_parameters(9, 0).unwrap();
    let progress = codec
        .write(4, &Input::copied(&[b'a'; 1000]), &mut output[stored..])
        .unwrap();
    let packed = output.len() - stored - progress.available_out;
    assert!(packed < 100, "level 9 compresses: {packed}");
    let bytes = &output[..stored + packed];
    assert_eq!(
        run(&mut ZlibCodec::new(Mode::Inflate, settings()), bytes).unwrap(),
        [b'a'; 2000]
    );
}

#[test]
fn memory_is_counted_and_given_back() {
    let mut codec = ZlibCodec::new(Mode::Deflate, settings());
    let allocated = codec.allocated.clone();
    run(&mut codec, b"abc").unwrap();
    assert!(codec.memory() > 200_000);
    drop(codec);
    assert_eq!(allocated.load(Ordering::Relaxed), 0);
}
