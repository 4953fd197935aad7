//! The machine's own files about names: `/etc/hosts` (`hosts(5)`), `/etc/services` (`services(5)`) and `/etc/resolv.conf`
//! (`resolv.conf(5)`), read anew for each question, for they are the guest's to change.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use secure_exec_kernel::Process;

use crate::process::passwd::read_file;

/// Lines of a file, without their comments.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(|line| line.split(['#', ';']).next().unwrap_or_default())
}

fn text(process: &Arc<Process>, path: &[u8]) -> String {
    String::from_utf8_lossy(&read_file(process, path)).into_owned()
}

/// Lines of `/etc/hosts`: an address, and its names with the canonical one first.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Hosts {
    lines: Vec<(IpAddr, Vec<String>)>,
}

impl Hosts {
    /// Those of the machine.
    pub fn of(process: &Arc<Process>) -> Hosts {
        Hosts::parse(&text(process, b"/etc/hosts"))
    }

    pub fn parse(text: &str) -> Hosts {
        let line = |line: &str| {
            let mut fields = line.split_ascii_whitespace();
            let ip = super::address(fields.next()?)?;
            let names: Vec<String> = fields.map(str::to_owned).collect();
            (!names.is_empty()).then_some((ip, names))
        };
        Hosts {
            lines: text
                .lines()
                .map(|line| line.split('#').next().unwrap_or_default())
                .filter_map(line)
                .collect(),
        }
    }

    /// The addresses of a name, in the file's order.
    pub fn addresses(&self, name: &str) -> Vec<IpAddr> {
        let has_name =
            |names: &[String]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
        let mut found = Vec::new();
        for (ip, names) in &self.lines {
            if has_name(names) && !found.contains(ip) {
                found.push(*ip);
            }
        }
        found
    }

    /// The canonical name of an address.
    pub fn name(&self, ip: IpAddr) -> Option<&str> {
        let line = self.lines.iter().find(|(known, _)| *known == ip)?;
        line.1.first().map(String::as_str)
    }

    /// The names of an address without the canonical one, as c-ares tells them: lines that share an address or a name are
    /// one entry. `None` where no line has the address.
    pub fn aliases(&self, ip: IpAddr) -> Option<Vec<String>> {
        let mut entries: Vec<(Vec<IpAddr>, Vec<&String>)> = Vec::new();
        for (ip, names) in &self.lines {
            let same = |known: &&String| names.iter().any(|name| name.eq_ignore_ascii_case(known));
            let at = entries
                .iter()
                .position(|(ips, _)| ips.contains(ip))
                .or_else(|| entries.iter().position(|(_, known)| known.iter().any(same)));
            match at {
                Some(at) => {
                    let (ips, known) = &mut entries[at];
                    if !ips.contains(ip) {
                        ips.push(*ip);
                    }
                    for name in names {
                        if !known.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                            known.push(name);
                        }
                    }
                }
                None => entries.push((vec![*ip], names.iter().collect())),
            }
        }
        let (_, names) = entries.into_iter().find(|(ips, _)| ips.contains(&ip))?;
        Some(names.into_iter().skip(1).cloned().collect())
    }
}

/// Addresses of a name that is the machine's own by definition: `localhost` and all below it.
pub fn is_localhost(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    last.eq_ignore_ascii_case("localhost")
}

/// Both of the machine's addresses, in the order of RFC 6724.
pub const LOOPBACK: [IpAddr; 2] = [
    IpAddr::V6(Ipv6Addr::LOCALHOST),
    IpAddr::V4(Ipv4Addr::LOCALHOST),
];

/// Name of the service of TCP on a port.
pub fn service(process: &Arc<Process>, port: u16) -> Option<String> {
    let text = text(process, b"/etc/services");
    let wanted = format!("{port}/tcp");
    lines(&text).find_map(|line| {
        let mut fields = line.split_ascii_whitespace();
        let name = fields.next()?;
        (fields.next()? == wanted).then(|| name.to_owned())
    })
}

/// The servers that `/etc/resolv.conf` names; c-ares takes the machine itself where it names none.
pub fn name_servers(process: &Arc<Process>) -> Vec<IpAddr> {
    /// Longer lists are cut.
    const MOST: usize = 16;
    let text = text(process, b"/etc/resolv.conf");
    let mut servers: Vec<IpAddr> = Vec::new();
    for line in lines(&text) {
        let mut fields = line.split_ascii_whitespace();
        if fields.next() == Some("nameserver")
            && let Some(ip) = fields.next().and_then(super::address)
            && !servers.contains(&ip)
            && servers.len() < MOST
        {
            servers.push(ip);
        }
    }
    if servers.is_empty() {
        servers.push(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    servers
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "127.0.0.1\tlocalhost\n::1 localhost ip6-localhost ip6-loopback\n\
        127.0.1.1 machine\n# none\n10.0.0.1 ten # a comment\n10.0.0.2 TEN.Example two\nnonsense\n\
        127.0.0.3 multi\n127.0.0.4 multi\n127.0.0.3 multi\n";

    fn ips(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn names_have_all_their_addresses_whatever_their_case() {
        let hosts = Hosts::parse(TEXT);
        assert_eq!(hosts.addresses("LOCALHOST"), ips(&["127.0.0.1", "::1"]));
        assert_eq!(hosts.addresses("ten.example"), ips(&["10.0.0.2"]));
        assert_eq!(hosts.addresses("multi"), ips(&["127.0.0.3", "127.0.0.4"]));
        assert_eq!(hosts.addresses("none"), ips(&[]));
        assert_eq!(hosts.addresses("a"), ips(&[]));
    }

    #[test]
    fn addresses_have_their_first_name_and_aliases() {
        let hosts = Hosts::parse(TEXT);
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(hosts.name(ip("::1")), Some("localhost"));
        assert_eq!(hosts.name(ip("10.0.0.2")), Some("TEN.Example"));
        assert_eq!(hosts.name(ip("10.0.0.9")), None);
        // As host Node.js has it with these lines.
        let both = vec!["ip6-localhost".to_owned(), "ip6-loopback".to_owned()];
        assert_eq!(hosts.aliases(ip("127.0.0.1")), Some(both.clone()));
        assert_eq!(hosts.aliases(ip("::1")), Some(both));
        assert_eq!(hosts.aliases(ip("127.0.1.1")), Some(Vec::new()));
        assert_eq!(hosts.aliases(ip("10.0.0.9")), None);
    }

    #[test]
    fn localhost_is_a_whole_domain() {
        assert!(is_localhost("localhost") && is_localhost("App.LocalHost"));
        assert!(!is_localhost("localhost.example") && !is_localhost("notlocalhost"));
    }
}
