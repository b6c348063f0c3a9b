// Step 14: a redacted copy withholds what a signed redaction says, and what it shows leads to what was sealed.

import { readAbout } from "./about.js";
import { rootOfShown } from "./commitment.js";
import { sha256 } from "./digest.js";
import { Failure, byPath, caught, escaped, escapedLightly } from "./failure.js";
import { NotJson } from "./json.js";
import { keyFault, unproven } from "./key_validity.js";
import {
  COMMITMENTS,
  LIMITS,
  REDACTED,
  REDACTED_SUFFIX,
  REDACTION as FOLDER,
  isNeeded,
  isOfRedaction,
} from "./layout.js";
import { parseManifest } from "./manifest.js";
import { REDACTION } from "./statement.js";
import { unreadable } from "./store.js";
import { CLOCK_SKEW, shown } from "./time.js";

const AS_REDACTION = {
  kind: REDACTION,
  folder: FOLDER,
  codes: {
    fileName: "redaction.signer",
    format: "redaction.format",
    signature: "redaction.signature",
    signer: "redaction.signer",
    otherBundle: "redaction.other-bundle",
  },
  // It names files, of which there may be many.
  limit: LIMITS.heldBytes,
};

/** `excused` are listed files that a trusted redaction allows to be absent. */
export async function checkRedaction(context, accepted, manifest) {
  const failures = [];
  const trusted = await caught(failures, () => readTrusted(context, accepted));
  if (trusted === undefined || trusted === null) return { failures, excused: new Set(), redaction: null };
  const { predicate, key } = trusted;
  const excused = new Set();
  for (const { path } of [...predicate.withheld, ...predicate.partlyShown]) {
    if (!manifest.has(path) || isNeeded(path)) {
      const what = "the redaction names it, and it is no file that the manifest lists and a copy can lack";
      failures.push(new Failure("redaction.not-listed", escaped(path), what));
    } else if (context.store.find(path) !== undefined) {
      const what = "the redaction says that it is withheld, and it is there";
      failures.push(new Failure("redaction.present", path, what));
    } else if (excused.has(path)) {
      failures.push(new Failure("redaction.format", path, "the redaction names it twice"));
    } else {
      excused.add(path);
    }
  }
  await checkParts(context.store, manifest, predicate.partlyShown, failures);
  failures.sort(byPath);
  return { failures, excused, redaction: { owner: key.owner, predicate } };
}

/** The redaction that a key of the policy signed; null when this is no redacted copy. */
async function readTrusted(context, accepted) {
  const fail = (code, path, message) => {
    throw new Failure(code, path, message);
  };
  const paths = context.store.entries.map(({ path }) => path).filter(isOfRedaction);
  if (paths.length === 0) return null;
  const statements = paths.filter((path) => path.startsWith(FOLDER));
  if (statements.length === 0) {
    const message = "it belongs to a redaction, and no signed statement of one is there";
    fail("redaction.absent", paths[0], message);
  }
  if (statements.length > 1) {
    const message = "a redacted copy has one file in `redaction/`, and cannot be redacted again";
    fail("redaction.count", statements[1], message);
  }
  const [path] = statements;
  const trusted = await readAbout(path, context, AS_REDACTION);
  if (trusted === null) fail("redaction.untrusted", path, "no key of the policy signed it");
  if (trusted.envelope.token !== null) {
    fail("redaction.format", path, "it has a time stamp, which no redaction has");
  }
  const { key, predicate } = trusted;
  const { role } = predicate.signer;
  // Whoever signed the bundle could have left things out of it, and so may withhold them.
  const own = accepted.some((one) => one.key === key && one.role === role);
  if (!own && (role !== "redactor" || !key.roles.includes("redactor"))) {
    const who = "only a `redactor` or who signed the bundle may redact it";
    fail("redaction.role", path, `${escapedLightly(key.owner)} signed as \`${role}\`; ${who}`);
  }
  const fault = keyFault(key, unproven(context.now));
  if (fault !== null) fail("redaction.key", path, fault.message);
  if (predicate.redactedAt > context.now + CLOCK_SKEW) {
    const message = `it is of ${shown(predicate.redactedAt)}, later than ${shown(context.now)}`;
    fail("redaction.time", path, message);
  }
  return trusted;
}

const place = (path) => `${REDACTED}${path}${REDACTED_SUFFIX}`;

/** The files under `redacted/` are those that are named, and lead to what was sealed. */
async function checkParts(store, manifest, parts, failures) {
  const named = new Set(parts.map(({ path }) => place(path)));
  for (const { path } of store.entries) {
    if (path.startsWith(REDACTED) && !named.has(path)) {
      failures.push(new Failure("redaction.unnamed", path, "the redaction does not name it"));
    }
  }
  if (parts.length === 0) return;
  const commitments = await caught(failures, () => readCommitments(store, manifest));
  if (commitments === undefined) return;
  for (const part of parts) await caught(failures, () => checkPart(store, part, commitments));
}

async function readCommitments(store, manifest) {
  const listed = manifest.get(COMMITMENTS);
  if (listed === undefined || store.find(COMMITMENTS) === undefined) {
    const message = "the commitments to rows are missing, so nothing can be shown in part";
    throw new Failure("commitment.absent", COMMITMENTS, message);
  }
  const bytes = await store.read(COMMITMENTS);
  if ((await sha256(bytes)) !== listed) {
    throw new Failure("file.changed", COMMITMENTS, "its SHA-256 is not the one in the manifest");
  }
  try {
    return parseManifest(bytes);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw new Failure("commitment.format", COMMITMENTS, error.message);
  }
}

async function checkPart(store, part, commitments) {
  const path = place(part.path);
  const entry = store.find(path);
  if (entry === undefined) {
    const message = "the redaction names what it shows of a file, and it is missing";
    throw new Failure("redaction.part-absent", escaped(path), message);
  }
  let print;
  let root;
  try {
    print = await store.fingerprint(entry);
    if (print.sha256 === part.sha256) root = await rootOfShown(store, entry);
  } catch (error) {
    if (error instanceof NotJson) throw new Failure("redaction.rows", path, error.message);
    throw unreadable(path, error);
  }
  if (print.sha256 !== part.sha256) {
    throw new Failure("redaction.changed", path, "its SHA-256 is not the one in the redaction");
  }
  if (commitments.get(part.path) !== root) {
    throw new Failure("redaction.commitment", path, "what it shows is not what was sealed");
  }
}

/**
 * What a policy demands of signed files cannot be seen without them, and missing never helps. Nor can it be seen, whatever
 * a policy demands, that a waiver is approved by somebody else, without its signatures.
 */
export function lostSignatures(policy, absent, store) {
  const ofShownWaiver = absent.find((path) => {
    const [, stem] = /^(waivers\/.*)\.[^.]*\.sigstore\.json$/.exec(path) ?? [];
    return stem !== undefined && [".yaml", ".yml"].some((end) => store.find(stem + end) !== undefined);
  });
  if (ofShownWaiver !== undefined) {
    const message = "it is withheld, and is a signature of a waiver that is shown: who approved it cannot be told";
    return [new Failure("require.withheld", ofShownWaiver, message)];
  }
  const demanding = policy.require.some(
    (wanted) => !["assessment", "review"].includes(wanted.statement) || wanted.distinct_owner_from.length > 0,
  );
  const lost = absent.find((path) => path.startsWith("attestations/") || path.startsWith("waivers/"));
  if (!demanding || lost === undefined) return [];
  const message = "it is withheld, and the policy demands something of whoever signed such files";
  return [new Failure("require.withheld", lost, message)];
}
