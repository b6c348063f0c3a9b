// Step 1: the auditor's file: whose keys count, for what, when, and how many owners must have signed.

import { isDigest, text } from "./bytes.js";
import { escaped, escapedLightly } from "./failure.js";
import { NotJson, parse } from "./json.js";
import { fromPem } from "./public_key.js";
import * as shape from "./shape.js";
import { parseRoots } from "./timestamp/roots.js";

const KEY = shape.object({
  keyid: shape.string,
  public_key: shape.string,
  owner: shape.string,
  roles: shape.list(shape.string),
  controls: shape.optional(shape.list(shape.string)),
  sections: shape.optional(shape.list(shape.string)),
  valid_from: shape.time,
  valid_until: shape.time,
  revoked_at: shape.optional(shape.time),
  revoked_reason: shape.optional(
    shape.oneOf("key-compromise", "superseded", "affiliation-changed", "cessation-of-operation"),
  ),
});

const POLICY = shape.object({
  $schema: shape.optional(shape.string),
  version: shape.whole(32),
  keys: shape.list(KEY),
  require: shape.list(
    shape.object({
      statement: shape.string,
      role: shape.string,
      threshold: shape.whole(64),
      distinct_owner_from: shape.listOrNone(shape.string),
    }),
  ),
  timestamp: shape.optional(shape.object({ roots: shape.list(shape.string), required: shape.boolean })),
  series: shape.optional(shape.object({ id: shape.string, size: shape.whole(64), root: shape.string })),
});

/** Why a file is no policy that can be used. */
export class PolicyError extends Error {}

/** Reads a policy; each key gets its `publicKey`, the rule for time its certificates. */
export async function parsePolicy(bytes) {
  let policy;
  try {
    policy = POLICY(parse(text(bytes) ?? ""), "policy");
  } catch (error) {
    if (!(error instanceof NotJson)) throw error;
    throw new PolicyError(error.message);
  }
  await checkPolicy(policy);
  return policy;
}

async function checkPolicy(policy) {
  const fail = (message) => {
    throw new PolicyError(message);
  };
  if (policy.version !== 1n) fail(`its version is ${policy.version}; this page knows 1`);
  if (policy.require.length === 0) {
    fail("`require` is empty: such a policy would accept a bundle that nobody signed");
  }
  const seen = new Set();
  const owners = new Map();
  for (const key of policy.keys) {
    const problem = await keyProblem(key);
    if (problem !== null) fail(`key \`${escaped(key.keyid)}\`: ${problem}`);
    const other = owners.get(asHeard(key.owner)) ?? key.owner;
    if (other !== key.owner) {
      const both = `\`${escapedLightly(other)}\` and \`${escapedLightly(key.owner)}\``;
      fail(`the owners ${both} would count as two; write one owner one way, and two with other letters`);
    }
    owners.set(asHeard(key.owner), key.owner);
    if (seen.has(key.keyid)) fail(`key \`${key.keyid}\` is listed twice; merge its roles`);
    seen.add(key.keyid);
  }
  for (const { threshold, role } of policy.require) {
    if (threshold === 0n) fail(`the threshold for role \`${escaped(role)}\` is 0; say at least 1`);
  }
  if (policy.timestamp !== null) {
    const { certificates, problem } = parseRoots(policy.timestamp.roots);
    if (problem !== null) fail(`\`timestamp.roots\`: ${problem}`);
    policy.timestamp.certificates = certificates;
  }
  if (policy.series !== null && !isDigest(policy.series.root)) {
    fail("`series.root` is not 64 lowercase hexadecimal digits");
  }
}

/** An owner without what people do not notice: two that differ in case, blanks or marks alone are one. */
function asHeard(owner) {
  const heard = owner.replace(/[^\p{Alphabetic}\p{N}]/gu, "").toLowerCase();
  return heard === "" ? owner : heard;
}

async function keyProblem(key) {
  key.publicKey = fromPem(key.public_key);
  if (key.publicKey === null) return "its `public_key` is not the PEM of an Ed25519 or P-256 key";
  const keyid = await key.publicKey.keyid();
  if (keyid !== key.keyid) return `its \`public_key\` has the key id \`${keyid}\``;
  if (/^\p{White_Space}*$/u.test(key.owner)) return "`owner` is empty; thresholds count owners";
  if (key.roles.length === 0) return "`roles` is empty; it could sign nothing";
  if (key.valid_from >= key.valid_until) return "`valid_from` is not before `valid_until`";
  if (key.revoked_reason !== null && key.revoked_at === null) {
    return "`revoked_reason` without `revoked_at`; say when";
  }
  return null;
}

/** Whether a key may sign what answers this control of this section. */
export function mayAttest(key, control, section) {
  if (key.controls === null && key.sections === null) return true;
  const named = (patterns, name) =>
    (patterns ?? []).some((pattern) =>
      pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern,
    );
  return named(key.controls, control) || named(key.sections, section);
}

/** The key of a policy that made a signature, whatever key that names. */
export async function signingKey(policy, message, signature) {
  for (const key of policy.keys) {
    if (await key.publicKey.verify(message, signature)) return key;
  }
  return null;
}
