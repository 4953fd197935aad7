//! A process without a program, whose imports tests call themselves.

use std::sync::Arc;

use secure_exec_kernel::{
    Binfmt, Errno, ExecImage, Kernel, KernelConfig, Pid, Process, SpawnOptions,
};
use secure_exec_preview1::errno;

use crate::call::{Call, Fault, Host, Outcome};
use crate::config::WasmOptions;
use crate::engine::Engine;
use crate::events::NoEvents;
use crate::memory::Guest;
use crate::park::Park;

/// A format that starts nothing.
struct Inert;

impl Binfmt for Inert {
    fn name(&self) -> &str {
        "inert"
    }

    fn matches(&self, image: &ExecImage) -> bool {
        image.format.as_deref() == Some("inert")
    }

    fn start(&self, _process: Arc<Process>, _image: ExecImage) -> Result<(), Errno> {
        Ok(())
    }
}

pub(crate) struct Fixture {
    pub(crate) kernel: Arc<Kernel>,
    pub(crate) process: Arc<Process>,
    host: Host,
    pub(crate) memory: Vec<u8>,
}

/// A program of ours.
const OURS: &str = r#"(module (import "secure_exec" "proc_getpid" (func (result i32))))"#;

impl Fixture {
    /// A process of a program that imports our functions.
    pub(crate) fn new() -> Fixture {
        Fixture::of(OURS)
    }

    /// A process of a program that knows preview 1 only.
    pub(crate) fn plain() -> Fixture {
        Fixture::of("(module)")
    }

    fn of(module: &str) -> Fixture {
        let kernel = Kernel::boot(KernelConfig::default()).unwrap();
        kernel.register_binfmt(Arc::new(Inert));
        kernel.register_command("inert", "inert").unwrap();
        let engine = Engine::new(WasmOptions::default(), Arc::new(NoEvents)).unwrap();
        let process = kernel
            .spawn(SpawnOptions {
                file: b"/bin/inert".to_vec(),
                argv: vec![b"inert".to_vec(), b"a b".to_vec()],
                envp: vec![(b"HOME".to_vec(), b"/home/user".to_vec())],
                cwd: Some(b"/workspace".to_vec()),
                ..SpawnOptions::default()
            })
            .unwrap();
        let module = engine.load_bytes(&wat::parse_str(module).unwrap()).unwrap();
        let host = Host {
            engine,
            process: process.clone(),
            module,
            argv: Arc::new(process.argv()),
            descriptors: crate::wasi::Descriptors::default(),
            park: Park::new(),
            cpu_base: crate::cpu::of_this_thread(),
            watched: None,
        };
        Fixture {
            kernel,
            process,
            host,
            memory: vec![0; 64 << 10],
        }
    }

    /// Runs an import and gives what the guest would see: the error number, or `None` for a trap.
    pub(crate) fn call(&mut self, run: impl FnOnce(&mut Call<'_>) -> Outcome<()>) -> Option<i32> {
        let mut call = Call {
            host: &self.host,
            memory: Guest::new(&mut self.memory),
        };
        match run(&mut call) {
            Ok(()) => Some(0),
            Err(Fault::Errno(error)) => Some(i32::from(errno::number(error))),
            Err(Fault::NotCapable) => Some(i32::from(errno::NOTCAPABLE)),
            Err(Fault::Pointer | Fault::End(_)) => None,
        }
    }

    /// Runs an import that must succeed.
    pub(crate) fn ok(&mut self, run: impl FnOnce(&mut Call<'_>) -> Outcome<()>) {
        assert_eq!(self.call(run), Some(0));
    }

    /// Runs an import that must fail.
    pub(crate) fn fails(&mut self, error: Errno, run: impl FnOnce(&mut Call<'_>) -> Outcome<()>) {
        assert_eq!(self.call(run), Some(i32::from(errno::number(error))));
    }

    /// Runs an import that returns a value.
    pub(crate) fn value(&mut self, run: impl FnOnce(&mut Call<'_>) -> Outcome<i32>) -> i32 {
        let mut value = 0;
        self.ok(|call| {
            value = run(call)?;
            Ok(())
        });
        value
    }

    pub(crate) fn put(&mut self, at: usize, bytes: &[u8]) -> (u32, u32) {
        self.memory[at..at + bytes.len()].copy_from_slice(bytes);
        (at as u32, bytes.len() as u32)
    }

    pub(crate) fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.memory[at..at + 4].try_into().unwrap())
    }

    pub(crate) fn u64(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.memory[at..at + 8].try_into().unwrap())
    }

    /// Stores vectors at 0 whose bytes follow at `at`, one after the other.
    pub(crate) fn vectors(&mut self, at: u32, lengths: &[u32]) -> (u32, u32) {
        let mut next = at;
        for (index, length) in lengths.iter().enumerate() {
            self.put(8 * index, &next.to_le_bytes());
            self.put(8 * index + 4, &length.to_le_bytes());
            next += length;
        }
        (0, lengths.len() as u32)
    }

    /// A child that tests end themselves.
    pub(crate) fn child(&self) -> Arc<Process> {
        let pid: Pid = self
            .process
            .posix_spawn(SpawnOptions {
                file: b"/bin/inert".to_vec(),
                argv: vec![b"inert".to_vec()],
                ..SpawnOptions::default()
            })
            .unwrap();
        self.kernel.process(pid).unwrap()
    }
}
