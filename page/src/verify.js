// Verification in numbered steps: trust comes from the policy alone, and what is missing never helps.

import { checkChain, checkPin } from "./chain.js";
import { sha256 } from "./digest.js";
import { Failure, byPath } from "./failure.js";
import { checkFiles, checkManifest, checkTree } from "./integrity.js";
import { provenAt, unproven } from "./key_validity.js";
import { checkRecords } from "./records.js";
import { checkRedaction, lostSignatures } from "./redaction.js";
import { checkRequirements } from "./requirements.js";
import { asResult } from "./result.js";
import { checkReviews } from "./reviews.js";
import { agreeAll, readAll, understandAll, verifyAll } from "./signatures.js";
import { KINDS, readSignedFiles } from "./signed_files.js";
import { openStore } from "./store.js";
import { judge } from "./times.js";

const STEPS = [
  [2, "opened strictly"],
  [3, "signatures read"],
  [4, "signatures verified"],
  [5, "statement understood and signer allowed"],
  [6, "statement and SSH signature agree with the envelope"],
  [7, "key valid at the time"],
  [8, "manifest is the signed one"],
  [9, "tree head"],
  [10, "files"],
  [11, "records"],
  [12, "series"],
  [13, "requirements of the policy"],
  [14, "redaction"],
  [15, "reviews"],
];

/**
 * Verifies what was chosen, `{ archive }` or `{ files, emptyFolders }`, against a policy. `options` are `now`,
 * `allowWithheld` and `progress`, which is told how many files have been hashed. The result is that of the
 * command; beside it, the statement once a trusted signature vouches for it.
 */
export async function verify(chosen, policy, options) {
  const checks = STEPS.map(([step, name]) => ({ step, name, outcome: "not-checked", failures: [], notes: [] }));
  const run = {
    checks,
    signers: [],
    reviews: [],
    withheld: [],
    redaction: null,
    record(number, failures, notes = []) {
      const check = checks.find(({ step }) => step === number);
      Object.assign(check, { outcome: failures.length === 0 ? "passed" : "failed", failures, notes });
      return failures.length === 0;
    },
  };
  const store = await open(chosen, run);
  if (store !== null) await checkStore({ store, policy, now: options.now }, run, options);
  return { result: asResult(run, options.now), statement: run.verified?.statement ?? null };
}

async function open(chosen, run) {
  try {
    const store = await openStore(chosen);
    run.record(2, [], chosen.archive ? [] : [UNSEEN]);
    return store;
  } catch (failures) {
    if (!Array.isArray(failures)) throw failures;
    run.record(2, failures.sort((a, b) => (a.code < b.code ? -1 : a.code > b.code ? 1 : byPath(a, b))));
    return null;
  }
}

const UNSEEN =
  "a browser shows of a folder neither links nor special files, and may leave out empty folders and files with odd names; give the ZIP to have these checked too";

async function checkStore(context, run, options) {
  const { store, policy, now } = context;
  const read = await readAll(store);
  if (!run.record(3, read.failures)) return;
  const verifiedAll = await verifyAll(read.found, policy);
  if (!run.record(4, verifiedAll.failures, verifiedAll.notes)) return;
  const { stated, failures } = await understandAll(store, verifiedAll.trusted);
  if (!run.record(5, failures)) return;
  if (!run.record(6, (await agreeAll(store, stated)).failures)) return;
  const judged = await judge(stated, policy, now);
  run.record(7, judged.failures, judged.notes);
  const [{ statement, envelope }] = stated;
  run.verified = { statement, sha256: await sha256(envelope.payload) };
  context.verified = run.verified;
  run.signers = judged.accepted;

  const reviews = await checkReviews(context);
  run.record(15, reviews.failures, reviews.notes);
  run.reviews = reviews.reviews;
  run.approvals = reviews.approvals;
  await checkContents(context, run, judged.accepted, reviews, options);
}

/** Step 13. */
async function checkSigners(context, run, accepted, reviews, manifest) {
  // What a signature with a proven time covers was there at that time too.
  const times = accepted.map(({ time }) => time).filter((time) => time !== null);
  const earliest = times.reduce((first, time) => (first === null || time.latest < first.latest ? time : first), null);
  const time = earliest === null ? unproven(context.now) : provenAt(earliest);
  const files = [];
  for (const kind of KINDS) files.push(await readSignedFiles(kind, context, manifest, time));
  const { failures, notes } = checkRequirements(context.policy, accepted, reviews, files);
  run.record(13, failures, notes);
}

/** Steps 8 to 14. */
async function checkContents(context, run, accepted, reviews, { allowWithheld, progress }) {
  const { store, policy, verified } = context;
  const { predicate } = verified.statement;
  const { failures, manifest, bytes } = await checkManifest(store, verified.statement);
  if (!run.record(8, failures)) return;
  await checkSigners(context, run, accepted, reviews, manifest);
  run.record(9, checkTree(predicate, bytes));
  const files = await checkFiles(store, manifest, progress);
  const notes = [`${files.hashed} files hashed`];
  const redacted = await checkRedaction(context, accepted, manifest);
  run.record(14, redacted.failures);
  run.redaction = redacted.redaction;
  files.failures.push(...lostSignatures(policy, files.absent, store));
  run.withheld = files.absent.filter((path) => redacted.excused.has(path));
  const absent = files.absent.filter((path) => !redacted.excused.has(path));
  if (allowWithheld) {
    notes.push(...absent.map((path) => `withheld: ${path}`));
    run.withheld = [...run.withheld, ...absent].sort();
  } else {
    const message = "it is listed in the manifest but missing";
    files.failures.push(...absent.map((path) => new Failure("file.absent", path, message)));
    files.failures.sort(byPath);
  }
  const records = await checkRecords(store, files.failures);
  run.record(10, files.failures, notes);
  run.record(11, records.failures, records.notes);
  await checkSeries(context, run, manifest);
}

async function checkSeries({ store, policy, verified }, run, manifest) {
  const { predicate } = verified.statement;
  const failures = await checkChain(store, manifest, predicate);
  if (policy.series === null) {
    run.record(12, failures, ["the policy names no series, so a skipped or forked bundle would not be noticed"]);
    return;
  }
  const problem = checkPin(predicate.chain, policy.series);
  run.record(12, problem === null ? failures : [...failures, problem]);
}
