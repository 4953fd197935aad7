//! What all compression libraries look like to a stream.

use super::input::Input;

/// Why a stream cannot go on; what `onerror` gets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CompressionError {
    pub message: String,
    pub errno: i32,
    pub code: String,
}

impl CompressionError {
    pub fn new(message: &str, code: &str, errno: i32) -> CompressionError {
        CompressionError {
            message: message.to_owned(),
            errno,
            code: code.to_owned(),
        }
    }
}

/// What a write left over.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    /// Input bytes not consumed.
    pub available_in: usize,
    /// Output bytes not filled.
    pub available_out: usize,
}

/// A compressor or decompressor in the middle of a stream.
pub trait Codec: Send {
    /// Consumes input and fills `output` as far as possible.
    ///
    /// # Errors
    /// When the data or the state of the stream is bad; the stream is of no use any more.
    fn write(
        &mut self,
        flush: u32,
        input: &Input,
        output: &mut [u8],
    ) -> Result<Progress, CompressionError>;

    /// Starts over with the same settings.
    ///
    /// # Errors
    /// When the library refuses.
    fn reset(&mut self) -> Result<(), CompressionError>;

    /// Changes level and strategy in the middle of the stream, where the format can.
    ///
    /// # Errors
    /// When the library refuses.
    fn set_parameters(&mut self, _level: i32, _strategy: i32) -> Result<(), CompressionError> {
        Ok(())
    }

    /// Bytes of memory that the library holds for this stream.
    fn memory(&self) -> usize;
}
