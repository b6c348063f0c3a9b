//! Rules of nft made up at random, the same for the same number.

/// A sequence of numbers that one number decides (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) >> 33).unwrap() % sides
    }

    fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.roll(list.len())]
    }

    /// A few of a list, at least one, each once.
    fn some<'a>(&mut self, list: &[&'a str]) -> Vec<&'a str> {
        let mut found: Vec<&str> = list.iter().copied().filter(|_| self.roll(3) == 0).collect();
        if found.is_empty() {
            found.push(self.pick(list));
        }
        found
    }
}

const V4: &[&str] = &[
    "10.77.0.2",
    "10.77.0.8/29",
    "172.16.0.0/12",
    "192.0.2.0/24",
    "198.51.100.0-198.51.100.127",
    "10.88.0.0/16",
    "203.0.113.0/24",
];
const V6: &[&str] = &[
    "fd77::2",
    "fd77::8/125",
    "2001:db8:1::/48",
    "2001:db8:2::1-2001:db8:2::ffff",
    "fd88::/64",
    "fd99::/16",
];
const PORTS: &[&str] = &["$P", "1-65535", "22", "80-90", "1024-65535"];

/// The text of a ruleset. In every one the neighbours can find each other.
pub fn ruleset(number: u64) -> String {
    let mut dice = Dice(number);
    let mut text = String::new();
    for table in 0..=dice.roll(2) {
        let family = dice.pick(&["inet", "inet", "inet", "ip", "ip6"]);
        text.push_str(&format!("table {family} t{table} {{\n"));
        let sets = sets(&mut dice, family, &mut text);
        // Chains jump only to those that stand before them.
        let inner = dice.roll(4);
        for chain in 0..inner {
            text.push_str(&format!("chain c{chain} {{\n"));
            rules(&mut dice, family, chain, &sets, &mut text);
            text.push_str("}\n");
        }
        for base in 0..=dice.roll(2) {
            let (hook, priority) = [("input", "0"), ("input", "10"), ("prerouting", "-150")][dice.roll(3)];
            let policy = if hook == "prerouting" {
                "accept"
            } else {
                dice.pick(&["accept", "drop", "drop"])
            };
            text.push_str(&format!(
                "chain b{base} {{\ntype filter hook {hook} priority {priority}; policy {policy};\n"
            ));
            if family != "ip" {
                text.push_str("meta l4proto ipv6-icmp accept\n");
            }
            rules(&mut dice, family, inner, &sets, &mut text);
            text.push_str("}\n");
        }
        text.push_str("}\n");
    }
    text
}

/// Declares named sets and maps; their names with their families.
fn sets(dice: &mut Dice, family: &str, text: &mut String) -> Vec<(String, &'static str)> {
    let mut made = Vec::new();
    for index in 0..dice.roll(3) {
        let six = family == "ip6" || family == "inet" && dice.roll(2) == 0;
        let (kind, list, field) = if six {
            ("ipv6_addr", V6, "ip6")
        } else {
            ("ipv4_addr", V4, "ip")
        };
        let members = dice.some(list).join(", ");
        text.push_str(&format!(
            "set s{index} {{ type {kind}; flags interval; elements = {{ {members} }}\n}}\n"
        ));
        made.push((format!("s{index}"), field));
    }
    made
}

fn rules(dice: &mut Dice, family: &str, chains: usize, sets: &[(String, &'static str)], text: &mut String) {
    for _ in 0..=dice.roll(4) {
        // One rule is about one family, and about TCP or UDP.
        let six = family == "ip6" || family == "inet" && dice.roll(2) == 0;
        let mut tests: Vec<String> = (0..dice.roll(3)).map(|_| test(dice, six, sets)).collect();
        if tests.iter().any(|test| test.starts_with("udp")) {
            tests.retain(|test| !test.contains("tcp"));
        }
        tests.push(action(dice, six, chains));
        text.push_str(&tests.join(" "));
        text.push('\n');
    }
}

fn test(dice: &mut Dice, six: bool, sets: &[(String, &'static str)]) -> String {
    let (field, list) = if six { ("ip6", V6) } else { ("ip", V4) };
    let not = dice.pick(&["", "", "!= "]);
    match dice.roll(12) {
        0 | 1 => format!("{field} saddr {not}{}", dice.pick(list)),
        2 => format!("{field} saddr {not}{{ {} }}", dice.some(list).join(", ")),
        3 if sets.iter().any(|(_, of)| *of == field) => {
            let own: Vec<_> = sets.iter().filter(|(_, of)| *of == field).collect();
            let (name, _) = own[dice.roll(own.len())];
            format!("{field} saddr {not}@{name}")
        }
        4 | 5 => format!("tcp dport {not}{}", dice.pick(PORTS)),
        6 => format!("tcp dport {{ 22, {} }}", dice.pick(&["$P", "443", "1000-65535"])),
        7 => format!(
            "iifname {not}{}",
            dice.pick(&["\"in0\"", "\"in1\"", "\"lo\"", "\"in*\"", "{ \"in1\", \"x\" }"])
        ),
        8 => dice
            .pick(&[
                "ct state new",
                "ct state established,related",
                "ct state { new, untracked }",
                "ct state != new",
                "ct state invalid",
            ])
            .to_owned(),
        9 => dice
            .pick(&[
                "meta l4proto tcp",
                "meta l4proto { tcp, udp }",
                "udp dport 53",
                "meta l4proto != tcp",
                "tcp dport > 1023",
            ])
            .to_owned(),
        10 if six => format!(
            "ip6 daddr {not}{}",
            dice.pick(&["fd77::1", "fd88::/64", "{ fd77::1, fd88::1 }"])
        ),
        10 => format!(
            "ip daddr {not}{}",
            dice.pick(&["10.77.0.1", "10.88.0.0/24", "{ 10.77.0.1, 10.88.0.1 }"])
        ),
        _ => format!(
            "{field} saddr . tcp dport {not}{{ {} . $P, {} . 22-80 }}",
            list[dice.roll(3)],
            list[4]
        ),
    }
}

fn action(dice: &mut Dice, six: bool, chains: usize) -> String {
    let to = |dice: &mut Dice| format!("c{}", dice.roll(chains));
    match dice.roll(10) {
        0..=2 => "accept".to_owned(),
        3 | 4 => "drop".to_owned(),
        5 => "counter return".to_owned(),
        6 | 7 if chains > 0 => format!("{} {}", dice.pick(&["jump", "goto"]), to(dice)),
        8 => {
            let (field, list) = if six { ("ip6", V6) } else { ("ip", V4) };
            let last = if chains > 0 {
                format!("jump {}", to(dice))
            } else {
                "drop".to_owned()
            };
            format!(
                "{field} saddr vmap {{ {} : accept, {} : drop, {} : {last} }}",
                list[0], list[2], list[4]
            )
        }
        _ => "counter".to_owned(),
    }
}
