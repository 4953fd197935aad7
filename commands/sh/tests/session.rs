//! A shell that gets its commands from a program, as frames.

#![expect(clippy::unwrap_used, reason = "a test ends where something is missing")]

use std::fs::{File, OpenOptions, create_dir_all, remove_dir_all};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// What a session's shell has answered.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    number: u64,
    status: i32,
    directory: String,
}

struct Session {
    folder: PathBuf,
    child: Child,
    commands: Option<File>,
    answers: File,
    last: u64,
}

impl Session {
    fn start() -> Self {
        static COUNTER: AtomicUsize = AtomicUsize::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let folder =
            std::env::temp_dir().join(format!("sh-session-{}-{number}", std::process::id()));
        create_dir_all(&folder).unwrap();
        let (commands, answers) = (folder.join("commands"), folder.join("answers"));
        let made = Command::new("mkfifo").args([&commands, &answers]).status();
        assert!(made.unwrap().success());
        let child = Command::new("bash")
            .args(["-c", r#"exec -a bash "$0" --session 3<commands 4>answers"#])
            .arg(env!("CARGO_BIN_EXE_sh"))
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(File::create(folder.join("out")).unwrap())
            .stderr(File::create(folder.join("err")).unwrap())
            .spawn()
            .unwrap();
        // Whatever hangs is told by the end of the shell.
        let pid = child.id().to_string();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_secs(30));
            // It has ended, as a rule.
            let _ = Command::new("kill")
                .args(["-9", &pid])
                .stderr(Stdio::null())
                .status();
        });
        let commands = OpenOptions::new().write(true).open(commands).unwrap();
        let answers = File::open(answers).unwrap();
        Self {
            folder,
            child,
            commands: Some(commands),
            answers,
            last: 0,
        }
    }

    fn send(&mut self, command: &str, input: &[u8]) {
        self.last += 1;
        let mut body = self.last.to_le_bytes().to_vec();
        body.extend(u32::try_from(input.len()).unwrap().to_le_bytes());
        body.extend(input);
        body.extend(command.as_bytes());
        let commands = self.commands.as_mut().unwrap();
        let length = u32::try_from(body.len()).unwrap();
        commands.write_all(&length.to_le_bytes()).unwrap();
        commands.write_all(&body).unwrap();
    }

    fn answer(&mut self) -> Option<Answer> {
        let mut head = [0; 4];
        self.answers.read_exact(&mut head).ok()?;
        let length = usize::try_from(u32::from_le_bytes(head)).unwrap();
        let mut body = vec![0; length];
        self.answers.read_exact(&mut body).unwrap();
        let (number, rest) = body.split_first_chunk::<8>().unwrap();
        let (status, directory) = rest.split_first_chunk::<4>().unwrap();
        Some(Answer {
            number: u64::from_le_bytes(*number),
            status: i32::from_le_bytes(*status),
            directory: String::from_utf8(directory.to_vec()).unwrap(),
        })
    }

    /// Runs a command; gives its status.
    fn run(&mut self, command: &str) -> i32 {
        self.run_on(command, b"")
    }

    fn run_on(&mut self, command: &str, input: &[u8]) -> i32 {
        self.send(command, input);
        let answer = self.answer().expect("the shell has ended");
        assert_eq!(answer.number, self.last);
        answer.status
    }

    /// Gives up what runs, as the host does, once the command has made a file of this name.
    fn cancel_behind(&mut self, file: &str) -> i32 {
        let file = self.folder.join(file);
        while !file.exists() {
            std::thread::yield_now();
        }
        // Again and again: on this host, unlike in the machine, a signal that comes just before a call waits is lost to it.
        let pid = self.child.id();
        let answered = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !answered.load(Ordering::SeqCst) {
                    cancel(pid);
                    std::thread::sleep(Duration::from_millis(20));
                }
            });
            let answer = self.answer();
            answered.store(true, Ordering::SeqCst);
            answer.expect("the shell has ended").status
        })
    }

    fn out(&self) -> String {
        std::fs::read_to_string(self.folder.join("out")).unwrap()
    }

    fn err(&self) -> String {
        std::fs::read_to_string(self.folder.join("err")).unwrap()
    }

    fn end(&mut self) -> Option<i32> {
        self.commands = None;
        self.child.wait().unwrap().code()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = remove_dir_all(&self.folder);
    }
}

fn cancel(pid: u32) {
    let kill = Command::new("kill")
        .args(["-64", &pid.to_string()])
        .status();
    assert!(kill.unwrap().success());
}

#[test]
fn what_a_command_sets_is_there_for_the_next() {
    let mut session = Session::start();
    assert_eq!(
        session.run("a=1; f() { echo \"f $a $1\"; }; alias g='f by'; cd /"),
        0
    );
    session.send("f x; g; pwd", b"");
    let answer = session.answer().unwrap();
    assert_eq!(answer.directory, "/");
    assert_eq!(session.out(), "f 1 x\nf 1 by\n/\n");
    assert_eq!(session.run("(exit 7)"), 7);
    assert_eq!(session.run("echo $?; false"), 1);
    assert_eq!(session.run("trap 'echo bye' EXIT"), 0);
    assert_eq!(session.end(), Some(0));
    assert_eq!(session.out(), "f 1 x\nf 1 by\n/\n7\nbye\n");
}

#[test]
fn each_command_has_its_own_input() {
    let mut session = Session::start();
    assert_eq!(session.run_on("read -r a; cat", b"first\nsecond\n"), 0);
    assert_eq!(session.run("cat; echo \"[$a]\""), 0);
    let long = vec![b'x'; 300_000];
    assert_eq!(session.run_on("wc -c | tr -d ' '", &long), 0);
    assert_eq!(session.out(), "second\n[first]\n300000\n");
}

#[test]
fn errors_end_the_command_and_not_the_shell() {
    let mut session = Session::start();
    assert_eq!(session.run("if"), 2);
    assert_eq!(session.run("echo $((1 / 0)); echo not reached"), 1);
    assert_eq!(session.run("set -u; echo $nothing"), 1);
    assert_eq!(session.run("set +u; nothing-of-that-name"), 127);
    assert_eq!(session.run("echo here"), 0);
    assert_eq!(session.out(), "here\n");
    assert!(
        session
            .err()
            .contains("nothing-of-that-name: command not found")
    );
}

#[test]
fn the_shell_ends_with_its_status() {
    let mut session = Session::start();
    session.send("exit 5", b"");
    assert_eq!(session.answer(), None);
    assert_eq!(session.end(), Some(5));
    let mut session = Session::start();
    session.send("exec sh -c 'exit 6'", b"");
    assert_eq!(session.answer(), None);
    assert_eq!(session.end(), Some(6));
}

#[test]
fn whatever_a_command_waits_in_it_can_be_given_up() {
    let commands = [
        "touch N; sleep 1000",
        "touch N; sleep 1000 | sleep 1000",
        "touch N; while :; do :; done",
        "touch N; x=$(sleep 1000)",
        "touch N; x=$(trap '' TERM INT; while :; do sleep 1000; done)",
        "touch N; (while :; do :; done)",
        "touch N; (trap '' INT TERM; while :; do sleep 1000; done)",
        "touch N; cat <(sleep 1000)",
        "mkfifo N.fifo; touch N; cat < N.fifo",
        "mkfifo N.fifo; touch N; read -r x <> N.fifo",
        "trap '' INT RTMAX; touch N; while :; do sleep 1000; done",
        "sleep 1000 & touch N; wait",
        "f() { touch N; while :; do f2; done; }; f2() { sleep 1000; }; f",
        "touch N; sh -c 'sleep 1000; sleep 1000'",
        "set +m; touch N; sleep 1000",
        "touch N; for i in 1 2 3; do sleep 1000; done; echo not reached",
    ];
    let mut session = Session::start();
    for (at, command) in commands.iter().enumerate() {
        let file = format!("mark{at}");
        session.send(&command.replace('N', &file), b"");
        println!("{command}");
        let status = session.cancel_behind(&file);
        assert_eq!(status, 137, "{command}");
        assert_eq!(session.run(&format!("echo after {at}")), 0);
    }
    let expected: String = (0..commands.len())
        .map(|at| format!("after {at}\n"))
        .collect();
    assert_eq!(session.out(), expected);
    // Nothing that was given up runs on; what was started in the background does.
    assert_eq!(session.run("jobs"), 0);
    let jobs = session.out().replace(&expected, "");
    assert!(
        jobs.lines().count() == 1 && jobs.contains("sleep 1000"),
        "{jobs}"
    );
    assert_eq!(session.run("kill %%; wait $!"), 143);
}

#[test]
fn nobody_else_hears_of_a_cancellation_that_comes_too_late() {
    let mut session = Session::start();
    for _ in 0..50 {
        assert_eq!(session.run("true"), 0);
        cancel(session.child.id());
        assert_eq!(session.run("true && sh -c 'exit 3'"), 3);
    }
}

#[test]
fn jobs_in_the_background_go_on_between_commands() {
    let mut session = Session::start();
    assert_eq!(
        session.run("mkfifo go; (read -r x < go; echo job $x; exit 4) & p=$!"),
        0
    );
    assert_eq!(session.run("echo between; echo 1 > go; wait $p"), 4);
    assert_eq!(session.out(), "between\njob 1\n");
    assert_eq!(session.run("sh -c 'exit 9' & p=$!"), 0);
    assert_eq!(session.run("wait $p"), 9);
}

#[test]
fn programs_and_subshells_have_nothing_of_the_session() {
    let mut session = Session::start();
    let open = "ls /proc/self/fd | sort -n | tail -n +4 | tr '\\n' ' '";
    assert_eq!(session.run(&format!("sh -c \"{open}\"")), 0);
    assert_eq!(
        session.run("(ls -l /proc/$BASHPID/fd | grep -c 'commands\\|answers')"),
        1
    );
    let out = session.out();
    assert!(out.ends_with("0\n") && !out.contains("20"), "{out}");
}

#[test]
fn a_shell_that_ends_takes_its_jobs_along() {
    let mut session = Session::start();
    session.send("sh -c 'trap \"echo hung up > hup; exit\" HUP; touch up; while :; do sleep 0.01; done' & while ! [ -e up ]; do :; done; exit 3", b"");
    assert_eq!(session.answer(), None);
    assert_eq!(session.end(), Some(3));
    let file = session.folder.join("hup");
    while !file.exists() {
        std::thread::yield_now();
    }
}

#[test]
fn the_directory_is_the_real_one() {
    let mut session = Session::start();
    session.send("cd /; PWD=$(head -c 100000 /dev/zero | tr '\\0' a)", b"");
    assert_eq!(session.answer().unwrap().directory, "/");
}

#[test]
fn a_shell_without_its_descriptor_has_not_run_the_next_line() {
    let mut session = Session::start();
    assert_eq!(session.run("exec 200>&-"), 0);
    assert_eq!(session.end(), Some(2));
    assert!(session.err().contains("--session: Bad file descriptor"));
}

#[test]
fn without_descriptors_there_is_no_session() {
    let ended = Command::new("bash")
        .args(["-c", r#"exec -a bash "$0" --session 3<&- 4>&-"#])
        .arg(env!("CARGO_BIN_EXE_sh"))
        .output()
        .unwrap();
    assert_eq!(ended.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&ended.stderr).contains("--session"));
}
