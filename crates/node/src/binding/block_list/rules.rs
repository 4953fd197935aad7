//! The rules of a block list.

use std::collections::VecDeque;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// One rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rule {
    /// One address.
    Address(IpAddr),
    /// All addresses from the first to the second, both included.
    Range(IpAddr, IpAddr),
    /// All addresses that share the first so many bits.
    Subnet(IpAddr, u32),
}

/// The address that an IPv4-mapped IPv6 address stands for.
fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

fn family(address: IpAddr) -> &'static str {
    if address.is_ipv4() { "IPv4" } else { "IPv6" }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rule::Address(address) => write!(f, "Address: {} {address}", family(*address)),
            Rule::Range(start, end) => write!(f, "Range: {} {start}-{end}", family(*start)),
            Rule::Subnet(network, prefix) => {
                write!(f, "Subnet: {} {network}/{prefix}", family(*network))
            }
        }
    }
}

impl Rule {
    fn matches(&self, address: IpAddr) -> bool {
        match *self {
            Rule::Address(known) => canonical(known) == canonical(address),
            Rule::Range(start, end) => {
                let (start, end, address) = (canonical(start), canonical(end), canonical(address));
                start.is_ipv4() == address.is_ipv4() && end.is_ipv4() == address.is_ipv4() && {
                    start <= address && address <= end
                }
            }
            Rule::Subnet(network, prefix) => {
                let prefix = if network.is_ipv4() {
                    prefix.saturating_add(96)
                } else {
                    prefix
                };
                let mask = u128::MAX
                    .checked_shl(128_u32.saturating_sub(prefix))
                    .unwrap_or(0);
                (mapped(network).to_bits() ^ mapped(address).to_bits()) & mask == 0
            }
        }
    }

    /// Whether the two rules name the same addresses in the same way.
    fn same(&self, other: &Rule) -> bool {
        match (*self, *other) {
            (Rule::Address(a), Rule::Address(b)) => canonical(a) == canonical(b),
            _ => self == other,
        }
    }
}

/// Rules, the newest first.
#[derive(Default)]
pub struct Rules(VecDeque<Rule>);

impl Rules {
    /// Adds a rule; an address that is there already moves to the front.
    pub fn add(&mut self, rule: Rule) {
        if matches!(rule, Rule::Address(_)) {
            self.remove(&rule);
        }
        self.0.push_front(rule);
    }

    /// Takes a rule out.
    pub fn remove(&mut self, rule: &Rule) {
        self.0.retain(|known| !known.same(rule));
    }

    /// Takes all rules out.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether a rule matches.
    pub fn blocks(&self, address: IpAddr) -> bool {
        self.0.iter().any(|rule| rule.matches(address))
    }

    /// The rules in words.
    pub fn list(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{Rule, Rules};

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn mapped_addresses_count_as_ipv4() {
        let mut rules = Rules::default();
        rules.add(Rule::Subnet(ip("10.0.0.0"), 8));
        rules.add(Rule::Range(ip("1.1.1.1"), ip("1.1.1.9")));
        assert!(rules.blocks(ip("::ffff:10.1.1.1")) && rules.blocks(ip("::ffff:1.1.1.5")));
        assert!(!rules.blocks(ip("11.1.1.1")) && !rules.blocks(ip("::1.1.1.5")));
    }

    #[test]
    fn ipv6_subnet_and_its_words() {
        let mut rules = Rules::default();
        rules.add(Rule::Subnet(ip("fe80::"), 64));
        assert!(rules.blocks(ip("fe80::1")) && !rules.blocks(ip("fe80:0:0:1::1")));
        assert_eq!(rules.list(), ["Subnet: IPv6 fe80::/64"]);
    }

    #[test]
    fn adding_an_address_again_moves_it_to_the_front() {
        let mut rules = Rules::default();
        rules.add(Rule::Address(ip("1.2.3.4")));
        rules.add(Rule::Address(ip("::1")));
        rules.add(Rule::Address(ip("::ffff:1.2.3.4")));
        assert_eq!(
            rules.list(),
            ["Address: IPv6 ::ffff:1.2.3.4", "Address: IPv6 ::1"]
        );
    }
}
