//! The kernel's binary format for WebAssembly.

use std::collections::HashMap;
use std::sync::Arc;

use secure_exec_kernel::{Binfmt, Errno, ExecImage, Process};

use crate::commands::Command;
use crate::engine::Engine;
use crate::run::{self, Program};

/// Name that commands are registered with.
const NAME: &str = "wasm";

/// Start of every module.
const MAGIC: &[u8] = b"\0asm";

/// Runs registered commands, and executable files that are modules.
pub struct WasmBinfmt {
    engine: Arc<Engine>,
    commands: HashMap<String, Arc<Command>>,
}

impl WasmBinfmt {
    /// The format of one VM. Of commands with the same name the first counts.
    #[must_use]
    #[expect(
        clippy::new_ret_no_self,
        reason = "the kernel takes the format as a trait object"
    )]
    pub fn new(engine: Arc<Engine>, commands: Vec<Command>) -> Arc<dyn Binfmt> {
        let mut known = HashMap::new();
        for command in commands {
            known
                .entry(command.name().to_owned())
                .or_insert_with(|| Arc::new(command));
        }
        Arc::new(WasmBinfmt {
            engine,
            commands: known,
        })
    }
}

impl Binfmt for WasmBinfmt {
    fn name(&self) -> &str {
        NAME
    }

    fn matches(&self, image: &ExecImage) -> bool {
        image.format.as_deref() == Some(NAME) || image.head.starts_with(MAGIC)
    }

    fn start(&self, process: Arc<Process>, image: ExecImage) -> Result<(), Errno> {
        let program = match &image.command {
            Some(name) => Program::Command(self.commands.get(name).cloned().ok_or(Errno::ENOEXEC)?),
            None => Program::File(image.path),
        };
        let engine = self.engine.clone();
        let job = move || run::start(&engine, process, &program);
        self.engine.workers.run(Box::new(job))
    }
}
