// What verifying found, in the form that `pgdossier verify --format json` prints.

import { written } from "./time.js";

export function asResult(run, now) {
  const { checks, signers, verified } = run;
  const allHold = checks.every(({ outcome }) => outcome === "passed");
  const proven = signers.length > 0 && [...signers, ...(run.approvals ?? [])].every(({ time }) => time !== null);
  return {
    version: 1,
    verdict: !allHold ? "invalid" : run.withheld.length > 0 ? "valid-with-withheld-files" : "valid",
    bundle_id: verified?.statement.predicate.bundleId ?? null,
    statement_sha256: verified?.sha256 ?? null,
    as_of: written(now),
    time: proven ? "proven" : "not-proven",
    signers: signers.map(({ key, role, time }) => ({ keyid: key.keyid, owner: key.owner, role, ...signedBy(time) })),
    reviews: run.reviews.map(({ owner, time, predicate }) => ({ owner, ...signedBy(time), ...plain(predicate) })),
    withheld: run.withheld,
    ...(run.redaction === null ? {} : { redaction: { owner: run.redaction.owner, ...plain(run.redaction.predicate) } }),
    checks: checks.map((check) => ({ ...check, failures: check.failures.map((failure) => ({ ...failure })) })),
  };
}

function signedBy(time) {
  return time === null ? {} : { signed_by: { time: written(time.latest), authority: time.authority } };
}

/** What was signed, with times and whole numbers as JSON has them. */
function plain(predicate) {
  const { commit, ...tool } = predicate.tool;
  const copy = { ...predicate, tool: commit === null ? tool : { ...tool, commit } };
  for (const name of ["reviewedAt", "redactedAt"]) {
    if (name in copy) copy[name] = written(copy[name]);
  }
  if ("partlyShown" in copy) {
    copy.partlyShown = copy.partlyShown.map((part) => ({ ...part, withheldRows: Number(part.withheldRows) }));
  }
  return copy;
}
