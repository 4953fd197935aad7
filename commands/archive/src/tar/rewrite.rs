//! Archives changed in place: `-r`, `-u`, `-A` and `--delete`.

use super::options::{Action, Compression};
use super::pattern::Wanted;
use super::{Run, create, damaged, fail_status, unusable};
use crate::codec::Codec;
use secure_exec_cli::Failure;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use tar::{Archive, Entry};

/// The bytes of a record of an archive.
const RECORD: u64 = 10_240;

/// Where the data of a member ends, with what fills its last block.
fn end_of(entry: &Entry<impl Read>) -> u64 {
    let header = entry.header();
    let stored = if header.entry_type().is_gnu_sparse() {
        header.entry_size().unwrap_or(0)
    } else {
        entry.size()
    };
    entry
        .raw_file_position()
        .saturating_add(stored.div_ceil(512).saturating_mul(512))
}

/// Opens the archive for reading and writing.
fn open(run: &Run, create: bool) -> Result<File, Failure> {
    let Some(path) = &run.options.archive else {
        return Err(fail_status("Options '-Aru' are incompatible with '-f -'"));
    };
    if run.options.compression != Compression::None {
        return Err(fail_status("Cannot update compressed archives"));
    }
    let mut options = File::options();
    options.read(true).write(true);
    if create {
        options.create(true).truncate(false);
    }
    let mut file = options
        .open(path)
        .map_err(|error| unusable(&error, &run.options))?;
    let mut start = Vec::new();
    (&mut file).take(512).read_to_end(&mut start)?;
    if start.get(257..262) != Some(b"ustar") && Codec::by_start(&start).is_some() {
        return Err(fail_status("Cannot update compressed archives"));
    }
    file.rewind()?;
    Ok(file)
}

/// Ends the archive where the file stands.
fn close(file: &mut File) -> Result<(), Failure> {
    let end = file.stream_position()?;
    file.set_len(end)?;
    file.set_len((end + 1024).div_ceil(RECORD) * RECORD)?;
    Ok(())
}

/// `-r` and `-u`: adds behind the last member.
pub fn append(run: &mut Run) -> Result<(), Failure> {
    let mut file = open(run, true)?;
    let mut end = 0;
    let mut times = HashMap::new();
    {
        let mut archive = Archive::new(io::BufReader::new(&file));
        for entry in archive.entries().map_err(|error| damaged(&error))? {
            let entry = entry.map_err(|error| damaged(&error))?;
            end = end_of(&entry);
            if run.options.action == Action::Update {
                let time = entry.header().mtime().unwrap_or(0);
                let name = entry.path_bytes().to_vec();
                times.insert(name.strip_suffix(b"/").unwrap_or(&name).to_vec(), time);
            }
        }
    }
    file.seek(SeekFrom::Start(end))?;
    let mut file = create::write_after(run, file, times)?;
    let end = file.stream_position()?;
    file.set_len(end.div_ceil(RECORD) * RECORD)?;
    Ok(())
}

/// `-A`: adds the members of the archives that the operands name.
pub fn concatenate(run: &mut Run) -> Result<(), Failure> {
    let mut file = open(run, true)?;
    let end = members_end(&file)?;
    file.seek(SeekFrom::Start(end))?;
    for member in run.options.members.clone() {
        let path = member
            .directory
            .join(secure_exec_cli::os_string(member.name.as_slice()));
        let mut other = match File::open(&path) {
            Ok(other) => other,
            Err(error) => {
                run.complain(&super::cannot("open", &path, &error));
                continue;
            }
        };
        let length = members_end(&other)?;
        other.rewind()?;
        io::copy(&mut other.take(length), &mut file)?;
    }
    close(&mut file)
}

fn members_end(file: &File) -> Result<u64, Failure> {
    let mut end = 0;
    let mut archive = Archive::new(io::BufReader::new(file));
    for entry in archive.entries().map_err(|error| damaged(&error))? {
        end = end_of(&entry.map_err(|error| damaged(&error))?);
    }
    Ok(end)
}

/// `--delete`: moves what stays to the front.
pub fn delete(run: &mut Run) -> Result<(), Failure> {
    let mut file = open(run, false)?;
    let mut wanted = Wanted::new(&run.options);
    // Ranges of bytes that stay.
    let mut kept: Vec<(u64, u64)> = Vec::new();
    {
        let mut start = 0;
        let mut archive = Archive::new(io::BufReader::new(&file));
        for entry in archive.entries().map_err(|error| damaged(&error))? {
            let entry = entry.map_err(|error| damaged(&error))?;
            let end = end_of(&entry);
            let meant =
                !run.options.members.is_empty() && wanted.find(&entry.path_bytes()).is_some();
            if !meant {
                match kept.last_mut() {
                    Some(last) if last.1 == start => last.1 = end,
                    _ => kept.push((start, end)),
                }
            }
            start = end;
        }
    }
    let mut to = 0;
    let mut buffer = vec![0; 1 << 16];
    for (from, end) in kept {
        let mut at = from;
        if from == to {
            to = end;
            continue;
        }
        while at < end {
            file.seek(SeekFrom::Start(at))?;
            let most = usize::try_from(end - at).unwrap_or(buffer.len());
            let most = most.min(buffer.len());
            let length = file.read(&mut buffer[..most])?;
            if length == 0 {
                return Err(fail_status("Unexpected EOF in archive"));
            }
            file.seek(SeekFrom::Start(to))?;
            file.write_all(&buffer[..length])?;
            at += length as u64;
            to += length as u64;
        }
    }
    file.seek(SeekFrom::Start(to))?;
    close(&mut file)?;
    super::listing::not_found(run, &wanted);
    Ok(())
}
