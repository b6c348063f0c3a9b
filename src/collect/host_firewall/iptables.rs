//! Reads what `iptables-save` and its relatives print.

mod options;

use std::collections::BTreeMap;

use super::model::{
    Base, Chain, Hook, Layer, Origin, Ports, Rule, Ruleset, Span, Step, Subject, Table, Test, Translation,
    Verdict,
};
use super::ranges::{Family, bits};
use options::{Option as Given, given};

/// The rules that a program printed.
///
/// # Errors
/// What cannot be read.
pub(super) fn parse(output: &str, family: Family, origin: Origin) -> Result<Ruleset, String> {
    let mut tables: Vec<Table> = Vec::new();
    for line in output.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if line.starts_with('#') || line == "COMMIT" {
            continue;
        }
        if let Some(name) = line.strip_prefix('*') {
            let program = if family == Family::V4 { "ip" } else { "ip6" };
            tables.push(Table {
                name: format!("{program} {name}"),
                layer: Layer::Internet(family),
                origin,
                awake: true,
                chains: BTreeMap::new(),
            });
            continue;
        }
        let table = tables.last_mut().ok_or("iptables-save begins without a table")?;
        if let Some(chain) = line.strip_prefix(':') {
            declare(table, chain)?;
        } else {
            append(table, line, family, origin)?;
        }
    }
    // A name in capitals is a target of an extension unless there is such a chain.
    for table in &mut tables {
        let names: Vec<String> = table.chains.keys().cloned().collect();
        for rule in table.chains.values_mut().flat_map(|chain| &mut chain.rules) {
            for step in &mut rule.steps {
                if let Step::Verdict(Verdict::Jump(name)) = step
                    && !names.contains(name)
                {
                    *step = Step::Elsewhere(format!("the target {name}"));
                }
            }
        }
    }
    Ok(Ruleset { tables })
}

/// `INPUT DROP [0:0]`, or `mine - [0:0]` for a chain of the user's.
fn declare(table: &mut Table, line: &str) -> Result<(), String> {
    let mut words = line.split_whitespace();
    let (Some(name), Some(policy)) = (words.next(), words.next()) else {
        return Err(format!("iptables-save declares a chain as `{line}`"));
    };
    let kind = table.name.split(' ').next_back().unwrap_or_default();
    let place = match (name, kind) {
        ("PREROUTING", "raw") => Some((Hook::Prerouting, -300)),
        ("PREROUTING", "mangle") => Some((Hook::Prerouting, -150)),
        ("PREROUTING", "nat") => Some((Hook::Prerouting, -100)),
        ("INPUT", "mangle") => Some((Hook::Input, -150)),
        ("INPUT", "filter") => Some((Hook::Input, 0)),
        ("INPUT", "security") => Some((Hook::Input, 50)),
        ("INPUT", "nat") => Some((Hook::Input, 100)),
        _ => None,
    };
    let base = place.map(|(hook, priority)| Base {
        hook,
        priority,
        nat: kind == "nat",
        accept: policy != "DROP",
        devices: Vec::new(),
    });
    table.chains.insert(
        name.to_owned(),
        Chain {
            base,
            rules: Vec::new(),
        },
    );
    Ok(())
}

/// `-A CHAIN …`, with the counters of `-c` before it or without.
fn append(table: &mut Table, line: &str, family: Family, origin: Origin) -> Result<(), String> {
    let words = words(line).ok_or_else(|| format!("iptables-save has an open quote in `{line}`"))?;
    let mut rest = words
        .iter()
        .map(String::as_str)
        .skip_while(|word| word.starts_with('['));
    let (Some("-A"), Some(chain)) = (rest.next(), rest.next()) else {
        return Err(format!("iptables-save prints `{line}`, which is no rule"));
    };
    let name = table.name.clone();
    let chain_name = chain.to_owned();
    let rest: Vec<&str> = rest.collect();
    let options = given(&rest);
    let rules = &mut table
        .chains
        .get_mut(&chain_name)
        .ok_or_else(|| format!("iptables-save has a rule in `{chain_name}`, which is not declared"))?
        .rules;
    let number = rules.len() + 1;
    rules.push(Rule {
        label: format!("{} {name} {chain_name} rule {number}", origin.name()),
        steps: steps(&options, family),
    });
    Ok(())
}

/// The words of a line, where a quoted one may hold blanks.
fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        if c.is_whitespace() {
            continue;
        }
        let mut word = String::new();
        if c == '"' {
            loop {
                match chars.next()? {
                    '"' => break,
                    '\\' => word.push(chars.next()?),
                    c => word.push(c),
                }
            }
        } else {
            word.push(c);
            while let Some(c) = chars.next_if(|c| !c.is_whitespace()) {
                word.push(c);
            }
        }
        words.push(word);
    }
    Some(words)
}

/// Matches in their order, then the target.
fn steps(options: &[Given<'_>], family: Family) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut target = Vec::new();
    for (index, option) in options.iter().enumerate() {
        match option.name {
            "-j" | "--jump" => {
                let own = options.get(index + 1..).unwrap_or_default();
                target = jump(option.value(), own);
                // What follows belongs to the target.
                break;
            }
            "-g" | "--goto" => {
                target = vec![Step::Verdict(Verdict::Goto(option.value().to_owned()))];
                break;
            }
            "-m" if option.value() == "rpfilter" => {
                let inverted = options.iter().any(|option| option.name == "--invert");
                let test = Test::one(Subject::WayBack, vec![Span::just(1)], inverted);
                steps.push(Step::Test(test));
            }
            _ => steps.extend(options::step(option, family)),
        }
    }
    steps.extend(target);
    steps
}

/// What a target does to a packet; nothing when it only counts or writes logs.
fn jump(name: &str, own: &[Given<'_>]) -> Vec<Step> {
    let says = |option: &str| own.iter().find(|given| given.name == option);
    match name {
        "ACCEPT" => vec![Step::Verdict(Verdict::Accept)],
        "DROP" | "REJECT" => vec![Step::Verdict(Verdict::Drop)],
        "RETURN" => vec![Step::Verdict(Verdict::Return)],
        "LOG" | "NFLOG" | "ULOG" | "TRACE" | "AUDIT" | "DSCP" | "TOS" | "TTL" | "HL" | "TCPMSS"
        | "TCPOPTSTRIP" | "CLASSIFY" | "SET" | "RATEEST" | "IDLETIMER" | "LED" | "TEE" | "SECMARK"
        | "CONNSECMARK" | "CHECKSUM" => Vec::new(),
        "MARK" | "CONNMARK" => vec![Step::Mark],
        "NOTRACK" => vec![Step::Untrack],
        "CT" if says("--notrack").is_some() => vec![Step::Untrack],
        "CT" => Vec::new(),
        "DNAT" => vec![Step::Translate(destination(
            says("--to-destination").map(Given::value),
        ))],
        "REDIRECT" => vec![Step::Translate(Translation {
            text: "REDIRECT".to_owned(),
            address: None,
            local: true,
            ports: says("--to-ports").map_or(Ports::Kept, |ports| port_range(ports.value())),
        })],
        "NFQUEUE" | "QUEUE" | "TPROXY" | "SYNPROXY" | "SNAT" | "MASQUERADE" | "NETMAP" => {
            vec![Step::Elsewhere(name.to_owned())]
        }
        chain => vec![Step::Verdict(Verdict::Jump(chain.to_owned()))],
    }
}

/// `10.0.0.1:5432`, `10.0.0.1-10.0.0.9`, `[fd00::1]:5432`, `:5432`.
fn destination(text: Option<&str>) -> Translation {
    let text = text.unwrap_or_default();
    let (address, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, rest)) => (address, rest.strip_prefix(':')),
        None => match text.split_once(':') {
            Some((address, port)) if !port.contains(':') => (address, Some(port)),
            _ => (text, None),
        },
    };
    Translation {
        text: format!("DNAT to {text}"),
        address: address.parse().ok().map(bits),
        local: false,
        ports: port.map_or(Ports::Kept, port_range),
    }
}

fn port_range(text: &str) -> Ports {
    let text = text.split('/').next().unwrap_or(text);
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) => Ports::Range(first, last),
        _ => Ports::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_what_is_quoted() {
        let line = r#"-A INPUT -m comment --comment "a \"b\" -j ACCEPT" -j DROP"#;
        assert_eq!(
            words(line).unwrap(),
            [
                "-A",
                "INPUT",
                "-m",
                "comment",
                "--comment",
                r#"a "b" -j ACCEPT"#,
                "-j",
                "DROP"
            ]
        );
        assert_eq!(words(r#"-A "open"#), None);
    }

    #[test]
    fn new_addresses_are_read_with_their_ports() {
        for (text, ports) in [
            ("10.0.0.1:5432", Ports::Range(5432, 5432)),
            ("[fd00::1]:5000-5999", Ports::Range(5000, 5999)),
            ("10.0.0.1", Ports::Kept),
            ("fd00::1", Ports::Kept),
            (":5432", Ports::Range(5432, 5432)),
        ] {
            let found = destination(Some(text));
            assert_eq!(found.ports, ports, "{text}");
            assert_eq!(found.address.is_some(), !text.starts_with(':'), "{text}");
        }
    }
}
