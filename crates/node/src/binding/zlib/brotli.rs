//! Brotli, on the Rust implementation.

use brotli::enc::StandardAlloc;
use brotli::enc::backward_references::BrotliEncoderParams;
use brotli::enc::encode::BrotliEncoderParameter;
use brotli::enc::encode::{BrotliEncoderOperation, BrotliEncoderStateStruct};
use brotli::{BrotliDecompressStream, BrotliResult, BrotliState};

use super::codec::{Codec, CompressionError, Progress};
use super::input::Input;
use crate::threads::interruption;

/// Most input taken at once, and most output of a decoder: between two pieces is looked whether the program is being ended.
/// The encoder gathers blocks of its own size, so its result is the same.
const ENCODER_PIECE: usize = 1 << 18;
const DECODER_PIECE: usize = 1 << 16;
const DECODED_PIECE: usize = 1 << 22;

const FINISH: u32 = 2;
const Z_BUF_ERROR: i32 = -5;

/// A parameter that is not set.
const UNSET: u32 = u32::MAX;

/// Settings of a stream: values by number of the parameter, and a dictionary.
#[derive(Clone, Default)]
pub struct Settings {
    pub parameters: Vec<u32>,
    pub dictionary: Vec<u8>,
}

/// A Brotli compressor.
///
/// The best qualities take tens of megabytes, so they are held no longer than the stream goes on.
pub struct BrotliEncoder {
    /// None behind the end of the stream.
    state: Option<Box<BrotliEncoderStateStruct<StandardAlloc>>>,
    settings: Settings,
    started: bool,
    piece: Vec<u8>,
}

impl BrotliEncoder {
    /// A compressor with `settings`.
    ///
    /// # Errors
    /// When a parameter has a value that it cannot have.
    pub fn new(settings: Settings) -> Result<BrotliEncoder, CompressionError> {
        let mut state = Box::new(BrotliEncoderStateStruct::new(StandardAlloc::default()));
        // The reference's defaults.
        state.set_parameter(BrotliEncoderParameter::BROTLI_PARAM_QUALITY, 11);
        state.set_parameter(BrotliEncoderParameter::BROTLI_PARAM_LGWIN, 22);
        for (number, value) in settings
            .parameters
            .iter()
            .enumerate()
            .filter(|(_, value)| **value != UNSET)
        {
            if !encoder_parameter(number)
                .is_some_and(|parameter| state.set_parameter(parameter, *value))
            {
                return Err(parameter_failed());
            }
        }
        if !settings.dictionary.is_empty() {
            state.set_custom_dictionary(settings.dictionary.len(), &settings.dictionary);
        }
        Ok(BrotliEncoder {
            state: Some(state),
            settings,
            started: false,
            piece: Vec::new(),
        })
    }
}

fn compression_failed() -> CompressionError {
    CompressionError::new("Compression failed", "ERR_BROTLI_COMPRESSION_FAILED", -1)
}

/// Fails where the library would find no memory, which it takes at the first write and cannot do without.
fn check_memory(params: &BrotliEncoderParams) -> Result<(), CompressionError> {
    let ring_and_tables = 2 << params.lgwin.clamp(10, 24);
    // The binary tree of the best two qualities has two numbers for each position of the window.
    let tree = if params.quality >= 10 {
        4 * ring_and_tables
    } else {
        0
    };
    Vec::<u8>::new()
        .try_reserve_exact(ring_and_tables + tree)
        .map_err(|_| compression_failed())
}

fn parameter_failed() -> CompressionError {
    CompressionError::new(
        "Setting parameter failed",
        "ERR_BROTLI_PARAM_SET_FAILED",
        -1,
    )
}

fn encoder_parameter(number: usize) -> Option<BrotliEncoderParameter> {
    use BrotliEncoderParameter as P;
    Some(match number {
        0 => P::BROTLI_PARAM_MODE,
        1 => P::BROTLI_PARAM_QUALITY,
        2 => P::BROTLI_PARAM_LGWIN,
        3 => P::BROTLI_PARAM_LGBLOCK,
        4 => P::BROTLI_PARAM_DISABLE_LITERAL_CONTEXT_MODELING,
        5 => P::BROTLI_PARAM_SIZE_HINT,
        6 => P::BROTLI_PARAM_LARGE_WINDOW,
        // NPOSTFIX and NDIRECT: this encoder finds the distance code by itself.
        _ => return None,
    })
}

fn operation(flush: u32) -> BrotliEncoderOperation {
    match flush {
        1 => BrotliEncoderOperation::BROTLI_OPERATION_FLUSH,
        FINISH => BrotliEncoderOperation::BROTLI_OPERATION_FINISH,
        3 => BrotliEncoderOperation::BROTLI_OPERATION_EMIT_METADATA,
        _ => BrotliEncoderOperation::BROTLI_OPERATION_PROCESS,
    }
}

impl Codec for BrotliEncoder {
    fn write(
        &mut self,
        flush: u32,
        input: &Input,
        output: &mut [u8],
    ) -> Result<Progress, CompressionError> {
        let Some(state) = &mut self.state else {
            // As the reference: there is nothing more to come, and nothing may be added.
            return if input.len() == 0 {
                Ok(Progress {
                    available_in: 0,
                    available_out: output.len(),
                })
            } else {
                Err(compression_failed())
            };
        };
        if !self.started {
            check_memory(&state.params)?;
            self.started = true;
            if state.params.size_hint == 0 {
                // What the encoder would take from the length of its first input.
                state.params.size_hint = input.len().min(1 << 30);
            }
        }
        let mut consumed = 0;
        let mut produced = 0;
        loop {
            let mut piece = std::mem::take(&mut self.piece);
            input.copy_piece(consumed, ENCODER_PIECE, &mut piece);
            let last = consumed + piece.len() == input.len();
            let step = if last {
                operation(flush)
            } else {
                BrotliEncoderOperation::BROTLI_OPERATION_PROCESS
            };
            let mut available_in = piece.len();
            let mut available_out = output.len() - produced;
            let done = state.compress_stream(
                step,
                &mut available_in,
                &piece,
                &mut 0,
                &mut available_out,
                output,
                &mut produced,
                &mut None,
                &mut |_, _, _, _| (),
            );
            consumed += piece.len() - available_in;
            self.piece = piece;
            if !done || interruption::is_requested() {
                return Err(compression_failed());
            }
            if state.is_finished() {
                self.state = None;
                self.piece = Vec::new();
                return Ok(Progress {
                    available_in: input.len() - consumed,
                    available_out,
                });
            }
            if last || available_in > 0 || available_out == 0 {
                return Ok(Progress {
                    available_in: input.len() - consumed,
                    available_out,
                });
            }
        }
    }

    fn reset(&mut self) -> Result<(), CompressionError> {
        // As the reference: parameters fall back to the defaults, which its own tests rely on.
        let settings = Settings {
            parameters: Vec::new(),
            dictionary: self.settings.dictionary.clone(),
        };
        *self = BrotliEncoder::new(settings)?;
        Ok(())
    }

    fn memory(&self) -> usize {
        let window = match &self.state {
            Some(state) if self.started => 3 << state.params.lgwin.clamp(10, 24),
            _ => 0,
        };
        self.piece.capacity() + window
    }
}

type DecoderState = BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>;

/// A Brotli decompressor.
pub struct BrotliDecoder {
    state: Box<DecoderState>,
    settings: Settings,
    piece: Vec<u8>,
    failed: Option<CompressionError>,
}

impl BrotliDecoder {
    /// A decompressor with `settings`.
    ///
    /// # Errors
    /// When a parameter has a value that it cannot have.
    pub fn new(settings: Settings) -> Result<BrotliDecoder, CompressionError> {
        let alloc = StandardAlloc::default;
        let dictionary = settings.dictionary.clone().into();
        let mut state = Box::new(BrotliState::new_with_custom_dictionary(
            alloc(),
            alloc(),
            alloc(),
            dictionary,
        ));
        state.large_window = false;
        for (number, value) in settings
            .parameters
            .iter()
            .enumerate()
            .filter(|(_, value)| **value != UNSET)
        {
            match number {
                // How the ring buffer grows: the result is the same.
                0 => {}
                1 => state.large_window = *value != 0,
                _ => return Err(parameter_failed()),
            }
        }
        Ok(BrotliDecoder {
            state,
            settings,
            piece: Vec::new(),
            failed: None,
        })
    }
}

impl Codec for BrotliDecoder {
    fn write(
        &mut self,
        flush: u32,
        input: &Input,
        output: &mut [u8],
    ) -> Result<Progress, CompressionError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let mut consumed = 0;
        let mut produced = 0;
        loop {
            input.copy_piece(consumed, DECODER_PIECE, &mut self.piece);
            let mut available_in = self.piece.len();
            let room = output.len() - produced;
            let mut available_out = room.min(DECODED_PIECE);
            let withheld = room - available_out;
            let result = BrotliDecompressStream(
                &mut available_in,
                &mut 0,
                &self.piece,
                &mut available_out,
                &mut produced,
                output,
                &mut 0,
                &mut self.state,
            );
            consumed += self.piece.len() - available_in;
            let progress = Progress {
                available_in: input.len() - consumed,
                available_out: available_out + withheld,
            };
            let goes_on = withheld > 0 && !interruption::is_requested();
            match result {
                BrotliResult::NeedsMoreOutput if goes_on => {}
                BrotliResult::ResultFailure => {
                    let errno = self.state.error_code as i32;
                    let code = format!("ERR_{}", error_name(errno));
                    let error = CompressionError::new("Decompression failed", &code, errno);
                    self.failed = Some(error.clone());
                    return Err(error);
                }
                BrotliResult::NeedsMoreInput if progress.available_in > 0 && available_in == 0 => {}
                BrotliResult::NeedsMoreInput if flush == FINISH => {
                    return Err(CompressionError::new(
                        "unexpected end of file",
                        "Z_BUF_ERROR",
                        Z_BUF_ERROR,
                    ));
                }
                _ => return Ok(progress),
            }
        }
    }

    fn reset(&mut self) -> Result<(), CompressionError> {
        let settings = Settings {
            parameters: Vec::new(),
            dictionary: self.settings.dictionary.clone(),
        };
        *self = BrotliDecoder::new(settings)?;
        Ok(())
    }

    fn memory(&self) -> usize {
        usize::try_from(self.state.ringbuffer_size).unwrap_or(0) + self.piece.capacity()
    }
}

/// The reference's text for an error of the decoder: the name of its constant without `BROTLI_DECODER`.
fn error_name(errno: i32) -> String {
    let constants = &crate::library::tables::binding("constants")["constants"]["zlib"];
    let constants = constants.get("$null").unwrap_or(constants);
    constants
        .as_object()
        .into_iter()
        .flatten()
        .find(|(name, value)| {
            name.starts_with("BROTLI_DECODER_ERROR") && value.as_i64() == Some(i64::from(errno))
        })
        .map_or_else(
            || "_ERROR_UNREACHABLE".to_owned(),
            |(name, _)| name["BROTLI_DECODER".len()..].to_owned(),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(codec: &mut dyn Codec, bytes: &[u8]) -> Result<Vec<u8>, CompressionError> {
        let mut output = vec![0; 1 << 16];
        let progress = codec.write(FINISH, &Input::copied(bytes), &mut output)?;
        output.truncate(output.len() - progress.available_out);
        Ok(output)
    }

    #[test]
    fn round_trip_with_the_bytes_of_the_reference() {
        let bytes = run(&mut BrotliEncoder::new(Settings::default()).unwrap(), b"a").unwrap();
        assert_eq!(bytes, [0x0b, 0, 0x80, 0x61, 3]);
        assert_eq!(
            run(
                &mut BrotliDecoder::new(Settings::default()).unwrap(),
                &bytes
            )
            .unwrap(),
            b"a"
        );
    }

    #[test]
    fn an_encoder_holds_nothing_behind_its_end() {
        let mut encoder = BrotliEncoder::new(Settings::default()).unwrap();
        run(&mut encoder, b"text").unwrap();
        assert_eq!(encoder.memory(), 0);
        assert_eq!(run(&mut encoder, b"").unwrap(), b"");
        assert_eq!(run(&mut encoder, b"more"), Err(compression_failed()));
        encoder.reset().unwrap();
        assert!(!run(&mut encoder, b"again").unwrap().is_empty());
    }

    #[test]
    fn dictionary_of_the_reference_decodes() {
        let bytes = [
            0x1b, 0x23, 0, 0xf8, 0x25, 0x40, 0x8a, 0x18, 0x65, 0x4a, 5, 0x84, 0xd4, 0x2f, 0,
        ];
        let settings = Settings {
            dictionary: b"hello world dictionary text".to_vec(),
            ..Settings::default()
        };
        let text = run(&mut BrotliDecoder::new(settings).unwrap(), &bytes).unwrap();
        assert_eq!(text, b"hello world dictionary text and more");
    }

    #[test]
    fn dictionary_round_trip() {
        let settings = Settings {
            dictionary: b"hello world dictionary text".to_vec(),
            ..Settings::default()
        };
        let text = b"hello world dictionary text and more, hello world";
        let bytes = run(&mut BrotliEncoder::new(settings.clone()).unwrap(), text).unwrap();
        assert_eq!(
            run(&mut BrotliDecoder::new(settings).unwrap(), &bytes).unwrap(),
            text
        );
    }

    #[test]
    fn bad_input_has_the_code_of_the_reference() {
        let error = run(
            &mut BrotliDecoder::new(Settings::default()).unwrap(),
            &[0xff; 4],
        )
        .unwrap_err();
        assert_eq!(error.message, "Decompression failed");
        assert!(
            error.code.starts_with("ERR__ERROR_FORMAT_"),
            "{}",
            error.code
        );
    }

    #[test]
    fn truncated_input_is_an_unexpected_end() {
        let error = run(
            &mut BrotliDecoder::new(Settings::default()).unwrap(),
            &[0x0b, 0],
        )
        .unwrap_err();
        assert_eq!(
            error,
            CompressionError::new("unexpected end of file", "Z_BUF_ERROR", Z_BUF_ERROR)
        );
    }
}
