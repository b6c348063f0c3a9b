// Whether a key of a trust policy was good when it signed, as far as that is known.

import { escapedLightly } from "./failure.js";
import { shortKeyid } from "./public_key.js";
import { written } from "./time.js";

/** When a signature was made: not after what a token proves, or unknown, so that the key has to be good now. */
export const provenAt = ({ at, latest }) => ({ first: at, last: latest, proven: true });
export const unproven = (now) => ({ first: now, last: now, proven: false });

/** Why a key was not good at a time, by name; null when it was. */
export function keyFault(key, { first, last, proven }) {
  const who = `the key \`${shortKeyid(key.keyid)}\` of ${escapedLightly(key.owner)}`;
  const known = proven ? `it signed by ${written(last)}` : `now is ${written(last)}`;
  if (first < key.valid_from) {
    const message = `${who} is valid only from ${written(key.valid_from)}; ${known}`;
    return { code: "key.not-yet-valid", message };
  }
  if (last >= key.valid_until) {
    return { code: "key.expired", message: `${who} was valid until ${written(key.valid_until)}; ${known}` };
  }
  if (key.revoked_at === null) return null;
  // Whoever has stolen a key can write any date: only a token from before tells the owner's signatures apart.
  const compromised = key.revoked_reason === null || key.revoked_reason === "key-compromise";
  if (key.revoked_at <= last || (compromised && !proven)) {
    const message = `${who} was revoked at ${written(key.revoked_at)}, and no token proves an earlier signature`;
    return { code: "key.revoked", message };
  }
  return null;
}
