//! What is taken for true until a change is told.

use super::*;

/// The leases that were given.
#[derive(Default)]
pub(super) struct Given {
    by_number: BTreeMap<u64, Vec<u8>>,
    /// With what was counted then.
    broken: Vec<(u64, HostBrokenLease)>,
    count: u64,
    /// They do not hold.
    are_refused: bool,
}

impl Played {
    pub(super) fn give(&self, path: &[u8], leases: &[HostLease]) -> Result<HostLeased> {
        let holds = {
            let mut given = self.leases.lock();
            let given = given.as_mut().ok_or(Errno::ENOSYS)?;
            for lease in leases {
                let of = path[..lease.length].to_vec();
                assert!(given.by_number.insert(lease.number, of).is_none());
            }
            !given.are_refused
        };
        let (ino, node) = self.find(path)?;
        Ok(HostLeased {
            attributes: attributes(ino, &node),
            listing: self.read_dir(path, 0)?,
            holds,
        })
    }

    pub(super) fn tell_broken(&self, heard: u64, ended: &[u64]) -> Result<HostBroken> {
        let mut given = self.leases.lock();
        let given = given.as_mut().ok_or(Errno::ENOSYS)?;
        self.note("changes", b"")?;
        for number in ended {
            given.by_number.remove(number);
        }
        let broken = given.broken.iter().filter(|(count, _)| *count > heard);
        Ok(HostBroken {
            last: given.count,
            broken: broken.map(|(_, lease)| *lease).collect(),
        })
    }

    /// Something happens in a directory, or to the directories there.
    fn breaks(&self, path: &str, leads_elsewhere: bool) {
        let mut given = self.leases.lock();
        let given = given.as_mut().unwrap();
        given.count += 1;
        let of = |(_, of): &(&u64, &Vec<u8>)| *of == path.as_bytes();
        for (number, _) in given.by_number.iter().filter(of) {
            let lease = HostBrokenLease {
                number: *number,
                leads_elsewhere,
            };
            given.broken.push((given.count, lease));
        }
    }

    fn leased(&self) -> Vec<String> {
        let given = self.leases.lock();
        let paths = given.as_ref().unwrap().by_number.values();
        paths
            .map(|path| String::from_utf8_lossy(path).into_owned())
            .collect()
    }

    /// A program starts, or the host has answered.
    fn renews(&self) {
        self.generation.fetch_add(1, Ordering::Relaxed);
    }
}

const CHANGES: &str = "changes ";

/// A machine with leases, in which `d/e` was listed.
fn leased() -> (Arc<Played>, Arc<Process>, Arc<Kernel>) {
    let tree = [
        ("d", Node::Directory),
        ("d/e", Node::Directory),
        ("d/e/a", file("one")),
        ("d/e/link", Node::Link(b"a".to_vec())),
        ("d/f", Node::Directory),
    ];
    let (played, user, kernel) = mounted(&tree, MountFlags::MS_RDONLY);
    *played.leases.lock() = Some(Given::default());
    for path in ["/mnt", "/mnt/d", "/mnt/d/e"] {
        user.read_dir(path.as_bytes()).unwrap();
    }
    all_is_there(&user);
    played.asked();
    (played, user, kernel)
}

fn all_is_there(user: &Arc<Process>) {
    assert_eq!(text(user, "/mnt/d/e/link").unwrap(), "one");
    assert_eq!(user.stat(b"/mnt/d/e/b").err(), Some(Errno::ENOENT));
    assert!(user.stat(b"/mnt/d/e").is_ok());
    assert_eq!(user.read_dir(b"/mnt/d/e").unwrap().len(), 2);
}

#[test]
fn what_is_leased_is_true_until_a_change_is_told() {
    let (played, user, _kernel) = leased();
    assert_eq!(played.leased(), ["", "d", "d/e"]);
    all_is_there(&user);
    assert_eq!(played.asked(), [""; 0]);
    for _ in 0..2 {
        played.renews();
        all_is_there(&user);
        assert_eq!(played.asked(), [CHANGES]);
        *played.clock.lock() += Duration::from_millis(200);
        all_is_there(&user);
        assert_eq!(played.asked(), [CHANGES]);
    }
    played.put("d/e/a", file("other"));
    played.breaks("d/e", false);
    assert_eq!(text(&user, "/mnt/d/e/a").unwrap(), "one", "within a moment");
    played.renews();
    assert_eq!(text(&user, "/mnt/d/e/a").unwrap(), "other");
    assert_eq!(played.asked(), [CHANGES, "list d/e", "read d/e/a"]);
    played.renews();
    assert_eq!(text(&user, "/mnt/d/e/link").unwrap(), "other");
    assert_eq!(played.asked(), [CHANGES, "readlink d/e/link"]);
}

#[test]
fn a_directory_in_the_place_of_one_is_seen_with_what_is_in_it() {
    let (played, user, _kernel) = leased();
    played.rename(b"d", b"old", RenameFlags::empty()).unwrap();
    for (path, node) in [
        ("d", Node::Directory),
        ("d/e", Node::Directory),
        ("d/e/b", file("b")),
    ] {
        played.put(path, node);
    }
    played.breaks("", true);
    played.renews();
    assert_eq!(text(&user, "/mnt/d/e/b").unwrap(), "b");
    assert_eq!(user.stat(b"/mnt/d/e/a").err(), Some(Errno::ENOENT));
    assert_eq!(text(&user, "/mnt/old/e/a").unwrap(), "one");
    played.renews();
    user.read_dir(b"/mnt").unwrap();
    // Those of before have ended.
    let leased = played.leased();
    let count = leased.iter().filter(|path| *path == "d").count();
    assert_eq!(count, 1, "{leased:?}");
}

#[test]
fn a_directory_has_the_attributes_that_it_has() {
    let (played, user, _kernel) = leased();
    let ino = user.stat(b"/mnt/d/f").unwrap().ino;
    played.renews();
    // What is made in it tells nobody who has listed the one above.
    assert_eq!(user.stat(b"/mnt/d/f").unwrap().ino, ino);
    assert_eq!(played.asked(), [CHANGES, "stat d/f"]);
}

#[test]
fn a_file_that_has_another_name_is_not_relied_on() {
    let (played, user, _kernel) = leased();
    played.put("d/f/linked", Node::Linked);
    played.breaks("d/f", false);
    user.read_dir(b"/mnt/d/f").unwrap();
    assert!(user.stat(b"/mnt/d/f/linked").is_ok());
    played.asked();
    played.renews();
    assert!(user.stat(b"/mnt/d/f/linked").is_ok());
    assert_eq!(played.asked(), [CHANGES, "list d/f"]);
}

#[test]
fn a_lease_is_not_relied_on_for_ever() {
    let (played, user, _kernel) = leased();
    *played.clock.lock() += Duration::from_secs(10);
    assert!(user.stat(b"/mnt/d/e/a").is_ok());
    let asked = played.asked();
    assert!(asked.contains(&"list d/e".to_owned()), "{asked:?}");
}

#[test]
fn where_leases_do_not_hold_or_nobody_answers_all_is_asked_for() {
    for refused in [true, false] {
        let (played, user, _kernel) = leased();
        if refused {
            played.leases.lock().as_mut().unwrap().are_refused = true;
            played.breaks("", true);
        } else {
            *played.leases.lock() = None;
        }
        for _ in 0..2 {
            played.renews();
            all_is_there(&user);
            let asked = played.asked();
            assert!(asked.contains(&"list d/e".to_owned()), "{asked:?}");
        }
    }
}
