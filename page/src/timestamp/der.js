// A small DER reader: definite and shortest lengths, known tags, nothing left over.

import { compare } from "../bytes.js";

export class NotDer extends Error {}

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bits: 0x03,
  octets: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8: 0x0c,
  utcTime: 0x17,
  time: 0x18,
  sequence: 0x30,
  set: 0x31,
};
// Of the universal class; sequences and sets are constructed, all else is not.
const UNIVERSAL = new Set([
  0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x09, 0x0a, 0x0c, 0x0d, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x1a, 0x1b, 0x1e,
  0x30, 0x31,
]);

const fail = (reason) => {
  throw new NotDer(reason);
};

/** Reads values from the front of bytes. Each is `{ tag, value, whole }`, `whole` with tag and length. */
export class Der {
  constructor(bytes) {
    this.rest = bytes;
  }

  get done() {
    return this.rest.length === 0;
  }

  peek() {
    return this.rest[0];
  }

  any() {
    const bytes = this.rest;
    const tag = bytes[0] ?? fail("it is cut off");
    if (tag < 0x40 ? !UNIVERSAL.has(tag) : (tag & 0x1f) === 0x1f) fail("a tag is unknown");
    let length = bytes[1] ?? fail("it is cut off");
    let start = 2;
    if (length >= 0x80) {
      const count = length & 0x7f;
      if (count === 0 || count > 4 || bytes.length < 2 + count) fail("a length is malformed");
      length = bytes.subarray(2, 2 + count).reduce((sum, byte) => sum * 256 + byte, 0);
      if (bytes[2] === 0 || length < 0x80) fail("a length is not the shortest");
      start += count;
    }
    if (bytes.length < start + length) fail("it is cut off");
    this.rest = bytes.subarray(start + length);
    return { tag, value: bytes.subarray(start, start + length), whole: bytes.subarray(0, start + length) };
  }

  take(tag) {
    const one = this.any();
    if (one.tag !== tag) fail("a value is of another type");
    return one;
  }

  /** The next value if it has this tag, else null. */
  optional(tag) {
    return this.peek() === tag ? this.take(tag) : null;
  }

  /** The next value's inside, all of which has to be read. */
  inside(tag, read) {
    return all(this.take(tag).value, read);
  }

  optionalInside(tag, read) {
    return this.peek() === tag ? this.inside(tag, read) : null;
  }

  sequence(read) {
    return this.inside(TAG.sequence, read);
  }

  /** The items of a set, which are in the order of their bytes and none twice. */
  set(tag, read) {
    return this.inside(tag, (der) => setItems(der, read));
  }

  optionalSet(tag, read) {
    return this.optionalInside(tag, (der) => setItems(der, read));
  }

  /** The bytes of an integer in its shortest form. */
  integer() {
    const { value } = this.take(TAG.integer);
    const padded = value.length > 1 && (value[0] === 0 ? value[1] < 0x80 : value[0] === 0xff && value[1] >= 0x80);
    if (value.length === 0 || padded) fail("an integer is not in its shortest form");
    return value;
  }

  /** A number from 0 to the largest of so many bytes. */
  number(bytes = 1) {
    return asNumber(this.integer(), bytes);
  }

  oid() {
    return asOid(this.take(TAG.oid).value);
  }

  /** False where it is left out. */
  flag() {
    const one = this.optional(TAG.boolean);
    if (one === null) return false;
    if (one.value.length !== 1 || ![0, 0xff].includes(one.value[0])) fail("neither true nor false");
    return one.value[0] === 0xff;
  }
}

/** Reads all of some bytes. */
export function all(bytes, read) {
  const der = new Der(bytes);
  const value = read(der);
  if (!der.done) fail("something follows");
  return value;
}

export function list(der, read) {
  const items = [];
  while (!der.done) items.push(read(der));
  return items;
}

function setItems(der, read) {
  let previous = null;
  return list(der, (items) => {
    const before = items.rest;
    const item = read(items);
    const whole = before.subarray(0, before.length - items.rest.length);
    if (previous !== null && compare(previous, whole) >= 0) fail("a set is out of order");
    previous = whole;
    return item;
  });
}

export function asNumber(value, bytes) {
  if (value[0] >= 0x80) fail("a number is negative");
  const digits = value[0] === 0 ? value.subarray(1) : value;
  if (digits.length > bytes) fail("a number is too large");
  return digits.reduce((sum, byte) => sum * 256 + byte, 0);
}

/** An object identifier in dots. */
function asOid(value) {
  // Nothing that a token or certificate needs begins with a larger pair of numbers than 2.39.
  if (value.length === 0 || value[0] >= 120 || value.at(-1) >= 0x80) fail("an object identifier is malformed");
  const arcs = [];
  let arc = 0;
  let fresh = true;
  for (const byte of value) {
    if (fresh && byte === 0x80) fail("an object identifier is malformed");
    arc = arc * 128 + (byte & 0x7f);
    fresh = byte < 0x80;
    if (fresh) {
      arcs.push(arc);
      arc = 0;
    }
  }
  const first = Math.min(Math.floor(arcs[0] / 40), 2);
  return [first, arcs[0] - 40 * first, ...arcs.slice(1)].join(".");
}
