// Step 15: what those who reviewed the bundle decided.

import { readAbout } from "./about.js";
import { Failure, caught, escapedLightly } from "./failure.js";
import { keyFault, provenAt, unproven } from "./key_validity.js";
import { REVIEWS, SIGSTORE_SUFFIX, namedFor } from "./layout.js";
import { REVIEW } from "./statement.js";
import { CLOCK_SKEW, shown } from "./time.js";
import { NOT_PROVEN, isRequired, proven } from "./times.js";

const AS_REVIEW = {
  kind: REVIEW,
  folder: REVIEWS,
  codes: {
    fileName: "review.file-name",
    format: "review.format",
    signature: "review.signature",
    signer: "review.signer",
    otherBundle: "review.other-bundle",
  },
};

/** `reviews` are all by keys of the policy; `approvals` and `rejections` those of them that count. */
export async function checkReviews(context) {
  const found = { failures: [], notes: [], reviews: [], approvals: [], rejections: [] };
  for (const { path } of context.store.entries.filter((entry) => entry.path.startsWith(REVIEWS))) {
    await caught(found.failures, async () => {
      if (namedFor(path, REVIEWS, SIGSTORE_SUFFIX) === null) {
        throw new Failure("review.file-name", path, "it is not named like a review");
      }
      const trusted = await readAbout(path, context, AS_REVIEW);
      if (trusted === null) {
        found.notes.push(`${path}: by a key that the policy does not name; it counts for nothing`);
      } else {
        await take(found, path, trusted, context);
      }
    });
  }
  return found;
}

async function take(found, path, { predicate, key, envelope }, { policy, verified, now }) {
  const fail = (code, message) => {
    throw new Failure(code, path, message);
  };
  const { role } = predicate.signer;
  const owner = escapedLightly(key.owner);
  if (!key.roles.includes(role)) fail("review.role", `the policy does not let ${owner} sign as \`${role}\``);
  const at = predicate.reviewedAt;
  const made = verified.statement.predicate.asOf;
  if (at > now + CLOCK_SKEW) fail("review.time", `it is of ${shown(at)}, later than ${shown(now)}`);
  if (at + CLOCK_SKEW < made) {
    fail("review.time", `it is of ${shown(at)}, before the bundle, which is of ${shown(made)}`);
  }
  const time = (await proven(envelope, path, policy, now)).time ?? null;
  if (time === null && isRequired(policy)) fail("time.not-proven", NOT_PROVEN);
  const fault = keyFault(key, time === null ? unproven(now) : provenAt(time));
  if (fault !== null) fail("review.key", fault.message);
  found.reviews.push({ owner: key.owner, time, predicate });
  if (predicate.decision === "approve") {
    found.approvals.push({ key, role, time });
  } else {
    found.rejections.push({ key, role, time });
    fail("review.rejected", `${owner} rejects the bundle: ${escapedLightly(predicate.comment)}`);
  }
}
