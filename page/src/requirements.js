// Step 13: enough distinct owners, with duties separated.

import { Failure, escaped, escapedLightly } from "./failure.js";
import { approvedByThemselves, ownersOfFiles, unmet } from "./signed_files.js";

const ownersIn = (signed, wanted) => signed.filter(({ role }) => role === wanted).map(({ key }) => key.owner);

export function checkRequirements(policy, accepted, reviews, files) {
  const decided = [...reviews.approvals, ...reviews.rejections];
  // Whoever signed a file is excluded by duty even where their signature counts for nothing any more.
  const excluded = (roles) =>
    new Set([
      ...files.flatMap((one) => ownersOfFiles(one, roles)),
      ...roles.flatMap((role) => [...ownersIn(accepted, role), ...ownersIn(decided, role)]),
    ]);
  const sealers = new Set(accepted.map(({ key }) => key.owner));
  // Nobody's approval counts of a bundle that they signed.
  const others = reviews.approvals.filter(({ key }) => !sealers.has(key.owner));
  const failures = files.flatMap((one) => approvedByThemselves(one, sealers));
  for (const wanted of policy.require) {
    const ofFiles = files.find(({ word }) => word === wanted.statement);
    if (ofFiles !== undefined) {
      const assessors = new Set(wanted.distinct_owner_from.flatMap((role) => ownersIn(accepted, role)));
      failures.push(...unmet(ofFiles, wanted, assessors));
      continue;
    }
    const kind = escaped(wanted.statement);
    const signed = { assessment: accepted, review: others };
    if (!Object.hasOwn(signed, wanted.statement)) {
      const message = `the policy requires a \`${kind}\`, which this version cannot verify`;
      failures.push(new Failure("require.unsupported", null, message));
      continue;
    }
    const barred = excluded(wanted.distinct_owner_from);
    const owners = new Set(ownersIn(signed[wanted.statement], wanted.role).filter((owner) => !barred.has(owner)));
    if (BigInt(owners.size) < wanted.threshold) {
      const demand = `a \`${kind}\` signed by ${wanted.threshold} owner(s) in role \`${escaped(wanted.role)}\``;
      failures.push(new Failure("require.threshold", null, `the policy requires ${demand}; ${owners.size} did`));
    }
  }
  const own = reviews.approvals.map(({ key }) => key.owner).filter((owner) => sealers.has(owner));
  const notes = [...new Set(own)]
    .sort()
    .map((owner) => `${escapedLightly(owner)} signed the bundle too, so that this approval of it counts for nothing`);
  return { failures, notes };
}
