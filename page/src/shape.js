// JSON with known fields: every field known, of its type and there once; unknown ones refused.

import { isDigest } from "./bytes.js";
import { JsonNumber, NotJson } from "./json.js";
import { parseTime } from "./time.js";

const wrong = (what) => {
  throw new NotJson(what);
};

export function string(value, name) {
  return typeof value === "string" ? value : wrong(`\`${name}\` is no text`);
}

export function boolean(value, name) {
  return typeof value === "boolean" ? value : wrong(`\`${name}\` is neither true nor false`);
}

/** A whole number of so many bits, as BigInt: not every one is exact as a Number. */
export const whole = (bits) => (value, name) => {
  const digits = value instanceof JsonNumber && /^(?:0|[1-9][0-9]{0,19})$/.test(value.written);
  const number = digits ? BigInt(value.written) : -1n;
  return number >= 0n && number < 1n << BigInt(bits) ? number : wrong(`\`${name}\` is no whole number`);
};

/** 64 lowercase hexadecimal digits. */
export function digest(value, name) {
  return isDigest(string(value, name)) ? value : wrong(`\`${name}\` is not 64 lowercase hexadecimal digits`);
}

/** RFC 3339, as nanoseconds since 1970. */
export function time(value, name) {
  return parseTime(string(value, name)) ?? wrong(`\`${name}\` is no time`);
}

export const oneOf = (...words) => (value, name) => {
  return words.includes(value) ? value : wrong(`\`${name}\` is none of ${words.join(", ")}`);
};

export const list = (item) => (value, name) => {
  return Array.isArray(value) ? value.map((one) => item(one, name)) : wrong(`\`${name}\` is no list`);
};

/** A field that may be null or absent. */
export function optional(read) {
  const reader = (value, name) => (value === null ? null : read(value, name));
  reader.absent = null;
  return reader;
}

/** A field that stands for an empty list when it is absent. */
export function listOrNone(item) {
  const read = list(item);
  const reader = (value, name) => read(value, name);
  reader.absent = [];
  return reader;
}

export const object = (fields) => (value, name) => {
  if (!(value instanceof Map)) wrong(`\`${name}\` is no object`);
  for (const key of value.keys()) {
    if (!Object.hasOwn(fields, key)) wrong(`unknown field \`${key}\``);
  }
  const read = {};
  for (const [key, reader] of Object.entries(fields)) {
    if (value.has(key)) read[key] = reader(value.get(key), key);
    else if (reader.absent !== undefined) read[key] = reader.absent;
    else wrong(`missing field \`${key}\``);
  }
  return read;
};
