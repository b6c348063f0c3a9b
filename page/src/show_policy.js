// The policy as the auditor should read it: whose keys, what they may sign, and how to be sure that they are theirs.

import { bulleted, callout, code, element, facts, paragraph } from "./element.js";
import { written } from "./time.js";

export async function policyView(policy) {
  const keys = [];
  for (const key of policy.keys) keys.push(await keyCard(key));
  return [
    callout(
      "caution",
      "Compare each fingerprint with its owner by another channel, by telephone or in person, before you rely on a verdict. A key that nobody compared could be anybody's.",
    ),
    ...keys,
    element("h3", "", "What this policy requires"),
    bulleted(policy.require.map(requirement)),
    ...timeRule(policy.timestamp),
    policy.series === null
      ? paragraph("It names no series, so a skipped or forked bundle would not be noticed.")
      : paragraph(`The bundle must be the one after the ${policy.series.size} accepted so far of series “${policy.series.id}”.`),
  ];
}

async function keyCard(key) {
  const scope = [...(key.controls ?? []), ...(key.sections ?? []).map((section) => `section ${section}`)];
  return element(
    "article",
    "card",
    element("h3", "", key.owner),
    facts([
      ["may sign as", key.roles.join(", ")],
      scope.length > 0 ? ["statements only on", scope.join(", ")] : null,
      ["fingerprint (SSH)", code(await key.publicKey.fingerprint())],
      ["key id", code(key.keyid)],
      ["kind", key.publicKey.isP256 ? "ECDSA P-256" : "Ed25519"],
      ["valid", `from ${written(key.valid_from)} until ${written(key.valid_until)}`],
      key.revoked_at === null
        ? null
        : ["revoked", `at ${written(key.revoked_at)}: ${key.revoked_reason ?? "without a reason, so as compromised"}`],
    ]),
  );
}

const WHAT = {
  assessment: "The bundle",
  review: "An approval of the bundle",
  attestation: "Each attestation",
  waiver: "Each waiver",
};

function requirement({ statement, role, threshold, distinct_owner_from: distinct }) {
  const what = WHAT[statement] ?? `A “${statement}”`;
  const others = distinct.length === 0 ? "" : `, none of whom signed as ${distinct.join(" or ")}`;
  const owners = threshold === 1n ? "one owner" : `${threshold} different owners`;
  return `${what} is signed by ${owners} in the role ${role}${others}.`;
}

function timeRule(rule) {
  if (rule === null) return [paragraph("It names no time-stamping authority, so the time of signing rests on the signer's word.")];
  const count = `${rule.certificates.length} root${rule.certificates.length === 1 ? "" : "s"} of time-stamping authorities`;
  const need = rule.required ? "and a token is required" : "and a token is welcome, not required";
  return [paragraph(`It trusts ${count}, ${need}.`)];
}
