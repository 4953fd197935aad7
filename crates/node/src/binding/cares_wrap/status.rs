//! What queries fail with: the numbers and names of c-ares (`ares.h`), or an error of the system.

use secure_exec_kernel::Errno;

use crate::callback::{Args, Return, Scope};
use crate::js::{exception, uv};

/// A status of c-ares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status(usize);

/// Names as Node tells them, and descriptions, by number.
const STATUSES: [(&str, &str); 27] = [
    ("SUCCESS", "Successful completion"),
    ("ENODATA", "DNS server returned answer with no data"),
    ("EFORMERR", "DNS server claims query was misformatted"),
    ("ESERVFAIL", "DNS server returned general failure"),
    ("ENOTFOUND", "Domain name not found"),
    (
        "ENOTIMP",
        "DNS server does not implement requested operation",
    ),
    ("EREFUSED", "DNS server refused query"),
    ("EBADQUERY", "Misformatted DNS query"),
    ("EBADNAME", "Misformatted domain name"),
    ("EBADFAMILY", "Unsupported address family"),
    ("EBADRESP", "Misformatted DNS reply"),
    ("ECONNREFUSED", "Could not contact DNS servers"),
    ("ETIMEOUT", "Timeout while contacting DNS servers"),
    ("EOF", "End of file"),
    ("EFILE", "Error reading file"),
    ("ENOMEM", "Out of memory"),
    ("EDESTRUCTION", "Channel is being destroyed"),
    ("EBADSTR", "Misformatted string"),
    ("EBADFLAGS", "Illegal flags specified"),
    ("ENONAME", "Given hostname is not numeric"),
    ("EBADHINTS", "Illegal hints flags specified"),
    (
        "ENOTINITIALIZED",
        "c-ares library initialization not yet performed",
    ),
    ("ELOADIPHLPAPI", "Error loading iphlpapi.dll"),
    (
        "EADDRGETNETWORKPARAMS",
        "Could not find GetNetworkParams function",
    ),
    ("ECANCELLED", "DNS query cancelled"),
    ("ESERVICE", "Invalid service name or number"),
    ("ENOSERVER", "No DNS servers were configured"),
];

impl Status {
    pub const ENODATA: Status = Status(1);
    pub const EFORMERR: Status = Status(2);
    pub const ESERVFAIL: Status = Status(3);
    pub const ENOTFOUND: Status = Status(4);
    pub const ENOTIMP: Status = Status(5);
    pub const EREFUSED: Status = Status(6);
    pub const EBADNAME: Status = Status(8);
    pub const EBADRESP: Status = Status(10);
    pub const ECONNREFUSED: Status = Status(11);
    pub const ETIMEOUT: Status = Status(12);
    pub const ENOMEM: Status = Status(15);
    pub const EBADSTR: Status = Status(17);
    pub const ECANCELLED: Status = Status(24);

    /// Its name in errors of JavaScript.
    pub fn name(self) -> &'static str {
        STATUSES
            .get(self.0)
            .map_or("UNKNOWN_ARES_ERROR", |status| status.0)
    }

    /// Its number.
    pub fn number(self) -> i32 {
        i32::try_from(self.0).unwrap_or(i32::MAX)
    }
}

/// `setServers` while queries are under way; Node's own number.
pub const DNS_ESETSRVPENDING: i32 = -1000;

/// Why a query has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// c-ares would say so.
    Status(Status),
    /// The machine does not allow it: told as an error number, like those of `getaddrinfo`.
    System(Errno),
}

impl From<Status> for Failure {
    fn from(status: Status) -> Failure {
        Failure::Status(status)
    }
}

impl Failure {
    /// What `oncomplete` is called with: the name of a status, or a negative error number.
    pub fn value<'s>(self, scope: &v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        match self {
            Failure::Status(status) => exception::string(scope, status.name()).into(),
            Failure::System(errno) => v8::Integer::new(scope, uv::error(errno)).into(),
        }
    }
}

/// `strerror(number)`
pub fn strerror(scope: Scope, args: Args, mut rv: Return) {
    let Some(number) = args.get(0).int32_value(scope) else {
        return;
    };
    let text = if number == DNS_ESETSRVPENDING {
        "There are pending queries."
    } else {
        usize::try_from(number)
            .ok()
            .and_then(|number| STATUSES.get(number))
            .map_or("unknown", |status| status.1)
    };
    rv.set(exception::string(scope, text).into());
}
