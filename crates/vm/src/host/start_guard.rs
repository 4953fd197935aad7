//! What the host has a say in when a guest starts a program.

use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Weak};
use std::time::Duration;

use secure_exec_kernel::{Errno, ExecGuard, ExecRequest};
use secure_exec_protocol::{Answer, START_PERMISSION, VmConfig};
use serde::Serialize;

use super::Tools;

/// How often who waits looks at whether it still runs.
const LOOK: Duration = Duration::from_millis(20);

/// Asks the host about programs, and runs the host's in their place.
pub(crate) struct StartGuard {
    tools: Weak<Tools>,
    asks: bool,
    /// Words before what was asked for; none where that runs itself.
    starter: Vec<Vec<u8>>,
}

/// A program, as the host is told of it.
#[derive(Serialize)]
struct Asked {
    command: String,
    path: String,
    args: Vec<String>,
    cwd: String,
}

impl StartGuard {
    pub(crate) fn new(tools: &Arc<Tools>, config: &VmConfig) -> Arc<StartGuard> {
        let starter = config.starter.iter();
        Arc::new(StartGuard {
            tools: Arc::downgrade(tools),
            asks: config.asks_to_start,
            starter: starter.map(|word| word.clone().into_bytes()).collect(),
        })
    }
}

impl ExecGuard for StartGuard {
    fn instead(&self, file: &[u8], argv: &[Vec<u8>]) -> Option<(Vec<u8>, Vec<Vec<u8>>)> {
        let path = self.starter.first()?.clone();
        let mut words = self.starter.clone();
        words.push(file.to_vec());
        words.extend(argv.iter().skip(1).cloned());
        Some((path, words))
    }

    /// Waits for the host.
    fn may_start(&self, request: &ExecRequest<'_>) -> Result<(), Errno> {
        if !self.asks {
            return Ok(());
        }
        let tools = self.tools.upgrade().ok_or(Errno::ESRCH)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let asked = Asked {
            command: text(request.file),
            path: text(request.path),
            args: request.argv.iter().skip(1).map(|word| text(word)).collect(),
            cwd: text(request.cwd),
        };
        let input = serde_json::to_string(&asked).map_err(|_| Errno::EINVAL)?;
        let (sender, receiver) = sync_channel(1);
        let settle = Box::new(move |answer| drop(sender.try_send(answer)));
        let caller = request.caller;
        let tool = START_PERMISSION.to_owned();
        let id = tools
            .ask_bounded(caller, tool, input, settle)
            .map_err(|_| Errno::EAGAIN)?;
        loop {
            match receiver.recv_timeout(LOOK) {
                Ok(Answer::Value(json)) if json == "true" => return Ok(()),
                Ok(_) | Err(RecvTimeoutError::Disconnected) => return Err(Errno::EACCES),
                Err(RecvTimeoutError::Timeout) if caller.is_alive() => {}
                Err(RecvTimeoutError::Timeout) => {
                    tools.abandon_request(id);
                    return Err(Errno::ESRCH);
                }
            }
        }
    }
}
