//! The address of an HBA rule and how far it reaches.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The clients that a rule's address matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    /// No address: a Unix-domain socket.
    None,
    /// The keyword `all`.
    All,
    /// A network: its first address as bits, the length of its prefix, and whether it is IPv4.
    Network { first: u128, prefix: u32, v4: bool },
    /// An address with a mask that is not a prefix: what it matches is no network.
    Scattered { mask_prefix: u32, first: u128, v4: bool },
    /// The keyword `samehost`: the server's own addresses.
    SameHost,
    /// The keyword `samenet`: the networks that the server is directly attached to.
    SameNet,
    /// A host name, looked up at each connection.
    HostName(String),
    /// A domain with everything below it.
    DomainSuffix(String),
}

impl Address {
    /// From the columns `address` and `netmask` of `pg_hba_file_rules`.
    pub(super) fn parse(address: Option<&str>, netmask: Option<&str>) -> Self {
        let Some(address) = address else { return Self::None };
        match address {
            "all" => return Self::All,
            "samehost" => return Self::SameHost,
            "samenet" => return Self::SameNet,
            _ => {}
        }
        // A link-local address may carry a zone, which does not change how far it reaches.
        let bare = address.split('%').next().unwrap_or(address);
        let Ok(ip) = bare.parse::<IpAddr>() else {
            return match address.strip_prefix('.') {
                Some(_) => Self::DomainSuffix(address.to_lowercase()),
                None => Self::HostName(address.to_lowercase()),
            };
        };
        let (first, width, v4) = bits(ip);
        let mask = netmask
            .and_then(|mask| mask.split('%').next()?.parse::<IpAddr>().ok())
            .map_or_else(|| all_ones(width), |mask| bits(mask).0);
        let mask_prefix = leading_ones(mask, width);
        if mask == prefix_mask(mask_prefix, width) {
            Self::Network {
                first: first & mask,
                prefix: mask_prefix,
                v4,
            }
        } else {
            Self::Scattered {
                mask_prefix,
                first,
                v4,
            }
        }
    }

    /// What kind of address it is.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::All => "all",
            Self::Network { .. } | Self::Scattered { .. } => "network",
            Self::SameHost => "samehost",
            Self::SameNet => "samenet",
            Self::HostName(_) => "host-name",
            Self::DomainSuffix(_) => "domain-suffix",
        }
    }

    /// How far it reaches. `samenet` is limited to directly attached networks, hence private; what a host name stands
    /// for is decided elsewhere, hence unknown.
    pub(super) fn reach(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::All => "any",
            Self::SameHost => "loopback",
            Self::SameNet => "private",
            Self::HostName(name) if name == "localhost" => "loopback",
            Self::HostName(_) | Self::DomainSuffix(_) => "unknown",
            Self::Network { first, prefix, v4 } => network_reach(*first, *prefix, *v4),
            Self::Scattered {
                mask_prefix,
                first,
                v4,
            } => {
                let width = if *v4 { 32 } else { 128 };
                network_reach(first & prefix_mask(*mask_prefix, width), *mask_prefix, *v4)
            }
        }
    }

    /// Whether every client that `other` matches is surely matched by this one too.
    pub(super) fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::None, other) => *other == Self::None,
            (_, Self::None) => false,
            (Self::All, _) => true,
            (
                Self::Network { first, prefix, v4 },
                Self::Network {
                    first: inner,
                    prefix: longer,
                    v4: same,
                },
            ) => {
                let width = if *v4 { 32 } else { 128 };
                v4 == same && prefix <= longer && inner & prefix_mask(*prefix, width) == *first
            }
            (left, right) => left == right,
        }
    }
}

fn bits(ip: IpAddr) -> (u128, u32, bool) {
    match ip {
        IpAddr::V4(ip) => (u128::from(u32::from(ip)), 32, true),
        IpAddr::V6(ip) => (u128::from(ip), 128, false),
    }
}

fn all_ones(width: u32) -> u128 {
    prefix_mask(width, width)
}

fn prefix_mask(prefix: u32, width: u32) -> u128 {
    let ones = u128::MAX >> (128 - width);
    ones & ones.checked_shl(width - prefix).unwrap_or(0)
}

fn leading_ones(mask: u128, width: u32) -> u32 {
    (mask << (128 - width)).leading_ones()
}

fn network_reach(first: u128, prefix: u32, v4: bool) -> &'static str {
    if prefix == 0 {
        return "any";
    }
    let within = |networks: &[(IpAddr, u32)]| {
        networks.iter().any(|(network, length)| {
            let (network, width, is_v4) = bits(*network);
            is_v4 == v4 && prefix >= *length && first & prefix_mask(*length, width) == network
        })
    };
    // RFC 1122, RFC 4291
    let loopback = [
        (IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8),
        (IpAddr::V6(Ipv6Addr::LOCALHOST), 128),
    ];
    // RFC 1918, RFC 3927, RFC 6598 (shared address space), RFC 4193, RFC 4291
    let private = [
        (IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0)), 8),
        (IpAddr::V4(Ipv4Addr::new(172, 16, 0, 0)), 12),
        (IpAddr::V4(Ipv4Addr::new(192, 168, 0, 0)), 16),
        (IpAddr::V4(Ipv4Addr::new(169, 254, 0, 0)), 16),
        (IpAddr::V4(Ipv4Addr::new(100, 64, 0, 0)), 10),
        (IpAddr::V6(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0)), 7),
        (IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0)), 10),
    ];
    if !v4 && prefix >= 96 && first >> 32 == 0xffff {
        // IPv4-mapped
        return network_reach(first & 0xffff_ffff, prefix - 96, true);
    }
    if within(&loopback) {
        "loopback"
    } else if within(&private) {
        "private"
    } else {
        "public"
    }
}
