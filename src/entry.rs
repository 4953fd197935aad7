//! The entry of a VM process, called by the launcher.

use std::ffi::{CStr, OsString, c_char, c_int};
use std::os::unix::ffi::OsStringExt;

/// Runs a VM process with the launcher's command line.
///
/// # Safety
/// `argv` has `argc` pointers to C strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn secure_exec_vm_main(argc: c_int, argv: *const *const c_char) -> c_int {
    let count = usize::try_from(argc).unwrap_or(0);
    let arguments: Vec<OsString> = (0..count)
        .map(|index| {
            // SAFETY: by the caller.
            let argument = unsafe { CStr::from_ptr(*argv.add(index)) };
            OsString::from_vec(argument.to_bytes().to_vec())
        })
        .collect();
    secure_exec_vm::vm_main(&arguments)
}
