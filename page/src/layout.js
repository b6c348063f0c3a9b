// Names that have a meaning in every bundle, and the caps on what a hostile one can make a verifier read.

export const MANIFEST = "MANIFEST.sha256";
export const STATEMENT = "statement.json";
export const LEAVES = "chain/leaves.txt";
export const COMMITMENTS = "commitments.txt";
export const SIGNATURES = "signatures/";
export const REVIEWS = "reviews/";
export const REDACTION = "redaction/";
export const REDACTED = "redacted/";
export const REDACTED_SUFFIX = ".rows.ndjson";
export const SIGSTORE_SUFFIX = ".sigstore.json";
export const SSHSIG_SUFFIX = ".sshsig";

export const LIMITS = {
  files: 100_000,
  fileBytes: 16 * 2 ** 30,
  totalBytes: 64 * 2 ** 30,
  heldBytes: 16 * 2 ** 20,
  envelopeBytes: 2 ** 20,
  lineBytes: 8 * 2 ** 20,
};

export const isOfRedaction = (path) => path.startsWith(REDACTION) || path.startsWith(REDACTED);

/** Whether the manifest leaves a file out. */
export function isUnlisted(path) {
  const named = path === MANIFEST || path === STATEMENT;
  return named || path.startsWith(SIGNATURES) || path.startsWith(REVIEWS) || isOfRedaction(path);
}

/** Whether no copy can do without a file. */
export function isNeeded(path) {
  return [LEAVES, COMMITMENTS, "VERIFY.md"].includes(path) || isUnlisted(path);
}

/** Whether a file is strict JSON, or lines of it; an attachment is its author's. */
export function isRecord(path) {
  return (path.endsWith(".json") || path.endsWith(".ndjson")) && !path.startsWith("attachments/");
}

export const isRole = (role) => /^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/.test(role);
export const isShortKeyid = (short) => /^[0-9a-f]{16}$/.test(short);

/** A name as its two parts at the last place where a text stands; null without one. */
export function splitLast(name, at) {
  const position = name.lastIndexOf(at);
  return position === -1 ? null : [name.slice(0, position), name.slice(position + at.length)];
}

/** The role and the short key id that a file is named for; null when it is not named so. */
export function namedFor(path, folder, suffix) {
  if (!path.startsWith(folder) || !path.endsWith(suffix)) return null;
  if (path.length < folder.length + suffix.length) return null;
  const parts = splitLast(path.slice(folder.length, path.length - suffix.length), "-");
  return parts !== null && isRole(parts[0]) && isShortKeyid(parts[1]) ? parts : null;
}
