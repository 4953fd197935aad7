//! Time per system call and bytes per second, on one thread: `cargo bench -p secure-exec-kernel`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program that measures and prints"
)]

use secure_exec_kernel::*;
use std::sync::Arc;
use std::time::{Duration, Instant};

struct SystemClock(Instant);

#[expect(
    clippy::disallowed_methods,
    reason = "measured with the clock that an embedder would supply"
)]
impl Clock for SystemClock {
    fn realtime(&self) -> Timespec {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap();
        Timespec::new(now.as_secs() as i64, now.subsec_nanos())
    }

    fn monotonic(&self) -> Timespec {
        let now = self.0.elapsed();
        Timespec::new(now.as_secs() as i64, now.subsec_nanos())
    }
}

struct Inert;

impl Binfmt for Inert {
    fn name(&self) -> &str {
        "inert"
    }

    fn matches(&self, _image: &ExecImage) -> bool {
        true
    }

    fn start(&self, _process: Arc<Process>, _image: ExecImage) -> Result<()> {
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures")]
fn measure(name: &str, bytes: usize, mut operation: impl FnMut()) {
    for _ in 0..100 {
        operation();
    }
    let mut best = Duration::MAX;
    let deadline = Instant::now() + Duration::from_millis(300);
    while Instant::now() < deadline {
        let rounds = if bytes >= 1 << 20 { 1 } else { 200 };
        let start = Instant::now();
        for _ in 0..rounds {
            operation();
        }
        best = best.min(start.elapsed() / rounds);
    }
    let rate = match bytes {
        0 => String::new(),
        _ => format!("{:8.2} GB/s", bytes as f64 / best.as_secs_f64() / 1e9),
    };
    println!("{name:<32} {:>9} ns {rate}", best.as_nanos());
}

fn main() {
    let clock = Arc::new(SystemClock(
        #[expect(clippy::disallowed_methods, reason = "the clock's start")]
        Instant::now(),
    ));
    let limits = Limits {
        max_filesystem_bytes: 1 << 30,
        max_file_bytes: 1 << 30,
        ..Limits::default()
    };
    let kernel = Kernel::boot(KernelConfig {
        limits,
        clock,
        ..KernelConfig::default()
    })
    .unwrap();
    kernel.register_binfmt(Arc::new(Inert));
    kernel.register_command("true", "inert").unwrap();
    let command = || SpawnOptions {
        file: b"/bin/true".to_vec(),
        argv: vec![b"true".to_vec()],
        cwd: Some(b"/home/user".to_vec()),
        ..SpawnOptions::default()
    };
    let guest = kernel.spawn(command()).unwrap();
    files(&guest);
    pipes(&guest);
    measure("spawn and exit", 0, || {
        kernel.spawn(command()).unwrap().exit(0)
    });
    measure("boot", 0, || {
        drop(Kernel::boot(KernelConfig::default()).unwrap())
    });
}

fn files(guest: &Process) {
    let create = OpenFlags::O_RDWR | OpenFlags::O_CREAT | OpenFlags::O_TRUNC;
    guest.mkdir(b"a", 0o755).unwrap();
    guest.mkdir(b"a/b", 0o755).unwrap();
    let fd = guest.open(b"a/b/small", create, 0o644).unwrap();
    guest.write(fd, &[1; 100]).unwrap();
    let mut buf = [0; 4096];
    measure("stat, 5 components", 0, || {
        guest.stat(b"/home/user/a/b/small").unwrap();
    });
    measure("fstat", 0, || {
        guest.fstat(fd).unwrap();
    });
    measure("open and close", 0, || {
        let fd = guest.open(b"a/b/small", OpenFlags::O_RDONLY, 0).unwrap();
        guest.close(fd).unwrap();
    });
    measure("pread 100 bytes", 0, || {
        guest.pread(fd, &mut buf, 0).unwrap();
    });
    measure("pwrite 100 bytes", 0, || {
        guest.pwrite(fd, &[2; 100], 0).unwrap();
    });
    measure("create, write, close, unlink", 0, || {
        let fd = guest.open(b"a/new", create, 0o644).unwrap();
        guest.write(fd, b"text").unwrap();
        guest.close(fd).unwrap();
        guest.unlink(b"a/new").unwrap();
    });
    measure("mkdir and rmdir", 0, || {
        guest.mkdir(b"a/dir", 0o755).unwrap();
        guest.rmdir(b"a/dir").unwrap();
    });
    let block = vec![3; 64 << 10];
    measure("append 64 MiB by 64 KiB", 64 << 20, || {
        let fd = guest.open(b"big", create, 0o644).unwrap();
        for _ in 0..1024 {
            guest.write(fd, &block).unwrap();
        }
        guest.close(fd).unwrap();
    });
    let big = guest.open(b"big", OpenFlags::O_RDWR, 0).unwrap();
    let mut block = vec![0; 64 << 10];
    measure("overwrite 64 MiB by 64 KiB", 64 << 20, || {
        for index in 0..1024 {
            guest.pwrite(big, &block, index << 16).unwrap();
        }
    });
    measure("read 64 MiB by 64 KiB", 64 << 20, || {
        for index in 0..1024 {
            guest.pread(big, &mut block, index << 16).unwrap();
        }
    });
    let small = vec![4; 100];
    measure("append 1 MiB by 100 bytes", 1 << 20, || {
        let fd = guest
            .open(b"log", create | OpenFlags::O_APPEND, 0o644)
            .unwrap();
        for _ in 0..10_486 {
            guest.write(fd, &small).unwrap();
        }
        guest.close(fd).unwrap();
    });
}

fn pipes(guest: &Process) {
    let (read, write) = guest.pipe2(OpenFlags::O_NONBLOCK).unwrap();
    let mut buf = vec![0; 64 << 10];
    for size in [1, 4 << 10, 64 << 10] {
        let data = vec![1; size];
        measure(&format!("pipe write and read {size}"), size, || {
            guest.write(write, &data).unwrap();
            guest.read(read, &mut buf).unwrap();
        });
    }
    measure("pipe2 and close", 0, || {
        let (read, write) = guest.pipe2(OpenFlags::empty()).unwrap();
        guest.close(read).unwrap();
        guest.close(write).unwrap();
    });
}
