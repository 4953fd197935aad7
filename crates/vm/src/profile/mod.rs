//! Runs typical programs, so that the snapshot can be made with the code that they need.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use secure_exec_kernel::{Errno, ExitStatus, Kernel, KernelConfig, OpenFlags, Pid, SpawnOptions};
use secure_exec_node::engine::{Breach, EngineEvents};
use secure_exec_node::{Engine, EngineConfig, NodeBinfmt, NodeOptions};

use crate::system::{SystemClock, SystemRandom};

const SCRIPT: &str = "/workspace/script.cjs";

/// Runs the programs one after the other. What they ran of Node's library is in the code cache then.
///
/// # Errors
/// A program that could not be started.
pub(crate) fn run() -> Result<(), String> {
    let (ended, ends) = channel();
    let engine = Engine::new(EngineConfig {
        snapshot: None,
        spare_isolates: 0,
        events: Arc::new(Ends { ended }),
        profile: true,
    });
    let run = || -> Result<[Option<ExitStatus>; 2], Errno> {
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
        let module = ["--input-type=module", "--eval", include_str!("module.mjs")];
        let statuses = [
            run_program(&kernel, &module, &ends)?,
            run_program(&kernel, &[SCRIPT], &ends)?,
        ];
        Ok(statuses)
    };
    let statuses = run().map_err(|errno| format!("the profile was not made: {}", errno.name()))?;
    // The second program ends by its uncaught error.
    if statuses == [ExitStatus::Exited(0), ExitStatus::Exited(1)].map(Some) {
        Ok(())
    } else {
        Err(format!(
            "the programs of the profile ended with {statuses:?}"
        ))
    }
}

fn run_program(
    kernel: &Arc<Kernel>,
    arguments: &[&str],
    ends: &Receiver<Pid>,
) -> Result<Option<ExitStatus>, Errno> {
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
    // Less than a pipe holds is printed. The end is told behind the collection of the code.
    let ended = ends.recv();
    drop(read);
    ended.map_err(|_| Errno::ESRCH)?;
    Ok(process.exit_status())
}

/// Tells when a program's thread is free.
struct Ends {
    ended: Sender<Pid>,
}

impl EngineEvents for Ends {
    fn on_breach(&self, _breach: Breach) {}

    fn on_fatal(&self, _message: &str) {
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
