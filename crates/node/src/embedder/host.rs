//! What guest programs ask of the host, beyond the machine that they run in.

use std::fmt;

use secure_exec_kernel::Process;

/// Why the host did not do what it was asked for, as the guest is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// For people.
    pub message: String,
    /// For programs; `ERR_TOOL_FAILED` where there is none.
    pub code: Option<String>,
    /// What else there is to say, as JSON.
    pub data: Option<String>,
}

/// Is told what came of a request, once, on any thread; never from within the call that made the request.
pub type Settle = Box<dyn FnOnce(Result<String, Refusal>) + Send>;

/// Takes requests to the host. None of its methods waits, but for [`Host::prepared`].
pub trait Host: Send + Sync {
    /// Calls the tool `name` for `caller`; `input` should be JSON, and so is the result.
    ///
    /// # Errors
    /// The call was not let out, and `settle` is dropped.
    fn call_tool(
        &self,
        caller: &Process,
        name: &str,
        input: String,
        settle: Settle,
    ) -> Result<u64, Refusal>;

    /// Nobody waits for a request any more. It may have been settled.
    fn abandon(&self, request: u64);

    /// What the embedder itself has made for the machine under this name, and no guest can change; it may have to be waited
    /// for. Machine code among it is run.
    fn prepared(&self, _name: &str) -> Option<Vec<u8>> {
        None
    }
}

impl fmt::Debug for dyn Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Host")
    }
}
