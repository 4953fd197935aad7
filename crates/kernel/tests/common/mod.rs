//! Machine and guests for the black-box tests.
#![allow(dead_code, reason = "each test file uses a part of it")]

use parking_lot::Mutex;
use secure_exec_kernel::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// Binary format that runs everything and starts nothing: tests act as the guest themselves.
#[derive(Default)]
pub struct Inert {
    pub images: Mutex<Vec<ExecImage>>,
}

impl Binfmt for Inert {
    fn name(&self) -> &str {
        "inert"
    }

    fn matches(&self, image: &ExecImage) -> bool {
        image.format.as_deref() == Some("inert")
    }

    fn start(&self, _process: Arc<Process>, image: ExecImage) -> Result<()> {
        self.images.lock().push(image);
        Ok(())
    }
}

pub struct Machine {
    pub kernel: Arc<Kernel>,
    pub clock: Arc<VirtualClock>,
    pub inert: Arc<Inert>,
}

pub fn machine() -> Machine {
    machine_with(Limits::default())
}

pub fn machine_with(limits: Limits) -> Machine {
    machine_of(KernelConfig {
        limits,
        ..KernelConfig::default()
    })
}

pub fn machine_of(config: KernelConfig) -> Machine {
    let clock = Arc::new(VirtualClock::new());
    let config = KernelConfig {
        clock: clock.clone(),
        ..config
    };
    let kernel = Kernel::boot(config).unwrap();
    let inert = Arc::new(Inert::default());
    kernel.register_binfmt(inert.clone());
    kernel.register_command("true", "inert").unwrap();
    Machine {
        kernel,
        clock,
        inert,
    }
}

impl Machine {
    /// A process of uid 1000 in its home directory.
    pub fn guest(&self) -> Arc<Process> {
        self.kernel.spawn(command()).unwrap()
    }
}

pub fn command() -> SpawnOptions {
    SpawnOptions {
        file: b"true".to_vec(),
        search_path: true,
        argv: vec![b"true".to_vec()],
        cwd: Some(b"/home/user".to_vec()),
        ..SpawnOptions::default()
    }
}

#[derive(Default)]
pub struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Wakes {
    pub fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Counts wake-ups; blocked-ness is proven by `Pending` and a count of zero.
pub fn waker() -> (Arc<Wakes>, Waker) {
    let wakes = Arc::new(Wakes::default());
    (wakes.clone(), Waker::from(wakes))
}

/// Polls once, without caring about wake-ups.
pub fn poll<T>(f: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
    f(&mut Context::from_waker(Waker::noop()))
}

pub fn ready<T: std::fmt::Debug>(poll: Poll<T>) -> T {
    match poll {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("still pending"),
    }
}

/// Opens, writes and closes.
pub fn write_file(process: &Process, path: &str, contents: &[u8]) {
    let flags = OpenFlags::O_WRONLY | OpenFlags::O_CREAT | OpenFlags::O_TRUNC;
    let fd = process.open(path.as_bytes(), flags, 0o644).unwrap();
    let mut rest = contents;
    while !rest.is_empty() {
        let count = process.write(fd, rest).unwrap();
        rest = &rest[count..];
    }
    process.close(fd).unwrap();
}

pub fn read_file(process: &Process, path: &str) -> Vec<u8> {
    let fd = process
        .open(path.as_bytes(), OpenFlags::O_RDONLY, 0)
        .unwrap();
    let mut contents = Vec::new();
    let mut buf = [0; 8192];
    loop {
        let count = process.read(fd, &mut buf).unwrap();
        if count == 0 {
            break;
        }
        contents.extend_from_slice(&buf[..count]);
    }
    process.close(fd).unwrap();
    contents
}

pub fn text(process: &Process, path: &str) -> String {
    String::from_utf8(read_file(process, path)).unwrap()
}
