//! Random scripts over a few sockets and names, so that operations meet each other's results.

use super::fuzz::Random;

/// Scripts per run.
pub const SEEDS: u64 = 500;
/// Operations per script.
const LENGTH: usize = 60;

const SOCKETS: &[&str] = &["a", "b", "c", "d", "e"];
const TEXTS: &[&str] = &["x", "hello", "''", "#300"];
const COUNTS: &[&str] = &["0", "1", "3", "1000"];
const RECEIVE: &[&str] = &["0", "0", "peek", "trunc", "peek,trunc", "dontwait"];
const OPTIONS: &[&str] = &["type", "error", "acceptconn", "reuseaddr", "sndbuf"];

/// A path, or a name in the namespace that all processes of the host share.
fn name(random: &mut Random) -> String {
    match random.below(4) {
        0 => format!("@secure-exec-{}-{}", std::process::id(), random.below(2)),
        1 => "p".to_owned(),
        _ => "q".to_owned(),
    }
}

/// A script of operations on sockets.
pub fn script(seed: u64) -> Vec<String> {
    let random = &mut Random(seed);
    let mut lines = Vec::new();
    for _ in 0..LENGTH {
        let socket = random.of(SOCKETS);
        let line = match random.below(24) {
            0..=2 => {
                lines.push(format!("close {socket}"));
                let what = random.of(&["dgram {}", "socket {} nonblock"]);
                what.replace("{}", socket)
            }
            3 => {
                let other = random.of(SOCKETS);
                lines.push(format!("close {socket}"));
                lines.push(format!("close {other}"));
                if other == socket {
                    continue;
                }
                let what = random.of(&["dgram-pair {}", "socketpair {} nonblock"]);
                what.replace("{}", &format!("{socket} {other}"))
            }
            4 | 5 => format!("bind {socket} {}", name(random)),
            6 | 7 => format!("listen {socket} {}", random.below(3)),
            8..=10 => format!("connect {socket} {}", name(random)),
            11 => format!("connect {socket} unspec"),
            12 => {
                let from = random.of(SOCKETS);
                if from == socket {
                    continue;
                }
                lines.push(format!("close {socket}"));
                format!("accept {socket} {from} nonblock")
            }
            13 => format!("shutdown {socket} {}", random.below(3)),
            14 => format!("write {socket} {}", random.of(TEXTS)),
            15 => format!("read {socket} {}", random.of(COUNTS)),
            16 | 17 => {
                let to = if random.below(2) == 0 {
                    "-".to_owned()
                } else {
                    name(random)
                };
                format!("sendto {socket} {} 0 {to}", random.of(TEXTS))
            }
            18 | 19 => {
                let (count, flags) = (random.of(COUNTS), random.of(RECEIVE));
                format!("recvfrom {socket} {count} {flags}")
            }
            20 => format!("getpeername {socket}"),
            21 => format!("getsockname {socket}"),
            22 => format!("getsockopt {socket} {}", random.of(OPTIONS)),
            _ => "unlink p".to_owned(),
        };
        lines.push(line);
        lines.push(format!("poll {socket} 8197"));
    }
    lines
}
