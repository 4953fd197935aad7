//! What a machine says to the host.

use secure_exec_protocol::{CallId, VmMessage};

/// Messages with their calls, in order.
#[derive(Debug, Default)]
pub(crate) struct Outbox(Vec<(CallId, VmMessage)>);

impl Outbox {
    pub(crate) fn push(&mut self, call: CallId, message: VmMessage) {
        self.0.push((call, message));
    }

    pub(crate) fn extend(&mut self, call: CallId, messages: Vec<VmMessage>) {
        let messages = messages.into_iter().map(|message| (call, message));
        self.0.extend(messages);
    }
}

impl IntoIterator for Outbox {
    type Item = (CallId, VmMessage);
    type IntoIter = std::vec::IntoIter<(CallId, VmMessage)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
