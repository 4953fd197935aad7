//! Connections of guests to ports of the host's loopback that the embedder has been asked for.

use std::collections::{HashMap, HashSet};

use secure_exec_protocol::VmConfig;

/// Those of one VM. The embedder knows them by numbers of ours, which are never used twice.
#[derive(Debug, Default)]
pub(crate) struct Outbound {
    /// The VM's number, by ours.
    by_number: HashMap<u64, u64>,
    asked: HashSet<u64>,
    last: u64,
}

impl Outbound {
    /// Begins one and gives it a number.
    ///
    /// # Errors
    /// The rule that the request breaks. A VM that keeps its own limits breaks none.
    pub(crate) fn begin(
        &mut self,
        id: u64,
        port: u16,
        config: &VmConfig,
    ) -> Result<u64, &'static str> {
        if !config.outbound_ports.contains(&port) {
            return Err("a connection to a port of the host that was not given");
        }
        if self.asked.len() as u64 >= config.limits.max_connections {
            return Err("more connections to the host than limits.resources.maxConnections");
        }
        if !self.asked.insert(id) {
            return Err("a connection to the host has the number of one that waits");
        }
        self.last += 1;
        self.by_number.insert(self.last, id);
        Ok(self.last)
    }

    /// The embedder answers: the VM's number, if it waits for that answer.
    pub(crate) fn end(&mut self, number: u64) -> Option<u64> {
        let id = self.by_number.remove(&number)?;
        self.asked.remove(&id);
        Some(id)
    }

    /// The process is gone: nobody waits.
    pub(crate) fn forget(&mut self) {
        *self = Outbound {
            last: self.last,
            ..Outbound::default()
        };
    }
}

#[cfg(test)]
mod tests {
    use secure_exec_protocol::VmLimits;

    use super::*;

    #[test]
    fn only_ports_that_were_given_and_as_many_as_there_may_be_connections() {
        let config = VmConfig {
            outbound_ports: vec![80, 81],
            limits: VmLimits {
                max_connections: 2,
                ..VmLimits::default()
            },
            ..VmConfig::default()
        };
        let mut outbound = Outbound::default();
        assert!(outbound.begin(7, 82, &config).is_err());
        assert_eq!(outbound.begin(7, 80, &config), Ok(1));
        assert!(
            outbound.begin(7, 81, &config).is_err(),
            "the number is taken"
        );
        assert_eq!(outbound.begin(8, 81, &config), Ok(2));
        assert!(outbound.begin(9, 80, &config).is_err(), "too many");
        assert_eq!(outbound.end(1), Some(7));
        assert_eq!(outbound.end(1), None);
        assert_eq!(outbound.begin(7, 80, &config), Ok(3));
        outbound.forget();
        assert_eq!(outbound.end(3), None);
        assert_eq!(outbound.begin(1, 80, &config), Ok(4));
    }
}
