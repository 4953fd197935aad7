//! A small kernel with tight limits, whose guests are run by the target.

use std::sync::Arc;

use secure_exec_kernel::{
    Binfmt, ExecImage, Kernel, KernelConfig, Limits, Process, Result, SpawnOptions, VirtualClock,
};

/// Runs everything and starts nothing.
struct Inert;

impl Binfmt for Inert {
    fn name(&self) -> &str {
        "inert"
    }

    fn matches(&self, image: &ExecImage) -> bool {
        image.format.as_deref() == Some("inert")
    }

    fn start(&self, _process: Arc<Process>, _image: ExecImage) -> Result<()> {
        Ok(())
    }
}

/// Limits that a few operations reach.
pub fn tight_limits() -> Limits {
    Limits {
        max_processes: 6,
        max_open_fds: 12,
        max_pipes: 4,
        max_sockets: 4,
        max_ptys: 2,
        max_filesystem_bytes: 256 << 10,
        max_inodes: 150,
        max_file_bytes: 64 << 10,
        max_inotify_instances: 2,
        max_inotify_watches: 4,
        max_inotify_events: 8,
        ..Limits::default()
    }
}

/// A kernel with one command, `true`.
///
/// # Errors
/// As told.
pub fn boot(limits: Limits) -> core::result::Result<(Arc<Kernel>, Arc<VirtualClock>), String> {
    let clock = Arc::new(VirtualClock::new());
    let config = KernelConfig {
        limits,
        clock: clock.clone(),
        ..KernelConfig::default()
    };
    let kernel = Kernel::boot(config).map_err(|errno| format!("the boot fails: {errno:?}"))?;
    kernel.register_binfmt(Arc::new(Inert));
    kernel
        .register_command("true", "inert")
        .map_err(|errno| format!("the command is not made: {errno:?}"))?;
    Ok((kernel, clock))
}

/// How the guests are started.
pub fn command() -> SpawnOptions {
    SpawnOptions {
        file: b"true".to_vec(),
        search_path: true,
        argv: vec![b"true".to_vec()],
        cwd: Some(b"/home/user".to_vec()),
        ..SpawnOptions::default()
    }
}
