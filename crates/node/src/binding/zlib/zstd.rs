//! Zstandard, on the reference library.

use std::ffi::{CStr, c_int, c_void};
use std::ptr::NonNull;

use zstd_safe::zstd_sys as sys;

use super::codec::{Codec, CompressionError, Progress};
use super::input::Input;
use crate::threads::interruption;

/// Most input copied at once: between two pieces is looked whether the program is being ended. The library reads its input
/// more than once, so it gets bytes that cannot change.
const PIECE: usize = 1 << 17;

/// A parameter that is not set.
const UNSET: u32 = u32::MAX;

/// Settings of a stream: values by number of the parameter, the promised size of the input, and a dictionary.
#[derive(Clone, Default)]
pub struct Settings {
    pub parameters: Vec<u32>,
    pub pledged_size: Option<u64>,
    pub dictionary: Vec<u8>,
}

fn failed(result: usize) -> bool {
    // SAFETY: the function looks at the number only.
    unsafe { sys::ZSTD_isError(result) != 0 }
}

fn error_of(result: usize) -> CompressionError {
    // SAFETY: both functions look at the number only and return static strings.
    let (code, message) = unsafe {
        let code = sys::ZSTD_getErrorCode(result);
        (
            code,
            CStr::from_ptr(sys::ZSTD_getErrorString(code))
                .to_string_lossy()
                .into_owned(),
        )
    };
    let errno = code as i32;
    let constants = &crate::library::tables::binding("constants")["constants"]["zlib"];
    let constants = constants.get("$null").unwrap_or(constants);
    let name = constants
        .as_object()
        .into_iter()
        .flatten()
        .find(|(name, value)| {
            name.starts_with("ZSTD_error_") && value.as_i64() == Some(i64::from(errno))
        })
        .map_or("ZSTD_error_GENERIC", |(name, _)| name);
    CompressionError {
        message,
        errno,
        code: name.to_owned(),
    }
}

fn not_initialized() -> CompressionError {
    CompressionError::new(
        "Could not initialize zstd instance",
        "ERR_ZLIB_INITIALIZATION_FAILED",
        -1,
    )
}

fn dictionary_failed() -> CompressionError {
    CompressionError::new(
        "Failed to load zstd dictionary",
        "ERR_ZLIB_DICTIONARY_LOAD_FAILED",
        -1,
    )
}

fn parameter_failed() -> CompressionError {
    CompressionError::new("Setting parameter failed", "ERR_ZSTD_PARAM_SET_FAILED", -1)
}

fn compression_parameter(number: usize) -> Option<sys::ZSTD_cParameter> {
    use sys::ZSTD_cParameter as P;
    Some(match number {
        100 => P::ZSTD_c_compressionLevel,
        101 => P::ZSTD_c_windowLog,
        102 => P::ZSTD_c_hashLog,
        103 => P::ZSTD_c_chainLog,
        104 => P::ZSTD_c_searchLog,
        105 => P::ZSTD_c_minMatch,
        106 => P::ZSTD_c_targetLength,
        107 => P::ZSTD_c_strategy,
        160 => P::ZSTD_c_enableLongDistanceMatching,
        161 => P::ZSTD_c_ldmHashLog,
        162 => P::ZSTD_c_ldmMinMatch,
        163 => P::ZSTD_c_ldmBucketSizeLog,
        164 => P::ZSTD_c_ldmHashRateLog,
        200 => P::ZSTD_c_contentSizeFlag,
        201 => P::ZSTD_c_checksumFlag,
        202 => P::ZSTD_c_dictIDFlag,
        400 => P::ZSTD_c_nbWorkers,
        401 => P::ZSTD_c_jobSize,
        402 => P::ZSTD_c_overlapLog,
        _ => return None,
    })
}

/// The number that the library's typed array holds, with its sign.
fn value_of(value: u32) -> c_int {
    value.cast_signed()
}

/// A Zstandard compressor.
pub struct ZstdCompress {
    context: NonNull<sys::ZSTD_CCtx>,
    settings: Settings,
    started: bool,
    piece: Vec<u8>,
    failed: Option<CompressionError>,
}

// SAFETY: the context is owned by this value alone and has no tie to a thread.
unsafe impl Send for ZstdCompress {}

impl ZstdCompress {
    /// A compressor with `settings`.
    ///
    /// # Errors
    /// When the library refuses a setting.
    pub fn new(settings: Settings) -> Result<ZstdCompress, CompressionError> {
        // SAFETY: creates an own context.
        let context =
            NonNull::new(unsafe { sys::ZSTD_createCCtx() }).ok_or_else(not_initialized)?;
        let codec = ZstdCompress {
            context,
            settings,
            started: false,
            piece: Vec::new(),
            failed: None,
        };
        let raw = context.as_ptr();
        let dictionary = &codec.settings.dictionary;
        if !dictionary.is_empty() {
            // SAFETY: the library copies the dictionary.
            let result = unsafe {
                sys::ZSTD_CCtx_loadDictionary(
                    raw,
                    dictionary.as_ptr().cast::<c_void>(),
                    dictionary.len(),
                )
            };
            if failed(result) {
                return Err(dictionary_failed());
            }
        }
        if let Some(size) = codec.settings.pledged_size {
            // SAFETY: the context is live.
            if failed(unsafe { sys::ZSTD_CCtx_setPledgedSrcSize(raw, size) }) {
                let text = "Could not set pledged src size";
                return Err(CompressionError::new(
                    text,
                    "ERR_ZLIB_INITIALIZATION_FAILED",
                    -1,
                ));
            }
        }
        for (number, value) in codec
            .settings
            .parameters
            .iter()
            .enumerate()
            .filter(|(_, value)| **value != UNSET)
        {
            let parameter = compression_parameter(number).ok_or_else(parameter_failed)?;
            // SAFETY: the context is live; the library checks the value.
            if failed(unsafe { sys::ZSTD_CCtx_setParameter(raw, parameter, value_of(*value)) }) {
                return Err(parameter_failed());
            }
        }
        Ok(codec)
    }

    /// Settles the size in the frame's header when all input comes with the first write: the promised one, which the
    /// library would otherwise overwrite, or that of the input, which it would take were it not given in pieces.
    fn fix_size(&mut self, length: usize) {
        if self.settings.pledged_size.is_none() {
            // SAFETY: the context is live and has no frame open.
            unsafe { sys::ZSTD_CCtx_setPledgedSrcSize(self.context.as_ptr(), length as u64) };
            return;
        }
        let mut nothing = sys::ZSTD_inBuffer {
            src: std::ptr::null(),
            size: 0,
            pos: 0,
        };
        let mut nowhere = sys::ZSTD_outBuffer {
            dst: std::ptr::null_mut(),
            size: 0,
            pos: 0,
        };
        // Opens the frame, which fixes the promise. An error shows again in the write that follows.
        // SAFETY: the context is live; both buffers are empty.
        unsafe {
            sys::ZSTD_compressStream2(
                self.context.as_ptr(),
                &raw mut nowhere,
                &raw mut nothing,
                sys::ZSTD_EndDirective::ZSTD_e_continue,
            )
        };
    }
}

impl Codec for ZstdCompress {
    fn write(
        &mut self,
        flush: u32,
        input: &Input,
        output: &mut [u8],
    ) -> Result<Progress, CompressionError> {
        use sys::ZSTD_EndDirective as Directive;
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let directive = match flush {
            1 => Directive::ZSTD_e_flush,
            2 => Directive::ZSTD_e_end,
            _ => Directive::ZSTD_e_continue,
        };
        if !self.started && directive == Directive::ZSTD_e_end {
            self.fix_size(input.len());
        }
        self.started = true;
        let mut consumed = 0;
        let mut out = sys::ZSTD_outBuffer {
            dst: output.as_mut_ptr().cast::<c_void>(),
            size: output.len(),
            pos: 0,
        };
        loop {
            input.copy_piece(consumed, PIECE, &mut self.piece);
            let last = consumed + self.piece.len() == input.len();
            let mut source = sys::ZSTD_inBuffer {
                src: self.piece.as_ptr().cast::<c_void>(),
                size: self.piece.len(),
                pos: 0,
            };
            let step = if last {
                directive
            } else {
                Directive::ZSTD_e_continue
            };
            // SAFETY: the context is live; both buffers describe memory that is valid for this call.
            let result = unsafe {
                sys::ZSTD_compressStream2(
                    self.context.as_ptr(),
                    &raw mut out,
                    &raw mut source,
                    step,
                )
            };
            consumed += source.pos;
            if failed(result) {
                let error = error_of(result);
                self.failed = Some(error.clone());
                return Err(error);
            }
            if last
                || source.pos < source.size
                || out.pos == out.size
                || interruption::is_requested()
            {
                return Ok(Progress {
                    available_in: input.len() - consumed,
                    available_out: out.size - out.pos,
                });
            }
        }
    }

    fn reset(&mut self) -> Result<(), CompressionError> {
        // As the reference: parameters and dictionary are gone after a reset.
        *self = ZstdCompress::new(Settings {
            pledged_size: self.settings.pledged_size,
            ..Settings::default()
        })?;
        Ok(())
    }

    fn memory(&self) -> usize {
        // SAFETY: the context is live.
        self.piece.capacity() + unsafe { sys::ZSTD_sizeof_CCtx(self.context.as_ptr()) }
    }
}

impl Drop for ZstdCompress {
    fn drop(&mut self) {
        // SAFETY: the context is owned and not used again.
        unsafe { sys::ZSTD_freeCCtx(self.context.as_ptr()) };
    }
}

/// A Zstandard decompressor.
pub struct ZstdDecompress {
    context: NonNull<sys::ZSTD_DCtx>,
    piece: Vec<u8>,
    failed: Option<CompressionError>,
}

// SAFETY: as for `ZstdCompress`.
unsafe impl Send for ZstdDecompress {}

impl ZstdDecompress {
    /// A decompressor with `settings`.
    ///
    /// # Errors
    /// When the library refuses a setting.
    pub fn new(settings: &Settings) -> Result<ZstdDecompress, CompressionError> {
        // SAFETY: creates an own context.
        let context =
            NonNull::new(unsafe { sys::ZSTD_createDCtx() }).ok_or_else(not_initialized)?;
        let codec = ZstdDecompress {
            context,
            piece: Vec::new(),
            failed: None,
        };
        let raw = context.as_ptr();
        let dictionary = &settings.dictionary;
        if !dictionary.is_empty() {
            // SAFETY: the library copies the dictionary.
            let result = unsafe {
                sys::ZSTD_DCtx_loadDictionary(
                    raw,
                    dictionary.as_ptr().cast::<c_void>(),
                    dictionary.len(),
                )
            };
            if failed(result) {
                return Err(dictionary_failed());
            }
        }
        for (number, value) in settings
            .parameters
            .iter()
            .enumerate()
            .filter(|(_, value)| **value != UNSET)
        {
            if number != 100 {
                return Err(parameter_failed());
            }
            let parameter = sys::ZSTD_dParameter::ZSTD_d_windowLogMax;
            // SAFETY: the context is live; the library checks the value.
            if failed(unsafe { sys::ZSTD_DCtx_setParameter(raw, parameter, value_of(*value)) }) {
                return Err(parameter_failed());
            }
        }
        Ok(codec)
    }
}

impl Codec for ZstdDecompress {
    fn write(
        &mut self,
        _flush: u32,
        input: &Input,
        output: &mut [u8],
    ) -> Result<Progress, CompressionError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let mut consumed = 0;
        let mut out = sys::ZSTD_outBuffer {
            dst: output.as_mut_ptr().cast::<c_void>(),
            size: output.len(),
            pos: 0,
        };
        loop {
            input.copy_piece(consumed, PIECE, &mut self.piece);
            let last = consumed + self.piece.len() == input.len();
            let mut source = sys::ZSTD_inBuffer {
                src: self.piece.as_ptr().cast::<c_void>(),
                size: self.piece.len(),
                pos: 0,
            };
            // SAFETY: the context is live; both buffers describe memory that is valid for this call.
            let result = unsafe {
                sys::ZSTD_decompressStream(self.context.as_ptr(), &raw mut out, &raw mut source)
            };
            consumed += source.pos;
            if failed(result) {
                let error = error_of(result);
                self.failed = Some(error.clone());
                return Err(error);
            }
            if last
                || source.pos < source.size
                || out.pos == out.size
                || interruption::is_requested()
            {
                return Ok(Progress {
                    available_in: input.len() - consumed,
                    available_out: out.size - out.pos,
                });
            }
        }
    }

    fn reset(&mut self) -> Result<(), CompressionError> {
        *self = ZstdDecompress::new(&Settings::default())?;
        Ok(())
    }

    fn memory(&self) -> usize {
        // SAFETY: the context is live.
        self.piece.capacity() + unsafe { sys::ZSTD_sizeof_DCtx(self.context.as_ptr()) }
    }
}

impl Drop for ZstdDecompress {
    fn drop(&mut self) {
        // SAFETY: the context is owned and not used again.
        unsafe { sys::ZSTD_freeDCtx(self.context.as_ptr()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(codec: &mut dyn Codec, bytes: &[u8]) -> Result<Vec<u8>, CompressionError> {
        let mut output = vec![0; 1 << 22];
        let progress = codec.write(2, &Input::copied(bytes), &mut output)?;
        output.truncate(output.len() - progress.available_out);
        Ok(output)
    }

    #[test]
    fn round_trip_with_the_bytes_of_the_reference() {
        let bytes = run(
            &mut ZstdCompress::new(Settings::default()).unwrap(),
            b"hello hello",
        )
        .unwrap();
        assert_eq!(bytes[..9], [0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x0b, 0x59, 0, 0]);
        assert_eq!(
            run(
                &mut ZstdDecompress::new(&Settings::default()).unwrap(),
                &bytes
            )
            .unwrap(),
            b"hello hello"
        );
    }

    #[test]
    fn input_of_several_pieces_announces_its_size() {
        let text = vec![b'x'; PIECE * 2 + 5];
        let bytes = run(&mut ZstdCompress::new(Settings::default()).unwrap(), &text).unwrap();
        assert_eq!(bytes[4] >> 6, 2, "a four-byte content size");
        assert_eq!(
            run(
                &mut ZstdDecompress::new(&Settings::default()).unwrap(),
                &bytes
            )
            .unwrap(),
            text
        );
    }

    #[test]
    fn bad_input_has_the_error_of_the_reference() {
        let error = run(
            &mut ZstdDecompress::new(&Settings::default()).unwrap(),
            &[1, 2, 3, 4, 5],
        )
        .unwrap_err();
        assert_eq!(
            error,
            CompressionError::new("Unknown frame descriptor", "ZSTD_error_prefix_unknown", 10)
        );
    }

    #[test]
    fn broken_promise_of_the_size_is_an_error() {
        let settings = Settings {
            pledged_size: Some(7),
            ..Settings::default()
        };
        let error = run(&mut ZstdCompress::new(settings).unwrap(), b"a").unwrap_err();
        assert_eq!(
            error,
            CompressionError::new("Src size is incorrect", "ZSTD_error_srcSize_wrong", 72)
        );
    }

    #[test]
    fn unknown_parameter_is_refused() {
        let mut parameters = vec![UNSET; 403];
        parameters[101] = 100;
        assert!(
            ZstdCompress::new(Settings {
                parameters,
                ..Settings::default()
            })
            .is_err()
        );
    }
}
