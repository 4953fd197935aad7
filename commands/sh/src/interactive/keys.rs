//! Reading keys: bytes of the terminal or of a macro, and the longest sequence that is bound.

use std::time::Duration;

use secure_exec_sys as sys;

use super::keymap::{Bound, Found, Mode};
use crate::shell::Shell;
use crate::text;

/// Why there is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoKey {
    Interrupted,
    Closed,
}

/// Milliseconds that a longer sequence is waited for, unless `keyseq-timeout` says others.
const PATIENCE: u64 = 500;
/// The longest sequence that is read as one.
const LONGEST: usize = 32;

/// One byte; first those that a macro stands for.
///
/// # Errors
/// The terminal is closed, or the user has pressed Ctrl-C.
pub fn read_byte(shell: &mut Shell) -> Result<u8, NoKey> {
    let byte = match shell.editor.typed.pop_front() {
        Some(byte) => {
            shell.editor.replays = true;
            byte
        }
        None => {
            shell.editor.replays = false;
            read_terminal(shell)?
        }
    };
    if let Some(recorded) = &mut shell.editor.recorded {
        recorded.push(byte);
    }
    Ok(byte)
}

fn read_terminal(shell: &mut Shell) -> Result<u8, NoKey> {
    loop {
        let mut byte = [0];
        match sys::fd::read(0, &mut byte) {
            Ok(0) => return Err(NoKey::Closed),
            Ok(_) => return Ok(byte[0]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {
                shell.collect_signals();
                if std::mem::take(&mut shell.traps.interrupted) {
                    return Err(NoKey::Interrupted);
                }
            }
            Err(_) => return Err(NoKey::Closed),
        }
    }
}

/// Gives bytes back, to be read again.
fn give_back(shell: &mut Shell, bytes: &[u8]) {
    for byte in bytes.iter().rev() {
        shell.editor.typed.push_front(*byte);
        if let Some(recorded) = &mut shell.editor.recorded {
            recorded.pop();
        }
    }
}

/// The character that begins with this byte.
///
/// # Errors
/// As for [`read_byte`].
pub fn read_character(shell: &mut Shell, first: u8) -> Result<Option<char>, NoKey> {
    let length = match first {
        0xC0..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF7 => 4,
        _ => 1,
    };
    let mut bytes = vec![first];
    while bytes.len() < length {
        bytes.push(read_byte(shell)?);
    }
    Ok(text::decode(&bytes).chars().next())
}

/// The next sequence and what it is bound to, if it is to anything.
///
/// # Errors
/// As for [`read_byte`].
pub fn read_sequence(shell: &mut Shell, mode: Mode) -> Result<(Vec<u8>, Option<Bound>), NoKey> {
    let mut keys = Vec::new();
    let mut shorter: Option<(Bound, usize)> = None;
    loop {
        keys.push(read_byte(shell)?);
        match shell.keymaps().look_up(mode, &keys) {
            Found::Bound(bound, false) => return Ok((keys, Some(bound))),
            Found::Bound(bound, true) => {
                if !more_comes(shell) {
                    return Ok((keys, Some(bound)));
                }
                shorter = Some((bound, keys.len()));
            }
            // The key for vi's commands, pressed once more.
            Found::Begun if mode == Mode::ViCommand && keys == [27] && !more_comes(shell) => {
                return Ok((keys, None));
            }
            Found::Begun => {}
            Found::Nothing => {
                if let Some((bound, length)) = shorter {
                    give_back(shell, &keys.split_off(length));
                    return Ok((keys, Some(bound)));
                }
                // All of an unknown key of the terminal's is left out, not only its beginning.
                let open = matches!(keys.as_slice(), [27, b'[' | b'O', parameters @ ..]
                    if !parameters.last().is_some_and(|last| (0x40..=0x7e).contains(last)));
                if !open || keys.len() > LONGEST {
                    return Ok((keys, None));
                }
            }
        }
    }
}

/// Whether another byte comes soon, so that it belongs to a sequence.
fn more_comes(shell: &mut Shell) -> bool {
    if shell.editor.replays {
        // A macro has all the keys that it stands for.
        return !shell.editor.typed.is_empty();
    }
    let given = shell.keymaps().variable("keyseq-timeout");
    let patience = given.and_then(|n| n.parse().ok()).unwrap_or(PATIENCE);
    sys::fd::wait_readable(0, Duration::from_millis(patience))
}
