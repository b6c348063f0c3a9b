//! Reads what `nft -j list ruleset` prints.

mod changes;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::model::{
    Base, Chain, Hook, Layer, Origin, Rule, Ruleset, Span, Step, Subject, Table, Test, Translation, Verdict,
};
use super::ranges::Family;
use changes::{extension, mangle, translation};
use values::{alternative, spans, subjects};

/// Table `(family, name)` to its parts.
type Key = (String, String);

/// Named sets and maps of a table.
#[derive(Default)]
struct Lists<'a> {
    sets: BTreeMap<String, &'a Value>,
    /// Those that rules add to or take from.
    changing: BTreeSet<String>,
}

/// The rules; `(family, table)` of those that only `iptables-nft-save` can tell are listed beside.
///
/// # Errors
/// What cannot be read.
pub(super) fn parse(output: &str) -> Result<(Ruleset, Vec<Key>), String> {
    let document: Value =
        serde_json::from_str(output).map_err(|error| format!("nft's answer is not JSON: {error}"))?;
    let objects = document
        .get("nftables")
        .and_then(Value::as_array)
        .ok_or("nft's answer has no list `nftables`")?;
    let lists = lists(objects);
    let mut tables: BTreeMap<Key, Table> = BTreeMap::new();
    for table in objects.iter().filter_map(|object| object.get("table")) {
        let (family, name) = (text(table, "family"), text(table, "name"));
        let flags: Vec<&str> = match table.get("flags") {
            Some(Value::String(flag)) => vec![flag],
            Some(Value::Array(flags)) => flags.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        // A table that its owner has put to sleep does nothing.
        let Some(layer) = layer(&family).filter(|_| !flags.contains(&"dormant")) else {
            continue;
        };
        let table = Table {
            name: format!("{family} {name}"),
            layer,
            origin: Origin::Nft,
            // nft 1.0.6 prints some other word for `dormant`.
            awake: flags.iter().all(|flag| ["owner", "persist"].contains(flag)),
            chains: BTreeMap::new(),
        };
        tables.insert((family, name), table);
    }
    let mut foreign = Vec::new();
    let none = Lists::default();
    for object in objects {
        if let Some(chain) = object.get("chain") {
            let key = (text(chain, "family"), text(chain, "table"));
            if let Some(table) = tables.get_mut(&key) {
                let chain_name = text(chain, "name");
                table.chains.entry(chain_name).or_default().base = base(chain);
            }
        } else if let Some(rule) = object.get("rule") {
            let key = (text(rule, "family"), text(rule, "table"));
            let Some(table) = tables.get_mut(&key) else {
                continue;
            };
            let parsed = parse_rule(rule, lists.get(&key).unwrap_or(&none), &table.name);
            if statements(rule).any(|statement| statement.get("xt").is_some()) && !foreign.contains(&key) {
                foreign.push(key);
            }
            let chain: &mut Chain = table.chains.entry(text(rule, "chain")).or_default();
            chain.rules.push(parsed);
        }
    }
    for table in tables.values_mut().filter(|table| is_of_iptables(table)) {
        table.origin = Origin::Iptables;
    }
    Ok((
        Ruleset {
            tables: tables.into_values().collect(),
        },
        foreign,
    ))
}

/// Whether a table is one that iptables makes: its names are fixed.
fn is_of_iptables(table: &Table) -> bool {
    let name = table.name.split(' ').next_back().unwrap_or_default();
    let mut bases = table.chains.iter().filter(|(_, chain)| chain.base.is_some());
    matches!(table.layer, Layer::Internet(_))
        && ["raw", "mangle", "nat", "filter", "security"].contains(&name)
        && bases.all(|(name, _)| ["PREROUTING", "INPUT"].contains(&name.as_str()))
}

fn text(object: &Value, name: &str) -> String {
    object
        .get(name)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn statements(rule: &Value) -> impl Iterator<Item = &Value> {
    rule.get("expr").and_then(Value::as_array).into_iter().flatten()
}

fn layer(family: &str) -> Option<Layer> {
    Some(match family {
        "ip" => Layer::Internet(Family::V4),
        "ip6" => Layer::Internet(Family::V6),
        "inet" => Layer::Both,
        "netdev" => Layer::Device,
        "bridge" => Layer::Bridge,
        _ => return None,
    })
}

fn lists(objects: &[Value]) -> BTreeMap<Key, Lists<'_>> {
    let mut lists: BTreeMap<Key, Lists<'_>> = BTreeMap::new();
    for object in objects {
        if let Some(set) = object.get("set").or_else(|| object.get("map")) {
            let key = (text(set, "family"), text(set, "table"));
            let own = lists.entry(key).or_default();
            own.sets.insert(text(set, "name"), set);
            let dynamic = set
                .get("flags")
                .and_then(Value::as_array)
                .is_some_and(|flags| flags.iter().any(|flag| flag == "dynamic"));
            if dynamic {
                own.changing.insert(text(set, "name"));
            }
        } else if let Some(rule) = object.get("rule") {
            let key = (text(rule, "family"), text(rule, "table"));
            for statement in statements(rule) {
                let changed = ["set", "map"]
                    .iter()
                    .filter_map(|kind| statement.get(kind)?.get(kind)?.as_str());
                for name in changed {
                    let own = lists.entry(key.clone()).or_default();
                    own.changing.insert(name.trim_start_matches('@').to_owned());
                }
            }
        }
    }
    lists
}

fn base(chain: &Value) -> Option<Base> {
    let hook = match chain.get("hook")?.as_str()? {
        "ingress" => Hook::Ingress,
        "prerouting" => Hook::Prerouting,
        "input" => Hook::Input,
        _ => return None,
    };
    let devices = match chain.get("dev").or_else(|| chain.get("devices")) {
        Some(Value::String(device)) => vec![device.clone()],
        Some(Value::Array(devices)) => devices
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    };
    Some(Base {
        hook,
        priority: chain.get("prio").and_then(Value::as_i64).unwrap_or(0),
        nat: chain.get("type").is_some_and(|kind| kind == "nat"),
        accept: chain.get("policy").is_none_or(|policy| policy != "drop"),
        devices,
    })
}

fn parse_rule(rule: &Value, lists: &Lists<'_>, table: &str) -> Rule {
    let handle = rule.get("handle").and_then(Value::as_u64).unwrap_or(0);
    Rule {
        label: format!("nft {table} {} handle {handle}", text(rule, "chain")),
        steps: statements(rule)
            .flat_map(|statement| steps(statement, lists))
            .collect(),
    }
}

/// What a statement does to a packet; nothing when it only counts or writes logs.
fn steps(statement: &Value, lists: &Lists<'_>) -> Vec<Step> {
    // Some statements are a bare word.
    let (name, body) = match statement {
        Value::String(name) => (name.as_str(), &Value::Null),
        Value::Object(fields) => match fields.iter().next() {
            Some((name, body)) => (name.as_str(), body),
            None => return Vec::new(),
        },
        _ => return vec![Step::Unknown("a statement of unknown form".to_owned())],
    };
    if let Some(verdict) = verdict(name, body) {
        return vec![Step::Verdict(verdict)];
    }
    match name {
        "match" => vec![test(body, lists)],
        "vmap" => vec![map(body, lists)],
        "counter" | "log" | "quota-reset" | "last" | "flow" | "dup" | "secmark" | "ct helper"
        | "ct timeout" | "ct expectation" | "comment" => Vec::new(),
        "mangle" => mangle(body),
        "notrack" => vec![Step::Untrack],
        "set" | "map" => vec![Step::Unknown(format!("changes of the {name} while packets pass"))],
        "dnat" => vec![Step::Translate(translation("dnat", body))],
        "redirect" => vec![Step::Translate(Translation {
            local: true,
            ..translation("redirect", body)
        })],
        "queue" | "tproxy" | "synproxy" | "fwd" | "snat" | "masquerade" => {
            vec![Step::Elsewhere(name.to_owned())]
        }
        "xt" => extension(body),
        // limit, quota, ct count, meter, and what this version does not know
        _ => vec![Step::Unknown(name.to_owned())],
    }
}

fn verdict(name: &str, body: &Value) -> Option<Verdict> {
    Some(match name {
        "accept" => Verdict::Accept,
        "drop" | "reject" => Verdict::Drop,
        "return" => Verdict::Return,
        "continue" => Verdict::Continue,
        "jump" => Verdict::Jump(text(body, "target")),
        "goto" => Verdict::Goto(text(body, "target")),
        _ => return None,
    })
}

fn test(body: &Value, lists: &Lists<'_>) -> Step {
    let (Some(left), Some(right)) = (body.get("left"), body.get("right")) else {
        return Step::Unknown("a match of unknown form".to_owned());
    };
    let subjects = subjects(left);
    let operator = body.get("op").and_then(Value::as_str).unwrap_or("==");
    if let [Subject::TcpFlags { .. }] = subjects.as_slice()
        && ["in", "!"].contains(&operator)
    {
        // Whether any of the flags is set; "!" whether none is.
        return match values::flags(right) {
            Some(mask) => Step::Test(Test::one(
                Subject::TcpFlags { mask },
                vec![Span::just(0)],
                operator == "in",
            )),
            None => Step::Unknown("a match of TCP flags".to_owned()),
        };
    }
    let negated = ["!=", "!"].contains(&operator);
    if let Some(name) = right.as_str().and_then(|text| text.strip_prefix('@')) {
        return named(subjects, name, negated, lists);
    }
    let any_of: Vec<Vec<Span>> = match (operator, subjects.as_slice()) {
        // Bits of a mark, not a list of marks.
        ("in" | "!", [Subject::Mark { .. }]) => vec![vec![Span::Unknown]],
        ("==" | "!=" | "in" | "!", [subject]) => {
            spans(subject, right).into_iter().map(|span| vec![span]).collect()
        }
        ("==" | "!=" | "in", _) => values::members(right)
            .into_iter()
            .map(|member| alternative(&subjects, member))
            .collect(),
        ("<" | ">" | "<=" | ">=", [subject]) => vec![vec![values::compared(subject, operator, right)]],
        _ => vec![vec![Span::Unknown; subjects.len()]],
    };
    Step::Test(Test {
        subjects,
        any_of: Arc::new(any_of),
        negated,
        changing: false,
    })
}

/// Membership in a named set.
fn named(subjects: Vec<Subject>, name: &str, negated: bool, lists: &Lists<'_>) -> Step {
    let Some(set) = lists.sets.get(name) else {
        return Step::Unknown(format!("the set {name} is not there"));
    };
    let members = set.get("elem").and_then(Value::as_array).into_iter().flatten();
    Step::Test(Test {
        any_of: Arc::new(members.map(|member| alternative(&subjects, member)).collect()),
        subjects,
        negated,
        changing: lists.changing.contains(name),
    })
}

fn map(body: &Value, lists: &Lists<'_>) -> Step {
    let (Some(key), Some(data)) = (body.get("key"), body.get("data")) else {
        return Step::Unknown("a verdict map of unknown form".to_owned());
    };
    let subjects = subjects(key);
    let (entries, changing) = match data.as_str().map(|text| text.trim_start_matches('@')) {
        Some(name) => match lists.sets.get(name) {
            Some(map) => (map.get("elem"), lists.changing.contains(name)),
            None => return Step::Elsewhere(format!("the map {name} is not there")),
        },
        None => (data.get("set"), false),
    };
    let mut by_verdict: Vec<(Verdict, Vec<Vec<Span>>)> = Vec::new();
    for entry in entries.and_then(Value::as_array).into_iter().flatten() {
        let parsed = match entry.as_array().map(Vec::as_slice) {
            Some([key, verdict]) => values::verdict_of(verdict).map(|verdict| (key, verdict)),
            _ => None,
        };
        let Some((key, verdict)) = parsed else {
            return Step::Elsewhere("a verdict map of unknown form".to_owned());
        };
        let spans = alternative(&subjects, key);
        match by_verdict.iter_mut().find(|(known, _)| *known == verdict) {
            Some((_, list)) => list.push(spans),
            None => by_verdict.push((verdict, vec![spans])),
        }
    }
    // The default of an interval map, `*`, holds where nothing else does.
    by_verdict.sort_by_key(|(_, list)| list.iter().any(|spans| spans.contains(&Span::Any)));
    Step::Map(
        by_verdict
            .into_iter()
            .map(|(verdict, any_of)| {
                let test = Test {
                    subjects: subjects.clone(),
                    any_of: Arc::new(any_of),
                    negated: false,
                    changing,
                };
                (test, verdict)
            })
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dormant_table_is_left_out_and_an_unreadable_flag_is_no_certainty() {
        let parsed = |flags: &str| {
            let table = format!(r#"{{"nftables": [{{"table": {{"family": "inet", "name": "f"{flags}}}}}]}}"#);
            parse(&table).unwrap().0.tables
        };
        assert!(parsed(r#", "flags": "dormant""#).is_empty());
        assert!(parsed(r#", "flags": ["dormant"]"#).is_empty());
        assert!(!parsed(r#", "flags": "Lester Gooch #5""#)[0].awake);
        assert!(parsed(r#", "flags": "owner""#)[0].awake);
        assert!(parsed("")[0].awake);
    }
}
