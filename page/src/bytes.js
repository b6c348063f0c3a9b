// Bytes: joining, comparing, hexadecimal, strict base64 and strict UTF-8.

const encoder = new TextEncoder();
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The UTF-8 of a text. */
export const utf8 = (text) => encoder.encode(text);

/** The text that bytes are the UTF-8 of; null when they are none. */
export function text(bytes) {
  try {
    return strict.decode(bytes);
  } catch {
    return null;
  }
}

export function concat(...parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export function equal(a, b) {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

/** Before, after or the same, by bytes. */
export function compare(a, b) {
  const shared = Math.min(a.length, b.length);
  for (let at = 0; at < shared; at += 1) {
    if (a[at] !== b[at]) return a[at] - b[at];
  }
  return a.length - b.length;
}

/** Texts by the bytes of their UTF-8. */
export function compareTexts(a, b) {
  if (a === b) return 0;
  return compare(utf8(a), utf8(b));
}

const DIGITS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

export function hex(bytes) {
  let digits = "";
  for (const byte of bytes) digits += DIGITS[byte];
  return digits;
}

/** The bytes of 64 lowercase hexadecimal digits; null for anything else. */
export function digestBytes(digits) {
  if (!isDigest(digits)) return null;
  return Uint8Array.from({ length: 32 }, (_, at) => parseInt(digits.slice(2 * at, 2 * at + 2), 16));
}

/** Whether a text is a SHA-256 as this format writes it. */
export const isDigest = (digits) => /^[0-9a-f]{64}$/.test(digits);

export function base64(bytes) {
  let binary = "";
  for (let at = 0; at < bytes.length; at += 0x8000) {
    binary += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  }
  return btoa(binary);
}

/** The bytes of base64 with padding and without anything else; null for any other text. */
export function fromBase64(encoded) {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(encoded) || encoded.length % 4 !== 0) return null;
  let binary;
  try {
    binary = atob(encoded);
  } catch {
    return null;
  }
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  // Bits that no byte is made of have to be zero.
  return base64(bytes) === encoded ? bytes : null;
}
