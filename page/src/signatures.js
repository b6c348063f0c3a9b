// Steps 3 to 6: who signed what, and whether they may.

import { equal } from "./bytes.js";
import { EnvelopeError, parseEnvelope, signedBytes } from "./envelope.js";
import { Failure, caught, escaped } from "./failure.js";
import { LIMITS, SIGNATURES, SIGSTORE_SUFFIX, SSHSIG_SUFFIX, STATEMENT, namedFor } from "./layout.js";
import { sshSignatureProblem } from "./sshsig.js";
import { parseStatement } from "./statement.js";
import { signingKey } from "./trust_policy.js";

/** Step 3: every envelope in `signatures/`, as `{ stem, path, role, envelope }`. */
export async function readAll(store) {
  const [found, failures] = [[], []];
  const entries = store.entries.filter(({ path }) => path.startsWith(SIGNATURES));
  // Before anybody is known to have signed, nothing may fill memory.
  const together = entries.reduce((sum, { size }) => sum + size, 0);
  if (together > LIMITS.heldBytes) {
    const message = `all signatures together have ${together} bytes; the limit is ${LIMITS.heldBytes}`;
    return { found, failures: [new Failure("limit.held-size", SIGNATURES, message)] };
  }
  for (const { path } of entries) {
    await caught(failures, async () => {
      const one = await readOne(store, path);
      if (one !== null) found.push(one);
    });
  }
  if (found.length === 0 && failures.length === 0) {
    failures.push(new Failure("signature.absent", null, "the bundle has no signature"));
  }
  return { found, failures };
}

async function readOne(store, path) {
  const parts = namedFor(path, SIGNATURES, SIGSTORE_SUFFIX) ?? namedFor(path, SIGNATURES, SSHSIG_SUFFIX);
  if (parts === null) throw new Failure("signature.file-name", path, "it is not named like a signature");
  if (!path.endsWith(SIGSTORE_SUFFIX)) return null;
  const [role, short] = parts;
  const bytes = await store.read(path, LIMITS.envelopeBytes);
  let envelope;
  try {
    envelope = parseEnvelope(bytes);
  } catch (error) {
    if (!(error instanceof EnvelopeError)) throw error;
    const code = error.kind === "token-count" ? "timestamp.count" : `signature.${error.kind}`;
    throw new Failure(code, path, error.message);
  }
  if (!envelope.keyid.startsWith(short)) {
    throw new Failure("signature.file-name", path, "it is named after another key than its hint");
  }
  return { stem: path.slice(0, -SIGSTORE_SUFFIX.length), path, role, envelope };
}

/** Step 4: key ids decide nothing but what a bad signature is called. */
export async function verifyAll(found, policy) {
  const [trusted, failures, notes] = [[], [], []];
  for (const one of found) {
    const { envelope, path } = one;
    const key = await signingKey(policy, signedBytes(envelope), envelope.signature);
    if (key !== null) {
      trusted.push({ ...one, key });
    } else if (policy.keys.some(({ keyid }) => keyid === envelope.keyid)) {
      failures.push(new Failure("signature.bad", path, "its signature does not verify with the policy's key"));
    } else {
      notes.push(`${path}: signed by a key that the policy does not name; it counts for nothing`);
    }
  }
  if (trusted.length === 0 && failures.length === 0) {
    failures.push(new Failure("signature.untrusted", null, "no key of the policy signed this bundle"));
  }
  return { trusted, failures, notes };
}

/** Step 5: parses what was verified, and gives each signature its `statement`. */
export async function understandAll(store, trusted) {
  const [stated, failures] = [[], []];
  for (const one of trusted) {
    await caught(failures, () => stated.push({ ...one, statement: understand(store, one) }));
  }
  return { stated, failures };
}

function understand(store, { path, role, envelope, key }) {
  const statement = parseStatement(envelope.payload);
  const { signer, bundleId } = statement.predicate;
  if (signer.keyid !== key.keyid || envelope.keyid !== key.keyid) {
    const message = `key \`${key.keyid}\` signed, but another key is named as the signer`;
    throw new Failure("statement.signer", path, message);
  }
  if (signer.role !== role) {
    const message = `it is named for role \`${role}\`, the statement says \`${escaped(signer.role)}\``;
    throw new Failure("signature.file-name", path, message);
  }
  if (!key.roles.includes(signer.role)) {
    const message = `the policy does not allow key \`${key.keyid}\` to sign in role \`${role}\``;
    throw new Failure("key.role", path, message);
  }
  if (store.top !== null && store.top !== bundleId) {
    const message = `the archive's folder is \`${store.top}\`, the statement is of \`${escaped(bundleId)}\``;
    throw new Failure("statement.bundle-id", STATEMENT, message);
  }
  return statement;
}

/** Step 6: the statement and the SSH signature are those of the envelope. */
export async function agreeAll(store, stated) {
  const failures = [];
  for (const one of stated) await agree(store, one, failures);
  for (const { path } of store.entries) {
    if (!path.startsWith(SIGNATURES) || !path.endsWith(SSHSIG_SUFFIX)) continue;
    if (store.find(path.slice(0, -SSHSIG_SUFFIX.length) + SIGSTORE_SUFFIX) === undefined) {
      failures.push(new Failure("ssh-signature.alone", path, "no envelope belongs to it"));
    }
  }
  return { failures };
}

async function agree(store, { stem, envelope, key }, failures) {
  await caught(failures, async () => {
    if (!equal(await store.read(STATEMENT), envelope.payload)) {
      throw new Failure("statement.differs", STATEMENT, "it is not the statement that was signed");
    }
  });
  const path = `${stem}${SSHSIG_SUFFIX}`;
  await caught(failures, async () => {
    if (store.find(path) === undefined) {
      throw new Failure("ssh-signature.absent", path, "the SSH signature is missing");
    }
    const problem = await sshSignatureProblem(await store.read(path, LIMITS.envelopeBytes), key.publicKey, envelope.payload);
    if (problem !== null) throw new Failure("ssh-signature.bad", path, problem);
  });
}
