// ECDSA signatures: the two numbers as DER, as SSH has them and as WebCrypto takes them, and their one canonical form.

import { compare, concat, equal } from "./bytes.js";
import { Reader, strings } from "./ssh_wire.js";

/** The longest DER of a canonical signature on P-256: a sequence of an integer of 33 bytes and one of 32. */
export const LONGEST_DER = 71;
/** Half of the order of the group of P-256. */
const HALF_ORDER = Uint8Array.from(
  [
    0x7f, 0xff, 0xff, 0xff, 0x80, 0x00, 0x00, 0x00, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xde, 0x73, 0x7d, 0x56, 0xd3, 0x8b, 0xcf, 0x42, 0x79, 0xdc, 0xe5, 0x61, 0x7e, 0x31, 0x92, 0xa8,
  ],
);

/** Strict DER, for numbers of `size` bytes; null for any other form. */
export function fromDer(bytes, size = 32) {
  if (bytes.length < 2 || bytes[0] !== 0x30 || bytes[1] !== bytes.length - 2 || bytes[1] > 127) return null;
  const numbers = [];
  let at = 2;
  while (at < bytes.length) {
    const length = bytes[at + 1];
    if (bytes[at] !== 2 || length === undefined || at + 2 + length > bytes.length) return null;
    numbers.push(widen(bytes.subarray(at + 2, at + 2 + length), size));
    at += 2 + length;
  }
  return numbers.length === 2 && !numbers.includes(null) ? { r: numbers[0], s: numbers[1] } : null;
}

export function toDer({ r, s }) {
  const body = concat(...[r, s].map(shortest).flatMap((one) => [Uint8Array.of(2, one.length), one]));
  return concat(Uint8Array.of(0x30, body.length), body);
}

/** As SSH has it (RFC 5656): two `mpint`. */
export function fromSsh(bytes) {
  const reader = new Reader(bytes);
  const [r, s] = [reader.take(), reader.take()].map((number) => number && widen(number, 32));
  return r && s && reader.done ? { r, s } : null;
}

export const toSsh = ({ r, s }) => strings(shortest(r), shortest(s));

/** The two numbers one after the other, as WebCrypto takes them. */
export const toRaw = ({ r, s }) => concat(r, s);

/** Of the two equivalent forms the one with the smaller s. */
export const isCanonical = ({ s }) => compare(s, HALF_ORDER) <= 0;

/** The shortest two's complement form of a positive number. */
function shortest(number) {
  const start = number.findIndex((digit) => digit !== 0);
  const digits = start === -1 ? number.subarray(number.length) : number.subarray(start);
  return digits.length === 0 || digits[0] & 0x80 ? concat(Uint8Array.of(0), digits) : digits;
}

/** The inverse of `shortest`; null for any other form. */
function widen(short, size) {
  const digits = short[0] === 0 ? short.subarray(1) : short;
  if (digits.length > size) return null;
  const number = new Uint8Array(size);
  number.set(digits, size - digits.length);
  return equal(shortest(number), short) ? number : null;
}
