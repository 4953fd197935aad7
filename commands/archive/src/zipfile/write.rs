//! Writing archives, to files and to pipes.

use super::entry::{DESCRIBED, UTF8, method};
use super::{Archive, CENTRAL, DESCRIPTOR, END, END_64, Entry, LOCAL, LOCATOR_64, Unusable, data};
use crate::codec::Codec;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};

/// Files up to so many bytes are compressed in memory, to see whether that makes them smaller.
const SMALL: u64 = 1 << 22;
/// The size of what comes from a pipe.
pub const UNKNOWN: u64 = u64::MAX;
const FULL: u64 = u32::MAX as u64;

/// What a member is made of.
pub struct Source<'a> {
    pub data: &'a mut dyn Read,
    /// As far as it is known before it is read, in bytes.
    pub size: u64,
    /// 0: only stored.
    pub level: u32,
    /// As numbered in the format: stored, deflated or bzip2.
    pub method: u16,
    /// Extra fields of the header in front of the data.
    pub local_extra: Vec<u8>,
}

/// Where an archive is written.
pub struct Writer<W: Write> {
    output: BufWriter<W>,
    length: u64,
    entries: Vec<Entry>,
}

/// What can be written to a place that was passed.
pub trait Patch: Write {
    /// # Errors
    /// As `seek`. `Unsupported`: a pipe.
    fn patch(&mut self, at: u64, bytes: &[u8]) -> io::Result<()>;

    fn patches(&self) -> bool;
}

impl Patch for std::fs::File {
    fn patch(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.seek(SeekFrom::Start(at))?;
        self.write_all(bytes)?;
        self.seek(SeekFrom::End(0)).map(drop)
    }

    fn patches(&self) -> bool {
        true
    }
}

impl Patch for io::Stdout {
    fn patch(&mut self, _: u64, _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn patches(&self) -> bool {
        false
    }
}

fn clamp(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn short(length: usize) -> io::Result<[u8; 2]> {
    u16::try_from(length)
        .map(u16::to_le_bytes)
        .map_err(|_| io::Error::other("name, comment or extra field too long"))
}

/// The header in front of the data.
fn local_header(entry: &Entry, extra: &[u8], wide: bool) -> io::Result<Vec<u8>> {
    let mut header = Vec::new();
    header.extend(LOCAL.to_le_bytes());
    header.extend(entry.needed.to_le_bytes());
    header.extend(entry.flags.to_le_bytes());
    header.extend(entry.method.to_le_bytes());
    header.extend(entry.stamp.time.to_le_bytes());
    header.extend(entry.stamp.date.to_le_bytes());
    let described = entry.is_described();
    let crc = if described { 0 } else { entry.crc };
    header.extend(crc.to_le_bytes());
    for number in [entry.packed, entry.size] {
        let field = match (wide, described) {
            (true, _) => u32::MAX,
            (false, true) => 0,
            (false, false) => clamp(number),
        };
        header.extend(field.to_le_bytes());
    }
    header.extend(short(entry.raw_name.len())?);
    header.extend(short(extra.len() + if wide { 20 } else { 0 })?);
    header.extend(&entry.raw_name);
    if wide {
        header.extend([1, 0, 16, 0]);
        header.extend(entry.size.to_le_bytes());
        header.extend(entry.packed.to_le_bytes());
    }
    header.extend(extra);
    Ok(header)
}

fn central_header(entry: &Entry) -> io::Result<Vec<u8>> {
    let mut zip64 = Vec::new();
    for number in [entry.size, entry.packed, entry.offset] {
        if number >= FULL {
            zip64.extend(number.to_le_bytes());
        }
    }
    let mut extra = Vec::new();
    if !zip64.is_empty() {
        extra.extend([1, 0]);
        extra.extend(short(zip64.len())?);
        extra.extend(zip64);
    }
    for (number, field) in super::entry::fields(&entry.extra) {
        if number != 1 {
            extra.extend(number.to_le_bytes());
            extra.extend(short(field.len())?);
            extra.extend(field);
        }
    }
    let mut header = Vec::new();
    header.extend(CENTRAL.to_le_bytes());
    header.extend([entry.version, entry.system]);
    header.extend(entry.needed.to_le_bytes());
    header.extend(entry.flags.to_le_bytes());
    header.extend(entry.method.to_le_bytes());
    header.extend(entry.stamp.time.to_le_bytes());
    header.extend(entry.stamp.date.to_le_bytes());
    header.extend(entry.crc.to_le_bytes());
    header.extend(clamp(entry.packed).to_le_bytes());
    header.extend(clamp(entry.size).to_le_bytes());
    header.extend(short(entry.raw_name.len())?);
    header.extend(short(extra.len())?);
    header.extend(short(entry.comment.len())?);
    header.extend([0; 2]);
    header.extend(entry.internal.to_le_bytes());
    header.extend(entry.external.to_le_bytes());
    header.extend(clamp(entry.offset).to_le_bytes());
    header.extend(&entry.raw_name);
    header.extend(extra);
    header.extend(&entry.comment);
    Ok(header)
}

/// Sums and counts what goes through, and notes whether it looks like text, as deflate's own guess is made.
struct Meter<'a> {
    inner: &'a mut dyn Read,
    crc: flate2::Crc,
    count: u64,
    binary: bool,
    text: bool,
}

impl Read for Meter<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        let read = &buffer[..length];
        self.crc.update(read);
        self.count += length as u64;
        self.binary |= read
            .iter()
            .any(|byte| matches!(byte, 0..=6 | 14..=25 | 28..=31));
        self.text |= length > 0;
        Ok(length)
    }
}

fn compress(input: &mut dyn Read, method: u16, level: u32, output: impl Write) -> io::Result<()> {
    if method == method::BZIP2 {
        let mut encoder = Codec::Bzip2.encoder(level, output)?;
        io::copy(input, &mut encoder)?;
        encoder.finish().map(drop)
    } else if method == method::DEFLATED {
        let mut encoder = DeflateEncoder::new(output, Compression::new(level));
        io::copy(input, &mut encoder)?;
        encoder.finish().map(drop)
    } else {
        let mut output = output;
        io::copy(input, &mut output).map(drop)
    }
}

impl<W: Patch> Writer<W> {
    pub fn new(output: W) -> Self {
        Self {
            output: BufWriter::with_capacity(1 << 16, output),
            length: 0,
            entries: Vec::new(),
        }
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.length += bytes.len() as u64;
        self.output.write_all(bytes)
    }

    /// Adds a member. Gives it as it was written.
    ///
    /// # Errors
    /// As of the source and of the output.
    pub fn add(&mut self, mut entry: Entry, source: Source<'_>) -> io::Result<Entry> {
        if !entry.raw_name.is_ascii() && std::str::from_utf8(&entry.raw_name).is_ok() {
            entry.flags |= UTF8;
        }
        entry.offset = self.length;
        entry.method = if source.level == 0 {
            method::STORED
        } else {
            source.method
        };
        let mut meter = Meter {
            inner: source.data,
            crc: flate2::Crc::new(),
            count: 0,
            binary: false,
            text: false,
        };
        if source.size <= SMALL || source.size == UNKNOWN {
            let mut plain = Vec::new();
            (&mut meter).take(SMALL + 1).read_to_end(&mut plain)?;
            if plain.len() as u64 <= SMALL {
                note(&mut entry, &meter, source.level);
                return self.add_small(entry, &plain, source.level, &source.local_extra);
            }
            // It grew, or nothing was known of its size.
            let chained = &mut plain.chain(&mut meter);
            let mut whole = Meter {
                inner: chained,
                crc: flate2::Crc::new(),
                count: 0,
                binary: false,
                text: false,
            };
            return self.add_large(entry, &mut whole, source.level, &source.local_extra);
        }
        self.add_large(entry, &mut meter, source.level, &source.local_extra)
    }

    fn add_small(
        &mut self,
        mut entry: Entry,
        plain: &[u8],
        level: u32,
        extra: &[u8],
    ) -> io::Result<Entry> {
        let mut packed = Vec::new();
        if entry.method != method::STORED {
            compress(&mut &plain[..], entry.method, level, &mut packed)?;
        }
        let stored = entry.method == method::STORED || packed.len() >= plain.len();
        if stored {
            entry.method = method::STORED;
        }
        let data = if stored { plain } else { &packed };
        entry.packed = data.len() as u64;
        entry.needed = needed(&entry, false);
        let header = local_header(&entry, extra, false)?;
        self.put(&header)?;
        self.put(data)?;
        self.entries.push(entry.clone());
        Ok(entry)
    }

    fn add_large(
        &mut self,
        mut entry: Entry,
        meter: &mut Meter<'_>,
        level: u32,
        extra: &[u8],
    ) -> io::Result<Entry> {
        // Whether 32 bits are enough is known only at the end.
        let wide = true;
        let patches = self.output.get_ref().patches();
        if !patches {
            entry.flags |= DESCRIBED;
        }
        entry.needed = needed(&entry, wide);
        let header = local_header(&entry, extra, wide)?;
        self.put(&header)?;
        let before = self.length;
        let (method, mut counted) = (entry.method, Counting(self));
        compress(meter, method, level, &mut counted)?;
        entry.packed = self.length - before;
        note(&mut entry, meter, level);
        if patches {
            let header = local_header(&entry, extra, wide)?;
            self.output.flush()?;
            self.output.get_mut().patch(entry.offset, &header)?;
        } else {
            let mut descriptor = DESCRIPTOR.to_le_bytes().to_vec();
            descriptor.extend(entry.crc.to_le_bytes());
            descriptor.extend(entry.packed.to_le_bytes());
            descriptor.extend(entry.size.to_le_bytes());
            self.put(&descriptor)?;
        }
        self.entries.push(entry.clone());
        Ok(entry)
    }

    /// Copies a member of another archive as it is.
    ///
    /// # Errors
    /// Its header is not there, or it cannot be read or written.
    pub fn copy<R: Read + Seek>(
        &mut self,
        archive: &mut Archive<R>,
        entry: &Entry,
    ) -> Result<(), Unusable> {
        let extra = data::locate(archive, entry)?;
        let mut entry = entry.clone();
        entry.offset = self.length;
        // The sizes are known: nothing has to follow the data.
        entry.flags &= !DESCRIBED;
        let wide = entry.size >= FULL || entry.packed >= FULL;
        let kept: Vec<u8> = super::entry::fields(&extra)
            .filter(|(number, _)| *number != 1)
            .flat_map(|(number, field)| {
                let length = u16::try_from(field.len()).unwrap_or(0);
                let head = [number.to_le_bytes(), length.to_le_bytes()].concat();
                [&head[..], field].concat()
            })
            .collect();
        let header = local_header(&entry, &kept, wide).map_err(Unusable::Io)?;
        self.put(&header).map_err(Unusable::Io)?;
        let mut raw = (&mut archive.file).take(entry.packed);
        let copied = io::copy(&mut raw, &mut Counting(self)).map_err(Unusable::Io)?;
        if copied < entry.packed {
            return Err(Unusable::Io(io::ErrorKind::UnexpectedEof.into()));
        }
        self.entries.push(entry);
        Ok(())
    }

    /// Writes the directory.
    ///
    /// # Errors
    /// As of the output.
    pub fn finish(mut self, comment: &[u8]) -> io::Result<()> {
        let start = self.length;
        for entry in std::mem::take(&mut self.entries) {
            let header = central_header(&entry)?;
            self.put(&header)?;
            self.entries.push(entry);
        }
        let size = self.length - start;
        let count = self.entries.len() as u64;
        if count >= 0xffff || start >= FULL || size >= FULL {
            let place = self.length;
            let mut end = END_64.to_le_bytes().to_vec();
            end.extend(44_u64.to_le_bytes());
            end.extend([45, 3, 45, 0]);
            end.extend([0; 8]);
            for number in [count, count, size, start] {
                end.extend(number.to_le_bytes());
            }
            end.extend(LOCATOR_64.to_le_bytes());
            end.extend([0; 4]);
            end.extend(place.to_le_bytes());
            end.extend(1_u32.to_le_bytes());
            self.put(&end)?;
        }
        let count = u16::try_from(count).unwrap_or(u16::MAX);
        let mut end = END.to_le_bytes().to_vec();
        end.extend([0; 4]);
        end.extend(count.to_le_bytes());
        end.extend(count.to_le_bytes());
        end.extend(clamp(size).to_le_bytes());
        end.extend(clamp(start).to_le_bytes());
        end.extend(short(comment.len())?);
        end.extend(comment);
        self.put(&end)?;
        self.output.flush()
    }
}

/// What was found out of the data. Whether it is text is looked at only by what compresses.
fn note(entry: &mut Entry, meter: &Meter<'_>, level: u32) {
    entry.crc = meter.crc.sum();
    entry.size = meter.count;
    entry.internal = u16::from(level > 0 && meter.text && !meter.binary);
}

/// Tenths of the version that is needed to extract.
fn needed(entry: &Entry, wide: bool) -> u16 {
    match entry.method {
        method::BZIP2 => 46,
        _ if wide => 45,
        method::STORED if !entry.is_dir() => 10,
        _ if entry.is_dir() => 10,
        _ => 20,
    }
}

/// Writes to the archive behind what is there.
struct Counting<'w, W: Write>(&'w mut Writer<W>);

impl<W: Patch> Write for Counting<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.put(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
