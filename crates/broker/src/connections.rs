//! Connections of the embedder to listeners, on their way to a VM process.

use secure_exec_protocol::{Answer, CallId, Endpoint, HostMessage};

use crate::call::Call;
use crate::connection::ConnectionCall;
use crate::core::{Core, Origin, VmKey};
use crate::timer::Due;
use crate::vm::Queued;

impl Core {
    /// Connects to a listener, or answers a guest that connects to the host. Of that nobody hears who does not wait any
    /// more: number 0 is nobody's.
    pub(crate) fn connect(&mut self, vm_key: VmKey, call: CallId, endpoint: Endpoint) {
        let endpoint = match endpoint {
            Endpoint::Outbound(number) => {
                let vm = self.vms.get_mut(&vm_key);
                Endpoint::Outbound(vm.and_then(|vm| vm.outbound.end(number)).unwrap_or(0))
            }
            endpoint => endpoint,
        };
        let kind = Call::Connection(Box::default());
        self.submit(vm_key, call, Some(kind), HostMessage::Connect(endpoint));
    }

    /// The embedder does not make a connection that a guest wants.
    pub(crate) fn refuse(&mut self, vm_key: VmKey, number: u64) {
        let Some(vm) = self.vms.get_mut(&vm_key).filter(|vm| !vm.defers()) else {
            return;
        };
        if let Some(id) = vm.outbound.end(number) {
            let answer = Answer::Refused;
            let message = HostMessage::Answer { id, answer };
            self.tell(vm_key, 0, message, Origin::Embedder);
        }
    }

    /// Lets go of a connection, which is settled by that. One that was not sent yet is not made.
    pub(crate) fn disconnect(&mut self, vm_key: VmKey, call: CallId, reset: bool) {
        let Some(vm) = self.vms.get_mut(&vm_key) else {
            return;
        };
        let is_its = |queued: &Queued| {
            queued.call == call && matches!(queued.kind, Some(Call::Connection(_)))
        };
        if vm.queue.iter().any(is_its) {
            vm.queue.retain(|queued| queued.call != call);
        } else {
            self.notify(vm_key, call, HostMessage::Disconnect { reset });
        }
    }

    /// Sends something about a connection. One that the embedder lets go of must end soon.
    pub(crate) fn tell_connection(&mut self, vm_key: VmKey, call: CallId, message: HostMessage) {
        let Some(connection) = self.connection_mut(vm_key, call) else {
            return;
        };
        if connection.over {
            return;
        }
        match &message {
            HostMessage::Input { stream, data, end } => {
                connection.input(*stream, data.len(), *end);
            }
            HostMessage::Disconnect { .. } => {
                connection.over = true;
                let patience = self.wait_for(Due::Closing { vm: vm_key, call });
                if let Some(connection) = self.connection_mut(vm_key, call) {
                    connection.closing = Some(patience);
                }
            }
            // Of a program.
            _ => return,
        }
        self.tell(vm_key, call, message, Origin::Embedder);
    }

    /// A connection that the embedder let go of has not ended. A busy process gets more time.
    pub(crate) fn not_closed(&mut self, vm_key: VmKey, call: CallId) {
        let Some(place) = self.vms.get(&vm_key).and_then(|vm| vm.place) else {
            return;
        };
        let Some(connection) = self.connection_mut(vm_key, call) else {
            return;
        };
        let Some(patience) = connection.closing.take() else {
            return;
        };
        let due = Due::Closing { vm: vm_key, call };
        let Some(longer) = self.wait_longer(place.process, patience, due) else {
            return self.fault(place.process, "it did not close a connection");
        };
        if let Some(connection) = self.connection_mut(vm_key, call) {
            connection.closing = Some(longer);
        }
    }

    /// A connection that its VM process has been told to make, and whose end has not been told.
    pub(crate) fn connection_mut(
        &mut self,
        vm_key: VmKey,
        call: CallId,
    ) -> Option<&mut ConnectionCall> {
        match self.vms.get_mut(&vm_key)?.calls.get_mut(&call)? {
            Call::Connection(connection) => Some(connection),
            _ => None,
        }
    }
}
