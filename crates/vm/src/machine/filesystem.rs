//! The filesystem on its way from a condemned VM to its replacement, in pieces.

use secure_exec_kernel::Kernel;
use secure_exec_protocol::{Failure, MAX_CHUNK, VmMessage};

use crate::failure::failure;
use crate::lockdown;

/// Longest image that is taken in: what the largest quota can serialize to is far below.
const MAX_IMAGE: usize = 4 << 30;

/// An export or import that is under way.
#[derive(Debug, Default)]
pub(crate) struct Transfer {
    exported: Vec<u8>,
    imported: Vec<u8>,
}

impl Transfer {
    /// A piece of the export, which is taken when its beginning is asked for.
    pub(crate) fn export(&mut self, kernel: &Kernel, offset: u64) -> VmMessage {
        if offset == 0 {
            lockdown::release_memory_headroom();
            self.exported = kernel.export_filesystem();
        }
        let start = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(self.exported.len());
        let end = self.exported.len().min(start.saturating_add(MAX_CHUNK));
        let data = self.exported.get(start..end).unwrap_or_default().to_vec();
        VmMessage::Chunk {
            data,
            last: end == self.exported.len(),
        }
    }

    /// Takes a piece of an import and applies it with the last one.
    ///
    /// # Errors
    /// The image is damaged.
    pub(crate) fn import(
        &mut self,
        kernel: &Kernel,
        data: &[u8],
        last: bool,
    ) -> Result<VmMessage, Failure> {
        if self.imported.len() + data.len() > MAX_IMAGE {
            self.imported = Vec::new();
            return Err(failure(secure_exec_kernel::Errno::EFBIG, "import", b""));
        }
        self.imported.extend_from_slice(data);
        if last {
            let image = std::mem::take(&mut self.imported);
            kernel
                .import_filesystem(&image)
                .map_err(|errno| failure(errno, "import", b""))?;
        }
        Ok(VmMessage::Imported)
    }
}
