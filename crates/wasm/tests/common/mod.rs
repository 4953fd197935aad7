//! A machine for the tests: a kernel, an engine, and programs in the text format.
#![allow(dead_code, reason = "each test file uses a part of it")]

use parking_lot::{Condvar, Mutex};
use secure_exec_kernel::*;
use secure_exec_wasm::*;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Default)]
pub struct Recorded {
    pub breaches: Mutex<Vec<Breach>>,
    pub ended: Mutex<Vec<Pid>>,
    pub threads: Mutex<i64>,
}

impl EngineEvents for Recorded {
    fn on_breach(&self, breach: Breach) {
        self.breaches.lock().push(breach);
    }

    fn on_end(&self, pid: Pid) {
        self.ended.lock().push(pid);
    }

    fn on_thread_start(&self) {
        *self.threads.lock() += 1;
    }

    fn on_thread_end(&self) {
        *self.threads.lock() -= 1;
    }
}

pub struct Machine {
    pub kernel: Arc<Kernel>,
    pub engine: Arc<Engine>,
    pub events: Arc<Recorded>,
}

/// What a program left behind.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

pub fn machine() -> Machine {
    machine_with(WasmOptions::default(), Vec::new())
}

pub fn machine_with(options: WasmOptions, commands: Vec<Command>) -> Machine {
    machine_of(KernelConfig::default(), options, commands)
}

pub fn machine_of(config: KernelConfig, options: WasmOptions, commands: Vec<Command>) -> Machine {
    let kernel = Kernel::boot(config).unwrap();
    let events = Arc::new(Recorded::default());
    let engine = Engine::new(options, events.clone()).unwrap();
    for command in &commands {
        kernel.register_command(command.name(), "wasm").unwrap();
    }
    kernel.register_binfmt(WasmBinfmt::new(engine.clone(), commands));
    Machine {
        kernel,
        engine,
        events,
    }
}

#[derive(Default)]
struct Alarm {
    rung: Mutex<bool>,
    condvar: Condvar,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        *self.rung.lock() = true;
        self.condvar.notify_all();
    }
}

/// Polls until there is a value.
pub fn wait<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    let alarm = Arc::new(Alarm::default());
    let waker = Waker::from(alarm.clone());
    let mut cx = Context::from_waker(&waker);
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Poll::Ready(value) = poll(&mut cx) {
            return value;
        }
        let mut rung = alarm.rung.lock();
        while !*rung {
            let late = alarm.condvar.wait_until(&mut rung, deadline).timed_out();
            assert!(!late, "nothing happened for {PATIENCE:?}");
        }
        *rung = false;
    }
}

/// Reads a pipe to its end.
pub fn drain(pipe: &FileDescription) -> Vec<u8> {
    let mut all = Vec::new();
    let mut buf = vec![0; 64 << 10];
    loop {
        let count = wait(|cx| pipe.poll_read(&mut buf, cx)).unwrap();
        if count == 0 {
            return all;
        }
        all.extend_from_slice(&buf[..count]);
    }
}

pub fn exited(code: u8) -> ExitStatus {
    ExitStatus::Exited(code)
}

/// A process with the reading ends of its output.
pub struct Running {
    pub process: Arc<Process>,
    /// Writing end of its standard input, closed by `finish`.
    pub stdin: Option<Arc<FileDescription>>,
    stdout: Arc<FileDescription>,
    stderr: Arc<FileDescription>,
}

impl Running {
    pub fn finish(mut self) -> Outcome {
        self.stdin = None;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let stdout = text(drain(&self.stdout));
        let stderr = text(drain(&self.stderr));
        let status = wait(|cx| self.process.poll_exit(cx));
        Outcome {
            status,
            stdout,
            stderr,
        }
    }

    /// Waits for a line on standard output.
    pub fn line(&self) -> String {
        let mut line = Vec::new();
        let mut byte = [0];
        while wait(|cx| self.stdout.poll_read(&mut byte, cx)).unwrap() == 1 && byte[0] != b'\n' {
            line.push(byte[0]);
        }
        String::from_utf8(line).unwrap()
    }

    pub fn kill(&self, signal: Signal) {
        let pid = self.process.pid().raw();
        self.process
            .kernel()
            .unwrap()
            .init()
            .kill(pid, signal)
            .unwrap();
    }
}

impl Machine {
    /// Makes an executable file.
    pub fn install(&self, path: &str, module: &[u8]) {
        let init = self.kernel.init();
        let flags = OpenFlags::O_WRONLY | OpenFlags::O_CREAT | OpenFlags::O_TRUNC;
        let fd = init.open(path.as_bytes(), flags, 0o755).unwrap();
        let mut rest = module;
        while !rest.is_empty() {
            let count = init.write(fd, rest).unwrap();
            rest = &rest[count..];
        }
        init.fchmod(fd, 0o755).unwrap();
        init.close(fd).unwrap();
    }

    pub fn install_text(&self, path: &str, text: &str) {
        self.install(path, &wat::parse_str(text).unwrap());
    }

    pub fn spawn(&self, argv: &[&str]) -> Running {
        self.spawn_with(argv, |_| {})
    }

    pub fn spawn_with(&self, argv: &[&str], change: impl FnOnce(&mut SpawnOptions)) -> Running {
        let (stdin, feed) = self.kernel.pipe().unwrap();
        let (stdout, out) = self.kernel.pipe().unwrap();
        let (stderr, err) = self.kernel.pipe().unwrap();
        let mut options = SpawnOptions {
            file: argv[0].as_bytes().to_vec(),
            search_path: true,
            argv: argv
                .iter()
                .map(|argument| argument.as_bytes().to_vec())
                .collect(),
            envp: vec![(b"PATH".to_vec(), b"/usr/bin:/bin".to_vec())],
            cwd: Some(b"/workspace".to_vec()),
            fds: vec![(0, stdin), (1, out), (2, err)],
            ..SpawnOptions::default()
        };
        change(&mut options);
        Running {
            process: self.kernel.spawn(options).unwrap(),
            stdin: Some(feed),
            stdout,
            stderr,
        }
    }

    pub fn run(&self, argv: &[&str]) -> Outcome {
        self.spawn(argv).finish()
    }

    /// Runs a program in the text format.
    pub fn run_text(&self, text: &str) -> Outcome {
        self.install_text("/usr/bin/program", text);
        self.run(&["program"])
    }

    /// Waits until the thread of a process is free.
    pub fn ended(&self, pid: Pid) {
        let deadline = Instant::now() + PATIENCE;
        while !self.events.ended.lock().contains(&pid) {
            assert!(Instant::now() < deadline, "the thread of {pid} is not free");
            std::thread::yield_now();
        }
    }
}
