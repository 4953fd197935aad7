//! On whose behalf an operation runs.

use crate::abi::Pid;
use std::sync::Arc;

/// User that guests run as, unless the embedder says otherwise.
pub(crate) const USER_ID: u32 = 1000;

/// User and group identity of a process (`credentials(7)`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Real user.
    pub uid: u32,
    /// Real group.
    pub gid: u32,
    /// Effective user.
    pub euid: u32,
    /// Effective group.
    pub egid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// `CAP_DAC_OVERRIDE`, `CAP_FOWNER`, `CAP_CHOWN` and their like (`capabilities(7)`), held without being root: what
    /// it makes belongs to its own user.
    pub capable: bool,
}

impl Credentials {
    /// The superuser.
    pub fn root() -> Credentials {
        Credentials {
            uid: 0,
            gid: 0,
            euid: 0,
            egid: 0,
            groups: vec![0],
            capable: true,
        }
    }

    /// An ordinary user whose group has the same number.
    pub fn user(uid: u32) -> Credentials {
        Credentials {
            uid,
            gid: uid,
            euid: uid,
            egid: uid,
            groups: vec![uid],
            capable: false,
        }
    }

    /// The same user with root's capabilities.
    #[must_use]
    pub fn with_capabilities(self) -> Credentials {
        Credentials {
            capable: true,
            ..self
        }
    }

    /// Whether permission checks are overridden.
    pub fn privileged(&self) -> bool {
        self.euid == 0 || self.capable
    }

    /// Whether the group is the effective or a supplementary one.
    pub fn in_group(&self, gid: u32) -> bool {
        self.egid == gid || self.groups.contains(&gid)
    }
}

/// Identity that a file system sees.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Process that makes the call.
    pub pid: Pid,
    /// Its credentials.
    pub credentials: Arc<Credentials>,
}
