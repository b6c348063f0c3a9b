// Certificates (RFC 5280), as far as time stamping needs them.

import { equal, text } from "../bytes.js";
import { dayStart } from "../time.js";
import { readAlgorithm, readBits, readKey } from "./algorithm.js";
import { NotDer, TAG, all, list } from "./der.js";

const VERSION = 0xa0;
/** Version 3, counted from 0. */
const VERSION_3 = 2;
const EXTENSIONS = 0xa3;
const ID = { keyId: "2.5.29.14", usage: "2.5.29.15", basic: "2.5.29.19", names: "2.5.29.30", extendedUsage: "2.5.29.37" };
/** What a chain may hold without harm although it is not looked at. */
const HARMLESS = new Set(["2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.30", "2.5.29.31", "2.5.29.37"]);
export const TIME_STAMPING = "1.3.6.1.5.5.7.3.8";

/** Reads a certificate; throws NotDer. */
export function readCertificate(der) {
  return all(der, (outer) =>
    outer.sequence((inner) => {
      const before = inner.rest;
      const body = inner.sequence(readBody);
      const signed = before.subarray(0, before.length - inner.rest.length);
      const algorithm = readAlgorithm(inner);
      const signature = readBits(inner);
      if (body.version !== VERSION_3) throw new NotDer("it is not of version 3");
      if (!equal(body.innerAlgorithm.whole, algorithm.whole)) throw new NotDer("it names two algorithms");
      return { der, ...body, signed, algorithm, signature };
    }),
  );
}

function readBody(der) {
  const version = der.optionalInside(VERSION, (inner) => inner.number()) ?? 0;
  const serial = der.integer();
  const innerAlgorithm = readAlgorithm(der);
  const issuer = der.take(TAG.sequence).whole;
  const [notBefore, notAfter] = der.sequence((inner) => [readTime(inner), readTime(inner)]);
  const subject = der.take(TAG.sequence).whole;
  const key = readKey(der);
  const extensions = der.optionalInside(EXTENSIONS, (inner) => inner.sequence((all) => list(all, readExtension))) ?? [];
  nameText(issuer);
  nameText(subject);
  return { version, serial, innerAlgorithm, issuer, notBefore, notAfter, subject, key, extensions };
}

function readExtension(der) {
  return der.sequence((inner) => {
    const id = inner.oid();
    const critical = inner.flag();
    const { value } = inner.take(TAG.octets);
    if (Object.hasOwn(STRICT, id)) all(value, STRICT[id]);
    return { id, critical, value };
  });
}

/** Seconds since 1970. */
function readTime(der) {
  const { tag, value } = der.any();
  const digits = text(value) ?? "";
  const form = tag === TAG.utcTime ? /^(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/ : /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/;
  const found = tag === TAG.utcTime || tag === TAG.time ? form.exec(digits) : null;
  if (found === null) throw new NotDer("a time is malformed");
  const [year, month, day, hour, minute, second] = found.slice(1).map(Number);
  const century = tag === TAG.utcTime ? (year >= 50 ? 1900 : 2000) : 0;
  const start = dayStart(century + year, month, day);
  if (start === null || hour > 23 || minute > 59 || second > 59) throw new NotDer("a time is malformed");
  return Number(start) + hour * 3600 + minute * 60 + second;
}

/** The only extension with an id: its inside read; null when there is none, or several, or it is malformed. */
function extension(certificate, id, read) {
  const found = certificate.extensions.filter((one) => one.id === id);
  if (found.length !== 1) return null;
  try {
    return { critical: found[0].critical, value: all(found[0].value, read) };
  } catch (error) {
    if (!(error instanceof NotDer)) throw error;
    return null;
  }
}

export const has = (certificate, name) => certificate.extensions.some(({ id }) => id === ID[name]);

const readUsage = (der) => {
  const { value } = der.take(TAG.bits);
  const unused = value[0] ?? 8;
  if (unused > 7 || (unused > 0 && value.length === 1)) throw new NotDer("bits are malformed");
  const isPadded = unused > 0 && (value.at(-1) & ((1 << unused) - 1)) !== 0;
  return isPadded ? new Uint8Array(0) : value.subarray(1);
};
const readExtendedUsage = (der) => der.sequence((inner) => list(inner, (one) => one.oid()));
/** What a certificate is for has to be readable. */
const STRICT = { [ID.usage]: readUsage, [ID.extendedUsage]: readExtendedUsage };

export const keyIdentifier = (certificate) => extension(certificate, ID.keyId, (der) => der.take(TAG.octets).value)?.value;

export const extendedUsage = (certificate) => extension(certificate, ID.extendedUsage, readExtendedUsage);

/** Whether a key usage allows signatures: one of the first two bits. */
export function allowsSignatures(certificate) {
  const usage = extension(certificate, ID.usage, readUsage);
  return usage !== null && usage.value.length > 0 && (usage.value[0] & 0xc0) !== 0;
}

/** Whether it is an authority's, and how many may stand below it. */
export function basicConstraints(certificate) {
  if (!has(certificate, "basic")) return { isAuthority: false, below: Infinity };
  const read = extension(certificate, ID.basic, (der) =>
    der.sequence((inner) => ({ isAuthority: inner.flag(), below: inner.done ? Infinity : inner.number() })),
  );
  return read?.value ?? null;
}

/** Why a certificate can be no part of a chain, as a rank and a sentence; null when it can. */
export function chainProblem(certificate) {
  const ids = certificate.extensions.map(({ id }) => id).filter((id) => HARMLESS.has(id));
  if (new Set(ids).size !== ids.length) return { rank: 30, message: "a certificate has an extension twice" };
  if (certificate.extensions.some(({ id, critical }) => critical && !HARMLESS.has(id))) {
    return { rank: 130, message: "a certificate has a critical extension that is not understood" };
  }
  return null;
}

const ABBREVIATIONS = {
  "2.5.4.3": "CN", "2.5.4.4": "SN", "2.5.4.5": "serialNumber", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST",
  "2.5.4.9": "STREET", "2.5.4.10": "O", "2.5.4.11": "OU", "1.2.840.113549.1.9.1": "Email",
};

/** A name as people read it, as `C=NL, O=Clock, CN=tsa`. */
export function nameText(name) {
  const parts = all(name, (der) =>
    der.sequence((inner) =>
      list(inner, (set) =>
        set.set(TAG.set, (pair) => pair.sequence((both) => [both.oid(), both.any()])),
      ),
    ),
  );
  const shown = ([oid, { value }]) => `${ABBREVIATIONS[oid] ?? oid}=${text(value) ?? "#"}`;
  return parts.map((set) => set.map(shown).join(" + ")).join(", ");
}
