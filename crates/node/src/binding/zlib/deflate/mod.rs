//! deflate, gzip and raw deflate on zlib itself: its exact flush, dictionary and member rules are Node's.

use std::ffi::{CStr, c_int, c_void};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use libz_sys as z;

use super::codec::{Codec, CompressionError, Progress};
use super::input::Input;
use crate::threads::interruption;

/// Most output of one call of the library: between two is looked whether the program is being ended.
const PIECE: z::uInt = 1 << 18;

const GZIP_HEADER_ID1: u8 = 0x1f;
const GZIP_HEADER_ID2: u8 = 0x8b;

/// What a stream does; the numbers are Node's `constants.DEFLATE` and following.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    Deflate,
    Inflate,
    Gzip,
    Gunzip,
    DeflateRaw,
    InflateRaw,
    Unzip,
}

impl Mode {
    /// The mode of Node's number for it.
    pub fn from_number(number: u32) -> Option<Mode> {
        const MODES: [Mode; 7] = [
            Mode::Deflate,
            Mode::Inflate,
            Mode::Gzip,
            Mode::Gunzip,
            Mode::DeflateRaw,
            Mode::InflateRaw,
            Mode::Unzip,
        ];
        MODES
            .get(usize::try_from(number).ok()?.checked_sub(1)?)
            .copied()
    }

    fn compresses(self) -> bool {
        matches!(self, Mode::Deflate | Mode::Gzip | Mode::DeflateRaw)
    }
}

/// Settings of a stream, in range.
#[derive(Clone, Debug)]
pub struct Settings {
    pub window_bits: i32,
    pub level: i32,
    pub memory_level: i32,
    pub strategy: i32,
    pub dictionary: Vec<u8>,
    pub reject_garbage_after_end: bool,
}

impl Settings {
    /// Whether zlib accepts these for `mode`; the library has checked them before.
    pub fn valid(&self, mode: Mode) -> bool {
        let window =
            (8..=15).contains(&self.window_bits) || (self.window_bits == 0 && !mode.compresses());
        window
            && (-1..=9).contains(&self.level)
            && (1..=9).contains(&self.memory_level)
            && (0..=4).contains(&self.strategy)
    }
}

/// A zlib stream.
pub struct ZlibCodec {
    // Boxed: zlib's state points back at it.
    stream: Box<z::z_stream>,
    /// zlib is set up at the first use, as in Node, so that creating a stream costs little.
    ready: bool,
    mode: Mode,
    settings: Settings,
    status: c_int,
    flush: c_int,
    gzip_id_bytes_read: u8,
    allocated: Arc<AtomicUsize>,
}

// SAFETY: zlib keeps no thread-local state; the stream and what it points at belong to this value alone.
unsafe impl Send for ZlibCodec {}

impl ZlibCodec {
    /// A stream with `settings`, which must be valid for `mode`.
    pub fn new(mode: Mode, settings: Settings) -> ZlibCodec {
        let allocated = Arc::new(AtomicUsize::new(0));
        let stream = z::z_stream {
            next_in: std::ptr::null_mut(),
            avail_in: 0,
            total_in: 0,
            next_out: std::ptr::null_mut(),
            avail_out: 0,
            total_out: 0,
            msg: std::ptr::null_mut(),
            state: std::ptr::null_mut(),
            zalloc: allocate,
            zfree: release,
            opaque: Arc::as_ptr(&allocated).cast_mut().cast::<c_void>(),
            data_type: 0,
            adler: 0,
            reserved: 0,
        };
        ZlibCodec {
            stream: Box::new(stream),
            ready: false,
            mode,
            settings,
            status: z::Z_OK,
            flush: z::Z_NO_FLUSH,
            gzip_id_bytes_read: 0,
            allocated,
        }
    }

    /// Sets zlib up once; false when that failed now.
    fn prepare(&mut self) -> bool {
        if self.ready {
            return true;
        }
        let bits = self.settings.window_bits;
        let bits = match self.mode {
            Mode::Gzip | Mode::Gunzip => bits + 16,
            Mode::Unzip => bits + 32,
            Mode::DeflateRaw | Mode::InflateRaw => -bits,
            Mode::Deflate | Mode::Inflate => bits,
        };
        let size = c_int::try_from(size_of::<z::z_stream>()).unwrap_or(0);
        // SAFETY: the stream's allocation functions are set, its address is stable, and version and size are those of
        // the linked library's own header.
        self.status = unsafe {
            if self.mode.compresses() {
                z::deflateInit2_(
                    &raw mut *self.stream,
                    self.settings.level,
                    z::Z_DEFLATED,
                    bits,
                    self.settings.memory_level,
                    self.settings.strategy,
                    z::zlibVersion(),
                    size,
                )
            } else {
                z::inflateInit2_(&raw mut *self.stream, bits, z::zlibVersion(), size)
            }
        };
        if self.status != z::Z_OK {
            return false;
        }
        self.ready = true;
        // A failure shows in `status`, as that of any other step.
        let _ = self.load_dictionary();
        true
    }

    fn load_dictionary(&mut self) -> Result<(), CompressionError> {
        let dictionary = &self.settings.dictionary;
        if dictionary.is_empty() {
            return Ok(());
        }
        let length = z::uInt::try_from(dictionary.len()).unwrap_or(z::uInt::MAX);
        self.status = match self.mode {
            // SAFETY: the stream is set up; the pointer is good for `length` bytes.
            Mode::Deflate | Mode::DeflateRaw => unsafe {
                z::deflateSetDictionary(&raw mut *self.stream, dictionary.as_ptr(), length)
            },
            // The other decompressors ask for it by Z_NEED_DICT.
            // SAFETY: as above.
            Mode::InflateRaw => unsafe {
                z::inflateSetDictionary(&raw mut *self.stream, dictionary.as_ptr(), length)
            },
            _ => z::Z_OK,
        };
        if self.status == z::Z_OK {
            Ok(())
        } else {
            Err(self.error("Failed to set dictionary"))
        }
    }

    fn inflate(&mut self) {
        // SAFETY: the stream is set up for inflating; its buffers were set by `write` and are valid for this call.
        self.status = unsafe { z::inflate(&raw mut *self.stream, self.flush) };
    }

    /// Decides by the first two bytes whether the input is gzip.
    fn detect_gzip(&mut self) {
        let mut next = self.stream.next_in.cast_const();
        let mut available = self.stream.avail_in;
        if available == 0 {
            return;
        }
        // SAFETY: `available` bytes are readable at `next`.
        let mut take = || unsafe {
            let byte = next.read();
            next = next.add(1);
            available -= 1;
            byte
        };
        if self.gzip_id_bytes_read == 0 {
            if take() != GZIP_HEADER_ID1 {
                self.mode = Mode::Inflate;
                return;
            }
            self.gzip_id_bytes_read = 1;
            if self.stream.avail_in == 1 {
                return;
            }
        }
        if take() == GZIP_HEADER_ID2 {
            self.gzip_id_bytes_read = 2;
            self.mode = Mode::Gunzip;
        } else {
            self.mode = Mode::Inflate;
        }
    }

    /// Goes on as far as input and output reach.
    fn step(&mut self) {
        if self.mode.compresses() {
            // SAFETY: the stream is set up for deflating, input and output are valid for this call.
            self.status = unsafe { z::deflate(&raw mut *self.stream, self.flush) };
        } else {
            self.decompress();
        }
    }

    fn decompress(&mut self) {
        self.inflate();
        if self.mode != Mode::InflateRaw
            && self.status == z::Z_NEED_DICT
            && !self.settings.dictionary.is_empty()
        {
            let dictionary = &self.settings.dictionary;
            let length = z::uInt::try_from(dictionary.len()).unwrap_or(z::uInt::MAX);
            // SAFETY: the stream is set up and asked for a dictionary; the pointer is good for `length` bytes.
            self.status = unsafe {
                z::inflateSetDictionary(&raw mut *self.stream, dictionary.as_ptr(), length)
            };
            if self.status == z::Z_OK {
                self.inflate();
            } else if self.status == z::Z_DATA_ERROR {
                // Tells a bad dictionary from bad input.
                self.status = z::Z_NEED_DICT;
            }
        }
        // Bytes behind the end are the next member of the archive, padding zeros, or garbage.
        while self.stream.avail_in > 0
            && self.mode == Mode::Gunzip
            && self.status == z::Z_STREAM_END
            && !self.settings.reject_garbage_after_end
            // SAFETY: at least one byte is readable.
            && unsafe { self.stream.next_in.read() } != 0
        {
            let _ = self.reset();
            self.inflate();
        }
    }

    fn check(&self) -> Result<(), CompressionError> {
        match self.status {
            z::Z_OK | z::Z_BUF_ERROR if self.stream.avail_out != 0 && self.flush == z::Z_FINISH => {
                Err(self.error("unexpected end of file"))
            }
            z::Z_OK | z::Z_BUF_ERROR | z::Z_STREAM_END => Ok(()),
            z::Z_NEED_DICT if self.settings.dictionary.is_empty() => {
                Err(self.error("Missing dictionary"))
            }
            z::Z_NEED_DICT => Err(self.error("Bad dictionary")),
            _ => Err(self.error("Zlib error")),
        }
    }

    fn error(&self, message: &str) -> CompressionError {
        let own = if self.stream.msg.is_null() {
            None
        } else {
            // SAFETY: zlib's messages are static, NUL-terminated strings.
            Some(
                unsafe { CStr::from_ptr(self.stream.msg) }
                    .to_string_lossy()
                    .into_owned(),
            )
        };
        let status = if self.status == z::Z_OK {
            z::Z_BUF_ERROR
        } else {
            self.status
        };
        let errno = self.status;
        CompressionError {
            message: own.unwrap_or_else(|| message.to_owned()),
            errno: if errno == z::Z_OK { status } else { errno },
            code: code_name(status).to_owned(),
        }
    }
}

/// Takes the next piece of the room for output. Room of the usual size is one piece.
fn take_piece(room: &mut z::uInt) -> z::uInt {
    let piece = (*room).min(PIECE);
    *room -= piece;
    piece
}

fn code_name(status: c_int) -> &'static str {
    match status {
        z::Z_OK => "Z_OK",
        z::Z_STREAM_END => "Z_STREAM_END",
        z::Z_NEED_DICT => "Z_NEED_DICT",
        z::Z_ERRNO => "Z_ERRNO",
        z::Z_STREAM_ERROR => "Z_STREAM_ERROR",
        z::Z_DATA_ERROR => "Z_DATA_ERROR",
        z::Z_MEM_ERROR => "Z_MEM_ERROR",
        z::Z_BUF_ERROR => "Z_BUF_ERROR",
        z::Z_VERSION_ERROR => "Z_VERSION_ERROR",
        _ => "Z_UNKNOWN_ERROR",
    }
}

impl Codec for ZlibCodec {
    fn write(
        &mut self,
        flush: u32,
        input: &Input,
        output: &mut [u8],
    ) -> Result<Progress, CompressionError> {
        self.flush = c_int::try_from(flush).unwrap_or(z::Z_NO_FLUSH);
        // The caller's lengths are 32-bit numbers.
        self.stream.avail_in = z::uInt::try_from(input.len()).unwrap_or(z::uInt::MAX);
        self.stream.next_in = input.as_ptr().cast_mut();
        let mut room = z::uInt::try_from(output.len()).unwrap_or(z::uInt::MAX);
        self.stream.next_out = output.as_mut_ptr();
        self.stream.avail_out = take_piece(&mut room);
        if self.prepare() {
            if self.mode == Mode::Unzip {
                self.detect_gzip();
            }
            self.step();
            while self.stream.avail_out == 0
                && room > 0
                && matches!(self.status, z::Z_OK | z::Z_BUF_ERROR)
                && !interruption::is_requested()
            {
                self.stream.avail_out = take_piece(&mut room);
                self.step();
            }
        }
        self.stream.avail_out += room;
        let progress = Progress {
            available_in: self.stream.avail_in as usize,
            available_out: self.stream.avail_out as usize,
        };
        self.stream.next_in = std::ptr::null_mut();
        self.stream.next_out = std::ptr::null_mut();
        self.check()?;
        Ok(progress)
    }

    fn reset(&mut self) -> Result<(), CompressionError> {
        if !self.prepare() {
            return Err(self.error("Failed to init stream before reset"));
        }
        // SAFETY: the stream is set up for the direction of `mode`.
        self.status = unsafe {
            match self.mode {
                Mode::Unzip => z::Z_OK,
                mode if mode.compresses() => z::deflateReset(&raw mut *self.stream),
                _ => z::inflateReset(&raw mut *self.stream),
            }
        };
        if self.status != z::Z_OK {
            return Err(self.error("Failed to reset stream"));
        }
        self.load_dictionary()
    }

    fn set_parameters(&mut self, level: i32, strategy: i32) -> Result<(), CompressionError> {
        if !self.prepare() {
            return Err(self.error("Failed to init stream before set parameters"));
        }
        self.status = match self.mode {
            // The stream flushes before this: nothing is left to compress with the old settings. An empty output makes
            // zlib report Z_BUF_ERROR instead of writing.
            Mode::Deflate | Mode::DeflateRaw => {
                let mut nowhere = 0;
                self.stream.avail_in = 0;
                self.stream.avail_out = 0;
                self.stream.next_out = &raw mut nowhere;
                // SAFETY: the stream is set up for deflating; it may read and write no bytes.
                let status = unsafe { z::deflateParams(&raw mut *self.stream, level, strategy) };
                self.stream.next_out = std::ptr::null_mut();
                status
            }
            _ => z::Z_OK,
        };
        if self.status == z::Z_OK || self.status == z::Z_BUF_ERROR {
            Ok(())
        } else {
            Err(self.error("Failed to set parameters"))
        }
    }

    fn memory(&self) -> usize {
        self.allocated.load(Ordering::Relaxed)
    }
}

impl Drop for ZlibCodec {
    fn drop(&mut self) {
        if !self.ready {
            return;
        }
        // SAFETY: the stream was set up and is not used again; both functions free what it holds.
        unsafe {
            if self.mode.compresses() {
                z::deflateEnd(&raw mut *self.stream);
            } else {
                z::inflateEnd(&raw mut *self.stream);
            }
        }
    }
}

/// Room for the size in front of an allocation, keeping the alignment of `malloc`.
const PREFIX: usize = 16;

unsafe extern "C" fn allocate(opaque: *mut c_void, items: z::uInt, size: z::uInt) -> *mut c_void {
    let Some(bytes) = (items as usize)
        .checked_mul(size as usize)
        .and_then(|bytes| bytes.checked_add(PREFIX))
    else {
        return std::ptr::null_mut();
    };
    // zlib reads parts of its window before it has written them; they must not hold another guest's data.
    // SAFETY: a plain allocation of a size that does not overflow.
    let memory = unsafe { libc::calloc(1, bytes) }.cast::<u8>();
    if memory.is_null() {
        return std::ptr::null_mut();
    }
    // SAFETY: the first bytes of the allocation hold its size; `opaque` is the counter that the stream's owner keeps
    // alive longer than the stream.
    unsafe {
        memory.cast::<usize>().write(bytes);
        (*opaque.cast::<AtomicUsize>()).fetch_add(bytes, Ordering::Relaxed);
        memory.add(PREFIX).cast::<c_void>()
    }
}

unsafe extern "C" fn release(opaque: *mut c_void, pointer: *mut c_void) {
    if pointer.is_null() {
        return;
    }
    // SAFETY: zlib frees only what `allocate` returned, once; the size is in front of it.
    unsafe {
        let memory = pointer.cast::<u8>().sub(PREFIX);
        let bytes = memory.cast::<usize>().read();
        (*opaque.cast::<AtomicUsize>()).fetch_sub(bytes, Ordering::Relaxed);
        libc::free(memory.cast::<c_void>());
    }
}

#[cfg(test)]
mod tests;
