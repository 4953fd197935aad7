//! The machine.

use secure_exec_kernel::Errno;

use crate::call::{Call, Outcome};

/// `uname(2)`: five strings, each ended by NUL.
pub(super) fn sys_uname(call: &mut Call<'_>, buf: u32, room: u32, length_out: u32) -> Outcome<()> {
    let name = call.host.process.uname()?;
    let mut text = Vec::new();
    for part in [
        &name.sysname,
        &name.nodename,
        &name.release,
        &name.version,
        &name.machine,
    ] {
        text.extend_from_slice(part.as_bytes());
        text.push(0);
    }
    if text.len() > room as usize {
        return Err(Errno::ERANGE.into());
    }
    call.memory.put(buf, &text)?;
    call.memory.put_length(length_out, text.len())
}
