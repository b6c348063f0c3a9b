// Step 7: when each signature was made, and whether its key was good then.

import { Failure, caught, escapedLightly } from "./failure.js";
import { keyFault, provenAt, unproven } from "./key_validity.js";
import { STATEMENT } from "./layout.js";
import { CLOCK_SKEW, shown } from "./time.js";
import { TokenError, checkToken, checkTokenItself } from "./timestamp/token.js";

/** What counts toward the policy's requirements, as `{ key, role, time }`. */
export async function judge(stated, policy, now) {
  const [accepted, failures, notes] = [[], [], []];
  for (const { path, role, envelope, key, statement } of stated) {
    const found = await caught(failures, () => proven(envelope, path, policy, now));
    const time = found?.time ?? null;
    if (time !== null) {
      notes.push(`${path}: signed by ${shown(time.latest)}, says ${escapedLightly(time.authority)}`);
    } else if (found !== undefined) {
      notes.push(`time not proven: the moment of signing rests on the signer's word (${found.why})`);
    }
    const fault = keyFault(key, time === null ? unproven(now) : provenAt(time));
    if (fault === null) accepted.push({ key, role, time });
    else failures.push(new Failure(fault.code, null, fault.message));
    const { asOf } = statement.predicate;
    if (asOf > now + CLOCK_SKEW) {
      const message = `the statement is of ${shown(asOf)}, later than ${shown(now)}`;
      failures.push(new Failure("time.future", STATEMENT, message));
    }
    if (time === null && envelope.token === null && isRequired(policy)) {
      failures.push(new Failure("time.not-proven", null, NOT_PROVEN));
    }
  }
  return { accepted, failures, notes };
}

export const NOT_PROVEN = "the policy requires a trusted time of signing, but there is no token of an authority";

export const isRequired = (policy) => policy.timestamp !== null && policy.timestamp.required;

/**
 * What a signature's token proves as `{ time }`, or `{ why }` it proves nothing. A token that ought to prove something
 * and does not is a failure even where none is required: otherwise changing it would go unnoticed.
 */
export async function proven(envelope, path, policy, now) {
  const { token, signature } = envelope;
  if (token === null) return { why: "there is no token of a time-stamping authority" };
  try {
    if (policy.timestamp === null) {
      await checkTokenItself(token, signature);
      return { why: "there is a token, but the policy names no root of a time-stamping authority" };
    }
    const time = await checkToken(token, signature, policy.timestamp.certificates);
    if (time.at > now + CLOCK_SKEW) {
      throw new Failure("time.future", path, `its token is of ${shown(time.at)}, later than ${shown(now)}`);
    }
    return { time };
  } catch (error) {
    if (error instanceof TokenError) throw new Failure(error.code, path, error.message);
    throw error;
  }
}
