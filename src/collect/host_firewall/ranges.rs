//! Sets of addresses as sorted ranges, and as networks.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IPv4 or IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Family {
    V4,
    V6,
}

impl Family {
    pub(super) const BOTH: [Self; 2] = [Self::V4, Self::V6];

    pub(super) fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    pub(super) fn width(self) -> u32 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }

    pub(super) fn last(self) -> u128 {
        u128::MAX >> (128 - self.width())
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::V4 => "ipv4",
            Self::V6 => "ipv6",
        }
    }

    fn address(self, bits: u128) -> IpAddr {
        match self {
            Self::V4 => IpAddr::V4(Ipv4Addr::from(u32::try_from(bits).unwrap_or(u32::MAX))),
            Self::V6 => IpAddr::V6(Ipv6Addr::from(bits)),
        }
    }
}

/// An address as a number.
pub(super) fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    }
}

/// The first and the last address of a network.
pub(super) fn network(address: IpAddr, prefix: u32) -> Option<(u128, u128)> {
    let family = Family::of(address);
    let rest = family.width().checked_sub(prefix)?;
    let host = if rest == 0 { 0 } else { u128::MAX >> (128 - rest) };
    let first = bits(address) & !host;
    Some((first, first | host))
}

/// A network as it is written, `10.0.0.0/8` or a single address.
pub(super) fn parse_network(text: &str) -> Option<(Family, u128, u128)> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let family = Family::of(address);
    let prefix = match prefix {
        None => family.width(),
        Some(prefix) => match prefix.parse() {
            Ok(length) => length,
            Err(_) => mask_length(prefix.parse().ok()?)?,
        },
    };
    let (first, last) = network(address, prefix)?;
    Some((family, first, last))
}

/// The length of a mask that is a prefix.
pub(super) fn mask_length(mask: IpAddr) -> Option<u32> {
    let family = Family::of(mask);
    let length = (bits(mask) << (128 - family.width())).leading_ones();
    let (_, last) = network(family.address(0), length)?;
    (bits(mask) == family.last() & !last).then_some(length)
}

/// A set of numbers: sorted ranges that neither overlap nor touch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ranges(Vec<(u128, u128)>);

impl Ranges {
    pub(super) fn empty() -> Self {
        Self::default()
    }

    pub(super) fn all(family: Family) -> Self {
        Self(vec![(0, family.last())])
    }

    pub(super) fn new(mut ranges: Vec<(u128, u128)>) -> Self {
        ranges.retain(|(first, last)| first <= last);
        ranges.sort_unstable();
        let mut joined: Vec<(u128, u128)> = Vec::with_capacity(ranges.len());
        for range in ranges {
            join(&mut joined, range);
        }
        Self(joined)
    }

    /// Networks of one family as texts, such as `["10.0.0.0/8"]`.
    pub(super) fn of_networks(family: Family, networks: &[&str]) -> Self {
        let parsed = networks.iter().filter_map(|text| parse_network(text));
        Self::new(
            parsed
                .filter(|(of, _, _)| *of == family)
                .map(|(_, first, last)| (first, last))
                .collect(),
        )
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn union(&self, other: &Self) -> Self {
        if self.is_empty() {
            return other.clone();
        }
        let (mut left, mut right) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut joined = Vec::with_capacity(self.0.len() + other.0.len());
        loop {
            let next = match (left.peek(), right.peek()) {
                (Some(one), Some(two)) if one <= two => left.next(),
                (_, Some(_)) => right.next(),
                (Some(_), None) => left.next(),
                (None, None) => return Self(joined),
            };
            if let Some(range) = next {
                join(&mut joined, *range);
            }
        }
    }

    pub(super) fn intersection(&self, other: &Self) -> Self {
        let (mut left, mut right) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut common = Vec::new();
        while let (Some((from, to)), Some((first, last))) = (left.peek(), right.peek()) {
            let (begin, end) = (*from.max(first), *to.min(last));
            if begin <= end {
                common.push((begin, end));
            }
            if to < last {
                left.next();
            } else {
                right.next();
            }
        }
        Self(common)
    }

    pub(super) fn minus(&self, other: &Self) -> Self {
        let mut rest = Vec::new();
        let mut holes = other.0.iter().peekable();
        for (first, last) in &self.0 {
            let mut begin = Some(*first);
            while let (Some(from), Some((hole, end))) = (begin, holes.peek()) {
                if *end < from {
                    holes.next();
                    continue;
                }
                if hole > last {
                    break;
                }
                if *hole > from {
                    rest.push((from, hole - 1));
                }
                begin = end.checked_add(1).filter(|next| next <= last);
            }
            if let Some(from) = begin {
                rest.push((from, *last));
            }
        }
        Self(rest)
    }

    /// How many numbers are in it.
    pub(super) fn size(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a share of all addresses is meant")]
        let sum = self
            .0
            .iter()
            .map(|(first, last)| (last - first) as f64 + 1.0)
            .sum();
        sum
    }

    /// The fewest networks that make it up.
    pub(super) fn networks(&self, family: Family) -> Vec<String> {
        let mut found = Vec::new();
        for (first, last) in &self.0 {
            let mut begin = *first;
            loop {
                let aligned = begin.trailing_zeros().min(family.width());
                let mut host = aligned;
                while host > 0 && begin | (u128::MAX >> (128 - host)) > *last {
                    host -= 1;
                }
                let end = if host == 0 {
                    begin
                } else {
                    begin | (u128::MAX >> (128 - host))
                };
                found.push(format!("{}/{}", family.address(begin), family.width() - host));
                if end >= *last {
                    break;
                }
                begin = end + 1;
            }
        }
        found
    }
}

/// Adds a range that begins no earlier than those before it.
fn join(joined: &mut Vec<(u128, u128)>, (first, last): (u128, u128)) {
    match joined.last_mut() {
        Some((_, end)) if first <= end.saturating_add(1) => *end = (*end).max(last),
        _ => joined.push((first, last)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn set() -> impl Strategy<Value = Vec<(u128, u128)>> {
        proptest::collection::vec((0u128..64, 0u128..64), 0..6)
    }

    fn members(ranges: &Ranges) -> Vec<u128> {
        (0..64)
            .filter(|n| ranges.0.iter().any(|(first, last)| first <= n && n <= last))
            .collect()
    }

    proptest! {
        #[test]
        fn sets_do_what_their_members_do(left in set(), right in set()) {
            let (a, b) = (Ranges::new(left), Ranges::new(right));
            let (x, y) = (members(&a), members(&b));
            let pick = |keep: &dyn Fn(&u128) -> bool| (0..64).filter(keep).collect::<Vec<u128>>();
            prop_assert_eq!(members(&a.union(&b)), pick(&|n| x.contains(n) || y.contains(n)));
            prop_assert_eq!(members(&a.intersection(&b)), pick(&|n| x.contains(n) && y.contains(n)));
            prop_assert_eq!(members(&a.minus(&b)), pick(&|n| x.contains(n) && !y.contains(n)));
            let networks = a.networks(Family::V4);
            let texts: Vec<&str> = networks.iter().map(String::as_str).collect();
            prop_assert_eq!(Ranges::of_networks(Family::V4, &texts), a);
        }
    }

    #[test]
    fn the_whole_is_one_network() {
        for (family, whole) in [(Family::V4, "0.0.0.0/0"), (Family::V6, "::/0")] {
            assert_eq!(Ranges::all(family).networks(family), [whole]);
            assert!(Ranges::all(family).minus(&Ranges::all(family)).is_empty());
        }
        let rest = Ranges::all(Family::V6).minus(&Ranges::of_networks(Family::V6, &["::/1"]));
        assert_eq!(rest.networks(Family::V6), ["8000::/1"]);
    }

    #[test]
    fn masks_are_prefixes_or_nothing() {
        assert_eq!(mask_length("255.255.0.0".parse().unwrap()), Some(16));
        assert_eq!(mask_length("255.0.255.0".parse().unwrap()), None);
        assert_eq!(mask_length("ffff::".parse().unwrap()), Some(16));
        assert_eq!(parse_network("10.1.2.3/255.0.0.0"), parse_network("10.0.0.0/8"));
        assert_eq!(parse_network("10.0.0.0/33"), None);
    }
}
