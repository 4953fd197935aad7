//! What a VM process takes for true of directories of a mount, until it hears that something has changed there.
//!
//! It is not told by itself: it asks before it relies on a lease. Whatever has happened by then is in its answer, since the
//! system puts an event into the queue before the call returns that has made the change.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use parking_lot::Mutex;
use secure_exec_protocol::files::{BrokenLease, MOST_LEASES};

use super::{Ear, Hearer, Notifier};

/// Leases of all machines together, whatever number of watches the host's user has.
const MOST_OF_ALL: usize = 1 << 16;

/// The share of the user's watches that leases may have: others shall find some.
const SHARE: usize = 8;

/// Watches of a user if the system does not say.
const USUAL_WATCHES: usize = 8192;

/// Events of a lease that nobody has asked about, beyond which it ends: nobody needs it, and each takes a moment of the host.
const MOST_UNHEARD: u32 = 64;

/// Events after which a path may lead elsewhere, if they are about a directory. Where one is made there was nothing.
const LEADS_ELSEWHERE: u32 = libc::IN_DELETE | libc::IN_MOVED_FROM | libc::IN_MOVED_TO;

/// Events after which that of the watched directory itself may.
const IS_ELSEWHERE: u32 =
    libc::IN_DELETE_SELF | libc::IN_MOVE_SELF | libc::IN_IGNORED | libc::IN_UNMOUNT;

/// File systems whose changes are all made, and told, by this system (`linux/magic.h`): no server has others make some.
const LOCAL: [i64; 10] = [
    0xef53,      // ext2, ext3, ext4
    0x5846_5342, // xfs
    0x9123_683e, // btrfs
    0x0102_1994, // tmpfs
    0x8584_58f6, // ramfs
    0x794c_7630, // overlayfs
    0xf2f5_2010, // f2fs
    0x2fc1_2fc1, // zfs
    0xca45_1a4e, // bcachefs
    0x7371_7368, // squashfs
];

/// Leases of all machines.
static OF_ALL: AtomicUsize = AtomicUsize::new(0);

/// The leases of a mount.
pub(in crate::files) struct Leases {
    this: Weak<Leases>,
    notifier: &'static Arc<Notifier>,
    /// Descriptors of the system by the numbers that the VM process gave. Locked before the notifier's table.
    watches: Mutex<HashMap<u64, i32>>,
    /// Locked behind the notifier's table.
    broken: Mutex<Broken>,
}

#[derive(Default)]
struct Broken {
    /// Counts events.
    last: u64,
    by_number: HashMap<u64, Break>,
    /// The last event of which nobody knows what it was about.
    all: u64,
}

/// What has happened by a lease.
#[derive(Clone, Copy, Default)]
struct Break {
    /// The last event.
    last: u64,
    events: u32,
    leads_elsewhere: bool,
}

impl Leases {
    /// Leases of a mount that has none yet.
    ///
    /// # Errors
    /// - `EMFILE`: the host's user has no inotify instance left.
    pub(in crate::files) fn new() -> io::Result<Arc<Leases>> {
        let notifier = Notifier::shared()?;
        Ok(Arc::new_cyclic(|this| Leases {
            this: this.clone(),
            notifier,
            watches: Mutex::default(),
            broken: Mutex::default(),
        }))
    }

    /// Has changes to a directory, and to the files in it, noted under a number.
    ///
    /// # Errors
    /// - `ENOSPC`: there are too many already, of this mount, of all machines or of the host's user.
    /// - `EOPNOTSUPP`: the system does not hear of all changes of that file system.
    /// - `EINVAL`: the number is that of a lease already.
    pub(in crate::files) fn begin(&self, directory: BorrowedFd<'_>, number: u64) -> io::Result<()> {
        if !is_local(directory)? {
            return Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP));
        }
        let mut watches = self.watches.lock();
        if watches.contains_key(&number) {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        if watches.len() >= MOST_LEASES || OF_ALL.load(Ordering::Relaxed) >= most_of_all() {
            return Err(io::Error::from_raw_os_error(libc::ENOSPC));
        }
        let ear = Ear {
            hearer: self.hearer(),
            number,
        };
        let watch = self.notifier.add(directory, ear)?;
        watches.insert(number, watch);
        OF_ALL.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Ends leases; a number that has none is no matter.
    pub(in crate::files) fn end(&self, numbers: &[u64]) {
        let mut watches = self.watches.lock();
        for number in numbers {
            if let Some(watch) = watches.remove(number) {
                self.notifier.remove(watch, &self.hearer(), *number);
                OF_ALL.fetch_sub(1, Ordering::Relaxed);
            }
        }
        let mut broken = self.broken.lock();
        for number in numbers {
            broken.by_number.remove(number);
        }
    }

    /// What has been broken up to now, after what was heard of before, and a number for what has been heard then.
    pub(in crate::files) fn hear(&self, heard: u64) -> (u64, Vec<BrokenLease>) {
        self.notifier.tell_all();
        // In the order in which both are locked.
        let watches = self.watches.lock();
        let mut broken = self.broken.lock();
        broken.by_number.retain(|_, event| event.last > heard);
        for event in broken.by_number.values_mut() {
            event.events = 0;
        }
        let all = broken.all > heard;
        let of = |(number, event): (&u64, &Break)| BrokenLease {
            number: *number,
            leads_elsewhere: event.leads_elsewhere,
        };
        let told = if all {
            let of_all = |number: &u64| BrokenLease {
                number: *number,
                leads_elsewhere: true,
            };
            watches.keys().map(of_all).collect()
        } else {
            broken.by_number.iter().map(of).collect()
        };
        (broken.last, told)
    }

    /// Something has happened by a lease. False if nothing more is to be noted of it.
    pub(super) fn breaks(&self, number: u64, mask: u32) -> bool {
        let mut broken = self.broken.lock();
        broken.last += 1;
        let last = broken.last;
        let event = broken.by_number.entry(number).or_default();
        event.last = last;
        event.events += 1;
        let of_directory = mask & libc::IN_ISDIR != 0 && mask & LEADS_ELSEWHERE != 0;
        event.leads_elsewhere |=
            of_directory || mask & IS_ELSEWHERE != 0 || event.events > MOST_UNHEARD;
        !event.leads_elsewhere
    }

    /// More has happened than the system tells.
    pub(super) fn breaks_all(&self) {
        let mut broken = self.broken.lock();
        broken.last += 1;
        broken.all = broken.last;
    }

    fn hearer(&self) -> Hearer {
        Hearer::Leases(self.this.clone())
    }
}

impl Drop for Leases {
    fn drop(&mut self) {
        let watches = std::mem::take(self.watches.get_mut());
        OF_ALL.fetch_sub(watches.len(), Ordering::Relaxed);
        for (number, watch) in watches {
            self.notifier.remove(watch, &self.hearer(), number);
        }
    }
}

/// Leases that all machines may have: a share of the watches that the host's user may.
fn most_of_all() -> usize {
    static MOST: OnceLock<usize> = OnceLock::new();
    *MOST.get_or_init(|| {
        let text = std::fs::read_to_string("/proc/sys/fs/inotify/max_user_watches");
        let watches = text.ok().and_then(|text| text.trim().parse().ok());
        (watches.unwrap_or(USUAL_WATCHES) / SHARE).min(MOST_OF_ALL)
    })
}

fn is_local(directory: BorrowedFd<'_>) -> io::Result<bool> {
    // SAFETY: zeroes are a valid structure.
    let mut found: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: the structure is valid for the call.
    if unsafe { libc::fstatfs(directory.as_raw_fd(), &raw mut found) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(LOCAL.contains(&found.f_type))
}
