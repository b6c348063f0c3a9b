// Who signed the attestations and waivers in a bundle: by key, so that duties are separated by more than names.

import { parseDocument } from "yaml";
import { text } from "./bytes.js";
import { sha256 } from "./digest.js";
import { EnvelopeError, parseEnvelope, signedBytes } from "./envelope.js";
import { Failure, escaped } from "./failure.js";
import { LIMITS, SIGSTORE_SUFFIX } from "./layout.js";
import { keyFault } from "./key_validity.js";
import { parseOfFile } from "./statement.js";
import { mayAttest, signingKey } from "./trust_policy.js";

export const KINDS = [
  { word: "attestation", folder: "attestations/", predicateType: "urn:pgdossier:attestation:v1" },
  { word: "waiver", folder: "waivers/", predicateType: "urn:pgdossier:waiver:v1" },
];

/**
 * The files of a kind by name, as far as they are as they were sealed, each with those who signed these very bytes as
 * `{ owner, role, counts }`.
 */
export async function readSignedFiles(kind, { store, policy }, manifest, time) {
  const names = store.entries
    .filter(({ path }) => path.startsWith(kind.folder))
    .map(({ path }) => path.slice(kind.folder.length));
  const [files, signers] = [new Map(), new Map()];
  for (const name of names.filter((name) => /\.ya?ml$/.test(name))) {
    signers.set(name, []);
    const bytes = await readSealed(store, manifest, kind.folder + name);
    if (bytes === null) continue;
    files.set(name, { digest: await sha256(bytes), controls: controlsOf(store, bytes) });
  }
  for (const name of names.filter((name) => name.endsWith(SIGSTORE_SUFFIX))) {
    const bytes = await readSealed(store, manifest, kind.folder + name);
    const signed = bytes === null ? null : await readSigner(kind, bytes, policy, files, manifest, time);
    if (signed !== null) signers.get(signed.name).push(signed);
  }
  return { ...kind, signers };
}

/** Null for what is not as it was sealed: nothing that anybody put in its place is parsed or believed. */
async function readSealed(store, manifest, path) {
  try {
    const bytes = await store.read(path, LIMITS.envelopeBytes);
    return manifest.get(path) === (await sha256(bytes)) ? bytes : null;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return null;
  }
}

/** The controls that a file is about, each with the section that the bundle's catalog has it in; null when unknown. */
function controlsOf(store, bytes) {
  const whole = text(bytes);
  const document = whole === null ? null : parseDocument(whole, { strict: true, uniqueKeys: true, logLevel: "silent" });
  if (document === null || document.errors.length > 0) return null;
  const about = asValue(document);
  if (about === null || typeof about !== "object" || Array.isArray(about)) return null;
  const named = [about.controls ?? [], about.control ?? []].flat();
  const good = Array.isArray(about.controls ?? []) && !Array.isArray(about.control);
  if (!good || named.some((control) => typeof control !== "string")) return null;
  return named.map((control) => {
    const end = `/${control}.yaml`;
    const found = store.entries.find(({ path }) => path.startsWith("controls/") && path.slice(9).endsWith(end));
    return { control, section: found === undefined ? "" : found.path.slice(9, -end.length) };
  });
}

function asValue(document) {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch {
    return null;
  }
}

/** Null when a signature is not by a key of the policy over these bytes. */
async function readSigner(kind, bytes, policy, files, manifest, time) {
  let envelope;
  try {
    envelope = parseEnvelope(bytes);
  } catch (error) {
    if (!(error instanceof EnvelopeError)) throw error;
    return null;
  }
  const key = await signingKey(policy, signedBytes(envelope), envelope.signature);
  const signed = key === null ? null : parseOfFile(kind.predicateType, envelope.payload);
  if (signed === null) return null;
  const [{ name, digest }, ...rest] = signed.subject;
  const documents = new Map(rest.map((document) => [document.name, document.digest.sha256]));
  const file = files.get(name);
  if (file === undefined || file.digest !== digest.sha256) return null;
  const { role, keyid } = signed.predicate;
  const limited = key.controls !== null || key.sections !== null;
  const authorised =
    file.controls === null
      ? !limited
      : file.controls.every(({ control, section }) => mayAttest(key, control, section));
  const attached = [...documents.values()].every((document) => hasDocument(manifest, document));
  const allowed = key.roles.includes(role) && authorised && keyFault(key, time) === null;
  const counts = keyid === key.keyid && attached && allowed;
  return { name, owner: key.owner, role, counts };
}

/** Whether a document with this digest was sealed, here or withheld. Its name says so, and so must its bytes. */
function hasDocument(manifest, digest) {
  const start = `attachments/${digest}.`;
  return [...manifest].some(([path, listed]) => path.startsWith(start) && listed === digest);
}

/** The owners of all keys that signed in one of these roles. */
export function ownersOfFiles({ signers }, roles) {
  const all = [...signers.values()].flat();
  return all.filter(({ role }) => roles.includes(role)).map(({ owner }) => owner);
}

/** The waivers that nobody approved but who asked for them, or who sealed the bundle: no policy allows that. */
export function approvedByThemselves({ folder, signers }, sealers) {
  const failures = [];
  for (const [name, all] of signers) {
    const owners = (wanted) => new Set(all.filter(({ role }) => role === wanted).map(({ owner }) => owner));
    const [approvers, requesters] = [owners("approver"), owners("requester")];
    const concerned = (owner) => requesters.has(owner) || sealers.has(owner);
    if (approvers.size > 0 && [...approvers].every(concerned)) {
      const who = escaped([...approvers].sort().join(", "));
      const message = `it is approved by nobody but ${who}, who asked for it or made the assessment`;
      failures.push(new Failure("waiver.same-owner", folder + name, message));
    }
  }
  return failures;
}

/** The files that too few others signed in the role that is wanted. */
export function unmet({ word, folder, signers }, wanted, excluded) {
  const failures = [];
  for (const [name, all] of signers) {
    // Nobody reviews what they attested, whatever the policy says.
    const barred = wanted.role === "reviewer" ? ["attestor", ...wanted.distinct_owner_from] : wanted.distinct_owner_from;
    const own = all.filter(({ role }) => barred.includes(role)).map(({ owner }) => owner);
    const owners = new Set(
      all
        .filter(({ role, counts }) => counts && role === wanted.role)
        .map(({ owner }) => owner)
        .filter((owner) => !own.includes(owner) && !excluded.has(owner)),
    );
    if (BigInt(owners.size) < wanted.threshold) {
      const demand = `each ${word} signed by ${wanted.threshold} owner(s) in role \`${escaped(wanted.role)}\``;
      failures.push(new Failure("require.threshold", folder + name, `the policy requires ${demand}; ${owners.size} did`));
    }
  }
  return failures;
}
