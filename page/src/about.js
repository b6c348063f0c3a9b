// Reading a signed statement about a bundle: nothing of it is parsed before a key of the policy is known to have signed it.

import { EnvelopeError, parseEnvelope, signedBytes } from "./envelope.js";
import { Failure, escaped } from "./failure.js";
import { NotJson } from "./json.js";
import { LIMITS, SIGSTORE_SUFFIX, isRole } from "./layout.js";
import { shortKeyid } from "./public_key.js";
import { parseAbout } from "./statement.js";
import { signingKey } from "./trust_policy.js";

/**
 * `{ predicate, key, envelope }` of the statement at `path`; null when it is by a key that the policy does not name.
 * `kind` is what it has to be, `folder` where such statements lie, `codes` what failures are called, `limit` how large its
 * envelope may be.
 */
export async function readAbout(path, { store, policy, verified }, { kind, folder, codes, limit = LIMITS.envelopeBytes }) {
  const fail = (code, message) => {
    throw new Failure(code, path, message);
  };
  const bytes = await store.read(path, limit);
  let envelope;
  try {
    envelope = parseEnvelope(bytes);
  } catch (error) {
    if (!(error instanceof EnvelopeError)) throw error;
    fail(codes.format, error.message);
  }
  const key = await signingKey(policy, signedBytes(envelope), envelope.signature);
  if (key === null) {
    if (policy.keys.some(({ keyid }) => keyid === envelope.keyid)) {
      fail(codes.signature, "its signature does not verify with the policy's key");
    }
    return null;
  }
  let statement;
  try {
    statement = parseAbout(kind, envelope.payload);
  } catch (error) {
    if (!(error instanceof NotJson)) throw error;
    fail(codes.format, error.message);
  }
  const { predicate } = statement;
  const { sha256 } = statement.subject[0].digest;
  if (sha256 !== verified.sha256 || predicate.bundleId !== verified.statement.predicate.bundleId) {
    fail(codes.otherBundle, "it is about another bundle");
  }
  const { keyid, role } = predicate.signer;
  if (keyid !== key.keyid || envelope.keyid !== key.keyid) {
    fail(codes.signer, `key \`${key.keyid}\` signed, but another key is named`);
  }
  const short = shortKeyid(key.keyid);
  if (!isRole(role) || `${folder}${role}-${short}${SIGSTORE_SUFFIX}` !== path) {
    fail(codes.fileName, `it is not named for the role \`${escaped(role)}\` and the key \`${short}\``);
  }
  return { predicate, key, envelope };
}
