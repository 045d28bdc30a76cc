//! Which addresses a message may go to: a registered address must not make the gateway talk to its
//! own network (ATTACKS A20).
//!
//! Names are resolved here and the connection goes to the very addresses that were checked, so a
//! name that changes its answer in between gains nothing. Redirects are not followed anywhere.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// An address that is refused unless the configuration allows private ones.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{host} leads to a private address, and notify.allow_private is false")]
pub struct PrivateAddress {
    /// As registered.
    pub host: String,
}

/// Resolves names, and leaves out what the configuration does not allow.
#[derive(Debug, Clone, Copy)]
pub struct Guard {
    /// Whether private addresses are allowed: a hospital's own network, a demonstration, a test.
    pub allow_private: bool,
}

impl Guard {
    /// Checks a host that is written as an address; names are checked when they are resolved.
    ///
    /// # Errors
    /// [`PrivateAddress`] when it is one and none is allowed.
    pub fn check_literal(self, host: &str) -> Result<(), PrivateAddress> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        match bare.parse::<IpAddr>() {
            Ok(address) if !self.allow_private && !is_public(address) => {
                Err(PrivateAddress { host: host.to_owned() })
            }
            _ => Ok(()),
        }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = *self;
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> =
                found.filter(|address| guard.allow_private || is_public(address.ip())).collect();
            if allowed.is_empty() {
                return Err(PrivateAddress { host }.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Whether an address belongs to the public network. IPv6 forms that carry an IPv4 address are
/// judged by it.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let reserved = matches!(
        (a, b, c),
        (0 | 240..=255, _, _)       // "this network", reserved, broadcast
            | (100, 64..=127, _)    // shared by carriers (RFC 6598)
            | (192, 0, 0 | 2)       // protocol assignments, documentation
            | (198, 18 | 19, _)     // benchmarks
            | (198, 51, 100)
            | (203, 0, 113)
    );
    !(reserved
        || address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_multicast())
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let tail = || Ipv4Addr::from((u32::from(g) << 16) | u32::from(h));
    match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0 | 0xffff) | (0x64, 0xff9b, 0, 0, 0, 0) => is_public_v4(tail()),
        (0x2002, ..) => is_public_v4(Ipv4Addr::from((u32::from(b) << 16) | u32::from(c))),
        // Only 2000::/3 is routed; in it, Teredo hides an address and 2001:db8::/32 is for books.
        (0x2001, 0 | 0xdb8, ..) => false,
        _ => a & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(host: &str, public: bool) {
        let guard = Guard { allow_private: false };
        assert_eq!(guard.check_literal(host).is_ok(), public, "{host}");
        assert_eq!(Guard { allow_private: true }.check_literal(host), Ok(()), "{host}");
    }

    #[test]
    fn addresses_of_the_own_network_are_refused() {
        let private = [
            "127.0.0.1",
            "127.255.0.9",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "[::1]",
            "[::]",
            "[fe80::1]",
            "[fc00::1]",
            "[fd12::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:10.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "[ff02::1]",
            "[2001::1]",
            "[::7f00:1]",
        ];
        private.into_iter().for_each(|host| check(host, false));
    }

    #[test]
    fn public_addresses_and_names_pass() {
        for host in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "[2606:4700::1111]", "gw.example"] {
            check(host, true);
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_home_is_refused_when_it_is_resolved() {
        let resolve = |allow_private| Guard { allow_private }.resolve("localhost".parse().unwrap());
        let refused = resolve(false).await.err().unwrap();
        assert!(refused.downcast_ref::<PrivateAddress>().is_some(), "{refused}");
        assert!(resolve(true).await.unwrap().all(|address| address.ip().is_loopback()));
    }
}
