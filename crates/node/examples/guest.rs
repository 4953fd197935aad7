//! Runs a guest `node` without the addon: the development loop for bindings.
//!
//!     guest [--snapshot FILE] [--mount HOSTDIR:GUESTDIR]... [--cwd DIR] [--env KEY=VALUE]... [NODE ARGUMENTS]
//!
//! A first argument behind node's own options that names a host file is copied to the same name under `/workspace`.
//! Host directories are copied in at the start. Standard streams are the host's.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{SystemTime, UNIX_EPOCH};

use secure_exec_kernel::{
    Clock, FileDescription, Kernel, KernelConfig, Limits, Pid, Process, RandomSource, SpawnOptions,
    Timespec,
};
use secure_exec_node::engine::{Breach, EngineEvents};
use secure_exec_node::{Engine, EngineConfig, NodeBinfmt, NodeOptions, Snapshot, V8Options};

type Failure = Box<dyn std::error::Error>;

struct HostClock(std::time::Instant);

impl Clock for HostClock {
    fn realtime(&self) -> Timespec {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timespec {
            sec: i64::try_from(now.as_secs()).unwrap_or(0),
            nsec: now.subsec_nanos(),
        }
    }

    fn monotonic(&self) -> Timespec {
        let now = self.0.elapsed();
        Timespec {
            sec: i64::try_from(now.as_secs()).unwrap_or(0),
            nsec: now.subsec_nanos(),
        }
    }
}

struct HostRandom;

impl RandomSource for HostRandom {
    fn fill(&self, buf: &mut [u8]) {
        let filled = std::fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(buf));
        filled.expect("the host has /dev/urandom");
    }
}

struct Report;

impl EngineEvents for Report {
    fn on_breach(&self, breach: Breach) {
        let _ = writeln!(
            std::io::stderr(),
            "guest: {} exceeded ({})",
            breach.limit,
            breach.bound
        );
    }

    fn on_fatal(&self, message: &str, _limit: Option<Breach>) {
        let _ = writeln!(std::io::stderr(), "guest: V8 gave up: {message}");
    }

    fn on_stuck(&self, _pid: Pid) {
        let _ = writeln!(std::io::stderr(), "guest: stuck after a kill");
        std::process::abort();
    }
}

struct Unpark(std::thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Blocks the calling thread on a kernel operation.
fn block_on<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}

fn pump_out(
    file: Arc<FileDescription>,
    mut to: impl Write + Send + 'static,
) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let mut buf = vec![0; 65536];
        while let Ok(count) = block_on(|context| file.poll_read(&mut buf, context)) {
            if count == 0
                || to
                    .write_all(&buf[..count])
                    .and_then(|()| to.flush())
                    .is_err()
            {
                return;
            }
        }
    })
}

fn pump_in(file: Arc<FileDescription>) {
    std::thread::spawn(move || {
        let mut buf = vec![0; 65536];
        while let Ok(count @ 1..) = std::io::stdin().read(&mut buf) {
            let mut rest = &buf[..count];
            while !rest.is_empty() {
                match block_on(|context| file.poll_write(rest, context)) {
                    Ok(written) => rest = &rest[written..],
                    Err(_) => return,
                }
            }
        }
    });
}

fn write_file(agent: &Arc<Process>, path: &str, bytes: &[u8], mode: u32) -> Result<(), Failure> {
    use secure_exec_kernel::abi::fcntl::OpenFlags;
    let flags = OpenFlags::O_WRONLY | OpenFlags::O_CREAT | OpenFlags::O_TRUNC;
    let fd = agent
        .open(path.as_bytes(), flags, mode)
        .map_err(|errno| format!("{path}: {}", errno.name()))?;
    let mut rest = bytes;
    while !rest.is_empty() {
        let written = agent
            .write(fd, rest)
            .map_err(|errno| format!("{path}: {}", errno.name()))?;
        rest = &rest[written..];
    }
    agent.close(fd).map_err(|errno| errno.name())?;
    Ok(())
}

fn copy_in(agent: &Arc<Process>, from: &Path, to: &str) -> Result<(), Failure> {
    let mut made = String::new();
    for part in to.split('/').filter(|part| !part.is_empty()) {
        made = format!("{made}/{part}");
        let _ = agent.mkdir(made.as_bytes(), 0o755);
    }
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let target = format!("{to}/{name}");
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy_in(agent, &entry.path(), &target)?;
        } else if kind.is_symlink() {
            let link = std::fs::read_link(entry.path())?;
            let _ = agent.symlink(link.to_string_lossy().as_bytes(), target.as_bytes());
        } else {
            use std::os::unix::fs::PermissionsExt;
            let mode = entry.metadata()?.permissions().mode() & 0o777;
            write_file(agent, &target, &std::fs::read(entry.path())?, mode)?;
        }
    }
    Ok(())
}

#[expect(
    clippy::too_many_lines,
    reason = "the options of a tool for development"
)]
fn main() -> Result<std::process::ExitCode, Failure> {
    let mut snapshot = None;
    let mut mounts = Vec::new();
    let mut cwd = String::from("/workspace");
    let mut env: Vec<(Vec<u8>, Vec<u8>)> = vec![
        (b"HOME".to_vec(), b"/home/user".to_vec()),
        (b"PATH".to_vec(), b"/usr/local/bin:/usr/bin:/bin".to_vec()),
        (b"USER".to_vec(), b"user".to_vec()),
    ];
    let mut arguments = std::env::args().skip(1).peekable();
    while let Some(argument) = arguments.peek() {
        match argument.as_str() {
            "--snapshot" => snapshot = arguments.nth(1),
            "--cwd" => cwd = arguments.nth(1).ok_or("--cwd DIR")?,
            "--mount" => mounts.push(arguments.nth(1).ok_or("--mount HOST:GUEST")?),
            "--env" => {
                let pair = arguments.nth(1).ok_or("--env KEY=VALUE")?;
                let (key, value) = pair.split_once('=').ok_or("--env KEY=VALUE")?;
                env.push((key.as_bytes().to_vec(), value.as_bytes().to_vec()));
            }
            _ => break,
        }
    }
    let mut argv: Vec<String> = vec!["node".to_owned()];
    argv.extend(arguments);

    secure_exec_node::initialize_v8(V8Options::default());
    let snapshot = match snapshot {
        Some(path) => Some(&*Box::leak(Box::new(Snapshot::parse(Box::leak(
            std::fs::read(path)?.into_boxed_slice(),
        ))?))),
        None => None,
    };
    let engine = Engine::new(EngineConfig {
        profile: false,
        snapshot,
        spare_isolates: 0,
        events: Arc::new(Report),
    });
    let limits = Limits {
        max_filesystem_bytes: 1 << 30,
        max_inodes: 1 << 20,
        ..Limits::default()
    };
    let config = KernelConfig {
        limits,
        clock: Arc::new(HostClock(std::time::Instant::now())),
        random: Arc::new(HostRandom),
        ..KernelConfig::default()
    };
    let kernel = Kernel::boot(config).map_err(|errno| errno.name())?;
    let options = NodeOptions {
        cpu_time_limit: None,
        heap_limit_bytes: 512 << 20,
        ..NodeOptions::default()
    };
    kernel.register_binfmt(NodeBinfmt::new(engine, options));
    kernel
        .register_command("node", "node")
        .map_err(|errno| errno.name())?;
    let agent = kernel.init();
    for mount in &mounts {
        let (from, to) = mount.split_once(':').ok_or("--mount HOST:GUEST")?;
        copy_in(&agent, Path::new(from), to)?;
    }
    if let Some(index) = argv
        .iter()
        .skip(1)
        .position(|argument| !argument.starts_with('-'))
    {
        let host = Path::new(&argv[index + 1]).to_owned();
        let previous = argv[index].as_str();
        if host.is_file() && !matches!(previous, "-e" | "-p" | "--eval") && mounts.is_empty() {
            let name = host
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default();
            let target = format!("/workspace/{name}");
            write_file(&agent, &target, &std::fs::read(&host)?, 0o644)?;
            argv[index + 1] = target;
        }
    }
    let (stdin_read, stdin_write) = kernel.pipe().map_err(|errno| errno.name())?;
    let (stdout_read, stdout_write) = kernel.pipe().map_err(|errno| errno.name())?;
    let (stderr_read, stderr_write) = kernel.pipe().map_err(|errno| errno.name())?;
    let process = kernel
        .spawn(SpawnOptions {
            file: b"node".to_vec(),
            search_path: true,
            argv: argv.into_iter().map(String::into_bytes).collect(),
            envp: env,
            cwd: Some(cwd.into_bytes()),
            fds: vec![(0, stdin_read), (1, stdout_write), (2, stderr_write)],
            ..SpawnOptions::default()
        })
        .map_err(|errno| format!("spawn: {}", errno.name()))?;
    pump_in(stdin_write);
    let pumps = [
        pump_out(stdout_read, std::io::stdout()),
        pump_out(stderr_read, std::io::stderr()),
    ];
    let status = block_on(|context| process.poll_exit(context));
    for pump in pumps {
        let _ = pump.join();
    }
    std::process::exit(i32::from(u8::try_from(status.code()).unwrap_or(255)))
}
