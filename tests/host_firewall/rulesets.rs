//! Rulesets as people write them, with the sources that reach the server under each.

/// What a ruleset comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Exactly these connect, in the order of the lab's sources.
    Reached(&'static [&'static str]),
    /// Exactly these connect; some versions of nft do not say enough to decide it.
    Perhaps(&'static [&'static str]),
    /// Something in it is not decided by rules.
    Undecided,
}
use Expected::{Perhaps, Reached, Undecided};

pub struct Ruleset {
    pub name: &'static str,
    /// The program that loads the first part.
    pub program: &'static str,
    pub rules: &'static str,
    pub expected: Expected,
}

const ALL: &[&str] = &[
    "10.77.0.2",
    "10.77.0.9",
    "172.16.5.5",
    "192.0.2.10",
    "198.51.100.7",
    "10.88.0.2",
    "fd77::2",
    "fd77::9",
    "2001:db8:1::5",
    "2001:db8:2::7",
    "fd88::2",
];
const ALL_V4: &[&str] = &[
    "10.77.0.2",
    "10.77.0.9",
    "172.16.5.5",
    "192.0.2.10",
    "198.51.100.7",
    "10.88.0.2",
];
const ALL_V6: &[&str] = &["fd77::2", "fd77::9", "2001:db8:1::5", "2001:db8:2::7", "fd88::2"];

const fn nft(name: &'static str, rules: &'static str, expected: Expected) -> Ruleset {
    Ruleset {
        name,
        program: "nft",
        rules,
        expected,
    }
}

const fn with(program: &'static str, name: &'static str, rules: &'static str, expected: Expected) -> Ruleset {
    Ruleset {
        name,
        program,
        rules,
        expected,
    }
}

pub const RULESETS: &[Ruleset] = &[
    nft("no rules", "", Reached(ALL)),
    nft(
        "a chain that accepts",
        "table inet f { chain i { type filter hook input priority 0; policy accept; } }",
        Reached(ALL),
    ),
    nft(
        "a policy of drop alone",
        "table inet f { chain i { type filter hook input priority 0; policy drop; } }",
        Reached(&[]),
    ),
    nft(
        "one network",
        "table inet f { chain i { type filter hook input priority 0; policy drop;\n ct state established,related accept\n\
         iif lo accept\n meta l4proto ipv6-icmp accept\n ip saddr 10.77.0.0/24 tcp dport $P accept\n } }",
        Reached(&["10.77.0.2", "10.77.0.9"]),
    ),
    nft(
        "a table for IPv4 leaves IPv6 open",
        "table ip f { chain i { type filter hook input priority 0; policy drop;\n ip saddr 192.0.2.0/24 accept\n } }",
        Reached(&[
            "192.0.2.10",
            "fd77::2",
            "fd77::9",
            "2001:db8:1::5",
            "2001:db8:2::7",
            "fd88::2",
        ]),
    ),
    nft(
        "a table for IPv6 leaves IPv4 open",
        "table ip6 f { chain i { type filter hook input priority 0; policy drop;\n icmpv6 type != echo-request accept\n\
         ip6 saddr 2001:db8:1::/48 tcp dport $P accept\n } }",
        Reached(&[
            "10.77.0.2",
            "10.77.0.9",
            "172.16.5.5",
            "192.0.2.10",
            "198.51.100.7",
            "10.88.0.2",
            "2001:db8:1::5",
        ]),
    ),
    nft(
        "sets, ranges and intervals",
        "table inet f { set s { type ipv4_addr; flags interval; elements = { 10.77.0.5-10.77.0.20, 192.0.2.0/24 } }\n\
         set six { type ipv6_addr; elements = { fd77::9, fd88::2 } }\n\
         chain i { type filter hook input priority 0; policy drop;\n meta l4proto ipv6-icmp accept\n\
         ip saddr @s tcp dport { 22, $P } accept\n ip6 saddr @six accept\n } }",
        Reached(&["10.77.0.9", "192.0.2.10", "fd77::9", "fd88::2"]),
    ),
    nft(
        "negations",
        "table inet f { chain i { type filter hook input priority 0; policy accept;\n\
         tcp dport != $P accept\n ip saddr != { 10.77.0.0/24, 172.16.0.0/12 } drop\n ip6 saddr != fd00::/8 reject\n } }",
        Reached(&[
            "10.77.0.2",
            "10.77.0.9",
            "172.16.5.5",
            "fd77::2",
            "fd77::9",
            "fd88::2",
        ]),
    ),
    nft(
        "jump, goto and return",
        "table inet f { chain inner { ip saddr 10.77.0.2 return\n ip saddr 10.77.0.0/24 accept\n }\n\
         chain last { ip saddr 172.16.0.0/12 return\n drop\n }\n\
         chain i { type filter hook input priority 0; policy accept;\n meta l4proto ipv6-icmp accept\n jump inner\n\
         goto last\n accept\n } }",
        Reached(&["10.77.0.9", "172.16.5.5"]),
    ),
    nft(
        "verdict maps",
        "table inet f { map m { type ipv4_addr : verdict; flags interval; elements = { 10.77.0.2 : drop, 10.77.0.3-10.77.0.255 : accept, \
         192.0.2.0/24 : jump other } }\n chain other { tcp dport vmap { $P : accept }\n }\n\
         chain i { type filter hook input priority 0; policy drop;\n meta l4proto ipv6-icmp accept\n\
         ct state vmap { established : accept, related : accept, invalid : drop }\n ip saddr vmap @m\n\
         ip6 saddr vmap { fd77::/64 : accept, fd88::/64 : drop }\n } }",
        Reached(&["10.77.0.9", "192.0.2.10", "fd77::2", "fd77::9"]),
    ),
    nft(
        "concatenations",
        "table inet f { set s { type ipv4_addr . inet_service; flags interval; elements = { 10.77.0.0/29 . $P, 172.16.0.0/12 . 1-100 } }\n\
         chain i { type filter hook input priority 0; policy drop;\n ip saddr . tcp dport @s accept\n\
         iifname . ip saddr { \"in1\" . 10.88.0.2, \"in0\" . 192.0.2.99 } accept\n } }",
        Reached(&["10.77.0.2", "10.88.0.2"]),
    ),
    nft(
        "a trusted interface",
        "table inet f { chain i { type filter hook input priority 0; policy drop;\n meta l4proto ipv6-icmp accept\n\
         iifname \"in1\" accept\n } }",
        Reached(&["10.88.0.2", "fd88::2"]),
    ),
    nft(
        "interfaces by pattern and index, one refused",
        "table inet f { chain i { type filter hook input priority 0; policy drop;\n meta l4proto ipv6-icmp accept\n\
         iif \"in1\" drop\n iifname \"in*\" accept\n } }",
        Reached(&[
            "10.77.0.2",
            "10.77.0.9",
            "172.16.5.5",
            "192.0.2.10",
            "198.51.100.7",
            "fd77::2",
            "fd77::9",
            "2001:db8:1::5",
            "2001:db8:2::7",
        ]),
    ),
    nft(
        "a packet must pass all chains",
        "table inet a { chain i { type filter hook input priority 0; policy drop;\n meta l4proto ipv6-icmp accept\n\
         ip saddr { 10.77.0.2, 192.0.2.10 } accept\n ip6 saddr fd77::/64 accept\n } }\n\
         table inet b { chain i { type filter hook input priority 10; policy accept;\n ip saddr 192.0.2.10 drop\n\
         ip6 saddr fd77::9 tcp dport $P drop\n } }",
        Reached(&["10.77.0.2", "fd77::2"]),
    ),
    nft(
        "drops before routing and at ingress",
        "table inet a { chain p { type filter hook prerouting priority -300; policy accept;\n ip saddr 10.77.0.9 drop\n } }\n\
         table netdev n { chain g { type filter hook ingress device \"in0\" priority 0; policy accept;\n\
         ip saddr 192.0.2.0/24 drop\n ip6 saddr 2001:db8:2::/48 drop\n } }",
        Perhaps(&[
            "10.77.0.2",
            "172.16.5.5",
            "198.51.100.7",
            "10.88.0.2",
            "fd77::2",
            "fd77::9",
            "2001:db8:1::5",
            "fd88::2",
        ]),
    ),
    nft(
        "a list of the banned",
        "table inet f2b { set banned { type ipv4_addr; flags timeout; elements = { 192.0.2.10 timeout 1h, 198.51.100.7 } }\n\
         chain i { type filter hook input priority -1; policy accept;\n tcp dport $P ip saddr @banned reject\n } }",
        Reached(&[
            "10.77.0.2",
            "10.77.0.9",
            "172.16.5.5",
            "10.88.0.2",
            "fd77::2",
            "fd77::9",
            "2001:db8:1::5",
            "2001:db8:2::7",
            "fd88::2",
        ]),
    ),
    nft(
        "only one of the server's addresses",
        "table inet f { chain i { type filter hook input priority 0; policy drop;\n meta l4proto ipv6-icmp accept\n\
         ip daddr 10.88.0.1 ip saddr { 10.88.0.0/24, 192.0.2.0/24 } tcp dport $P accept\n\
         ip6 daddr fd77::1 tcp dport $P accept\n ip daddr 10.99.0.1 accept\n } }",
        Reached(&[
            "192.0.2.10",
            "10.88.0.2",
            "fd77::2",
            "fd77::9",
            "2001:db8:1::5",
            "2001:db8:2::7",
            "fd88::2",
        ]),
    ),
    nft(
        "another port, another protocol",
        "table inet f { chain i { type filter hook input priority 0; policy drop;\n meta l4proto ipv6-icmp accept\n\
         tcp dport { 22, 80, 443 } accept\n udp dport $P accept\n udp dport != 53 accept\n icmp type echo-request accept\n\
         ip protocol udp accept\n ct state established accept\n tcp flags & (syn | ack) == ack accept\n } }",
        Reached(&[]),
    ),
    nft(
        "flags, marks, families and types that hold",
        "table inet f { chain i { type filter hook input priority 0; policy drop;\n meta l4proto ipv6-icmp accept\n\
         tcp flags & (fin | syn | rst | ack) == syn meta mark 0x0 fib daddr type local meta pkttype host ct state new \
         ct direction original meta nfproto ipv4 ip protocol tcp tcp dport >= 1024 tcp sport 1024-65535 counter \
         log prefix \"x \" accept comment \"ct state new, drop\"\n } }",
        Reached(ALL_V4),
    ),
    nft(
        "a way back for genuine senders",
        "table inet f { chain p { type filter hook prerouting priority -10; policy accept;\n\
         fib saddr . iif oif missing drop\n }\n\
         chain i { type filter hook input priority 0; policy drop;\n meta nfproto ipv6 accept\n } }",
        Reached(ALL_V6),
    ),
    nft(
        "connections that are not followed",
        "table inet f { chain p { type filter hook prerouting priority -300; policy accept;\n tcp dport $P notrack\n }\n\
         chain i { type filter hook input priority 0; policy drop;\n meta l4proto ipv6-icmp accept\n\
         ct state { new, untracked } ip saddr 10.77.0.0/24 accept\n ct state established accept\n } }",
        Reached(&["10.77.0.2", "10.77.0.9"]),
    ),
    nft(
        "a dormant table does nothing",
        "table inet f { flags dormant;\n chain i { type filter hook input priority 0; policy drop; } }",
        Perhaps(ALL),
    ),
    with(
        "iptables-nft",
        "iptables over nftables, IPv4 only",
        "-A INPUT -i lo -j ACCEPT\n-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n\
         -A INPUT -s 10.77.0.0/24 -p tcp -m multiport --dports 22,$P -m comment --comment clients -j ACCEPT\n-P INPUT DROP",
        Reached(&[
            "10.77.0.2",
            "10.77.0.9",
            "fd77::2",
            "fd77::9",
            "2001:db8:1::5",
            "2001:db8:2::7",
            "fd88::2",
        ]),
    ),
    with(
        "iptables-nft",
        "iptables over nftables with a chain, a range and IPv6",
        "-N clients\n-A clients -m iprange --src-range 192.0.2.1-192.0.2.99 -j RETURN\n-A clients -s 172.16.0.0/12 -j DROP\n\
         -A clients -j ACCEPT\n-A INPUT -p tcp --syn -m tcp --dport $P -g clients\n-A INPUT -j ACCEPT\n-P INPUT DROP\n\
         %% ip6tables-nft\n-A INPUT ! -s fd77::/64 -p tcp -m tcp --dport $P -j REJECT",
        Reached(&[
            "10.77.0.2",
            "10.77.0.9",
            "198.51.100.7",
            "10.88.0.2",
            "fd77::2",
            "fd77::9",
        ]),
    ),
    with(
        "iptables-legacy",
        "old iptables, which nft does not show",
        "-A INPUT -i lo -j ACCEPT\n-A INPUT ! -i in1 -p tcp -m tcp --dport $P ! -s 10.77.0.2 -j REJECT --reject-with tcp-reset\n\
         -t raw -A PREROUTING -s 10.88.0.0/24 -p tcp -m tcp --dport 1:1023 -j DROP\n\
         %% ip6tables-legacy\n-A INPUT -p ipv6-icmp -j ACCEPT\n-A INPUT -i in+ -s fd88::/64 -j ACCEPT\n-P INPUT DROP",
        Reached(&["10.77.0.2", "10.88.0.2", "fd88::2"]),
    ),
    with(
        "iptables-legacy",
        "old iptables and nft together: both must let a packet pass",
        "-A INPUT -s 192.0.2.0/24 -m addrtype --dst-type LOCAL -j DROP\n%% nft\n\
         table ip f { chain i { type filter hook input priority 0; policy drop;\n\
         ip saddr { 192.0.2.10, 198.51.100.7 } accept\n } }\n%% ip6tables-nft\n\
         -A INPUT -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j DROP",
        Reached(&["198.51.100.7"]),
    ),
    with(
        "iptables-nft",
        "the shape of ufw",
        "-N ufw-before\n-N ufw-user\n-N ufw-reject\n-N ufw-not-local\n-A ufw-before -i lo -j ACCEPT\n\
         -A ufw-before -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n\
         -A ufw-before -m conntrack --ctstate INVALID -j DROP\n-A ufw-before -j ufw-not-local\n\
         -A ufw-not-local -m addrtype --dst-type LOCAL -j RETURN\n-A ufw-not-local -m addrtype --dst-type MULTICAST -j RETURN\n\
         -A ufw-not-local -m limit --limit 3/min --limit-burst 10 -j LOG\n-A ufw-not-local -j DROP\n-A ufw-before -j ufw-user\n\
         -A ufw-user -s 172.16.0.0/12 -p tcp -m tcp --dport $P -j ACCEPT\n-A INPUT -j ufw-before\n-A INPUT -j ufw-reject\n\
         -P INPUT DROP\n%% ip6tables-nft\n-P INPUT DROP\n-A INPUT -p ipv6-icmp -j ACCEPT",
        Reached(&["172.16.5.5"]),
    ),
    nft(
        "the shape of firewalld",
        "table inet firewalld { chain raw { type filter hook prerouting priority -290; policy accept;\n\
         icmpv6 type { nd-router-advert, nd-neighbor-solicit } accept\n meta nfproto ipv6 fib saddr . mark . iif oif missing drop\n }\n\
         chain filter_INPUT { type filter hook input priority 10; policy accept;\n ct state { established, related } accept\n\
         ct status dnat accept\n iifname \"lo\" accept\n ct state invalid drop\n jump filter_INPUT_ZONES\n\
         reject with icmpx admin-prohibited\n }\n\
         chain filter_INPUT_ZONES { ip saddr 10.77.0.0/24 goto filter_IN_internal\n ip6 saddr fd77::/64 goto filter_IN_internal\n\
         iifname \"in1\" goto filter_IN_public\n goto filter_IN_public\n }\n\
         chain filter_IN_internal { jump filter_IN_internal_allow\n meta l4proto { icmp, ipv6-icmp } accept\n\
         reject with icmpx admin-prohibited\n }\n chain filter_IN_internal_allow { tcp dport $P accept\n }\n\
         chain filter_IN_public { jump filter_IN_public_allow\n meta l4proto { icmp, ipv6-icmp } accept\n\
         reject with icmpx admin-prohibited\n }\n chain filter_IN_public_allow { tcp dport 22 accept\n } }",
        Reached(&["10.77.0.2", "10.77.0.9", "fd77::2", "fd77::9"]),
    ),
    nft(
        "forwarded ports of others are none of the server's",
        "table ip nat { chain p { type nat hook prerouting priority -100; policy accept;\n\
         tcp dport 8080 dnat to 172.17.0.2:80\n fib daddr type local tcp dport 15000 dnat to 172.17.0.3:$P\n } }\n\
         table inet f { chain i { type filter hook input priority 0; policy drop;\n meta l4proto ipv6-icmp accept\n\
         ip saddr 10.77.0.9 accept\n } }",
        Reached(&["10.77.0.9"]),
    ),
    nft(
        "a rate that lets in",
        "table inet f { chain i { type filter hook input priority 0; policy drop;\n\
         tcp dport $P limit rate 10/minute accept\n } }",
        Undecided,
    ),
    nft(
        "a set that fills itself",
        "table inet f { set seen { type ipv4_addr; flags dynamic; timeout 1m; elements = { 192.0.2.10 } }\n\
         chain i { type filter hook input priority 0; policy accept;\n ip saddr @seen drop\n tcp dport 22 add @seen { ip saddr }\n } }",
        Undecided,
    ),
    nft(
        "another way to the port",
        "table inet nat { chain p { type nat hook prerouting priority -100; policy accept;\n tcp dport 15432 redirect to :$P\n } }\n\
         table inet f { chain i { type filter hook input priority 0; policy drop;\n ip saddr 10.77.0.0/24 tcp dport 5 accept\n } }",
        Undecided,
    ),
    with(
        "iptables-nft",
        "a match that remembers",
        "-A INPUT -p tcp -m tcp --dport $P -m recent --rcheck --name knocked -j ACCEPT\n-A INPUT -p tcp -m tcp --dport $P -j DROP",
        Undecided,
    ),
    with(
        "iptables-legacy",
        "a mark that is set on the way",
        "-t mangle -A PREROUTING -s 10.77.0.0/24 -j MARK --set-mark 7\n-A INPUT -m mark --mark 7 -j ACCEPT\n\
         -A INPUT -p tcp -m tcp --dport $P -j DROP",
        Undecided,
    ),
];
