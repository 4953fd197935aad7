//! Runs a command of a directory in a fresh kernel, with the standard streams of this process.
//!
//! `cargo run --release -p secure-exec-wasm --example run -- <directory> sh -c 'ls / | wc -l'`
#![allow(clippy::print_stderr, reason = "a command line program")]

use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use secure_exec_kernel::{FileDescription, Kernel, KernelConfig, SpawnOptions};
use secure_exec_wasm::{CommandDir, Engine, NoEvents, WasmBinfmt, WasmOptions};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn wait<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut cx = Context::from_waker(&waker);
    loop {
        match poll(&mut cx) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}

fn pump(from: &FileDescription, mut to: impl Write) {
    let mut buf = vec![0; 64 << 10];
    while let Ok(count @ 1..) = wait(|cx| from.poll_read(&mut buf, cx)) {
        let bytes = buf.get(..count).unwrap_or_default();
        if to.write_all(bytes).and_then(|()| to.flush()).is_err() {
            return;
        }
    }
}

fn feed(to: &FileDescription) {
    let mut buf = vec![0; 64 << 10];
    while let Ok(count @ 1..) = std::io::stdin().read(&mut buf) {
        let mut rest = buf.get(..count).unwrap_or_default();
        while !rest.is_empty() {
            let Ok(written) = wait(|cx| to.poll_write(rest, cx)) else {
                return;
            };
            rest = rest.get(written..).unwrap_or_default();
        }
    }
}

fn main() -> Result<ExitCode, String> {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().ok_or("the directory is missing")?;
    let argv: Vec<Vec<u8>> = arguments.map(String::into_bytes).collect();
    let file = argv.first().cloned().ok_or("the command is missing")?;
    let commands = CommandDir::read(Path::new(&dir), true).map_err(|error| error.to_string())?;
    let kernel = Kernel::boot(KernelConfig::default()).map_err(|errno| errno.to_string())?;
    let engine = Engine::new(WasmOptions::default(), Arc::new(NoEvents))?;
    for command in &commands {
        kernel
            .register_command(command.name(), "wasm")
            .map_err(|errno| errno.to_string())?;
    }
    kernel.register_binfmt(WasmBinfmt::new(engine, commands));
    let pipe = || kernel.pipe().map_err(|errno| errno.to_string());
    let ((stdin, input), (output, stdout), (errors, stderr)) = (pipe()?, pipe()?, pipe()?);
    let process = kernel
        .spawn(SpawnOptions {
            file,
            search_path: true,
            argv,
            envp: vec![(b"PATH".to_vec(), b"/usr/bin:/bin".to_vec())],
            cwd: Some(b"/workspace".to_vec()),
            fds: vec![(0, stdin), (1, stdout), (2, stderr)],
            ..SpawnOptions::default()
        })
        .map_err(|errno| errno.to_string())?;
    std::thread::spawn(move || feed(&input));
    let (sender, errors_done) = channel::<()>();
    std::thread::spawn(move || {
        pump(&errors, std::io::stderr());
        drop(sender);
    });
    pump(&output, std::io::stdout());
    let status = wait(|cx| process.poll_exit(cx));
    // Ends when the thread does.
    let _ = errors_done.recv();
    Ok(ExitCode::from(status.code().to_le_bytes()[0]))
}
