//! What a VM process that was taken over asks for without end of what the host has to keep for it: answers that it does not
//! take, watches, leases, sockets, open files.

use std::time::{Duration, Instant};

use secure_exec_protocol::files::{
    FileAccess, FileOperation, FileResult, LeaseOf, MAX_FILE_PIECE, MOST_LEASES,
    MOST_LEASES_AT_A_TIME,
};

use crate::files::{Files, open};

/// After these it is ended.
pub const RULES: &[&str] = &["files-scripted-flood", "files-known-flood"];

/// It gets as much as there is, and goes on.
pub const ATTEMPTS: &[&str] = &[
    "files-slow-reader",
    "files-watches",
    "files-listeners",
    "files-leases",
];

/// It ends by itself, with all that it has.
pub const ENDS: &[&str] = &["files-dies"];

/// How long it asks: less than a program that is to end may take.
const TIME: Duration = Duration::from_millis(700);

/// Numbers at the ends of what there is.
const NUMBERS: [u64; 4] = [1, 1 << 53, u64::MAX - 1, u64::MAX];

pub fn has(mode: &str) -> bool {
    [RULES, ATTEMPTS, ENDS].concat().contains(&mode)
}

/// Whether the process is to end at once afterwards.
pub fn attack(files: &mut Files, mode: &str) -> bool {
    match mode {
        "files-scripted-flood" => flood(files, &stat("inside")),
        // What the host answers at once, where others may take their time.
        "files-known-flood" => flood(files, &FileOperation::Statfs),
        "files-slow-reader" => read_slowly(files),
        "files-watches" => watch_one_file(files),
        "files-listeners" => listen_again(files),
        "files-leases" => lease(files),
        _ => hold_everything(files),
    }
    ENDS.contains(&mode)
}

/// Asks for ever, and takes no answer.
fn flood(files: &mut Files, operation: &FileOperation) {
    loop {
        let request = files.request(files.scripted, operation.clone());
        if files.socket.send(&request).is_err() {
            // What was answered before comes first. Then it is over.
            while files.receive().is_some() {}
            return;
        }
    }
}

/// Asks for as much as it can, and takes an answer now and then, so that it is never late.
fn read_slowly(files: &mut Files) {
    let opened = files.ask(files.scripted, open("inside", FileAccess::Read));
    let Some((FileResult::Opened { handle, .. }, _)) = opened else {
        return files.tell("a file of a script cannot be opened");
    };
    let read = FileOperation::Read {
        handle: handle.unwrap_or(0),
        offset: 0,
        count: u32::try_from(MAX_FILE_PIECE).unwrap_or(0),
    };
    let _ = files.socket.bound_sending(Duration::from_millis(50));
    let (mut unanswered, end) = (0, Instant::now() + TIME);
    while Instant::now() < end {
        let request = files.request(files.scripted, read.clone());
        match files.socket.send(&request) {
            Ok(()) => unanswered += 1,
            // The host takes no more.
            Err(_) => {
                files.receive();
                unanswered -= 1;
            }
        }
    }
    let _ = files.socket.bound_sending(Duration::from_secs(10));
    for _ in 0..unanswered {
        if files.receive().is_none() {
            return files.tell("an answer is missing");
        }
    }
}

/// Watches one file under as many numbers as it may, and has it change.
fn watch_one_file(files: &mut Files) {
    let listened = files.ask(files.writable, FileOperation::ListenToChanges);
    let Some((FileResult::Changes, changes)) = listened else {
        return files.tell("no changes are told");
    };
    let mut watches = 0;
    for number in 1..=3000 {
        let watched = files.ask(files.writable, watch("inside", number));
        watches += u32::from(matches!(watched, Some((FileResult::Done, _))));
    }
    if watches > 64 {
        files.tell(&format!("{watches} watches of one file"));
    }
    let created = FileOperation::Create {
        path: b"other".to_vec(),
        mode: 0o644,
    };
    files.ask(files.writable, created);
    files.ask(files.writable, watch("other", 5000));
    let handles = ["inside", "other"].map(|path| {
        match files.ask(files.writable, open(path, FileAccess::Write)) {
            Some((FileResult::Opened { handle, .. }, _)) => handle.unwrap_or(0),
            _ => 0,
        }
    });
    let end = Instant::now() + TIME;
    while Instant::now() < end {
        for handle in handles {
            let write = FileOperation::Write {
                handle,
                offset: Some(0),
                data: b"inside".to_vec(),
            };
            if files.ask(files.writable, write).is_none() {
                return files.tell("no answer to a write");
            }
        }
    }
    drop(changes);
}

/// Listens again and again, and gives up watches that it has not, or has given up.
fn listen_again(files: &mut Files) {
    let mut kept = Vec::new();
    for _ in 0..200 {
        let answer = files.ask(files.read_only, FileOperation::ListenToChanges);
        let Some((_, socket)) = answer else {
            return files.tell("no answer to one that listens");
        };
        kept.extend(socket);
        for number in NUMBERS {
            files.ask(files.read_only, watch("", number));
            let again = files.ask(files.read_only, watch("inside", number));
            files.expect("a number that is taken", again, &[libc::EINVAL]);
        }
        files.ask(files.read_only, FileOperation::Unwatch { number: 1 });
        for number in [1, 7, 1 << 63] {
            let gone = files.ask(files.read_only, FileOperation::Unwatch { number });
            files.expect("a watch that is none", gone, &[libc::EINVAL]);
        }
    }
}

/// Takes directories for true under as many numbers as it can, and ends those that it has not.
fn lease(files: &mut Files) {
    let path = "a".to_owned();
    let (mut held, mut number) = (0, 0);
    for _ in 0..2 * MOST_LEASES / MOST_LEASES_AT_A_TIME {
        // Of what is no directory, of one that is missing, of numbers that are taken.
        for (path, length, number) in [
            ("inside", 6, u64::MAX),
            ("missing/a", 7, u64::MAX - 1),
            (&*path, 0, 1),
        ] {
            let leases = vec![LeaseOf { length, number }];
            let path = path.into();
            files.ask(files.read_only, FileOperation::ReadLeased { path, leases });
        }
        for _ in 0..MOST_LEASES_AT_A_TIME {
            number += 1;
            let leases = vec![LeaseOf { length: 1, number }];
            let read = FileOperation::ReadLeased {
                path: path.clone().into_bytes(),
                leases,
            };
            let answer = files.ask(files.read_only, read);
            let holds = matches!(answer, Some((FileResult::Leased { holds: true, .. }, _)));
            held += usize::from(holds);
        }
    }
    if held > MOST_LEASES {
        files.tell(&format!("{held} leases hold"));
    }
    for heard in NUMBERS {
        let ended = vec![heard; MOST_LEASES];
        files.ask(
            files.read_only,
            FileOperation::HearOfBroken { heard, ended },
        );
    }
}

/// Keeps open, watched and asked about what it can.
fn hold_everything(files: &mut Files) {
    for mount in [files.read_only, files.writable] {
        files.ask(mount, FileOperation::ListenToChanges);
        files.ask(mount, watch("inside", 1));
    }
    let mut kept = Vec::new();
    for (mount, count) in [
        (files.read_only, 300),
        (files.writable, 1100),
        (files.scripted, 50),
    ] {
        for _ in 0..count {
            let opened = files.ask(mount, open("inside", FileAccess::Read));
            kept.extend(opened.and_then(|(_, descriptor)| descriptor));
        }
    }
    // The last ones are under way when it ends.
    for _ in 0..200 {
        let request = files.request(files.scripted, stat("inside"));
        if files.socket.send(&request).is_err() {
            return;
        }
    }
}

fn stat(path: &str) -> FileOperation {
    FileOperation::Stat { path: path.into() }
}

fn watch(path: &str, number: u64) -> FileOperation {
    FileOperation::Watch {
        path: path.into(),
        number,
    }
}
