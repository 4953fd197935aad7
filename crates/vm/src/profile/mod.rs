//! Runs typical programs, so that the snapshot can be made with the code that they need, and the code caches of what
//! is not in it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll, Waker};

use secure_exec_kernel::{Errno, ExitStatus, Kernel, KernelConfig, OpenFlags, Pid, SpawnOptions};
use secure_exec_node::engine::{Breach, EngineEvents};
use secure_exec_node::{Engine, EngineConfig, NodeBinfmt, NodeOptions, Snapshot};

use crate::system::{SystemClock, SystemRandom};

const SCRIPT: &str = "/workspace/script.cjs";

/// `pipe(7)`.
const PIPE_CAPACITY: usize = 65_536;

/// Runs the programs one after the other. What they ran of Node's library is in the code cache then, but for what they
/// found in `snapshot`. With a snapshot they use more of the library: code that is loaded when it is asked for costs
/// nobody else anything.
///
/// # Errors
/// A program that could not be started, or did not end as it should.
pub(crate) fn run(snapshot: Option<&'static Snapshot>) -> Result<(), String> {
    let (ended, ends) = channel();
    let engine = Engine::new(EngineConfig {
        snapshot,
        spare_isolates: 0,
        events: Arc::new(Ends { ended }),
        profile: true,
    });
    let kernel = boot(&engine).map_err(|errno| format!("no kernel: {}", errno.name()))?;
    let module = |text| ["--input-type=module", "--eval", text];
    if snapshot.is_some() {
        run_program(&kernel, &module(include_str!("library.mjs")), 0, &ends)?;
    }
    run_program(&kernel, &module(include_str!("module.mjs")), 0, &ends)?;
    // It ends by its uncaught error.
    run_program(&kernel, &[SCRIPT], 1, &ends)
}

/// A machine whose only program is `node`.
fn boot(engine: &Arc<Engine>) -> Result<Arc<Kernel>, Errno> {
    let kernel = Kernel::boot(KernelConfig {
        clock: Arc::new(SystemClock::new(1)),
        random: Arc::new(SystemRandom),
        ..KernelConfig::default()
    })?;
    kernel.register_binfmt(NodeBinfmt::new(engine.clone(), NodeOptions::default()));
    kernel.register_command("node", "node")?;
    let agent = kernel.file_agent();
    let script = agent.open(
        SCRIPT.as_bytes(),
        OpenFlags::O_WRONLY | OpenFlags::O_CREAT,
        0o644,
    )?;
    agent.write(script, include_bytes!("script.cjs"))?;
    agent.close(script)?;
    Ok(kernel)
}

fn run_program(
    kernel: &Arc<Kernel>,
    arguments: &[&str],
    expected: u8,
    ends: &Receiver<Pid>,
) -> Result<(), String> {
    let (status, output) = start_program(kernel, arguments, ends)
        .map_err(|errno| format!("a program of the profile did not start: {}", errno.name()))?;
    if status == Some(ExitStatus::Exited(expected)) {
        return Ok(());
    }
    Err(format!(
        "a program of the profile ended with {status:?} behind this output:\n{output}"
    ))
}

fn start_program(
    kernel: &Arc<Kernel>,
    arguments: &[&str],
    ends: &Receiver<Pid>,
) -> Result<(Option<ExitStatus>, String), Errno> {
    let (input, feeding) = kernel.pipe()?;
    let (read, output) = kernel.pipe()?;
    drop(feeding);
    let argv: Vec<Vec<u8>> = ["node"]
        .iter()
        .chain(arguments)
        .map(|argument| argument.as_bytes().to_vec())
        .collect();
    let variable = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
    let process = kernel.spawn(SpawnOptions {
        file: b"node".to_vec(),
        search_path: true,
        argv,
        envp: vec![variable("HOME", "/home/user"), variable("PATH", "/usr/bin")],
        cwd: Some(b"/workspace".to_vec()),
        fds: vec![(0, input), (1, output.clone()), (2, output)],
        ..SpawnOptions::default()
    })?;
    let pid = process.pid();
    // Programs that it starts tell their ends, too. What is printed fits into the pipe. The end is told behind the
    // collection of the code.
    let ended = ends.iter().find(|ended| *ended == pid);
    ended.ok_or(Errno::ESRCH)?;
    let mut printed = vec![0; PIPE_CAPACITY];
    let length = match read.poll_read(&mut printed, &mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result?,
        Poll::Pending => 0,
    };
    printed.truncate(length);
    Ok((
        process.exit_status(),
        String::from_utf8_lossy(&printed).into_owned(),
    ))
}

/// Tells when a program's thread is free.
struct Ends {
    ended: Sender<Pid>,
}

impl EngineEvents for Ends {
    fn on_breach(&self, _breach: Breach) {}

    fn on_fatal(&self, _message: &str, _limit: Option<Breach>) {
        std::process::abort();
    }

    fn on_stuck(&self, _pid: Pid) {
        std::process::abort();
    }

    fn on_end(&self, pid: Pid) {
        // The receiver lives as long as the programs.
        let _ = self.ended.send(pid);
    }
}
