//! The order in which the addresses of a name are tried.

use std::net::SocketAddr;

/// How many addresses of one name are tried: more would be a name that is used to make us knock at many doors.
const MOST: usize = 8;

/// Returns the addresses with their families alternating, beginning with the family of the first (RFC 8305, section 4). Within a
/// family the order stays as the resolver gave it (RFC 6724). At most eight are returned, each once.
pub(crate) fn interleave(resolved: impl IntoIterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in resolved {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    let Some(first) = addresses.first().map(SocketAddr::is_ipv6) else { return addresses };
    let (preferred, other): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|address| address.is_ipv6() == first);
    let (mut preferred, mut other) = (preferred.into_iter(), other.into_iter());
    let mut ordered = Vec::new();
    while ordered.len() < MOST {
        let pair = [preferred.next(), other.next()];
        if pair.iter().all(Option::is_none) {
            break;
        }
        ordered.extend(pair.into_iter().flatten());
    }
    ordered.truncate(MOST);
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(list: &[&str]) -> Vec<SocketAddr> {
        list.iter().map(|address| address.parse().unwrap()).collect()
    }

    #[test]
    fn families_alternate_beginning_with_the_first() {
        let resolved = ["[::1]:1", "[::2]:1", "[::3]:1", "10.0.0.1:1", "10.0.0.2:1"];
        let expected = ["[::1]:1", "10.0.0.1:1", "[::2]:1", "10.0.0.2:1", "[::3]:1"];
        assert_eq!(interleave(addresses(&resolved)), addresses(&expected));
        let resolved = ["10.0.0.1:1", "[::1]:1", "10.0.0.2:1"];
        assert_eq!(interleave(addresses(&resolved)), addresses(&resolved));
    }

    #[test]
    fn many_addresses_are_cut_and_the_other_family_keeps_its_place() {
        let mut resolved: Vec<SocketAddr> = (1..100).map(|n| format!("[fd00::{n}]:1").parse().unwrap()).collect();
        resolved.push("10.0.0.1:1".parse().unwrap());
        let ordered = interleave(resolved);
        assert_eq!((ordered.len(), ordered[1]), (MOST, "10.0.0.1:1".parse().unwrap()));
    }

    #[test]
    fn an_address_that_is_named_twice_is_tried_once() {
        assert_eq!(interleave(addresses(&["10.0.0.1:1", "10.0.0.1:1"])).len(), 1);
        assert!(interleave([]).is_empty());
    }
}
