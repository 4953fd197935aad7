//! What an embedder that is asked about programs is asked, and what comes of its answers.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod common;
use common::*;
use parking_lot::Mutex;
use secure_exec_kernel::*;
use std::sync::Arc;

/// Lets nothing run whose arguments have a `no`, and runs `true` in place of `elsewhere`.
#[derive(Default)]
struct Guard {
    asked: Mutex<Vec<String>>,
}

impl ExecGuard for Guard {
    fn instead(&self, file: &[u8], argv: &[Vec<u8>]) -> Option<(Vec<u8>, Vec<Vec<u8>>)> {
        let mut words = vec![b"true".to_vec(), file.to_vec()];
        words.extend(argv.iter().skip(1).cloned());
        (file == b"elsewhere").then_some((b"/usr/bin/true".to_vec(), words))
    }

    fn may_start(&self, request: &ExecRequest<'_>) -> Result<()> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let argv: Vec<String> = request.argv.iter().map(|word| text(word)).collect();
        self.asked.lock().push(format!(
            "{} {} {} [{}]",
            text(request.file),
            text(request.path),
            text(request.cwd),
            argv.join(" ")
        ));
        if argv.iter().any(|word| word == "no") {
            return Err(Errno::EACCES);
        }
        Ok(())
    }
}

fn guarded() -> (Machine, Arc<Guard>) {
    let machine = machine();
    let guard = Arc::new(Guard::default());
    machine.kernel.guard_exec(guard.clone());
    (machine, guard)
}

fn with(words: &[&str]) -> SpawnOptions {
    SpawnOptions {
        file: words[0].into(),
        argv: words.iter().map(|word| word.as_bytes().to_vec()).collect(),
        ..command()
    }
}

#[test]
fn guests_are_asked_about_and_the_embedder_is_not() {
    let (machine, guard) = guarded();
    let guest = machine.guest();
    assert!(guard.asked.lock().is_empty());
    guest.posix_spawn(with(&["true", "yes"])).unwrap();
    assert_eq!(guest.posix_spawn(with(&["true", "no"])), Err(Errno::EACCES));
    assert_eq!(guest.posix_spawn(with(&["missing"])), Err(Errno::ENOENT));
    write_file(&guest, "script", b"#!/usr/bin/true -x\n");
    guest.chmod(b"script", 0o755).unwrap();
    guest.posix_spawn(with(&["./script"])).unwrap();
    let expected = [
        "true /usr/bin/true /home/user [true yes]",
        "true /usr/bin/true /home/user [true no]",
        "./script /usr/bin/true /home/user [/usr/bin/true -x ./script]",
    ];
    assert_eq!(*guard.asked.lock(), expected);
    assert_eq!(machine.kernel.resource_counts().processes, 3);
}

#[test]
fn a_program_that_takes_another_ones_place_is_asked_about() {
    let (machine, guard) = guarded();
    let guest = machine.guest();
    let denied = guest.execvpe(b"true", vec![b"true".to_vec(), b"no".to_vec()], Vec::new());
    assert_eq!(denied, Err(Errno::EACCES));
    assert_eq!(guest.argv(), [b"true"]);
    let path = b"/usr/bin/true";
    guest.execve(path, vec![b"t".to_vec()], Vec::new()).unwrap();
    assert_eq!(guest.argv(), [b"t"]);
    assert_eq!(guard.asked.lock().len(), 2);
}

#[test]
fn another_program_runs_in_place_of_one_that_is_not_there() {
    let (machine, guard) = guarded();
    let guest = machine.guest();
    let pid = guest.posix_spawn(with(&["elsewhere", "x"])).unwrap();
    let child = machine.kernel.process(pid).unwrap();
    assert_eq!(
        child.argv(),
        [b"true".to_vec(), b"elsewhere".to_vec(), b"x".to_vec()]
    );
    assert_eq!(
        guest.posix_spawn(with(&["elsewhere", "no"])),
        Err(Errno::EACCES)
    );
    let first = guard.asked.lock()[0].clone();
    assert_eq!(first, "elsewhere elsewhere /home/user [elsewhere x]");
}
