//! What the signatures beside a waiver come to: who approved it, and whether they were free to.

use std::collections::BTreeSet;

use super::Signature;
use crate::signature::{APPROVER, REQUESTER, SignatureFact, SignatureState};

/// Who seals the assessment: nobody approves a waiver in an assessment of their own.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sealer<'a> {
    /// Their key.
    pub keyid: Option<&'a str>,
    /// Who holds it, by the policy.
    pub owner: Option<&'a str>,
}

impl Signature {
    /// What the signatures beside a waiver of this control come to.
    pub fn of(facts: &[SignatureFact], control: &str, sealer: Sealer<'_>) -> Self {
        // One that was made for another text says that this text is not what was approved.
        if let Some(broken) = facts.iter().find(|fact| fact.state == SignatureState::Invalid) {
            return refused(broken, broken.reason.clone());
        }
        let role = |wanted: &'static str| facts.iter().filter(move |fact| fact.role == wanted);
        let requesters = Concerned::new(role(REQUESTER), sealer);
        let (mut keys, mut owners, mut why) = (Vec::new(), BTreeSet::new(), None);
        for fact in role(APPROVER) {
            if let Some(reason) = requesters.reason(fact) {
                why = Some(refused(fact, Some(reason)));
                continue;
            }
            match (fact.worth_for(control), &fact.owner) {
                ((SignatureState::Valid, _), Some(owner)) => {
                    owners.insert(owner.clone());
                }
                ((SignatureState::NotChecked, _), _) => keys.push(fact.keyid.clone()),
                ((_, reason), _) => why = Some(refused(fact, reason)),
            }
        }
        match why {
            _ if !owners.is_empty() => Self::Accepted {
                owners: owners.into_iter().collect(),
            },
            _ if !keys.is_empty() => Self::Unchecked { keys },
            Some(refused) => refused,
            None => Self::Absent,
        }
    }
}

fn refused(fact: &SignatureFact, reason: Option<String>) -> Signature {
    Signature::Refused {
        reason: format!("{}: {}", fact.file, reason.unwrap_or_default()),
    }
}

/// Who has an interest in a waiver: by key, and by whoever holds the key where a policy says so.
struct Concerned<'a> {
    requesters: BTreeSet<&'a str>,
    sealers: BTreeSet<&'a str>,
}

impl<'a> Concerned<'a> {
    fn new(requests: impl Iterator<Item = &'a SignatureFact>, sealer: Sealer<'a>) -> Self {
        Self {
            requesters: requests
                .flat_map(|fact| [Some(fact.keyid.as_str()), fact.owner.as_deref()])
                .flatten()
                .collect(),
            sealers: [sealer.keyid, sealer.owner].into_iter().flatten().collect(),
        }
    }

    fn reason(&self, fact: &SignatureFact) -> Option<String> {
        let names = [Some(fact.keyid.as_str()), fact.owner.as_deref()];
        let among = |set: &BTreeSet<&str>| names.iter().flatten().any(|name| set.contains(name));
        let who = fact
            .owner
            .clone()
            .unwrap_or_else(|| format!("the key {}", fact.keyid.get(..16).unwrap_or(&fact.keyid)));
        if among(&self.requesters) {
            Some(format!("{who} asked for it, and so may not approve it"))
        } else if among(&self.sealers) {
            Some(format!(
                "{who} seals the assessment, and so may not approve a waiver in it"
            ))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(role: &str, keyid: &str, owner: Option<&str>, state: SignatureState) -> SignatureFact {
        SignatureFact {
            file: format!("w.{role}-{keyid}.sigstore.json"),
            role: role.to_owned(),
            keyid: keyid.to_owned(),
            owner: owner.map(str::to_owned),
            state,
            reason: Some("r".to_owned()),
            not_for: vec!["other".to_owned()],
            documents: Default::default(),
        }
    }

    #[test]
    fn nobody_approves_what_they_asked_for_or_assess() {
        use SignatureState::{Invalid, NotAuthorised, NotChecked, Untrusted, Valid};
        let approves = |owner| fact(APPROVER, "a", Some(owner), Valid);
        let asks = |owner| fact(REQUESTER, "q", Some(owner), Valid);
        let accepted = |owners: &[&str]| Signature::Accepted {
            owners: owners.iter().map(|&owner| owner.to_owned()).collect(),
        };
        let sealed_by = |keyid, owner| Sealer { keyid, owner };
        let nobody = Sealer::default();
        let is_refused = |signature: Signature| matches!(signature, Signature::Refused { .. });

        assert_eq!(Signature::of(&[], "c", nobody), Signature::Absent);
        assert_eq!(Signature::of(&[asks("Bob")], "c", nobody), Signature::Absent);
        assert_eq!(
            Signature::of(&[approves("Ann"), asks("Bob")], "c", nobody),
            accepted(&["Ann"])
        );
        assert!(is_refused(Signature::of(&[approves("Ann")], "other", nobody)));
        // The same owner with two keys, the same key without a policy, and a request that counts for nothing.
        assert!(is_refused(Signature::of(
            &[approves("Ann"), asks("Ann")],
            "c",
            nobody
        )));
        let unknown = |role, keyid| fact(role, keyid, None, NotChecked);
        assert!(is_refused(Signature::of(
            &[unknown(APPROVER, "k"), unknown(REQUESTER, "k")],
            "c",
            nobody
        )));
        let revoked = fact(REQUESTER, "q", Some("Ann"), NotAuthorised);
        assert!(is_refused(Signature::of(
            &[approves("Ann"), revoked],
            "c",
            nobody
        )));
        // Whoever seals.
        assert!(is_refused(Signature::of(
            &[approves("Ann")],
            "c",
            sealed_by(Some("z"), Some("Ann"))
        )));
        assert!(is_refused(Signature::of(
            &[unknown(APPROVER, "k")],
            "c",
            sealed_by(Some("k"), None)
        )));
        assert_eq!(
            Signature::of(&[unknown(APPROVER, "k")], "c", sealed_by(Some("z"), None)),
            Signature::Unchecked {
                keys: vec!["k".to_owned()]
            }
        );
        // Another approver is enough; one signature of another text is too much.
        let second = fact(APPROVER, "b", Some("Eve"), Valid);
        assert_eq!(
            Signature::of(&[approves("Ann"), asks("Ann"), second.clone()], "c", nobody),
            accepted(&["Eve"])
        );
        let broken = fact(REQUESTER, "x", None, Invalid);
        assert!(is_refused(Signature::of(&[second, broken], "c", nobody)));
        assert!(is_refused(Signature::of(
            &[fact(APPROVER, "u", None, Untrusted)],
            "c",
            nobody
        )));
    }
}
