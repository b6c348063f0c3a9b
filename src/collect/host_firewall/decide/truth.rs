//! Whether a test of a rule holds for a packet, and for which sources.

use super::super::model::{Span, Subject, Test};
use super::super::ranges::{Family, Ranges};
use super::Walk;

/// Where a test holds: surely, and perhaps.
pub(super) struct Truth {
    pub(super) yes: Ranges,
    pub(super) possible: Ranges,
}

/// Whether a value is in a span.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Held {
    No,
    Perhaps,
    Yes,
}

/// What is known of a subject.
enum Value {
    Source,
    Known(Vec<u128>),
    /// Any port that a client's system gives out. Its administrator may choose another.
    ClientPort,
    Interface,
    Absent,
    Unknown,
}

impl Walk<'_> {
    /// Where a test holds.
    pub(super) fn truth(&self, test: &Test) -> Truth {
        let all = Ranges::all(self.packet.family);
        let values: Vec<Value> = test.subjects.iter().map(|subject| self.value(subject)).collect();
        if values.iter().any(|value| matches!(value, Value::Absent)) {
            // Also where the test is negated: a rule about what the packet does not have is not followed.
            return Truth {
                yes: Ranges::empty(),
                possible: Ranges::empty(),
            };
        }
        if test.changing {
            return Truth {
                yes: Ranges::empty(),
                possible: all,
            };
        }
        if let [Value::Known(numbers)] = values.as_slice()
            && let Some(held) = one_of(numbers, test)
        {
            return self.everywhere(held);
        }
        let (mut yes, mut possible) = (Vec::new(), Vec::new());
        for spans in test.any_of.iter() {
            let (held, first, last) = self.alternative(&values, spans);
            if held == Held::Yes {
                yes.push((first, last));
            }
            if held != Held::No {
                possible.push((first, last));
            }
        }
        let (yes, possible) = (
            Ranges::new(yes).intersection(&all),
            Ranges::new(possible).intersection(&all),
        );
        if test.negated {
            return Truth {
                yes: all.minus(&possible),
                possible: all.minus(&yes),
            };
        }
        Truth { yes, possible }
    }

    /// What is the same for all sources.
    fn everywhere(&self, held: Held) -> Truth {
        let (all, none) = (Ranges::all(self.packet.family), Ranges::empty());
        match held {
            Held::Yes => Truth {
                yes: all.clone(),
                possible: all,
            },
            Held::Perhaps => Truth {
                yes: none,
                possible: all,
            },
            Held::No => Truth {
                yes: none.clone(),
                possible: none,
            },
        }
    }

    /// Whether all spans hold, and for which sources.
    fn alternative(&self, values: &[Value], spans: &[Span]) -> (Held, u128, u128) {
        let (mut held, mut first, mut last) = (Held::Yes, 0, u128::MAX);
        if values.len() != spans.len() {
            return (Held::Perhaps, first, last);
        }
        for (value, span) in values.iter().zip(spans) {
            let this = match (value, span) {
                (_, Span::Any) => Held::Yes,
                (Value::Source, Span::Number(from, to)) => {
                    first = first.max(*from);
                    last = last.min(*to);
                    Held::Yes
                }
                (Value::Known(numbers), Span::Number(from, to)) => {
                    let inside = numbers
                        .iter()
                        .filter(|number| from <= *number && *number <= to)
                        .count();
                    match inside {
                        0 => Held::No,
                        _ if inside == numbers.len() => Held::Yes,
                        _ => Held::Perhaps,
                    }
                }
                (Value::ClientPort, Span::Number(from, to)) if *from <= 1024 && *to >= 65535 => Held::Yes,
                (Value::Interface, Span::Name(name)) => self.came_in_by(name),
                _ => Held::Perhaps,
            };
            held = held.min(this);
        }
        if first > last {
            (Held::No, 0, 0)
        } else {
            (held, first, last)
        }
    }

    fn came_in_by(&self, name: &str) -> Held {
        let Some(interface) = &self.packet.interface else {
            return if name == "lo" { Held::No } else { Held::Perhaps };
        };
        if is_named(interface, name) {
            Held::Yes
        } else {
            Held::No
        }
    }

    fn value(&self, subject: &Subject) -> Value {
        let packet = self.packet;
        match subject {
            Subject::Source(family) if *family == packet.family => Value::Source,
            Subject::Destination(family) if *family == packet.family => match packet.destination {
                Some(address) => Value::Known(vec![address]),
                None => Value::Unknown,
            },
            Subject::ProtocolOf(family) if *family == packet.family => Value::Known(vec![6]),
            Subject::Source(_) | Subject::Destination(_) | Subject::ProtocolOf(_) | Subject::Foreign => {
                Value::Absent
            }
            Subject::SourcePort => Value::ClientPort,
            Subject::DestinationPort => Value::Known(vec![packet.port]),
            Subject::Protocol => Value::Known(vec![6]),
            Subject::Family => Value::Known(vec![match packet.family {
                Family::V4 => 4,
                Family::V6 => 6,
            }]),
            Subject::Interface => Value::Interface,
            Subject::State if self.untracked => Value::Known(vec![8, 64]),
            Subject::State => Value::Known(vec![8]),
            Subject::Status | Subject::Direction | Subject::PacketType | Subject::Extension => {
                Value::Known(vec![0])
            }
            Subject::Mark { .. } if self.marked => Value::Unknown,
            Subject::Mark { .. } => Value::Known(vec![0]),
            // A first packet, with or without the offer of congestion notification.
            Subject::TcpFlags { mask } => {
                let mut flags = vec![0x02 & mask, 0xc2 & mask];
                flags.dedup();
                Value::Known(flags)
            }
            Subject::DestinationType => Value::Known(vec![2]),
            Subject::SourceType | Subject::WayBack => Value::Known(vec![1]),
            Subject::Unknown(_) => Value::Unknown,
        }
    }
}

/// Whether a subject with one of these values is in the list: known also where the list has all of them, each in another
/// span. Nothing when a span is not a number.
fn one_of(numbers: &[u128], test: &Test) -> Option<Held> {
    let mut listed = Vec::new();
    for spans in test.any_of.iter() {
        match spans.as_slice() {
            [Span::Number(first, last)] => listed.push((*first, *last)),
            [Span::Any] => listed.push((0, u128::MAX)),
            _ => return None,
        }
    }
    let is_listed = |number: &&u128| {
        listed
            .iter()
            .any(|(first, last)| first <= *number && *number <= last)
    };
    let inside = numbers.iter().filter(is_listed).count();
    let (all, none) = if test.negated {
        (Held::No, Held::Yes)
    } else {
        (Held::Yes, Held::No)
    };
    Some(match inside {
        0 => none,
        _ if inside == numbers.len() => all,
        _ => Held::Perhaps,
    })
}

/// Whether an interface has this name, or begins as the pattern does.
pub(in super::super) fn is_named(interface: &str, pattern: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => interface.starts_with(beginning),
        None => interface == pattern,
    }
}
