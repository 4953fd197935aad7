//! Files, and where their bytes are.

use std::io;

use secure_exec_kernel::{FileImage, ImageBounds, ImageContents};

/// Memory that the bytes of files are in.
pub trait Segments: Send + Sync {
    /// Length of each.
    fn lengths(&self) -> Vec<u64>;

    /// The same for the same bytes, whoever has them.
    fn identity(&self, index: usize) -> u64;

    /// Reads a part of one.
    ///
    /// # Errors
    /// It is shorter, or cannot be read.
    fn read(&self, index: usize, offset: u64, buffer: &mut [u8]) -> io::Result<()>;
}

/// Files of a machine at one moment.
pub struct Files {
    pub(crate) image: FileImage,
    pub(crate) segments: Box<dyn Segments>,
}

impl Files {
    /// Reads an image.
    ///
    /// # Errors
    /// It is none, or passes a bound.
    pub fn new(
        image: &[u8],
        bounds: ImageBounds,
        segments: Box<dyn Segments>,
    ) -> io::Result<Files> {
        let parsed = FileImage::parse(image, &segments.lengths(), bounds);
        let image = parsed.map_err(|errno| io::Error::other(errno.name()))?;
        Ok(Files { image, segments })
    }

    /// Regular files, links and pipes, by their names.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.image.files()
    }

    /// Bytes of the regular files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.image.bytes()
    }

    /// Reads a part of a file, which has zeroes where nothing is stored.
    pub(crate) fn read(
        &self,
        contents: ImageContents<'_>,
        at: u64,
        buffer: &mut [u8],
    ) -> io::Result<()> {
        buffer.fill(0);
        let end = at.saturating_add(buffer.len() as u64);
        let extents = contents
            .extents_from(at)
            .take_while(|(start, ..)| *start < end);
        for (start, count, index, offset) in extents {
            let from = start.max(at);
            let to = (start + count).min(end);
            let place = |position: u64| usize::try_from(position - at).unwrap_or(usize::MAX);
            if let Some(part) = buffer.get_mut(place(from)..place(to)) {
                self.segments.read(index, offset + (from - start), part)?;
            }
        }
        Ok(())
    }
}
