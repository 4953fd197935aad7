//! Compressing files.

use super::Gzip;
use super::replacement::with_suffix;
use super::stream::{Counting, copy, ratio};
use flate2::{Compression, GzBuilder};
use secure_exec_cli::{Failure, bytes, warn};
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::time::UNIX_EPOCH;

impl Gzip {
    pub fn compress_file(&mut self, path: &Path) -> Result<(), Failure> {
        let shown = path.display().to_string();
        if !self.stdout && shown.ends_with(&self.suffix) && !self.force {
            let text = format!("{shown} already has {} suffix -- unchanged", self.suffix);
            if !self.quiet {
                warn(&self.name, text);
            }
            return Ok(());
        }
        let found = secure_exec_sys::path::stat(path)?;
        let input = File::open(path)?;
        let size = found.size;
        if self.stdout {
            self.compress(BufReader::new(input), io::stdout().lock(), Some(path))?;
            return Ok(());
        }
        let target = with_suffix(path, &self.suffix);
        let Some(output) = self.create(&target)? else {
            return Ok(());
        };
        let written = self.compress(BufReader::new(input), output, Some(path))?;
        self.replaced(path, &found, &target)?;
        if self.verbose {
            let verb = if self.keep {
                "created"
            } else {
                "replaced with"
            };
            let body =
                written.saturating_sub(self.frame(path.file_name().map_or(0, |name| name.len())));
            eprintln!(
                "{shown}:\t{}% -- {verb} {}",
                ratio(body, size),
                target.display()
            );
        }
        Ok(())
    }

    /// What a file has beside the compressed data: header, name and checksums.
    fn frame(&self, name: usize) -> u64 {
        let name = if self.no_name || name == 0 {
            0
        } else {
            name as u64 + 1
        };
        18 + name
    }

    pub fn compress(
        &self,
        mut input: impl Read,
        output: impl Write,
        source: Option<&Path>,
    ) -> Result<u64, Failure> {
        let mut builder = GzBuilder::new().operating_system(3);
        if let Some(path) = source.filter(|_| !self.no_name) {
            if let Some(base) = path.file_name() {
                builder = builder.filename(bytes(base));
            }
            let modified = fs::metadata(path)?.modified()?;
            let seconds = modified
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_secs());
            builder = builder.mtime(u32::try_from(seconds).unwrap_or(0));
        } else if let (false, Ok(found)) = (self.no_name, secure_exec_sys::fd::stat(0))
            && found.is_file()
        {
            builder = builder.mtime(u32::try_from(found.mtime.seconds).unwrap_or(0));
        }
        let output = Counting {
            inner: output,
            count: 0,
        };
        let output = BufWriter::with_capacity(1 << 16, output);
        let mut encoder = builder.write(output, Compression::new(self.level));
        copy(&mut input, &mut encoder)?;
        let mut output = encoder.finish()?;
        output.flush()?;
        let counting = output
            .into_inner()
            .map_err(|error| Failure::from(error.into_error()))?;
        Ok(counting.count)
    }
}
