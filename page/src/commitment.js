// Commitments to the rows and fields of records: from the lines of a partly shown record to the root that was sealed.

import { digestBytes, hex, text, utf8 } from "./bytes.js";
import { Sha256 } from "./digest.js";
import { NotJson, parse } from "./json.js";
import { lineBlocks } from "./records.js";
import * as shape from "./shape.js";

// First bytes of what is hashed, so that nothing of one kind can pass for another. A tree over lines uses 0 and 1.
const [FIELD_SALT, VALUE, ROW, FILE] = [3, 4, 5, 6];

const LINE = shape.object({
  withheld: shape.optional(shape.digest),
  salt: shape.optional(shape.digest),
  fields: shape.optional(
    shape.list(
      shape.object({
        name: shape.string,
        value: shape.optional(shape.string),
        salt: shape.optional(shape.digest),
        withheld: shape.optional(shape.digest),
      }),
    ),
  ),
});

function hash(kind, ...parts) {
  const hasher = new Sha256();
  hasher.update(Uint8Array.of(kind));
  for (const part of parts) hasher.update(part);
  return hasher.finish();
}

function number(value) {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}

/** The root, in hexadecimal, to which a file's lines lead; throws NotJson when one has another form. */
export async function rootOfShown(store, entry) {
  const root = new Sha256();
  root.update(Uint8Array.of(FILE));
  let line = 0;
  for await (const block of lineBlocks(store, entry)) {
    const whole = text(block);
    if (whole === null) throw new NotJson("it is not UTF-8");
    for (const one of whole.split("\n")) {
      line += 1;
      root.update(hashOfLine(one, line));
    }
  }
  return hex(root.finish());
}

function hashOfLine(line, number) {
  try {
    return rowHash(LINE(parse(line), "line"));
  } catch (error) {
    if (!(error instanceof NotJson)) throw error;
    throw new NotJson(`line ${number}: ${error.message}`);
  }
}

function rowHash({ withheld, salt, fields }) {
  if (withheld !== null && salt === null && fields === null) return digestBytes(withheld);
  if (withheld !== null || fields === null) throw new NotJson("it neither shows a row nor says that it is withheld");
  const committed = fields.flatMap((field, index) => {
    const name = utf8(field.name);
    return [number(name.length), name, commitment(field, salt, index)];
  });
  return hash(ROW, number(fields.length), ...committed);
}

function commitment({ value, salt, withheld }, rowSalt, index) {
  if (rowSalt !== null && value !== null && salt === null && withheld === null) {
    const own = hash(FIELD_SALT, digestBytes(rowSalt), number(index));
    return hash(VALUE, own, utf8(value));
  }
  if (rowSalt === null && value !== null && salt !== null && withheld === null) {
    return hash(VALUE, digestBytes(salt), utf8(value));
  }
  if (rowSalt === null && value === null && salt === null && withheld !== null) return digestBytes(withheld);
  throw new NotJson("a field is neither shown nor withheld in the one way for each");
}
