// Step 11: listed files that are JSON, or lines of it, are strict JSON.

import { concat, text } from "./bytes.js";
import { Failure } from "./failure.js";
import { NotJson, check } from "./json.js";
import { LIMITS, isRecord, isUnlisted } from "./layout.js";

/** A single document is held at once; the command reads larger ones. */
const DOCUMENT = 512 * 2 ** 20;

/** As far as they are the sealed ones: `wrong` are failures of those that are not, and nobody parses these. */
export async function checkRecords(store, wrong) {
  const failures = [];
  const replaced = new Set(wrong.map(({ path }) => path));
  const all = store.entries.filter(({ path }) => isRecord(path) && !isUnlisted(path));
  const records = all.filter(({ path }) => !replaced.has(path));
  const left = all.length - records.length;
  for (const entry of records) {
    try {
      if (entry.path.endsWith(".ndjson")) await checkLines(store, entry);
      else await checkDocument(store, entry);
    } catch (error) {
      const message = `it is not a strict record: ${error.message}`;
      failures.push(new Failure("record.format", entry.path, message));
    }
  }
  return { failures, notes: left > 0 ? [`${left} records that are not the sealed ones were not read`] : [] };
}

async function checkDocument(store, entry) {
  if (entry.size > DOCUMENT) throw new NotJson(`it has more than ${DOCUMENT} bytes; verify it with the command`);
  check(decoded(await store.read(entry.path, DOCUMENT)), LIMITS.lineBytes);
}

async function checkLines(store, entry) {
  let number = 0;
  for await (const block of lineBlocks(store, entry)) {
    for (const line of decoded(block).split("\n")) {
      number += 1;
      try {
        check(line, LIMITS.lineBytes);
      } catch (error) {
        throw new NotJson(`line ${number}: ${error.message}`);
      }
    }
  }
}

function decoded(bytes) {
  const whole = text(bytes);
  if (whole === null) throw new NotJson("it is not UTF-8");
  return whole;
}

/** A file's lines, as many at once as were read, joined by line feeds and without the last one. */
export async function* lineBlocks(store, entry) {
  let rest = new Uint8Array(0);
  for await (const piece of store.pieces(entry)) {
    const bytes = rest.length === 0 ? piece : concat(rest, piece);
    const last = bytes.lastIndexOf(10);
    if (last !== -1) {
      checkLengths(bytes.subarray(0, last + 1));
      yield bytes.subarray(0, last);
    }
    rest = bytes.subarray(last + 1);
    if (rest.length > LIMITS.lineBytes) throw tooLong();
  }
  if (rest.length > 0) throw tooLong();
}

function checkLengths(bytes) {
  if (bytes.length <= LIMITS.lineBytes) return;
  let start = 0;
  while (start < bytes.length) {
    const end = bytes.indexOf(10, start) + 1;
    if (end - start > LIMITS.lineBytes) throw tooLong();
    start = end;
  }
}

const tooLong = () => new NotJson(`a line is longer than ${LIMITS.lineBytes} bytes or lacks its line feed`);
